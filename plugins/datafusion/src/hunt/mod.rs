//! Retro-hunts: rows of a table in which something stands that feeds did not know before.

mod judge;
mod superset;

use std::sync::Arc;

use datafusion::arrow::array::{ListArray, StringArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::DataFrame;
use stormtag::{Changed, Intel, Kind, Live, Site};

use crate::function::{Known, What, function};
pub(crate) use judge::{Compiled, hunted, hunted_type, is_hunted};
use superset::{Superset, any_of};

/// A search through a table for what a snapshot knows that an earlier one did not.
///
/// Answers with the rows in which an indicator covers some value that was added, or of which something else is said than before, and
/// that no allow-list silences there; in the column `threats` stands which, with the column it was found in, in the words of
/// `find_threats`. A URL also counts by its host, an e-mail address by its domain, as in events. Indicators that were removed are not
/// sought. Whether a record was valid at the time of a row is not judged: most new records say that they are valid from today on, and the
/// hunt is for what happened before. `valid_from` and `valid_until` stand with the match.
///
/// ```
/// use std::sync::Arc;
/// use datafusion::prelude::SessionContext;
/// use stormtag::{Catalog, Intel, IntelBuilder, Kind};
/// use stormtag_datafusion::RetroHunt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> datafusion::error::Result<()> {
/// let (old, new) = (Intel::empty(), IntelBuilder::new().feed(Catalog::builtin_indicators()).build().0);
/// let hunt = RetroHunt::new(&old, Arc::new(new)).column("peer", Kind::Ip);
///
/// let ctx = SessionContext::new();
/// let flows = ctx.sql("SELECT * FROM (VALUES (1, '45.63.60.39'), (2, '192.0.2.1')) AS flows(id, peer)").await?;
/// assert_eq!(hunt.search(flows)?.count().await?, 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RetroHunt {
    new: Arc<Intel>,
    sought: Vec<(Kind, String)>,
    silenced: usize,
    columns: Vec<Place>,
    times: Option<(String, i64, i64)>,
}

/// A column to look in.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    kind: Kind,
    is_normal: bool,
}

/// The column with what was found.
const FOUND: &str = "threats";

impl RetroHunt {
    /// Seeks what `new` knows that `old` does not, and what it says otherwise.
    #[must_use]
    pub fn new(old: &Intel, new: Arc<Intel>) -> Self {
        let delta = Intel::delta(old, &new);
        Self::of(new.clone(), delta.added().chain(delta.changed()))
    }

    /// Seeks these: a part of [a delta](stormtag::Delta) to `new`, as those of one source or of high confidence.
    #[must_use]
    pub fn of<'i>(new: Arc<Intel>, changes: impl IntoIterator<Item = Changed<'i>>) -> Self {
        let (mut sought, mut silenced) = (Vec::new(), 0);
        for change in changes {
            if change.records.iter().all(|(_, is_silenced)| *is_silenced) {
                silenced += 1;
            } else {
                sought.push((change.kind, change.pattern.into_owned()));
            }
        }
        Self { new, sought, silenced, columns: Vec::new(), times: None }
    }

    /// Looks in this column, whose values are of this kind, however they are spelled. Nothing of it can be skipped by statistics or filters:
    /// the whole column is read, within the time range.
    #[must_use]
    pub fn column(mut self, name: &str, kind: Kind) -> Self {
        self.columns.push(Place { name: name.to_owned(), kind, is_normal: false });
        self
    }

    /// Looks in this column, all of whose values are written in normal form: addresses as Rust, Go or Zeek print them, names in lower case
    /// without a dot at the end, hashes in lower case, URLs as browsers write them. Then values that are sought become part of the
    /// scan, and row groups and pages that cannot hold them are skipped. **Values that are written otherwise are not found.**
    #[must_use]
    pub fn normal_column(mut self, name: &str, kind: Kind) -> Self {
        self.columns.push(Place { name: name.to_owned(), kind, is_normal: true });
        self
    }

    /// Looks at rows only whose time is `from` or later and before `until`, in seconds since the epoch, UTC. The column has timestamps;
    /// if it has other times, filter the table before.
    #[must_use]
    pub fn between(mut self, column: &str, from: i64, until: i64) -> Self {
        self.times = Some((column.to_owned(), from, until));
        self
    }

    /// How many indicators are sought.
    #[must_use]
    pub fn sought(&self) -> usize {
        self.sought.len()
    }

    /// How many are not, since an allow-list silences all that is said of them.
    #[must_use]
    pub fn silenced(&self) -> usize {
        self.silenced
    }

    /// The rows in which something is found, with what it is in a column `threats` behind the others. Reads nothing yet.
    ///
    /// # Errors
    ///
    /// If the table lacks one of the columns, or it is not of a fitting type; if it has a column `threats`; if no column was named.
    pub fn search(&self, table: DataFrame) -> Result<DataFrame> {
        let schema = table.schema();
        if self.columns.is_empty() {
            return plan_err!("retro-hunt: no column to look in: name some with column or normal_column");
        }
        if schema.has_column_with_unqualified_name(FOUND) {
            return plan_err!("retro-hunt: the table has a column {FOUND} already: rename it");
        }
        let times = self.times.as_ref().map(|times| during(schema, times)).transpose()?;
        let supersets = self.columns.iter().map(|place| {
            let of = field(schema, &place.name)?.data_type();
            let superset =
                if place.is_normal { Superset::new(place.kind, &self.sought) } else { Superset::everything() };
            superset.expression(&place.name, of)
        });
        // Where one column's values cannot be told beforehand, no row can be left out.
        let superset: Option<Vec<Expr>> = supersets.collect::<Result<_>>()?;
        let known = Known::new(Live::new(self.new.clone()), Site::default());
        let judge = |what| function(what, &known).call(self.arguments());

        let mut table = table;
        if self.sought.is_empty() {
            table = table.filter(lit(false))?;
        }
        for condition in times.into_iter().chain(superset.map(|terms| any_of(terms).unwrap_or_else(|| lit(false)))) {
            table = table.filter(condition)?;
        }
        table.filter(judge(What::IsHunted))?.with_column(FOUND, judge(What::Hunted))
    }

    /// What both functions are given: literals and columns alone, so that plans can be sent to other hosts.
    fn arguments(&self) -> Vec<Expr> {
        let sought: StringArray = self.sought.iter().map(|(kind, pattern)| Some(format!("{kind} {pattern}"))).collect();
        let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
        let sought = ListArray::new(item, OffsetBuffer::from_lengths([self.sought.len()]), Arc::new(sought), None);
        let head = [lit(self.new.generation().to_string()), Expr::Literal(ScalarValue::List(Arc::new(sought)), None)];
        let columns =
            self.columns.iter().flat_map(|place| [lit(&*place.name), lit(place.kind.name()), ident(&*place.name)]);
        head.into_iter().chain(columns).collect()
    }
}

fn field<'s>(schema: &'s DFSchema, name: &str) -> Result<&'s Field> {
    let Ok(field) = schema.field_with_unqualified_name(name) else {
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        return plan_err!("retro-hunt: expected one column {name}, found {}", names.join(", "));
    };
    Ok(field)
}

/// The rows of a range of time.
fn during(schema: &DFSchema, (column, from, until): &(String, i64, i64)) -> Result<Expr> {
    let DataType::Timestamp(unit, zone) = field(schema, column)?.data_type() else {
        let of = field(schema, column)?.data_type();
        return plan_err!(
            "retro-hunt: column {column} has no timestamps but {of}: filter the table by its time before"
        );
    };
    let at = |seconds: i64| {
        let of = |each: i64| Some(seconds.saturating_mul(each));
        lit(match unit {
            TimeUnit::Second => ScalarValue::TimestampSecond(of(1), zone.clone()),
            TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(of(1_000), zone.clone()),
            TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(of(1_000_000), zone.clone()),
            TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(of(1_000_000_000), zone.clone()),
        })
    };
    Ok(ident(column).gt_eq(at(*from)).and(ident(column).lt(at(*until))))
}
