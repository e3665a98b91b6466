//! TOML documents: those that serde reads whole, and those read key by key, whose mistakes are told as a person would.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::error::Error;

/// Reads a document as a whole; `name` stands in errors.
pub(crate) fn read<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| failed(name, text, &error))
}

/// A date as text: a TOML date, or a string where only the month or the year is known.
pub(crate) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
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

fn failed(name: &str, text: &str, error: &toml::de::Error) -> Error {
    Error::line(name, error.span().map_or(1, |span| line_of(text, span.start)), error.message())
}

fn line_of(text: &str, at: usize) -> u64 {
    text.get(..at).unwrap_or_default().bytes().filter(|&byte| byte == b'\n').count() as u64 + 1
}

#[cfg(feature = "config")]
pub(crate) use keyed::{Item, Section};

#[cfg(feature = "config")]
mod keyed {
    use toml::Spanned;
    use toml::de::{DeTable, DeValue};

    use super::{failed, line_of};
    use crate::error::Error;

    /// A table of a document. Whoever reads it asks for the keys he knows; [`finish`](Self::finish) finds those nobody asked for.
    #[derive(Debug)]
    pub(crate) struct Section<'t> {
        name: &'t str,
        text: &'t str,
        /// As it stands in the document: `[[feed]]`; nothing: the document itself.
        title: String,
        /// Line at which it begins.
        pub(crate) line: u64,
        table: DeTable<'t>,
        known: Vec<&'static str>,
    }

    /// A value with its key.
    #[derive(Debug)]
    pub(crate) struct Item<'t> {
        name: &'t str,
        text: &'t str,
        key: String,
        /// As it stands in the document.
        shown: &'t str,
        line: u64,
        value: DeValue<'t>,
    }

    impl<'t> Section<'t> {
        /// Reads a document; `name` stands in errors.
        pub(crate) fn parse(name: &'t str, text: &'t str) -> Result<Self, Error> {
            let table = DeTable::parse(text).map_err(|error| failed(name, text, &error))?.into_inner();
            Ok(Self { name, text, title: String::new(), line: 1, table, known: Vec::new() })
        }

        /// The value of a key, if it is there.
        pub(crate) fn item(&mut self, key: &'static str) -> Option<Item<'t>> {
            self.known.push(key);
            Some(Item::new(self.name, self.text, key.to_owned(), self.table.remove(key)?))
        }

        /// A table below this one; an empty one if it is not there.
        pub(crate) fn section(&mut self, key: &'static str) -> Result<Self, Error> {
            match self.item(key) {
                Some(item) => item.section(format!("[{key}]")),
                None => Ok(Self {
                    name: self.name,
                    text: self.text,
                    title: format!("[{key}]"),
                    line: self.line,
                    table: DeTable::new(),
                    known: Vec::new(),
                }),
            }
        }

        /// The tables of an array of tables.
        pub(crate) fn sections(&mut self, key: &'static str) -> Result<Vec<Self>, Error> {
            let Some(item) = self.item(key) else { return Ok(Vec::new()) };
            let items = item.array(&format!("[[{key}]]"))?;
            items.into_iter().map(|item| item.section(format!("[[{key}]]"))).collect()
        }

        /// An error about the table as a whole.
        pub(crate) fn error(&self, message: &str) -> Error {
            Error::line(self.name, self.line, format!("{} {message}", self.title))
        }

        /// Fails if there is a key that nobody has asked for.
        pub(crate) fn finish(self) -> Result<(), Error> {
            let unknown = self.table.iter().map(|(key, _)| key).min_by_key(|key| key.span().start);
            let Some(key) = unknown else { return Ok(()) };
            let place = if self.title.is_empty() { String::new() } else { format!(" in {}", self.title) };
            let hint = match nearest(key.get_ref(), self.known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("expected one of {}", self.known.join(", ")),
            };
            let message = format!("unknown key {:?}{place}; {hint}", key.get_ref());
            Err(Error::line(self.name, line_of(self.text, key.span().start), message))
        }
    }

    impl<'t> Item<'t> {
        fn new(name: &'t str, text: &'t str, key: String, value: Spanned<DeValue<'t>>) -> Self {
            /// More of a wrong value is not shown, in characters.
            const SHOWN: usize = 60;
            let span = value.span();
            let shown = text.get(span.clone()).unwrap_or_default();
            let shown = shown.lines().next().unwrap_or_default();
            let end = shown.char_indices().nth(SHOWN).map_or(shown.len(), |(at, _)| at);
            let shown = shown.get(..end).unwrap_or_default();
            Self { name, text, key, shown, line: line_of(text, span.start), value: value.into_inner() }
        }

        /// An error that says what was expected in its place.
        pub(crate) fn expected(&self, what: &str) -> Error {
            Error::line(self.name, self.line, format!("{} is {}; expected {what}", self.key, self.shown))
        }

        /// An error about the value.
        pub(crate) fn error(&self, message: &str) -> Error {
            Error::line(self.name, self.line, format!("{}: {message}", self.key))
        }

        pub(crate) fn text(&self) -> Option<&str> {
            self.value.as_str()
        }

        /// A text that is not empty.
        pub(crate) fn words(&self) -> Result<&str, Error> {
            self.text().filter(|text| !text.trim().is_empty()).ok_or_else(|| self.expected("a text"))
        }

        pub(crate) fn yes_or_no(&self) -> Result<bool, Error> {
            self.value.as_bool().ok_or_else(|| self.expected("true or false"))
        }

        /// A whole number up to `most`.
        pub(crate) fn number(&self, most: u64) -> Result<u64, Error> {
            let number = self.value.as_integer();
            let number = number.and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
            let number = number.and_then(|number| u64::try_from(number).ok()).filter(|&number| number <= most);
            number.ok_or_else(|| self.expected(&format!("a whole number from 0 to {most}")))
        }

        /// A part of one, written `0.5` or `"50%"`.
        pub(crate) fn share(&self) -> Result<f64, Error> {
            let number = match self.text().and_then(|text| text.trim().strip_suffix('%')) {
                Some(percent) => percent.trim().parse().ok().map(|percent: f64| percent / 100.0),
                None => match (self.value.as_float(), self.value.as_integer()) {
                    (Some(number), _) => number.as_str().parse().ok(),
                    (_, Some(number)) => number.as_str().parse().ok(),
                    _ => None,
                },
            };
            number
                .filter(|number| (0.0..=1.0).contains(number))
                .ok_or_else(|| self.expected("a share from 0 to 1, or as \"50%\""))
        }

        /// A date, with or without a time, as TOML or as text.
        pub(crate) fn date(&self) -> Option<String> {
            self.text().map(str::to_owned).or_else(|| self.value.as_datetime().map(ToString::to_string))
        }

        /// One of several words, compared without case; `read` makes of it what it stands for.
        pub(crate) fn one_of<T>(
            &self,
            words: impl Iterator<Item = &'static str> + Clone,
            read: impl Fn(&str) -> Option<T>,
        ) -> Result<T, Error> {
            if let Some(found) = self.text().and_then(read) {
                return Ok(found);
            }
            let all = words.clone().collect::<Vec<_>>().join(", ");
            Err(match self.text().and_then(|text| nearest(text, words)) {
                Some(near) => self.expected(&format!("one of {all}; did you mean {near:?}?")),
                None => self.expected(&format!("one of {all}")),
            })
        }

        /// The elements of an array.
        pub(crate) fn array(self, what: &str) -> Result<Vec<Self>, Error> {
            let Self { name, text, key, shown, line, value } = self;
            let DeValue::Array(values) = value else {
                return Err(Error::line(name, line, format!("{key} is {shown}; expected {what}")));
            };
            Ok(values.into_iter().map(|value| Self::new(name, text, key.clone(), value)).collect())
        }

        /// A list of texts.
        pub(crate) fn texts(self) -> Result<Vec<String>, Error> {
            let items = self.array("a list of texts")?;
            items.iter().map(|item| Ok(item.words()?.to_owned())).collect()
        }

        /// A table, called `title` in errors.
        pub(crate) fn section(self, title: String) -> Result<Section<'t>, Error> {
            let Self { name, text, key, shown, line, value } = self;
            match value {
                DeValue::Table(table) => Ok(Section { name, text, title, line, table, known: Vec::new() }),
                _ => Err(Error::line(name, line, format!("{key} is {shown}; expected the table {title}"))),
            }
        }
    }

    /// The word that is nearest to what somebody wrote, if it is near enough to be what he meant.
    fn nearest<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
        /// Longer texts are no slip of the pen.
        const LONGEST: usize = 40;
        if written.len() > LONGEST {
            return None;
        }
        let written = written.to_ascii_lowercase();
        let slips = |word: &str| distance(written.as_bytes(), word.as_bytes());
        let nearest = words.map(|word| (slips(word), word)).min_by_key(|&(slips, _)| slips)?;
        (nearest.0 <= nearest.1.len().div_ceil(4).min(2)).then_some(nearest.1)
    }

    /// How many letters must be put in, taken out, replaced or swapped with the next.
    fn distance(a: &[u8], b: &[u8]) -> usize {
        let (mut last, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
        for (i, x) in (1..).zip(a) {
            let mut next = vec![i];
            for (j, y) in (1..).zip(b) {
                let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
                let mut least = (at(&row, j - 1) + usize::from(x != y)).min(at(&row, j) + 1).min(at(&next, j - 1) + 1);
                let swapped = i > 1 && j > 1 && a.get(i - 2) == Some(y) && b.get(j - 2) == Some(x);
                if swapped {
                    least = least.min(at(&last, j - 2) + 1);
                }
                next.push(least);
            }
            last = std::mem::replace(&mut row, next);
        }
        row.last().copied().unwrap_or(0)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn slips_are_counted_as_a_typist_makes_them() {
            for (a, b, slips) in [
                ("", "", 0),
                ("abc", "", 3),
                ("", "abc", 3),
                ("format", "formt", 1),
                ("csv", "cvs", 1),
                ("path", "path", 0),
                ("kitten", "sitting", 3),
            ] {
                assert_eq!(distance(a.as_bytes(), b.as_bytes()), slips, "{a} {b}");
            }
            assert_eq!(nearest("Fromat", ["path", "format"].into_iter()), Some("format"));
            assert_eq!(nearest("colour", ["path", "format"].into_iter()), None);
            assert_eq!(nearest(&"a".repeat(1_000_000), ["aa"].into_iter()), None);
        }
    }
}
