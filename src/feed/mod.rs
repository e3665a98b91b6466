//! Feeds: files of indicators, read line by line or object by object into plain data.
//!
//! A feed is a value. A reader is a function from bytes to [`Feed`]; it fails only when the bytes cannot be read or are not that
//! format at all. A line that is no indicator becomes a [`Rejected`] with its number, its text and the reason, and reading goes
//! on. Whoever has another format makes a `Feed` of it.

mod attribute;
mod columns;
mod csv;
mod format;
mod gathering;
mod json;
mod jsonl;
mod labels;
mod lines;
mod loki;
mod maltrail;
mod misp;
pub(crate) mod open;
mod openioc;
mod plain;
mod preset;
mod rows;
mod stix;
mod table;
mod text;
mod unmatchable;
pub(crate) mod value;
pub(crate) mod whole;
mod zeek;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use columns::Columns;
pub use format::{Format, UnknownFormat};
pub(crate) use gathering::stem;
pub(crate) use lines::Lines;
pub(crate) use plain::{content, first_column};
pub use preset::Preset;
pub use unmatchable::Unmatchable;

use serde::Serialize;

use crate::behaviour::Unusable;
use crate::normal::NotObservable;
use crate::observable::Kind;
use crate::record::{Indicator, Record};

/// The indicators that one source gives, and what could not be used of it.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// Name of the source.
    pub source: Arc<str>,
    /// What was understood.
    pub indicators: Vec<Indicator>,
    /// Lines that are no indicator.
    pub rejected: Rejections,
    /// Parts of a line that were left out while its indicator was kept: a date nobody can read, a confidence of 300.
    pub ignored: Rejections,
    /// Lines, objects or parts of them that state no indicator: comments, blank lines, headers; in STIX whatever is not an
    /// indicator, in MISP attributes that describe.
    pub passed: Rejections,
    /// Lines of the file, or objects in formats without lines: each is used, rejected or passed. Where an item holds one value at
    /// most this is the sum of the three; an item of several values can be in more than one. What breaks off counts as one.
    pub items: u64,
    /// Items of which at least one indicator was made.
    pub used: u64,
}

impl Feed {
    /// An empty feed of the given name.
    #[must_use]
    pub fn new(source: &str) -> Self {
        Self { source: source.into(), ..Self::default() }
    }
}

/// What holds for all indicators of a feed unless a line says otherwise.
///
/// ```
/// use stormtag::{Defaults, Kind, Record};
///
/// let defaults = Defaults { kind: Some(Kind::Domain), ..Defaults::from(Record::new("my-feed")) };
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Defaults {
    /// What the values are; `None` recognises each by its looks, see [`Kind::guess`].
    pub kind: Option<Kind>,
    /// Source, confidence, campaign and whatever else is true of every indicator.
    pub record: Record,
    /// Seconds after its last sighting (or first, or its date in the feed) at which an indicator without an end of its own expires.
    pub time_to_live: Option<i64>,
    /// Whether to take also what its source gives for context and not for detection: MISP attributes whose `to_ids` is false. Such
    /// records bear the tag `to_ids=false`. Defaults to false: they are rejected with [`Reason::NotForDetection`].
    pub context: bool,
}

impl From<Record> for Defaults {
    fn from(record: Record) -> Self {
        Self { kind: None, record, time_to_live: None, context: false }
    }
}

/// A line, or a part of one, that could not be used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rejected {
    /// Line in the file, from 1; in formats without lines the position of the object, from 1.
    pub line: u64,
    /// The text, cut after 160 bytes.
    pub text: Box<str>,
    /// Why.
    pub reason: Reason,
}

/// Why something could not be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The value is not what its kind says.
    #[error("{0}")]
    Value(NotObservable),
    /// Nothing says what the value is, and its looks do not tell.
    #[error("of no kind that can be recognised; give the kind of the feed")]
    NoKind,
    /// The line names a kind that has no counterpart here.
    #[error("of a kind that stormtag does not match")]
    ForeignKind,
    /// A line over the limit of 64 KiB.
    #[error("longer than 65536 bytes")]
    LineTooLong,
    /// Bytes that are not UTF-8, or among them a NUL.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// The file cannot be read from here on: truncated or damaged. What stood before was read.
    #[error("the file is truncated or damaged from here on")]
    BrokenOff,
    /// A row without the column of the value.
    #[error("no value in its column")]
    NoValue,
    /// A cell that cannot be read: date, number, marking.
    #[error("not readable as what its column holds")]
    BadCell,
    /// The row says of itself that it is withdrawn or inactive.
    #[error("withdrawn by its source")]
    Revoked,
    /// A pattern that says more, or other things, than single values can tell.
    #[error("{0}")]
    Pattern(Unmatchable),
    /// An object over the limit of 16 MiB.
    #[error("an object longer than 16 MiB")]
    ObjectTooLong,
    /// An object that is no indicator: an actor, a relationship, a report.
    #[error("not an indicator")]
    NotAnIndicator,
    /// An object that a catalogue has no place for: a report, a detection.
    #[error("nothing that a catalogue lists")]
    NotInCatalog,
    /// A version of an object of which a newer one is there, or one that says the same.
    #[error("another version of an object that was read")]
    OtherVersion,
    /// A reference to an object that is not in the file, or is revoked there.
    #[error("points to what is not in the file or is revoked")]
    Unresolved,
    /// More relationships of one indicator than are followed.
    #[error("over the limit of 256 objects related to one indicator")]
    TooManyRelations,
    /// A line without a value: blank, a comment, a header, the rest of a row.
    #[error("blank, a comment, a header or the rest of a row")]
    NoContent,
    /// A value that stands in the same text before.
    #[error("stated before in the same text")]
    Duplicate,
    /// An expression of an allow-list that does not compile.
    #[error("not an expression that can be compiled")]
    BadExpression,
    /// A network wider than the limits allow.
    #[error("wider than the limit for networks")]
    TooWide,
    /// A private, documentation or other special-use address.
    #[error("a special-use address (RFC 6890)")]
    SpecialUse,
    /// A name without a dot.
    #[error("a name of one label")]
    SingleLabel,
    /// A name under which anyone can register.
    #[error("a public suffix")]
    PublicSuffix,
    /// More statements about one value than are kept.
    #[error("over the limit of records for one value")]
    TooManyRecords,
    /// The source gives it for context only, see [`Defaults::context`].
    #[error("not meant for detection by its source")]
    NotForDetection,
    /// It tells something only together with other conditions: matched alone, it would match what the source did not mean.
    #[error("means something only together with other conditions")]
    Conditional,
    /// What is listed is what must *not* be there.
    #[error("a condition that something is absent")]
    Negated,
    /// An expression or a part of a text, which would have to be searched for.
    #[error("an expression or a part of a text, which is not searched for yet")]
    Searched,
    /// An object that is not built as its format says: no JSON, no object, nothing that tells its type.
    #[error("not built as its format says")]
    Malformed,
    /// A behaviour that cannot be used.
    #[error("{0}")]
    Behaviour(Unusable),
    /// A list of files names one that is not there.
    #[error("listed, but there is no such file")]
    Missing,
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Rejected lines: every one counted by reason, the first of each kept.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rejections {
    counts: BTreeMap<Reason, u64>,
    first: Vec<Rejected>,
}

/// How many lines of one reason are kept with their text.
const KEPT: u64 = 5;
/// How much of a rejected text is kept, in bytes.
const KEPT_TEXT: usize = 160;

impl Rejections {
    /// Counts one; keeps its text if it is among the first of its reason.
    pub fn add(&mut self, line: u64, text: &str, reason: Reason) {
        let count = self.counts.entry(reason).or_default();
        *count += 1;
        if *count <= KEPT {
            let end = (0..=KEPT_TEXT.min(text.len())).rfind(|&at| text.is_char_boundary(at)).unwrap_or_default();
            let text = text.get(..end).unwrap_or_default().into();
            self.first.push(Rejected { line, text, reason });
        }
    }

    /// Adds those of another file.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (reason, count) in other.counts() {
            *self.counts.entry(reason).or_default() += count;
        }
        self.first.extend_from_slice(&other.first);
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many there are of each reason.
    pub fn counts(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        self.counts.iter().map(|(&reason, &count)| (reason, count))
    }

    /// The first five of each reason, in the order of the file.
    #[must_use]
    pub fn first(&self) -> &[Rejected] {
        &self.first
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {:?}: {}", self.line, self.text, self.reason)
    }
}
