//! Which bytes can stand where: sixty-four at once for the pass over a text, one at a time for what is looked at closely.

use wide::u8x16;

/// One bit for each of sixty-four bytes, the first byte in the lowest.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    /// Letters, digits, `-`, `_`, `.` and bytes outside ASCII.
    pub(super) run: u64,
    pub(super) dot: u64,
    pub(super) colon: u64,
    /// `/` and `\`.
    pub(super) slash: u64,
}

#[inline]
pub(super) fn masks(block: &[u8; 64]) -> Masks {
    let (quarters, _) = block.as_chunks::<16>();
    let mut masks = Masks { run: 0, dot: 0, colon: 0, slash: 0 };
    let splat = u8x16::splat;
    for quarter in quarters.iter().rev() {
        let bytes = u8x16::new(*quarter);
        let slash = bytes.simd_eq(splat(b'/'));
        let backslash = bytes.simd_eq(splat(b'\\'));
        // From `-` to `9` there is one byte that does not belong: the slash.
        let digits = (bytes - splat(b'-')).min(splat(b'9' - b'-')).simd_eq(bytes - splat(b'-')) & !slash;
        let lower = (bytes | splat(0x20)) - splat(b'a');
        let letters = lower.min(splat(b'z' - b'a')).simd_eq(lower);
        // The highest bit is the answer, and bytes outside ASCII have it.
        let run = digits | letters | bytes.simd_eq(splat(b'_')) | bytes;
        masks.run = masks.run << 16 | u64::from(run.to_bitmask());
        masks.dot = masks.dot << 16 | u64::from(bytes.simd_eq(splat(b'.')).to_bitmask());
        masks.colon = masks.colon << 16 | u64::from(bytes.simd_eq(splat(b':')).to_bitmask());
        masks.slash = masks.slash << 16 | u64::from((slash | backslash).to_bitmask());
    }
    masks
}

/// Which of the four quarters are hexadecimal throughout, as a bit at the beginning of each.
#[inline]
pub(super) fn hex_quarters(block: &[u8; 64]) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    let splat = u8x16::splat;
    quarters.iter().rev().fold(0, |found, quarter| {
        let bytes = u8x16::new(*quarter);
        let digit = bytes - splat(b'0');
        let letter = (bytes | splat(0x20)) - splat(b'a');
        let hex = digit.min(splat(9)).simd_eq(digit) | letter.min(splat(5)).simd_eq(letter);
        found << 16 | u64::from(hex.to_bitmask() == 0xffff)
    })
}

/// Letters and digits of ASCII.
const ALNUM: u8 = 1;
/// What a run is made of: letters, digits, `-`, `_`, `.`, bytes outside ASCII.
const RUN: u8 = 2;
/// Hexadecimal digits, `:` and `.`.
const SIX: u8 = 4;
/// What can stand in a URL, outside ASCII aside.
const URL: u8 = 8;
/// What can stand before the `@` of an e-mail address.
const LOCAL: u8 = 16;
/// What a scheme is made of.
const SCHEME: u8 = 32;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let alnum = byte.is_ascii_alphanumeric();
        let mut class = 0;
        if alnum {
            class |= ALNUM;
        }
        if alnum || matches!(byte, b'-' | b'_' | b'.' | 0x80..) {
            class |= RUN;
        }
        if byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.') {
            class |= SIX;
        }
        let ends = matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^' | b'\\');
        if byte.is_ascii_graphic() && !ends {
            class |= URL;
        }
        if alnum || matches!(byte, b'-' | b'_' | b'.' | b'+') {
            class |= LOCAL;
        }
        if alnum || matches!(byte, b'-' | b'+') {
            class |= SCHEME;
        }
        // The index is constant, and known to be in bounds.
        #[allow(clippy::indexing_slicing)]
        {
            classes[at] = class;
        }
        at += 1;
    }
    classes
}

#[inline]
fn has(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|&classes| classes & class != 0)
}

#[inline]
pub(super) fn is_alnum(byte: u8) -> bool {
    has(byte, ALNUM)
}

#[inline]
pub(super) fn is_run(byte: u8) -> bool {
    has(byte, RUN)
}

#[inline]
pub(super) fn is_six(byte: u8) -> bool {
    has(byte, SIX)
}

#[inline]
pub(super) fn is_url(byte: u8) -> bool {
    has(byte, URL)
}

#[inline]
pub(super) fn is_local(byte: u8) -> bool {
    has(byte, LOCAL)
}

#[inline]
pub(super) fn is_scheme(byte: u8) -> bool {
    has(byte, SCHEME)
}

/// How many bytes the letter or digit outside ASCII takes that the text begins with; 0 for anything else there.
pub(super) fn letter_outside_ascii(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return 0,
    };
    let character =
        text.get(..length).and_then(|bytes| str::from_utf8(bytes).ok()).and_then(|text| text.chars().next());
    if character.is_some_and(char::is_alphanumeric) { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_looking_at_each_byte() {
        for start in 0..=255u8 {
            for step in [1, 7, 64] {
                let mut block = [0; 64];
                for (at, byte) in block.iter_mut().enumerate() {
                    *byte = start.wrapping_add((at * step) as u8);
                }
                let slow = |test: &dyn Fn(u8) -> bool| {
                    block.iter().rev().fold(0, |mask, &byte| mask << 1 | u64::from(test(byte)))
                };
                let masks = masks(&block);
                assert_eq!(masks.run, slow(&is_run));
                assert_eq!(masks.dot, slow(&|byte| byte == b'.'));
                assert_eq!(masks.colon, slow(&|byte| byte == b':'));
                assert_eq!(masks.slash, slow(&|byte| byte == b'/' || byte == b'\\'));
                let quarters = block.chunks(16).rev();
                let hex = quarters
                    .fold(0u64, |mask, quarter| mask << 16 | u64::from(quarter.iter().all(u8::is_ascii_hexdigit)));
                assert_eq!(hex_quarters(&block), hex);
            }
        }
        assert_eq!(hex_quarters(&[b'F'; 64]), 0x0001_0001_0001_0001);
    }

    #[test]
    fn letters_outside_ascii_have_their_length() {
        for (text, length) in [("ü", 2), ("例", 3), ("𝔞b", 4), ("a", 0), ("“", 0), ("…", 0), ("", 0)] {
            assert_eq!(letter_outside_ascii(text.as_bytes()), length, "{text}");
        }
        assert_eq!(letter_outside_ascii(b"\xc3"), 0);
        assert_eq!(letter_outside_ascii(b"\xffa"), 0);
    }
}
