//! Tables that are read all over. The only module that knows `memmap2`.
//!
//! A table of many megabytes is read at places that no cache foresees, and with pages of 4 KiB finding the page costs as much as reading
//! it. Large tables are put where the system can use pages of 2 MiB (Linux: `madvise`, which its usual setting waits for).

use std::fmt;

use memmap2::{Mmap, MmapMut};

/// An immutable table of elements of `N` bytes.
pub(crate) struct Slab<const N: usize>(Bytes);

enum Bytes {
    Heap(Box<[u8]>),
    /// A mapping of no file.
    Mapped(Mmap),
}

/// Smaller tables stay on the heap, in bytes: one large page would hold them, and caches do.
const LEAST: usize = 2 << 20;

impl<const N: usize> Slab<N> {
    pub(crate) fn new(elements: impl ExactSizeIterator<Item = [u8; N]>) -> Self {
        let length = elements.len() * N;
        if let Some(mut map) = map(length) {
            for (to, from) in map.as_chunks_mut().0.iter_mut().zip(elements) {
                *to = from;
            }
            if let Ok(map) = map.make_read_only() {
                return Self(Bytes::Mapped(map));
            }
            // Whoever cannot protect a mapping cannot have made it.
            return Self::default();
        }
        let mut bytes = Vec::with_capacity(length);
        elements.for_each(|element| bytes.extend_from_slice(&element));
        Self(Bytes::Heap(bytes.into()))
    }

    #[inline(always)]
    pub(crate) fn get(&self, at: usize) -> Option<&[u8; N]> {
        self.all().get(at)
    }

    #[inline(always)]
    pub(crate) fn all(&self) -> &[[u8; N]] {
        self.bytes().as_chunks().0
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Heap(bytes) => bytes,
            Bytes::Mapped(bytes) => bytes,
        }
    }
}

impl Slab<4> {
    /// The number that stands there; 0 behind the end.
    #[inline(always)]
    pub(crate) fn number(&self, at: usize) -> u32 {
        self.get(at).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

impl<const N: usize> Default for Slab<N> {
    fn default() -> Self {
        Self(Bytes::Heap(Box::default()))
    }
}

impl<const N: usize> fmt::Debug for Slab<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes().len())
    }
}

impl FromIterator<u32> for Slab<4> {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let numbers: Vec<u32> = numbers.into_iter().collect();
        Self::new(numbers.into_iter().map(u32::to_le_bytes))
    }
}

/// Room for a large table; `None` if it is not large, or if the system has none to give in this way.
fn map(length: usize) -> Option<MmapMut> {
    if length < LEAST {
        return None;
    }
    let map = MmapMut::map_anon(length).ok()?;
    // Advice: a system that cannot follow it serves all the same.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Some(map)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_tables_hold_what_was_put_in() {
        for count in [0, 1, 1000, LEAST / 8 - 1, LEAST / 8, LEAST / 8 + 1] {
            let slab = Slab::new((0..count as u64).map(u64::to_le_bytes).collect::<Vec<_>>().into_iter());
            assert_eq!(matches!(slab.0, Bytes::Mapped(_)), count * 8 >= LEAST, "{count}");
            assert_eq!(slab.bytes().len(), count * 8);
            assert!(slab.all().iter().enumerate().all(|(at, bytes)| u64::from_le_bytes(*bytes) == at as u64));
            assert_eq!(slab.get(count), None);
        }
        let numbers: Slab<4> = [7, 8].into_iter().collect();
        assert_eq!([0, 1, 2].map(|at| numbers.number(at)), [7, 8, 0]);
        assert_eq!(Slab::<4>::default().number(0), 0);
    }
}
