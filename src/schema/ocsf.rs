//! Open Cybersecurity Schema Framework 1.x, <https://schema.ocsf.io>: its profile `osint`, beside `observables` and `enrichments`.
//!
//! | OCSF | from |
//! |---|---|
//! | `osint[]` | each match: the indicator and what its record says; whom it speaks for |
//! | `observables[]` | each value that matched, by the path at which it stands |
//! | `enrichments[]` | what OCSF has no word for, by `type`: `indicator` (a record's own words, with strengths), `attribution` (score, evidence, claims), `withheld` (what does not count, and why) |
//! | `autonomous_system`, `location` of an endpoint | the databases |
//! | `metadata.profiles[]` | `osint`, where it was used |
//!
//! A place of a field map is the name of an endpoint; those of ECS are translated. Times are milliseconds.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::means;
use super::own::{self, OfMatch, Speaks};
use crate::enrichment::{Enrichment, Located, Sighting};
use crate::geo::{Asn, Place};
use crate::intel::{Match, Subject};
use crate::observable::Kind;
use crate::record::{Severity, Tlp};

/// Writes the members of the event.
pub(super) fn write<M: SerializeMap>(enrichment: &Enrichment<'_>, map: &mut M) -> Result<(), M::Error> {
    let mut described: Vec<&str> = Vec::new();
    for located in enrichment.located() {
        let Some(endpoint) = located.place.and_then(endpoint) else { continue };
        if let Some(location) = Described::new(endpoint, &located)
            && !described.contains(&endpoint)
        {
            described.push(endpoint);
            map.serialize_entry(endpoint, &location)?;
        }
    }
    if enrichment.sightings().is_empty() {
        return Ok(());
    }
    let has_match = |sighting: &&Sighting<'_>| sighting.matches().next().is_some();
    let matched: Vec<&Sighting<'_>> = enrichment.sightings().iter().filter(has_match).collect();
    if matched.is_empty() && own::withheld(enrichment).is_empty() {
        return Ok(());
    }
    let speaks = Speaks::new(enrichment);
    if !matched.is_empty() {
        map.serialize_entry("metadata", &Metadata { profiles: ["osint"] })?;
        map.serialize_entry("osint", &Osint { enrichment, matched: &matched, speaks: &speaks })?;
        map.serialize_entry("observables", &Observables(&matched))?;
    }
    map.serialize_entry("enrichments", &Enrichments { enrichment, matched: &matched, speaks: &speaks })
}

/// The endpoint that a place of the field map is; an observer is none.
fn endpoint(place: &str) -> Option<&str> {
    Some(match place {
        "source" | "client" => "src_endpoint",
        "destination" | "server" => "dst_endpoint",
        "host" => "device",
        "observer" => return None,
        endpoint => endpoint,
    })
}

#[derive(serde::Serialize)]
struct Metadata {
    profiles: [&'static str; 1],
}

/// What an endpoint says of its address.
#[derive(serde::Serialize)]
struct Described<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    autonomous_system: Option<System<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location<'a>>,
}

#[derive(serde::Serialize)]
struct System<'a> {
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(serde::Serialize)]
struct Location<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lat: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    long: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
}

impl<'a> Described<'a> {
    /// `None` where OCSF has nothing to say of it. A device has no autonomous system.
    fn new(endpoint: &str, located: &Located<'a>) -> Option<Self> {
        let autonomous_system = located.asn.filter(|_| endpoint != "device").map(System::from);
        let location = located.location.and_then(Location::new);
        (autonomous_system.is_some() || location.is_some()).then_some(Self { autonomous_system, location })
    }
}

impl<'a> From<Asn<'a>> for System<'a> {
    fn from(Asn { number, organization, .. }: Asn<'a>) -> Self {
        Self { number, name: organization }
    }
}

impl<'a> Location<'a> {
    /// OCSF wants one of city, country, postal code and region.
    fn new(place: Place<'a>) -> Option<Self> {
        let (city, country, postal_code) = (place.city_name, place.country_iso_code, place.postal_code);
        let region = place.region_iso_code.or(place.region_name);
        [city, country, postal_code, region].into_iter().flatten().next()?;
        let (lat, long) = place.latitude.zip(place.longitude).unzip();
        Some(Self { city, continent: place.continent_name, country, lat, long, postal_code, region })
    }
}

struct Osint<'e, 'a> {
    enrichment: &'e Enrichment<'a>,
    matched: &'e [&'e Sighting<'a>],
    speaks: &'e Speaks<'a>,
}

impl Serialize for Osint<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let leading = self.enrichment.leading().map(|actor| actor.subject());
        let mut all = serializer.serialize_seq(None)?;
        for sighting in self.matched {
            for found in sighting.matches() {
                all.serialize_element(&Indicator {
                    enrichment: self.enrichment,
                    sighting,
                    found,
                    speaks: self.speaks,
                    leading,
                })?;
            }
        }
        all.end()
    }
}

/// The object `osint`.
struct Indicator<'e, 'a> {
    enrichment: &'e Enrichment<'a>,
    sighting: &'e Sighting<'a>,
    found: Match<'a>,
    speaks: &'e Speaks<'a>,
    leading: Option<Subject<'a>>,
}

#[derive(serde::Serialize)]
struct Name<'a> {
    name: &'a str,
}

/// `classification_ids` is required: 0 is unknown.
#[derive(serde::Serialize)]
struct Malware<'a> {
    name: &'a str,
    classification_ids: [u8; 1],
}

impl Serialize for Indicator<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (record, text) = (self.found.record(), self.found.indicator());
        let mut map = serializer.serialize_map(None)?;
        let (id, caption) = indicator_type(self.found.kind());
        map.serialize_entry("type_id", &id)?;
        map.serialize_entry("type", caption)?;
        map.serialize_entry("value", &text)?;
        map.serialize_entry("name", self.sighting.path())?;
        map.serialize_entry("vendor_name", &*record.source)?;
        if let Some(id) = &record.id {
            map.serialize_entry("external_uid", id)?;
        }
        let (id, caption) = confidence(record.confidence);
        map.serialize_entry("confidence_id", &id)?;
        map.serialize_entry("confidence", caption)?;
        if let Some((id, caption)) = record.severity.map(severity) {
            map.serialize_entry("severity_id", &id)?;
            map.serialize_entry("severity", caption)?;
        }
        if let Some(tlp) = record.tlp {
            map.serialize_entry("tlp", if tlp == Tlp::AmberStrict { "AMBER STRICT" } else { tlp.name() })?;
        }
        for (name, text) in [("category", &record.role), ("desc", &record.description)] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        match &record.reference {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                map.serialize_entry("src_url", url)?
            }
            Some(text) => map.serialize_entry("references", &[text])?,
            None => {}
        }
        if !record.tags.is_empty() {
            map.serialize_entry("labels", &record.tags)?;
        }
        let milliseconds = |seconds: Option<i64>| seconds.map(|seconds| seconds.saturating_mul(1000));
        for (name, time) in [
            ("created_time", milliseconds(record.first_seen.or(record.valid_from))),
            ("expiration_time", milliseconds(record.valid_until)),
        ] {
            if let Some(time) = time {
                map.serialize_entry(name, &time)?;
            }
        }
        if self.found.kind() == Kind::Ip && text.contains('/') {
            map.serialize_entry("subnet", &text)?;
        }
        self.write_means(&mut map)?;
        self.write_subjects(&mut map)?;
        map.end()
    }
}

impl Indicator<'_, '_> {
    fn write_means<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let record = self.found.record();
        let malware = record.malware.iter().map(|name| Malware { name, classification_ids: [0] });
        let malware: Vec<_> = malware.collect();
        if !malware.is_empty() {
            map.serialize_entry("malware", &malware)?;
        }
        let attacks = means::attacks(record, self.enrichment.intel.catalog());
        let attacks: Vec<_> = attacks.into_iter().map(Attack::from).collect();
        if !attacks.is_empty() {
            map.serialize_entry("attacks", &attacks)?;
        }
        Ok(())
    }

    /// All whom the match speaks for are intrusion sets. There is room for one actor: the one ahead; and for one campaign: the only one.
    fn write_subjects<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (campaigns, actors): (Vec<_>, Vec<_>) =
            self.speaks.subjects(&self.found).partition(|subject| subject.is_campaign());
        if let [campaign] = &campaigns[..] {
            map.serialize_entry("campaign", &Name { name: campaign.name() })?;
        }
        if let Some(actor) = actors.iter().find(|&&actor| self.leading == Some(actor)) {
            map.serialize_entry("threat_actor", &Name { name: actor.name() })?;
        }
        if !actors.is_empty() {
            let names: Vec<_> = actors.iter().map(|actor| actor.name()).collect();
            map.serialize_entry("intrusion_sets", &names)?;
        }
        Ok(())
    }
}

/// The object `attack`.
#[derive(serde::Serialize)]
struct Attack<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tactic: Option<Entity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    technique: Option<Entity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_technique: Option<Entity<'a>>,
}

#[derive(serde::Serialize)]
struct Entity<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> From<means::Attack<'a>> for Attack<'a> {
    fn from(means::Attack { technique, sub_technique, tactic }: means::Attack<'a>) -> Self {
        let entity = |named: means::Named<'a>| Entity { uid: named.id, name: named.name };
        Self { tactic: tactic.map(entity), technique: technique.map(entity), sub_technique: sub_technique.map(entity) }
    }
}

struct Observables<'e, 'a>(&'e [&'e Sighting<'a>]);

#[derive(serde::Serialize)]
struct Observable<'a> {
    name: &'a str,
    type_id: u8,
    #[serde(rename = "type")]
    caption: &'static str,
    value: Cow<'a, str>,
}

impl Serialize for Observables<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|sighting| {
            let (type_id, caption) = observable_type(sighting.observable().kind());
            Observable { name: sighting.path(), type_id, caption, value: sighting.observable().text() }
        }))
    }
}

struct Enrichments<'e, 'a> {
    enrichment: &'e Enrichment<'a>,
    matched: &'e [&'e Sighting<'a>],
    speaks: &'e Speaks<'a>,
}

/// The object `enrichment`.
#[derive(serde::Serialize)]
struct Said<'a, D> {
    name: &'a str,
    value: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    provider: &'a str,
    data: D,
}

impl Serialize for Enrichments<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(None)?;
        for sighting in self.matched {
            let value = sighting.observable().text();
            for found in sighting.matches() {
                let data = OfMatch::new(sighting, &found, self.speaks);
                let (name, provider) = (sighting.path(), &*found.record().source);
                all.serialize_element(&Said { name, value: &value, kind: "indicator", provider, data })?;
            }
        }
        let attributions = self.enrichment.attributions();
        for (attribution, data) in attributions.iter().zip(own::attributions(self.enrichment)) {
            // The strongest of its evidence stands for it.
            let strongest = attribution.evidence().first();
            let Some(sighting) = strongest.and_then(|one| self.enrichment.sightings().get(one.sighting)) else {
                continue;
            };
            let (name, value) = (sighting.path(), &*sighting.observable().text());
            all.serialize_element(&Said { name, value, kind: "attribution", provider: PROVIDER, data })?;
        }
        for data in own::withheld(self.enrichment) {
            let (name, value, provider) = (data.path.unwrap_or(data.field), &*data.value, data.source);
            all.serialize_element(&Said { name, value, kind: "withheld", provider, data: &data })?;
        }
        all.end()
    }
}

/// Who puts evidence together.
const PROVIDER: &str = "stormtag";

/// `osint.type_id` and its caption; of what has none the name of the kind.
fn indicator_type(kind: Kind) -> (u8, &'static str) {
    match kind {
        Kind::Ip => (1, "IP Address"),
        Kind::Domain => (2, "Domain"),
        Kind::Url => (5, "URL"),
        Kind::UserAgent => (6, "User Agent"),
        Kind::CertSha1 | Kind::CertSha256 => (7, "Digital Certificate"),
        Kind::Email => (9, "Email Address"),
        Kind::FileName | Kind::FilePath => (11, "File"),
        Kind::RegistryKey => (12, "Registry Key"),
        Kind::CommandLine => (14, "Command Line"),
        kind if is_hash(kind) => (4, "Hash"),
        kind => (99, kind.name()),
    }
}

/// `observable.type_id` and its caption.
fn observable_type(kind: Kind) -> (u8, &'static str) {
    match kind {
        Kind::Domain => (1, "Hostname"),
        Kind::Ip => (2, "IP Address"),
        Kind::UserName => (4, "User Name"),
        Kind::Email => (5, "Email Address"),
        Kind::Url => (6, "URL String"),
        Kind::FileName => (7, "File Name"),
        Kind::CommandLine => (13, "Command Line"),
        Kind::UserAgent => (16, "HTTP User-Agent"),
        Kind::FilePath => (45, "File Path"),
        Kind::CertSha1 | Kind::CertSha256 => (8, "Hash"),
        kind if is_hash(kind) => (8, "Hash"),
        kind => (99, kind.name()),
    }
}

/// Digests of files, and fingerprints of how programs speak.
fn is_hash(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Md5
            | Kind::Sha1
            | Kind::Sha256
            | Kind::Sha512
            | Kind::Imphash
            | Kind::Ja3
            | Kind::Ja3s
            | Kind::Ja4
            | Kind::Jarm
    )
}

/// `confidence_id` and its caption, at the borders of STIX 2.1's scale (Appendix A).
fn confidence(value: u8) -> (u8, &'static str) {
    match value {
        0..=29 => (1, "Low"),
        30..=69 => (2, "Medium"),
        70.. => (3, "High"),
    }
}

fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}
