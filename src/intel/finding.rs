//! Findings: what is known of one value.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use super::addresses::networks_of;
use super::covers::{CoverId, Covering, Walk};
use super::{Intel, Link};
use crate::behaviour::Behaviour;
use crate::geo::{Anonymity, Asn, Place as GeoPlace};
use crate::normal;
use crate::observable::{Kind, Shape};
use crate::pattern::Body;
use crate::record::Record;
use crate::specificity::Specificity;

/// What is known of one value. Cheap to copy; borrows from the [`Intel`].
#[derive(Clone, Copy)]
pub struct Finding<'i> {
    intel: &'i Intel,
    kind: Kind,
    at: Place,
    cell: u32,
}

/// Entries from here on are behaviours, by number.
pub(crate) const BEHAVIOURS: u32 = 1 << 31;

/// Where in the tables a value was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) cover: CoverId,
    /// Entry of the shape's table; addresses have none.
    pub(crate) entry: u32,
    pub(crate) address: Option<IpAddr>,
}

impl<'i> Finding<'i> {
    pub(crate) fn new(intel: &'i Intel, kind: Kind, at: Place, cell: u32) -> Self {
        Self { intel, kind, at, cell }
    }

    /// Every record that covers the value and is not suppressed, most specific indicator first. Whether a record speaks of the
    /// time in question is another matter: see [`Record::validity`].
    pub fn matches(&self) -> impl Iterator<Item = Match<'i>> + use<'i> {
        self.all().filter(|found| found.suppressed_by().is_none())
    }

    /// Every record that covers the value and that an allow-list silences.
    pub fn suppressed(&self) -> impl Iterator<Item = Match<'i>> + use<'i> {
        self.all().filter(|found| found.suppressed_by().is_some())
    }

    pub(crate) fn all(&self) -> Matches<'i> {
        Matches { intel: self.intel, kind: self.kind, at: self.at, walk: self.intel.covers.walk(self.at.cover) }
    }

    /// The cell of the databases that holds an address; 0: none.
    pub(crate) fn cell(&self) -> u32 {
        self.cell
    }

    /// Whether no record covers the value, suppressed or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at.cover.is_none()
    }

    /// The autonomous system of an address.
    #[must_use]
    pub fn asn(&self) -> Option<Asn<'i>> {
        self.intel.geo.as_ref()?.asn_of(self.cell)
    }

    /// The place of an address.
    #[must_use]
    pub fn place(&self) -> Option<GeoPlace<'i>> {
        self.intel.geo.as_ref()?.place_of(self.cell)
    }

    /// How an address hides who stands behind it, as far as the databases know.
    #[must_use]
    pub fn anonymity(&self) -> Anonymity {
        self.intel.geo.as_ref().map_or(Anonymity::default(), |geo| geo.anonymity_of(self.cell))
    }
}

impl fmt::Debug for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}

/// The records of a finding, suppressed ones among them.
pub(crate) struct Matches<'i> {
    intel: &'i Intel,
    kind: Kind,
    at: Place,
    walk: Walk<'i>,
}

impl<'i> Iterator for Matches<'i> {
    type Item = Match<'i>;

    fn next(&mut self) -> Option<Match<'i>> {
        let covering = self.walk.next()?;
        Some(Match { intel: self.intel, kind: self.kind, at: self.at, covering })
    }
}

/// One record that covers a value.
#[derive(Clone, Copy)]
pub struct Match<'i> {
    intel: &'i Intel,
    kind: Kind,
    at: Place,
    covering: Covering,
}

impl<'i> Match<'i> {
    /// What the source says.
    #[must_use]
    pub fn record(&self) -> &'i Record {
        // Covers are made of records that were interned; a missing one would show as an empty source.
        static NONE: std::sync::LazyLock<Record> = std::sync::LazyLock::new(Record::default);
        self.intel.records.get(self.covering.record).map_or(&NONE, |record| record)
    }

    /// What the indicator's values are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The indicator: the address or the network around it, the name or the one above it; the name of a behaviour.
    #[must_use]
    pub fn indicator(&self) -> Cow<'i, str> {
        let intel = self.intel;
        let entry = self.covering.owner.unwrap_or(self.at.entry);
        let text = |key: &'i [u8]| Cow::Borrowed(std::str::from_utf8(key).unwrap_or_default());
        match self.kind.shape() {
            Shape::Address => {
                let network = self.covering.owner.and_then(|owner| intel.addresses.pattern(owner));
                match (network, self.at.address) {
                    (Some(Body::Net(net)), _) => Cow::Owned(net.to_string()),
                    (Some(Body::Range(range)), _) => Cow::Owned(format!("{}-{}", range.0, range.1)),
                    (_, Some(address)) => Cow::Owned(normal::write_address(address)),
                    (_, None) => Cow::Borrowed(""),
                }
            }
            Shape::Name => text(intel.names.key(entry)),
            Shape::Url => text(intel.urls.key(entry)),
            Shape::Digest => self.exact_key(entry).map_or(Cow::Borrowed(""), |key| Cow::Owned(normal::encode_hex(key))),
            Shape::Word | Shape::Text if entry >= BEHAVIOURS => {
                Cow::Borrowed(self.behaviour().map_or("", Behaviour::name))
            }
            Shape::Word | Shape::Text => self.exact_key(entry).map_or(Cow::Borrowed(""), text),
        }
    }

    /// Whether the indicator covers what lies below it as well: subdomains, longer paths.
    pub(crate) fn is_wide(&self) -> bool {
        let intel = self.intel;
        let entry = self.covering.owner.unwrap_or(self.at.entry);
        let place = match self.kind.shape() {
            Shape::Name => intel.names.entry(intel.names.key(entry)),
            Shape::Url => intel.urls.entry(intel.urls.key(entry)),
            _ => None,
        };
        let says = |cover| intel.covers.own(cover, entry).any(|(record, _)| record == self.covering.record);
        place.is_some_and(|(_, place)| says(place.cover(true)))
    }

    /// The networks that the indicator is made of; none if it is a single address, or no address.
    pub(crate) fn networks(&self) -> impl Iterator<Item = IpNet> + use<'i> {
        let owner = self.covering.owner.filter(|_| self.kind == Kind::Ip);
        let body = owner.and_then(|owner| self.intel.addresses.pattern(owner));
        body.into_iter().flat_map(networks_of)
    }

    /// The behaviour, if that is what matched: then the value is the first text by which it did.
    #[must_use]
    pub fn behaviour(&self) -> Option<&'i Behaviour> {
        if !matches!(self.kind.shape(), Shape::Text | Shape::Word) {
            return None;
        }
        let number = self.at.entry.checked_sub(BEHAVIOURS)?;
        self.intel.behaviours.get(number).map(|(behaviour, _)| behaviour)
    }

    fn exact_key(&self, entry: u32) -> Option<&'i [u8]> {
        Some(self.intel.exact.get(self.kind as usize)?.as_ref()?.key(entry))
    }

    /// The allow-list that silences the record, if one does.
    #[must_use]
    pub fn suppressed_by(&self) -> Option<Allowed<'i>> {
        self.allowed(self.covering.suppress)
    }

    /// An allow-list that knows the value and only says so.
    #[must_use]
    pub fn informed_by(&self) -> Option<Allowed<'i>> {
        self.allowed(self.covering.inform)
    }

    fn allowed(&self, number: u32) -> Option<Allowed<'i>> {
        let list = self.intel.allow.get(number.checked_sub(1)? as usize)?;
        Some(Allowed { list: &list.name, reason: &list.reason })
    }

    /// What is left of the indicator's weight, for it is shared: as the record says, or a list that informs.
    pub(crate) fn specificity(&self) -> Specificity {
        let list = self.covering.inform.checked_sub(1).and_then(|number| self.intel.allow.get(number as usize));
        let said = self.intel.records.specificity(self.covering.record);
        list.map_or(said, |list| said.and(list.specificity))
    }

    /// Tells apart the records on one indicator.
    pub(crate) fn statement(&self) -> u32 {
        self.covering.record
    }

    /// Length of the network in bits, of the family's length, where the indicator is one.
    pub(crate) fn prefix(&self) -> Option<(u8, u8)> {
        match self.intel.addresses.pattern(self.covering.owner?)? {
            Body::Net(net) if self.kind == Kind::Ip => Some((net.prefix_len(), net.max_prefix_len())),
            Body::Range(range) if self.kind == Kind::Ip => Some(match **range {
                (IpAddr::V4(a), IpAddr::V4(b)) => ((b.to_bits() - a.to_bits()).leading_zeros() as u8, 32),
                (IpAddr::V6(a), IpAddr::V6(b)) => ((b.to_bits() - a.to_bits()).leading_zeros() as u8, 128),
                _ => (0, 32),
            }),
            _ => None,
        }
    }

    pub(crate) fn links(&self) -> &'i [Link] {
        self.intel.links(self.covering.record)
    }

    /// Tells indicators apart within one `Intel`: two fields that hold one value match one indicator.
    pub(crate) fn identity(&self) -> Identity {
        let owner = match (self.kind.shape(), self.covering.owner) {
            // A single address has no entry of its own.
            (Shape::Address, None) => return (self.kind, u32::MAX, self.at.address),
            (Shape::Address, Some(owner)) => owner,
            (_, owner) => owner.unwrap_or(self.at.entry),
        };
        let address = (owner == u32::MAX).then_some(self.at.address).flatten();
        (self.kind, owner, address)
    }
}

/// What tells indicators apart within one `Intel`: the kind and the entry, or the address where that is the indicator.
pub(crate) type Identity = (Kind, u32, Option<IpAddr>);

impl fmt::Debug for Match<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match")
            .field("indicator", &self.indicator())
            .field("source", &self.record().source)
            .field("suppressed_by", &self.suppressed_by())
            .finish()
    }
}

/// An allow-list's say on a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Allowed<'i> {
    /// Name of the list.
    pub list: &'i str,
    /// Why its entries are allowed.
    pub reason: &'i str,
}
