//! What all readers do: count, reject, share records.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::error::Error;
use crate::feed::lines::Line;
use crate::feed::value::{self, Said};
use crate::feed::{Defaults, Feed, Reason};
use crate::pattern::Pattern;
use crate::record::{Indicator, Record};

/// A feed while it is read.
pub(super) struct Gathering<'a> {
    feed: Feed,
    path: &'a Path,
    not_text: u64,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(path: &'a Path, defaults: &Defaults) -> Self {
        let mut feed = Feed::new(&defaults.record.source);
        if feed.source.is_empty() {
            feed.source = stem(path).into();
        }
        Self { feed, path, not_text: 0 }
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
        self.take(line, text, value::pattern(text, said), record);
    }

    pub(super) fn reject(&mut self, line: u64, text: &str, reason: Reason) {
        self.feed.rejected.add(line, text, reason);
    }

    /// Counts lines or objects that state no indicator.
    pub(super) fn pass(&mut self, count: u64) {
        self.feed.passed += count;
    }

    /// Takes an indicator whose pattern is made already, or rejects the text.
    pub(super) fn take(&mut self, line: u64, text: &str, pattern: Result<Pattern, Reason>, record: &Arc<Record>) {
        match pattern {
            Ok(pattern) => self.feed.indicators.push(Indicator { pattern, record: Arc::clone(record) }),
            Err(reason) => self.reject(line, text, reason),
        }
    }

    /// Counts a cell that could not be read in a row that was.
    pub(super) fn ignore(&mut self, line: u64, text: &str) {
        self.ignore_for(line, text, Reason::BadCell);
    }

    /// Counts what was left out of a line, with the reason.
    pub(super) fn ignore_for(&mut self, line: u64, text: &str, reason: Reason) {
        self.feed.ignored.add(line, text, reason);
    }

    /// An error about the line.
    pub(super) fn error(&self, line: u64, message: impl Into<String>) -> Error {
        Error::line(self.path, line, message)
    }

    /// The feed, if it is one: after the last line, or where reading `failed` after `line`.
    pub(super) fn finish(mut self, line: u64, failed: Option<io::Error>) -> Result<Feed, Error> {
        let none = self.feed.indicators.is_empty();
        if let Some(error) = failed {
            if none {
                return Err(Error::io(self.path, error));
            }
            // Half a download is of use, but nobody may take it for the whole.
            self.reject(line + 1, &error.to_string(), Reason::BrokenOff);
        }
        if none && self.not_text > 0 {
            let message = format!("no text: {} of {line} lines are not UTF-8 and none is an indicator", self.not_text);
            return Err(Error::format(self.path, message));
        }
        Ok(self.feed)
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
        Self { defaults, source, by_cells: HashMap::default(), last: None }
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
