//! The corpus through the doors of C: the same events, byte for byte, as `Worker::enrich_json` writes; and what is found, field by field.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../../../tests/it/corpus/case.rs"]
#[allow(dead_code, reason = "each door looks at another part")]
mod case;
#[path = "../../../tests/it/mmdb.rs"]
#[allow(dead_code, reason = "each door looks at another part")]
mod mmdb;

use std::ffi::c_char;
use std::ptr::{null, null_mut};

use case::{Case, Event, Seen};
use serde_json::Value as Json;
use stormtag::{Live, Schema};
use stormtag_capi::*;

type Enrich =
    unsafe extern "C" fn(*mut Worker, *const c_char, usize, *mut *const c_char, *mut usize, *mut usize) -> Status;

fn enriched(run: Enrich, worker: *mut Worker, line: &str) -> (String, usize) {
    let (mut out, mut length, mut matched) = (null(), 0, 0);
    // SAFETY: the line is there, the rest can be written.
    let status =
        unsafe { run(worker, line.as_ptr().cast(), line.len(), &raw mut out, &raw mut length, &raw mut matched) };
    assert_eq!(status, Status::Ok);
    (String::from_utf8(list(out.cast::<u8>(), length).to_vec()).unwrap(), matched)
}

/// A worker as the case and the event want it, and a handle of one.
fn workers(live: &Live, case: &Case, event: &Event, schema: Schema) -> (stormtag::Worker, *mut Worker) {
    let set_up = case.set_up(event, schema);
    let mut worker = live.worker();
    set_up(&mut worker);
    (worker, open_worker(live, set_up).unwrap())
}

/// JSON as values, which point to its texts.
fn values(json: &Json, into: &mut Vec<Value>) {
    let text = |text: &str| Value { kind: 4, length: text.len(), of: Content { text: text.as_ptr().cast() } };
    let value = |kind, length, integer| Value { kind, length, of: Content { integer } };
    match json {
        Json::Null => into.push(value(0, 0, 0)),
        Json::Bool(is) => into.push(value(1, 0, i64::from(*is))),
        Json::Number(number) => into.push(match number.as_i64() {
            Some(integer) => value(2, 0, integer),
            None => Value { kind: 3, length: 0, of: Content { number: number.as_f64().unwrap() } },
        }),
        Json::String(string) => into.push(text(string)),
        Json::Array(elements) => {
            into.push(value(5, elements.len(), 0));
            elements.iter().for_each(|element| values(element, into));
        }
        Json::Object(members) => {
            into.push(value(6, members.len(), 0));
            for (key, member) in members {
                into.push(text(key));
                values(member, into);
            }
        }
    }
}

/// Values as JSON; and what is left of them.
fn json(values: &[Value]) -> (Json, &[Value]) {
    let (first, mut rest) = values.split_first().unwrap();
    let mut next = || {
        let (json, behind) = json(rest);
        rest = behind;
        json
    };
    // SAFETY: the kind says which of them counts; here and below.
    let integer = || unsafe { first.of.integer };
    let json = match first.kind {
        0 => Json::Null,
        1 => Json::Bool(integer() != 0),
        2 => integer().into(),
        // SAFETY: as above.
        3 => unsafe { first.of.number }.into(),
        // SAFETY: as above.
        4 => text(Text { data: unsafe { first.of.text }, length: first.length }).unwrap().into(),
        5 => (0..first.length).map(|_| next()).collect(),
        6 => (0..first.length).map(|_| (next().as_str().unwrap().to_owned(), next())).collect(),
        kind => panic!("kind {kind}"),
    };
    (json, rest)
}

fn text(Text { data, length }: Text) -> Option<String> {
    (!data.is_null()).then(|| String::from_utf8(list(data.cast::<u8>(), length).to_vec()).unwrap())
}

fn list<'a, T>(first: *const T, count: usize) -> &'a [T] {
    // SAFETY: so many are there until the next call.
    if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(first, count) } }
}

fn seen(found: *const Found) -> Seen {
    let [found] = list(found, 1) else { unreachable!() };
    let mut seen = Seen::default();
    for sighting in list(found.sightings, found.sighting_count) {
        for one in list(sighting.matches, sighting.match_count) {
            let value = text(sighting.value).unwrap();
            let line = format!("{value} <- {} by {}", text(one.indicator).unwrap(), text(one.source).unwrap());
            match one.judgement {
                Judgement::Counts => {
                    let known = text(one.known_as).map_or(String::new(), |by| format!(" (known as {by})"));
                    seen.matches.push(line + &known);
                }
                Judgement::Suppressed => {
                    seen.suppressed.push(format!("{line}, allowed by {}", text(one.suppressed_by).unwrap()));
                }
                Judgement::Expired => seen.withheld.push(line + ", expired"),
                Judgement::NotYetValid => seen.withheld.push(line + ", not_yet_valid"),
            }
        }
    }
    for attribution in list(found.attributions, found.attribution_count) {
        let kind = if attribution.is_campaign { "campaign" } else { "actor" };
        let evidence = list(attribution.evidence, attribution.evidence_count);
        assert!(!evidence.is_empty(), "no score without evidence");
        let sum = 1.0 - evidence.iter().map(|evidence| 1.0 - evidence.strength).product::<f64>();
        assert!(attribution.score <= sum + 1e-9);
        let name = text(attribution.name).unwrap();
        seen.attributions.push(format!("{kind} {name} {}", (attribution.score * 100.0).round()));
    }
    let located = list(found.located, found.located_count);
    seen.located = located.iter().map(|located| text(located.field).unwrap()).collect();
    seen
}

#[test]
fn every_case_through_c() {
    let (mut cases, mut patches) = (0, 0);
    for (file, of_file) in case::files() {
        for case in &of_file {
            cases += 1;
            let live = Live::new(case.builder().build().0);
            for (event, number) in case.event.iter().zip(1..) {
                let place = format!("{file}: {}: event {number}", case.name);
                for &schema in Schema::ALL {
                    let (mut rust, handle) = workers(&live, case, event, schema);
                    as_bytes(&place, &event.line(), &mut rust, handle);
                    patches += usize::from(as_values(&place, &event.value(), &mut rust, handle, schema));
                    assert_eq!(stormtag_worker_close(handle), Status::Ok);
                }
                let (_, handle) = workers(&live, case, event, Schema::Native);
                field_by_field(&place, event, handle);
                assert_eq!(stormtag_worker_close(handle), Status::Ok);
            }
        }
    }
    assert!(cases >= 70 && patches >= 200, "{cases} cases, {patches} patches");
    assert_eq!(stormtag_worker_close(null_mut()), Status::Null);
}

fn as_bytes(place: &str, line: &str, rust: &mut stormtag::Worker, handle: *mut Worker) {
    let mut expected = Vec::new();
    let is_match = usize::from(rust.enrich_json(line.as_bytes(), &mut expected));
    let expected = (String::from_utf8(expected).unwrap(), is_match);
    for _ in ["first", "second"] {
        assert_eq!(enriched(stormtag_enrich_json, handle, line), expected, "{place}");
    }
    if !line.contains('\n') {
        assert_eq!(enriched(stormtag_enrich_lines, handle, line), expected, "{place}, in a block");
        let twice = enriched(stormtag_enrich_lines, handle, &format!("{line}\n{line}\n"));
        assert_eq!(twice, (format!("{0}\n{0}\n", expected.0), 2 * is_match), "{place}, twice");
    }
    let mut raw = Vec::new();
    rust.enrich_text(line.as_bytes(), &mut raw);
    assert_eq!(enriched(stormtag_enrich_text, handle, line).0.as_bytes(), raw, "{place}, as text");
}

/// Says whether there was anything to be merged.
fn as_values(place: &str, event: &Json, rust: &mut stormtag::Worker, handle: *mut Worker, schema: Schema) -> bool {
    let mut given = Vec::new();
    values(event, &mut given);
    let (mut patch, mut count, mut matched) = (null(), 0, 0);
    let (out, out_count) = (&raw mut patch, &raw mut count);
    // SAFETY: the values are there, the rest can be written.
    let status =
        unsafe { stormtag_enrich_values(handle, given.as_ptr(), given.len(), out, out_count, &raw mut matched) };
    assert_eq!(status, Status::Ok, "{place}");
    let enrichment = rust.enrich(event);
    let is_match = enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some());
    assert_eq!(matched, usize::from(is_match), "{place}");
    let expected = serde_json::to_value(enrichment.patch(schema)).unwrap();
    let patch = list(patch, count);
    let told = if patch.is_empty() { (serde_json::json!({}), patch) } else { json(patch) };
    assert_eq!((told.0, told.1.len()), (expected, 0), "{place}, as values");
    count > 0
}

fn field_by_field(place: &str, event: &Event, handle: *mut Worker) {
    let (line, mut found) = (event.line(), null());
    // SAFETY: the line is there, `found` can be written.
    let status = unsafe { stormtag_find_json(handle, line.as_ptr().cast(), line.len(), &raw mut found) };
    assert_eq!(status, Status::Ok);
    assert_eq!(seen(found), event.expected, "{place}, field by field");
    let (json, mut given) = (event.value(), Vec::new());
    values(&json, &mut given);
    // SAFETY: the values are there, `found` can be written.
    let status = unsafe { stormtag_find_values(handle, given.as_ptr(), given.len(), &raw mut found) };
    assert_eq!(status, Status::Ok);
    assert_eq!(seen(found), event.expected, "{place}, of values");
}
