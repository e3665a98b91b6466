//! Merges a patch into an event: objects merge, arrays append what they do not hold yet, a scalar already present stays.
//!
//! As stormtag does with the bytes of a line. Where the event spells a member with dots, `"source.ip"`, what is added beside it is
//! spelled so too.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Bound;

use vrl::value::{KeyString, ObjectMap, Value};

/// Merges the patch into the event.
pub(crate) fn merge(event: &mut ObjectMap, patch: ObjectMap) {
    for (key, addition) in patch {
        add(event, key, addition);
    }
}

fn add(event: &mut ObjectMap, key: KeyString, addition: Value) {
    if let Some(there) = event.get_mut(&*key) {
        match (there, addition) {
            (Value::Object(there), Value::Object(addition)) => merge(there, addition),
            (Value::Array(there), Value::Array(addition)) => append(there, addition),
            _ => {}
        }
        return;
    }
    match addition {
        Value::Object(addition) if is_spelled_with_dots(event, &key) => {
            for (name, value) in addition {
                add(event, format!("{key}.{name}").into(), value);
            }
        }
        addition => drop(event.insert(key, addition)),
    }
}

/// Whether a key begins with this one and a dot.
fn is_spelled_with_dots(event: &ObjectMap, key: &str) -> bool {
    let dotted = format!("{key}.");
    let mut behind = event.range::<str, _>((Bound::Included(&*dotted), Bound::Unbounded));
    behind.next().is_some_and(|(other, _)| other.starts_with(&dotted))
}

/// Appends what the array does not hold. What two elements are written as in JSON tells whether they are the same.
fn append(there: &mut Vec<Value>, addition: Vec<Value>) {
    if there.is_empty() {
        *there = addition;
        return;
    }
    // By their hash, for the event may hold many. What it holds is not hashed deeper than what could be the same.
    let hashes = RandomState::new();
    let mut added: HashMap<u64, Vec<(usize, Value)>> = HashMap::new();
    for (at, item) in addition.into_iter().enumerate() {
        added.entry(hash(&item, &hashes)).or_default().push((at, item));
    }
    for held in there.iter() {
        if let Some(same) = added.get_mut(&hash(held, &hashes)) {
            same.retain(|(_, item)| !is_same(held, item));
        }
    }
    let mut left: Vec<(usize, Value)> = added.into_values().flatten().collect();
    left.sort_unstable_by_key(|&(at, _)| at);
    there.extend(left.into_iter().map(|(_, item)| item));
}

/// What is nested deeper tells no elements apart by their hash; patches are not.
const DEPTH: u32 = 16;

fn hash(value: &Value, hashes: &RandomState) -> u64 {
    let mut hasher = hashes.build_hasher();
    hash_into(value, DEPTH, &mut hasher);
    hasher.finish()
}

fn hash_into(value: &Value, depth: u32, into: &mut impl Hasher) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            key.hash(into);
            hash_into(value, depth, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| hash_into(item, depth, into)),
        Value::Integer(number) => number.hash(into),
        Value::Boolean(is) => is.hash(into),
        // Texts are the same in whatever form VRL holds them; the few floats are told apart by comparing.
        _ => text_of(value).hash(into),
    }
}

/// Whether both are written in the same way.
fn is_same(held: &Value, item: &Value) -> bool {
    match (held, item) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((key, a), (other, b))| key == other && is_same(a, b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        _ => held == item || text_of(held).is_some_and(|text| Some(text) == text_of(item)),
    }
}

/// What is written as a text.
fn text_of(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::Timestamp(_) | Value::Regex(_) => Some(value.to_string_lossy()),
        _ if value.is_bytes() => Some(value.to_string_lossy()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(json: serde_json::Value) -> Value {
        serde_json::from_value(json).unwrap()
    }

    fn merged(event: Value, patch: serde_json::Value) -> Value {
        let (Value::Object(mut event), Value::Object(patch)) = (event, value(patch)) else { panic!("no objects") };
        merge(&mut event, patch);
        Value::Object(event)
    }

    #[test]
    fn objects_merge_arrays_append_scalars_stay() {
        let patch = json!({"source": {"geo": {"city": "Bern"}, "n": 1}, "list": [3]});
        for (event, expected) in [
            (json!({}), patch.clone()),
            (
                json!({"source": {"geo": {"city": "Uri"}}, "list": [1, 2]}),
                json!({"source": {"geo": {"city": "Uri"}, "n": 1}, "list": [1, 2, 3]}),
            ),
            (json!({"source": "x", "list": {}}), json!({"source": "x", "list": {}})),
            (json!({"source": null, "list": [3.0, "3"]}), json!({"source": null, "list": [3.0, "3", 3]})),
            (
                json!({"source-ip": 1, "source.geo.zip": 1, "sources.x": 2, "list": []}),
                json!({"source-ip": 1, "source.geo.zip": 1, "sources.x": 2, "list": [3], "source.geo.city": "Bern", "source.n": 1}),
            ),
            (
                json!({"source.geo": {"zip": 1}, "list": [3]}),
                json!({"source.geo": {"zip": 1, "city": "Bern"}, "list": [3], "source.n": 1}),
            ),
        ] {
            assert_eq!(merged(value(event.clone()), patch.clone()), value(expected), "{event}");
        }
    }

    #[test]
    fn what_is_written_alike_is_not_appended_again() {
        let patch = json!({"list": [{"at": "2024-01-12T17:45:09Z", "to": ["x"]}, {"at": "2024-01-12T17:45:09Z", "to": ["y"]}, "z", "z"]});
        let mut event = value(json!({"list": [{"to": ["x"]}, 1.5, null, "z"]}));
        if let Some(Value::Array(list)) = event.get_mut(vrl::path!("list")) {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_705_081_509);
            if let Some(Value::Object(first)) = list.first_mut() {
                first.insert("at".into(), Value::Timestamp(time.into()));
            }
        }
        let Value::Object(done) = merged(event.clone(), patch) else { panic!() };
        let list = done["list"].as_array().unwrap();
        assert_eq!(list.len(), 5, "{list:?}");
        assert_eq!(list[4], value(json!({"at": "2024-01-12T17:45:09Z", "to": ["y"]})));
    }

    #[test]
    fn what_is_nested_deeply_or_large_is_compared_too() {
        let deep = |end: i64| (0..60).fold(json!(end), |inner, _| json!([inner]));
        let patch = json!({"list": [deep(1), deep(2)]});
        assert_eq!(merged(value(json!({"list": [deep(2)]})), patch), value(json!({"list": [deep(2), deep(1)]})));
        let many: Vec<_> = (0..200_000).collect();
        let Value::Object(done) = merged(value(json!({"list": many})), json!({"list": [-1, 199_999]})) else {
            panic!()
        };
        assert_eq!(done["list"].as_array().unwrap().len(), 200_001);
    }
}
