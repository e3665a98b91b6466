//! stormtag

mod error;
#[allow(dead_code, unused_imports)] // until observables and patterns use it
mod normal;

pub use error::Error;
pub use normal::NotObservable;
