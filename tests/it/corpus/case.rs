//! Reads the corpus. The plugins' tests include this file: each runs the cases through a door of its own.
//!
//! `tests/corpus/README.md` says how a case is written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stormtag::{
    AllowList, Behaviours, Catalog, Feed, FieldMap, Geo, Indicator, IntelBuilder, Kind, Limits, Pattern, Record,
    Schema, Site, Worker,
};

use crate::mmdb::database;

/// All cases, by file.
pub(crate) fn files() -> Vec<(String, Vec<Case>)> {
    // A plugin lies deeper.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/corpus"));
    let folder = folders.find(|folder| folder.is_dir()).unwrap();
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "toml")).collect();
    paths.sort();
    let read = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file: File =
            toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap_or_else(|why| panic!("{name}: {why}"));
        (name, file.case)
    };
    paths.iter().map(|path| read(path)).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) intel: Vec<Said>,
    #[serde(default)]
    pub(crate) allow: Vec<String>,
    #[serde(default)]
    pub(crate) catalog: String,
    #[serde(default)]
    pub(crate) behaviours: String,
    #[serde(default)]
    pub(crate) geo: BTreeMap<String, toml::Table>,
    #[serde(default)]
    pub(crate) refused: u64,
    #[serde(default)]
    pub(crate) site: Where,
    pub(crate) event: Vec<Event>,
}

/// Where events come from.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Where {
    sectors: Vec<String>,
    countries: Vec<String>,
}

impl Where {
    pub(crate) fn site(&self) -> Site {
        Site::new(self.sectors.iter().map(String::as_str), self.countries.iter().map(String::as_str)).unwrap()
    }
}

/// An indicator: `kind pattern`, or with what is said of it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Said {
    Short(String),
    Long(Statement),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
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
pub(crate) struct Event {
    /// The event as JSON; made of `values` and `at` if there is none.
    pub(crate) json: Option<String>,
    /// `kind text`: the values in it that something covers, as they are written.
    #[serde(default)]
    pub(crate) values: Vec<String>,
    pub(crate) at: Option<i64>,
    pub(crate) clock: Option<i64>,
    #[serde(flatten)]
    pub(crate) expected: Seen,
}

/// What a door shows.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Seen {
    pub(crate) matches: Vec<String>,
    pub(crate) suppressed: Vec<String>,
    pub(crate) withheld: Vec<String>,
    pub(crate) attributions: Vec<String>,
    pub(crate) located: Vec<String>,
}

/// For events made of values: a field for each kind, and the time.
const FIELDS: &str = "at time\nhost host\nhashes hashes\nip ip source\ndomain domain\nurl url\nemail email\nmd5 md5\nsha1 sha1\n\
     sha256 sha256\nsha512 sha512\nimphash imphash\nja3 ja3\nja4 ja4\njarm jarm\nasn asn\nfile_name file_name\n\
     cert_sha1 cert_sha1\ncert_sha256 cert_sha256\nuser_name user_name\nmutex mutex\n";

pub(crate) fn kind_and_text(said: &str) -> (Kind, &str) {
    let (kind, text) = said.split_once(' ').unwrap_or((said, ""));
    (kind.parse().unwrap(), text)
}

impl Case {
    /// Sets a worker up for one of the case's events: for doors that make their workers themselves.
    pub(crate) fn set_up(&self, event: &Event, schema: Schema) -> impl Fn(&mut Worker) + Clone + Send + Sync + use<> {
        let (settings, site) = (event.settings(schema), self.site.site());
        move |worker| {
            settings(worker);
            worker.set_site(site.clone());
        }
    }

    pub(crate) fn builder(&self) -> IntelBuilder {
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
}

impl Event {
    pub(crate) fn value(&self) -> Value {
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

    pub(crate) fn prepare(&self, worker: &mut Worker) {
        self.settings(Schema::Native)(worker);
    }

    /// Sets a worker up for the event.
    fn settings(&self, schema: Schema) -> impl Fn(&mut Worker) + Clone + Send + Sync + use<> {
        let (clock, of_values) = (self.clock, self.json.is_none());
        move |worker| {
            worker.set_clock(clock).set_schema(schema);
            worker.set_fields(match of_values {
                true => FieldMap::parse("corpus", FIELDS).unwrap(),
                false => FieldMap::builtin(),
            });
        }
    }

    /// The event as a line.
    pub(crate) fn line(&self) -> String {
        self.json.clone().unwrap_or_else(|| self.value().to_string())
    }
}

impl Seen {
    pub(crate) fn in_native(own: &Value) -> Self {
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

    pub(crate) fn in_ecs(event: &Value) -> Self {
        let matched = |found: &Value| {
            let (indicator, value) = (&found["indicator"], text(&found["matched"]["atomic"]));
            format!("{value} <- {} by {}", text(&indicator["name"]), text(&indicator["provider"]))
        };
        let matches = list(&event["threat"]["enrichments"]).map(matched).collect();
        let mut seen = Self { matches, ..Self::default() };
        seen.add_own(&event["stormtag"]);
        seen
    }

    pub(crate) fn add_own(&mut self, own: &Value) {
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
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
