//! Attribution: from the matches of one event to campaigns and actors, with the evidence.
//!
//! A pure function. Everything that is a matter of judgement stands in the tables at the foot of this file, in
//! `data/specificity.txt` and `data/sectors.txt`; `docs/attribution.md` says why.

use crate::catalog::Claim;
use crate::enrichment::Sighting;
use crate::intel::{Identity, Intel, Link, Match, Subject, SubjectId};
use crate::observable::Shape;
use crate::site::{Site, Sought};

/// A campaign or an actor that the matches of an event speak of, how strongly, and why.
///
/// Made of evidence: there is none without. All candidates are returned, the strongest first; where sources disagree or a name
/// belongs to several actors there are several.
#[derive(Clone, Debug)]
pub struct Attribution<'a> {
    intel: &'a Intel,
    id: SubjectId,
    subject: Subject<'a>,
    sought: Sought,
    score: f64,
    evidence: Vec<Evidence<'a>>,
}

/// One match that speaks for a subject.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Evidence<'a> {
    /// Which of the event's sightings it is, counted from 0.
    pub sighting: usize,
    /// The indicator and its record.
    pub found: Match<'a>,
    /// The source's confidence, 0 to 1.
    pub confidence: f64,
    /// What an indicator of this shape can tell at best, 0 to 1.
    pub weight: f64,
    /// What is left of it by its age at the time of the event, 0 to 1.
    pub freshness: f64,
    /// What part of it reaches the subject, 0 to 1: less where a record names several, where a name belongs to several actors,
    /// where the campaign is put down to the actor with doubt.
    pub share: f64,
    /// What is left because many use the indicator, or a victim owns it, 0 to 1.
    pub specificity: f64,
    /// Why that is less than 1.
    pub shared: Option<&'static str>,
    /// What is left because other records put the same indicator down to others, 0 to 1.
    pub agreement: f64,
    /// What the [site](crate::Site) adds, 1 to 1.25: the actor is known to seek out such.
    pub context: f64,
    /// The campaign by which it leads to an actor.
    pub via: Option<Subject<'a>>,
}

impl Evidence<'_> {
    /// The strength of this match alone: the product of the seven, 0 to 1.
    #[must_use]
    pub fn strength(&self) -> f64 {
        self.base() * self.agreement * self.context
    }

    /// Before others and the site have their say.
    fn base(&self) -> f64 {
        self.confidence * self.weight * self.freshness * self.share * self.specificity
    }
}

impl<'a> Attribution<'a> {
    /// Who or what.
    #[must_use]
    pub fn subject(&self) -> Subject<'a> {
        self.subject
    }

    /// How strongly the event's matches speak for the subject, 0 to 1: `1 − Π(1 − strength)` over indicators. Not a probability.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.score
    }

    /// The score as a whole number, 0 to 100.
    #[must_use]
    pub fn confidence(&self) -> u8 {
        (self.score * 100.0).round() as u8
    }

    /// The matches it rests on, the strongest first. Never empty.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence<'a>] {
        &self.evidence
    }

    /// What is said of who stands behind it, denials too, as it was entered: of an actor the claims about him, and those that put
    /// the campaigns of the evidence down to him; of a campaign the claims about it.
    pub fn claims(&self) -> impl Iterator<Item = &'a Claim> {
        let (intel, subject) = (self.intel, self.subject);
        let links = self.evidence.iter().flat_map(|evidence| evidence.found.links());
        let mut ways: Vec<SubjectId> = links.filter(|link| link.campaign).map(|link| link.subject).collect();
        ways.sort_unstable();
        ways.dedup();
        let of_ways = ways.into_iter().flat_map(move |way| intel.claims(way)).filter(move |claim| match subject {
            Subject::Actor(actor) => claim.actor.as_ref().is_some_and(|id| actor.has_id(id)),
            _ => false,
        });
        of_ways.chain(self.own_claims())
    }

    /// Those of the claims that are about the subject itself.
    pub(crate) fn own_claims(&self) -> impl Iterator<Item = &'a Claim> + use<'a> {
        self.intel.claims(self.id)
    }

    /// The sectors and countries of the [site](crate::Site) that the actor is known to seek out.
    pub fn targets(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.sought.names()
    }

    /// The sum, term by term, for a person. Factors that take nothing are left out.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = format!("{}: {:.2} = 1 - product of (1 - strength) over:\n", self.subject.name(), self.score);
        for evidence in &self.evidence {
            text += &format!(
                "  {:.3} = confidence {:.2} x weight {:.2} x freshness {:.2} x share {:.2}",
                evidence.strength(),
                evidence.confidence,
                evidence.weight,
                evidence.freshness,
                evidence.share,
            );
            if let Some(why) = evidence.shared {
                text += &format!(" x specificity {:.2} ({why})", evidence.specificity);
            }
            if evidence.agreement < 1.0 {
                text += &format!(" x agreement {:.2}", evidence.agreement);
            }
            if evidence.context > 1.0 {
                text += &format!(" x context {:.2}", evidence.context);
            }
            let (found, source) = (evidence.found, &evidence.found.record().source);
            text += &format!(": {} ({}) by {source}", found.indicator(), found.kind());
            text += &evidence.via.map_or(String::new(), |via| format!(", by way of {}", via.name()));
            text.push('\n');
        }
        let targets: Vec<_> = self.targets().collect();
        if !targets.is_empty() {
            text += &format!("  context: known to seek out {}\n", targets.join(", "));
        }
        text
    }
}

/// The actor ahead of all others.
pub(crate) fn leading<'e, 'a>(attributions: &'e [Attribution<'a>]) -> Option<&'e Attribution<'a>> {
    let mut actors = attributions.iter().filter(|attribution| !attribution.subject.is_campaign());
    let first = actors.next()?;
    actors.next().is_none_or(|second| second.score < NEAR * first.score).then_some(first)
}

/// What one record says of one indicator.
struct Statement<'a> {
    indicator: Identity,
    record: u32,
    links: &'a [Link],
    evidence: Evidence<'a>,
}

/// Whom the sightings of an event speak of, at the time of the event, strongest first.
pub(crate) fn attribute<'a>(
    intel: &'a Intel,
    sightings: &[Sighting<'a>],
    at: Option<i64>,
    site: &Site,
) -> Vec<Attribution<'a>> {
    let mut statements = statements(sightings, at);
    // Two fields that hold one value, or two names below one indicator, are one trace.
    statements.sort_by_key(|told| (told.indicator, told.record, told.evidence.sighting));
    statements.dedup_by_key(|told| (told.indicator, told.record));
    let mut told: Vec<(SubjectId, Evidence<'a>)> = Vec::new();
    for of_indicator in statements.chunk_by(|a, b| a.indicator == b.indicator) {
        strongest(intel, of_indicator, &mut told);
    }
    // The order of factors does not depend on that of fields, so that the product is the same to the last bit.
    told.sort_by(|(a, one), (b, other)| {
        let strength = || other.strength().total_cmp(&one.strength());
        a.cmp(b).then_with(strength).then_with(|| one.sighting.cmp(&other.sighting))
    });
    let mut attributions: Vec<_> =
        told.chunk_by(|a, b| a.0 == b.0).filter_map(|of_subject| of(intel, of_subject, site)).collect();
    attributions.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.subject.name().cmp(b.subject.name())));
    attributions
}

fn statements<'a>(sightings: &[Sighting<'a>], at: Option<i64>) -> Vec<Statement<'a>> {
    let mut statements = Vec::new();
    for (sighting, number) in sightings.iter().zip(0..) {
        for found in sighting.matches().filter(|found| !found.links().is_empty()) {
            let record = found.record();
            let specificity = found.specificity();
            let evidence = Evidence {
                sighting: number,
                found,
                confidence: f64::from(record.confidence.min(100)) / 100.0,
                weight: weight(&found),
                freshness: freshness(found.kind().shape(), record.first_seen, record.last_seen, at),
                share: 1.0,
                specificity: specificity.share(),
                shared: specificity.why,
                agreement: 1.0,
                context: 1.0,
                via: None,
            };
            let (indicator, record) = (found.identity(), found.statement());
            statements.push(Statement { indicator, record, links: found.links(), evidence });
        }
    }
    statements
}

/// Of one indicator, for each subject the strongest record: feeds copy one another, so that agreement adds nothing. What others
/// put down to others takes from it, in proportion.
fn strongest<'a>(intel: &'a Intel, statements: &[Statement<'a>], told: &mut Vec<(SubjectId, Evidence<'a>)>) {
    for campaign in [true, false] {
        let links = |told: &Statement<'a>| told.links.iter().filter(move |link| link.campaign == campaign);
        let of_link = |told: &Statement<'a>, link: &Link| Evidence { share: link.share, ..told.evidence };
        let mut all: Vec<&Statement<'a>> = statements.iter().filter(|told| links(told).next().is_some()).collect();
        // Records that name the same are one opinion.
        let named = |told: &Statement<'a>| links(told).map(|link| link.subject);
        all.sort_by(|a, b| named(a).cmp(named(b)));
        let mut whole = 0.0;
        let mut spoken: Vec<(SubjectId, f64, Evidence<'a>)> = Vec::new();
        for opinion in all.chunk_by(|a, b| named(a).eq(named(b))) {
            let strength = |told: &Statement<'a>| links(told).map(|link| of_link(told, link).base()).sum::<f64>();
            let opinion_strength = opinion.iter().map(|told| strength(told)).fold(0.0, f64::max);
            whole += opinion_strength;
            for (told, nth) in opinion.iter().zip(0..) {
                // The opinion is counted once, with its first record.
                let counted = if nth == 0 { opinion_strength } else { 0.0 };
                for link in links(told) {
                    let via = link.via.and_then(|via| intel.subject(via));
                    let evidence = Evidence { via, ..of_link(told, link) };
                    spoken.push((link.subject, counted, evidence));
                }
            }
        }
        spoken.sort_by(|(a, _, one), (b, _, other)| {
            a.cmp(b).then_with(|| other.base().total_cmp(&one.base())).then(one.sighting.cmp(&other.sighting))
        });
        for of_subject in spoken.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(subject, _, mut evidence)) = of_subject.first() else { continue };
            let own: f64 = of_subject.iter().map(|(_, strength, _)| strength).sum();
            let others = whole - own;
            if others > ROUNDING {
                evidence.agreement = evidence.base() / (evidence.base() + others);
            }
            told.push((subject, evidence));
        }
    }
}

/// The attribution to one subject, of its evidence, strongest first.
fn of<'a>(intel: &'a Intel, told: &[(SubjectId, Evidence<'a>)], site: &Site) -> Option<Attribution<'a>> {
    let id = told.first()?.0;
    let subject = intel.subject(id)?;
    let sought = match subject {
        Subject::Actor(actor) => site.sought_by(actor, intel.aims(id)),
        _ => Sought::default(),
    };
    let bonus = bonus(sought);
    let weighed = |evidence: &Evidence<'a>| Evidence {
        // A part of what is missing, so that no site makes certain what is not.
        context: 1.0 + bonus * (1.0 - evidence.strength()),
        ..*evidence
    };
    let evidence: Vec<_> = told.iter().map(|(_, evidence)| weighed(evidence)).collect();
    let score = 1.0 - evidence.iter().map(|evidence| 1.0 - evidence.strength()).product::<f64>();
    Some(Attribution { intel, id, subject, sought, score, evidence })
}

/// A second actor whose score is this part of the first's or more comes near it.
const NEAR: f64 = 0.8;

/// Less than this is what adding and taking away leaves.
const ROUNDING: f64 = 1e-12;

/// What is added where an actor is known to seek out the host's sector or country, of what is missing to certainty.
fn bonus(sought: Sought) -> f64 {
    let sector = match (sought.confirmed.is_empty(), sought.reported.is_empty()) {
        (false, _) => 0.15,
        (true, false) => 0.07,
        (true, true) => 0.0,
    };
    sector + if sought.country.is_some() { 0.1 } else { 0.0 }
}

/// What an indicator of its shape can tell at best.
fn weight(found: &Match<'_>) -> f64 {
    match found.kind().shape() {
        Shape::Digest => 1.0,
        Shape::Url => 0.9,
        Shape::Name => 0.8,
        Shape::Word => 0.7,
        Shape::Text => 0.3,
        // A network is shared by as many as it holds: a /24 tells three quarters of what an address tells, a /8 a quarter. An
        // IPv6 site is a /64.
        Shape::Address => {
            let (length, whole) = found.prefix().unwrap_or((1, 1));
            let whole = f64::from(whole.min(64));
            0.6 * f64::from(length).min(whole) / whole
        }
    }
}

/// Seconds after which half of an indicator's worth is gone, outside the window in which it was seen. `None`: never.
fn half_life(shape: Shape) -> Option<f64> {
    const DAY: f64 = 86_400.0;
    match shape {
        Shape::Address => Some(90.0 * DAY),
        Shape::Url => Some(180.0 * DAY),
        Shape::Name => Some(365.0 * DAY),
        Shape::Digest | Shape::Word | Shape::Text => None,
    }
}

/// What is left however old it is: the history of an address still tells something.
const RESIDUE: f64 = 0.05;

/// What age leaves. Without a window or without a time nothing is known of it, and nothing is taken off.
fn freshness(shape: Shape, first: Option<i64>, last: Option<i64>, at: Option<i64>) -> f64 {
    let (Some(half_life), Some(at)) = (half_life(shape), at) else { return 1.0 };
    let (Some(first), Some(last)) = (first.or(last), last.or(first)) else { return 1.0 };
    let outside = (first.saturating_sub(at)).max(at.saturating_sub(last)).max(0);
    (-(outside as f64) / half_life).exp2().max(RESIDUE)
}
