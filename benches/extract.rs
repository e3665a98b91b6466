//! What does a byte of text cost to look through for observables, by the sort of text, and how far is that from what no one can beat and from
//! what most would write?
//!
//! Below: *classify* tells for each byte whether it can stand in a name, sixteen at a time, and does nothing else. Above: *regex* has
//! one expression a kind, a `RegexSet` to say which apply to a line, and their captures. Each iteration is one text of some
//! 256 KiB; *lines* are given one by one, as events come, *hostile* texts whole.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "inputs are known")]

mod common;

use std::hint::black_box;
use std::io::Read as _;

use common::random::Random;
use common::{data, values};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use regex::bytes::{Regex, RegexSet};
use stormtag::Extractor;
use wide::u8x16;

const SIZE: usize = 256 << 10;

/// One expression a kind, as one finds them: generous, and without any of the rules.
const EXPRESSIONS: [&str; 6] = [
    r"(?-u)\b(https?|ftp)://([^\s/'\x22<>]+)([^\s'\x22<>]*)",
    r"(?-u)\b([A-Za-z0-9._+-]{1,64})@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})\b",
    r"(?-u)\b((?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z]{2,24})\b",
    r"(?-u)\b((?:[0-9]{1,3}\.){3}[0-9]{1,3})\b",
    r"(?-u)((?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4})",
    r"(?-u)\b([0-9a-fA-F]{128}|[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\b",
];

fn file(path: &str) -> Option<Vec<u8>> {
    let path = data(path)?;
    let bytes = std::fs::read(&path).unwrap();
    let mut text = Vec::new();
    if path.extension().is_some_and(|suffix| suffix == "gz") {
        flate2::bufread::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    } else {
        text = bytes;
    }
    let whole = text.repeat(SIZE.div_ceil(text.len()));
    Some(whole.get(..SIZE).unwrap().to_vec())
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').collect()
}

/// How many bytes can stand in a name.
fn classify(text: &[u8]) -> u32 {
    let (blocks, rest) = text.as_chunks::<16>();
    let splat = u8x16::splat;
    let of_block = |block: &[u8; 16]| {
        let bytes = u8x16::new(*block);
        let digits = (bytes - splat(b'-')).min(splat(b'9' - b'-')).simd_eq(bytes - splat(b'-'));
        let lower = (bytes | splat(0x20)) - splat(b'a');
        let letters = lower.min(splat(25)).simd_eq(lower);
        (digits & !bytes.simd_eq(splat(b'/')) | letters | bytes.simd_eq(splat(b'_'))).to_bitmask().count_ones()
    };
    let name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    blocks.iter().map(of_block).sum::<u32>() + rest.iter().filter(name).count() as u32
}

fn extract(c: &mut Criterion) {
    let set = RegexSet::new(EXPRESSIONS).unwrap();
    let each: Vec<Regex> = EXPRESSIONS.iter().map(|expression| Regex::new(expression).unwrap()).collect();
    for (name, path) in [
        ("apache", "events/apache/access-2015.log.gz"),
        ("sshd", "events/sshd/auth.log.gz"),
        ("zeek json", "events/zeek-json/dns.json.gz"),
        ("windows json", "events/windows/ntds-dump-ntdsutil.ndjson.gz"),
    ] {
        let Some(text) = file(path) else { continue };
        let lines = lines(&text);
        let mut group = c.benchmark_group(format!("extract/{name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("stormtag", |b| {
            let extractor = Extractor::new();
            b.iter(|| {
                let mut count = 0;
                lines.iter().for_each(|line| extractor.extract(line, |found| count += found.span().len()));
                count
            });
        });
        group.bench_function("regex", |b| {
            b.iter(|| {
                let mut count = 0;
                for line in &lines {
                    for at in set.matches(line) {
                        count += each.iter().skip(at).take(1).flat_map(|regex| regex.captures_iter(line)).count();
                    }
                }
                count
            });
        });
        group
            .bench_function("classify", |b| b.iter(|| lines.iter().map(|line| classify(black_box(line))).sum::<u32>()));
    }
}

fn hostile(c: &mut Criterion) {
    let mut random = Random::new(3);
    let base64 = |random: &mut Random| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random.below(64) as usize]
    };
    let dump =
        |random: &mut Random| format!("{:08x}  {:016x}{:016x}\n", random.below(1 << 32), random.next(), random.next());
    let mut texts = vec![
        ("prose", values::prose(&mut random, SIZE).into_bytes()),
        ("base64", (0..SIZE).map(|_| base64(&mut random)).collect()),
        ("hex dump", (0..SIZE / 43).flat_map(|_| dump(&mut random).into_bytes()).collect()),
    ];
    for (name, piece) in [
        ("dots", "."),
        ("digits", "7"),
        ("colons", ":"),
        ("at signs", "@"),
        ("slashes", "/"),
        ("a.", "a."),
        ("hex", "deadbeef01"),
        ("http", "http://"),
        ("marks", "[.]"),
    ] {
        texts.push((name, piece.repeat(SIZE / piece.len()).into_bytes()));
    }
    let mut group = c.benchmark_group("extract/hostile");
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        for (way, extractor) in [("events", Extractor::new()), ("reports", Extractor::refanging())] {
            group.bench_function(BenchmarkId::new(way, name), |b| {
                b.iter(|| {
                    let mut count = 0;
                    extractor.extract(text, |found| count += found.span().len());
                    count
                });
            });
        }
    }
}

criterion_group!(benches, extract, hostile);
criterion_main!(benches);
