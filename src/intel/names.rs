//! Names: an indicator covers the name and what lies below it.

use std::ops::ControlFlow;

use super::covers::{CoverId, Covers};
use super::hash::Hash;
use super::place::Place;
use super::table::{Filter, Statement, Table};

/// Name indicators, found label by label from the right.
///
/// The filter holds the hash of every entry *and of every parent of one*. A name whose last two labels are not in it has no entry
/// at any depth: one load answers nearly every miss, whatever the number of labels.
#[derive(Debug)]
pub(crate) struct Names {
    hash: Hash,
    filter: Filter,
    table: Table,
    covers: Vec<Place>,
    /// Whether any entry is a single label; then the walk must begin there.
    single_labels: bool,
}

impl Names {
    pub(crate) fn build(statements: Vec<(Box<str>, Statement)>, covers: &mut Covers) -> Self {
        let hash = Hash::seeded();
        let statements: Vec<_> = statements.into_iter().map(|(name, said)| (name.into_boxed_bytes(), said)).collect();
        let (table, grouped) = Table::build(statements, None, |name| hash.of_name(name));
        let mut names = Self { hash, filter: Filter::default(), table, covers: vec![], single_labels: false };
        names.covers = vec![Place::default(); grouped.hashes.len()];
        let mut admitted = Vec::with_capacity(grouped.hashes.len() * 2);
        for entry in names.table.by_length() {
            let parent = names.parent_of(entry, covers);
            let built = Place::build(entry, grouped.of(entry), parent, covers);
            if let Some(place) = names.covers.get_mut(entry as usize) {
                *place = built;
            }
            // An entry of an allow-list with nothing to silence needs not be found.
            if built.own.is_none() {
                continue;
            }
            let name = names.table.keys.get(entry);
            names.single_labels |= !name.contains(&b'.');
            let _ = names.hash.suffixes::<()>(name, |_, hash| {
                admitted.push(hash);
                ControlFlow::Continue(())
            });
        }
        admitted.sort_unstable();
        admitted.dedup();
        names.filter = Filter::build(admitted.iter().copied());
        names
    }

    /// What covers the subdomains of the nearest entry above.
    fn parent_of(&mut self, entry: u32, covers: &mut Covers) -> CoverId {
        let name = self.table.keys.get(entry);
        let mut nearest = None;
        let _ = self.hash.suffixes::<()>(name, |length, hash| {
            if length < name.len() {
                let suffix = name.get(name.len() - length..).unwrap_or_default();
                nearest = self.table.find(hash, suffix).filter(|&at| self.has(at)).or(nearest);
            }
            ControlFlow::Continue(())
        });
        let Some(nearest) = nearest else { return CoverId::NONE };
        let Some(place) = self.covers.get_mut(nearest as usize) else { return CoverId::NONE };
        place.as_parent(true, nearest, covers)
    }

    fn has(&self, entry: u32) -> bool {
        self.covers.get(entry as usize).is_some_and(|place| !place.below.is_none())
    }

    /// What covers a normal name, and the entry that says so.
    #[inline]
    pub(crate) fn get(&self, name: &[u8]) -> Option<(CoverId, u32)> {
        let mut found = None;
        let mut skip = !self.single_labels;
        let _ = self.hash.suffixes(name, |length, hash| {
            if std::mem::take(&mut skip) {
                return ControlFlow::Continue(());
            }
            if !self.filter.admits(hash) {
                return ControlFlow::Break(());
            }
            let suffix = name.get(name.len() - length..).unwrap_or_default();
            if let Some(entry) = self.table.find(hash, suffix)
                && let Some(place) = self.covers.get(entry as usize)
            {
                let cover = place.cover(length < name.len());
                if !cover.is_none() {
                    found = Some((cover, entry));
                }
            }
            ControlFlow::Continue(())
        });
        found
    }

    pub(crate) fn key(&self, entry: u32) -> &[u8] {
        self.table.keys.get(entry)
    }

    /// Each entry with what covers it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, Place)> + '_ {
        self.table.entries().zip(self.covers.iter().copied())
    }

    /// What covers the entry of the key.
    pub(super) fn entry(&self, key: &[u8]) -> Option<(u32, Place)> {
        let entry = self.table.find(self.hash.of_name(key), key)?;
        Some((entry, self.covers.get(entry as usize).copied()?))
    }

    pub(crate) fn memory(&self) -> usize {
        self.filter.memory() + self.table.memory() + self.covers.len() * size_of::<Place>()
    }
}
