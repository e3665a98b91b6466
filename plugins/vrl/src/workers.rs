//! Workers: one for each thread that runs a program.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Weak};

use stormtag::Worker;

/// Makes workers, and keeps one for each thread that asks. Functions that share it share their worker. Cheap to clone.
///
/// VRL runs one program on many threads, and clones it as it likes; a worker belongs to one thread. So workers stand beside the
/// thread. They go with it, or are dropped by it when the last program that could use them is gone and another asks.
#[derive(Clone)]
pub struct Workers {
    make: Arc<dyn Fn() -> Worker + Send + Sync>,
}

/// What a thread has of one maker.
struct Kept {
    make: Weak<dyn Fn() -> Worker + Send + Sync>,
    /// `None`: it is at work.
    worker: Option<Box<Worker>>,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

impl Workers {
    /// `make` is called once for each thread.
    pub fn new(make: impl Fn() -> Worker + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make) }
    }

    /// Asks the worker of this thread.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&mut Worker) -> T) -> T {
        // Taken out while it works, so that whatever happens meanwhile finds the thread's list free.
        let mut worker = self.take().unwrap_or_else(|| Box::new((self.make)()));
        let answer = ask(&mut worker);
        self.keep(worker);
        answer
    }

    fn take(&self) -> Option<Box<Worker>> {
        self.with_kept(|kept| kept.iter_mut().find(|kept| self.made(kept))?.worker.take())
    }

    fn keep(&self, worker: Box<Worker>) {
        self.with_kept(|kept| {
            if let Some(kept) = kept.iter_mut().find(|kept| self.made(kept)) {
                kept.worker = Some(worker);
                return None;
            }
            // The first time: what nobody can ask for any more goes.
            kept.retain(|kept| kept.make.strong_count() > 0);
            kept.push(Kept { make: Arc::downgrade(&self.make), worker: Some(worker) });
            None::<()>
        });
    }

    /// A thread that ends has no list any more: then a worker serves once.
    fn with_kept<T>(&self, ask: impl FnOnce(&mut Vec<Kept>) -> Option<T>) -> Option<T> {
        KEPT.try_with(|kept| ask(&mut *kept.try_borrow_mut().ok()?)).ok().flatten()
    }

    fn made(&self, kept: &Kept) -> bool {
        // As long as there is a weak one, its place is not given to another.
        std::ptr::addr_eq(kept.make.as_ptr(), Arc::as_ptr(&self.make))
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use stormtag::{Intel, Live};

    use super::*;

    fn counting() -> (Workers, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let (live, count) = (Live::new(Intel::empty()), made.clone());
        let workers = Workers::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            live.worker()
        });
        (workers, made)
    }

    #[test]
    fn a_thread_makes_one_and_clones_share_it() {
        let (workers, made) = counting();
        let clone = workers.clone();
        for _ in 0..3 {
            workers.ask(|worker| worker.refresh());
            clone.ask(|worker| worker.refresh());
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
        std::thread::spawn(move || clone.ask(|worker| worker.refresh())).join().unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn who_is_at_work_does_not_stop_another() {
        let (workers, made) = counting();
        workers.ask(|_| workers.ask(|worker| worker.refresh()));
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_nobody_can_ask_for_goes() {
        std::thread::spawn(|| {
            let snapshot = {
                let live = Live::new(Intel::empty());
                let snapshot = Arc::downgrade(&live.snapshot());
                Workers::new(move || live.worker()).ask(|worker| worker.refresh());
                snapshot
            };
            assert!(snapshot.upgrade().is_some(), "the thread has a worker");
            counting().0.ask(|worker| worker.refresh());
            assert!(snapshot.upgrade().is_none());
        })
        .join()
        .unwrap();
    }
}
