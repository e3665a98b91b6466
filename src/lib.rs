//! stormtag

mod allow;
mod error;
mod feed;
mod normal;
mod observable;
mod pattern;
mod record;
mod time;

pub use allow::{AllowList, Expression, Mode, Substring, UnknownMode};
pub use error::Error;
pub use feed::{Columns, Defaults, Feed, Format, Reason, Rejected, Rejections, UnknownFormat};
pub use normal::NotObservable;
pub use observable::{Kind, Observable, Shape};
pub use pattern::Pattern;
pub use record::{Indicator, Record, Severity, Tlp, Validity};
