//! The way of bytes gives what the way of parsed values gives, and only ever inserts.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use stormtag::{AllowList, Counters, Feed, FieldMap, Geo, Live, Record, Schema, Stamp};

use crate::data;
use crate::doors::{Doors, MAPS, SAMPLE, SCHEMAS, check_lines, only_inserted, sample};

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
                // What the worker counts does not depend on the door; which values it remembers is by chance a little.
                let mut of_values = all.values.counters().clone();
                let odd = |counters: &Counters| counters.cache_hits + counters.cache_misses;
                assert_eq!(odd(&of_values), odd(counters), "{}", path.display());
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
        "stormtag.generation",
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
        "generation",
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
    fn whatever_stands_where_output_goes(line in event(), stamp in prop::sample::select(vec![Stamp::Nothing, Stamp::Generation])) {
        for &schema in SCHEMAS {
            let mut doors = Doors::new(&SAMPLE, schema, None);
            doors.bytes.set_stamp(stamp);
            doors.values.set_stamp(stamp);
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
        check_lines(&SAMPLE, &FieldMap::builtin(), &all).map_err(TestCaseError::fail)?;
    }
}
