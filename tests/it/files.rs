//! Every file of feeds and of knowledge that there is to test with: what becomes of it, to the last line.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use stormtag::{Catalog, Feed, Format, Record, Rejections};

use crate::data;

/// A line a file: its items (lines, objects, attributes), and what is used, rejected and passed, each by kind or reason. Of a
/// catalogue its entries, of what is neither feed nor catalogue the error.
const TABLE: &str = include_str!("files.txt");

/// Text of a file, whatever its compression.
pub(crate) fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let mut text = String::new();
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("gz") => flate2::bufread::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text),
        Some("xz") => lzma_rust2::XzReader::new(&bytes[..], true).read_to_string(&mut text),
        _ => (&bytes[..]).read_to_string(&mut text),
    }
    .unwrap();
    text
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// How many items there are, counted without the reader.
fn items(format: Format, text: &str) -> u64 {
    fn attributes(value: &serde_json::Value) -> u64 {
        match value {
            serde_json::Value::Object(members) => members
                .iter()
                .map(|(key, value)| {
                    attributes(value)
                        + value.as_array().filter(|_| key == "Attribute").map_or(0, |list| list.len() as u64)
                })
                .sum(),
            serde_json::Value::Array(elements) => elements.iter().map(attributes).sum(),
            _ => 0,
        }
    }
    fn objects(value: &serde_json::Value) -> u64 {
        match (value.as_array(), value["objects"].as_array()) {
            (Some(list), _) => list.iter().map(objects).sum(),
            (None, Some(list)) if value["type"] != "observed-data" => list.len() as u64,
            _ => 1,
        }
    }
    let json =
        || serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|error| panic!("{error}: {text:.200}"));
    match format {
        Format::Stix => objects(&json()),
        Format::Misp => attributes(&json()),
        Format::OpenIoc => text.matches("<IndicatorItem ").count() as u64,
        _ => text.lines().count() as u64,
    }
}

fn reasons(what: &str, rejections: &Rejections) -> String {
    let each: Vec<_> = rejections.counts().map(|(reason, count)| format!("{reason:?} {count}")).collect();
    if each.is_empty() { String::new() } else { format!("; {what} {}", each.join(", ")) }
}

fn of_feed(path: &Path) -> Result<String, stormtag::Error> {
    let text = text(path);
    let feed = Feed::open(path, None, &Record::new("test").into())?;
    let end = (0..=8192.min(text.len())).rfind(|&at| text.is_char_boundary(at)).unwrap();
    let format = Format::guess(path, &text.as_bytes()[..end]).unwrap();
    assert_eq!(feed.items, items(format, &text), "{}", path.display());
    let sum = feed.used + feed.rejected.total() + feed.passed.total();
    let of_one_value = [Format::Stix, Format::OpenIoc, Format::Maltrail, Format::Zeek, Format::Loki];
    if of_one_value.contains(&format) {
        assert_eq!(feed.items, sum, "{}", path.display());
    }
    let values = feed.indicators.len() as u64 + feed.rejected.total() + feed.passed.total();
    assert!(feed.used <= feed.items && feed.items <= sum && sum <= values, "{}", path.display());
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for found in &feed.indicators {
        *kinds.entry(found.pattern.kind().name()).or_default() += 1;
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!(" {kind} {count}")).collect();
    let parts = [("rejected", &feed.rejected), ("passed", &feed.passed), ("ignored", &feed.ignored)];
    let parts: String = parts.map(|(what, rejections)| reasons(what, rejections)).concat();
    Ok(format!("{format}, {} items;{}{parts}", feed.items, kinds.concat()))
}

fn of_catalog(path: &Path) -> Result<String, stormtag::Error> {
    let catalog = Catalog::open(path)?;
    let counts = [
        ("actors", catalog.all_actors().len()),
        ("campaigns", catalog.all_campaigns().len()),
        ("software", catalog.all_software().len()),
        ("techniques", catalog.all_techniques().len()),
    ];
    let counts: String = counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!(" {what} {n}")).collect();
    let rest = reasons("rejected", catalog.rejected()) + &reasons("passed", catalog.passed());
    Ok(format!("catalogue;{counts}{rest}"))
}

#[test]
fn every_file_is_accounted_for() {
    let Some(data) = data::folder("every_file_is_accounted_for") else { return };
    let mut paths = Vec::new();
    for folder in ["feeds", "knowledge"] {
        files(&data.join(folder), &mut paths);
    }
    paths.sort();
    let mut table: BTreeMap<&str, &str> = TABLE
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").unwrap())
        .collect();
    let mut wrong = Vec::new();
    for path in &paths {
        let name = path.strip_prefix(&data).unwrap().to_str().unwrap();
        let is_feed = name.starts_with("feeds/");
        let found = if is_feed { of_feed(path) } else { of_catalog(path) };
        let found = found.or_else(|error| if is_feed { of_catalog(path) } else { of_feed(path) }.map_err(|_| error));
        let found = found.unwrap_or_else(|error| {
            let error = error.to_string();
            format!("error: {}", error.trim_start_matches(path.to_str().unwrap()).trim_start_matches(": "))
        });
        let expected = table.remove(name).unwrap_or("in no table");
        if found != expected {
            wrong.push(format!("{name}: {found}\n    expected: {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.is_empty(), "not there: {table:?}");
}
