//! Elastic Common Schema: <https://www.elastic.co/guide/en/ecs/current/ecs-threat.html>.
//!
//! ECS puts the group at the level of the event, apart from the indicator that speaks for it. Here the attribution of a match
//! stands inside its enrichment as well, under `stormtag`.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::date;
use crate::attribution::Attribution;
use crate::enrichment::{Enrichment, Located, Sighting};
use crate::geo::{Asn, Place};
use crate::intel::{Identity, Match, Subject};
use crate::observable::Kind;
use crate::record::Record;
use crate::swar::{HIGH, equal, splat};

/// `as` and `geo` of an entity. `host` and `observer` have no `as` in ECS.
pub(crate) struct EcsLocation<'a> {
    asn: Option<Asn<'a>>,
    place: Option<Place<'a>>,
}

impl<'a> EcsLocation<'a> {
    /// `None` where ECS has nothing to say of it.
    pub(crate) fn new(located: &Located<'a>) -> Option<Self> {
        Self::of(has_as(located.place?), located.asn, located.location)
    }

    pub(crate) fn of(with_as: bool, asn: Option<Asn<'a>>, place: Option<Place<'a>>) -> Option<Self> {
        let asn = asn.filter(|_| with_as);
        (asn.is_some() || place.is_some()).then_some(Self { asn, place })
    }
}

/// Whether the entity has `as` in ECS.
pub(super) fn has_as(entity: &str) -> bool {
    !matches!(entity, "host" | "observer")
}

impl Serialize for EcsLocation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(asn) = &self.asn {
            map.serialize_entry("as", &EcsAsn(asn))?;
        }
        if let Some(place) = &self.place {
            map.serialize_entry("geo", &EcsPlace(place))?;
        }
        map.end()
    }
}

struct EcsAsn<'a>(&'a Asn<'a>);

impl Serialize for EcsAsn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Organization<'a> {
            name: &'a str,
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("number", &self.0.number)?;
        if let Some(name) = self.0.organization {
            map.serialize_entry("organization", &Organization { name })?;
        }
        map.end()
    }
}

struct EcsPlace<'a>(&'a Place<'a>);

impl EcsPlace<'_> {
    /// The members of `geo` that are texts.
    fn texts(&self) -> [(&'static str, Option<&str>); 9] {
        let place = self.0;
        [
            ("city_name", place.city_name),
            ("continent_code", place.continent_code),
            ("continent_name", place.continent_name),
            ("country_iso_code", place.country_iso_code),
            ("country_name", place.country_name),
            ("postal_code", place.postal_code),
            ("region_iso_code", place.region_iso_code),
            ("region_name", place.region_name),
            ("timezone", place.time_zone),
        ]
    }

    fn location(&self) -> Option<Point> {
        Some(Point { lat: self.0.latitude?, lon: self.0.longitude? })
    }
}

#[derive(serde::Serialize)]
struct Point {
    lat: f64,
    lon: f64,
}

impl Serialize for EcsPlace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, text) in self.texts() {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        if let Some(location) = self.location() {
            map.serialize_entry("location", &location)?;
        }
        map.end()
    }
}

/// The keys of [`EcsPlace::texts`] as JSON, each behind a comma.
const KEYS: [&str; 9] = [
    ",\"city_name\":",
    ",\"continent_code\":",
    ",\"continent_name\":",
    ",\"country_iso_code\":",
    ",\"country_name\":",
    ",\"postal_code\":",
    ",\"region_iso_code\":",
    ",\"region_name\":",
    ",\"timezone\":",
];

impl EcsLocation<'_> {
    /// Writes the members as JSON, as [`Serialize`] does in the braces of an object: every event with an address of a new
    /// network needs it, and a general serializer takes five times as long.
    pub(super) fn write_members(&self, out: &mut Vec<u8>) {
        if let Some(asn) = &self.asn {
            out.extend_from_slice(b"\"as\":{\"number\":");
            json_value(out, &asn.number);
            if let Some(name) = asn.organization {
                out.extend_from_slice(b",\"organization\":{\"name\":");
                json_text(out, name);
                out.push(b'}');
            }
            out.push(b'}');
        }
        if let Some(place) = &self.place {
            let place = EcsPlace(place);
            out.extend_from_slice(if self.asn.is_some() { b",\"geo\":" } else { b"\"geo\":" });
            // The first member's comma becomes the brace.
            let open = out.len();
            for ((_, text), key) in place.texts().into_iter().zip(KEYS) {
                if let Some(text) = text {
                    out.extend_from_slice(key.as_bytes());
                    json_text(out, text);
                }
            }
            if let Some(location) = place.location() {
                out.extend_from_slice(b",\"location\":");
                json_value(out, &location);
            }
            match out.get_mut(open) {
                Some(comma) => *comma = b'{',
                None => out.push(b'{'),
            }
            out.push(b'}');
        }
    }
}

fn json_value(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// Writes a text as JSON; nearly none needs an escape.
fn json_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let plain = match bytes.last_chunk::<8>() {
        Some(last) => bytes.as_chunks::<8>().0.iter().all(is_plain) && is_plain(last),
        None => bytes.iter().all(|&byte| byte != b'"' && byte != b'\\' && byte >= 0x20),
    };
    if plain {
        out.reserve(bytes.len() + 2);
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
    } else {
        json_value(out, &text);
    }
}

fn is_plain(window: &[u8; 8]) -> bool {
    let window = u64::from_le_bytes(*window);
    let control = window.wrapping_sub(splat(0x20)) & !window & HIGH;
    equal(window, b'"') | equal(window, b'\\') | control == 0
}

/// Writes `threat`, and `stormtag` with the attributions and with what was suppressed or out of date.
pub(super) fn threat<M: SerializeMap>(enrichment: &Enrichment<'_>, map: &mut M) -> Result<(), M::Error> {
    let speaks = Speaks::new(enrichment);
    let enrichments: Vec<Value> = enrichment
        .sightings()
        .iter()
        .flat_map(|sighting| {
            sighting.matches().map(|found| enrichment_of(enrichment, sighting, &found, &speaks)).collect::<Vec<_>>()
        })
        .collect();
    if !enrichments.is_empty() {
        let mut threat = Map::new();
        threat.insert("enrichments".into(), enrichments.into());
        let best_actor =
            enrichment.attributions().iter().map(Attribution::subject).find(|subject| !subject.is_campaign());
        if let Some(subject) = best_actor {
            threat.insert("group".into(), group(subject));
        }
        map.serialize_entry("threat", &threat)?;
    }
    let mut own = Map::new();
    if !enrichment.attributions().is_empty() {
        own.insert("attributions".into(), enrichment.attributions().iter().map(attribution).collect());
    }
    let withheld = withheld(enrichment);
    if !withheld.is_empty() {
        own.insert("withheld".into(), withheld.into());
    }
    if !own.is_empty() {
        map.serialize_entry("stormtag", &own)?;
    }
    Ok(())
}

/// One element of `threat.enrichments`.
fn enrichment_of(
    enrichment: &Enrichment<'_>,
    sighting: &Sighting<'_>,
    found: &Match<'_>,
    speaks: &Speaks<'_>,
) -> Value {
    let record = found.record();
    let mut indicator = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            indicator.insert(key.into(), value);
        }
    };
    let text = found.indicator();
    put("type", Some(indicator_type(found.kind(), &text).into()));
    put("name", Some((&*text).into()));
    put("provider", Some((&*record.source).into()));
    put("confidence", Some(confidence(record.confidence).into()));
    put("description", record.description.as_deref().map(Into::into));
    put("reference", record.reference.as_deref().map(Into::into));
    put("first_seen", record.first_seen.and_then(date).map(Into::into));
    put("last_seen", record.last_seen.and_then(date).map(Into::into));
    put("marking", record.tlp.map(|tlp| json!({ "tlp": tlp.name() })));
    let value: &str = &text;
    match found.kind() {
        // ECS wants one address; a network stands in the name alone.
        Kind::Ip if !value.contains(['/', '-']) => put("ip", Some(value.into())),
        Kind::Url => put("url", Some(json!({ "full": value }))),
        Kind::Domain => put("url", Some(json!({ "domain": value }))),
        Kind::Email => put("email", Some(json!({ "address": value }))),
        kind @ (Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512) => {
            put("file", Some(json!({ "hash": { kind.name(): value } })));
        }
        Kind::Imphash => put("file", Some(json!({ "pe": { "imphash": value } }))),
        Kind::FileName => put("file", Some(json!({ "name": value }))),
        _ => {}
    }
    let mut own = Map::new();
    own.insert("confidence".into(), record.confidence.into());
    let lists = [
        ("campaigns", &record.campaigns),
        ("actors", &record.actors),
        ("malware", &record.malware),
        ("techniques", &record.techniques),
        ("tags", &record.tags),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            own.insert(name.into(), list.iter().map(|item| Value::from(&**item)).collect());
        }
    }
    if let Some(severity) = record.severity {
        own.insert("severity".into(), json!(severity));
    }
    if let Some(role) = &record.role {
        own.insert("role".into(), (&**role).into());
    }
    if let Some(allowed) = found.informed_by() {
        own.insert("known_as".into(), json!({ "list": allowed.list, "reason": allowed.reason }));
    }
    let speaks_for = speaks.of(found);
    if !speaks_for.is_empty() {
        own.insert("attributions".into(), speaks_for.into());
    }
    let mut matched = Map::new();
    matched.insert("atomic".into(), sighting.observable().to_string().into());
    matched.insert("field".into(), sighting.field().into());
    matched.insert("type".into(), indicator_type(found.kind(), &text).into());
    if let Some(occurred) = enrichment.time().and_then(date) {
        matched.insert("occurred".into(), occurred.into());
    }
    json!({ "indicator": indicator, "matched": matched, "stormtag": own })
}

/// For each match that is evidence, whom it speaks for and how strongly.
struct Speaks<'a>(HashMap<Evident, Vec<(Subject<'a>, f64)>>);

/// An indicator, and the record on it.
type Evident = (Identity, *const Record);

impl<'a> Speaks<'a> {
    fn new(enrichment: &Enrichment<'a>) -> Self {
        let mut speaks: HashMap<_, Vec<_>> = HashMap::new();
        for attribution in enrichment.attributions() {
            for evidence in attribution.evidence() {
                let key = (evidence.found.identity(), std::ptr::from_ref(evidence.found.record()));
                speaks.entry(key).or_default().push((attribution.subject(), evidence.strength()));
            }
        }
        Self(speaks)
    }

    fn of(&self, found: &Match<'_>) -> Vec<Value> {
        let subjects = self.0.get(&(found.identity(), std::ptr::from_ref(found.record())));
        let told = subjects.into_iter().flatten().map(|&(of, strength)| {
            let mut told = subject(of);
            told.insert("strength".into(), percent(strength).into());
            told.into()
        });
        told.collect()
    }
}

fn group(subject: Subject<'_>) -> Value {
    let mut group = Map::new();
    if let Some(id) = subject.id() {
        group.insert("id".into(), id.into());
    }
    group.insert("name".into(), subject.name().into());
    if let Subject::Actor(actor) = subject {
        let aliases: Vec<Value> = actor.aliases.iter().map(|alias| alias.name.as_str().into()).collect();
        if !aliases.is_empty() {
            group.insert("alias".into(), aliases.into());
        }
    }
    group.into()
}

fn subject(subject: Subject<'_>) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("type".into(), if subject.is_campaign() { "campaign" } else { "actor" }.into());
    if let Some(id) = subject.id() {
        map.insert("id".into(), id.into());
    }
    map.insert("name".into(), subject.name().into());
    map
}

/// An attribution of the event: who, how strongly, on what.
pub(super) fn attribution(attribution: &Attribution<'_>) -> Value {
    let mut map = subject(attribution.subject());
    map.insert("confidence".into(), attribution.confidence().into());
    let evidence = attribution.evidence().iter().map(|evidence| {
        let mut map = Map::new();
        map.insert("indicator".into(), evidence.found.indicator().into());
        map.insert("source".into(), (&*evidence.found.record().source).into());
        map.insert("strength".into(), percent(evidence.strength()).into());
        if let Some(via) = evidence.via {
            map.insert("via".into(), via.id().unwrap_or(via.name()).into());
        }
        Value::Object(map)
    });
    map.insert("evidence".into(), evidence.collect());
    map.into()
}

/// What was found and does not count, with the reason.
pub(super) fn withheld(enrichment: &Enrichment<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    for sighting in enrichment.sightings() {
        let mut put = |found: &Match<'_>, key: &str, why: Value| {
            all.push(json!({
                "field": sighting.field(),
                "value": sighting.observable().to_string(),
                "indicator": found.indicator(),
                "source": found.record().source,
                key: why,
            }));
        };
        for found in sighting.suppressed() {
            if let Some(by) = found.suppressed_by() {
                put(&found, "suppressed_by", json!({ "list": by.list, "reason": by.reason }));
            }
        }
        for found in sighting.outside_validity() {
            if let Some(at) = enrichment.time() {
                put(&found, "validity", json!(found.record().validity(at)));
            }
        }
    }
    all
}

fn percent(part: f64) -> u8 {
    (part * 100.0).round() as u8
}

/// ECS's four words, at the borders of STIX 2.1's scale (Appendix A).
fn confidence(value: u8) -> &'static str {
    match value {
        0 => "None",
        1..=29 => "Low",
        30..=69 => "Medium",
        70.. => "High",
    }
}

/// The STIX cyber observable, as ECS wants it.
fn indicator_type(kind: Kind, text: &str) -> &'static str {
    match kind {
        Kind::Ip if text.contains(':') => "ipv6-addr",
        Kind::Ip => "ipv4-addr",
        Kind::Domain => "domain-name",
        Kind::Url => "url",
        Kind::Email => "email-addr",
        Kind::Asn => "autonomous-system",
        Kind::UserName => "user-account",
        Kind::CommandLine => "process",
        Kind::RegistryKey => "windows-registry-key",
        Kind::CertSha1 | Kind::CertSha256 => "x509-certificate",
        Kind::Mutex => "mutex",
        Kind::Ja3 | Kind::Ja3s | Kind::Ja4 | Kind::Jarm | Kind::UserAgent => "network-traffic",
        _ => "file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_as_serialized() {
        let asn = Asn { number: 64500, organization: Some("Ex\"ample\n"), ..Asn::default() };
        let place = Place {
            city_name: Some("Zürich"),
            country_iso_code: Some("CH"),
            latitude: Some(47.25),
            longitude: Some(-8.5),
            ..Place::default()
        };
        let whole = [None, Some(asn), Some(Asn { number: 1, ..Asn::default() })];
        for asn in whole {
            for place in
                [None, Some(place), Some(Place::default()), Some(Place { latitude: Some(1.0), ..Place::default() })]
            {
                let Some(location) = EcsLocation::of(true, asn, place) else { continue };
                let mut written = vec![b'{'];
                location.write_members(&mut written);
                written.push(b'}');
                assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&location).unwrap());
            }
        }
    }
}
