//! The public API, from outside. One binary with modules: it links once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod geo;
mod mmdb;
