//! Elastic Common Schema: <https://www.elastic.co/guide/en/ecs/current/ecs-threat.html>.
//!
//! ECS puts the group at the level of the event, apart from the indicator that speaks for it. Here the attribution of a match
//! stands inside its enrichment as well, under `stormtag`. Software, techniques and tactics are those of the records that speak for the
//! group, or of all that match where there is none. What matched is in `related` too, where searches begin.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::date;
use super::means::{self, Named};
use super::own::{self, Attributed, Location, Speaks, Withheld};
use crate::enrichment::{Enrichment, Located};
use crate::generation::Generation;
use crate::geo::{Asn, Place};
use crate::intel::{Match, Subject};
use crate::observable::{Kind, Shape};
use crate::record::Record;

/// `as` and `geo` of an entity. `host` and `observer` have no `as` in ECS.
pub(super) struct EcsLocation<'a> {
    asn: Option<Asn<'a>>,
    place: Option<Place<'a>>,
}

impl<'a> EcsLocation<'a> {
    /// `None` where ECS has nothing to say of it.
    pub(super) fn new(located: &Located<'a>) -> Option<Self> {
        let entity = located.place?;
        let (asn, place) = (located.asn.filter(|_| has_as(entity)), located.location);
        (asn.is_some() || place.is_some()).then_some(Self { asn, place })
    }
}

/// Whether the entity has `as` in ECS.
pub(crate) fn has_as(entity: &str) -> bool {
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
        for (name, text) in self.0.texts() {
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

/// `threat`, and `stormtag` with the attributions and with what was suppressed or out of date.
pub(super) struct Matched<'e, 'a>(pub(super) &'e Enrichment<'a>);

impl Serialize for Matched<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        map.end()
    }
}

impl Matched<'_, '_> {
    pub(super) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let enrichment = self.0;
        if enrichment.is_match() {
            map.serialize_entry("threat", &Threat(enrichment))?;
            let related = Related::of(enrichment);
            if !related.is_empty() {
                map.serialize_entry("related", &related)?;
            }
        }
        let (attributions, withheld) = (own::attributions(enrichment), own::withheld(enrichment));
        // What is said in text is no entity of the event: its place stands by itself.
        let locations: Vec<_> = enrichment.located_in_text().map(Location::from).collect();
        let generation = enrichment.stamp();
        if !attributions.is_empty() || !withheld.is_empty() || !locations.is_empty() || generation.is_some() {
            map.serialize_entry("stormtag", &Own { locations, attributions, withheld, generation })?;
        }
        Ok(())
    }
}

/// What ECS has no word for.
#[derive(serde::Serialize)]
struct Own<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributions: Vec<Attributed<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<Withheld<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
}

struct Threat<'e, 'a>(&'e Enrichment<'a>);

impl Serialize for Threat<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("enrichments", &Enrichments(self.0))?;
        // ECS has room for one: where two come near, neither is named here.
        if let Some(actor) = self.0.leading() {
            map.serialize_entry("group", &Group::of(actor.subject()))?;
        }
        let (records, subjects) = told(self.0);
        let catalog = self.0.intel.catalog();
        let mut how = How::default();
        for attack in records.iter().flat_map(|record| means::attacks(record, catalog)) {
            how.add(attack);
        }
        how.write(&mut map)?;
        if let Some(software) = means::software(records.into_iter(), &subjects, catalog) {
            let means::Program { named: Named { id, name }, aliases } = software;
            map.serialize_entry("software", &Software { id, name, alias: aliases })?;
        }
        map.end()
    }
}

/// The records that speak for the actor ahead, and whom they speak of; where none is ahead, all that match.
fn told<'a>(enrichment: &Enrichment<'a>) -> (Vec<&'a Record>, Vec<Subject<'a>>) {
    if let Some(actor) = enrichment.leading() {
        let evidence = actor.evidence();
        let subjects = evidence.iter().filter_map(|evidence| evidence.via).chain([actor.subject()]);
        return (evidence.iter().map(|evidence| evidence.found.record()).collect(), subjects.collect());
    }
    let found = enrichment.sightings().iter().flat_map(|sighting| sighting.matches());
    (found.map(|found| found.record()).collect(), Vec::new())
}

#[derive(serde::Serialize)]
struct Software<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    alias: &'a [String],
}

/// `threat.technique` and `threat.tactic`.
#[derive(Default)]
struct How<'a> {
    techniques: Vec<Named<'a>>,
    sub_techniques: Vec<Named<'a>>,
    tactics: Vec<Named<'a>>,
}

impl<'a> How<'a> {
    fn add(&mut self, attack: means::Attack<'a>) {
        for (list, named) in [
            (&mut self.techniques, attack.technique),
            (&mut self.sub_techniques, attack.sub_technique),
            (&mut self.tactics, attack.tactic),
        ] {
            named.into_iter().for_each(|named| named.add_to(list));
        }
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if !self.techniques.is_empty() || !self.tactics.is_empty() {
            map.serialize_entry("framework", "MITRE ATT&CK")?;
        }
        if !self.techniques.is_empty() {
            let subtechnique = Lists::of(&self.sub_techniques);
            let subtechnique = (!self.sub_techniques.is_empty()).then_some(subtechnique);
            map.serialize_entry("technique", &Technique { lists: Lists::of(&self.techniques), subtechnique })?;
        }
        if !self.tactics.is_empty() {
            map.serialize_entry("tactic", &Lists::of(&self.tactics))?;
        }
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct Technique<'a> {
    #[serde(flatten)]
    lists: Lists<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtechnique: Option<Lists<'a>>,
}

/// Ids and names. Whoever reads both takes the first name for that of the first id: so there are names only if each id has one.
#[derive(serde::Serialize)]
struct Lists<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    id: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    name: Vec<&'a str>,
}

impl<'a> Lists<'a> {
    fn of(list: &[Named<'a>]) -> Self {
        let with_id = list.iter().filter(|named| named.id.is_some());
        let id: Vec<_> = with_id.clone().filter_map(|named| named.id).collect();
        let name: Vec<_> = with_id.filter_map(|named| named.name).collect();
        let without_id = list.iter().filter(|named| named.id.is_none()).filter_map(|named| named.name);
        let name = if name.len() == id.len() { name.into_iter().chain(without_id).collect() } else { Vec::new() };
        Self { id, name }
    }
}

/// What matched, by sort: where analysts pivot.
#[derive(serde::Serialize, Default)]
struct Related<'e> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ip: Vec<Cow<'e, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<Cow<'e, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hash: Vec<Cow<'e, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user: Vec<Cow<'e, str>>,
}

impl<'e> Related<'e> {
    fn of(enrichment: &'e Enrichment<'_>) -> Self {
        let mut related = Self::default();
        for sighting in enrichment.sightings().iter().filter(|sighting| sighting.matches().next().is_some()) {
            let observable = sighting.observable();
            let list = match observable.kind() {
                Kind::Ip => &mut related.ip,
                Kind::Domain => &mut related.hosts,
                Kind::UserName => &mut related.user,
                kind if kind.shape() == Shape::Digest => &mut related.hash,
                _ => continue,
            };
            let text = observable.text();
            if !list.contains(&text) {
                list.push(text);
            }
        }
        related
    }

    fn is_empty(&self) -> bool {
        [&self.ip, &self.hosts, &self.hash, &self.user].into_iter().all(Vec::is_empty)
    }
}

#[derive(serde::Serialize)]
struct Group<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alias: Vec<&'a str>,
}

impl<'a> Group<'a> {
    fn of(subject: Subject<'a>) -> Self {
        let alias = match subject {
            Subject::Actor(actor) => actor.aliases.iter().map(|alias| alias.name.as_str()).collect(),
            _ => Vec::new(),
        };
        Self { id: subject.id(), name: subject.name(), alias }
    }
}

struct Enrichments<'e, 'a>(&'e Enrichment<'a>);

impl Serialize for Enrichments<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let speaks = Speaks::new(self.0);
        let occurred = self.0.time().and_then(date);
        let mut all = serializer.serialize_seq(None)?;
        for sighting in self.0.sightings() {
            for found in sighting.matches() {
                let indicator = Indicator { found, text: found.indicator() };
                let kind = indicator.kind();
                all.serialize_element(&Element {
                    indicator,
                    matched: At {
                        atomic: sighting.observable().text(),
                        field: sighting.field(),
                        kind,
                        occurred: occurred.as_deref(),
                    },
                    stormtag: own::OfMatch::new(sighting, &found, &speaks),
                })?;
            }
        }
        all.end()
    }
}

/// One element of `threat.enrichments`.
#[derive(serde::Serialize)]
struct Element<'a> {
    indicator: Indicator<'a>,
    matched: At<'a>,
    stormtag: own::OfMatch<'a>,
}

/// Where in the event it was found.
#[derive(serde::Serialize)]
struct At<'a> {
    atomic: Cow<'a, str>,
    field: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred: Option<&'a str>,
}

struct Indicator<'a> {
    found: Match<'a>,
    text: Cow<'a, str>,
}

/// An object of one member.
struct Only<T>(&'static str, T);

impl<T: Serialize> Serialize for Only<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

impl Indicator<'_> {
    /// The STIX cyber observable, as ECS wants it.
    fn kind(&self) -> &'static str {
        match self.found.kind() {
            Kind::Ip if self.text.contains(':') => "ipv6-addr",
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
}

impl Serialize for Indicator<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.found.record();
        let text: &str = &self.text;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind())?;
        map.serialize_entry("name", text)?;
        map.serialize_entry("provider", &*record.source)?;
        map.serialize_entry("confidence", confidence(record.confidence))?;
        if let Some(description) = &record.description {
            map.serialize_entry("description", description)?;
        }
        if let Some(reference) = &record.reference {
            map.serialize_entry("reference", reference)?;
        }
        for (name, seconds) in [("first_seen", record.first_seen), ("last_seen", record.last_seen)] {
            if let Some(date) = seconds.and_then(date) {
                map.serialize_entry(name, &date)?;
            }
        }
        if let Some(tlp) = record.tlp {
            map.serialize_entry("marking", &Only("tlp", tlp.name()))?;
        }
        match self.found.kind() {
            // ECS wants one address; a network stands in the name alone.
            Kind::Ip if !text.contains(['/', '-']) => map.serialize_entry("ip", text)?,
            Kind::Url => map.serialize_entry("url", &Only("full", text))?,
            Kind::Domain => map.serialize_entry("url", &Only("domain", text))?,
            Kind::Email => map.serialize_entry("email", &Only("address", text))?,
            kind @ (Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512) => {
                map.serialize_entry("file", &Only("hash", Only(kind.name(), text)))?;
            }
            Kind::Imphash => map.serialize_entry("file", &Only("pe", Only("imphash", text)))?,
            Kind::FileName => map.serialize_entry("file", &Only("name", text))?,
            _ => {}
        }
        map.end()
    }
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
