//! Counters: what a worker did, in numbers.

use std::ops::AddAssign;

use serde::Serialize;

use crate::cache::Cache;
use crate::enrichment::Enrichment;
use crate::intel::Finding;
use crate::observable::{Kind, Observable};

/// What a worker did. Plain numbers: read them, add those of several workers with `+=`, export them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Events seen.
    pub events: u64,
    /// Of these, lines that are no JSON object: passed on unchanged.
    pub not_json: u64,
    /// Events in which something matched.
    pub events_matched: u64,
    /// Events that some campaign or actor was named for.
    pub events_attributed: u64,
    /// Addresses for which the databases know an ASN or a place.
    pub located: u64,
    /// Values looked up, by kind.
    pub looked_up: ByKind,
    /// Texts that are no value of their field's kind.
    pub invalid: ByKind,
    /// Records that matched and counted.
    pub matched: ByKind,
    /// Records that an allow-list silenced.
    pub suppressed: ByKind,
    /// Records outside their validity at the time of the event.
    pub outside_validity: ByKind,
    /// Sightings beyond the 1,024 that are told of one event.
    pub sightings_over_limit: u64,
    /// Free texts with more than 1,024 observables, behind which nothing is looked up; and texts of an event beyond the 256, or the 256 KiB, that
    /// behaviours are tried on.
    pub texts_over_limit: u64,
    /// Located addresses of free text beyond the 256 that are told of one event.
    pub places_over_limit: u64,
    /// Snapshots taken.
    pub refreshes: u64,
    /// Values not written in normal form that the worker [remembered](crate::Worker::set_cache).
    pub cache_hits: u64,
    /// Values not written in normal form that it had to bring there. Both stay 0 where nothing is remembered.
    pub cache_misses: u64,
}

/// A number for each [`Kind`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByKind([u64; Kind::ALL.len()]);

impl Default for ByKind {
    fn default() -> Self {
        Self([0; Kind::ALL.len()])
    }
}

impl ByKind {
    /// The number of one kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or(0)
    }

    /// The sum over all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that have a number above zero.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        Kind::ALL.iter().map(|&kind| (kind, self.of(kind))).filter(|&(_, count)| count > 0)
    }

    #[inline]
    pub(crate) fn add(&mut self, kind: Kind, count: u64) {
        if let Some(number) = self.0.get_mut(kind as usize) {
            *number += count;
        }
    }
}

impl Serialize for ByKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl AddAssign<&ByKind> for ByKind {
    fn add_assign(&mut self, other: &ByKind) {
        for (kind, count) in other.iter() {
            self.add(kind, count);
        }
    }
}

impl Counters {
    #[inline]
    pub(crate) fn add(&mut self, observable: &Observable<'_>, finding: &Finding<'_>) {
        self.looked_up.add(observable.kind(), 1);
        self.located += u64::from(finding.cell() != 0);
    }

    #[inline]
    pub(crate) fn invalid(&mut self, kind: Kind) {
        self.invalid.add(kind, 1);
    }

    /// Takes over how often something was remembered.
    #[inline]
    pub(crate) fn remember(&mut self, cache: &Cache) {
        (self.cache_hits, self.cache_misses) = (cache.hits, cache.misses);
    }

    /// Counts what an event's sightings came to.
    pub(crate) fn judge(&mut self, enrichment: &Enrichment<'_>) {
        let mut matched = 0;
        for sighting in enrichment.sightings() {
            let kind = sighting.observable().kind();
            let count = sighting.matches().count() as u64;
            matched += count;
            self.matched.add(kind, count);
            self.suppressed.add(kind, sighting.suppressed().count() as u64);
            self.outside_validity.add(kind, sighting.outside_validity().count() as u64);
        }
        self.events_matched += u64::from(matched > 0);
        self.events_attributed += u64::from(!enrichment.attributions().is_empty());
    }
}

impl AddAssign<&Counters> for Counters {
    fn add_assign(&mut self, other: &Counters) {
        let Counters {
            events,
            not_json,
            events_matched,
            events_attributed,
            located,
            looked_up,
            invalid,
            matched,
            suppressed,
            outside_validity,
            sightings_over_limit,
            texts_over_limit,
            places_over_limit,
            refreshes,
            cache_hits,
            cache_misses,
        } = other;
        self.events += events;
        self.not_json += not_json;
        self.events_matched += events_matched;
        self.events_attributed += events_attributed;
        self.located += located;
        self.looked_up += looked_up;
        self.invalid += invalid;
        self.matched += matched;
        self.suppressed += suppressed;
        self.outside_validity += outside_validity;
        self.sightings_over_limit += sightings_over_limit;
        self.texts_over_limit += texts_over_limit;
        self.places_over_limit += places_over_limit;
        self.refreshes += refreshes;
        self.cache_hits += cache_hits;
        self.cache_misses += cache_misses;
    }
}
