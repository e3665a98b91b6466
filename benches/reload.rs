//! Do events wait while feeds are reloaded?
//!
//! One thread enriches and times each event; another builds and publishes twenty snapshots of 700,000 indicators. Building takes a
//! processor and the memory's attention, whoever does it, so the same is measured while the other thread builds and does not publish,
//! and while it sleeps. What publishing itself costs the worker is the difference between *builds* and *publishes*.
//!
//! The highest values are the system's, which takes the processor away for its own work and that of others: the rows *no event* show how
//! long, for a thread that does as much arithmetic as takes the median event, and nothing else, while the other sleeps.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::events::{Shape, lines};
use common::{BATCH, Draw, Ring, Texts, databases, large_feed, read_feed};
use stormtag::{Feed, Geo, Intel, IntelBuilder, Live};

const SNAPSHOTS: usize = 20;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let geo = Arc::new(Geo::from_databases([("asn", databases::asn()), ("city", databases::city())]).unwrap());
    let (name, text) = large_feed();
    let feed = read_feed(&text);
    println!("{name}: {} indicators, {SNAPSHOTS} snapshots", feed.indicators.len());
    let build = |feed: &Feed| -> Intel {
        let mut builder = IntelBuilder::new();
        builder.feed(feed.clone()).geo(geo.clone()).build().0
    };
    let live = Live::new(build(&feed));
    let lines = lines(Shape::Flat, 316, Draw::Zipf, 64 * BATCH, 13);
    println!(
        "{:<12} {:>10} {:>9} {:>9} {:>9} {:>9} {:>11} {:>10}",
        "the other", "events", "p50 ns", "p99 ns", "p99.9 ns", "p99.99 ns", "max us", "refreshes"
    );
    let mut building = Duration::ZERO;
    // Rounds of arithmetic in the time of an event.
    let mut rounds = 0;
    for other in ["sleeps", "no event", "builds", "publishes", "sleeps", "no event", "builds", "publishes"] {
        let done = AtomicBool::new(false);
        let (mut times, refreshes) = thread::scope(|scope| {
            let work = scope.spawn(|| match other {
                "no event" => (timed(&lines, &done, |line| spin(line, rounds)), 0),
                _ => work(&live, &lines, &done),
            });
            let start = Instant::now();
            if matches!(other, "sleeps" | "no event") {
                thread::sleep(Duration::from_secs(5).max(building / 3));
            } else {
                for _ in 0..SNAPSHOTS {
                    let intel = build(&feed);
                    if other == "publishes" {
                        live.publish(intel);
                    }
                }
                building = start.elapsed();
            }
            done.store(true, Ordering::Relaxed);
            work.join().unwrap()
        });
        times.sort_unstable();
        let at = |share: f64| times.get(((times.len() - 1) as f64 * share) as usize).copied().unwrap_or(0);
        if rounds == 0 {
            rounds = rounds_of(at(0.5));
        }
        println!(
            "{other:<12} {:>10} {:>9} {:>9} {:>9} {:>9} {:>11.1} {refreshes:>10}",
            times.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(0.9999),
            f64::from(at(1.0)) / 1000.0,
        );
    }
}

/// Arithmetic that touches no memory but the line.
fn spin(line: &str, rounds: u64) {
    black_box(
        (0..rounds).fold(line.len() as u64, |sum, round| black_box(sum ^ round).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    );
}

/// How many rounds take so many nanoseconds.
fn rounds_of(nanoseconds: u32) -> u64 {
    const MANY: u64 = 1 << 24;
    let start = Instant::now();
    spin("", MANY);
    u64::from(nanoseconds) * MANY / start.elapsed().as_nanos().max(1) as u64
}

/// Nanoseconds of each event, and how often the worker changed snapshots.
fn work(live: &Live, lines: &Texts, done: &AtomicBool) -> (Vec<u32>, u64) {
    let (mut worker, mut out) = (live.worker(), Vec::new());
    let times = timed(lines, done, |line| {
        out.clear();
        worker.enrich_json(line.as_bytes(), &mut out);
    });
    (times, worker.counters().refreshes)
}

/// Nanoseconds that each of the lines took, one after another, over and over.
fn timed(lines: &Texts, done: &AtomicBool, mut each: impl FnMut(&str)) -> Vec<u32> {
    let mut ring = Ring::new(lines.len(), BATCH);
    // Room beforehand: growing would be a wait of our own.
    let mut times = Vec::with_capacity(100_000_000);
    let warm = 4 * lines.len();
    let mut events = 0;
    while !done.load(Ordering::Relaxed) {
        for line in lines.slice(ring.turn()) {
            let start = Instant::now();
            each(line);
            let time = start.elapsed().as_nanos();
            events += 1;
            if events > warm && times.len() < times.capacity() {
                times.push(u32::try_from(time).unwrap_or(u32::MAX));
            }
        }
    }
    times
}
