//! What does `WHERE is_threat(dst_ip, 'ip')` cost beside a function that looks at one byte of each value? And how much does a
//! retro-hunt read?
//!
//! `STORMTAG_WORKLOAD` names a folder of the reference workload, `STORMTAG_PARQUET` one in which ten million rows are kept that are made of it:
//! its events ten times, one behind the other in time, sorted by it, in row groups of half a million, with bloom filters of `dst_ip`
//! and `sha256`, zstd. Five rows are changed: they are what the hunt is for. One thread; queries take turns; said is the median
//! of the process's time on a processor.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "inputs are known")]

#[path = "../../../benches/common/mod.rs"]
mod common;

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{median, workload};
use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondArray, UInt16Builder,
};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use serde_json::Value;
use stormtag::{Feed, Indicator, Intel, IntelBuilder, Kind, Limits, Live, Pattern, Record};
use stormtag_datafusion::RetroHunt;

/// How often the events are written.
const REPEATED: usize = 10;
/// Seconds between two repetitions: how long the events of the workload take.
const SPAN: i64 = 1_000;
const ROW_GROUP: usize = 500_000;
const TURNS: usize = 5;
/// What is hunted: of a hundred new addresses these are there, each once.
const PLANTED: [(usize, &str); 5] = [
    (0, "198.51.100.3"),
    (1_234_567, "198.51.100.20"),
    (3_000_000, "198.51.100.41"),
    (7_654_321, "198.51.100.66"),
    (9_999_999, "198.51.100.99"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = |name: &str| {
        let Some(folder) = std::env::var_os(name) else { panic!("{name} names no folder") };
        PathBuf::from(folder)
    };
    // As a test without arguments it has nothing to say.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let (workload, parquet) = (folder("STORMTAG_WORKLOAD"), folder("STORMTAG_PARQUET"));
    let file = parquet.join("flows.parquet");
    if !file.exists() {
        std::fs::create_dir_all(&parquet)?;
        write(&workload.join("events.ndjson"), &file);
    }
    let live = Live::new(workload::load(&workload).0);
    hunts(&file).await?;
    functions(&file, &live).await
}

fn session() -> SessionContext {
    SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1))
}

async fn functions(file: &Path, live: &Live) -> Result<()> {
    let ctx = session();
    stormtag_datafusion::register(&ctx, live);
    // The least that looks at each value.
    let begins = |args: &[ColumnarValue]| {
        let ColumnarValue::Array(values) = &args[0] else { panic!("a column") };
        let begins: BooleanArray =
            values.as_string_view().iter().map(|value| value.map(|value| value.starts_with('9'))).collect();
        Ok(ColumnarValue::Array(Arc::new(begins)))
    };
    let of = vec![DataType::Utf8View];
    ctx.register_udf(create_udf("begins", of, DataType::Boolean, Volatility::Immutable, Arc::new(begins)));
    ctx.register_parquet("flows", file.to_str().unwrap(), ParquetReadOptions::default()).await?;
    let conditions = [
        "begins(dst_ip)",
        "is_threat(dst_ip, 'ip')",
        "is_threat(dst_ip, 'ip', ts)",
        "country(dst_ip) = 'XX'",
        "begins(host)",
        "is_threat(host, 'domain')",
        "begins(sha256)",
        "is_threat(sha256, 'sha256')",
    ];
    let mut turns = vec![Vec::new(); conditions.len()];
    let mut counts = vec![0; conditions.len()];
    for turn in 0..TURNS {
        for (number, condition) in conditions.iter().enumerate() {
            let began = processor_seconds();
            let rows = ctx.sql(&format!("SELECT count(*) FROM flows WHERE {condition}")).await?.collect().await?;
            turns[number].push(processor_seconds() - began);
            eprintln!("turn {turn}: {:.2} s  {condition}", turns[number][turn]);
            counts[number] = rows[0].column(0).as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(0);
        }
    }
    println!(
        "seconds, of which columns, rows that pass; times that of the byte of the same column (least and greatest turn)"
    );
    let mut plain = 0;
    for (number, condition) in conditions.iter().enumerate() {
        if condition.starts_with("begins") {
            plain = number;
        }
        let ratios: Vec<_> = turns[number].iter().zip(&turns[plain]).map(|(time, plain)| time / plain).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = ratios.iter().copied().fold(0.0, f64::max);
        let time = median(turns[number].clone());
        println!(
            "{time:6.2}  {condition:30} {:8}  {:.2} ({least:.2} to {greatest:.2})",
            counts[number],
            median(ratios)
        );
    }
    Ok(())
}

async fn hunts(file: &Path) -> Result<()> {
    let mut feed = Feed::new("new");
    let record = Arc::new(Record::new("new"));
    for number in 0..100 {
        let pattern = Pattern::parse(Kind::Ip, &format!("198.51.100.{number}")).unwrap();
        feed.indicators.push(Indicator { pattern, record: record.clone() });
    }
    let limits = Limits { special_use: true, ..Limits::default() };
    let new = Arc::new(IntelBuilder::new().limits(limits).feed(feed).build().0);
    let begin = 1_772_323_200;
    let hunt = RetroHunt::new(&Intel::empty(), new);
    let spelled = hunt.clone().column("dst_ip", Kind::Ip);
    let normal = hunt.normal_column("dst_ip", Kind::Ip);
    let size = std::fs::metadata(file)?.len();
    println!("file: {size} bytes; a hunt for {} addresses, of which {} are there", normal.sought(), PLANTED.len());
    for (name, hunt, pushed) in [
        ("all of it, as DataFusion is by default", &spelled, false),
        ("any spelling, pushdown_filters", &spelled, true),
        ("normal form: bloom filters", &normal, false),
        ("normal form: bloom filters, pushdown_filters", &normal, true),
        ("any spelling, a twentieth of the time", &spelled.clone().between("ts", begin + 3_000, begin + 3_500), false),
        ("the same, pushdown_filters", &spelled.clone().between("ts", begin + 3_000, begin + 3_500), true),
    ] {
        let ctx = session();
        ctx.sql(&format!("SET datafusion.execution.parquet.pushdown_filters = {pushed}")).await?.collect().await?;
        let table = ctx.read_parquet(file.to_str().unwrap(), ParquetReadOptions::default()).await?;
        let began = processor_seconds();
        let plan = hunt.search(table)?.create_physical_plan().await?;
        let rows: usize = collect(plan.clone(), ctx.task_ctx()).await?.iter().map(RecordBatch::num_rows).sum();
        let time = processor_seconds() - began;
        let (mut bytes, mut left) = (0, Vec::new());
        metrics(plan.as_ref(), &mut bytes, &mut left);
        println!(
            "{time:6.2} s  {rows} rows  {bytes:10} bytes, {:5.2} %  {name}: {}",
            100.0 * bytes as f64 / size as f64,
            left.join(", ")
        );
    }
    Ok(())
}

/// Bytes read, and what was left out by what.
fn metrics(plan: &dyn ExecutionPlan, bytes: &mut usize, left: &mut Vec<String>) {
    for metric in plan.metrics().iter().flat_map(|metrics| metrics.iter()) {
        match metric.value() {
            MetricValue::Count { name, count } if name == "bytes_scanned" => *bytes += count.value(),
            MetricValue::PruningMetrics { name, pruning_metrics } if pruning_metrics.pruned() > 0 => {
                left.push(format!(
                    "{name} {} of {}",
                    pruning_metrics.pruned(),
                    pruning_metrics.pruned() + pruning_metrics.matched()
                ));
            }
            _ => {}
        }
    }
    for child in plan.children() {
        metrics(child.as_ref(), bytes, left);
    }
}

/// What all threads of this process were on a processor, in hundredths.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|at: &usize| fields[*at].parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

/// Columns of texts, numbers, and the time.
#[derive(Default)]
struct Rows {
    times: Vec<i64>,
    texts: [StringBuilder; TEXTS.len()],
    ports: [UInt16Builder; PORTS.len()],
    bytes: Int64Builder,
}

const TEXTS: [&str; 9] = ["uid", "src_ip", "dst_ip", "proto", "host", "url", "user", "message", "sha256"];
const PORTS: [&str; 2] = ["src_port", "dst_port"];

fn write(events: &Path, to: &Path) {
    eprintln!("making {}: some minutes", to.display());
    let filtered = |mut properties: datafusion::parquet::file::properties::WriterPropertiesBuilder, column: &str| {
        let column = ColumnPath::from(column);
        properties = properties.set_column_bloom_filter_enabled(column.clone(), true);
        properties.set_column_bloom_filter_fpp(column, 1e-5)
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_max_row_group_row_count(Some(ROW_GROUP));
    let properties = filtered(filtered(properties, "dst_ip"), "sha256").build();
    let part = to.with_extension("part");
    let mut writer = None;
    let mut number = 0;
    for repetition in 0..REPEATED as i64 {
        let lines = std::io::BufReader::new(std::fs::File::open(events).unwrap()).lines();
        let mut rows = Rows::default();
        for line in lines {
            rows.push(&serde_json::from_str(&line.unwrap()).unwrap(), repetition * SPAN, number);
            number += 1;
            if rows.times.len() == 50_000 {
                let batch = rows.take();
                let file = || std::fs::File::create(&part).unwrap();
                let writer = writer.get_or_insert_with(|| {
                    ArrowWriter::try_new(file(), batch.schema(), Some(properties.clone())).unwrap()
                });
                writer.write(&batch).unwrap();
            }
        }
        assert!(rows.times.is_empty(), "a workload of a multiple of 50,000 events");
    }
    writer.unwrap().close().unwrap();
    std::fs::rename(part, to).unwrap();
}

impl Rows {
    fn push(&mut self, event: &Value, later: i64, number: usize) {
        // `2026-03-01T00:00:00.001206Z`: all of one day's first hour.
        let time = event["ts"].as_str().unwrap();
        let part = |from: usize, to: usize| time[from..to].parse::<i64>().unwrap();
        let seconds = 1_772_323_200 + part(11, 13) * 3_600 + part(14, 16) * 60 + part(17, 19) + later;
        self.times.push(seconds * 1_000_000 + part(20, 26));
        let planted = PLANTED.iter().find(|(at, _)| *at == number).map(|(_, ip)| *ip);
        for (name, column) in TEXTS.iter().zip(&mut self.texts) {
            column.append_option(planted.filter(|_| *name == "dst_ip").or(event[*name].as_str()));
        }
        for (name, column) in PORTS.iter().zip(&mut self.ports) {
            column.append_option(event[*name].as_u64().map(|port| port as u16));
        }
        self.bytes.append_option(event["bytes"].as_i64());
    }

    fn take(&mut self) -> RecordBatch {
        let times = TimestampMicrosecondArray::from(std::mem::take(&mut self.times)).with_timezone("UTC");
        let mut columns: Vec<(&str, ArrayRef)> = vec![("ts", Arc::new(times))];
        columns.extend(
            TEXTS.iter().zip(&mut self.texts).map(|(name, column)| (*name, Arc::new(column.finish()) as ArrayRef)),
        );
        columns.extend(
            PORTS.iter().zip(&mut self.ports).map(|(name, column)| (*name, Arc::new(column.finish()) as ArrayRef)),
        );
        columns.push(("bytes", Arc::new(self.bytes.finish())));
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap()
    }
}
