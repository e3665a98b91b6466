//! A thread that reloads: it waits for notifications of the operating system, and looks every now and then whatever they say.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::config::directories;
use crate::error::Error;
use crate::live::Live;
use crate::reload::{Outcome, Reloader};

/// A thread that [checks](Reloader::check) when the operating system tells of a change, and every [poll](crate::Config::poll) beside
/// it: notifications are lost on NFS, by links swapped further up, and where there are more folders than the system watches. It ends
/// when this is dropped.
///
/// ```no_run
/// use stormtag::Config;
///
/// let reloader = Config::open("stormtag.toml")?.reloader()?;
/// let worker = reloader.worker();
/// let watcher = reloader.watch(|outcome| eprintln!("{outcome}"))?;
/// # drop((worker, watcher));
/// # Ok::<(), stormtag::Error>(())
/// ```
#[derive(Debug)]
pub struct Watcher {
    live: Live,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    wish: Mutex<Wish>,
    changed: Condvar,
    notified: AtomicBool,
    panics: AtomicU64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wish {
    look: bool,
    force: bool,
    stop: bool,
}

impl Reloader {
    /// Starts a thread that keeps up with the files. `see` is called in it with each outcome but [`Outcome::Unchanged`], and with a
    /// refusal once, not with each look. If it panics, it is called again next time.
    ///
    /// # Errors
    ///
    /// If the system gives no thread. That it gives no notifications is no error: see [`Watcher::is_notified`].
    pub fn watch(self, see: impl FnMut(&Outcome) + Send + 'static) -> Result<Watcher, Error> {
        let (live, shared) = (self.live().clone(), Arc::new(Shared::default()));
        let seen = Arc::clone(&shared);
        let notifications = Notifications::new(&shared);
        let run = move || run(self, notifications, &seen, see);
        let thread = std::thread::Builder::new().name("stormtag-watch".to_owned()).spawn(run);
        let thread = thread.map_err(|error| Error::io("the thread that watches", error))?;
        Ok(Watcher { live, shared, thread: Some(thread) })
    }
}

impl Watcher {
    /// The snapshot in use, for workers.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Has the files looked at now.
    pub fn check(&self) {
        self.shared.wake(|wish| wish.look = true);
    }

    /// Has the files looked at now, and published also where they have shrunk or break off.
    pub fn force(&self) {
        self.shared.wake(|wish| wish.force = true);
    }

    /// Whether the operating system tells of changes in all folders. If not, files are only looked at every
    /// [poll](crate::Config::poll).
    #[must_use]
    pub fn is_notified(&self) -> bool {
        self.shared.notified.load(Ordering::Relaxed)
    }

    /// How often the function that sees outcomes panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.wake(|wish| wish.stop = true);
        // The last handle may be dropped by the thread itself, from within the function that sees outcomes.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Wish> {
        // Nothing that can panic is done under the lock.
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, wish: impl FnOnce(&mut Wish)) {
        wish(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until somebody wishes something, or for this long. Takes the wish.
    fn wait(&self, time: Duration) -> Wish {
        let idle = |wish: &mut Wish| !(wish.look || wish.force || wish.stop);
        let (mut wish, _) =
            self.changed.wait_timeout_while(self.lock(), time, idle).unwrap_or_else(PoisonError::into_inner);
        let taken = *wish;
        (wish.look, wish.force) = (false, false);
        taken
    }

    /// Waits for this long, unless it is to stop: then says no. Changes meanwhile are what is waited out.
    fn pause(&self, time: Duration) -> bool {
        let going = |wish: &mut Wish| !wish.stop;
        let (wish, _) =
            self.changed.wait_timeout_while(self.lock(), time, going).unwrap_or_else(PoisonError::into_inner);
        !wish.stop
    }
}

/// How soon replaced snapshots are asked after that a worker still holds.
const RECLAIM: Duration = Duration::from_secs(1);

fn run(mut reloader: Reloader, mut notifications: Notifications, shared: &Shared, mut see: impl FnMut(&Outcome)) {
    let mut told = None;
    let mut poll = Instant::now() + reloader.config().poll;
    loop {
        notifications.follow(&reloader, shared);
        let held = reloader.live().reclaim() > 0;
        let left = poll.saturating_duration_since(Instant::now());
        let wish = shared.wait(if held { left.min(RECLAIM) } else { left });
        if wish.stop {
            return;
        }
        if !wish.look && !wish.force && Instant::now() < poll {
            continue;
        }
        let outcome = reloader.check_with(wish.force, &mut |time| shared.pause(time));
        poll = Instant::now() + reloader.config().poll;
        let refused = outcome.is_refused().then(|| outcome.to_string());
        let is_new = match &outcome {
            Outcome::Unchanged => false,
            Outcome::Published { .. } => true,
            _ => refused != told,
        };
        told = refused;
        if is_new && catch_unwind(AssertUnwindSafe(|| see(&outcome))).is_err() {
            shared.panics.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What the operating system is asked to tell.
struct Notifications {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
}

impl Notifications {
    fn new(shared: &Arc<Shared>) -> Self {
        let shared = Arc::clone(shared);
        let tell = move |event: notify::Result<notify::Event>| {
            // Our own reading is an access. What could not be told may be anything.
            let ours = |event: &notify::Event| matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
            if !event.as_ref().is_ok_and(ours) {
                shared.wake(|wish| wish.look = true);
            }
        };
        Self { watcher: notify::recommended_watcher(tell).ok(), folders: BTreeSet::new() }
    }

    /// Follows the files to where they are now: links may lead elsewhere than they did.
    fn follow(&mut self, reloader: &Reloader, shared: &Shared) {
        let Some(watcher) = &mut self.watcher else { return };
        let config = reloader.config();
        let feeds = config.feeds.iter().map(|feed| &feed.path);
        let allow = config.allow.iter().map(|list| &list.path);
        let paths = feeds.chain(allow).chain(&config.catalogs).chain(&config.databases).map(PathBuf::as_path);
        let folders: BTreeSet<_> = paths.chain(config.own_files()).flat_map(directories).collect();
        let mut all = true;
        for gone in self.folders.difference(&folders) {
            let _ = watcher.unwatch(gone);
        }
        let mut watched = BTreeSet::new();
        for folder in folders {
            // Each time anew: it may have been replaced by another of its name. To watch one twice is to watch it once.
            if watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                watched.insert(folder);
            } else {
                all = false;
            }
        }
        self.folders = watched;
        shared.notified.store(all, Ordering::Relaxed);
    }
}
