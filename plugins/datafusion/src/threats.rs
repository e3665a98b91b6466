//! `find_threats` and `is_threat`: what is known of a value.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use stormtag::{Finding, Intel, Kind, Match, Validity};

use crate::column::{Column, returned, rows_needed, seconds};
use crate::function::{Known, kind, literal};
use crate::shown::{Threat, list_type, lists, threat_fields};

pub(crate) fn threats_type() -> DataType {
    list_type(threat_fields())
}

/// The arguments of both.
struct Asked {
    column: Column,
    kind: Kind,
    /// The time of each row, if there is one to judge by.
    at: Option<Vec<Option<i64>>>,
}

impl Asked {
    fn new(name: &str, args: &ScalarFunctionArgs) -> Result<Self> {
        let rows = rows_needed(&args.args, args.number_rows);
        let [value, of, at @ ..] = args.args.as_slice() else {
            return datafusion::common::exec_err!("{name}: expected a value and its kind");
        };
        let column = Column::new(value, rows)?;
        let at = at.first().map(|at| seconds(at, rows)).transpose()?;
        Ok(Self { column, kind: kind(name, literal(Some(of)))?, at })
    }

    /// What is known of each row's value, and the rows that have one. Rows without matches need not be told apart.
    fn findings<'i>(&self, intel: &'i Intel) -> Result<(Vec<Option<Finding<'i>>>, Option<NullBuffer>)> {
        let found = self.column.listed(intel, self.kind, None, Some)?;
        let nulls = self.column.row_nulls();
        Ok((self.column.spread(found, None), nulls))
    }
}

/// `find_threats(value, kind, at)`: the records that cover a value, most specific indicator first.
pub(crate) fn find_threats(known: &Known, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let asked = Asked::new("find_threats", args)?;
    let intel = known.live.snapshot();
    let array = match &asked.at {
        None => {
            let found = asked.column.listed(&intel, asked.kind, None, Some)?;
            let list = write(found.iter().map(|found| matches(*found, None)), asked.column.nulls())?;
            asked.column.spread_array(list)?
        }
        Some(at) => {
            let (found, nulls) = asked.findings(&intel)?;
            write(found.iter().zip(at).map(|(found, at)| matches(*found, *at)), nulls)?
        }
    };
    returned(array, &args.args)
}

/// Lists with the matches of each value or row.
fn write<'i, M: Iterator<Item = Match<'i>>>(
    each: impl Iterator<Item = M>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let (mut all, mut counts) = (Vec::new(), Vec::with_capacity(each.size_hint().0));
    for matches in each {
        let before = all.len();
        all.extend(matches.map(|found| Threat::new(&found)));
        counts.push(all.len() - before);
    }
    lists(&threat_fields(), &all, &counts, nulls)
}

/// The matches that count, at the time if it is known.
fn matches<'i>(found: Option<Finding<'i>>, at: Option<i64>) -> impl Iterator<Item = Match<'i>> {
    let counts = move |found: &Match<'_>| at.is_none_or(|at| found.record().validity(at) == Validity::Valid);
    found.into_iter().flat_map(|found| found.matches()).filter(counts)
}

/// `is_threat(value, kind, at)`: whether there is one.
pub(crate) fn is_threat(known: &Known, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let asked = Asked::new("is_threat", args)?;
    let intel = known.live.snapshot();
    let array: ArrayRef = match &asked.at {
        None => {
            let found = asked.column.listed(&intel, asked.kind, false, |finding| finding.matches().next().is_some())?;
            let array = BooleanArray::new(BooleanBuffer::from(found), asked.column.nulls());
            asked.column.spread_array(Arc::new(array))?
        }
        Some(at) => {
            let (found, nulls) = asked.findings(&intel)?;
            let is_match = |(found, at): (&Option<Finding<'_>>, &Option<i64>)| matches(*found, *at).next().is_some();
            let found: BooleanBuffer = found.iter().zip(at).map(is_match).collect();
            Arc::new(BooleanArray::new(found, nulls))
        }
    };
    returned(array, &args.args)
}
