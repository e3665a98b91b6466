//! What the fuzz targets hold the library to. Each target is a line that calls one function here with the bytes it is given.
//!
//! Nothing here asks only for "no panic": each function states what must be true of the answer, whatever the bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod allow;
mod behaviour;
mod catalog;
mod config;
#[path = "../../tests/it/doors.rs"]
#[allow(dead_code)]
mod doors;
mod event;
mod feed;
mod geo;
mod grow;
mod memory;
mod text;
#[path = "../../tests/it/twin.rs"]
#[allow(dead_code)]
mod twin;
mod value;

pub use allow::{allow_text, warninglist};
pub use behaviour::{behaviours, sigma};
pub use catalog::{catalog, catalog_entries};
pub use config::{config, fields};
pub use event::{json, lines};
pub use feed::{feed, misp_folder, pattern, table, whatever};
pub use geo::mmdb;
pub use text::{extract, refang};
pub use value::value;

/// What every error of loading keeps: it names what it is about, and does not grow with what it is about.
fn is_an_error(error: &stormtag::Error, name: &str) {
    let text = error.to_string();
    assert!(text.starts_with(name), "{text}");
    assert!(text.len() <= 4096, "{} bytes: {text}", text.len());
}
