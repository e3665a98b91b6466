//! The corpus: small cases as data, each run through every door.
//!
//! `tests/corpus/README.md` says how a case is written. A fixed bug becomes a case.

mod case;

use serde_json::{Value, json};
use stormtag::{Enrichment, Finding, Intel, Kind, Live, Match, Observable, Schema, Subject, Validity, Worker};

use case::{Case, Event, Seen, kind_and_text};

impl Case {
    fn run(&self, file: &str) {
        let (intel, report) = self.builder().build();
        let refused: u64 = report.sources().iter().map(|source| source.refused().total()).sum();
        assert_eq!(refused, self.refused, "{file}: {}: refused by the limits", self.name);
        let live = Live::new(intel);
        let late = Live::new(Intel::empty());
        let mut doors: Vec<(&str, Worker)> = vec![
            ("warm worker", live.worker()),
            ("after a publish", late.worker()),
            ("without a cache", live.worker()),
        ];
        doors[2].1.set_cache(0);
        for (_, worker) in &mut doors {
            worker.set_site(self.site.site());
        }
        for event in &self.event {
            // Asked before there is anything to know.
            event.seen_in_value(&mut doors[1].1);
        }
        late.publish(self.builder().build().0);
        for round in ["first", "second"] {
            for (event, number) in self.event.iter().zip(1..) {
                let check = |door: &str, seen: Seen| {
                    let place = format!("{file}: {}: event {number}, {round} time, {door}", self.name);
                    assert_eq!(seen, event.expected, "{place}");
                };
                let mut cold = live.worker();
                self.set_up(event, Schema::Native)(&mut cold);
                check("cold worker", event.seen_in_value(&mut cold));
                for (door, worker) in &mut doors {
                    check(door, event.seen_in_value(worker));
                    check(&format!("{door}, bytes"), event.seen_in_bytes(worker));
                    let ecs = event.seen_in_ecs(worker);
                    let of_values = event.expected.clone();
                    let plain = |lines: Vec<String>| -> Vec<String> {
                        lines.iter().map(|line| line.split(" (known as ").next().unwrap().to_owned()).collect()
                    };
                    // ECS has no word for addresses that describe no entity: places are compared above.
                    let expected = Seen { located: Vec::new(), matches: plain(of_values.matches), ..of_values };
                    assert_eq!(ecs, expected, "{file}: {}: event {number}, {door}, ECS", self.name);
                }
                if !event.values.is_empty() {
                    let expected = Seen { attributions: Vec::new(), located: Vec::new(), ..event.expected.clone() };
                    let intel = live.snapshot();
                    let seen = event.looked_up(|kind, text, see| {
                        see(&intel.look_up(&Observable::parse(kind, text).unwrap()));
                    });
                    assert_eq!(seen, expected, "{file}: {}: event {number}, Intel::look_up", self.name);
                    let mut worker = live.worker();
                    let seen = event.looked_up(|kind, text, see| see(&worker.look_up(kind, text).unwrap()));
                    assert_eq!(seen, expected, "{file}: {}: event {number}, Worker::look_up", self.name);
                }
            }
        }
    }
}

impl Event {
    fn seen_in_value(&self, worker: &mut Worker) -> Seen {
        self.prepare(worker);
        Seen::in_enrichment(&worker.enrich(&self.value()))
    }

    fn bytes(&self, worker: &mut Worker) -> Value {
        let mut out = Vec::new();
        worker.enrich_json(self.line().as_bytes(), &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    fn seen_in_bytes(&self, worker: &mut Worker) -> Seen {
        self.prepare(worker);
        Seen::in_native(&self.bytes(worker)["stormtag"])
    }

    fn seen_in_ecs(&self, worker: &mut Worker) -> Seen {
        self.prepare(worker);
        worker.set_schema(Schema::Ecs);
        Seen::in_ecs(&self.bytes(worker))
    }

    fn looked_up(&self, mut look_up: impl FnMut(Kind, &str, &mut dyn FnMut(&Finding<'_>))) -> Seen {
        let mut seen = Seen::default();
        let at = self.at.or(self.clock);
        for said in &self.values {
            let (kind, text) = kind_and_text(said);
            let value = Observable::parse(kind, text).unwrap().to_string();
            look_up(kind, text, &mut |finding| {
                for found in finding.matches() {
                    let validity = at.map_or(Validity::Valid, |at| found.record().validity(at));
                    match validity {
                        Validity::Valid => seen.matches.push(matched(&value, &found)),
                        _ => seen.withheld.push(withheld(&value, &found, validity)),
                    }
                }
                seen.suppressed.extend(finding.suppressed().map(|found| suppressed(&value, &found)));
            });
        }
        seen
    }
}

fn line(value: &str, found: &Match<'_>) -> String {
    format!("{value} <- {} by {}", found.indicator(), found.record().source)
}

fn matched(value: &str, found: &Match<'_>) -> String {
    let known = found.informed_by().map_or(String::new(), |by| format!(" (known as {})", by.list));
    line(value, found) + &known
}

fn suppressed(value: &str, found: &Match<'_>) -> String {
    format!("{}, allowed by {}", line(value, found), found.suppressed_by().unwrap().list)
}

fn withheld(value: &str, found: &Match<'_>, validity: Validity) -> String {
    format!("{}, {}", line(value, found), json!(validity).as_str().unwrap())
}

impl Seen {
    fn in_enrichment(enrichment: &Enrichment<'_>) -> Self {
        let mut seen = Self::default();
        for sighting in enrichment.sightings() {
            let value = sighting.observable().to_string();
            seen.matches.extend(sighting.matches().map(|found| matched(&value, &found)));
            seen.suppressed.extend(sighting.suppressed().map(|found| suppressed(&value, &found)));
            let late = sighting.outside_validity();
            let at = enrichment.time();
            seen.withheld.extend(late.map(|found| withheld(&value, &found, found.record().validity(at.unwrap()))));
        }
        seen.attributions = enrichment
            .attributions()
            .iter()
            .map(|of| {
                let kind = match of.subject() {
                    Subject::Campaign(_) | Subject::UnlistedCampaign(_) => "campaign",
                    _ => "actor",
                };
                assert!(!of.evidence().is_empty(), "no score without evidence");
                format!("{kind} {} {}", of.subject().name(), of.confidence())
            })
            .collect();
        seen.located = enrichment.located().map(|located| located.field.to_owned()).collect();
        seen
    }
}

#[test]
fn every_case_through_every_door() {
    let mut cases = 0;
    let mut failed = Vec::new();
    for (name, file) in case::files() {
        for case in &file {
            // All that fail are shown, not the first alone.
            if std::panic::catch_unwind(|| case.run(&name)).is_err() {
                failed.push(format!("{name}: {}", case.name));
            }
            cases += 1;
        }
    }
    assert!(failed.is_empty(), "{} of {cases} cases failed:\n{}", failed.len(), failed.join("\n"));
    assert!(cases >= 70, "{cases}");
}
