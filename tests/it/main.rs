//! The public API, from outside. One binary with modules: it links once.

mod geo;
mod mmdb;
