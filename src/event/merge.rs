//! Merges a patch into the bytes of a line, whatever stands there: objects merge, arrays append what they do not hold yet, a scalar
//! already present stays.
//!
//! The way of the few: most lines have nothing where output goes, and are spliced without this. What was there stays byte for
//! byte. Where the line spells a member with dots, `"source.ip"`, what is added beside it is spelled so too.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr2;
use serde::Serialize;
use serde_json::{Map, Value};

use super::escapes;

/// Appends the line with the patch merged into it. `line` is a valid JSON object.
pub(crate) fn merge(line: &[u8], patch: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut inserts = Vec::new();
    let start = space(line, 0);
    object(line, start, patch, &mut inserts);
    inserts.sort_by_key(|&(at, _)| at);
    let mut done = 0;
    for (at, text) in inserts {
        out.extend_from_slice(line.get(done..at).unwrap_or_default());
        out.extend_from_slice(&text);
        done = at;
    }
    out.extend_from_slice(line.get(done..).unwrap_or_default());
}

/// A member of an object: its key, and where its value begins.
struct Member<'l> {
    key: Cow<'l, str>,
    value: usize,
}

/// Plans what goes into the object at `open`.
fn object(line: &[u8], open: usize, patch: &Map<String, Value>, inserts: &mut Vec<(usize, Vec<u8>)>) {
    let (members, close) = members(line, open);
    let mut added = Vec::new();
    level(line, &members, "", patch, &mut added, inserts);
    let mut text = Vec::new();
    for (key, value) in added {
        if !text.is_empty() || !members.is_empty() {
            text.push(b',');
        }
        write(&*key, &mut text);
        text.push(b':');
        write(value, &mut text);
    }
    if !text.is_empty() {
        inserts.push((close, text));
    }
}

/// Plans one level of the patch, whose keys stand in the line behind `prefix`.
fn level<'p>(
    line: &[u8],
    members: &[Member<'_>],
    prefix: &str,
    patch: &'p Map<String, Value>,
    added: &mut Vec<(Cow<'p, str>, &'p Value)>,
    inserts: &mut Vec<(usize, Vec<u8>)>,
) {
    for (name, value) in patch {
        let key = if prefix.is_empty() { Cow::Borrowed(&**name) } else { Cow::Owned(format!("{prefix}{name}")) };
        // Of a key that stands twice the last counts, as for parsers.
        if let Some(member) = members.iter().rfind(|member| member.key == key) {
            match (value, line.get(member.value)) {
                (Value::Object(patch), Some(b'{')) => object(line, member.value, patch, inserts),
                (Value::Array(items), Some(b'[')) => append(line, member.value, items, inserts),
                _ => {}
            }
            continue;
        }
        let is_below = |member: &Member<'_>| member.key.strip_prefix(&*key).is_some_and(|rest| rest.starts_with('.'));
        match value {
            Value::Object(patch) if members.iter().any(is_below) => {
                level(line, members, &format!("{key}."), patch, added, inserts);
            }
            _ => added.push((key, value)),
        }
    }
}

/// Appends those of the items that the array does not hold.
fn append(line: &[u8], open: usize, items: &[Value], inserts: &mut Vec<(usize, Vec<u8>)>) {
    let mut held = HashSet::new();
    let mut at = space(line, open + 1);
    let empty = line.get(at) == Some(&b']');
    while line.get(at).is_some_and(|&byte| byte != b']') {
        let end = skip(line, at);
        // Read and written again: the same value may be spelled in several ways.
        if let Ok(element) = serde_json::from_slice::<Value>(line.get(at..end).unwrap_or_default()) {
            held.insert(written(&element));
        }
        at = space(line, end);
        if line.get(at) == Some(&b',') {
            at = space(line, at + 1);
        }
    }
    let mut text = Vec::new();
    for item in items {
        let item = written(item);
        if held.contains(&item) {
            continue;
        }
        if !empty || !text.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(&item);
    }
    inserts.push((at, text));
}

fn written(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    write(value, &mut text);
    text
}

fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Writing a value to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// The members of the object at `open`, and where its closing brace stands.
fn members(line: &[u8], open: usize) -> (Vec<Member<'_>>, usize) {
    let mut members = Vec::new();
    let mut at = space(line, open + 1);
    while line.get(at) == Some(&b'"') {
        let end = skip(line, at);
        let key = escapes::text(line.get(at + 1..end.saturating_sub(1)).unwrap_or_default());
        at = space(line, end);
        let value = space(line, at + 1);
        members.push(Member { key, value });
        at = space(line, skip(line, value));
        if line.get(at) == Some(&b',') {
            at = space(line, at + 1);
        }
    }
    (members, at)
}

pub(super) fn space(line: &[u8], mut at: usize) -> usize {
    while matches!(line.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The place behind the value at `at`.
pub(super) fn skip(line: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match line.get(at) {
            None => return at,
            Some(b'"') => {
                at += 1;
                while let Some(more) = line.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
                    at += more + 1;
                    if line.get(at - 1) == Some(&b'"') {
                        break;
                    }
                    at += 1;
                }
            }
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
                continue;
            }
            Some(b'}' | b']') => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') => {
                at += 1;
                continue;
            }
            Some(_) => {
                while line
                    .get(at)
                    .is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
                {
                    at += 1;
                }
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(line: &str, patch: &Value) -> String {
        let mut out = Vec::new();
        merge(line.as_bytes(), patch.as_object().unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_an_array_holds_is_not_appended_again() {
        let patch = json!({"profiles": ["osint"], "list": [{"b": [1], "a": "x"}, "y"]});
        for (line, expected) in [
            (r#"{"profiles":["\u006fsint"],"list":["y",{"a":"x", "b":[ 1]}]}"#, None),
            (
                r#"{"profiles":["host"],"list":[{"a":"x"},["y"]]}"#,
                Some(r#"{"profiles":["host","osint"],"list":[{"a":"x"},["y"],{"a":"x","b":[1]},"y"]}"#),
            ),
        ] {
            assert_eq!(merged(line, &patch), expected.unwrap_or(line), "{line}");
        }
    }

    #[test]
    fn objects_merge_arrays_append_scalars_stay() {
        let patch = json!({"source": {"geo": {"city": "Bern"}, "n": 1}, "list": [3]});
        for (line, expected) in [
            ("{}", r#"{"list":[3],"source":{"geo":{"city":"Bern"},"n":1}}"#),
            (r#"{"x":1.50}"#, r#"{"x":1.50,"list":[3],"source":{"geo":{"city":"Bern"},"n":1}}"#),
            (
                r#"{"source":{"geo":{"city":"Uri"}},"list":[1, 2]}"#,
                r#"{"source":{"geo":{"city":"Uri"},"n":1},"list":[1, 2,3]}"#,
            ),
            (
                r#"{"source":{"n":2},"list":[ 3 ,"3",[{"a":1}]]}"#,
                r#"{"source":{"n":2,"geo":{"city":"Bern"}},"list":[ 3 ,"3",[{"a":1}]]}"#,
            ),
            (r#"{"source":"x","list":{}}"#, r#"{"source":"x","list":{}}"#),
            (r#"{"source": { } , "list": [ ] }"#, r#"{"source": { "geo":{"city":"Bern"},"n":1} , "list": [ 3] }"#),
            (
                r#"{"source.geo.zip":1,"list":[]}"#,
                r#"{"source.geo.zip":1,"list":[3],"source.geo.city":"Bern","source.n":1}"#,
            ),
            (
                r#"{"source.geo":{"zip":1},"list":[]}"#,
                r#"{"source.geo":{"zip":1,"city":"Bern"},"list":[3],"source.n":1}"#,
            ),
        ] {
            assert_eq!(merged(line, &patch), expected, "{line}");
        }
    }
}
