//! Nothing is kept from call to call: as much memory after many calls as after few.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block
)]

use std::ptr::null;

use stormtag::{Catalog, IntelBuilder, Live};
use stormtag_capi::*;

/// Bytes of this process that are in memory.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// Each entry point that gives something out, so many times.
fn calls(worker: *mut Worker, count: usize) {
    let event = r#"{"ts":1705081509,"id.orig_h":"10.0.0.7","id.resp_h":"45.63.60.39"}"#;
    let (mut out, mut length, mut found, mut patch) = (null(), 0, null(), null());
    let mut given = Bytes::NONE;
    let text = |text: &str| Value { kind: 4, length: text.len(), of: Content { text: text.as_ptr().cast() } };
    let object = Value { kind: 6, length: 1, of: Content { integer: 0 } };
    let values = [object, text("id.resp_h"), text("45.63.60.39")];
    for number in 0..count {
        let (data, size) = (event.as_ptr().cast(), event.len());
        // Mostly the cheap ones, so that a test need not last.
        let kind = if number % 64 == 0 { number / 64 % 5 } else { 5 };
        // SAFETY: what is read is there, the rest can be written.
        let status = unsafe {
            match kind {
                0 => stormtag_find_json(worker, data, size, &raw mut found),
                1 => {
                    stormtag_enrich_values(worker, values.as_ptr(), 3, &raw mut patch, &raw mut length, &raw mut length)
                }
                2 => stormtag_look_up(worker, c"ip".as_ptr(), c"45.63.60.39".as_ptr(), 11, &raw mut found),
                3 => stormtag_counters(worker, &raw mut given),
                4 => stormtag_enrich_text(worker, data, size, &raw mut out, &raw mut length, &raw mut length),
                _ => stormtag_enrich_json(
                    worker,
                    c"{\"a\":1}".as_ptr(),
                    7,
                    &raw mut out,
                    &raw mut length,
                    &raw mut length,
                ),
            }
        };
        assert_eq!(status, Status::Ok);
        // SAFETY: it was given, or is none.
        unsafe { stormtag_free(&raw mut given) };
        // SAFETY: as above. Failures are remembered, once.
        let failed = unsafe { stormtag_look_up(worker, c"ip".as_ptr(), c"x".as_ptr(), 1, &raw mut found) };
        assert_eq!(failed, Status::NotAValue);
    }
}

fn grows(count: usize) {
    let (intel, _) = IntelBuilder::new().catalog(Catalog::builtin()).feed(Catalog::builtin_indicators()).build();
    let live = Live::new(intel);
    let worker = open_worker(&live, |_| ()).unwrap();
    calls(worker, count / 10);
    let Some(before) = resident() else {
        eprintln!("SKIPPED: memory: no /proc/self/statm");
        return;
    };
    calls(worker, count);
    // Handles too.
    for _ in 0..count / 1000 {
        assert_eq!(stormtag_worker_close(open_worker(&live, |_| ()).unwrap()), Status::Ok);
    }
    let after = resident().unwrap();
    println!("{} KiB, {} KiB after {} calls", before >> 10, after >> 10, 2 * count);
    assert!(after < before + (2 << 20), "it grows");
    assert_eq!(stormtag_worker_close(worker), Status::Ok);
}

#[test]
fn a_million_calls() {
    // Two calls a round.
    grows(500_000);
}

#[test]
#[ignore = "takes minutes: cargo test --release -p stormtag-capi --test memory -- --ignored --nocapture"]
fn a_hundred_million_calls() {
    grows(50_000_000);
}
