//! Catalogues in STIX 2.0 and 2.1: MITRE ATT&CK, and whoever else publishes groups and campaigns so.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use foldhash::fast::RandomState;

use super::{Actor, Alias, Campaign, Catalog, Claim, Party, Software, Status, Technique};
use crate::error::Error;
use crate::feed::Reason;
use crate::stix::{self, Object};

/// How many successors of a revoked object are followed.
const SUCCESSORS: usize = 16;

/// Reads a bundle.
///
/// Ids are those of ATT&CK where an object has one, else those of STIX. What is revoked stands under what it is revoked by, so
/// that an old id resolves; what is deprecated stays, marked. `attributed-to` becomes a claim of whoever made the relationship,
/// *attributed*, without a confidence unless the relationship has one.
pub(super) fn read(reader: impl BufRead, path: &Path) -> Result<Catalog, Error> {
    let read = stix::read(reader, path, Made::of)?;
    let mut catalog = Catalog { rejected: read.rejected, passed: read.passed, ..Catalog::default() };
    let mut draft = Draft::default();
    let mut relations = Vec::new();
    for kept in read.kept {
        match kept.made {
            Made::Relation(relation) => relations.push((kept.position, kept.id, *relation)),
            Made::Party(name, party) => {
                draft.parties.insert(kept.id, (name, party));
            }
            Made::Place(place) => {
                draft.places.insert(kept.id, place);
            }
            Made::Listed { entry, revoked } => {
                draft.at.insert(kept.id.clone(), draft.listed.len());
                draft.listed.push(Listed { entry, revoked, position: kept.position, successor: None });
            }
            Made::Other => catalog.passed.add(kept.position, &kept.id, Reason::NotInCatalog),
        }
    }
    for (_, _, relation) in relations.iter().filter(|(_, _, relation)| relation.kind == Kind::RevokedBy) {
        if let (Some(&source), Some(&target)) = (draft.at.get(&*relation.source), draft.at.get(&*relation.target))
            && let Some(listed) = draft.listed.get_mut(source)
        {
            listed.successor = Some(target);
        }
    }
    for (position, id, relation) in relations {
        if relation.kind != Kind::RevokedBy && draft.relate(&id, relation, path, &mut catalog).is_none() {
            catalog.rejected.add(position, &id, Reason::Unresolved);
        }
    }
    draft.finish(&mut catalog);
    let none =
        catalog.all_actors().is_empty() && catalog.all_campaigns().is_empty() && catalog.all_software().is_empty();
    if none && catalog.all_techniques().is_empty() {
        return Err(Error::format(path, "STIX without an actor, a campaign, a piece of software or a technique"));
    }
    Ok(catalog)
}

/// What is kept of an object.
enum Made {
    Listed { entry: Entry, revoked: bool },
    Relation(Box<Relation>),
    Party(String, Party),
    Place(Place),
    Other,
}

enum Entry {
    Actor(Box<Actor>),
    Campaign(Box<Campaign>),
    Software(Software),
    Technique(Technique),
}

/// What an actor can target.
enum Place {
    Country(String),
    Sectors(Vec<String>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uses,
    AttributedTo,
    Targets,
    /// `originates-from`, `located-at`.
    From,
    RevokedBy,
}

struct Relation {
    kind: Kind,
    source: String,
    target: String,
    by: Option<String>,
    date: Option<String>,
    confidence: Option<u8>,
    said: Option<String>,
    reference: Option<String>,
    url: Option<String>,
}

impl Made {
    fn of(kind: &str, object: &Object<'_>) -> Self {
        match kind {
            "relationship" => return Self::relation(object),
            "identity" => {
                let sectors = object.sectors.texts();
                let is_government = sectors.iter().any(|sector| sector.to_ascii_lowercase().starts_with("government"));
                let is_class = object.identity_class.text().as_deref() == Some("class");
                if is_class && !sectors.is_empty() {
                    return Self::Place(Place::Sectors(sectors));
                }
                let party = if is_government { Party::Government } else { Party::Vendor };
                return object.name.text().map_or(Self::Other, |name| Self::Party(name, party));
            }
            "location" => {
                let country = object.country.text().filter(|country| country.trim().len() == 2);
                let country = country.map(|country| Place::Country(country.trim().to_ascii_uppercase()));
                return country.map_or(Self::Other, Self::Place);
            }
            _ => {}
        }
        let Some(id) = object.attack_id().or_else(|| object.id()) else { return Self::Other };
        let name = object.name.text().unwrap_or_else(|| id.clone());
        let mut aliases = object.aliases.texts();
        aliases.extend(object.x_mitre_aliases.texts());
        aliases.retain(|alias| *alias != name);
        let entry = match kind {
            "intrusion-set" | "threat-actor" => Entry::Actor(Box::new(Actor {
                ids: object.id().filter(|own| *own != id).into_iter().collect(),
                id,
                name,
                aliases: named(aliases),
                active_since: day(object.first_seen.text()),
                note: object.is_deprecated().then(|| "Deprecated by its source, with nothing in its place.".to_owned()),
                ..Actor::default()
            })),
            "campaign" => Entry::Campaign(Box::new(Campaign {
                id,
                name,
                aliases: named(aliases),
                first_seen: day(object.first_seen.text()),
                last_seen: day(object.last_seen.text()),
                ..Campaign::default()
            })),
            "malware" | "tool" => Entry::Software(Software { id, name, aliases, techniques: Vec::new() }),
            "attack-pattern" => Entry::Technique(Technique {
                id,
                name,
                tactics: object.phases().map(|(_, phase)| phase).collect(),
                deprecated: object.is_deprecated(),
            }),
            _ => return Self::Other,
        };
        Self::Listed { entry, revoked: object.is_revoked() }
    }

    fn relation(object: &Object<'_>) -> Self {
        let kind = match object.relationship_type.text().as_deref() {
            Some("uses") => Kind::Uses,
            Some("attributed-to") => Kind::AttributedTo,
            Some("targets") => Kind::Targets,
            Some("originates-from" | "located-at") => Kind::From,
            Some("revoked-by") => Kind::RevokedBy,
            _ => return Self::Other,
        };
        let (Some(source), Some(target)) = (object.source_ref.text(), object.target_ref.text()) else {
            return Self::Other;
        };
        if object.is_revoked() || object.is_deprecated() {
            return Self::Other;
        }
        let mut relation = Relation {
            kind,
            source,
            target,
            by: None,
            date: None,
            confidence: None,
            said: None,
            reference: None,
            url: None,
        };
        // Tens of thousands are uses, of which the two ends are all that is kept.
        if matches!(kind, Kind::AttributedTo | Kind::From) {
            let first = object.references().next();
            relation.by = object.created_by_ref.text();
            relation.date = day(object.created.text());
            relation.confidence = object.confidence.percent();
            relation.said = object.description.text();
            relation.reference = first.as_ref().map(|first| first.source_name.clone()).filter(|name| !name.is_empty());
            relation.url = first.and_then(|first| first.url);
        }
        Self::Relation(Box::new(relation))
    }
}

fn named(names: Vec<String>) -> Vec<Alias> {
    names.into_iter().map(|name| Alias { name, by: None }).collect()
}

/// The day of a timestamp.
fn day(timestamp: Option<String>) -> Option<String> {
    timestamp.filter(|text| crate::time::instant(text).is_some())?.get(..10).map(str::to_owned)
}

struct Listed {
    entry: Entry,
    revoked: bool,
    position: u64,
    /// Place of what it is revoked by.
    successor: Option<usize>,
}

/// The catalogue before its relationships are known.
#[derive(Default)]
struct Draft {
    listed: Vec<Listed>,
    /// Places of entries by their STIX ids.
    at: HashMap<Box<str>, usize, RandomState>,
    parties: HashMap<Box<str>, (String, Party), RandomState>,
    places: HashMap<Box<str>, Place, RandomState>,
}

impl Draft {
    /// The place of an object, or of what it is revoked by; nothing if it is revoked by nothing.
    fn place(&self, id: &str) -> Option<usize> {
        self.current(*self.at.get(id)?)
    }

    fn current(&self, mut at: usize) -> Option<usize> {
        for _ in 0..SUCCESSORS {
            let listed = self.listed.get(at)?;
            if !listed.revoked {
                return Some(at);
            }
            at = listed.successor?;
        }
        None
    }

    fn id(&self, at: usize) -> Option<&str> {
        Some(match &self.listed.get(at)?.entry {
            Entry::Actor(actor) => &actor.id,
            Entry::Campaign(campaign) => &campaign.id,
            Entry::Software(software) => &software.id,
            Entry::Technique(technique) => &technique.id,
        })
    }

    /// Enters a relationship; nothing if one of its ends is not there. One that the catalogue has no place for is no fault.
    fn relate(&mut self, id: &str, relation: Relation, file: &Path, catalog: &mut Catalog) -> Option<()> {
        let listed = |id: &str| {
            let kind = id.split("--").next().unwrap_or_default();
            ["intrusion-set", "threat-actor", "campaign", "malware", "tool", "attack-pattern"].contains(&kind)
        };
        if !listed(&relation.source) {
            return Some(());
        }
        let source = self.place(&relation.source)?;
        if let Some(place) = self.places.get(&*relation.target) {
            let country = match (place, &mut self.listed.get_mut(source)?.entry) {
                (Place::Country(country), Entry::Actor(actor)) if relation.kind == Kind::Targets => {
                    actor.targets.push(country.clone());
                    return Some(());
                }
                (Place::Sectors(sectors), Entry::Actor(actor)) if relation.kind == Kind::Targets => {
                    actor.sectors_reported.extend(sectors.iter().cloned());
                    return Some(());
                }
                (Place::Country(country), Entry::Actor(actor)) if relation.kind == Kind::From => {
                    actor.country.get_or_insert_with(|| country.clone());
                    country.clone()
                }
                _ => return Some(()),
            };
            self.claim(id, relation, source, None, Some(country), file, catalog);
            return Some(());
        }
        if !listed(&relation.target) {
            return Some(());
        }
        let target = self.place(&relation.target)?;
        let (other, is_actor, name) = match &self.listed.get(target)?.entry {
            Entry::Actor(actor) => (actor.id.clone(), true, None),
            Entry::Technique(technique) => (technique.id.clone(), false, None),
            Entry::Software(software) => (software.id.clone(), false, Some(software.name.clone())),
            Entry::Campaign(_) => return Some(()),
        };
        match relation.kind {
            Kind::Uses if !is_actor => {
                let (techniques, software) = match &mut self.listed.get_mut(source)?.entry {
                    Entry::Actor(actor) => (&mut actor.techniques, Some(&mut actor.software)),
                    Entry::Campaign(campaign) => (&mut campaign.techniques, Some(&mut campaign.software)),
                    Entry::Software(software) => (&mut software.techniques, None),
                    Entry::Technique(_) => return Some(()),
                };
                match (name, software) {
                    (None, _) => techniques.push(other),
                    (Some(name), Some(software)) => software.push(Software { id: other, name, ..Software::default() }),
                    (Some(_), None) => {}
                }
            }
            Kind::AttributedTo if is_actor => {
                if let Entry::Campaign(campaign) = &mut self.listed.get_mut(source)?.entry {
                    campaign.actors.push(other.clone());
                }
                self.claim(id, relation, source, Some(other), None, file, catalog);
            }
            _ => {}
        }
        Some(())
    }

    #[expect(clippy::too_many_arguments, reason = "each is one part of the claim")]
    fn claim(
        &self,
        id: &str,
        relation: Relation,
        about: usize,
        actor: Option<String>,
        country: Option<String>,
        file: &Path,
        catalog: &mut Catalog,
    ) {
        let about = self.id(about).unwrap_or_default().to_owned();
        let by = relation.by.as_deref().and_then(|by| self.parties.get(by));
        let (by, party) = by.cloned().unwrap_or_else(|| (crate::feed::stem(file).to_owned(), Party::Vendor));
        let to = actor.as_deref().or(country.as_deref()).unwrap_or_default();
        catalog.claims.push(Claim {
            id: if id.is_empty() { format!("{about} {to}") } else { id.to_owned() },
            said: relation.said.unwrap_or_else(|| format!("{about} is attributed to {to}.")),
            about,
            actor,
            country,
            by,
            party,
            status: Status::Attributed,
            qualifier: None,
            date: relation.date,
            reported: None,
            confidence: relation.confidence,
            reference: relation.reference,
            url: relation.url,
            inferred: None,
        });
    }

    /// Moves the entries into the catalogue.
    fn finish(mut self, catalog: &mut Catalog) {
        let mut moved = Vec::new();
        let mut former = Vec::new();
        for (at, listed) in self.listed.iter().enumerate().filter(|(_, listed)| listed.revoked) {
            let (id, name) = (self.id(at).unwrap_or_default(), listed.entry.name());
            match self.current(at).and_then(|to| self.id(to)) {
                // Techniques are named in plain words: under an old one another may stand today.
                Some(to) if matches!(listed.entry, Entry::Technique(_)) => moved.push((id.to_owned(), to.to_owned())),
                Some(to) => {
                    moved.extend([id, name].map(|name| (name.to_owned(), to.to_owned())));
                    if let Entry::Actor(actor) = &listed.entry {
                        moved.extend(actor.aliases.iter().map(|alias| (alias.name.clone(), to.to_owned())));
                        former.push((self.current(at), id.to_owned(), actor.ids.clone()));
                    }
                }
                None => catalog.rejected.add(listed.position, &format!("{id} {name}"), Reason::Revoked),
            }
        }
        for (to, id, ids) in former {
            let to = to.and_then(|to| self.listed.get_mut(to)).map(|listed| &mut listed.entry);
            if let Some(Entry::Actor(actor)) = to {
                actor.ids.push(id);
                actor.ids.extend(ids);
            }
        }
        for listed in self.listed.into_iter().filter(|listed| !listed.revoked) {
            match listed.entry {
                Entry::Actor(mut actor) => {
                    for list in [&mut actor.techniques, &mut actor.targets, &mut actor.sectors_reported] {
                        tidy(list);
                    }
                    tidy_software(&mut actor.software);
                    catalog.actors.add(*actor);
                }
                Entry::Campaign(mut campaign) => {
                    tidy(&mut campaign.techniques);
                    tidy(&mut campaign.actors);
                    tidy_software(&mut campaign.software);
                    catalog.campaigns.add(*campaign);
                }
                Entry::Software(mut software) => {
                    tidy(&mut software.techniques);
                    catalog.software.add(software);
                }
                Entry::Technique(technique) => catalog.techniques.add(technique),
            }
        }
        for (name, to) in moved {
            // The id tells which of them it is.
            catalog.actors.redirect(name.clone(), to.clone());
            catalog.campaigns.redirect(name.clone(), to.clone());
            catalog.software.redirect(name.clone(), to.clone());
            catalog.techniques.redirect(name, to);
        }
    }
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Actor(actor) => &actor.name,
            Self::Campaign(campaign) => &campaign.name,
            Self::Software(software) => &software.name,
            Self::Technique(technique) => &technique.name,
        }
    }
}

fn tidy(list: &mut Vec<String>) {
    list.sort_unstable();
    list.dedup();
}

fn tidy_software(list: &mut Vec<Software>) {
    list.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    list.dedup_by(|a, b| a.id == b.id);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTS: &str = r#"{"type":"bundle","objects":[
        {"type":"relationship","id":"relationship--1","relationship_type":"attributed-to","source_ref":"campaign--1","target_ref":"intrusion-set--old",
         "created_by_ref":"identity--1","created":"2024-02-03T00:00:00Z","description":"Said so.","external_references":[{"source_name":"Report","url":"https://x.example/r"}]},
        {"type":"relationship","id":"relationship--2","relationship_type":"uses","source_ref":"intrusion-set--1","target_ref":"attack-pattern--1"},
        {"type":"relationship","id":"relationship--3","relationship_type":"uses","source_ref":"intrusion-set--1","target_ref":"tool--1"},
        {"type":"relationship","id":"relationship--4","relationship_type":"uses","source_ref":"tool--1","target_ref":"attack-pattern--old"},
        {"type":"relationship","id":"relationship--5","relationship_type":"uses","source_ref":"intrusion-set--1","target_ref":"malware--gone"},
        {"type":"relationship","id":"relationship--6","relationship_type":"revoked-by","source_ref":"intrusion-set--old","target_ref":"intrusion-set--1"},
        {"type":"relationship","id":"relationship--7","relationship_type":"revoked-by","source_ref":"attack-pattern--old","target_ref":"attack-pattern--1"},
        {"type":"relationship","id":"relationship--8","relationship_type":"uses","source_ref":"campaign--1","target_ref":"tool--1","revoked":true},
        {"type":"relationship","id":"relationship--9","relationship_type":"targets","source_ref":"intrusion-set--1","target_ref":"location--1"},
        {"type":"relationship","id":"relationship--10","relationship_type":"originates-from","source_ref":"threat-actor--1","target_ref":"location--1","confidence":30},
        {"type":"relationship","id":"relationship--11","relationship_type":"revoked-by","source_ref":"malware--a","target_ref":"malware--b"},
        {"type":"relationship","id":"relationship--12","relationship_type":"revoked-by","source_ref":"malware--b","target_ref":"malware--a"},
        {"type":"malware","id":"malware--a","name":"A","revoked":true}, {"type":"malware","id":"malware--b","name":"B","revoked":true},
        {"type":"intrusion-set","id":"intrusion-set--old","name":"Old Name","revoked":true,"external_references":[{"source_name":"mitre-attack","external_id":"G9001"}]},
        {"type":"intrusion-set","id":"intrusion-set--1","name":"Group One","aliases":["Group One","First Bear"],"external_references":[{"source_name":"mitre-attack","external_id":"G9002"}]},
        {"type":"threat-actor","id":"threat-actor--1","name":"Person","aliases":["First Bear"],"x_mitre_deprecated":true},
        {"type":"campaign","id":"campaign--1","name":"Operation","aliases":["Op 1"],"first_seen":"2023-01-02T00:00:00Z","external_references":[{"source_name":"mitre-attack","external_id":"C9001"}]},
        {"type":"tool","id":"tool--1","name":"Tool","x_mitre_aliases":["Tool","Hammer"],"external_references":[{"source_name":"mitre-attack","external_id":"S9001"}]},
        {"type":"attack-pattern","id":"attack-pattern--old","name":"Ways","revoked":true,"external_references":[{"source_name":"mitre-attack","external_id":"T9001"}]},
        {"type":"attack-pattern","id":"attack-pattern--1","name":"Ways","kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"impact"}],"external_references":[{"source_name":"mitre-attack","external_id":"T9002.001"}]},
        {"type":"location","id":"location--1","country":"us"}, {"type":"identity","id":"identity--1","name":"The Voice"}, {"type":"report","id":"report--1"}]}"#;

    #[test]
    fn a_bundle_becomes_a_catalogue() {
        let catalog = read(OBJECTS.as_bytes(), Path::new("test.json")).unwrap();
        let ids = |name: &str| catalog.actors(name).map(|actor| actor.id.as_str()).collect::<Vec<_>>();
        assert_eq!(ids("first-bear"), ["G9002", "threat-actor--1"]);
        assert_eq!((ids("G9001"), ids("old name")), (vec!["G9002"], vec!["G9002"]));
        let group = catalog.actors("G9002").next().unwrap();
        assert_eq!((&*group.techniques, &*group.targets), (&["T9002.001".to_owned()][..], &["US".to_owned()][..]));
        assert_eq!((group.software[0].id.as_str(), group.software.len()), ("S9001", 1));
        let campaign = catalog.campaigns("op1").next().unwrap();
        assert_eq!((campaign.actors[0].as_str(), campaign.first_seen.as_deref()), ("G9002", Some("2023-01-02")));
        assert!(campaign.software.is_empty());
        let tool = catalog.software("hammer").next().unwrap();
        assert_eq!((tool.id.as_str(), tool.techniques[0].as_str()), ("S9001", "T9002.001"));
        let technique = catalog.technique("T9001").unwrap();
        assert_eq!((technique.id.as_str(), technique.tactics[0].as_str()), ("T9002.001", "impact"));

        let claim = catalog.claims("C9001").next().unwrap();
        assert_eq!((claim.by.as_str(), claim.actor.as_deref(), claim.confidence), ("The Voice", Some("G9002"), None));
        assert_eq!((claim.date.as_deref(), claim.url.as_deref()), (Some("2024-02-03"), Some("https://x.example/r")));
        let origin = catalog.claims("threat-actor--1").next().unwrap();
        assert_eq!((origin.country.as_deref(), origin.confidence, origin.by.as_str()), (Some("US"), Some(30), "test"));
        assert!(catalog.actors("Person").all(|actor| actor.note.is_some()));

        let rejected: Vec<_> = catalog.rejected().counts().collect();
        assert_eq!(rejected, [(Reason::Revoked, 2), (Reason::Unresolved, 1)]);
        // The report, and the relationship that is revoked.
        assert_eq!(catalog.passed().counts().collect::<Vec<_>>(), [(Reason::NotInCatalog, 2)]);
    }

    #[test]
    fn stix_without_anything_to_list_is_an_error() {
        let error = read(&br#"{"type":"bundle","objects":[{"type":"report"}]}"#[..], Path::new("x.json")).unwrap_err();
        assert!(error.to_string().starts_with("x.json: STIX without an actor"), "{error}");
    }
}
