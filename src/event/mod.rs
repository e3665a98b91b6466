//! Events: where in them something stands that can be looked up.

mod fields;
mod walk;

pub use fields::{FieldMap, Reads};

pub(crate) use fields::{Field, Node};
pub(crate) use walk::walk;
