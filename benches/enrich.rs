//! What does one event cost, by the way in which it comes: a struct through serde, or JSON bytes?
//!
//! Two addresses, a name and a digest in each; 100,000 indicators of each kind, a synthetic ASN and city database. *miss*: nothing
//! but place and ASN is known. *match*: the destination is an indicator. Each iteration is 1,000 events.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "inputs are known")]

mod common;

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use common::events::{Seen, Shape, event};
use common::random::Random;
use common::{BATCH, DOMAIN, Draw, IPV4, Ring, SHA256, Texts, databases, feed, values};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize;
use stormtag::{Catalog, Geo, IntelBuilder, Live, Observable, Schema};

#[derive(Serialize)]
struct Flow {
    ts: String,
    src_ip: IpAddr,
    src_port: u16,
    dst_ip: IpAddr,
    dst_port: u16,
    proto: &'static str,
    host: String,
    sha256: String,
    bytes: u64,
    message: String,
}

const EVENTS: usize = 32 * BATCH;

fn enrich(c: &mut Criterion) {
    let addresses = IPV4.indicators(100_000, 1);
    let geo = Geo::from_databases([("asn", databases::asn()), ("city", databases::city())]).unwrap();
    let mut builder = IntelBuilder::new();
    builder.catalog(Catalog::builtin()).geo(Arc::new(geo));
    for sort in [DOMAIN, SHA256] {
        builder.feed(feed(sort.kind, &sort.indicators(100_000, 1)));
    }
    let live = Live::new(builder.feed(feed(IPV4.kind, &addresses)).build().0);
    let snapshot = live.snapshot();
    let mut random = Random::new(5);
    for outcome in ["miss", "match"] {
        let known = |text: &str| !snapshot.look_up(&Observable::parse(IPV4.kind, text).unwrap()).is_empty();
        let destinations = match outcome {
            "miss" => IPV4.misses(known, Draw::Zipf, EVENTS, 6),
            _ => IPV4.hits(&addresses, Draw::Zipf, EVENTS, 6),
        };
        let sources = IPV4.misses(known, Draw::Uniform, EVENTS, 7);
        let flows: Vec<Flow> = sources
            .iter()
            .zip(destinations.iter())
            .map(|(source, destination)| Flow {
                ts: "2026-03-01T00:00:00.001206Z".into(),
                src_ip: source.parse().unwrap(),
                src_port: 40_514,
                dst_ip: destination.parse().unwrap(),
                dst_port: 443,
                proto: "tcp",
                host: values::host(&mut random),
                sha256: values::sha256(&mut random),
                bytes: random.below(1 << 20),
                message: values::prose(&mut random, 40),
            })
            .collect();
        let lines: Texts = flows
            .iter()
            .map(|flow| {
                let (source, destination) = (flow.src_ip.to_string(), flow.dst_ip.to_string());
                let seen =
                    Seen { source: &source, destination: &destination, domain: &flow.host, digest: &flow.sha256 };
                event(Shape::Flat, 400, &seen, &mut random)
            })
            .collect();
        let mut group = c.benchmark_group(format!("enrich/{outcome}"));
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut ring = Ring::new(EVENTS, BATCH);
        let mut worker = live.worker();
        group.bench_function("struct", |b| {
            b.iter(|| flows[ring.turn()].iter().filter(|flow| black_box(worker.enrich(*flow)).is_empty()).count());
        });
        for &schema in Schema::ALL {
            worker.set_schema(schema);
            group.bench_function(format!("struct, patch written as {schema}"), |b| {
                let mut out = Vec::new();
                b.iter(|| {
                    out.clear();
                    for flow in &flows[ring.turn()] {
                        serde_json::to_writer(&mut out, &worker.enrich(flow).patch(schema)).unwrap();
                    }
                    out.len()
                });
            });
            group.bench_function(format!("JSON bytes to {schema}"), |b| {
                let mut out = Vec::new();
                b.iter(|| {
                    out.clear();
                    lines.slice(ring.turn()).filter(|line| worker.enrich_json(line.as_bytes(), &mut out)).count()
                });
            });
        }
        let counters = worker.counters();
        // A filter on the command line may have left nothing to do.
        if counters.events > 0 {
            assert_eq!(counters.events_matched > 0, outcome == "match", "{counters:?}");
            assert!(counters.located > 0);
        }
    }
}

criterion_group!(benches, enrich);
criterion_main!(benches);
