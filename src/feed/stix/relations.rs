//! What the other objects say of an indicator.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::catalog::is_attack_id;
use crate::feed::Reason;
use crate::record::Tlp;
use crate::stix::{MARKINGS, Object};
use crate::time;

/// Types of objects with names that go into a record.
const NAMED: [&str; 6] = ["campaign", "intrusion-set", "threat-actor", "malware", "tool", "attack-pattern"];

/// How many objects are followed from one indicator.
const FOLLOWED: usize = 256;

/// An object that may matter to an indicator.
pub(super) enum Part {
    /// A campaign, an actor, malware, a tool, a technique, an identity.
    Named(Named, Box<str>),
    /// A marking; nothing if it is none of the Traffic Light Protocol.
    Marking(Option<Tlp>),
    Relationship {
        follows: Follows,
        source: Box<str>,
        target: Box<str>,
    },
    Sighting {
        of: Box<str>,
        first: Option<i64>,
        last: Option<i64>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Named {
    Campaign,
    Actor,
    Malware,
    Technique,
    Identity,
}

/// From where a relationship is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Follows {
    /// From an indicator.
    Indicates,
    /// From whatever was reached.
    AttributedTo,
}

/// What is kept of an object that is no indicator; nothing of what is revoked.
pub(super) fn part(kind: &str, object: &Object<'_>) -> Option<Part> {
    if object.is_revoked() {
        return None;
    }
    let text = |text: Option<String>| text.map(String::into_boxed_str);
    let named = match kind {
        "campaign" => Named::Campaign,
        "intrusion-set" | "threat-actor" => Named::Actor,
        "malware" | "tool" => Named::Malware,
        "identity" => Named::Identity,
        "attack-pattern" => {
            // Some exporters write the id in front of the name, and nowhere else.
            let in_name = || object.name.text().and_then(|name| technique(name.split([':', ' ']).next()?));
            let id = object.attack_id().and_then(|id| technique(&id)).or_else(in_name);
            return Some(Part::Named(Named::Technique, id.or_else(|| object.name.text())?.into()));
        }
        "marking-definition" => return Some(Part::Marking(object.marking().as_deref().and_then(Tlp::parse))),
        "relationship" => {
            let follows = match object.relationship_type.text()?.as_str() {
                "indicates" | "uses" => Follows::Indicates,
                "attributed-to" => Follows::AttributedTo,
                _ => return None,
            };
            let (source, target) = (text(object.source_ref.text())?, text(object.target_ref.text())?);
            return Some(Part::Relationship { follows, source, target });
        }
        "sighting" if object.count.number() == Some(0.0) => return None,
        "sighting" => {
            let of = text(object.sighting_of_ref.text())?;
            let [first, last] =
                [object.first_seen, object.last_seen].map(|at| at.text().as_deref().and_then(time::seconds));
            return Some(Part::Sighting { of, first, last });
        }
        _ => return None,
    };
    Some(Part::Named(named, text(object.name.text())?))
}

/// The id of an ATT&CK technique, if it is one: `T1090.003`.
pub(super) fn technique(id: &str) -> Option<String> {
    (id.starts_with('T') && is_attack_id(id)).then(|| id.to_owned())
}

type ById<T> = HashMap<Box<str>, T, RandomState>;

/// The other objects of a file, by what they are asked for.
#[derive(Default)]
pub(super) struct Relations {
    named: ById<(Named, Box<str>)>,
    markings: ById<Option<Tlp>>,
    related: ById<Vec<(Follows, Box<str>)>>,
    seen: ById<(Option<i64>, Option<i64>)>,
}

/// Whom and what an indicator points to.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Indicated {
    pub(super) campaigns: Vec<Box<str>>,
    pub(super) actors: Vec<Box<str>>,
    pub(super) malware: Vec<Box<str>>,
    pub(super) techniques: Vec<Box<str>>,
    /// Ids of objects that were not found, and of those past the limit.
    pub(super) left_out: Vec<(Box<str>, Reason)>,
}

impl Relations {
    pub(super) fn new(parts: Vec<(Box<str>, Part)>) -> Self {
        let mut all = Self::default();
        for (id, part) in parts {
            match part {
                Part::Named(named, name) => {
                    all.named.insert(id, (named, name));
                }
                Part::Marking(tlp) => {
                    all.markings.insert(id, tlp);
                }
                Part::Relationship { follows, source, target } => {
                    all.related.entry(source).or_default().push((follows, target));
                }
                Part::Sighting { of, first, last } => {
                    // Of a sighting with one date it is both.
                    let seen = all.seen.entry(of).or_default();
                    let (first, last) = (first.or(last), last.or(first));
                    *seen = (seen.0.into_iter().chain(first).min(), seen.1.max(last));
                }
            }
        }
        all
    }

    /// The name of a campaign, an actor, an identity.
    pub(super) fn name(&self, id: &str) -> Option<&str> {
        self.named.get(id).map(|(_, name)| &**name)
    }

    /// What a marking says under the Traffic Light Protocol, if anything; nothing if nobody knows the marking.
    pub(super) fn marking(&self, id: &str) -> Option<Option<Tlp>> {
        let known = MARKINGS.iter().find(|(known, _)| *known == id).map(|&(_, tlp)| Some(tlp));
        known.or_else(|| self.markings.get(id).copied())
    }

    /// When it was seen first and last.
    pub(super) fn seen(&self, id: &str) -> Option<(Option<i64>, Option<i64>)> {
        self.seen.get(id).copied()
    }

    /// What the indicator indicates, and to whom that is put down.
    pub(super) fn indicated(&self, id: &str) -> Indicated {
        let mut indicated = Indicated::default();
        if id.is_empty() {
            return indicated;
        }
        let mut reached = HashSet::from([id]);
        let mut next = vec![id];
        while let Some(from) = next.pop() {
            for (follows, target) in self.related.get(from).into_iter().flatten() {
                if *follows == Follows::Indicates && from != id {
                    continue;
                }
                if reached.len() > FOLLOWED {
                    indicated.left_out.push((target.clone(), Reason::TooManyRelations));
                    break;
                }
                if !reached.insert(target) {
                    continue;
                }
                next.push(target);
                let Some((named, name)) = self.named.get(target) else {
                    if NAMED.iter().any(|kind| target.strip_prefix(kind).is_some_and(|rest| rest.starts_with("--"))) {
                        indicated.left_out.push((target.clone(), Reason::Unresolved));
                    }
                    continue;
                };
                match named {
                    Named::Campaign => indicated.campaigns.push(name.clone()),
                    Named::Actor => indicated.actors.push(name.clone()),
                    Named::Malware => indicated.malware.push(name.clone()),
                    Named::Technique => indicated.techniques.push(name.clone()),
                    Named::Identity => {}
                }
            }
        }
        indicated
    }
}
