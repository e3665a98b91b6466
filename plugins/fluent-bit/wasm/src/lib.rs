//! The filter of [stormtag](https://docs.rs/stormtag) for Fluent Bit in WebAssembly, for its JSON form.
//!
//! Fluent Bit calls [`stormtag_filter`] for each record, and copies the text that it returns before it calls again. It drops a record for which NULL
//! comes back, or nothing, or after a trap; so there is always an answer, and whatever goes wrong, it is the record as it came.
//!
//! Here is the door, and the only unsafe code; [`Filter`] is what is behind it.

mod filter;
mod folders;

pub use filter::Filter;

use std::ffi::c_char;

thread_local! {
    /// One for the module: in WebAssembly there is one thread.
    static FILTER: Filter = Filter::new(folders::accessible);
}

/// Gives the record, with what is known of it. `function_name` in the configuration of Fluent Bit.
///
/// Returns a text that ends with NUL, belongs to the module and stays until the next call; never NULL. Records without a time of their own are
/// judged at `seconds`, which is Fluent Bit's. Tag and nanoseconds are not asked for.
///
/// # Safety
///
/// `record` is NULL, or `length` bytes and a NUL behind them can be read there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_filter(
    _tag: *const c_char,
    _tag_length: u32,
    seconds: u32,
    _nanoseconds: u32,
    record: *const c_char,
    length: u32,
) -> *const c_char {
    if record.is_null() {
        // Fluent Bit writes this into its log, for it is no JSON. There is no record that could be given back.
        return c"stormtag: there was no memory for a record; see Memory in the README of the filter".as_ptr();
    }
    let bytes = match usize::try_from(length) {
        // SAFETY: as the caller promises; nothing writes there before this function returns.
        Ok(length) => unsafe { std::slice::from_raw_parts(record.cast::<u8>(), length) },
        Err(_) => return record,
    };
    // No thread-local while a thread ends, and no memory for a copy: the record itself ends with NUL.
    FILTER.try_with(|filter| filter.run(bytes, i64::from(seconds))).ok().flatten().unwrap_or(record)
}

/// The filter behind [`stormtag_filter`], of this thread: the corpus gives it workers of its own.
#[doc(hidden)]
pub fn with_filter<T>(run: impl FnOnce(&Filter) -> T) -> T {
    FILTER.with(run)
}

/// Called by the runtime once, before all else. With it the module is a reactor in the words of WASI; without it, the linker would have each
/// call construct everything anew.
#[cfg(target_family = "wasm")]
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the linker provides it, and the runtime calls this once.
    unsafe { __wasm_call_ctors() };
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::ptr::null;

    use super::*;

    #[test]
    fn there_is_always_an_answer() {
        let text = |answer: *const c_char| {
            assert!(!answer.is_null());
            // SAFETY: what the filter returns ends with NUL.
            unsafe { CStr::from_ptr(answer) }.to_str().unwrap().to_owned()
        };
        // SAFETY: NULL is allowed.
        assert!(text(unsafe { stormtag_filter(null(), 0, 0, 0, null(), 10) }).contains("no memory"));
        let record = c"{\"a\":1}";
        // SAFETY: seven bytes and a NUL.
        assert_eq!(text(unsafe { stormtag_filter(null(), 0, 0, 0, record.as_ptr(), 7) }), "{\"a\":1}");
        // SAFETY: as above.
        assert_eq!(text(unsafe { stormtag_filter(null(), 0, u32::MAX, 0, record.as_ptr(), 0) }), "");
    }
}
