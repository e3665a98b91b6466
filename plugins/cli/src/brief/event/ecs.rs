//! Matches in ECS: `threat.enrichments`.

use serde::Deserialize;
use serde_json::Value;

use super::own::OfMatch;
use super::{Event, Found, each};

#[derive(Deserialize)]
struct Element<'e> {
    #[serde(borrow)]
    indicator: Indicator<'e>,
    #[serde(borrow)]
    stormtag: OfMatch<'e>,
}

#[derive(Deserialize)]
struct Indicator<'e> {
    #[serde(rename = "type")]
    kind: &'e str,
    name: &'e str,
    provider: &'e str,
}

pub(super) fn matches<'e>(event: &'e Value, read: &mut Event<'e>) -> Vec<Found<'e>> {
    let mut matches = Vec::new();
    each(event, "threat.enrichments", &mut |element| match Element::deserialize(element) {
        Ok(Element { indicator, stormtag }) => matches.push(Found {
            indicator: indicator.name,
            kind: indicator.kind,
            source: indicator.provider,
            confidence: stormtag.confidence,
            role: stormtag.role,
            known_as: stormtag.known_as,
            subjects: stormtag.attributions,
        }),
        // ECS has this place for all programs that enrich.
        Err(_) if element.get("stormtag").is_none() => read.foreign += 1,
        Err(_) => read.unreadable += 1,
    });
    matches
}
