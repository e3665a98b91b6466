//! What every schema says in our own words. An element that is not as it is written by stormtag is not read, and counted.

use serde::Deserialize;

/// Whom something speaks of.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Subject<'e> {
    #[serde(rename = "type")]
    pub(crate) sort: Sort,
    #[serde(default)]
    pub(crate) id: Option<&'e str>,
    pub(crate) name: &'e str,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    Campaign,
    Actor,
}

/// An attribution of the event.
#[derive(Deserialize, Debug)]
pub(crate) struct Attributed<'e> {
    #[serde(flatten, borrow)]
    pub(crate) subject: Subject<'e>,
    pub(crate) confidence: u8,
    #[serde(borrow)]
    pub(crate) evidence: Vec<Evidence<'e>>,
    #[serde(default)]
    pub(crate) targets: Vec<&'e str>,
    #[serde(default, borrow)]
    pub(crate) claims: Vec<Claim<'e>>,
}

#[derive(Deserialize, Debug)]
pub(crate) struct Evidence<'e> {
    pub(crate) indicator: &'e str,
    pub(crate) source: &'e str,
    pub(crate) strength: u8,
    #[serde(default)]
    pub(crate) shared: Option<&'e str>,
    #[serde(default)]
    pub(crate) via: Option<&'e str>,
}

#[derive(Deserialize, Debug)]
pub(crate) struct Claim<'e> {
    pub(crate) id: &'e str,
    pub(crate) by: &'e str,
    pub(crate) status: &'e str,
    #[serde(default)]
    pub(crate) confidence: Option<u8>,
}

/// An allow-list's say.
#[derive(Deserialize, Clone, Copy, Debug)]
pub(crate) struct Allowed<'e> {
    pub(crate) list: &'e str,
    pub(crate) reason: &'e str,
}

/// What was found and does not count.
#[derive(Deserialize, Debug)]
pub(crate) struct Withheld<'e> {
    pub(crate) source: &'e str,
    #[serde(default, borrow)]
    pub(crate) suppressed_by: Option<Allowed<'e>>,
    #[serde(default)]
    pub(crate) validity: Option<&'e str>,
}

/// What a record says of a match, in ECS and OCSF.
#[derive(Deserialize, Clone)]
pub(super) struct OfMatch<'e> {
    pub(super) confidence: u8,
    #[serde(default)]
    pub(super) role: Option<&'e str>,
    #[serde(default, borrow)]
    pub(super) known_as: Option<Allowed<'e>>,
    #[serde(default, borrow)]
    pub(super) attributions: Vec<Subject<'e>>,
}
