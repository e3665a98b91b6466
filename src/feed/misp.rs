//! MISP events, <https://www.misp-standard.org/rfc/misp-standard-core.html>, draft 18, and folders of them.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::feed::attribute::parts;
use crate::feed::gathering::{Gathering, Making, Records};
use crate::feed::json::{Text, elements, members};
use crate::feed::labels::{self, Grade};
use crate::feed::open::open;
use crate::feed::value::Said;
use crate::feed::{Defaults, Feed, Reason, whole};
use crate::record::{Record, Severity};
use crate::time;

/// The list of the events of a folder.
pub(super) const MANIFEST: &str = "manifest.json";
/// How much of an event's title or a comment is kept, in bytes: each of its attributes may repeat it.
const LONGEST: usize = 1024;

/// Reads `{"Event":{…}}`, `{"response":[…]}`, an event bare, arrays of these, one after the other, and attributes alone as a search
/// returns them.
///
/// Attributes are counted through the file, those of objects (section 2.5) among them. Of a joined type, as `domain|ip`, each half
/// that has a kind is an indicator; of `filename|sha1` the hash alone, for many innocent files bear the same name, and the port of
/// `ip-dst|port` states nothing by itself: such halves, and attributes that describe (`text`, `comment`, `link` …) or are
/// proposed only (section 2.4), are [passed](Feed::passed). An attribute whose `to_ids` (section 2.3.2) is false is context, see
/// [`Defaults::context`]; what is deleted counts as revoked.
///
/// | record | from |
/// |---|---|
/// | source | the organisation that created the event, `Orgc` |
/// | actors, campaigns, malware, techniques, marking, confidence, tags | tags and galaxy clusters of event and attribute |
/// | severity | `threat_level_id` (section 2.2.1.5), or a tag |
/// | role | category of the attribute |
/// | description | title of the event and comment of the attribute |
/// | reference | first link of the event in `External analysis` |
/// | first and last activity | of the attribute, of its object, or the date of the event (section 2.2.1.7) |
///
/// The time of the last change counts for the time to live only. Held in memory are the file and its indicators: one and a half times
/// the size of the file, as measured, three and a half where each attribute has a comment of its own.
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let text = whole::read(reader, path)?;
    let mut gathering = Gathering::new(path, defaults);
    let mut reading = Reading::new(&gathering, defaults);
    let mut events = 0;
    for document in serde_json::Deserializer::from_str(&text).into_iter::<&RawValue>() {
        match document {
            Ok(document) => match reading.events(document.get(), &mut gathering, 0) {
                0 => reading.malformed(document, &mut gathering),
                more => events += more,
            },
            Err(error) if events == 0 => {
                return Err(Error::line(path, error.line() as u64, format!("no MISP event: {error}")));
            }
            Err(error) => {
                reading.position += 1;
                gathering.reject(reading.position, &error.to_string(), Reason::BrokenOff);
            }
        }
    }
    if events == 0 {
        let message =
            "no MISP event: expected an object with Event, response or Attribute; a manifest is opened by its folder";
        return Err(Error::format(path, message));
    }
    gathering.finish(reading.position + reading.beside, None)
}

/// Reads a folder as MISP publishes feeds: `manifest.json` (section 4) names the events, each a file of its own, compressed or not.
///
/// An event that is not there or cannot be read is rejected and the others are read; files that the manifest does not name are
/// passed.
pub(super) fn read_folder(folder: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let failed = |source| Error::io(folder, source);
    let names: HashSet<String> = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let find = |name: &str| -> Option<PathBuf> {
        let candidates = ["", ".gz", ".xz", ".zst"].map(|suffix| format!("{name}{suffix}"));
        candidates.into_iter().find(|name| names.contains(name)).map(|name| folder.join(name))
    };
    let Some(manifest) = find(MANIFEST) else {
        let message = format!("a folder without {MANIFEST}, so no MISP feed; open its files one by one");
        return Err(Error::format(folder, message));
    };
    let listed = whole::read(open(&manifest)?, &manifest)?;
    let listed = members(&listed).ok_or_else(|| {
        Error::format(&manifest, "no manifest of a MISP feed: expected an object with a member an event")
    })?;

    let mut gathering = Gathering::new(folder, defaults);
    let mut reading = Reading::new(&gathering, defaults);
    for (position, (uuid, _)) in (1..).zip(&listed) {
        let reason = if uuid.is_empty() || !uuid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            Some(Reason::Malformed)
        } else if let Some(file) = find(&format!("{uuid}.json")) {
            let text = open(&file).and_then(|reader| whole::read(reader, &file));
            match text {
                Ok(text) if reading.events(&text, &mut gathering, 0) > 0 => None,
                Ok(_) => Some(Reason::Malformed),
                Err(_) => Some(Reason::BrokenOff),
            }
        } else {
            Some(Reason::Missing)
        };
        if let Some(reason) = reason {
            reading.beside += 1;
            gathering.reject(position, uuid, reason);
        }
    }
    let events = names.iter().filter(|name| name.contains(".json") && !name.starts_with(MANIFEST));
    let listed: HashSet<&str> = listed.iter().map(|(uuid, _)| &**uuid).collect();
    let unlisted = events.filter(|name| !name.split('.').next().is_some_and(|uuid| listed.contains(uuid)));
    for name in unlisted {
        reading.beside += 1;
        gathering.pass(reading.position, name, Reason::NotAnIndicator);
    }
    gathering.finish(reading.position + reading.beside, None)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    info: Text<'a>,
    #[serde(borrow)]
    date: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    threat_level_id: Text<'a>,
    #[serde(borrow, rename = "Orgc")]
    creator: Option<&'a RawValue>,
    #[serde(borrow, rename = "Tag")]
    tags: Option<&'a RawValue>,
    #[serde(borrow, rename = "Galaxy")]
    galaxies: Option<&'a RawValue>,
    #[serde(borrow, rename = "Attribute")]
    attributes: Option<&'a RawValue>,
    #[serde(borrow, rename = "Object")]
    objects: Option<&'a RawValue>,
    #[serde(borrow, rename = "ShadowAttribute")]
    proposals: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attribute<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    category: Text<'a>,
    #[serde(borrow)]
    comment: Text<'a>,
    #[serde(borrow)]
    to_ids: Option<Text<'a>>,
    #[serde(borrow)]
    deleted: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    first_seen: Text<'a>,
    #[serde(borrow)]
    last_seen: Text<'a>,
    #[serde(borrow, rename = "Tag")]
    tags: Option<&'a RawValue>,
    #[serde(borrow, rename = "Galaxy")]
    galaxies: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object<'a> {
    #[serde(borrow)]
    deleted: Text<'a>,
    #[serde(borrow)]
    first_seen: Text<'a>,
    #[serde(borrow)]
    last_seen: Text<'a>,
    #[serde(borrow, rename = "Attribute")]
    attributes: Option<&'a RawValue>,
}

/// A tag, an organisation.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Galaxy<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, rename = "GalaxyCluster")]
    clusters: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cluster<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// What an event says of each of its attributes.
struct Whole {
    record: Record,
    grade: Grade,
    dated: Option<i64>,
    happened: Option<i64>,
    /// Fields that could not be read.
    bad: Vec<String>,
}

/// The place of an attribute: what stands around it.
#[derive(Clone, Copy)]
struct Place<'e> {
    event: &'e Whole,
    object: Option<(u64, &'e Object<'e>)>,
}

struct Reading<'a> {
    records: Records<'a>,
    defaults: &'a Defaults,
    /// Events read.
    events: u64,
    /// Attributes and what could not be read as one.
    position: u64,
    /// What stands beside the attributes: proposals, files that nobody names, events that could not be read.
    beside: u64,
    key: String,
}

impl<'a> Reading<'a> {
    fn new(gathering: &Gathering<'_>, defaults: &'a Defaults) -> Self {
        Self {
            records: Records::new(gathering, defaults),
            defaults,
            events: 0,
            position: 0,
            beside: 0,
            key: String::new(),
        }
    }

    /// Reads whatever events stand in a text and tells how many.
    fn events(&mut self, text: &str, gathering: &mut Gathering<'_>, depth: u8) -> u64 {
        const DEEPEST: u8 = 4;
        if depth > DEEPEST {
            return 0;
        }
        if let Some(all) = elements(text) {
            let mut read = 0;
            for element in all {
                let of_this = self.events(element.get(), gathering, depth + 1);
                if of_this == 0 {
                    self.malformed(element, gathering);
                }
                read += of_this;
            }
            return read;
        }
        let Some(members) = members(text) else { return 0 };
        let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value.get());
        if let Some(within) = member("Event").filter(|_| member("Attribute").is_none()).or(member("response")) {
            return self.events(within, gathering, depth + 1);
        }
        if member("Attribute").is_none() && member("Object").is_none() && member("threat_level_id").is_none() {
            return 0;
        }
        match serde_json::from_str::<Event<'_>>(text) {
            Ok(event) => {
                self.event(&event, gathering);
                1
            }
            Err(_) => 0,
        }
    }

    fn malformed(&mut self, raw: &RawValue, gathering: &mut Gathering<'_>) {
        self.position += 1;
        gathering.reject(self.position, raw.get(), Reason::Malformed);
    }

    /// The elements of an array that may be missing; anything else is malformed.
    fn elements<'r>(&mut self, raw: Option<&'r RawValue>, gathering: &mut Gathering<'_>) -> Vec<&'r RawValue> {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Vec::new() };
        elements(raw.get()).unwrap_or_else(|| {
            self.malformed(raw, gathering);
            Vec::new()
        })
    }

    fn event(&mut self, event: &Event<'_>, gathering: &mut Gathering<'_>) {
        self.events += 1;
        let attributes = self.elements(event.attributes, gathering);
        let objects = self.elements(event.objects, gathering);
        let proposals = self.elements(event.proposals, gathering);
        for proposal in proposals {
            self.beside += 1;
            gathering.pass(self.position, proposal.get(), Reason::NotAnIndicator);
        }
        let mut whole = Whole::of(event, self.defaults, self.records.source());
        whole.record.reference = attributes.iter().find_map(|raw| link(raw)).or(whole.record.reference.take());
        for bad in &whole.bad {
            gathering.ignore(self.position + 1, bad);
        }
        for raw in attributes {
            self.attribute(raw, Place { event: &whole, object: None }, gathering);
        }
        for (number, raw) in (1..).zip(objects) {
            let Some(object) = parse::<Object<'_>>(raw) else {
                self.malformed(raw, gathering);
                continue;
            };
            for raw in self.elements(object.attributes, gathering) {
                self.attribute(raw, Place { event: &whole, object: Some((number, &object)) }, gathering);
            }
        }
    }

    fn attribute(&mut self, raw: &RawValue, place: Place<'_>, gathering: &mut Gathering<'_>) {
        let Some(attribute) = parse::<Attribute<'_>>(raw) else {
            self.malformed(raw, gathering);
            return;
        };
        self.position += 1;
        let at = self.position;
        let deleted = attribute.deleted.is_yes() || place.object.is_some_and(|(_, object)| object.deleted.is_yes());
        // Whoever leaves the flag out has no detections to keep apart.
        let context = attribute.to_ids.as_ref().is_some_and(|to_ids| !to_ids.is_yes());
        let mut made = None;
        for (text, said) in parts(&attribute.kind, &attribute.value) {
            let said = match said {
                // Somebody means it to be searched for.
                None if attribute.kind.contains('|') || context || attribute.to_ids.is_none() => {
                    gathering.pass(at, text, Reason::NotAnIndicator);
                    continue;
                }
                None => Said::Foreign,
                Some(said) => said,
            };
            if deleted {
                gathering.reject(at, text, Reason::Revoked);
            } else if context && !self.defaults.context {
                gathering.reject(at, text, Reason::NotForDetection);
            } else {
                let made = made.get_or_insert_with(|| {
                    let made = self.record(&attribute, place, context);
                    for bad in &made.bad {
                        gathering.ignore(at, bad);
                    }
                    made
                });
                gathering.add(at, text, said, &made.record);
            }
        }
    }

    fn record(&mut self, attribute: &Attribute<'_>, place: Place<'_>, context: bool) -> crate::feed::gathering::Made {
        use std::fmt::Write;
        let raw = |raw: Option<&RawValue>| raw.map(RawValue::get).unwrap_or_default().to_owned();
        let changed = if self.defaults.time_to_live.is_some() { &*attribute.timestamp } else { "" };
        self.key.clear();
        let object = place.object.map_or(0, |(number, _)| number);
        // Writing to a string does not fail.
        let _ = write!(self.key, "{}\x1f{object}\x1f{context}\x1f{changed}", self.events);
        for part in [&attribute.category, &attribute.comment, &attribute.first_seen, &attribute.last_seen] {
            self.key.push('\x1f');
            self.key.push_str(part);
        }
        for part in [raw(attribute.tags), raw(attribute.galaxies)] {
            self.key.push('\x1f');
            self.key.push_str(&part);
        }
        self.records.of(&self.key, |making| fill(making, attribute, place, context))
    }
}

impl Whole {
    fn of(event: &Event<'_>, defaults: &Defaults, source: &std::sync::Arc<str>) -> Self {
        let mut record = Record { source: source.clone(), ..defaults.record.clone() };
        let (mut grade, mut bad) = (Grade::default(), Vec::new());
        if let Some(creator) = event.creator.and_then(parse::<Named<'_>>)
            && !creator.name.is_empty()
        {
            record.source = cut(&creator.name).into();
        }
        // Section 2.2.1.5: 4 is undefined.
        match &*event.threat_level_id {
            "1" => record.severity = Some(Severity::High),
            "2" => record.severity = Some(Severity::Medium),
            "3" => record.severity = Some(Severity::Low),
            "4" | "" => {}
            other => bad.push(other.to_owned()),
        }
        if !event.info.is_empty() {
            record.description = Some(cut(&event.info).into());
        }
        label(&mut record, &mut grade, &mut bad, event.tags, event.galaxies);
        let mut second = |text: &Text<'_>| seconds(text, &mut bad);
        let (happened, dated) = (second(&event.date), second(&event.timestamp));
        Self { record, grade, dated: dated.or(happened), happened, bad }
    }
}

fn fill(making: &mut Making, attribute: &Attribute<'_>, place: Place<'_>, context: bool) {
    let Making { record, bad, dated } = making;
    let whole = place.event;
    *record = whole.record.clone();
    let (mut grade, mut unread) = (Grade::default(), Vec::new());
    label(record, &mut grade, &mut unread, attribute.tags, attribute.galaxies);
    // What is said of the attribute stands in place of what is said of the whole event.
    record.confidence = grade.confidence.or(whole.grade.confidence).unwrap_or(record.confidence);
    if context {
        record.tags.push("to_ids=false".into());
    }
    if !attribute.category.is_empty() {
        record.role = Some(cut(&attribute.category).into());
    }
    if !attribute.comment.is_empty() {
        let comment = cut(&attribute.comment);
        record.description = Some(match &record.description {
            Some(info) => format!("{info}: {comment}").into(),
            None => comment.into(),
        });
    }
    let object = place.object.map(|(_, object)| object);
    let mut second = |own: &Text<'_>, of_object: Option<&Text<'_>>| {
        seconds(own, &mut unread).or_else(|| seconds(of_object?, &mut unread))
    };
    let first = second(&attribute.first_seen, object.map(|object| &object.first_seen));
    let last = second(&attribute.last_seen, object.map(|object| &object.last_seen));
    let happened = whole.happened.filter(|happened| last.is_none_or(|last| *happened <= last));
    record.first_seen = first.or(happened).or(record.first_seen);
    record.last_seen = last.or(record.last_seen);
    *dated = seconds(&attribute.timestamp, &mut unread).or(whole.dated);
    bad.extend(unread.into_iter().map(Box::from));
}

/// The second, nothing where nothing stands, or one more text that could not be read.
fn seconds(text: &Text<'_>, bad: &mut Vec<String>) -> Option<i64> {
    // `0` is MISP's way to say never.
    if text.is_empty() || **text == *"0" {
        return None;
    }
    let second = time::seconds(text);
    if second.is_none() {
        bad.push(text.to_string());
    }
    second
}

fn label(
    record: &mut Record,
    grade: &mut Grade,
    bad: &mut Vec<String>,
    tags: Option<&RawValue>,
    galaxies: Option<&RawValue>,
) {
    fn all(raw: Option<&RawValue>) -> Vec<&RawValue> {
        raw.and_then(|raw| elements(raw.get())).unwrap_or_default()
    }
    let tags = all(tags);
    for raw in tags.iter().take(labels::MOST) {
        match parse::<Named<'_>>(raw) {
            Some(tag) => labels::apply(record, grade, cut(&tag.name)),
            None => bad.push(raw.get().chars().take(64).collect()),
        }
    }
    if tags.len() > labels::MOST {
        bad.push(format!("{} tags more than the {} that are read", tags.len() - labels::MOST, labels::MOST));
    }
    let mut left = labels::MOST;
    for galaxy in all(galaxies).into_iter().filter_map(parse::<Galaxy<'_>>) {
        for cluster in all(galaxy.clusters).into_iter().take(left).filter_map(parse::<Cluster<'_>>) {
            left -= 1;
            let kind = if cluster.kind.is_empty() { &galaxy.kind } else { &cluster.kind };
            labels::cluster(record, kind, cut(&cluster.value));
        }
    }
}

/// The address of a report.
fn link(raw: &RawValue) -> Option<Box<str>> {
    let attribute: Attribute<'_> = parse(raw)?;
    let is_report = matches!(&*attribute.kind, "link" | "url") && &*attribute.category == "External analysis";
    (is_report && !attribute.to_ids.is_some_and(|to_ids| to_ids.is_yes())).then(|| cut(&attribute.value).into())
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rfind(|&at| text.is_char_boundary(at)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}
