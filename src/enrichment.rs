//! Enrichments: what was found in one event.

use std::net::IpAddr;

use serde::Serialize;

use crate::attribution::{Attribution, attribute, leading};
use crate::event::{Field, FieldMap};
use crate::generation::Generation;
use crate::geo::{Anonymity, Asn, Place, Written};
use crate::intel::{Finding, Intel, Match};
use crate::observable::Observable;
use crate::record::Validity;
use crate::schema::{Patch, Schema, Stamp, bundle};
use crate::site::Site;

/// What was found in one event. Borrows from the worker, not from the event: the host can write into the event while it reads this.
pub struct Enrichment<'a> {
    pub(crate) intel: &'a Intel,
    pub(crate) fields: &'a FieldMap,
    pub(crate) located: &'a [LocatedAt],
    pub(crate) in_text: &'a [InText],
    pub(crate) sightings: Vec<Sighting<'a>>,
    pub(crate) attributions: Vec<Attribution<'a>>,
    pub(crate) time: Option<i64>,
    stamp: Stamp,
}

/// A value of the event that some record covers.
#[derive(Clone, Debug)]
pub struct Sighting<'a> {
    pub(crate) field: &'a str,
    pub(crate) observable: Observable<'a>,
    pub(crate) finding: Finding<'a>,
    pub(crate) time: Option<i64>,
    /// Where it stands, unless that is the field.
    pub(crate) path: Option<Box<str>>,
}

/// The number of a field with an address that the databases know, its cell, and what is written of it.
#[derive(Clone, Copy)]
pub(crate) struct LocatedAt {
    pub(crate) field: u16,
    pub(crate) cell: u32,
    pub(crate) written: Written,
}

/// The number of a field of free text, an address in it that the databases know, and its cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InText {
    pub(crate) field: u16,
    pub(crate) address: IpAddr,
    pub(crate) cell: u32,
}

/// The field of a raw line, as ECS has it.
pub(crate) const MESSAGE: &str = "message";

/// An address of the event that the databases know.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Located<'a> {
    /// The field that holds it.
    pub field: &'a str,
    /// The address, where it stands in free text; `None`: it is the value of the field.
    pub address: Option<IpAddr>,
    /// The entity it describes, in the words of ECS, as the field map has it.
    pub place: Option<&'a str>,
    /// Its autonomous system.
    pub asn: Option<Asn<'a>>,
    /// Where it is.
    pub location: Option<Place<'a>>,
    /// How it hides who stands behind it.
    pub anonymity: Anonymity,
}

impl<'a> Enrichment<'a> {
    pub(crate) fn new(
        intel: &'a Intel,
        fields: &'a FieldMap,
        located: &'a [LocatedAt],
        in_text: &'a [InText],
        sightings: Vec<Sighting<'a>>,
        time: Option<i64>,
        site: &Site,
    ) -> Self {
        let attributions = if sightings.is_empty() { Vec::new() } else { attribute(intel, &sightings, time, site) };
        Self { intel, fields, located, in_text, sightings, attributions, time, stamp: Stamp::Nothing }
    }

    /// The same, to be written with this.
    #[inline]
    pub(crate) fn stamped(self, stamp: Stamp) -> Self {
        Self { stamp, ..self }
    }

    /// What is to be written beside what was found.
    pub(crate) fn stamp(&self) -> Option<Generation> {
        (self.stamp == Stamp::Generation && !self.sightings.is_empty()).then(|| self.generation())
    }

    /// Whether nothing at all is known of the event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.located.is_empty() && self.in_text.is_empty() && self.sightings.is_empty()
    }

    /// Whether some record matched and counts.
    pub(crate) fn is_match(&self) -> bool {
        self.sightings.iter().any(|sighting| sighting.matches().next().is_some())
    }

    /// The values that some record covers, in the order of the event.
    #[must_use]
    pub fn sightings(&self) -> &[Sighting<'a>] {
        &self.sightings
    }

    /// The addresses that the databases know: those that are values of fields, then those in free text.
    pub fn located(&self) -> impl Iterator<Item = Located<'a>> + '_ {
        let values = self.located.iter().map(|&LocatedAt { field, cell, .. }| (field, None, cell));
        values
            .filter_map(|(field, address, cell)| self.locate(self.fields.field(field), address, cell))
            .chain(self.located_in_text())
    }

    /// The addresses in free text that the databases know.
    pub(crate) fn located_in_text(&self) -> impl Iterator<Item = Located<'a>> + '_ {
        self.in_text.iter().filter_map(|&InText { field, address, cell }| {
            let mut located = self.locate(self.fields.field(field), Some(address), cell)?;
            located.place = None;
            Some(located)
        })
    }

    /// Without a field it is the line itself.
    fn locate(&self, field: Option<&'a Field>, address: Option<IpAddr>, cell: u32) -> Option<Located<'a>> {
        let geo = self.intel.geo()?;
        Some(Located {
            field: field.map_or(MESSAGE, |field| &field.path),
            address,
            place: field.and_then(|field| field.place.as_deref()),
            asn: geo.asn_of(cell),
            location: geo.place_of(cell),
            anonymity: geo.anonymity_of(cell),
        })
    }

    /// Campaigns and actors that the matches speak of, the strongest first. Empty: unattributed, a common and honest answer.
    #[must_use]
    pub fn attributions(&self) -> &[Attribution<'a>] {
        &self.attributions
    }

    /// The actor that the matches speak of more than of any other; `None` if there is none, or another comes near: a score of four fifths
    /// or more of the best; nor is one named for texts and behaviours alone.
    #[must_use]
    pub fn leading(&self) -> Option<&Attribution<'a>> {
        leading(&self.attributions)
    }

    /// Names what was known when the event was judged.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.intel.generation()
    }

    /// When the event happened, as far as it says; else the worker's clock. Seconds since the epoch, UTC.
    #[must_use]
    pub fn time(&self) -> Option<i64> {
        self.time
    }

    /// What to merge into the event: any serializer writes it. Objects merge, arrays append what they do not
    /// hold yet, a scalar already present stays.
    pub fn patch(&self, schema: Schema) -> impl Serialize + use<'_, 'a> {
        Patch::new(self, schema)
    }

    /// What was met, as a bundle of STIX 2.1 for platforms that collect it: for each record that counts a `sighting` (section 5.2), with
    /// the `observed-data` (4.14) of the values and these as cyber-observable objects (6).
    ///
    /// A sighting is of the indicator that the record [is](crate::Record::id). Where the record is not STIX's, an `indicator` (4.7) is made
    /// of it, with the `identity` (4.5) of its source; of kinds for which the standard has no pattern (JA3, JA4, JARM, paths of files)
    /// there is then none.
    ///
    /// Ids are made of what they are ids of (2.9), so that sending a bundle twice adds nothing. `event` tells the event from others that
    /// hold the same values in the same second: an id, an offset; it is kept as part of a hash only. `otherwise` is the time, in
    /// seconds since the epoch, should [`time`](Self::time) not know it. Times of indicators and identities are those of the record, or
    /// the epoch. A sighting's `count` is the number of different values.
    ///
    /// ```
    /// use stormtag::{Catalog, IntelBuilder, Live};
    ///
    /// let (intel, _) = IntelBuilder::new().feed(Catalog::builtin_indicators()).build();
    /// let mut worker = Live::new(intel).worker();
    /// let event = serde_json::json!({"ts": 1705081509, "uid": "CqX1b4", "id.resp_h": "45.63.60.39"});
    /// let bundle = serde_json::to_value(worker.enrich(&event).stix_sightings("CqX1b4", 0)).unwrap();
    ///
    /// let of = |kind: &str| bundle["objects"].as_array().unwrap().iter().find(|object| object["type"] == kind).unwrap();
    /// assert_eq!(of("ipv4-addr")["value"], "45.63.60.39");
    /// assert_eq!(of("sighting")["first_seen"], "2024-01-12T17:45:09.000Z");
    /// assert_eq!(of("sighting")["sighting_of_ref"], of("indicator")["id"]);
    /// assert_eq!(of("indicator")["pattern"], "[ipv4-addr:value = '45.63.60.39']");
    /// ```
    pub fn stix_sightings(&self, event: &str, otherwise: i64) -> impl Serialize + use<> {
        bundle(self, event, otherwise)
    }
}

impl<'a> Sighting<'a> {
    /// The field that holds the value, as the field map has it.
    #[must_use]
    pub fn field(&self) -> &'a str {
        self.field
    }

    /// Where exactly in the event the value stands: keys joined by dots, elements of arrays by their number, as `answers[1].data`. Is
    /// the [field](Self::field) where there is no array and no object around the record, or if it were longer than 1 KiB.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(self.field)
    }

    /// The value, in normal form.
    #[must_use]
    pub fn observable(&self) -> &Observable<'a> {
        &self.observable
    }

    /// All that is known of the value, whatever the time.
    #[must_use]
    pub fn finding(&self) -> Finding<'a> {
        self.finding
    }

    /// The records that count: neither suppressed nor outside their validity at the time of the event. Where neither the event
    /// nor the worker's clock tells the time, validity is not judged.
    pub fn matches(&self) -> impl Iterator<Item = Match<'a>> + use<'a> {
        let time = self.time;
        self.finding.matches().filter(move |found| time.is_none_or(|at| found.record().validity(at) == Validity::Valid))
    }

    /// The records that an allow-list silences.
    pub fn suppressed(&self) -> impl Iterator<Item = Match<'a>> + use<'a> {
        self.finding.suppressed()
    }

    /// The records that do not speak of the time of the event.
    pub fn outside_validity(&self) -> impl Iterator<Item = Match<'a>> + use<'a> {
        let time = self.time;
        self.finding
            .matches()
            .filter(move |found| time.is_some_and(|at| found.record().validity(at) != Validity::Valid))
    }
}
