#![doc = include_str!("../README.md")]
//!
//! # How it fits together
//!
//! ```text
//!  LOADING: rare, may fail, one thread                QUERYING: always, cannot fail, many threads
//!
//!  feed files ──> Feed ─────┐                         event: JSON bytes, or any serde value
//!  catalogue ───> Catalog ──┤                           │  FieldMap: which path holds what
//!  allow-lists ─> AllowList ┤                           v
//!  .mmdb files ─> Geo ──────┤                         Observable   typed, in normal form
//!                           v                           │
//!                     IntelBuilder                      v
//!                           │  build                  Worker       one a thread: snapshot, cache, counters
//!                           v                           │  asks
//!                  (Intel, Report)                      v
//!                           │  publish                Intel        addresses · names · URLs · digests · words · Geo
//!                           v                           │
//!                         Live ── snapshot ──> Worker   v
//!                                                     Finding      matches, suppressed, ASN, place
//!                                                       │  gathered over the event
//!                                                       v
//!                                                     Enrichment   sightings, attributions with their evidence
//!                                                       │  Schema: ECS, OCSF, native
//!                                                       v
//!                                                     patch        merged into the event, or spliced into its bytes
//! ```

/// Runs the examples of the page.
#[cfg(doctest)]
#[doc = include_str!("../docs/attribution.md")]
struct AttributionPage;

mod allow;
mod attribution;
mod behaviour;
mod cache;
mod catalog;
#[cfg(feature = "config")]
mod config;
mod counters;
mod document;
mod enrichment;
mod error;
mod event;
mod expression;
mod extract;
mod feed;
mod generation;
mod geo;
mod grading;
mod intel;
mod live;
mod normal;
mod observable;
mod pattern;
mod ranges;
mod record;
#[cfg(feature = "config")]
mod reload;
mod report;
mod schema;
mod site;
mod slab;
mod special;
mod specificity;
mod stamp;
mod stix;
mod suffix;
mod swar;
mod time;
#[cfg(feature = "watch")]
mod watch;
mod worker;
#[cfg(feature = "sigma")]
mod yaml;

// What is loaded.
pub use allow::{AllowList, Expression, Mode, Substring, UnknownMode};
pub use behaviour::{Behaviour, Behaviours, Part, UnknownPart, Unusable};
pub use catalog::{Actor, Alias, Campaign, Catalog, Claim, Party, Software, Status, Technique};
pub use error::Error;
pub use feed::{Columns, Defaults, Feed, Format, Preset, Reason, Rejected, Rejections, UnknownFormat, Unmatchable};
pub use geo::{Anonymity, Asn, Geo, GeoDatabase, Place};
pub use normal::NotObservable;
pub use observable::{Kind, Observable, Shape};
pub use pattern::Pattern;
pub use record::{Indicator, Record, Severity, Tlp, Validity};

// What is made of it.
pub use generation::Generation;
pub use intel::{Allowed, Changed, Delta, Finding, Intel, IntelBuilder, Limits, Match, Subject};
pub use live::Live;
pub use report::{BehaviourReport, Report, SourceReport};

// How it is said in a file, and kept up to date.
#[cfg(feature = "config")]
pub use config::{AllowFiles, BehaviourFiles, Config, FeedFiles, Loaded, WhenEmpty};
#[cfg(feature = "config")]
pub use reload::{Outcome, Reloader};
#[cfg(feature = "watch")]
pub use watch::Watcher;

// What asks it.
pub use attribution::{Attribution, Evidence};
pub use counters::{ByKind, Counters};
pub use enrichment::{Enrichment, Located, Sighting};
pub use event::{FieldMap, Reads};
pub use extract::{Extractor, Found};
pub use schema::{Schema, Stamp, UnknownSchema};
pub use site::{Site, UnknownSite};
pub use worker::Worker;
