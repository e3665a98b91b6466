//! Does the cache of rendered pieces pay, and how large should it be?
//!
//! `enrich_json` of the same lines with no cache and with three sizes, turn by turn, so that a busy hour of the machine strikes all
//! alike; time on a processor where the system tells it, medians. Destinations by Zipf over 200,000 addresses, as in traffic, and
//! never the same twice, as in a scan, where a cache can only cost. The databases have 50,000 places: pieces recur even where
//! addresses do not.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::sync::Arc;
use std::time::Instant;

use common::events::{Shape, lines};
use common::{BATCH, DOMAIN, Draw, IPV4, cpu_time, databases, feed, median};
use stormtag::{Geo, IntelBuilder, Live, Schema};

const TURNS: usize = 7;
/// In each turn, other ones each time.
const EVENTS: usize = 48 * BATCH;
const SIZES: [usize; 4] = [0, 1 << 10, 1 << 14, 1 << 17];

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let geo = Geo::from_databases([("asn", databases::asn()), ("city", databases::city())]).unwrap();
    let mut builder = IntelBuilder::new();
    for sort in [IPV4, DOMAIN] {
        builder.feed(feed(sort.kind, &sort.indicators(100_000, 1)));
    }
    let live = Live::new(builder.geo(Arc::new(geo)).build().0);
    println!("{:<8} {:<8} {:>9} {:>9} {:>9} {:>14}", "draw", "schema", "entries", "found", "ns/event", "of no cache");
    for draw in Draw::BOTH {
        let lines = lines(Shape::Flat, 316, draw, (TURNS + 1) * EVENTS, 9);
        for schema in [Schema::Ecs, Schema::Native] {
            let mut workers = SIZES.map(|size| {
                let mut worker = live.worker();
                worker.set_schema(schema).set_cache(size);
                worker
            });
            let mut times = SIZES.map(|_| Vec::new());
            let mut out = Vec::new();
            for turn in 0..=TURNS {
                for (worker, times) in workers.iter_mut().zip(&mut times) {
                    let (start, start_busy) = (Instant::now(), cpu_time());
                    for (line, at) in lines.slice(turn * EVENTS..(turn + 1) * EVENTS).zip(0usize..) {
                        if at.is_multiple_of(BATCH) {
                            out.clear();
                        }
                        worker.enrich_json(line.as_bytes(), &mut out);
                    }
                    let busy = cpu_time().zip(start_busy).map(|(end, start)| end - start);
                    let time = busy.map_or(start.elapsed().as_nanos() as f64, |busy| busy as f64);
                    // The first turn fills the caches.
                    if turn > 0 {
                        times.push(time / EVENTS as f64);
                    }
                }
            }
            let mut without = 0.0;
            for ((size, worker), times) in SIZES.iter().zip(&workers).zip(times) {
                let time = median(times);
                if *size == 0 {
                    without = time;
                }
                let counters = worker.counters();
                let found = counters.cache_hits as f64 / (counters.cache_hits + counters.cache_misses).max(1) as f64;
                println!(
                    "{:<8} {:<8} {size:>9} {:>7.1} % {time:>9.0} {:>14.2}",
                    draw.name(),
                    schema.name(),
                    100.0 * found,
                    time / without
                );
            }
        }
    }
}
