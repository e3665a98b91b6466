//! Configurations: opened, reloaded, watched.

use std::collections::VecDeque;
use std::ffi::{c_char, c_int};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stormtag::{Live, Reloader, Report, Watcher};

use crate::bytes::Bytes;
use crate::handle::Table;
use crate::input::{self, Out, write_if};
use crate::status::{Fault, Status, door};

/// A configuration in force: what it loaded, and what keeps it up to date. Any number of threads may use one at the same time.
pub struct Config(());

/// What a look at the files led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(clippy::exhaustive_enums)]
pub enum Outcome {
    /// The files hold what they held.
    Unchanged = 0,
    /// A new snapshot is in use; each worker takes it between two events.
    Published = 1,
    /// The files cannot be used. The last good snapshot stays in use.
    Failed = 2,
    /// Too many indicators are gone. The last good snapshot stays in use until the files are better, or a reload is forced.
    Shrunken = 3,
    /// The watching thread looks now, and what comes of it will be among its outcomes.
    Asked = 4,
}

/// What workers are made of. They keep it when the configuration is closed.
pub(crate) struct Source {
    pub(crate) live: Live,
    pub(crate) config: stormtag::Config,
}

struct Opened {
    source: Arc<Source>,
    control: Mutex<Control>,
    told: Arc<Mutex<Told>>,
}

enum Control {
    /// Reloads when asked to.
    Asked(Box<Reloader>),
    /// Its thread does.
    Watched(Watcher),
    /// The thread could not be started.
    Gone,
}

/// What the thread has told.
struct Told {
    report: Arc<Report>,
    outcomes: VecDeque<(Outcome, String)>,
    /// Outcomes that nobody asked for in time.
    lost: u64,
}

/// Outcomes that are kept until somebody asks.
const OUTCOMES: usize = 64;

static CONFIGS: Table<Arc<Opened>> = Table::new("configuration");

fn opened(config: *mut Config) -> Result<Arc<Opened>, Fault> {
    Ok(Arc::clone(CONFIGS.wait(config)?.get()?))
}

pub(crate) fn source(config: *mut Config) -> Result<Arc<Source>, Fault> {
    Ok(Arc::clone(&opened(config)?.source))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(config: &stormtag::Config) -> Result<*mut Config, Fault> {
    let reloader = config.reloader()?;
    let source = Arc::new(Source { live: reloader.live().clone(), config: reloader.config().clone() });
    let report = Arc::new(reloader.report().clone());
    let told = Told { report, outcomes: VecDeque::new(), lost: 0 };
    let control = Mutex::new(Control::Asked(Box::new(reloader)));
    CONFIGS.open(Arc::new(Opened { source, control, told: Arc::new(Mutex::new(told)) }))
}

impl Outcome {
    fn of(outcome: &stormtag::Outcome) -> Self {
        match outcome {
            stormtag::Outcome::Unchanged => Self::Unchanged,
            stormtag::Outcome::Published { .. } => Self::Published,
            stormtag::Outcome::Shrunken { .. } => Self::Shrunken,
            _ => Self::Failed,
        }
    }
}

impl Told {
    fn see(&mut self, outcome: &stormtag::Outcome) {
        if let stormtag::Outcome::Published { report, .. } = outcome {
            self.report = Arc::clone(report);
        }
    }

    fn keep(&mut self, outcome: &stormtag::Outcome) {
        self.see(outcome);
        if self.outcomes.len() == OUTCOMES {
            self.outcomes.pop_front();
            self.lost += 1;
        }
        self.outcomes.push_back((Outcome::of(outcome), outcome.to_string()));
    }
}

/// Opens a `stormtag.toml`, reads all that it names and makes it ready for workers. `path` ends with NUL.
///
/// Returns STORMTAG_STATUS_FAILED if a file cannot be used; the message names file, line and value. Lines of a feed that are no indicator
/// are no failure: see `stormtag_report`. Takes as long as reading the files takes, and keeps what it needs to read them again.
///
/// # Safety
///
/// `path` is NULL or ends with NUL; `config` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_open(path: *const c_char, config: *mut *mut Config) -> Status {
    door(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(config, "config") }?;
        out.write(std::ptr::null_mut());
        // SAFETY: as the caller promises.
        let path = path_of(unsafe { input::c_text(path, "path") }?)?;
        out.write(open(&stormtag::Config::open(path)?)?);
        Ok(())
    })
}

/// As `stormtag_open`, of a text of `length` bytes in UTF-8. Relative paths in it count from the folder of `name`, which stands in messages.
/// The text is not followed when it changes; the files that it names are.
///
/// # Safety
///
/// `name` is NULL or ends with NUL; `length` bytes can be read at `text`; `config` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_parse(
    name: *const c_char,
    text: *const c_char,
    length: usize,
    config: *mut *mut Config,
) -> Status {
    door(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(config, "config") }?;
        out.write(std::ptr::null_mut());
        // SAFETY: as the caller promises.
        let name = path_of(unsafe { input::c_text(name, "name") }?)?;
        // SAFETY: as the caller promises.
        let text = unsafe { input::text(text, length, "text") }?;
        out.write(open(&stormtag::Config::parse(name, text)?)?);
        Ok(())
    })
}

/// Closes a configuration, and ends its thread: waits for it, should it be reading files. Workers that were opened of it go on with the
/// snapshot that they have, and are closed by themselves.
///
/// The handle is none from then on, and every use of it is answered with STORMTAG_STATUS_CLOSED, until some thousand others have been opened.
#[unsafe(no_mangle)]
pub extern "C" fn stormtag_close(config: *mut Config) -> Status {
    door(|| {
        let closed = CONFIGS.close(config, CONFIGS.wait(config)?)?;
        drop(closed);
        Ok(())
    })
}

/// Looks whether the files have changed, and publishes what they hold if they have. Waits until files rest, two seconds if the
/// configuration does not say otherwise, and for a reload in another thread. `force`, if it is not 0, publishes also what has
/// shrunk or breaks off.
///
/// Returns STORMTAG_STATUS_REFUSED if there was something new that cannot be used: the message says why, and the last good snapshot stays
/// in use. `outcome` may be NULL. Of a configuration that is watched the thread is asked to look, and this returns at once.
///
/// # Safety
///
/// `outcome` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_reload(config: *mut Config, force: c_int, outcome: *mut Outcome) -> Status {
    door(|| {
        let opened = opened(config)?;
        let seen = match &mut *lock(&opened.control) {
            Control::Asked(reloader) => {
                let seen = if force == 0 { reloader.check() } else { reloader.force() };
                lock(&opened.told).see(&seen);
                seen
            }
            Control::Watched(watcher) => {
                if force == 0 {
                    watcher.check();
                } else {
                    watcher.force();
                }
                // SAFETY: as the caller promises.
                unsafe { write_if(outcome, Outcome::Asked) };
                return Ok(());
            }
            Control::Gone => return Err(gone()),
        };
        // SAFETY: as the caller promises.
        unsafe { write_if(outcome, Outcome::of(&seen)) };
        if seen.is_refused() { Err(Fault::new(Status::Refused, seen.to_string())) } else { Ok(()) }
    })
}

/// Starts a thread that looks at the files when the operating system tells of a change, and every minute beside, if the configuration does
/// not say otherwise. It ends with `stormtag_close`. Watching what is watched already does nothing.
///
/// A process that forks has the thread in the parent alone: open a configuration in each process.
#[unsafe(no_mangle)]
pub extern "C" fn stormtag_watch(config: *mut Config) -> Status {
    door(|| {
        let opened = opened(config)?;
        let mut control = lock(&opened.control);
        match std::mem::replace(&mut *control, Control::Gone) {
            Control::Asked(reloader) => {
                let told = Arc::clone(&opened.told);
                *control = Control::Watched(reloader.watch(move |outcome| lock(&told).keep(outcome))?);
                Ok(())
            }
            watched @ Control::Watched(_) => {
                *control = watched;
                Ok(())
            }
            Control::Gone => Err(gone()),
        }
    })
}

/// What the watching thread came to since it was last asked, one outcome a call, the oldest first: `outcome`, and in `text` what there is to be
/// told, for `stormtag_free`. Both may be NULL. Returns STORMTAG_STATUS_NOTHING if there is no more.
///
/// Looks that changed nothing are not told, and a refusal once. The last 64 are kept; `lost`, which may be NULL, is the number of those that
/// nobody asked for in time, since the configuration was opened.
///
/// # Safety
///
/// Each of `outcome`, `text` and `lost` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_next_outcome(
    config: *mut Config,
    outcome: *mut Outcome,
    text: *mut Bytes,
    lost: *mut u64,
) -> Status {
    door(|| {
        // SAFETY: as the caller promises.
        unsafe { write_if(text, Bytes::NONE) };
        let opened = opened(config)?;
        let mut told = lock(&opened.told);
        // SAFETY: as the caller promises.
        unsafe { write_if(lost, told.lost) };
        let next = told.outcomes.pop_front();
        let (kind, says) = next.ok_or_else(|| Fault::new(Status::Nothing, "no outcome that was not told"))?;
        // SAFETY: as the caller promises.
        unsafe { write_if(outcome, kind) };
        if !text.is_null() {
            // SAFETY: as the caller promises.
            unsafe { write_if(text, Bytes::new(says)) };
        }
        Ok(())
    })
}

/// Whether the operating system tells the watching thread of changes in all folders, in `is_notified`. If not, files are only looked at every now
/// and then; so it is too where nothing is watched.
///
/// # Safety
///
/// `is_notified` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_is_notified(config: *mut Config, is_notified: *mut bool) -> Status {
    door(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(is_notified, "is_notified") }?;
        let opened = opened(config)?;
        out.write(matches!(&*lock(&opened.control), Control::Watched(watcher) if watcher.is_notified()));
        Ok(())
    })
}

/// What was used of the files and what was not, with the reasons, as a JSON object in `report`, for `stormtag_free`. It is that of the
/// snapshot in use.
///
/// # Safety
///
/// `report` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_report(config: *mut Config, report: *mut Bytes) -> Status {
    door(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(report, "report") }?;
        out.write(Bytes::NONE);
        let opened = opened(config)?;
        let report = Arc::clone(&lock(&opened.told).report);
        out.write(Bytes::new(json(&*report)?));
        Ok(())
    })
}

/// Names what is known, the same on each host that knows the same: 32 hexadecimal digits in `generation`, for `stormtag_free`.
///
/// # Safety
///
/// `generation` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_generation(config: *mut Config, generation: *mut Bytes) -> Status {
    door(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(generation, "generation") }?;
        out.write(Bytes::NONE);
        out.write(Bytes::new(opened(config)?.source.live.generation().to_string()));
        Ok(())
    })
}

/// A value as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::invalid(error.to_string()))
}

fn gone() -> Fault {
    Fault::new(Status::Failed, "the watching thread could not be started; close the configuration and open it again")
}

/// Paths are bytes on Unix, whatever their encoding.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)]
fn path_of(bytes: &[u8]) -> Result<PathBuf, Fault> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Result<PathBuf, Fault> {
    std::str::from_utf8(bytes).map(PathBuf::from).map_err(|_| Fault::invalid("the path is no UTF-8"))
}
