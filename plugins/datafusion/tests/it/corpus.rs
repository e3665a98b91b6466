//! The corpus of stormtag, value by value and event by event, against what `Worker` says.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;
use serde_json::{Value, json};
use stormtag::{FieldMap, Kind, Live, Schema};

use super::case::{Case, files};
use super::{call, called, json};

#[test]
fn every_case_through_this_door() {
    let (mut values, mut events) = (0, 0);
    for (file, list) in files() {
        for case in &list {
            let live = Live::new(case.builder().build().0);
            for (event, number) in case.event.iter().zip(1..) {
                let place = format!("{file}: {}: event {number}", case.name);
                let pairs: Vec<_> = event.values.iter().filter_map(|value| value.split_once(' ')).collect();
                let pairs = pairs.iter().filter_map(|(kind, text)| Some((Kind::from_str(kind).ok()?, *text)));
                let pairs: Vec<_> = pairs.collect();
                for &(kind, text) in &pairs {
                    check_value(&place, &live, kind, text);
                    values += 1;
                }
                if !pairs.is_empty() && event.at.is_none_or(|at| at.abs() < 1 << 40) {
                    check_event(&place, case, &live, &pairs, event.at);
                    events += 1;
                }
            }
        }
    }
    assert!(values >= 80 && events >= 60, "{values} values, {events} events");
}

fn check_value(place: &str, live: &Live, kind: Kind, text: &str) {
    let mut worker = live.worker();
    let found = worker.look_up(kind, text).map(|finding| {
        let said = finding.matches().map(|found| json!([found.indicator(), found.record().source]));
        (said.collect::<Vec<_>>(), finding.asn().map(|asn| asn.number))
    });
    let (expected, asn) = found.unwrap_or_default();
    let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let said = called(live, "find_threats", &column, Some(kind.name()));
    let said: Vec<_> =
        said[0].as_array().unwrap().iter().map(|said| json!([said["indicator"], said["source"]])).collect();
    assert_eq!(said, expected, "{place}: {kind} {text}");
    assert_eq!(
        called(live, "is_threat", &column, Some(kind.name())),
        [json!(!expected.is_empty())],
        "{place}: {kind} {text}"
    );
    if kind == Kind::Ip {
        assert_eq!(called(live, "asn", &column, None)[0]["number"].as_u64(), asn.map(u64::from), "{place}: {text}");
    }
}

/// `attribute` of the values of an event says what a worker says of an event with these values.
fn check_event(place: &str, case: &Case, live: &Live, pairs: &[(Kind, &str)], at: Option<i64>) {
    let mut args = Vec::new();
    let (mut event, mut fields) = (serde_json::Map::new(), String::new());
    for ((kind, text), number) in pairs.iter().zip(0..) {
        args.push(ColumnarValue::Array(Arc::new(StringArray::from(vec![*text])) as ArrayRef));
        args.push(ColumnarValue::Scalar(ScalarValue::from(kind.name())));
        event.insert(format!("f{number}"), json!(text));
        fields += &format!("f{number} {kind}\n");
    }
    args.extend(at.map(|at| ColumnarValue::Scalar(ScalarValue::TimestampSecond(Some(at), None))));
    let mut worker = live.worker();
    worker.set_fields(FieldMap::parse("case", &fields).unwrap()).set_clock(at);
    let native = json!(worker.enrich(&event).patch(Schema::Native));
    let mut expected = native["stormtag"]["attributions"].as_array().cloned().unwrap_or_default();
    expected.iter_mut().for_each(normal);
    let array = call(live, "attribute", args, 1).unwrap().into_array(1).unwrap();
    let batch = datafusion::arrow::array::RecordBatch::try_from_iter_with_nullable([("it", array, true)]).unwrap();
    let mut made = json(&[batch]).unwrap()[0]["it"].as_array().unwrap().clone();
    made.iter_mut().for_each(normal);
    assert_eq!(made, expected, "{place}: {}", case.name);
}

/// Without lists that are empty, which events do not write.
fn normal(attribution: &mut Value) {
    attribution.as_object_mut().unwrap().retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
}
