//! stormtag

mod error;
mod feed;
mod geo;
mod normal;
mod observable;
mod pattern;
mod ranges;
mod record;

pub use error::Error;
pub use feed::{Defaults, Feed, Reason, Rejected, Rejections};
pub use geo::{Anonymity, Asn, Geo, GeoDatabase, Place};
pub use normal::NotObservable;
pub use observable::{Kind, Observable, Shape};
pub use pattern::Pattern;
pub use record::{Indicator, Record, Severity, Tlp, Validity};
