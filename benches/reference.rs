//! What does an event of the reference workload cost? Run by `scripts/bench-reference`, beside two programs made of other crates.
//!
//! Reads events from standard input and writes them enriched to standard output, on one thread, with everything on: addresses with
//! all networks around them, names with their parents, URLs, digests, ASN and city databases, attribution, ECS. Says on standard
//! error what it cost and what it found.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "inputs are known")]

#[path = "common/workload.rs"]
mod workload;

use std::io::{Read, Write};
use std::path::Path;

use stormtag::{Live, Worker};

/// What is read at once.
const BLOCK: usize = 1 << 18;

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let Some(folder) = folder else {
        eprintln!("SKIPPED: needs a folder with a workload; scripts/bench-reference gives it one");
        return;
    };
    let (intel, report) = workload::load(Path::new(&folder));
    eprint!("{report}");
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

/// Seconds that this thread was on a processor, as the two others count.
fn cpu_seconds() -> f64 {
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    nanoseconds.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
