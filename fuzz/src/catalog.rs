//! Catalogues: whoever is in one is found by his id and his names, and building with it holds.

use stormtag::{Catalog, Feed, Indicator, IntelBuilder, Kind, Live, Pattern, Record, Schema};

use crate::doors::Doors;
use crate::feed::WORDS;
use crate::grow::grow;
use crate::is_an_error;
use crate::memory::bounded;

/// As [`A_BYTE`](crate::feed) of feeds: an entry of a few bytes has many lists.
const A_BYTE: usize = 512;

/// A catalogue in JSON: STIX, a galaxy, Microsoft's map.
pub fn catalog(data: &[u8]) {
    read(&grow(data, &WORDS));
}

/// A catalogue in TOML.
pub fn catalog_entries(data: &[u8]) {
    read(data);
}

fn read(data: &[u8]) {
    let catalog = match bounded(data.len(), A_BYTE, || Catalog::read(data, "fuzz")) {
        Ok(catalog) => catalog,
        Err(error) => return is_an_error(&error, "fuzz"),
    };
    let mut record = Record::new("fuzz");
    for actor in catalog.all_actors() {
        assert!(catalog.actors(&actor.id).any(|found| found == actor), "{actor:?}");
        assert!(catalog.actors(&actor.name).any(|found| found == actor) || actor.name.is_empty(), "{actor:?}");
        record.actors.push(actor.name.as_str().into());
    }
    for campaign in catalog.all_campaigns() {
        assert!(catalog.campaigns(&campaign.id).any(|found| found == campaign), "{campaign:?}");
        record.campaigns.push(campaign.id.as_str().into());
    }
    let known = [&record.actors, &record.campaigns].map(|names| names.iter().any(|name| !name.trim().is_empty()));
    record.actors.truncate(8);
    record.campaigns.truncate(8);

    let mut feed = Feed::new("fuzz");
    let pattern = Pattern::parse(Kind::Domain, "evil.example").unwrap();
    feed.indicators.push(Indicator { pattern, record: record.into() });
    let mut both = Catalog::builtin();
    let (actors, campaigns) = (both.all_actors().len(), both.all_campaigns().len());
    both.extend(catalog);
    assert!(both.all_actors().len() >= actors && both.all_campaigns().len() >= campaigns);
    let live = Live::new(IntelBuilder::new().catalog(both).feed(feed).build().0);
    let schema = if data.len() % 2 == 0 { Schema::Ecs } else { Schema::Native };
    Doors::new(&live, schema, Some("zeek")).check(br#"{"query":"www.evil.example","ts":1705081509}"#).unwrap();
    let mut worker = live.worker();
    let found = worker.enrich(&serde_json::json!({"query": "evil.example"}));
    assert_eq!(found.sightings().len(), 1);
    assert!(!found.attributions().is_empty() || known == [false; 2], "those who are named are told");
}
