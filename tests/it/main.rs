//! Tests through the public door, linked once.

// Real files are compressed.
#[cfg(feature = "compression")]
mod bytes;
#[cfg(feature = "compression")]
mod data;
#[cfg(feature = "compression")]
mod feeds;
#[cfg(feature = "compression")]
mod geo;
mod mmdb;
mod oracle;
