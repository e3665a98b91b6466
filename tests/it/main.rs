//! Integration tests, linked once.

mod data;
mod feeds;
