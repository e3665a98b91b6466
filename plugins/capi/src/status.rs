//! Statuses, the last error of each thread, and the door that no panic gets through.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of a call. With every other status than OK, `stormtag_last_error` says more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(clippy::exhaustive_enums)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A pointer that must not be NULL is NULL.
    Null = 1,
    /// A length or a value that cannot be: longer than memory, an event whose values do not add up, a text that is no UTF-8 where
    /// one is asked for.
    Invalid = 2,
    /// No handle of this kind, or one that was closed.
    Closed = 3,
    /// The worker is in use by another thread at this moment. Nothing was done.
    Busy = 4,
    /// The configuration, or a file that it names, cannot be used. The message has file and line.
    Failed = 5,
    /// A reload was refused; the last good snapshot stays in use.
    Refused = 6,
    /// The text is no value of that kind, which is not the same as "nothing known".
    NotAValue = 7,
    /// The line is no JSON.
    NotJson = 8,
    /// There is nothing to be told.
    Nothing = 9,
    /// A fault of the library. It is told in the message, and what was called can be called again.
    Panic = 10,
}

/// Why a call did not do what it should.
#[derive(Debug)]
pub(crate) struct Fault {
    status: Status,
    message: String,
}

impl Fault {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn null(what: &str) -> Self {
        Self::new(Status::Null, format!("{what} is NULL"))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Status::Invalid, message)
    }
}

impl From<stormtag::Error> for Fault {
    fn from(error: stormtag::Error) -> Self {
        Self::new(Status::Failed, error.to_string())
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs what a function of the library does: a panic becomes a status, and what went wrong the thread's last error.
#[inline]
pub(crate) fn door(run: impl FnOnce() -> Result<(), Fault>) -> Status {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => Status::Ok,
        Ok(Err(fault)) => tell(fault),
        Err(panic) => tell(panicked(&*panic)),
    }
}

#[cold]
fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Fault::new(Status::Panic, format!("fault of stormtag, please report it: {}", said.unwrap_or("no message")))
}

#[cold]
fn tell(Fault { status, message }: Fault) -> Status {
    // A message may show what stood in a file; a NUL would end it early.
    let message = CString::new(message.replace('\0', "\u{fffd}")).unwrap_or_default();
    // No thread-local while the thread ends: then there is nobody to ask either.
    let _ = LAST.try_with(|last| last.replace(message));
    status
}

/// What went wrong in the last call of this thread that did not return OK: file, line, value. Empty before the first.
///
/// UTF-8, ends with NUL. Belongs to the library and stays until this thread's next call that does not return OK; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn stormtag_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// The name of a status, such as `STORMTAG_STATUS_BUSY`. Never NULL; stays for as long as the library is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn stormtag_status_name(status: u32) -> *const c_char {
    let name = match status {
        0 => c"STORMTAG_STATUS_OK",
        1 => c"STORMTAG_STATUS_NULL",
        2 => c"STORMTAG_STATUS_INVALID",
        3 => c"STORMTAG_STATUS_CLOSED",
        4 => c"STORMTAG_STATUS_BUSY",
        5 => c"STORMTAG_STATUS_FAILED",
        6 => c"STORMTAG_STATUS_REFUSED",
        7 => c"STORMTAG_STATUS_NOT_A_VALUE",
        8 => c"STORMTAG_STATUS_NOT_JSON",
        9 => c"STORMTAG_STATUS_NOTHING",
        10 => c"STORMTAG_STATUS_PANIC",
        _ => c"no status",
    };
    name.as_ptr()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn last() -> String {
        // SAFETY: what the library returns ends with NUL, and stays until the next failure of this thread.
        unsafe { CStr::from_ptr(stormtag_last_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_is_a_status() {
        assert_eq!(door(|| panic!("at {}", 7)), Status::Panic);
        assert!(last().ends_with("at 7"), "{}", last());
        assert_eq!(door(|| Err(Fault::invalid("a\0b"))), Status::Invalid);
        assert_eq!(last(), "a\u{fffd}b");
        assert_eq!(door(|| Ok(())), Status::Ok);
        assert_eq!(last(), "a\u{fffd}b", "stays");
        assert_eq!(std::thread::spawn(last).join().unwrap(), "", "each thread has its own");
    }
}
