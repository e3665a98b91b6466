//! `asn` and `country`: whose network an address is in, and where.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray, StringViewArray, StructArray, UInt32Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use stormtag::{Finding, Kind};

use crate::column::{Column, returned, rows_needed};
use crate::function::Known;

pub(crate) fn asn_type() -> DataType {
    DataType::Struct(asn_fields())
}

fn asn_fields() -> Fields {
    let [number, organization] = [("number", DataType::UInt32), ("organization", DataType::Utf8)];
    [number, organization].into_iter().map(|(name, of)| Field::new(name, of, true)).collect()
}

/// `asn(ip)`: number and organization; null where none is known.
pub(crate) fn asn(known: &Known, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    locate(known, args, |findings| {
        let asns: Vec<_> = findings.iter().map(|finding| finding.and_then(|finding| finding.asn())).collect();
        let numbers: UInt32Array = asns.iter().map(|asn| asn.map(|asn| asn.number)).collect();
        let organizations: StringArray = asns.iter().map(|asn| asn.and_then(|asn| asn.organization)).collect();
        let nulls: NullBuffer = asns.iter().map(Option::is_some).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(numbers), Arc::new(organizations)];
        Ok(Arc::new(StructArray::try_new(asn_fields(), columns, Some(nulls))?))
    })
}

/// `country(ip)`: the code of two letters; null where none is known.
pub(crate) fn country(known: &Known, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    locate(known, args, |findings| {
        let country = |finding: &Option<Finding<'_>>| {
            finding.and_then(|finding| finding.place()?.country_iso_code.map(str::to_owned))
        };
        Ok(Arc::new(findings.iter().map(country).collect::<StringViewArray>()))
    })
}

fn locate(
    known: &Known,
    args: &ScalarFunctionArgs,
    write: impl FnOnce(&[Option<Finding<'_>>]) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let [ip] = args.args.as_slice() else { return datafusion::common::exec_err!("expected one argument") };
    let column = Column::new(ip, rows_needed(&args.args, args.number_rows))?;
    let intel = known.live.snapshot();
    let findings = column.look_up(&intel, Kind::Ip, None, |finding| Some(*finding))?;
    returned(column.spread_array(write(&findings)?)?, &args.args)
}
