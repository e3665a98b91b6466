//! The schemas as they are published, and whether what was written is in them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Elastic Common Schema: its list of fields.
pub(crate) struct Ecs {
    /// Type, and whether it is a list.
    fields: BTreeMap<String, (String, bool)>,
}

impl Ecs {
    pub(crate) fn open(data: &Path) -> Self {
        let mut text = String::new();
        let file = fs::File::open(data.join("schemas/ecs/fields.csv.gz")).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        let rows = csv::Reader::from_reader(text.as_bytes()).into_records().map(Result::unwrap);
        let fields: BTreeMap<_, _> =
            rows.map(|row| (row[3].to_owned(), (row[4].to_owned(), row[6].contains("array")))).collect();
        assert!(fields.len() > 2000);
        Self { fields }
    }

    /// What is wrong with what is in `after` and was not in `before`.
    pub(crate) fn check(&self, before: &Value, after: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        self.object("", before, after, &mut wrong);
        wrong
    }

    fn object(&self, path: &str, before: &Value, after: &Value, wrong: &mut Vec<String>) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (key, value) in after {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    match before.get(key) {
                        Some(before) => self.object(&path, before, value, wrong),
                        None => self.written(&path, value, wrong),
                    }
                }
            }
            (Value::Array(before), Value::Array(after)) => {
                assert!(after.starts_with(before), "{path}: something of the list is gone");
                // Each element of a list that is there is held to the field as one value.
                after[before.len()..].iter().for_each(|item| self.element(path, item, wrong));
            }
            (before, after) => assert_eq!(before, after, "{path}"),
        }
    }

    fn written(&self, path: &str, value: &Value, wrong: &mut Vec<String>) {
        if path.split('.').any(|key| key == "stormtag") {
            return;
        }
        let field = self.fields.get(path);
        match (value, field) {
            (Value::Object(point), Some((kind, _))) if kind == "geo_point" => {
                let at = |name: &str, most: f64| point[name].as_f64().is_some_and(|degrees| degrees.abs() <= most);
                if point.len() != 2 || !at("lat", 90.0) || !at("lon", 180.0) {
                    wrong.push(format!("{path}: no point: {value}"));
                }
            }
            (Value::Object(members), _) => {
                members.iter().for_each(|(key, value)| self.written(&format!("{path}.{key}"), value, wrong));
            }
            (Value::Array(items), Some((_, true))) => items.iter().for_each(|item| self.element(path, item, wrong)),
            (_, Some((_, true))) => wrong.push(format!("{path}: a list is expected, not {value}")),
            _ => self.element(path, value, wrong),
        }
    }

    fn element(&self, path: &str, value: &Value, wrong: &mut Vec<String>) {
        let Some((kind, _)) = self.fields.get(path) else { return wrong.push(format!("{path}: no field of ECS")) };
        let fits = match kind.as_str() {
            "keyword" | "wildcard" | "match_only_text" => value.as_str().is_some_and(|text| !text.is_empty()),
            "ip" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
            "date" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            "long" => value.is_i64() || value.is_u64(),
            "nested" | "object" => {
                if let Value::Object(members) = value {
                    members.iter().for_each(|(key, value)| self.written(&format!("{path}.{key}"), value, wrong));
                }
                value.is_object()
            }
            _ => false,
        };
        if !fits {
            wrong.push(format!("{path}: {value} is no {kind}"));
        }
    }
}

/// The Open Cybersecurity Schema Framework: dictionary, objects and classes of events, each with what it extends and includes.
pub(crate) struct Ocsf {
    folder: PathBuf,
    dictionary: Map<String, Value>,
    types: Map<String, Value>,
    objects: BTreeMap<String, Shape>,
    /// By `class_uid`.
    classes: BTreeMap<u64, Shape>,
}

/// An object or a class: its attributes and what is asked of it as a whole.
#[derive(Clone, Default)]
struct Shape {
    attributes: Map<String, Value>,
    at_least_one: Vec<String>,
}

/// What the event brought, as far as it is known to be incomplete.
#[derive(Clone, Copy, PartialEq)]
enum Wholeness {
    Whole,
    /// Merged into what is there, or stands for what the event does not say in OCSF.
    Part,
}

impl Ocsf {
    pub(crate) fn open(data: &Path) -> Self {
        let folder = data.join("schemas/ocsf");
        let dictionary = read(&folder.join("dictionary.json"));
        let members = |value: &Value| value.as_object().unwrap().clone();
        let mut schema = Self {
            dictionary: members(&dictionary["attributes"]),
            types: members(&dictionary["types"]["attributes"]),
            objects: BTreeMap::new(),
            classes: BTreeMap::new(),
            folder,
        };
        let objects = schema.files("objects");
        for file in objects.values() {
            let shape = schema.shape(file, &objects);
            schema.objects.insert(file["name"].as_str().unwrap().to_owned(), shape);
        }
        schema.number_observables();
        let categories = read(&schema.folder.join("categories.json"));
        let mut events = schema.files("events");
        for under in ["events/findings", "events/network", "events/system"] {
            events.extend(schema.files(under));
        }
        for file in events.values() {
            let Some(uid) = file["uid"].as_u64() else { continue };
            let mut category = file;
            while category.get("category").is_none() && category.get("extends").is_some() {
                category = &events[category["extends"].as_str().unwrap()];
            }
            let name = category["category"].as_str().unwrap_or("other");
            let number = categories["attributes"][name]["uid"].as_u64().unwrap_or(0);
            let shape = schema.shape(file, &events);
            schema.classes.insert(number * 1000 + uid, shape);
        }
        assert!(schema.objects.len() > 150 && schema.classes.len() > 30, "{:?}", schema.classes.keys());
        schema
    }

    /// What an observable can be stands with the types, attributes and objects that are such.
    fn number_observables(&mut self) {
        let all = self.types.iter().chain(&self.dictionary);
        let numbered =
            all.filter_map(|(_, of)| Some((of.get("observable")?.to_string(), json!({"caption": of["caption"]}))));
        let numbers: Map<String, Value> = numbered.collect();
        assert!(numbers.len() > 15, "{numbers:?}");
        let type_id = self.objects.get_mut("observable").and_then(|shape| shape.attributes.get_mut("type_id")).unwrap();
        overlay(type_id, &json!({ "enum": numbers }));
    }

    fn files(&self, under: &str) -> BTreeMap<String, Value> {
        let entries = fs::read_dir(self.folder.join(under)).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.extension().is_some_and(|end| end == "json")).map(|path| read(&path));
        files.map(|file| (file["name"].as_str().unwrap().to_owned(), file)).collect()
    }

    /// With what it extends and includes; what stands nearer counts.
    fn shape(&self, file: &Value, all: &BTreeMap<String, Value>) -> Shape {
        let mut shape = match file.get("extends") {
            Some(parent) => self.shape(&all[parent.as_str().unwrap()], all),
            None => Shape::default(),
        };
        let own = file["attributes"].as_object().unwrap();
        let includes = match own.get("$include") {
            Some(Value::Array(names)) => names.clone(),
            Some(name) => vec![name.clone()],
            None => Vec::new(),
        };
        let included: Vec<Value> =
            includes.iter().map(|name| read(&self.folder.join(name.as_str().unwrap()))).collect();
        let included = included.iter().map(|file| file["attributes"].as_object().unwrap());
        for (from, attributes) in included.map(|of| (true, of)).chain([(false, own)]) {
            for (name, attribute) in attributes.iter().filter(|(name, _)| *name != "$include") {
                let slot = shape.attributes.entry(name.clone()).or_insert_with(|| json!({}));
                overlay(slot, attribute);
                if from && slot["requirement"] == "required" {
                    // Of a profile: asked for only where the profile is used.
                    slot["requirement"] = "of its profile".into();
                }
            }
        }
        if let Some(names) = file.get("constraints").and_then(|constraints| constraints.get("at_least_one")) {
            shape.at_least_one =
                names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        } else if file.get("constraints").is_some() {
            shape.at_least_one.clear();
        }
        shape
    }

    /// What is wrong with what is in `after` and was not in `before`.
    pub(crate) fn check(&self, before: &Value, after: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let class = before.get("class_uid").and_then(Value::as_u64).and_then(|uid| self.classes.get(&uid));
        let mut profiled = false;
        for (name, value) in after.as_object().unwrap() {
            let there = before.get(name);
            if there == Some(value) {
                continue;
            }
            profiled |= name == "osint";
            let empty = json!({});
            let own = match class {
                Some(class) => class.attributes.get(name),
                // A class that is not among those published here, or an event in other words: the dictionary tells.
                None => self.dictionary.get(name).map(|_| &empty),
            };
            match own {
                Some(own) => self.attribute(name, there, value, &self.attribute_of(name, own), class, &mut wrong),
                None => wrong.push(format!("{name}: no attribute of the class")),
            }
        }
        let profiles = after["metadata"]["profiles"].as_array().cloned().unwrap_or_default();
        let named = profiles.iter().filter(|profile| *profile == "osint").count();
        if profiled && named != 1 {
            wrong.push(format!("metadata.profiles: osint stands there {named} times"));
        }
        wrong
    }

    /// The attribute as the dictionary has it, with what its owner says of it.
    fn attribute_of(&self, name: &str, own: &Value) -> Value {
        let mut attribute = self.dictionary.get(name).cloned().unwrap_or_else(|| json!({}));
        overlay(&mut attribute, own);
        attribute
    }

    fn attribute(
        &self,
        path: &str,
        before: Option<&Value>,
        after: &Value,
        attribute: &Value,
        class: Option<&Shape>,
        wrong: &mut Vec<String>,
    ) {
        if attribute.get("@deprecated").is_some() {
            wrong.push(format!("{path}: deprecated"));
        }
        if attribute["is_array"] != true {
            // Endpoints and metadata are those of the event, and as whole as it has them.
            let part = before.is_some() || class.is_none() && !path.contains(['.', '[']);
            let whole = if part { Wholeness::Part } else { Wholeness::Whole };
            return self.value(path, before, after, attribute, whole, wrong);
        }
        let Some(items) = after.as_array() else {
            return wrong.push(format!("{path}: a list is expected, not {after}"));
        };
        let known = before.and_then(Value::as_array).map_or(0, Vec::len);
        for (item, number) in items.iter().zip(0..).skip(known) {
            self.value(&format!("{path}[{number}]"), None, item, attribute, Wholeness::Whole, wrong);
        }
    }

    fn value(
        &self,
        path: &str,
        before: Option<&Value>,
        after: &Value,
        attribute: &Value,
        whole: Wholeness,
        wrong: &mut Vec<String>,
    ) {
        let kind = attribute["type"].as_str().unwrap_or_default();
        if let Some(values) = attribute.get("enum") {
            let key = after.as_str().map_or_else(|| after.to_string(), str::to_owned);
            if values.get(&key).is_none() {
                wrong.push(format!("{path}: {after} is none of its values"));
            }
        }
        let Some(base) = self.types.get(kind) else {
            return match self.objects.get(kind) {
                Some(shape) => self.object(path, before, after, shape, whole, wrong),
                None => wrong.push(format!("{path}: neither a type nor an object: {kind:?}")),
            };
        };
        let base = base.get("type").and_then(Value::as_str).unwrap_or(kind);
        let fits = match base {
            "string_t" => after.as_str().is_some_and(|text| !text.is_empty()),
            "integer_t" | "long_t" => after.is_i64() || after.is_u64(),
            "float_t" => after.is_number(),
            "boolean_t" => after.is_boolean(),
            "json_t" => true,
            _ => false,
        };
        // A time in seconds would lie in January 1970.
        let sane = kind != "timestamp_t" || after.as_i64().is_some_and(|time| !(0..100_000_000_000).contains(&time));
        if !fits || !sane {
            wrong.push(format!("{path}: {after} is no {kind}"));
        }
    }

    fn object(
        &self,
        path: &str,
        before: Option<&Value>,
        after: &Value,
        shape: &Shape,
        whole: Wholeness,
        wrong: &mut Vec<String>,
    ) {
        let Some(members) = after.as_object() else {
            return wrong.push(format!("{path}: an object is expected, not {after}"));
        };
        for (name, value) in members {
            let there = before.and_then(|before| before.get(name));
            if there == Some(value) {
                continue;
            }
            let path = format!("{path}.{name}");
            let Some(own) = shape.attributes.get(name) else {
                wrong.push(format!("{path}: no such attribute"));
                continue;
            };
            let attribute = self.attribute_of(name, own);
            self.attribute(&path, there, value, &attribute, Some(shape), wrong);
            // `type` is the caption of `type_id`.
            let sibling = attribute["sibling"].as_str().filter(|_| attribute["is_array"] != true);
            if let (Some(sibling), Some(caption)) = (sibling, attribute["enum"][value.to_string()]["caption"].as_str())
                && let Some(text) = members.get(sibling)
                && value != 99
                && text != caption
            {
                wrong.push(format!("{path}: {value} is {caption:?}, and {sibling} says {text}"));
            }
        }
        if whole == Wholeness::Part {
            return;
        }
        for (name, own) in &shape.attributes {
            if own["requirement"] == "required" && !members.contains_key(name) {
                wrong.push(format!("{path}: {name} is required"));
            }
        }
        if !shape.at_least_one.is_empty() && !shape.at_least_one.iter().any(|name| members.contains_key(name)) {
            wrong.push(format!("{path}: expected one of {:?}", shape.at_least_one));
        }
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What stands in `over` counts; values of an `enum` are added to those that are there.
fn overlay(under: &mut Value, over: &Value) {
    let Value::Object(under) = under else { return };
    for (name, value) in over.as_object().into_iter().flatten() {
        match (under.get_mut(name), value) {
            (Some(there @ Value::Object(_)), Value::Object(_)) if name == "enum" => overlay(there, value),
            _ => drop(under.insert(name.clone(), value.clone())),
        }
    }
}

#[test]
fn the_checks_of_this_file_can_fail() {
    let Some(data) = crate::data::folder("the_checks_of_this_file_can_fail") else { return };
    let (ecs, ocsf) = (Ecs::open(&data), Ocsf::open(&data));
    let before = json!({"class_uid": 4001, "metadata": {"version": "1.8.0"}, "related": {"ip": []}});
    let with = |addition: Value| {
        let mut after = before.clone();
        crate::doors::merge(after.as_object_mut().unwrap(), "", addition.as_object().unwrap());
        after
    };
    for (addition, expected) in [
        (json!({"source": {"as": {"number": 7}, "geo": {"location": {"lat": 1.0, "lon": 2.0}}}}), None),
        (json!({"source": {"as": {"number": "7"}}}), Some("source.as.number: \"7\" is no long")),
        (json!({"source": {"geo": {"town": "x"}}}), Some("source.geo.town: no field of ECS")),
        (json!({"source": {"geo": {"location": {"lat": 100.0, "lon": 2.0}}}}), Some("source.geo.location: no point")),
        (json!({"related": {"ip": ["x"]}}), Some("related.ip: \"x\" is no ip")),
        (json!({"threat": {"technique": {"id": "T1"}}}), Some("threat.technique.id: a list is expected")),
        (
            json!({"threat": {"enrichments": [{"matched": {"occurred": "then"}, "stormtag": {"any": 1}}]}}),
            Some("threat.enrichments.matched.occurred: \"then\" is no date"),
        ),
    ] {
        let wrong = ecs.check(&before, &with(addition.clone()));
        assert_eq!(wrong.len(), usize::from(expected.is_some()), "{addition}: {wrong:?}");
        assert!(wrong.iter().zip(expected).all(|(wrong, expected)| wrong.starts_with(expected)), "{wrong:?}");
    }
    let osint = |osint: Value| json!({"osint": [osint], "metadata": {"profiles": ["osint"]}});
    for (addition, expected) in [
        (osint(json!({"type_id": 1, "type": "IP Address", "value": "x", "tlp": "AMBER STRICT"})), None),
        (
            osint(json!({"type_id": 1, "type": "Address", "value": "x"})),
            Some("osint[0].type_id: 1 is \"IP Address\", and"),
        ),
        (osint(json!({"type_id": 15, "value": "x"})), Some("osint[0].type_id: 15 is none of its values")),
        (osint(json!({"type_id": 1})), Some("osint[0]: value is required")),
        (osint(json!({"type_id": 1, "value": 7})), Some("osint[0].value: 7 is no string_t")),
        (osint(json!({"type_id": 1, "value": "x", "created_time": 1_705_081_509})), Some("osint[0].created_time")),
        (
            osint(json!({"type_id": 1, "value": "x", "attacks": [{"version": "1"}]})),
            Some("osint[0].attacks[0]: expected one of"),
        ),
        (
            osint(json!({"type_id": 1, "value": "x", "malware": [{"name": "m"}]})),
            Some("osint[0].malware[0]: classification_ids is"),
        ),
        (json!({"osint": []}), Some("metadata.profiles: osint stands there 0 times")),
        (
            json!({"src_endpoint": {"location": {"lat": 1.5}, "ip": "x"}}),
            Some("src_endpoint.location: expected one of"),
        ),
        (json!({"src_endpoint": {"isp_name": "x", "ip": "x"}}), Some("src_endpoint.isp_name: no such attribute")),
        (
            json!({"dst_endpoint": {"location": {"country": "US", "isp": "x"}, "ip": "x"}}),
            Some("dst_endpoint.location.isp: deprecated"),
        ),
        (json!({"threat": {}}), Some("threat: no attribute of the class")),
    ] {
        let wrong = ocsf.check(&before, &with(addition.clone()));
        assert_eq!(wrong.len(), usize::from(expected.is_some()), "{addition}: {wrong:?}");
        assert!(wrong.iter().zip(expected).all(|(wrong, expected)| wrong.starts_with(expected)), "{wrong:?}");
    }
}
