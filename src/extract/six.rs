//! IPv6 addresses.

use std::net::Ipv6Addr;
use std::ops::ControlFlow;

use super::classes::{is_run, is_six};
use super::scan::{Hit, Scan};
use crate::observable::Kind;

/// The longest stretch that is read as an address, in bytes: the longest address and a short word before it.
const LONGEST: usize = 64;

impl Scan<'_, '_> {
    /// Reads the stretch around a colon.
    pub(super) fn six(&mut self, colon: usize) -> ControlFlow<()> {
        if colon < self.six_read {
            return ControlFlow::Continue(());
        }
        let (stretch_end, address) = self.six_around(colon);
        self.six_read = stretch_end;
        match address {
            Some((start, end)) => {
                let prefix = self.prefix(end, 128);
                self.found(Hit { kind: Kind::Ip, start, end, prefix, rewritten: None })
            }
            None => ControlFlow::Continue(()),
        }
    }

    /// The end of a run without the address that begins in it: `host.example-2001:db8::1` is a name and an address.
    #[inline]
    pub(super) fn end_before_six(&self, start: usize, end: usize) -> usize {
        if self.at(end) != Some(b':') || !self.text.get(start..end).is_some_and(|run| run.contains(&b'-')) {
            return end;
        }
        match self.six_around(end).1 {
            Some((address, _)) if start < address => end.min(address),
            _ => end,
        }
    }

    /// The end of the stretch around a colon, and the address in it.
    fn six_around(&self, colon: usize) -> (usize, Option<(usize, usize)>) {
        let before = self.text.get(self.url_found..colon).unwrap_or_default();
        let left = before.iter().rev().take(LONGEST).take_while(|&&byte| is_six(byte)).count();
        let after = self.text.get(colon..).unwrap_or_default();
        let right = after.iter().take_while(|&&byte| is_six(byte)).count();
        let (start, end) = (colon - left, colon + right);
        let scheme = self.before(end) == Some(b':') && self.is_scheme_end(end - 1);
        if left + right > LONGEST || scheme || self.is_scheme(end) {
            return (end, None);
        }
        (end, self.six_within(start, end))
    }

    fn six_within(&self, mut start: usize, stretch_end: usize) -> Option<(usize, usize)> {
        let mut word = self.text.get(start..stretch_end)?;
        // `src:2001:db8::1`: the stretch begins in the middle of a word.
        if self.before(start).is_some_and(|byte| is_run(byte) && byte != b'-') {
            let rest = word.split(|&byte| byte == b':').next()?.len() + 1;
            word = word.get(rest..)?;
            start += rest;
        } else if let [b':', rest @ ..] = word
            && rest.first() != Some(&b':')
        {
            word = rest;
            start += 1;
        }
        while let [rest @ .., b'.'] = word {
            word = rest;
        }
        if let [rest @ .., last, b':'] = word
            && *last != b':'
        {
            word = word.get(..rest.len() + 1)?;
        }
        let end = start + word.len();
        let cut = self.at(stretch_end).is_some_and(|byte| is_run(byte) && byte != b'-')
            && self.before(stretch_end) != Some(b':');
        // `a::b` is a path in many languages; eight groups of two digits are an EUI-64.
        let pairs = word.len() == 23 && word.chunks(3).all(|part| part.len() == 2 || part.ends_with(b":"));
        if cut || pairs || !word.iter().any(u8::is_ascii_digit) {
            return None;
        }
        str::from_utf8(word).ok()?.parse::<Ipv6Addr>().ok().map(|_| (start, end))
    }
}
