//! Deltas: what one snapshot knows that another does not.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::Intel;
use super::addresses::OWN;
use super::covers::CoverId;
use super::place::Place;
use crate::normal;
use crate::observable::{Kind, Shape};
use crate::pattern::{Body, Pattern};
use crate::record::Record;

impl Intel {
    /// What `new` knows that `old` does not, and the other way round: what a search through stored events should look for once more.
    ///
    /// Costs a pass over both for each of the lists that is asked for. Holds a number for each record of both, and the networks;
    /// indicators are not copied.
    ///
    /// ```
    /// use stormtag::{Catalog, Intel, IntelBuilder};
    ///
    /// let (new, _) = IntelBuilder::new().feed(Catalog::builtin_indicators()).build();
    /// let old = Intel::empty();
    /// let delta = Intel::delta(&old, &new);
    /// assert_eq!((delta.added().count(), delta.removed().count(), delta.changed().count()), (121, 0, 0));
    /// ```
    #[must_use]
    pub fn delta<'i>(old: &'i Self, new: &'i Self) -> Delta<'i> {
        let mut numbers = HashMap::default();
        Delta { old: Side::new(old, &mut numbers), new: Side::new(new, &mut numbers) }
    }
}

/// What two snapshots do not have in common; made by [`Intel::delta`].
///
/// An indicator is a pattern. That `evil.example` is listed with its subdomains and that it is listed alone are two; a URL without a
/// scheme is one by `http` and one by `https`.
pub struct Delta<'i> {
    old: Side<'i>,
    new: Side<'i>,
}

/// An indicator, and what is said of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Changed<'i> {
    /// What its values are.
    pub kind: Kind,
    /// Its text, as [`Pattern::parse`] reads it.
    pub pattern: Cow<'i, str>,
    /// The records on it, in the snapshot that has it; of changed ones in the new. With each, whether an allow-list silences it here.
    pub records: Vec<(&'i Record, bool)>,
}

impl<'i> Delta<'i> {
    /// Indicators of the new snapshot that the old one has no record of.
    pub fn added(&self) -> impl Iterator<Item = Changed<'i>> + '_ {
        self.new.without(&self.old)
    }

    /// Indicators of the old snapshot that the new one has no record of.
    pub fn removed(&self) -> impl Iterator<Item = Changed<'i>> + '_ {
        self.old.without(&self.new)
    }

    /// Indicators that both have, with other records, or records that an allow-list silences in one of them only.
    pub fn changed(&self) -> impl Iterator<Item = Changed<'i>> + '_ {
        let of = |(spot, said): (Spot<'i>, Vec<Said>)| {
            let before = self.old.said_of_other(&spot);
            (!before.is_empty() && self.old.values(&before) != self.new.values(&said))
                .then(|| self.new.show(&spot, &said))
        };
        self.new.spots().filter_map(of)
    }
}

impl fmt::Debug for Delta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delta").field("old", &self.old.intel).field("new", &self.new.intel).finish()
    }
}

/// A record, and whether it is silenced.
type Said = (u32, bool);

/// Numbers of distinct records, the same for both sides.
type Numbers<'i> = HashMap<&'i Record, u32, RandomState>;

struct Side<'i> {
    intel: &'i Intel,
    /// Of each record the number that equal records of both sides share.
    numbers: Vec<u32>,
    /// What is said of each network and range.
    networks: HashMap<&'i Body, Vec<Said>, RandomState>,
}

/// One indicator of a side.
enum Spot<'i> {
    Single(IpAddr),
    Network(&'i Body),
    Name(&'i [u8], bool),
    Url(&'i [u8], bool),
    Exact(Kind, &'i [u8]),
}

impl<'i> Side<'i> {
    fn new(intel: &'i Intel, numbers: &mut Numbers<'i>) -> Self {
        let numbers = (0..intel.records.len() as u32)
            .filter_map(|record| {
                let next = numbers.len() as u32;
                Some(*numbers.entry(&**intel.records.get(record)?).or_insert(next))
            })
            .collect();
        let mut networks: HashMap<&Body, Vec<Said>, RandomState> = HashMap::default();
        for (owner, record, silenced) in intel.covers.within(intel.addresses.nodes()) {
            if let Some(body) = intel.addresses.pattern(owner) {
                networks.entry(body).or_default().push((record, silenced));
            }
        }
        for said in networks.values_mut() {
            // A range is made of several networks. It is silenced where all of it is.
            said.sort_unstable();
            said.dedup_by_key(|said| said.0);
        }
        Self { intel, numbers, networks }
    }

    /// Every indicator with what is said of it.
    fn spots(&self) -> impl Iterator<Item = (Spot<'i>, Vec<Said>)> + '_ {
        let intel = self.intel;
        let singles = intel
            .addresses
            .singles()
            .map(move |(address, cover)| (Spot::Single(address), intel.covers.own(cover, OWN).collect()));
        let networks = self.networks.iter().map(|(body, said)| (Spot::Network(body), said.clone()));
        let both = |entry, place| [true, false].map(|wide| (wide, self.said_at(entry, place, wide)));
        let names = intel.names.entries().flat_map(move |(entry, place)| {
            both(entry, place).map(|(wide, said)| (Spot::Name(intel.names.key(entry), wide), said))
        });
        let urls = intel.urls.entries().flat_map(move |(entry, place)| {
            both(entry, place).map(|(wide, said)| (Spot::Url(intel.urls.key(entry), wide), said))
        });
        let exact = Kind::ALL.iter().zip(&intel.exact).filter_map(|(&kind, table)| Some((kind, table.as_ref()?)));
        let exact = exact.flat_map(move |(kind, table)| {
            table
                .entries()
                .map(move |(entry, key, cover)| (Spot::Exact(kind, key), intel.covers.own(cover, entry).collect()))
        });
        let all = singles.chain(networks).chain(names).chain(urls).chain(exact);
        // Entries of allow-lists stand in the tables too.
        all.filter(|(_, said): &(_, Vec<Said>)| !said.is_empty())
    }

    /// What is said of a name or URL itself: of it with what lies below, or of it alone.
    fn said_at(&self, entry: u32, place: Place, wide: bool) -> Vec<Said> {
        if !wide && place.own == place.below {
            return Vec::new();
        }
        self.intel.covers.own(place.cover(wide), entry).collect()
    }

    /// What this side says of an indicator of the other.
    fn said_of_other(&self, spot: &Spot<'_>) -> Vec<Said> {
        let intel = self.intel;
        let own = |cover: CoverId, owner| intel.covers.own(cover, owner).collect();
        match *spot {
            Spot::Single(address) => own(intel.addresses.get(address), OWN),
            Spot::Network(body) => self.networks.get(body).cloned().unwrap_or_default(),
            Spot::Name(name, wide) => {
                intel.names.entry(name).map_or(vec![], |(entry, place)| self.said_at(entry, place, wide))
            }
            Spot::Url(url, wide) => {
                intel.urls.entry(url).map_or(vec![], |(entry, place)| self.said_at(entry, place, wide))
            }
            Spot::Exact(kind, key) => intel.exact(kind, key).map_or(vec![], |(cover, entry)| own(cover, entry)),
        }
    }

    /// The same in numbers that both sides share.
    fn values(&self, said: &[Said]) -> Vec<(Option<u32>, bool)> {
        let number = |&(record, silenced): &Said| (self.numbers.get(record as usize).copied(), silenced);
        let mut values: Vec<_> = said.iter().map(number).collect();
        values.sort_unstable();
        values
    }

    fn without<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = Changed<'i>> + 's {
        self.spots()
            .filter(|(spot, _)| other.said_of_other(spot).is_empty())
            .map(|(spot, said)| self.show(&spot, &said))
    }

    fn show(&self, spot: &Spot<'i>, said: &[Said]) -> Changed<'i> {
        let text = |bytes: &'i [u8]| std::str::from_utf8(bytes).unwrap_or_default();
        let (kind, pattern) = match *spot {
            Spot::Single(address) => (Kind::Ip, address.to_string().into()),
            Spot::Network(body) => (Kind::Ip, Pattern::of(Kind::Ip, body.clone()).to_string().into()),
            Spot::Name(name, true) => (Kind::Domain, text(name).into()),
            Spot::Name(name, false) => (Kind::Domain, format!("={}", text(name)).into()),
            Spot::Url(url, true) => (Kind::Url, format!("{}*", text(url)).into()),
            Spot::Url(url, false) => (Kind::Url, text(url).into()),
            Spot::Exact(kind, key) if kind.shape() == Shape::Digest => (kind, normal::encode_hex(key).into()),
            Spot::Exact(kind, key) => (kind, text(key).into()),
        };
        let record = |&(record, silenced): &Said| Some((&**self.intel.records.get(record)?, silenced));
        Changed { kind, pattern, records: said.iter().filter_map(record).collect() }
    }
}
