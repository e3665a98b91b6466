//! Which of many literals stand in a text, at a price that hardly depends on how many they are.
//!
//! Four bytes on end are a gram. Of a literal of seven bytes or more, four neighbouring grams are kept, so that one of them begins at a
//! place in the text that is divisible by four wherever the literal stands: a text is asked at every fourth place alone. Shorter
//! literals have one gram, which is asked for at every place, if there are such literals at all. In front stands a bit for each
//! hash of a gram. Which grams of a literal are kept is free: those that few others have, so that a hit leads to few comparisons.

use std::collections::HashMap;

use foldhash::fast::RandomState;

const GRAM: usize = 4;

/// Literals of fewer bytes have one gram.
const LONG: usize = 2 * GRAM - 1;

#[derive(Debug, Default)]
pub(crate) struct Grams {
    literals: Vec<Box<[u8]>>,
    long: Table,
    short: Table,
}

/// Where a gram stands in a literal.
#[derive(Clone, Copy, Debug)]
struct At {
    literal: u32,
    offset: u32,
}

#[derive(Debug, Default)]
struct Table {
    /// A bit for each hash of a gram.
    bits: Box<[u64]>,
    /// What to take from a hash.
    shift: u32,
    grams: HashMap<u32, Box<[At]>, RandomState>,
}

impl Grams {
    /// Of literals in lower case; such of fewer than [`shortest`](Self::shortest) bytes are never found.
    pub(crate) fn new(literals: Vec<Box<[u8]>>) -> Self {
        let mut count: HashMap<u32, u32, RandomState> = HashMap::default();
        for literal in &literals {
            for gram in grams(literal) {
                *count.entry(gram).or_default() += 1;
            }
        }
        let weight = |gram: u32| count.get(&gram).copied().unwrap_or(0);
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for (literal, number) in literals.iter().zip(0..) {
            let all: Vec<u32> = grams(literal).collect();
            let (table, width) = if literal.len() >= LONG { (&mut long, GRAM) } else { (&mut short, 1) };
            // Of equals the last: words begin alike more often than they end alike.
            let start = all.windows(width).zip(0..).min_by_key(|&(window, at)| {
                (window.iter().map(|&gram| u64::from(weight(gram))).sum::<u64>(), std::cmp::Reverse(at))
            });
            if let Some((window, start)) = start {
                for (&gram, offset) in window.iter().zip(start..) {
                    table.push((gram, At { literal: number, offset }));
                }
            }
        }
        Self { literals, long: Table::new(long), short: Table::new(short) }
    }

    /// Bytes that a literal has at least.
    pub(crate) const fn shortest() -> usize {
        GRAM
    }

    /// Calls `see` with the number of each literal in the text, which is in lower case; more than once where it stands more than once.
    #[inline]
    pub(crate) fn find(&self, text: &[u8], mut see: impl FnMut(u32)) {
        if !self.long.grams.is_empty() {
            let (chunks, _) = text.as_chunks::<GRAM>();
            for (chunk, at) in chunks.iter().zip((0..).step_by(GRAM)) {
                let gram = u32::from_le_bytes(*chunk);
                if self.long.may_have(gram) {
                    self.compare(&self.long, gram, text, at, &mut see);
                }
            }
        }
        if !self.short.grams.is_empty() {
            for (gram, at) in grams(text).zip(0..) {
                if self.short.may_have(gram) {
                    self.compare(&self.short, gram, text, at, &mut see);
                }
            }
        }
    }

    #[inline(never)]
    fn compare(&self, table: &Table, gram: u32, text: &[u8], at: usize, see: &mut dyn FnMut(u32)) {
        for place in table.grams.get(&gram).into_iter().flatten() {
            let Some(start) = at.checked_sub(place.offset as usize) else { continue };
            let literal = self.literals.get(place.literal as usize);
            if literal.is_some_and(|literal| text.get(start..start + literal.len()) == Some(literal)) {
                see(place.literal);
            }
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.literals.iter().map(|literal| literal.len() + size_of::<Box<[u8]>>()).sum::<usize>()
            + self.long.memory()
            + self.short.memory()
    }
}

impl Table {
    fn new(mut places: Vec<(u32, At)>) -> Self {
        if places.is_empty() {
            return Self::default();
        }
        places.sort_by_key(|&(gram, _)| gram);
        let grams: HashMap<u32, Box<[At]>, RandomState> = places
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|same| Some((same.first()?.0, same.iter().map(|&(_, place)| place).collect())))
            .collect();
        // One hash in 32 to 64 has its bit set; at most 512 KiB.
        let log = (grams.len() * 32).next_power_of_two().trailing_zeros().clamp(12, 22);
        let mut table = Self { bits: vec![0; 1 << (log - 6)].into(), shift: 32 - log, grams };
        let hashes: Vec<usize> = table.grams.keys().map(|&gram| table.hash(gram)).collect();
        for hash in hashes {
            if let Some(word) = table.bits.get_mut(hash >> 6) {
                *word |= 1 << (hash & 63);
            }
        }
        table
    }

    #[inline(always)]
    fn hash(&self, gram: u32) -> usize {
        (gram.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    #[inline(always)]
    fn may_have(&self, gram: u32) -> bool {
        let hash = self.hash(gram);
        self.bits.get(hash >> 6).is_some_and(|word| word >> (hash & 63) & 1 == 1)
    }

    fn memory(&self) -> usize {
        let places: usize = self.grams.values().map(|places| places.len() * size_of::<At>() + 24).sum();
        self.bits.len() * 8 + places
    }
}

fn grams(text: &[u8]) -> impl Iterator<Item = u32> + '_ {
    text.windows(GRAM).filter_map(|window| Some(u32::from_le_bytes(*window.first_chunk::<GRAM>()?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(literals: &[String], text: &str) -> Vec<usize> {
        let grams = Grams::new(literals.iter().map(|literal| literal.as_bytes().into()).collect());
        let mut found = Vec::new();
        grams.find(text.as_bytes(), |number| found.push(number as usize));
        found.sort_unstable();
        found.dedup();
        found
    }

    fn slow(literals: &[String], text: &str) -> Vec<usize> {
        let stands = |literal: &String| literal.len() >= Grams::shortest() && text.contains(literal.as_str());
        literals.iter().enumerate().filter(|(_, literal)| stands(literal)).map(|(number, _)| number).collect()
    }

    #[test]
    fn a_literal_is_found_wherever_it_stands() {
        let literals = ["ntdsutil", "ifm ", "portproxy", "abcdefg", "abcdef", "aaaaaaaaaa"].map(String::from);
        for literal in &literals {
            for before in 0..9 {
                for behind in 0..5 {
                    let text = format!("{}{literal}{}", "x".repeat(before), "y".repeat(behind));
                    assert_eq!(found(&literals, &text), slow(&literals, &text), "{text}");
                    assert!(!slow(&literals, &text).is_empty());
                }
            }
        }
        assert!(found(&[], "text").is_empty());
        assert!(found(&literals, "").is_empty());
    }

    proptest! {
        #[test]
        fn finds_what_a_search_for_each_finds(
            literals in prop::collection::vec("[ab]{1,12}", 0..20),
            text in "[abc]{0,60}",
        ) {
            prop_assert_eq!(found(&literals, &text), slow(&literals, &text));
        }
    }
}
