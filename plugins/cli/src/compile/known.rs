//! All indicators with what is said of them, as far as it holds.

use std::borrow::Cow;
use std::collections::BTreeSet;

use stormtag::{Changed, Intel, Kind, Record, Validity};

use crate::style::{date, word};

/// All indicators that something is said of now, by kind.
pub(super) struct Known<'i> {
    pub(super) indicators: Vec<Indicator<'i>>,
    /// Records that an allow-list silences at their very place.
    pub(super) silenced: u64,
    pub(super) not_valid: u64,
}

/// One indicator.
pub(super) struct Indicator<'i> {
    pub(super) kind: Kind,
    /// What stands in events, without the signs of a pattern.
    pub(super) value: Cow<'i, str>,
    pub(super) covers: Covers,
    /// The surest first. Never empty.
    pub(super) records: Vec<&'i Record>,
}

/// What an indicator covers beside its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Covers {
    Itself,
    /// The names below it.
    Subdomains,
    /// Every URL that begins so.
    Prefix,
    /// The addresses in it.
    Network,
}

impl<'i> Known<'i> {
    pub(super) fn of(intel: &'i Intel, now: i64) -> Self {
        // Never dropped, for what is told borrows from both sides: it holds nothing.
        static NOTHING: std::sync::LazyLock<Intel> = std::sync::LazyLock::new(Intel::empty);
        let mut known = Self { indicators: Vec::new(), silenced: 0, not_valid: 0 };
        for changed in Intel::delta(&NOTHING, intel).added() {
            known.add(changed, now);
        }
        // The same file for the same content.
        known.indicators.sort_by(|a, b| (a.kind as usize, &a.value).cmp(&(b.kind as usize, &b.value)));
        known
    }

    fn add(&mut self, changed: Changed<'i>, now: i64) {
        let mut records = Vec::new();
        for (record, silenced) in changed.records {
            let is_valid = record.validity(now) == Validity::Valid;
            self.silenced += u64::from(silenced);
            self.not_valid += u64::from(!silenced && !is_valid);
            if !silenced && is_valid {
                records.push(record);
            }
        }
        records.sort_by_key(|record| (std::cmp::Reverse(record.confidence), record.source.clone()));
        if records.is_empty() {
            return;
        }
        let (value, covers) = bare(changed.kind, changed.pattern);
        self.indicators.push(Indicator { kind: changed.kind, value, covers, records });
    }

    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Indicator<'i>> {
        self.indicators.iter().filter(move |indicator| indicator.kind == kind)
    }
}

/// What a pattern is without its signs, and what they say.
fn bare(kind: Kind, pattern: Cow<'_, str>) -> (Cow<'_, str>, Covers) {
    match kind {
        Kind::Ip if pattern.contains(['/', '-']) => (pattern, Covers::Network),
        Kind::Domain => match pattern.strip_prefix('=') {
            Some(name) => (name.to_owned().into(), Covers::Itself),
            None => (pattern, Covers::Subdomains),
        },
        Kind::Url => match pattern.strip_suffix('*') {
            Some(begin) => (begin.to_owned().into(), Covers::Prefix),
            None => (pattern, Covers::Itself),
        },
        _ => (pattern, Covers::Itself),
    }
}

/// The names of what is told of records, in the order of [`told`].
pub(super) const TOLD: [&str; 14] = [
    "source",
    "campaign",
    "actor",
    "malware",
    "technique",
    "role",
    "severity",
    "tag",
    "tlp",
    "first_seen",
    "last_seen",
    "valid_until",
    "reference",
    "description",
];

/// What records say, in words: several are joined by `; `. Of what can be only one, the surest record's.
pub(super) fn told(records: &[&Record]) -> [String; TOLD.len()] {
    let join = |words: Vec<&str>| {
        let mut seen = BTreeSet::new();
        words.into_iter().filter(|word| seen.insert(*word)).collect::<Vec<_>>().join("; ")
    };
    let lists = |of: fn(&Record) -> &[Box<str>]| {
        join(records.iter().flat_map(|record| of(record)).map(|word| &**word).collect())
    };
    let first =
        |of: &dyn Fn(&Record) -> Option<String>| records.iter().find_map(|record| of(record)).unwrap_or_default();
    [
        join(records.iter().map(|record| &*record.source).collect()),
        lists(|record| &record.campaigns),
        lists(|record| &record.actors),
        lists(|record| &record.malware),
        lists(|record| &record.techniques),
        first(&|record| record.role.as_deref().map(str::to_owned)),
        first(&|record| record.severity.map(word)),
        lists(|record| &record.tags),
        first(&|record| record.tlp.map(|tlp| tlp.name().to_owned())),
        first(&|record| record.first_seen.map(date)),
        first(&|record| record.last_seen.map(date)),
        first(&|record| record.valid_until.map(date)),
        first(&|record| record.reference.as_deref().map(str::to_owned)),
        first(&|record| record.description.as_deref().map(str::to_owned)),
    ]
}

/// 0 to 100: that of the surest.
pub(super) fn confidence(records: &[&Record]) -> u8 {
    records.iter().map(|record| record.confidence).max().unwrap_or(0)
}
