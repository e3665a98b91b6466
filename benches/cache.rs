//! Does the cache of rendered pieces pay, and how large should it be?
//!
//! `enrich_json` of the same lines with no cache and with three sizes; destinations by Zipf over 200,000 addresses, as in traffic,
//! and never the same twice, as in a scan, where a cache can only cost. Each iteration is 1,000 events. The share of hits is printed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::sync::Arc;

use common::events::{Shape, lines};
use common::{BATCH, DOMAIN, Draw, IPV4, Ring, databases, feed};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stormtag::{Geo, IntelBuilder, Live, Schema};

fn cache(c: &mut Criterion) {
    let geo = Geo::from_databases([("asn", databases::asn()), ("city", databases::city())]).unwrap();
    let mut builder = IntelBuilder::new();
    for sort in [IPV4, DOMAIN] {
        builder.feed(feed(sort.kind, &sort.indicators(100_000, 1)));
    }
    let live = Live::new(builder.geo(Arc::new(geo)).build().0);
    for draw in Draw::BOTH {
        let lines = lines(Shape::Flat, 316, draw, 256 * BATCH, 9);
        for schema in [Schema::Ecs, Schema::Native] {
            let mut group = c.benchmark_group(format!("cache/{schema}/{}", draw.name()));
            group.throughput(Throughput::Elements(BATCH as u64));
            for (size, capacity) in [("0", 0), ("1k", 1 << 10), ("16k", 1 << 14), ("128k", 1 << 17)] {
                let mut worker = live.worker();
                worker.set_schema(schema).set_cache(capacity);
                let mut ring = Ring::new(lines.len(), BATCH);
                let mut out = Vec::new();
                group.bench_function(BenchmarkId::from_parameter(size), |b| {
                    b.iter(|| {
                        out.clear();
                        lines.slice(ring.turn()).filter(|line| worker.enrich_json(line.as_bytes(), &mut out)).count()
                    });
                });
                let counters = worker.counters();
                let asked = (counters.cache_hits + counters.cache_misses).max(1);
                println!("  found in the cache: {:.1} %", 100.0 * counters.cache_hits as f64 / asked as f64);
            }
        }
    }
}

criterion_group!(benches, cache);
criterion_main!(benches);
