//! Replaces what is known while workers enrich, from files that change: `cargo run --release --example hot_reload`.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stormtag::{Config, Counters, Outcome, Reloader};

const THREADS: u64 = 4;
const EVENTS: u64 = 200_000;

/// A host has this in a file. Here files are written and renamed, so that none is ever seen half: there is nothing to wait for.
const CONFIG: &str = r#"
[catalog]
builtin = false

[[feed]]
path = "feed.csv"

[reload]
debounce = "0s"
"#;

/// Version `number` of the feed. One name is in all versions, one in each second.
fn write(folder: &Path, number: u64) -> std::io::Result<()> {
    let every_second = if number % 2 == 1 { "odd.example,80\n" } else { "" };
    fs::write(folder.join("new"), format!("value,confidence\nharvest-mail.example,{}\n{every_second}", number % 101))?;
    fs::rename(folder.join("new"), folder.join("feed.csv"))
}

/// Writes version after version, and has each published; says how many.
fn reload(folder: &Path, mut reloader: Reloader, done: &AtomicBool) -> Result<u64, String> {
    let mut number = 0;
    while !done.load(Ordering::Relaxed) {
        number += 1;
        write(folder, number).map_err(|error| error.to_string())?;
        match reloader.check() {
            Outcome::Published { .. } => {}
            outcome => return Err(outcome.to_string()),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(number)
}

fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    write(folder, 0)?;
    let reloader = Config::parse(folder.join("stormtag.toml"), CONFIG)?.reloader()?;
    let live = reloader.live().clone();
    let done = AtomicBool::new(false);
    let mut total = Counters::default();
    let mut published = 0;
    std::thread::scope(|scope| -> Result<(), Box<dyn Error>> {
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
        // The host says when to look. With the feature `watch`, `Reloader::watch` is a thread that does.
        let reloading = scope.spawn(|| reload(folder, reloader, &done));
        let counters: Vec<_> =
            working.into_iter().map(|thread| thread.join().map_err(|_| "a worker panicked")).collect();
        done.store(true, Ordering::Relaxed);
        published = reloading.join().map_err(|_| "reloading panicked")??;
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

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("stormtag-hot-reload-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = run(&folder);
    fs::remove_dir_all(&folder)?;
    outcome
}
