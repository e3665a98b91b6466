//! What became of everything that went into an `Intel`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::feed::{Feed, Reason, Rejections};
use crate::generation::Generation;
use crate::observable::Kind;

/// What became of everything that went into an [`Intel`](crate::Intel): nothing disappears without a number here.
///
/// Of each source: *given* is *accepted*, *rejected* and *refused*; *accepted* is what is in force, *duplicates*, what is *over the
/// limit* of one value, and what allow-lists *silence* outright. *Revoked* is part of rejected, *expired* of accepted. *Passed* stands
/// beside all this: lines and objects that state no indicator.
///
/// `Display` prints a table for a person; it serializes for a machine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub(crate) warnings: Vec<String>,
    pub(crate) sources: Vec<SourceReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) behaviours: Vec<BehaviourReport>,
    pub(crate) allow: Vec<AllowReport>,
    pub(crate) memory: usize,
    pub(crate) generation: Generation,
}

/// What became of one feed.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    source: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy")]
    file: Option<Arc<Path>>,
    pub(crate) accepted: BTreeMap<Kind, u64>,
    rejected: Rejections,
    pub(crate) refused: Rejections,
    ignored: Rejections,
    passed: Rejections,
    pub(crate) expired: u64,
    pub(crate) duplicates: u64,
    pub(crate) over_limit: u64,
    pub(crate) suppressed: u64,
}

/// What became of a file of behaviours.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BehaviourReport {
    /// Name of the source.
    pub source: Arc<str>,
    /// Behaviours that are looked for.
    pub accepted: u64,
    /// Behaviours that cannot be used.
    pub rejected: Rejections,
}

/// What became of an allow-list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AllowReport {
    pub(crate) name: Box<str>,
    pub(crate) entries: u64,
    pub(crate) rejected: Rejections,
}

fn lossy<S: Serializer>(path: &Option<Arc<Path>>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(Path::to_string_lossy).serialize(serializer)
}

impl Report {
    /// What somebody should look at before this is used: feeds that give nothing, as a configuration asks for.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Each feed, in the order in which they were given.
    #[must_use]
    pub fn sources(&self) -> &[SourceReport] {
        &self.sources
    }

    /// Each file of behaviours, in the order in which they were given.
    #[must_use]
    pub fn behaviours(&self) -> &[BehaviourReport] {
        &self.behaviours
    }

    /// Indicators and lines that could have been one.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.sum(SourceReport::given)
    }

    /// Indicators taken in, duplicates among them.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.sum(SourceReport::accepted)
    }

    /// Indicators that can match: those taken in without duplicates, without what is over the limit and what is silenced.
    #[must_use]
    pub fn in_force(&self) -> u64 {
        self.sum(SourceReport::in_force)
    }

    /// Lines that are no indicator, revoked ones among them.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.sum(|source| source.rejected.total())
    }

    /// Lines, objects or parts of them that state no indicator: comments, headers, attributes that describe.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.sum(|source| source.passed.total())
    }

    /// Indicators that the [`Limits`](crate::Limits) refuse.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.sum(|source| source.refused.total())
    }

    /// Indicators that their sources have withdrawn.
    #[must_use]
    pub fn revoked(&self) -> u64 {
        self.sum(SourceReport::revoked)
    }

    /// Indicators taken in whose validity was over at the time given to [`IntelBuilder::time`](crate::IntelBuilder::time); 0 if none
    /// was given. They still match events of their time.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.sum(SourceReport::expired)
    }

    /// Indicators that repeat one of the same record, in one feed or in several.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.sum(SourceReport::duplicates)
    }

    /// Records dropped because more than 256 spoke of one value.
    #[must_use]
    pub fn over_limit(&self) -> u64 {
        self.sum(SourceReport::over_limit)
    }

    /// Records that an allow-list silences at the very place they speak of, or by a substring or an expression. A URL without a scheme
    /// counts by what becomes of it as `http`.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.sum(SourceReport::suppressed)
    }

    /// Bytes that the tables take, without the databases for ASN and place.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Names what was built.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    fn sum(&self, of: impl Fn(&SourceReport) -> u64) -> u64 {
        self.sources.iter().map(of).sum()
    }
}

impl SourceReport {
    pub(crate) fn new(feed: &Feed, file: Option<Arc<Path>>) -> Self {
        Self {
            source: feed.source.clone(),
            file,
            accepted: BTreeMap::new(),
            rejected: feed.rejected.clone(),
            refused: Rejections::default(),
            ignored: feed.ignored.clone(),
            passed: feed.passed.clone(),
            expired: 0,
            duplicates: 0,
            over_limit: 0,
            suppressed: 0,
        }
    }

    /// Name of the feed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The file it was read from, where a configuration names it.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Indicators and lines that could have been one: accepted, rejected and refused.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.accepted() + self.rejected.total() + self.refused.total()
    }

    /// Indicators taken in, duplicates among them.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.values().sum()
    }

    /// Indicators taken in, by kind.
    pub fn accepted_by_kind(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        self.accepted.iter().map(|(&kind, &count)| (kind, count))
    }

    /// Indicators that can match: see [`Report::in_force`].
    #[must_use]
    pub fn in_force(&self) -> u64 {
        self.accepted().saturating_sub(self.duplicates + self.over_limit + self.suppressed)
    }

    /// Lines that are no indicator.
    #[must_use]
    pub fn rejected(&self) -> &Rejections {
        &self.rejected
    }

    /// Indicators that the [`Limits`](crate::Limits) refuse. They have no line: the line is 0.
    #[must_use]
    pub fn refused(&self) -> &Rejections {
        &self.refused
    }

    /// Parts of lines that were left out while the indicator was kept.
    #[must_use]
    pub fn ignored(&self) -> &Rejections {
        &self.ignored
    }

    /// Lines, objects or parts of them that state no indicator: see [`Feed::passed`].
    #[must_use]
    pub fn passed(&self) -> &Rejections {
        &self.passed
    }

    /// Indicators that the source has withdrawn. They are among the rejected.
    #[must_use]
    pub fn revoked(&self) -> u64 {
        self.rejected.counts().filter(|&(reason, _)| reason == Reason::Revoked).map(|(_, count)| count).sum()
    }

    /// See [`Report::expired`].
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Indicators that repeat one of the same record, in this feed or in one before it.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// See [`Report::over_limit`].
    #[must_use]
    pub fn over_limit(&self) -> u64 {
        self.over_limit
    }

    /// See [`Report::suppressed`].
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// What a person calls it: its name, and its file where that says more.
    fn label(&self) -> String {
        match self.file.as_deref().and_then(Path::file_name) {
            Some(file) if !file.to_string_lossy().starts_with(&*self.source) => {
                format!("{} ({})", self.source, file.to_string_lossy())
            }
            _ => self.source.to_string(),
        }
    }
}

const COLUMNS: [&str; 11] = [
    "in force",
    "given",
    "accepted",
    "rejected",
    "revoked",
    "refused",
    "expired",
    "duplicate",
    "over limit",
    "silenced",
    "passed",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        let mut rows: Vec<(String, [u64; 11])> = self
            .sources
            .iter()
            .map(|of| {
                let (rejected, refused) = (of.rejected.total(), of.refused.total());
                let (accepted, given) = (of.accepted(), of.given());
                let apart = [of.revoked(), refused, of.expired, of.duplicates, of.over_limit, of.suppressed];
                let [revoked, refused, expired, duplicates, over_limit, suppressed] = apart;
                let numbers = [
                    of.in_force(),
                    given,
                    accepted,
                    rejected,
                    revoked,
                    refused,
                    expired,
                    duplicates,
                    over_limit,
                    suppressed,
                    of.passed.total(),
                ];
                (of.label(), numbers)
            })
            .collect();
        if rows.len() > 1 {
            let total = rows.iter().fold([0; 11], |mut total, (_, numbers)| {
                total.iter_mut().zip(numbers).for_each(|(total, number)| *total += number);
                total
            });
            rows.push(("all".to_owned(), total));
        }
        let first = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("source".len());
        if !rows.is_empty() {
            write!(f, "{:first$}", "source")?;
            COLUMNS.iter().try_for_each(|column| write!(f, "  {column:>8}"))?;
            writeln!(f)?;
        }
        for (name, numbers) in &rows {
            write!(f, "{name:first$}")?;
            for (number, column) in numbers.iter().zip(COLUMNS) {
                let width = column.len().max(8);
                write!(f, "  {number:>width$}")?;
            }
            writeln!(f)?;
        }
        for source in &self.sources {
            let kinds: Vec<_> = source.accepted_by_kind().map(|(kind, count)| format!("{count} {kind}")).collect();
            if !kinds.is_empty() {
                writeln!(f, "{}: {}", source.label(), kinds.join(", "))?;
            }
            let whose = if kinds.is_empty() { format!("{}: ", source.label()) } else { "  ".to_owned() };
            let parts =
                [("rejected", &source.rejected), ("refused", &source.refused), ("ignored in part", &source.ignored)];
            for (what, rejections) in parts {
                write_reasons(f, &whose, what, rejections)?;
            }
            // Nobody wants to read comments and headers.
            for (reason, count) in source.passed.counts() {
                writeln!(f, "{whose}{count} passed over: {reason}")?;
            }
        }
        for set in &self.behaviours {
            writeln!(f, "behaviours of {}: {}", set.source, set.accepted)?;
            write_reasons(f, "  ", "rejected", &set.rejected)?;
        }
        for list in &self.allow {
            writeln!(f, "allow-list {}: {} entries", list.name, list.entries - list.rejected.total())?;
            write_reasons(f, "  ", "rejected", &list.rejected)?;
        }
        writeln!(f, "generation {}, {} bytes", self.generation, self.memory)
    }
}

fn write_reasons(f: &mut fmt::Formatter<'_>, indent: &str, what: &str, rejections: &Rejections) -> fmt::Result {
    for (reason, count) in rejections.counts() {
        writeln!(f, "{indent}{count} {what}: {reason}")?;
        for example in rejections.first().iter().filter(|rejected| rejected.reason == reason).take(2) {
            match example.line {
                0 => writeln!(f, "    {:?}", example.text)?,
                line => writeln!(f, "    line {line}: {:?}", example.text)?,
            }
        }
    }
    Ok(())
}
