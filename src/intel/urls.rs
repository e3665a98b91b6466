//! URLs: exact, without query, by path prefix. A URL never widens to its host.

use std::ops::ControlFlow;

use super::covers::{CoverId, Covers};
use super::hash::Hash;
use super::place::Place;
use super::table::{Filter, Statement, Table};
use crate::normal;
use crate::swar::equal;

/// URL indicators, found in one pass from the left.
///
/// Most URLs go to hosts of which no URL is listed: a filter of hosts answers those without hashing the path.
#[derive(Debug)]
pub(crate) struct Urls {
    hash: Hash,
    hosts: Filter,
    table: Table,
    covers: Vec<Place>,
    /// The longest prefix among the entries, in bytes: slashes behind it need no look.
    longest_prefix: usize,
}

impl Urls {
    /// Keys are normal URLs; statements that are wide are prefixes, which end with a slash.
    pub(crate) fn build(statements: Vec<(Box<str>, Statement)>, covers: &mut Covers) -> Self {
        let hash = Hash::seeded();
        let longest_prefix =
            statements.iter().filter(|(_, statement)| statement.wide).map(|(url, _)| url.len()).max().unwrap_or(0);
        let statements: Vec<_> = statements.into_iter().map(|(url, said)| (url.into_boxed_bytes(), said)).collect();
        let (table, grouped) = Table::build(statements, None, |url| hash.of(url));
        let covers_of = vec![Place::default(); grouped.hashes.len()];
        let mut urls = Self { hash, hosts: Filter::default(), table, covers: covers_of, longest_prefix };
        let mut hosts = Vec::with_capacity(grouped.hashes.len());
        for entry in urls.table.by_length() {
            let parent = urls.parent_of(entry, covers);
            let built = Place::build(entry, grouped.of(entry), parent, covers);
            if let Some(place) = urls.covers.get_mut(entry as usize) {
                *place = built;
            }
            if !built.own.is_none() {
                hosts.push(urls.host_hash(urls.table.keys.get(entry)));
            }
        }
        hosts.sort_unstable();
        hosts.dedup();
        urls.hosts = Filter::build(hosts.iter().copied());
        urls
    }

    fn host_hash(&self, url: &[u8]) -> u64 {
        let url = std::str::from_utf8(url).unwrap_or_default();
        self.hash.of(normal::url_host(url).as_bytes())
    }

    /// What covers the entry's URL from outside: the same without its query, else the longest prefix.
    fn parent_of(&mut self, entry: u32, covers: &mut Covers) -> CoverId {
        let key = std::str::from_utf8(self.table.keys.get(entry)).unwrap_or_default().to_owned();
        let mut nearest = None;
        self.places(&key, |at, wide| {
            if at != entry {
                nearest = Some((at, wide));
            }
        });
        let Some((nearest, wide)) = nearest else { return CoverId::NONE };
        let Some(place) = self.covers.get_mut(nearest as usize) else { return CoverId::NONE };
        place.as_parent(wide, nearest, covers)
    }

    /// Calls `see` with each entry that covers the URL, the most specific last, and whether it does so as a prefix.
    #[inline]
    fn places(&self, url: &str, mut see: impl FnMut(u32, bool)) {
        let bare = normal::without_query(url).as_bytes();
        let url = url.as_bytes();
        if self.longest_prefix > 0 {
            let reach = bare.get(..self.longest_prefix).unwrap_or(bare);
            let _ = self.hash.prefixes::<()>(
                reach,
                |window| equal(window, b'/'),
                |length, hash| {
                    self.see_at(reach, length, hash, true, &mut see);
                    ControlFlow::Continue(())
                },
            );
        }
        if bare.len() < url.len() {
            self.see_at(bare, bare.len(), self.hash.of(bare), false, &mut see);
        }
        self.see_at(url, url.len(), self.hash.of(url), false, &mut see);
    }

    #[inline]
    fn see_at(&self, url: &[u8], length: usize, hash: u64, wide: bool, see: &mut impl FnMut(u32, bool)) {
        let key = url.get(..length).unwrap_or_default();
        let Some(entry) = self.table.find(hash, key) else { return };
        let Some(place) = self.covers.get(entry as usize) else { return };
        if !place.cover(wide).is_none() {
            see(entry, wide);
        }
    }

    /// Whether something may be said of a URL of this host, a name in normal form.
    #[inline]
    pub(crate) fn may_know(&self, host: &[u8]) -> bool {
        !self.covers.is_empty() && self.hosts.admits(self.hash.of(host))
    }

    /// What covers a normal URL, and the entry that says so.
    #[inline]
    pub(crate) fn get(&self, url: &str) -> Option<(CoverId, u32)> {
        if !self.may_know(normal::url_host(url).as_bytes()) {
            return None;
        }
        let mut found = None;
        self.places(url, |entry, wide| found = Some((entry, wide)));
        let (entry, wide) = found?;
        let place = self.covers.get(entry as usize)?;
        Some((place.cover(wide), entry))
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
        let entry = self.table.find(self.hash.of(key), key)?;
        Some((entry, self.covers.get(entry as usize).copied()?))
    }

    pub(crate) fn memory(&self) -> usize {
        self.hosts.memory() + self.table.memory() + self.covers.len() * size_of::<Place>()
    }
}
