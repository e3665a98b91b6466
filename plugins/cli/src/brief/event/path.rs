//! Where something stands in an event.

use serde_json::Value;

/// Shows all that stands at a path of names joined by dots. As field maps have it: nested objects and dotted keys are found alike, and an
/// array stands for its elements.
pub(crate) fn each<'v>(value: &'v Value, path: &str, see: &mut dyn FnMut(&'v Value)) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| each(element, path, see)),
        found if path.is_empty() => see(found),
        Value::Object(members) => {
            if let Some(found) = members.get(path) {
                each(found, "", see);
            }
            for (dot, _) in path.match_indices('.') {
                let Some((key, rest)) = path.split_at_checked(dot) else { continue };
                if let Some(inner) = members.get(key) {
                    each(inner, rest.get(1..).unwrap_or_default(), see);
                }
            }
        }
        _ => {}
    }
}

/// The first text at a path.
pub(crate) fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    let mut first = None;
    each(value, path, &mut |found| first = first.or(found.as_str()));
    first.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_dotted_mixed_and_in_arrays() {
        let cases = [
            (json!({"a": {"b": {"c": 1}}}), "[1]"),
            (json!({"a.b.c": 1}), "[1]"),
            (json!({"a.b": {"c": 1}}), "[1]"),
            (json!({"a": {"b.c": 1}}), "[1]"),
            (json!({"a": [{"b": [{"c": [1, [2]]}, 7, null]}, {"b.c": 3}]}), "[1,2,3]"),
            (json!({"a": {"b": {"c": {}}}}), "[{}]"),
            (json!({"a": {"b": {"c": []}}}), "[]"),
            (json!({"a": {"b": "c"}, "b": {"c": 1}, "c": 1, "": 1}), "[]"),
            (json!([{"a.b": {"c": "x"}}]), "[\"x\"]"),
            (json!("a.b.c"), "[]"),
        ];
        for (event, expected) in cases {
            let mut found = Vec::new();
            each(&event, "a.b.c", &mut |value| found.push(value));
            assert_eq!(serde_json::to_string(&found).unwrap(), expected, "{event}");
        }
    }

    #[test]
    fn text_is_the_first_that_is_one() {
        assert_eq!(text(&json!({"a": [1, null, {"x": 1}, "b", "c"]}), "a"), Some("b"));
        assert_eq!(text(&json!({"a": ""}), "a"), None);
    }
}
