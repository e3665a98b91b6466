//! Attribution: from the matches of one event to campaigns and actors, with the evidence.
//!
//! A pure function. Everything that is a matter of judgement stands in the tables at the foot of this file.

use std::collections::HashMap;

use crate::enrichment::Sighting;
use crate::intel::{Intel, Match, Subject, SubjectId};
use crate::observable::Shape;

/// A campaign or an actor that the matches of an event speak of, how strongly, and why.
///
/// Made of evidence: there is none without. All candidates are returned, the strongest first; where sources disagree or a name
/// belongs to several actors there are several.
#[derive(Clone, Debug)]
pub struct Attribution<'a> {
    subject: Subject<'a>,
    score: f64,
    evidence: Vec<Evidence<'a>>,
}

/// One match that speaks for a subject.
#[derive(Clone, Copy, Debug)]
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
    /// The campaign by which it leads to an actor.
    pub via: Option<Subject<'a>>,
}

impl Evidence<'_> {
    /// The strength of this match alone: the product of the four.
    #[must_use]
    pub fn strength(&self) -> f64 {
        self.confidence * self.weight * self.freshness * self.share
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

    /// The sum, term by term, for a person.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = format!("{}: {:.2} = 1 - product of (1 - strength) over:\n", self.subject.name(), self.score);
        for evidence in &self.evidence {
            let via = evidence.via.map_or(String::new(), |via| format!(", by way of {}", via.name()));
            text += &format!(
                "  {:.3} = confidence {:.2} x weight {:.2} x freshness {:.2} x share {:.2}: {} ({}) by {}{via}\n",
                evidence.strength(),
                evidence.confidence,
                evidence.weight,
                evidence.freshness,
                evidence.share,
                evidence.found.indicator(),
                evidence.found.kind(),
                evidence.found.record().source,
            );
        }
        text
    }
}

/// Whom the sightings of an event speak of, at the time of the event, strongest first.
pub(crate) fn attribute<'a>(intel: &'a Intel, sightings: &[Sighting<'a>], at: Option<i64>) -> Vec<Attribution<'a>> {
    // By subject and indicator the strongest record: feeds copy one another, so that agreement adds nothing.
    let mut best: HashMap<_, Evidence<'a>> = HashMap::new();
    for (sighting, number) in sightings.iter().zip(0..) {
        for found in sighting.matches() {
            let record = found.record();
            let of_record = Evidence {
                sighting: number,
                found,
                confidence: f64::from(record.confidence.min(100)) / 100.0,
                weight: weight(&found),
                freshness: freshness(found.kind().shape(), record.first_seen, record.last_seen, at),
                share: 0.0,
                via: None,
            };
            for link in found.links() {
                let evidence =
                    Evidence { share: link.share, via: link.via.and_then(|via| intel.subject(via)), ..of_record };
                let known = best.entry((link.subject, found.identity())).or_insert(evidence);
                if known.strength() < evidence.strength() {
                    *known = evidence;
                }
            }
        }
    }
    let mut best: Vec<(SubjectId, Evidence<'a>)> =
        best.into_iter().map(|((subject, _), evidence)| (subject, evidence)).collect();
    best.sort_by(|(a, one), (b, other)| {
        a.cmp(b).then(other.strength().total_cmp(&one.strength())).then(one.sighting.cmp(&other.sighting))
    });
    let mut attributions: Vec<_> = best
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|of_subject| {
            let subject = intel.subject(of_subject.first()?.0)?;
            let evidence: Vec<_> = of_subject.iter().map(|(_, evidence)| *evidence).collect();
            let score = 1.0 - evidence.iter().map(|evidence| 1.0 - evidence.strength()).product::<f64>();
            Some(Attribution { subject, score, evidence })
        })
        .collect();
    attributions.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.subject.name().cmp(b.subject.name())));
    attributions
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
