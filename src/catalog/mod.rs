//! The catalogue: who there is, and who says so.

mod attack;
mod builtin;
mod countries;
mod entries;
mod galaxy;
mod microsoft;
mod unite;

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use self::countries::code as country_code;
use self::entries::Entries;
pub(crate) use self::entries::fold;
use crate::document::{self, date};
use crate::error::Error;
use crate::feed::{Rejections, open, whole};
use crate::grading;
use crate::stix;

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

/// Another name of an actor or a campaign.
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
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Software {
    /// ATT&CK software id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What others call it. Empty in the lists of actors and campaigns; see [`Catalog::software`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// ATT&CK ids of the techniques it serves. Empty in the lists of actors and campaigns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
}

/// A way of doing something: an ATT&CK technique or sub-technique.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Technique {
    /// ATT&CK technique id, such as `T1090.003`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Tactics it serves, by their short names: `command-and-control`.
    pub tactics: Vec<String>,
    /// Whether ATT&CK has given it up, with nothing in its place.
    pub deprecated: bool,
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
    /// What others call it.
    #[serde(default)]
    pub aliases: Vec<Alias>,
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
    /// 0 to 100, on STIX 2.1's scale: 85 high, 50 medium, 15 low. `None` if nobody grades it, as ATT&CK does not.
    /// A catalogue file may give it as a word of that scale or of estimative language, or as `admiralty = "B2"`.
    #[serde(alias = "admiralty", deserialize_with = "grading::in_file")]
    pub confidence: Option<u8>,
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
    actors: Entries<Actor>,
    campaigns: Entries<Campaign>,
    software: Entries<Software>,
    techniques: Entries<Technique>,
    claims: Vec<Claim>,
    /// Microsoft's entries as they came, and the actors without them; both empty where there are none.
    vendors: Vec<Actor>,
    base: Entries<Actor>,
    rejected: Rejections,
    passed: Rejections,
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

/// How much of a file tells what it is, in bytes.
const START: usize = 8 * 1024;

impl Catalog {
    /// A catalogue without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a catalogue file, which may be compressed with gzip, xz or zstd. What it is is told by its content:
    ///
    /// * TOML as `data/catalog/README.md` describes it,
    /// * STIX 2.0 or 2.1, as ATT&CK is published: groups (`intrusion-set`, `threat-actor`), campaigns, software, techniques, and the
    ///   relationships `uses`, `attributed-to`, `targets`, `originates-from` and `revoked-by` between them. Old ids lead to what they
    ///   are revoked by. Campaigns put down to somebody become claims, of whoever made the relationship, with a confidence only where
    ///   it states one,
    /// * a cluster file of [MISP's galaxies](https://github.com/MISP/misp-galaxy): threat actors, intrusion sets, Microsoft activity
    ///   groups, groups and campaigns,
    /// * Microsoft's [naming map](https://github.com/microsoft/mstic/tree/master/PublicFeeds/ThreatActorNaming).
    ///
    /// Of STIX it holds the text of one object at a time, and what it keeps: ATT&CK Enterprise, 27 MB unpacked, takes 13 MB, and
    /// 50 MB while it is read from xz. Files of other formats are held whole while they are read.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is none of these (then with the line), or, unless it is STIX, is larger than 512 MiB. STIX objects
    /// that cannot be used are no error: they are in [`rejected`](Self::rejected).
    ///
    /// ```no_run
    /// use stormtag::Catalog;
    ///
    /// let mut catalog = Catalog::open("enterprise-attack.json")?;
    /// catalog.extend(Catalog::builtin());
    /// assert_eq!(catalog.technique("T1090.003").unwrap().name, "Multi-hop Proxy");
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_reader(open::open(path)?, path)
    }

    /// As [`open`](Self::open), from any reader; `name` stands for the file in errors.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn read(reader: impl Read, name: &str) -> Result<Self, Error> {
        let path = Path::new(name);
        Self::from_reader(open::decode(reader, path)?, path)
    }

    fn from_reader(reader: impl std::io::BufRead, path: &Path) -> Result<Self, Error> {
        let (start, reader) = open::peek(reader, START).map_err(|error| Error::io(path, error))?;
        if stix::looks_like(&String::from_utf8_lossy(&start)) {
            return attack::read(reader, path);
        }
        Self::parse(&path.to_string_lossy(), &whole::read(reader, path)?)
    }

    /// As [`open`](Self::open), of a text; `name` stands in errors.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        if stix::looks_like(&String::from_utf8_lossy(text.as_bytes().get(..START).unwrap_or(text.as_bytes()))) {
            return attack::read(text.as_bytes(), Path::new(name));
        }
        match text.trim_start().as_bytes().first() {
            Some(b'{') => return galaxy::parse(name, text),
            Some(b'[') if !text.trim_start().starts_with("[[") => return microsoft::parse(name, text),
            _ => {}
        }
        let file: File = document::read(name, text)?;
        let mut catalog = Self::new();
        for actor in file.actor {
            catalog.actors.add(actor);
        }
        for campaign in file.campaign {
            catalog.campaigns.add(campaign);
        }
        catalog.claims.extend(file.claim);
        Ok(catalog)
    }

    /// Every actor that bears this name; or the one whose id it is.
    pub fn actors(&self, name: &str) -> impl Iterator<Item = &Actor> {
        self.actors.find(name)
    }

    /// Every campaign that bears this name, or whose id it is.
    pub fn campaigns(&self, name: &str) -> impl Iterator<Item = &Campaign> {
        self.campaigns.find(name)
    }

    /// Every piece of malware and every tool that bears this name, or whose id it is.
    pub fn software(&self, name: &str) -> impl Iterator<Item = &Software> {
        self.software.find(name)
    }

    /// The technique of this id, or what has taken its place.
    #[must_use]
    pub fn technique(&self, id: &str) -> Option<&Technique> {
        self.techniques.find(id).next()
    }

    /// Every claim about the actor or campaign of this id, as it was entered: under this id, or another that the actor has.
    pub fn claims(&self, id: &str) -> impl Iterator<Item = &Claim> {
        let actor = self.actors(id).find(|actor| actor.has_id(id));
        self.claims
            .iter()
            .filter(move |claim| claim.about == id || actor.is_some_and(|actor| actor.has_id(&claim.about)))
    }

    /// The claim of this id, as enrichments name it.
    #[must_use]
    pub fn claim(&self, id: &str) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.id == id)
    }

    /// All claims.
    pub(crate) fn all_claims(&self) -> &[Claim] {
        &self.claims
    }

    /// All actors.
    #[must_use]
    pub fn all_actors(&self) -> &[Actor] {
        self.actors.all()
    }

    /// All campaigns.
    #[must_use]
    pub fn all_campaigns(&self) -> &[Campaign] {
        self.campaigns.all()
    }

    /// All malware and tools, as far as they are listed for themselves.
    #[must_use]
    pub fn all_software(&self) -> &[Software] {
        self.software.all()
    }

    /// All techniques.
    #[must_use]
    pub fn all_techniques(&self) -> &[Technique] {
        self.techniques.all()
    }

    /// Objects of STIX files that could not be used: broken, revoked by nothing, relationships to what is not in the file.
    #[must_use]
    pub fn rejected(&self) -> &Rejections {
        &self.rejected
    }

    /// Objects of STIX files that a catalogue has no place for, and other versions of those it has.
    #[must_use]
    pub fn passed(&self) -> &Rejections {
        &self.passed
    }
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
    fn a_claim_is_graded_by_a_number_a_word_or_the_admiralty_scale() {
        let parse = |graded: &str| {
            let claim = "about = \"G1\"\nby = \"x\"\nparty = \"vendor\"\nstatus = \"assessed\"\ndate = 2024-01-01\nsaid = \"so\"";
            Catalog::parse("c.toml", &format!("[[claim]]\nid = \"k\"\n{graded}\n{claim}\n"))
        };
        for (graded, expected) in [
            ("confidence = 85", 85),
            ("confidence = \"likely\"", 55),
            ("confidence = \"high\"", 85),
            ("admiralty = \"B2\"", 75),
        ] {
            assert_eq!(parse(graded).unwrap().claim("k").unwrap().confidence, Some(expected), "{graded}");
        }
        for graded in
            ["confidence = 101", "confidence = -1", "confidence = \"sure\"", "admiralty = \"H2\"", "confidence = true"]
        {
            let error = parse(graded).unwrap_err().to_string();
            assert!(error.starts_with("c.toml:3:") && error.contains("0 to 100, high"), "{error}");
        }
        assert!(parse("").unwrap_err().to_string().contains("confidence"));
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
