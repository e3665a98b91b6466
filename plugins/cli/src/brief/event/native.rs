//! Matches in our own schema: `stormtag.matches`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Allowed, Event, Found, Subject};

#[derive(Deserialize)]
struct Matched<'e> {
    kind: &'e str,
    indicator: &'e str,
    #[serde(borrow)]
    record: Record<'e>,
    #[serde(default, borrow)]
    known_as: Option<Allowed<'e>>,
}

#[derive(Deserialize)]
struct Record<'e> {
    source: &'e str,
    confidence: u8,
    #[serde(default)]
    role: Option<&'e str>,
}

/// Whom a match speaks of stands with the attributions alone: as their evidence.
pub(super) fn matches<'e>(event: &'e Value, read: &mut Event<'e>) -> Vec<Found<'e>> {
    let matches: Vec<Matched<'e>> = read.all(event, "stormtag.matches");
    let mut speak: HashMap<(&str, &str), Vec<Subject<'e>>> = HashMap::new();
    for attributed in &read.attributions {
        for of in &attributed.evidence {
            let subjects = speak.entry((of.indicator, of.source)).or_default();
            if subjects.last() != Some(&attributed.subject) {
                subjects.push(attributed.subject);
            }
        }
    }
    let found = |Matched { kind, indicator, record, known_as }: Matched<'e>| Found {
        indicator,
        kind,
        source: record.source,
        confidence: record.confidence,
        role: record.role,
        known_as,
        subjects: speak.get(&(indicator, record.source)).cloned().unwrap_or_default(),
    };
    matches.into_iter().map(found).collect()
}
