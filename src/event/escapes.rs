//! Strings of JSON that are written with escapes (RFC 8259, section 7), as texts.

use std::borrow::Cow;

use memchr::memchr;

/// The text of what stands between the quotes of a string that has been checked; `None` if it is none.
pub(crate) fn decode(inside: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        text.extend_from_slice(plain);
        let [_, letter, behind @ ..] = escape else { return None };
        text.push(match letter {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return decode_units(inside),
            &itself => itself,
        });
        rest = behind;
    }
    text.extend_from_slice(rest);
    String::from_utf8(text).ok()
}

/// As [`decode`], and as it stands there if it has no escapes. Empty if it is none.
pub(crate) fn text(inside: &[u8]) -> Cow<'_, str> {
    match memchr(b'\\', inside) {
        None => Cow::Borrowed(std::str::from_utf8(inside).unwrap_or_default()),
        Some(_) => Cow::Owned(decode(inside).unwrap_or_default()),
    }
}

/// As [`decode`], for strings with UTF-16 units in hexadecimal.
#[cold]
fn decode_units(inside: &[u8]) -> Option<String> {
    serde_json::from_slice(&[b"\"", inside, b"\""].concat()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_what_a_parser_reads(parts in prop::collection::vec(
            prop_oneof!["[ -!#-\\[\\]-~é]{0,9}", "\\\\[\"\\\\/bfnrt]", "\\\\u00[2-7]f", "\\\\ud83d\\\\ude00"], 0..9)
        ) {
            let inside = parts.concat();
            let parsed: Option<String> = serde_json::from_str(&format!("\"{inside}\"")).ok();
            prop_assert!(parsed.is_some(), "{}", inside);
            prop_assert_eq!(decode(inside.as_bytes()), parsed.clone());
            prop_assert_eq!(Some(text(inside.as_bytes()).into_owned()), parsed);
        }
    }
}
