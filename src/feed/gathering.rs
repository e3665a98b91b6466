//! What all readers do: count, reject, share records.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead};
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::error::Error;
use crate::feed::lines::{Line, Lines};
use crate::feed::value::{self, Said};
use crate::feed::{Defaults, Feed, Reason, Rejections};
use crate::pattern::Pattern;
use crate::record::{Indicator, Record};

/// A feed while it is read.
pub(super) struct Gathering<'a> {
    feed: Feed,
    path: &'a Path,
    not_text: u64,
    /// The last line that gave an indicator.
    used: u64,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(path: &'a Path, defaults: &Defaults) -> Self {
        let mut feed = Feed::new(&defaults.record.source);
        if feed.source.is_empty() {
            feed.source = stem(path).into();
        }
        Self { feed, path, not_text: 0, used: 0 }
    }

    /// Calls `see` with each line that is text, and its number. Gives how many lines there were, and why reading broke off, for
    /// [`finish`](Self::finish); fails only where `see` does.
    pub(super) fn lines(
        &mut self,
        reader: impl BufRead,
        mut see: impl FnMut(&mut Self, u64, &str) -> Result<(), Error>,
    ) -> Result<(u64, Option<io::Error>), Error> {
        let mut lines = Lines::new(reader);
        let failed = loop {
            match lines.next() {
                Ok(Some(line)) => {
                    if let Some((number, text)) = self.usable(line) {
                        see(self, number, text)?;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        Ok((lines.number(), failed))
    }

    /// The text of a line; what is none is rejected.
    pub(super) fn usable<'l>(&mut self, line: Line<'l>) -> Option<(u64, &'l str)> {
        match line.text {
            Ok(text) => Some((line.number, text)),
            Err((text, reason)) => {
                self.not_text += u64::from(reason == Reason::NotUtf8);
                self.reject(line.number, &text, reason);
                None
            }
        }
    }

    /// One value becomes an indicator or is rejected.
    pub(super) fn add(&mut self, line: u64, text: &str, said: Said, record: &Arc<Record>) {
        self.settle(line, text, value::pattern(text, said), record);
    }

    /// Takes an indicator whose pattern is made already, or rejects the text.
    pub(super) fn settle(&mut self, line: u64, text: &str, pattern: Result<Pattern, Reason>, record: &Arc<Record>) {
        match pattern {
            Ok(pattern) => self.push(line, pattern, record),
            Err(reason) => self.reject(line, text, reason),
        }
    }

    /// A pattern becomes an indicator.
    pub(super) fn push(&mut self, line: u64, pattern: Pattern, record: &Arc<Record>) {
        self.feed.indicators.push(Indicator { pattern, record: Arc::clone(record) });
        if line != self.used {
            self.used = line;
            self.feed.used += 1;
        }
    }

    pub(super) fn reject(&mut self, line: u64, text: &str, reason: Reason) {
        self.feed.rejected.add(line, text, reason);
    }

    /// Counts a line, an object or a part of one that states no indicator.
    pub(super) fn pass(&mut self, line: u64, text: &str, reason: Reason) {
        self.feed.passed.add(line, text, reason);
    }

    /// Counts a part that was left out of what was read.
    pub(super) fn leave_out(&mut self, line: u64, text: &str, reason: Reason) {
        self.feed.ignored.add(line, text, reason);
    }

    /// Takes over what was counted before, in formats whose objects are told apart first.
    pub(super) fn begin(&mut self, items: u64, rejected: Rejections, passed: Rejections) {
        self.feed.items = items;
        self.feed.rejected = rejected;
        self.feed.passed = passed;
    }

    /// Counts a cell that could not be read in a row that was.
    pub(super) fn ignore(&mut self, line: u64, text: &str) {
        self.leave_out(line, text, Reason::BadCell);
    }

    /// An error about the line.
    pub(super) fn error(&self, line: u64, message: impl Into<String>) -> Error {
        Error::line(self.path, line, message)
    }

    /// The feed, if it is one: after the last of `items` lines or objects, or where reading `failed` after them.
    pub(super) fn finish(mut self, items: u64, failed: Option<io::Error>) -> Result<Feed, Error> {
        let none = self.feed.indicators.is_empty();
        let broken = u64::from(failed.is_some());
        if let Some(error) = failed {
            if none {
                return Err(Error::io(self.path, error));
            }
            // Half a download is of use, but nobody may take it for the whole.
            self.reject(items + 1, &error.to_string(), Reason::BrokenOff);
        }
        if none && self.not_text > 0 {
            let message = format!("no text: {} of {items} lines are not UTF-8 and none is an indicator", self.not_text);
            return Err(Error::format(self.path, message));
        }
        self.feed.items = items + broken;
        Ok(self.feed)
    }

    /// The feed, of a format whose items were counted with [`begin`](Self::begin).
    pub(super) fn done(self) -> Feed {
        self.feed
    }
}

/// Name of a file up to its first dot: `apt_turla` of `trails/apt_turla.txt.gz`.
pub(crate) fn stem(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('.').next().unwrap_or(name)
}

/// The records of a feed, each once: a million lines of a thousand families hold a thousand records.
pub(super) struct Records<'a> {
    defaults: &'a Defaults,
    source: Arc<str>,
    by_cells: HashMap<Box<str>, Made, RandomState>,
    by_value: HashSet<Arc<Record>, RandomState>,
    last: Option<(String, Made)>,
}

/// A record, and the cells that could not be read for it.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) record: Arc<Record>,
    pub(super) bad: Vec<Box<str>>,
}

/// A record while its cells are read.
pub(super) struct Making {
    pub(super) record: Record,
    pub(super) bad: Vec<Box<str>>,
    /// Day of the row in the feed, for the time to live.
    pub(super) dated: Option<i64>,
}

impl<'a> Records<'a> {
    pub(super) fn new(gathering: &Gathering<'_>, defaults: &'a Defaults) -> Self {
        let source = Arc::clone(&gathering.feed.source);
        Self { defaults, source, by_cells: HashMap::default(), by_value: HashSet::default(), last: None }
    }

    /// Name of the feed, the source of its records unless they name another.
    pub(super) fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// The record of lines whose varying `cells` are these, made when they are first seen. Costs a comparison where they are those
    /// of the line before, as they mostly are, and a hash otherwise.
    pub(super) fn of(&mut self, cells: &str, make: impl FnOnce(&mut Making)) -> Made {
        if let Some((last, made)) = &self.last
            && last == cells
        {
            return made.clone();
        }
        let made = match self.by_cells.get(cells) {
            Some(made) => made.clone(),
            None => {
                let made = self.make(make);
                self.by_cells.insert(cells.into(), made.clone());
                made
            }
        };
        let (last, slot) = self.last.get_or_insert_with(|| (String::new(), made.clone()));
        last.clear();
        last.push_str(cells);
        *slot = made.clone();
        made
    }

    /// The record of one item, shared with those before that say the same.
    pub(super) fn once(&mut self, make: impl FnOnce(&mut Making)) -> Arc<Record> {
        let record = self.make(make).record;
        match self.by_value.get(&record) {
            Some(known) => Arc::clone(known),
            None => {
                self.by_value.insert(Arc::clone(&record));
                record
            }
        }
    }

    fn make(&self, make: impl FnOnce(&mut Making)) -> Made {
        let record = Record { source: Arc::clone(&self.source), ..self.defaults.record.clone() };
        let mut making = Making { record, bad: Vec::new(), dated: None };
        make(&mut making);
        let Making { mut record, bad, dated } = making;
        if let Some(time) = self.defaults.time_to_live
            && record.valid_until.is_none()
        {
            let from = record.last_seen.or(record.first_seen).or(dated);
            record.valid_until = from.map(|from| from.saturating_add(time));
        }
        Made { record: Arc::new(record), bad }
    }
}
