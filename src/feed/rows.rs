//! Rows of comma- and tab-separated files, as RFC 4180 has them.
//!
//! Not the `csv` crate, because a feed is not trusted: an open quote must not swallow the rest of the file, nor a line of a
//! gigabyte be held in memory, and bytes that are not UTF-8 must cost their line only. The tests hold both to the same cells.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use crate::feed::gathering::Gathering;
use crate::feed::{Lines, Reason};

/// How many lines a row with line ends in its quotes may have.
const LINES: usize = 64;
/// How long such a row may be, in bytes.
const LONGEST: usize = 64 * 1024;

pub(super) struct Rows<R> {
    lines: Lines<R>,
    delimiter: char,
    line: String,
    /// Lines that were taken for the rest of a row whose quote never closed.
    again: VecDeque<(u64, String)>,
    /// The last comment line: some feeds hide their header in it.
    pub(super) comment: String,
}

/// The cells of one row.
#[derive(Default)]
pub(super) struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    pub(super) fn get(&self, column: usize) -> Option<&str> {
        let start = match column.checked_sub(1) {
            Some(before) => self.ends.get(before)? + 1,
            None => 0,
        };
        self.text.get(start..*self.ends.get(column)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).filter_map(|column| self.get(column))
    }

    /// Takes a row apart; `false` if it ends within quotes.
    pub(super) fn split(&mut self, row: &str, delimiter: char) -> bool {
        self.text.clear();
        self.ends.clear();
        if memchr::memchr(b'"', row.as_bytes()).is_none() {
            self.text.push_str(row);
            self.ends.extend(memchr::memchr_iter(delimiter as u8, row.as_bytes()));
            self.ends.push(row.len());
            return true;
        }
        let mut rest = row;
        loop {
            // Some feeds write `"a", "b"`.
            if let Some(mut quoted) = rest.trim_start_matches(' ').strip_prefix('"') {
                loop {
                    let Some((before, after)) = quoted.split_once('"') else { return false };
                    self.text.push_str(before);
                    rest = after;
                    let Some(more) = after.strip_prefix('"') else { break };
                    self.text.push('"');
                    quoted = more;
                }
            }
            let (cell, more) = rest.split_once(delimiter).map_or((rest, None), |(cell, more)| (cell, Some(more)));
            self.text.push_str(cell);
            self.ends.push(self.text.len());
            let Some(more) = more else { return true };
            self.text.push(delimiter);
            rest = more;
        }
    }
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(reader: R, delimiter: char) -> Self {
        let (line, comment) = (String::new(), String::new());
        Self { lines: Lines::new(reader), delimiter, line, again: VecDeque::new(), comment }
    }

    /// How many lines were read.
    pub(super) fn number(&self) -> u64 {
        self.lines.number()
    }

    /// The next row and the number of its first line. Blank lines and comments are passed over, lines that are no text and rows
    /// whose quotes do not close are rejected.
    pub(super) fn next(&mut self, cells: &mut Cells, gathering: &mut Gathering<'_>) -> io::Result<Option<u64>> {
        while let Some(number) = self.line(gathering)? {
            if self.line.starts_with('#') {
                gathering.pass(number, &self.line, Reason::NoContent);
                self.line.trim_start_matches(['#', ' ']).clone_into(&mut self.comment);
            } else if self.line.trim().is_empty() {
                gathering.pass(number, &self.line, Reason::NoContent);
            } else if cells.split(&self.line, self.delimiter) || self.close(number, cells, gathering)? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Reads on until the quotes of the row close. If they do not within reason, only its first line is lost.
    fn close(&mut self, number: u64, cells: &mut Cells, gathering: &mut Gathering<'_>) -> io::Result<bool> {
        let mut row = std::mem::take(&mut self.line);
        let first = row.len();
        let mut taken = VecDeque::new();
        while taken.len() < LINES && row.len() < LONGEST {
            let Some(number) = self.line(gathering)? else { break };
            row.push('\n');
            row.push_str(&self.line);
            let may_close = self.line.contains('"');
            taken.push_back((number, std::mem::take(&mut self.line)));
            if may_close && cells.split(&row, self.delimiter) {
                for (number, line) in &taken {
                    gathering.pass(*number, line, Reason::NoContent);
                }
                return Ok(true);
            }
        }
        gathering.reject(number, row.get(..first).unwrap_or_default(), Reason::BadCell);
        taken.append(&mut self.again);
        self.again = taken;
        Ok(false)
    }

    /// Puts the next line of text into `self.line`.
    fn line(&mut self, gathering: &mut Gathering<'_>) -> io::Result<Option<u64>> {
        if let Some((number, line)) = self.again.pop_front() {
            self.line = line;
            return Ok(Some(number));
        }
        while let Some(line) = self.lines.next()? {
            if let Some((number, text)) = gathering.usable(line) {
                self.line.clear();
                self.line.push_str(text);
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Defaults;
    use crate::record::Record;
    use proptest::prelude::*;
    use std::path::Path;

    fn rows(text: &str) -> (Vec<Vec<String>>, u64) {
        let defaults = Defaults::from(Record::new("test"));
        let mut gathering = Gathering::new(Path::new("test"), &defaults);
        let (mut rows, mut cells) = (Rows::new(text.as_bytes(), ','), Cells::default());
        let mut all = Vec::new();
        while rows.next(&mut cells, &mut gathering).unwrap().is_some() {
            all.push(cells.iter().map(str::to_owned).collect());
        }
        gathering.add(0, "a.example", crate::feed::value::Said::Nothing, &Default::default());
        (all, gathering.finish(0, None).unwrap().rejected.total())
    }

    fn peer(text: &str) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn quotes_hold_delimiters_and_line_ends() {
        let text = "a,\"b,c\",d\n\"x\ny\"\"z\",,\n";
        let expected: Vec<Vec<String>> =
            vec![["a", "b,c", "d"].map(str::to_owned).into(), ["x\ny\"z", "", ""].map(str::to_owned).into()];
        assert_eq!(peer(text), expected);
        assert_eq!(rows(text), (expected, 0));
        assert_eq!(rows("\"a\", \"b\"\n").0, [["a", "b"]]);
    }

    #[test]
    fn an_open_quote_costs_its_line_only() {
        let text = format!("a,\"b\n{}", "x,y\n".repeat(200));
        let (rows, rejected) = rows(&text);
        assert_eq!((rows.len(), rejected), (200, 1));
    }

    proptest! {
        #[test]
        fn cells_are_those_of_the_csv_crate(cells in prop::collection::vec(prop::collection::vec("[a-c,\"\n é]{0,5}", 2..4), 1..6)) {
            let row = |row: &Vec<String>| {
                let quoted = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>();
                quoted.join(",") + "\n"
            };
            let text: String = cells.iter().map(row).collect();
            prop_assert_eq!(peer(&text), cells.clone());
            prop_assert_eq!(rows(&text).0, cells);
        }
    }
}
