//! How long does it take to load everything that a user has, and do bad lines cost more than good ones?
//!
//! Feeds of all formats, catalogues and warninglists through a `stormtag.toml`, against reading the same lines into a
//! `HashMap<String, u32>`; unpacked beforehand, so that both read the same bytes. Then a million lines with every second one bad
//! against a million good ones. Turns alternate, and medians are compared.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::collections::HashMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::{data, median, unpacked};
use stormtag::{Catalog, Config, Feed, Format, IntelBuilder, Record};

const TURNS: usize = 7;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("stormtag-load-{}", std::process::id()));
    everything(&folder);
    bad_lines();
    let _ = fs::remove_dir_all(&folder);
}

fn seconds<T>(of: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let made = of();
    let time = start.elapsed().as_secs_f64();
    black_box(made);
    time
}

/// Copies what is in a folder of the data, unpacked.
fn copy(from: &str, to: &Path) -> Vec<PathBuf> {
    let mut copied = Vec::new();
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(data(from).unwrap()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let packed = format!("{from}/{name}");
        let bytes = match name.rsplit('.').next() {
            Some("xz") => unpacked(&packed).unwrap(),
            Some("gz") => {
                let mut bytes = Vec::new();
                flate2::read::MultiGzDecoder::new(File::open(data(&packed).unwrap()).unwrap())
                    .read_to_end(&mut bytes)
                    .unwrap();
                bytes
            }
            _ => fs::read(data(&packed).unwrap()).unwrap(),
        };
        let path = to.join(name.trim_end_matches(".gz").trim_end_matches(".xz"));
        fs::write(&path, bytes).unwrap();
        copied.push(path);
    }
    copied
}

fn everything(folder: &Path) {
    if data("feeds").is_none() {
        println!("SKIPPED: everything, which needs the real feeds");
        return;
    }
    let mut text = String::new();
    let mut read = Vec::new();
    for from in ["maltrail-scale", "ipsum", "misp-feed", "stix-mobile", "stix-oasis", "unit42-stix"] {
        let to = folder.join(from);
        let copied = copy(&format!("feeds/{from}"), &to);
        let pattern = if from == "misp-feed" { String::new() } else { "/*".to_owned() };
        text.push_str(&format!("[[feed]]\npath = \"{}{pattern}\"\n", to.display()));
        read.extend(copied);
    }
    read.extend(copy("warninglists", &folder.join("warninglists")));
    text.push_str(&format!("[[allow]]\npath = \"{}/*\"\n", folder.join("warninglists").display()));
    let mut catalogs = Vec::new();
    for (from, files) in [
        ("attack", &["enterprise-attack-18.1.stix20.json", "ics-attack-18.1.stix21.json"][..]),
        (
            "misp-galaxy",
            &["threat-actor.json", "mitre-intrusion-set.json", "tidal-groups.json", "tidal-campaigns.json"],
        ),
        ("microsoft", &["MicrosoftMapping.json"]),
    ] {
        copy(&format!("knowledge/{from}"), &folder.join(from));
        catalogs.extend(files.iter().map(|file| folder.join(from).join(file)));
    }
    let files: Vec<String> = catalogs.iter().map(|path| format!("\"{}\"", path.display())).collect();
    let without = Config::parse("stormtag.toml", &text).unwrap();
    text.push_str(&format!("[catalog]\nfiles = [{}]\n", files.join(", ")));
    let with = Config::parse("stormtag.toml", &text).unwrap();

    let report = with.load().unwrap().report;
    let memory = report.memory() as f64 / report.accepted() as f64;
    println!("{} accepted, {} rejected, {} passed", report.accepted(), report.rejected(), report.passed());
    println!("{memory:.1} bytes an indicator by Report::memory");

    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..TURNS {
        times[0].push(seconds(|| map(&read)));
        times[1].push(seconds(|| without.load().unwrap()));
        times[2].push(seconds(|| with.load().unwrap()));
    }
    let [map, without, with] = times.map(median);
    println!("lines to HashMap<String, u32>    {:.0} ms", map * 1e3);
    println!("feeds and warninglists to Intel  {:.0} ms, {:.2} times", without * 1e3, without / map);
    println!("with catalogues                  {:.0} ms, {:.2} times", with * 1e3, with / map);
    stages(&read, &catalogs);
}

/// What would have to be read in any case, into what would be the simplest table.
fn map(files: &[PathBuf]) -> HashMap<String, u32> {
    let mut map = HashMap::new();
    for (path, number) in files.iter().zip(0..) {
        for line in BufReader::new(File::open(path).unwrap()).lines() {
            let line = line.unwrap();
            let value = line.split('\t').nth(1).unwrap_or(&line);
            map.insert(value.to_owned(), number);
        }
    }
    map
}

/// Where the time goes, once.
fn stages(files: &[PathBuf], catalogs: &[PathBuf]) {
    let mut builder = IntelBuilder::new();
    let (mut reading, mut listing) = (0.0, 0.0);
    for path in files {
        let defaults = Record::new("").into();
        let mut feed = None;
        reading += seconds(|| feed = Feed::open(path, None, &defaults).ok());
        match feed {
            Some(feed) => _ = builder.feed(feed),
            None => listing += seconds(|| builder.allow(stormtag::AllowList::open(path).unwrap_or_default())),
        }
    }
    let mut known = Vec::new();
    let catalog = seconds(|| known = catalogs.iter().map(|path| Catalog::open(path).unwrap()).collect());
    let joining = seconds(|| known.into_iter().for_each(|one| _ = builder.catalog(one)));
    let building = seconds(|| builder.build());
    println!(
        "feeds {:.0} ms, lists {:.0} ms, catalogues {:.0} ms, joining them {:.0} ms, building {:.0} ms",
        reading * 1e3,
        listing * 1e3,
        catalog * 1e3,
        joining * 1e3,
        building * 1e3
    );
}

fn bad_lines() {
    const LINES: u32 = 1_000_000;
    let good = |n: u32| format!("host-{}.example.org", n.wrapping_mul(2_654_435_761));
    let all: String = (0..LINES).map(|n| good(n) + "\n").collect();
    let bad = ["???", "not a value", "host..example", "1.2.3.4.5", "http://", "\u{1}\u{2}"];
    let half =
        |n: u32| if n.is_multiple_of(2) { good(n) } else { format!("{} {n}", bad[(n / 2) as usize % bad.len()]) };
    let half: String = (0..LINES).map(|n| half(n) + "\n").collect();
    let load = |text: &str| {
        let feed = Feed::read(text.as_bytes(), "feed", Some(Format::Plain), &Record::new("feed").into()).unwrap();
        IntelBuilder::new().feed(feed).build()
    };
    let report = load(&half).1;
    println!("every second line bad: {} accepted, {} rejected", report.accepted(), report.rejected());
    let mut times: [Vec<f64>; 2] = Default::default();
    for _ in 0..TURNS {
        times[0].push(seconds(|| load(&all)));
        times[1].push(seconds(|| load(&half)));
    }
    let [all, half] = times.map(median);
    println!(
        "a million good lines {:.0} ms, every second bad {:.0} ms, {:.2} times",
        all * 1e3,
        half * 1e3,
        half / all
    );
}
