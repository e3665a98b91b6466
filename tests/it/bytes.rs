//! The way of bytes gives what the way of parsed values gives, and only ever inserts.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::{Map, Value};
use stormtag::{AllowList, Catalog, Feed, FieldMap, Geo, IntelBuilder, Limits, Live, Record, Schema, Worker};

use crate::data;

const SCHEMAS: &[Schema] = Schema::ALL;
const MAPS: [&str; 6] = ["ecs", "ocsf", "zeek", "suricata", "flow", "sysmon"];

/// The sample feed, list and databases, and the built-in indicators.
static SAMPLE: LazyLock<Live> = LazyLock::new(|| Live::new(sample().build().0));

fn sample() -> IntelBuilder {
    let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name);
    let mut builder = IntelBuilder::new();
    builder
        .catalog(Catalog::builtin())
        .feed(Catalog::builtin_indicators())
        .feed(Feed::open(file("feed.csv"), None, &Record::new("sample").into()).unwrap())
        .allow(AllowList::open(file("allow.txt")).unwrap())
        .geo(Arc::new(Geo::open([file("asn.mmdb"), file("city.mmdb")]).unwrap()))
        .limits(Limits { special_use: true, ..Limits::default() });
    builder
}

/// Two workers with the same settings: one for bytes, one for values.
struct Doors {
    bytes: Worker,
    values: Worker,
    schema: Schema,
    changed: u64,
}

impl Doors {
    fn new(live: &Live, schema: Schema, map: Option<&str>) -> Self {
        let worker = || {
            let mut worker = live.worker();
            worker.set_schema(schema);
            if let Some(map) = map {
                worker.set_fields(FieldMap::named(map).unwrap());
            }
            worker
        };
        Self { bytes: worker(), values: worker(), schema, changed: 0 }
    }

    /// What is wrong with what becomes of a line.
    fn check(&mut self, line: &[u8]) -> Result<(), String> {
        let mut out = b"before".to_vec();
        let not_json = self.bytes.counters().not_json;
        let matched = self.bytes.enrich_json(line, &mut out);
        let out = out.strip_prefix(b"before").ok_or("what stood in the buffer is gone")?;
        let say =
            |why: &str| Err(format!("{why}\n{}\n{}", String::from_utf8_lossy(line), String::from_utf8_lossy(out)));
        let Ok(Value::Object(event)) = serde_json::from_slice(line) else {
            if out != line || matched || self.bytes.counters().not_json != not_json + 1 {
                return say("what is no JSON object did not pass as it is");
            }
            return Ok(());
        };
        // A `Value` has lost the order of its members, by which the first of several addresses is told, and those that stand twice.
        let ordered: Ordered = serde_json::from_slice(line).unwrap();
        let twice = ordered.has_twice();
        let mut expected = self.expected(&ordered.once(), event.clone());
        let got: Value = match serde_json::from_slice(out) {
            Ok(got) => got,
            Err(why) => return say(&format!("no JSON any more: {why}")),
        };
        if expected != (matched, got.clone()) && (twice || line.contains(&b'\\')) {
            // Such a line is read by way of a `Value`.
            expected = self.expected(&Value::Object(event.clone()), event);
        }
        if expected.0 != matched {
            return say("one door says that something matched, the other that nothing did");
        }
        if expected.1 != got {
            return say(&format!("expected\n{}", expected.1));
        }
        if !only_inserted(line, out) {
            return say("something that was there has changed");
        }
        self.changed += u64::from(out != line);
        Ok(())
    }

    /// By the way of values: whether something matched, and the event with the patch in it.
    fn expected(&mut self, event: &impl serde::Serialize, mut merged: Map<String, Value>) -> (bool, Value) {
        let enrichment = self.values.enrich(event);
        let matched = enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some());
        let Value::Object(patch) = serde_json::to_value(enrichment.patch(self.schema)).unwrap() else { unreachable!() };
        merge(&mut merged, "", &patch);
        (matched, merged.into())
    }
}

/// A value of JSON whose members stand in their order, any number of times.
#[derive(Clone)]
enum Ordered {
    Leaf(Value),
    List(Vec<Ordered>),
    Members(Vec<(String, Ordered)>),
}

impl Ordered {
    fn has_twice(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::List(items) => items.iter().any(Self::has_twice),
            Self::Members(members) => {
                let keys: std::collections::HashSet<_> = members.iter().map(|(key, _)| key).collect();
                keys.len() < members.len() || members.iter().any(|(_, value)| value.has_twice())
            }
        }
    }

    /// Of what stands twice the last.
    fn once(&self) -> Self {
        match self {
            Self::Leaf(_) => self.clone(),
            Self::List(items) => Self::List(items.iter().map(Self::once).collect()),
            Self::Members(members) => {
                let last = |(at, (key, _)): &(usize, &(String, Ordered))| {
                    !members[at + 1..].iter().any(|(other, _)| other == key)
                };
                let members = members.iter().enumerate().filter(last);
                Self::Members(members.map(|(_, (key, value))| (key.clone(), value.once())).collect())
            }
        }
    }
}

impl serde::Serialize for Ordered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(leaf) => leaf.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Members(members) => serializer.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        macro_rules! leaves {
            ($($method:ident $type:ty),*) => {
                $(fn $method<E>(self, leaf: $type) -> Result<Ordered, E> {
                    Ok(Ordered::Leaf(leaf.into()))
                })*
            };
        }

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Ordered;

            leaves!(visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64, visit_str &str);

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Ordered, E> {
                Ok(Ordered::Leaf(Value::Null))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Ordered, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Ordered::List(list))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Ordered, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = entries.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered::Members(members))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// The documented rule on parsed values: objects merge, arrays append what they do not hold yet, a scalar already present stays; beside a member that is
/// spelled with dots goes what is spelled so too.
pub(crate) fn merge(event: &mut Map<String, Value>, behind: &str, patch: &Map<String, Value>) {
    for (name, addition) in patch {
        let key = format!("{behind}{name}");
        let dotted = format!("{key}.");
        let spelled_with_dots = event.keys().any(|other| other.starts_with(&dotted));
        match (event.get_mut(&key), addition) {
            (Some(Value::Object(there)), Value::Object(addition)) => merge(there, "", addition),
            (Some(Value::Array(there)), Value::Array(addition)) => {
                let new: Vec<_> = addition.iter().filter(|item| !there.contains(item)).cloned().collect();
                there.extend(new);
            }
            (Some(_), _) => {}
            (None, Value::Object(addition)) if spelled_with_dots => merge(event, &dotted, addition),
            (None, addition) => drop(event.insert(key, addition.clone())),
        }
    }
}

/// Whether `out` is `line` with nothing but insertions at the ends of objects and arrays.
fn only_inserted(line: &[u8], out: &[u8]) -> bool {
    let (mut rest, mut text, mut escape) = (out, false, false);
    for &byte in line {
        if !text && matches!(byte, b'}' | b']') {
            rest = &rest[inserted(rest)..];
        }
        match rest.split_first() {
            Some((&first, behind)) if first == byte => rest = behind,
            _ => return false,
        }
        match byte {
            _ if escape => escape = false,
            b'\\' if text => escape = true,
            b'"' => text = !text,
            _ => {}
        }
    }
    rest.is_empty()
}

/// How many bytes stand before the end of the object or array.
fn inserted(bytes: &[u8]) -> usize {
    let (mut depth, mut text, mut escape) = (0, false, false);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escape => escape = false,
            b'\\' if text => escape = true,
            b'"' => text = !text,
            _ if text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    bytes.len()
}

#[test]
fn the_checks_of_this_file_can_fail() {
    assert!(only_inserted(br#"{"a":[1 ],"b":"}"}"#, br#"{"a":[1 ,2],"b":"}","c":{"d":"]"}}"#));
    for out in
        [r#"{"a":[1,2 ],"b":"}"}"#, r#"{"a":[1 ],"b":"x}"}"#, r#"{"c":1,"a":[1 ],"b":"}"}"#, r#"{"a":[1 ],"b":"}"} "#]
    {
        assert!(!only_inserted(br#"{"a":[1 ],"b":"}"}"#, out.as_bytes()), "{out}");
    }
}

#[test]
fn the_sample_events() {
    let events = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/events.ndjson")).unwrap();
    for &schema in SCHEMAS {
        for map in MAPS.iter().map(Some).chain([None]) {
            let mut doors = Doors::new(&SAMPLE, schema, map.copied());
            for line in events.split(|&byte| byte == b'\n') {
                doors.check(line).unwrap();
            }
            // None of the samples is in OCSF, whose map knows the time and little else of them.
            let least = if map == Some(&"ocsf") { 0 } else { 5 };
            assert!(doors.changed >= least, "{map:?} {}", doors.changed);
        }
    }
}

/// Every event of the real data that is JSON, as the lines it came in.
pub(crate) fn lines(path: &Path) -> Vec<Vec<u8>> {
    let mut bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|suffix| suffix == "gz") {
        let mut text = Vec::new();
        flate2::bufread::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
        bytes = text;
    }
    // Alerts come as one array over many lines.
    if bytes.trim_ascii_start().starts_with(b"[") {
        let events: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
        return events.iter().map(|event| event.to_string().into_bytes()).collect();
    }
    let mut lines: Vec<_> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.pop_if(|line| line.is_empty());
    lines
}

pub(crate) fn unpack(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    lzma_rust2::XzReader::new(&fs::read(path).unwrap()[..], true).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn every_event_of_the_real_data() {
    let Some(data) = data::folder("every_event_of_the_real_data") else { return };
    let mut builder = sample();
    for feed in [
        "ipsum/ipsum.txt.gz",
        "maltrail/mass_scanner_cidr.txt",
        "zeek-intel/predict_intel.intel.gz",
        "zeek-intel/cps-collected-iocs.intel.gz",
    ] {
        builder.feed(Feed::open(data.join("feeds").join(feed), None, &Record::new("").into()).unwrap());
    }
    for list in ["google.json", "microsoft-office365.json", "tranco10k.json.gz", "public-dns-v4.json.gz"] {
        builder.allow(AllowList::open(data.join("warninglists").join(list)).unwrap());
    }
    let databases = ["routeviews-20151101-asn", "aws-geofeed-20260822-city"];
    let databases = databases.map(|name| (name, unpack(&data.join("mmdb/built").join(format!("{name}.mmdb.xz")))));
    builder.geo(Arc::new(Geo::from_databases(databases).unwrap()));
    let live = Live::new(builder.build().0);

    let mut files = 0;
    for folder in ["ecs", "mixed", "suricata", "windows", "zeek-json"] {
        for entry in fs::read_dir(data.join("events").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let lines = lines(&path);
            for &schema in SCHEMAS {
                let mut all = Doors::new(&live, schema, None);
                for (line, number) in lines.iter().zip(1..) {
                    all.check(line).unwrap_or_else(|why| panic!("{}:{number}: {schema}: {why}", path.display()));
                }
                for map in MAPS {
                    let mut one = Doors::new(&live, schema, Some(map));
                    for (line, number) in lines.iter().take(500).zip(1..) {
                        one.check(line).unwrap_or_else(|why| panic!("{}:{number}: {schema}: {why}", path.display()));
                    }
                }
                let counters = all.bytes.counters();
                let is_json = !path.ends_with("cisco-asa.log");
                assert_eq!(counters.not_json > 0, !is_json, "{}", path.display());
                // What the worker counts does not depend on the door.
                let mut of_values = all.values.counters().clone();
                (of_values.events, of_values.not_json) = (counters.events, counters.not_json);
                (of_values.cache_hits, of_values.cache_misses) = (counters.cache_hits, counters.cache_misses);
                assert_eq!(&of_values, counters, "{}", path.display());
            }
            files += 1;
        }
    }
    assert_eq!(files, 1 + 2 + 3 + 1 + 16); // ls events/{ecs,mixed,suricata,windows,zeek-json} | wc -l
}

#[test]
fn what_is_no_json_object_passes_byte_for_byte() {
    let nested = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let hit = r#""source":{"ip":"45.63.60.39"}"#;
    let refused: Vec<Vec<u8>> = [
        String::new(),
        " \t\r\n".into(),
        "Nov 20 08:11:30 gw sshd[811]: Connection closed by 45.63.60.39".into(),
        format!("[{{{hit}}}]"),
        format!("{{{hit}"),
        format!("{{{hit},}}"),
        format!("{{{hit}}}{{{hit}}}"),
        format!("{{{hit}}} x"),
        format!("\u{feff}{{{hit}}}"),
        format!(r#"{{{hit},"n":1e999}}"#),
        format!(r#"{{{hit},"n":01}}"#),
        format!(r#"{{{hit},"n":NaN}}"#),
        format!(r#"{{{hit},"t":"\ud83d"}}"#),
        format!(r#"{{{hit},"t":"\ude00\ud83d"}}"#),
        format!("{{{hit},\"t\":\"\n\"}}"),
        format!("{{{hit},'t':1}}"),
        format!("{{{hit},\"t\":\"\0\"}}"),
        "\"45.63.60.39\"".into(),
        "1".into(),
        "null".into(),
        "{".into(),
        "}".into(),
        nested(129),
        nested(10_000),
        objects(129),
        objects(10_000),
        "{\"a\":".repeat(10_000),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([
        [b"{", hit.as_bytes(), b",\"t\":\"\xff\"}"].concat(),
        [b"{", hit.as_bytes(), b",\"t\":\"\xed\xa0\x80\"}"].concat(),
        vec![0; 100],
        vec![0xff; 100],
    ])
    .collect();
    for &schema in SCHEMAS {
        let mut doors = Doors::new(&SAMPLE, schema, None);
        for line in &refused {
            doors.check(line).unwrap();
            let ended = [line, &b"\r\n"[..]].concat();
            doors.check(&ended).unwrap();
        }
        assert_eq!(doors.bytes.counters().not_json, 2 * refused.len() as u64);
        assert_eq!(doors.bytes.counters().events_matched, 0);
        for line in [nested(127), objects(127), format!(" {{{hit}}}\r\n"), format!(r#"{{{hit},"t":"\ud83d\ude00"}}"#)] {
            doors.check(line.as_bytes()).unwrap();
        }
        assert_eq!(doors.bytes.counters().not_json, 2 * refused.len() as u64);
        assert_eq!(doors.bytes.counters().events_matched, 2);
    }
}

#[test]
fn what_is_related_is_joined_however_the_line_spells_it() {
    let hit = r#""source":{"ip":"45.63.60.39"}"#;
    for related in [
        r#""related":{"ip":["10.0.0.1"],"user":["kim"]}"#,
        r#""related":{"ip":["45.63.60.39"]}"#,
        r#""related":{"ip":["45.63.60.39",{"a":1}],"hosts":[]}"#,
        r#""related.ip":["10.0.0.1"]"#,
        r#""related.user":["kim"],"x":{"related":1}"#,
        r#""related":"none""#,
        r#""\u0072elated":{"\u0069p":["45.63.60.3\u0039"]}"#,
        r#""message":"C:\\users\\related \u00e9""#,
    ] {
        for &schema in SCHEMAS {
            Doors::new(&SAMPLE, schema, None).check(format!("{{{hit},{related}}}").as_bytes()).unwrap();
            Doors::new(&SAMPLE, schema, None).check(format!("{{{related},{hit}}}").as_bytes()).unwrap();
        }
    }
}

#[test]
fn the_deepest_level_is_that_of_the_parser() {
    for line in [
        format!(r#"{{"a":{}{}}}"#, "[".repeat(127), "]".repeat(127)),
        format!("{}1{}", r#"{"a":"#.repeat(128), "}".repeat(128)),
    ] {
        Doors::new(&SAMPLE, Schema::Ecs, None).check(line.as_bytes()).unwrap();
    }
}

#[test]
fn a_dot_of_a_key_may_be_escaped() {
    for line in [r#"{"source\u002eip":"26.10.20.5"}"#, r#"{"s\u006furce.port":1,"id.orig_h":"26.10.20.5"}"#] {
        Doors::new(&SAMPLE, Schema::Ecs, None).check(line.as_bytes()).unwrap();
    }
}

#[test]
fn members_spelled_with_dots_are_seen_whether_a_path_knows_them_or_not() {
    for line in [
        r#"{"source.port":1,"source.mac":"x","id.orig_h":"26.10.20.5"}"#,
        r#"{"source.ip":"26.10.20.5","source.geo.city_name":"Uri"}"#,
        r#"{"source.ip":"26.10.20.5","source.geo.name":"Uri","source.geo.country_iso_code":"CH"}"#,
        r#"{"source.ip":"26.10.20.5","source.as.number":1}"#,
        r#"{"source":{"ip":"26.10.20.5","geo.name":"Uri"}}"#,
        r#"{"source":{"ip":"26.10.20.5","as.number":1}}"#,
        r#"{"query":"login.harvest-mail.example","threat.framework":"x","stormtag.x.y":1}"#,
    ] {
        for &schema in SCHEMAS {
            Doors::new(&SAMPLE, schema, None).check(line.as_bytes()).unwrap();
        }
    }
}

#[test]
fn a_number_is_the_same_time_however_it_is_written() {
    // Outside its window a match says less of its actor: both doors must come to the same second.
    for (number, expected) in [
        ("1705081509", Some(1_705_081_509)),
        ("1705081509.75", Some(1_705_081_509)),
        ("1.705081509e9", Some(1_705_081_509)),
        ("1705081509000", Some(1_705_081_509)),
        ("1705081508.9999999999", Some(1_705_081_509)),
        ("-1", None),
        ("1e300", None),
    ] {
        let line = format!(r#"{{"ts":{number},"id.resp_h":"45.63.60.39"}}"#);
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(SAMPLE.worker().enrich(&event).time(), expected, "{number}");
        for &schema in SCHEMAS {
            Doors::new(&SAMPLE, schema, None).check(line.as_bytes()).unwrap();
        }
    }
}

fn event() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        r#""45.63.60.39""#,
        r#""\u0034\u0035.63.60.39""#,
        r#""1.2.3.10""#,
        r#""::ffff:1.2.3.10""#,
        r#""26.10.20.5""#,
        r#""33.44.55.66""#,
        r#""203.0.113.77""#,
        r#""login.harvest-mail.example""#,
        r#""cdn.vendor.example""#,
        r#""http://drop.example/stage/two.bin""#,
        r#""http:\/\/drop.example\/stage\/two.bin""#,
        r#""2023-11-20T08:14:00Z""#,
        r#""""#,
        r#""-""#,
        r#""}]\"\\""#,
        "1700467201.25",
        "1.7e9",
        "64500",
        "64500.0",
        "-0.0",
        "12345678901234567890123",
        "true",
        "null",
    ]);
    let top = vec![
        "source",
        "source",
        "destination",
        "host",
        "source.ip",
        "source.ip",
        "destination.ip",
        "client.ip",
        "source.geo",
        "source.geo.city_name",
        "source.as",
        "source.as.number",
        "source.geo.location.lat",
        r"\u0073ource",
        r"source\u002eip",
        "threat",
        "threat.enrichments",
        "threat.group",
        "threat.group.name",
        "stormtag",
        "stormtag.attributions",
        "stormtag.withheld.x",
        "stormtag.matches",
        "stormtag.locations",
        "id.orig_h",
        "id",
        "query",
        "@timestamp",
        "ts",
        "conn",
        "url.full",
        "x",
        "",
    ];
    let below = vec![
        "ip",
        "ip",
        "geo",
        "as",
        "number",
        "organization",
        "organization.name",
        "city_name",
        "geo.city_name",
        "location",
        "lat",
        "enrichments",
        "group",
        "name",
        "id",
        "attributions",
        "withheld",
        "matches",
        "locations",
        "orig_h",
        "id.orig_h",
        "x",
    ];
    let space = || prop::sample::select(vec!["", "", "", " ", "\t", " \r\n"]);
    let members = move |keys: Vec<&'static str>, value: BoxedStrategy<String>, most: usize| {
        let member = (space(), prop::sample::select(keys), space(), space(), value, space());
        prop::collection::vec(member, 0..most).prop_flat_map(move |members| {
            let members: Vec<_> =
                members.into_iter().map(|(a, key, b, c, value, d)| format!("{a}\"{key}\"{b}:{c}{value}{d}")).collect();
            space().prop_map(move |inside| {
                if members.is_empty() { format!("{{{inside}}}") } else { format!("{{{}}}", members.join(",")) }
            })
        })
    };
    let inner = members;
    let value = leaf.prop_map(str::to_owned).prop_recursive(3, 24, 5, move |value| {
        prop_oneof![
            3 => inner(below.clone(), value.clone().boxed(), 5),
            1 => (prop::collection::vec(value, 0..4), space()).prop_map(|(items, space)| format!("[{space}{}]", items.join(","))),
        ]
    });
    (space(), members(top, value.boxed(), 8), space()).prop_map(|(a, event, b)| format!("{a}{event}{b}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, max_shrink_iters: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_where_output_goes(line in event()) {
        for &schema in SCHEMAS {
            let mut doors = Doors::new(&SAMPLE, schema, None);
            // Twice: the second time from the cache.
            for _ in 0..2 {
                if let Err(why) = doors.check(line.as_bytes()) {
                    return Err(TestCaseError::fail(why));
                }
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_worker_has_seen_changes_no_answer(
        lines in prop::collection::vec(event(), 1..6),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..8),
    ) {
        // Lines of one shape, and lines that nearly have it.
        let mut all: Vec<Vec<u8>> = lines.iter().chain(&lines).map(|line| line.replace(['\n', '\r'], " ").into_bytes()).collect();
        for (line, at, byte, way) in edits {
            let mut line = all[line.index(all.len())].clone();
            if line.is_empty() {
                continue;
            }
            let at = at.index(line.len());
            // From a byte of the line itself, for those are the ones that matter.
            let byte = if byte == b'\n' { b' ' } else { line[usize::from(byte) % line.len()] };
            match way {
                0 => line[at] = byte,
                1 => line.insert(at, byte),
                _ => _ = line.remove(at),
            }
            all.push(line);
        }
        let mut warm = SAMPLE.worker();
        let mut fresh = SAMPLE.worker();
        let mut blocks = SAMPLE.worker();
        let (mut one_by_one, mut matched) = (Vec::new(), 0);
        for line in &all {
            let start = one_by_one.len();
            let refused = [&warm, &fresh].map(|worker| worker.counters().not_json);
            let is_match = warm.enrich_json(line, &mut one_by_one);
            matched += usize::from(is_match);
            // Setting the fields makes a worker forget.
            fresh.set_fields(FieldMap::builtin());
            let mut expected = Vec::new();
            prop_assert_eq!(fresh.enrich_json(line, &mut expected), is_match);
            prop_assert_eq!(&one_by_one[start..], &expected, "{}", String::from_utf8_lossy(line));
            let refused = [warm.counters().not_json - refused[0], fresh.counters().not_json - refused[1]];
            let is_object = serde_json::from_slice::<Map<String, Value>>(line).is_ok();
            prop_assert_eq!(refused, [u64::from(!is_object); 2], "{}", String::from_utf8_lossy(line));
            one_by_one.push(b'\n');
        }
        prop_assert_eq!(warm.counters(), fresh.counters());
        for end in ["\n", ""] {
            let block = [&all.join(&b'\n')[..], end.as_bytes()].concat();
            let mut out = Vec::new();
            blocks.enrich_lines(&block, &mut out);
            let expected = one_by_one.strip_suffix(if end.is_empty() { &b"\n"[..] } else { b"" }).unwrap();
            // An empty last line without an end is no line.
            if !end.is_empty() || !all.last().unwrap().is_empty() {
                prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected));
            }
        }
        prop_assert_eq!(blocks.counters().events_matched, 2 * matched as u64);
    }
}
