//! Which of many literals stand in a text, at a price that hardly depends on how many they are.
//!
//! Six bytes on end are a gram. Of a literal of nine bytes or more, four neighbouring grams are kept, so that one of them begins at a
//! place in the text that is divisible by four wherever the literal stands: a text is asked at every fourth place alone. Literals of seven
//! and eight bytes have grams of four bytes; shorter ones have one such gram, which is asked for at every place, if there are such literals
//! at all. In front stands a bit for each hash of a gram. Which grams of a literal are kept is free: those that few others have, so that a hit
//! leads to few comparisons.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A text is asked at every place divisible by this.
const STRIDE: usize = 4;

/// Bytes of a literal with large grams, with small ones at every fourth place, and with one.
const LONG: usize = 6 + STRIDE - 1;
const MIDDLE: usize = 4 + STRIDE - 1;
const SHORT: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Grams {
    literals: Vec<Box<[u8]>>,
    long: Table<6>,
    middle: Table<4>,
    short: Table<4>,
}

/// Where a gram stands in a literal.
#[derive(Clone, Copy, Debug)]
struct At {
    literal: u32,
    offset: u32,
}

/// Grams of so many bytes.
#[derive(Debug, Default)]
struct Table<const WIDTH: usize> {
    /// A bit for each hash of a gram.
    bits: Box<[u64]>,
    /// What to take from a hash.
    shift: u32,
    grams: HashMap<u64, Box<[At]>, RandomState>,
}

impl Grams {
    /// Of literals in lower case; such of fewer than [`shortest`](Self::shortest) bytes are never found.
    pub(crate) fn new(literals: Vec<Box<[u8]>>) -> Self {
        let of = |bytes: std::ops::Range<usize>| -> Vec<(u32, &[u8])> {
            let all = literals.iter().zip(0..).map(|(literal, number)| (number, &**literal));
            all.filter(|(_, literal)| bytes.contains(&literal.len())).collect()
        };
        let long = Table::new(&of(LONG..usize::MAX), STRIDE);
        let middle = Table::new(&of(MIDDLE..LONG), STRIDE);
        let short = Table::new(&of(SHORT..MIDDLE), 1);
        Self { long, middle, short, literals }
    }

    /// Bytes that a literal has at least.
    pub(crate) const fn shortest() -> usize {
        SHORT
    }

    /// Calls `see` with the number of each literal in the text, which is in lower case; more than once where it stands more than once.
    #[inline]
    pub(crate) fn find(&self, text: &[u8], mut see: impl FnMut(u32)) {
        let literals = &self.literals;
        for at in (0..text.len()).step_by(STRIDE) {
            let rest = text.get(at..).unwrap_or_default();
            let word = rest.first_chunk::<8>().map_or_else(|| gram(rest), |word| u64::from_le_bytes(*word));
            if rest.len() >= 6 {
                self.long.ask(literals, first(word, 6), text, at, &mut see);
            }
            if rest.len() >= 4 {
                self.middle.ask(literals, first(word, 4), text, at, &mut see);
            }
        }
        if !self.short.grams.is_empty() {
            for (window, at) in text.windows(4).zip(0..) {
                let Some(window) = window.first_chunk() else { continue };
                self.short.ask(literals, u64::from(u32::from_le_bytes(*window)), text, at, &mut see);
            }
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.literals.iter().map(|literal| literal.len() + size_of::<Box<[u8]>>()).sum::<usize>()
            + self.long.memory()
            + self.middle.memory()
            + self.short.memory()
    }
}

impl<const WIDTH: usize> Table<WIDTH> {
    /// Of the literals and their numbers, with so many grams each.
    fn new(literals: &[(u32, &[u8])], each: usize) -> Self {
        if literals.is_empty() {
            return Self::default();
        }
        let mut count: HashMap<u64, u64, RandomState> = HashMap::default();
        for (_, literal) in literals {
            for window in literal.windows(WIDTH) {
                *count.entry(gram(window)).or_default() += 1;
            }
        }
        let mut places = Vec::new();
        for &(literal, bytes) in literals {
            let all: Vec<u64> = bytes.windows(WIDTH).map(gram).collect();
            let shared = |window: &[u64]| window.iter().filter_map(|gram| count.get(gram)).sum::<u64>();
            // Of equals the last: words begin alike more often than they end alike.
            let least = all.windows(each).zip(0..).min_by_key(|&(window, at)| (shared(window), std::cmp::Reverse(at)));
            if let Some((window, start)) = least {
                places.extend(window.iter().zip(start..).map(|(&gram, offset)| (gram, At { literal, offset })));
            }
        }
        places.sort_by_key(|&(gram, _)| gram);
        let grams: HashMap<u64, Box<[At]>, RandomState> = places
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|same| Some((same.first()?.0, same.iter().map(|&(_, place)| place).collect())))
            .collect();
        // One bit in 32 to 64 is set; at most 512 KiB.
        let log = (grams.len() * 32).next_power_of_two().trailing_zeros().clamp(12, 22);
        let mut table = Self { bits: vec![0; 1 << (log - 6)].into(), shift: 64 - log, grams };
        let hashes: Vec<usize> = table.grams.keys().map(|&gram| table.hash(gram)).collect();
        for hash in hashes {
            if let Some(word) = table.bits.get_mut(hash >> 6) {
                *word |= 1 << (hash & 63);
            }
        }
        table
    }

    /// Asks for the gram at this place of the text.
    #[inline(always)]
    fn ask(&self, literals: &[Box<[u8]>], gram: u64, text: &[u8], at: usize, see: &mut impl FnMut(u32)) {
        let hash = self.hash(gram);
        if self.bits.get(hash >> 6).is_some_and(|word| word >> (hash & 63) & 1 == 1) {
            self.compare(literals, gram, text, at, see);
        }
    }

    #[inline(never)]
    fn compare(&self, literals: &[Box<[u8]>], gram: u64, text: &[u8], at: usize, see: &mut dyn FnMut(u32)) {
        for place in self.grams.get(&gram).into_iter().flatten() {
            let Some(start) = at.checked_sub(place.offset as usize) else { continue };
            let literal = literals.get(place.literal as usize);
            if literal.is_some_and(|literal| text.get(start..start + literal.len()) == Some(literal)) {
                see(place.literal);
            }
        }
    }

    #[inline(always)]
    fn hash(&self, gram: u64) -> usize {
        (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    fn memory(&self) -> usize {
        let places: usize = self.grams.values().map(|places| places.len() * size_of::<At>() + 24).sum();
        self.bits.len() * 8 + places
    }
}

/// Up to eight bytes as a number, as they stand in a word.
fn gram(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// The first bytes of a word.
#[inline(always)]
fn first(word: u64, bytes: u32) -> u64 {
    word & (u64::MAX >> (64 - 8 * bytes))
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
        let literals = ["ntdsutil", "harddiskvolumeshadowcopy", "ifm ", "portproxy", "abcdefg", "abcdef", "aaaaaaaaaa"]
            .map(String::from);
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
            literals in prop::collection::vec("[ab]{1,16}", 0..20),
            text in "[abc]{0,60}",
        ) {
            prop_assert_eq!(found(&literals, &text), slow(&literals, &text));
        }
    }
}
