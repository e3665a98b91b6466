//! The linear twin: what covers a value, found by going over all statements one by one.
//!
//! Everything is drawn from small alphabets, so that statements collide, nest and touch. Statements are drawn as models, which
//! are written out in one of several spellings for the product and compared as they are by the twin: it shares no code with
//! the product but the parser of values. `STORMTAG_ORACLE_CASES` is the number of `Intel`s built for each shape.

use std::cmp::Reverse;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use stormtag::{
    AllowList, Feed, Indicator, Intel, IntelBuilder, Kind, Limits, Match, Mode, Observable, Pattern, Record,
};

/// `Intel`s for each shape, and values looked up in each: a million comparisons in all.
const CASES: u64 = 500;
const VALUES: usize = 340;

#[test]
fn ipv4() {
    compare(&[Draw::V4]);
}

#[test]
fn ipv6() {
    compare(&[Draw::V6]);
}

#[test]
fn names() {
    compare(&[Draw::Name]);
}

#[test]
fn urls() {
    compare(&[Draw::Url]);
}

#[test]
fn digests_and_words() {
    compare(&[Draw::Exact]);
}

#[test]
fn everything_at_once() {
    compare(&[Draw::V4, Draw::V6, Draw::Name, Draw::Url, Draw::Exact]);
}

fn compare(draws: &[Draw]) {
    let cases = std::env::var("STORMTAG_ORACLE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let mut hits = 0;
    for seed in 0..cases {
        let random = &mut Random(seed);
        let case = Case::draw(random, draws);
        let intel = case.build();
        for _ in 0..VALUES {
            let value = case.value(random, draws);
            match difference(&case, &intel, &value) {
                Ok(found) => hits += usize::from(found),
                Err(_) => {
                    let case = case.smallest(&value);
                    let why = difference(&case, &case.build(), &value).unwrap_err();
                    panic!("seed {seed} of {draws:?}, {value:?}:\n{case}{why}");
                }
            }
        }
    }
    let asked = cases as usize * VALUES;
    assert!(hits * 5 > asked, "{hits} of {asked} values were covered: the alphabets have become too large");
}

/// Whether anything covers the value; what product and twin say where they differ.
fn difference(case: &Case, intel: &Intel, value: &Value) -> Result<bool, String> {
    let observable = Observable::parse(value.kind, &value.spelling).unwrap();
    let finding = intel.look_up(&observable);
    if intel.is_listed(&observable) == finding.is_empty() {
        return Err("`is_listed` says otherwise than `look_up`".into());
    }
    let expected = case.twin(value);
    for suppressed in [false, true] {
        let found: Vec<Shown> = if suppressed {
            finding.suppressed().map(Shown::of).collect()
        } else {
            finding.matches().map(Shown::of).collect()
        };
        let expected: Vec<&(Rank, Shown)> =
            expected.iter().filter(|(_, shown)| shown.suppressed.is_some() == suppressed).collect();
        // In order of rank; within a rank in any order.
        let mut rest = found.as_slice();
        let agree = expected.chunk_by(|a, b| a.0 == b.0).all(|same| {
            let Some((part, behind)) = rest.split_at_checked(same.len()) else { return false };
            rest = behind;
            let mut part = part.to_vec();
            part.sort();
            part.iter().eq(same.iter().map(|(_, shown)| shown))
        });
        if !agree || !rest.is_empty() {
            return Err(format!("suppressed: {suppressed}\n  expected {expected:#?}\n  found {found:#?}"));
        }
    }
    if finding.is_empty() != expected.is_empty() {
        return Err(format!("is_empty: {}\n  expected {expected:#?}", finding.is_empty()));
    }
    Ok(!expected.is_empty())
}

/// How specific a statement is about a value, among those that cover it.
type Rank = (usize, usize);

/// What can be seen of a match.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Shown {
    indicator: String,
    source: String,
    confidence: u8,
    suppressed: Option<String>,
    informed: Option<String>,
}

impl Shown {
    fn of(found: Match<'_>) -> Self {
        Self {
            indicator: found.indicator().into_owned(),
            source: found.record().source.to_string(),
            confidence: found.record().confidence,
            suppressed: found.suppressed_by().map(|by| by.list.to_owned()),
            informed: found.informed_by().map(|by| by.list.to_owned()),
        }
    }
}

/// What is stated, and what of.
#[derive(Clone)]
struct Case {
    indicators: Vec<(Statement, Arc<Record>)>,
    lists: Vec<(Mode, Vec<Statement>)>,
}

#[derive(Clone, Debug)]
struct Statement {
    kind: Kind,
    place: Place,
    spelling: String,
}

#[derive(Clone, Debug)]
enum Place {
    /// From first to last; the text is how it is shown.
    Addresses {
        v6: bool,
        first: u128,
        last: u128,
        shown: String,
    },
    Name {
        name: String,
        alone: bool,
    },
    Url {
        url: String,
        any_scheme: bool,
        prefix: bool,
    },
    Exact(String),
}

#[derive(Clone, Debug)]
struct Value {
    kind: Kind,
    /// Normal form.
    text: String,
    /// Of an address.
    bits: u128,
    v6: bool,
    spelling: String,
}

impl Statement {
    /// How specific the statement is about the value, and how it is shown; none if it does not cover it.
    fn covers(&self, value: &Value) -> Option<(Rank, String)> {
        if self.kind != value.kind {
            return None;
        }
        match &self.place {
            Place::Addresses { v6, first, last, shown } => {
                if *v6 != value.v6 || value.bits < *first || *last < value.bits {
                    return None;
                }
                // Of the networks that a range is made of, the one around the value is the widest that stays within the range.
                let width = if *v6 { 128 } else { 32 };
                let length = (0..=width).find(|&length| {
                    let host = 1u128.checked_shl(width - length).unwrap_or(0).wrapping_sub(1);
                    value.bits & !host >= *first && value.bits | host <= *last
                })?;
                Some(((length as usize, 0), shown.clone()))
            }
            Place::Name { name, alone } => {
                let below = value.text.strip_suffix(name.as_str())?;
                (below.is_empty() || !alone && below.ends_with('.'))
                    .then(|| ((name.len(), usize::from(*alone)), name.clone()))
            }
            Place::Url { url, any_scheme, prefix } => {
                let url = match value.text.split_once(':')?.0 {
                    scheme @ ("http" | "https") if *any_scheme => format!("{scheme}:{url}"),
                    _ => url.clone(),
                };
                let without_query = value.text.split('?').next()?;
                let rank = if *prefix {
                    without_query.starts_with(&url).then_some((0, url.len()))
                } else if value.text == url {
                    Some((2, 0))
                } else {
                    (without_query == url).then_some((1, 0))
                }?;
                Some((rank, url))
            }
            Place::Exact(text) => (*text == value.text).then(|| ((0, 0), text.clone())),
        }
    }

    fn pattern(&self) -> Pattern {
        Pattern::parse(self.kind, &self.spelling).unwrap_or_else(|why| panic!("{}: {why}", self.spelling))
    }
}

impl Case {
    fn draw(random: &mut Random, draws: &[Draw]) -> Self {
        let feeds = 1 + random.below(4);
        let indicators = (0..random.below(48))
            .map(|_| {
                let source = format!("feed {}", random.below(feeds));
                let record = Record { confidence: random.below(2) as u8, ..Record::new(&source) };
                (random.pick(draws).statement(random), Arc::new(record))
            })
            .collect();
        let mut lists: Vec<(Mode, Vec<Statement>)> = (0..random.below(5))
            .map(|_| {
                let mode = if random.one_in(3) { Mode::Inform } else { Mode::Suppress };
                (mode, (0..random.below(8)).map(|_| random.pick(draws).statement(random)).collect())
            })
            .collect();
        let mut case = Self { indicators, lists: Vec::new() };
        // Entries at the very place of an indicator are what ties are made of.
        for (_, entries) in &mut lists {
            for _ in 0..random.below(4).min(case.indicators.len()) {
                entries.push(random.pick(&case.indicators).0.clone());
            }
        }
        for _ in 0..random.below(6).min(case.indicators.len()) {
            let (statement, record) = random.pick(&case.indicators).clone();
            let record = if random.one_in(2) { record } else { random.pick(&case.indicators).1.clone() };
            case.indicators.push((statement, record));
        }
        case.lists = lists;
        case
    }

    fn build(&self) -> Intel {
        let mut builder = IntelBuilder::new();
        builder.limits(Limits {
            special_use: true,
            single_labels: true,
            public_suffixes: true,
            shortest_v4: 0,
            shortest_v6: 0,
        });
        let mut feeds: Vec<Feed> = Vec::new();
        for (statement, record) in &self.indicators {
            let at = feeds.iter().position(|feed| feed.source == record.source).unwrap_or_else(|| {
                feeds.push(Feed::new(&record.source));
                feeds.len() - 1
            });
            feeds[at].indicators.push(Indicator { pattern: statement.pattern(), record: record.clone() });
        }
        for feed in feeds {
            builder.feed(feed);
        }
        for (number, (mode, entries)) in self.lists.iter().enumerate() {
            builder.allow(AllowList {
                name: name_of_list(number),
                mode: *mode,
                patterns: entries.iter().map(Statement::pattern).collect(),
                ..AllowList::default()
            });
        }
        let (intel, report) = builder.build();
        assert_eq!(report.accepted(), self.indicators.len() as u64);
        intel
    }

    /// A value that is likely to be covered.
    fn value(&self, random: &mut Random, draws: &[Draw]) -> Value {
        if self.indicators.is_empty() || random.one_in(3) {
            return random.pick(draws).value(random);
        }
        let near = if random.one_in(4)
            && let Some((_, entries)) = self.lists.first()
            && !entries.is_empty()
        {
            random.pick(entries)
        } else {
            &random.pick(&self.indicators).0
        };
        value_near(random, near)
    }

    /// Every record that covers the value, the most specific first.
    fn twin(&self, value: &Value) -> Vec<(Rank, Shown)> {
        let allowed: Vec<(Rank, usize)> = self
            .lists
            .iter()
            .enumerate()
            .flat_map(|(number, (_, entries))| entries.iter().map(move |entry| (number, entry)))
            .filter_map(|(number, entry)| Some((entry.covers(value)?.0, number)))
            .collect();
        // The list with the most specific of the entries that are at least as specific as the record; of several the first.
        let list = |rank: Rank, informs: bool| {
            let mut entries: Vec<_> = allowed
                .iter()
                .filter(|(at, number)| *at >= rank && matches!(self.lists[*number].0, Mode::Inform) == informs)
                .collect();
            entries.sort_by_key(|&&(at, number)| (Reverse(at), number));
            entries.first().map(|(_, number)| name_of_list(*number))
        };
        let mut found: Vec<(Rank, Shown)> = Vec::new();
        for (statement, record) in &self.indicators {
            let Some((rank, indicator)) = statement.covers(value) else { continue };
            let shown = Shown {
                indicator,
                source: record.source.to_string(),
                confidence: record.confidence,
                suppressed: list(rank, false),
                informed: list(rank, true),
            };
            found.push((rank, shown));
        }
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        // One record is shown once for one indicator, however often it is given.
        found.dedup();
        found
    }

    /// The same disagreement with as few statements as can be.
    fn smallest(&self, value: &Value) -> Self {
        let mut case = self.clone();
        let fails = |case: &Case| difference(case, &case.build(), value).is_err();
        for at in (0..case.indicators.len()).rev() {
            let mut less = case.clone();
            less.indicators.remove(at);
            if fails(&less) {
                case = less;
            }
        }
        for list in 0..case.lists.len() {
            for at in (0..case.lists[list].1.len()).rev() {
                let mut less = case.clone();
                less.lists[list].1.remove(at);
                if fails(&less) {
                    case = less;
                }
            }
        }
        case
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (statement, record) in &self.indicators {
            writeln!(f, "  {} {:?} of {} {}", statement.kind, statement.spelling, record.source, record.confidence)?;
        }
        for (number, (mode, entries)) in self.lists.iter().enumerate().filter(|(_, (_, entries))| !entries.is_empty()) {
            let entries: Vec<_> = entries.iter().map(|entry| &entry.spelling).collect();
            writeln!(f, "  {}, {mode:?}: {entries:?}", name_of_list(number))?;
        }
        Ok(())
    }
}

fn name_of_list(number: usize) -> String {
    format!("list {number}")
}

/// What to draw.
#[derive(Clone, Copy, Debug)]
enum Draw {
    V4,
    V6,
    Name,
    Url,
    Exact,
}

impl Draw {
    fn statement(self, random: &mut Random) -> Statement {
        match self {
            Draw::V4 | Draw::V6 => draw_addresses(random, matches!(self, Draw::V6)),
            Draw::Name => draw_name(random),
            Draw::Url => draw_url(random),
            Draw::Exact => {
                let (kind, text) = draw_exact(random);
                let spelling = if kind.shape() == stormtag::Shape::Digest && random.one_in(2) {
                    text.to_uppercase()
                } else {
                    text.clone()
                };
                Statement { kind, place: Place::Exact(text), spelling }
            }
        }
    }

    fn value(self, random: &mut Random) -> Value {
        match self {
            Draw::V4 | Draw::V6 => {
                let v6 = matches!(self, Draw::V6);
                let bits = draw_bits(random, v6);
                address_value(random, v6, bits)
            }
            Draw::Name => {
                let name = draw_labels(random);
                name_value(random, name)
            }
            Draw::Url => text_value(Kind::Url, url_text(random)),
            Draw::Exact => {
                let (kind, text) = draw_exact(random);
                text_value(kind, text)
            }
        }
    }
}

/// A value at the statement's place, beside it or below it.
fn value_near(random: &mut Random, statement: &Statement) -> Value {
    match &statement.place {
        Place::Addresses { v6, first, last, .. } => {
            let most = if *v6 { u128::MAX } else { u128::from(u32::MAX) };
            let bits = match random.below(5) {
                0 => *first,
                1 => *last,
                2 => first.saturating_sub(1),
                3 => last.saturating_add(1).min(most),
                _ => first + (last - first).min(255) * random.below(256) as u128 / 255,
            };
            address_value(random, *v6, bits)
        }
        Place::Name { name, .. } => {
            let name = match random.below(5) {
                0 | 1 => name.clone(),
                // No label boundary.
                2 => format!("x{name}"),
                _ => format!("{}.{name}", draw_labels(random)),
            };
            name_value(random, name)
        }
        Place::Url { url, any_scheme, .. } => {
            let scheme = if *any_scheme { random.word(&["http:", "https:", "ftp:"]) } else { "" };
            let behind = random.word(&["", "", "a", "a/", "b/?x", "ab/b", "/", "?", "?x", "?x=/a/"]);
            let behind = if url.contains('?') { behind.trim_start_matches('?') } else { behind };
            text_value(Kind::Url, format!("{scheme}{url}{behind}"))
        }
        Place::Exact(text) => text_value(statement.kind, text.clone()),
    }
}

fn text_value(kind: Kind, text: String) -> Value {
    Value { kind, spelling: text.clone(), text, bits: 0, v6: false }
}

fn name_value(random: &mut Random, name: String) -> Value {
    let spelling = match random.below(6) {
        0 => name.to_uppercase(),
        1 => format!("{name}."),
        _ => name.clone(),
    };
    Value { spelling, ..text_value(Kind::Domain, name) }
}

fn address_value(random: &mut Random, v6: bool, bits: u128) -> Value {
    // ::ffff:0:0/96 is IPv4.
    let (v6, bits) = if v6 && bits >> 32 == 0xffff { (false, bits & 0xffff_ffff) } else { (v6, bits) };
    let text = address(v6, bits);
    let spelling = match (v6, random.below(6)) {
        (false, 0) => format!("::ffff:{text}"),
        (false, 1) => format!("{text}:443"),
        (true, 0) => format!("[{text}]:443"),
        (true, 1) => format!("{text}%eth0"),
        _ => text.clone(),
    };
    Value { kind: Kind::Ip, text, bits, v6, spelling }
}

fn address(v6: bool, bits: u128) -> String {
    let address: IpAddr = if v6 { Ipv6Addr::from_bits(bits).into() } else { Ipv4Addr::from_bits(bits as u32).into() };
    address.to_string()
}

/// An address near few places: both ends of the space, and one network in between.
fn draw_bits(random: &mut Random, v6: bool) -> u128 {
    let small = u128::from(random.next() & *random.pick(&[0x3, 0xf, 0xff, 0x101, 0xffff]));
    let (most, middle, shift) = if v6 {
        (u128::MAX, 0x2a00_0000_0000_0001_u128 << 64, *random.pick(&[0, 0, 0, 8, 60, 64, 96]))
    } else {
        (u128::from(u32::MAX), 0x1401_0000, 0)
    };
    match random.below(8) {
        0 => small << shift,
        1 => most - (small << shift),
        _ => middle + (small << shift),
    }
}

fn draw_addresses(random: &mut Random, v6: bool) -> Statement {
    let width = if v6 { 128 } else { 32 };
    let bits = draw_bits(random, v6);
    let (first, last, shown, spelling) = match random.below(8) {
        0..=2 => {
            let spelling = match (v6, random.below(6)) {
                (false, 0) => format!("::ffff:{}", address(v6, bits)),
                (_, 1) => format!("{}/{width}", address(v6, bits)),
                _ => address(v6, bits),
            };
            (bits, bits, address(v6, bits), spelling)
        }
        3 | 4 => {
            let other = if random.one_in(8) { draw_bits(random, v6) } else { bits ^ u128::from(random.next() & 0xf) };
            let (first, last) = (bits.min(other), bits.max(other));
            let shown = format!("{}-{}", address(v6, first), address(v6, last));
            let spelling = if random.one_in(4) { shown.replace('-', " - ") } else { shown.clone() };
            (first, last, shown, spelling)
        }
        _ => {
            let length = match random.below(6) {
                0 => random.below(width + 1),
                1 if v6 => 32 * (1 + random.below(3)),
                _ => width - 1 - random.below(16),
            };
            let host = 1u128.checked_shl((width - length) as u32).unwrap_or(0).wrapping_sub(1);
            let host = if v6 { host } else { host & u128::from(u32::MAX) };
            let (first, last) = (bits & !host, bits | host);
            // Of one address only if all bits are given: that is a single address.
            let shown = match length == width {
                true => address(v6, first),
                false => format!("{}/{length}", address(v6, first)),
            };
            let spelling = match (v6, random.below(4)) {
                (false, 0) => format!("::ffff:{}/{}", address(v6, bits), length + 96),
                (_, 1) => format!("{}/{length}", address(v6, bits)),
                _ => shown.clone(),
            };
            (first, last, shown, spelling)
        }
    };
    Statement { kind: Kind::Ip, place: Place::Addresses { v6, first, last, shown }, spelling }
}

fn draw_labels(random: &mut Random) -> String {
    let count = if random.one_in(16) { 8 + random.below(8) } else { 1 + random.below(4) };
    let mut name = String::new();
    for at in 0..count {
        if at > 0 {
            name.push('.');
        }
        // Labels that fill the hash's windows of eight bytes, and that end next to one.
        name.push_str(random.word(&["a", "b", "a", "b", "c", "www", "sixsix", "sevenab", "eight-ab"]));
    }
    name
}

fn draw_name(random: &mut Random) -> Statement {
    let name = draw_labels(random);
    let alone = random.one_in(3);
    let spelling = match (alone, random.below(8)) {
        (true, 0) => format!("={}.", name.to_uppercase()),
        (true, _) => format!("={name}"),
        (false, 0) => format!("*.{name}"),
        (false, 1) => format!(".{name}"),
        (false, 2) => format!("{name}:8080"),
        (false, 3) => name.to_uppercase(),
        (false, 4) => format!("{name}."),
        (false, _) => name.clone(),
    };
    Statement { kind: Kind::Domain, place: Place::Name { name, alone }, spelling }
}

fn url_text(random: &mut Random) -> String {
    let scheme = random.word(&["http", "http", "http", "https", "ftp"]);
    let query = random.word(&["", "", "", "?", "?x", "?x=/a/", "?a/b/"]);
    format!("{scheme}://{}{}{query}", draw_host(random), draw_path(random))
}

fn draw_host(random: &mut Random) -> &'static str {
    random.word(&["a.b", "a.b", "a.b", "c.a.b", "a.b:8080", "20.1.0.1", "[2a00::1]:81"])
}

fn draw_path(random: &mut Random) -> String {
    let mut path = String::from("/");
    for _ in 0..random.below(4) {
        path.push_str(random.word(&["a/", "b/", "a/", "ab/", "abcdefg/", "/"]));
    }
    path.push_str(random.word(&["", "", "a", "b", "ab"]));
    path
}

fn draw_url(random: &mut Random) -> Statement {
    let (any_scheme, prefix) = (random.one_in(4), random.one_in(3));
    let url = if prefix || any_scheme {
        let mut path = draw_path(random);
        if prefix {
            path.truncate(path.rfind('/').unwrap() + 1);
        } else if random.one_in(3) {
            path.push_str("?x");
        }
        let scheme = if any_scheme { "" } else { random.word(&["http:", "http:", "https:", "ftp:"]) };
        format!("{scheme}//{}{path}", draw_host(random))
    } else {
        url_text(random)
    };
    let star = if prefix { "*" } else { "" };
    let spelling = match random.below(4) {
        0 if any_scheme => format!("{url}{star}"),
        _ if any_scheme => format!("{}{star}", &url[2..]),
        0 => format!("{}{star}", url.replacen("http", "HTTP", 1).replace("://a.b", "://A.B.")),
        1 if !prefix => format!("{url}#top"),
        _ => format!("{url}{star}"),
    };
    Statement { kind: Kind::Url, place: Place::Url { url, any_scheme, prefix }, spelling }
}

/// Few values of several kinds; one text stands for several kinds that must be kept apart.
fn draw_exact(random: &mut Random) -> (Kind, String) {
    let digit = random.word(&["0", "1", "a", "f"]);
    match random.below(10) {
        0..=2 => (*random.pick(&[Kind::Md5, Kind::Imphash, Kind::Ja3, Kind::Ja3s]), digit.repeat(32)),
        3 => (*random.pick(&[Kind::Sha1, Kind::CertSha1]), digit.repeat(40)),
        4 => (*random.pick(&[Kind::Sha256, Kind::CertSha256]), digit.repeat(64)),
        5 => (Kind::Sha512, digit.repeat(128)),
        6 => (Kind::Email, format!("{digit}@{}", random.word(&["a.b", "b.a.b"]))),
        7 => (Kind::Asn, random.word(&["64500", "64501", "0"]).to_string()),
        _ => (*random.pick(&[Kind::FileName, Kind::Mutex, Kind::UserName]), format!("{digit}.exe")),
    }
}

/// `SplitMix64`: small, and every seed is a good one.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// One of several words.
    fn word(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }
}
