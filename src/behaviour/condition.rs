//! Conditions: what a behaviour asks of the texts of an event.

use memchr::memmem::Finder;

use super::part::{Part, Parts};
use super::unusable::Unusable;
use crate::expression::{Compiled, Flags};

/// A tree of comparisons.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Compare(Comparison),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// One text of an event compared with one value.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// The parts of which any text may do.
    parts: Parts,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Literal {
        place: Place,
        /// In lower case, unless case counts.
        text: Box<str>,
        cased: bool,
        finder: Box<Finder<'static>>,
    },
    Expression(Compiled),
    /// Whatever it is.
    #[cfg(feature = "sigma")]
    Anything,
}

/// Where in the text a literal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Anywhere,
    Start,
    End,
    Whole,
}

/// A text of an event.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) part: Part,
    /// The number of the field that holds it.
    pub(crate) field: u16,
    pub(crate) text: String,
    /// Its ASCII letters in lower case.
    pub(crate) lower: String,
}

impl Text {
    pub(crate) fn new(part: Part, field: u16, text: &str) -> Self {
        Self { part, field, text: text.to_owned(), lower: text.to_ascii_lowercase() }
    }
}

/// Groups within groups.
const DEEPEST: usize = 16;
/// Comparisons of one behaviour.
const MOST: usize = 4096;
/// The longest value, in bytes.
const LONGEST: usize = 2048;

impl Comparison {
    pub(crate) fn literal(parts: Parts, place: Place, text: &str, cased: bool) -> Result<Self, Unusable> {
        if text.is_empty() {
            return Err(Unusable::EmptyValue);
        }
        if text.len() > LONGEST {
            return Err(Unusable::TooLong);
        }
        let text: Box<str> = if cased { text.into() } else { text.to_ascii_lowercase().into() };
        let finder = Box::new(Finder::new(text.as_bytes()).into_owned());
        Ok(Self { parts, value: Value::Literal { place, text, cased, finder } })
    }

    pub(crate) fn expression(parts: Parts, text: &str, flags: Flags) -> Result<Self, Unusable> {
        if text.len() > LONGEST {
            return Err(Unusable::TooLong);
        }
        let compiled = Compiled::new(text, flags).ok_or(Unusable::Expression)?;
        Ok(Self { parts, value: Value::Expression(compiled) })
    }

    /// That there is such a text.
    #[cfg(feature = "sigma")]
    pub(crate) fn anything(parts: Parts) -> Self {
        Self { parts, value: Value::Anything }
    }

    /// The first text for which it holds.
    fn holds(&self, texts: &[Text]) -> Option<usize> {
        texts.iter().position(|text| self.parts.has(text.part) && self.value.holds(text))
    }
}

impl Value {
    fn holds(&self, of: &Text) -> bool {
        match self {
            #[cfg(feature = "sigma")]
            Self::Anything => true,
            Self::Expression(compiled) => compiled.is_match(&of.text),
            Self::Literal { place, text, cased, finder } => {
                let of = if *cased { &of.text } else { &of.lower };
                match place {
                    Place::Anywhere => finder.find(of.as_bytes()).is_some(),
                    Place::Start => of.starts_with(&**text),
                    Place::End => of.ends_with(&**text),
                    Place::Whole => *of == **text,
                }
            }
        }
    }
}

/// What is true of texts without any of them saying so: that something is not there.
const NO_TEXT: usize = usize::MAX;

impl Condition {
    /// The first text that makes it true, if it is; a number behind all texts if it is so because none says otherwise.
    pub(crate) fn holds(&self, texts: &[Text]) -> Option<usize> {
        match self {
            Self::Compare(comparison) => comparison.holds(texts),
            Self::All(all) => all.iter().try_fold(NO_TEXT, |first, one| Some(one.holds(texts)?.min(first))),
            Self::Any(any) => any.iter().find_map(|one| one.holds(texts)),
            Self::Not(not) => not.holds(texts).is_none().then_some(NO_TEXT),
        }
    }

    /// Whether it can be used.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        if self.depth() > DEEPEST {
            return Err(Unusable::TooDeep);
        }
        if self.count() > MOST {
            return Err(Unusable::TooMany);
        }
        if self.holds_of_nothing() { Err(Unusable::NothingAsked) } else { Ok(()) }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Compare(_) => 0,
            Self::All(inner) | Self::Any(inner) => inner.iter().map(Self::depth).max().unwrap_or(0) + 1,
            Self::Not(inner) => inner.depth() + 1,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Compare(_) => 1,
            Self::All(inner) | Self::Any(inner) => inner.iter().map(Self::count).sum(),
            Self::Not(inner) => inner.count(),
        }
    }

    /// Whether it can be true without a text that says so, as what only excludes is.
    fn holds_of_nothing(&self) -> bool {
        match self {
            Self::Compare(_) => false,
            Self::All(inner) => inner.iter().all(Self::holds_of_nothing),
            Self::Any(inner) => inner.iter().any(Self::holds_of_nothing),
            Self::Not(_) => true,
        }
    }

    /// The parts it speaks of.
    pub(crate) fn parts(&self) -> Parts {
        match self {
            Self::Compare(comparison) => comparison.parts,
            Self::All(inner) | Self::Any(inner) => {
                inner.iter().fold(Parts::default(), |parts, one| parts.and(one.parts()))
            }
            Self::Not(inner) => inner.parts(),
        }
    }

    /// Literals, in lower case, of which one at least stands in some text for which it holds: of several such sets the one of the
    /// least `cost`. `None`: no set is known, and it has to be tried on every event.
    pub(crate) fn required(&self, cost: &dyn Fn(&str) -> Option<u64>) -> Option<(u64, Vec<String>)> {
        match self {
            Self::Compare(Comparison { value: Value::Literal { text, .. }, .. }) => {
                let lower = text.to_ascii_lowercase();
                Some((cost(&lower)?, vec![lower]))
            }
            Self::Compare(_) | Self::Not(_) => None,
            Self::All(inner) => inner.iter().filter_map(|one| one.required(cost)).min_by_key(|&(cost, _)| cost),
            Self::Any(inner) => inner.iter().try_fold((0, Vec::new()), |(sum, mut all), one| {
                let (cost, literals) = one.required(cost)?;
                all.extend(literals);
                Some((sum + cost, all))
            }),
        }
    }

    /// Calls `see` with each literal, in lower case.
    pub(crate) fn literals(&self, see: &mut dyn FnMut(String)) {
        match self {
            Self::Compare(Comparison { value: Value::Literal { text, .. }, .. }) => see(text.to_ascii_lowercase()),
            Self::Compare(_) => {}
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|one| one.literals(see)),
            Self::Not(inner) => inner.literals(see),
        }
    }

    /// Adds all that distinguishes it from others to a hash.
    pub(crate) fn write(&self, content: &mut crate::generation::Content) {
        match self {
            Self::Compare(Comparison { parts, value }) => {
                for part in Part::ALL.iter().filter(|&&part| parts.has(part)) {
                    content.part(part.name().as_bytes());
                }
                match value {
                    Value::Literal { place, text, cased, .. } => {
                        content.number(*place as u64 + 1);
                        content.number((*cased).into());
                        content.part(text.as_bytes());
                    }
                    #[cfg(feature = "sigma")]
                    Value::Anything => content.number(20),
                    Value::Expression(compiled) => {
                        content.number(0);
                        content.part(compiled.text().as_bytes());
                    }
                }
            }
            Self::All(inner) | Self::Any(inner) => {
                content.number(if matches!(self, Self::All(_)) { 10 } else { 11 });
                content.number(inner.len() as u64);
                inner.iter().for_each(|one| one.write(content));
            }
            Self::Not(inner) => {
                content.number(12);
                inner.write(content);
            }
        }
    }
}
