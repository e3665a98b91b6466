//! From an address to a number: disjoint ranges, flattened once, asked for ever.
//!
//! A multibit trie. The top 16 bits of the address pick an entry of the root; an entry is a value, or the index of a [`Node`]
//! for the next 8 bits, which holds entries in turn. A node is one cache line that says at which of its 256 positions a new
//! run begins; entries are stored per run, not per position. Up to [`INLINE`] of them stand in the node's own line. A uniform random
//! IPv4 address costs the root (256 KiB, which stays in L2), the line of one node and seldom the line of one leaf, and the
//! same again behind prefixes longer than /24. IPv6 takes the same nodes, as deep as its prefixes go.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::slab::Slab;

/// Set in an entry that is the index of a node; values have 31 bits.
const CHILD: u32 = 1 << 31;

/// The entries that fit in a node's line beside its bitmap.
const INLINE: usize = 6;

/// An immutable map from disjoint address ranges to a number; 0 is "nothing".
///
/// IPv4-mapped IPv6 addresses are not unmapped here: ask for the IPv4 address.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    v4: Slab<4>,
    v6: Slab<4>,
    /// The nodes, a line each, and the leaves behind them.
    words: Slab<4>,
    len: usize,
}

impl Ranges {
    /// Builds from `(first, last, value)` lists, both ends included, sorted by address and disjoint. Values below 2^31.
    ///
    /// A range that begins before the one ahead of it ends is cut to what is left of it. Neighbours of one value become one range.
    pub(crate) fn new(
        v4: impl IntoIterator<Item = (u32, u32, u32)>,
        v6: impl IntoIterator<Item = (u128, u128, u32)>,
    ) -> Self {
        // IPv4 addresses are built as if they were the top 32 bits of an IPv6 address: one builder for both.
        let v4 = v4
            .into_iter()
            .map(|(first, last, value)| (u128::from(first) << 96, u128::from(last) << 96 | LOW_96, value));
        let mut builder = Builder::default();
        let v4 = builder.root(&builder_runs(v4));
        let v6 = builder.root(&builder_runs(v6.into_iter()));
        let (words, len) = (builder.words(), builder.len);
        let [v4, v6, words] = [v4, v6, words].map(|numbers| Slab::new(numbers.into_iter().map(u32::to_le_bytes)));
        Self { v4, v6, words, len }
    }

    /// The value of the range that holds this address, 0 if there is none.
    #[inline]
    pub(crate) fn get(&self, ip: IpAddr) -> u32 {
        match ip {
            IpAddr::V4(ip) => self.get_v4(ip.to_bits()),
            IpAddr::V6(ip) => self.get_v6(ip.to_bits()),
        }
    }

    /// As [`get`](Self::get).
    #[inline]
    pub(crate) fn get_v4(&self, ip: u32) -> u32 {
        let entry = self.root_v4(ip);
        if entry & CHILD == 0 { entry } else { self.step_v4(self.step_v4(entry, (ip >> 8) as u8), ip as u8) }
    }

    /// The first of three steps of [`get_v4`](Self::get_v4), by the upper 16 bits.
    #[inline(always)]
    pub(crate) fn root_v4(&self, ip: u32) -> u32 {
        self.v4.number((ip >> 16) as usize)
    }

    /// The second and the third, by 8 bits each; they stay with a value that is found.
    #[inline(always)]
    pub(crate) fn step_v4(&self, entry: u32, position: u8) -> u32 {
        if entry & CHILD == 0 { entry } else { self.step(entry, position) }
    }

    /// As [`get`](Self::get).
    #[inline]
    pub(crate) fn get_v6(&self, ip: u128) -> u32 {
        let mut entry = self.v6.number((ip >> 112) as usize);
        let mut rest = ip << 16;
        while entry & CHILD != 0 {
            entry = self.step(entry, (rest >> 120) as u8);
            rest <<= 8;
        }
        entry
    }

    /// Ranges held, neighbours of one value counted as one.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap.
    pub(crate) fn memory(&self) -> usize {
        [&self.v4, &self.v6, &self.words].map(|numbers| numbers.bytes().len()).iter().sum()
    }

    #[inline(always)]
    fn step(&self, child: u32, position: u8) -> u32 {
        // Neither index can be out of bounds in what the builder made; a wrong one would answer "nothing".
        let line = self.words.bytes().get((child & !CHILD) as usize * LINE..).and_then(<[u8]>::first_chunk);
        // Nothing branches on where the entry stands: it could not be foretold, and the loads of other look-ups would wait for it.
        line.map_or(0, |line| self.words.number(Node::entry(line, position)))
    }
}

/// The next 8 bits of the address, in one cache line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    /// The positions where a run begins; that of position 0 goes without saying, so that the count of bits up to a position is the rank of its run.
    starts: [u64; 4],
    /// Bits set in the words before.
    counts: [u8; 4],
    /// Where the entries begin among all words. Until all is built: where in the leaves; 0 if they are all in `inline`.
    base: u32,
    inline: [u32; INLINE],
}

/// Bytes in a cache line.
const LINE: usize = 64;

impl Node {
    /// All of it, as it is stored: in the order of its fields.
    fn words(&self) -> impl Iterator<Item = u32> {
        let starts = self.starts.iter().flat_map(|&word| [word as u32, (word >> 32) as u32]);
        starts.chain([u32::from_le_bytes(self.counts), self.base]).chain(self.inline)
    }

    /// Where among all words the entry of a position stands.
    #[inline(always)]
    fn entry(line: &[u8; LINE], position: u8) -> usize {
        let word = usize::from(position >> 6);
        let (starts, numbers) = (line.as_chunks().0.get(word), line.as_chunks().0);
        let (Some(starts), Some(before), Some(base)) = (starts, line.get(32 + word), numbers.get(9)) else { return 0 };
        let upto = u64::from_le_bytes(*starts) & (u64::MAX >> (63 - (position & 63)));
        u32::from_le_bytes(*base) as usize + usize::from(*before) + upto.count_ones() as usize
    }
}

const LOW_96: u128 = u128::MAX >> 32;

/// Where a value begins; it holds until the next one begins. The first begins at 0.
type Run = (u128, u32);

/// Ranges as runs over the whole space, gaps as runs of value 0.
fn builder_runs(ranges: impl Iterator<Item = (u128, u128, u32)>) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![(0, 0)];
    let mut push = |start: u128, value: u32| {
        if runs.last().is_some_and(|last| last.0 == start) {
            runs.pop();
        }
        if runs.last().is_none_or(|last| last.1 != value) {
            runs.push((start, value));
        }
    };
    let mut next = Some(0);
    for (first, last, value) in ranges {
        let Some(free) = next else { break };
        let first = first.max(free);
        if first > last {
            continue;
        }
        debug_assert!(value & CHILD == 0, "values have 31 bits");
        push(first, value & !CHILD);
        next = last.checked_add(1);
        if let Some(next) = next {
            push(next, 0);
        }
    }
    runs
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    leaves: Vec<u32>,
    /// Nodes that stand by themselves, to find a like one again.
    seen: HashMap<Node, u32, foldhash::fast::FixedState>,
    len: usize,
}

impl Builder {
    /// All nodes and leaves, in the form that look-ups read.
    fn words(&mut self) -> Vec<u32> {
        let (per_line, behind) = ((LINE / 4) as u32, self.nodes.len() * LINE / 4);
        let mut words = Vec::with_capacity(behind + self.leaves.len());
        for (node, line) in self.nodes.iter_mut().zip(0..) {
            node.base = match node.base {
                0 => line * per_line + per_line - INLINE as u32,
                leaves => behind as u32 + leaves,
            };
            words.extend(node.words());
        }
        words.append(&mut self.leaves);
        words
    }

    /// The dense root: one entry for each value of the top 16 bits, those of value 0 at the end left out.
    fn root(&mut self, runs: &[Run]) -> Vec<u32> {
        self.len += runs.iter().filter(|run| run.1 != 0).count();
        if self.leaves.is_empty() {
            self.leaves.push(0); // base 0 says "inline"
        }
        let mut root = Vec::new();
        let mut entries = self.entries(runs, 112).into_iter().peekable();
        while let Some((_, entry)) = entries.next() {
            match entries.peek() {
                Some(&(next, _)) => root.resize(next as usize, entry),
                None if entry == 0 => {}
                None => root.resize(1 << 16, entry),
            }
        }
        root.shrink_to_fit();
        root
    }

    /// The entry for a part of the space; the first run began in it or before it, all others begin in it.
    fn entry(&mut self, runs: &[Run], shift: u32) -> u32 {
        if let [(_, value)] = runs {
            return *value;
        }
        let entries = self.entries(runs, shift);
        let mut node = Node::default();
        for &(position, _) in entries.iter().skip(1) {
            if let Some(word) = node.starts.get_mut((position >> 6) as usize) {
                *word |= 1 << (position & 63);
            }
        }
        let mut before = 0;
        for (count, word) in node.counts.iter_mut().zip(node.starts) {
            *count = before;
            before += word.count_ones() as u8;
        }
        if entries.len() <= INLINE {
            for (slot, (_, entry)) in node.inline.iter_mut().zip(entries) {
                *slot = entry;
            }
            let next = self.nodes.len() as u32;
            let index = *self.seen.entry(node.clone()).or_insert(next);
            if index == next {
                self.nodes.push(node);
            }
            return index | CHILD;
        }
        node.base = self.leaves.len() as u32;
        self.leaves.extend(entries.into_iter().map(|(_, entry)| entry));
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32 | CHILD
    }

    /// Position and entry of each run of positions, the position being the bits from `shift` up, within the part of the space that the runs are of.
    fn entries(&mut self, runs: &[Run], shift: u32) -> Vec<(u32, u32)> {
        let mask = if shift == 112 { 0xffff } else { 0xff };
        let position = |start: u128| (start >> shift) as u32 & mask;
        let mut entries: Vec<(u32, u32)> = Vec::with_capacity(runs.len() * 2);
        let mut push = |position: u32, entry: u32| {
            if entries.last().is_some_and(|last| last.0 == position) {
                entries.pop();
            }
            if entries.last().is_none_or(|last| last.1 != entry) {
                entries.push((position, entry));
            }
        };
        let Some((&(_, mut value), mut rest)) = runs.split_first() else { return entries };
        push(0, value);
        let mut before = 0; // index in `runs` of the run ahead of `rest`
        while let Some(&(start, _)) = rest.first() {
            let here = position(start);
            let (inside, behind) = rest.split_at(rest.iter().take_while(|run| position(run.0) == here).count());
            let exact = start & ((1 << shift) - 1) == 0;
            let part = runs.get(before + usize::from(exact)..=before + inside.len()).unwrap_or(inside);
            let entry = match part {
                [(_, only)] => *only,
                _ => self.entry(part, shift.saturating_sub(8)),
            };
            push(here, entry);
            value = inside.last().map_or(value, |last| last.1);
            if here < mask {
                push(here + 1, value);
            }
            before += inside.len();
            rest = behind;
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn linear<T: Ord + Copy>(ranges: &[(T, T, u32)], ip: T) -> u32 {
        ranges.iter().find(|range| range.0 <= ip && ip <= range.1).map_or(0, |range| range.2)
    }

    /// Disjoint sorted ranges from any: each cuts what lay there before, so that nesting and adjacency are common.
    fn disjoint(wanted: &[(u128, u128, u32)]) -> Vec<(u128, u128, u32)> {
        let mut out: Vec<(u128, u128, u32)> = Vec::new();
        for &(first, last, value) in wanted {
            let mut next = Vec::new();
            for (f, l, v) in out {
                if f < first {
                    next.push((f, l.min(first.wrapping_sub(1)), v));
                }
                if l > last {
                    next.push((f.max(last.wrapping_add(1)), l, v));
                }
                if l < first || f > last {
                    next.retain(|part| *part != (f, l, v));
                    next.push((f, l, v));
                }
            }
            next.push((first, last, value));
            next.sort_unstable();
            next.dedup();
            out = next;
        }
        out
    }

    fn to_v4(ranges: &[(u128, u128, u32)]) -> Vec<(u32, u32, u32)> {
        ranges.iter().map(|&(first, last, value)| ((first >> 96) as u32, (last >> 96) as u32, value)).collect()
    }

    fn prefix() -> impl Strategy<Value = (u128, u128, u32)> {
        // Few distinct high bits, so that prefixes nest and touch.
        (any::<u128>(), 0u32..=128, 0u32..4, any::<bool>()).prop_map(|(bits, length, value, dense)| {
            let bits = if dense { bits & 0x0101_0303_0000_0f0f_0000_0000_0000_00ff } else { bits };
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            (bits & !host, bits | host, value)
        })
    }

    fn prefix_v4() -> impl Strategy<Value = (u128, u128, u32)> {
        (any::<u32>(), 0u32..=32, 0u32..4, any::<bool>()).prop_map(|(bits, length, value, dense)| {
            let bits = if dense { bits & 0x0101_070f } else { bits };
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            (u128::from(bits & !host) << 96, u128::from(bits | host) << 96 | LOW_96, value)
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_linear_scan(v6 in prop::collection::vec(prefix(), 0..24), v4 in prop::collection::vec(prefix_v4(), 0..24),
            ips in prop::collection::vec(any::<u128>(), 32)) {
            let (v6, v4) = (disjoint(&v6), to_v4(&disjoint(&v4)));
            let ranges = Ranges::new(v4.iter().copied(), v6.iter().copied());
            let edges = v6.iter().flat_map(|r| [r.0, r.1, r.0.wrapping_sub(1), r.1.wrapping_add(1)]);
            for ip in edges.chain([0, u128::MAX]).chain(ips.iter().copied()) {
                prop_assert_eq!(ranges.get_v6(ip), linear(&v6, ip), "{:x}", ip);
            }
            let edges = v4.iter().flat_map(|r| [r.0, r.1, r.0.wrapping_sub(1), r.1.wrapping_add(1)]);
            let asked: Vec<u32> = edges.chain([0, u32::MAX]).chain(ips.iter().map(|ip| *ip as u32)).collect();
            for ip in asked {
                prop_assert_eq!(ranges.get_v4(ip), linear(&v4, ip), "{:x}", ip);
            }
        }
    }

    #[test]
    fn nothing_costs_nothing() {
        let ranges = Ranges::new([], []);
        assert_eq!(
            (ranges.get_v4(0), ranges.get_v4(u32::MAX), ranges.get_v6(0), ranges.get_v6(u128::MAX)),
            (0, 0, 0, 0)
        );
        assert_eq!(ranges.len(), 0);
        assert!(ranges.memory() < 64, "{}", ranges.memory());
    }

    #[test]
    fn one_address_at_either_end() {
        for ip in [0, 1, 0x0a00_0001, u32::MAX] {
            let ranges = Ranges::new([(ip, ip, 7)], [(u128::from(ip), u128::from(ip), 8)]);
            assert_eq!((ranges.get_v4(ip), ranges.get_v6(u128::from(ip))), (7, 8));
            assert_eq!((ranges.get_v4(ip.wrapping_add(1)), ranges.get_v4(ip.wrapping_sub(1))), (0, 0));
            assert_eq!(ranges.len(), 2);
            assert!(ranges.memory() <= 300_000, "{}", ranges.memory());
        }
        let ranges = Ranges::new([], [(u128::MAX, u128::MAX, 1)]);
        assert_eq!((ranges.get_v6(u128::MAX), ranges.get_v6(u128::MAX - 1)), (1, 0));
    }

    #[test]
    fn the_whole_space_is_one_range() {
        let ranges = Ranges::new([(0, u32::MAX, 5)], [(0, u128::MAX, 6)]);
        assert_eq!(
            (ranges.get_v4(0), ranges.get_v4(u32::MAX), ranges.get_v6(0), ranges.get_v6(u128::MAX)),
            (5, 5, 6, 6)
        );
    }

    #[test]
    fn neighbours_of_one_value_become_one() {
        let ranges = Ranges::new([(0, 9, 1), (10, 19, 1), (20, 29, 2), (31, 39, 2)], []);
        assert_eq!(ranges.len(), 3);
        assert_eq!((ranges.get_v4(10), ranges.get_v4(29), ranges.get_v4(30), ranges.get_v4(31)), (1, 2, 0, 2));
    }

    #[test]
    fn a_range_that_overlaps_the_one_ahead_is_cut() {
        let ranges = Ranges::new([(0, 10, 1), (5, 12, 2), (3, 4, 3)], []);
        assert_eq!((ranges.get_v4(10), ranges.get_v4(11), ranges.get_v4(4), ranges.get_v4(13)), (1, 2, 1, 0));
    }
}
