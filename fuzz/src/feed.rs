//! Feeds: every item is accounted for, what was read is in normal form, and what was taken in is found.

use std::fs;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use stormtag::{
    Columns, Defaults, Error, Feed, Format, IntelBuilder, Kind, Limits, Observable, Pattern, Reason, Record, Rejections,
};

use crate::grow::{Words, grow, words};
use crate::is_an_error;
use crate::memory::bounded;

const NAME: &str = "fuzz";

/// Memory that a byte of a feed may cost. The shortest line of a table with a record of its own, `a,b`, is what comes near.
const A_BYTE: usize = 512;

/// All formats of JSON share their words.
pub(crate) static WORDS: Words = Words::new(|| words(include_str!("../dictionaries/feed.dict")));

/// Nothing is refused: what is refused is not found.
pub(crate) const EVERYTHING: Limits =
    Limits { shortest_v4: 0, shortest_v6: 0, special_use: true, single_labels: true, public_suffixes: true };

/// A feed of one format.
pub fn feed(format: Format, data: &[u8]) {
    let data = match format {
        Format::Json | Format::Misp | Format::Stix => &grow(data, &WORDS),
        _ => data,
    };
    let read = |reader: &mut dyn Read, defaults: &Defaults| Feed::read(reader, NAME, Some(format), defaults);
    let Some(feed) = both_ways(data, read) else { return };
    let compressed = [&b"\x1f\x8b"[..], b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"].iter().any(|magic| data.starts_with(magic));
    let of_lines =
        [Format::Plain, Format::Csv, Format::Tsv, Format::Zeek, Format::Maltrail, Format::Loki, Format::Text];
    if of_lines.contains(&format) && !compressed {
        let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
        let lines = text.split_inclusive(|&byte| byte == b'\n').count() as u64;
        assert_eq!(feed.items, lines, "{format}: lines");
    }
    if [Format::Stix, Format::OpenIoc, Format::Maltrail, Format::Zeek, Format::Loki].contains(&format) {
        assert_eq!(feed.items, feed.used + feed.rejected.total() + feed.passed.total(), "{format}: items of one value");
    }
    check(feed);
}

/// A feed of which nothing is known: its format is guessed, its compression undone.
pub fn whatever(data: &[u8]) {
    let read = |reader: &mut dyn Read, defaults: &Defaults| Feed::read(reader, NAME, None, defaults);
    both_ways(data, read).map(check);
}

/// A table whose columns are given: the first line names them, in the order of [`Columns`].
pub fn table(data: &[u8]) {
    let (first, rest) = data.split_at(data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len()));
    let mut names = first.split(|&byte| byte == b'|').map(|name| String::from_utf8_lossy(name).into_owned());
    let mut name = || names.next().filter(|name| !name.is_empty());
    let columns = Columns {
        value: name(),
        kind: name(),
        confidence: name(),
        actor: name(),
        tags: name(),
        valid_until: name(),
        last_seen: name(),
        tlp: name(),
        ..Columns::default()
    };
    let rest = rest.get(1..).unwrap_or_default();
    let read = |reader: &mut dyn Read, defaults: &Defaults| Feed::read_table(reader, NAME, &columns, defaults);
    both_ways(rest, read).map(check);
}

/// One STIX pattern, in an indicator that is whole but for it.
pub fn pattern(data: &[u8]) {
    let Ok(pattern) = str::from_utf8(data) else { return };
    let object =
        serde_json::json!({"type": "indicator", "id": "indicator--1", "pattern_type": "stix", "pattern": pattern});
    let text = object.to_string();
    let read = |reader: &mut dyn Read, defaults: &Defaults| Feed::read(reader, NAME, Some(Format::Stix), defaults);
    let feed = both_ways(text.as_bytes(), read).expect("an object is an object");
    assert_eq!((feed.items, feed.used + feed.rejected.total()), (1, 1), "{pattern}");
    assert_eq!(feed.used == 1, !feed.indicators.is_empty(), "{pattern}");
    // Space around it says nothing.
    let spaced = serde_json::json!({"type": "indicator", "id": "indicator--1", "pattern": format!(" \t{pattern}\n ")});
    let again = Feed::read(spaced.to_string().as_bytes(), NAME, Some(Format::Stix), &defaults(&[])).unwrap();
    let patterns = |feed: &Feed| feed.indicators.iter().map(|found| found.pattern.clone()).collect::<Vec<_>>();
    assert_eq!(patterns(&feed), patterns(&again), "{pattern}");
    check(feed);
}

/// A folder as MISP publishes feeds: the manifest, a NUL, and its one event.
pub fn misp_folder(data: &[u8]) {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = std::env::temp_dir().join(format!("stormtag-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    });
    let (manifest, event) = data.split_at(data.iter().position(|&byte| byte == 0).unwrap_or(data.len()));
    fs::write(FOLDER.join("manifest.json"), manifest).unwrap();
    fs::write(FOLDER.join("a.json"), event.get(1..).unwrap_or_default()).unwrap();
    let read = || Feed::open(&*FOLDER, None, &defaults(data));
    match bounded(data.len(), A_BYTE, read) {
        Ok(feed) => check(feed),
        Err(error) => is_an_error(&error, FOLDER.to_str().unwrap()),
    }
}

/// What the settings are is told by the length, so that both are tried.
fn defaults(data: &[u8]) -> Defaults {
    let context = data.len() % 2 == 1;
    Defaults { time_to_live: Some(86_400), context, ..Record::new("").into() }
}

/// A reader that gives few bytes at a time.
struct Trickle<'d>(&'d [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (now, later) = self.0.split_at(self.1.min(self.0.len()).min(into.len()));
        into[..now.len()].copy_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

/// The feed, which does not depend on how its bytes come.
fn both_ways(data: &[u8], read: impl Fn(&mut dyn Read, &Defaults) -> Result<Feed, Error>) -> Option<Feed> {
    let defaults = defaults(data);
    let whole = bounded(data.len(), A_BYTE, || read(&mut &data[..], &defaults));
    let parts = read(&mut Trickle(data, 1 + data.len() % 37), &defaults);
    match (whole, parts) {
        (Ok(whole), Ok(parts)) => {
            assert_eq!(whole.indicators, parts.indicators);
            assert_eq!((whole.items, whole.used), (parts.items, parts.used));
            for (whole, parts) in [(&whole.rejected, &parts.rejected), (&whole.passed, &parts.passed)] {
                assert_eq!(whole.first(), parts.first());
            }
            Some(whole)
        }
        (Err(whole), Err(parts)) => {
            assert_eq!(whole.to_string(), parts.to_string());
            is_an_error(&whole, NAME);
            None
        }
        (whole, parts) => panic!("whole: {whole:?}, in parts: {parts:?}"),
    }
}

/// What is true of every feed.
fn check(feed: Feed) {
    let sum = feed.used + feed.rejected.total() + feed.passed.total();
    let values = feed.indicators.len() as u64 + feed.rejected.total() + feed.passed.total();
    assert!(
        feed.used <= feed.items && feed.items <= sum && sum <= values,
        "{} {} {sum} {values}",
        feed.used,
        feed.items
    );
    for rejections in [&feed.rejected, &feed.passed, &feed.ignored] {
        are_told(rejections);
    }
    for indicator in &feed.indicators {
        let (pattern, text) = (&indicator.pattern, indicator.pattern.to_string());
        assert_eq!(Pattern::parse(pattern.kind(), &text).as_ref(), Ok(pattern), "{text:?}");
        assert!(indicator.record.confidence <= 100);
    }

    let (indicators, rejected) = (feed.indicators.clone(), feed.rejected.total());
    let given = indicators.len() as u64;
    let (intel, report) = IntelBuilder::new().limits(EVERYTHING).feed(feed).build();
    assert_eq!((report.accepted() + report.refused(), report.given()), (given, given + rejected));
    let source = &report.sources()[0];
    let gone = source.duplicates() + source.over_limit() + source.suppressed();
    assert_eq!((source.in_force() + gone, source.suppressed()), (source.accepted(), 0));
    // What is told nobody's value of is not looked up, and no more than this is worth the time.
    for indicator in indicators.iter().take(64) {
        let Some(value) = example(&indicator.pattern) else { continue };
        assert!(!intel.look_up(&value).is_empty() || report.refused() > 0, "{:?} is not found", indicator.pattern);
    }
    assert!(report.refused() == 0, "{:?}", report.sources()[0].refused().first());
}

/// The texts are kept as far as it says, and as many as it says.
fn are_told(rejections: &Rejections) {
    let counts: Vec<(Reason, u64)> = rejections.counts().collect();
    assert_eq!(rejections.total(), counts.iter().map(|(_, count)| count).sum::<u64>());
    for (reason, count) in counts {
        let told = rejections.first().iter().filter(|rejected| rejected.reason == reason).count() as u64;
        assert_eq!(told, count.min(5), "{reason:?}");
    }
    assert!(rejections.first().iter().all(|rejected| rejected.text.len() <= 160));
}

/// A value that the pattern matches, as far as its text has one.
fn example(pattern: &Pattern) -> Option<Observable<'static>> {
    let text = pattern.to_string();
    let value = match pattern.kind() {
        Kind::Ip => {
            let first: IpAddr = text.split(['/', '-']).next()?.parse().ok()?;
            first.to_string()
        }
        kind @ (Kind::Domain | Kind::Url) => {
            let text = text.trim_start_matches('=').trim_end_matches('*');
            let has_scheme = text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?']));
            if kind == Kind::Url && !has_scheme { format!("http://{text}") } else { text.to_owned() }
        }
        _ => text,
    };
    let value = Observable::parse(pattern.kind(), &value);
    Some(value.unwrap_or_else(|why| panic!("{pattern:?}: {why}")).into_owned())
}
