//! Events: where in them something stands that can be looked up.

mod escapes;
mod fields;
mod json;
mod mapping;
mod merge;
mod number;
mod path;
mod plan;
mod read;
mod shape;
mod tokens;
mod walk;

pub(crate) use escapes::decode;
pub(crate) use fields::Field;
pub use fields::{FieldMap, Reads};

pub(crate) use json::{Form, Hit, Line, Scan};
pub(crate) use mapping::Mapping;
pub(crate) use merge::merge;
pub(crate) use number::{decode_number, is_plain_number};
pub(crate) use path::paths;
pub(crate) use read::{is_nothing, read, whole};
pub(crate) use tokens::Object;
pub(crate) use walk::{walk, walk_with_trails};
