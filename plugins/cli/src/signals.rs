//! An end that was asked for: what has been read is written to its last whole line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use crate::trouble::Trouble;

/// How far the work has come, and whether it is to end.
#[derive(Default)]
struct State {
    /// The signal that came; 0: none.
    signal: AtomicI32,
    /// Whether it waits for input.
    waits: AtomicBool,
    given: AtomicU64,
    written: AtomicU64,
}

/// Waits for SIGTERM and SIGINT, if it is told to [catch](Self::catch) them. The second of them ends the program at once.
#[derive(Default)]
pub(crate) struct Signals(Arc<State>);

impl Signals {
    #[cfg(unix)]
    pub(crate) fn catch() -> Result<Self, Trouble> {
        use signal_hook::consts::{SIGINT, SIGTERM};

        let state = Arc::new(State::default());
        let came = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_default(signal, came.clone())?;
            signal_hook::flag::register(signal, came.clone())?;
        }
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let seen = state.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                seen.signal.store(signal, Ordering::SeqCst);
                seen.end_when_it_waits(signal);
            }
        })?;
        Ok(Self(state))
    }

    #[cfg(not(unix))]
    pub(crate) fn catch() -> Result<Self, Trouble> {
        Ok(Self(Arc::new(State::default())))
    }

    /// Whether no more is to be read.
    pub(crate) fn came(&self) -> bool {
        self.0.signal.load(Ordering::SeqCst) != 0
    }

    /// Reads, in a way that can be told.
    pub(crate) fn waiting<T>(&self, read: impl FnOnce() -> T) -> T {
        self.0.waits.store(true, Ordering::SeqCst);
        let read = read();
        self.0.waits.store(false, Ordering::SeqCst);
        read
    }

    /// A block was handed to those who enrich.
    pub(crate) fn given(&self) {
        self.0.given.fetch_add(1, Ordering::SeqCst);
    }

    /// A block was written.
    pub(crate) fn written(&self) {
        self.0.written.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends as the signal would have ended it, so that whoever sent it sees that.
    pub(crate) fn end_if_told(&self) {
        end_by(self.0.signal.load(Ordering::SeqCst));
    }
}

impl State {
    /// Reading that goes on notices the signal by itself. One that waits, for a pipe that stays open, cannot be woken.
    #[cfg(unix)]
    fn end_when_it_waits(&self, signal: i32) {
        loop {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let waits = self.waits.load(Ordering::SeqCst);
            if waits && self.written.load(Ordering::SeqCst) == self.given.load(Ordering::SeqCst) {
                end_by(signal);
            }
        }
    }
}

#[cfg(unix)]
fn end_by(signal: i32) {
    if signal != 0 {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}

#[cfg(not(unix))]
fn end_by(_: i32) {}
