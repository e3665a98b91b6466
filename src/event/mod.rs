//! Events: where in them something stands that can be looked up.

mod fields;
mod read;
mod walk;

pub use fields::{FieldMap, Reads};

pub(crate) use fields::Node;
pub(crate) use read::read;
pub(crate) use walk::walk;
