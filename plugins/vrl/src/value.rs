//! From what serde writes to a value of VRL, without text in between.

use std::fmt::{self, Write as _};

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use vrl::value::{ObjectMap, Value};

/// What serde writes as a value. As JSON has it: what is no number there is null. Numbers beyond VRL's integers become floats, as when
/// VRL reads them.
///
/// `None`: it stopped its own serialization, or has a key that is no text, which nothing of stormtag's does.
pub(crate) fn to_value(written: &(impl Serialize + ?Sized)) -> Option<Value> {
    written.serialize(Writer).ok()
}

/// The members of an object that serde writes; none if it is something else.
pub(crate) fn to_object(written: &(impl Serialize + ?Sized)) -> ObjectMap {
    match to_value(written) {
        Some(Value::Object(members)) => members,
        _ => ObjectMap::new(),
    }
}

struct Writer;

/// A value stopped its own serialization.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value stopped its serialization")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Stop
    }
}

macro_rules! integers {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, number: $type) -> Result<Value, Stop> {
            Ok(i64::try_from(number).map_or_else(|_| float(number as f64), Value::Integer))
        })*
    };
}

/// JSON has no infinity, and VRL no float that is no number.
fn float(number: f64) -> Value {
    if number.is_finite() { Value::from_f64_or_zero(number) } else { Value::Null }
}

impl ser::Serializer for Writer {
    type Ok = Value;
    type Error = Stop;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    integers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    );

    fn serialize_bool(self, is: bool) -> Result<Value, Stop> {
        Ok(Value::Boolean(is))
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Stop> {
        Ok(float(number.into()))
    }

    fn serialize_f64(self, number: f64) -> Result<Value, Stop> {
        Ok(float(number))
    }

    fn serialize_char(self, c: char) -> Result<Value, Stop> {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Stop> {
        Ok(Value::from(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Stop> {
        Ok(Value::from(bytes))
    }

    fn serialize_none(self) -> Result<Value, Stop> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Stop> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Stop> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Value, Stop> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Value, Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Stop> {
        Ok(Value::Object(ObjectMap::from([(name.into(), value.serialize(Writer)?)])))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements, Stop> {
        Ok(Elements { list: Vec::with_capacity(length.unwrap_or(0).min(MOST_AHEAD)), variant: None })
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements, Stop> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Elements, Stop> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        length: usize,
    ) -> Result<Elements, Stop> {
        Ok(Elements { variant: Some(name), ..self.serialize_seq(Some(length))? })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members, Stop> {
        Ok(Members::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members, Stop> {
        Ok(Members::default())
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, name: &'static str, _: usize) -> Result<Members, Stop> {
        Ok(Members { variant: Some(name), ..Members::default() })
    }
}

/// Places of an array made room for before they come.
const MOST_AHEAD: usize = 1024;

struct Elements {
    list: Vec<Value>,
    variant: Option<&'static str>,
}

#[derive(Default)]
struct Members {
    members: ObjectMap,
    /// The key, where it comes apart from its value.
    key: String,
    variant: Option<&'static str>,
}

/// Enums of serde that hold something are an object of one member.
fn of_variant(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(name) => Value::Object(ObjectMap::from([(name.into(), value)])),
        None => value,
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident),*) => {
        $(impl $trait for Elements {
            type Ok = Value;
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.list.push(value.serialize(Writer)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Stop> {
                Ok(of_variant(self.variant, Value::Array(self.list)))
            }
        })*
    };
}

elements!(
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! members {
    ($($trait:ident),*) => {
        $(impl $trait for Members {
            type Ok = Value;
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
                self.members.insert(key.into(), value.serialize(Writer)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Stop> {
                Ok(of_variant(self.variant, Value::Object(self.members)))
            }
        })*
    };
}

members!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Members {
    type Ok = Value;
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key = key_of(key)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let value = value.serialize(Writer)?;
        self.members.insert(std::mem::take(&mut self.key).into(), value);
        Ok(())
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), Stop> {
        self.members.insert(key_of(key)?.into(), value.serialize(Writer)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Stop> {
        Ok(Value::Object(self.members))
    }
}

/// The text of a key. Serde writes texts and numbers for display as JSON writes its keys.
fn key_of(key: &(impl Serialize + ?Sized)) -> Result<String, Stop> {
    struct Shown<'k, K: ?Sized>(&'k K);

    impl<K: Serialize + ?Sized> fmt::Display for Shown<'_, K> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }

    // Nearly all are texts, and many: without the detour.
    if let Value::Bytes(text) = key.serialize(Writer)? {
        return String::from_utf8(text.into()).map_err(|_| Stop);
    }
    let mut text = String::new();
    write!(text, "{}", Shown(key)).map_err(|_| Stop)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_json_has_is_what_vrl_reads_of_it() {
        #[derive(serde::Serialize)]
        enum Each {
            Unit,
            One(u8),
            Two(u8, char),
            Named { a: Option<f32> },
        }
        #[derive(serde::Serialize)]
        struct Holds<'a> {
            each: [Each; 4],
            pair: (i64, &'a str),
            by_number: BTreeMap<u16, bool>,
            nothing: (),
        }
        let each = [Each::Unit, Each::One(1), Each::Two(2, 'x'), Each::Named { a: Some(0.5) }];
        let by_number = BTreeMap::from([(7, true)]);
        let holds = Holds { each, pair: (i64::MIN, "\u{1F600}"), by_number, nothing: () };
        assert_eq!(to_value(&holds), serde_json::from_value(json!(holds)).ok());
        let object = json!({"a": [1, -1, 0.25, u64::MAX, null, true, "x", [], {}], "": {"b.c": ""}});
        assert_eq!(to_value(&object), serde_json::from_value(object).ok());
    }

    #[test]
    fn what_is_no_number_is_null() {
        let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0];
        let expected = [Value::Null, Value::Null, Value::Null, Value::from_f64_or_zero(-0.0)];
        assert_eq!(to_value(&floats), Some(Value::Array(expected.into())));
    }

    #[test]
    fn what_stops_is_nothing() {
        assert_eq!(to_value(&BTreeMap::from([((1, 2), 3)])), None);
        assert!(to_object(&[1]).is_empty());
    }
}
