//! JSON objects, one a line, in an array, or in an object that wraps it.

use std::io::BufRead;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::feed::columns::Columns;
use crate::feed::gathering::Gathering;
use crate::feed::json::{elements, members};
use crate::feed::open::peek;
use crate::feed::table::{Header, Table};
use crate::feed::{Defaults, Feed, Reason, whole};

/// What an object may measure, in bytes; it is held as a tree while it is read.
const LONGEST: usize = 64 * 1024;
/// From how many objects the members are learnt.
const FIRST: usize = 100;
/// How many different paths are looked at, and how deep they go.
const PATHS: usize = 512;
const DEEPEST: usize = 8;
/// Where APIs put their list.
const WRAPPERS: &[&str] =
    &["data", "results", "result", "indicators", "iocs", "items", "objects", "hits", "value", "records"];

/// Reads objects; `columns` says by which path, such as `indicator.value`, what is found in them, or the paths of the first hundred
/// objects are guessed: whole, then by their last member.
///
/// One object a line is read in constant memory. An array, an object that has one (`data`, `results`, `indicators` …), and an
/// object of arrays as abuse.ch exports them are held in memory whole: with the indicators two and a half times the file, as
/// measured. A path leads through arrays; several values give as many indicators, several labels a list. Objects over 64 KiB are
/// rejected.
pub(super) fn read(
    reader: impl BufRead,
    path: &Path,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Feed, Error> {
    let mut gathering = Gathering::new(path, defaults);
    let (start, reader) = peek(reader, LONGEST + 2).map_err(|source| Error::io(path, source))?;
    let start = String::from_utf8_lossy(&start);
    let first = start.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if is_line(first) || start.lines().filter(|line| is_line(line)).nth(1).is_some() {
        return lines(reader, gathering, columns, defaults);
    }
    let text = whole::read(reader, path)?;
    let objects: Vec<(u64, &str)> = match unwrap(&text) {
        Some(objects) => (1..).zip(objects.into_iter().map(RawValue::get)).collect(),
        None => {
            let message = match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                Ok(_) => "no list of objects: expected one a line, an array, or an object that holds one".to_owned(),
                Err(error) => format!("no JSON: {error}"),
            };
            return Err(Error::format(path, message));
        }
    };
    let items = objects.len() as u64;
    let mut objects = objects.into_iter();
    let first: Vec<_> = objects.by_ref().take(FIRST).collect();
    let mut members = Members::of(first.iter().map(|(_, text)| *text), columns, &gathering, defaults)?;
    for (number, text) in first.into_iter().chain(objects) {
        members.object(&mut gathering, number, text);
    }
    gathering.finish(items, None)
}

/// Whether the first bytes are objects that hold indicators.
pub(super) fn looks_like(start: &str) -> bool {
    let object = |text: &str| {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        stream.next().and_then(Result::ok).filter(Value::is_object)
    };
    let bare = start.trim_start();
    let found = object(bare).or_else(|| object(bare.split_once('[')?.1.trim_start()));
    found.is_some_and(|object| Paths::of([object]).guess().is_some())
}

fn is_line(line: &str) -> bool {
    line.trim_start().starts_with('{') && unwrap(line).is_none() && members(line).is_some()
}

fn lines(
    reader: impl BufRead,
    mut gathering: Gathering<'_>,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Feed, Error> {
    let mut first: Vec<(u64, String)> = Vec::new();
    let mut table: Option<Members<'_>> = None;
    let (items, failed) = gathering.lines(reader, |gathering, number, text| {
        if text.trim().is_empty() {
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        }
        if let Some(table) = &mut table {
            table.object(gathering, number, text);
            return Ok(());
        }
        first.push((number, text.to_owned()));
        if first.len() == FIRST {
            table = Some(begin(&mut first, columns, gathering, defaults)?);
        }
        Ok(())
    })?;
    if table.is_none() {
        begin(&mut first, columns, &mut gathering, defaults)?;
    }
    gathering.finish(items, failed)
}

fn begin<'a>(
    first: &mut Vec<(u64, String)>,
    columns: Option<&Columns>,
    gathering: &mut Gathering<'_>,
    defaults: &'a Defaults,
) -> Result<Members<'a>, Error> {
    let mut members = Members::of(first.iter().map(|(_, text)| text.as_str()), columns, gathering, defaults)?;
    for (number, text) in first.drain(..) {
        members.object(gathering, number, &text);
    }
    Ok(members)
}

/// The objects of a list, however it is wrapped; `None` if there is none.
fn unwrap(text: &str) -> Option<Vec<&RawValue>> {
    if let Some(all) = elements(text) {
        return Some(all);
    }
    let members = members(text)?;
    for wrapper in WRAPPERS {
        let wrapped = members.iter().find(|(key, _)| key == wrapper);
        if let Some(all) = wrapped.and_then(|(_, list)| elements(list.get()))
            && all.iter().any(|element| element.get().starts_with('{'))
        {
            return Some(all);
        }
    }
    // abuse.ch: an id and the objects that have it.
    let lists: Option<Vec<_>> = members.iter().map(|(_, list)| elements(list.get())).collect();
    lists.filter(|lists| !lists.is_empty()).map(|lists| lists.concat())
}

/// The paths that lead to scalars.
#[derive(Default)]
struct Paths(Vec<String>);

impl Paths {
    fn of(objects: impl IntoIterator<Item = Value>) -> Self {
        let mut paths = Self::default();
        for object in objects {
            paths.add(&object, &mut String::new(), 0);
        }
        paths
    }

    fn add(&mut self, value: &Value, path: &mut String, depth: usize) {
        match value {
            Value::Object(members) if depth < DEEPEST => {
                for (key, value) in members {
                    let length = path.len();
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(key);
                    self.add(value, path, depth + 1);
                    path.truncate(length);
                }
            }
            Value::Array(elements) if depth < DEEPEST => {
                for element in elements.iter().take(FIRST) {
                    self.add(element, path, depth + 1);
                }
            }
            Value::Null | Value::Object(_) | Value::Array(_) => {}
            _ if path.is_empty() || self.0.len() >= PATHS || self.0.iter().any(|known| known == path) => {}
            _ => self.0.push(path.clone()),
        }
    }

    fn guess(&self) -> Option<Header> {
        let whole: Vec<&str> = self.0.iter().map(String::as_str).collect();
        let last: Vec<&str> = whole.iter().map(|path| path.rsplit('.').next().unwrap_or(path)).collect();
        Header::of(&whole, None).or_else(|_| Header::of(&last, None)).ok()
    }
}

/// Objects read as the rows of a table whose columns are paths.
struct Members<'a> {
    paths: Vec<String>,
    used: Vec<usize>,
    value: usize,
    table: Table<'a>,
    cells: Vec<Option<String>>,
}

impl<'a> Members<'a> {
    fn of<'t>(
        first: impl Iterator<Item = &'t str>,
        columns: Option<&Columns>,
        gathering: &Gathering<'_>,
        defaults: &'a Defaults,
    ) -> Result<Self, Error> {
        let found =
            Paths::of(first.filter(|text| text.len() <= LONGEST).filter_map(|text| serde_json::from_str(text).ok()));
        let there_are = || found.0.iter().take(50).map(String::as_str).collect::<Vec<_>>().join(", ");
        let (paths, header) = match columns {
            None => {
                let header = found.guess().ok_or_else(|| {
                    let message = "no member is known to hold the indicators; name it in the columns of the feed";
                    gathering.error(1, format!("{message}; the members are: {}", there_are()))
                })?;
                (found.0, header)
            }
            Some(columns) => {
                let names = columns.names();
                let header = Header::of(&names, Some(columns)).map_err(|message| gathering.error(1, message))?;
                if let Some(value) = columns.value.as_ref().filter(|value| !found.0.contains(value)) {
                    let message = format!("no member {value:?}; the members are: {}", there_are());
                    return Err(gathering.error(1, message));
                }
                (names.into_iter().map(str::to_owned).collect(), header)
            }
        };
        let used = header.used();
        let value = header.value().unwrap_or_default();
        let cells = vec![None; paths.len()];
        Ok(Self { paths, used, value, table: Table::new(header, gathering, defaults), cells })
    }

    fn object(&mut self, gathering: &mut Gathering<'_>, number: u64, text: &str) {
        if text.len() > LONGEST {
            gathering.reject(number, text, Reason::LineTooLong);
            return;
        }
        let object = match serde_json::from_str::<Value>(text) {
            Ok(object @ Value::Object(_)) => object,
            _ => {
                gathering.reject(number, text, Reason::Malformed);
                return;
            }
        };
        let mut values = Vec::new();
        for &column in &self.used {
            let mut found = Vec::new();
            if let Some(path) = self.paths.get(column) {
                find(&object, path, &mut found, 0);
            }
            if column == self.value {
                values = found;
            } else if let Some(cell) = self.cells.get_mut(column) {
                *cell = (!found.is_empty()).then(|| found.join("|"));
            }
        }
        if values.is_empty() {
            values.push(String::new());
        }
        for value in &values {
            let cells = &self.cells;
            self.table.row(gathering, number, |column| {
                if column == self.value { Some(value.as_str()) } else { cells.get(column)?.as_deref() }
            });
        }
    }
}

/// The scalars to which a path leads; a key may hold dots itself.
fn find(value: &Value, path: &str, found: &mut Vec<String>, depth: usize) {
    if depth > 2 * DEEPEST {
        return;
    }
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| find(element, path, found, depth + 1)),
        Value::Object(members) if !path.is_empty() => {
            if let Some(value) = members.get(path) {
                find(value, "", found, depth + 1);
                return;
            }
            for (at, _) in path.match_indices('.') {
                let (Some(key), Some(rest)) = (path.get(..at), path.get(at + 1..)) else { continue };
                if let Some(value) = members.get(key) {
                    find(value, rest, found, depth + 1);
                    return;
                }
            }
        }
        Value::String(text) if path.is_empty() => found.push(text.clone()),
        Value::Number(_) | Value::Bool(_) if path.is_empty() => found.push(value.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn feed(text: &str, columns: Option<&Columns>) -> Result<Feed, Error> {
        read(text.as_bytes(), Path::new("a.json"), columns, &Record::new("test").into())
    }

    fn found(feed: &Feed) -> Vec<String> {
        feed.indicators.iter().map(|found| found.pattern.to_string()).collect()
    }

    #[test]
    fn lists_in_all_their_wrappings() {
        let objects = [
            r#"{"ioc_value":"203.0.113.9:80","ioc_type":"ip:port","confidence_level":75,"tags":["a","b"]}"#,
            r#"{"ioc_value":"evil.example","ioc_type":"domain","confidence_level":0.5,"last_seen_utc":null}"#,
            r#"{"ioc_value":null}"#,
            "7",
        ];
        let array = format!("[{}]", objects.join(", "));
        let cases = [
            objects.join("\n"),
            array.clone(),
            format!("{{\n \"query_status\": \"ok\", \"data\": {array}}}"),
            format!("{{\"1\": [{}], \"2\": [{}]}}", objects[..2].join(","), objects[2..].join(",")),
        ];
        for text in cases {
            let feed = feed(&text, None).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(found(&feed), ["203.0.113.9", "evil.example"], "{text}");
            let counts: Vec<_> = feed.rejected.counts().collect();
            assert_eq!(counts, [(Reason::NoValue, 1), (Reason::Malformed, 1)], "{text}");
            let [first, second] = [0, 1].map(|at: usize| &feed.indicators[at].record);
            assert_eq!((first.confidence, first.tags.len(), second.confidence), (75, 2, 50));
            assert!(looks_like(&text), "{text}");
        }
    }

    #[test]
    fn paths_lead_through_objects_arrays_and_dotted_keys() {
        let text = r#"{"threat.indicator":{"ip":["203.0.113.9","198.51.100.7"]},"who":{"name":"Volt Typhoon"}}"#;
        let columns = Columns {
            value: Some("threat.indicator.ip".into()),
            actor: Some("who.name".into()),
            tags: Some("not.there".into()),
            ..Columns::default()
        };
        let feed = feed(text, Some(&columns)).unwrap();
        assert_eq!(found(&feed), ["203.0.113.9", "198.51.100.7"]);
        assert_eq!(&*feed.indicators[0].record.actors[0], "Volt Typhoon");
        let nested = self::feed(r#"{"a":{"indicator":"evil.example"},"b":{"severity":"high"}}"#, None).unwrap();
        assert_eq!(found(&nested), ["evil.example"]);
        assert_eq!(nested.indicators[0].record.severity, Some(crate::record::Severity::High));
    }

    #[test]
    fn what_is_no_list_says_what_is_there() {
        let columns = Columns { value: Some("ip".into()), ..Columns::default() };
        let error = feed(r#"{"a":{"b":1}}"#, Some(&columns)).unwrap_err().to_string();
        assert_eq!(error, "a.json:1: no member \"ip\"; the members are: a.b");
        let error = feed(r#"{"a":{"b":1}}"#, None).unwrap_err().to_string();
        assert!(error.contains("the members are: a.b"), "{error}");
        for text in ["{", "7", "[{\"ip\":"] {
            assert!(feed(text, None).unwrap_err().to_string().starts_with("a.json: no "), "{text}");
        }
    }
}
