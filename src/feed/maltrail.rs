//! Trail files of Maltrail, <https://github.com/stamparm/maltrail/wiki/Maltrail-trails-base-format>.

use std::io::BufRead;
use std::path::Path;

use crate::error::Error;
use crate::feed::gathering::{Gathering, Making, Records, stem};
use crate::feed::value::Said;
use crate::feed::{Defaults, Feed, Reason, plain};

/// Reads a trail file.
///
/// The name of the file is the malware family, or the actor if it begins with `apt_`; aliases become tags, for they mix names of
/// actors with those of their tools. The first `# Reference:` above a group of lines is the reference of them all, and a comment
/// behind a value its description. Trails that are a path only are rejected: they name no host. `http://` in front of a bare
/// address, which asks Maltrail to look at HTTP only, is taken off.
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let mut gathering = Gathering::new(path, defaults);
    let mut records = Records::new(&gathering, defaults);
    let family = stem(path);
    let (mut reference, mut grouped) = (String::new(), false);
    let mut aliases: Vec<Box<str>> = Vec::new();
    let mut key = String::new();
    let (items, failed) = gathering.lines(reader, |gathering, number, text| {
        let text = text.trim();
        if let Some(said) = text.strip_prefix('#') {
            if let Some(link) = after(said, "Reference:") {
                if !grouped {
                    link.clone_into(&mut reference);
                    grouped = true;
                }
            } else if let Some(names) = after(said, "Aliases:") {
                aliases.extend(names.split(',').map(|name| name.trim().into()));
            }
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        }
        if text.is_empty() {
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        }
        // The next reference begins another group.
        grouped = false;
        let (value, comment) = plain::comment(text).unwrap_or((text, ""));
        key.clear();
        key.push_str(&reference);
        key.push('\t');
        key.push_str(comment);
        let made = records.of(&key, |making| fill(making, family, &aliases, &reference, comment));
        gathering.add(number, bare(value), Said::from(defaults.kind), &made.record);
        Ok(())
    })?;
    gathering.finish(items, failed)
}

fn after<'t>(comment: &'t str, word: &str) -> Option<&'t str> {
    let comment = comment.trim_start();
    let (start, rest) = comment.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then(|| rest.trim())
}

fn fill(making: &mut Making, family: &str, aliases: &[Box<str>], reference: &str, comment: &str) {
    // Scanners and sinkholes are known by name, but no malware.
    const NO_FAMILIES: [&str; 3] = ["mass_scanner", "sinkhole_", "parking_"];
    let record = &mut making.record;
    if let Some(actor) = family.strip_prefix("apt_") {
        record.actors.push(actor.into());
    } else if NO_FAMILIES.iter().any(|start| family.starts_with(start)) {
        record.tags.push(family.into());
    } else {
        record.malware.push(family.into());
    }
    record.tags.extend(aliases.iter().cloned());
    if !reference.is_empty() {
        record.reference = Some(reference.into());
    }
    if !comment.is_empty() {
        record.description = Some(comment.into());
    }
}

/// `203.0.113.9` of `http://203.0.113.9` and `http://203.0.113.9:8080`.
fn bare(value: &str) -> &str {
    let Some((_, host)) = value.split_once("://") else { return value };
    let host = host.trim_end_matches('/');
    let address = crate::feed::value::service(host).unwrap_or(host);
    if address.parse::<std::net::IpAddr>().is_ok() { address } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal::NotObservable;
    use crate::record::Record;

    #[test]
    fn groups_names_and_paths() {
        let text = "# Copyright\n# Aliases: one, two three\n\n# Reference: r1\n# Reference: r2\n\n203.0.113.9:443\n\
            http://198.51.100.7\nevil.example/a # note\n\n# Reference: r3\n# a remark\nevil.example\n/gate.php\n";
        let path = Path::new("trails/apt_test.txt.gz");
        let feed = read(text.as_bytes(), path, &Record::new("maltrail").into()).unwrap();
        let found: Vec<_> = feed
            .indicators
            .iter()
            .map(|found| (found.pattern.to_string(), found.record.reference.as_deref().unwrap_or("")))
            .collect();
        let expected =
            [("203.0.113.9", "r1"), ("198.51.100.7", "r1"), ("evil.example/a", "r1"), ("evil.example", "r3")];
        assert_eq!(found, expected.map(|(value, reference)| (value.to_owned(), reference)));
        let record = &feed.indicators[2].record;
        assert_eq!(record.description.as_deref(), Some("note"));
        assert_eq!((&*record.actors[0], &*record.tags[1]), ("test", "two three"));
        assert!(record.malware.is_empty());
        let counts: Vec<_> = feed.rejected.counts().collect();
        assert_eq!(counts, [(Reason::Value(NotObservable::PathWithoutHost), 1)]);
    }
}
