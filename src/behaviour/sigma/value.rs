//! Fields with modifiers, and values with wildcards.

use super::super::condition::{Comparison, Condition, Place};
use super::super::part::Parts;
use super::super::unusable::Unusable;
use super::{Refused, part, refused};
use crate::expression::{Flags, escape};
use crate::yaml::Yaml;

/// What the modifiers behind a field say.
#[derive(Clone, Copy, Default)]
struct Modifiers {
    before: bool,
    behind: bool,
    all: bool,
    cased: bool,
    windash: bool,
    expression: Option<Flags>,
}

/// One member of a map: `Field|modifiers: values`.
pub(super) fn comparison(key: &str, values: &Yaml) -> Result<Condition, Refused> {
    let mut words = key.split('|');
    let field = words.next().unwrap_or_default();
    let part = part(field).ok_or_else(|| refused(Unusable::Field, field))?;
    let modifiers = modifiers(words)?;
    let parts: Parts = [part].into_iter().collect();
    let mut compared = Vec::new();
    for value in values.items() {
        let text = value.text().ok_or_else(|| refused(Unusable::Value, key))?;
        compared.push(modifiers.compare(parts, text).map_err(|why| refused(why, key))?);
    }
    match compared.len() {
        0 => Err(refused(Unusable::Value, key)),
        _ if modifiers.all => Ok(Condition::All(compared)),
        _ => Ok(Condition::Any(compared)),
    }
}

fn modifiers<'w>(words: impl Iterator<Item = &'w str>) -> Result<Modifiers, Refused> {
    let mut modifiers = Modifiers::default();
    for word in words {
        match (word, &mut modifiers.expression) {
            ("contains", None) => (modifiers.before, modifiers.behind) = (true, true),
            ("startswith", None) => modifiers.behind = true,
            ("endswith", None) => modifiers.before = true,
            ("all", _) => modifiers.all = true,
            ("cased", None) => modifiers.cased = true,
            ("windash", None) => modifiers.windash = true,
            ("re", expression @ None) => *expression = Some(Flags::default()),
            ("i", Some(flags)) => flags.any_case = true,
            ("m", Some(flags)) => flags.many_lines = true,
            ("s", Some(flags)) => flags.dot_is_any = true,
            (word, _) => return Err(refused(Unusable::Modifier, word)),
        }
    }
    let also_texts = modifiers.before || modifiers.behind || modifiers.cased || modifiers.windash;
    if modifiers.expression.is_some() && also_texts {
        return Err(refused(Unusable::Modifier, "re with modifiers of texts"));
    }
    Ok(modifiers)
}

impl Modifiers {
    fn compare(&self, parts: Parts, text: &str) -> Result<Condition, Unusable> {
        if let Some(flags) = self.expression {
            return Ok(Condition::Compare(Comparison::expression(parts, text, flags)?));
        }
        if !self.windash {
            return self.compare_text(parts, text);
        }
        let all = dashes(text).ok_or(Unusable::TooMany)?;
        Ok(Condition::Any(all.iter().map(|text| self.compare_text(parts, text)).collect::<Result<_, _>>()?))
    }

    fn compare_text(&self, parts: Parts, text: &str) -> Result<Condition, Unusable> {
        let mut pieces = pieces(text);
        if self.before {
            pieces.insert(0, Piece::Any);
        }
        if self.behind {
            pieces.push(Piece::Any);
        }
        pieces.dedup_by(|a, b| *a == Piece::Any && *b == Piece::Any);
        let literal = |place, text: &str| Ok(Condition::Compare(Comparison::literal(parts, place, text, self.cased)?));
        match &pieces[..] {
            [] => Err(Unusable::EmptyValue),
            [Piece::Any] => Ok(Condition::Compare(Comparison::anything(parts))),
            [Piece::Text(text)] => literal(Place::Whole, text),
            [Piece::Any, Piece::Text(text)] => literal(Place::End, text),
            [Piece::Text(text), Piece::Any] => literal(Place::Start, text),
            [Piece::Any, Piece::Text(text), Piece::Any] => literal(Place::Anywhere, text),
            pieces => self.expression(parts, pieces),
        }
    }

    /// As an expression, and as the longest text in it, by which it is found.
    fn expression(&self, parts: Parts, pieces: &[Piece]) -> Result<Condition, Unusable> {
        let mut expression = String::from("^");
        let mut longest = "";
        for piece in pieces {
            match piece {
                Piece::Any => expression += ".*",
                Piece::One => expression += ".",
                Piece::Text(text) => {
                    expression += &escape(text);
                    longest = if text.len() > longest.len() { text } else { longest };
                }
            }
        }
        expression += "$";
        let flags = Flags { any_case: !self.cased, dot_is_any: true, ..Flags::default() };
        let mut all = vec![Condition::Compare(Comparison::expression(parts, &expression, flags)?)];
        if !longest.is_empty() {
            all.push(Condition::Compare(Comparison::literal(parts, Place::Anywhere, longest, self.cased)?));
        }
        Ok(Condition::All(all))
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Piece {
    Text(String),
    /// `*`.
    Any,
    /// `?`.
    One,
}

/// A value taken apart. A backslash before a wildcard or a backslash makes it plain, any other is one.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let wildcard = match letter {
            '\\' if letters.peek().is_some_and(|next| matches!(next, '*' | '?' | '\\')) => {
                plain.extend(letters.next());
                continue;
            }
            '*' => Piece::Any,
            '?' => Piece::One,
            letter => {
                plain.push(letter);
                continue;
            }
        };
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(wildcard);
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

/// The value with each dash or slash in front of an option as each of those that Windows takes for it; `None`: too many.
fn dashes(text: &str) -> Option<Vec<String>> {
    const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
    const MOST: usize = 1000;
    let is_word = |letter: &char| letter.is_alphanumeric() || *letter == '_';
    let letters: Vec<char> = text.chars().collect();
    let mut all = vec![String::new()];
    for (letter, at) in letters.iter().zip(0usize..) {
        let before = at.checked_sub(1).and_then(|at| letters.get(at)).is_some_and(is_word);
        let behind = letters.get(at + 1).is_some_and(is_word);
        if matches!(letter, '-' | '/') && !before && behind {
            let each = |start: &String| DASHES.map(|dash| format!("{start}{dash}"));
            all = all.iter().flat_map(each).collect();
            if all.len() > MOST {
                return None;
            }
        } else {
            all.iter_mut().for_each(|text| text.push(*letter));
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_backslashes() {
        let text = |text: &str| Piece::Text(text.into());
        for (value, expected) in [
            (r"\cmd.exe", vec![text(r"\cmd.exe")]),
            (r"*\cmd.exe", vec![Piece::Any, text(r"\cmd.exe")]),
            (r"C:\\x\*", vec![text(r"C:\x*")]),
            (r"C:\x\\*", vec![text(r"C:\x\"), Piece::Any]),
            ("a?c", vec![text("a"), Piece::One, text("c")]),
            (r"a\?", vec![text("a?")]),
            (r"a\", vec![text(r"a\")]),
            ("", vec![]),
        ] {
            assert_eq!(pieces(value), expected, "{value}");
        }
    }

    #[test]
    fn dashes_of_options() {
        assert_eq!(dashes("a-b").unwrap(), ["a-b"]);
        assert_eq!(dashes(" -x").unwrap(), [" -x", " /x", " \u{2013}x", " \u{2014}x", " \u{2015}x"]);
        assert_eq!(dashes("-a /b").unwrap().len(), 25);
        assert_eq!(dashes(&" -a".repeat(9)), None);
    }
}
