//! The two doors of a worker, bytes and values, beside each other. Fuzzing includes this file too.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};
use stormtag::{AllowList, Catalog, Feed, FieldMap, Geo, IntelBuilder, Limits, Live, Record, Schema, Worker};

pub(crate) const SCHEMAS: &[Schema] = Schema::ALL;
pub(crate) const MAPS: [&str; 6] = ["ecs", "ocsf", "zeek", "suricata", "flow", "sysmon"];

/// The sample feed, list and databases, and the built-in indicators.
pub(crate) static SAMPLE: LazyLock<Live> = LazyLock::new(|| Live::new(sample().build().0));

pub(crate) fn sample() -> IntelBuilder {
    // The crate of the fuzz targets lies one folder deeper.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("examples/data"));
    let folder = folders.find(|folder| folder.is_dir()).unwrap();
    let file = |name: &str| folder.join(name);
    let mut builder = IntelBuilder::new();
    builder
        .catalog(Catalog::builtin())
        .feed(Catalog::builtin_indicators())
        .feed(Feed::open(file("feed.csv"), None, &Record::new("sample").into()).unwrap())
        .allow(AllowList::open(file("allow.txt")).unwrap())
        .geo(Arc::new(Geo::open([file("asn.mmdb"), file("city.mmdb")]).unwrap()))
        .limits(Limits { special_use: true, ..Limits::default() });
    builder
}

/// Two workers with the same settings: one for bytes, one for values.
pub(crate) struct Doors {
    pub(crate) bytes: Worker,
    pub(crate) values: Worker,
    schema: Schema,
    pub(crate) changed: u64,
}

impl Doors {
    pub(crate) fn new(live: &Live, schema: Schema, map: Option<&str>) -> Self {
        let worker = || {
            let mut worker = live.worker();
            worker.set_schema(schema);
            if let Some(map) = map {
                worker.set_fields(FieldMap::named(map).unwrap());
            }
            worker
        };
        Self { bytes: worker(), values: worker(), schema, changed: 0 }
    }

    /// What is wrong with what becomes of a line.
    pub(crate) fn check(&mut self, line: &[u8]) -> Result<(), String> {
        let mut out = b"before".to_vec();
        let not_json = self.bytes.counters().not_json;
        let matched = self.bytes.enrich_json(line, &mut out);
        let out = out.strip_prefix(b"before").ok_or("what stood in the buffer is gone")?;
        let say =
            |why: &str| Err(format!("{why}\n{}\n{}", String::from_utf8_lossy(line), String::from_utf8_lossy(out)));
        let Ok(Value::Object(event)) = serde_json::from_slice(line) else {
            if out != line || matched || self.bytes.counters().not_json != not_json + 1 {
                return say("what is no JSON object did not pass as it is");
            }
            return Ok(());
        };
        // A `Value` has lost the order of its members, by which the first of several addresses is told, and those that stand twice.
        let ordered: Ordered = serde_json::from_slice(line).unwrap();
        let twice = ordered.has_twice();
        let mut expected = self.expected(&ordered.once(), event.clone());
        let got: Value = match serde_json::from_slice(out) {
            Ok(got) => got,
            Err(why) => return say(&format!("no JSON any more: {why}")),
        };
        if expected != (matched, got.clone()) && (twice || line.contains(&b'\\')) {
            // Such a line is read by way of a `Value`.
            expected = self.expected(&Value::Object(event.clone()), event);
        }
        if expected.0 != matched {
            return say("one door says that something matched, the other that nothing did");
        }
        if expected.1 != got {
            return say(&format!("expected\n{}", expected.1));
        }
        if !only_inserted(line, out) {
            return say("something that was there has changed");
        }
        self.changed += u64::from(out != line);
        Ok(())
    }

    /// By the way of values: whether something matched, and the event with the patch in it.
    fn expected(&mut self, event: &impl serde::Serialize, mut merged: Map<String, Value>) -> (bool, Value) {
        let enrichment = self.values.enrich(event);
        let matched = enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some());
        let Value::Object(patch) = serde_json::to_value(enrichment.patch(self.schema)).unwrap() else { unreachable!() };
        merge(&mut merged, "", &patch);
        (matched, merged.into())
    }
}

/// A value of JSON whose members stand in their order, any number of times.
#[derive(Clone)]
enum Ordered {
    Leaf(Value),
    List(Vec<Ordered>),
    Members(Vec<(String, Ordered)>),
}

impl Ordered {
    fn has_twice(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::List(items) => items.iter().any(Self::has_twice),
            Self::Members(members) => {
                let keys: std::collections::HashSet<_> = members.iter().map(|(key, _)| key).collect();
                keys.len() < members.len() || members.iter().any(|(_, value)| value.has_twice())
            }
        }
    }

    /// Of what stands twice the last.
    fn once(&self) -> Self {
        match self {
            Self::Leaf(_) => self.clone(),
            Self::List(items) => Self::List(items.iter().map(Self::once).collect()),
            Self::Members(members) => {
                let last = |(at, (key, _)): &(usize, &(String, Ordered))| {
                    !members[at + 1..].iter().any(|(other, _)| other == key)
                };
                let members = members.iter().enumerate().filter(last);
                Self::Members(members.map(|(_, (key, value))| (key.clone(), value.once())).collect())
            }
        }
    }
}

impl serde::Serialize for Ordered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(leaf) => leaf.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Members(members) => serializer.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        macro_rules! leaves {
            ($($method:ident $type:ty),*) => {
                $(fn $method<E>(self, leaf: $type) -> Result<Ordered, E> {
                    Ok(Ordered::Leaf(leaf.into()))
                })*
            };
        }

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Ordered;

            leaves!(visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64, visit_str &str);

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Ordered, E> {
                Ok(Ordered::Leaf(Value::Null))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Ordered, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Ordered::List(list))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Ordered, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = entries.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered::Members(members))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// The documented rule on parsed values: objects merge, arrays append what they do not hold yet, a scalar already present stays; beside a member that is
/// spelled with dots goes what is spelled so too.
pub(crate) fn merge(event: &mut Map<String, Value>, behind: &str, patch: &Map<String, Value>) {
    for (name, addition) in patch {
        let key = format!("{behind}{name}");
        let dotted = format!("{key}.");
        let spelled_with_dots = event.keys().any(|other| other.starts_with(&dotted));
        match (event.get_mut(&key), addition) {
            (Some(Value::Object(there)), Value::Object(addition)) => merge(there, "", addition),
            (Some(Value::Array(there)), Value::Array(addition)) => {
                let new: Vec<_> = addition.iter().filter(|item| !there.contains(item)).cloned().collect();
                there.extend(new);
            }
            (Some(_), _) => {}
            (None, Value::Object(addition)) if spelled_with_dots => merge(event, &dotted, addition),
            (None, addition) => drop(event.insert(key, addition.clone())),
        }
    }
}

/// Whether `out` is `line` with nothing but insertions at the ends of objects and arrays.
pub(crate) fn only_inserted(line: &[u8], out: &[u8]) -> bool {
    let (mut rest, mut text, mut escape) = (out, false, false);
    for &byte in line {
        if !text && matches!(byte, b'}' | b']') {
            rest = &rest[inserted(rest)..];
        }
        match rest.split_first() {
            Some((&first, behind)) if first == byte => rest = behind,
            _ => return false,
        }
        match byte {
            _ if escape => escape = false,
            b'\\' if text => escape = true,
            b'"' => text = !text,
            _ => {}
        }
    }
    rest.is_empty()
}

/// How many bytes stand before the end of the object or array.
fn inserted(bytes: &[u8]) -> usize {
    let (mut depth, mut text, mut escape) = (0, false, false);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escape => escape = false,
            b'\\' if text => escape = true,
            b'"' => text = !text,
            _ if text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    bytes.len()
}

/// What is wrong with what becomes of lines one after the other and in blocks, whatever the worker has seen before them.
pub(crate) fn check_lines(live: &Live, fields: &FieldMap, lines: &[Vec<u8>]) -> Result<(), String> {
    let mut workers = [live.worker(), live.worker(), live.worker()];
    for worker in &mut workers {
        worker.set_fields(fields.clone());
    }
    let [warm, fresh, blocks] = &mut workers;
    let (mut one_by_one, mut matched) = (Vec::new(), 0);
    for line in lines {
        let say = |why: &str| Err(format!("{why}\n{}", String::from_utf8_lossy(line)));
        let start = one_by_one.len();
        let refused = [&warm, &fresh].map(|worker| worker.counters().not_json);
        let is_match = warm.enrich_json(line, &mut one_by_one);
        matched += u64::from(is_match);
        // Setting the fields makes a worker forget.
        fresh.set_fields(fields.clone());
        let mut expected = Vec::new();
        if fresh.enrich_json(line, &mut expected) != is_match || one_by_one[start..] != expected {
            return say("what was seen before changes the answer");
        }
        let refused = [warm.counters().not_json - refused[0], fresh.counters().not_json - refused[1]];
        let is_object = serde_json::from_slice::<Map<String, Value>>(line).is_ok();
        if refused != [u64::from(!is_object); 2] {
            return say("a parser is of another opinion on whether this is an object");
        }
        one_by_one.push(b'\n');
    }
    if warm.counters() != fresh.counters() {
        return Err("what was seen before changes what is counted".into());
    }
    for end in ["\n", ""] {
        let block = [&lines.join(&b'\n')[..], end.as_bytes()].concat();
        let mut out = Vec::new();
        blocks.enrich_lines(&block, &mut out);
        let expected = one_by_one.strip_suffix(if end.is_empty() { &b"\n"[..] } else { b"" }).unwrap_or_default();
        // An empty last line without an end is no line.
        let has_last = !end.is_empty() || lines.last().is_some_and(|line| !line.is_empty());
        if has_last && out != expected {
            let [out, expected] = [&out[..], expected].map(String::from_utf8_lossy);
            return Err(format!("in a block\n{out}\none by one\n{expected}"));
        }
    }
    if blocks.counters().events_matched != 2 * matched {
        return Err("blocks match otherwise".into());
    }
    Ok(())
}
