//! A record in, a record out, and the files followed in between.

use std::cell::Cell;
use std::ffi::c_char;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use stormtag::{Config, Outcome, Reloader, Worker};

/// A worker, what keeps it up to date, and the last answer.
///
/// A trap ends a call in its midst and unwinds nothing. What is in use is therefore taken out and put back: what a trap has left half done is not
/// used again. If it was a reload, the worker goes on with what it had.
pub struct Filter {
    folders: fn() -> Vec<PathBuf>,
    source: Cell<Source>,
    worker: Cell<Option<Box<Worker>>>,
    answer: Cell<Vec<u8>>,
    look: Cell<Option<Instant>>,
    /// At which records without a time are judged, whatever Fluent Bit says.
    time: Cell<Option<i64>>,
    told: Cell<String>,
}

#[derive(Default)]
enum Source {
    /// Nothing could be loaded yet.
    Closed,
    Open(Box<Reloader>),
    /// In use; if a call begins so, a trap ended the last one.
    #[default]
    Gone,
    /// There is a worker, and nothing is followed.
    Fixed,
}

/// How long until it is tried again to load what could not be.
const AGAIN: Duration = Duration::from_secs(60);

/// An answer that needed more memory gives it back.
const KEPT: usize = 1 << 20;

impl Filter {
    /// `folders` are those in which a `stormtag.toml` is looked for, at the first record.
    #[must_use]
    pub const fn new(folders: fn() -> Vec<PathBuf>) -> Self {
        Self {
            folders,
            source: Cell::new(Source::Closed),
            worker: Cell::new(None),
            answer: Cell::new(Vec::new()),
            look: Cell::new(None),
            time: Cell::new(None),
            told: Cell::new(String::new()),
        }
    }

    /// Uses `worker`, and follows no files.
    pub fn fix(&self, worker: Worker) {
        self.source.set(Source::Fixed);
        self.worker.set(Some(Box::new(worker)));
    }

    /// The answer to a record at a time in seconds since the epoch: what [`Worker::enrich_json`] makes of it, or the record as it is, and a NUL.
    /// It stays until the next call. Nothing: there is no memory for it.
    pub fn run(&self, record: &[u8], seconds: i64) -> Option<*const c_char> {
        let mut answer = self.answer.take();
        answer.clear();
        answer.shrink_to(KEPT);
        // What is added is mostly little; where memory is short, this is the part that can be asked for with care.
        answer.try_reserve(record.len().saturating_add(1 << 14)).ok()?;
        // In WebAssembly a panic is a trap, and nothing is caught.
        let run = AssertUnwindSafe(|| {
            self.follow();
            self.enrich(record, seconds, &mut answer)
        });
        if !matches!(catch_unwind(run), Ok(true)) {
            answer.clear();
            answer.extend_from_slice(record);
        }
        answer.push(0);
        let text = answer.as_ptr().cast();
        self.answer.set(answer);
        Some(text)
    }

    /// Whether there was a worker to do it.
    fn enrich(&self, record: &[u8], seconds: i64, answer: &mut Vec<u8>) -> bool {
        let Some(mut worker) = self.worker.take() else {
            return false;
        };
        worker.set_clock(self.time.get().or(Some(seconds)));
        worker.enrich_json(record, answer);
        self.worker.set(Some(worker));
        true
    }

    /// Loads, or looks at the files, if it is time to.
    fn follow(&self) {
        if self.look.get().is_some_and(|look| Instant::now() < look) {
            return;
        }
        let source = match self.source.take() {
            Source::Closed => self.open(),
            Source::Open(reloader) => self.check(reloader),
            Source::Gone => {
                self.say(
                    "a trap ended loading: files are not followed any more; see Memory in the README of the filter",
                );
                Source::Fixed
            }
            Source::Fixed => Source::Fixed,
        };
        let again = match &source {
            Source::Open(reloader) => reloader.config().poll,
            _ => AGAIN,
        };
        self.source.set(source);
        self.look.set(Instant::now().checked_add(again));
    }

    fn open(&self) -> Source {
        let folders = (self.folders)();
        let Some(path) = folders.iter().map(|folder| folder.join("stormtag.toml")).find(|path| path.exists()) else {
            let folders: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
            self.say(&format!(
                "no stormtag.toml in accessible_paths ({}); records pass as they are",
                folders.join(", ")
            ));
            return Source::Closed;
        };
        match Config::open(&path).and_then(|config| config.reloader()) {
            Ok(reloader) => {
                let count = reloader.report().in_force();
                self.say(&format!("{}: {count} indicators in force", path.display()));
                self.time.set(reloader.config().time);
                self.worker.set(Some(Box::new(reloader.worker())));
                Source::Open(Box::new(reloader))
            }
            Err(error) => {
                self.say(&format!("{error}; records pass as they are"));
                Source::Closed
            }
        }
    }

    fn check(&self, mut reloader: Box<Reloader>) -> Source {
        match reloader.check() {
            Outcome::Unchanged => {}
            outcome => self.say(&outcome.to_string()),
        }
        self.time.set(reloader.config().time);
        let worker = self.worker.take().unwrap_or_else(|| {
            self.say("a trap ended a record: it is lost, and those behind it passed as they were until now");
            Box::new(reloader.worker())
        });
        self.worker.set(Some(worker));
        Source::Open(reloader)
    }

    /// Says something to the log, once.
    fn say(&self, text: &str) {
        if self.told.take() != text {
            // Who has closed it does not want to hear.
            let _ = writeln!(std::io::stderr(), "[stormtag] {}", text.trim_end());
        }
        self.told.set(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::fs;

    use super::*;

    fn scratch() -> PathBuf {
        std::env::temp_dir().join(format!("stormtag-wasm-{}", std::process::id()))
    }

    fn run(filter: &Filter, record: &str, seconds: i64) -> String {
        let text = filter.run(record.as_bytes(), seconds).unwrap();
        // SAFETY: ends with NUL, and stays until the next call.
        unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn loads_follows_and_goes_on() {
        let folder = scratch();
        let _ = fs::remove_dir_all(&folder);
        let filter = Filter::new(|| vec!["no-such-folder".into(), scratch()]);
        let record = r#"{"query":"www.evil.example"}"#;
        assert_eq!(run(&filter, record, 1_700_000_000), record, "there is no configuration");
        assert!(filter.told.take().contains("no stormtag.toml in accessible_paths (no-such-folder, "));

        // Nothing is looked for before it is time to.
        fs::create_dir_all(&folder).unwrap();
        let text =
            "[catalog]\nbuiltin = false\n[reload]\ndebounce = \"0s\"\npoll = \"1h\"\n[[feed]]\npath = \"feed.csv\"\n";
        fs::write(folder.join("stormtag.toml"), text).unwrap();
        fs::write(folder.join("feed.csv"), "domain,valid_until\nevil.example,2023-12-01\n").unwrap();
        assert_eq!(run(&filter, record, 1_700_000_000), record);
        filter.look.set(None);
        assert!(run(&filter, record, 1_700_000_000).contains("\"threat\""));
        assert!(filter.told.take().ends_with("stormtag.toml: 1 indicators in force"));
        assert!(!run(&filter, record, 1_710_000_000).contains("\"threat\""), "judged at the time of Fluent Bit");
        assert!(run(&filter, r#"{"query":"www.evil.example","ts":1700000000}"#, 1_710_000_000).contains("\"threat\""));

        fs::write(folder.join("feed.csv"), "domain\nother.example\n").unwrap();
        filter.look.set(None);
        assert_eq!(run(&filter, record, 1_700_000_000), record);
        assert!(filter.told.take().starts_with("published generation"));
        fs::write(folder.join("stormtag.toml"), "[feed\n").unwrap();
        filter.look.set(None);
        assert!(run(&filter, r#"{"query":"other.example"}"#, 0).contains("\"threat\""), "the last good snapshot stays");
        assert!(filter.told.take().starts_with("failed, the last good snapshot stays: "));

        // As after a trap in a record, and one in a reload.
        fs::write(folder.join("stormtag.toml"), text).unwrap();
        filter.worker.set(None);
        assert_eq!(run(&filter, r#"{"query":"other.example"}"#, 0), r#"{"query":"other.example"}"#);
        filter.look.set(None);
        assert!(run(&filter, r#"{"query":"other.example"}"#, 0).contains("\"threat\""));
        filter.source.set(Source::Gone);
        filter.look.set(None);
        assert!(run(&filter, r#"{"query":"other.example"}"#, 0).contains("\"threat\""));
        assert!(filter.told.take().starts_with("a trap ended loading"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn large_answers_are_given_back() {
        let filter = Filter::new(Vec::new);
        let record = "x".repeat(10 << 20);
        assert_eq!(run(&filter, &record, 0), record);
        assert_eq!(run(&filter, "{}", 0), "{}");
        assert!(filter.answer.take().capacity() <= KEPT + (1 << 14));
    }
}
