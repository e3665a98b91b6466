//! Indicators as analysts write them, so that nobody clicks on them: `hxxp://evil[.]example`.

use std::borrow::Cow;

/// What stands for what. Each is recognised by its end, in any case.
const WRITTEN: &[(&str, char)] = &[
    ("[.]", '.'),
    ("(.)", '.'),
    ("{.}", '.'),
    ("[dot]", '.'),
    ("(dot)", '.'),
    ("{dot}", '.'),
    ("\\.", '.'),
    ("[:]", ':'),
    ("[/]", '/'),
    ("[@]", '@'),
    ("(@)", '@'),
    ("[at]", '@'),
    ("(at)", '@'),
    ("{at}", '@'),
];

/// Schemes at the beginning, before `://`.
const SCHEMES: &[(&str, &str)] =
    &[("hxxp", "http"), ("hxxps", "https"), ("htxp", "http"), ("fxp", "ftp"), ("fxps", "ftps"), ("meow", "http")];

/// The text with what was written against clicking undone: `hxxp`, `meow` and the like as a scheme, dots, colons, slashes and
/// at signs in brackets or behind a backslash. Borrows where nothing is to be undone.
///
/// For names, addresses, URLs and e-mail addresses in feeds only. An event says what was there, and in a path or an expression
/// `\.` and `(.)` mean something else. What comes out has nothing left to undo.
pub(crate) fn refang(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b']' | b')' | b'}' | b'\\')) {
        return scheme(text).map_or(Cow::Borrowed(text), Cow::Owned);
    }
    let (mut bytes, mut origins) = (Vec::with_capacity(text.len()), Vec::new());
    refang_bytes(text.as_bytes(), 0, &mut bytes, &mut origins);
    // Only ASCII gave way to ASCII.
    let plain = String::from_utf8(bytes).unwrap_or_default();
    match scheme(&plain) {
        Some(whole) => Cow::Owned(whole),
        // An IPv6 address in brackets, a bracket in a query.
        None if plain == text => Cow::Borrowed(text),
        None => Cow::Owned(plain),
    }
}

/// Appends to `plain` the text with all marks undone but for the scheme, and to `origins` where each byte of it stood, the text
/// beginning at `start`.
pub(crate) fn refang_bytes(text: &[u8], start: usize, plain: &mut Vec<u8>, origins: &mut Vec<usize>) {
    let kept = plain.len();
    for (&byte, at) in text.iter().zip(start..) {
        plain.push(byte);
        origins.push(at);
        undo(plain, origins, kept);
    }
}

/// Whether a mark ends with the text.
pub(crate) fn ends_in_mark(text: &[u8]) -> bool {
    ends_with(text, "[://]") || WRITTEN.iter().any(|(written, _)| ends_with(text, written))
}

/// Undoes what is complete with the last byte, again and again: `[[.]]` is a dot too. Each round shortens the text, so that
/// the whole stays linear, and nothing that is complete is ever left standing.
fn undo(plain: &mut Vec<u8>, origins: &mut Vec<usize>, kept: usize) {
    let mut replace = |plain: &mut Vec<u8>, written: &str, meant: &str| {
        let length = plain.len() - written.len();
        plain.truncate(length);
        plain.extend_from_slice(meant.as_bytes());
        let first = origins.get(length).copied().unwrap_or_default();
        origins.truncate(length);
        origins.extend(std::iter::repeat_n(first, meant.len()));
    };
    let new = |plain: &[u8], written: &str| plain.get(kept..).is_some_and(|new| ends_with(new, written));
    if plain.last() == Some(&b']') && new(plain, "[://]") {
        replace(plain, "[://]", "://");
        return;
    }
    while matches!(plain.last(), Some(b']' | b')' | b'}' | b'.'))
        && let Some(&(written, meant)) = WRITTEN.iter().find(|(written, _)| new(plain, written))
    {
        replace(plain, written, meant.encode_utf8(&mut [0; 4]));
    }
}

/// The text with the scheme it means, where that is another than it has.
fn scheme(text: &str) -> Option<String> {
    let (written, rest) = text.split_at_checked(text.find("://")?)?;
    let (_, meant) = SCHEMES.iter().find(|(known, _)| written.eq_ignore_ascii_case(known))?;
    Some(format!("{meant}{rest}"))
}

fn ends_with(text: &[u8], end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|start| text.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn undoes_what_analysts_write() {
        for (text, expected) in [
            ("hxxp://evil[.]example/a", "http://evil.example/a"),
            ("hXXps[:]//evil(.)example", "https://evil.example"),
            ("HXXPS[://]evil{.}example", "https://evil.example"),
            ("meow://evil[dot]example", "http://evil.example"),
            ("fxp://evil(DOT)example", "ftp://evil.example"),
            ("http:[/][/]evil.example[/]a", "http://evil.example/a"),
            ("evil\\.example", "evil.example"),
            ("a[@]evil.example", "a@evil.example"),
            ("a[at]evil[.]example", "a@evil.example"),
            ("a(at)evil(dot)example", "a@evil.example"),
            ("192[.]0[.]2[.]1[:]80", "192.0.2.1:80"),
            ("2001[:]db8[:][:]1", "2001:db8::1"),
            ("evil[[.]]example", "evil.example"),
            ("evil[\\.]example", "evil.example"),
            ("evil[[dot]]example", "evil.example"),
        ] {
            assert_eq!(refang(text), expected, "{text}");
            assert_eq!(refang(expected), expected);
        }
    }

    #[test]
    fn borrows_where_nothing_is_to_be_undone() {
        for text in [
            "",
            "http://evil.example/a?b=[c]",
            "[::1]:80",
            "evil.example",
            "a dot b",
            "hxxp",
            "(dot",
            "C:\\a",
            "x://hxxp://a",
        ] {
            assert!(matches!(refang(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn deep_brackets_take_linear_time() {
        let text = format!("{}.{}", "[".repeat(1 << 16), "]".repeat(1 << 16));
        assert_eq!(refang(&text), ".");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn leaves_nothing_to_undo(text in prop_oneof![
            "((hxxp|meow|fxp|HTXP)s?(\\[:\\]//|://|\\[://\\]))?([a-z]|\\[|\\]|\\(|\\)|\\{|\\}|\\.|\\\\|dot|AT|:|/|@|ä){0,24}",
            "\\PC{0,30}",
        ]) {
            let once = refang(&text).into_owned();
            let twice = refang(&once);
            prop_assert_eq!(&*twice, &*once);
            prop_assert!(matches!(twice, Cow::Borrowed(_)));
        }
    }
}
