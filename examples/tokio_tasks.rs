//! A shipper of logs on `tokio`: tasks that read, enrich and write. `cargo run --release --example tokio_tasks`.
//!
//! An event costs about a microsecond, less than handing it to another thread. So a worker lives in a task, and blocks of lines in place of
//! events go through the channels; only who enriches blocks of megabytes needs `spawn_blocking`. As in `channels.rs`, blocks are dealt and
//! collected in turn.

use std::error::Error;

use stormtag::{Config, Worker};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc::{Receiver, Sender, channel};

const WORKERS: usize = 4;
/// Bytes after which a block ends with its line. Small, so that the sample has several; 64 KiB is a good size.
const BLOCK: usize = 1 << 10;
/// Blocks that wait before and behind each worker.
const WAITING: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let loaded = Config::open("examples/stormtag.toml")?.load()?;
    tokio::runtime::Builder::new_multi_thread().build()?.block_on(async {
        let (mut dealt, mut collected) = (Vec::new(), Vec::new());
        for _ in 0..WORKERS {
            let (deal, blocks) = channel(WAITING);
            let (done, collect) = channel(WAITING);
            tokio::spawn(enrich(loaded.worker(), blocks, done));
            dealt.push(deal);
            collected.push(collect);
        }
        // The channels end with the reader: then the workers do, then the writer.
        let events = std::fs::read("examples/data/events.ndjson")?;
        let reader = tokio::spawn(async move { read(BufReader::new(&*events), &dealt).await });
        write(collected, tokio::io::stdout()).await?;
        Ok(reader.await??)
    })
}

async fn enrich(mut worker: Worker, mut blocks: Receiver<Vec<u8>>, done: Sender<Vec<u8>>) {
    while let Some(block) = blocks.recv().await {
        let mut out = Vec::with_capacity(2 * block.len());
        worker.enrich_lines(&block, &mut out);
        if done.send(out).await.is_err() {
            break;
        }
    }
}

async fn read(mut events: impl AsyncBufReadExt + Unpin, dealt: &[Sender<Vec<u8>>]) -> std::io::Result<()> {
    for deal in dealt.iter().cycle() {
        let mut block = Vec::new();
        while block.len() < BLOCK && events.read_until(b'\n', &mut block).await? > 0 {}
        if block.is_empty() || deal.send(block).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Takes the channels: if the output fails, they end, and everybody stops.
async fn write(mut collected: Vec<Receiver<Vec<u8>>>, mut out: impl AsyncWriteExt + Unpin) -> std::io::Result<()> {
    for turn in 0.. {
        let turn = turn % collected.len();
        let Some(collect) = collected.get_mut(turn) else { break };
        let Some(block) = collect.recv().await else { break };
        out.write_all(&block).await?;
    }
    out.flush().await
}
