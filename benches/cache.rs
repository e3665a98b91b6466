//! Does remembering odd values pay, and how many of them?
//!
//! `enrich_json` of the same lines without memory and with three sizes of it, turn by turn, so that a busy hour of the machine strikes
//! all alike; time on a processor where the system tells it, medians. A third of the events are such as Windows and proxies write
//! them: names in capitals, URLs with a port that goes without saying or a space in them. Values by Zipf over 20,000 of them, as in
//! traffic, and never the same twice, as in a scan, where remembering can only cost.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::time::Instant;

use common::random::Random;
use common::{BATCH, DOMAIN, Draw, Texts, build, cpu_time, feed, median};
use stormtag::Live;

const TURNS: usize = 7;
/// In each turn, other ones each time.
const EVENTS: usize = 48 * BATCH;
const SIZES: [usize; 4] = [0, 1 << 10, 1 << 14, 1 << 17];

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let live = Live::new(build([feed(DOMAIN.kind, &DOMAIN.indicators(100_000, 1))]).0);
    println!("{:<8} {:>9} {:>9} {:>9} {:>14}", "draw", "entries", "found", "ns/event", "of no memory");
    for draw in Draw::BOTH {
        let lines = odd_lines(draw);
        let mut workers = SIZES.map(|size| {
            let mut worker = live.worker();
            worker.set_cache(size);
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
            println!("{:<8} {size:>9} {:>7.1} % {time:>9.0} {:>14.2}", draw.name(), 100.0 * found, time / without);
        }
    }
}

/// Events of which every third has a host in capitals and an unusual URL.
fn odd_lines(draw: Draw) -> Texts {
    let count = (TURNS + 1) * EVENTS;
    let mut random = Random::new(9);
    let pool = match draw {
        Draw::Uniform => count,
        Draw::Zipf => 20_000,
    };
    let hosts: Vec<String> = (0..pool).map(|_| (DOMAIN.value)(&mut random)).collect();
    let order = match draw {
        Draw::Uniform => (0..count).collect(),
        Draw::Zipf => draw.positions(pool, count, &mut random),
    };
    let line = |(at, number): (usize, usize)| {
        let host = &hosts[at];
        if number.is_multiple_of(3) {
            let upper = host.to_uppercase();
            format!(r#"{{"host":"{upper}","url":"https://{upper}:443/a b","bytes":{number}}}"#)
        } else {
            format!(r#"{{"host":"{host}","url":"https://{host}/a","bytes":{number}}}"#)
        }
    };
    order.into_iter().zip(0..).map(line).collect()
}
