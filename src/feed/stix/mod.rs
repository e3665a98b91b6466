//! STIX 2.0 and 2.1: indicators, what they point to, and when they were seen.

mod grammar;
mod lexer;
mod matching;
mod property;
mod relations;
mod value;

use std::collections::HashSet;
use std::io::BufRead;
use std::path::Path;

use self::relations::{Indicated, Part, Relations};
use crate::error::Error;
use crate::feed::gathering::{Gathering, Making, Records};
use crate::feed::{Defaults, Feed, Reason, Unmatchable};
use crate::stix::{self, Kept, Object, Property};
use crate::time;

/// Reads bundles, lists and streams of objects, in whatever order they stand.
///
/// Each indicator gives one [`Indicator`](crate::Indicator) for each alternative of its pattern, with one record:
///
/// | STIX | record |
/// |---|---|
/// | `id` | the same |
/// | `labels`, `indicator_types`, kill-chain phases as `chain:phase` | tags |
/// | `created_by_ref` | tag `by:NAME`: the source stays the feed's, under which it is counted and allowed |
/// | `name`, `description` | description |
/// | `confidence`, `valid_from`, `valid_until` | the same |
/// | `external_references` | reference, and ATT&CK ids of techniques |
/// | `object_marking_refs` | TLP: the strictest |
/// | what it `indicates` or `uses` | campaigns, actors, malware and tools, techniques |
/// | to whom that is `attributed-to`, over any number of steps | actors, campaigns |
/// | sightings of it | first and last seen |
///
/// That an actor *uses* a piece of malware says nothing of who used it here; such relationships are not followed. What is revoked
/// counts for nothing. All objects beside indicators are passed over, and counted.
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let mut relations = Vec::new();
    let read = stix::read(reader, path, |kind, object| {
        if kind == "indicator" {
            return Made::Indicator(Box::new(Draft::of(object)));
        }
        relations::part(kind, object).map_or(Made::Other, Made::Part)
    })?;
    let mut gathering = Gathering::new(path, defaults);
    gathering.begin(read.items, read.rejected, read.passed);
    let mut drafts = Vec::new();
    for Kept { position, id, made, .. } in read.kept {
        match made {
            Made::Indicator(draft) => {
                drafts.push((position, id, draft));
                continue;
            }
            Made::Part(part) => relations.push((id.clone(), part)),
            Made::Other => {}
        }
        gathering.pass(position, &id, Reason::NotAnIndicator);
    }
    let relations = Relations::new(relations);
    let mut records = Records::new(&gathering, defaults);
    for (position, id, draft) in drafts {
        draft.finish(position, &id, &relations, &mut records, &mut gathering);
    }
    Ok(gathering.done())
}

/// In bytes. A type and a UUID, as the standard has them, take less than 100.
const LONGEST_ID: usize = 256;

enum Made {
    Indicator(Box<Draft>),
    Part(Part),
    Other,
}

/// An indicator before its relationships are known.
#[derive(Default)]
struct Draft {
    revoked: bool,
    /// A text, or why there is none.
    pattern: Option<String>,
    foreign: bool,
    confidence: Option<u8>,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
    /// When it was made or changed last, for the time to live.
    dated: Option<i64>,
    tags: Vec<String>,
    techniques: Vec<String>,
    description: Option<String>,
    reference: Option<String>,
    created_by: Option<String>,
    markings: Vec<String>,
    /// What stood there and could not be read.
    bad: Vec<Box<str>>,
}

impl Draft {
    fn of(object: &Object<'_>) -> Self {
        let mut bad = Vec::new();
        let mut date = |property: Property<'_>| {
            let second = property.text().as_deref().and_then(time::seconds);
            if second.is_none() && !property.is_missing() {
                bad.push(property.shown().into());
            }
            second
        };
        let (valid_from, valid_until) = (date(object.valid_from), date(object.valid_until));
        let dated = date(object.modified).or_else(|| date(object.created)).or(valid_from);
        let confidence = object.confidence.percent();
        if confidence.is_none() && !object.confidence.is_missing() {
            bad.push(object.confidence.shown().into());
        }
        let mut tags = object.labels.texts();
        tags.extend(object.indicator_types.texts());
        tags.extend(object.phases().map(|(chain, phase)| format!("{chain}:{phase}")));
        let (name, description) = (object.name.text(), object.description.text());
        let language = object.pattern_type.text();
        Self {
            revoked: object.is_revoked(),
            pattern: object.pattern.text(),
            foreign: language.is_some_and(|language| !language.trim().eq_ignore_ascii_case("stix")),
            confidence,
            valid_from,
            valid_until,
            dated,
            tags,
            techniques: object
                .references()
                .filter_map(|reference| relations::technique(reference.attack_id()?))
                .collect(),
            description: match (name, description) {
                (Some(name), Some(description)) if name != description => Some(format!("{name}: {description}")),
                (name, description) => description.or(name),
            },
            reference: object.references().find_map(|reference| reference.url),
            created_by: object.created_by_ref.text(),
            markings: object.object_marking_refs.texts(),
            bad,
        }
    }

    fn finish(
        self,
        position: u64,
        id: &str,
        relations: &Relations,
        records: &mut Records<'_>,
        gathering: &mut Gathering<'_>,
    ) {
        let Some(text) = self.pattern.as_deref() else {
            return gathering.reject(position, id, if self.revoked { Reason::Revoked } else { Reason::NoValue });
        };
        if self.revoked {
            return gathering.reject(position, text, Reason::Revoked);
        }
        if self.foreign {
            return gathering.reject(position, text, Reason::Pattern(Unmatchable::Language));
        }
        let matching = match matching::read(text) {
            Ok(matching) => matching,
            Err(refused) => {
                let shown = refused.detail.map_or_else(|| text.to_owned(), |detail| format!("{detail}: {text}"));
                return gathering.reject(position, &shown, refused.reason);
            }
        };
        for (span, reason) in matching.left_out {
            gathering.leave_out(position, text.get(span).unwrap_or(text), reason);
        }
        let indicated = relations.indicated(id);
        let unmarked = self.markings.iter().filter(|marking| relations.marking(marking).is_none());
        let unmarked = unmarked.map(|marking| (marking.as_str(), Reason::Unresolved));
        for (other, reason) in unmarked.chain(indicated.left_out.iter().map(|(other, reason)| (&**other, *reason))) {
            gathering.leave_out(position, other, reason);
        }
        for bad in &self.bad {
            gathering.ignore(position, bad);
        }
        let record = records.once(|making| self.fill(id, relations, indicated, making));
        for pattern in matching.patterns {
            gathering.push(position, pattern, &record);
        }
    }

    fn fill(&self, id: &str, relations: &Relations, mut indicated: Indicated, making: &mut Making) {
        let Making { record, dated, .. } = making;
        *dated = self.dated;
        record.id = (!id.is_empty() && id.len() <= LONGEST_ID).then(|| id.into());
        record.confidence = self.confidence.unwrap_or(record.confidence);
        record.valid_from = self.valid_from.or(record.valid_from);
        record.valid_until = self.valid_until.or(record.valid_until);
        record.tags.extend(unique(self.tags.iter().map(|tag| tag.as_str().into()), &record.tags));
        if let Some(name) = self.created_by.as_deref().and_then(|by| relations.name(by)) {
            record.tags.push(format!("by:{name}").into());
        }
        for (slot, said) in [(&mut record.description, &self.description), (&mut record.reference, &self.reference)] {
            if let Some(said) = said {
                *slot = Some(said.as_str().into());
            }
        }
        let strictest = self.markings.iter().filter_map(|marking| relations.marking(marking)?).max();
        record.tlp = strictest.or(record.tlp);
        if let Some((first, last)) = relations.seen(id) {
            record.first_seen = first.or(record.first_seen);
            record.last_seen = last.or(record.last_seen);
        }
        indicated.techniques.extend(self.techniques.iter().map(|technique| technique.as_str().into()));
        // What is said stands in place of the default.
        for (slot, said) in [
            (&mut record.campaigns, indicated.campaigns),
            (&mut record.actors, indicated.actors),
            (&mut record.malware, indicated.malware),
            (&mut record.techniques, indicated.techniques),
        ] {
            if !said.is_empty() {
                *slot = unique(said.into_iter(), &[]);
            }
        }
    }
}

/// Each text once, those of `but` not at all.
fn unique(texts: impl Iterator<Item = Box<str>>, but: &[Box<str>]) -> Vec<Box<str>> {
    let mut known: HashSet<Box<str>> = but.iter().cloned().collect();
    texts.filter(|text| known.insert(text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Record, Tlp};

    fn feed(objects: &[&str]) -> Feed {
        let text = format!("{{\"type\":\"bundle\",\"objects\":[{}]}}", objects.join(","));
        let defaults = Defaults { time_to_live: Some(86_400), ..Record::new("test").into() };
        let feed = read(text.as_bytes(), Path::new("test.json"), &defaults).unwrap();
        assert_eq!(feed.items, objects.len() as u64);
        assert_eq!(feed.items, feed.used + feed.rejected.total() + feed.passed.total());
        feed
    }

    fn related(number: u32, source: &str, kind: &str, target: &str) -> String {
        format!(
            r#"{{"type":"relationship","id":"relationship--{number}","relationship_type":"{kind}","source_ref":"{source}","target_ref":"{target}"}}"#
        )
    }

    const INDICATOR: &str = r#"{"type":"indicator","spec_version":"2.1","id":"indicator--1","modified":"2024-01-03T00:00:00Z",
        "created_by_ref":"identity--1","name":"Server","description":"Answers on 443.","pattern_type":"stix",
        "pattern":"[ipv4-addr:value = '203.0.113.9' OR domain-name:value LIKE '%.evil.example']",
        "valid_from":"2024-01-02T00:00:00.123Z","valid_until":"2024-06-01T00:00:00Z","confidence":85,"labels":["c2"],
        "indicator_types":["malicious-activity","c2"],"kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"impact"}],
        "object_marking_refs":["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da","marking-definition--1"],
        "external_references":[{"source_name":"x","description":"no address"},{"source_name":"x","url":"https://x.example/1"}]}"#;

    #[test]
    fn a_record_says_all_that_the_bundle_says_of_its_indicator() {
        let relations = [
            related(1, "indicator--1", "indicates", "campaign--1"),
            related(2, "campaign--1", "attributed-to", "intrusion-set--1"),
            related(3, "intrusion-set--1", "attributed-to", "threat-actor--1"),
            related(4, "threat-actor--1", "attributed-to", "intrusion-set--1"),
            related(5, "indicator--1", "indicates", "malware--1"),
            related(6, "indicator--1", "uses", "attack-pattern--1"),
            // Who else uses the malware, and what the campaign uses beside, says nothing of this indicator.
            related(7, "intrusion-set--2", "uses", "malware--1"),
            related(8, "campaign--1", "uses", "tool--1"),
            related(9, "campaign--1", "targets", "identity--1"),
        ];
        let mut objects: Vec<&str> = relations.iter().map(String::as_str).collect();
        objects.extend([
            r#"{"type":"sighting","id":"sighting--1","sighting_of_ref":"indicator--1","first_seen":"2024-01-05T00:00:00Z","last_seen":"2024-01-09T00:00:00Z"}"#,
            r#"{"type":"sighting","id":"sighting--2","sighting_of_ref":"indicator--1","last_seen":"2024-01-04T00:00:00Z","count":2}"#,
            r#"{"type":"sighting","id":"sighting--3","sighting_of_ref":"indicator--1","last_seen":"2025-01-04T00:00:00Z","count":0}"#,
            INDICATOR,
            r#"{"type":"campaign","id":"campaign--1","name":"Operation One"}"#,
            r#"{"type":"intrusion-set","id":"intrusion-set--1","name":"Set One"}"#,
            r#"{"type":"intrusion-set","id":"intrusion-set--2","name":"Set Two"}"#,
            r#"{"type":"threat-actor","id":"threat-actor--1","name":"Person One"}"#,
            r#"{"type":"malware","id":"malware--1","name":"RAT One"}"#,
            r#"{"type":"tool","id":"tool--1","name":"Tool One"}"#,
            r#"{"type":"attack-pattern","id":"attack-pattern--1","name":"Proxy","external_references":[{"source_name":"mitre-attack","external_id":"T1090.003"}]}"#,
            r#"{"type":"identity","id":"identity--1","name":"Org One"}"#,
            r#"{"type":"marking-definition","id":"marking-definition--1","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"tlp_2_0":"amber+strict"}}}"#,
        ]);
        // In whatever order they stand.
        for turn in 0..objects.len() {
            objects.rotate_left(usize::from(turn > 0));
            let feed = feed(&objects);
            let found: Vec<_> = feed.indicators.iter().map(|found| found.pattern.to_string()).collect();
            assert_eq!(found, ["203.0.113.9", "evil.example"]);
            assert!(std::sync::Arc::ptr_eq(&feed.indicators[0].record, &feed.indicators[1].record));
            let mut record = (*feed.indicators[0].record).clone();
            record.actors.sort();
            let texts = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect::<Vec<Box<str>>>();
            let expected = Record {
                id: Some("indicator--1".into()),
                confidence: 85,
                campaigns: texts(&["Operation One"]),
                actors: texts(&["Person One", "Set One"]),
                malware: texts(&["RAT One"]),
                techniques: texts(&["T1090.003"]),
                tags: texts(&["c2", "malicious-activity", "mitre-attack:impact", "by:Org One"]),
                description: Some("Server: Answers on 443.".into()),
                reference: Some("https://x.example/1".into()),
                tlp: Some(Tlp::AmberStrict),
                valid_from: Some(1_704_153_600),
                valid_until: Some(1_717_200_000),
                first_seen: Some(1_704_326_400),
                last_seen: Some(1_704_758_400),
                ..Record::new("test")
            };
            assert_eq!(record, expected);
            assert_eq!((feed.ignored.total(), feed.passed.counts().next()), (0, Some((Reason::NotAnIndicator, 21))));
        }
    }

    #[test]
    fn what_is_revoked_counts_for_nothing() {
        let revoked = |text: &str| text.replacen('{', r#"{"revoked":true,"#, 1);
        let campaign = r#"{"type":"campaign","id":"campaign--1","name":"Operation One"}"#;
        let relation = related(1, "indicator--1", "indicates", "campaign--1");
        let campaigns = |objects: &[&str]| {
            let feed = feed(objects);
            let unresolved = feed.ignored.counts().filter(|(reason, _)| *reason == Reason::Unresolved).count();
            (feed.indicators[0].record.campaigns.len(), unresolved)
        };
        let indicator = INDICATOR.replace(r#","marking-definition--1""#, "");
        assert_eq!(campaigns(&[&indicator, &relation, campaign]), (1, 0));
        assert_eq!(campaigns(&[&indicator, &revoked(&relation), campaign]), (0, 0));
        assert_eq!(campaigns(&[&indicator, &relation, &revoked(campaign)]), (0, 1));
        assert_eq!(campaigns(&[&indicator, &relation]), (0, 1));

        let later = revoked(&indicator).replace("2024-01-03", "2024-01-04");
        for objects in [[indicator.as_str(), &later], [later.as_str(), &indicator]] {
            let feed = feed(&objects);
            assert_eq!(feed.indicators.len(), 0);
            assert_eq!(feed.rejected.counts().collect::<Vec<_>>(), [(Reason::Revoked, 1)]);
            assert_eq!(feed.passed.counts().collect::<Vec<_>>(), [(Reason::OtherVersion, 1)]);
        }
    }

    #[test]
    fn a_bad_property_costs_itself_and_a_bad_indicator_itself() {
        let feed = feed(&[
            // STIX 2.0: no language is said, and labels are what indicator_types became.
            r#"{"type":"indicator","pattern":"[mutex:name = 'a']","labels":["x"],"confidence":300,"valid_from":"soon","modified":"2024-01-03T00:00:00Z"}"#,
            r#"{"type":"indicator","pattern":"rule a {}","pattern_type":"yara"}"#,
            r#"{"type":"indicator","pattern_type":"stix"}"#,
            r#"{"type":"indicator","pattern":"[mutex:name = 'a"}"#,
            r#"{"type":"indicator","pattern":"[mutex:name = 'a' OR mutex:name != 'b']","object_marking_refs":["marking-definition--0"]}"#,
            r#"{"type":"observed-data","objects":{"0":{"type":"mutex","name":"b"}}}"#,
            "{}",
        ]);
        let record = &feed.indicators[0].record;
        assert_eq!((record.confidence, record.valid_until), (50, Some(1_704_240_000 + 86_400)));
        assert_eq!((feed.indicators.len(), feed.used), (2, 2));
        let rejected: Vec<_> = feed.rejected.counts().collect();
        let pattern = |why| (Reason::Pattern(why), 1);
        let expected = [
            (Reason::NoValue, 1),
            pattern(Unmatchable::Language),
            pattern(Unmatchable::Syntax),
            (Reason::Malformed, 1),
        ];
        assert_eq!(rejected, expected);
        let shown: Vec<_> = feed.rejected.first().iter().map(|rejected| (rejected.line, &*rejected.text)).collect();
        assert!(shown.contains(&(4, "at byte 14: expected a closing quote: [mutex:name = 'a")), "{shown:?}");
        let ignored: Vec<_> = feed.ignored.counts().collect();
        assert_eq!(ignored, [(Reason::BadCell, 2), pattern(Unmatchable::Negation), (Reason::Unresolved, 1)]);
        assert!(
            feed.ignored.first().iter().any(|left| &*left.text == "mutex:name != 'b'"),
            "{:?}",
            feed.ignored.first()
        );
    }

    #[test]
    fn following_is_limited() {
        let relations: Vec<String> =
            (0..1000).map(|n| related(n, "indicator--1", "indicates", &format!("identity--{n}"))).collect();
        let mut objects: Vec<&str> = relations.iter().map(String::as_str).collect();
        let indicator = INDICATOR.replace(r#","marking-definition--1""#, "");
        objects.push(&indicator);
        assert_eq!(feed(&objects).ignored.counts().collect::<Vec<_>>(), [(Reason::TooManyRelations, 1)]);
    }
}
