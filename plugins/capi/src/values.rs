//! Events as values, one behind the other, for hosts that have no JSON: read as an event, and written as a patch.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::c_char;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value as Json;

use crate::input;
use crate::status::Fault;

/// What a `stormtag_value` is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
#[allow(clippy::exhaustive_enums)]
pub enum ValueKind {
    /// No value.
    Null = 0,
    /// `of.integer` is 0 or not.
    Bool = 1,
    /// `of.integer`.
    Integer = 2,
    /// `of.number`.
    Number = 3,
    /// `length` bytes at `of.text`, UTF-8; no NUL is needed behind them, and none counted.
    Text = 4,
    /// The next `length` values, each with all that belongs to it, are its elements.
    Array = 5,
    /// The next `length` pairs of a text and a value, each with all that belongs to it, are its members.
    Object = 6,
}

/// What a value holds. Which one counts is said by its kind.
#[derive(Clone, Copy)]
#[repr(C)]
pub union Content {
    /// A whole number, or a truth.
    pub integer: i64,
    /// A number.
    pub number: f64,
    /// The bytes of a text.
    pub text: *const c_char,
}

/// A value, or the head of an array or an object, whose content follows. `{"a":[1,"x"]}` is the five values: object of 1, text `a`, array of 2,
/// integer 1, text `x`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Value {
    /// A `stormtag_value_kind`.
    pub kind: u32,
    /// Bytes of a text, elements of an array, members of an object; else nothing.
    pub length: usize,
    /// The value itself.
    pub of: Content,
}

/// Nesting beyond which nothing is read: that of stormtag itself.
const DEPTH: usize = 128;

/// Where what belongs to each value ends. Kept from event to event for its memory.
#[derive(Default)]
pub(crate) struct Tree {
    ends: Vec<usize>,
    open: Vec<(usize, usize)>,
}

/// An event.
pub(crate) struct Event<'v> {
    values: &'v [Value],
    ends: &'v [usize],
}

impl Tree {
    /// Checks that the values add up.
    ///
    /// # Safety
    ///
    /// Where a text begins, so many bytes can be read as it says, for as long as the event is used.
    pub(crate) unsafe fn read<'v>(&'v mut self, values: &'v [Value]) -> Result<Event<'v>, Fault> {
        let Self { ends, open } = self;
        ends.clear();
        ends.resize(values.len(), 0);
        // Arrays and objects that are not complete: their place, and how many values they still wait for.
        open.clear();
        let is = |value: &Value, kind: ValueKind| value.kind == kind as u32;
        if values.first().is_none_or(|first| !is(first, ValueKind::Object)) {
            return Err(Fault::invalid("an event begins with an object"));
        }
        for (value, at) in values.iter().zip(0..) {
            if at > 0 && open.is_empty() {
                return Err(Fault::invalid(format!("value {at} follows an event that is complete")));
            }
            if let Some(&(object, left)) = open.last()
                && left % 2 == 0
                && values.get(object).is_some_and(|object| is(object, ValueKind::Object))
                && !is(value, ValueKind::Text)
            {
                return Err(Fault::invalid(format!("value {at} is a key and no text")));
            }
            let inside = match value.kind {
                0..=3 => 0,
                4 => {
                    // SAFETY: every bit pattern is a pointer, and here it is one.
                    let text = unsafe { value.of.text };
                    // SAFETY: as the caller promises. The bytes are not read here, only what is asked of the pointer.
                    unsafe { input::bytes(text, value.length, "the text of a value") }?;
                    0
                }
                5 => value.length,
                6 => value.length.saturating_mul(2),
                kind => return Err(Fault::invalid(format!("value {at} is of kind {kind}, which there is not"))),
            };
            if inside > values.len() - at - 1 {
                let of = format!("value {at} has more content than there are values behind it");
                return Err(Fault::invalid(of));
            }
            open.push((at, inside));
            if open.len() > DEPTH {
                return Err(Fault::invalid(format!("values are nested deeper than {DEPTH}")));
            }
            // What is complete ends here, and is one less that what is around it waits for.
            while let Some(&(done, 0)) = open.last() {
                open.pop();
                if let Some(end) = ends.get_mut(done) {
                    *end = at + 1;
                }
                if let Some((_, left)) = open.last_mut() {
                    *left -= 1;
                }
            }
        }
        if open.is_empty() { Ok(Event { values, ends }) } else { Err(Fault::invalid("the event is not complete")) }
    }
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Part { event: self, at: 0 }.serialize(serializer)
    }
}

/// The value at a place, with all that belongs to it.
struct Part<'e> {
    event: &'e Event<'e>,
    at: usize,
}

impl<'e> Part<'e> {
    fn text(&self) -> Cow<'e, str> {
        let Some(value) = self.event.values.get(self.at) else { return Cow::Borrowed("") };
        // SAFETY: asked of texts only: keys, which were found to be texts, and values of that kind.
        let text = unsafe { value.of.text };
        // SAFETY: whoever had the event read promised that the bytes can be read while it is used.
        let bytes = unsafe { input::bytes(text, value.length, "text") };
        bytes.map_or(Cow::Borrowed(""), String::from_utf8_lossy)
    }

    /// The parts of this one, one after the other.
    fn inside(&self) -> impl Iterator<Item = Part<'e>> {
        let event = self.event;
        let end = event.ends.get(self.at).copied().unwrap_or_default();
        let at = Cell::new(self.at + 1);
        std::iter::from_fn(move || {
            let here = at.get();
            at.set(event.ends.get(here).copied()?);
            (here < end).then_some(Part { event, at: here })
        })
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(value) = self.event.values.get(self.at) else { return serializer.serialize_unit() };
        // SAFETY: every bit pattern is a number, and C wrote eight bytes or left them as they were.
        let integer = || unsafe { value.of.integer };
        match value.kind {
            1 => serializer.serialize_bool(integer() != 0),
            2 => serializer.serialize_i64(integer()),
            // SAFETY: as above.
            3 => serializer.serialize_f64(unsafe { value.of.number }),
            4 => serializer.serialize_str(&self.text()),
            5 => {
                let mut elements = serializer.serialize_seq(Some(value.length))?;
                for part in self.inside() {
                    elements.serialize_element(&part)?;
                }
                elements.end()
            }
            6 => {
                let mut members = serializer.serialize_map(Some(value.length))?;
                let mut inside = self.inside();
                while let (Some(key), Some(part)) = (inside.next(), inside.next()) {
                    members.serialize_entry(&*key.text(), &part)?;
                }
                members.end()
            }
            _ => serializer.serialize_unit(),
        }
    }
}

/// What is to be merged into an event, as values. Kept from event to event for its memory.
#[derive(Default)]
pub(crate) struct Patch {
    values: Vec<Value>,
    /// What the texts of the values point to.
    json: Json,
}

// SAFETY: the values point into the texts of `json`, which goes where they go; nothing else knows of them.
unsafe impl Send for Patch {}

impl Patch {
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.json = Json::Null;
    }

    pub(crate) fn write(&mut self, patch: &impl Serialize) -> Result<(), Fault> {
        let json = serde_json::to_value(patch).map_err(|error| Fault::invalid(error.to_string()))?;
        // Not before: the event may point to what came out last.
        self.clear();
        self.json = json;
        if self.json.as_object().is_some_and(|members| !members.is_empty()) {
            push(&self.json, &mut self.values);
        }
        Ok(())
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }
}

/// Recursion ends: a patch is made of our own types.
fn push(json: &Json, values: &mut Vec<Value>) {
    let value = |kind: ValueKind, length, of| Value { kind: kind as u32, length, of };
    let text = |text: &str| value(ValueKind::Text, text.len(), Content { text: text.as_ptr().cast() });
    match json {
        Json::Null => values.push(value(ValueKind::Null, 0, Content { integer: 0 })),
        Json::Bool(is) => values.push(value(ValueKind::Bool, 0, Content { integer: i64::from(*is) })),
        Json::Number(number) => values.push(match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => value(ValueKind::Integer, 0, Content { integer }),
            (None, number) => value(ValueKind::Number, 0, Content { number: number.unwrap_or(f64::NAN) }),
        }),
        Json::String(string) => values.push(text(string)),
        Json::Array(elements) => {
            values.push(value(ValueKind::Array, elements.len(), Content { integer: 0 }));
            elements.iter().for_each(|element| push(element, values));
        }
        Json::Object(members) => {
            values.push(value(ValueKind::Object, members.len(), Content { integer: 0 }));
            for (key, member) in members {
                values.push(text(key));
                push(member, values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round(json: &Json) -> Json {
        let mut patch = Patch::default();
        patch.write(json).unwrap();
        let mut tree = Tree::default();
        // SAFETY: the texts are those of the patch.
        let event = unsafe { tree.read(patch.values()) }.unwrap();
        serde_json::to_value(&event).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        for json in [
            json!({"a": [1, "x"]}),
            json!({"a": {"b": {}, "c": [], "d": [[], [[{"e": null}]]]}, "f": [true, false, -7, 1.5, "", "ü\u{0}"]}),
            json!({"": {"": ""}, "n": i64::MIN, "m": i64::MAX}),
        ] {
            assert_eq!(round(&json), json);
        }
    }

    #[test]
    fn values_that_do_not_add_up_are_told() {
        let value = |kind, length| Value { kind, length, of: Content { integer: 0 } };
        let key = Value { kind: 4, length: 1, of: Content { text: c"k".as_ptr() } };
        let deep: Vec<_> = std::iter::repeat_n([value(6, 1), key], 200).flatten().chain([value(0, 0)]).collect();
        for (values, says) in [
            (vec![], "begins with an object"),
            (vec![value(5, 0)], "begins with an object"),
            (vec![value(6, 0), value(0, 0)], "value 1 follows"),
            (vec![value(6, 1), value(2, 0), value(0, 0)], "value 1 is a key"),
            (vec![value(6, 1), key], "more content"),
            (vec![value(6, usize::MAX)], "more content"),
            (vec![value(6, 2), key, value(6, 0), key], "more content"),
            (vec![value(6, 1), key, value(5, 2), value(0, 0)], "more content"),
            (vec![value(6, 1), key, value(7, 0)], "kind 7"),
            (vec![value(6, 1), value(4, 1), value(0, 0)], "NULL"),
            (vec![value(6, 1), key, Value { kind: 4, length: usize::MAX, ..key }], "no length"),
            (deep, "deeper than 128"),
        ] {
            let mut tree = Tree::default();
            // SAFETY: what points to text points to a key that stays; what does not is refused before it is read.
            let fault = unsafe { tree.read(&values) }.err().unwrap();
            assert!(format!("{fault:?}").contains(says), "{fault:?} does not say {says}");
        }
    }
}
