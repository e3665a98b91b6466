//! What do two thousand behaviours cost a command line, beside one look-up of a domain name?
//!
//! `enrich_json` of events of one member, a command line of some 200 bytes that no behaviour matches, with the behaviours and without any;
//! the difference is their price. Command lines that are never the same twice, with memory and without, and by Zipf over 2,000, as hosts
//! run them. Beside them, in the same turns, the look-up of a name that misses among a million, from its text. Turn by turn, so that a
//! busy hour of the machine strikes all alike; time on a processor where the system tells it, means: its clock ticks too slowly for single turns.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "inputs are known")]

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use common::random::Random;
use common::{BATCH, DOMAIN, Draw, Texts, build, cpu_time, feed};
use stormtag::{Behaviours, FieldMap, IntelBuilder, Kind, Live, Worker};

const TURNS: usize = 7;
const EVENTS: usize = 32 * BATCH;
const BEHAVIOURS: usize = 2_000;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let names = Live::new(build([feed(DOMAIN.kind, &DOMAIN.indicators(1_000_000, 1))]).0);
    let queries: Texts = {
        let mut random = Random::new(5);
        (0..EVENTS * (TURNS + 1)).map(|_| (DOMAIN.value)(&mut random)).collect()
    };
    let mut random = Random::new(3);
    let behaviours = Behaviours::parse("bench", &behaviours(&mut random)).unwrap();
    assert_eq!(behaviours.len(), BEHAVIOURS);
    let with = Live::new(IntelBuilder::new().behaviours(behaviours).build().0);
    let without = Live::new(IntelBuilder::new().build().0);
    println!(
        "{:<22} {:>12} {:>12} {:>12} {:>14}",
        "command lines", "with, ns", "without, ns", "price, ns", "of a look-up"
    );
    for (label, draw, cache) in [
        ("never the same twice", Draw::Uniform, 1 << 13),
        ("the same, no memory", Draw::Uniform, 0),
        ("by Zipf over 2,000", Draw::Zipf, 1 << 13),
    ] {
        let lines = lines(draw);
        let mut name_worker = names.worker();
        let mut workers = [worker(&with, cache), worker(&without, cache)];
        let mut times = [0.0; 3];
        for turn in 0..=TURNS {
            let range = turn * EVENTS..(turn + 1) * EVENTS;
            let mut taken = [0.0; 3];
            for (worker, taken) in workers.iter_mut().zip(&mut taken) {
                let mut out = Vec::new();
                *taken = timed(|| {
                    for (line, at) in lines.slice(range.clone()).zip(0usize..) {
                        if at.is_multiple_of(BATCH) {
                            out.clear();
                        }
                        assert!(!worker.enrich_json(line.as_bytes(), &mut out));
                    }
                });
            }
            taken[2] = timed(|| {
                let found = |text: &str| !name_worker.look_up(Kind::Domain, text).unwrap().is_empty();
                std::hint::black_box(queries.slice(range.clone()).map(found).filter(|&found| found).count());
            });
            // The first turn fills the memory.
            if turn > 0 {
                times.iter_mut().zip(taken).for_each(|(times, taken)| *times += taken / TURNS as f64);
            }
        }
        let [with, without, name] = times;
        let price = with - without;
        println!("{label:<22} {with:>12.0} {without:>12.0} {price:>12.0} {:>9.1} x {name:.0}", price / name);
    }
}

fn worker(live: &Live, cache: usize) -> Worker {
    let mut worker = live.worker();
    // What else is done with a command line stands apart.
    worker.set_fields(FieldMap::parse("bench", "CommandLine command_line").unwrap()).set_cache(cache);
    worker
}

/// Nanoseconds an event.
fn timed(run: impl FnOnce()) -> f64 {
    let (start, start_busy) = (Instant::now(), cpu_time());
    run();
    let busy = cpu_time().zip(start_busy).map(|(end, start)| end - start);
    busy.map_or(start.elapsed().as_nanos() as f64, |busy| busy as f64) / EVENTS as f64
}

/// What rules and command lines have in common: programs, folders, options.
const COMMON: [&str; 16] = [
    r"C:\\Windows\\System32\\",
    r"C:\\Program Files\\",
    "powershell.exe",
    "cmd.exe /c ",
    "-ExecutionPolicy Bypass",
    "-NoProfile ",
    "-Command ",
    "rundll32.exe ",
    "reg.exe add ",
    r"HKLM\\Software\\",
    "svchost.exe -k ",
    "net use ",
    "schtasks /create ",
    "msiexec /i ",
    " /quiet ",
    "wmic process ",
];

/// Rules as they are written: a program that many speak of, and what tells them apart.
fn behaviours(random: &mut Random) -> String {
    let mut file = String::new();
    for id in 0..BEHAVIOURS {
        let common = random.pick(&COMMON).trim();
        let own = [word(random, "zx"), word(random, "q")];
        let _ = writeln!(
            file,
            "[[behaviour]]\nid = \"{id}\"\nname = \"{id}\"\nall = [{{ field = \"command_line\", contains = \"{common}\" }}, \
             {{ field = \"command_line\", contains = [\"-{}\", \"{}\"] }}]",
            own[0], own[1],
        );
    }
    file
}

/// A word of eight to eleven letters, each as frequent as in English text.
fn word(random: &mut Random, mark: &str) -> String {
    const LETTERS: &[u8] =
        b"eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvk";
    let mut word = mark.to_owned();
    for _ in 0..8 + random.below(4) {
        word.push(LETTERS[random.below(LETTERS.len() as u64) as usize].into());
    }
    word
}

/// Events of one command line, of 150 to 250 bytes.
fn lines(draw: Draw) -> Texts {
    let count = (TURNS + 1) * EVENTS;
    let mut random = Random::new(9);
    let pool = match draw {
        Draw::Uniform => count,
        Draw::Zipf => 2_000,
    };
    let made: Vec<String> = (0..pool)
        .map(|number| {
            let length = 150 + random.below(100) as usize;
            let mut line = String::from(r#"{"CommandLine":""#);
            while line.len() < length {
                line.push_str(random.pick(&COMMON));
                let _ = write!(line, "{} ", word(&mut random, ""));
            }
            let _ = write!(line, r#"{number}"}}"#);
            line
        })
        .collect();
    match draw {
        Draw::Uniform => made.into_iter().collect(),
        Draw::Zipf => draw.positions(pool, count, &mut random).into_iter().map(|at| made[at].as_str()).collect(),
    }
}
