//! Microsoft's map of the names of actors, <https://github.com/microsoft/mstic/tree/master/PublicFeeds/ThreatActorNaming>.

use serde::Deserialize;

use super::{Actor, Alias, Catalog, Claim, Party, Status, countries};
use crate::error::Error;

/// The id of an actor of Microsoft's: it gives none but the name, which it coins for one group and uses for no other.
pub(super) fn id(name: &str) -> String {
    format!("microsoft:{name}")
}

/// Whether it is such an id.
pub(super) fn is_id(id: &str) -> bool {
    id.starts_with("microsoft:")
}

/// Reads the map: an array of rows with a name, an origin and other names.
///
/// A country in the origin becomes a claim of Microsoft's, what else stands there a note.
pub(super) fn parse(name: &str, text: &str) -> Result<Catalog, Error> {
    let rows: Vec<Row> = serde_json::from_str(text).map_err(|error| {
        let message = format!("no naming map of Microsoft's: {error}");
        Error::line(name, error.line() as u64, message)
    })?;
    let mut catalog = Catalog::new();
    for row in rows {
        let name = row.name.trim().to_owned();
        let id = id(&name);
        let (known, others): (Vec<&str>, Vec<&str>) =
            parts(&row.origin).partition(|origin| countries::code(origin).is_some());
        let country = known.first().and_then(|origin| countries::code(origin)).map(str::to_owned);
        if let Some(country) = &country {
            catalog.claims.push(Claim {
                id: format!("{id}:country"),
                about: id.clone(),
                actor: None,
                country: Some(country.clone()),
                by: "Microsoft".to_owned(),
                party: Party::Vendor,
                status: Status::Attributed,
                qualifier: None,
                date: None,
                reported: None,
                confidence: None,
                reference: Some("Microsoft threat actor naming map".to_owned()),
                url: None,
                said: format!("Origin/Threat: {}", row.origin.trim()),
                inferred: None,
            });
        }
        let aliases = parts(&row.others).filter(|other| *other != name);
        catalog.actors.add(Actor {
            id,
            country,
            aliases: aliases.map(|name| Alias { name: name.to_owned(), by: None }).collect(),
            note: (!others.is_empty()).then(|| others.join(", ")),
            name,
            ..Actor::default()
        });
    }
    Ok(catalog)
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "Threat actor name")]
    name: String,
    #[serde(rename = "Origin/Threat", default)]
    origin: String,
    #[serde(rename = "Other names", default)]
    others: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_an_actor_and_a_claim() {
        let text = r#"[{"Threat actor name":"Odd Typhoon","Origin/Threat":"China, Financially motivated","Other names":"A B, Storm-1"},
            {"Threat actor name":"Storm-2","Origin/Threat":"Group in development","Other names":""}]"#;
        let catalog = parse("map.json", text).unwrap();
        let actor = catalog.actors("storm 1").next().unwrap();
        assert_eq!((actor.id.as_str(), actor.country.as_deref()), ("microsoft:Odd Typhoon", Some("CN")));
        assert_eq!(actor.note.as_deref(), Some("Financially motivated"));
        assert_eq!(catalog.claims(&actor.id).map(|claim| claim.confidence).collect::<Vec<_>>(), [None]);
        assert_eq!(catalog.claims("microsoft:Storm-2").count(), 0);
        assert!(parse("map.json", "[1]").unwrap_err().to_string().starts_with("map.json:1: no naming map"));
    }
}
