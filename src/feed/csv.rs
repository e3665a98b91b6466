//! Tables: CSV and TSV with a header.

use std::io::{self, BufRead};
use std::path::Path;

use crate::error::Error;
use crate::feed::columns::{Columns, Positions};
use crate::feed::gathering::{Gathering, Making, Records};
use crate::feed::rows::{Cells, Rows};
use crate::feed::value::{Said, several, unquote};
use crate::feed::{Defaults, Feed, Reason};
use crate::record::{Severity, Tlp};
use crate::time;

/// Reads a table; `columns` says where what is, or the header is guessed.
///
/// A cell with several values, as `"sha256,sha1,md5"`, gives as many indicators. Cells that cannot be read are counted in
/// [`Feed::ignored`], their row is kept. Lines that begin with `#` are comments.
pub(super) fn read(
    reader: impl BufRead,
    path: &Path,
    delimiter: char,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Feed, Error> {
    let mut gathering = Gathering::new(path, defaults);
    let mut rows = Rows::new(reader, delimiter);
    let failed = read_rows(&mut rows, &mut gathering, delimiter, columns, defaults)?;
    gathering.finish(rows.number(), failed)
}

/// Why reading broke off, or nothing at the end of the file.
fn read_rows(
    rows: &mut Rows<impl BufRead>,
    gathering: &mut Gathering<'_>,
    delimiter: char,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Option<io::Error>, Error> {
    let mut cells = Cells::default();
    let mut next = match rows.next(&mut cells, gathering) {
        Ok(row) => row,
        Err(error) => return Ok(Some(error)),
    };
    let Some(first) = next else { return Ok(None) };
    let mut commented = Cells::default();
    commented.split(&rows.comment, delimiter);
    let header = match Header::of(&cells, columns) {
        Ok(header) => {
            next = match rows.next(&mut cells, gathering) {
                Ok(row) => row,
                Err(error) => return Ok(Some(error)),
            };
            header
        }
        // abuse.ch writes its header as the last of the comments.
        Err(message) => Header::of(&commented, columns).map_err(|_| gathering.error(first, message))?,
    };

    let unsaid = Said::from(defaults.kind).or(header.implied);
    let mut records = Records::new(gathering, defaults);
    let mut words: Vec<(Box<str>, Said)> = Vec::new();
    let mut key = String::new();
    while let Some(line) = next {
        let cell = |column: Option<usize>| cells.get(column?).map(str::trim).filter(|cell| !is_empty(cell));
        let value = cell(header.positions.value).map(unquote).unwrap_or_default();
        let withdrawn =
            cell(header.positions.active).is_some_and(is_no) || cell(header.positions.revoked).is_some_and(is_yes);
        if value.is_empty() || withdrawn {
            let reason = if withdrawn { Reason::Revoked } else { Reason::NoValue };
            gathering.reject(line, value, reason);
        } else {
            let said = cell(header.positions.kind).map_or(Said::Nothing, |word| said_of(word, &mut words)).or(unsaid);
            key.clear();
            for &column in &header.of_record {
                key.push_str(cells.get(column).unwrap_or_default());
                key.push('\x1f');
            }
            let made = records.of(&key, |making| fill(making, cell, &header.positions));
            for bad in &made.bad {
                gathering.ignore(line, bad);
            }
            for (part, said) in several(value, said) {
                gathering.add(line, part, said, &made.record);
            }
        }
        next = match rows.next(&mut cells, gathering) {
            Ok(row) => row,
            Err(error) => return Ok(Some(error)),
        };
    }
    Ok(None)
}

struct Header {
    positions: Positions,
    of_record: Vec<usize>,
    /// A column `url` or `dst_ip` says of itself what its values are.
    implied: Said,
}

impl Header {
    fn of(cells: &Cells, columns: Option<&Columns>) -> Result<Self, String> {
        let names: Vec<&str> = cells.iter().map(unquote).collect();
        let guessed;
        let columns = match columns {
            Some(columns) => columns,
            None => {
                guessed = Columns::guess(&names);
                &guessed
            }
        };
        let there_are = || names.iter().take(50).copied().collect::<Vec<_>>().join(", ");
        let positions = columns
            .positions(&names)
            .map_err(|name| format!("no column {name:?}; the columns are: {}", there_are()))?;
        if positions.value.is_none() {
            let message =
                "no column is known to hold the indicators; name it in the columns of the feed; the columns are";
            return Err(format!("{message}: {}", there_are()));
        }
        let implied = match columns.value.as_deref().map(Said::of_word) {
            Some(said @ (Said::Kind(_) | Said::Hash)) => said,
            _ => Said::Nothing,
        };
        Ok(Self { of_record: positions.of_record(), positions, implied })
    }
}

/// Feeds have a handful of type words and mostly repeat the one before.
fn said_of(word: &str, known: &mut Vec<(Box<str>, Said)>) -> Said {
    const KEPT: usize = 64;
    if let Some((_, said)) = known.iter().find(|(other, _)| **other == *word) {
        return *said;
    }
    let said = Said::of_word(word);
    if known.len() < KEPT {
        known.push((word.into(), said));
    }
    said
}

fn fill<'c>(making: &mut Making, cell: impl Fn(Option<usize>) -> Option<&'c str>, at: &Positions) {
    const LISTS: &[char] = &[',', ';', '|'];
    // Titles of campaigns have commas in them.
    const TITLES: &[char] = &[';', '|'];
    let Making { record, bad, dated } = making;

    let lists = [
        (&mut record.campaigns, at.campaign, TITLES),
        (&mut record.actors, at.actor, LISTS),
        (&mut record.malware, at.malware, LISTS),
        (&mut record.techniques, at.techniques, LISTS),
        (&mut record.tags, at.tags, LISTS),
    ];
    for (list, column, between) in lists {
        if let Some(text) = cell(column) {
            let parts = text.split(between).map(str::trim).filter(|part| !part.is_empty());
            // What the line says stands in place of the default; labels come on top.
            if column != at.tags {
                list.clear();
            }
            list.extend(parts.map(Box::from));
        }
    }
    for (slot, column) in
        [(&mut record.role, at.role), (&mut record.description, at.description), (&mut record.reference, at.reference)]
    {
        if let Some(text) = cell(column) {
            *slot = Some(text.into());
        }
    }
    if let Some(source) = cell(at.source)
        && *source != *record.source
    {
        record.source = source.into();
    }
    for (slot, column) in [
        (&mut record.valid_from, at.valid_from),
        (&mut record.valid_until, at.valid_until),
        (&mut record.first_seen, at.first_seen),
        (&mut record.last_seen, at.last_seen),
        (dated, at.date),
    ] {
        if let Some(text) = cell(column) {
            match time::seconds(text) {
                Some(second) => *slot = Some(second),
                None => bad.push(text.into()),
            }
        }
    }
    if let Some(text) = cell(at.confidence) {
        match confidence(text) {
            Some(confidence) => record.confidence = confidence,
            None => bad.push(text.into()),
        }
    }
    if let Some(text) = cell(at.severity) {
        match Severity::parse(text) {
            Some(severity) => record.severity = Some(severity),
            None => bad.push(text.into()),
        }
    }
    if let Some(text) = cell(at.tlp) {
        match Tlp::parse(text) {
            Some(tlp) => record.tlp = Some(tlp),
            None => bad.push(text.into()),
        }
    }
}

/// 0 to 100; words by the scale of STIX 2.1, appendix A.
fn confidence(text: &str) -> Option<u8> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    if let Ok(number) = number.parse::<u8>() {
        return (number <= 100).then_some(number);
    }
    if let Ok(number) = number.parse::<f64>() {
        let number = if number <= 1.0 && !text.ends_with('%') { number * 100.0 } else { number };
        return (0.0..=100.0).contains(&number).then_some(number.round() as u8);
    }
    Some(match text.to_ascii_lowercase().as_str() {
        "none" => 0,
        "low" => 15,
        "med" | "medium" | "moderate" => 50,
        "high" => 85,
        "confirmed" | "certain" => 100,
        _ => return None,
    })
}

fn is_empty(cell: &str) -> bool {
    cell.is_empty() || cell == "-" || ["null", "n/a", "nan"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}

fn is_no(cell: &str) -> bool {
    ["false", "no", "0", "inactive"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}

fn is_yes(cell: &str) -> bool {
    ["true", "yes", "1", "revoked"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn feed(text: &str, columns: Option<&Columns>) -> Result<Feed, Error> {
        let defaults = Defaults { time_to_live: Some(86_400), ..Record::new("test").into() };
        read(text.as_bytes(), Path::new("test.csv"), ',', columns, &defaults)
    }

    #[test]
    fn bad_cells_do_not_lose_their_row() {
        let text = "ioc,confidence,last_seen,tlp\na.example,300,soon,RED\nb.example,high,2024-01-03,red\n";
        let feed = feed(text, None).unwrap();
        assert_eq!(feed.indicators.len(), 2);
        assert_eq!(feed.ignored.total(), 2);
        let [first, second] = [0, 1].map(|at: usize| &feed.indicators[at].record);
        assert_eq!((first.confidence, first.tlp, first.valid_until), (50, Some(Tlp::Red), None));
        assert_eq!((second.confidence, second.valid_until), (85, Some(1_704_240_000 + 86_400)));
    }

    #[test]
    fn a_header_may_hide_in_a_comment_and_imply_the_kind() {
        let text = "# A feed\n# id,dateadded,url,tags\n1,2024-01-03 10:00:00,http://a.example/x,elf\n";
        let feed = feed(text, None).unwrap();
        assert_eq!(feed.indicators[0].pattern.to_string(), "http://a.example/x");
        assert_eq!(feed.indicators[0].record.valid_until, Some(1_704_276_000 + 86_400));
    }

    #[test]
    fn a_wrong_column_is_named_with_those_there_are() {
        let columns = Columns { value: Some("ioc".into()), actor: Some("who".into()), ..Columns::default() };
        let error = feed("ioc,actor\na.example,x\n", Some(&columns)).unwrap_err().to_string();
        assert!(error.contains("\"who\"") && error.contains("ioc, actor"), "{error}");
        let error = feed("a,b\nc,d\n", None).unwrap_err().to_string();
        assert!(error.contains("the columns are: a, b"), "{error}");
    }

    #[test]
    fn withdrawn_and_empty_rows_are_counted() {
        let text = "value,active\na.example,FALSE\n,TRUE\nb.example,TRUE\nc.example\n";
        let feed = feed(text, None).unwrap();
        let counts: Vec<_> = feed.rejected.counts().collect();
        assert_eq!(feed.indicators.len(), 2);
        assert_eq!(counts, [(Reason::NoValue, 1), (Reason::Revoked, 1)]);
    }
}
