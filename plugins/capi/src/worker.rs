//! Workers: one a thread.

use std::ffi::c_char;

use stormtag::{Counters, Kind, Live};

use crate::bytes::Bytes;
use crate::config::{self, Config, json};
use crate::found::{Found, Kept};
use crate::handle::Table;
use crate::input::{self, Out, write_if};
use crate::status::{Fault, Status, door};
use crate::values::{Patch, Tree, Value};

/// Enriches events in one thread. Opened of a configuration, it takes new snapshots and settings by itself, between two events.
pub struct Worker(());

/// What a handle stands for.
pub(crate) struct State {
    pub(crate) worker: stormtag::Worker,
    /// Makes another one, should a call have been cut off by a panic.
    renew: Box<dyn Fn() -> stormtag::Worker + Send>,
    /// What the earlier ones counted.
    before: Counters,
    /// Whether a call is under way, or was when it panicked.
    in_call: bool,
    out: Vec<u8>,
    found: Kept,
    tree: Tree,
    patch: Patch,
}

/// A buffer that one large event has grown is not kept for all small ones behind it.
const LARGE: usize = 16 << 20;

static WORKERS: Table<State> = Table::new("worker");

fn open(renew: impl Fn() -> stormtag::Worker + Send + 'static) -> Result<*mut Worker, Fault> {
    WORKERS.open(State {
        worker: renew(),
        renew: Box::new(renew),
        before: Counters::default(),
        in_call: false,
        out: Vec::new(),
        found: Kept::default(),
        tree: Tree::default(),
        patch: Patch::default(),
    })
}

/// Opens a worker of a snapshot, for a host in Rust that calls code in C. `set_up` says how it is set up, now and should it
/// have to be made anew.
///
/// # Errors
///
/// [`Status::Invalid`] if millions are open.
pub fn open_worker(
    live: &Live,
    set_up: impl Fn(&mut stormtag::Worker) + Send + 'static,
) -> Result<*mut Worker, Status> {
    let (live, mut handle) = (live.clone(), std::ptr::null_mut());
    let renew = move || {
        let mut worker = live.worker();
        set_up(&mut worker);
        worker
    };
    match door(|| open(renew).map(|worker| handle = worker)) {
        Status::Ok => Ok(handle),
        status => Err(status),
    }
}

/// Does something with what a handle stands for, unless another thread does.
#[inline]
fn with(worker: *mut Worker, run: impl FnOnce(&mut State) -> Result<(), Fault>) -> Status {
    door(|| {
        let mut held = WORKERS.hold(worker)?;
        let state = held.get()?;
        if std::mem::replace(&mut state.in_call, true) {
            state.start_anew();
        }
        let done = run(state);
        state.in_call = false;
        done
    })
}

impl State {
    #[cold]
    fn start_anew(&mut self) {
        self.before += self.worker.counters();
        self.worker = (self.renew)();
    }

    /// Whether bytes lie where the next event is going to be written.
    #[inline]
    fn gave(&self, line: &[u8]) -> bool {
        let (from, here) = (self.out.as_ptr().addr(), line.as_ptr().addr());
        here < from + self.out.capacity() && from < here + line.len()
    }

    #[inline]
    fn clear(&mut self) {
        if self.out.capacity() > LARGE {
            self.out = Vec::new();
        }
        self.out.clear();
    }
}

/// Opens a worker of a configuration. Opening one reads nothing and takes some microseconds; keep it, its memory pays from event to event.
///
/// # Safety
///
/// `worker` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_worker_open(config: *mut Config, worker: *mut *mut Worker) -> Status {
    door(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(worker, "worker") }?;
        out.write(std::ptr::null_mut());
        let source = config::source(config)?;
        out.write(open(move || source.config.worker(&source.live))?);
        Ok(())
    })
}

/// Closes a worker, and frees what it gave out. Returns STORMTAG_STATUS_BUSY if another thread uses it; it is open then.
///
/// The handle is none from then on, and every use of it is answered with STORMTAG_STATUS_CLOSED, until some thousand others have been opened.
#[unsafe(no_mangle)]
pub extern "C" fn stormtag_worker_close(worker: *mut Worker) -> Status {
    door(|| {
        let closed = WORKERS.close(worker, WORKERS.hold(worker)?)?;
        drop(closed);
        Ok(())
    })
}

/// Sets the time, in seconds since the epoch, at which events without one of their own are judged. NULL: they are not judged by time, and
/// every record counts. Until it is called, the configuration says.
///
/// # Safety
///
/// `seconds` is NULL or can be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_set_clock(worker: *mut Worker, seconds: *const i64) -> Status {
    // SAFETY: as the caller promises.
    let seconds = (!seconds.is_null()).then(|| unsafe { seconds.read_unaligned() });
    with(worker, |state| {
        state.worker.set_clock(seconds);
        Ok(())
    })
}

/// Bytes in, bytes out.
#[inline]
unsafe fn enrich(
    worker: *mut Worker,
    (line, length): (*const c_char, usize),
    (out, out_length): (*mut *const c_char, *mut usize),
    matched: *mut usize,
    run: impl FnOnce(&mut stormtag::Worker, &[u8], &mut Vec<u8>) -> usize,
) -> Status {
    with(worker, |state| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(out, "out") }?;
        // SAFETY: as the caller promises.
        let out_length = unsafe { Out::new(out_length, "out_length") }?;
        // SAFETY: as the caller promises.
        let line = unsafe { input::bytes(line, length, "line") }?;
        if state.gave(line) {
            return Err(Fault::invalid("the line is what this worker gave out; copy it first"));
        }
        state.clear();
        let count = run(&mut state.worker, line, &mut state.out);
        out.write(state.out.as_ptr().cast());
        out_length.write(state.out.len());
        // SAFETY: as the caller promises.
        unsafe { write_if(matched, count) };
        Ok(())
    })
}

/// Enriches one event as JSON: `out` and `out_length` are the line with what was found merged into it. What was there stays byte for byte; a line
/// that is no JSON object comes out as it went in, and is counted. `matched`, which may be NULL, is 1 if something matched, else 0.
///
/// What comes out belongs to the worker and stays until the next call with it. It does not end with NUL. A line that is what this worker gave out
/// is answered with STORMTAG_STATUS_INVALID: copy it, or use another worker.
///
/// # Safety
///
/// `length` bytes can be read at `line`; each of `out`, `out_length` and `matched` is NULL or can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_enrich_json(
    worker: *mut Worker,
    line: *const c_char,
    length: usize,
    out: *mut *const c_char,
    out_length: *mut usize,
    matched: *mut usize,
) -> Status {
    let run =
        |worker: &mut stormtag::Worker, line: &[u8], out: &mut Vec<u8>| usize::from(worker.enrich_json(line, out));
    // SAFETY: as the caller promises.
    unsafe { enrich(worker, (line, length), (out, out_length), matched, run) }
}

/// As `stormtag_enrich_json`, of a block of lines: each ends with a line feed, the last one perhaps without. `matched` is the number of lines in
/// which something matched. Faster than line by line.
///
/// # Safety
///
/// As of `stormtag_enrich_json`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_enrich_lines(
    worker: *mut Worker,
    block: *const c_char,
    length: usize,
    out: *mut *const c_char,
    out_length: *mut usize,
    matched: *mut usize,
) -> Status {
    // SAFETY: as the caller promises.
    unsafe { enrich(worker, (block, length), (out, out_length), matched, stormtag::Worker::enrich_lines) }
}

/// As `stormtag_enrich_json`, of a line that nobody has parsed, such as syslog or that of an access log: makes a JSON object of it, with the line as
/// `message`, its time as `@timestamp` where it tells one, and what was found in it.
///
/// # Safety
///
/// As of `stormtag_enrich_json`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_enrich_text(
    worker: *mut Worker,
    line: *const c_char,
    length: usize,
    out: *mut *const c_char,
    out_length: *mut usize,
    matched: *mut usize,
) -> Status {
    let run =
        |worker: &mut stormtag::Worker, line: &[u8], out: &mut Vec<u8>| usize::from(worker.enrich_text(line, out));
    // SAFETY: as the caller promises.
    unsafe { enrich(worker, (line, length), (out, out_length), matched, run) }
}

/// Enriches one event that the host has as values of its own, without JSON. `values` are `count` values that follow one another as they are
/// written: an object, then each key and its value, and so on down; see `stormtag_value`.
///
/// What comes out, `patch` and `patch_count`, are values in the same form: one object with what is to be merged into the event, or
/// nothing (`patch_count` is 0), which is the answer to most events. Merge it so: objects merge, arrays take what they do not hold yet, a scalar
/// already present stays. It belongs to the worker and stays until the next call with it. `matched` as of `stormtag_enrich_json`.
///
/// Returns STORMTAG_STATUS_INVALID, and the event is not counted, if the values do not add up to one object, or are nested deeper than 128.
/// Texts that are no UTF-8 are read as if what is none were U+FFFD.
///
/// # Safety
///
/// `count` values can be read at `values`, and the bytes that they point to; each of `patch`, `patch_count` and `matched` is NULL or can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_enrich_values(
    worker: *mut Worker,
    values: *const Value,
    count: usize,
    patch: *mut *const Value,
    patch_count: *mut usize,
    matched: *mut usize,
) -> Status {
    with(worker, |state| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(patch, "patch") }?;
        // SAFETY: as the caller promises.
        let out_count = unsafe { Out::new(patch_count, "patch_count") }?;
        // SAFETY: as the caller promises.
        let values = unsafe { input::slice(values, count, "values") }?;
        let State { worker, tree, patch, .. } = state;
        // SAFETY: the caller promises of what the values point to what reading it asks for.
        let event = unsafe { tree.read(values) }?;
        worker.refresh();
        let schema = worker.schema();
        let enrichment = worker.enrich(&event);
        let is_match = enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some());
        if enrichment.is_empty() {
            patch.clear();
        } else {
            patch.write(&enrichment.patch(schema))?;
        }
        out.write(patch.values().as_ptr());
        out_count.write(patch.values().len());
        // SAFETY: as the caller promises.
        unsafe { write_if(matched, usize::from(is_match)) };
        Ok(())
    })
}

/// What is known of one value. `kind` names what it is, such as `ip`, `domain`, `url`, `sha256`, and ends with NUL; `text` has `length`
/// bytes. `found` has one sighting, and a location if the databases know the address; it attributes nothing, for that is asked of events.
/// Whether a record speaks of the time in question is not judged.
///
/// Returns STORMTAG_STATUS_NOT_A_VALUE if the text is no value of that kind. What is found belongs to the worker and stays until its next
/// call that finds or looks up something.
///
/// # Safety
///
/// `kind` is NULL or ends with NUL; `length` bytes can be read at `text`; `found` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_look_up(
    worker: *mut Worker,
    kind: *const c_char,
    text: *const c_char,
    length: usize,
    found: *mut *const Found,
) -> Status {
    with(worker, |state| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(found, "found") }?;
        out.write(std::ptr::null());
        // SAFETY: as the caller promises.
        let name = String::from_utf8_lossy(unsafe { input::c_text(kind, "kind") }?);
        let kind: Kind = name.parse().map_err(|_| Fault::invalid(format!("\"{name}\" is no kind of value")))?;
        // SAFETY: as the caller promises.
        let text = unsafe { input::text(text, length, "text") }?;
        let State { worker, found, .. } = state;
        let finding = worker.look_up(kind, text);
        let finding = finding.map_err(|why| Fault::new(Status::NotAValue, format!("no {kind}: {why}")))?;
        out.write(found.look_up(kind, text, &finding));
        Ok(())
    })
}

/// What was found in one event as JSON, field by field, for hosts that raise alarms and not events. Takes longer than `stormtag_enrich_json`,
/// for the line is read into a tree.
///
/// Returns STORMTAG_STATUS_NOT_JSON if the line is none, with the place. Belongs to the worker and stays until its next call that finds or
/// looks up something.
///
/// # Safety
///
/// `length` bytes can be read at `line`; `found` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_find_json(
    worker: *mut Worker,
    line: *const c_char,
    length: usize,
    found: *mut *const Found,
) -> Status {
    with(worker, |state| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(found, "found") }?;
        out.write(std::ptr::null());
        // SAFETY: as the caller promises.
        let line = unsafe { input::bytes(line, length, "line") }?;
        let event: serde_json::Value =
            serde_json::from_slice(line).map_err(|error| Fault::new(Status::NotJson, error.to_string()))?;
        let State { worker, found, .. } = state;
        out.write(found.enrichment(&worker.enrich(&event)));
        Ok(())
    })
}

/// As `stormtag_find_json`, of values: see `stormtag_enrich_values`.
///
/// # Safety
///
/// `count` values can be read at `values`, and the bytes that they point to; `found` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_find_values(
    worker: *mut Worker,
    values: *const Value,
    count: usize,
    found: *mut *const Found,
) -> Status {
    with(worker, |state| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(found, "found") }?;
        out.write(std::ptr::null());
        // SAFETY: as the caller promises.
        let values = unsafe { input::slice(values, count, "values") }?;
        let State { worker, found, tree, .. } = state;
        // SAFETY: the caller promises of what the values point to what reading it asks for.
        let event = unsafe { tree.read(values) }?;
        out.write(found.enrichment(&worker.enrich(&event)));
        Ok(())
    })
}

/// As `stormtag_find_json`, of a line that nobody has parsed: see `stormtag_enrich_text`.
///
/// # Safety
///
/// As of `stormtag_find_json`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_find_text(
    worker: *mut Worker,
    line: *const c_char,
    length: usize,
    found: *mut *const Found,
) -> Status {
    with(worker, |state| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(found, "found") }?;
        out.write(std::ptr::null());
        // SAFETY: as the caller promises.
        let line = unsafe { input::bytes(line, length, "line") }?;
        let State { worker, found, .. } = state;
        out.write(found.enrichment(&worker.search(line)));
        Ok(())
    })
}

/// What the worker did since it was opened, as a JSON object in `counters`, for `stormtag_free`.
///
/// # Safety
///
/// `counters` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_counters(worker: *mut Worker, counters: *mut Bytes) -> Status {
    with(worker, |state| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(counters, "counters") }?;
        out.write(Bytes::NONE);
        let mut counters = state.before.clone();
        counters += state.worker.counters();
        out.write(Bytes::new(json(&counters)?));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use stormtag::Intel;

    use super::*;

    #[test]
    fn a_worker_is_made_anew_after_a_panic_and_keeps_its_counters() {
        let worker = open_worker(&Live::new(Intel::empty()), |worker| {
            worker.set_clock(Some(7));
        })
        .unwrap();
        let count = |state: &mut State| {
            state.worker.enrich_json(b"{}", &mut Vec::new());
            Ok(())
        };
        assert_eq!(with(worker, count), Status::Ok);
        assert_eq!(with(worker, |_| panic!("in the middle")), Status::Panic);
        assert_eq!(with(worker, count), Status::Ok);
        let mut text = Bytes::NONE;
        // SAFETY: `text` can be written.
        assert_eq!(unsafe { stormtag_counters(worker, &raw mut text) }, Status::Ok);
        // SAFETY: OK says that there are so many bytes.
        let read = unsafe { input::bytes(text.data, text.length, "text") }.unwrap();
        assert!(read.starts_with(b"{\"events\":2,"), "{}", String::from_utf8_lossy(read));
        // SAFETY: it is what was given, and nobody else has it.
        unsafe { crate::bytes::stormtag_free(&raw mut text) };
        let clock = |state: &mut State| {
            assert_eq!(state.worker.enrich(&serde_json::json!({})).time(), Some(7));
            Ok(())
        };
        assert_eq!(with(worker, clock), Status::Ok);
        assert_eq!(stormtag_worker_close(worker), Status::Ok);
        assert_eq!(with(worker, count), Status::Closed);
    }
}
