//! From a file to its objects, each in its newest version, with an account of the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::BufRead;
use std::path::Path;

use foldhash::fast::RandomState;

use super::Object;
use super::objects::{Damage, Objects};
use crate::error::Error;
use crate::feed::{Reason, Rejections};
use crate::time::{Instant, instant};

/// What became of the objects of a file: `items` is the sum of what was kept, rejected and passed over.
pub(crate) struct Read<T> {
    /// What the caller made of each object, in the order of the file.
    pub(crate) kept: Vec<Kept<T>>,
    /// Objects in the file; what broke off counts as one.
    pub(crate) items: u64,
    /// Objects that could not be read.
    pub(crate) rejected: Rejections,
    /// Other versions of objects that were kept.
    pub(crate) passed: Rejections,
}

/// An object in its newest version.
pub(crate) struct Kept<T> {
    pub(crate) position: u64,
    pub(crate) id: Box<str>,
    pub(crate) made: T,
    modified: Option<Instant>,
}

/// Reads all objects. `make` takes from each what its caller needs; the rest is forgotten at once.
///
/// Of several versions of an object, that modified last counts, and of equals the first.
///
/// # Errors
///
/// If the bytes cannot be read, or are no JSON from their beginning on. A file that breaks off after its first object is cut
/// there, with [`Reason::BrokenOff`].
pub(crate) fn read<T>(
    reader: impl BufRead,
    path: &Path,
    mut make: impl FnMut(&str, &Object<'_>) -> T,
) -> Result<Read<T>, Error> {
    let mut objects = Objects::new(reader);
    let mut read = Read { kept: Vec::new(), items: 0, rejected: Rejections::default(), passed: Rejections::default() };
    let mut known: HashMap<Box<str>, usize, RandomState> = HashMap::default();
    loop {
        let found = match objects.next() {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(read),
            Err(error) if read.items > 0 => {
                read.items += 1;
                read.rejected.add(read.items, &error.to_string(), Reason::BrokenOff);
                return Ok(read);
            }
            Err(error) if error.get_ref().is_some_and(|error| error.is::<Damage>()) => {
                return Err(Error::format(path, format!("no STIX objects: {error}")));
            }
            Err(error) => return Err(Error::io(path, error)),
        };
        read.items = found.position;
        let text = match found.text {
            Ok(text) => text,
            Err((start, reason)) => {
                read.rejected.add(found.position, &String::from_utf8_lossy(start), reason);
                continue;
            }
        };
        let Some(object) = Object::parse(text) else {
            let start = text.get(..256).unwrap_or(text);
            read.rejected.add(found.position, &String::from_utf8_lossy(start), Reason::Malformed);
            continue;
        };
        let id: Box<str> = object.id().unwrap_or_default().into();
        let modified = object.modified.text().as_deref().and_then(instant);
        let made = make(&object.kind(), &object);
        let kept = Kept { position: found.position, id, made, modified };
        if kept.id.is_empty() {
            read.kept.push(kept);
            continue;
        }
        match known.entry(kept.id.clone()) {
            Entry::Vacant(free) => {
                free.insert(read.kept.len());
                read.kept.push(kept);
            }
            Entry::Occupied(at) => {
                let older = match read.kept.get_mut(*at.get()) {
                    Some(other) if kept.modified > other.modified => std::mem::replace(other, kept),
                    _ => kept,
                };
                read.passed.add(older.position, &older.id, Reason::OtherVersion);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_modified_last_counts_wherever_it_stands() {
        let version = |name: &str, modified: &str| {
            format!(r#"{{"type":"tool","id":"tool--1","name":"{name}","modified":"{modified}"}}"#)
        };
        let versions = [
            version("a", "2024-01-01T00:00:00Z"),
            version("b", "2024-01-01T00:00:00.5Z"),
            version("c", "2024-01-01T00:00:00.250Z"),
            version("d", "2024-01-01T00:00:00.500000Z"),
            r#"{"type":"tool","id":"tool--1","name":"e"}"#.to_owned(),
        ];
        for turn in 0..versions.len() {
            let mut text = versions.clone();
            text.rotate_left(turn);
            let read = read(text.join("\n").as_bytes(), Path::new("test"), |_, object| object.name.text()).unwrap();
            let [kept] = &read.kept[..] else { panic!("{} kept", read.kept.len()) };
            let first = if turn == 2 || turn == 3 { "d" } else { "b" };
            assert_eq!(kept.made.as_deref(), Some(first), "{turn}");
            assert_eq!((read.items, read.passed.total(), read.rejected.total()), (5, 4, 0));
        }
    }

    #[test]
    fn every_object_is_accounted_for() {
        let text = r#"{"objects":[{"type":"a"},{"type":"a"},{},{"type":"a","type":"b"},{"id":"x"},{"type":"a"},{"ty"#;
        let read = read(text.as_bytes(), Path::new("test"), |_, _| ()).unwrap();
        assert_eq!((read.items, read.kept.len()), (7, 3));
        let counts: Vec<_> = read.rejected.counts().collect();
        assert_eq!(counts, [(Reason::BrokenOff, 1), (Reason::Malformed, 3)]);
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in ["evil.example", "<html>", "[1]", "{\"objects\":[{"] {
            let error = read(text.as_bytes(), Path::new("x.json"), |_, _| ()).err().unwrap();
            assert!(error.is_format() && error.to_string().starts_with("x.json: no STIX objects: "), "{error}");
        }
    }
}
