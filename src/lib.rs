//! stormtag

mod error;

pub use error::Error;
