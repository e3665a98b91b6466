//! Stormtag's own words: all there is, in one object.

use serde::Serialize;
use serde_json::{Value, json};

use super::ecs;
use crate::enrichment::{Enrichment, Sighting};
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
        let locations = enrichment
            .located()
            .map(|located| {
                let anonymity: Vec<&str> = located.anonymity.names().collect();
                let mut map = serde_json::Map::new();
                map.insert("field".into(), located.field.into());
                map.extend(located.asn.map(|asn| ("as".into(), json!(asn))));
                map.extend(located.location.map(|place| ("geo".into(), json!(place))));
                if !anonymity.is_empty() {
                    map.insert("anonymity".into(), anonymity.into());
                }
                map.into()
            })
            .collect();
        let matches = |sighting: &'_ Sighting<'_>| -> Vec<Value> {
            sighting.matches().map(|found| match_of(sighting, &found)).collect()
        };
        Self {
            locations,
            matches: enrichment.sightings().iter().flat_map(matches).collect(),
            withheld: ecs::withheld(enrichment),
            attributions: enrichment.attributions().iter().map(ecs::attribution).collect(),
        }
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
