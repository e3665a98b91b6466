//! What is written, word for word: each schema with events of its own, through both doors, held to what the schema publishes.
//!
//! `tests/golden/SCHEMA/NAME.in.json` goes in and `NAME.out.json` is expected. With `STORMTAG_BLESS=1` what came out becomes what is
//! expected; read the difference.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use stormtag::{AllowList, Catalog, Feed, Geo, IntelBuilder, Limits, Live, Record, Schema, Site, Worker};

use crate::bytes::lines;
use crate::data;
use crate::doors::merge;
use crate::published::{Ecs, Ocsf};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
}

/// The sample feed, list and databases, the built-in catalogue, and a bundle that names techniques and software.
fn live() -> Live {
    let sample = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name);
    let bundle = folder().join("indicators.json");
    let mut builder = IntelBuilder::new();
    builder
        .catalog(Catalog::builtin())
        .catalog(Catalog::open(&bundle).unwrap())
        .feed(Catalog::builtin_indicators())
        .feed(Feed::open(sample("feed.csv"), None, &Record::new("sample").into()).unwrap())
        .feed(Feed::open(&bundle, None, &Record::new("bundle").into()).unwrap())
        .allow(AllowList::open(sample("allow.txt")).unwrap())
        .geo(Arc::new(Geo::open([sample("asn.mmdb"), sample("city.mmdb")]).unwrap()))
        .limits(Limits { special_use: true, ..Limits::default() });
    Live::new(builder.build().0)
}

/// The event with what was found in it, by the way of bytes, once that of values has said the same.
fn enriched(worker: &mut Worker, schema: Schema, line: &[u8]) -> Value {
    let mut out = Vec::new();
    worker.set_schema(schema).enrich_json(line, &mut out);
    let of_bytes: Value = serde_json::from_slice(&out).unwrap();
    let Value::Object(mut event) = serde_json::from_slice(line).unwrap() else { panic!("an event is an object") };
    let Value::Object(patch) = serde_json::to_value(worker.enrich(&event).patch(schema)).unwrap() else {
        panic!("a patch is an object")
    };
    merge(&mut event, "", &patch);
    assert_eq!(Value::Object(event), of_bytes, "the doors differ: {}", String::from_utf8_lossy(line));
    of_bytes
}

#[test]
fn what_is_written_is_what_stands_in_the_files() {
    let live = live();
    let published = data::folder("what_is_written_is_what_the_schemas_publish");
    let published = published.map(|data| (Ecs::open(&data), Ocsf::open(&data)));
    let bless = std::env::var_os("STORMTAG_BLESS").is_some();
    for schema in Schema::ALL {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder().join(schema.name())).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            names.extend(name.strip_suffix(".in.json").map(str::to_owned));
        }
        assert!(names.len() >= 6, "{schema}: {names:?}");
        for name in names {
            let file = |end: &str| folder().join(schema.name()).join(format!("{name}.{end}.json"));
            let line = fs::read(file("in")).unwrap();
            let mut worker = live.worker();
            worker.set_site(Site::new(["Energy"], ["US"]).unwrap());
            let out = enriched(&mut worker, *schema, &line);
            let text = format!("{out:#}\n");
            if bless {
                fs::write(file("out"), &text).unwrap();
            }
            let expected = fs::read_to_string(file("out")).unwrap_or_default();
            assert_eq!(text, expected, "{schema}/{name}; STORMTAG_BLESS=1 makes it the expected output");

            let event: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(out == event, name == "nothing-known", "{schema}/{name}");
            if let Some((ecs, ocsf)) = &published {
                let wrong = match schema {
                    Schema::Ecs => ecs.check(&event, &out),
                    Schema::Ocsf => ocsf.check(&event, &out),
                    _ => Vec::new(),
                };
                assert_eq!(wrong, Vec::<String>::new(), "{schema}/{name}");
            }
            // Enriched again an event stays as it is.
            assert_eq!(enriched(&mut worker, *schema, text.as_bytes()), out, "{schema}/{name}");
        }
    }
}

#[test]
fn every_field_written_into_real_events_is_published() {
    let Some(data) = data::folder("every_field_written_into_real_events_is_published") else { return };
    let (ecs, ocsf) = (Ecs::open(&data), Ocsf::open(&data));
    let mut builder = IntelBuilder::new();
    for feed in [
        "ipsum/ipsum.txt.gz",
        "maltrail/mass_scanner_cidr.txt",
        "zeek-intel/predict_intel.intel.gz",
        "zeek-intel/cps-collected-iocs.intel.gz",
        "unit42-stix/NOBELIUM.json.gz",
    ] {
        builder.feed(Feed::open(data.join("feeds").join(feed), None, &Record::new("").into()).unwrap());
    }
    builder.allow(AllowList::open(data.join("warninglists/google.json")).unwrap());
    let databases = ["routeviews-20151101-asn", "aws-geofeed-20260822-city"];
    let unpack = |name: &str| crate::bytes::unpack(&data.join("mmdb/built").join(format!("{name}.mmdb.xz")));
    builder.geo(Arc::new(Geo::from_databases(databases.map(|name| (name, unpack(name)))).unwrap()));
    let live = Live::new(builder.catalog(Catalog::builtin()).build().0);
    for (schema, least) in [(Schema::Ecs, 900), (Schema::Ocsf, 900)] {
        let (mut worker, mut changed, mut matched) = (live.worker(), 0, 0);
        for folder in ["ecs", "suricata", "windows", "zeek-json"] {
            for entry in fs::read_dir(data.join("events").join(folder)).unwrap() {
                let path = entry.unwrap().path();
                for (line, number) in lines(&path).iter().take(1000).zip(1..) {
                    let out = enriched(&mut worker, schema, line);
                    let event: Value = serde_json::from_slice(line).unwrap();
                    if event == out {
                        continue;
                    }
                    changed += 1;
                    matched += u64::from(out.get("threat").is_some() || out.get("osint").is_some());
                    let wrong = if schema == Schema::Ecs { ecs.check(&event, &out) } else { ocsf.check(&event, &out) };
                    assert_eq!(wrong, Vec::<String>::new(), "{schema}: {}:{number}\n{out}", path.display());
                }
            }
        }
        assert!(changed > least && matched > 20, "{schema}: {changed} changed, {matched} matched");
    }
}
