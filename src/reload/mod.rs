//! Reload: what to do when files have changed. The library starts no thread for it: the host says when to look.

mod parts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use parts::Parts;

use parts::{InForce, Look};

use crate::config::Config;
use crate::error::Error;
use crate::intel::Intel;
use crate::live::Live;
use crate::report::Report;
use crate::worker::Worker;

/// Keeps a [`Live`] up to date with the files of a [`Config`].
///
/// Files are told apart by the hash of what they hold, links followed; times of modification mean nothing. So the swapped links of a
/// Kubernetes `ConfigMap` and of git-sync, an older file put back, and files on NFS are all seen, and a file touched is not. A look reads
/// every file whole. What a file held is kept, and only files that have changed are read again; databases are shared while none has
/// changed. That costs the memory of the feeds beside that of the tables.
///
/// What cannot be read, breaks off, or lost too much leaves the last good snapshot in use.
///
/// A configuration that was [opened](Config::open) from a file is followed too, with its field maps. What it says otherwise than before
/// takes effect with the snapshot; what you have changed in it yourself stays where the file says what it said. Workers made by
/// [`Reloader::worker`] or [`Config::worker`] take new settings between two events. A configuration that is wrong is an
/// [`Outcome::Failed`], and all stays as it was.
///
/// ```
/// use stormtag::{Config, Outcome};
///
/// let mut reloader = Config::open("examples/stormtag.toml")?.reloader()?;
/// let live = reloader.live().clone(); // for the workers
/// match reloader.check() {            // every now and then, in a thread of your own
///     Outcome::Published { report, .. } => eprint!("{report}"),
///     Outcome::Unchanged => {}
///     outcome => eprintln!("{outcome}"), // the last good snapshot stays
/// }
/// # assert_eq!(live.generation(), reloader.report().generation());
/// # Ok::<(), stormtag::Error>(())
/// ```
#[derive(Debug)]
pub struct Reloader {
    config: Config,
    live: Live,
    parts: Parts,
    seen: Seen,
    in_force: InForce,
    report: Arc<Report>,
    /// What was not published, and why: it need not be read again.
    refused: Option<(Seen, Outcome)>,
}

/// Everything that was looked at.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    /// The files of the configuration itself.
    own: Look,
    /// The files that it names.
    files: Look,
}

/// What a look at the files led to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The files hold what they held.
    Unchanged,
    /// A new snapshot is in use. Give old and new to [`Intel::delta`] to learn what to search for in stored events.
    #[non_exhaustive]
    Published {
        /// What was used and what was not.
        report: Arc<Report>,
        /// The snapshot that was in use. It is freed when this outcome is dropped and the [`Live`] lets go of it.
        old: Arc<Intel>,
        /// The snapshot that is in use.
        new: Arc<Intel>,
    },
    /// The files cannot be used. The last good snapshot stays in use.
    Failed(Arc<Error>),
    /// Too many indicators are gone. The last good snapshot stays in use until the files are better, or [`Reloader::force`] is called.
    #[non_exhaustive]
    Shrunken {
        /// The path of the feed, as the configuration has it; nothing: all feeds together.
        feed: Option<String>,
        /// Indicators in force.
        old: u64,
        /// Indicators that would be in force.
        new: u64,
    },
}

impl Outcome {
    /// Whether files have changed and were not used.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Shrunken { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("unchanged"),
            Self::Published { report, .. } => {
                write!(f, "published generation {}: {} indicators in force", report.generation(), report.in_force())
            }
            Self::Failed(error) => write!(f, "failed, the last good snapshot stays: {error}"),
            Self::Shrunken { feed, old, new } => {
                let whose = feed.as_deref().unwrap_or("all feeds");
                write!(f, "refused, the last good snapshot stays: {whose} fell from {old} to {new} indicators")
            }
        }
    }
}

/// Files that do not come to rest within so many looks are still being written.
const LOOKS: usize = 10;

impl Config {
    /// As [`load`](Self::load), and keeps what it needs to load again.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn reloader(&self) -> Result<Reloader, Error> {
        Reloader::new(self.clone())
    }
}

impl Reloader {
    fn new(config: Config) -> Result<Self, Error> {
        // It may have changed since it was opened. What changes after the look is seen by the first check.
        let own = Parts::look_at_own(&config);
        let config = config.read_again()?;
        let parts = Parts::default().load(&config)?;
        let (intel, report, in_force) = parts.build(&config)?;
        let (live, seen) = (Live::new(intel), Seen { own, files: parts.seen() });
        Ok(Self { config, live, parts, seen, in_force, report: Arc::new(report), refused: None })
    }

    /// Looks at the files, and publishes what they hold if it is new. Where something has changed, waits for the
    /// [debounce](Config::debounce) until two looks agree. Frees replaced snapshots that no worker uses any more.
    ///
    /// What was refused is not read again until it changes: the outcome is the same then.
    pub fn check(&mut self) -> Outcome {
        self.check_with(false, &mut pause)
    }

    /// As [`check`](Self::check), but publishes also what has shrunk or breaks off.
    pub fn force(&mut self) -> Outcome {
        self.check_with(true, &mut pause)
    }

    /// Sets the time, in seconds since the epoch, at which the next report counts what has expired. Workers have
    /// [their own](Worker::set_clock).
    pub fn set_time(&mut self, seconds: Option<i64>) -> &mut Self {
        self.config.time = seconds;
        self
    }

    /// The snapshot in use, for workers.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// A worker for one thread, set up as the configuration says.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.config.worker(&self.live)
    }

    /// The report of the snapshot in use.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `pause` waits, and says whether to go on.
    pub(crate) fn check_with(&mut self, force: bool, pause: &mut dyn FnMut(Duration) -> bool) -> Outcome {
        self.live.reclaim();
        let outcome = self.look(force, pause);
        if !outcome.is_refused() {
            self.refused = None;
        }
        outcome
    }

    fn look(&mut self, force: bool, pause: &mut dyn FnMut(Duration) -> bool) -> Outcome {
        let mut view = self.view();
        for _ in 0..LOOKS {
            if let Some(outcome) = self.known(&view, force) {
                return outcome;
            }
            if !self.config.debounce.is_zero() {
                if !pause(self.config.debounce) {
                    return Outcome::Unchanged;
                }
                let again = self.view();
                if !same(&view, &again) {
                    view = again;
                    continue;
                }
            }
            let (config, seen) = match view {
                Ok(view) => view,
                Err(error) => return Outcome::Failed(error.into()),
            };
            match self.parts.load(&config) {
                // It has changed while it was read.
                Ok(parts) if parts.seen() != seen.files => {
                    let files = parts.seen();
                    view = Ok((config, Seen { files, ..seen }));
                }
                Ok(parts) => return self.publish(config, parts, seen, force),
                Err(error) => return self.refuse(seen, Outcome::Failed(error.into())),
            }
        }
        let config = &self.config;
        let path = config.feeds.first().map(|feed| feed.path.clone()).unwrap_or_default();
        Outcome::Failed(Arc::new(Error::format(path, format!("the files do not come to rest within {LOOKS} looks"))))
    }

    /// The configuration as it is now, and a look at all files.
    fn view(&self) -> Result<(Config, Seen), Error> {
        let mut own = Parts::look_at_own(&self.config);
        let mut config = self.config.clone();
        if own != self.seen.own {
            // Twice, for it may name other field maps now, and what is read must be no older than what was looked at.
            own = Parts::look_at_own(&config.read_again()?);
            config = config.read_again()?;
        }
        let files = Parts::look(&config)?;
        Ok((config, Seen { own, files }))
    }

    /// What is to be said of what was seen before.
    fn known(&self, view: &Result<(Config, Seen), Error>, force: bool) -> Option<Outcome> {
        let (_, seen) = view.as_ref().ok()?;
        if *seen == self.seen {
            return Some(Outcome::Unchanged);
        }
        self.refused.as_ref().filter(|(refused, _)| refused == seen && !force).map(|(_, outcome)| outcome.clone())
    }

    fn publish(&mut self, config: Config, parts: Parts, seen: Seen, force: bool) -> Outcome {
        if let Some(error) = parts.broken_off(&self.parts).filter(|_| !force) {
            return self.refuse(seen, Outcome::Failed(error.into()));
        }
        let (intel, report, in_force) = match parts.build(&config) {
            Ok(built) => built,
            Err(error) => return self.refuse(seen, Outcome::Failed(error.into())),
        };
        if let Some(shrunken) = self.shrunken(&config, &report, &in_force).filter(|_| !force) {
            return self.refuse(seen, shrunken);
        }
        let old = self.live.snapshot();
        self.live.publish_with(intel, config.said());
        let new = self.live.snapshot();
        (self.config, self.parts, self.seen, self.in_force) = (config, parts, seen, in_force);
        self.report = Arc::new(report);
        Outcome::Published { report: Arc::clone(&self.report), old, new }
    }

    fn refuse(&mut self, seen: Seen, outcome: Outcome) -> Outcome {
        self.refused = Some((seen, outcome.clone()));
        outcome
    }

    /// What has lost more than it may: a feed, or all together.
    fn shrunken(&self, config: &Config, report: &Report, in_force: &InForce) -> Option<Outcome> {
        let lost = |old: u64, new: u64, may: f64| {
            old >= config.shrink_from.max(1) && old.saturating_sub(new) as f64 > old as f64 * may
        };
        for (files, (path, new)) in config.feeds.iter().zip(in_force) {
            let old = self.in_force.iter().find(|(old, _)| old == path).map_or(0, |&(_, old)| old);
            if lost(old, *new, files.shrink.unwrap_or(config.shrink)) {
                return Some(Outcome::Shrunken { feed: Some(files.path.display().to_string()), old, new: *new });
            }
        }
        let (old, new) = (self.report.in_force(), report.in_force());
        lost(old, new, config.shrink).then_some(Outcome::Shrunken { feed: None, old, new })
    }
}

fn pause(time: Duration) -> bool {
    std::thread::sleep(time);
    true
}

/// Errors are the same if they say the same.
fn same(a: &Result<(Config, Seen), Error>, b: &Result<(Config, Seen), Error>) -> bool {
    match (a, b) {
        (Ok((_, a)), Ok((_, b))) => a == b,
        (Err(a), Err(b)) => a.to_string() == b.to_string(),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use std::fs;

    use super::*;

    /// A reloader of one list of names, and the path of the list.
    fn reloader(name: &str) -> (Reloader, std::path::PathBuf) {
        let folder = std::env::temp_dir().join(format!("stormtag-unit-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("feed.txt"), list(20)).unwrap();
        let text = "[catalog]\nbuiltin = false\n[[feed]]\npath = \"feed.txt\"\n";
        (Config::parse(folder.join("stormtag.toml"), text).unwrap().reloader().unwrap(), folder.join("feed.txt"))
    }

    fn list(count: usize) -> String {
        (0..count).map(|number| format!("n{number}.example\n")).collect()
    }

    #[test]
    fn a_file_is_not_read_while_it_is_written() {
        let (mut reloader, path) = reloader("written");
        // Written in steps, one in each pause.
        fs::write(&path, list(21)).unwrap();
        let mut steps = [22, 23, 23].into_iter();
        let mut pauses = 0;
        let outcome = reloader.check_with(false, &mut |time| {
            assert_eq!(time, Duration::from_secs(2));
            pauses += 1;
            fs::write(&path, list(steps.next().unwrap())).unwrap();
            true
        });
        assert!(matches!(&outcome, Outcome::Published { report, .. } if report.accepted() == 23), "{outcome}");
        assert_eq!(pauses, 3);
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_is_waited_for() {
        let (mut reloader, path) = reloader("moment");
        fs::remove_file(&path).unwrap();
        let outcome = reloader.check_with(false, &mut |_| fs::write(&path, list(20)).map(|()| true).unwrap());
        assert!(matches!(outcome, Outcome::Unchanged), "{outcome}");
    }

    #[test]
    fn files_that_never_rest_are_given_up() {
        let (mut reloader, path) = reloader("rest");
        fs::write(&path, list(21)).unwrap();
        let mut count = 21;
        let outcome = reloader.check_with(false, &mut |_| {
            count += 1;
            fs::write(&path, list(count)).map(|()| true).unwrap()
        });
        assert!(outcome.to_string().contains("do not come to rest"), "{outcome}");
        assert_eq!(reloader.report().accepted(), 20);
    }

    #[test]
    fn whoever_stops_waiting_changes_nothing() {
        let (mut reloader, path) = reloader("stop");
        fs::write(&path, list(21)).unwrap();
        assert!(matches!(reloader.check_with(false, &mut |_| false), Outcome::Unchanged));
        assert_eq!(reloader.report().accepted(), 20);
    }

    #[test]
    fn what_was_refused_is_not_read_again() {
        let (mut reloader, path) = reloader("refused");
        fs::write(&path, b"\xff\xfe\xfd\n").unwrap();
        let go = &mut |_| true;
        let first = reloader.check_with(false, go);
        assert!(matches!(first, Outcome::Failed(_)), "{first}");
        let again = reloader.check_with(false, &mut |_| panic!("waits for nothing"));
        assert_eq!(first.to_string(), again.to_string());
    }
}
