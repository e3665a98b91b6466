//! What do JSON bytes cost by size and shape of the event, and how far is that from what no one can beat and from what most pay?
//!
//! Below: *scan and copy* counts the quotes with `memchr` and copies the line. Above: *serde_json* parses to a `Value` and writes it
//! again, with nothing looked up. Nothing matches; addresses have an ASN and a place. Each iteration is 100 events.

#![allow(clippy::unwrap_used, reason = "inputs are known")]

mod common;

use std::sync::Arc;

use common::events::{Shape, lines};
use common::{DOMAIN, Draw, IPV4, Ring, SHA256, databases, feed};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stormtag::{Geo, IntelBuilder, Live};

const BATCH: usize = 100;

fn json(c: &mut Criterion) {
    let geo = Geo::from_databases([("asn", databases::asn()), ("city", databases::city())]).unwrap();
    let mut builder = IntelBuilder::new();
    for sort in [IPV4, DOMAIN, SHA256] {
        builder.feed(feed(sort.kind, &sort.indicators(100_000, 1)));
    }
    let live = Live::new(builder.geo(Arc::new(geo)).build().0);
    for shape in Shape::ALL {
        for (size, bytes) in [("200", 200), ("1K", 1024), ("8K", 8192)] {
            let lines = lines(shape, bytes, Draw::Zipf, 4_000_000 / bytes / BATCH * BATCH, 8);
            let mean = lines.bytes() / lines.len();
            assert!((bytes * 4 / 5..bytes * 5 / 4).contains(&mean), "{shape:?} of {bytes}: {mean} bytes");
            let mut group = c.benchmark_group(format!("json/{}", shape.name()));
            group.throughput(Throughput::Bytes((mean * BATCH) as u64));
            let mut ring = Ring::new(lines.len(), BATCH);
            let mut out = Vec::new();
            let mut worker = live.worker();
            group.bench_function(BenchmarkId::new("enrich_json", size), |b| {
                b.iter(|| {
                    out.clear();
                    lines.slice(ring.turn()).filter(|line| worker.enrich_json(line.as_bytes(), &mut out)).count()
                });
            });
            assert_eq!(worker.counters().not_json, 0);
            group.bench_function(BenchmarkId::new("scan and copy", size), |b| {
                b.iter(|| {
                    out.clear();
                    let quotes = |line: &str| {
                        out.extend_from_slice(line.as_bytes());
                        memchr::memchr_iter(b'"', line.as_bytes()).count()
                    };
                    lines.slice(ring.turn()).map(quotes).sum::<usize>()
                });
            });
            group.bench_function(BenchmarkId::new("serde_json Value and back", size), |b| {
                b.iter(|| {
                    let written = |line: &str| {
                        let value: serde_json::Value = serde_json::from_str(line).unwrap();
                        serde_json::to_vec(&value).unwrap().len()
                    };
                    lines.slice(ring.turn()).map(written).sum::<usize>()
                });
            });
        }
    }
}

criterion_group!(benches, json);
criterion_main!(benches);
