//! The catalogue: who there is, and who says so.

mod builtin;

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::document;
use crate::error::Error;

/// A group of people to whom intrusions are put down: an ATT&CK group, an intrusion set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Actor {
    /// ATT&CK group id, or any id unique in the catalogue.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// ISO 3166-1 alpha-2 code of the country it is attributed to. Who attributes it, and how surely, stands in the claims.
    #[serde(default)]
    pub country: Option<String>,
    /// What others call it.
    #[serde(default)]
    pub aliases: Vec<Alias>,
    /// Names of related actors that are not this one.
    #[serde(default)]
    pub not: Vec<String>,
    /// Sectors in which victims were confirmed.
    #[serde(default)]
    pub sectors: Vec<String>,
    /// Sectors that somebody has published beside those.
    #[serde(default)]
    pub sectors_reported: Vec<String>,
    /// ISO 3166-1 alpha-2 codes of the countries of its victims.
    #[serde(default)]
    pub targets: Vec<String>,
    /// ATT&CK technique ids.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// Malware and tools.
    #[serde(default)]
    pub software: Vec<Software>,
    /// Date since which it is known to be active.
    #[serde(default, deserialize_with = "date")]
    pub active_since: Option<String>,
    /// What a reader of a match should know.
    #[serde(default)]
    pub note: Option<String>,
}

/// Another name of an actor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// Who uses it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A piece of malware or a tool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Software {
    /// ATT&CK software id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Activity with a beginning, perhaps an end, and perhaps an actor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Campaign {
    /// ATT&CK campaign id, or any id unique in the catalogue.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// Ids of the actors it is put down to.
    #[serde(default)]
    pub actors: Vec<String>,
    /// Date of the first activity.
    #[serde(default, deserialize_with = "date")]
    pub first_seen: Option<String>,
    /// Date of the last activity.
    #[serde(default, deserialize_with = "date")]
    pub last_seen: Option<String>,
    /// ATT&CK technique ids.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// Malware and tools.
    #[serde(default)]
    pub software: Vec<Software>,
}

/// One voice on one question: that a campaign is an actor's, or an actor a country's. Claims can disagree; none is dropped.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Claim {
    /// Unique among the claims.
    pub id: String,
    /// Id of the actor or campaign it speaks of.
    pub about: String,
    /// The actor to whom the campaign is put down.
    #[serde(default)]
    pub actor: Option<String>,
    /// The country it speaks of, ISO 3166-1 alpha-2.
    #[serde(default)]
    pub country: Option<String>,
    /// Who says it.
    pub by: String,
    /// On whose side the speaker stands.
    pub party: Party,
    /// How it is said.
    pub status: Status,
    /// What limits the status, in a word or two.
    #[serde(default)]
    pub qualifier: Option<String>,
    /// When it was said.
    #[serde(deserialize_with = "date")]
    pub date: Option<String>,
    /// When it became known, if later.
    #[serde(default, deserialize_with = "date")]
    pub reported: Option<String>,
    /// 0 to 100, on STIX 2.1's scale: 85 high, 50 medium, 15 low.
    pub confidence: u8,
    /// Name or number of the document.
    #[serde(default)]
    pub reference: Option<String>,
    /// Address of the document.
    #[serde(default)]
    pub url: Option<String>,
    /// What was said.
    pub said: String,
    /// What was concluded from it, and by whom.
    #[serde(default)]
    pub inferred: Option<String>,
}

/// On whose side a speaker stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Party {
    /// A government or its agencies.
    Government,
    /// A vendor or a research body.
    Vendor,
    /// A newspaper or broadcaster.
    Press,
    /// The actor's own side.
    Actor,
}

/// How a claim is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// The actor's side is said to have owned to it.
    Acknowledged,
    /// Stated as a fact.
    Attributed,
    /// Given as a judgement.
    Assessed,
    /// Passed on.
    Reported,
    /// Denied.
    Disputed,
}

/// Actors, campaigns and claims, found by id and by any of their names.
///
/// A name can belong to several actors: look-ups return all of them. Names are compared without case, spaces, hyphens, dots and
/// underscores.
///
/// ```
/// let catalog = stormtag::Catalog::builtin();
/// let actors: Vec<_> = catalog.actors("bronze silhouette").collect();
/// assert_eq!(actors[0].name, "Volt Typhoon");
/// assert!(catalog.claims("G1017").any(|claim| claim.by.contains("CISA")));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    actors: Vec<Actor>,
    campaigns: Vec<Campaign>,
    claims: Vec<Claim>,
    actor_names: HashMap<String, Vec<usize>>,
    campaign_names: HashMap<String, Vec<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    actor: Vec<Actor>,
    #[serde(default)]
    campaign: Vec<Campaign>,
    #[serde(default)]
    claim: Vec<Claim>,
}

impl Catalog {
    /// A catalogue without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a catalogue file in TOML; `data/catalog/README.md` describes the format.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not in that format: then with the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        Self::parse(&path.to_string_lossy(), &text)
    }

    /// As [`open`](Self::open), of a text; `name` stands in errors.
    ///
    /// # Errors
    ///
    /// If the text is not in the format.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let file: File = document::read(name, text)?;
        let mut catalog = Self::new();
        for actor in file.actor {
            catalog.add_actor(actor);
        }
        for campaign in file.campaign {
            catalog.add_campaign(campaign);
        }
        for claim in file.claim {
            if claim.confidence > 100 {
                let message = format!("claim {:?}: confidence is {}; expected 0 to 100", claim.id, claim.confidence);
                return Err(Error::format(name, message));
            }
            catalog.claims.push(claim);
        }
        Ok(catalog)
    }

    /// Adds everything of another catalogue. An actor or campaign whose id is there already is replaced; its claims are added.
    pub fn extend(&mut self, other: Self) -> &mut Self {
        for actor in other.actors {
            self.add_actor(actor);
        }
        for campaign in other.campaigns {
            self.add_campaign(campaign);
        }
        for claim in other.claims {
            if !self.claims.iter().any(|known| known.id == claim.id) {
                self.claims.push(claim);
            }
        }
        self
    }

    fn add_actor(&mut self, actor: Actor) {
        let at = match self.actors.iter().position(|known| known.id == actor.id) {
            Some(at) => at,
            None => self.actors.len(),
        };
        for name in [&actor.id, &actor.name].into_iter().chain(actor.aliases.iter().map(|alias| &alias.name)) {
            add_name(&mut self.actor_names, name, at);
        }
        match self.actors.get_mut(at) {
            Some(known) => *known = actor,
            None => self.actors.push(actor),
        }
    }

    fn add_campaign(&mut self, campaign: Campaign) {
        let at = match self.campaigns.iter().position(|known| known.id == campaign.id) {
            Some(at) => at,
            None => self.campaigns.len(),
        };
        for name in [&campaign.id, &campaign.name] {
            add_name(&mut self.campaign_names, name, at);
        }
        match self.campaigns.get_mut(at) {
            Some(known) => *known = campaign,
            None => self.campaigns.push(campaign),
        }
    }

    /// Every actor that bears this name, or whose id it is.
    pub fn actors(&self, name: &str) -> impl Iterator<Item = &Actor> {
        self.actor_names.get(&fold(name)).into_iter().flatten().filter_map(|&at| self.actors.get(at))
    }

    /// Every campaign that bears this name, or whose id it is.
    pub fn campaigns(&self, name: &str) -> impl Iterator<Item = &Campaign> {
        self.campaign_names.get(&fold(name)).into_iter().flatten().filter_map(|&at| self.campaigns.get(at))
    }

    /// Every claim about the actor or campaign of this id, as it was entered.
    pub fn claims(&self, id: &str) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(move |claim| claim.about == id)
    }

    /// All claims.
    pub(crate) fn all_claims(&self) -> &[Claim] {
        &self.claims
    }

    /// All actors.
    #[must_use]
    pub fn all_actors(&self) -> &[Actor] {
        &self.actors
    }

    /// All campaigns.
    #[must_use]
    pub fn all_campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }
}

fn add_name(names: &mut HashMap<String, Vec<usize>>, name: &str, at: usize) {
    let bearers = names.entry(fold(name)).or_default();
    if !bearers.contains(&at) {
        bearers.push(at);
    }
}

/// A name without what people spell differently: `Volt Typhoon`, `volt-typhoon`, `VoltTyphoon`.
pub(crate) fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

/// A date as text: a TOML date, or a string where only the month or the year is known.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Date {
        Whole(toml::value::Datetime),
        Text(String),
    }
    Ok(Some(match Date::deserialize(deserializer)? {
        Date::Whole(date) => date.to_string(),
        Date::Text(text) => text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_two_actors_finds_both() {
        let text = r#"
            [[actor]]
            id = "G0007"
            name = "APT28"
            aliases = [{ name = "Grizzly Steppe" }]
            [[actor]]
            id = "G0016"
            name = "APT29"
            aliases = [{ name = "Grizzly Steppe" }]
        "#;
        let catalog = Catalog::parse("two.toml", text).unwrap();
        assert_eq!(catalog.actors("GRIZZLY-STEPPE").count(), 2);
        assert_eq!(catalog.actors("apt 28").count(), 1);
        assert_eq!(catalog.actors("Steppe").count(), 0);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_line() {
        let error = Catalog::parse("x.toml", "[[actor]]\nid = \"A\"\nname = \"B\"\ncuontry = \"CN\"\n").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("x.toml:4:") && text.contains("cuontry"), "{text}");
    }

    #[test]
    fn the_geneva_meeting_is_kept_as_several_voices() {
        let catalog = Catalog::builtin();
        let geneva: Vec<_> = catalog.claims("G1017").filter(|claim| claim.id.starts_with("geneva")).collect();
        assert!(geneva.iter().any(|claim| claim.party == Party::Actor && claim.status == Status::Acknowledged));
        assert!(geneva.iter().any(|claim| claim.party == Party::Government && claim.status == Status::Assessed));
        assert!(geneva.iter().any(|claim| claim.party == Party::Press && claim.status == Status::Reported));
        assert!(catalog.claims("G1017").any(|claim| claim.status == Status::Attributed && claim.by.contains("CISA")));
    }
}
