//! Events as an attacker would make them.

use serde_json::json;
use stormtag::Schema;
use vrl::value::{ObjectMap, Value};

use super::{json, made, returned, value};

fn all_schemas(event: &Value) -> Vec<Value> {
    Schema::ALL.iter().map(|schema| made(&format!(". = enrich_threats(., \"{schema}\")"), event.clone())).collect()
}

/// An object around it, over and over.
fn wrapped(key: &str, depth: usize, inner: Value) -> Value {
    (0..depth).fold(inner, |inner, _| Value::Object([(key.into(), inner)].into()))
}

fn event(key: &str, value: Value) -> Value {
    Value::Object([(key.into(), value)].into())
}

#[test]
fn deep_nesting_is_passed_on() {
    // VRL itself copies and compares values of thousands of levels until the stack is full; readers of JSON stop at 128.
    for depth in [100, 130, 500] {
        for key in ["source", "x", "message"] {
            let event = wrapped(key, depth, Value::from("45.63.60.39"));
            for made in all_schemas(&event) {
                assert_eq!(made.get(vrl::path!(key)), event.get(vrl::path!(key)));
            }
            returned("attribute(.)", event.clone());
            returned("[find_threats(., \"ip\"), locate(.)]", event);
        }
        let arrays = (0..depth).fold(Value::from("45.63.60.39"), |inner, _| Value::Array(vec![inner]));
        all_schemas(&event("id.resp_h", arrays.clone()));
        // Where output goes.
        let inner = Value::Array(vec![arrays]);
        let event = Value::Object(
            [
                ("id.resp_h".into(), Value::from("45.63.60.39")),
                ("threat".into(), event("enrichments", inner.clone())),
                ("stormtag".into(), event("attributions", inner.clone())),
                ("osint".into(), inner),
            ]
            .into(),
        );
        all_schemas(&event);
    }
}

#[test]
fn bytes_that_are_no_text() {
    let bytes = |bytes: &'static [u8]| Value::from(bytes);
    for of in [&b"\xff45.63.60.39"[..], b"45.63.60.39\xff", b"\x80\x80", b"\0", b""] {
        let event = Value::Object([("id.resp_h".into(), bytes(of)), ("message".into(), bytes(of))].into());
        for made in all_schemas(&event) {
            assert_eq!(made.get(vrl::path!("id.resp_h")), event.get(vrl::path!("id.resp_h")), "bytes stay as they are");
        }
        assert_eq!(returned("find_threats(.id, \"ip\")", self::event("id", bytes(of))), Value::Array(vec![]));
        assert_eq!(returned("locate(.id)", self::event("id", bytes(of))), Value::Object(ObjectMap::new()));
    }
    // Bytes that are a text are one.
    let found = returned("find_threats(.id, \"ip\")", event("id", bytes(b"45.63.60.39")));
    assert_eq!(found.as_array().unwrap().len(), 1);
    let made = json(&made(". = enrich_threats(., \"native\")", event("id.resp_h", bytes(b"45.63.60.39"))));
    assert_eq!(made["stormtag"]["matches"][0]["value"], "45.63.60.39");
}

#[test]
fn large_arrays_take_no_longer_than_they_are() {
    let many: Vec<_> = (0..200_000).map(|number| json!({"n": number})).collect();
    let event = json!({
        "id.resp_h": "45.63.60.39", "threat": {"enrichments": many}, "related": {"ip": (0..200_000).collect::<Vec<_>>()},
    });
    let made = made(". = enrich_threats(., \"ecs\")", value(event));
    let list = made.get(vrl::path!("threat", "enrichments")).unwrap().as_array().unwrap();
    assert_eq!(list.len(), 200_001);
    let addresses: Vec<_> =
        (0..100_000).map(|number: u32| json!(format!("10.0.{}.{}", number >> 8 & 255, number & 255))).collect();
    assert_eq!(returned("find_threats(.x, \"ip\")", value(json!({"x": addresses}))), Value::Array(vec![]));
}

#[test]
fn empty_things() {
    for event in [
        json!({}),
        json!([]),
        json!(""),
        json!(null),
        json!({"": ""}),
        json!({"source": {}, "ts": []}),
        json!({".": {".": "45.63.60.39"}}),
    ] {
        for schema in Schema::ALL {
            let source = format!("enrich_threats(.x, \"{schema}\")");
            assert_eq!(json(&returned(&source, self::event("x", value(event.clone())))), event, "{source}");
        }
    }
}

#[test]
fn values_that_json_has_not() {
    let regex = returned("r'45.63.60.39'", value(json!({})));
    let event = Value::Object(
        [
            ("id.resp_h".into(), regex.clone()),
            ("ts".into(), Value::from_f64_or_zero(f64::INFINITY)),
            ("message".into(), Value::Integer(i64::MIN)),
        ]
        .into(),
    );
    for made in all_schemas(&event) {
        assert_eq!(made.get(vrl::path!("ts")), event.get(vrl::path!("ts")));
        assert_eq!(made.get(vrl::path!("message")), event.get(vrl::path!("message")));
    }
    // A regular expression is written as its text.
    let made = json(&made(". = enrich_threats(., \"native\")", event));
    assert_eq!(made["stormtag"]["matches"][0]["value"], "45.63.60.39");
}
