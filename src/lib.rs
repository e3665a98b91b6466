//! stormtag

mod error;
mod geo;
mod ranges;

pub use error::Error;
pub use geo::{Anonymity, Asn, Geo, GeoDatabase, Place};
