//! What the benches share: seeded inputs, the same on every machine.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "each bench uses a part; inputs are known")]

pub(crate) mod databases;
pub(crate) mod events;
#[path = "../../tests/it/mmdb.rs"]
mod mmdb;
pub(crate) mod random;
pub(crate) mod values;
pub(crate) mod workload;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stormtag::{Catalog, Feed, Indicator, Intel, IntelBuilder, Kind, Pattern, Record, Report, Severity};

use random::{Random, Zipf};

/// Values in one piece of memory, as they would stand in a buffer of lines.
#[derive(Default)]
pub(crate) struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len() as u32);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start as usize..self.ends[at] as usize]
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> impl Iterator<Item = &str> {
        range.map(|at| self.get(at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.slice(0..self.len())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.all.len()
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|text| all.push(text.as_ref()));
        all
    }
}

/// Look-ups in one iteration of a bench: a time in microseconds is one in nanoseconds for each.
pub(crate) const BATCH: usize = 1000;
/// Values that a bench goes through before it begins anew: enough that no cache of the processor holds what they touch.
pub(crate) const QUERIES: usize = 128 * BATCH;

/// Batches round and round.
pub(crate) struct Ring {
    at: usize,
    length: usize,
    batch: usize,
}

impl Ring {
    pub(crate) fn new(length: usize, batch: usize) -> Self {
        assert!(length >= batch && batch > 0);
        Self { at: 0, length, batch }
    }

    pub(crate) fn turn(&mut self) -> Range<usize> {
        if self.at + self.batch > self.length {
            self.at = 0;
        }
        let from = self.at;
        self.at += self.batch;
        from..self.at
    }
}

/// How often which value is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Draw {
    /// Each as often as any other: what a scan or an attacker sends, and the worst for every cache.
    Uniform,
    /// The k-th in proportion to 1/k: what traffic looks like.
    Zipf,
}

impl Draw {
    pub(crate) const BOTH: [Self; 2] = [Self::Uniform, Self::Zipf];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        }
    }

    /// `count` positions below `of`.
    pub(crate) fn positions(self, of: usize, count: usize, random: &mut Random) -> Vec<usize> {
        match self {
            Self::Uniform => (0..count).map(|_| random.below(of as u64) as usize).collect(),
            Self::Zipf => {
                let zipf = Zipf::new(of, 1.0);
                (0..count).map(|_| zipf.sample(random)).collect()
            }
        }
    }
}

/// A kind of value in the form a bench wants it: how indicators look, and values that are looked up.
#[derive(Clone, Copy)]
pub(crate) struct Sort {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) indicator: fn(&mut Random) -> String,
    pub(crate) value: fn(&mut Random) -> String,
    /// From an indicator to a value that it covers.
    pub(crate) covered: fn(&str, &mut Random) -> String,
}

fn itself(indicator: &str, _: &mut Random) -> String {
    indicator.to_owned()
}

pub(crate) const IPV4: Sort =
    Sort { name: "ipv4", kind: Kind::Ip, indicator: values::ipv4, value: values::ipv4, covered: itself };
pub(crate) const IPV6: Sort =
    Sort { name: "ipv6", kind: Kind::Ip, indicator: values::ipv6, value: values::ipv6, covered: itself };
pub(crate) const DOMAIN: Sort =
    Sort { name: "domain", kind: Kind::Domain, indicator: values::name, value: values::host, covered: values::below };
pub(crate) const URL: Sort =
    Sort { name: "url", kind: Kind::Url, indicator: values::url, value: values::url, covered: itself };
pub(crate) const SHA256: Sort =
    Sort { name: "sha256", kind: Kind::Sha256, indicator: values::sha256, value: values::sha256, covered: itself };
pub(crate) const SORTS: [Sort; 5] = [IPV4, IPV6, DOMAIN, URL, SHA256];

impl Sort {
    /// So many different indicators.
    pub(crate) fn indicators(&self, count: usize, seed: u64) -> Texts {
        let mut random = Random::new(seed);
        let mut seen = std::collections::HashSet::with_capacity(count);
        let mut texts = Texts::default();
        while texts.len() < count {
            let text = (self.indicator)(&mut random);
            if seen.insert(text.clone()) {
                texts.push(&text);
            }
        }
        texts
    }

    /// Values that one of the indicators covers.
    pub(crate) fn hits(&self, indicators: &Texts, draw: Draw, count: usize, seed: u64) -> Texts {
        let mut random = Random::new(seed);
        let positions = draw.positions(indicators.len(), count, &mut random);
        positions.into_iter().map(|at| (self.covered)(indicators.get(at), &mut random)).collect()
    }

    /// Values that `known` says no to.
    pub(crate) fn misses(&self, known: impl Fn(&str) -> bool, draw: Draw, count: usize, seed: u64) -> Texts {
        let mut random = Random::new(seed);
        let fresh = |random: &mut Random| {
            loop {
                let value = (self.value)(random);
                if !known(&value) {
                    return value;
                }
            }
        };
        match draw {
            Draw::Uniform => (0..count).map(|_| fresh(&mut random)).collect(),
            Draw::Zipf => {
                let pool: Vec<String> = (0..200_000).map(|_| fresh(&mut random)).collect();
                draw.positions(pool.len(), count, &mut random).into_iter().map(|at| &pool[at]).collect()
            }
        }
    }
}

/// What a synthetic feed says: some hundred campaigns, the actor of a few of which is known.
pub(crate) fn records() -> Vec<Arc<Record>> {
    let mut random = Random::new(7);
    let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let record = |number: u64| Record {
        confidence: 40 + random.below(60) as u8,
        severity: Some(severities[number as usize % severities.len()]),
        campaigns: vec![format!("campaign-{number}").into()],
        actors: if number.is_multiple_of(8) { vec!["Volt Typhoon".into()] } else { Vec::new() },
        malware: vec![format!("family-{}", number / 2).into()],
        ..Record::new("synthetic")
    };
    (0..300).map(record).map(Arc::new).collect()
}

/// A feed of these texts.
pub(crate) fn feed(kind: Kind, texts: &Texts) -> Feed {
    let records = records();
    let mut feed = Feed::new("synthetic");
    let indicator = |(text, at): (&str, usize)| Indicator {
        pattern: Pattern::parse(kind, text).unwrap(),
        record: records[at % records.len()].clone(),
    };
    feed.indicators = texts.iter().zip(0..).map(indicator).collect();
    feed
}

pub(crate) fn build(feeds: impl IntoIterator<Item = Feed>) -> (Intel, Report) {
    let mut builder = IntelBuilder::new();
    builder.catalog(Catalog::builtin());
    feeds.into_iter().for_each(|feed| _ = builder.feed(feed));
    builder.build()
}

/// A file of the shared data; says so loudly where there is none.
pub(crate) fn data(path: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.map(|folder| folder.join("../shared/data").join(path)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: ../shared/data/{path} is not there");
    }
    found
}

/// A file of the shared data, unpacked.
pub(crate) fn unpacked(path: &str) -> Option<Vec<u8>> {
    let path = data(path)?;
    let bytes = std::fs::read(&path).unwrap();
    let out = unpack_xz(&bytes);
    if out.is_none() {
        eprintln!("SKIPPED: {} cannot be unpacked without the feature compression", path.display());
    }
    out
}

#[cfg(feature = "compression")]
fn unpack_xz(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut lzma_rust2::XzReader::new(bytes, true), &mut out).unwrap();
    Some(out)
}

#[cfg(not(feature = "compression"))]
fn unpack_xz(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// Lines `kind TAB value TAB family`: a real list of 700,000, or a synthetic one like it.
pub(crate) fn large_feed() -> (&'static str, String) {
    if let Some(bytes) = unpacked("feeds/maltrail-scale/maltrail-scale.tsv.xz") {
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.split_once('\n').map_or("", |(_, lines)| lines);
        return ("maltrail", lines.to_owned());
    }
    let mut random = Random::new(70);
    let mut text = String::new();
    for at in 0..700_000 {
        let family = random.below(1473);
        let (kind, value) = match at % 40 {
            0..32 => ("domain", values::name(&mut random)),
            32..39 => ("ip", values::ipv4(&mut random)),
            _ => ("url", values::url(&mut random)),
        };
        text.push_str(&format!("{kind}\t{value}\tfamily-{family}\n"));
    }
    ("synthetic", text)
}

/// Reads lines of `kind TAB value TAB family`.
pub(crate) fn read_feed(text: &str) -> Feed {
    let mut feed = Feed::new("large");
    let mut records: std::collections::HashMap<&str, Arc<Record>> = std::collections::HashMap::new();
    for line in text.lines() {
        let mut cells = line.split('\t');
        let (Some(kind), Some(value), Some(family)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let kind = match kind {
            "domain" => Kind::Domain,
            "url" => Kind::Url,
            _ => Kind::Ip,
        };
        let record = records
            .entry(family)
            .or_insert_with(|| Arc::new(Record { malware: vec![family.into()], ..Record::new("large") }));
        if let Ok(pattern) = Pattern::parse(kind, value) {
            feed.indicators.push(Indicator { pattern, record: record.clone() });
        }
    }
    feed
}

/// Nanoseconds that this thread was on a processor: on a machine that others use, the fair measure.
pub(crate) fn cpu_time() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
