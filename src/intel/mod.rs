//! Intel: everything known, compiled for look-up. It never changes.

mod addresses;
mod ahead;
mod build;
mod counts;
mod covers;
mod delta;
mod finding;
mod hash;
mod limits;
mod names;
mod place;
mod records;
mod searches;
mod table;
mod urls;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

pub use build::IntelBuilder;
pub use delta::{Changed, Delta};
pub use finding::{Allowed, Finding, Match};
pub use limits::Limits;
pub use records::Subject;

pub(crate) use ahead::Ahead;
pub(crate) use covers::CoverId;
pub(crate) use finding::{Identity, Place as FoundAt};
pub(crate) use records::{Link, SubjectId};

use crate::behaviour;
use crate::catalog::{Catalog, Claim};
use crate::generation::Generation;
use crate::geo::Geo;
use crate::observable::{Key, Kind, Observable};
use crate::site::Aims;
use crate::specificity::Specificity;
use addresses::Addresses;
use covers::Covers;
use names::Names;
use records::Records;
use table::Exact;
use urls::Urls;

/// Everything known, compiled for look-up: immutable, shared between threads by `Arc`.
///
/// A look-up cannot fail. It costs a few cache lines and allocates nothing.
///
/// | the value is | it is covered by |
/// |---|---|
/// | an address | every record on it and on each network and range around it |
/// | a name | every record on it and on each name above it, at label boundaries |
/// | a URL | records on it, on it without its query, and on the beginnings of its path; never those on its host, which is an observable of its own: [`Observable::within`] |
/// | a digest, a word, a text | every record on it |
///
/// *The most specific statement wins; a tie goes to allow*: what an allow-list has at the same place or a narrower one is
/// [suppressed](Finding::suppressed), which can be seen and counted.
pub struct Intel {
    addresses: Addresses,
    names: Names,
    urls: Urls,
    /// By kind: digests, words and texts.
    exact: Box<[Option<Exact>]>,
    behaviours: behaviour::Index,
    covers: Covers,
    records: Records,
    allow: Box<[Listed]>,
    geo: Option<Arc<Geo>>,
    generation: Generation,
}

/// An allow-list, as far as findings tell of it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) name: Box<str>,
    pub(crate) reason: Box<str>,
    pub(crate) informs: bool,
    /// What is left of a match where it informs.
    pub(crate) specificity: Specificity,
}

/// Values that are looked up side by side.
const GROUP: usize = 32;

impl Intel {
    /// An `Intel` that knows nothing.
    #[must_use]
    pub fn empty() -> Self {
        IntelBuilder::new().build().0
    }

    #[expect(clippy::too_many_arguments, reason = "one caller, which has just made them")]
    fn new(
        addresses: Addresses,
        names: Names,
        urls: Urls,
        tables: Vec<(Kind, Exact)>,
        behaviours: behaviour::Index,
        covers: Covers,
        records: Records,
        allow: Vec<Listed>,
        geo: Option<Arc<Geo>>,
    ) -> Self {
        let mut exact: Vec<Option<Exact>> = Kind::ALL.iter().map(|_| None).collect();
        for (kind, table) in tables {
            if let Some(slot) = exact.get_mut(kind as usize) {
                *slot = Some(table);
            }
        }
        Self {
            addresses,
            names,
            urls,
            exact: exact.into(),
            behaviours,
            covers,
            records,
            allow: allow.into(),
            geo,
            generation: Generation::default(),
        }
    }

    /// What is known of a value.
    ///
    /// ```
    /// use stormtag::{Intel, Kind, Observable};
    ///
    /// let intel = Intel::empty();
    /// let finding = intel.look_up(&Observable::parse(Kind::Domain, "www.example.com")?);
    /// assert_eq!(finding.matches().count(), 0);
    /// # Ok::<(), stormtag::NotObservable>(())
    /// ```
    #[must_use]
    pub fn look_up(&self, observable: &Observable<'_>) -> Finding<'_> {
        let kind = observable.kind();
        match observable.key() {
            Key::Address(address) => {
                let at = FoundAt { cover: self.address(*address), entry: 0, address: Some(*address) };
                Finding::new(self, kind, at, self.cell(*address))
            }
            Key::Name(name) => self.finding(kind, self.name(name.as_bytes())),
            Key::Url(url) => self.finding(kind, self.url(url)),
            Key::Digest(digest) => self.finding(kind, self.exact(kind, digest.as_bytes())),
            Key::Word(word) => self.finding(kind, self.exact(kind, word.as_bytes())),
            Key::Text(text) => self.finding(kind, self.exact(kind, text.as_bytes())),
        }
    }

    /// What is known of each of these values, in their order: as [`look_up`](Self::look_up), for less where many are asked for at once,
    /// since their waits for memory pass together. Appends to `findings`; allocates for that alone.
    ///
    /// ```
    /// use stormtag::{Intel, Kind, Observable};
    ///
    /// let intel = Intel::empty();
    /// let flow = [Observable::parse(Kind::Ip, "198.51.100.7")?, Observable::parse(Kind::Domain, "www.example.com")?];
    /// let mut findings = Vec::new();
    /// intel.look_up_many(&flow, &mut findings);
    /// assert!(findings.iter().all(|finding| finding.is_empty()));
    /// # Ok::<(), stormtag::NotObservable>(())
    /// ```
    pub fn look_up_many<'i>(&'i self, observables: &[Observable<'_>], findings: &mut Vec<Finding<'i>>) {
        findings.reserve(observables.len());
        for group in observables.chunks(GROUP) {
            let mut ahead = [Ahead::default(); GROUP];
            let mut count = 0;
            for observable in group {
                if let (Key::Address(IpAddr::V4(address)), Some(slot)) = (observable.key(), ahead.get_mut(count)) {
                    *slot = self.begin(address.to_bits());
                    count += 1;
                }
            }
            let Some(known) = ahead.get_mut(..count) else { continue };
            self.look_ahead(known);
            let mut known = known.iter();
            findings.extend(group.iter().map(|observable| match observable.key() {
                Key::Address(IpAddr::V4(address)) => {
                    let known = known.next().copied().unwrap_or_default();
                    let at = FoundAt { cover: known.cover, entry: 0, address: Some((*address).into()) };
                    Finding::new(self, observable.kind(), at, known.cell)
                }
                _ => self.look_up(observable),
            }));
        }
    }

    /// Whether some record covers the value, suppressed or not: as whether [`look_up`](Self::look_up) finds something, without asking the
    /// databases. For whoever asks of very many values and wants to know more of few.
    ///
    /// ```
    /// use stormtag::{Catalog, IntelBuilder, Kind, Observable};
    ///
    /// let (intel, _) = IntelBuilder::new().feed(Catalog::builtin_indicators()).build();
    /// assert!(intel.is_listed(&Observable::parse(Kind::Ip, "45.63.60.39")?));
    /// assert!(!intel.is_listed(&Observable::parse(Kind::Ip, "198.51.100.7")?));
    /// # Ok::<(), stormtag::NotObservable>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is_listed(&self, observable: &Observable<'_>) -> bool {
        let kind = observable.kind();
        let cover = match observable.key() {
            Key::Address(address) => return !self.address(*address).is_none(),
            Key::Name(name) => self.name(name.as_bytes()),
            Key::Url(url) => self.url(url),
            Key::Digest(digest) => self.exact(kind, digest.as_bytes()),
            Key::Word(word) => self.exact(kind, word.as_bytes()),
            Key::Text(text) => self.exact(kind, text.as_bytes()),
        };
        cover.is_some_and(|(cover, _)| !cover.is_none())
    }

    fn finding(&self, kind: Kind, found: Option<(CoverId, u32)>) -> Finding<'_> {
        let (cover, entry) = found.unwrap_or_default();
        Finding::new(self, kind, FoundAt { cover, entry, address: None }, 0)
    }

    #[inline]
    pub(crate) fn address(&self, address: IpAddr) -> CoverId {
        self.addresses.get(address)
    }

    /// The cell of the databases that holds the address; 0: none.
    #[inline]
    pub(crate) fn cell(&self, address: IpAddr) -> u32 {
        self.geo.as_ref().map_or(0, |geo| geo.cell(address))
    }

    #[inline]
    pub(crate) fn name(&self, name: &[u8]) -> Option<(CoverId, u32)> {
        self.names.get(name)
    }

    /// Whether something may be said of a URL of this host, a name in normal form.
    #[inline]
    pub(crate) fn may_know_urls_of(&self, host: &[u8]) -> bool {
        self.urls.may_know(host)
    }

    #[inline]
    pub(crate) fn url(&self, url: &str) -> Option<(CoverId, u32)> {
        self.urls.get(url)
    }

    #[inline]
    pub(crate) fn exact(&self, kind: Kind, key: &[u8]) -> Option<(CoverId, u32)> {
        self.exact.get(kind as usize)?.as_ref()?.get(key)
    }

    /// Whether something is said of values of this kind, which has a table of its own.
    #[inline]
    pub(crate) fn knows(&self, kind: Kind) -> bool {
        self.exact.get(kind as usize).is_some_and(Option::is_some)
    }

    #[inline]
    pub(crate) fn behaviours(&self) -> &behaviour::Index {
        &self.behaviours
    }

    /// What is said of a behaviour that was found in a text of this kind.
    pub(crate) fn behaviour_finding(&self, number: u32, kind: Kind) -> Option<Finding<'_>> {
        let (_, cover) = self.behaviours.get(number)?;
        Some(Finding::new(self, kind, FoundAt { cover, entry: finding::BEHAVIOURS | number, address: None }, 0))
    }

    /// The databases that say ASN and place.
    #[must_use]
    pub fn geo(&self) -> Option<&Geo> {
        self.geo.as_deref()
    }

    /// The catalogue of actors and campaigns.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        self.records.catalog()
    }

    /// Networks, ranges and single addresses that an indicator or an allow-list speaks of, as first and last address, in no order. What
    /// is said of an address changes at their ends only: for whoever writes down what is said of all of them.
    ///
    /// ```
    /// use stormtag::{Feed, IntelBuilder, Record};
    ///
    /// let feed = Feed::read(&b"198.51.100.0/28\n8.8.8.8\n"[..], "list", None, &Record::new("list").into())?;
    /// let (intel, _) = IntelBuilder::new().limits(stormtag::Limits { special_use: true, ..Default::default() }).feed(feed).build();
    /// let ranges: Vec<_> = intel.address_ranges().map(|(first, last)| format!("{first} to {last}")).collect();
    /// assert_eq!(ranges, ["198.51.100.0 to 198.51.100.15", "8.8.8.8 to 8.8.8.8"]);
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    pub fn address_ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> + '_ {
        self.addresses.ranges()
    }

    /// Names what is known: equal content has equal generations, on each host.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Bytes that the tables take, without the databases for ASN and place.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.addresses.memory()
            + self.names.memory()
            + self.urls.memory()
            + self.exact.iter().flatten().map(Exact::memory).sum::<usize>()
            + self.behaviours.memory()
            + self.covers.memory()
            + self.records.memory()
    }

    pub(crate) fn links(&self, record: u32) -> &[Link] {
        self.records.links(record)
    }

    pub(crate) fn subject(&self, id: SubjectId) -> Option<Subject<'_>> {
        self.records.subject(id)
    }

    /// What the subject is known to seek out.
    pub(crate) fn aims(&self, id: SubjectId) -> Aims {
        self.records.aims(id)
    }

    /// The claims about the subject, as they were entered.
    pub(crate) fn claims(&self, id: SubjectId) -> impl Iterator<Item = &Claim> {
        self.records.claims(id)
    }
}

impl fmt::Debug for Intel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intel")
            .field("records", &self.records.len())
            .field("memory", &self.memory())
            .finish_non_exhaustive()
    }
}
