//! How long does it take to load 700,000 indicators, and what do they weigh?
//!
//! Against reading the same lines into a `HashMap<String, u32>`, which knows neither networks nor subdomains.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::collections::HashMap;

use common::{build, large_feed, read_feed};
use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

fn large(c: &mut Criterion) {
    let (name, text) = large_feed();
    let feed = read_feed(&text);
    let (_, report) = build([feed.clone()]);
    let accepted = report.accepted();
    println!(
        "{name}: {} lines of {} bytes, {accepted} accepted, {} duplicates; {} bytes in all, {:.1} an indicator, {:.2} of the text",
        text.lines().count(),
        text.len(),
        report.duplicates(),
        report.memory(),
        report.memory() as f64 / accepted as f64,
        report.memory() as f64 / text.len() as f64,
    );
    let mut group = c.benchmark_group(format!("build/{name}"));
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(accepted));
    group.bench_function("lines to feed", |b| b.iter_with_large_drop(|| read_feed(&text)));
    group.bench_function("feed to Intel", |b| {
        b.iter_batched(|| feed.clone(), |feed| build([feed]), BatchSize::PerIteration);
    });
    group.bench_function("lines to Intel", |b| b.iter_with_large_drop(|| build([read_feed(&text)])));
    group.bench_function("lines to HashMap<String, u32>", |b| {
        b.iter_with_large_drop(|| {
            let mut families: HashMap<String, u32> = HashMap::new();
            let mut map: HashMap<String, u32> = HashMap::new();
            for line in text.lines() {
                let mut cells = line.split('\t').skip(1);
                let (Some(value), Some(family)) = (cells.next(), cells.next()) else { continue };
                let next = families.len() as u32;
                let family = match families.get(family) {
                    Some(&family) => family,
                    None => *families.entry(family.to_owned()).or_insert(next),
                };
                map.insert(value.to_owned(), family);
            }
            map
        });
    });
}

criterion_group!(benches, large);
criterion_main!(benches);
