//! Columns of every type, with nulls, sliced, against what `Worker` says of each text.

use std::cell::RefCell;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, DictionaryArray, Int8Array, StringArray, TimestampMillisecondArray,
    UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int8Type, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;
use proptest::prelude::*;
use serde_json::{Value, json};
use stormtag::{Feed, Indicator, IntelBuilder, Kind, Live, Pattern, Record, Worker};

use super::{SAMPLE, call, called};

/// As which types texts come.
fn types() -> Vec<DataType> {
    let plain = [
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
    ];
    let keys = [DataType::Int8, DataType::Int32, DataType::Int64, DataType::UInt16, DataType::UInt32, DataType::UInt64];
    let values = [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View, DataType::Binary];
    let dictionary =
        |key: &DataType, value: &DataType| DataType::Dictionary(Box::new(key.clone()), Box::new(value.clone()));
    let dictionaries = keys.iter().flat_map(|key| values.iter().map(move |value| dictionary(key, value)));
    plain.iter().cloned().chain(dictionaries).collect()
}

fn column(texts: &[Option<&str>], of: &DataType) -> ArrayRef {
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    // Dictionaries of bytes are made by way of bytes.
    match of {
        DataType::Dictionary(key, value) if **value == DataType::Binary => {
            let binary = cast(&texts, &DataType::Binary).unwrap();
            cast(&binary, &DataType::Dictionary(key.clone(), value.clone())).unwrap()
        }
        of => cast(&texts, of).unwrap(),
    }
}

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(SAMPLE.worker());
}

/// What a worker says of a text, as `find_threats` writes it.
fn threats(kind: Kind, text: Option<&str>) -> Value {
    let Some(text) = text else { return Value::Null };
    let threat = |found: stormtag::Match<'_>| {
        let mut threat = json!(found.record());
        threat["indicator"] = json!(found.indicator());
        threat["kind"] = json!(found.kind());
        threat["known_as"] = json!(found.informed_by());
        threat.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        threat
    };
    WORKER.with_borrow_mut(|worker| match worker.look_up(kind, text) {
        Ok(finding) => finding.matches().map(threat).collect(),
        Err(_) => json!([]),
    })
}

fn is_threat(kind: Kind, text: Option<&str>) -> Value {
    threats(kind, text).as_array().map_or(Value::Null, |threats| json!(!threats.is_empty()))
}

fn located(text: Option<&str>) -> (Value, Value) {
    let mut worker = SAMPLE.worker();
    let Some(Ok(finding)) = text.map(|text| worker.look_up(Kind::Ip, text)) else { return Default::default() };
    let asn = finding.asn().map(|asn| {
        let mut asn = json!({"number": asn.number, "organization": asn.organization});
        asn.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        asn
    });
    (json!(asn), json!(finding.place().and_then(|place| place.country_iso_code)))
}

fn check(kind: Kind, texts: &[Option<&str>]) {
    let expected: Vec<_> =
        texts.iter().map(|text| (is_threat(kind, *text), threats(kind, *text), located(*text))).collect();
    for of in types() {
        let whole = column(texts, &of);
        // The whole, and a part with an offset.
        for (from, length) in [(0, texts.len()), (texts.len() / 3, texts.len() - texts.len() / 3), (texts.len(), 0)] {
            let part = whole.slice(from, length);
            let expected = &expected[from..from + length];
            let is = called(&SAMPLE, "is_threat", &part, Some(kind.name()));
            assert!(is.iter().eq(expected.iter().map(|(is, ..)| is)), "{of}: {is:?}");
            let found = called(&SAMPLE, "find_threats", &part, Some(kind.name()));
            assert!(found.iter().eq(expected.iter().map(|(_, found, _)| found)), "{of}: {found:?}");
            if kind == Kind::Ip {
                let asn = called(&SAMPLE, "asn", &part, None);
                assert!(asn.iter().eq(expected.iter().map(|(.., (asn, _))| asn)), "{of}: {asn:?}");
                let country = called(&SAMPLE, "country", &part, None);
                assert!(country.iter().eq(expected.iter().map(|(.., (_, country))| country)), "{of}: {country:?}");
            }
        }
    }
}

/// What is in the sample, and what is none.
const ADDRESSES: [Option<&str>; 9] = [
    Some("45.63.60.39"),
    None,
    Some("192.0.2.1"),
    Some("45.32.174.131"),
    Some("no address"),
    Some(""),
    Some("45.63.60.39"),
    Some("::ffff:45.63.60.39"),
    None,
];

#[test]
fn each_type_says_what_a_worker_says() {
    assert_eq!(is_threat(Kind::Ip, Some("45.63.60.39")), json!(true));
    assert_eq!(located(Some("45.63.60.39")).0["number"], 64502);
    check(Kind::Ip, &ADDRESSES);
    check(
        Kind::Domain,
        &[Some("WWW.harvest-mail.example."), Some("harvest-mail.example"), None, Some("mail.example"), Some("a b")],
    );
    check(Kind::Ip, &[]);
    check(Kind::Ip, &[None, None]);
}

#[test]
fn dictionaries_are_looked_up_by_value() {
    // A large dictionary of which two values are used, one that holds a null, and one that holds nothing.
    let mut many: Vec<_> = (0..100).map(|number| Some(format!("198.51.100.{number}"))).collect();
    many[70] = Some("45.63.60.39".into());
    let values: ArrayRef = Arc::new(StringArray::from(many));
    let keys = UInt64Array::from(vec![Some(70), None, Some(3), Some(70)]);
    let large: ArrayRef = Arc::new(DictionaryArray::<UInt64Type>::new(keys, values));
    assert_eq!(called(&SAMPLE, "is_threat", &large, Some("ip")), [json!(true), json!(null), json!(false), json!(true)]);

    let values: ArrayRef = Arc::new(StringArray::from(vec![None, Some("45.63.60.39")]));
    let holds_null: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(vec![1, 0, 1]), values));
    for name in ["is_threat", "find_threats"] {
        let found = called(&SAMPLE, name, &holds_null, Some("ip"));
        assert!(found[1].is_null() && found[0] == found[2] && !found[0].is_null(), "{name}: {found:?}");
    }

    let values: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    let empty: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(vec![None, None]), values));
    assert_eq!(called(&SAMPLE, "is_threat", &empty, Some("ip")), [json!(null), json!(null)]);
}

#[test]
fn bytes_that_are_no_text_are_no_value() {
    let long = vec![b'a'; 8 << 10];
    let zeros = [0_u8; 64];
    let bytes: Vec<&[u8]> = vec![b"\xff\xfe", b"45.63.60.39", b"45.63.60.39\xff", &long, &zeros];
    for of in [DataType::Binary, DataType::LargeBinary, DataType::BinaryView] {
        let column = cast(&BinaryArray::from(bytes.clone()), &of).unwrap();
        for kind in Kind::ALL {
            let found = called(&SAMPLE, "is_threat", &column, Some(kind.name()));
            let expected: Vec<_> = bytes
                .iter()
                .map(|bytes| std::str::from_utf8(bytes).map_or(json!(false), |text| is_threat(*kind, Some(text))))
                .collect();
            assert_eq!(found, expected, "{of}, {kind}");
        }
    }
}

#[test]
fn a_record_counts_while_it_is_valid() {
    let record = Record { valid_from: Some(100), valid_until: Some(200), ..Record::new("feed") };
    let mut feed = Feed::new("feed");
    let pattern = Pattern::parse(Kind::Ip, "8.8.4.0/24").unwrap();
    feed.indicators.push(Indicator { pattern, record: Arc::new(record) });
    let live = Live::new(IntelBuilder::new().feed(feed).build().0);

    let at = TimestampMillisecondArray::from(vec![
        Some(99_999),
        Some(100_000),
        None,
        Some(200_000),
        Some(-1),
        Some(i64::MIN),
    ]);
    let rows = at.len();
    let address: ArrayRef = Arc::new(StringArray::from(vec!["8.8.4.4"; rows]));
    for value in [
        ColumnarValue::Array(cast(&address, &types()[6]).unwrap()),
        ColumnarValue::Scalar(ScalarValue::from("8.8.4.4")),
    ] {
        let args =
            vec![value, ColumnarValue::Scalar(ScalarValue::from("ip")), ColumnarValue::Array(Arc::new(at.clone()))];
        let is = call(&live, "is_threat", args.clone(), rows).unwrap().into_array(rows).unwrap();
        let is: Vec<_> = is.as_boolean().iter().collect();
        // Without a time validity is not judged.
        assert_eq!(is, [false, true, true, false, false, false].map(Some));
        let found = call(&live, "find_threats", args, rows).unwrap().into_array(rows).unwrap();
        let found = found.as_list::<i32>();
        assert!((0..rows).all(|row| Some(found.value_length(row) == 1) == is[row]));
    }
}

/// Texts near those that are known.
fn text() -> impl Strategy<Value = Option<String>> {
    let known = ["45.63.60.39", "45.32.174.131", "harvest-mail.example", "198.51.100.7", "8.8.8.8"];
    let known = prop::sample::select(known.to_vec());
    prop_oneof![
        1 => Just(None),
        4 => known.clone().prop_map(|known| Some(known.to_owned())),
        2 => (known, "[a-z. \u{e4}]{0,3}").prop_map(|(known, more)| Some(more + known)),
        2 => any::<[u8; 4]>().prop_map(|bytes| Some(std::net::Ipv4Addr::from(bytes).to_string())),
        1 => ".{0,40}".prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_columns_say_what_a_worker_says(
        texts in prop::collection::vec(text(), 0..120),
        kind in prop::sample::select(vec![Kind::Ip, Kind::Domain, Kind::Url, Kind::UserName, Kind::CommandLine]),
        of in prop::sample::select(types()),
        from in any::<prop::sample::Index>(),
    ) {
        let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
        let from = from.index(texts.len() + 1);
        let part = column(&texts, &of).slice(from, texts.len() - from);
        let is: Vec<_> = texts[from..].iter().map(|text| is_threat(kind, *text)).collect();
        prop_assert_eq!(called(&SAMPLE, "is_threat", &part, Some(kind.name())), is);
        let found: Vec<_> = texts[from..].iter().map(|text| threats(kind, *text)).collect();
        prop_assert_eq!(called(&SAMPLE, "find_threats", &part, Some(kind.name())), found);
    }
}
