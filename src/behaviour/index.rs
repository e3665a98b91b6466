//! The behaviours of an `Intel`, found without trying each.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::condition::Text;
use super::grams::Grams;
use super::part::{Part, Parts};
use super::{Behaviour, Condition};
use crate::intel::CoverId;

/// All behaviours, each with what is said of it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    behaviours: Vec<(Behaviour, CoverId)>,
    /// Of the literals in `grams` the behaviours that require one of them.
    requiring: Vec<Box<[u32]>>,
    grams: Grams,
    /// Behaviours for which no literal is known that has to be there, with their parts.
    always: Vec<(u32, Parts)>,
    parts: Parts,
}

impl Index {
    pub(crate) fn new(behaviours: Vec<(Behaviour, CoverId)>) -> Self {
        // A literal that many behaviours speak of says little.
        let mut spoken: HashMap<String, u64, RandomState> = HashMap::default();
        for (behaviour, _) in &behaviours {
            behaviour.condition.literals(&mut |literal| *spoken.entry(literal).or_default() += 1);
        }
        let cost = |literal: &str| {
            let is_long = literal.len() >= Grams::shortest();
            let length = literal.len().min(63) as u64;
            is_long.then(|| spoken.get(literal).copied().unwrap_or(1) * 64 + 63 - length)
        };
        let mut numbers: HashMap<String, usize, RandomState> = HashMap::default();
        let mut requiring: Vec<Vec<u32>> = Vec::new();
        let mut always = Vec::new();
        let mut parts = Parts::default();
        for ((behaviour, _), number) in behaviours.iter().zip(0..) {
            let own = behaviour.condition.parts();
            parts = parts.and(own);
            let Some((_, literals)) = behaviour.condition.required(&cost) else {
                always.push((number, own));
                continue;
            };
            for literal in literals {
                let next = numbers.len();
                let at = *numbers.entry(literal).or_insert(next);
                if at == next {
                    requiring.push(Vec::new());
                }
                if let Some(all) = requiring.get_mut(at)
                    && all.last() != Some(&number)
                {
                    all.push(number);
                }
            }
        }
        let mut literals = vec![Box::default(); numbers.len()];
        for (literal, at) in numbers {
            if let Some(slot) = literals.get_mut(at) {
                *slot = literal.into_bytes().into();
            }
        }
        let requiring = requiring.into_iter().map(Vec::into).collect();
        Self { behaviours, requiring, grams: Grams::new(literals), always, parts }
    }

    /// Whether some behaviour speaks of this part.
    #[inline]
    pub(crate) fn asks_for(&self, part: Part) -> bool {
        self.parts.has(part)
    }

    /// Appends the numbers of the behaviours that this text of an event could be a part of; `lower` is for the text in lower case. All others
    /// do not match, whatever other texts there are.
    pub(crate) fn suspects(&self, part: Part, text: &str, lower: &mut Vec<u8>, suspects: &mut Vec<u32>) {
        suspects.extend(self.always.iter().filter(|(_, parts)| parts.has(part)).map(|&(number, _)| number));
        lower.clear();
        lower.extend_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        let mut last = None;
        let mut found: Vec<u32> = Vec::new();
        self.grams.find(lower, |literal| {
            // A text may repeat one over and over.
            if last != Some(literal) {
                last = Some(literal);
                found.push(literal);
                if found.len() > 2 * self.requiring.len() + 64 {
                    found.sort_unstable();
                    found.dedup();
                }
            }
        });
        found.sort_unstable();
        found.dedup();
        for literal in found {
            suspects.extend_from_slice(self.requiring.get(literal as usize).map_or(&[], |all| all));
        }
    }

    /// The first of the texts by which a behaviour matches.
    pub(crate) fn holds(&self, number: u32, texts: &[Text]) -> Option<usize> {
        self.behaviours.get(number as usize)?.0.condition.holds(texts)
    }

    pub(crate) fn len(&self) -> usize {
        self.behaviours.len()
    }

    /// The behaviour of this number, and what is said of it.
    pub(crate) fn get(&self, number: u32) -> Option<(&Behaviour, CoverId)> {
        self.behaviours.get(number as usize).map(|(behaviour, cover)| (behaviour, *cover))
    }

    pub(crate) fn memory(&self) -> usize {
        self.behaviours.iter().map(|(behaviour, _)| behaviour.condition.memory()).sum::<usize>() + self.grams.memory()
    }
}

impl Condition {
    /// About so many bytes.
    fn memory(&self) -> usize {
        let mut bytes = 0;
        self.literals(&mut |literal| bytes += literal.len() + size_of::<Self>());
        bytes + size_of::<Behaviour>()
    }
}
