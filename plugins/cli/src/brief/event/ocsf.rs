//! Matches in OCSF: `osint`, and beside each what its record says in `enrichments`.

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::Value;

use super::own::OfMatch;
use super::{Attributed, Event, Found, Withheld, each};

#[derive(Deserialize)]
struct Osint<'e> {
    #[serde(rename = "type")]
    kind: &'e str,
    value: &'e str,
    name: &'e str,
    vendor_name: &'e str,
}

#[derive(Deserialize)]
struct Said<'e> {
    name: &'e str,
    provider: &'e str,
    #[serde(borrow)]
    data: OfMatch<'e>,
}

pub(super) fn matches<'e>(event: &'e Value, read: &mut Event<'e>) -> Vec<Found<'e>> {
    let mut said: HashMap<(&str, &str), VecDeque<OfMatch<'e>>> = HashMap::new();
    each(event, "enrichments", &mut |element| {
        let data = element.get("data").unwrap_or(&Value::Null);
        let is_read = match element.get("type").and_then(Value::as_str) {
            Some("indicator") => {
                let one = Said::deserialize(element);
                one.map(|one| said.entry((one.name, one.provider)).or_default().push_back(one.data)).is_ok()
            }
            Some("attribution") => Attributed::deserialize(data).map(|one| read.attributions.push(one)).is_ok(),
            Some("withheld") => Withheld::deserialize(data).map(|one| read.withheld.push(one)).is_ok(),
            // OCSF has this place for all programs that enrich.
            _ => return read.foreign += 1,
        };
        read.unreadable += u64::from(!is_read);
    });
    let mut matches = Vec::new();
    each(event, "osint", &mut |element| {
        let of = |osint: Osint<'e>| {
            let all = said.get_mut(&(osint.name, osint.vendor_name))?;
            // Both are written in the same order; what is equal stands among the enrichments once.
            let data = if all.len() > 1 { all.pop_front() } else { all.front().cloned() };
            data.map(|data| (osint, data))
        };
        match Osint::deserialize(element).ok().and_then(of) {
            Some((osint, data)) => matches.push(Found {
                indicator: osint.value,
                kind: osint.kind,
                source: osint.vendor_name,
                confidence: data.confidence,
                role: data.role,
                known_as: data.known_as,
                subjects: data.attributions,
            }),
            None => read.foreign += 1,
        }
    });
    matches
}
