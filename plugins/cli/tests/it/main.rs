//! The program as a user calls it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod ask;
mod brief;
mod compile;
mod compressed;
mod ends;
mod enrich;
mod program;
