//! Functions as DataFusion calls them, linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod columns;
mod corpus;
mod hunts;
mod sql;

#[path = "../../../../tests/it/corpus/case.rs"]
#[allow(dead_code, reason = "a door uses what it needs of it")]
mod case;
#[path = "../../../../tests/it/mmdb.rs"]
#[allow(dead_code, reason = "as above")]
mod mmdb;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::json::ArrayWriter;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};
use datafusion::prelude::SessionContext;
use serde_json::Value;
use stormtag::{AllowList, Catalog, Feed, Geo, IntelBuilder, Limits, Live, Record};

/// The sample feed, list and databases of stormtag's examples, and the built-in indicators.
static SAMPLE: LazyLock<Live> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data");
    let file = |name: &str| folder.join(name);
    let (intel, _) = IntelBuilder::new()
        .catalog(Catalog::builtin())
        .feed(Catalog::builtin_indicators())
        .feed(Feed::open(file("feed.csv"), None, &Record::new("sample").into()).unwrap())
        .allow(AllowList::open(file("allow.txt")).unwrap())
        .geo(Arc::new(Geo::open([file("asn.mmdb"), file("city.mmdb")]).unwrap()))
        .limits(Limits { special_use: true, ..Limits::default() })
        .build();
    Live::new(intel)
});

fn session(live: &Live) -> SessionContext {
    let ctx = SessionContext::new();
    stormtag_datafusion::register(&ctx, live);
    ctx
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The rows that a query returns, as JSON; what is null is not there.
fn query(ctx: &SessionContext, sql: &str) -> Result<Vec<Value>> {
    json(&wait(async { ctx.sql(sql).await?.collect().await })?)
}

fn json(batches: &[RecordBatch]) -> Result<Vec<Value>> {
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    let text = writer.into_inner();
    Ok(if text.is_empty() { Vec::new() } else { serde_json::from_slice(&text).unwrap() })
}

/// The only value of the only row.
fn value(sql: &str) -> Value {
    let rows = query(&session(&SAMPLE), &format!("SELECT {sql} AS it")).unwrap_or_else(|why| panic!("{sql}: {why}"));
    assert_eq!(rows.len(), 1);
    rows[0].get("it").cloned().unwrap_or_default()
}

fn error(sql: &str) -> String {
    query(&session(&SAMPLE), sql).expect_err(sql).strip_backtrace()
}

/// Calls a function as a plan does: with these columns or literals.
fn call(live: &Live, name: &str, args: Vec<ColumnarValue>, rows: usize) -> Result<ColumnarValue> {
    let functions = stormtag_datafusion::Functions::new(live).all();
    let function = functions.iter().find(|function| function.name() == name).unwrap();
    let field = |of: &DataType| Arc::new(Field::new("it", of.clone(), true));
    let arg_fields: Vec<_> = args.iter().map(|arg| field(&arg.data_type())).collect();
    let scalars: Vec<_> = args
        .iter()
        .map(|arg| match arg {
            ColumnarValue::Scalar(value) => Some(value),
            ColumnarValue::Array(_) => None,
        })
        .collect();
    let returns = ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &scalars };
    let return_field = function.return_field_from_args(returns)?;
    let config_options = Arc::new(ConfigOptions::default());
    function.invoke_with_args(ScalarFunctionArgs { args, arg_fields, number_rows: rows, return_field, config_options })
}

/// What a function says of each value of a column, as JSON; null where it is null.
fn called(live: &Live, name: &str, column: &ArrayRef, kind: Option<&str>) -> Vec<Value> {
    let mut args = vec![ColumnarValue::Array(column.clone())];
    args.extend(kind.map(|kind| ColumnarValue::Scalar(ScalarValue::from(kind))));
    let array = call(live, name, args, column.len()).unwrap().into_array(column.len()).unwrap();
    assert_eq!(array.len(), column.len());
    let batch = RecordBatch::try_from_iter_with_nullable([("it", array, true)]).unwrap();
    json(&[batch]).unwrap().into_iter().map(|mut row| row["it"].take()).collect()
}
