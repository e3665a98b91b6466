//! Texts that are given away.

use std::ffi::c_char;
use std::ptr;

/// A text that belongs to whoever asked for it, until he gives it to `stormtag_free`. A NUL stands behind it, which `length` does not count.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Bytes {
    /// UTF-8; NULL: none.
    pub data: *mut c_char,
    /// In bytes.
    pub length: usize,
}

impl Bytes {
    /// None.
    pub const NONE: Self = Self { data: ptr::null_mut(), length: 0 };

    pub(crate) fn new(text: String) -> Self {
        let length = text.len();
        let mut text = text.into_bytes();
        text.push(0);
        Self { data: Box::into_raw(text.into_boxed_slice()).cast(), length }
    }
}

/// Frees a text that a call gave away, and leaves NULL in its place, so that freeing it twice does nothing. NULL is allowed.
///
/// # Safety
///
/// `text` is NULL or points to a `stormtag_bytes` that a function of this library wrote, or that is all zero; nobody else uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stormtag_free(text: *mut Bytes) {
    if text.is_null() {
        return;
    }
    // SAFETY: not NULL, and points to one, as the caller promises.
    let Bytes { data, length } = unsafe { text.replace(Bytes::NONE) };
    if !data.is_null() {
        let text = ptr::slice_from_raw_parts_mut(data.cast::<u8>(), length + 1);
        // SAFETY: made by `Bytes::new` from a box of this length, and not freed yet: then NULL would stand here.
        drop(unsafe { Box::from_raw(text) });
    }
}
