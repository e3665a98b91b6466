//! Behaviours in TOML; `data/behaviours/README.md` describes the format.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::condition::{Comparison, Place};
use super::{Behaviour, Behaviours, Condition, Part, Parts, Unusable};
use crate::document;
use crate::error::Error;
use crate::expression::Flags;
use crate::feed::stem;
use crate::record::{Record, Severity, Tlp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: Option<String>,
    #[serde(default)]
    behaviour: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    description: Option<Box<str>>,
    #[serde(default)]
    techniques: Vec<Box<str>>,
    confidence: Option<u8>,
    severity: Option<String>,
    tlp: Option<String>,
    #[serde(default)]
    actors: Vec<Box<str>>,
    #[serde(default)]
    campaigns: Vec<Box<str>>,
    #[serde(default)]
    tags: Vec<Box<str>>,
    #[serde(default)]
    references: Vec<Box<str>>,
    #[serde(default)]
    all: Vec<Group>,
    #[serde(default)]
    any: Vec<Group>,
    #[serde(default)]
    none: Vec<Group>,
}

/// Comparisons with one field, or groups of such, or both: all of it must hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    field: Option<OneOrMany>,
    #[serde(default)]
    cased: bool,
    contains: Option<OneOrMany>,
    contains_all: Option<OneOrMany>,
    starts: Option<OneOrMany>,
    ends: Option<OneOrMany>,
    equals: Option<OneOrMany>,
    matches: Option<OneOrMany>,
    #[serde(default)]
    all: Vec<Group>,
    #[serde(default)]
    any: Vec<Group>,
    #[serde(default)]
    none: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Behaviours {
    /// As [`open`](Self::open), of a text in TOML; `name` stands in errors, and is the source where the text names none.
    ///
    /// # Errors
    ///
    /// If the text is no TOML, or has a key that there is not or a value of the wrong type: then with the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let file: File = document::read(name, text)?;
        let mut all = Self::new(file.source.as_deref().unwrap_or(stem(Path::new(name))));
        for (entry, position) in file.behaviour.into_iter().zip(1..) {
            let id = entry.id.clone();
            match entry.behaviour(&all.source) {
                Ok(behaviour) => all.add(position, behaviour),
                Err(why) => all.reject(position, &id, why),
            }
        }
        Ok(all)
    }
}

impl Entry {
    fn behaviour(self, source: &Arc<str>) -> Result<Behaviour, Unusable> {
        let mut all = conditions(&self.all)?;
        if !self.any.is_empty() {
            all.push(Condition::Any(conditions(&self.any)?));
        }
        all.extend(conditions(&self.none)?.into_iter().map(|one| Condition::Not(Box::new(one))));
        let word = |known: bool, read: bool| if known && !read { Err(Unusable::Malformed) } else { Ok(()) };
        let severity = self.severity.as_deref().and_then(Severity::parse);
        let tlp = self.tlp.as_deref().and_then(Tlp::parse);
        word(self.severity.is_some(), severity.is_some())?;
        word(self.tlp.is_some(), tlp.is_some())?;
        let confidence = self.confidence.unwrap_or(50);
        word(true, confidence <= 100)?;
        let record = Record {
            source: Arc::clone(source),
            confidence,
            severity,
            tlp,
            campaigns: self.campaigns,
            actors: self.actors,
            techniques: self.techniques,
            tags: self.tags,
            description: self.description,
            reference: self.references.first().cloned(),
            ..Record::default()
        };
        Behaviour::new(&self.id, &self.name, self.references, record, Condition::All(all))
    }
}

impl Behaviour {
    pub(super) fn new(
        id: &str,
        name: &str,
        references: Vec<Box<str>>,
        record: Record,
        condition: Condition,
    ) -> Result<Self, Unusable> {
        condition.check()?;
        if id.trim().is_empty() || name.trim().is_empty() {
            return Err(Unusable::Malformed);
        }
        Ok(Self {
            id: id.into(),
            name: name.into(),
            references: references.into(),
            record: Arc::new(record),
            condition: Arc::new(condition),
        })
    }
}

fn conditions(groups: &[Group]) -> Result<Vec<Condition>, Unusable> {
    groups.iter().map(Group::condition).collect()
}

impl Group {
    fn condition(&self) -> Result<Condition, Unusable> {
        let mut all = conditions(&self.all)?;
        if !self.any.is_empty() {
            all.push(Condition::Any(conditions(&self.any)?));
        }
        all.extend(conditions(&self.none)?.into_iter().map(|one| Condition::Not(Box::new(one))));
        let named = self.field.as_ref().map_or(&[][..], OneOrMany::as_slice);
        let parts: Option<Parts> = named.iter().map(|name| name.parse::<Part>().ok()).collect();
        let parts = parts.ok_or(Unusable::Field)?;
        let literals = [
            (&self.contains, Place::Anywhere),
            (&self.starts, Place::Start),
            (&self.ends, Place::End),
            (&self.equals, Place::Whole),
        ];
        let literal = |place: Place, text: &String| Comparison::literal(parts, place, text, self.cased);
        let of = |values: &OneOrMany, make: &dyn Fn(&String) -> Result<Comparison, Unusable>| {
            values.as_slice().iter().map(|text| make(text).map(Condition::Compare)).collect::<Result<Vec<_>, _>>()
        };
        let mut own = Vec::new();
        for (values, place) in literals {
            if let Some(values) = values {
                own.push(Condition::Any(of(values, &|text| literal(place, text))?));
            }
        }
        if let Some(values) = &self.contains_all {
            own.extend(of(values, &|text| literal(Place::Anywhere, text))?);
        }
        if let Some(values) = &self.matches {
            let flags = Flags { any_case: !self.cased, dot_is_any: true, ..Flags::default() };
            own.push(Condition::Any(of(values, &|text| Comparison::expression(parts, text, flags))?));
        }
        // A field without a comparison, or the other way round, is not what somebody meant.
        if own.is_empty() != parts.is_none() || own.is_empty() && all.is_empty() {
            return Err(Unusable::Malformed);
        }
        all.extend(own);
        Ok(Condition::All(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Reason;

    fn file(condition: &str) -> String {
        format!("[[behaviour]]\nid = \"a\"\nname = \"A\"\n{condition}\n")
    }

    fn matches(condition: &str, texts: &[(Part, &str)]) -> bool {
        let all = Behaviours::parse("t", &file(condition)).unwrap();
        assert_eq!(all.rejected().total(), 0, "{condition}: {:?}", all.rejected().first());
        all.iter().next().unwrap().matches(texts)
    }

    #[test]
    fn comparisons_and_groups() {
        use Part::{CommandLine, Image, ParentImage};
        let texts = [(Image, r"C:\Windows\System32\cmd.exe"), (CommandLine, "CMD.exe /C dir > x")];
        for (condition, expected) in [
            (r#"all = [{ field = "command_line", contains = "cmd" }]"#, true),
            (r#"all = [{ field = "command_line", contains = "cmd", cased = true }]"#, false),
            (r#"all = [{ field = "command_line", contains = "CMD", cased = true }]"#, true),
            (r#"all = [{ field = "command_line", contains = ["x.exe", "/c "] }]"#, true),
            (r#"all = [{ field = "command_line", contains_all = ["x.exe", "/c "] }]"#, false),
            (r#"all = [{ field = "image", ends = '\cmd.exe', starts = "c:" }]"#, true),
            (r#"all = [{ field = "image", ends = '\cmd.exe', starts = "d:" }]"#, false),
            (r#"all = [{ field = "parent_image", ends = '\cmd.exe' }]"#, false),
            (r#"all = [{ field = ["parent_image", "image"], ends = '\cmd.exe' }]"#, true),
            (r#"all = [{ field = "command_line", equals = "cmd.exe /c dir > x" }]"#, true),
            (r#"all = [{ field = "command_line", equals = "cmd.exe" }]"#, false),
            (r#"all = [{ field = "command_line", matches = '^cmd(\.exe)?\s' }]"#, true),
            (r#"all = [{ field = "command_line", matches = '^cmd(\.exe)?\s', cased = true }]"#, false),
            (r#"any = [{ field = "image", contains = "nope" }, { field = "image", contains = "cmd" }]"#, true),
            (
                r#"all = [{ field = "image", contains = "cmd" }]
                none = [{ field = "command_line", contains = "dir" }]"#,
                false,
            ),
            (
                r#"all = [{ any = [{ field = "image", contains = "x" }, { all = [{ field = "image", contains = "cmd" }] }] }]"#,
                true,
            ),
        ] {
            assert_eq!(matches(condition, &texts), expected, "{condition}");
        }
        // What one text does not have, another of its part may.
        let two = [(ParentImage, "a"), (ParentImage, "b")];
        assert!(matches(
            r#"all = [{ field = "parent_image", equals = "a" }, { field = "parent_image", equals = "b" }]"#,
            &two
        ));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        for (condition, why) in [
            ("", Unusable::NothingAsked),
            (r#"none = [{ field = "image", contains = "x" }]"#, Unusable::NothingAsked),
            (r#"all = [{ field = "image", contains = "" }]"#, Unusable::EmptyValue),
            (r#"all = [{ field = "picture", contains = "x" }]"#, Unusable::Field),
            (r#"all = [{ field = "image" }]"#, Unusable::Malformed),
            (r#"all = [{ contains = "x" }]"#, Unusable::Malformed),
            (r#"all = [{ field = "image", matches = "(" }]"#, Unusable::Expression),
            (r#"all = [{ field = "image", matches = "(?!x)" }]"#, Unusable::Expression),
            ("confidence = 101\nall = [{ field = \"image\", contains = \"x\" }]", Unusable::Malformed),
            ("tlp = \"pink\"\nall = [{ field = \"image\", contains = \"x\" }]", Unusable::Malformed),
        ] {
            let all = Behaviours::parse("t", &file(condition)).unwrap();
            assert_eq!(all.rejected().counts().collect::<Vec<_>>(), [(Reason::Behaviour(why), 1)], "{condition}");
            assert!(all.is_empty());
        }
        let deep =
            format!("all = [{}{{ field = \"image\", contains = \"x\" }}{}]", "{ all = [".repeat(20), "] }".repeat(20));
        let all = Behaviours::parse("t", &file(&deep)).unwrap();
        assert_eq!(all.rejected().first()[0].reason, Reason::Behaviour(Unusable::TooDeep));
        let twice = file(r#"all = [{ field = "image", contains = "x" }]"#).repeat(2);
        let all = Behaviours::parse("t", &twice).unwrap();
        assert_eq!((all.len(), all.rejected().first()[0].reason), (1, Reason::Behaviour(Unusable::Duplicate)));
    }

    #[test]
    fn a_wrong_key_is_an_error_with_its_line() {
        let error = Behaviours::parse("own.toml", &file("al = []")).unwrap_err().to_string();
        assert!(error.starts_with("own.toml:4: unknown field"), "{error}");
    }
}
