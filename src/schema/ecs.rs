//! Elastic Common Schema: <https://www.elastic.co/guide/en/ecs/current/ecs-threat.html>.
//!
//! ECS puts the group at the level of the event, apart from the indicator that speaks for it. Here the attribution of a match
//! stands inside its enrichment as well, under `stormtag`.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::date;
use super::own::{self, Attributed, Withheld};
use crate::enrichment::{Enrichment, Located};
use crate::generation::Generation;
use crate::geo::{Asn, Place};
use crate::intel::{Allowed, Identity, Match, Subject};
use crate::observable::Kind;
use crate::record::{Record, Severity};

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
        if enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some()) {
            map.serialize_entry("threat", &Threat(enrichment))?;
        }
        let (attributions, withheld) = (own::attributions(enrichment), own::withheld(enrichment));
        let generation = enrichment.stamp();
        if !attributions.is_empty() || !withheld.is_empty() || generation.is_some() {
            map.serialize_entry("stormtag", &Own { attributions, withheld, generation })?;
        }
        Ok(())
    }
}

/// What ECS has no word for.
#[derive(serde::Serialize)]
struct Own<'a> {
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
        map.end()
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
                        atomic: sighting.observable().to_string(),
                        field: sighting.field(),
                        kind,
                        occurred: occurred.as_deref(),
                    },
                    stormtag: OwnOfMatch::new(&found, &speaks),
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
    stormtag: OwnOfMatch<'a>,
}

/// Where in the event it was found.
#[derive(serde::Serialize)]
struct At<'a> {
    atomic: String,
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

/// What the record says for which ECS has no word.
#[derive(serde::Serialize)]
struct OwnOfMatch<'a> {
    confidence: u8,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    campaigns: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    actors: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    malware: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    techniques: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_as: Option<Allowed<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributions: Vec<SpokenFor<'a>>,
}

impl<'a> OwnOfMatch<'a> {
    fn new(found: &Match<'a>, speaks: &Speaks<'a>) -> Self {
        let Record { confidence, campaigns, actors, malware, techniques, tags, severity, role, .. } = found.record();
        Self {
            confidence: *confidence,
            campaigns,
            actors,
            malware,
            techniques,
            tags,
            severity: *severity,
            role: role.as_deref(),
            known_as: found.informed_by(),
            attributions: speaks.of(found).collect(),
        }
    }
}

/// Whom a match speaks for, and how strongly.
#[derive(serde::Serialize)]
struct SpokenFor<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    strength: u8,
}

/// For each match that is evidence, whom it speaks for and how strongly; in the order of the attributions.
struct Speaks<'a>(Vec<(Evident, Subject<'a>, f64)>);

/// An indicator, and the record on it.
type Evident = (Identity, *const Record);

impl<'a> Speaks<'a> {
    fn new(enrichment: &Enrichment<'a>) -> Self {
        let mut speaks = Vec::new();
        for attribution in enrichment.attributions() {
            for evidence in attribution.evidence() {
                speaks.push((evident(&evidence.found), attribution.subject(), evidence.strength()));
            }
        }
        speaks.sort_by_key(|&(evident, ..)| evident);
        Self(speaks)
    }

    fn of(&self, found: &Match<'_>) -> impl Iterator<Item = SpokenFor<'a>> {
        let sought = evident(found);
        let from = self.0.partition_point(|&(evident, ..)| evident < sought);
        let told = self.0.iter().skip(from).take_while(move |&&(evident, ..)| evident == sought);
        told.map(|&(_, subject, strength)| SpokenFor {
            kind: own::kind(subject),
            id: subject.id(),
            name: subject.name(),
            strength: own::percent(strength),
        })
    }
}

fn evident(found: &Match<'_>) -> Evident {
    (found.identity(), std::ptr::from_ref(found.record()))
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
