//! Reads any value that serde can serialize as an event: structs, maps, `serde_json::Value`, a host's own value type.
//!
//! A serializer that writes nothing. It follows the tree of paths, calls `see` with what stands at their ends, and never enters
//! what no path leads into. Nothing is copied but numbers.

use std::fmt::Write as _;

use serde::ser::{
    self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::path::Trail;
use super::plan::{Node, Plan, Point};

/// Calls `see` with each field of the plan that the event has, and its text.
pub(crate) fn walk<E: Serialize + ?Sized>(plan: &Plan, event: &E, see: &mut dyn FnMut(u16, &str, &Trail<'_>)) {
    go::<false, E>(plan, event, see);
}

/// As [`walk`], and with the way to each: for events that it is asked of, after a walk that found something.
pub(crate) fn walk_with_trails<E: Serialize + ?Sized>(
    plan: &Plan,
    event: &E,
    see: &mut dyn FnMut(u16, &str, &Trail<'_>),
) {
    go::<true, E>(plan, event, see);
}

fn go<const TRAILS: bool, E: Serialize + ?Sized>(plan: &Plan, event: &E, see: &mut dyn FnMut(u16, &str, &Trail<'_>)) {
    let (mut scratch, trail) = (String::new(), &Trail::TOP);
    let (here, scratch) = (Some(Node::ROOT), &mut scratch);
    let at = At::<TRAILS> { plan, here, wrapped: None, top: true, depth: 0, elements: 0, trail, see, scratch };
    // Stops early where the value's own serialization fails or is nested beyond reason; what was seen until then counts.
    let _ = event.serialize(at);
}

/// Values nested deeper than this are not entered.
const DEPTH: u32 = 128;

struct At<'a, const TRAILS: bool> {
    plan: &'a Plan,
    /// The point that the keys so far lead to.
    here: Option<Node>,
    /// The point they lead to from within a wrapper.
    wrapped: Option<Node>,
    top: bool,
    depth: u32,
    /// Elements of the array at hand that are behind.
    elements: u32,
    /// The way here, if it is asked for.
    trail: &'a Trail<'a>,
    see: &'a mut dyn FnMut(u16, &str, &Trail<'_>),
    scratch: &'a mut String,
}

/// The walk cannot fail of itself; values can.
#[derive(Debug)]
struct Stop;

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the value stopped its serialization")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Stop
    }
}

impl<const TRAILS: bool> At<'_, TRAILS> {
    fn text(self, text: &str) -> Result<(), Stop> {
        for (field, _) in self.plan.fields_at(Point { here: self.here, wrapped: self.wrapped }) {
            (self.see)(field, text, self.trail);
        }
        Ok(())
    }

    fn number(self, number: impl std::fmt::Display) -> Result<(), Stop> {
        let fields = self.plan.fields_at(Point { here: self.here, wrapped: self.wrapped });
        let mut fields = fields.filter(|(_, reads)| reads.takes_numbers()).peekable();
        if fields.peek().is_none() {
            return Ok(());
        }
        self.scratch.clear();
        let _ = write!(self.scratch, "{number}");
        for (field, _) in fields {
            (self.see)(field, self.scratch, self.trail);
        }
        Ok(())
    }

    /// An element of an array: at the same point.
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let trail = if TRAILS { self.trail.element(self.elements) } else { Trail::TOP };
        self.elements += u32::from(TRAILS);
        let Self { plan, here, wrapped, depth, .. } = *self;
        let (see, scratch) = (&mut *self.see, &mut *self.scratch);
        let trail = if TRAILS { &trail } else { self.trail };
        let (top, depth) = (false, depth + 1);
        value.serialize(At::<TRAILS> { plan, here, wrapped, top, depth, elements: 0, trail, see, scratch })
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Stop> {
        let plan = self.plan;
        let here = self.here.and_then(|node| plan.below(node, key.as_bytes()));
        let wrapped = match self.wrapped {
            Some(node) => plan.below(node, key.as_bytes()),
            None if self.top => plan.wrapped(),
            None => None,
        };
        if (here.is_none() && wrapped.is_none()) || self.depth > DEPTH {
            return Ok(());
        }
        let see = &mut *self.see;
        let scratch = &mut *self.scratch;
        let trail = if TRAILS { self.trail.key(key) } else { Trail::TOP };
        let trail = if TRAILS { &trail } else { self.trail };
        let (top, depth) = (false, self.depth + 1);
        value.serialize(At::<TRAILS> { plan, here, wrapped, top, depth, elements: 0, trail, see, scratch })
    }
}

macro_rules! numbers {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Stop> {
            self.number(value)
        })*
    };
}

impl<'a, const TRAILS: bool> ser::Serializer for At<'a, TRAILS> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Members<'a, TRAILS>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    );

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        // As JSON writes it: 64500.0 is not the number of an autonomous system there either.
        self.number(format_args!("{value:?}"))
    }

    fn serialize_str(self, text: &str) -> Result<(), Stop> {
        self.text(text)
    }

    fn serialize_char(self, c: char) -> Result<(), Stop> {
        self.text(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Stop> {
        std::str::from_utf8(bytes).map_or(Ok(()), |text| self.text(text))
    }

    fn serialize_bool(self, _: bool) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<(), Stop> {
        self.text(name)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        self.member(name, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Stop> {
        if self.depth > DEPTH { Err(Stop) } else { Ok(self) }
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a, TRAILS>, Stop> {
        Ok(Members { at: self, key: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident),*) => {
        $(impl<const TRAILS: bool> $trait for At<'_, TRAILS> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.element(value)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })*
    };
}

elements!(
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! structs {
    ($($trait:ident),*) => {
        $(impl<const TRAILS: bool> $trait for At<'_, TRAILS> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
                self.member(key, value)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);

struct Members<'a, const TRAILS: bool> {
    at: At<'a, TRAILS>,
    /// The key, where it comes apart from its value.
    key: String,
}

impl<const TRAILS: bool> SerializeMap for Members<'_, TRAILS> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key.clear();
        let text = &mut self.key;
        // A key that is no text leads nowhere.
        let _ = key.serialize(Key(&mut |key: &str| text.push_str(key)));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let key = std::mem::take(&mut self.key);
        let done = self.at.member(&key, value);
        self.key = key;
        done
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), Stop> {
        let at = &mut self.at;
        let mut done = Ok(());
        let _ = key.serialize(Key(&mut |key: &str| done = at.member(key, value)));
        done
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

/// Takes the text of a map's key.
struct Key<'f>(&'f mut dyn FnMut(&str));

macro_rules! no_keys {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, _: $type) -> Result<(), Stop> {
            Err(Stop)
        })*
    };
}

impl ser::Serializer for Key<'_> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Impossible<(), Stop>;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Impossible<(), Stop>;
    type SerializeStruct = Impossible<(), Stop>;
    type SerializeStructVariant = Impossible<(), Stop>;

    no_keys!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64, serialize_char char,
        serialize_unit_struct &'static str
    );

    fn serialize_str(self, text: &str) -> Result<(), Stop> {
        (self.0)(text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Stop> {
        std::str::from_utf8(bytes).map_or(Err(Stop), |text| self.serialize_str(text))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<(), Stop> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
        Err(Stop)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Stop> {
        Err(Stop)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Stop> {
        Err(Stop)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        Err(Stop)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Stop> {
        Err(Stop)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Stop> {
        Err(Stop)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        Err(Stop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::event::FieldMap;

    use super::*;

    fn seen(map: &FieldMap, event: &Value) -> Vec<(u16, String)> {
        let mut seen = Vec::new();
        walk(&Plan::new(map, &[]), event, &mut |field, text, _| seen.push((field, text.to_owned())));
        seen.sort();
        seen
    }

    #[test]
    fn nested_dotted_and_wrapped_are_one() {
        let map = FieldMap::parse("m", "?.id.orig_h ip\nsource.ip ip\nts time\n").unwrap();
        for event in [
            json!({"id.orig_h": "a"}),
            json!({"id": {"orig_h": "a"}}),
            json!({"conn": {"id.orig_h": "a"}}),
            json!({"conn": {"id": {"orig_h": ["a"]}}}),
        ] {
            assert_eq!(seen(&map, &event), [(0, "a".into())], "{event}");
        }
        assert_eq!(seen(&map, &json!({"x": {"conn": {"id.orig_h": "a"}}, "conn": {"source.ip": "b"}})), []);
        assert_eq!(
            seen(&map, &json!({"source": [{"ip": "a"}, {"ip": ["b", "c"]}], "ts": 1.5})),
            [(1, "a".into()), (1, "b".into()), (1, "c".into()), (2, "1.5".into())]
        );
    }

    #[test]
    fn a_struct_is_an_event() {
        #[derive(serde::Serialize)]
        struct Flow<'a> {
            src: Option<std::net::IpAddr>,
            host: &'a str,
            port: u16,
        }
        let map = FieldMap::parse("m", "src ip\nhost host\n").unwrap();
        let flow = Flow { src: Some([192, 0, 2, 1].into()), host: "x.example", port: 1 };
        let mut texts = Vec::new();
        walk(&Plan::new(&map, &[]), &flow, &mut |_, text, _| texts.push(text.to_owned()));
        assert_eq!(texts, ["192.0.2.1", "x.example"]);
    }
}
