//! What is known, as rows of a table: in the words of stormtag's output, as its serde values have them.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::arrow::json::ReaderBuilder;
use datafusion::common::{Result, exec_err};
use serde::Serialize;
use stormtag::{Allowed, Kind, Match, Record};

/// A match, as `find_threats` of other hosts has it: what the record says, what it is on, and who knows the value as harmless.
#[derive(Serialize)]
pub(crate) struct Threat<'i> {
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'i str>,
    indicator: Cow<'i, str>,
    kind: Kind,
    #[serde(flatten)]
    record: &'i Record,
    known_as: Option<Allowed<'i>>,
}

impl<'i> Threat<'i> {
    pub(crate) fn new(found: &Match<'i>) -> Self {
        Self {
            column: None,
            indicator: found.indicator(),
            kind: found.kind(),
            record: found.record(),
            known_as: found.informed_by(),
        }
    }

    /// The same, found in this column.
    pub(crate) fn in_column(self, column: &'i str) -> Self {
        Self { column: Some(column), ..self }
    }
}

fn texts(name: &str) -> Field {
    Field::new_list(name, Field::new_list_field(DataType::Utf8, true), true)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// The members of a [`Threat`].
pub(crate) fn threat_fields() -> Fields {
    let known_as = DataType::Struct(["list", "reason"].map(text).into_iter().collect());
    let head = [text("indicator"), text("kind"), text("source"), Field::new("confidence", DataType::UInt8, true)];
    let lists = ["campaigns", "actors", "malware", "techniques", "tags"].map(texts);
    let said = ["role", "severity", "description", "reference", "tlp", "id"].map(text);
    let times =
        ["valid_from", "valid_until", "first_seen", "last_seen"].map(|name| Field::new(name, DataType::Int64, true));
    let all = head.into_iter().chain(lists).chain(said).chain(times);
    all.chain([Field::new("known_as", known_as, true)]).collect()
}

/// The members of a [`Threat`] that tells its column.
pub(crate) fn column_threat_fields() -> Fields {
    let threat = threat_fields();
    [Arc::new(text("column"))].into_iter().chain(threat.iter().cloned()).collect()
}

/// The members of an attribution.
pub(crate) fn attribution_fields() -> Fields {
    let count = |name| Field::new(name, DataType::UInt8, true);
    let list =
        |name, of: Vec<Field>| Field::new_list(name, Field::new_list_field(DataType::Struct(of.into()), true), true);
    let evidence =
        list("evidence", vec![text("indicator"), text("source"), count("strength"), text("shared"), text("via")]);
    let claims = list("claims", vec![text("id"), text("by"), text("status"), count("confidence")]);
    vec![text("type"), text("id"), text("name"), count("confidence"), evidence, texts("targets"), claims].into()
}

/// A list of such structs.
pub(crate) fn list_type(members: Fields) -> DataType {
    DataType::List(Arc::new(item(members)))
}

fn item(members: Fields) -> Field {
    Field::new_list_field(DataType::Struct(members), true)
}

/// Lists of such structs: of `all`, as many for each as `counts` says.
pub(crate) fn lists<T: Serialize>(
    members: &Fields,
    all: &[T],
    counts: &[usize],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let structs = structs(members, all)?;
    let offsets = OffsetBuffer::from_lengths(counts.iter().copied());
    Ok(Arc::new(ListArray::try_new(Arc::new(item(members.clone())), offsets, Arc::new(structs), nulls)?))
}

fn structs<T: Serialize>(members: &Fields, all: &[T]) -> Result<StructArray> {
    if all.is_empty() {
        return Ok(StructArray::new_null(members.clone(), 0));
    }
    let schema = Arc::new(Schema::new(members.clone()));
    let mut decoder = ReaderBuilder::new(schema).with_batch_size(all.len()).build_decoder()?;
    decoder.serialize(all)?;
    match decoder.flush()? {
        Some(batch) => Ok(batch.into()),
        None => exec_err!("{} rows were written and none could be read", all.len()),
    }
}
