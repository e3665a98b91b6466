//! Replaces what is known while workers enrich: `cargo run --release --example hot_reload`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stormtag::{Counters, Feed, Indicator, Intel, IntelBuilder, Kind, Live, NotObservable, Pattern, Record};

const THREADS: u64 = 4;
const EVENTS: u64 = 200_000;

/// Version `number` of a feed: as a host would read it from a file again and again.
fn intel(number: usize) -> Result<Intel, NotObservable> {
    let source = format!("feed, version {number}");
    let pattern = Pattern::parse(Kind::Domain, "harvest-mail.example")?;
    let indicators = vec![Indicator { pattern, record: Arc::new(Record::new(&source)) }];
    Ok(IntelBuilder::new().feed(Feed { indicators, ..Feed::new(&source) }).build().0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let live = Live::new(intel(0)?);
    let done = AtomicBool::new(false);
    let mut total = Counters::default();
    let mut published = 0;
    std::thread::scope(|scope| -> Result<(), Box<dyn std::error::Error>> {
        let reloading = scope.spawn(|| {
            let mut number = 0;
            while !done.load(Ordering::Relaxed) {
                number += 1;
                // A version that cannot be made would leave the last good one in place.
                if let Ok(intel) = intel(number) {
                    live.publish(intel);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            number
        });
        let work = || {
            // One worker a thread. It takes a new snapshot between two events, never within one.
            let mut worker = live.worker();
            let mut out = Vec::new();
            for number in 0..EVENTS {
                out.clear();
                worker.enrich_json(
                    format!(r#"{{"n":{number},"query":"login.harvest-mail.example"}}"#).as_bytes(),
                    &mut out,
                );
            }
            worker.counters().clone()
        };
        let working: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let counters: Vec<_> =
            working.into_iter().map(|thread| thread.join().map_err(|_| "a worker panicked")).collect();
        done.store(true, Ordering::Relaxed);
        published = reloading.join().map_err(|_| "reloading panicked")?;
        for counters in counters {
            total += &counters?;
        }
        Ok(())
    })?;
    println!("{published} versions published, {} taken by {THREADS} workers", total.refreshes);
    println!("{} events in, {} with a match", THREADS * EVENTS, total.events_matched);
    if total.events_matched != THREADS * EVENTS {
        return Err("events were lost".into());
    }
    println!("no event was lost, none went without intel; {} snapshots still held", live.reclaim());
    Ok(())
}
