//! URLs.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::classes::{is_scheme, is_url, letter_outside_ascii};
use super::scan::{Hit, Scan};
use crate::normal;
use crate::observable::{Kind, Observable};

/// The longest URL, in bytes. One that long cannot grow over the limit of [`Observable`] while it is brought to normal form.
pub(super) const LONGEST: usize = 2 << 10;

/// The longest scheme, in bytes.
const LONGEST_SCHEME: usize = 16;

/// How far a scheme is looked for: there may be an escape before it.
const SCHEME_REACH: usize = LONGEST_SCHEME + 6;

impl Scan<'_, '_> {
    /// Reads the stretch around the colon of `://` or `:\/\/`.
    pub(super) fn url(&mut self, colon: usize) -> ControlFlow<()> {
        if colon < self.url_read {
            return ControlFlow::Continue(());
        }
        let after = if self.goes_on(colon, b"://") {
            colon + 3
        } else if self.goes_on(colon, b":\\/\\/") {
            colon + 5
        } else {
            return ControlFlow::Continue(());
        };
        let Some(start) = self.scheme_start(colon) else { return ControlFlow::Continue(()) };
        let escaped = after == colon + 5;
        let end = self.url_end(after, escaped);
        self.url_read = end;
        if end == after || end - start > LONGEST {
            return ControlFlow::Continue(());
        }
        let end = self.without_punctuation(start, after, end);
        let Some(text) = self.text.get(start..end).and_then(|text| str::from_utf8(text).ok()) else {
            return ControlFlow::Continue(());
        };
        let mut text = Cow::Borrowed(text);
        if escaped {
            text = Cow::Owned(text.replace("\\/", "/"));
        }
        if self.refang
            && let Cow::Owned(plain) = normal::refang(&text)
        {
            text = Cow::Owned(plain);
        }
        if !is_sound(&text) {
            return ControlFlow::Continue(());
        }
        let rewritten = match text {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        };
        self.url_found = end;
        self.found(Hit { kind: Kind::Url, start, end, prefix: None, rewritten })
    }

    /// Where the scheme begins that ends at the colon: two to sixteen letters, digits, `+`, `-`, a letter first.
    fn scheme_start(&self, colon: usize) -> Option<usize> {
        let before = self.text.get(self.url_found..colon)?;
        let length = before.iter().rev().take(SCHEME_REACH).take_while(|&&byte| is_scheme(byte)).count();
        let start = self.word_start(colon - length, colon);
        let scheme = self.text.get(start..colon)?;
        let skipped = scheme.iter().take_while(|byte| !byte.is_ascii_alphabetic()).count();
        (2..=LONGEST_SCHEME).contains(&(scheme.len() - skipped)).then_some(start + skipped)
    }

    /// Whether what ends here is, with what follows, before `://`: it was meant as a scheme.
    #[inline]
    pub(super) fn is_scheme(&self, end: usize) -> bool {
        match self.at(end) {
            Some(b':') => self.is_scheme_end(end),
            Some(byte) if is_scheme(byte) => {
                let rest = self.text.get(end..).unwrap_or_default();
                self.is_scheme_end(end + rest.iter().take(SCHEME_REACH).take_while(|&&byte| is_scheme(byte)).count())
            }
            _ => false,
        }
    }

    pub(super) fn is_scheme_end(&self, colon: usize) -> bool {
        self.goes_on(colon, b"://") || self.goes_on(colon, b":\\/\\/")
    }

    /// Where the bytes end that can stand in a URL.
    fn url_end(&self, from: usize, escaped: bool) -> usize {
        let mut end = from;
        while let Some(byte) = self.at(end) {
            end += match byte {
                0x80.. => match letter_outside_ascii(self.text.get(end..).unwrap_or_default()) {
                    0 => break,
                    length => length,
                },
                b'\\' if escaped && self.at(end + 1) == Some(b'/') => 2,
                _ if is_url(byte) => 1,
                _ => break,
            };
        }
        end
    }

    /// Takes from the end what belongs to the sentence: punctuation, brackets that were opened before the URL, and what stands on
    /// both sides of it to mark it up.
    fn without_punctuation(&self, start: usize, after: usize, end: usize) -> usize {
        let stretch = self.text.get(after..end).unwrap_or_default();
        let count = |wanted: u8| stretch.iter().filter(|&&byte| byte == wanted).count();
        let (mut round, mut square) =
            (count(b')').saturating_sub(count(b'(')), count(b']').saturating_sub(count(b'[')));
        let wrapped = self.before(start).filter(|byte| matches!(byte, b'*' | b'_' | b'+' | b'~'));
        let mut stretch = stretch;
        while let [rest @ .., last] = stretch {
            match last {
                b'.' | b',' | b';' | b':' | b'!' | b'?' => {}
                b')' if round > 0 => round -= 1,
                b']' if square > 0 => square -= 1,
                _ if Some(*last) == wrapped => {}
                _ => break,
            }
            stretch = rest;
        }
        after + stretch.len()
    }
}

/// Whether the text is a URL. What is plainly one is told without bringing it to normal form.
fn is_sound(text: &str) -> bool {
    if normal::is_url(text.as_bytes()) {
        return true;
    }
    if let Some(after) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) {
        let host = after.split(['/', '?', '#']).next().unwrap_or_default();
        // Nothing in a path or a query makes a URL unsound.
        if normal::v4(host.as_bytes()).is_some() || normal::is_name(host.as_bytes()) {
            return true;
        }
    }
    Observable::parse(Kind::Url, text).is_ok()
}
