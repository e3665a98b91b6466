//! Cluster files of MISP's galaxies, <https://www.misp-standard.org/rfc/misp-standard-galaxy-format.html>.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Actor, Alias, Campaign, Catalog, Claim, Party, Software, Status, attack_id, countries, is_attack_id};
use crate::error::Error;

/// Reads one cluster file.
///
/// An actor's id is its ATT&CK id if the cluster has one of its own (`external_id`, or `group_attack_id` from ATT&CK), of Microsoft's groups
/// `microsoft:` and the name, which is all the id that Microsoft gives, and else the UUID of the cluster. The UUID, and the one ATT&CK
/// id among the synonyms of a threat actor that no other claims, are [`Actor::ids`]; further ids among synonyms are left out, for
/// they are of other groups.
///
/// Countries become claims: `country` with its `attribution-confidence` by the galaxy's makers, `cfr-suspected-state-sponsor` by the
/// Council on Foreign Relations, Tidal's by Tidal. Sectors and countries of victims are what the cluster reports; victims that are no
/// country stand in the note. A cluster that was revoked leads to the one that replaced it; where that is not in the file, or there
/// are several, it stays, and its note says so.
///
/// Galaxies of other sorts (botnets, sectors, countries …) hold no actors and are an error that says so.
pub(super) fn parse(name: &str, text: &str) -> Result<Catalog, Error> {
    let file: File = serde_json::from_str(text).map_err(|error| {
        let message = format!("no cluster file of a MISP galaxy: {error}");
        Error::line(name, error.line() as u64, message)
    })?;
    let is = |sort: &str| file.kind == sort || file.kind.ends_with(&format!("-{sort}"));
    let mut catalog = Catalog::new();
    if is("campaigns") || is("campaign") {
        for cluster in &file.values {
            catalog.campaigns.add(campaign(cluster));
        }
        return Ok(catalog);
    }
    let sort = if is("threat-actor") {
        Sort::ThreatActor
    } else if is("intrusion-set") {
        Sort::IntrusionSet
    } else if is("activity-group") {
        Sort::Microsoft
    } else if is("groups") {
        Sort::Tidal
    } else {
        let message = "holds neither actors nor campaigns; those that do are threat-actor, intrusion-set, activity-group, groups and \
            campaigns";
        return Err(Error::format(name, format!("a galaxy of {:?} {message}", file.kind)));
    };
    let mut said: HashMap<&str, u32> = HashMap::new();
    for id in file.values.iter().flat_map(Cluster::attack_ids) {
        *said.entry(id).or_default() += 1;
    }
    let by_uuid: HashMap<&str, &str> =
        file.values.iter().map(|cluster| (cluster.uuid.as_str(), cluster.value.as_str())).collect();
    let mut ids: HashMap<&str, String> = HashMap::new();
    for cluster in &file.values {
        let (actor, claims) = actor(cluster, sort, &file, &said, &by_uuid);
        if ids.insert(&cluster.uuid, actor.id.clone()).is_some() {
            return Err(Error::format(name, format!("the UUID {} stands twice", cluster.uuid)));
        }
        catalog.claims.extend(claims);
        catalog.actors.add(actor);
    }
    for cluster in file.values.iter().filter(|cluster| cluster.revoked) {
        let mut successors = cluster.successors().filter_map(|uuid| ids.get(uuid));
        // Split among several, it leads to none of them for certain.
        if let (Some(old), Some(new), None) = (ids.get(cluster.uuid.as_str()), successors.next(), successors.next()) {
            catalog.actors.redirect(old.clone(), new.clone());
        }
    }
    Ok(catalog)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    ThreatActor,
    IntrusionSet,
    Microsoft,
    Tidal,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    version: u64,
    values: Vec<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    value: String,
    uuid: String,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    meta: BTreeMap<String, Many>,
    #[serde(default)]
    related: Vec<Related>,
}

#[derive(Deserialize)]
struct Related {
    #[serde(rename = "dest-uuid")]
    to: String,
    #[serde(rename = "type", default)]
    kind: String,
}

/// Producers write one value bare or a list of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Many {
    One(String),
    All(Vec<String>),
    Other(IgnoredAny),
}

impl Cluster {
    /// The values of a key, without those that are empty.
    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        let all: &[String] = match self.meta.get(key) {
            Some(Many::One(one)) => std::slice::from_ref(one),
            Some(Many::All(all)) => all,
            Some(Many::Other(_)) | None => &[],
        };
        all.iter().map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn one(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// The id that ATT&CK gave. Tidal writes ids of its own in the same form, some of them twice: they count if ATT&CK is the source.
    fn attack_id(&self, of_tidal: &str) -> Option<&str> {
        let tidal = self.one(of_tidal).filter(|_| self.one("source") == Some("MITRE"));
        self.one("external_id").or(tidal).filter(|id| is_attack_id(id))
    }

    /// UUIDs of the clusters that have taken its place.
    fn successors(&self) -> impl Iterator<Item = &str> {
        self.related.iter().filter(|related| related.kind == "revoked-by").map(|related| related.to.as_str())
    }

    /// Ids of ATT&CK groups among the synonyms.
    fn attack_ids(&self) -> impl Iterator<Item = &str> {
        self.all("synonyms").filter(|name| name.starts_with('G') && is_attack_id(name))
    }

    /// The one id among them that no other cluster has.
    fn own_attack_id(&self, said: &HashMap<&str, u32>) -> Option<&str> {
        let mut ids = self.attack_ids();
        let id = ids.next()?;
        (ids.all(|other| other == id) && said.get(id) == Some(&1)).then_some(id)
    }
}

fn actor(
    cluster: &Cluster,
    sort: Sort,
    file: &File,
    said: &HashMap<&str, u32>,
    by_uuid: &HashMap<&str, &str>,
) -> (Actor, Vec<Claim>) {
    let (name, in_name) = attack_id(&cluster.value);
    let given = cluster.attack_id("group_attack_id").or(in_name);
    let mut ids = vec![cluster.uuid.clone()];
    let id = match (sort, given) {
        (_, Some(id)) => id.to_owned(),
        (Sort::Microsoft, None) => super::microsoft::id(name),
        _ => {
            ids.clear();
            cluster.uuid.clone()
        }
    };
    ids.extend(cluster.own_attack_id(said).filter(|own| *own != id).map(str::to_owned));

    let mut aliases: Vec<Alias> = Vec::new();
    for synonym in cluster.all("synonyms").filter(|synonym| !(synonym.starts_with('G') && is_attack_id(synonym))) {
        if synonym != name && !aliases.iter().any(|known| known.name == synonym) {
            let by = cluster.one(&format!("origin:{synonym}")).map(str::to_owned);
            aliases.push(Alias { name: synonym.to_owned(), by });
        }
    }

    let mut sectors_reported: Vec<String> = Vec::new();
    let mut targets: Vec<String> = Vec::new();
    let mut others: Vec<&str> = Vec::new();
    for sector in ["targeted-sector", "cfr-target-category", "target_categories", "sector"]
        .iter()
        .flat_map(|key| cluster.all(key))
    {
        // Microsoft's motives stand under the same key as sectors.
        if sort != Sort::Microsoft && !sectors_reported.iter().any(|known| known == sector) {
            sectors_reported.push(sector.to_owned());
        }
    }
    for victim in
        ["cfr-suspected-victims", "suspected-victims", "observed_countries"].iter().flat_map(|key| cluster.all(key))
    {
        match countries::code(victim) {
            Some(code) if targets.iter().any(|known| known == code) => {}
            Some(code) => targets.push(code.to_owned()),
            None => others.push(victim),
        }
    }
    let mut notes: Vec<String> = Vec::new();
    let by: Vec<&str> = cluster.successors().map(|uuid| by_uuid.get(uuid).copied().unwrap_or(uuid)).collect();
    let is_known = matches!(by[..], [_]) && cluster.successors().all(|uuid| by_uuid.contains_key(uuid));
    if cluster.revoked && !is_known {
        notes.push(format!("revoked; replaced by {}", by.join(", ")));
    }
    if !others.is_empty() {
        notes.push(format!("other victims named: {}", others.join(", ")));
    }
    if sort == Sort::Microsoft {
        notes.extend(cluster.one("sector").map(str::to_owned));
    }

    let claims = claims(cluster, &id, sort, file);
    let country = claims.first().and_then(|claim| claim.country.clone());
    let software: Vec<Software> = Vec::new();
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    let active_since = cluster.one("since").map(str::to_owned);
    let name = name.to_owned();
    let actor = Actor {
        id,
        ids,
        name,
        country,
        aliases,
        sectors_reported,
        targets,
        software,
        active_since,
        note,
        ..Actor::default()
    };
    (actor, claims)
}

/// Who says of which country the actor is.
fn claims(cluster: &Cluster, id: &str, sort: Sort, file: &File) -> Vec<Claim> {
    let reference = format!("MISP galaxy {}, version {}", file.kind, file.version);
    let url = cluster.one("refs").map(str::to_owned);
    let claim = |key: &str, by: &str, confidence: Option<u8>| -> Option<Claim> {
        let word = cluster.one(key)?;
        let country = countries::code(word)?;
        Some(Claim {
            id: format!("misp:{}:{key}", cluster.uuid),
            about: id.to_owned(),
            actor: None,
            country: Some(country.to_owned()),
            by: by.to_owned(),
            party: Party::Vendor,
            status: Status::Reported,
            qualifier: key.contains("suspected").then(|| "suspected".to_owned()),
            date: None,
            reported: None,
            confidence,
            reference: Some(reference.clone()),
            url: if by == "Council on Foreign Relations" {
                cluster.all("refs").find(|link| link.contains("cfr.org/")).map(str::to_owned)
            } else {
                url.clone()
            },
            said: format!("{key}: {word}"),
            inferred: None,
        })
    };
    let graded =
        cluster.one("attribution-confidence").and_then(|text| text.parse::<u8>().ok()).filter(|graded| *graded <= 100);
    let by = match sort {
        Sort::ThreatActor => "MISP galaxy",
        Sort::IntrusionSet => "MITRE ATT&CK",
        Sort::Microsoft => "Microsoft",
        Sort::Tidal => cluster.one("source").unwrap_or("Tidal Cyber"),
    };
    let own = claim("country", by, graded);
    let council = claim("cfr-suspected-state-sponsor", "Council on Foreign Relations", None);
    own.into_iter().chain(council).collect()
}

fn campaign(cluster: &Cluster) -> Campaign {
    let (name, in_name) = attack_id(&cluster.value);
    let id = cluster.attack_id("campaign_attack_id").or(in_name).unwrap_or(&cluster.uuid);
    // `2022-10-01T04:00:00Z` is a day somewhere.
    let day = |key: &str| cluster.one(key).map(|text| text.split('T').next().unwrap_or(text).to_owned());
    Campaign {
        id: id.to_owned(),
        name: name.to_owned(),
        first_seen: day("first_seen"),
        last_seen: day("last_seen"),
        ..Campaign::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn galaxy(kind: &str, values: &str) -> Catalog {
        parse("g.json", &format!(r#"{{"type":"{kind}","version":7,"values":[{values}]}}"#)).unwrap()
    }

    #[test]
    fn a_cluster_becomes_an_actor_with_its_claims() {
        let catalog = galaxy(
            "threat-actor",
            r#"{"value":"One","uuid":"u-1","meta":{"synonyms":["Uno","G0101","Ein Bär"],"country":"RU","attribution-confidence":"75",
                "cfr-suspected-state-sponsor":"Iran (Islamic Republic of)","cfr-suspected-victims":["Germany","NATO"],
                "refs":["https://r.example/","https://www.cfr.org/x"],"origin:Uno":"Somebody","targeted-sector":"Military"}},
               {"value":"Two","uuid":"u-2","meta":{"synonyms":["G0102","G0103"]}},
               {"value":"Three","uuid":"u-3","meta":{"synonyms":["G0103"]}}"#,
        );
        let one = catalog.actors("uno").next().unwrap();
        assert_eq!((one.id.as_str(), one.ids.as_slice()), ("u-1", &["G0101".to_owned()][..]));
        assert_eq!(one.aliases[0].by.as_deref(), Some("Somebody"));
        assert_eq!(
            (one.targets.as_slice(), one.note.as_deref()),
            (&["DE".to_owned()][..], Some("other victims named: NATO"))
        );
        let claims: Vec<_> =
            catalog.claims("u-1").map(|claim| (claim.country.as_deref().unwrap(), claim.confidence)).collect();
        assert_eq!(claims, [("RU", Some(75)), ("IR", None)]);
        assert_eq!(catalog.claims("u-1").nth(1).unwrap().url.as_deref(), Some("https://www.cfr.org/x"));
        // Ids that several claim, or of which one claims several, say nothing.
        assert!(catalog.actors("Two").chain(catalog.actors("Three")).all(|actor| actor.ids.is_empty()));
    }

    #[test]
    fn other_galaxies_and_other_json_are_errors() {
        for text in [
            r#"{"type":"sector","values":[]}"#,
            r#"{"values":[]}"#,
            "{",
            r#"{"type":"threat-actor","values":[{"value":"x"}]}"#,
        ] {
            let error = parse("g.json", text).unwrap_err().to_string();
            assert!(error.starts_with("g.json") && error.contains("galaxy"), "{error}");
        }
    }
}
