//! Selections, and the condition that joins them.

use super::super::condition::Condition;
use super::super::unusable::Unusable;
use super::value::comparison;
use super::{Refused, refused};
use crate::yaml::Yaml;

/// Parentheses and `not` within each other.
const DEEPEST: usize = 12;

/// The condition of a detection.
pub(super) fn condition(detection: &Yaml) -> Result<Condition, Refused> {
    let Yaml::Map(members) = detection else { return Err(refused(Unusable::Malformed, "detection is no map")) };
    let selections: Vec<(&str, &Yaml)> = members
        .iter()
        .filter(|(name, _)| name != "condition")
        .map(|(name, selection)| (name.as_str(), selection))
        .collect();
    let texts = detection.get("condition").map_or(&[][..], Yaml::items);
    let mut any = Vec::new();
    for text in texts {
        let text = text.text().ok_or_else(|| refused(Unusable::Condition, "no text"))?;
        let mut reader = Reader { words: words(text), at: 0, selections: &selections, text };
        let condition = reader.either(0)?;
        if reader.at != reader.words.len() {
            return Err(reader.failed());
        }
        any.push(condition);
    }
    if any.is_empty() {
        return Err(refused(Unusable::Condition, "no condition"));
    }
    Ok(Condition::Any(any))
}

/// A selection: a map of which all must hold, or a list of such of which one must.
fn selection(name: &str, value: &Yaml) -> Result<Condition, Refused> {
    match value {
        Yaml::Map(members) if !members.is_empty() => {
            let all = members.iter().map(|(key, values)| comparison(key, values));
            Ok(Condition::All(all.collect::<Result<_, _>>()?))
        }
        Yaml::List(items) if !items.is_empty() => {
            if items.iter().any(|item| matches!(item, Yaml::Text(_))) {
                return Err(refused(Unusable::Keywords, name));
            }
            let any = items.iter().map(|item| match item {
                Yaml::Map(_) => selection(name, item),
                _ => Err(refused(Unusable::Malformed, name)),
            });
            Ok(Condition::Any(any.collect::<Result<_, _>>()?))
        }
        Yaml::Text(_) => Err(refused(Unusable::Keywords, name)),
        _ => Err(refused(Unusable::Malformed, name)),
    }
}

fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['(', ')', '|']) {
            let (before, behind) = rest.split_at(at);
            let (sign, behind) = behind.split_at(1);
            words.extend([before, sign].into_iter().filter(|word| !word.is_empty()));
            rest = behind;
        }
        words.extend(Some(rest).filter(|rest| !rest.is_empty()));
    }
    words
}

struct Reader<'r> {
    words: Vec<&'r str>,
    at: usize,
    selections: &'r [(&'r str, &'r Yaml)],
    text: &'r str,
}

impl<'r> Reader<'r> {
    fn failed(&self) -> Refused {
        let why = if self.words.contains(&"|") || self.words.contains(&"near") {
            Unusable::Correlation
        } else {
            Unusable::Condition
        };
        refused(why, self.text)
    }

    fn next(&mut self) -> Option<&'r str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    /// Takes the word if it comes next, whatever its case.
    fn takes(&mut self, word: &str) -> bool {
        let comes = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(comes);
        comes
    }

    fn either(&mut self, depth: usize) -> Result<Condition, Refused> {
        let mut any = vec![self.both(depth)?];
        while self.takes("or") {
            any.push(self.both(depth)?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Condition::Any(any) })
    }

    fn both(&mut self, depth: usize) -> Result<Condition, Refused> {
        let mut all = vec![self.one(depth)?];
        while self.takes("and") {
            all.push(self.one(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::All(all) })
    }

    fn one(&mut self, depth: usize) -> Result<Condition, Refused> {
        if depth > DEEPEST {
            return Err(refused(Unusable::TooDeep, self.text));
        }
        if self.takes("not") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes("(") {
            let inner = self.either(depth + 1)?;
            return if self.takes(")") { Ok(inner) } else { Err(self.failed()) };
        }
        let word = self.next().ok_or_else(|| self.failed())?;
        if self.takes("of") {
            let which = self.next().ok_or_else(|| self.failed())?;
            return self.of(word, which);
        }
        match self.selections.iter().find(|(name, _)| *name == word) {
            Some((name, value)) => selection(name, value),
            None => Err(self.failed()),
        }
    }

    /// `1 of selection*`, `all of them`.
    fn of(&self, count: &str, which: &str) -> Result<Condition, Refused> {
        let is_meant = |name: &str| match which.split_once('*') {
            _ if which.eq_ignore_ascii_case("them") => !name.starts_with('_'),
            None => name == which,
            Some((start, end)) => name.len() + 1 >= which.len() && name.starts_with(start) && name.ends_with(end),
        };
        let meant = self.selections.iter().filter(|(name, _)| is_meant(name));
        let all = meant.map(|(name, value)| selection(name, value)).collect::<Result<Vec<_>, _>>()?;
        match count {
            _ if all.is_empty() => Err(self.failed()),
            "1" => Ok(Condition::Any(all)),
            _ if count.eq_ignore_ascii_case("any") => Ok(Condition::Any(all)),
            _ if count.eq_ignore_ascii_case("all") => Ok(Condition::All(all)),
            _ => Err(self.failed()),
        }
    }
}
