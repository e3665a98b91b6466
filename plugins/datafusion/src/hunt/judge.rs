//! `is_hunted` and `hunted`: the exact check.
//!
//! What is sought is compiled by itself, so that nearly all rows are judged by a table that fits into a cache. What it finds is then
//! asked of the snapshot, which knows the records, and what silences them.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use stormtag::{Feed, Indicator, Intel, IntelBuilder, Kind, Limits, Match, Observable, Pattern, Record};

use crate::column::{Column, returned, rows_needed};
use crate::function::{Known, kind, literal};
use crate::shown::{Threat, column_threat_fields, list_type, lists};

pub(crate) fn hunted_type() -> DataType {
    list_type(column_threat_fields())
}

/// What was sought last, compiled. A plan shows its literal with each batch; a task that came from elsewhere brings one of its own.
#[derive(Default)]
pub(crate) struct Compiled(Mutex<Vec<(Arc<ListArray>, Arc<Intel>)>>);

impl Compiled {
    /// How many are kept.
    const KEPT: usize = 8;

    fn of(&self, list: &Arc<ListArray>) -> Result<Arc<Intel>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, intel)) = kept.iter().find(|(of, _)| Arc::ptr_eq(of, list) || of == list) {
            return Ok(intel.clone());
        }
        let intel = Arc::new(compile(list)?);
        if kept.len() == Self::KEPT {
            kept.remove(0);
        }
        kept.push((list.clone(), intel.clone()));
        Ok(intel)
    }
}

/// Of lines of `kind pattern`.
fn compile(list: &ListArray) -> Result<Intel> {
    let Some(lines) = list.values().as_string_opt::<i32>() else {
        return exec_err!("retro-hunt: expected texts as indicators, found {}", list.data_type());
    };
    let mut feed = Feed::new("sought");
    let record = Arc::new(Record::new("sought"));
    for line in lines.iter().flatten() {
        let read = line.split_once(' ').and_then(|(kind, text)| Pattern::parse(kind.parse().ok()?, text).ok());
        let Some(pattern) = read else {
            return exec_err!("retro-hunt: expected a kind and a pattern of it, found {line}");
        };
        feed.indicators.push(Indicator { pattern, record: record.clone() });
    }
    // They were accepted once.
    let limits =
        Limits { shortest_v4: 0, shortest_v6: 0, special_use: true, single_labels: true, public_suffixes: true };
    Ok(IntelBuilder::new().limits(limits).feed(feed).build().0)
}

/// The arguments of both.
struct Asked<'a> {
    sought: Arc<Intel>,
    snapshot: Arc<Intel>,
    columns: Vec<(&'a str, Kind, Column)>,
    rows: usize,
}

impl<'a> Asked<'a> {
    fn new(known: &Known, args: &'a ScalarFunctionArgs) -> Result<Self> {
        let [generation, sought, columns @ ..] = args.args.as_slice() else {
            return exec_err!("retro-hunt: expected a generation, indicators and columns");
        };
        let snapshot = known.live.snapshot();
        let (here, asked) = (snapshot.generation().to_string(), text(generation));
        if asked != Some(&here) {
            // Else what is new would not be found, and nobody would know.
            return exec_err!(
                "retro-hunt: the hunt is of generation {}, this host knows {here}: load here what the hunt was made of",
                asked.unwrap_or("?")
            );
        }
        let Some(ScalarValue::List(sought)) = literal(Some(sought)) else {
            return exec_err!("retro-hunt: expected a list of indicators");
        };
        let rows = rows_needed(&args.args, args.number_rows);
        let column = |of: &'a [ColumnarValue]| match of {
            [name, of, value] => {
                Ok((text(name).unwrap_or_default(), kind("retro-hunt", literal(Some(of)))?, Column::new(value, rows)?))
            }
            _ => exec_err!("retro-hunt: expected names, kinds and values of columns"),
        };
        let columns = columns.chunks(3).map(column).collect::<Result<_>>()?;
        Ok(Self { sought: known.hunts.of(sought)?, snapshot, columns, rows })
    }

    /// The indicators that are sought and cover the value.
    fn matches<'s>(&'s self, value: &Observable<'_>) -> Vec<Match<'s>> {
        let mut all = self.judged(value);
        if let Some(within) = value.within() {
            all.extend(self.judged(&within));
        }
        all
    }

    /// Those that the snapshot does not silence.
    fn judged<'s>(&'s self, value: &Observable<'_>) -> Vec<Match<'s>> {
        if !self.sought.is_listed(value) {
            return Vec::new();
        }
        // All that is said at one place of a table is silenced together, or not at all: the text tells the place.
        let sought: Vec<_> = self.sought.look_up(value).matches().map(|found| found.indicator()).collect();
        self.snapshot.look_up(value).matches().filter(|found| sought.contains(&found.indicator())).collect()
    }
}

fn text(argument: &ColumnarValue) -> Option<&str> {
    literal(Some(argument))?.try_as_str().flatten()
}

/// `is_hunted(generation, indicators, column, kind, value …)`
pub(crate) fn is_hunted(known: &Known, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let asked = Asked::new(known, args)?;
    let mut hits = vec![false; asked.rows];
    for (_, kind, column) in &asked.columns {
        let found = column.judge(*kind, false, |value| Some(!asked.matches(value).is_empty()))?;
        for (hit, found) in hits.iter_mut().zip(column.spread(found, false)) {
            *hit |= found;
        }
    }
    returned(Arc::new(BooleanArray::from(BooleanBuffer::from(hits))), &args.args)
}

/// `hunted(generation, indicators, column, kind, value …)`
pub(crate) fn hunted(known: &Known, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let asked = Asked::new(known, args)?;
    let mut rows: Vec<Vec<Threat<'_>>> = Vec::new();
    rows.resize_with(asked.rows, Vec::new);
    for (name, kind, column) in &asked.columns {
        let found = column.judge(*kind, Vec::new(), |value| Some(asked.matches(value)))?;
        for (row, found) in rows.iter_mut().zip(column.spread(found, Vec::new())) {
            row.extend(found.iter().map(|found| Threat::new(found).in_column(name)));
        }
    }
    let counts: Vec<_> = rows.iter().map(Vec::len).collect();
    let all: Vec<_> = rows.into_iter().flatten().collect();
    let array: ArrayRef = lists(&column_threat_fields(), &all, &counts, None)?;
    returned(array, &args.args)
}
