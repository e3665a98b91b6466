//! What stormtag has written into an event, in whichever schema.

mod ecs;
mod native;
mod ocsf;
mod own;
mod path;

use serde::Deserialize;
use serde_json::Value;

pub(super) use own::{Allowed, Attributed, Sort, Subject, Withheld};
pub(super) use path::{each, text};

/// What was found in one event.
#[derive(Default, Debug)]
pub(super) struct Event<'e> {
    pub(super) matches: Vec<Found<'e>>,
    pub(super) attributions: Vec<Attributed<'e>>,
    pub(super) withheld: Vec<Withheld<'e>>,
    /// Enrichments that somebody else has written.
    pub(super) foreign: u64,
    /// Elements in our place that are not as we write them.
    pub(super) unreadable: u64,
}

/// One match: an indicator of a source, at a field of the event.
#[derive(Debug)]
pub(super) struct Found<'e> {
    pub(super) indicator: &'e str,
    /// In the schema's words.
    pub(super) kind: &'e str,
    pub(super) source: &'e str,
    pub(super) confidence: u8,
    pub(super) role: Option<&'e str>,
    /// An allow-list that knows it and lets it count.
    pub(super) known_as: Option<Allowed<'e>>,
    pub(super) subjects: Vec<Subject<'e>>,
}

impl<'e> Event<'e> {
    /// Reads an event. Where it was enriched in two schemas, the matches of one count: native before ECS before OCSF.
    pub(super) fn read(event: &'e Value) -> Self {
        let mut read = Self::default();
        read.attributions = read.all(event, "stormtag.attributions");
        read.withheld = read.all(event, "stormtag.withheld");
        read.matches = native::matches(event, &mut read);
        if read.matches.is_empty() {
            read.matches = ecs::matches(event, &mut read);
        }
        if read.matches.is_empty() {
            read.matches = ocsf::matches(event, &mut read);
        }
        read
    }

    /// All elements at a path that are as they should be; counts those that are not.
    fn all<T: Deserialize<'e>>(&mut self, event: &'e Value, path: &str) -> Vec<T> {
        let mut all = Vec::new();
        each(event, path, &mut |element| match T::deserialize(element) {
            Ok(one) => all.push(one),
            Err(_) => self.unreadable += 1,
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The library's own output, in all schemas.
    #[test]
    fn each_schema_says_the_same() {
        use stormtag::{Catalog, IntelBuilder, Live, Schema};

        let (intel, _) = IntelBuilder::new().catalog(Catalog::builtin()).feed(Catalog::builtin_indicators()).build();
        let live = Live::new(intel);
        for line in [
            &br#"{"ts":1705081509,"id.resp_h":"45.63.60.39"}"#[..],
            br#"{"@timestamp":"2024-01-12T17:45:09Z","source.ip":"45.63.60.39","stormtag.x":1,"threat.feed.name":"x"}"#,
            br#"{"time":1705081509000,"dst_endpoint":{"ip":"45.63.60.39"},"osint":[{"value":"theirs"}],"enrichments":[{"name":"x"}]}"#,
        ] {
            let mut told = Vec::new();
            for schema in Schema::ALL {
                let mut worker = live.worker();
                worker.set_schema(*schema);
                let mut out = Vec::new();
                assert!(worker.enrich_json(line, &mut out));
                let value: Value = serde_json::from_slice(&out).unwrap();
                let event = Event::read(&value);
                assert_eq!((event.matches.len(), event.unreadable), (1, 0), "{value}");
                let found = &event.matches[0];
                assert_eq!((found.indicator, found.source, found.confidence), ("45.63.60.39", "Black Lotus Labs", 85));
                assert_eq!(found.role, Some("router proxy C2"));
                let subjects: Vec<_> = found.subjects.iter().map(|of| (of.sort, of.id, of.name)).collect();
                let expected =
                    [(Sort::Campaign, Some("C0035"), "KV Botnet Activity"), (Sort::Actor, Some("G1017"), "Volt Typhoon")];
                assert_eq!(subjects, expected);
                told.push(format!("{:?}", event.attributions));
            }
            assert!(told.iter().all(|of| *of == told[0] && of.contains("kv-black-lotus-labs")), "{told:?}");
        }
    }

    #[test]
    fn what_is_not_ours_or_not_as_we_write_it_is_counted() {
        let event = json!({
            "threat": {"enrichments": [
                {"indicator": {"provider": "another"}, "matched": {"atomic": "1.2.3.4"}},
                7,
                {"indicator": {"name": "x"}, "matched": {"field": "y"}, "stormtag": {"confidence": 300}},
            ]},
            "stormtag": {"attributions": [{"type": "planet", "name": "x", "confidence": 1, "evidence": []}, "x"], "withheld": {"a": 1}},
        });
        let event = Event::read(&event);
        assert_eq!((event.matches.len(), event.foreign, event.unreadable), (0, 2, 4));
    }
}
