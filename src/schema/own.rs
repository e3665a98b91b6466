//! Our own words, the same in every schema: attributions, what records say beside, and what was found and does not count.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use crate::attribution::{Attribution, Evidence};
use crate::catalog::{Claim, Status};
use crate::enrichment::{Enrichment, Located, Sighting};
use crate::geo::{Asn, Place};
use crate::intel::{Allowed, Identity, Match, Subject};
use crate::record::{Record, Severity, Validity};

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

/// Who says that it is so. The rest stands in the catalogue, under the id: [`Catalog::claim`](crate::Catalog::claim).
#[derive(Serialize)]
struct Claimed<'a> {
    id: &'a str,
    by: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
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
            // Those that lead to an actor by way of a campaign stand with the campaign, which the evidence names.
            claims: attribution.own_claims().map(Claimed::from).collect(),
        }
    }
}

impl<'a> From<&'a Claim> for Claimed<'a> {
    fn from(claim: &'a Claim) -> Self {
        let Claim { id, by, status, confidence, .. } = claim;
        Self { id, by, status: *status, confidence: *confidence }
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

/// What a record says for which schemas have no word.
#[derive(Serialize)]
pub(super) struct OfMatch<'a> {
    /// Where exactly it was found, if that is not the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// What the source calls the indicator. ECS has no place for it in an enrichment.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
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

impl<'a> OfMatch<'a> {
    pub(super) fn new(sighting: &'a Sighting<'a>, found: &Match<'a>, speaks: &Speaks<'a>) -> Self {
        let Record { id, confidence, campaigns, actors, malware, techniques, tags, severity, role, .. } =
            found.record();
        Self {
            path: sighting.path.as_deref(),
            id: id.as_deref(),
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
#[derive(Serialize)]
struct SpokenFor<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    strength: u8,
}

/// For each match that is evidence, whom it speaks for and how strongly; in the order of the attributions.
pub(super) struct Speaks<'a>(Vec<(Statement, Subject<'a>, f64)>);

/// An indicator, and the record on it.
type Statement = (Identity, *const Record);

impl<'a> Speaks<'a> {
    pub(super) fn new(enrichment: &Enrichment<'a>) -> Self {
        let mut speaks = Vec::new();
        for attribution in enrichment.attributions() {
            for evidence in attribution.evidence() {
                speaks.push((statement(&evidence.found), attribution.subject(), evidence.strength()));
            }
        }
        speaks.sort_by_key(|&(statement, ..)| statement);
        Self(speaks)
    }

    fn of(&self, found: &Match<'_>) -> impl Iterator<Item = SpokenFor<'a>> {
        self.told(found).map(|&(_, subject, strength)| SpokenFor {
            kind: kind(subject),
            id: subject.id(),
            name: subject.name(),
            strength: percent(strength),
        })
    }

    /// Whom the match speaks for.
    pub(super) fn subjects(&self, found: &Match<'_>) -> impl Iterator<Item = Subject<'a>> {
        self.told(found).map(|&(_, subject, _)| subject)
    }

    fn told(&self, found: &Match<'_>) -> impl Iterator<Item = &(Statement, Subject<'a>, f64)> {
        let sought = statement(found);
        let from = self.0.partition_point(|&(statement, ..)| statement < sought);
        self.0.iter().skip(from).take_while(move |&&(statement, ..)| statement == sought)
    }
}

fn statement(found: &Match<'_>) -> Statement {
    (found.identity(), std::ptr::from_ref(found.record()))
}

/// Whether a subject is a campaign or an actor.
fn kind(subject: Subject<'_>) -> &'static str {
    if subject.is_campaign() { "campaign" } else { "actor" }
}

fn percent(part: f64) -> u8 {
    (part * 100.0).round() as u8
}

/// What was found and does not count, with the reason.
#[derive(Serialize)]
pub(super) struct Withheld<'a> {
    pub(super) field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<&'a str>,
    pub(super) value: Cow<'a, str>,
    indicator: Cow<'a, str>,
    pub(super) source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed_by: Option<Allowed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validity: Option<Validity>,
}

pub(super) fn withheld<'e>(enrichment: &'e Enrichment<'_>) -> Vec<Withheld<'e>> {
    let of_sighting = |sighting: &'e Sighting<'_>| {
        let withheld = |found: Match<'e>, suppressed_by, validity| Withheld {
            field: sighting.field(),
            path: sighting.path.as_deref(),
            value: sighting.observable().text(),
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
