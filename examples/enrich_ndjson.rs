//! Enriches a file of events, one JSON object a line, on all cores: `cargo run --release --example enrich_ndjson`.
//!
//! Without arguments the sample; else `-- stormtag.toml events.ndjson`. For streams, compressed files and files larger than memory there is
//! the program in `plugins/cli`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::num::NonZero;
use std::time::Instant;

use stormtag::{Config, Counters, Loaded};

/// Events by campaign or actor that they are put down to.
type Subjects = BTreeMap<String, u64>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let config =
        arguments.next().unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/examples/stormtag.toml").into());
    let events =
        arguments.next().unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/events.ndjson").into());
    let loaded = Config::open(config)?.load()?;
    eprint!("{}", loaded.report);
    let events = std::fs::read(events)?;

    let start = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (mut counters, mut subjects) = (Counters::default(), Subjects::new());
    let mut out = std::io::stdout().lock();
    std::thread::scope(|scope| {
        let blocks = blocks(&events, threads).into_iter();
        let working: Vec<_> = blocks.map(|block| scope.spawn(|| enrich(&loaded, block))).collect();
        for thread in working {
            let (enriched, counted, named) = thread.join().map_err(|_| "a thread panicked")?;
            out.write_all(&enriched)?;
            counters += &counted;
            named.into_iter().for_each(|(name, events)| *subjects.entry(name).or_default() += events);
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    summarize(&counters, &subjects);
    eprintln!("{:.3} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Cuts the events into so many blocks of whole lines.
fn blocks(mut events: &[u8], count: usize) -> Vec<&[u8]> {
    let least = events.len() / count + 1;
    let mut blocks = Vec::new();
    while !events.is_empty() {
        let rest = events.get(least..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == b'\n').map_or(events.len(), |at| least + at + 1);
        let (block, after) = events.split_at(end);
        blocks.push(block);
        events = after;
    }
    blocks
}

/// With a worker of its own: what comes out, what was done, and whom it speaks of.
fn enrich(loaded: &Loaded, block: &[u8]) -> (Vec<u8>, Counters, Subjects) {
    let (mut worker, mut subjects) = (loaded.worker(), Subjects::new());
    let mut out = Vec::with_capacity(2 * block.len());
    worker.enrich_lines_with(block, &mut out, |_line, enrichment| {
        for attribution in enrichment.attributions() {
            *subjects.entry(attribution.subject().name().to_owned()).or_default() += 1;
        }
    });
    (out, worker.counters().clone(), subjects)
}

fn summarize(counters: &Counters, subjects: &Subjects) {
    let Counters { events, not_json, events_matched, events_attributed, located, .. } = counters;
    eprintln!("{events} events, {not_json} not JSON, {events_matched} with a match, {events_attributed} attributed");
    for (what, counts) in [("matches", &counters.matched), ("suppressed", &counters.suppressed)] {
        let kinds: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        eprintln!("{} {what}: {}", counts.total(), kinds.join(", "));
    }
    eprintln!("{located} located");
    for (name, events) in subjects {
        eprintln!("{events} attributed to {name}");
    }
}
