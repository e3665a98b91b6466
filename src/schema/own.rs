//! Our own words, the same in every schema: attributions, and what was found and does not count.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use crate::attribution::{Attribution, Evidence};
use crate::catalog::{Claim, Status};
use crate::enrichment::{Enrichment, Located, Sighting};
use crate::geo::{Asn, Place};
use crate::intel::{Allowed, Match, Subject};
use crate::record::Validity;

/// An attribution of the event: who, how strongly, on what.
#[derive(Serialize)]
pub(super) struct Attributed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    confidence: u8,
    evidence: Vec<Evident<'a>>,
    /// What of the site the actor is known to seek out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claims: Vec<Claimed<'a>>,
}

/// Who says that it is so.
#[derive(Serialize)]
struct Claimed<'a> {
    id: &'a str,
    about: &'a str,
    by: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
}

/// A match that speaks for it.
#[derive(Serialize)]
struct Evident<'a> {
    indicator: Cow<'a, str>,
    source: &'a str,
    strength: u8,
    /// Why it says less than its confidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a str>,
}

pub(super) fn attributions<'a>(enrichment: &Enrichment<'a>) -> Vec<Attributed<'a>> {
    enrichment.attributions().iter().map(Attributed::from).collect()
}

impl<'a> From<&Attribution<'a>> for Attributed<'a> {
    fn from(attribution: &Attribution<'a>) -> Self {
        let subject = attribution.subject();
        Self {
            kind: kind(subject),
            id: subject.id(),
            name: subject.name(),
            confidence: attribution.confidence(),
            evidence: attribution.evidence().iter().map(Evident::from).collect(),
            targets: attribution.targets().collect(),
            claims: attribution.claims().map(Claimed::from).collect(),
        }
    }
}

impl<'a> From<&'a Claim> for Claimed<'a> {
    fn from(claim: &'a Claim) -> Self {
        let Claim { id, about, by, status, confidence, country, .. } = claim;
        Self { id, about, by, status: *status, confidence: *confidence, country: country.as_deref() }
    }
}

impl<'a> From<&Evidence<'a>> for Evident<'a> {
    fn from(evidence: &Evidence<'a>) -> Self {
        Self {
            indicator: evidence.found.indicator(),
            source: &evidence.found.record().source,
            strength: percent(evidence.strength()),
            shared: evidence.shared,
            via: evidence.via.map(|via| via.id().unwrap_or(via.name())),
        }
    }
}

/// Whether a subject is a campaign or an actor.
pub(super) fn kind(subject: Subject<'_>) -> &'static str {
    if subject.is_campaign() { "campaign" } else { "actor" }
}

pub(super) fn percent(part: f64) -> u8 {
    (part * 100.0).round() as u8
}

/// What was found and does not count, with the reason.
#[derive(Serialize)]
pub(super) struct Withheld<'a> {
    field: &'a str,
    value: String,
    indicator: Cow<'a, str>,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed_by: Option<Allowed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validity: Option<Validity>,
}

pub(super) fn withheld<'a>(enrichment: &Enrichment<'a>) -> Vec<Withheld<'a>> {
    let of_sighting = |sighting: &Sighting<'a>| {
        let withheld = |found: Match<'a>, suppressed_by, validity| Withheld {
            field: sighting.field(),
            value: sighting.observable().to_string(),
            indicator: found.indicator(),
            source: &found.record().source,
            suppressed_by,
            validity,
        };
        let suppressed = sighting.suppressed().map(|found| withheld(found, found.suppressed_by(), None));
        let outside = sighting
            .outside_validity()
            .map(|found| withheld(found, None, enrichment.time().map(|at| found.record().validity(at))));
        suppressed.chain(outside).collect::<Vec<_>>()
    };
    enrichment.sightings().iter().flat_map(of_sighting).collect()
}

/// An address that the databases know.
#[derive(Serialize)]
pub(super) struct Location<'a> {
    field: &'a str,
    /// Where it stands in free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    asn: Option<Asn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<Place<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    anonymity: Vec<&'static str>,
}

impl<'a> From<Located<'a>> for Location<'a> {
    fn from(located: Located<'a>) -> Self {
        let Located { field, address, asn, location, anonymity, .. } = located;
        Self { field, ip: address, asn, geo: location, anonymity: anonymity.names().collect() }
    }
}
