//! The threads: one reads, some enrich, one writes.
//!
//! Blocks are dealt out in turn and collected in the same turn: that keeps their order without sorting, and bounds how many there are at
//! a time.

use std::io::Write;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use stormtag::Worker;

use super::tally::Tally;
use crate::arguments::Enrich;
use crate::input::{Block, Input};
use crate::signals::Signals;
use crate::trouble::Trouble;

/// Blocks that may wait for each thread, before it and behind it.
const WAITING: usize = 2;

/// What was done, and how writing ended.
pub(super) fn run(
    input: &mut Input<'_>,
    out: &mut (impl Write + Send),
    signals: &Signals,
    options: &Enrich,
    worker: &(impl Fn() -> Worker + Sync),
) -> (Tally, Result<(), Trouble>) {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = options.threads.map_or_else(cores, usize::from);
    let (spare_to, spare_from) = sync_channel(4 * WAITING * threads);
    std::thread::scope(|scope| {
        let (mut to, mut from, mut working) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..threads {
            let (block_to, block_from) = sync_channel(WAITING);
            let (done_to, done_from) = sync_channel(WAITING);
            let spare_to = spare_to.clone();
            working.push(scope.spawn(move || work(worker(), options.text, &block_from, &done_to, &spare_to)));
            to.push(block_to);
            from.push(done_from);
        }
        scope.spawn(move || {
            let mut turn = to.iter().cycle();
            input.read(&spare_from, &mut |block| {
                signals.given();
                turn.next().is_some_and(|to| to.send(block).is_ok())
            });
        });
        let mut written = write(out, &from, signals, &spare_to);
        // Lets go of all who wait, so that they end.
        drop((from, spare_to));
        let mut tally = Tally::default();
        for thread in working {
            match thread.join() {
                Ok(of_thread) => tally += of_thread,
                Err(_) => written = Err(Trouble::Because("a thread panicked: lines are missing".to_owned())),
            }
        }
        (tally, written)
    })
}

/// Enriches block after block.
fn work(
    mut worker: Worker,
    text: bool,
    blocks: &Receiver<Block>,
    done: &SyncSender<Vec<u8>>,
    spare: &SyncSender<Vec<u8>>,
) -> Tally {
    let mut tally = Tally::default();
    for block in blocks {
        let mut bytes = block.bytes;
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 2);
        if text {
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                worker.enrich_text_with(line, &mut out, |enrichment| tally.count(enrichment));
                out.push(b'\n');
            }
        } else if block.is_whole {
            worker.enrich_lines_with(&bytes, &mut out, |_, enrichment| tally.count(enrichment));
        } else {
            std::mem::swap(&mut bytes, &mut out);
        }
        bytes.clear();
        let _ = spare.try_send(bytes);
        if done.send(out).is_err() {
            break;
        }
    }
    tally.counters = worker.counters().clone();
    tally
}

/// Writes blocks in the order in which they were read.
fn write(
    out: &mut impl Write,
    from: &[Receiver<Vec<u8>>],
    signals: &Signals,
    spare: &SyncSender<Vec<u8>>,
) -> Result<(), Trouble> {
    for from in from.iter().cycle() {
        let Ok(mut block) = from.recv() else { break };
        out.write_all(&block).and_then(|()| out.flush()).map_err(|error| Trouble::io("the output", error))?;
        signals.written();
        block.clear();
        let _ = spare.try_send(block);
    }
    Ok(())
}
