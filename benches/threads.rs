//! Do two threads do twice the work of one?
//!
//! Workers share an `Intel` and nothing else. Turn by turn, one thread and two; medians. Events a second tell what the machine gave;
//! events a second *on a processor* (Linux) tell what the library costs when others use the machine too.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::sync::Arc;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use common::events::{Shape, lines};
use common::{BATCH, DOMAIN, Draw, IPV4, Ring, SHA256, Texts, cpu_time, databases, feed, median};
use stormtag::{Geo, IntelBuilder, Live};

/// Each turn.
const TURN: Duration = Duration::from_millis(800);
const TURNS: usize = 7;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let geo = Geo::from_databases([("asn", databases::asn()), ("city", databases::city())]).unwrap();
    let mut builder = IntelBuilder::new();
    for sort in [IPV4, DOMAIN, SHA256] {
        builder.feed(feed(sort.kind, &sort.indicators(100_000, 1)));
    }
    let live = Live::new(builder.geo(Arc::new(geo)).build().0);
    let lines = lines(Shape::Flat, 316, Draw::Zipf, 128 * BATCH, 10);
    let (mut wall, mut busy) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..TURNS {
        for threads in [1, 2] {
            let (rate, rate_busy) = turn(&live, &lines, threads);
            wall[threads - 1].push(rate);
            busy[threads - 1].push(rate_busy);
        }
    }
    let [one, two] = wall.map(median);
    println!("events a second:                {one:.0} with one thread, {two:.0} with two: {:.2} times", two / one);
    let [one, two] = busy.map(median);
    println!("a second on a processor, each:  {one:.0} with one thread, {two:.0} with two: {:.2} times", two / one);
}

/// Events a second of all threads together, and of each a second on a processor.
fn turn(live: &Live, lines: &Texts, threads: usize) -> (f64, f64) {
    let barrier = Barrier::new(threads);
    let work = |offset: usize| {
        let mut worker = live.worker();
        let mut ring = Ring::new(lines.len(), BATCH);
        (0..offset).for_each(|_| _ = ring.turn());
        let mut out = Vec::new();
        let mut round = || {
            out.clear();
            lines.slice(ring.turn()).for_each(|line| _ = worker.enrich_json(line.as_bytes(), &mut out));
        };
        (0..20).for_each(|_| round());
        barrier.wait();
        let (start, start_busy) = (Instant::now(), cpu_time());
        let mut events = 0;
        while start.elapsed() < TURN {
            round();
            events += BATCH;
        }
        let seconds = start.elapsed().as_secs_f64();
        let busy = cpu_time().zip(start_busy).map_or(f64::NAN, |(end, start)| (end - start) as f64 / 1e9);
        (events as f64 / seconds, events as f64 / busy)
    };
    thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number * 50))).collect();
        let rates: Vec<(f64, f64)> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
        (rates.iter().map(|rate| rate.0).sum(), rates.iter().map(|rate| rate.1).sum::<f64>() / threads as f64)
    })
}
