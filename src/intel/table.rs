//! One table for all keyed shapes: a filter that answers most misses, slots of eight bytes, keys side by side.

use super::hash::Hash;
use crate::slab::Slab;

/// A set of hashes that may say yes wrongly (some two times in a hundred) and never no: one load from a structure an eighth
/// the size of the slots.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    words: Slab<8>,
}

/// Bits of filter for each key. At 12, with three bits set, about 2.5 % of misses pass.
const FILTER_BITS: usize = 12;

impl Filter {
    pub(crate) fn build(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut words = vec![0; (hashes.len() * FILTER_BITS).div_ceil(64)];
        let count = words.len();
        for hash in hashes {
            if let Some(word) = words.get_mut(word_of(hash, count)) {
                *word |= bits_of(hash);
            }
        }
        Self { words: Slab::new(words.into_iter().map(u64::to_le_bytes)) }
    }

    /// Whether the hash can be in the set.
    #[inline]
    pub(crate) fn admits(&self, hash: u64) -> bool {
        let bits = bits_of(hash);
        let words = self.words.all();
        words.get(word_of(hash, words.len())).is_some_and(|word| u64::from_le_bytes(*word) & bits == bits)
    }

    pub(crate) fn memory(&self) -> usize {
        self.words.bytes().len()
    }
}

#[inline]
fn word_of(hash: u64, words: usize) -> usize {
    scale(hash, words)
}

#[inline]
fn bits_of(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
}

/// Maps a hash onto `0..count`, in order (Lemire's reduction).
#[inline]
pub(crate) fn scale(hash: u64, count: usize) -> usize {
    ((u128::from(hash) * count as u128) >> 64) as usize
}

/// Open addressing over `u64` slots: the low half of the hash, and the number of an entry. Filled to three quarters.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Slab<8>,
}

const FREE: u64 = u64::MAX;

impl Slots {
    /// Entry `n` has the `n`th hash. Fewer than 2^32 - 1 entries.
    pub(crate) fn build(hashes: &[u64]) -> Self {
        let mut slots = vec![FREE; hashes.len() + hashes.len().div_ceil(3)];
        for (entry, &hash) in hashes.iter().enumerate() {
            let mut at = scale(hash, slots.len());
            // Ends: there are more slots than entries.
            while slots.get(at).is_some_and(|&slot| slot != FREE) {
                at = if at + 1 == slots.len() { 0 } else { at + 1 };
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = hash << 32 | entry as u64;
            }
        }
        Self { slots: Slab::new(slots.into_iter().map(u64::to_le_bytes)) }
    }

    /// The entry with this hash that `is` the one sought.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let slots = self.slots.all();
        let mut at = scale(hash, slots.len());
        loop {
            let slot = u64::from_le_bytes(*slots.get(at)?);
            if slot == FREE {
                return None;
            }
            if slot >> 32 == hash & u64::from(u32::MAX) && is(slot as u32) {
                return Some(slot as u32);
            }
            at = if at + 1 == slots.len() { 0 } else { at + 1 };
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.slots.bytes().len()
    }
}

/// The keys of a table, one after another.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    ends: Ends,
}

#[derive(Debug)]
enum Ends {
    /// All keys are of this many bytes.
    Fixed(usize),
    /// Where each key ends.
    At(Vec<u32>),
}

impl Default for Ends {
    fn default() -> Self {
        Self::At(Vec::new())
    }
}

impl Keys {
    fn fixed(width: usize) -> Self {
        Self { bytes: Vec::new(), ends: Ends::Fixed(width) }
    }

    pub(crate) fn get(&self, entry: u32) -> &[u8] {
        let entry = entry as usize;
        let range = match &self.ends {
            Ends::Fixed(width) => entry * width..(entry + 1) * width,
            Ends::At(ends) => {
                let start = entry.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
                start as usize..ends.get(entry).copied().unwrap_or(start) as usize
            }
        };
        self.bytes.get(range).unwrap_or_default()
    }

    /// Adds a key unless the four gigabytes that offsets can name are full.
    fn push(&mut self, key: &[u8]) -> bool {
        let Ok(end) = u32::try_from(self.bytes.len() + key.len()) else { return false };
        self.bytes.extend_from_slice(key);
        if let Ends::At(ends) = &mut self.ends {
            ends.push(end);
        }
        true
    }

    fn memory(&self) -> usize {
        self.bytes.len() + if let Ends::At(ends) = &self.ends { ends.len() * 4 } else { 0 }
    }
}

/// Something said of a key: a record, which one of its own lists may silence, or an entry of an allow-list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Statement {
    /// Of all that lies below the key as well: subdomains, longer paths.
    pub(crate) wide: bool,
    pub(crate) said: Said,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Said {
    /// A record; `silenced` by the allow-list of that number, from 1.
    Record { record: u32, silenced: u32 },
    /// A record as before, which the report counts at another key: a URL without a scheme stands at two.
    Echo { record: u32, silenced: u32 },
    /// The allow-list of that number, from 1.
    Allowed(u32),
}

impl Said {
    /// The same at another key.
    pub(super) fn echo(self) -> Self {
        match self {
            Self::Record { record, silenced } => Self::Echo { record, silenced },
            other => other,
        }
    }
}

/// Keys, each found by its hash.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) keys: Keys,
    slots: Slots,
    count: u32,
}

/// Statements grouped by the key they are about, in the order of the table's entries.
pub(crate) struct Grouped {
    statements: Vec<Statement>,
    ends: Vec<u32>,
    pub(crate) hashes: Vec<u64>,
}

impl Grouped {
    pub(crate) fn of(&self, entry: u32) -> &[Statement] {
        let start = (entry as usize).checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(entry as usize).copied().unwrap_or(start);
        self.statements.get(start as usize..end as usize).unwrap_or_default()
    }
}

impl Table {
    /// Makes an entry of each distinct key. Entries stand in the order of their hashes, so that neighbours in the slots are
    /// neighbours among the keys. Keys of `width` bytes, or of any length.
    pub(crate) fn build<K: AsRef<[u8]>>(
        statements: Vec<(K, Statement)>,
        width: Option<usize>,
        hash: impl Fn(&[u8]) -> u64,
    ) -> (Self, Grouped) {
        let mut order: Vec<(u64, u32)> =
            statements.iter().zip(0..).map(|((key, _), at)| (hash(key.as_ref()), at)).collect();
        let key_of = |at: u32| statements.get(at as usize).map(|(key, _)| key.as_ref()).unwrap_or_default();
        order.sort_unstable();
        // Keys whose hashes collide would stand mixed: sort them apart.
        for same in order.chunk_by_mut(|a, b| a.0 == b.0) {
            if same.len() > 1 {
                same.sort_by(|a, b| key_of(a.1).cmp(key_of(b.1)).then(a.1.cmp(&b.1)));
            }
        }
        let mut keys = width.map_or_else(Keys::default, Keys::fixed);
        let mut grouped = Grouped { statements: Vec::with_capacity(order.len()), ends: Vec::new(), hashes: Vec::new() };
        for same in order.chunk_by(|a, b| a.0 == b.0 && key_of(a.1) == key_of(b.1)) {
            let Some(&(hash, first)) = same.first() else { continue };
            if !keys.push(key_of(first)) {
                break;
            }
            grouped.statements.extend(same.iter().filter_map(|&(_, at)| Some(statements.get(at as usize)?.1)));
            grouped.ends.push(grouped.statements.len() as u32);
            grouped.hashes.push(hash);
        }
        let slots = Slots::build(&grouped.hashes);
        (Self { keys, slots, count: grouped.hashes.len() as u32 }, grouped)
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.slots.find(hash, |entry| self.keys.get(entry) == key)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.count
    }

    /// Entries by the length of their keys, shortest first: parents before their children.
    pub(crate) fn by_length(&self) -> Vec<u32> {
        let mut entries: Vec<u32> = self.entries().collect();
        entries.sort_by_key(|&entry| self.keys.get(entry).len());
        entries
    }

    pub(crate) fn memory(&self) -> usize {
        self.keys.memory() + self.slots.memory()
    }
}

/// A table of keys that are compared whole, each with what covers it.
#[derive(Debug)]
pub(crate) struct Exact {
    hash: Hash,
    filter: Filter,
    table: Table,
    covers: Vec<super::covers::CoverId>,
}

impl Exact {
    /// `place` says of an entry and its key by what owner chains name it, and what stands behind it.
    pub(crate) fn build<K: AsRef<[u8]>>(
        statements: Vec<(K, Statement)>,
        width: Option<usize>,
        covers: &mut super::covers::Covers,
        place: impl Fn(u32, &[u8]) -> (u32, super::covers::CoverId),
    ) -> Self {
        let hash = Hash::seeded();
        let (table, grouped) = Table::build(statements, width, |key| hash.of(key));
        let ids = table
            .entries()
            .map(|entry| {
                let said = grouped.of(entry).iter().map(|statement| statement.said);
                let (owner, parent) = place(entry, table.keys.get(entry));
                covers.add(owner, said, parent)
            })
            .collect();
        Self { hash, filter: Filter::build(grouped.hashes.iter().copied()), table, covers: ids }
    }

    /// What covers the key, and the entry that says so.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<(super::covers::CoverId, u32)> {
        let hash = self.hash.of(key);
        if !self.filter.admits(hash) {
            return None;
        }
        let entry = self.table.find(hash, key)?;
        self.covers.get(entry as usize).map(|&cover| (cover, entry))
    }

    pub(crate) fn key(&self, entry: u32) -> &[u8] {
        self.table.keys.get(entry)
    }

    /// Each entry with its key and what covers it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, &[u8], super::covers::CoverId)> {
        self.table.entries().zip(&self.covers).map(|(entry, &cover)| (entry, self.key(entry), cover))
    }

    pub(crate) fn memory(&self) -> usize {
        self.filter.memory() + self.table.memory() + self.covers.len() * 4
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::intel::covers::{CoverId, Covers};

    /// Hashes as the tables see them.
    fn hashes(count: u32) -> Vec<u64> {
        let hash = Hash::seeded();
        (0..count).map(|n| hash.of(&n.to_le_bytes())).collect()
    }

    const SAID: Statement = Statement { wide: false, said: Said::Record { record: 0, silenced: 0 } };

    #[test]
    fn a_filter_never_says_no_wrongly_and_yes_seldom() {
        for count in [1, 2, 5, 6, 100, 10_000] {
            let hashes = hashes(count * 2);
            let (within, without) = hashes.split_at(count as usize);
            let filter = Filter::build(within.iter().copied());
            assert!(within.iter().all(|&hash| filter.admits(hash)), "{count}");
            if count == 10_000 {
                // Whatever the seeds.
                let wrong = without.iter().filter(|&&hash| filter.admits(hash)).count();
                assert!((50..500).contains(&wrong), "{wrong} of {count}");
            }
        }
        let ends = [0, u64::MAX, 1 << 63, u64::from(u32::MAX)];
        let filter = Filter::build(ends.into_iter());
        assert!(ends.iter().all(|&hash| filter.admits(hash)));
    }

    #[test]
    fn an_empty_filter_admits_nothing() {
        for filter in [Filter::default(), Filter::build([].into_iter())] {
            assert!(![0, 1, u64::MAX].into_iter().any(|hash| filter.admits(hash)));
        }
    }

    #[test]
    fn slots_tell_colliding_entries_apart() {
        // One hash for all; one half for all; ends of the table, so that the search wraps around; the mark of a free slot.
        for hashes in [
            vec![7; 50],
            vec![u64::MAX; 9],
            vec![0; 3],
            (0..50).map(|n| n << 32 | 7).collect(),
            (0..50).map(|n| u64::MAX << 32 | n).collect(),
            vec![u64::MAX, 0, u64::MAX - 1, u64::MAX >> 32],
            hashes(1000),
        ] {
            let slots = Slots::build(&hashes);
            for (entry, &hash) in (0..).zip(&hashes) {
                assert_eq!(slots.find(hash, |found| found == entry), Some(entry));
            }
            // Ends, whatever is refused.
            assert!(hashes.iter().all(|&hash| slots.find(hash, |_| false).is_none()));
        }
    }

    #[test]
    fn empty_slots_hold_nothing() {
        for slots in [Slots::default(), Slots::build(&[])] {
            assert!([0, u64::MAX].into_iter().all(|hash| slots.find(hash, |_| true).is_none()));
        }
    }

    #[test]
    fn keys_of_any_length_and_of_one() {
        let mut keys = Keys::default();
        for key in ["", "a", "", "evil.example"] {
            assert!(keys.push(key.as_bytes()));
        }
        assert_eq!(
            [0, 1, 2, 3, 4, u32::MAX].map(|entry| keys.get(entry)),
            [&b""[..], b"a", b"", b"evil.example", b"", b""]
        );
        let mut keys = Keys::fixed(2);
        assert!(keys.push(b"ab") && keys.push(b"cd"));
        assert_eq!([0, 1, 2, u32::MAX].map(|entry| keys.get(entry)), [&b"ab"[..], b"cd", b"", b""]);
    }

    #[test]
    fn a_table_keeps_apart_what_collides_and_together_what_is_equal() {
        let said = |record| Statement { wide: record % 2 == 1, said: Said::Record { record, silenced: 0 } };
        let statements =
            [("b", 0), ("a", 1), ("c", 2), ("a", 3), ("b", 4), ("", 5)].map(|(key, record)| (key, said(record)));
        for collide in [false, true] {
            let hash = Hash::seeded();
            let hash = |key: &[u8]| if collide { 7 } else { hash.of(key) };
            let (table, grouped) = Table::build(statements.to_vec(), None, hash);
            assert_eq!(table.entries().count(), 4);
            for (key, expected) in [("a", &[1, 3][..]), ("b", &[0, 4]), ("c", &[2]), ("", &[5])] {
                let entry = table.find(hash(key.as_bytes()), key.as_bytes()).unwrap();
                assert_eq!(table.keys.get(entry), key.as_bytes());
                let expected: Vec<_> = expected.iter().map(|&record| said(record)).collect();
                assert_eq!(grouped.of(entry), expected, "in the order in which they were given");
            }
            assert_eq!(table.find(hash(b"d"), b"d"), None);
            assert_eq!(table.keys.get(table.by_length()[0]), b"");
        }
    }

    #[test]
    fn an_exact_table_finds_its_keys_and_no_others() {
        let mut covers = Covers::new(vec![]);
        let keys: Vec<_> = (0..500_u32).map(|n| ((n * 2).to_be_bytes(), SAID)).collect();
        let table = Exact::build(keys, Some(4), &mut covers, |entry, _| (entry, CoverId::NONE));
        for n in 0..1000_u32 {
            let key = n.to_be_bytes();
            let found = table.get(&key).map(|(cover, entry)| (cover.is_none(), table.key(entry)));
            assert_eq!(found, (n % 2 == 0).then_some((false, &key[..])));
        }
        assert_eq!(table.get(b""), None);
    }
}
