//! From feeds, allow-lists, a catalogue and databases to an `Intel` and a report.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::addresses::Addresses;
use super::covers::{CoverId, Covers};
use super::limits::Limits;
use super::names::Names;
use super::records::RecordsBuilder;
use super::searches::Searches;
use super::table::{Exact, Said, Statement};
use super::urls::Urls;
use super::{Intel, Listed};
use crate::allow::{AllowList, Mode};
use crate::catalog::Catalog;
use crate::feed::{Feed, Rejections};
use crate::geo::Geo;
use crate::observable::Kind;
use crate::pattern::{Body, Pattern};

/// Gathers what an [`Intel`] is made of. What goes in is not changed; what comes out never changes.
///
/// ```
/// use stormtag::{Catalog, IntelBuilder, Kind, Observable};
///
/// let (intel, report) = IntelBuilder::new()
///     .catalog(Catalog::builtin())
///     .feed(Catalog::builtin_indicators())
///     .build();
/// let finding = intel.look_up(&Observable::parse(Kind::Ip, "45.32.174.131")?);
/// assert_eq!(finding.matches().next().unwrap().record().role.as_deref(), Some("router proxy C2"));
/// assert_eq!(report.accepted(), 120);
/// # Ok::<(), stormtag::NotObservable>(())
/// ```
#[derive(Default)]
pub struct IntelBuilder {
    feeds: Vec<Feed>,
    allow: Vec<AllowList>,
    catalog: Catalog,
    geo: Option<Arc<Geo>>,
    limits: Limits,
}

impl IntelBuilder {
    /// A builder without anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a feed.
    pub fn feed(&mut self, feed: Feed) -> &mut Self {
        self.feeds.push(feed);
        self
    }

    /// Adds an allow-list.
    pub fn allow(&mut self, list: AllowList) -> &mut Self {
        self.allow.push(list);
        self
    }

    /// Adds a catalogue to those given before.
    pub fn catalog(&mut self, catalog: Catalog) -> &mut Self {
        self.catalog.extend(catalog);
        self
    }

    /// Sets the databases that say ASN and place. Shared: a rebuild with new feeds does not load them again.
    pub fn geo(&mut self, geo: Arc<Geo>) -> &mut Self {
        self.geo = Some(geo);
        self
    }

    /// Sets the limits on what indicators may cover. Defaults to [`Limits::default`].
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// Builds. Takes the feeds and lists out of the builder. Cannot fail: what could not be used is in the report.
    pub fn build(&mut self) -> (Intel, Report) {
        let allow = std::mem::take(&mut self.allow);
        let searches = Searches::new(&allow);
        let mut records = RecordsBuilder::default();
        let mut shapes = Shapes::default();
        let mut report = Report::default();
        for feed in self.feeds.drain(..) {
            let mut source = SourceReport::new(&feed);
            for indicator in feed.indicators {
                let pattern = indicator.pattern;
                if let Some(reason) = self.limits.refuse(&pattern) {
                    source.refused.add(0, &pattern.to_string(), reason);
                    continue;
                }
                *source.accepted.entry(pattern.kind()).or_default() += 1;
                let silenced = searches.find(&pattern);
                let record = records.intern(indicator.record);
                shapes.add(pattern, Said::Record { record, silenced });
            }
            report.sources.push(source);
        }
        let mut listed = Vec::with_capacity(allow.len());
        for (list, number) in allow.into_iter().zip(1..) {
            report.allow.push(AllowReport {
                name: list.name.as_str().into(),
                entries: list.entries(),
                rejected: list.rejected,
            });
            let informs = list.mode == Mode::Inform;
            listed.push(Listed { name: list.name.into(), reason: list.reason.into(), informs });
            for pattern in list.patterns {
                shapes.add(pattern, Said::Allowed(number));
            }
        }
        let mut covers = Covers::new(listed.iter().map(|list| list.informs).collect());
        let addresses = Addresses::build(shapes.addresses, &mut covers);
        let names = Names::build(shapes.names, &mut covers);
        let urls = Urls::build(shapes.urls, &mut covers);
        let alone = |entry, _: &[u8]| (entry, CoverId::NONE);
        let exact = shapes
            .exact
            .into_iter()
            .map(|(kind, keys)| {
                let width = Some(kind.digest_bytes()).filter(|&bytes| bytes > 0);
                (kind, Exact::build(keys, width, &mut covers, alone))
            })
            .collect();
        report.duplicates = covers.counts.duplicates;
        report.over_limit = covers.counts.too_many;
        report.suppressed = covers.counts.suppressed;
        let records = records.finish(std::mem::take(&mut self.catalog));
        let intel = Intel::new(addresses, names, urls, exact, covers, records, listed, self.geo.clone());
        report.memory = intel.memory();
        (intel, report)
    }
}

/// Statements, each with the key it is about.
type Keyed = Vec<(Box<[u8]>, Statement)>;

/// Statements by the shape of what they are about.
#[derive(Default)]
struct Shapes {
    addresses: Vec<(Body, Statement)>,
    names: Vec<(Box<str>, Statement)>,
    urls: Vec<(Box<str>, Statement)>,
    exact: BTreeMap<Kind, Keyed>,
}

impl Shapes {
    fn add(&mut self, pattern: Pattern, said: Said) {
        let kind = pattern.kind();
        match pattern.into_body() {
            body @ (Body::Net(_) | Body::Range(_)) => self.addresses.push((body, Statement { wide: true, said })),
            Body::Name { name, subdomains } => self.names.push((name, Statement { wide: subdomains, said })),
            Body::Url { text, any_scheme: false, prefix } => self.urls.push((text, Statement { wide: prefix, said })),
            Body::Url { text, any_scheme: true, prefix } => {
                let statement = Statement { wide: prefix, said };
                self.urls.push((format!("http:{text}").into(), statement));
                self.urls.push((format!("https:{text}").into(), statement));
            }
            Body::Digest(bytes) => self.exact(kind).push((bytes, Statement { wide: false, said })),
            Body::Word(word) => self.exact(kind).push((word.into_boxed_bytes(), Statement { wide: false, said })),
        }
    }

    fn exact(&mut self, kind: Kind) -> &mut Keyed {
        self.exact.entry(kind).or_default()
    }
}

/// What became of everything that went into an [`Intel`]: nothing disappears without a number here.
///
/// `Display` prints it for a person; it serializes for a machine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    sources: Vec<SourceReport>,
    allow: Vec<AllowReport>,
    duplicates: u64,
    over_limit: u64,
    suppressed: u64,
    memory: usize,
}

/// What became of one feed.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    source: Arc<str>,
    accepted: BTreeMap<Kind, u64>,
    rejected: Rejections,
    refused: Rejections,
    ignored: Rejections,
    passed: Rejections,
}

#[derive(Clone, Debug, Serialize)]
struct AllowReport {
    name: Box<str>,
    entries: u64,
    rejected: Rejections,
}

impl Report {
    /// Each feed, in the order in which they were given.
    #[must_use]
    pub fn sources(&self) -> &[SourceReport] {
        &self.sources
    }

    /// Indicators in use, duplicates among them.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.sources.iter().map(SourceReport::accepted).sum()
    }

    /// Indicators that repeat one of the same record.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Records dropped because more than 256 spoke of one value.
    #[must_use]
    pub fn over_limit(&self) -> u64 {
        self.over_limit
    }

    /// Records that an allow-list silences at the very place they speak of.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// Bytes that the tables take, without the databases for ASN and place.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory
    }
}

impl SourceReport {
    fn new(feed: &Feed) -> Self {
        Self {
            source: feed.source.clone(),
            accepted: BTreeMap::new(),
            rejected: feed.rejected.clone(),
            refused: Rejections::default(),
            ignored: feed.ignored.clone(),
            passed: feed.passed.clone(),
        }
    }

    /// Name of the feed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Indicators in use.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.values().sum()
    }

    /// Indicators in use, by kind.
    pub fn accepted_by_kind(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        self.accepted.iter().map(|(&kind, &count)| (kind, count))
    }

    /// Lines that are no indicator.
    #[must_use]
    pub fn rejected(&self) -> &Rejections {
        &self.rejected
    }

    /// Indicators that the [`Limits`] refuse. They have no line: the line is 0.
    #[must_use]
    pub fn refused(&self) -> &Rejections {
        &self.refused
    }

    /// Parts of lines that were left out while the indicator was kept.
    #[must_use]
    pub fn ignored(&self) -> &Rejections {
        &self.ignored
    }

    /// What is no indicator and does not claim to be one: comments, and in STIX all objects beside indicators.
    #[must_use]
    pub fn passed(&self) -> &Rejections {
        &self.passed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for source in &self.sources {
            write!(f, "{}: {} accepted", source.source, source.accepted())?;
            for (kind, count) in source.accepted_by_kind() {
                write!(f, ", {count} {kind}")?;
            }
            writeln!(f)?;
            let parts =
                [("rejected", &source.rejected), ("refused", &source.refused), ("ignored in part", &source.ignored)];
            for (what, rejections) in parts {
                for (reason, count) in rejections.counts() {
                    writeln!(f, "  {count} {what}: {reason}")?;
                    for example in rejections.first().iter().filter(|rejected| rejected.reason == reason).take(2) {
                        writeln!(f, "    line {}: {:?}", example.line, example.text)?;
                    }
                }
            }
            for (reason, count) in source.passed.counts() {
                writeln!(f, "  {count} passed over: {reason}")?;
            }
        }
        for list in &self.allow {
            writeln!(f, "allow {}: {} entries, {} rejected", list.name, list.entries, list.rejected.total())?;
        }
        writeln!(
            f,
            "{} duplicates, {} over the limit of one value, {} silenced by allow-lists, {} bytes",
            self.duplicates, self.over_limit, self.suppressed, self.memory
        )
    }
}
