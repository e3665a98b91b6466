//! Reports: text with indicators in it, defanged or not.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::Path;

use foldhash::fast::RandomState;

use crate::error::Error;
use crate::extract::Extractor;
use crate::feed::gathering::{Gathering, Records};
use crate::feed::value::{self, Said};
use crate::feed::{Defaults, Feed, Reason};
use crate::observable::Kind;

/// Reads a report: each observable that stands in it is an indicator, each network too.
///
/// What counts is said at [`Extractor`]; what was written against clicking is undone. Where the defaults have a kind, the rest is
/// ignored with [`Reason::ForeignKind`]. A value that stands in the report again is no second indicator; it is ignored with
/// [`Reason::Duplicate`]. A line of which nothing is taken is counted in [`Feed::passed`].
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let extractor = Extractor::refanging();
    let mut gathering = Gathering::new(path, defaults);
    let record = Records::new(&gathering, defaults).of("", |_| ()).record;
    let mut seen: HashSet<(Kind, String), RandomState> = HashSet::default();
    let (items, failed) = gathering.lines(reader, |gathering, number, text| {
        // A line of which nothing was taken or rejected states nothing: that of its kind, or nothing new.
        let mut nothing = Some(Reason::NoContent);
        extractor.extract(text.as_bytes(), |found| {
            let kind = found.kind();
            let mut text = found.text();
            if let Some(prefix) = found.prefix() {
                text = format!("{text}/{prefix}").into();
            }
            let left_out = match value::pattern(&text, Said::Kind(kind)) {
                _ if defaults.kind.is_some_and(|wanted| wanted != kind) => Reason::ForeignKind,
                Ok(pattern) if !seen.insert((kind, pattern.to_string())) => Reason::Duplicate,
                pattern => {
                    nothing = None;
                    return gathering.settle(number, &text, pattern, &record);
                }
            };
            gathering.leave_out(number, &text, left_out);
            nothing = nothing.map(|_| left_out);
        });
        if let Some(reason) = nothing {
            gathering.pass(number, text, reason);
        }
        Ok(())
    })?;
    gathering.finish(items, failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    const REPORT: &str = "\
= Report, version 1.2.3.4

The C2 servers were evil[.]com and hxxps://b[.]net/gate.php; see report.zip.
|`+198.51.100[.]7+` |first seen 2026-03-01
198.51.100.0/24 EVIL[.]com
MD5 d41d8cd98f00b204e9800998ecf8427e, mail a[at]evil[.]com
http://evil.com/dro*
";

    fn feed(kind: Option<Kind>) -> Feed {
        let defaults = Defaults { kind, ..Record::new("test").into() };
        read(REPORT.as_bytes(), Path::new("report.txt"), &defaults).unwrap()
    }

    #[test]
    fn what_stands_in_a_report_becomes_indicators() {
        let feed = feed(None);
        let found: Vec<_> = feed.indicators.iter().map(|indicator| indicator.pattern.to_string()).collect();
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        let expected = ["evil.com", "https://b.net/gate.php", "198.51.100.7", "198.51.100.0/24", hash, "a@evil.com"];
        assert_eq!(found, expected);
        assert_eq!(feed.passed.total(), 2);
        assert_eq!(feed.ignored.counts().collect::<Vec<_>>(), [(Reason::Duplicate, 1)]);
        let why = Reason::Value(crate::normal::NotObservable::PrefixNotAtSlash);
        assert_eq!(feed.rejected.counts().collect::<Vec<_>>(), [(why, 1)]);
    }

    #[test]
    fn a_line_that_says_nothing_new_is_accounted_for() {
        let read = |kind| {
            let defaults = Defaults { kind, ..Record::new("test").into() };
            read("evil[.]com\nevil.com\n192.0.2.1\n".as_bytes(), Path::new("report.txt"), &defaults).unwrap()
        };
        let feed = read(None);
        assert_eq!((feed.items, feed.used, feed.passed.total()), (3, 2, 1));
        assert_eq!(feed.passed.counts().collect::<Vec<_>>(), [(Reason::Duplicate, 1)]);
        let feed = read(Some(Kind::Domain));
        assert_eq!((feed.items, feed.used), (3, 1));
        assert_eq!(feed.passed.counts().collect::<Vec<_>>(), [(Reason::ForeignKind, 1), (Reason::Duplicate, 1)]);
    }

    #[test]
    fn a_kind_can_be_asked_for() {
        let feed = feed(Some(Kind::Domain));
        assert_eq!(feed.indicators.len(), 1);
        assert_eq!(feed.ignored.counts().collect::<Vec<_>>(), [(Reason::ForeignKind, 6), (Reason::Duplicate, 1)]);
    }
}
