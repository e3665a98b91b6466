//! What does a call through C cost beside the same call in Rust? Both in one run, in turns, so that what else the machine does meets both.
//!
//! `cargo bench -p stormtag-capi` prints nanoseconds an event and their ratio, and fails above 1.2. `--quick` measures less.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::hint::black_box;
use std::ptr::null;
use std::time::{Duration, Instant};

use stormtag::{Catalog, IntelBuilder, Live};
use stormtag_capi::{Status, open_worker, stormtag_enrich_json, stormtag_enrich_lines};

const BAR: f64 = 1.2;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let (intel, _) = IntelBuilder::new().catalog(Catalog::builtin()).feed(Catalog::builtin_indicators()).build();
    let live = Live::new(intel);
    let (mut rust, worker) = (live.worker(), open_worker(&live, |_| ()).unwrap());
    let lines: Vec<String> = (0..1000).map(line).collect();
    let block = lines.join("\n") + "\n";
    let rounds = if quick { 21 } else { 201 };
    let mut out = Vec::new();
    let mut failed = false;
    let through_c = |line: &[u8], in_block: bool| {
        let (mut out, mut length, mut matched) = (null(), 0, 0);
        let run = if in_block { stormtag_enrich_lines } else { stormtag_enrich_json };
        let (data, to, to_length) = (line.as_ptr().cast(), &raw mut out, &raw mut length);
        // SAFETY: the line is there, the rest can be written.
        let status = unsafe { run(worker, data, line.len(), to, to_length, &raw mut matched) };
        assert!(status == Status::Ok && length >= line.len());
        black_box(out);
    };
    for (name, in_block) in [("line by line", false), ("a block of lines", true)] {
        let (mut in_rust, mut in_c) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            in_rust.push(time(|| {
                if in_block {
                    out.clear();
                    rust.enrich_lines(block.as_bytes(), &mut out);
                } else {
                    for line in &lines {
                        out.clear();
                        rust.enrich_json(line.as_bytes(), &mut out);
                    }
                }
                black_box(&out);
            }));
            in_c.push(time(|| {
                if in_block {
                    through_c(block.as_bytes(), true);
                } else {
                    lines.iter().for_each(|line| through_c(line.as_bytes(), false));
                }
            }));
        }
        let (in_rust, in_c) = (median(in_rust), median(in_c));
        let ratio = in_c / in_rust;
        println!("{name}: Rust {in_rust:.0} ns an event, C {in_c:.0} ns, ratio {ratio:.3}, bar {BAR}");
        failed |= ratio > BAR;
    }
    assert!(!failed, "a call through C costs more than it may");
}

/// An event of 180 bytes in which nothing matches: the cheapest there is, so that a call weighs most.
fn line(number: u32) -> String {
    let (a, b) = (number / 250, number % 250);
    format!(
        r#"{{"ts":1705081509.123,"uid":"CqX1b4{number}","id.orig_h":"10.0.{a}.{b}","id.orig_p":51234,"id.resp_h":"93.184.{a}.{b}","id.resp_p":443,"proto":"tcp","service":"ssl","orig_bytes":1234,"resp_bytes":9876}}"#
    )
}

fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// Of a thousand events, as nanoseconds of one.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64 / 1000.0
}
