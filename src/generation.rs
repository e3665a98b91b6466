//! Generations: a name for what is known, the same wherever the same is known.

use std::fmt;
use std::hash::Hasher;
#[cfg(feature = "config")]
use std::io::Read;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use siphasher::sip128::{Hasher128, SipHasher13};

/// Names what an [`Intel`](crate::Intel) knows: a hash of its indicators and records, allow-lists, catalogue, databases and limits.
///
/// Equal content has equal generations, in each process and on each host with the same version of stormtag; the order of feeds and
/// lists counts, names of files and comments do not. It is no cryptographic hash: it tells snapshots apart, it proves nothing.
///
/// Printed as 32 hexadecimal digits.
///
/// ```
/// use stormtag::Intel;
///
/// assert_eq!(Intel::empty().generation(), Intel::empty().generation());
/// assert_eq!(Intel::empty().generation().to_string().len(), 32);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(u128);

impl Generation {
    /// The number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({self})")
    }
}

impl Serialize for Generation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A hash of content, 128 bits: SipHash-1-3 with a key that is always the same, so that hosts agree. Who writes a file gains nothing
/// from two contents of one hash but that his own change goes unseen, which he has as well by not making it.
#[derive(Clone, Debug)]
pub(crate) struct Content(SipHasher13);

impl Content {
    pub(crate) fn new() -> Self {
        // The first letters of the name: a hash of nothing should not be that of other programs.
        Self(SipHasher13::new_with_keys(u64::from_le_bytes(*b"stormtag"), 1))
    }

    /// Bytes with their length, so that parts do not run into each other.
    pub(crate) fn part(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.write(bytes);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.write(&number.to_le_bytes());
    }

    pub(crate) fn hash(&mut self, hash: u128) {
        self.0.write(&hash.to_le_bytes());
    }

    /// A value as its JSON.
    pub(crate) fn value(&mut self, value: &impl Serialize) {
        // Writing to a hash does not fail, and neither do values without maps of odd keys.
        let _ = serde_json::to_writer(&mut *self, value);
        self.0.write(&[0]);
    }

    pub(crate) fn finish(&self) -> u128 {
        self.0.finish128().as_u128()
    }

    pub(crate) fn generation(&self) -> Generation {
        Generation(self.finish())
    }
}

impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes bytes on and hashes them.
#[cfg(feature = "config")]
#[derive(Debug)]
pub(crate) struct Hashing<R> {
    reader: R,
    content: Content,
}

#[cfg(feature = "config")]
impl<R: Read> Hashing<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, content: Content::new() }
    }

    /// The hash of the whole, which is read to its end if it was not.
    pub(crate) fn finish(mut self) -> io::Result<u128> {
        io::copy(&mut self.reader, &mut self.content)?;
        Ok(self.content.finish())
    }
}

#[cfg(feature = "config")]
impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.content.0.write(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_text_stays_what_it_is() {
        let mut content = Content::new();
        content.part(b"evil.example");
        content.number(7);
        // Hosts compare these: a changed value is a changed answer.
        assert_eq!(content.generation().to_string(), "1bcd66b63c399bfcc6d649881b9f4d85");
    }

    #[test]
    fn cuts_do_not_matter_and_lengths_do() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut whole = Content::new();
        whole.write_all(&bytes).unwrap();
        for cut in [1, 3, 7, 8, 9, 255] {
            let mut cuts = Content::new();
            bytes.chunks(cut).for_each(|part| cuts.write_all(part).unwrap());
            assert_eq!(whole.finish(), cuts.finish(), "{cut}");
        }
        let hash = |parts: &[&[u8]]| {
            let mut content = Content::new();
            parts.iter().for_each(|part| content.part(part));
            content.finish()
        };
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }

    #[cfg(feature = "config")]
    #[test]
    fn what_was_not_read_is_hashed_all_the_same() {
        let mut hashing = Hashing::new(&b"a list of some length"[..]);
        hashing.read_exact(&mut [0; 5]).unwrap();
        let mut whole = Content::new();
        whole.write_all(b"a list of some length").unwrap();
        assert_eq!(hashing.finish().unwrap(), whole.finish());
    }
}
