//! Real events against real feeds: what is in them, as another program counted, is found; nothing else is without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use stormtag::{AllowList, Feed, IntelBuilder, Kind, Live, Record, Schema};

use crate::bytes::lines;
use crate::data;

/// Value in the event, indicator, feed.
type Hit = (String, String, String);

/// What a file holds: for each hit the lines it stands in, and the fields.
type Hits = BTreeMap<Hit, (BTreeSet<usize>, BTreeSet<String>)>;

#[derive(serde::Deserialize)]
struct Row {
    event_file: String,
    value_in_event: String,
    indicator: String,
    lines: usize,
    feed_files: String,
}

fn table(data: &Path, of_text: bool) -> Vec<Row> {
    let rows = csv::Reader::from_path(data.join("events/known-hits.csv")).unwrap().into_deserialize();
    let all: Vec<Row> = rows.map(Result::unwrap).collect();
    assert_eq!(all.len(), 98); // sed 1d known-hits.csv | wc -l
    all.into_iter().filter(|row| row.event_file.contains("json") != of_text).collect()
}

fn builder(data: &Path, table: &[Row]) -> IntelBuilder {
    let mut builder = IntelBuilder::new();
    let files: BTreeSet<&str> = table.iter().flat_map(|row| row.feed_files.split(' ')).collect();
    for file in files {
        let mut feed = Feed::open(data.join(file), None, &Record::new(file).into()).unwrap();
        for indicator in &mut feed.indicators {
            // Zeek's files name sources of their own; the table names files.
            Arc::make_mut(&mut indicator.record).source = file.into();
        }
        builder.feed(feed);
    }
    builder
}

fn add(hits: &mut Hits, number: usize, field: &str, hit: Hit) {
    let (lines, fields) = hits.entry(hit).or_default();
    lines.insert(number);
    fields.insert(field.to_owned());
}

/// By the way of values.
fn hits_of_values(live: &Live, lines: &[Vec<u8>]) -> Hits {
    let mut worker = live.worker();
    let mut hits = Hits::new();
    for (number, line) in lines.iter().enumerate() {
        let event: Value = serde_json::from_slice(line).unwrap();
        for sighting in worker.enrich(&event).sightings() {
            for found in sighting.matches() {
                let source = found.record().source.to_string();
                let hit = (sighting.observable().to_string(), found.indicator().into_owned(), source);
                add(&mut hits, number, sighting.field(), hit);
            }
        }
    }
    hits
}

/// By the way of bytes.
fn hits_of_bytes(live: &Live, lines: &[Vec<u8>]) -> Hits {
    let mut worker = live.worker();
    worker.set_schema(Schema::Native);
    let mut hits = Hits::new();
    let mut out = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        out.clear();
        if worker.enrich_json(line, &mut out) {
            let event: Value = serde_json::from_slice(&out).unwrap();
            for found in event["stormtag"]["matches"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let hit = (text(&found["value"]), text(&found["indicator"]), text(&found["record"]["source"]));
                add(&mut hits, number, found["field"].as_str().unwrap(), hit);
            }
        }
    }
    hits
}

/// Whether the field of some line holds the value: paths match nested and dotted spellings, so the end of the path is looked for.
fn stands_in(lines: &[Vec<u8>], numbers: &BTreeSet<usize>, field: &str, value: &str) -> bool {
    fn holds(event: &Value, path: &str, value: &str) -> bool {
        match event {
            Value::Object(members) => members.iter().any(|(key, member)| {
                let rest = path.strip_prefix(key.as_str());
                let below = match rest {
                    Some("") => Some(""),
                    Some(rest) => rest.strip_prefix('.'),
                    None => None,
                };
                // A wrapper stands around some.
                below.is_some_and(|below| holds(member, below, value))
                    || (member.is_object() && holds(member, path, value))
            }),
            Value::Array(items) => items.iter().any(|item| holds(item, path, value)),
            Value::String(text) => path.is_empty() && text.to_ascii_lowercase().contains(value),
            _ => false,
        }
    }
    numbers.iter().all(|&number| holds(&serde_json::from_slice(&lines[number]).unwrap(), field, value))
}

/// Hits beyond the table, by file, value and indicator, with why they are right.
const BEYOND: &[(&str, &str)] = &[(
    "events/suricata/wrccdc-2018-alerts.json 171.25.193.9 171.25.193.0/24",
    "the table took networks from Maltrail's files; this one is an Intel::SUBNET of cps-collected-iocs",
)];

#[test]
fn every_known_hit_is_found_where_it_stands() {
    let Some(data) = data::folder("every_known_hit_is_found_where_it_stands") else { return };
    let table = table(&data, false);
    let live = Live::new(builder(&data, &table).build().0);
    let files: BTreeSet<&str> = table.iter().map(|row| row.event_file.as_str()).collect();
    let (mut wrong, mut rows) = (Vec::new(), 0);
    for file in files {
        let lines = lines(&data.join(file));
        let hits = hits_of_values(&live, &lines);
        assert_eq!(hits, hits_of_bytes(&live, &lines), "{file}: the doors differ");
        let mut expected = BTreeSet::new();
        for row in table.iter().filter(|row| row.event_file == file) {
            for feed in row.feed_files.split(' ') {
                let hit = (row.value_in_event.clone(), row.indicator.clone(), feed.to_owned());
                match hits.get(&hit) {
                    Some((numbers, _)) if numbers.len() == row.lines => {}
                    Some((numbers, fields)) => {
                        wrong.push(format!("{file}: {hit:?} in {} lines of {}: {fields:?}", numbers.len(), row.lines));
                    }
                    None => wrong.push(format!("{file}: {hit:?} not found in any of {} lines", row.lines)),
                }
                expected.insert(hit);
                rows += 1;
            }
        }
        for (known, why) in BEYOND.iter().filter(|(known, _)| known.starts_with(file)) {
            let key = |(value, indicator, _): &Hit| format!("{file} {value} {indicator}");
            assert!(hits.keys().any(|hit| key(hit) == *known), "{known} is not found any more: {why}");
        }
        for (hit, (numbers, fields)) in &hits {
            let (value, indicator, feed) = hit;
            for field in fields {
                let of_field: BTreeSet<usize> = numbers.iter().copied().take(1).collect();
                if fields.len() == 1 && !stands_in(&lines, &of_field, field, value) {
                    wrong.push(format!("{file}: {value} does not stand in {field}"));
                }
            }
            let key = format!("{file} {value} {indicator}");
            if !expected.contains(hit) && !BEYOND.iter().any(|(known, _)| *known == key) {
                wrong.push(format!("beyond the table: {key} by {feed}, {} lines, {fields:?}", numbers.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows, 68); // pairs of a row and one of its feeds
}

/// An indicator of the table that the limits refuse: a name under which anyone can register.
const REFUSED: &str = "myftp.biz";

#[test]
fn every_known_hit_in_raw_lines_is_found() {
    let Some(data) = data::folder("every_known_hit_in_raw_lines_is_found") else { return };
    let table = table(&data, true);
    let live = Live::new(builder(&data, &table).build().0);
    let files: BTreeSet<&str> = table.iter().map(|row| row.event_file.as_str()).collect();
    let (mut wrong, mut rows) = (Vec::new(), 0);
    let mut worker = live.worker();
    worker.set_schema(Schema::Native);
    let mut out = Vec::new();
    for file in files {
        let mut hits = Hits::new();
        for (number, line) in lines(&data.join(file)).iter().enumerate() {
            out.clear();
            let is_match = worker.enrich_text(line, &mut out);
            let event: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(event["message"].as_str().unwrap(), String::from_utf8_lossy(line).trim_ascii_end());
            let mut of_line = BTreeSet::new();
            for found in event["stormtag"]["matches"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let hit = (text(&found["value"]), text(&found["indicator"]), text(&found["record"]["source"]));
                assert!(event["message"].as_str().unwrap().to_ascii_lowercase().contains(&hit.0), "{hit:?}");
                add(&mut hits, number, found["field"].as_str().unwrap(), hit.clone());
                of_line.insert(hit);
            }
            assert_eq!(is_match, !of_line.is_empty());
            // The other door says the same.
            let found = worker.search(line);
            let of_search = found.sightings().iter().flat_map(|sighting| {
                let value = sighting.observable().to_string();
                sighting.matches().map(move |found| {
                    (value.clone(), found.indicator().into_owned(), found.record().source.to_string())
                })
            });
            assert_eq!(of_search.collect::<BTreeSet<_>>(), of_line);
        }
        let mut expected = BTreeSet::new();
        for row in table.iter().filter(|row| row.event_file == file) {
            for feed in row.feed_files.split(' ') {
                let hit = (row.value_in_event.clone(), row.indicator.clone(), feed.to_owned());
                let found = hits.get(&hit).map_or(0, |(numbers, _)| numbers.len());
                assert!(row.indicator != REFUSED || found == 0);
                if found != row.lines && row.indicator != REFUSED {
                    wrong.push(format!("{file}: {hit:?} in {found} lines of {}", row.lines));
                }
                expected.insert(hit);
                rows += 1;
            }
        }
        for (hit, (numbers, _)) in hits.iter().filter(|(hit, _)| !expected.contains(hit)) {
            let (value, indicator, feed) = hit;
            let key = format!("{file} {value} {indicator}");
            wrong.push(format!("beyond the table: {key} by {feed}, {} lines", numbers.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows, 39); // pairs of a row and one of its feeds
}

#[test]
fn the_innocent_are_silenced_by_the_lists_that_know_them() {
    let Some(data) = data::folder("the_innocent_are_silenced_by_the_lists_that_know_them") else { return };
    let table = table(&data, false);
    let mut builder = builder(&data, &table);
    for entry in std::fs::read_dir(data.join("warninglists")).unwrap() {
        builder.allow(AllowList::open(entry.unwrap().path()).unwrap());
    }
    let live = Live::new(builder.build().0);
    let mut worker = live.worker();
    let mut out = Vec::new();
    let mut silenced: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut matched = BTreeSet::new();
    worker.set_schema(Schema::Native);
    for file in ["zeek-json/zat-dns.json", "zeek-json/dns.json.gz", "suricata/wrccdc-2018-alerts.json"] {
        for line in lines(&data.join("events").join(file)) {
            out.clear();
            worker.enrich_json(&line, &mut out);
            if out == line {
                continue;
            }
            let event: Value = serde_json::from_slice(&out).unwrap();
            let all = |key: &str| event["stormtag"][key].as_array().cloned().unwrap_or_default();
            for found in all("withheld") {
                let list = found["suppressed_by"]["list"].as_str().unwrap().to_owned();
                silenced.entry(found["value"].as_str().unwrap().to_owned()).or_default().insert(list);
            }
            matched.extend(all("matches").iter().map(|found| found["value"].as_str().unwrap().to_owned()));
        }
    }
    for value in ["www.bing.com", "sls.update.microsoft.com"] {
        assert_eq!(silenced[value], [CISCO.to_owned()].into(), "{value}");
        assert!(!matched.contains(value), "{value} still matches");
    }
    let finding = worker.look_up(Kind::Domain, "update.microsoft.com").unwrap();
    assert_eq!(finding.matches().count(), 0);
    assert_eq!(finding.suppressed().next().unwrap().suppressed_by().unwrap().list, CISCO);
    // The feed lists it by itself, the lists know only what is above and below: a user's own list is for that.
    for value in ["www.update.microsoft.com", "193.0.14.129"] {
        assert!(matched.contains(value), "{value}");
    }
    let mut builder = self::builder(&data, &table);
    let own = "# reason: K root\n193.0.14.129\nwww.update.microsoft.com\n";
    builder.allow(AllowList::read(own.as_bytes(), "own.txt").unwrap());
    let mut worker = Live::new(builder.build().0).worker();
    for (kind, value) in [(Kind::Domain, "www.update.microsoft.com"), (Kind::Ip, "193.0.14.129")] {
        let finding = worker.look_up(kind, value).unwrap();
        assert!(finding.matches().next().is_none(), "{value}");
        assert!(finding.suppressed().all(|found| found.suppressed_by().unwrap().list == "own"), "{value}");
    }
}

const CISCO: &str = "Top 1000 websites from Cisco Umbrella";
