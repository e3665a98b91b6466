//! Columns of texts: what is known of each of their values.

use datafusion::arrow::array::{Array, ArrayAccessor, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::ColumnarValue;
use stormtag::{Finding, Intel, Kind, Observable};

/// A column of texts, as the values in it that are looked up.
pub(crate) struct Column {
    values: ArrayRef,
    /// Which of the values each row has; `None`: each its own.
    rows: Option<UInt32Array>,
}

/// The type as which a column of this type is looked up; `None`: it holds no texts.
///
/// Whole numbers are, for those of autonomous systems.
pub(crate) fn text_type(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(of.clone()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Some(of.clone()),
        DataType::FixedSizeBinary(_) => Some(DataType::Binary),
        DataType::Dictionary(key, value) => {
            let is_nested = matches!(**value, DataType::Dictionary(..));
            let value = text_type(value).filter(|_| !is_nested)?;
            Some(DataType::Dictionary(key.clone(), Box::new(value)))
        }
        DataType::Null => Some(DataType::Utf8),
        of if of.is_integer() => Some(DataType::Utf8),
        _ => None,
    }
}

impl Column {
    /// The rows of an argument, which is of a [text type](text_type).
    pub(crate) fn new(argument: &ColumnarValue, rows: usize) -> Result<Self> {
        match argument {
            ColumnarValue::Array(array) => Self::of_array(array),
            // One value for all rows.
            ColumnarValue::Scalar(value) => {
                let Self { values, rows: keys } = Self::of_array(&value.to_array()?)?;
                let key = keys.map_or(Some(0), |keys| (!keys.is_null(0)).then(|| keys.value(0)));
                Ok(Self { values, rows: Some(UInt32Array::from(vec![key; rows])) })
            }
        }
    }

    fn of_array(array: &ArrayRef) -> Result<Self> {
        let Some(dictionary) = array.as_any_dictionary_opt() else {
            return Ok(Self { values: array.clone(), rows: None });
        };
        let keys = cast(dictionary.keys(), &DataType::UInt32)?;
        let keys = keys.as_primitive();
        // A dictionary may be shared by many batches, and much larger than this one.
        let (values, rows) = if dictionary.values().len() > keys.len() {
            let (used, rows) = used(keys, dictionary.values().len());
            (take(dictionary.values(), &used, None)?, rows)
        } else {
            (dictionary.values().clone(), keys.clone())
        };
        Ok(Self { values, rows: Some(rows) })
    }

    /// What is known of values on which there is a record; `none` stands for all others, which are nearly all.
    pub(crate) fn listed<'i, T: Clone>(
        &self,
        intel: &'i Intel,
        kind: Kind,
        none: T,
        mut tell: impl FnMut(Finding<'i>) -> T,
    ) -> Result<Vec<T>> {
        self.judge(kind, none, |value| intel.is_listed(value).then(|| tell(intel.look_up(value))))
    }

    /// An answer for each value of the kind for which there is one; `none` for all others.
    pub(crate) fn judge<T: Clone>(
        &self,
        kind: Kind,
        none: T,
        mut tell: impl FnMut(&Observable<'_>) -> Option<T>,
    ) -> Result<Vec<T>> {
        let mut answers = vec![none; self.values.len()];
        self.each(|place, text| {
            if let Ok(value) = Observable::parse(kind, text)
                && let Some(told) = tell(&value)
                && let Some(answer) = answers.get_mut(place)
            {
                *answer = told;
            }
        })?;
        Ok(answers)
    }

    /// What is known of each value, ASN and place among it. `none` stands where there is no value of the kind; `tell` makes something of
    /// what is known of the others.
    pub(crate) fn look_up<'i, T: Clone>(
        &self,
        intel: &'i Intel,
        kind: Kind,
        none: T,
        tell: impl FnMut(&Finding<'i>) -> T,
    ) -> Result<Vec<T>> {
        let answers = vec![none; self.values.len()];
        let mut asking =
            Asking { intel, kind, asked: Vec::new(), places: Vec::new(), findings: Vec::new(), answers, tell };
        self.each(|place, text| asking.ask(place, text))?;
        asking.finish();
        Ok(asking.answers)
    }

    /// Each value that is a text, with its place among them.
    fn each<'a>(&'a self, see: impl FnMut(usize, &'a str)) -> Result<()> {
        let values = &self.values;
        match values.data_type() {
            DataType::Utf8 => each(values.as_string::<i32>(), see),
            DataType::LargeUtf8 => each(values.as_string::<i64>(), see),
            DataType::Utf8View => each(values.as_string_view(), see),
            DataType::Binary => each(values.as_binary::<i32>(), see),
            DataType::LargeBinary => each(values.as_binary::<i64>(), see),
            DataType::BinaryView => each(values.as_binary_view(), see),
            // The planner casts to a text type.
            other => return exec_err!("expected a column of texts, found {other}"),
        }
        Ok(())
    }

    /// Which values there are: without those that are null.
    pub(crate) fn nulls(&self) -> Option<NullBuffer> {
        self.values.logical_nulls()
    }

    /// Which rows have a value.
    pub(crate) fn row_nulls(&self) -> Option<NullBuffer> {
        let nulls = self.nulls();
        let Some(rows) = &self.rows else { return nulls };
        let is_valid = |row: u32| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row as usize));
        Some(rows.iter().map(|row| row.is_some_and(is_valid)).collect())
    }

    /// The texts of all rows.
    pub(crate) fn texts(&self) -> Result<Vec<Option<&str>>> {
        let mut texts = vec![None; self.values.len()];
        self.each(|place, text| {
            if let Some(slot) = texts.get_mut(place) {
                *slot = Some(text);
            }
        })?;
        Ok(self.spread(texts, None))
    }

    /// From an answer a value to one a row.
    pub(crate) fn spread<T: Clone>(&self, answers: Vec<T>, null: T) -> Vec<T> {
        let Some(rows) = &self.rows else { return answers };
        let of = |row: Option<u32>| row.and_then(|row| answers.get(row as usize)).unwrap_or(&null).clone();
        rows.iter().map(of).collect()
    }

    /// From an array with an answer a value to one with an answer a row.
    pub(crate) fn spread_array(&self, answers: ArrayRef) -> Result<ArrayRef> {
        Ok(match &self.rows {
            Some(rows) => take(&answers, rows, None)?,
            None => answers,
        })
    }
}

/// The values of a dictionary that rows have, each once, and which of these each row has.
fn used(keys: &UInt32Array, values: usize) -> (UInt32Array, UInt32Array) {
    // The number of each value among the used ones, from 1. Zeroed memory costs nothing where it is not touched.
    let mut numbers = vec![0_u32; values];
    let mut used = Vec::new();
    let mut number = |key: u32| {
        let number = numbers.get_mut(key as usize)?;
        if *number == 0 {
            used.push(key);
            *number = used.len() as u32;
        }
        Some(*number - 1)
    };
    let rows = keys.iter().map(|key| key.and_then(&mut number)).collect();
    (used.into(), rows)
}

/// Bytes that may be a text.
trait Text<'a> {
    fn text(self) -> Option<&'a str>;
}

impl<'a> Text<'a> for &'a str {
    #[inline]
    fn text(self) -> Option<&'a str> {
        Some(self)
    }
}

impl<'a> Text<'a> for &'a [u8] {
    #[inline]
    fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self).ok()
    }
}

#[inline]
fn each<'a, A: ArrayAccessor>(values: A, mut see: impl FnMut(usize, &'a str))
where
    A::Item: Text<'a>,
{
    for place in 0..values.len() {
        if values.is_valid(place)
            && let Some(text) = values.value(place).text()
        {
            see(place, text);
        }
    }
}

/// Values that are looked up side by side.
const GROUP: usize = 64;

/// Collects values, and looks them up when there are enough.
struct Asking<'a, 'i, T, F> {
    intel: &'i Intel,
    kind: Kind,
    asked: Vec<Observable<'a>>,
    places: Vec<usize>,
    findings: Vec<Finding<'i>>,
    answers: Vec<T>,
    tell: F,
}

impl<'a, 'i, T, F: FnMut(&Finding<'i>) -> T> Asking<'a, 'i, T, F> {
    #[inline]
    fn ask(&mut self, place: usize, text: &'a str) {
        let Ok(observable) = Observable::parse(self.kind, text) else { return };
        self.asked.push(observable);
        self.places.push(place);
        if self.asked.len() == GROUP {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.intel.look_up_many(&self.asked, &mut self.findings);
        for (&place, finding) in self.places.iter().zip(&self.findings) {
            if let Some(answer) = self.answers.get_mut(place) {
                *answer = (self.tell)(finding);
            }
        }
        self.asked.clear();
        self.places.clear();
        self.findings.clear();
    }
}

/// Times in seconds since the epoch, for each row.
pub(crate) fn seconds(argument: &ColumnarValue, rows: usize) -> Result<Vec<Option<i64>>> {
    use datafusion::arrow::datatypes::{Int64Type, TimeUnit};
    let array = argument.to_array(rows)?;
    let DataType::Timestamp(unit, _) = array.data_type() else {
        return exec_err!("expected a timestamp, found {}", array.data_type());
    };
    let each = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let counts = cast(&array, &DataType::Int64)?;
    Ok(counts.as_primitive::<Int64Type>().iter().map(|count| count.map(|count: i64| count.div_euclid(each))).collect())
}

/// Whether all arguments are the same for all rows: then one row is enough.
pub(crate) fn rows_needed(arguments: &[ColumnarValue], rows: usize) -> usize {
    if arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) { 1 } else { rows }
}

/// What a function returns: of arguments that are the same for all rows, one value.
pub(crate) fn returned(array: ArrayRef, arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    if arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) && array.len() == 1 {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
    }
    Ok(ColumnarValue::Array(array))
}
