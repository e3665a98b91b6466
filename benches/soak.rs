//! Does it hold for hours? Two workers enrich while the files of their feed change every second.
//!
//! Of every event it is looked at whether it came out, with its own bytes first, and with a match where both states of the feed list
//! one of its addresses; how long it took; and of the process how much memory it has. Ends with an error where something is lost, reloads
//! are refused, memory grows by more than a twentieth after the first minute, or the slowest of 10,000 events takes more than twenty times the
//! median. The last says something only where nothing else runs.
//!
//! `scripts/soak SECONDS`

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::events::{Seen, Shape, event};
use common::random::Random;
use common::{DOMAIN, IPV4, Texts};
use stormtag::{Config, Outcome, Reloader, Worker};

const WORKERS: usize = 2;
/// Indicators of each state of the feed; half of them stand in both.
const INDICATORS: usize = 40_000;
const EVENTS: usize = 100_000;
/// One event in so many has an address that both states list.
const HITS: usize = 50;

fn main() -> ExitCode {
    let seconds = std::env::args().find_map(|argument| argument.parse::<u64>().ok());
    let Some(seconds) = seconds.filter(|_| !std::env::args().any(|argument| argument == "--test")) else {
        return ExitCode::SUCCESS;
    };
    let folder = std::env::temp_dir().join(format!("stormtag-soak-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let held = soak(&folder, Duration::from_secs(seconds));
    fs::remove_dir_all(&folder).unwrap();
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn soak(folder: &Path, length: Duration) -> bool {
    let listed = IPV4.indicators(INDICATORS + INDICATORS / 2, 1);
    let states = [0..INDICATORS, INDICATORS / 2..INDICATORS + INDICATORS / 2]
        .map(|range| listed.slice(range).collect::<Vec<_>>().join("\n"));
    fs::write(folder.join("feed.txt"), &states[0]).unwrap();
    fs::write(folder.join("own.fields"), "ts time\nsrc_ip ip source\ndst_ip ip destination\nhost domain\n").unwrap();
    let config = "[events]\nfields = [\"own.fields\"]\n[[feed]]\npath = \"feed.txt\"\n[reload]\ndebounce = \"0s\"\n";
    fs::write(folder.join("stormtag.toml"), config).unwrap();
    let mut reloader = Config::open(folder.join("stormtag.toml")).unwrap().reloader().unwrap();
    let (lines, hits) = events(&listed);

    let (done, total) = (AtomicBool::new(false), Mutex::new(Tally::default()));
    let workers: Vec<Worker> = (0..WORKERS).map(|_| reloader.worker()).collect();
    thread::scope(|scope| {
        for (number, worker) in (0..).zip(workers) {
            let (lines, hits, done, total) = (&lines, &hits, &done, &total);
            scope.spawn(move || work(worker, lines, hits, number * EVENTS / WORKERS, done, total));
        }
        let watched = watch(folder, &mut reloader, &states, length, &total);
        done.store(true, Ordering::Relaxed);
        watched.judge(&total)
    })
}

/// Events, and which of them have an address that is always listed.
fn events(listed: &Texts) -> (Texts, Vec<bool>) {
    let mut random = Random::new(2);
    let mut always = Random::new(3);
    let (fresh, names) = (IPV4.indicators(EVENTS, 4), DOMAIN.indicators(EVENTS, 5));
    let hits: Vec<bool> = (0..EVENTS).map(|number| number % HITS == 0).collect();
    let lines = (0..EVENTS).map(|number| {
        let both = listed.get(INDICATORS / 2 + always.below(INDICATORS as u64 / 2) as usize);
        let destination = if hits[number] { both } else { fresh.get(number) };
        let seen = Seen { source: "192.0.2.7", destination, domain: names.get(number), digest: "" };
        event(Shape::Flat, 316, &seen, &mut random)
    });
    (lines.collect(), hits)
}

/// What workers did since somebody last asked.
#[derive(Default)]
struct Tally {
    events: u64,
    lost: u64,
    missed: u64,
    times: Times,
}

/// Nanoseconds by their four leading bits: to within a sixteenth.
struct Times(Vec<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(vec![0; 64 * 16])
    }
}

impl Times {
    fn add(&mut self, nanoseconds: u64) {
        let power = (nanoseconds | 16).ilog2();
        let place = power as usize * 16 + (nanoseconds >> (power - 4)) as usize % 16;
        self.0[place] += 1;
    }

    fn at(&self, share: f64) -> u64 {
        let wanted = (self.0.iter().sum::<u64>() as f64 * share) as u64;
        let mut seen = 0;
        let place = self.0.iter().position(|count| {
            seen += count;
            seen > wanted
        });
        place.map_or(0, |place| (16 + place as u64 % 16) << (place / 16).saturating_sub(4))
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.lost += other.lost;
        self.missed += other.missed;
        self.times.0.iter_mut().zip(&other.times.0).for_each(|(count, more)| *count += more);
    }
}

fn work(mut worker: Worker, lines: &Texts, hits: &[bool], from: usize, done: &AtomicBool, total: &Mutex<Tally>) {
    let (mut out, mut at) = (Vec::new(), from);
    while !done.load(Ordering::Relaxed) {
        let mut tally = Tally::default();
        let begun = worker.counters().events;
        for _ in 0..EVENTS / 10 {
            let line = lines.get(at).as_bytes();
            out.clear();
            let start = Instant::now();
            let matched = worker.enrich_json(line, &mut out);
            tally.times.add(start.elapsed().as_nanos() as u64);
            tally.events += 1;
            tally.lost += u64::from(!out.starts_with(&line[..line.len() - 1]) || out.last() != Some(&b'}'));
            tally.missed += u64::from(hits[at] && !matched);
            at = (at + 1) % EVENTS;
        }
        // What the counters did not see is lost to whoever reads them.
        tally.lost += tally.events.abs_diff(worker.counters().events - begun);
        total.lock().unwrap().add(&tally);
    }
}

#[derive(Default)]
struct Watched {
    reloads: u64,
    refused: u64,
    /// MiB, after the first minute and at most since.
    memory: [f64; 2],
}

/// Changes the feed every second, and says every minute how it goes.
fn watch(
    folder: &Path,
    reloader: &mut Reloader,
    states: &[String; 2],
    length: Duration,
    total: &Mutex<Tally>,
) -> Watched {
    let (start, mut watched) = (Instant::now(), Watched::default());
    let minute = Duration::from_secs(60).min(length / 6);
    println!(
        "{:>7} {:>13} {:>6} {:>7} {:>8} {:>8} {:>7} {:>9} {:>8}",
        "seconds", "events", "lost", "missed", "reloads", "refused", "p50 ns", "p99.99 ns", "MiB"
    );
    let mut told = Duration::ZERO;
    while start.elapsed() < length {
        let next = start + Duration::from_secs(watched.reloads + 1);
        thread::sleep(next.saturating_duration_since(Instant::now()));
        watched.reloads += 1;
        // As programs replace files that others read.
        fs::write(folder.join("feed.new"), &states[watched.reloads as usize % 2]).unwrap();
        fs::rename(folder.join("feed.new"), folder.join("feed.txt")).unwrap();
        watched.refused += u64::from(!matches!(reloader.check(), Outcome::Published { .. }));
        let (elapsed, memory) = (start.elapsed(), memory());
        match &mut watched.memory {
            first if elapsed < minute => *first = [memory; 2],
            [_, most] => *most = most.max(memory),
        }
        if elapsed >= told + minute {
            told = elapsed;
            watched.tell(elapsed, &total.lock().unwrap());
        }
    }
    watched
}

impl Watched {
    fn tell(&self, elapsed: Duration, total: &Tally) {
        println!(
            "{:>7} {:>13} {:>6} {:>7} {:>8} {:>8} {:>7} {:>9} {:>8.1}",
            elapsed.as_secs(),
            total.events,
            total.lost,
            total.missed,
            self.reloads,
            self.refused,
            total.times.at(0.5),
            total.times.at(0.9999),
            self.memory[1],
        );
    }

    fn judge(&self, total: &Mutex<Tally>) -> bool {
        let total = total.lock().unwrap();
        let [first, most] = self.memory;
        let (median, slowest) = (total.times.at(0.5), total.times.at(0.9999));
        let judgements = [
            (total.lost == 0 && total.missed == 0, "no event lost, no match missed"),
            (self.refused == 0, "no reload refused"),
            (most <= first * 1.05, "memory stays within a twentieth of the first minute's"),
            (slowest <= 20 * median, "99.99 of 100 events within twenty times the median"),
        ];
        for (held, what) in judgements {
            println!("{}: {what}", if held { "held" } else { "MISSED" });
        }
        judgements.iter().all(|(held, _)| *held)
    }
}

/// What the process has of the machine's memory, in MiB; 0 where nobody says.
fn memory() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0 / f64::from(1 << 20)
}
