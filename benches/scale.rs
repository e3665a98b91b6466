//! What does a miss cost as the number of indicators grows?
//!
//! Ten thousand to a million; ten million with `STORMTAG_BENCH_LARGE=1`. Uniform, parsed; each iteration is 1,000 look-ups.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "inputs are known")]

mod common;

use common::{BATCH, DOMAIN, Draw, IPV4, QUERIES, Ring, SHA256, URL, build, feed};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stormtag::Observable;

fn scale(c: &mut Criterion) {
    let mut sizes = vec![("10k", 10_000), ("100k", 100_000), ("1M", 1_000_000)];
    if std::env::var_os("STORMTAG_BENCH_LARGE").is_some_and(|set| set == "1") {
        sizes.push(("10M", 10_000_000));
    } else {
        println!("SKIPPED: 10M, which needs STORMTAG_BENCH_LARGE=1 and some gigabytes");
    }
    for sort in [IPV4, DOMAIN, SHA256, URL] {
        let mut group = c.benchmark_group(format!("scale/{}/miss", sort.name));
        group.throughput(Throughput::Elements(BATCH as u64));
        for &(size, count) in &sizes {
            let (intel, _) = build([feed(sort.kind, &sort.indicators(count, 1))]);
            let known = |text: &str| !intel.look_up(&Observable::parse(sort.kind, text).unwrap()).is_empty();
            let misses = sort.misses(known, Draw::Uniform, QUERIES, 3);
            let observables: Vec<_> = misses.iter().map(|text| Observable::parse(sort.kind, text).unwrap()).collect();
            let mut ring = Ring::new(observables.len(), BATCH);
            group.bench_function(BenchmarkId::from_parameter(size), |b| {
                b.iter(|| observables[ring.turn()].iter().filter(|value| !intel.look_up(value).is_empty()).count());
            });
        }
    }
}

criterion_group!(benches, scale);
criterion_main!(benches);
