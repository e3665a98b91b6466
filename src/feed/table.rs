//! Tables: what the cells of a row make, whatever the row is written in.

use crate::feed::attribute::parts;
use crate::feed::columns::{Columns, Positions};
use crate::feed::gathering::{Gathering, Making, Records};
use crate::feed::value::{Said, several, unquote};
use crate::feed::{Defaults, Reason};
use crate::grading;
use crate::record::{Severity, Tlp};
use crate::time;

/// The rows of one table.
pub(super) struct Table<'a> {
    header: Header,
    unsaid: Said,
    context: bool,
    records: Records<'a>,
    words: Vec<(Box<str>, Said)>,
    key: String,
}

impl<'a> Table<'a> {
    pub(super) fn new(header: Header, gathering: &Gathering<'_>, defaults: &'a Defaults) -> Self {
        let unsaid = Said::from(defaults.kind).or(header.implied);
        let records = Records::new(gathering, defaults);
        Self { header, unsaid, context: defaults.context, records, words: Vec::new(), key: String::new() }
    }

    /// Takes one row, whose cells are found by their column.
    pub(super) fn row<'c>(
        &mut self,
        gathering: &mut Gathering<'_>,
        line: u64,
        cells: impl Fn(usize) -> Option<&'c str>,
    ) {
        let positions = &self.header.positions;
        let cell = |column: Option<usize>| cells(column?).map(str::trim).filter(|cell| !is_empty(cell));
        let value = cell(positions.value).map(unquote).unwrap_or_default();
        let withdrawn = cell(positions.active).is_some_and(is_no) || cell(positions.revoked).is_some_and(is_yes);
        let refused = if withdrawn {
            Some(Reason::Revoked)
        } else if value.is_empty() {
            Some(Reason::NoValue)
        } else if !self.context && cell(positions.to_ids).is_some_and(is_no) {
            Some(Reason::NotForDetection)
        } else {
            None
        };
        if let Some(reason) = refused {
            gathering.reject(line, value, reason);
            return;
        }
        self.key.clear();
        for &column in &self.header.of_record {
            self.key.push_str(cells(column).unwrap_or_default());
            self.key.push('\x1f');
        }
        let made = self.records.of(&self.key, |making| fill(making, cell, positions));
        for bad in &made.bad {
            gathering.ignore(line, bad);
        }
        let word = cell(positions.kind);
        // MISP joins types: `domain|ip`.
        if let Some(joined) = word.filter(|word| word.contains('|') && Said::of_word(word) == Said::Foreign) {
            for (text, said) in parts(joined, value) {
                match said {
                    Some(said) => gathering.add(line, text, said, &made.record),
                    None => gathering.pass(line, text, Reason::NotAnIndicator),
                }
            }
            return;
        }
        let said = word.map_or(Said::Nothing, |word| said_of(word, &mut self.words)).or(self.unsaid);
        for (part, said) in several(value, said) {
            gathering.add(line, part, said, &made.record);
        }
    }
}

/// Which column is what.
pub(super) struct Header {
    positions: Positions,
    of_record: Vec<usize>,
    /// A column `url` or `dst_ip` says of itself what its values are.
    implied: Said,
}

impl Header {
    /// Every column that is read.
    pub(super) fn used(&self) -> Vec<usize> {
        let Positions { value, kind, to_ids, .. } = &self.positions;
        let mut used = self.of_record.clone();
        used.extend([value, kind, to_ids].into_iter().flatten());
        used
    }

    /// The column of the indicator.
    pub(super) fn value(&self) -> Option<usize> {
        self.positions.value
    }

    /// The given columns, or those that the names tell.
    ///
    /// # Errors
    ///
    /// If a column is not there, or none is known to hold the indicators: says which there are.
    pub(super) fn of(names: &[&str], columns: Option<&Columns>) -> Result<Self, String> {
        let guessed;
        let columns = match columns {
            Some(columns) => columns,
            None => {
                guessed = Columns::guess(names);
                &guessed
            }
        };
        let there_are = || names.iter().take(50).copied().collect::<Vec<_>>().join(", ");
        let positions =
            columns.positions(names).map_err(|name| format!("no column {name:?}; the columns are: {}", there_are()))?;
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
pub(super) fn confidence(text: &str) -> Option<u8> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    if let Ok(number) = number.parse::<u8>() {
        return (number <= 100).then_some(number);
    }
    if let Ok(number) = number.parse::<f64>() {
        let number = if number <= 1.0 && !text.ends_with('%') { number * 100.0 } else { number };
        return (0.0..=100.0).contains(&number).then_some(number.round() as u8);
    }
    match text.to_ascii_lowercase().as_str() {
        "confirmed" | "certain" => Some(100),
        word => grading::stix(word),
    }
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
