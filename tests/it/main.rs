//! Tests through the public door, linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod behaviours;
// Real files are compressed.
#[cfg(feature = "compression")]
mod bytes;
#[cfg(feature = "config")]
mod config;
mod corpus;
mod counters;
#[cfg(feature = "compression")]
mod data;
mod delta;
mod documents;
#[cfg(feature = "compression")]
mod doors;
#[cfg(feature = "compression")]
mod extract;
#[cfg(feature = "compression")]
mod feeds;
#[cfg(feature = "compression")]
mod files;
#[cfg(feature = "compression")]
mod formats;
#[cfg(feature = "compression")]
mod geo;
#[cfg(feature = "compression")]
mod golden;
#[cfg(feature = "compression")]
mod known_hits;
#[cfg(feature = "compression")]
mod limits;
mod maps;
mod mmdb;
#[cfg(feature = "compression")]
mod naming;
mod oracle;
#[cfg(feature = "compression")]
mod published;
#[cfg(feature = "config")]
mod reload;
mod report;
mod scoring;
#[cfg(feature = "config")]
mod settings;
mod sightings;
#[cfg(feature = "compression")]
mod stix;
#[cfg(feature = "compression")]
mod twin;
