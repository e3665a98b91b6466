//! Retro-hunts over Parquet: exactly the rows in which something is new, and only what can hold them is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use serde_json::{Value, json};
use stormtag::{AllowList, Feed, Indicator, Intel, IntelBuilder, Kind, Live, Observable, Pattern, Record};
use stormtag_datafusion::RetroHunt;

use super::{json as rows_of, wait};

fn intel(patterns: &[(Kind, &str)], allowed: &str) -> Intel {
    let mut feed = Feed::new("feed");
    for &(kind, pattern) in patterns {
        let pattern = Pattern::parse(kind, pattern).unwrap();
        let record = Record { confidence: 70, ..Record::new("feed") };
        feed.indicators.push(Indicator { pattern, record: Arc::new(record) });
    }
    let mut builder = IntelBuilder::new();
    builder.feed(feed);
    if !allowed.is_empty() {
        builder.allow(AllowList::read(allowed.as_bytes(), "allowed").unwrap());
    }
    builder.build().0
}

const ROWS: usize = 20_000;
const ROW_GROUP: usize = 1_000;

/// A file by itself, with filters of single values.
struct File(PathBuf);

impl File {
    fn new(name: &str, batch: &RecordBatch) -> Self {
        let path = std::env::temp_dir().join(format!("stormtag-{}-{name}.parquet", std::process::id()));
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_bloom_filter_enabled(true)
            .set_bloom_filter_fpp(1e-5)
            .build();
        let mut writer =
            ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

fn flows() -> RecordBatch {
    let times =
        TimestampMicrosecondArray::from_iter_values((0..ROWS as i64).map(|row| row * 1_000_000)).with_timezone("UTC");
    // Scattered, so that no row group has a range of its own.
    let address = |row: usize| std::net::Ipv4Addr::from((row as u32).wrapping_mul(2_654_435_761) | 0x0100_0000);
    let peers: StringArray = (0..ROWS)
        .map(|row| match row {
            7_777 => Some("8.8.4.4".to_owned()),
            9_999 => None,
            12_345 => Some("::ffff:8.8.4.4".to_owned()),
            row => Some(address(row).to_string()),
        })
        .collect();
    let hosts: StringArray = (0..ROWS)
        .map(|row| match row {
            3 => "www.Evil-host.com.".to_owned(),
            15_000 => "evil-host.com".to_owned(),
            row => format!("h{}.good-host.com", row % 500),
        })
        .map(Some)
        .collect();
    let urls: StringArray = (0..ROWS)
        .map(|row| match row {
            11 => Some("http://evil-host.com/x"),
            18_000 => Some("https://other-host.com/drop?id=1"),
            _ => Some("https://good-host.com/"),
        })
        .collect();
    let columns: [(&str, ArrayRef); 4] =
        [("ts", Arc::new(times)), ("peer", Arc::new(peers)), ("host", Arc::new(hosts)), ("url", Arc::new(urls))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

/// What a hunt finds, and what its scan did.
struct Hunted {
    rows: Vec<Value>,
    /// Row groups that were left after looking at statistics and filters.
    row_groups: usize,
    bytes: usize,
}

fn hunt(file: &Path, hunt: &RetroHunt) -> Result<Hunted> {
    wait(async {
        let ctx = SessionContext::new();
        ctx.sql("SET datafusion.execution.parquet.pushdown_filters = true").await?.collect().await?;
        let table = ctx.read_parquet(file.to_str().unwrap(), ParquetReadOptions::default()).await?;
        let plan = hunt.search(table)?.create_physical_plan().await?;
        let batches = collect(plan.clone(), ctx.task_ctx()).await?;
        let mut hunted = Hunted { rows: rows_of(&batches)?, row_groups: 0, bytes: 0 };
        hunted.measure(plan.as_ref());
        Ok(hunted)
    })
}

impl Hunted {
    fn measure(&mut self, plan: &dyn ExecutionPlan) {
        if let Some(metrics) = plan.metrics() {
            for metric in metrics.iter() {
                use datafusion::physical_plan::metrics::MetricValue;
                match metric.value() {
                    MetricValue::Count { name, count } if name == "bytes_scanned" => self.bytes += count.value(),
                    MetricValue::PruningMetrics { name, pruning_metrics }
                        if name == "row_groups_pruned_bloom_filter" =>
                    {
                        self.row_groups += pruning_metrics.matched();
                    }
                    _ => {}
                }
            }
        }
        for child in plan.children() {
            self.measure(child.as_ref());
        }
    }

    fn times(&self) -> Vec<&str> {
        let mut times: Vec<_> = self.rows.iter().map(|row| row["ts"].as_str().unwrap()).collect();
        times.sort_unstable();
        times
    }

    fn found(&self) -> Vec<(&str, &str)> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|row| row["ts"].as_str());
        let threats = rows.iter().flat_map(|row| row["threats"].as_array().unwrap());
        threats.map(|threat| (threat["column"].as_str().unwrap(), threat["indicator"].as_str().unwrap())).collect()
    }
}

#[test]
fn rows_in_which_something_is_new() {
    let file = File::new("new", &flows());
    let old = intel(&[(Kind::Ip, "9.9.9.9")], "");
    let new = [
        (Kind::Ip, "8.8.4.0/24"),
        (Kind::Domain, "evil-host.com"),
        (Kind::Url, "https://other-host.com/drop"),
        (Kind::Ip, "9.9.9.9"),
    ];
    let new = Arc::new(intel(&new, ""));
    let all = RetroHunt::new(&old, new).column("peer", Kind::Ip).column("host", Kind::Domain).column("url", Kind::Url);
    assert_eq!((all.sought(), all.silenced()), (3, 0));
    let hunted = hunt(&file.0, &all).unwrap();
    assert_eq!(
        hunted.found(),
        [
            ("host", "evil-host.com"),
            ("url", "evil-host.com"),
            ("peer", "8.8.4.0/24"),
            ("peer", "8.8.4.0/24"),
            ("host", "evil-host.com"),
            ("url", "https://other-host.com/drop"),
        ]
    );
    assert_eq!(hunted.rows[0]["threats"][0]["confidence"], 70);
    assert_eq!(hunted.rows[0].as_object().unwrap().len(), 5);

    // In part of the time.
    let later = hunt(&file.0, &all.clone().between("ts", 10_000, 15_001)).unwrap();
    assert_eq!(later.times(), ["1970-01-01T03:25:45Z", "1970-01-01T04:10:00Z"]);
    let none = hunt(&file.0, &all.clone().between("ts", 15_001, 15_001)).unwrap();
    assert_eq!(none.rows.len(), 0);
    // Times that no column can hold.
    assert_eq!(hunt(&file.0, &all.between("ts", i64::MIN, i64::MAX)).unwrap().rows.len(), 6);
}

#[test]
fn what_is_silenced_or_was_known_is_not_found() {
    let file = File::new("silenced", &flows());
    let patterns = [(Kind::Ip, "8.8.4.0/24"), (Kind::Domain, "evil-host.com"), (Kind::Domain, "good-host.com")];
    let old = intel(&patterns[1..2], "");
    // One address of the network is allowed; so is all of the name.
    let new = Arc::new(intel(&patterns, "8.8.4.4\ngood-host.com\n"));
    let all = RetroHunt::new(&old, new.clone()).column("peer", Kind::Ip).column("host", Kind::Domain);
    assert_eq!((all.sought(), all.silenced()), (1, 1));
    assert_eq!(hunt(&file.0, &all).unwrap().rows.len(), 0);
    // Nothing is new.
    let none = RetroHunt::new(&new, new.clone()).column("peer", Kind::Ip);
    assert_eq!(none.sought(), 0);
    assert_eq!(hunt(&file.0, &none).unwrap().rows.len(), 0);
}

#[test]
fn filters_of_values_leave_row_groups_out() {
    let file = File::new("filters", &flows());
    let new =
        Arc::new(intel(&[(Kind::Ip, "8.8.4.4"), (Kind::Ip, "198.18.0.0/24"), (Kind::Sha256, &"ab".repeat(32))], ""));
    let old = Intel::empty();
    let spelled = RetroHunt::new(&old, new.clone()).column("peer", Kind::Ip);
    let normal = RetroHunt::new(&old, new.clone()).normal_column("peer", Kind::Ip);
    let (spelled, normal) = (hunt(&file.0, &spelled).unwrap(), hunt(&file.0, &normal).unwrap());
    // Of two spellings of one address the normal one alone, as it is promised.
    assert_eq!(spelled.times(), ["1970-01-01T02:09:37Z", "1970-01-01T03:25:45Z"]);
    assert_eq!(normal.times(), ["1970-01-01T02:09:37Z"]);
    assert_eq!(normal.row_groups, 1, "of {}", ROWS / ROW_GROUP);
    assert!(normal.bytes * 2 < spelled.bytes, "{} of {} bytes", normal.bytes, spelled.bytes);

    // A kind of which nothing is sought.
    let nothing = RetroHunt::new(&old, new).normal_column("host", Kind::Domain);
    assert_eq!(hunt(&file.0, &nothing).unwrap().rows.len(), 0);
}

#[test]
fn a_delta_may_be_sought_in_part() {
    let file = File::new("part", &flows());
    let (old, new) = (Intel::empty(), Arc::new(intel(&[(Kind::Ip, "8.8.4.4"), (Kind::Domain, "evil-host.com")], "")));
    let delta = Intel::delta(&old, &new);
    let names = delta.added().filter(|added| added.kind == Kind::Domain);
    let names = RetroHunt::of(new.clone(), names).column("peer", Kind::Ip).column("host", Kind::Domain);
    assert_eq!(hunt(&file.0, &names).unwrap().found(), [("host", "evil-host.com"); 2]);
}

#[test]
fn mistakes_are_errors() {
    let file = File::new("mistakes", &flows());
    let new = Arc::new(intel(&[(Kind::Ip, "8.8.4.4")], ""));
    let of = RetroHunt::new(&Intel::empty(), new.clone());
    let says = |of: &RetroHunt, expected: &str| {
        let Err(why) = hunt(&file.0, of) else { panic!("no error: {expected}") };
        assert!(why.strip_backtrace().contains(expected), "{why}");
    };
    says(&of, "no column to look in");
    says(&of.clone().column("dst", Kind::Ip), "retro-hunt: expected one column dst, found ts, peer, host, url");
    says(&of.clone().column("ts", Kind::Ip), "expected a text to look up, found a value of type Timestamp");
    says(&of.clone().column("peer", Kind::Ip).between("host", 0, 1), "column host has no timestamps but Utf8View");

    // A host that knows something else does not say that nothing is there.
    let item = ScalarValue::from("ip 8.8.4.4");
    let sought = ScalarValue::List(ScalarValue::new_list_nullable(&[item], &DataType::Utf8));
    let texts = ["0", "peer", "ip", "8.8.4.4"].map(|text| ColumnarValue::Scalar(ScalarValue::from(text)));
    let [generation, name, kind, address] = texts;
    let args = vec![generation, ColumnarValue::Scalar(sought), name, kind, address];
    let why = super::call(&Live::new(new), "is_hunted", args, 1).unwrap_err().strip_backtrace();
    assert!(why.contains("the hunt is of generation 0, this host knows"), "{why}");
}

#[test]
fn random_hunts_find_what_look_ups_find() {
    use proptest::prelude::*;

    let octet = prop::sample::select(vec![8_u8, 9, 20]);
    let address =
        (octet.clone(), octet.clone(), octet.clone(), octet).prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}"));
    let network = (address.clone(), 8_u8..=32).prop_map(|(address, length)| format!("{address}/{length}"));
    let name = "=?(a\\.|b\\.)?(a|b)\\.evil-host\\.com";
    let pattern = prop_oneof![network.prop_map(|text| (Kind::Ip, text)), name.prop_map(|text| (Kind::Domain, text))];
    let patterns = prop::collection::vec((pattern, any::<[bool; 2]>()), 1..12);
    let row = (address, "(a\\.|b\\.)?(a\\.|b\\.)?evil-host\\.com");
    let allowed = prop::collection::vec(prop_oneof!["(8|9)\\.(8|9)\\.0\\.0/16", "a\\.evil-host\\.com"], 0..2);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(48));
    let cases = (patterns, prop::collection::vec(row, 1..60), allowed);
    runner
        .run(&cases, |(patterns, rows, allowed)| {
            let of = |side: usize| {
                let of = patterns.iter().filter(|(_, sides)| sides[side]);
                of.map(|((kind, text), _)| (*kind, text.as_str())).collect::<Vec<_>>()
            };
            let (old, new) = (intel(&of(0), ""), Arc::new(intel(&of(1), &allowed.join("\n"))));
            // What is sought, pattern by pattern; and a row is found if one that is not silenced covers it.
            let delta = Intel::delta(&old, &new);
            let sought: Vec<_> =
                delta.added().chain(delta.changed()).filter(|change| change.records.iter().any(|of| !of.1)).collect();
            let covers = |kind: Kind, text: &str| {
                let value = Observable::parse(kind, text).unwrap();
                let counts: Vec<_> =
                    new.look_up(&value).matches().map(|found| found.indicator().into_owned()).collect();
                sought.iter().filter(|change| change.kind == kind).any(|change| {
                    let alone = intel(&[(kind, &*change.pattern)], "");
                    alone.look_up(&value).matches().any(|found| counts.contains(&found.indicator().into_owned()))
                })
            };
            let expected: Vec<_> =
                rows.iter().filter(|(ip, name)| covers(Kind::Ip, ip) || covers(Kind::Domain, name)).collect();
            let column = |of: fn(&(String, String)) -> &str| {
                Arc::new(StringArray::from_iter_values(rows.iter().map(of))) as ArrayRef
            };
            let batch =
                RecordBatch::try_from_iter([("peer", column(|row| &row.0)), ("host", column(|row| &row.1))]).unwrap();
            for is_normal in [false, true] {
                let hunt = RetroHunt::new(&old, new.clone());
                let hunt = if is_normal {
                    hunt.normal_column("peer", Kind::Ip).normal_column("host", Kind::Domain)
                } else {
                    hunt.column("peer", Kind::Ip).column("host", Kind::Domain)
                };
                let ctx = SessionContext::new();
                let table = ctx.read_batch(batch.clone()).unwrap();
                let found = wait(async { hunt.search(table)?.collect().await }).unwrap();
                let found: Vec<_> =
                    rows_of(&found).unwrap().iter().map(|row| json!([row["peer"], row["host"]])).collect();
                let expected: Vec<_> = expected.iter().map(|(ip, name)| json!([ip, name])).collect();
                prop_assert_eq!(found, expected);
            }
            Ok(())
        })
        .unwrap();
}
