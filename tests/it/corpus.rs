//! The corpus: small cases as data, each run through every door.
//!
//! `tests/corpus/README.md` says how a case is written. A fixed bug becomes a case.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stormtag::{
    AllowList, Behaviours, Catalog, Enrichment, Feed, FieldMap, Finding, Geo, Indicator, Intel, IntelBuilder, Kind,
    Limits, Live, Match, Observable, Pattern, Record, Schema, Site, Subject, Validity, Worker,
};

use crate::mmdb::database;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    intel: Vec<Said>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    catalog: String,
    #[serde(default)]
    behaviours: String,
    #[serde(default)]
    geo: BTreeMap<String, toml::Table>,
    #[serde(default)]
    refused: u64,
    #[serde(default)]
    site: Where,
    event: Vec<Event>,
}

/// Where events come from.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Where {
    sectors: Vec<String>,
    countries: Vec<String>,
}

impl Where {
    fn site(&self) -> Site {
        Site::new(self.sectors.iter().map(String::as_str), self.countries.iter().map(String::as_str)).unwrap()
    }
}

/// An indicator: `kind pattern`, or with what is said of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Short(String),
    Long(Statement),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    value: String,
    #[serde(default = "feed")]
    source: String,
    #[serde(default = "fifty")]
    confidence: u8,
    #[serde(default)]
    campaigns: Vec<Box<str>>,
    #[serde(default)]
    actors: Vec<Box<str>>,
    #[serde(default)]
    tags: Vec<Box<str>>,
    role: Option<Box<str>>,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
}

fn feed() -> String {
    "feed".into()
}

fn fifty() -> u8 {
    50
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    /// The event as JSON; made of `values` and `at` if there is none.
    json: Option<String>,
    /// `kind text`: the values in it that something covers, as they are written.
    #[serde(default)]
    values: Vec<String>,
    at: Option<i64>,
    clock: Option<i64>,
    #[serde(flatten)]
    expected: Seen,
}

/// What a door shows.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Seen {
    matches: Vec<String>,
    suppressed: Vec<String>,
    withheld: Vec<String>,
    attributions: Vec<String>,
    located: Vec<String>,
}

/// For events made of values: a field for each kind, and the time.
const FIELDS: &str = "at time\nhost host\nhashes hashes\nip ip source\ndomain domain\nurl url\nemail email\nmd5 md5\nsha1 sha1\n\
     sha256 sha256\nsha512 sha512\nimphash imphash\nja3 ja3\nja4 ja4\njarm jarm\nasn asn\nfile_name file_name\n\
     cert_sha1 cert_sha1\ncert_sha256 cert_sha256\nuser_name user_name\nmutex mutex\n";

fn kind_and_text(said: &str) -> (Kind, &str) {
    let (kind, text) = said.split_once(' ').unwrap_or((said, ""));
    (kind.parse().unwrap(), text)
}

impl Case {
    fn builder(&self) -> IntelBuilder {
        let mut builder = IntelBuilder::new();
        builder.catalog(Catalog::builtin());
        if !self.catalog.is_empty() {
            builder.catalog(Catalog::parse(&self.name, &self.catalog).unwrap());
        }
        for said in &self.intel {
            let (value, record) = match said {
                Said::Short(value) => (value, Record::new("feed")),
                Said::Long(said) => {
                    let record = Record {
                        confidence: said.confidence,
                        campaigns: said.campaigns.clone(),
                        actors: said.actors.clone(),
                        tags: said.tags.clone(),
                        role: said.role.clone(),
                        valid_from: said.valid_from,
                        valid_until: said.valid_until,
                        first_seen: said.first_seen,
                        last_seen: said.last_seen,
                        ..Record::new(&said.source)
                    };
                    (&said.value, record)
                }
            };
            let (kind, text) = kind_and_text(value);
            let pattern = Pattern::parse(kind, text).unwrap_or_else(|why| panic!("{value}: {why}"));
            let mut feed = Feed::new(&record.source);
            feed.indicators.push(Indicator { pattern, record: Arc::new(record) });
            builder.feed(feed);
        }
        for (list, number) in self.allow.iter().zip(1..) {
            builder.allow(AllowList::read(list.as_bytes(), &format!("list-{number}")).unwrap());
        }
        if !self.geo.is_empty() {
            let networks: Vec<(&str, Value)> =
                self.geo.iter().map(|(network, record)| (network.as_str(), json!(record))).collect();
            builder.geo(Arc::new(Geo::from_databases([("geo", database(&networks))]).unwrap()));
        }
        if !self.behaviours.is_empty() {
            let behaviours = Behaviours::parse(&self.name, &self.behaviours).unwrap();
            assert_eq!(behaviours.rejected().total(), 0, "{:?}", behaviours.rejected().first());
            builder.behaviours(behaviours);
        }
        builder.limits(Limits::default());
        builder
    }

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
                check("cold worker", event.seen_in_value(live.worker().set_site(self.site.site())));
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
    fn value(&self) -> Value {
        if let Some(json) = &self.json {
            return serde_json::from_str(json).unwrap_or_else(|why| panic!("{json}: {why}"));
        }
        let mut event = Map::new();
        event.extend(self.at.map(|at| ("at".into(), json!(at))));
        for said in &self.values {
            let (kind, text) = kind_and_text(said);
            event.entry(kind.name()).or_insert(json!([])).as_array_mut().unwrap().push(text.into());
        }
        event.into()
    }

    fn prepare(&self, worker: &mut Worker) {
        worker.set_clock(self.clock).set_schema(Schema::Native);
        worker.set_fields(match self.json {
            Some(_) => FieldMap::builtin(),
            None => FieldMap::parse("corpus", FIELDS).unwrap(),
        });
    }

    fn seen_in_value(&self, worker: &mut Worker) -> Seen {
        self.prepare(worker);
        Seen::in_enrichment(&worker.enrich(&self.value()))
    }

    fn bytes(&self, worker: &mut Worker) -> Value {
        let line = self.json.clone().unwrap_or_else(|| self.value().to_string());
        let mut out = Vec::new();
        worker.enrich_json(line.as_bytes(), &mut out);
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

    /// The values one by one, judged at the time of the event.
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

    fn add_own(&mut self, own: &Value) {
        for found in list(&own["withheld"]) {
            let line =
                format!("{} <- {} by {}", text(&found["value"]), text(&found["indicator"]), text(&found["source"]));
            match found.get("suppressed_by") {
                Some(by) => self.suppressed.push(format!("{line}, allowed by {}", text(&by["list"]))),
                None => self.withheld.push(format!("{line}, {}", text(&found["validity"]))),
            }
        }
        self.attributions = list(&own["attributions"])
            .map(|of| format!("{} {} {}", text(&of["type"]), text(&of["name"]), of["confidence"]))
            .collect();
    }

    fn in_native(own: &Value) -> Self {
        let matched = |found: &Value| {
            let known = found.get("known_as").map_or(String::new(), |by| format!(" (known as {})", text(&by["list"])));
            let source = text(&found["record"]["source"]);
            format!("{} <- {} by {source}{known}", text(&found["value"]), text(&found["indicator"]))
        };
        let mut seen = Self { matches: list(&own["matches"]).map(matched).collect(), ..Self::default() };
        seen.add_own(own);
        seen.located = list(&own["locations"]).map(|of| text(&of["field"]).to_owned()).collect();
        seen
    }

    fn in_ecs(event: &Value) -> Self {
        let matched = |found: &Value| {
            let (indicator, value) = (&found["indicator"], text(&found["matched"]["atomic"]));
            format!("{value} <- {} by {}", text(&indicator["name"]), text(&indicator["provider"]))
        };
        let matches = list(&event["threat"]["enrichments"]).map(matched).collect();
        let mut seen = Self { matches, ..Self::default() };
        seen.add_own(&event["stormtag"]);
        seen
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[test]
fn every_case_through_every_door() {
    let mut cases = 0;
    let mut files: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "toml"))
        .collect();
    files.sort();
    let mut failed = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file: File =
            toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|why| panic!("{name}: {why}"));
        for case in &file.case {
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
