//! Runs: IPv4 addresses, names, e-mail addresses and digests.

use std::ops::ControlFlow;

use super::classes::{is_alnum, is_local, letter_outside_ascii};
use super::scan::{Hit, Scan};
use crate::normal;
use crate::observable::{Kind, Observable};
use crate::suffix::{is_doubtful, is_no_suffix, is_registered};

/// The longest name, in bytes.
const LONGEST_NAME: usize = 253;

/// The longest name that holds letters outside ASCII, in bytes.
const LONGEST_OUTSIDE_ASCII: usize = 3 * LONGEST_NAME;

/// The longest local part of an e-mail address, in bytes (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// The shortest digest, in digits.
const SHORTEST_DIGEST: usize = 32;

/// Words that a version follows.
fn is_version_word(word: &[u8]) -> bool {
    matches!(
        word,
        b"v" | b"ver"
            | b"version"
            | b"versions"
            | b"rv"
            | b"rel"
            | b"release"
            | b"rev"
            | b"revision"
            | b"build"
            | b"firmware"
            | b"fw"
            | b"kernel"
            | b"driver"
            | b"patch"
            | b"update"
            | b"chrome"
            | b"chromium"
            | b"firefox"
            | b"safari"
            | b"opera"
            | b"opr"
            | b"edge"
            | b"edg"
            | b"msie"
            | b"trident"
            | b"crios"
            | b"fxios"
            | b"webkit"
            | b"applewebkit"
            | b"mozilla"
            | b"gecko"
            | b"yabrowser"
            | b"samsungbrowser"
            | b"openssl"
            | b"openssh"
            | b"nginx"
            | b"apache"
            | b"php"
            | b"java"
            | b"jre"
            | b"jdk"
            | b"curl"
            | b"wget"
            | b"python"
            | b"sdk"
    )
}

impl Scan<'_, '_> {
    /// Reads a run: letters, digits, `-`, `_`, bytes outside ASCII, and single dots.
    #[inline]
    pub(super) fn run(&mut self, start: usize, end: usize) -> ControlFlow<()> {
        let text = self.text;
        let run = text.get(start..end).unwrap_or_default();
        if run.is_ascii() {
            return self.ascii_run(start, end);
        }
        self.run_outside_ascii(start, end)
    }

    /// Reads the parts of a run between characters that are neither letters nor digits.
    #[cold]
    fn run_outside_ascii(&mut self, start: usize, end: usize) -> ControlFlow<()> {
        let (mut part, mut at, mut ascii) = (start, start, true);
        while at < end {
            let (length, ends) = match self.at(at) {
                Some(0x80..) => match letter_outside_ascii(self.text.get(at..end).unwrap_or_default()) {
                    0 => (1, true),
                    length => {
                        ascii = false;
                        (length, false)
                    }
                },
                _ => (1, false),
            };
            if ends {
                self.part(part, at, ascii)?;
                (part, ascii) = (at + 1, true);
            }
            at += length;
        }
        self.part(part, end, ascii)
    }

    fn part(&mut self, start: usize, end: usize, ascii: bool) -> ControlFlow<()> {
        if ascii {
            return self.ascii_run(start, end);
        }
        if self.is_scheme(end) {
            return ControlFlow::Continue(());
        }
        let first = self.word_start(start, end);
        let (first, last) = self.trimmed(first, end);
        if last - first <= LONGEST_OUTSIDE_ASCII
            && let Some(Ok(text)) = self.text.get(first..last).map(str::from_utf8)
            && let Ok(name) = Observable::parse(Kind::Domain, text)
        {
            let name = name.to_string();
            if let Some((kind, start)) = self.name_kind(first, last, name.as_bytes()) {
                return self.found_at(kind, start, last);
            }
        }
        self.digests(start, end)
    }

    #[inline]
    fn ascii_run(&mut self, start: usize, end: usize) -> ControlFlow<()> {
        if self.is_scheme(end) {
            return ControlFlow::Continue(());
        }
        let first = self.word_start(start, end);
        let (first, last) = self.trimmed(first, end);
        let run = self.text.get(first..last).unwrap_or_default();
        match run.last() {
            Some(b'0'..=b'9') => {
                if normal::v4(run).is_some() {
                    if !self.is_version(first) {
                        return self.address(first, last);
                    }
                } else if let Some(dash) = range(run)
                    && !self.is_version(first)
                {
                    self.address(first, first + dash)?;
                    return self.address(first + dash + 1, last);
                }
            }
            Some(_) => {
                if let Some((kind, start)) = self.ascii_name(first, last) {
                    return self.found_at(kind, start, last);
                }
            }
            None => {}
        }
        if end - start >= SHORTEST_DIGEST { self.digests(start, end) } else { ControlFlow::Continue(()) }
    }

    fn address(&mut self, start: usize, end: usize) -> ControlFlow<()> {
        let prefix = self.prefix(end, 32);
        self.found(Hit { kind: Kind::Ip, start, end, prefix, rewritten: None })
    }

    /// The run without hyphens and dots before it, and hyphens, dots and underscores behind.
    #[inline]
    fn trimmed(&self, mut start: usize, mut end: usize) -> (usize, usize) {
        let mut run = self.text.get(start..end).unwrap_or_default();
        while let [b'.' | b'-', rest @ ..] = run {
            run = rest;
            start += 1;
        }
        while let [rest @ .., b'.' | b'-' | b'_'] = run {
            run = rest;
            end -= 1;
        }
        (start, end)
    }

    /// Whether the word before says that a version follows: `OpenSSL 3.0.2.1`, `"version":"1.2.3.4"`, `Chrome/3.0.195.27`.
    fn is_version(&self, start: usize) -> bool {
        const LONGEST_WORD: usize = 16;
        let text = self.text.get(..start).unwrap_or_default();
        let between = |byte: &&u8| matches!(byte, b' ' | b'/' | b':' | b'=' | b'"' | b'\'' | b'(');
        let apart = text.iter().rev().take(4).take_while(between).count();
        let text = text.get(..start - apart).unwrap_or_default();
        let length = text.iter().rev().take(LONGEST_WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let mut word = [0; LONGEST_WORD];
        let letters = text.iter().skip(text.len() - length);
        for (to, letter) in word.iter_mut().zip(letters) {
            *to = letter.to_ascii_lowercase();
        }
        apart > 0 && is_version_word(word.get(..length).unwrap_or_default())
    }

    /// What an ASCII run is as a name, and where it begins then.
    #[inline]
    fn ascii_name(&self, start: usize, end: usize) -> Option<(Kind, usize)> {
        let run = self.text.get(start..end)?;
        let length = run.iter().rev().position(|&byte| byte == b'.')?;
        let label = run.get(run.len() - length..)?;
        if run.len() > LONGEST_NAME || length < 2 || is_no_suffix(label) || !is_in_case(label, run) {
            return None;
        }
        if normal::is_name(run) {
            return self.name_kind(start, end, run);
        }
        let mut lower = [0; LONGEST_NAME];
        let lower = lower.get_mut(..run.len())?;
        lower.copy_from_slice(run);
        lower.make_ascii_lowercase();
        if normal::is_name(lower) { self.name_kind(start, end, lower) } else { None }
    }

    /// What stands here, given as a name in normal form: part of an e-mail address, a name, or nothing that was meant as one.
    #[inline]
    fn name_kind(&self, start: usize, end: usize, name: &[u8]) -> Option<(Kind, usize)> {
        if !is_registered(name) || self.is_used_otherwise(end) {
            return None;
        }
        if self.before(start) == Some(b'@')
            && let Some(start) = self.local_start(start - 1)
        {
            return Some((Kind::Email, start));
        }
        let reversed = |first: &[u8]| {
            name.strip_prefix(first)
                .is_some_and(|rest| rest.starts_with(b".") && rest.get(1..).is_some_and(|rest| rest.contains(&b'.')))
        };
        let no_name = [b"com", b"net", b"org"].iter().any(|first| reversed(*first))
            || (is_doubtful(name) && !self.was_defanged(start, end));
        (!no_name).then_some((Kind::Domain, start))
    }

    /// Whether what follows says that no host was meant: the local part of an e-mail address, a call, a key.
    #[inline]
    fn is_used_otherwise(&self, end: usize) -> bool {
        match self.at(end) {
            Some(b'@' | b'(' | b'=') => true,
            Some(b'"') => self.at(end + 1) == Some(b':'),
            Some(b'\\') => self.goes_on(end, b"\\\":"),
            Some(b'+') => {
                let rest = self.text.get(end..).unwrap_or_default();
                let local = rest.iter().take(LONGEST_LOCAL).take_while(|&&byte| is_local(byte)).count();
                rest.get(local) == Some(&b'@')
            }
            _ => false,
        }
    }

    /// Where the local part begins that ends here, if it is one.
    fn local_start(&self, end: usize) -> Option<usize> {
        let before = self.text.get(self.done..end)?;
        // Room for an escape before it.
        let length = before.iter().rev().take(LONGEST_LOCAL + 6).take_while(|&&byte| is_local(byte)).count();
        if matches!(self.before(end - length), Some(b'@' | 0x80..)) {
            return None;
        }
        let start = self.word_start(end - length, end);
        let local = self.text.get(start..end)?;
        let local = local.get(local.iter().take_while(|byte| matches!(byte, b'.' | b'+' | b'-')).count()..)?;
        let sound = (1..=LONGEST_LOCAL).contains(&local.len()) && !local.ends_with(b".");
        sound.then_some(end - local.len())
    }

    /// Finds digests among the words of a run.
    fn digests(&mut self, start: usize, end: usize) -> ControlFlow<()> {
        let mut at = self.word_start(start, end);
        while at < end {
            let rest = self.text.get(at..end).unwrap_or_default();
            let length = rest.iter().take_while(|&&byte| is_alnum(byte)).count();
            let word = rest.get(..length).unwrap_or_default();
            if let Some(kind) = Kind::of_hash(length)
                && word.iter().all(u8::is_ascii_hexdigit)
                && word.iter().any(u8::is_ascii_digit)
                && word.iter().any(u8::is_ascii_alphabetic)
                && !matches!(self.before(at), Some(0x80..))
                && !matches!(self.at(at + length), Some(b'@' | 0x80..))
            {
                self.found_at(kind, at, at + length)?;
            }
            at += length + 1;
        }
        ControlFlow::Continue(())
    }
}

/// Whether a name is written as one: its last label in lower case or Punycode, or all of it in capitals.
#[inline]
fn is_in_case(last: &[u8], name: &[u8]) -> bool {
    last.iter().all(u8::is_ascii_lowercase)
        || (last.iter().all(u8::is_ascii_uppercase) && !name.iter().any(u8::is_ascii_lowercase))
        || last.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))
}

/// Where the hyphen is in two IPv4 addresses with one between.
fn range(run: &[u8]) -> Option<usize> {
    let dash = run.iter().position(|&byte| byte == b'-')?;
    let (first, last) = (run.get(..dash)?, run.get(dash + 1..)?);
    (normal::v4(first).is_some() && normal::v4(last).is_some()).then_some(dash)
}
