//! What is counted of each record while an `Intel` is built.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::addresses::OWN;

/// What was met while chains were made.
#[derive(Debug, Default)]
pub(crate) struct CoverCounts {
    /// The same record on the same pattern again.
    pub(crate) duplicates: Tally,
    /// Records beyond the limit for one pattern.
    pub(crate) too_many: Tally,
    /// Records that an allow-list silences at their own place, with the owner of the place.
    pub(crate) suppressed: Vec<(u32, u32)>,
    /// What is said at the place at hand, record and list that silences it, and counts at another place. In order once the place is
    /// known.
    pub(super) echoes: Vec<(u32, u32)>,
}

impl CoverCounts {
    /// Whether this counts at another place than that at hand.
    #[inline]
    pub(super) fn is_echo(&self, record: u32, silenced: u32) -> bool {
        !self.echoes.is_empty() && self.echoes.binary_search(&(record, silenced)).is_ok()
    }

    /// To be called when all networks are in. A range is silenced once, of however many networks it is made, and only where all of
    /// them are; `said` is the owner, the record and whether it is silenced, of each network.
    pub(super) fn networks_are_in(&mut self, said: impl Iterator<Item = (u32, u32, bool)>) {
        if self.suppressed.is_empty() {
            return;
        }
        let open: HashSet<(u32, u32), RandomState> =
            said.filter(|&(.., silenced)| !silenced).map(|(owner, record, _)| (owner, record)).collect();
        self.suppressed.retain(|said| !open.contains(said));
        self.suppressed.sort_unstable();
        self.suppressed.dedup_by(|a, b| a == b && a.0 != OWN);
    }
}

/// How often something happened, by record.
#[derive(Debug, Default)]
pub(crate) struct Tally(HashMap<u32, u64, RandomState>);

impl Tally {
    pub(crate) fn add(&mut self, count: u64, record: u32) {
        if count > 0 {
            *self.0.entry(record).or_default() += count;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.0.iter().map(|(&record, &count)| (record, count))
    }

    #[cfg(test)]
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}
