//! How many instructions do the main paths take? The same on each machine, whatever else runs there: what CI can hold a change to.
//!
//! Run by `scripts/instructions`, which needs valgrind. Each count is for all inputs of its bench, a hundred events, values or lines,
//! made beforehand from fixed seeds; the work was done once before it is counted. Tables are seeded in each process, so that counts
//! vary from run to run: less than 1 % for events, up to 4 % for values alone. Over its limit in `LIMITS` a bench fails.

#![allow(missing_docs, unreachable_pub, reason = "gungraun's macros write modules")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "inputs are known")]

mod common;

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use common::events::{Seen, Shape, event};
use common::random::Random;
use common::{DOMAIN, Draw, IPV4, IPV6, SHA256, Sort, Texts, URL, build, databases, feed, values};
use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use serde::Serialize;
use stormtag::{Columns, Defaults, Feed, Geo, Intel, IntelBuilder, Kind, Live, Observable, Record, Schema, Worker};

/// Instructions for a hundred, at most: 5 % above what was counted, 8 % for values alone, whose counts vary more. Make them smaller
/// when the library has become faster. Another version of Rust may count otherwise.
const LIMITS: [(&str, u64); 21] = [
    ("json_flat_miss", 500_000),
    ("json_flat_match", 3_300_000),
    ("json_ocsf_located", 3_360_000),
    ("json_ecs_miss", 1_360_000),
    ("json_suricata_miss", 1_680_000),
    ("json_three_matches", 5_510_000),
    ("three_look_ups", 164_500),
    ("struct_miss", 628_000),
    ("struct_match", 1_302_000),
    ("ipv4_miss", 48_500),
    ("ipv4_hit", 52_000),
    ("ipv6_miss", 230_000),
    ("ipv6_hit", 243_500),
    ("domain_miss", 61_500),
    ("domain_hit", 76_000),
    ("url_miss", 126_000),
    ("url_hit", 167_000),
    ("sha256_miss", 59_000),
    ("sha256_hit", 73_000),
    ("feed_list", 452_000),
    ("feed_csv", 404_000),
];

/// Inputs of each bench.
const COUNT: usize = 100;
/// Of each kind: enough that tables and filters look as they do when large.
const INDICATORS: usize = 4_000;

fn at_most(name: &str) -> LibraryBenchmarkConfig {
    let limit = LIMITS.iter().find(|(limited, _)| *limited == name);
    let (_, limit) = limit.unwrap_or_else(|| panic!("no limit for {name} in LIMITS"));
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, *limit)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

/// A place for each address, and indicators of what events have.
fn worker(addresses: &Texts) -> Worker {
    let geo = Geo::from_databases([("small", databases::small())]).unwrap();
    let mut builder = IntelBuilder::new();
    for sort in [DOMAIN, SHA256] {
        builder.feed(feed(sort.kind, &sort.indicators(INDICATORS, 1)));
    }
    builder.feed(feed(IPV4.kind, addresses)).geo(Arc::new(geo));
    Live::new(builder.build().0).worker()
}

/// Where events go to: nowhere known, or to an indicator.
fn destinations(indicators: &Texts, matches: bool) -> Texts {
    let known = |text: &str| indicators.iter().any(|indicator| indicator == text);
    match matches {
        false => IPV4.misses(known, Draw::Uniform, COUNT, 6),
        true => IPV4.hits(indicators, Draw::Uniform, COUNT, 6),
    }
}

struct Lines {
    worker: Worker,
    lines: Texts,
    out: Vec<u8>,
}

impl Lines {
    fn new(shape: Shape, bytes: usize, matches: bool) -> Self {
        let indicators = IPV4.indicators(INDICATORS, 1);
        let mut random = Random::new(5);
        let line = |destination: &str| {
            let (source, domain, digest) =
                (values::ipv4(&mut random), values::host(&mut random), values::sha256(&mut random));
            let seen = Seen { source: &source, destination, domain: &domain, digest: &digest };
            event(shape, bytes, &seen, &mut random)
        };
        let lines = destinations(&indicators, matches).iter().map(line).collect();
        let mut new = Self { worker: worker(&indicators), lines, out: Vec::new() };
        let matched = new.run();
        assert_eq!(matched, if matches { COUNT } else { 0 });
        assert!(new.worker.counters().located >= COUNT as u64 && new.worker.counters().not_json == 0);
        new
    }

    fn run(&mut self) -> usize {
        self.out.clear();
        self.lines.iter().filter(|line| self.worker.enrich_json(line.as_bytes(), &mut self.out)).count()
    }
}

/// The flat events, written in OCSF: what is known of addresses is merged.
fn ocsf() -> Lines {
    let mut lines = Lines::new(Shape::Flat, 316, false);
    lines.worker.set_schema(Schema::Ocsf);
    lines.run();
    lines
}

#[library_benchmark(setup = Lines::new)]
#[bench::json_flat_miss(args = (Shape::Flat, 316, false), config = at_most("json_flat_miss"))]
#[bench::json_flat_match(args = (Shape::Flat, 316, true), config = at_most("json_flat_match"))]
#[bench::json_ecs_miss(args = (Shape::Ecs, 600, false), config = at_most("json_ecs_miss"))]
#[bench::json_suricata_miss(args = (Shape::Suricata, 1024, false), config = at_most("json_suricata_miss"))]
fn enrich_json(mut lines: Lines) -> Lines {
    black_box(lines.run());
    lines
}

/// Three of an event's values are indicators, of two actors.
struct Attributed {
    worker: Worker,
    lines: Texts,
    values: Vec<[(Kind, String); 3]>,
    out: Vec<u8>,
}

impl Attributed {
    fn new() -> Self {
        let (addresses, names) = (IPV4.indicators(INDICATORS, 1), DOMAIN.indicators(INDICATORS, 1));
        let mut builder = IntelBuilder::new();
        for (kind, texts, actor) in [(IPV4.kind, &addresses, "One"), (DOMAIN.kind, &names, "Two")] {
            let mut feed = feed(kind, texts);
            let record = Record { actors: vec![actor.into()], ..Record::new("bench") };
            let record = Arc::new(record);
            feed.indicators.iter_mut().for_each(|indicator| indicator.record = record.clone());
            builder.feed(feed);
        }
        let mut random = Random::new(5);
        let (first, second) =
            (IPV4.hits(&addresses, Draw::Uniform, COUNT, 6), IPV4.hits(&addresses, Draw::Uniform, COUNT, 7));
        let names = DOMAIN.hits(&names, Draw::Uniform, COUNT, 8);
        let values: Vec<_> = first
            .iter()
            .zip(second.iter())
            .zip(names.iter())
            .map(|((first, second), name)| {
                [(IPV4.kind, first.to_owned()), (IPV4.kind, second.to_owned()), (DOMAIN.kind, name.to_owned())]
            })
            .collect();
        let line = |[(_, source), (_, destination), (_, domain)]: &[(Kind, String); 3]| {
            let digest = values::sha256(&mut random);
            event(Shape::Flat, 316, &Seen { source, destination, domain, digest: &digest }, &mut random)
        };
        let lines = values.iter().map(line).collect();
        let mut new = Self { worker: Live::new(builder.build().0).worker(), lines, values, out: Vec::new() };
        assert_eq!((new.run(), new.look_up()), (COUNT, 3 * COUNT));
        assert_eq!(new.worker.counters().matched.total(), 3 * COUNT as u64);
        assert_eq!(new.worker.counters().events_attributed, COUNT as u64);
        new
    }

    fn run(&mut self) -> usize {
        self.out.clear();
        self.lines.iter().filter(|line| self.worker.enrich_json(line.as_bytes(), &mut self.out)).count()
    }

    fn look_up(&self) -> usize {
        let intel = self.worker.intel();
        let known =
            |(kind, text): &&(Kind, String)| !intel.look_up(&Observable::parse(*kind, text).unwrap()).is_empty();
        self.values.iter().flatten().filter(known).count()
    }
}

#[library_benchmark(setup = ocsf)]
#[bench::json_ocsf_located(config = at_most("json_ocsf_located"))]
fn enrich_json_in_ocsf(mut lines: Lines) -> Lines {
    black_box(lines.run());
    lines
}

#[library_benchmark(setup = Attributed::new)]
#[bench::json_three_matches(config = at_most("json_three_matches"))]
fn attribute(mut lines: Attributed) -> Attributed {
    black_box(lines.run());
    lines
}

#[library_benchmark(setup = Attributed::new)]
#[bench::three_look_ups(config = at_most("three_look_ups"))]
fn look_up_alone(lines: Attributed) -> Attributed {
    black_box(lines.look_up());
    lines
}

#[derive(Serialize)]
struct Flow {
    ts: &'static str,
    src_ip: IpAddr,
    src_port: u16,
    dst_ip: IpAddr,
    dst_port: u16,
    proto: &'static str,
    host: String,
    sha256: String,
    bytes: u64,
}

struct Flows {
    worker: Worker,
    flows: Vec<Flow>,
}

impl Flows {
    fn new(matches: bool) -> Self {
        let indicators = IPV4.indicators(INDICATORS, 1);
        let mut random = Random::new(5);
        let flow = |destination: &str| Flow {
            ts: "2026-03-01T00:00:00.001206Z",
            src_ip: values::address_v4(&mut random).into(),
            src_port: 40_514,
            dst_ip: destination.parse().unwrap(),
            dst_port: 443,
            proto: "tcp",
            host: values::host(&mut random),
            sha256: values::sha256(&mut random),
            bytes: random.below(1 << 20),
        };
        let flows = destinations(&indicators, matches).iter().map(flow).collect();
        let mut new = Self { worker: worker(&indicators), flows };
        new.run();
        assert_eq!(new.worker.counters().events_matched, if matches { COUNT as u64 } else { 0 });
        assert!(new.worker.counters().located >= COUNT as u64);
        new
    }

    fn run(&mut self) {
        self.flows.iter().for_each(|flow| drop(black_box(self.worker.enrich(flow))));
    }
}

#[library_benchmark(setup = Flows::new)]
#[bench::struct_miss(args = (false), config = at_most("struct_miss"))]
#[bench::struct_match(args = (true), config = at_most("struct_match"))]
fn enrich(mut flows: Flows) -> Flows {
    flows.run();
    flows
}

struct Values {
    intel: Intel,
    sort: Sort,
    texts: Texts,
}

impl Values {
    fn new(sort: Sort, hits: bool) -> Self {
        let indicators = sort.indicators(INDICATORS, 1);
        let (intel, _) = build([feed(sort.kind, &indicators)]);
        let known = |text: &str| indicators.iter().any(|indicator| indicator == text);
        let texts = match hits {
            false => sort.misses(known, Draw::Uniform, COUNT, 3),
            true => sort.hits(&indicators, Draw::Uniform, COUNT, 2),
        };
        let new = Self { intel, sort, texts };
        assert_eq!(new.run(), if hits { COUNT } else { 0 });
        new
    }

    fn run(&self) -> usize {
        let known = |text: &&str| !self.intel.look_up(&Observable::parse(self.sort.kind, text).unwrap()).is_empty();
        self.texts.iter().filter(known).count()
    }
}

// From text to finding.
#[library_benchmark(setup = Values::new)]
#[bench::ipv4_miss(args = (IPV4, false), config = at_most("ipv4_miss"))]
#[bench::ipv4_hit(args = (IPV4, true), config = at_most("ipv4_hit"))]
#[bench::ipv6_miss(args = (IPV6, false), config = at_most("ipv6_miss"))]
#[bench::ipv6_hit(args = (IPV6, true), config = at_most("ipv6_hit"))]
#[bench::domain_miss(args = (DOMAIN, false), config = at_most("domain_miss"))]
#[bench::domain_hit(args = (DOMAIN, true), config = at_most("domain_hit"))]
#[bench::url_miss(args = (URL, false), config = at_most("url_miss"))]
#[bench::url_hit(args = (URL, true), config = at_most("url_hit"))]
#[bench::sha256_miss(args = (SHA256, false), config = at_most("sha256_miss"))]
#[bench::sha256_hit(args = (SHA256, true), config = at_most("sha256_hit"))]
fn look_up(values: Values) -> Values {
    black_box(values.run());
    values
}

fn list() -> String {
    DOMAIN.indicators(COUNT, 1).iter().map(|name| format!("{name}\n")).collect()
}

fn rows() -> String {
    let names = DOMAIN.indicators(COUNT, 1);
    let row = |(name, number): (&str, usize)| format!("{name},campaign-{},high\n", number % 10);
    std::iter::once("indicator,campaign,severity\n".to_owned()).chain(names.iter().zip(0..).map(row)).collect()
}

fn defaults() -> Defaults {
    Defaults { kind: Some(DOMAIN.kind), ..Defaults::from(Record::new("bench")) }
}

#[library_benchmark]
#[bench::feed_list(args = (list()), config = at_most("feed_list"))]
fn read_list(text: String) -> Feed {
    Feed::read(text.as_bytes(), "list", None, &defaults()).unwrap()
}

#[library_benchmark]
#[bench::feed_csv(args = (rows()), config = at_most("feed_csv"))]
fn read_rows(text: String) -> Feed {
    let columns = Columns {
        value: Some("indicator".into()),
        campaign: Some("campaign".into()),
        severity: Some("severity".into()),
        ..Columns::default()
    };
    Feed::read_table(text.as_bytes(), "rows", &columns, &defaults()).unwrap()
}

library_benchmark_group!(
    name = events,
    benchmarks = [enrich_json, enrich_json_in_ocsf, attribute, look_up_alone, enrich]
);
library_benchmark_group!(name = lookups, benchmarks = [look_up]);
library_benchmark_group!(name = feeds, benchmarks = [read_list, read_rows]);

main!(library_benchmark_groups = [events, lookups, feeds]);
