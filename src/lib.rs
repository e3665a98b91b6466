//! stormtag

mod error;
mod ranges;

pub use error::Error;
