//! All there is, in one object of our own.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::own::{self, Attributed, Location, Withheld};
use crate::enrichment::Enrichment;
use crate::generation::Generation;
use crate::intel::Allowed;
use crate::observable::Kind;
use crate::record::Record;

#[derive(Serialize)]
pub(super) struct Native<'e, 'a> {
    #[serde(skip_serializing_if = "Locations::is_empty")]
    locations: Locations<'e, 'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<Matched<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<Withheld<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributions: Vec<Attributed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
}

/// What the databases know of the event's addresses.
struct Locations<'e, 'a>(&'e Enrichment<'a>);

impl Locations<'_, '_> {
    fn is_empty(&self) -> bool {
        self.0.located.is_empty() && self.0.in_text.is_empty()
    }
}

impl Serialize for Locations<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.located().map(Location::from))
    }
}

#[derive(Serialize)]
struct Matched<'a> {
    field: &'a str,
    /// Where exactly it was found, if that is not the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    value: Cow<'a, str>,
    kind: Kind,
    indicator: Cow<'a, str>,
    record: &'a Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_as: Option<Allowed<'a>>,
}

impl<'e, 'a> Native<'e, 'a> {
    pub(super) fn new(enrichment: &'e Enrichment<'a>) -> Self {
        let matches = enrichment.sightings().iter().flat_map(|sighting| {
            sighting.matches().map(|found| Matched {
                field: sighting.field(),
                path: sighting.path.as_deref(),
                value: sighting.observable().text(),
                kind: found.kind(),
                indicator: found.indicator(),
                record: found.record(),
                known_as: found.informed_by(),
            })
        });
        Self {
            locations: Locations(enrichment),
            matches: matches.collect(),
            withheld: own::withheld(enrichment),
            attributions: own::attributions(enrichment),
            generation: enrichment.stamp(),
        }
    }
}
