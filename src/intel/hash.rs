//! The hash of the tables: prefixes and suffixes of a key for the price of the key.
//!
//! A key is folded in windows of eight bytes, so that the hash of every prefix (of every suffix, read from the right) falls out
//! of one pass: a prefix that ends inside a window is the state before it, folded with the part of the window it covers.
//! Seeds are drawn per process: keys come from attackers, who must not be able to choose collisions.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::ControlFlow;

use crate::swar::equal;

/// Odd, with as many ones as zeroes in no pattern: the first 64 bits of the fraction of pi and of e, made odd.
const STEP: u64 = 0x243f_6a88_85a3_08d3;
const LAST: u64 = 0xb7e1_5162_8aed_2a6b;

/// A seeded hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash {
    seed: u64,
    last: u64,
}

impl Hash {
    /// A hash with seeds of its own.
    pub(crate) fn seeded() -> Self {
        let state = RandomState::new();
        let draw = |n: u64| {
            let mut hasher = state.build_hasher();
            hasher.write_u64(n);
            hasher.finish()
        };
        Self { seed: draw(1), last: draw(2) ^ LAST }
    }

    /// The hash of a whole key, as [`prefixes`](Self::prefixes) gives it for the last one.
    #[inline]
    pub(crate) fn of(&self, key: &[u8]) -> u64 {
        let (windows, rest) = key.as_chunks::<8>();
        let state = windows.iter().fold(self.seed, |state, window| fold(state ^ u64::from_le_bytes(*window), STEP));
        self.finish(state, partial(rest), key.len())
    }

    /// The hash of a short number.
    #[inline]
    pub(crate) fn of_u32(&self, key: u32) -> u64 {
        fold(fold(self.seed ^ u64::from(key), self.last | 1), STEP)
    }

    /// Calls `see` with the length and hash of each prefix that `ends` asks for, shortest first, and of the whole key at last.
    ///
    /// `ends` is given a window and marks, with the high bit of a byte, the bytes after which a prefix ends.
    #[inline]
    pub(crate) fn prefixes<B>(
        &self,
        key: &[u8],
        ends: impl Fn(u64) -> u64,
        mut see: impl FnMut(usize, u64) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (windows, rest) = key.as_chunks::<8>();
        let mut state = self.seed;
        let mut done = 0;
        for window in windows {
            let window = u64::from_le_bytes(*window);
            self.ends_in(state, window, ends(window), done, &mut see)?;
            state = fold(state ^ window, STEP);
            done += 8;
        }
        let window = partial(rest);
        // A zero byte is never an end: what lies behind the key is zero.
        self.ends_in(state, window, ends(window), done, &mut see)?;
        see(key.len(), self.finish(state, window, key.len()))
    }

    #[inline]
    fn ends_in<B>(
        &self,
        state: u64,
        window: u64,
        mut ends: u64,
        done: usize,
        see: &mut impl FnMut(usize, u64) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        while ends != 0 {
            let bits = ends.trailing_zeros() + 1;
            let length = done + (bits / 8) as usize;
            // A prefix that fills its window is hashed as the whole key of that length would be: state after, nothing over.
            let hash = if bits == 64 {
                self.finish(fold(state ^ window, STEP), 0, length)
            } else {
                self.finish(state, window & ((1 << bits) - 1), length)
            };
            see(length, hash)?;
            ends &= ends - 1;
        }
        ControlFlow::Continue(())
    }

    /// The hash of a whole name, as [`suffixes`](Self::suffixes) gives it for the last one.
    #[inline]
    pub(crate) fn of_name(&self, name: &[u8]) -> u64 {
        let (rest, windows) = name.as_rchunks::<8>();
        let state =
            windows.iter().rev().fold(self.seed, |state, window| fold(state ^ u64::from_le_bytes(*window), STEP));
        self.finish(state, partial(rest), name.len())
    }

    /// Calls `see` with the length and hash of each suffix of a name that follows a dot, shortest first, and of the whole name
    /// at last.
    #[inline]
    pub(crate) fn suffixes<B>(&self, name: &[u8], mut see: impl FnMut(usize, u64) -> ControlFlow<B>) -> ControlFlow<B> {
        let (rest, windows) = name.as_rchunks::<8>();
        let mut state = self.seed;
        let mut done = 0;
        for window in windows.iter().rev() {
            let window = u64::from_le_bytes(*window);
            let mut dots = equal(window, b'.');
            while dots != 0 {
                // The highest byte is the rightmost; what stands right of the dot belongs to the suffix.
                let right = dots.leading_zeros();
                let part = if right == 0 { 0 } else { window >> (64 - right) };
                let length = done + (right / 8) as usize;
                see(length, self.finish(state, part, length))?;
                dots &= !(1 << (63 - right));
            }
            state = fold(state ^ window, STEP);
            done += 8;
        }
        let window = partial(rest);
        let mut dots = equal(window, b'.');
        while dots != 0 {
            let high = 63 - dots.leading_zeros();
            let part = window >> high >> 1;
            let length = done + rest.len() - (high / 8) as usize - 1;
            see(length, self.finish(state, part, length))?;
            dots &= !(1 << high);
        }
        see(name.len(), self.finish(state, window, name.len()))
    }

    #[inline]
    fn finish(&self, state: u64, part: u64, length: usize) -> u64 {
        // One fold leaves the low bits of a short key nearly as they were; the filter sets bits by them.
        fold(fold(state ^ part, self.last.wrapping_add((length as u64).wrapping_mul(STEP)) | 1), STEP)
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

/// Up to seven bytes as a number, the first byte lowest.
#[inline]
fn partial(bytes: &[u8]) -> u64 {
    let mut window = [0; 8];
    for (to, from) in window.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suffix_hashes_as_a_name_of_its_own() {
        let hash = Hash::seeded();
        for name in [
            "a",
            "a.b",
            ".a.b",
            "www.evil.example",
            "a.b.c.d.e.f.g.h.i.j",
            "abcdefg.hijklmno.pq",
            "x.abcdefgh",
            "x..y..",
        ] {
            let mut seen = Vec::new();
            let _ = hash.suffixes::<()>(name.as_bytes(), |length, value| {
                seen.push((length, value));
                ControlFlow::Continue(())
            });
            let mut expected: Vec<_> = name.match_indices('.').map(|(at, _)| &name[at + 1..]).chain([name]).collect();
            expected.sort_by_key(|suffix| suffix.len());
            let expected: Vec<_> = expected.iter().map(|s| (s.len(), hash.of_name(s.as_bytes()))).collect();
            assert_eq!(seen, expected, "{name}");
        }
    }

    #[test]
    fn every_prefix_hashes_as_a_key_of_its_own() {
        let hash = Hash::seeded();
        for key in ["", "/", "abc/def/", "http://evil.example/a/b/c", "1234567/1234567/", "12345678/"] {
            let mut seen = Vec::new();
            let _ = hash.prefixes::<()>(
                key.as_bytes(),
                |window| equal(window, b'/'),
                |length, value| {
                    seen.push((length, value));
                    ControlFlow::Continue(())
                },
            );
            let expected: Vec<_> = key
                .match_indices('/')
                .map(|(at, _)| &key[..=at])
                .chain([key])
                .map(|p| (p.len(), hash.of(p.as_bytes())))
                .collect();
            assert_eq!(seen, expected, "{key}");
        }
    }
}
