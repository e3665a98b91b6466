//! What does an event of the reference workload cost? Run by `scripts/bench-reference`, beside two programs made of other crates.
//!
//! Reads events from standard input and writes them enriched to standard output, on one thread, with everything on: addresses with
//! all networks around them, names with their parents, URLs, digests, ASN and city databases, attribution, ECS. Says on standard
//! error what it cost and what it found.
//!
//! With the word `parsed` it reads nothing: what does an event cost a host that has its values already? Two addresses with ASN and place,
//! a name with its parents and a digest as text, all drawn uniformly so that no cache helps; one event at a time, and 64 at a time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "inputs are known")]

mod common;

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use common::random::Random;
use common::{values, workload};
use stormtag::{Finding, Intel, Kind, Live, Observable, Worker};

/// What is read at once.
const BLOCK: usize = 1 << 15;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let Some(folder) = arguments.next() else {
        eprintln!("SKIPPED: needs a folder with a workload; scripts/bench-reference gives it one");
        return;
    };
    let (intel, report) = workload::load(Path::new(&folder));
    eprint!("{report}");
    if arguments.next().is_some_and(|what| what == "parsed") {
        return parsed(&intel);
    }
    let mut worker = Live::new(intel).worker();
    worker.set_fields(workload::fields());
    let loaded = cpu_seconds();
    let events = enrich(&mut worker, &mut std::io::stdin().lock(), &mut std::io::stdout().lock()).unwrap();
    let enriched = cpu_seconds();
    let counters = worker.counters();
    for (kind, count) in counters.matched.iter() {
        eprintln!("{count} records matched by {kind}");
    }
    eprintln!("{} lines are no JSON, {} addresses located", counters.not_json, counters.located);
    eprintln!("{events} events, {} matches", counters.events_matched);
    eprintln!("load_cpu_s {loaded:.3}  enrich_cpu_s {:.3}", enriched - loaded);
}

/// Block by block, whole lines in each.
fn enrich(worker: &mut Worker, events: &mut impl Read, out: &mut impl Write) -> std::io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut enriched = Vec::with_capacity(4 * BLOCK);
    let mut held = 0;
    loop {
        let read = events.read(&mut block[held..])?;
        held += read;
        let whole = if read == 0 { held } else { memchr::memrchr(b'\n', &block[..held]).map_or(0, |at| at + 1) };
        worker.enrich_lines(&block[..whole], &mut enriched);
        out.write_all(&enriched)?;
        enriched.clear();
        if read == 0 {
            return Ok(worker.counters().events);
        }
        block.copy_within(whole..held, 0);
        held -= whole;
        if held == block.len() {
            block.resize(2 * held, 0);
        }
    }
}

/// What a host has of an event.
struct Parsed {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    host: String,
    sha256: String,
}

impl Parsed {
    fn observables(&self) -> [Observable<'_>; 4] {
        [
            IpAddr::V4(self.source).into(),
            IpAddr::V4(self.destination).into(),
            Observable::parse(Kind::Domain, &self.host).unwrap(),
            Observable::parse(Kind::Sha256, &self.sha256).unwrap(),
        ]
    }
}

/// What a host takes of what is known: whether something matched, the number of the autonomous system, country and city.
fn take(finding: &Finding<'_>) -> u32 {
    let place = finding.place();
    black_box((place.map(|place| place.country_iso_code), place.map(|place| place.city_name)));
    u32::from(!finding.is_empty()) + finding.asn().map_or(0, |of| of.number)
}

fn parsed(intel: &Intel) {
    let mut random = Random::new(1);
    let mut address = || Ipv4Addr::from_bits(random.next() as u32);
    let addresses: Vec<(Ipv4Addr, Ipv4Addr)> = (0..PARSED).map(|_| (address(), address())).collect();
    let events: Vec<Parsed> = addresses
        .into_iter()
        .map(|(source, destination)| {
            let (host, sha256) = (values::host(&mut random), values::sha256(&mut random));
            Parsed { source, destination, host, sha256 }
        })
        .collect();
    let began = cpu_seconds();
    let mut sum = 0u64;
    for event in &events {
        sum += event.observables().iter().map(|value| u64::from(take(&intel.look_up(value)))).sum::<u64>();
    }
    let single = cpu_seconds();
    let mut sum_many = 0u64;
    let (mut observables, mut findings) = (Vec::new(), Vec::new());
    for batch in events.chunks(64) {
        observables.clear();
        findings.clear();
        observables.extend(batch.iter().flat_map(Parsed::observables));
        intel.look_up_many(&observables, &mut findings);
        sum_many += findings.iter().map(|finding| u64::from(take(finding))).sum::<u64>();
    }
    let many = cpu_seconds();
    assert_eq!(sum, sum_many);
    let each = |seconds: f64| seconds / PARSED as f64 * 1e9;
    eprintln!("parsed_ns {:.0}  parsed_batch_ns {:.0}", each(single - began), each(many - single));
}

/// Events that come parsed.
const PARSED: usize = 500_000;

/// Seconds that this thread was on a processor, as the two others count.
fn cpu_seconds() -> f64 {
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    nanoseconds.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
