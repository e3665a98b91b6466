//! Tests through the public door, linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

// Real files are compressed.
#[cfg(feature = "compression")]
mod bytes;
mod corpus;
#[cfg(feature = "compression")]
mod data;
#[cfg(feature = "compression")]
mod extract;
#[cfg(feature = "compression")]
mod feeds;
#[cfg(feature = "compression")]
mod geo;
#[cfg(feature = "compression")]
mod known_hits;
mod mmdb;
mod oracle;
