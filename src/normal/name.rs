//! DNS names. The only module that knows `idna`.

use super::NotObservable;
use crate::swar::{HIGH, equal, splat, within};
use std::borrow::Cow;

/// The longest name, in bytes, without a final dot (RFC 1035, section 2.3.4, as text).
const LONGEST: usize = 253;

/// The longest label, in bytes.
const LONGEST_LABEL: usize = 63;

/// The longest text outside ASCII that is tried, in bytes. A letter gives at least one byte of Punycode, so that longer texts
/// could only be names of four-byte letters throughout.
const LONGEST_OUTSIDE_ASCII: usize = 3 * LONGEST;

/// The normal form of a DNS name: lower-case ASCII, no final dot, labels of 1 to 63 of `a-z`, `0-9`, `-`, `_`, 253 bytes at
/// most. Borrows from a text that is normal; allocates for upper case and for letters outside ASCII.
///
/// * Letters outside ASCII go to Punycode per UTS 46, non-transitional, as in a browser's address bar (WHATWG URL).
/// * Hyphens and underscores may stand anywhere in a label: `_dmarc`, `r3---sn-4g5e` and `-a-` are in real logs and resolve.
/// * A label that begins with `xn--` is kept even where it is not valid Punycode. Valid Punycode is its own normal form, so
///   ASCII never needs UTS 46, and what only some resolvers accept is still the same name in a feed and in an event.
/// * A last label that is a number (`192.0.2.1`, `a.1`, `a.0x7f`) makes it no name, as in the WHATWG URL standard: it reads
///   as an address or as nothing.
/// * One label is enough (`localhost`); whether that can be an indicator is not decided here.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`], [`NotObservable::NotAName`].
#[inline]
pub(crate) fn name(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    if is_normal(text.as_bytes()) { Ok(Cow::Borrowed(text)) } else { to_normal(text) }
}

/// Whether the bytes are a name in normal form. Reads eight bytes at a time, the longer labels and odd endings apart.
#[inline]
pub(crate) fn is_normal(text: &[u8]) -> bool {
    let length = text.len();
    let mut allowed = HIGH;
    let mut adjacent = 0;
    if let Some(last) = text.last_chunk::<8>() {
        let (words, _) = text.as_chunks::<8>();
        let mut carry = 0;
        for word in words {
            let word = u64::from_le_bytes(*word);
            let dots = equal(word, b'.');
            allowed &= name_bytes(word);
            adjacent |= dots & (dots << 8 | carry);
            carry = dots >> 56;
        }
        // The last eight bytes overlap with the words by at least one, so no pair of dots slips between.
        let word = u64::from_le_bytes(*last);
        let dots = equal(word, b'.');
        allowed &= name_bytes(word);
        adjacent |= dots & dots << 8;
    } else {
        let word = short(text);
        let dots = equal(word, b'.');
        allowed &= name_bytes(word);
        adjacent |= dots & dots << 8;
    }
    let (Some(&first), Some(&last)) = (text.first(), text.last()) else { return false };
    allowed == HIGH
        && adjacent == 0
        && first != b'.'
        && last != b'.'
        && length <= LONGEST
        && (length <= LONGEST_LABEL || text.split(|&byte| byte == b'.').all(|label| label.len() <= LONGEST_LABEL))
        // A number ends in a hexadecimal digit, or is `0x` alone.
        && !(matches!(last, b'0'..=b'9' | b'a'..=b'f' | b'x') && ends_in_a_number(text))
}

/// Fewer than eight bytes as a word, filled up with a letter.
#[inline]
fn short(text: &[u8]) -> u64 {
    let rest = splat(b'a').checked_shl(8 * text.len() as u32).unwrap_or(0);
    let bytes = match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // The two overlap, and agree where they do.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (text.len() - 4))
        }
        _ => text.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    bytes | rest
}

/// Which bytes can stand in a name: `-`, `.`, digits; `_`, lower-case letters.
#[inline]
fn name_bytes(word: u64) -> u64 {
    (within(word, b'-', b'9') & !equal(word, b'/')) | (within(word, b'_', b'z') & !equal(word, b'`'))
}

/// The "ends in a number" checker of the WHATWG URL standard, for lower case without a final dot.
fn ends_in_a_number(text: &[u8]) -> bool {
    let last = text.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    match last.strip_prefix(b"0x") {
        Some(digits) => digits.iter().all(u8::is_ascii_hexdigit),
        None => last.iter().all(u8::is_ascii_digit),
    }
}

#[inline(never)]
fn to_normal(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(NotObservable::Empty);
    }
    if !text.is_ascii() {
        return outside_ascii(text).map(Cow::Owned);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.len() > LONGEST {
        return Err(NotObservable::TooLong);
    }
    let lower = if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    };
    if is_normal(lower.as_bytes()) { Ok(lower) } else { Err(NotObservable::NotAName) }
}

/// Whether a label has more characters than a label can have bytes, before any decoding: percent-encoded bytes of one
/// character count once, a port belongs to no label.
///
/// Punycode takes time with the square of a label, so this is asked first. Letters that fall together, in a label that long,
/// are given up.
pub(super) fn has_long_label(text: &str) -> bool {
    let mut length = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut width = c.len_utf8();
        match (c, rest.as_bytes()) {
            ('.' | ':' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}', _) => length = 0,
            ('%', [_, b'2', b'e' | b'E', ..]) => (length, width) = (0, 3),
            // Bytes of a character after its first.
            ('%', [_, b'8' | b'9' | b'a'..=b'b' | b'A'..=b'B', low, ..]) if low.is_ascii_hexdigit() => width = 3,
            ('%', [_, high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (length, width) = (length + 1, 3);
            }
            _ => length += 1,
        }
        if length > LONGEST_LABEL {
            return true;
        }
        rest = rest.get(width..).unwrap_or_default();
    }
    false
}

fn outside_ascii(text: &str) -> Result<String, NotObservable> {
    if text.len() > LONGEST_OUTSIDE_ASCII {
        return Err(NotObservable::TooLong);
    }
    if has_long_label(text) {
        return Err(NotObservable::NotAName);
    }
    let Ok(ascii) = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL) else {
        return Err(NotObservable::NotAName);
    };
    let mut ascii = ascii.into_owned();
    if ascii.ends_with('.') {
        ascii.pop();
    }
    if ascii.len() > LONGEST {
        return Err(NotObservable::TooLong);
    }
    if is_normal(ascii.as_bytes()) { Ok(ascii) } else { Err(NotObservable::NotAName) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rules again, a byte at a time, with every text going through `idna` that it has an opinion on.
    fn naive(text: &str) -> Result<String, NotObservable> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(NotObservable::Empty);
        }
        let limit = if text.is_ascii() { LONGEST + usize::from(text.ends_with('.')) } else { LONGEST_OUTSIDE_ASCII };
        if text.len() > limit {
            return Err(NotObservable::TooLong);
        }
        let dots = ['.', ':', '\u{3002}', '\u{ff0e}', '\u{ff61}'];
        if text.split(dots).any(|label| label.chars().count() > LONGEST_LABEL) {
            return Err(NotObservable::NotAName);
        }
        let mut name = match idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL) {
            Ok(name) => name.into_owned(),
            // Punycode that is not valid stays.
            Err(_) if text.is_ascii() => text.to_ascii_lowercase(),
            Err(_) => return Err(NotObservable::NotAName),
        };
        if name.ends_with('.') {
            name.pop();
        }
        if name.len() > LONGEST {
            return Err(NotObservable::TooLong);
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
        };
        let last = name.rsplit('.').next().unwrap();
        let number = last.chars().all(|c| c.is_ascii_digit())
            || last.strip_prefix("0x").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit()));
        if name.split('.').all(label) && !number { Ok(name) } else { Err(NotObservable::NotAName) }
    }

    #[test]
    fn brings_names_to_one_form() {
        for (text, expected) in [
            ("evil.example", "evil.example"),
            ("EVIL.Example.", "evil.example"),
            (" evil.example\r\n", "evil.example"),
            ("localhost", "localhost"),
            ("a", "a"),
            ("_dmarc.evil.example", "_dmarc.evil.example"),
            ("r3---sn-4g5e.-a-.example", "r3---sn-4g5e.-a-.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("faß.example", "xn--fa-hia.example"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("evil\u{ff0e}ｅｘａｍｐｌｅ", "evil.example"),
            ("evil\u{ad}.example", "evil.example"),
            ("xn--not-punycode-9999999999.example", "xn--not-punycode-9999999999.example"),
            ("1.2.3.4.example", "1.2.3.4.example"),
            ("1.2.3.4a", "1.2.3.4a"),
            ("a.0xfg", "a.0xfg"),
            ("face", "face"),
        ] {
            assert_eq!(name(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in [
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "a b",
            "a/b",
            "a:80",
            "*.a",
            "a,b",
            "1.2.3.4",
            "1.2.3.4.",
            "a.1",
            "1",
            "a.0x7f",
            "a.0x",
            "a.0XF",
            "a@b",
            "a\u{0}b",
            "１.２.３.４",
            "a.例..",
            "xn--\u{fc}.example",
            "%61.example",
            "\u{ad}",
            "[::1]",
        ] {
            assert_eq!(name(text), Err(NotObservable::NotAName), "{text:?}");
        }
        assert_eq!(name("  "), Err(NotObservable::Empty));
    }

    #[test]
    fn keeps_to_the_limits() {
        let label = "a".repeat(63);
        assert!(name(&label).is_ok());
        assert_eq!(name(&"a".repeat(64)), Err(NotObservable::NotAName));
        let whole = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(whole.len(), 253);
        assert!(name(&whole).is_ok());
        assert!(name(&format!("{whole}.")).is_ok());
        assert_eq!(name(&format!("{whole}a")), Err(NotObservable::TooLong));
        assert_eq!(name(&"ü".repeat(400)), Err(NotObservable::TooLong));
        assert_eq!(name(&"ü".repeat(63)), Err(NotObservable::NotAName));
    }

    #[test]
    fn long_labels_are_known_before_decoding() {
        for character in ["a", "ü", "%C3%BC", "%e4%be%8b", "%"] {
            for (times, expected) in [(63, false), (64, true)] {
                let label = character.repeat(times);
                for text in [label.clone(), format!("a.{label}.a"), format!("a%2E{label}:80"), format!("例。{label}。")]
                {
                    assert_eq!(has_long_label(&text), expected, "{text}");
                }
            }
        }
        assert!(!has_long_label(""));
    }

    #[test]
    fn borrows_what_is_normal() {
        for text in ["a", "evil.example", "evil.example.", " xn--bcher-kva.example"] {
            assert!(matches!(name(text), Ok(Cow::Borrowed(_))), "{text}");
        }
    }

    #[test]
    fn one_odd_byte_is_found_wherever_it_stands() {
        for length in 1..26 {
            for at in 0..length {
                for byte in 0..0x80u8 {
                    let mut text = vec![b'k'; length];
                    text[at] = byte;
                    let text = String::from_utf8(text).unwrap();
                    assert_eq!(name(&text).as_deref(), naive(&text).as_deref(), "{text:?}");
                    assert_eq!(is_normal(text.as_bytes()), naive(&text).as_deref() == Ok(&text), "{text:?}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn agrees_with_the_naive_twin(text in prop_oneof![
            "[a-z0-9._-]{0,80}",
            "[a-zA-Z0-9_-]{1,12}(\\.[a-zA-Z0-9_-]{1,12}){0,5}\\.?",
            "([a-z0-9]{55,70}\\.){1,4}[a-z0-9]{1,64}",
            "(xn--|XN--)?[a-z0-9-]{0,12}(\\.(xn--)?[a-z0-9-]{1,12}){0,3}",
            "[a-zA-ZäöüßÄÖéñ例え\u{ad}\u{200d}。.א٣-]{1,24}",
            "[ .a]{0,12}",
            "([a-f0-9]{0,3}\\.){0,4}(0x)?[a-f0-9]{0,4}",
            "\\PC{0,30}",
        ]) {
            let found = name(&text);
            let expected = naive(&text);
            prop_assert_eq!(found.as_deref(), expected.as_deref());
            if let Ok(found) = found {
                prop_assert!(is_normal(found.as_bytes()));
            }
        }
    }
}
