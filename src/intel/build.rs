//! From feeds, allow-lists, a catalogue and databases to an `Intel` and a report.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::RandomState;
use ipnet::IpNet;

use super::addresses::Addresses;
use super::covers::{CoverId, Covers};
use super::limits::Limits;
use super::names::Names;
use super::records::RecordsBuilder;
use super::searches::Searches;
use super::table::{Exact, Said, Statement};
use super::urls::Urls;
use super::{Intel, Listed, finding};
use crate::allow::{AllowList, Mode};
use crate::behaviour::{self, Behaviour, Behaviours};
use crate::catalog::Catalog;
use crate::feed::Feed;
use crate::generation::Content;
use crate::geo::Geo;
use crate::observable::Kind;
use crate::pattern::{Body, Pattern};
use crate::record::{Indicator, Record, Validity};
use crate::report::{AllowReport, BehaviourReport, Report, SourceReport};
use crate::specificity::Specificity;

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
/// assert_eq!(report.accepted(), 122);
/// # Ok::<(), stormtag::NotObservable>(())
/// ```
#[derive(Default)]
pub struct IntelBuilder {
    feeds: Vec<(Option<Arc<Path>>, Arc<Feed>)>,
    allow: Vec<Arc<AllowList>>,
    behaviours: Vec<Arc<Behaviours>>,
    catalog: Catalog,
    geo: Option<Arc<Geo>>,
    limits: Limits,
    time: Option<i64>,
}

impl IntelBuilder {
    /// A builder without anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a feed. One that is shared by an `Arc` is copied while building, one that is not is used up.
    pub fn feed(&mut self, feed: impl Into<Arc<Feed>>) -> &mut Self {
        self.feeds.push((None, feed.into()));
        self
    }

    /// As [`feed`](Self::feed), of a file that the report names.
    #[cfg(feature = "config")]
    pub(crate) fn feed_of(&mut self, file: Arc<Path>, feed: Arc<Feed>) -> &mut Self {
        self.feeds.push((Some(file), feed));
        self
    }

    /// Adds an allow-list.
    pub fn allow(&mut self, list: impl Into<Arc<AllowList>>) -> &mut Self {
        self.allow.push(list.into());
        self
    }

    /// Adds behaviours.
    pub fn behaviours(&mut self, behaviours: impl Into<Arc<Behaviours>>) -> &mut Self {
        self.behaviours.push(behaviours.into());
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

    /// Sets the time, in seconds since the epoch, at which the report judges whether an indicator has expired. Defaults to `None`:
    /// none is counted. What is built does not depend on it.
    pub fn time(&mut self, seconds: Option<i64>) -> &mut Self {
        self.time = seconds;
        self
    }

    /// Builds. Takes the feeds and lists out of the builder. Cannot fail: what could not be used is in the report.
    pub fn build(&mut self) -> (Intel, Report) {
        let allow = std::mem::take(&mut self.allow);
        let feeds = std::mem::take(&mut self.feeds);
        let searches = Searches::new(&allow);
        let mut report = Report::default();
        let mut content = Content::new();
        let mut interned = self.intern(&feeds, &mut report);
        let behaviours = interned.behaviours(std::mem::take(&mut self.behaviours), &mut content, &mut report);
        let mut shapes = Shapes::default();
        let mut repeats = Repeats::new(&interned);
        for ((_, feed), (numbers, source)) in feeds.into_iter().zip(interned.numbers.iter().zip(&mut report.sources)) {
            content.number(numbers.len() as u64);
            for (indicator, number) in Arc::unwrap_or_clone(feed).indicators.into_iter().zip(numbers) {
                let Some(record) = *number else { continue };
                let pattern = indicator.pattern;
                let hash = interned.hashes.get(record as usize).copied().unwrap_or_default();
                *source.accepted.entry(pattern.kind()).or_default() += 1;
                let ended = |at| indicator.record.validity(at) == Validity::Expired;
                source.expired += u64::from(self.time.is_some_and(ended));
                content.hash(hash);
                add_pattern(&mut content, &pattern);
                if repeats.is_one(hash, &pattern) {
                    source.duplicates += 1;
                    continue;
                }
                let silenced = searches.find(&pattern);
                shapes.add(pattern, Said::Record { record, silenced });
            }
        }
        drop(searches);
        let mut listed = Vec::with_capacity(allow.len());
        for (list, number) in allow.into_iter().zip(1..) {
            add_list(&mut content, &list);
            let list = Arc::unwrap_or_clone(list);
            report.allow.push(AllowReport {
                name: list.name.as_str().into(),
                entries: list.entries(),
                rejected: list.rejected,
            });
            let informs = list.mode == Mode::Inform;
            let specificity = Specificity::of_list(&list.name, &list.reason);
            listed.push(Listed { name: list.name.into(), reason: list.reason.into(), informs, specificity });
            for pattern in list.patterns {
                shapes.add(pattern, Said::Allowed(number));
            }
        }
        let mut covers = Covers::new(listed.iter().map(|list| list.informs).collect());
        let addresses = Addresses::build(shapes.addresses, &mut covers);
        let mut counts = std::mem::take(&mut covers.counts);
        counts.networks_are_in(covers.within(addresses.nodes()));
        covers.counts = counts;
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
        let said = behaviours.into_iter().zip(finding::BEHAVIOURS..).map(|((behaviour, record), entry)| {
            let said = Said::Record { record, silenced: 0 };
            (behaviour, covers.add(entry, [said].into_iter(), CoverId::NONE))
        });
        let behaviours = behaviour::Index::new(said.collect());
        let catalog = std::mem::take(&mut self.catalog);
        content.value(&catalog.all_actors());
        content.value(&catalog.all_campaigns());
        content.value(&catalog.all_claims());
        content.value(&catalog.all_software());
        content.value(&catalog.all_techniques());
        content.hash(self.geo.as_ref().map_or(0, |geo| geo.content()));
        content.number(u64::from(self.limits.shortest_v4) << 8 | u64::from(self.limits.shortest_v6));
        for allowed in [self.limits.special_use, self.limits.single_labels, self.limits.public_suffixes] {
            content.number(allowed.into());
        }
        interned.count(&mut covers, &mut report.sources);
        let records = interned.records.finish(catalog);
        let mut intel =
            Intel::new(addresses, names, urls, exact, behaviours, covers, records, listed, self.geo.clone());
        intel.generation = content.generation();
        report.memory = intel.memory();
        report.generation = intel.generation;
        (intel, report)
    }

    /// Numbers the records of what the limits let in; begins the report of each feed with what they do not.
    fn intern(&self, feeds: &[(Option<Arc<Path>>, Arc<Feed>)], report: &mut Report) -> Interned {
        let mut records = RecordsBuilder::default();
        let (mut firsts, mut numbers) = (Vec::new(), Vec::new());
        for (file, feed) in feeds {
            let mut source = SourceReport::new(feed, file.clone());
            firsts.push(records.next_feed());
            let number_of = |indicator: &Indicator| {
                if let Some(reason) = self.limits.refuse(&indicator.pattern) {
                    source.refused.add(0, &indicator.pattern.to_string(), reason);
                    return None;
                }
                Some(records.intern(Arc::clone(&indicator.record)))
            };
            numbers.push(feed.indicators.iter().map(number_of).collect());
            report.sources.push(source);
        }
        let hash = |record: &Arc<Record>| {
            let mut content = Content::new();
            content.value(&**record);
            content.finish()
        };
        let hashes = records.records().iter().map(hash).collect();
        Interned { records, firsts, numbers, hashes }
    }
}

/// The records of all feeds.
struct Interned {
    records: RecordsBuilder,
    /// The number of the first record of each feed.
    firsts: Vec<u32>,
    /// Of each feed and indicator the number of its record; `None` is refused.
    numbers: Vec<Vec<Option<u32>>>,
    /// Of each record a hash of its content.
    hashes: Vec<u128>,
}

impl Interned {
    /// Numbers the records of behaviours, behind those of all feeds.
    fn behaviours(
        &mut self,
        sets: Vec<Arc<Behaviours>>,
        content: &mut Content,
        report: &mut Report,
    ) -> Vec<(Behaviour, u32)> {
        let mut all = Vec::new();
        for set in sets {
            self.firsts.push(self.records.next_feed());
            let source = Arc::clone(&set.source);
            let (behaviours, rejected) = Arc::unwrap_or_clone(set).into_parts();
            report.behaviours.push(BehaviourReport { source, accepted: behaviours.len() as u64, rejected });
            for behaviour in behaviours {
                behaviour.write(content);
                let record = self.records.intern(Arc::clone(behaviour.shared_record()));
                all.push((behaviour, record));
            }
        }
        all
    }

    fn feed_of(&self, record: u32) -> usize {
        self.firsts.partition_point(|&first| first <= record).saturating_sub(1)
    }

    /// Tells each feed what was met of its records while chains were made.
    fn count(&self, covers: &mut Covers, sources: &mut [SourceReport]) {
        let counts = std::mem::take(&mut covers.counts);
        let mut source_of = |record, add: &dyn Fn(&mut SourceReport)| {
            if let Some(source) = sources.get_mut(self.feed_of(record)) {
                add(source);
            }
        };
        for (record, count) in counts.duplicates.iter() {
            source_of(record, &|source| source.duplicates += count);
        }
        for (record, count) in counts.too_many.iter() {
            source_of(record, &|source| source.over_limit += count);
        }
        for (_, record) in counts.suppressed {
            source_of(record, &|source| source.suppressed += 1);
        }
    }
}

/// Finds what two feeds say in the same words: such records have a number for each feed, and the tables do not see that they are
/// one. Only records that several feeds have in common cost anything.
struct Repeats {
    /// Records in common.
    common: HashSet<u128, RandomState>,
    seen: HashSet<(u128, u128), RandomState>,
}

impl Repeats {
    fn new(interned: &Interned) -> Self {
        let mut first: HashMap<u128, usize, RandomState> = HashMap::default();
        let mut common = HashSet::default();
        for (&hash, record) in interned.hashes.iter().zip(0..) {
            let feed = interned.feed_of(record);
            if *first.entry(hash).or_insert(feed) != feed {
                common.insert(hash);
            }
        }
        Self { common, seen: HashSet::default() }
    }

    fn is_one(&mut self, record: u128, pattern: &Pattern) -> bool {
        if self.common.is_empty() || !self.common.contains(&record) {
            return false;
        }
        let mut content = Content::new();
        add_pattern(&mut content, pattern);
        !self.seen.insert((record, content.finish()))
    }
}

fn add_pattern(content: &mut Content, pattern: &Pattern) {
    // The name, not the number: kinds are added in between.
    content.part(pattern.kind().name().as_bytes());
    let address = |content: &mut Content, address: IpAddr| match address {
        IpAddr::V4(address) => content.part(&address.octets()),
        IpAddr::V6(address) => content.part(&address.octets()),
    };
    match pattern.body() {
        Body::Net(net @ (IpNet::V4(_) | IpNet::V6(_))) => {
            address(content, net.network());
            content.number(net.prefix_len().into());
        }
        Body::Range(range) => {
            address(content, range.0);
            address(content, range.1);
        }
        Body::Name { name, subdomains } => {
            content.part(name.as_bytes());
            content.number((*subdomains).into());
        }
        Body::Url { text, any_scheme, prefix } => {
            content.part(text.as_bytes());
            content.number(u64::from(*any_scheme) << 1 | u64::from(*prefix));
        }
        Body::Digest(bytes) => content.part(bytes),
        Body::Word(word) => content.part(word.as_bytes()),
    }
}

fn add_list(content: &mut Content, list: &AllowList) {
    content.part(list.name.as_bytes());
    content.part(list.reason.as_bytes());
    content.number((list.mode == Mode::Inform).into());
    content.number(list.patterns.len() as u64);
    list.patterns.iter().for_each(|pattern| add_pattern(content, pattern));
    let substrings = list.substrings.iter().map(|substring| (substring.text(), substring.kinds()));
    let expressions = list.expressions.iter().map(|expression| (expression.text(), expression.kinds()));
    for (text, kinds) in substrings.chain([("", &[][..])]).chain(expressions) {
        content.part(text.as_bytes());
        content.value(&kinds);
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
                self.urls.push((format!("http:{text}").into(), Statement { wide: prefix, said }));
                self.urls.push((format!("https:{text}").into(), Statement { wide: prefix, said: said.echo() }));
            }
            Body::Digest(bytes) => self.exact(kind).push((bytes, Statement { wide: false, said })),
            Body::Word(word) => self.exact(kind).push((word.into_boxed_bytes(), Statement { wide: false, said })),
        }
    }

    fn exact(&mut self, kind: Kind) -> &mut Keyed {
        self.exact.entry(kind).or_default()
    }
}
