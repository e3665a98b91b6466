//! The corpus: the filter, and what sets it up for the next event of the cases. Built for WebAssembly it is what is tried, and
//! for the host it says what should come of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../../../../tests/it/corpus/case.rs"]
#[allow(dead_code, reason = "each door looks at another part")]
mod case;
#[path = "../../../../tests/it/mmdb.rs"]
#[allow(dead_code, reason = "each door looks at another part")]
mod mmdb;

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::ptr::null;

use stormtag::{Live, Schema, Worker};
// All of it, or the linker leaves it out.
pub use stormtag_fluent_bit::*;

struct Event {
    name: CString,
    line: CString,
    seconds: u32,
    expected: CString,
    worker: Option<Worker>,
}

thread_local! {
    static LEFT: RefCell<Option<std::vec::IntoIter<Event>>> = const { RefCell::new(None) };
    static HERE: RefCell<Option<Event>> = const { RefCell::new(None) };
}

fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for (file, of_file) in case::files() {
        for case in &of_file {
            let live = Live::new(case.builder().build().0);
            for (event, number) in case.event.iter().zip(1..) {
                for &schema in Schema::ALL {
                    // Fluent Bit has a time for each record.
                    let seconds = event.clock.map_or(1_700_000_000, |clock| u32::try_from(clock).unwrap());
                    let set_up = case.set_up(event, schema);
                    let worker = || {
                        let mut worker = live.worker();
                        set_up(&mut worker);
                        worker.set_clock(Some(seconds.into()));
                        worker
                    };
                    let (mut expected, line) = (Vec::new(), event.line());
                    worker().enrich_json(line.as_bytes(), &mut expected);
                    let name = format!("{file}: {}: event {number}, {schema}", case.name);
                    let [name, line] = [name, line].map(|text| CString::new(text).unwrap());
                    let expected = CString::new(expected).unwrap();
                    events.push(Event { name, line, seconds, expected, worker: Some(worker()) });
                }
            }
        }
    }
    events
}

/// Sets the filter up for the next event, and says its name; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn corpus_next() -> *const c_char {
    let mut event = LEFT.with_borrow_mut(|left| left.get_or_insert_with(|| events().into_iter()).next());
    if let Some(worker) = event.as_mut().and_then(|event| event.worker.take()) {
        with_filter(|filter| filter.fix(worker));
    }
    HERE.replace(event);
    here(|event| event.name.as_ptr()).unwrap_or(null())
}

/// The event.
#[unsafe(no_mangle)]
pub extern "C" fn corpus_line() -> *const c_char {
    here(|event| event.line.as_ptr()).unwrap_or(null())
}

/// The time that Fluent Bit has for it.
#[unsafe(no_mangle)]
pub extern "C" fn corpus_seconds() -> u32 {
    here(|event| event.seconds).unwrap_or_default()
}

/// What `Worker::enrich_json` makes of it, here.
#[unsafe(no_mangle)]
pub extern "C" fn corpus_expected() -> *const c_char {
    here(|event| event.expected.as_ptr()).unwrap_or(null())
}

fn here<T>(of: impl FnOnce(&Event) -> T) -> Option<T> {
    HERE.with_borrow(|here| here.as_ref().map(of))
}
