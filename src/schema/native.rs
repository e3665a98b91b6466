//! Stormtag's own words: all there is, in one object.

use serde::Serialize;
use serde_json::{Value, json};

use super::ecs;
use crate::enrichment::{Enrichment, Sighting};
use crate::geo::Geo;
use crate::intel::Match;

#[derive(Serialize)]
pub(super) struct Native {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributions: Vec<Value>,
}

impl Native {
    pub(super) fn new(enrichment: &Enrichment<'_>) -> Self {
        let locations = enrichment.located.iter().filter_map(|&(field, cell)| {
            let Value::Object(mut location) = Self::location(enrichment.intel.geo()?, cell) else { return None };
            location.insert("field".into(), (&*enrichment.fields.field(field)?.path).into());
            Some(location.into())
        });
        Self { locations: locations.collect(), ..Self::without_locations(enrichment) }
    }

    /// What matched, and whom it speaks of.
    pub(super) fn without_locations(enrichment: &Enrichment<'_>) -> Self {
        let matches =
            |sighting: &Sighting<'_>| sighting.matches().map(|found| match_of(sighting, &found)).collect::<Vec<_>>();
        Self {
            locations: Vec::new(),
            matches: enrichment.sightings().iter().flat_map(matches).collect(),
            withheld: ecs::withheld(enrichment),
            attributions: enrichment.attributions().iter().map(ecs::attribution).collect(),
        }
    }

    /// What the databases know of the addresses in a cell.
    pub(super) fn location(geo: &Geo, cell: u32) -> Value {
        let mut location = serde_json::Map::new();
        location.extend(geo.asn_of(cell).map(|asn| ("as".into(), json!(asn))));
        location.extend(geo.place_of(cell).map(|place| ("geo".into(), json!(place))));
        let anonymity: Vec<&str> = geo.anonymity_of(cell).names().collect();
        if !anonymity.is_empty() {
            location.insert("anonymity".into(), anonymity.into());
        }
        location.into()
    }
}

fn match_of(sighting: &Sighting<'_>, found: &Match<'_>) -> Value {
    let known = found.informed_by().map(|by| json!({ "list": by.list, "reason": by.reason }));
    let mut value = json!({
        "field": sighting.field(),
        "value": sighting.observable().to_string(),
        "kind": found.kind(),
        "indicator": found.indicator(),
        "record": found.record(),
    });
    if let (Some(known), Some(map)) = (known, value.as_object_mut()) {
        map.insert("known_as".into(), known);
    }
    value
}
