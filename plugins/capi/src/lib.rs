#![doc = include_str!("../README.md")]

mod bytes;
mod config;
mod found;
mod handle;
mod input;
mod status;
mod values;
mod worker;

use std::ffi::c_char;

pub use bytes::{Bytes, stormtag_free};
pub use config::{
    Config, Outcome, stormtag_close, stormtag_generation, stormtag_is_notified, stormtag_next_outcome, stormtag_open,
    stormtag_parse, stormtag_reload, stormtag_report, stormtag_watch,
};
pub use found::{Attribution, Evidence, Found, Judgement, Located, Match, Sighting, Text, Texts};
pub use status::{Status, stormtag_last_error, stormtag_status_name};
pub use values::{Content, Value, ValueKind};
pub use worker::{
    Worker, open_worker, stormtag_counters, stormtag_enrich_json, stormtag_enrich_lines, stormtag_enrich_text,
    stormtag_enrich_values, stormtag_find_json, stormtag_find_text, stormtag_find_values, stormtag_look_up,
    stormtag_set_clock, stormtag_worker_close, stormtag_worker_open,
};

/// The ABI that this header describes.
pub const STORMTAG_ABI_VERSION: u32 = 1;

/// The ABI of the library that is loaded. If it is not `STORMTAG_ABI_VERSION`, the program was built with the header of another one.
/// It grows when something is no longer as it was; functions that are added do not change it.
#[unsafe(no_mangle)]
pub extern "C" fn stormtag_abi_version() -> u32 {
    STORMTAG_ABI_VERSION
}

/// The version of the library, such as `0.1.0`. Never NULL; stays for as long as the library is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn stormtag_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
