//! Sightings in STIX: what goes out is read back, and hangs together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use stormtag::{Defaults, Feed, Format, Indicator, IntelBuilder, Kind, Limits, Live, Pattern, Record, Tlp};

const AT: i64 = 1_705_081_509;
const KNOWN: &str = "indicator--2f6d7c30-5a4b-4f43-9d3a-6a1f5a3b1c01";

/// A pattern, and a value that it matches, in a field.
const PATTERNS: [(Kind, &str, &str); 12] = [
    (Kind::Ip, "177.60.40.7", "source.ip"),
    (Kind::Ip, "20.1.2.0/24", "destination.ip"),
    (Kind::Ip, "20.9.0.1-20.9.0.6", "client.ip"),
    (Kind::Ip, "2a00:1450::/32", "server.ip"),
    (Kind::Domain, "evil.example", "dns.question.name"),
    (Kind::Domain, "=only.example", "url.domain"),
    (Kind::Url, "http://drop.example/it's_100%/a", "url.full"),
    (Kind::Url, "http://pre.example/a_b/*", "url.original"),
    (Kind::Email, "a@mail.example", "email.from.address"),
    (Kind::Sha256, "85c28ccab7fa234fbae9efd2d7158c1b9e606e0ad707bdf4115d8eee4deba0e4", "file.hash.sha256"),
    (Kind::CertSha1, "d4d156645f54930d684a49ef4ae1a74b99637838", "tls.server.hash.sha1"),
    (Kind::FileName, "in'voice.exe", "file.name"),
];

fn event() -> Value {
    json!({"@timestamp": "2024-01-12T17:45:09Z", "source": {"ip": "177.60.40.7"}, "destination": {"ip": "20.1.2.3"},
        "client": {"ip": "20.9.0.4"}, "server": {"ip": "2a00:1450::7"}, "dns": {"question": {"name": "www.evil.example"}},
        "url": {"domain": "only.example", "full": "http://drop.example/it's_100%/a", "original": "http://pre.example/a_b/c"},
        "email": {"from": {"address": "a@mail.example"}}, "tls": {"server": {"hash": {"sha1": PATTERNS[10].1}},
        "client": {"ja3": "19cb6a52802e399bd2a24d428bb014b3"}}, "file": {"name": "in'voice.exe", "hash": {"sha256": PATTERNS[9].1}}})
}

fn live() -> Live {
    let mut feed = Feed::new("ours");
    let record = Arc::new(Record {
        confidence: 80,
        tlp: Some(Tlp::AmberStrict),
        reference: Some("https://reports.example/1".into()),
        valid_from: Some(AT - 1000),
        valid_until: Some(AT + 1000),
        ..Record::new("ours")
    });
    for (kind, text, _) in PATTERNS {
        feed.indicators.push(Indicator { pattern: Pattern::parse(kind, text).unwrap(), record: record.clone() });
    }
    // A kind of which the standard has no pattern.
    let pattern = Pattern::parse(Kind::Ja3, "19cb6a52802e399bd2a24d428bb014b3").unwrap();
    feed.indicators.push(Indicator { pattern, record });
    // One that a platform knows already, on two names of the event.
    let record = Arc::new(Record { id: Some(KNOWN.into()), ..Record::new("platform") });
    for name in ["=www.evil.example", "=only.example"] {
        feed.indicators
            .push(Indicator { pattern: Pattern::parse(Kind::Domain, name).unwrap(), record: record.clone() });
    }
    let limits = Limits { special_use: true, ..Limits::default() };
    Live::new(IntelBuilder::new().feed(feed).limits(limits).build().0)
}

fn bundle(event_id: &str) -> Value {
    serde_json::to_value(live().worker().enrich(&event()).stix_sightings(event_id, 0)).unwrap()
}

/// Objects by type.
fn by_type(bundle: &Value) -> BTreeMap<&str, Vec<&Value>> {
    let mut all: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for object in bundle["objects"].as_array().unwrap() {
        all.entry(object["type"].as_str().unwrap()).or_default().push(object);
    }
    all
}

#[test]
fn our_own_reader_reads_the_indicators_back() {
    let text = bundle("e1").to_string();
    let defaults = Defaults::from(Record::new("read back"));
    let feed = Feed::read(text.as_bytes(), "sightings.json", Some(Format::Stix), &defaults).unwrap();
    assert_eq!((feed.rejected.total(), feed.ignored.total()), (0, 0), "{:?}", feed.rejected);
    let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Indicator { pattern, record } in &feed.indicators {
        let known: Record = (**record).clone();
        assert_eq!((known.confidence, known.tlp), (80, Some(Tlp::AmberStrict)));
        assert_eq!((known.valid_from, known.valid_until), (Some(AT - 1000), Some(AT + 1000)));
        assert_eq!((known.first_seen, known.last_seen), (Some(AT), Some(AT)), "{pattern}");
        assert_eq!(known.reference.as_deref(), Some("https://reports.example/1"));
        assert!(known.tags.contains(&"by:ours".into()));
        read.entry(known.id.unwrap().into()).or_default().insert(pattern.to_string());
    }
    let mut read: Vec<_> = read.into_values().collect();
    let mut expected: Vec<BTreeSet<String>> = PATTERNS
        .iter()
        .map(|(kind, text, _)| match *text {
            // The standard says it in pieces.
            "20.9.0.1-20.9.0.6" => ["20.9.0.1", "20.9.0.2/31", "20.9.0.4/31", "20.9.0.6"].map(String::from).into(),
            "evil.example" => ["evil.example", "=evil.example"].map(String::from).into(),
            text => [Pattern::parse(*kind, text).unwrap().to_string()].into(),
        })
        .collect();
    read.sort();
    expected.sort();
    assert_eq!(read, expected);
}

#[test]
fn what_is_sent_hangs_together() {
    let bundle = bundle("e1");
    let all = by_type(&bundle);
    assert_eq!(all["indicator"].len(), PATTERNS.len());
    assert_eq!(all["sighting"].len(), PATTERNS.len() + 1); // and that of the platform's own
    assert_eq!(all["identity"].len(), 1);
    let id = |object: &Value| object["id"].as_str().unwrap().to_owned();
    let ids: BTreeSet<String> = bundle["objects"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(ids.len(), bundle["objects"].as_array().unwrap().len(), "each once");
    for (kind, objects) in &all {
        let required: &[&str] = match *kind {
            "indicator" => &["created", "modified", "pattern", "pattern_type", "valid_from"],
            "sighting" => &["created", "modified", "sighting_of_ref"],
            "observed-data" => {
                &["created", "modified", "first_observed", "last_observed", "number_observed", "object_refs"]
            }
            "identity" => &["created", "modified", "name"],
            _ => &[],
        };
        for object in objects {
            assert!(required.iter().all(|name| object.get(name).is_some()), "{object}");
            assert_eq!(object["spec_version"], "2.1");
            assert!(id(object).starts_with(&format!("{kind}--")));
            for time in ["created", "modified", "first_seen", "valid_from"].iter().filter_map(|name| object.get(name)) {
                assert!(time.as_str().is_some_and(|time| time.len() == 24 && time.ends_with(".000Z")), "{object}");
            }
        }
    }
    for sighting in &all["sighting"] {
        let of = sighting["sighting_of_ref"].as_str().unwrap();
        assert!(of == KNOWN || ids.contains(of), "{sighting}");
        for observed in sighting["observed_data_refs"].as_array().unwrap() {
            let observed = all["observed-data"].iter().find(|object| object["id"] == *observed).unwrap();
            assert!(observed["object_refs"].as_array().unwrap().iter().all(|id| ids.contains(id.as_str().unwrap())));
        }
    }
    let known = all["sighting"].iter().find(|sighting| sighting["sighting_of_ref"] == KNOWN).unwrap();
    // Two of its patterns met two names.
    assert_eq!((&known["count"], known["observed_data_refs"].as_array().unwrap().len()), (&json!(2), 1));
    // As the standard's own tools make it of this value.
    let address = all["ipv4-addr"].iter().find(|object| object["value"] == "177.60.40.7").unwrap();
    assert_eq!(address["id"], "ipv4-addr--dc63603e-e634-5357-b239-d4b562bc5445");
}

#[test]
fn ids_tell_events_apart_and_nothing_else() {
    let (one, again, other) = (bundle("e1"), bundle("e1"), bundle("e2"));
    assert_eq!(one, again);
    let ids = |bundle: &Value, kind: &str| -> BTreeSet<String> {
        by_type(bundle)[kind].iter().map(|object| object["id"].to_string()).collect()
    };
    for kind in ["indicator", "identity", "ipv4-addr", "domain-name", "file", "x509-certificate"] {
        assert_eq!(ids(&one, kind), ids(&other, kind), "{kind}");
    }
    for kind in ["sighting", "observed-data"] {
        assert!(ids(&one, kind).is_disjoint(&ids(&other, kind)), "{kind}");
    }
}

#[test]
fn nothing_that_does_not_count_is_sighted() {
    let mut worker = live().worker();
    worker.set_clock(Some(AT + 2000));
    let enrichment = worker.enrich(&json!({"source": {"ip": "177.60.40.7"}}));
    assert_eq!(enrichment.sightings()[0].outside_validity().count(), 1);
    let bundle = serde_json::to_value(enrichment.stix_sightings("e", 0)).unwrap();
    assert_eq!(bundle["objects"], json!([]));
}
