//! Counters: each of them has an event that makes it count, through both doors.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use stormtag::{AllowList, Catalog, Counters, Feed, Geo, IntelBuilder, Kind, Limits, Live, Record, Worker};

use crate::mmdb::database;

/// A feed with something for each counter, an allow-list, and a database.
fn live() -> Live {
    let feed =
        "value,actor,valid_until\nevil.example,G1017,\nallowed.example,,\nold.example,,2020-01-01\n198.51.100.7,,\n";
    let feed = Feed::read(feed.as_bytes(), "feed", None, &Record::new("feed").into()).unwrap();
    let allow = AllowList::read(&b"allowed.example\n"[..], "allow").unwrap();
    let asn = database(&[("1.2.0.0/16", json!({"autonomous_system_number": 64500}))]);
    let (intel, _) = IntelBuilder::new()
        .catalog(Catalog::builtin())
        .limits(Limits { special_use: true, ..Limits::default() })
        .feed(feed)
        .allow(allow)
        .geo(Arc::new(Geo::from_databases([("asn", asn)]).unwrap()))
        .build();
    Live::new(intel)
}

/// The events, and what each adds to the counters, in the words of their serialization.
fn events() -> Vec<(Value, Vec<(&'static str, u64)>)> {
    let domain = ("looked_up.domain", 1);
    vec![
        (json!({"query": "innocent.example"}), vec![domain]),
        (
            json!({"query": "evil.example"}),
            vec![domain, ("matched.domain", 1), ("events_matched", 1), ("events_attributed", 1)],
        ),
        (json!({"query": "allowed.example"}), vec![domain, ("suppressed.domain", 1)]),
        (json!({"query": "old.example", "ts": 1_705_081_509}), vec![domain, ("outside_validity.domain", 1)]),
        (json!({"query": "not a name"}), vec![("invalid.domain", 1), ("cache_misses", 1)]),
        // What is met again is remembered.
        (json!({"query": "not a name"}), vec![("invalid.domain", 1), ("cache_misses", 1)]),
        (json!({"query": "not a name"}), vec![("invalid.domain", 1), ("cache_hits", 1)]),
        (json!({"query": "Innocent.Example"}), vec![domain, ("cache_misses", 1)]),
        (json!({"id.resp_h": "1.2.3.4"}), vec![("looked_up.ip", 1), ("located", 1)]),
        (
            json!({"id.resp_h": vec!["198.51.100.7"; 1030]}),
            vec![("looked_up.ip", 1030), ("matched.ip", 1024), ("sightings_over_limit", 6), ("events_matched", 1)],
        ),
        (
            json!({"message": (0..1030).map(|n| format!("1.2.{}.{}", n / 256, n % 256)).collect::<Vec<_>>().join(" ")}),
            vec![("looked_up.ip", 1024), ("located", 1024), ("places_over_limit", 768), ("texts_over_limit", 1)],
        ),
    ]
}

/// Numbers by their names, those of a kind as `looked_up.ip`; zeros are left out.
fn numbers(counters: &Counters) -> BTreeSet<(String, u64)> {
    let Value::Object(all) = serde_json::to_value(counters).unwrap() else { unreachable!() };
    let mut numbers = BTreeSet::new();
    for (name, value) in &all {
        match value {
            Value::Object(kinds) => {
                numbers.extend(kinds.iter().map(|(kind, count)| (format!("{name}.{kind}"), count.as_u64().unwrap())));
            }
            count => {
                numbers.extend([(name.clone(), count.as_u64().unwrap())].into_iter().filter(|(_, count)| *count > 0))
            }
        }
    }
    numbers
}

/// A door through which a worker takes an event.
type Door = fn(&mut Worker, &Value);

const DOORS: [Door; 3] = [
    |worker, event| _ = worker.enrich(event),
    |worker, event| _ = worker.enrich_json(event.to_string().as_bytes(), &mut Vec::new()),
    |worker, event| _ = worker.enrich_lines(format!("{event}\n").as_bytes(), &mut Vec::new()),
];

#[test]
fn each_event_counts_as_it_should_through_every_door() {
    let live = live();
    for (door, enrich) in DOORS.into_iter().enumerate() {
        let mut worker = live.worker();
        let mut expected: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        for (event, adds) in events() {
            enrich(&mut worker, &event);
            for (name, count) in adds.iter().chain(&[("events", 1)]) {
                *expected.entry((*name).to_owned()).or_default() += count;
            }
            let found = numbers(worker.counters());
            assert_eq!(found, expected.clone().into_iter().collect(), "door {door}: {event:.100}");
        }
    }
}

/// A counter that no event here makes count is one that nobody knows to work.
#[test]
fn no_counter_is_left_out() {
    let live = live();
    let mut worker = live.worker();
    for (event, _) in events() {
        worker.enrich(&event);
    }
    worker.enrich_json(b"no JSON", &mut Vec::new());
    live.publish(stormtag::Intel::empty());
    worker.refresh();
    let Value::Object(all) = serde_json::to_value(worker.counters()).unwrap() else { unreachable!() };
    let silent: Vec<_> = all.iter().filter(|(_, value)| **value == json!(0) || **value == json!({})).collect();
    assert!(silent.is_empty(), "{silent:?}");
    assert_eq!((worker.counters().not_json, worker.counters().refreshes), (1, 1));

    // Those of several workers add up, and what was remembered is not forgotten with the cache.
    let mut sum = worker.counters().clone();
    sum += worker.counters();
    let (one, two) = (numbers(worker.counters()), numbers(&sum));
    assert!(one.iter().map(|(name, count)| (name.clone(), 2 * count)).eq(two));
    worker.set_cache(0);
    assert!(worker.look_up(Kind::Domain, "X.Example").is_ok());
    worker.enrich(&json!({"query": "X.Example"}));
    assert_eq!(
        (worker.counters().cache_hits, worker.counters().cache_misses),
        (sum.cache_hits / 2, sum.cache_misses / 2)
    );
}
