//! YAML as plain trees. The only module that knows `saphyr-parser`.
//!
//! An alias stands for a tree that may hold aliases, and so on: a few lines become billions. None is followed.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A value of a document.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Yaml {
    /// `null`, `~` or nothing.
    Nothing,
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// Lists and maps within each other.
const DEEPEST: usize = 32;

/// Each document of a text with the line at which it begins, or the line and what is wrong. Reading ends with the first that is no YAML;
/// one that is only not taken is passed over.
pub(crate) fn documents(text: &str) -> Vec<(u64, Result<Yaml, String>)> {
    let mut documents = Vec::new();
    let mut open: Option<Builder> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                documents.push((error.marker().line() as u64, Err(error.info().to_owned())));
                return documents;
            }
        };
        let line = span.start.line() as u64;
        match event {
            Event::DocumentStart(_) => open = Some(Builder { line, ..Builder::default() }),
            Event::DocumentEnd => {
                let builder = open.take().unwrap_or_default();
                let value = builder.failed.map_or(Ok(builder.value.unwrap_or(Yaml::Nothing)), Err);
                documents.push((builder.line, value));
            }
            event => {
                if let Some(builder) = open.as_mut().filter(|builder| builder.failed.is_none()) {
                    builder.failed = builder.take(event).err().map(|why| format!("line {line}: {why}"));
                }
            }
        }
    }
    documents
}

#[derive(Default)]
struct Builder {
    line: u64,
    /// Lists and maps that are not at their end.
    open: Vec<Open>,
    value: Option<Yaml>,
    failed: Option<String>,
}

enum Open {
    List(Vec<Yaml>),
    /// With the key whose value comes next.
    Map(Vec<(String, Yaml)>, Option<String>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Alias(_) => Err("an alias, which is not followed"),
            Event::SequenceStart(..) => self.begin(Open::List(Vec::new())),
            Event::MappingStart(..) => self.begin(Open::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let value = match self.open.pop() {
                    Some(Open::List(items)) => Yaml::List(items),
                    Some(Open::Map(members, _)) => Yaml::Map(members),
                    None => return Err("an end without a beginning"),
                };
                self.put(value)
            }
            Event::Scalar(text, ScalarStyle::Plain, ..) if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => {
                self.put(Yaml::Nothing)
            }
            Event::Scalar(text, ..) => self.put(Yaml::Text(text.into_owned())),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open) -> Result<(), &'static str> {
        if self.open.len() == DEEPEST {
            return Err("nested deeper than 32 lists and maps");
        }
        self.open.push(open);
        Ok(())
    }

    fn put(&mut self, value: Yaml) -> Result<(), &'static str> {
        match self.open.last_mut() {
            None => self.value = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(members, key)) => match key.take() {
                Some(key) => members.push((key, value)),
                None => {
                    let Yaml::Text(text) = value else { return Err("a key that is no text") };
                    if members.iter().any(|(other, _)| *other == text) {
                        return Err("a key that stands twice");
                    }
                    *key = Some(text);
                }
            },
        }
        Ok(())
    }
}

impl Yaml {
    /// The member of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        match self {
            Self::Map(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; anything else is a list of itself, and nothing an empty one.
    pub(crate) fn items(&self) -> &[Yaml] {
        match self {
            Self::List(items) => items,
            Self::Nothing => &[],
            one => std::slice::from_ref(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_what_is_not_taken() {
        let found =
            documents("a: [1, 'x', ~, {b: c}]\n---\n- |\n  two\n  lines\n---\na: &x 1\nb: *x\n---\nlast: yes\n");
        let text = |text: &str| Yaml::Text(text.to_owned());
        let first = Yaml::Map(vec![(
            "a".into(),
            Yaml::List(vec![text("1"), text("x"), Yaml::Nothing, Yaml::Map(vec![("b".into(), text("c"))])]),
        )]);
        assert_eq!(found[0].1, Ok(first));
        assert_eq!(found[1].1, Ok(Yaml::List(vec![text("two\nlines\n")])));
        assert!(found[2].1.as_ref().unwrap_err().contains("alias"));
        assert_eq!(found[3].1.as_ref().unwrap().get("last"), Some(&text("yes")));
        let deep = "[".repeat(100_000);
        assert!(documents(&deep).iter().all(|(_, document)| document.is_err()));
        for wrong in ["a: b: c", "{a: 1, a: 2}", "? [x]\n: y\n", "\"open"] {
            assert!(documents(wrong).iter().any(|(_, document)| document.is_err()), "{wrong}");
        }
        assert_eq!(documents(""), []);
    }
}
