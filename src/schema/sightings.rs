//! Sightings as STIX 2.1 has them (section 5.2): what platforms collect to learn where their indicators are met.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::enrichment::{Enrichment, Sighting};
use crate::intel::{Identity, Match};
use crate::observable::{Kind, Observable};
use crate::record::{Record, Tlp};
use crate::stix;

/// The namespace of the ids of cyber-observable objects (section 2.9).
const OBSERVABLES: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);
/// That of all other ids made here, for which the standard wants another: UUIDv5 of `https://docs.rs/stormtag` among URLs.
const OTHERS: Uuid = Uuid::from_u128(0xbe2f_7183_a59d_50d7_88ac_aec9_842f_9287);

/// The bundle; see [`Enrichment::stix_sightings`].
pub(crate) fn bundle(enrichment: &Enrichment<'_>, event: &str, otherwise: i64) -> Value {
    let time = timestamp(enrichment.time().unwrap_or(otherwise));
    let mut objects = Objects::default();
    let mut ids = Vec::new();
    for seen in seen(enrichment) {
        let Some(indicator) = objects.indicator(&seen.found) else { continue };
        let mut refs: Vec<String> =
            seen.observables.iter().filter_map(|observable| objects.observable(observable)).collect();
        refs.sort_unstable();
        let observed = (!refs.is_empty()).then(|| objects.observed_data(&refs, event, &time));
        let id = id("sighting", &[&indicator, observed.as_deref().unwrap_or_default(), event, &time]);
        let mut sighting = dated("sighting", &id, &time);
        sighting.insert("first_seen".into(), time.as_str().into());
        sighting.insert("last_seen".into(), time.as_str().into());
        sighting.insert("count".into(), seen.observables.len().into());
        sighting.insert("sighting_of_ref".into(), indicator.into());
        if let Some(observed) = observed {
            sighting.insert("observed_data_refs".into(), json!([observed]));
        }
        if let Some(marking) = marking(seen.found.record().tlp) {
            sighting.insert("object_marking_refs".into(), json!([marking]));
        }
        objects.add(sighting);
        ids.push(id);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    json!({"type": "bundle", "id": id("bundle", &ids), "objects": objects.all})
}

/// What one record says of one indicator, and the values that it was seen in.
struct Seen<'a> {
    found: Match<'a>,
    observables: Vec<&'a Observable<'a>>,
}

/// In the order of the event.
fn seen<'a>(enrichment: &'a Enrichment<'_>) -> Vec<Seen<'a>> {
    let mut all: Vec<Seen<'a>> = Vec::new();
    let mut known: HashMap<(Option<Identity>, u32), usize> = HashMap::new();
    let found = |sighting: &'a Sighting<'_>| sighting.matches().map(move |found| (sighting.observable(), found));
    for (observable, found) in enrichment.sightings().iter().flat_map(found) {
        // The patterns of one indicator of STIX are one.
        let identity = if known_id(found.record()).is_some() { None } else { Some(found.identity()) };
        let at = *known.entry((identity, found.statement())).or_insert(all.len());
        match all.get_mut(at) {
            None => all.push(Seen { found, observables: vec![observable] }),
            // One value in two fields was seen once.
            Some(seen) if seen.observables.contains(&observable) => {}
            Some(seen) => seen.observables.push(observable),
        }
    }
    all
}

/// The objects of a bundle, each once.
#[derive(Default)]
struct Objects {
    all: Vec<Value>,
    ids: std::collections::HashSet<String>,
}

impl Objects {
    fn add(&mut self, object: Map<String, Value>) -> String {
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.ids.insert(id.clone()) {
            self.all.push(object.into());
        }
        id
    }

    /// The id of the indicator: its own, or that of one that is made. `None`: the standard has no pattern for it.
    fn indicator(&mut self, found: &Match<'_>) -> Option<String> {
        let record = found.record();
        if let Some(id) = known_id(record) {
            return Some(id.to_owned());
        }
        let pattern = pattern(found)?;
        let source = self.identity(&record.source);
        // The same in each bundle: dates are those of the record, or as early as can be.
        let from = timestamp(record.valid_from.or(record.first_seen).unwrap_or(0));
        let mut indicator = dated("indicator", &id("indicator", &[&record.source, &pattern]), &from);
        for (name, value) in [
            ("created_by_ref", Value::from(source)),
            ("confidence", record.confidence.min(100).into()),
            ("pattern", pattern.into()),
            ("pattern_type", "stix".into()),
            ("valid_from", from.as_str().into()),
        ] {
            indicator.insert(name.into(), value);
        }
        describe(&mut indicator, record, &from);
        Some(self.add(indicator))
    }

    fn identity(&mut self, source: &str) -> String {
        let mut identity = dated("identity", &id("identity", &[source]), &timestamp(0));
        identity.insert("name".into(), source.into());
        self.add(identity)
    }

    /// The cyber-observable object of a value; `None` where the standard has none that could stand alone.
    fn observable(&mut self, observable: &Observable<'_>) -> Option<String> {
        let text = observable.to_string();
        let (kind, properties) = match observable.kind() {
            Kind::Ip if text.contains(':') => ("ipv6-addr", json!({ "value": text })),
            Kind::Ip => ("ipv4-addr", json!({ "value": text })),
            Kind::Domain => ("domain-name", json!({ "value": text })),
            Kind::Url => ("url", json!({ "value": text })),
            Kind::Email => ("email-addr", json!({ "value": text })),
            Kind::Asn => ("autonomous-system", json!({ "number": number(&text)? })),
            Kind::FileName => ("file", json!({ "name": text })),
            Kind::UserName => ("user-account", json!({ "account_login": text })),
            Kind::Mutex => ("mutex", json!({ "name": text })),
            Kind::RegistryKey => ("windows-registry-key", json!({ "key": text })),
            kind @ (Kind::CertSha1 | Kind::CertSha256) => {
                ("x509-certificate", json!({ "hashes": { (hash(kind)?): text } }))
            }
            kind => ("file", json!({ "hashes": { (hash(kind)?): text } })),
        };
        // Section 2.9: of the properties that tell it apart, as canonical JSON (RFC 8785). One member needs no order.
        let id = format!("{kind}--{}", Uuid::new_v5(&OBSERVABLES, properties.to_string().as_bytes()));
        let mut object = object(kind, &id);
        if let Value::Object(properties) = properties {
            object.extend(properties);
        }
        Some(self.add(object))
    }

    fn observed_data(&mut self, refs: &[String], event: &str, time: &str) -> String {
        let parts: Vec<&str> = refs.iter().map(String::as_str).chain([event, time]).collect();
        let mut observed = dated("observed-data", &id("observed-data", &parts), time);
        for (name, value) in [
            ("first_observed", time.into()),
            ("last_observed", time.into()),
            ("number_observed", 1.into()),
            ("object_refs", refs.into()),
        ] {
            observed.insert(name.into(), value);
        }
        self.add(observed)
    }
}

/// What the record says beside.
fn describe(indicator: &mut Map<String, Value>, record: &Record, from: &str) {
    // It must be later (section 4.7).
    if let Some(until) = record.valid_until.map(timestamp).filter(|until| until.as_str() > from) {
        indicator.insert("valid_until".into(), until.into());
    }
    if let Some(description) = &record.description {
        indicator.insert("description".into(), (&**description).into());
    }
    if let Some(reference) = &record.reference {
        indicator.insert("external_references".into(), json!([{"source_name": &*record.source, "url": reference}]));
    }
    if !record.tags.is_empty() {
        indicator.insert("labels".into(), json!(record.tags));
    }
    if let Some(marking) = marking(record.tlp) {
        indicator.insert("object_marking_refs".into(), json!([marking]));
    }
}

fn marking(tlp: Option<Tlp>) -> Option<&'static str> {
    stix::MARKINGS.iter().rfind(|(_, marked)| Some(*marked) == tlp).map(|(id, _)| *id)
}

/// A pattern (section 9) that matches what the indicator does.
fn pattern(found: &Match<'_>) -> Option<String> {
    let text = found.indicator();
    let equals = |path: &str| format!("{path} = {}", literal(&text));
    let comparison = match found.kind() {
        Kind::Ip => addresses(found)?,
        Kind::Domain if found.is_wide() => {
            format!(
                "domain-name:value = {} OR domain-name:value LIKE {}",
                literal(&text),
                literal(&format!("%.{text}"))
            )
        }
        Kind::Domain => equals("domain-name:value"),
        Kind::Url if found.is_wide() => format!("url:value MATCHES {}", literal(&format!("^{}", escaped(&text)))),
        Kind::Url => equals("url:value"),
        Kind::Email => equals("email-addr:value"),
        Kind::Asn => format!("autonomous-system:number = {}", number(&text)?),
        Kind::FileName => equals("file:name"),
        Kind::UserName => equals("user-account:account_login"),
        Kind::Mutex => equals("mutex:name"),
        Kind::RegistryKey => equals("windows-registry-key:key"),
        Kind::CommandLine => equals("process:command_line"),
        Kind::UserAgent => equals("network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"),
        Kind::Imphash => equals("file:extensions.'windows-pebinary-ext'.imphash"),
        kind @ (Kind::CertSha1 | Kind::CertSha256) => equals(&format!("x509-certificate:hashes.'{}'", hash(kind)?)),
        kind => equals(&format!("file:hashes.'{}'", hash(kind)?)),
    };
    Some(format!("[{comparison}]"))
}

/// One address, or the networks it is made of.
fn addresses(found: &Match<'_>) -> Option<String> {
    let property = |text: &str| if text.contains(':') { "ipv6-addr:value" } else { "ipv4-addr:value" };
    let networks: Vec<String> = found.networks().map(|network| network.to_string()).collect();
    if networks.is_empty() {
        let text = found.indicator();
        return (!text.is_empty()).then(|| format!("{} = {}", property(&text), literal(&text)));
    }
    let one = |network: &String| format!("{} ISSUBSET {}", property(network), literal(network));
    Some(networks.iter().map(one).collect::<Vec<_>>().join(" OR "))
}

/// The standard's name of a hash algorithm.
fn hash(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Md5 => "MD5",
        Kind::Sha1 | Kind::CertSha1 => "SHA-1",
        Kind::Sha256 | Kind::CertSha256 => "SHA-256",
        Kind::Sha512 => "SHA-512",
        _ => return None,
    })
}

fn number(text: &str) -> Option<u32> {
    text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

/// A text in a pattern.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// A text in a regular expression.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c])).collect()
}

/// The id that the record has in STIX.
fn known_id(record: &Record) -> Option<&str> {
    let is_uuid = |id: &&str| id.strip_prefix("indicator--").is_some_and(|uuid| Uuid::try_parse(uuid).is_ok());
    record.id.as_deref().filter(is_uuid)
}

/// An id made of what tells the object apart.
fn id(kind: &str, parts: &[&str]) -> String {
    format!("{kind}--{}", Uuid::new_v5(&OTHERS, json!([kind, parts]).to_string().as_bytes()))
}

fn object(kind: &str, id: &str) -> Map<String, Value> {
    let members = [("type", kind), ("spec_version", "2.1"), ("id", id)];
    members.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

fn dated(kind: &str, id: &str, time: &str) -> Map<String, Value> {
    let mut object = object(kind, id);
    object.insert("created".into(), time.into());
    object.insert("modified".into(), time.into());
    object
}

/// Three digits behind the second, as `created` must have (section 3.2). What lies beyond the year 9999 is its last second.
fn timestamp(seconds: i64) -> String {
    let date = super::date(seconds).unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned());
    date.replace('Z', ".000Z")
}
