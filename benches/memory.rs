//! What does an indicator weigh, by kind, and what do databases weigh beside their files?
//!
//! Counted by the allocator: what is still there after building, beside what `Report::memory` says and what the text has; and the
//! most there was while building. Nothing is timed. The same values in a `HashSet<String>` for comparison.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::alloc::System;
use std::collections::HashSet;

use common::{SORTS, build, data, databases, feed, large_feed, read_feed, unpacked};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use stormtag::Geo;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What `make` gives, and the bytes that are there because of it.
fn weigh<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let held = || {
        let stats = ALLOCATOR.stats();
        stats.bytes_allocated as f64 - stats.bytes_deallocated as f64
    };
    let before = held();
    let made = make();
    (made, held() - before)
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!(
        "{:<10} {:>9} {:>10} {:>10} {:>10} {:>10} {:>16}",
        "", "number", "text", "stormtag", "reported", "as feed", "HashSet<String>"
    );
    for sort in SORTS {
        for count in [10_000, 100_000, 1_000_000] {
            let texts = sort.indicators(count, 1);
            let (feed, as_feed) = weigh(|| feed(sort.kind, &texts));
            // The feed is given away and gone afterwards.
            let ((intel, report), grown) = weigh(|| build([feed]));
            let (set, in_set) = weigh(|| texts.iter().map(str::to_owned).collect::<HashSet<String>>());
            let each = |bytes: f64| format!("{:.1}", bytes / count as f64);
            println!(
                "{:<10} {count:>9} {:>10} {:>10} {:>10} {:>10} {:>16}",
                sort.name,
                each(texts.bytes() as f64),
                each(grown + as_feed),
                each(report.memory() as f64),
                each(as_feed),
                each(in_set),
            );
            drop((intel, set));
        }
    }
    let (name, text) = large_feed();
    let ((_intel, report), bytes) = weigh(|| build([read_feed(&text)]));
    let each = |bytes: f64| bytes / report.accepted() as f64;
    println!(
        "{name}: {} indicators, {:.1} bytes each of text, {:.1} held, {:.1} reported",
        report.accepted(),
        each(text.len() as f64),
        each(bytes),
        each(report.memory() as f64)
    );
    println!("\n{:<24} {:>12} {:>12} {:>12} {:>7}", "database", "file", "held", "reported", "held");
    let line = |name: &str, mut files: Vec<(&str, Vec<u8>)>| {
        files.iter_mut().for_each(|(_, bytes)| bytes.shrink_to_fit());
        let file: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        // The bytes of the files were there before, and are gone afterwards.
        let (geo, grown) = weigh(|| Geo::from_databases(files).unwrap());
        let held = grown + file as f64;
        println!("{name:<24} {file:>12} {held:>12.0} {:>12} {:>6.2}x", geo.memory(), held / file as f64);
    };
    line("synthetic asn", vec![("asn", databases::asn())]);
    line("synthetic city", vec![("city", databases::city())]);
    line("synthetic asn and city", vec![("asn", databases::asn()), ("city", databases::city())]);
    if data("mmdb/built").is_some() {
        for (name, path) in [
            ("routeviews asn", "mmdb/built/routeviews-20151101-asn.mmdb.xz"),
            ("ipverse country", "mmdb/built/ipverse-geo-20260822-country.mmdb.xz"),
        ] {
            if let Some(bytes) = unpacked(path) {
                line(name, vec![(name, bytes)]);
            }
        }
    }
}
