//! `attribute`: whom the values of a row speak of.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use stormtag::{FieldMap, Intel, Kind, Live, Observable, Schema, Shape, Worker};

use crate::column::{Column, returned, rows_needed, seconds};
use crate::function::{Known, kind, literal};
use crate::shown::{attribution_fields, list_type, lists};

pub(crate) fn attributions_type() -> DataType {
    list_type(attribution_fields())
}

/// `attribute(value, kind, value, kind …, at)`: campaigns and actors, the strongest first. Rows without a value have no candidates.
pub(crate) fn attribute(known: &Known, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let rows = rows_needed(&args.args, args.number_rows);
    let pairs = args.args.chunks_exact(2);
    let at = pairs.remainder().first().map(|at| seconds(at, rows)).transpose()?;
    let mut columns = Vec::new();
    for pair in pairs {
        let [value, of] = pair else { continue };
        columns.push((Column::new(value, rows)?, kind("attribute", literal(Some(of)))?));
    }
    let intel = known.live.snapshot();
    let interesting = interesting(&intel, &columns, rows)?;
    let (mut all, mut counts) = (Vec::new(), Vec::with_capacity(rows));
    if interesting.contains(&true) {
        let mut worker = worker(known, &intel, &columns)?;
        let paths: Vec<String> = (0..columns.len()).map(path).collect();
        let texts: Vec<_> = columns.iter().map(|(column, _)| column.texts()).collect::<Result<_>>()?;
        for (row, is_interesting) in interesting.iter().enumerate() {
            let before = all.len();
            if *is_interesting {
                let at = at.as_ref().and_then(|at| at.get(row).copied().flatten());
                let values = texts.iter().map(|texts| texts.get(row).copied().flatten());
                let event = Event(paths.iter().map(String::as_str).zip(values).collect());
                all.extend(candidates(&mut worker, &event, at)?);
            }
            counts.push(all.len() - before);
        }
    } else {
        counts.resize(rows, 0);
    }
    let array: ArrayRef = lists(&attribution_fields(), &all, &counts, None)?;
    returned(array, &args.args)
}

/// Rows that may have candidates: nearly all have none, and are not worth an event.
fn interesting(intel: &Intel, columns: &[(Column, Kind)], rows: usize) -> Result<Vec<bool>> {
    let mut interesting = vec![false; rows];
    for (column, kind) in columns {
        // Texts are tried for behaviours as well, and only an event knows them all.
        if matches!(kind.shape(), Shape::Text | Shape::Word) && *kind != Kind::Email {
            return Ok(vec![true; rows]);
        }
        let is_listed = |value: &Observable<'_>| {
            intel.is_listed(value) || value.within().is_some_and(|within| intel.is_listed(&within))
        };
        let found = column.judge(*kind, false, |value| Some(is_listed(value)))?;
        for (interesting, found) in interesting.iter_mut().zip(column.spread(found, false)) {
            *interesting |= found;
        }
    }
    Ok(interesting)
}

/// Knows this snapshot, and no newer one.
fn worker(known: &Known, intel: &Arc<Intel>, columns: &[(Column, Kind)]) -> Result<Worker> {
    let lines = columns.iter().enumerate().map(|(number, (_, kind))| format!("{} {kind}\n", path(number)));
    let fields = FieldMap::parse("attribute", &lines.collect::<String>());
    let mut worker = Live::new(intel.clone()).worker();
    worker.set_fields(fields.map_err(|why| DataFusionError::External(Box::new(why)))?);
    worker.set_site(known.site.clone()).set_cache(0);
    Ok(worker)
}

/// The field of an event that holds the value of this column.
fn path(number: usize) -> String {
    format!("v{number}")
}

/// The values of a row, as an event.
struct Event<'a>(Vec<(&'a str, Option<&'a str>)>);

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_map(None)?;
        for (path, value) in &self.0 {
            event.serialize_entry(path, value)?;
        }
        event.end()
    }
}

/// Candidates, in the words of the schema that has all there is.
fn candidates(worker: &mut Worker, event: &Event<'_>, at: Option<i64>) -> Result<Vec<Value>> {
    worker.set_clock(at);
    let enrichment = worker.enrich(event);
    if enrichment.attributions().is_empty() {
        return Ok(Vec::new());
    }
    let patch = serde_json::to_value(enrichment.patch(Schema::Native));
    let mut patch = patch.map_err(|why| DataFusionError::External(Box::new(why)))?;
    let mut candidates = match patch.get_mut("stormtag").and_then(|own| own.get_mut("attributions")).map(Value::take) {
        Some(Value::Array(candidates)) => candidates,
        _ => Vec::new(),
    };
    // Lists that are empty are not written; in a table they are lists.
    for candidate in candidates.iter_mut().filter_map(Value::as_object_mut) {
        for list in ["targets", "claims"] {
            candidate.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        }
    }
    Ok(candidates)
}
