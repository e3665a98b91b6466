//! Live: the snapshot in use, and its replacement.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::generation::Generation;
use crate::intel::Intel;
use crate::worker::{Settings, Worker};

/// The [`Intel`] in use. Clones share it: keep one where feeds are reloaded, give one to whoever makes workers.
///
/// Publishing does not stop anybody: each [`Worker`] compares one number at the top of an event and takes the new snapshot
/// between two events. An event never sees two snapshots.
///
/// ```
/// use stormtag::{Catalog, Intel, IntelBuilder, Live};
///
/// let live = Live::new(Intel::empty());
/// let mut worker = live.worker();
///
/// let (intel, _) = IntelBuilder::new().feed(Catalog::builtin_indicators()).build();
/// live.publish(intel);
/// assert!(!worker.look_up(stormtag::Kind::Ip, "45.32.174.131").unwrap().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Live {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Counts publications: what workers look at.
    version: AtomicU64,
    snapshots: Mutex<Snapshots>,
}

#[derive(Debug)]
struct Snapshots {
    current: Arc<Intel>,
    /// How a configuration says that workers are set up.
    settings: Option<Arc<Settings>>,
    /// Replaced, and perhaps still held by a worker in the middle of an event: kept, so that the last to let go is never a worker,
    /// who would pay for freeing it.
    retired: Vec<Arc<Intel>>,
}

impl Live {
    /// Begins with this snapshot; in an `Arc` it may be one that others use too.
    #[must_use]
    pub fn new(intel: impl Into<Arc<Intel>>) -> Self {
        let snapshots = Mutex::new(Snapshots { current: intel.into(), settings: None, retired: Vec::new() });
        Self { shared: Arc::new(Shared { version: AtomicU64::new(0), snapshots }) }
    }

    /// Replaces the snapshot. Earlier ones that no worker uses any more are freed here, on the caller's thread; one still in use
    /// is freed by the next call, or by [`reclaim`](Self::reclaim).
    pub fn publish(&self, intel: Intel) {
        self.publish_with(intel, None);
    }

    /// As [`publish`](Self::publish), with settings for the workers of a configuration, if they are others than before.
    pub(crate) fn publish_with(&self, intel: Intel, settings: Option<Settings>) {
        let intel = Arc::new(intel);
        let freed = {
            let mut snapshots = self.lock();
            if let Some(settings) = settings {
                snapshots.settings = Some(Arc::new(settings));
            }
            let old = std::mem::replace(&mut snapshots.current, intel);
            snapshots.retired.push(old);
            self.shared.version.fetch_add(1, Ordering::Release);
            take_unused(&mut snapshots)
        };
        // Outside the lock: freeing millions of records takes a while.
        drop(freed);
    }

    /// Frees replaced snapshots that no worker uses any more; says how many are still in use.
    pub fn reclaim(&self) -> usize {
        let (freed, left) = {
            let mut snapshots = self.lock();
            (take_unused(&mut snapshots), snapshots.retired.len())
        };
        drop(freed);
        left
    }

    /// The snapshot in use.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Intel> {
        self.lock().current.clone()
    }

    /// Names what the snapshot in use knows.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.lock().current.generation()
    }

    /// A worker for one thread, with the built-in [field maps](crate::FieldMap::builtin) and ECS output; its setters change that.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(self.clone())
    }

    /// How many snapshots were published since the first.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// The snapshot in use, with its version, and the settings that were published with it or before.
    pub(crate) fn current(&self) -> (u64, Arc<Intel>, Option<Arc<Settings>>) {
        let snapshots = self.lock();
        (self.version(), snapshots.current.clone(), snapshots.settings.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Snapshots> {
        // Nothing that can panic is done under the lock.
        self.shared.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_unused(snapshots: &mut Snapshots) -> Vec<Arc<Intel>> {
    let (free, used) =
        std::mem::take(&mut snapshots.retired).into_iter().partition(|intel| Arc::strong_count(intel) == 1);
    snapshots.retired = used;
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_in_use_is_freed_by_the_publisher() {
        let live = Live::new(Intel::empty());
        let mut worker = live.worker();
        let first = Arc::downgrade(&live.snapshot());
        live.publish(Intel::empty());
        assert!(first.upgrade().is_some(), "the worker has not looked yet");
        worker.refresh();
        assert!(first.upgrade().is_some(), "a worker does not free");
        assert_eq!(live.reclaim(), 0);
        assert!(first.upgrade().is_none());
    }
}
