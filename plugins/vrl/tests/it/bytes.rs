//! Random events: what `enrich_threats` makes of them is what stormtag makes of their bytes.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use stormtag::{Schema, Worker};
use vrl::compiler::Program;

use super::{SAMPLE, compile, json, run, value};

const KEYS: [&str; 26] = [
    "source",
    "destination",
    "source.ip",
    "destination.ip",
    "ip",
    "geo",
    "as",
    "source.geo",
    "source.as.number",
    "city_name",
    "number",
    "threat",
    "threat.enrichments",
    "enrichments",
    "group",
    "id.resp_h",
    "id",
    "resp_h",
    "related",
    "related.ip",
    "stormtag",
    "attributions",
    "message",
    "dns",
    "question",
    "name",
];

const MAPPED: [&str; 6] = ["id.resp_h", "id.orig_h", "source", "destination.ip", "message", "url"];

const TEXTS: [&str; 14] = [
    "45.63.60.39",
    "45.32.174.131",
    "203.0.113.77",
    "1.2.3.10",
    "2001:db8:bad::1",
    "10.0.0.1",
    "harvest-mail.example",
    "WWW.harvest-mail.example",
    "http://drop.example/stage/two.bin",
    "see 45.63.60.39 or hxxp://drop.example",
    "Volt Typhoon",
    "",
    "\u{1F600}",
    "659f0cefcbd22209c2121f87c59675a9",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::sample::select(&TEXTS[..]).prop_map(|text| json!(text)),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => any::<i16>().prop_map(|number| json!(f64::from(number) / 8.0)),
        1 => any::<bool>().prop_map(|is| json!(is)),
        1 => Just(Value::Null),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let members = prop::collection::btree_map(prop::sample::select(&KEYS[..]), inner, 0..6);
    members.prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// What the field maps know, at the top, and whatever else.
fn event() -> impl Strategy<Value = Value> {
    let known = prop::collection::btree_map(prop::sample::select(&MAPPED[..]), prop::sample::select(&TEXTS[..]), 0..4);
    (object(tree()), known, prop::option::of(Just(1_705_081_509))).prop_map(|(mut event, known, ts)| {
        let members = event.as_object_mut().unwrap();
        members.extend(ts.map(|ts| ("ts".to_owned(), json!(ts))));
        for (key, text) in known {
            match (key, members.get_mut(key)) {
                ("source", Some(Value::Object(source))) => drop(source.insert("ip".to_owned(), json!(text))),
                ("source", _) => drop(members.insert(key.to_owned(), json!({"ip": text}))),
                _ => drop(members.insert(key.to_owned(), json!(text))),
            }
        }
        event
    })
}

/// One schema by both ways.
struct Ways {
    program: Program,
    worker: Worker,
}

impl Ways {
    fn new(schema: Schema) -> Self {
        let program = compile(&format!(". = enrich_threats(., \"{schema}\")"), &stormtag_vrl::all(&SAMPLE)).unwrap();
        let mut worker = SAMPLE.worker();
        worker.set_schema(schema);
        Self { program, worker }
    }

    /// The event enriched; both ways have to agree.
    fn enriched(&mut self, event: &Value) -> Result<Value, TestCaseError> {
        let event = value(event.clone());
        let (line, mut out) = (serde_json::to_vec(&event).unwrap(), Vec::new());
        self.worker.enrich_json(&line, &mut out);
        let expected: Value = serde_json::from_slice(&out).unwrap();
        let made = json(&run(&self.program, event).unwrap().1);
        prop_assert_eq!(&made, &expected, "{}", String::from_utf8_lossy(&line));
        Ok(made)
    }
}

#[test]
fn what_becomes_of_an_event_is_what_becomes_of_its_bytes() {
    let ways = RefCell::new([Schema::Ecs, Schema::Ocsf, Schema::Native].map(Ways::new));
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    let done = TestRunner::new(config).run(&event(), |event| {
        for ways in &mut *ways.borrow_mut() {
            // What is there already is there once.
            let once = ways.enriched(&event)?;
            ways.enriched(&once)?;
        }
        Ok(())
    });
    done.unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn the_random_events_are_enriched_at_all() {
    let (mut runner, mut worker) = (TestRunner::deterministic(), SAMPLE.worker());
    let (mut matched, mut located) = (0, 0);
    for _ in 0..200 {
        let event = event().new_tree(&mut runner).unwrap().current();
        let enrichment = worker.enrich(&event);
        matched += usize::from(!enrichment.sightings().is_empty());
        located += usize::from(enrichment.located().next().is_some());
    }
    assert!(matched > 40 && located > 40, "{matched} {located}");
}
