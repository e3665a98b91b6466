//! The catalogue: who there is, and who says so.

mod builtin;
mod countries;
mod galaxy;
mod microsoft;
mod unite;

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::feed::{self, whole};

/// A group of people to whom intrusions are put down: an ATT&CK group, an intrusion set.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Actor {
    /// ATT&CK group id, or any id unique in the catalogue.
    pub id: String,
    /// Other ids of the same actor: UUIDs of STIX and MISP, ids that it had before. They find it as its id does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
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

impl Actor {
    /// Whether this is its id, or one of the others that it has.
    #[must_use]
    pub fn has_id(&self, id: &str) -> bool {
        self.id == id || self.ids.iter().any(|other| other == id)
    }
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
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
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
    /// Microsoft's entries as they came, and the actors without them; both empty where there are none.
    vendors: Vec<Actor>,
    base: Vec<Actor>,
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

    /// Reads a catalogue file, which may be compressed. What it is is told by its content:
    ///
    /// * TOML as `data/catalog/README.md` describes it,
    /// * a cluster file of [MISP's galaxies](https://github.com/MISP/misp-galaxy): threat actors, intrusion sets, Microsoft activity
    ///   groups, groups and campaigns,
    /// * Microsoft's [naming map](https://github.com/microsoft/mstic/tree/master/PublicFeeds/ThreatActorNaming).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is larger than 512 MiB, or is none of these: then with the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = whole::read(feed::open::open(path)?, path)?;
        Self::parse(&path.to_string_lossy(), &text)
    }

    /// As [`open`](Self::open), of a text; `name` stands in errors.
    ///
    /// # Errors
    ///
    /// If the text is not in the format.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        match text.trim_start().as_bytes().first() {
            Some(b'{') => return galaxy::parse(name, text),
            Some(b'[') if !text.trim_start().starts_with("[[") => return microsoft::parse(name, text),
            _ => {}
        }
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text.get(..span.start).unwrap_or_default().bytes().filter(|&byte| byte == b'\n').count() as u64 + 1
            });
            Error::line(name, line, error.message())
        })?;
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

    fn add_actor(&mut self, actor: Actor) {
        let bearers = self.actor_names.get(&fold(&actor.id)).into_iter().flatten().copied();
        let mut known = bearers.filter(|&at| self.actors.get(at).is_some_and(|known| known.id == actor.id));
        let at = known.next().unwrap_or(self.actors.len());
        for name in names(&actor) {
            add_name(&mut self.actor_names, name, at);
        }
        match self.actors.get_mut(at) {
            Some(known) => *known = actor,
            None => self.actors.push(actor),
        }
    }

    fn add_campaign(&mut self, campaign: Campaign) {
        let at = self.campaigns.iter().position(|known| known.id == campaign.id).unwrap_or(self.campaigns.len());
        for name in [&campaign.id, &campaign.name] {
            add_name(&mut self.campaign_names, name, at);
        }
        match self.campaigns.get_mut(at) {
            Some(known) => *known = campaign,
            None => self.campaigns.push(campaign),
        }
    }

    /// Every actor that bears this name; or the one whose id it is.
    pub fn actors(&self, name: &str) -> impl Iterator<Item = &Actor> {
        let bearers = self.actor_names.get(&fold(name)).map_or(&[][..], Vec::as_slice);
        let has_id = |at: &&usize| self.actors.get(**at).is_some_and(|actor| actor.id == name);
        // Names repeat the ids of others now and then.
        let bearers = bearers.iter().find(has_id).map_or(bearers, std::slice::from_ref);
        bearers.iter().filter_map(|&at| self.actors.get(at))
    }

    /// Every campaign that bears this name, or whose id it is.
    pub fn campaigns(&self, name: &str) -> impl Iterator<Item = &Campaign> {
        self.campaign_names.get(&fold(name)).into_iter().flatten().filter_map(|&at| self.campaigns.get(at))
    }

    /// Every claim about the actor or campaign of this id, as it was entered.
    pub fn claims(&self, id: &str) -> impl Iterator<Item = &Claim> {
        let former = self.actors(id).find(|actor| actor.id == id).map_or(&[][..], |actor| actor.ids.as_slice());
        self.claims.iter().filter(move |claim| claim.about == id || former.contains(&claim.about))
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

/// Whatever an actor is found by.
fn names(actor: &Actor) -> impl Iterator<Item = &String> {
    [&actor.id, &actor.name].into_iter().chain(&actor.ids).chain(actor.aliases.iter().map(|alias| &alias.name))
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

/// The name and the ATT&CK id of `APT32 - G0050`, `PowerShell - T1059.001`; without one the text itself.
pub(crate) fn attack_id(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(" - ") {
        Some((name, id)) if is_attack_id(id.trim()) => (name.trim(), Some(id.trim())),
        _ => (text, None),
    }
}

/// Whether it is an id of ATT&CK: of a group, campaign, software or technique.
pub(crate) fn is_attack_id(text: &str) -> bool {
    let Some(number) = text.strip_prefix(['G', 'C', 'S', 'T']) else { return false };
    let (number, part) = number.split_once('.').unwrap_or((number, "000"));
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    digits(number, 4) && digits(part, 3)
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
