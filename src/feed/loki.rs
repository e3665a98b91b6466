//! Lists of the scanner LOKI and of signature-base, <https://github.com/Neo23x0/signature-base/tree/master/iocs>.

use std::io::BufRead;
use std::path::Path;

use crate::error::Error;
use crate::feed::gathering::{Gathering, Records, stem};
use crate::feed::value::Said;
use crate::feed::{Defaults, Feed, Reason};
use crate::observable::Kind;
use crate::record::Severity;

/// Reads `hash;comment`, `hash;score;comment`, addresses and names alone or with `;comment`.
///
/// The comment is the description and, if it holds a link, the link the reference; where a line has none, the comment right above
/// its group counts, up to the next blank line. Scores have LOKI's meaning: 40 a notice, 60 a warning, 100 an alert. Lines of a
/// list of file names, `expression;score`, are rejected: expressions are not searched for yet.
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let mut gathering = Gathering::new(path, defaults);
    let mut records = Records::new(&gathering, defaults);
    let of_names = stem(path).contains("filename");
    let (mut heading, mut key) = (String::new(), String::new());
    let (items, failed) = gathering.lines(reader, |gathering, number, text| {
        let text = text.trim();
        if text.is_empty() {
            heading.clear();
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        }
        if let Some(comment) = text.strip_prefix('#') {
            comment.trim_matches(['#', ' ', '-']).clone_into(&mut heading);
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        }
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        let (score, comment) = match rest.split_once(';') {
            Some((score, comment)) if score.trim().parse::<u16>().is_ok() => (score.trim(), comment.trim()),
            None if rest.trim().parse::<u16>().is_ok() => (rest.trim(), ""),
            _ => ("", rest.trim()),
        };
        if of_names || is_expression(value, rest) {
            gathering.reject(number, text, Reason::Searched);
            return Ok(());
        }
        let comment = if comment.is_empty() { heading.as_str() } else { comment };
        key.clear();
        key.push_str(score);
        key.push('\t');
        key.push_str(comment);
        let made = records.of(&key, |making| {
            let record = &mut making.record;
            if !comment.is_empty() {
                record.description = Some(comment.into());
                record.reference = link(comment).map(Box::from).or(record.reference.take());
            }
            record.severity = severity(score).or(record.severity);
        });
        gathering.add(number, value, Said::from(defaults.kind), &made.record);
        Ok(())
    })?;
    gathering.finish(items, failed)
}

/// Whether these first lines are of such a list: they say so, or the first row is a hash with a comment.
pub(super) fn looks_like(start: &str) -> bool {
    let is_row = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let says = |line: &str| line.starts_with('#') && line.contains("LOKI");
    let (hash, comment) = start.lines().find(is_row).and_then(|row| row.split_once(';')).unwrap_or_default();
    let is_hash = matches!(hash.len(), 32 | 40 | 64) && hash.bytes().all(|b| b.is_ascii_hexdigit());
    start.lines().any(says) || is_hash && !comment.trim().is_empty()
}

/// A line of a list of file names: what an address, a name or a hash never holds, or a score and nothing that says what it is.
fn is_expression(value: &str, rest: &str) -> bool {
    value.contains(['\\', '(', '^', '$', '*', '+', '{'])
        || (rest.split(';').next().is_some_and(|score| score.trim().parse::<i16>().is_ok())
            && Kind::guess(value).is_none())
}

fn severity(score: &str) -> Option<Severity> {
    match score.parse::<u16>().ok()? {
        100.. => Some(Severity::High),
        60.. => Some(Severity::Medium),
        40.. => Some(Severity::Low),
        _ => None,
    }
}

fn link(comment: &str) -> Option<&str> {
    comment.split_ascii_whitespace().find(|word| word.starts_with("https://") || word.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    #[test]
    fn comments_scores_and_expressions() {
        let text = "#\n# LOKI IOCs\n#\n\nbare.example\n\n# A report https://r.example/1\nevil.example\n203.0.113.9;an address\n\
            d41d8cd98f00b204e9800998ecf8427e;an empty file - https://r.example/2\n\
            da39a3ee5e6b4b0d3255bfef95601890afd80709;60;a warning\n\
            \\\\svc\\.exe;70\nevil\\.dll$;60;except\nmimikatz;80\n198.51.100.7;65\n";
        let feed = read(text.as_bytes(), Path::new("c2-iocs.txt"), &Record::new("loki").into()).unwrap();
        let said: Vec<_> =
            feed.indicators.iter().map(|found| found.record.description.as_deref().unwrap_or("")).collect();
        let report = "A report https://r.example/1";
        assert_eq!(said, ["", report, "an address", "an empty file - https://r.example/2", "a warning", report]);
        assert_eq!(feed.indicators[1].record.reference.as_deref(), Some("https://r.example/1"));
        assert_eq!(feed.indicators[4].record.severity, Some(Severity::Medium));
        assert_eq!(feed.rejected.counts().collect::<Vec<_>>(), [(Reason::Searched, 3)]);
        assert_eq!(feed.passed.total(), 6);
        let names = read(&b"evil.exe;60\n"[..], Path::new("filename-iocs.txt"), &Record::new("loki").into()).unwrap();
        assert_eq!(names.rejected.counts().collect::<Vec<_>>(), [(Reason::Searched, 1)]);
    }

    #[test]
    fn lists_are_told_from_others() {
        assert!(looks_like("#\n# LOKI C2 IOCs\n") && looks_like("d41d8cd98f00b204e9800998ecf8427e;a\n"));
        assert!(!looks_like("d41d8cd98f00b204e9800998ecf8427e\n") && !looks_like("203.0.113.0/24;SBL1\n"));
    }
}
