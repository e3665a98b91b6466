//! What scores promise, whatever the evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use stormtag::{
    Catalog, Feed, FieldMap, Indicator, IntelBuilder, Kind, Live, Pattern, Record, Schema, Site, Status, Subject,
};

const CATALOG: &str = r#"
[[actor]]
id = "A1"
name = "One"
sectors = ["Energy"]
targets = ["US"]
[[actor]]
id = "A2"
name = "Two"
aliases = [{ name = "Grey" }]
[[actor]]
id = "A3"
name = "Three"
aliases = [{ name = "Grey" }]
[[campaign]]
id = "C1"
name = "Harvest"
actors = ["A1", "A2"]
[[claim]]
id = "k1"
about = "C1"
actor = "A2"
by = "somebody"
party = "vendor"
status = "disputed"
date = 2024-01-01
confidence = 60
said = "not theirs"
"#;

const VALUES: [(Kind, &str); 6] = [
    (Kind::Ip, "20.1.2.3"),
    (Kind::Ip, "20.1.2.0/24"),
    (Kind::Domain, "evil.example"),
    (Kind::Domain, "www.evil.example"),
    (Kind::Url, "https://www.evil.example/a"),
    (Kind::Md5, "659f0cefcbd22209c2121f87c59675a9"),
];

const AT: i64 = 1_700_000_000;

/// A record on a value.
#[derive(Clone, Debug)]
struct Said {
    value: usize,
    record: Record,
}

fn said() -> impl Strategy<Value = Said> {
    let actors = prop::sample::subsequence(vec!["One", "A2", "Grey", "Nobody"], 0..3);
    let campaigns = prop::sample::subsequence(vec!["C1", "Unheard"], 0..2);
    let roles = prop::sample::select(vec![None, Some("C2"), Some("victim"), Some("shared hosting")]);
    (0..VALUES.len(), 0u8..=100, actors, campaigns, roles, prop::option::of(0i64..600)).prop_map(
        |(value, confidence, actors, campaigns, role, days)| {
            let record = Record {
                confidence,
                actors: actors.into_iter().map(Box::from).collect(),
                campaigns: campaigns.into_iter().map(Box::from).collect(),
                role: role.map(Box::from),
                last_seen: days.map(|days| AT - days * 86_400),
                ..Record::new("feed")
            };
            Said { value, record }
        },
    )
}

/// The event with the fields of the map in this order, and in it the values in this order.
fn event(reversed: bool) -> (FieldMap, Value) {
    let mut fields = ["at time", "ip ip", "names domain", "url url", "md5 md5"];
    let mut names = vec!["www.evil.example", "evil.example", "www.evil.example"];
    if reversed {
        fields.reverse();
        names.reverse();
    }
    let event = json!({"at": AT, "ip": "20.1.2.3", "names": names, "url": VALUES[4].1, "md5": VALUES[5].1});
    (FieldMap::parse("scoring", &fields.join("\n")).unwrap(), event)
}

/// The score of each subject, and whether it is made of its evidence.
fn scores(all: &[Said], reversed: bool, site: &Site) -> BTreeMap<String, f64> {
    let mut builder = IntelBuilder::new();
    builder.catalog(Catalog::parse("scoring.toml", CATALOG).unwrap());
    let mut feeds: Vec<Feed> = all
        .iter()
        .map(|said| {
            let (kind, text) = VALUES[said.value];
            let mut feed = Feed::new("feed");
            let pattern = Pattern::parse(kind, text).unwrap();
            feed.indicators.push(Indicator { pattern, record: Arc::new(said.record.clone()) });
            feed
        })
        .collect();
    if reversed {
        feeds.reverse();
    }
    for feed in feeds {
        builder.feed(feed);
    }
    let mut worker = Live::new(builder.build().0).worker();
    let (fields, event) = event(reversed);
    worker.set_fields(fields).set_site(site.clone());
    let enrichment = worker.enrich(&event);
    let mut scores = BTreeMap::new();
    for of in enrichment.attributions() {
        let product: f64 = of.evidence().iter().map(|evidence| 1.0 - evidence.strength()).product();
        assert!(!of.evidence().is_empty() && (of.score() - (1.0 - product)).abs() < 1e-12);
        for evidence in of.evidence() {
            let factors = [
                evidence.confidence,
                evidence.weight,
                evidence.freshness,
                evidence.share,
                evidence.specificity,
                evidence.agreement,
                evidence.strength(),
            ];
            assert!(factors.iter().all(|factor| (0.0..=1.0).contains(factor)), "{factors:?}");
            assert!((1.0..=1.25).contains(&evidence.context), "{}", evidence.context);
        }
        assert!(of.score() <= 1.0 && of.explain().lines().count() > of.evidence().len());
        assert!(scores.insert(of.subject().name().to_owned(), of.score()).is_none(), "each subject once");
    }
    scores
}

fn somewhere() -> Site {
    Site::new(["Energy"], ["US"]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn more_for_one_never_lowers_it_and_never_raises_another(
        all in prop::collection::vec(said(), 0..8),
        value in 0..VALUES.len(),
        confidence in 0u8..=100,
    ) {
        let before = scores(&all, false, &somewhere());
        let record = Record { confidence, actors: vec!["One".into()], ..Record::new("more") };
        let more: Vec<Said> = all.into_iter().chain([Said { value, record }]).collect();
        let after = scores(&more, false, &somewhere());
        prop_assert!(after.contains_key("One"));
        for (name, score) in &before {
            let now = after[name];
            if name == "One" {
                prop_assert!(now >= score - 1e-9, "{name}: {score} to {now}");
            } else {
                prop_assert!(now <= score + 1e-9, "{name}: {score} to {now}");
            }
        }
        prop_assert_eq!(after.len() - before.len(), usize::from(!before.contains_key("One")));
    }

    #[test]
    fn order_does_not_matter(all in prop::collection::vec(said(), 0..8)) {
        let (one, other) = (scores(&all, false, &Site::default()), scores(&all, true, &Site::default()));
        prop_assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        prop_assert!(one.iter().all(|(name, score)| (score - other[name]).abs() < 1e-9), "{one:?} {other:?}");
    }

    #[test]
    fn nobody_is_named_whom_no_record_leads_to(all in prop::collection::vec(said(), 0..8)) {
        let named = |name: &str| all.iter().any(|said| said.record.actors.iter().any(|actor| &**actor == name));
        let campaign = |id: &str| all.iter().any(|said| said.record.campaigns.iter().any(|known| &**known == id));
        let expected = [
            ("Harvest", campaign("C1")),
            ("Nobody", named("Nobody")),
            ("One", named("One") || campaign("C1")),
            ("Three", named("Grey")),
            ("Two", named("A2") || named("Grey") || campaign("C1")),
            ("Unheard", campaign("Unheard")),
        ];
        let expected: Vec<_> = expected.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        let (home, away) = (scores(&all, false, &somewhere()), scores(&all, false, &Site::default()));
        prop_assert_eq!(home.keys().collect::<Vec<_>>(), expected);
        // A site raises who seeks it out, and nobody else.
        for (name, score) in &away {
            let raised = home[name] - score;
            prop_assert!(if name == "One" { raised >= -1e-12 } else { raised.abs() < 1e-12 }, "{name}: {raised}");
        }
    }
}

fn worker_of(records: &[(Kind, &str, Record)]) -> stormtag::Worker {
    let mut builder = IntelBuilder::new();
    builder.catalog(Catalog::parse("scoring.toml", CATALOG).unwrap());
    let mut feed = Feed::new("feed");
    for (kind, text, record) in records {
        let pattern = Pattern::parse(*kind, text).unwrap();
        feed.indicators.push(Indicator { pattern, record: Arc::new(record.clone()) });
    }
    builder.feed(feed);
    Live::new(builder.build().0).worker()
}

fn naming(actor: &str, confidence: u8) -> Record {
    Record { confidence, actors: vec![actor.into()], ..Record::new("feed") }
}

#[test]
fn of_two_that_come_near_ecs_names_neither() {
    for (other, expected) in [(60, None), (49, None), (47, Some("One"))] {
        let records = [
            (Kind::Md5, VALUES[5].1, naming("One", 60)),
            (Kind::Sha1, "0000000000000000000000000000000000000001", naming("Two", other)),
        ];
        let mut worker = worker_of(&records);
        worker.set_schema(Schema::Ecs);
        let line = format!(
            r#"{{"file":{{"hash":{{"md5":"{}","sha1":"0000000000000000000000000000000000000001"}}}}}}"#,
            VALUES[5].1
        );
        let mut out = Vec::new();
        worker.enrich_json(line.as_bytes(), &mut out);
        let event: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(event["threat"]["group"]["name"].as_str(), expected, "{other}: {event}");
        let named: Vec<_> =
            event["stormtag"]["attributions"].as_array().unwrap().iter().map(|of| &of["name"]).collect();
        assert_eq!(named, ["One", "Two"], "both are kept");
    }
}

#[test]
fn claims_are_shown_denials_too() {
    let record = Record { campaigns: vec!["C1".into()], confidence: 100, ..Record::new("feed") };
    let mut worker = worker_of(&[(Kind::Md5, VALUES[5].1, record)]);
    worker.set_schema(Schema::Native);
    let event = json!({"file": {"hash": {"md5": VALUES[5].1}}});
    let enrichment = worker.enrich(&event);
    let claims: Vec<_> = enrichment
        .attributions()
        .iter()
        .map(|of| {
            assert!(matches!(of.subject(), Subject::Actor(_) | Subject::Campaign(_)));
            let of_claims: Vec<_> = of.claims().map(|claim| (claim.id.as_str(), claim.status)).collect();
            (of.subject().name(), of.confidence(), of_claims)
        })
        .collect();
    let denied = vec![("k1", Status::Disputed)];
    // 0.5 where nobody grades it, and 0.5 x (1 - 0.5 x 0.6).
    assert_eq!(claims, [("Harvest", 100, denied.clone()), ("One", 50, vec![]), ("Two", 35, denied)]);
    let patch = serde_json::to_value(enrichment.patch(Schema::Native)).unwrap();
    assert_eq!(
        patch["stormtag"]["attributions"][0]["claims"],
        json!([{"id": "k1", "by": "somebody", "status": "disputed", "confidence": 60}])
    );
}
