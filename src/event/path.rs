//! Where exactly in an event a value stands: `answers[1].data`. Asked for what matched only.

use std::fmt::Write as _;

use super::escapes;
use super::merge::{skip, space};

/// Longer paths are not told, so that a key made for it does not stand in the output once for each match.
const LONGEST: usize = 1024;

/// The way to a value, from the value up.
#[derive(Clone, Copy)]
pub(crate) struct Trail<'t> {
    above: Option<&'t Trail<'t>>,
    step: Step<'t>,
}

/// A member by its key, or an element by its number.
#[derive(Clone, Copy)]
enum Step<'t> {
    Top,
    Key(&'t str),
    Element(u32),
}

impl<'t> Trail<'t> {
    pub(super) const TOP: Self = Self { above: None, step: Step::Top };

    #[inline]
    pub(super) fn key(&'t self, key: &'t str) -> Self {
        Self { above: Some(self), step: Step::Key(key) }
    }

    #[inline]
    pub(super) fn element(&'t self, number: u32) -> Self {
        Self { above: Some(self), step: Step::Element(number) }
    }

    /// The path, unless it is that of the field or too long.
    pub(crate) fn beside(&self, field: &str) -> Option<Box<str>> {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(trail) = at {
            steps.push(trail.step);
            at = trail.above;
        }
        let mut path = Path::default();
        for step in steps.into_iter().rev() {
            match step {
                Step::Top => {}
                Step::Key(key) => path.key(key),
                Step::Element(number) => path.element(number),
            }
        }
        path.beside(field)
    }
}

/// A path as it is written: keys joined by dots, the numbers of elements, from 0, in brackets.
#[derive(Default)]
struct Path {
    text: String,
    too_long: bool,
}

impl Path {
    fn key(&mut self, key: &str) {
        self.too_long |= self.text.len() + key.len() > LONGEST;
        if !self.too_long {
            if !self.text.is_empty() {
                self.text.push('.');
            }
            self.text.push_str(key);
        }
    }

    fn element(&mut self, number: u32) {
        self.too_long |= self.text.len() > LONGEST;
        if !self.too_long {
            let _ = write!(self.text, "[{number}]");
        }
    }

    fn beside(self, field: &str) -> Option<Box<str>> {
        (!self.too_long && self.text != field).then(|| self.text.into())
    }
}

/// What is open around a place in a line.
enum Around {
    /// An object, and where the key of the member at hand stands.
    Object(usize, usize),
    /// An array, and the number of the element at hand.
    Array(u32),
}

/// For each value of the line, by the place where it begins (behind its quote), the path unless it is that of the field. The places
/// come in the order of the line; a value may come several times. The line is valid JSON.
pub(crate) fn paths<'f>(
    line: &[u8],
    values: impl IntoIterator<Item = (u32, &'f str)>,
    mut tell: impl FnMut(Option<Box<str>>),
) {
    let mut around: Vec<Around> = Vec::new();
    let mut is_key = false;
    let mut at = 0;
    for (place, field) in values {
        let place = place as usize;
        loop {
            at = space(line, at);
            let Some(&byte) = line.get(at) else { return tell(None) };
            match byte {
                b'{' => {
                    around.push(Around::Object(0, 0));
                    is_key = true;
                }
                b'[' => around.push(Around::Array(0)),
                b'}' | b']' => {
                    around.pop();
                    is_key = false;
                }
                b',' => match around.last_mut() {
                    Some(Around::Array(number)) => *number += 1,
                    _ => is_key = true,
                },
                b':' => is_key = false,
                _ if is_key => {
                    let end = skip(line, at);
                    if let Some(Around::Object(from, to)) = around.last_mut() {
                        (*from, *to) = (at + 1, end.saturating_sub(1));
                    }
                    at = end;
                    continue;
                }
                // The value itself is passed over when the next one is looked for.
                _ if at + usize::from(byte == b'"') >= place => break,
                _ => {
                    at = skip(line, at);
                    continue;
                }
            }
            at += 1;
        }
        tell(written(line, &around).beside(field));
    }
}

fn written(line: &[u8], around: &[Around]) -> Path {
    let mut path = Path::default();
    for around in around {
        match *around {
            Around::Object(from, to) => {
                path.key(&escapes::text(line.get(from..to).unwrap_or_default()));
            }
            Around::Array(number) => path.element(number),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_arrays_are_numbered_and_keys_joined() {
        let line = br#" {"a.b" : "v0", "c":[ 1, [], {"d":"\"v1"}, ["x", "v2"]], "e":{"f":{},"\u0067":"v3"}, "h":-7.5, "i":"}"} "#;
        let place = |text: &str| line.windows(text.len()).position(|window| window == text.as_bytes()).unwrap() as u32;
        let values =
            [("v0", "a.b"), ("\\\"v1", "c.d"), ("v2", "c"), ("v3", "e.g"), ("v3", ""), ("-7.5", ""), ("}\"}", "i")];
        let mut told = Vec::new();
        paths(line, values.map(|(text, field)| (place(text), field)), |path| told.push(path));
        let told: Vec<_> = told.iter().map(Option::as_deref).collect();
        assert_eq!(told, [None, Some("c[2].d"), Some("c[3][1]"), None, Some("e.g"), Some("h"), None]);
    }

    #[test]
    fn a_path_made_long_is_not_told() {
        let line = format!("{{\"{}\":[\"v\"]}}", "k".repeat(LONGEST + 1));
        let mut told = Vec::new();
        paths(line.as_bytes(), [(line.find("\"v\"").unwrap() as u32 + 1, "f")], |path| told.push(path));
        assert_eq!(told, [None]);
    }
}
