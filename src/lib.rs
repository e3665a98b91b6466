//! stormtag

mod allow;
mod catalog;
mod error;
mod event;
mod feed;
mod geo;
mod intel;
mod normal;
mod observable;
mod pattern;
mod ranges;
mod record;
mod special;
mod swar;

pub use allow::{AllowList, Mode};
pub use catalog::{Actor, Alias, Campaign, Catalog, Claim, Party, Software, Status};
pub use error::Error;
pub use event::{FieldMap, Reads};
pub use feed::{Defaults, Feed, Reason, Rejected, Rejections};
pub use geo::{Anonymity, Asn, Geo, GeoDatabase, Place};
pub use intel::{Allowed, Finding, Intel, IntelBuilder, Limits, Match, Report, SourceReport, Subject};
pub use normal::NotObservable;
pub use observable::{Kind, Observable, Shape};
pub use pattern::Pattern;
pub use record::{Indicator, Record, Severity, Tlp, Validity};
