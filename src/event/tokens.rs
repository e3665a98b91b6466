//! The tokens of JSON (RFC 8259) in a line, each checked as it is read.

use wide::u8x16;

use crate::swar::{HIGH, within};

/// A place behind the end of every line: what should have been read is no JSON. Some more can be added to it.
pub(super) const BAD: usize = usize::MAX / 2;

/// A line. Methods that read something give the place behind it, or one behind the end.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'l> {
    pub(super) line: &'l [u8],
}

/// A key, and where its value begins.
#[derive(Clone, Copy)]
pub(super) struct KeyAt {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
    pub(super) value: usize,
}

/// An object of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Object {
    /// Where its closing brace stands.
    pub(crate) close: u32,
    pub(crate) empty: bool,
}

impl Tokens<'_> {
    /// The byte at this place; 0, which is nowhere allowed, behind the end.
    #[inline(always)]
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.line.get(at).copied().unwrap_or(0)
    }

    /// The place behind white space.
    #[inline(always)]
    pub(super) fn space(&self, at: usize) -> usize {
        if self.byte(at) > b' ' { at } else { self.spaces(at) }
    }

    fn spaces(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// The object that was read up to this place.
    pub(super) fn object(&self, end: usize) -> Option<Object> {
        let close = end.checked_sub(1)?;
        let inside = self.line.get(..close)?;
        Some(Object { close: close as u32, empty: inside.trim_ascii_end().ends_with(b"{") })
    }

    /// Reads a key and its colon.
    #[inline(always)]
    pub(super) fn key(&self, at: usize) -> KeyAt {
        let (end, escaped) = if self.byte(at) == b'"' { self.string(at) } else { (BAD, false) };
        let colon = self.space(end + 1);
        let value = if self.byte(colon) == b':' { self.space(colon + 1) } else { BAD };
        KeyAt { start: at + 1, end, escaped, value }
    }

    /// Reads the string that begins at the quote; gives the place *of* the closing one, and whether there are escapes.
    #[inline(always)]
    pub(super) fn string(&self, open: usize) -> (usize, bool) {
        let end = self.special(open + 1);
        if self.byte(end) == b'"' { (end, false) } else { (self.string_with_escapes(end), true) }
    }

    /// The next byte that can end a string or is not allowed in one as it is: quote, backslash, control characters.
    #[inline(always)]
    fn special(&self, mut at: usize) -> usize {
        while let Some(window) = self.line.get(at..).and_then(<[u8]>::first_chunk::<16>) {
            let found = specials(*window);
            if found != 0 {
                return at + found.trailing_zeros() as usize;
            }
            at += 16;
        }
        self.special_in_rest(at)
    }

    #[inline(never)]
    fn special_in_rest(&self, at: usize) -> usize {
        // The last sixteen bytes, without those before.
        if let (Some(window), Some(from)) = (self.line.last_chunk::<16>(), (at + 16).checked_sub(self.line.len()))
            && from <= 16
        {
            let found = specials(*window) >> from;
            return if found == 0 { BAD } else { at + found.trailing_zeros() as usize };
        }
        let is_special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
        self.line.get(at..).and_then(|rest| rest.iter().position(is_special)).map_or(BAD, |more| at + more)
    }

    #[cold]
    fn string_with_escapes(&self, mut at: usize) -> usize {
        loop {
            match self.byte(at) {
                b'"' => return at,
                b'\\' => at = self.special(self.escape(at)),
                _ => return BAD,
            }
        }
    }

    /// Reads the escape at the backslash.
    fn escape(&self, at: usize) -> usize {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at + 2,
            b'u' => match self.hex(at + 2) {
                // A surrogate comes as a pair, high before low (section 7).
                Some(0xd800..=0xdbff) if self.byte(at + 6) == b'\\' && self.byte(at + 7) == b'u' => {
                    if matches!(self.hex(at + 8), Some(0xdc00..=0xdfff)) { at + 12 } else { BAD }
                }
                Some(0xd800..=0xdfff) | None => BAD,
                Some(_) => at + 6,
            },
            _ => BAD,
        }
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.line.get(at..at + 4)?;
        digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
    }

    /// Reads a number (section 6); one beyond the range of a double is refused, as parsers do.
    #[inline(always)]
    pub(super) fn number(&self, start: usize) -> usize {
        // Nearly all are of a few digits, and end with them.
        if let Some(window) = self.line.get(start..).and_then(<[u8]>::first_chunk::<8>) {
            let digits = (!within(u64::from_le_bytes(*window), b'0', b'9') & HIGH).trailing_zeros() as usize / 8;
            let leading_zero = window.first() == Some(&b'0') && digits > 1;
            if digits > 0 && !leading_zero && matches!(window.get(digits), Some(b',' | b'}')) {
                return start + digits;
            }
        }
        self.any_number(start)
    }

    fn any_number(&self, start: usize) -> usize {
        let digits = |first: usize| {
            let mut at = first;
            while self.byte(at).is_ascii_digit() {
                at += 1;
            }
            if at > first { at } else { BAD }
        };
        let mut at = start + usize::from(self.byte(start) == b'-');
        at = if self.byte(at) == b'0' { at + 1 } else { digits(at) };
        let mut wide = at.saturating_sub(start) > 300;
        if self.byte(at) == b'.' {
            at = digits(at + 1);
        }
        if matches!(self.byte(at), b'e' | b'E') {
            at += 1;
            at = digits(at + usize::from(matches!(self.byte(at), b'+' | b'-')));
            wide = true;
        }
        let is_finite = || {
            let text = std::str::from_utf8(self.line.get(start..at)?).ok()?;
            text.parse::<f64>().ok().filter(|number| number.is_finite())
        };
        if wide && is_finite().is_none() { BAD } else { at }
    }

    pub(super) fn literal(&self, at: usize) -> usize {
        let rest = self.line.get(at..).unwrap_or_default();
        let literals = [&b"true"[..], b"false", b"null"];
        literals.iter().find(|literal| rest.starts_with(literal)).map_or(BAD, |literal| at + literal.len())
    }
}

/// A bit for each byte that is a quote, a backslash or a control character.
#[inline(always)]
fn specials(window: [u8; 16]) -> u32 {
    let bytes = u8x16::new(window);
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_looking_at_each_byte_finds() {
        for length in [0, 1, 15, 16, 17, 63, 200] {
            let line: Vec<u8> = (0..length).map(|at| (at * 37 % 256) as u8).collect();
            for at in 0..=length {
                let slow = line[at..].iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
                assert_eq!(Tokens { line: &line }.special(at), slow.map_or(BAD, |more| at + more), "{at} of {length}");
            }
        }
    }
}
