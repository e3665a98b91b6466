//! Digests: hexadecimal ⇄ bytes.

use super::NotObservable;
use crate::swar::{HIGH, splat, within};

/// Decodes hexadecimal of exactly `bytes` bytes into the beginning of `out`.
///
/// Upper case is accepted, as are surrounding ASCII white space and a `:` between every two bytes (as certificate fingerprints
/// are written). Does not allocate. After an error `out` may be partly written.
///
/// # Errors
///
/// [`NotObservable::Empty`]; [`NotObservable::NotADigest`], also where `out` is shorter than `bytes`.
#[inline]
pub(crate) fn hex(text: &str, bytes: usize, out: &mut [u8]) -> Result<(), NotObservable> {
    let out = out.get_mut(..bytes).ok_or(NotObservable::NotADigest)?;
    if text.len() == 2 * bytes && !text.is_empty() {
        plain(text.as_bytes(), out)
    } else {
        decorated(text.trim_ascii().as_bytes(), out)
    }
}

/// The bytes in lower-case hexadecimal. Allocates the string.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0x0f));
    }
    text
}

/// `text` is two digits for each byte of `out`. Reads eight digits at a time, and looks at the verdict once, at the end.
#[inline]
fn plain(text: &[u8], out: &mut [u8]) -> Result<(), NotObservable> {
    let (words, pairs) = text.as_chunks::<8>();
    let (fours, ones) = out.as_chunks_mut::<4>();
    let mut sound = HIGH;
    for (word, four) in words.iter().zip(fours) {
        let word = u64::from_le_bytes(*word);
        sound &= within(word, b'0', b'9') | within(word | splat(0x20), b'a', b'f');
        // Letters have bit 6, and their low half counts from 1.
        let halves = (word & splat(0x0f)) + 9 * ((word >> 6) & splat(1));
        // Each pair of halves becomes a byte, then the four bytes move together.
        let spread = (halves << 4 | halves >> 8) & 0x00ff_00ff_00ff_00ff;
        let spread = (spread | spread >> 8) & 0x0000_ffff_0000_ffff;
        *four = ((spread | spread >> 16) as u32).to_le_bytes();
    }
    if sound != HIGH {
        return Err(NotObservable::NotADigest);
    }
    let (pairs, _) = pairs.as_chunks::<2>();
    for (&[high, low], byte) in pairs.iter().zip(ones) {
        *byte = pair(high, low)?;
    }
    Ok(())
}

#[inline(never)]
fn decorated(text: &[u8], out: &mut [u8]) -> Result<(), NotObservable> {
    if text.is_empty() {
        return Err(NotObservable::Empty);
    }
    if text.len() == 2 * out.len() {
        return plain(text, out);
    }
    if text.len() + 1 != 3 * out.len() {
        return Err(NotObservable::NotADigest);
    }
    for (part, byte) in text.chunks(3).zip(out) {
        *byte = match *part {
            [high, low, b':'] | [high, low] => pair(high, low)?,
            _ => return Err(NotObservable::NotADigest),
        };
    }
    Ok(())
}

fn pair(high: u8, low: u8) -> Result<u8, NotObservable> {
    let half = |digit: u8| char::from(digit).to_digit(16).ok_or(NotObservable::NotADigest);
    Ok((half(high)? << 4 | half(low)?) as u8)
}

fn digit(half: u8) -> char {
    char::from(if half < 10 { b'0' + half } else { b'a' + half - 10 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, bytes: usize) -> Result<Vec<u8>, NotObservable> {
        let mut out = [0xee; 64];
        hex(text, bytes, &mut out)?;
        assert!(out[bytes..].iter().all(|&byte| byte == 0xee), "wrote past the digest");
        Ok(out[..bytes].to_vec())
    }

    fn naive(text: &str, bytes: usize) -> Option<Vec<u8>> {
        let text = text.trim_ascii();
        let parts: Vec<&str> = if text.contains(':') {
            text.split(':').collect()
        } else {
            (0..text.len()).step_by(2).map(|at| text.get(at..at + 2)).collect::<Option<_>>()?
        };
        let byte = |part: &&str| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(part, 16).unwrap())
        };
        let found = parts.iter().map(byte).collect::<Option<Vec<_>>>()?;
        (found.len() == bytes).then_some(found)
    }

    #[test]
    fn reads_the_ways_digests_are_written() {
        for text in ["00ff10Ab", " 00FF10AB\n", "00:ff:10:ab", " 00:FF:10:aB "] {
            assert_eq!(read(text, 4), Ok(vec![0, 0xff, 0x10, 0xab]), "{text}");
        }
        assert_eq!(read("a:", 1), Err(NotObservable::NotADigest));
        for text in [
            "00ff10a",
            "00ff10ab0",
            "00ff10ag",
            "00:ff:10:ab:",
            ":00:ff:10:ab",
            "00:ff:10ab",
            "00-ff-10-ab",
            "0x00ff10",
        ] {
            assert_eq!(read(text, 4), Err(NotObservable::NotADigest), "{text}");
        }
        assert_eq!(read(" ", 4), Err(NotObservable::Empty));
        assert_eq!(read("", 0), Err(NotObservable::Empty));
        assert_eq!(hex("00ff", 2, &mut [0]), Err(NotObservable::NotADigest));
    }

    #[test]
    fn only_digits_are_digits() {
        for bytes in [1, 4, 5] {
            for byte in 0..0x80u8 {
                for at in 0..2 * bytes {
                    let mut text = vec![b'0'; 2 * bytes];
                    text[at] = byte;
                    let text = String::from_utf8(text).unwrap();
                    assert_eq!(read(&text, bytes).ok(), naive(&text, bytes), "{text:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_twin(
            text in "[0-9a-fA-F]{0,70}|[0-9a-f]{2}(:[0-9a-fA-F]{2}){0,33}|[0-9a-g: ]{0,20}|\\PC{0,20}",
            bytes in 1usize..=35,
        ) {
            for bytes in [bytes, text.len() / 2, text.len().div_ceil(3)] {
                if (1..=64).contains(&bytes) {
                    prop_assert_eq!(read(&text, bytes).ok(), naive(&text, bytes));
                }
            }
        }

        #[test]
        fn what_is_encoded_reads_back(bytes in proptest::collection::vec(any::<u8>(), 1..=64)) {
            let text = encode(&bytes);
            prop_assert_eq!(read(&text, bytes.len()), Ok(bytes.clone()));
            prop_assert_eq!(read(&text.to_uppercase(), bytes.len()), Ok(bytes));
        }
    }
}
