//! Where an event's addresses are, and in whose network: as stormtag, or somebody before it, has written it beside them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::{each, text};

/// What an event calls its ends: ECS, then OCSF.
const ENDS: [&str; 10] = [
    "source",
    "destination",
    "client",
    "server",
    "host",
    "observer",
    "src_endpoint",
    "dst_endpoint",
    "device",
    "proxy_endpoint",
];

/// Countries by their code and autonomous systems by their number, each once, with a name where there is one.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Places<'e> {
    pub(super) countries: BTreeMap<&'e str, Option<&'e str>>,
    pub(super) networks: BTreeMap<u64, Option<&'e str>>,
}

impl<'e> Places<'e> {
    pub(super) fn of(event: &'e Value) -> Self {
        let mut places = Self::default();
        for end in ENDS {
            // Most events have two of them.
            let is_there =
                |key: &String| key.strip_prefix(end).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            if !event.as_object().is_some_and(|event| event.keys().any(is_there)) {
                continue;
            }
            let at = |path: &str| format!("{end}.{path}");
            places.country(text(event, &at("geo.country_iso_code")), text(event, &at("geo.country_name")));
            places.country(text(event, &at("location.country")), None);
            places.network(number(event, &at("as.number")), text(event, &at("as.organization.name")));
            places.network(number(event, &at("autonomous_system.number")), text(event, &at("autonomous_system.name")));
        }
        each(event, "stormtag.locations", &mut |location| {
            places.country(text(location, "geo.country_iso_code"), text(location, "geo.country_name"));
            places.network(number(location, "as.number"), text(location, "as.organization"));
        });
        places
    }

    fn country(&mut self, code: Option<&'e str>, name: Option<&'e str>) {
        if let Some(code) = code {
            let known = self.countries.entry(code).or_default();
            *known = known.or(name);
        }
    }

    fn network(&mut self, number: Option<u64>, name: Option<&'e str>) {
        if let Some(number) = number {
            let known = self.networks.entry(number).or_default();
            *known = known.or(name);
        }
    }
}

/// The first whole number at a path.
fn number(value: &Value, path: &str) -> Option<u64> {
    let mut first = None;
    each(value, path, &mut |found| first = first.or(found.as_u64()));
    first
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_schema_and_spelling_is_read_once() {
        let ecs = json!({
            "source": {"geo": {"country_iso_code": "US", "country_name": "United States"}, "as": {"number": 64502, "organization": {"name": "Example"}}},
            "destination.geo.country_iso_code": "US", "client": {"geo.country_iso_code": "DE"}, "sourceless": {"geo": {"country_iso_code": "XX"}},
        });
        let ocsf = json!({
            "src_endpoint": {"location": {"country": "US"}, "autonomous_system": {"number": 64502, "name": "Example"}},
            "device": {"location": {"country": "DE"}},
        });
        let native = json!({"stormtag": {"locations": [
            {"as": {"number": 64502, "organization": "Example"}, "geo": {"country_iso_code": "US", "country_name": "United States"}},
            {"geo": {"country_iso_code": "DE"}}, 7, {"as": {"number": -1}, "geo": {"country_iso_code": 7}},
        ]}});
        for (event, name) in [(&ecs, Some("United States")), (&ocsf, None), (&native, Some("United States"))] {
            let places = Places::of(event);
            assert_eq!(places.countries, BTreeMap::from([("US", name), ("DE", None)]), "{event}");
            assert_eq!(places.networks, BTreeMap::from([(64502, Some("Example"))]), "{event}");
        }
        assert_eq!(Places::of(&json!([1, {"source": 7}])), Places::default());
    }
}
