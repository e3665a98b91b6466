//! Lists with one value a line.

use std::io::BufRead;
use std::path::Path;

use crate::error::Error;
use crate::feed::gathering::{Gathering, Records};
use crate::feed::value::Said;
use crate::feed::{Defaults, Feed, Reason};
use crate::observable::{Kind, Shape};

/// Reads a list: the first column of each line, the others are passed over.
///
/// Lines that begin with `#`, `//` or `;` are comments, as is what follows ` #`. A column ends at a space, a tab, a comma or a
/// semicolon (but URLs hold commas and semicolons; names of files, users and mutexes end at a tab only). The lines of a hosts file,
/// `0.0.0.0 evil.example`, give their names. The kind is that of the defaults or is told from each value.
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let mut gathering = Gathering::new(path, defaults);
    let record = Records::new(&gathering, defaults).of("", |_| ()).record;
    let (items, failed) = gathering.lines(reader, |gathering, number, text| {
        let Some(text) = content(text) else {
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        };
        if let Some(names) = hosts(text) {
            for name in names {
                gathering.add(number, name, Said::Kind(Kind::Domain), &record);
            }
        } else {
            gathering.add(number, first_column(text, defaults.kind), Said::from(defaults.kind), &record);
        }
        Ok(())
    })?;
    gathering.finish(items, failed)
}

/// The line without comment and spaces around it, if anything is left.
pub(crate) fn content(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    Some(comment(line).map_or(line, |(before, _)| before))
}

/// The line in front of ` #`, and the comment behind.
pub(crate) fn comment(line: &str) -> Option<(&str, &str)> {
    let at = memchr::memmem::find(line.as_bytes(), b" #").or_else(|| memchr::memmem::find(line.as_bytes(), b"\t#"))?;
    let (before, after) = line.split_at_checked(at)?;
    Some((before.trim_end(), after.trim_start().trim_start_matches('#').trim()))
}

/// The first column of a line without comment.
pub(crate) fn first_column(text: &str, kind: Option<Kind>) -> &str {
    let spaces_belong = kind.is_some_and(|kind| {
        kind.shape() == Shape::Text || matches!(kind, Kind::FileName | Kind::UserName | Kind::Mutex)
    });
    if spaces_belong {
        return text.split('\t').next().unwrap_or(text).trim_end();
    }
    // A quoted value ends with its quote.
    if let Some((value, _)) = text.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return value;
    }
    let text = text.split_ascii_whitespace().next().unwrap_or(text);
    if kind == Some(Kind::Url) || text.contains("://") {
        return text;
    }
    let value = text.split([',', ';']).next().unwrap_or(text);
    if value.contains('/') && value.parse::<ipnet::IpNet>().is_err() { text } else { value }
}

/// The names of a line of a hosts file that leads nowhere.
fn hosts(text: &str) -> Option<impl Iterator<Item = &str>> {
    const NOWHERE: [&str; 4] = ["0.0.0.0", "127.0.0.1", "::", "::1"];
    if !text.starts_with(['0', '1', ':']) {
        return None;
    }
    let mut columns = text.split_ascii_whitespace();
    let address = columns.next()?;
    let mut names = columns.peekable();
    // `127.0.0.1<TAB>3` is an address and a count.
    let named = names.peek().is_some_and(|name| name.bytes().any(|b| b.is_ascii_alphabetic()));
    (NOWHERE.contains(&address) && named).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    #[test]
    fn lines_of_all_sorts() {
        let cases = [
            ("203.0.113.9\t10", "203.0.113.9"),
            ("203.0.113.0/24 ; SBL1", "203.0.113.0/24"),
            ("203.0.113.0/24;SBL1", "203.0.113.0/24"),
            ("  \"evil.example\" # seen", "evil.example"),
            ("evil[.]example", "evil.example"),
            ("0.0.0.0 evil.example", "evil.example"),
            ("127.0.0.1\tevil.example # ads", "evil.example"),
            ("d41d8cd98f00b204e9800998ecf8427e;a comment", "d41d8cd98f00b204e9800998ecf8427e"),
            ("http://evil.example/a,b;c x", "http://evil.example/a,b;c"),
            ("evil.example/a,b", "evil.example/a,b"),
            ("203.0.113.9:8080", "203.0.113.9"),
        ];
        let defaults = Defaults::from(Record::new("test"));
        for (line, expected) in cases {
            let feed = read(line.as_bytes(), Path::new("test"), &defaults).unwrap();
            let found: Vec<_> = feed.indicators.iter().map(|indicator| indicator.pattern.to_string()).collect();
            assert_eq!(found, [expected], "{line}: {:?}", feed.rejected.first());
        }
        let comments = read(&b"# a\n// b\n; c\n\n   \n"[..], Path::new("test"), &defaults).unwrap();
        assert_eq!((comments.indicators.len(), comments.rejected.total()), (0, 0));
    }

    #[test]
    fn names_with_spaces_are_kept_whole() {
        let defaults = Defaults { kind: Some(Kind::FileName), ..Record::new("test").into() };
        let feed = read(&b"my file, new.exe\tx\n"[..], Path::new("test"), &defaults).unwrap();
        assert_eq!(feed.indicators[0].pattern.to_string(), "my file, new.exe");
    }
}
