//! A shipper of logs as a plain loop: one thread reads, four enrich, one writes. `cargo run --release --example channels`.
//!
//! Blocks of whole lines are dealt in turn through bounded channels and collected in turn: so they come out in their order, and whoever
//! writes too slowly holds up the reader, not the memory.

use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use stormtag::Config;

const WORKERS: usize = 4;
/// Bytes after which a block ends with its line. Small, so that the sample has several; 64 KiB is a good size.
const BLOCK: usize = 1 << 10;
/// Blocks that wait before and behind each worker.
const WAITING: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let loaded = Config::open("examples/stormtag.toml")?.load()?;
    let events = std::io::BufReader::new(std::fs::File::open("examples/data/events.ndjson")?);
    std::thread::scope(|scope| {
        let (mut dealt, mut collected) = (Vec::new(), Vec::new());
        for _ in 0..WORKERS {
            let (deal, blocks) = sync_channel::<Vec<u8>>(WAITING);
            let (done, collect) = sync_channel(WAITING);
            // One a thread. It takes a new snapshot by itself, should somebody publish one in `loaded.live`.
            let mut worker = loaded.worker();
            scope.spawn(move || {
                for block in blocks {
                    let mut out = Vec::with_capacity(2 * block.len());
                    worker.enrich_lines(&block, &mut out);
                    if done.send(out).is_err() {
                        break;
                    }
                }
            });
            dealt.push(deal);
            collected.push(collect);
        }
        // The channels end with the reader: then the workers do, then the writer.
        let reader = scope.spawn(move || read(events, &dealt));
        let written = write(collected, std::io::stdout().lock());
        reader.join().map_err(|_| "the reader panicked")??;
        Ok(written?)
    })
}

fn read(mut events: impl BufRead, dealt: &[SyncSender<Vec<u8>>]) -> std::io::Result<()> {
    for deal in dealt.iter().cycle() {
        let mut block = Vec::new();
        while block.len() < BLOCK && events.read_until(b'\n', &mut block)? > 0 {}
        if block.is_empty() || deal.send(block).is_err() {
            break;
        }
    }
    Ok(())
}

/// Takes the channels: if the output fails, they end, and everybody stops.
fn write(collected: Vec<Receiver<Vec<u8>>>, mut out: impl Write) -> std::io::Result<()> {
    for collect in collected.iter().cycle() {
        let Ok(block) = collect.recv() else { break };
        out.write_all(&block)?;
    }
    out.flush()
}
