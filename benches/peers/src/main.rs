//! What else would one use, and how does it do on the same input in the same process?
//!
//! Nanoseconds a look-up, medians of turns; memory as the allocator counts it after building. What an engine does *not* know is said
//! beside its figures: exact names only, addresses without networks, one network where several cover.

#[path = "../../common/mod.rs"]
mod common;
mod engines;

use std::alloc::System;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use common::random::Random;
use common::{DOMAIN, Draw, IPV4, QUERIES, databases, median, values};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TURNS: usize = 7;

/// One way to do the work: what it is called, what it does less or more than the others, and how many of these it knows.
struct Engine<'e, Q> {
    name: &'static str,
    remark: &'static str,
    bytes: f64,
    seconds: f64,
    find: Box<dyn Fn(&[Q]) -> usize + 'e>,
}

impl<'e, Q> Engine<'e, Q> {
    fn new<T: 'e>(
        name: &'static str,
        remark: &'static str,
        build: impl FnOnce() -> T,
        find: impl Fn(&T, &Q) -> bool + 'e,
    ) -> Self {
        let held = || {
            let stats = ALLOCATOR.stats();
            stats.bytes_allocated as f64 - stats.bytes_deallocated as f64
        };
        let (before, start) = (held(), Instant::now());
        let built = build();
        let (bytes, seconds) = (held() - before, start.elapsed().as_secs_f64());
        eprintln!("built {name} ({remark}) in {seconds:.2} s");
        let find = Box::new(move |queries: &[Q]| queries.iter().filter(|query| find(&built, query)).count());
        Self { name, remark, bytes, seconds, find }
    }
}

/// Runs all engines on all inputs, turn by turn, and prints a table.
fn compare<Q>(title: &str, engines: &[Engine<'_, Q>], inputs: &[(&str, Vec<Q>)]) {
    println!("\n## {title}\n");
    let columns: String = inputs.iter().map(|(name, _)| format!(" {name}, ns |")).collect();
    println!("| |{columns} built in, s | MB | |");
    println!("|---|{}---:|---:|---|", "---:|".repeat(inputs.len()));
    let mut times = vec![vec![Vec::new(); inputs.len()]; engines.len()];
    let mut found = vec![vec![0; inputs.len()]; engines.len()];
    for turn in 0..=TURNS {
        for (engine, (times, found)) in engines.iter().zip(times.iter_mut().zip(&mut found)) {
            for ((_, queries), (times, found)) in inputs.iter().zip(times.iter_mut().zip(found)) {
                let start = Instant::now();
                *found = black_box((engine.find)(queries));
                // The first warms up.
                if turn > 0 {
                    times.push(start.elapsed().as_nanos() as f64 / queries.len() as f64);
                }
            }
        }
    }
    for (engine, (times, found)) in engines.iter().zip(times.into_iter().zip(found)) {
        let columns: String = times
            .into_iter()
            .zip(found)
            .zip(inputs)
            .map(|((times, found), (_, queries))| {
                format!(" {:.0} ({:.0} %) |", median(times), 100.0 * found as f64 / queries.len() as f64)
            })
            .collect();
        println!(
            "| {} |{columns} {:.2} | {:.1} | {} |",
            engine.name,
            engine.seconds,
            engine.bytes / 1e6,
            engine.remark
        );
    }
}

fn main() {
    println!("In brackets: the share of values found.");
    addresses();
    names();
    places();
    texts();
}

/// 100,000 addresses and 20,000 networks.
fn addresses() {
    let singles = IPV4.indicators(100_000, 1);
    let mut random = Random::new(2);
    let networks: Vec<String> = (0..20_000)
        .map(|_| {
            format!("{}/{}", values::address_v4(&mut random), 20 + random.below(11)).parse::<ipnet::IpNet>().unwrap()
        })
        .map(|network| network.trunc().to_string())
        .collect();
    let all: common::Texts = singles.iter().map(str::to_owned).chain(networks).collect();
    let mut covered = Random::new(3);
    let hits: Vec<IpAddr> =
        (0..QUERIES).map(|_| singles.get(covered.below(singles.len() as u64) as usize).parse().unwrap()).collect();
    let mixed = databases::addresses(QUERIES, 4);
    let engines = [
        engines::address_stormtag(&all),
        engines::address_hash_map(&all),
        engines::address_ip_network_table(&all),
        engines::address_prefix_trie(&all),
        engines::address_matchy(&all, 0),
        engines::address_matchy(&all, 10_000),
    ];
    compare("Indicators: 100,000 addresses, 20,000 networks", &engines, &[("uniform", mixed), ("hit", hits)]);
}

/// 200,000 names that cover their subdomains.
fn names() {
    let names = DOMAIN.indicators(200_000, 1);
    let set: std::collections::HashSet<&str> = names.iter().collect();
    let known = |name: &str| {
        let mut rest = Some(name);
        std::iter::from_fn(|| {
            let this = rest?;
            rest = this.split_once('.').map(|(_, parent)| parent);
            Some(this)
        })
        .any(|name| set.contains(name))
    };
    let owned = |texts: common::Texts| texts.iter().map(str::to_owned).collect::<Vec<String>>();
    let misses = owned(DOMAIN.misses(known, Draw::Uniform, QUERIES, 2));
    let zipf = owned(DOMAIN.misses(known, Draw::Zipf, QUERIES, 2));
    let hits = owned(DOMAIN.hits(&names, Draw::Uniform, QUERIES, 3));
    let some = names.slice(0..20_000).map(str::to_owned).collect();
    let engines = [
        engines::name_stormtag(&names),
        engines::name_hash_set(&names, true),
        engines::name_hash_set(&names, false),
        engines::name_matchy(&names, false, 0),
        engines::name_matchy(&names, false, 10_000),
        engines::name_matchy(&some, true, 0),
    ];
    compare(
        "Indicators: 200,000 names, looked up as text",
        &engines,
        &[("miss", misses), ("miss, Zipf", zipf), ("hit", hits)],
    );
}

/// ASN, organisation, country, city, coordinates.
fn places() {
    let (asn, city) = (databases::asn(), databases::city());
    println!("\nThe databases' files have {:.1} MB.", (asn.len() + city.len()) as f64 / 1e6);
    let addresses = databases::addresses(QUERIES, 5);
    let engines = [
        engines::place_stormtag(&asn, &city),
        engines::place_maxminddb(&asn, &city),
        engines::place_matchy(&asn, &city),
    ];
    compare("ASN and place of an address", &engines, &[("uniform", addresses)]);
}

/// Raw lines, one by one and in larger pieces.
fn texts() {
    let files = [("apache", "events/apache/access-2015.log.gz"), ("sshd", "events/sshd/auth.log.gz")];
    let read = |(name, path): (&'static str, &str)| {
        let bytes = std::fs::read(common::data(path)?).unwrap();
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut flate2::bufread::MultiGzDecoder::new(&bytes[..]), &mut text).unwrap();
        Some((name, text))
    };
    let files: Vec<(&str, Vec<u8>)> = files.into_iter().filter_map(read).collect();
    let lines = files.iter().map(|(name, text)| {
        (*name, text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>())
    });
    compare(
        "Observables in text, a line",
        &[engines::text_stormtag(), engines::text_matchy(false)],
        &lines.collect::<Vec<_>>(),
    );
    let pieces =
        files.iter().map(|(name, text)| (*name, text.chunks(64 << 10).map(<[u8]>::to_vec).collect::<Vec<_>>()));
    let engines = [engines::text_stormtag(), engines::text_matchy(true)];
    compare("Observables in text, 64 KiB", &engines, &pieces.collect::<Vec<_>>());
}
