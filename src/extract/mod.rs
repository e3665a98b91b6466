//! Observables in free text: messages, command lines, raw log lines, reports.

mod classes;
mod defanged;
mod run;
mod scan;
mod six;
mod url;

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use crate::normal::NotObservable;
use crate::observable::{Kind, Observable};
use scan::{Hit, Scan};

/// Finds observables in free text: addresses, names, URLs, e-mail addresses and hashes, each with its place.
///
/// The text is any bytes, UTF-8 or not. It is read once, front to back, in time linear in its length whatever it holds. Nothing is
/// allocated but for URLs and names that are not in normal form (letters outside ASCII, user information, hosts in capitals), and
/// for what is rewritten.
///
/// ```
/// use stormtag::{Extractor, Kind};
///
/// let line = br#"203.0.113.9 - - "GET /index.html" "http://evil.com/a?b=c." from jo@evil.com, see main.rs"#;
/// let mut found = Vec::new();
/// Extractor::new().extract(line, |hit| found.push((hit.kind(), hit.text().into_owned())));
/// let expected = [(Kind::Ip, "203.0.113.9"), (Kind::Url, "http://evil.com/a?b=c"), (Kind::Email, "jo@evil.com")];
/// assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
/// ```
///
/// # What counts
///
/// Text is read in three steps. What one has found, the next does not see; spans never overlap, and come in their order.
///
/// **1. URLs.** A scheme of 2 to 16 letters, digits, `+`, `-`, a letter first (twenty-two bytes are looked at, and what
/// is no letter at their start is taken off); then `://` (or `:\/\/`, as some write it in JSON:
/// then `\/` within counts as `/`). The URL ends before white space, control characters, ``"'<>`{}|^\`` and characters outside ASCII
/// that are neither letters nor digits. From its end are taken: `.,;:!?`; brackets closed more often than opened; and `*_+~` where
/// the same stands right before it, as in Markdown. It is found if [`Observable::parse`] takes it and it has 2 KiB at most. If not, the rest
/// of the stretch is read for what else is in it, but for no other URL. The host and what else stands in a URL is not found
/// again: see [`Observable::within`].
///
/// **2. IPv6 addresses.** A stretch of hexadecimal digits, `:` and `.`, of 64 bytes at most, without final dots and a single colon
/// at either end. If a letter, digit, `-`, `_` or byte outside ASCII stands right before, it counts from behind its first colon
/// (`src:2001:db8::1`); if one of them but `-` stands right behind, and no colon between, not at all. Nor does what ends before `://`. It must have a decimal digit (`a::b` is a path in many
/// languages; so is `::`), and not be eight groups of two digits (an EUI-64). Brackets, port and zone are left out.
///
/// **3. Runs** of letters, digits, `-`, `_`, and single dots (two dots and more are apart). Letters and digits outside ASCII
/// belong to a run. Hyphens and dots at its start and `-`, `_`, `.` at its end are taken off. A run right before `://` is none.
///
/// * *IPv4*: the whole run is four numbers of 0 to 255 without leading zeros, or two such with a hyphen between (both are found).
///   So `1.2.3.4.5`, `v1.2.3.4` and `lib-1.2.3.4` are versions; and so is what a word such as `version`, `OpenSSL` or `Chrome` stands before,
///   with one to four of space, `/`, `:`, `=`, `"`, `'`, `(` between.
/// * *Names*: valid as [`Kind::Domain`], of two labels at least, under a known public suffix, the last label in lower case or Punycode, or all in
///   capitals (`System.Security` and `Win32.GA` are none). Not a name is
///   what `@`, `(`, `=`, `":` or `\":` follows (a local part, a call, a key), or `+` and a rest of a local part;
///   what begins with `com.`, `net.` or `org.` and has three labels (a package);
///   a file: two labels, or a number before the last one, and one of `ac am cab do dot inc la map md mk mm mov name pl pm properties ps pub py rs sh
///   so target tf zip` as the last. What was defanged is no file.
/// * *E-mail*: a name, found by the rules for names but that for packages and files, behind `@` and 1 to 64 of `A-Za-z0-9._+-`, not
///   counting `.+-` at their start (seventy bytes are looked at), no `.` last, and no `@` or byte outside ASCII before. The name is not found again.
/// * *Hashes*: in runs that are nothing of that: 32, 40, 64 or 128 hexadecimal digits, some of them letters and some not, between
///   anything but letters and digits, not before `@`.
///
/// A run, a scheme and a local part begin behind what belongs to an escape: `n`, `r`, `t` or `u` with four digits after an odd number of
/// backslashes (up to sixteen), two hexadecimal digits after `%`.
///
/// | text | found |
/// |---|---|
/// | `203.0.113.9:443`, `[2001:db8::1]:443`, `fe80::1%eth0` | the address |
/// | `203.0.113.0/24` | the address, with [`Found::prefix`] 24 |
/// | `10.0.0.1-10.0.0.9` | both addresses |
/// | `1.2.3.4.5`, `OpenSSL 3.0.2.1`, `256.1.1.1`, `01.2.3.4` | nothing |
/// | `12:30:59`, `2026-03-01T00:00:00.5Z`, `00:1b:63:84:45:e6` | nothing |
/// | `123e4567-e89b-12d3-a456-426614174000`, `std::vector`, `dead::beef` | nothing |
/// | `report.zip`, `main.rs`, `index.html`, `lib.so`, `x-1.2.sh` | nothing |
/// | `www.evil.zip`, `evil[.]zip` undone | the name |
/// | `com.example.app`, `foo.bar()`, `"process.name":`, `user.id=5` | nothing |
/// | `.evil.com`, `evil.com.`, `(evil.com)`, `host=evil.com`, `evil.com:80` | `evil.com` |
/// | `\nevil.com`, `%2Fevil.com` | `evil.com` |
/// | `"http:\/\/evil.com\/a"` | `http://evil.com/a` |
/// | `<a@evil.com>`, `mailto:a@evil.com` | the e-mail address |
/// | `john.do@evil.com`, `@evil.com` | the e-mail address; `evil.com` |
/// | `0xd41d…`, a hash within more digits | nothing |
///
/// Give JSON field by field if you can: in raw lines `\u0026` ends a URL.
#[derive(Clone, Debug, Default)]
pub struct Extractor {
    refang: bool,
}

impl Extractor {
    /// For events: what is written so that nobody clicks on it (`hxxp://evil[.]com`) is read as it stands.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For reports: what was written so that nobody clicks on it is undone first, in each word that holds such marks: `hxxp`, `meow`
    /// and the like as a scheme; dots, colons, slashes and at signs in brackets or behind a backslash. A word is what stands between
    /// white space and control characters; one of more than 16 KiB is read as it stands.
    ///
    /// ```
    /// use stormtag::{Extractor, Kind};
    ///
    /// let text = b"C2: hxxps://evil[.]com/gate, 203.0.113[.]9";
    /// let mut found = Vec::new();
    /// Extractor::refanging().extract(text, |hit| found.push((hit.span(), hit.text().into_owned())));
    /// assert_eq!(found, [(4..27, "https://evil.com/gate".to_owned()), (29..42, "203.0.113.9".to_owned())]);
    /// ```
    #[must_use]
    pub fn refanging() -> Self {
        Self { refang: true }
    }

    /// Hands over each observable, in the order of the text.
    pub fn extract<'t>(&self, text: &'t [u8], mut found: impl FnMut(Found<'t>)) {
        let _: ControlFlow<()> = self.try_extract(text, |hit| {
            found(hit);
            ControlFlow::Continue(())
        });
    }

    /// As [`extract`](Self::extract), until the function breaks off: what bounds the number that one text may cost.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use stormtag::Extractor;
    ///
    /// let mut left = 2;
    /// let stopped = Extractor::new().try_extract(b"192.0.2.1 192.0.2.2 192.0.2.3", |hit| {
    ///     left -= 1;
    ///     if left == 0 { ControlFlow::Break(hit.span().end) } else { ControlFlow::Continue(()) }
    /// });
    /// assert_eq!(stopped, ControlFlow::Break(19));
    /// ```
    pub fn try_extract<'t, B>(
        &self,
        text: &'t [u8],
        mut found: impl FnMut(Found<'t>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut broken = None;
        let mut sink = |hit: Found<'t>| match found(hit) {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(value) => {
                broken = Some(value);
                ControlFlow::Break(())
            }
        };
        let _ = if self.refang {
            defanged::read(text, &mut sink)
        } else {
            Scan::new(text, &[], false, &mut |hit| sink(Found::at(text, hit))).read(0)
        };
        broken.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}

/// An observable in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found<'t> {
    kind: Kind,
    start: usize,
    end: usize,
    prefix: Option<u8>,
    text: Text<'t>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Text<'t> {
    Within(&'t [u8]),
    Rewritten(String),
}

impl<'t> Found<'t> {
    fn at(text: &'t [u8], hit: Hit) -> Self {
        let text = match hit.rewritten {
            Some(text) => Text::Rewritten(text),
            None => Text::Within(text.get(hit.start..hit.end).unwrap_or_default()),
        };
        Self { kind: hit.kind, start: hit.start, end: hit.end, prefix: hit.prefix, text }
    }

    /// What it is: an address, name, URL, e-mail address, MD5, SHA-1, SHA-256 or SHA-512.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it stands in the text, in bytes; on boundaries of characters where the text is UTF-8.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The observable as text, which [`Observable::parse`] reads: as it stands, or with its defanging and JSON's `\/` undone.
    #[must_use]
    pub fn text(&self) -> Cow<'t, str> {
        match &self.text {
            Text::Within(text) => Cow::Borrowed(str::from_utf8(text).unwrap_or_default()),
            Text::Rewritten(text) => Cow::Owned(text.clone()),
        }
    }

    /// The prefix length, in bits, of the network that an address was written as: 24 of `203.0.113.0/24`. A port behind a slash, as
    /// some firewalls write it, cannot be told from it.
    #[must_use]
    pub fn prefix(&self) -> Option<u8> {
        self.prefix
    }

    /// The observable.
    ///
    /// # Errors
    ///
    /// None: what is found can be read.
    pub fn observable(&self) -> Result<Observable<'_>, NotObservable> {
        let text = match &self.text {
            Text::Within(text) => str::from_utf8(text).unwrap_or_default(),
            Text::Rewritten(text) => text,
        };
        Observable::parse(self.kind, text)
    }
}
