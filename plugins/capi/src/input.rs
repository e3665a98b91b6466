//! What comes from C: read with care, once.

use std::ffi::{CStr, c_char};

use crate::status::Fault;

/// The bytes at a pointer; NULL is an empty text if the length is 0.
///
/// # Safety
///
/// If `data` is not NULL, `length` bytes can be read there, and nobody writes them while they are used.
#[inline]
pub(crate) unsafe fn bytes<'a>(data: *const c_char, length: usize, what: &str) -> Result<&'a [u8], Fault> {
    // SAFETY: as the caller promises.
    unsafe { slice(data.cast::<u8>(), length, what) }
}

/// As [`bytes`], of elements.
///
/// # Safety
///
/// As [`bytes`], for `length` elements.
#[inline]
pub(crate) unsafe fn slice<'a, T>(data: *const T, length: usize, what: &str) -> Result<&'a [T], Fault> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Fault::null(what));
    }
    if !data.is_aligned() {
        return Err(Fault::invalid(format!("{what} is not aligned")));
    }
    // No object is larger; a longer one is a negative number that lost its sign.
    if length > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Fault::invalid(format!("{length} is no length for {what}")));
    }
    // SAFETY: neither NULL nor askew nor longer than memory, and readable, as the caller promises.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// As [`bytes`], of a text.
///
/// # Safety
///
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(data: *const c_char, length: usize, what: &str) -> Result<&'a str, Fault> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { bytes(data, length, what) }?;
    std::str::from_utf8(bytes)
        .map_err(|error| Fault::invalid(format!("{what} is no UTF-8 behind its first {} bytes", error.valid_up_to())))
}

/// A text that ends with NUL.
///
/// # Safety
///
/// If it is not NULL, a NUL follows in memory that can be read.
pub(crate) unsafe fn c_text<'a>(text: *const c_char, what: &str) -> Result<&'a [u8], Fault> {
    if text.is_null() {
        return Err(Fault::null(what));
    }
    // SAFETY: not NULL, and ends with NUL, as the caller promises.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Where something is to be written.
#[derive(Clone, Copy)]
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// If it is not NULL, a `T` can be written there until the call returns.
    #[inline]
    pub(crate) unsafe fn new(to: *mut T, what: &str) -> Result<Self, Fault> {
        if to.is_null() { Err(Fault::null(what)) } else { Ok(Self(to)) }
    }

    #[inline]
    pub(crate) fn write(self, value: T) {
        // SAFETY: whoever made it promised that it can be written. What stood there needs no dropping: plain data of C's.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// As [`Out::write`], where NULL says that nobody asks.
///
/// # Safety
///
/// As [`Out::new`].
#[inline]
pub(crate) unsafe fn write_if<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: not NULL, so it can be written, as the caller promises.
        unsafe { to.write_unaligned(value) }
    }
}
