//! The corpus for whoever calls C: a library with the functions of libstormtag, and one that gives the next event of the cases with a worker for it.
//! The Lua filter's tests load it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../../../../tests/it/corpus/case.rs"]
#[allow(dead_code, reason = "each door looks at another part")]
mod case;
#[path = "../../../../tests/it/mmdb.rs"]
#[allow(dead_code, reason = "each door looks at another part")]
mod mmdb;

use std::cell::RefCell;
use std::ffi::c_int;

use stormtag::{Live, Schema};
// All of them, or the linker leaves them out.
pub use stormtag_capi::*;

/// An event, a worker for it, and the line that should come of it. Belongs to the library.
#[repr(C)]
pub struct Next {
    worker: *mut stormtag_capi::Worker,
    line: *const u8,
    line_length: usize,
    expected: *const u8,
    expected_length: usize,
    name: *const u8,
    name_length: usize,
}

struct Event {
    worker: *mut stormtag_capi::Worker,
    line: String,
    expected: Vec<u8>,
    name: String,
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
                    let set_up = case.set_up(event, schema);
                    let (mut worker, mut expected, line) = (live.worker(), Vec::new(), event.line());
                    set_up(&mut worker);
                    worker.enrich_json(line.as_bytes(), &mut expected);
                    let name = format!("{file}: {}: event {number}, {schema}", case.name);
                    events.push(Event { worker: open_worker(&live, set_up).unwrap(), line, expected, name });
                }
            }
        }
    }
    events
}

/// Writes the next event; 0 if there is none.
///
/// # Safety
///
/// `next` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corpus_next(next: *mut Next) -> c_int {
    let event = LEFT.with_borrow_mut(|left| left.get_or_insert_with(|| events().into_iter()).next());
    HERE.with_borrow_mut(|here| {
        if let Some(before) = here.take() {
            assert_eq!(stormtag_worker_close(before.worker), Status::Ok);
        }
        let Some(event) = event else { return 0 };
        let Event { worker, line, expected, name } = here.insert(event);
        let (line_length, expected_length, name_length) = (line.len(), expected.len(), name.len());
        let (line, expected, name) = (line.as_ptr(), expected.as_ptr(), name.as_ptr());
        // SAFETY: as the caller promises.
        unsafe {
            next.write(Next { worker: *worker, line, line_length, expected, expected_length, name, name_length })
        };
        1
    })
}
