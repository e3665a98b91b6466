//! Sigma rules as behaviours: <https://sigmahq.io/sigma-specification/>.
//!
//! What is read is the part of the language that speaks of texts of one event. A rule that says more is rejected, with what it says.

mod formula;
mod value;

use std::path::Path;
use std::sync::Arc;

use super::condition::Comparison;
use super::{Behaviour, Behaviours, Condition, Part, Unusable};
use crate::error::Error;
use crate::feed::stem;
use crate::record::{Record, Severity};
use crate::yaml::{self, Yaml};

/// A reason, and what in the rule it speaks of.
type Refused = (Unusable, String);

fn refused(why: Unusable, what: &str) -> Refused {
    (why, what.to_owned())
}

impl Behaviours {
    /// Reads Sigma rules: one or several documents of YAML; `name` stands in errors.
    ///
    /// Read are rules on processes, files, the registry, PowerShell scripts and web requests, by their category; the fields `CommandLine`, `ParentCommandLine`,
    /// `Image`, `ParentImage`, `OriginalFileName`, `User`, `TargetFilename`, `ImageLoaded`, `TargetObject`, `ScriptBlockText` and user
    /// agents; lists and maps; wildcards; the modifiers `contains`, `startswith`, `endswith`, `all`, `re` (with `i`, `m`, `s`), `cased` and `windash`;
    /// and all of the condition language but aggregations. A rule of a category asks for the text that such events have: a command line of
    /// processes, a path of files and so on. Anchors and aliases of YAML are not followed.
    ///
    /// Techniques, groups and campaigns are taken from the tags `attack.…`, the severity from `level`; the confidence is 50. Authors stay in
    /// the tags.
    ///
    /// # Errors
    ///
    /// If there is no document in it that could be a rule. A rule that cannot be used is among the [rejected](Self::rejected).
    ///
    /// ```
    /// use stormtag::{Behaviours, Part};
    ///
    /// let rule = r"
    /// title: Port forwarding
    /// id: 6f1b1f9a-0000-4000-8000-000000000001
    /// tags: [attack.t1090.001]
    /// logsource: {category: process_creation, product: windows}
    /// detection:
    ///   tool: {Image|endswith: '\netsh.exe'}
    ///   verb: {CommandLine|contains|all: [portproxy, ' add ']}
    ///   condition: tool and verb
    /// ";
    /// let rules = Behaviours::parse_sigma("rule.yml", rule)?;
    /// let event = [(Part::Image, r"C:\Windows\System32\netsh.exe"), (Part::CommandLine, "netsh interface portproxy add v4tov4")];
    /// assert!(rules.iter().next().unwrap().matches(&event));
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    pub fn parse_sigma(name: &str, text: &str) -> Result<Self, Error> {
        let documents = yaml::documents(text);
        let is_rule =
            |document: &Result<Yaml, String>| document.as_ref().is_ok_and(|rule| matches!(rule, Yaml::Map(_)));
        if !documents.iter().any(|(_, document)| is_rule(document)) {
            let (line, why) = match documents.into_iter().next() {
                Some((line, Err(why))) => (line, why),
                Some((line, Ok(_))) => {
                    (line, "expected a Sigma rule: a map with title, logsource and detection".into())
                }
                None => (1, "no document in it".into()),
            };
            return Err(Error::line(name, line, why));
        }
        let mut all = Self::new(stem(Path::new(name)));
        for (line, document) in documents {
            let rule = match document {
                Ok(rule) => rule,
                Err(why) => {
                    all.reject(line, &why, Unusable::Malformed);
                    continue;
                }
            };
            match behaviour(&rule, &all.source) {
                Ok(behaviour) => all.add(line, behaviour),
                Err((why, what)) => {
                    let title = rule.get("title").and_then(Yaml::text).unwrap_or("a rule without a title");
                    all.reject(line, &format!("{title}: {what}"), why);
                }
            }
        }
        Ok(all)
    }
}

fn behaviour(rule: &Yaml, source: &Arc<str>) -> Result<Behaviour, Refused> {
    let text = |key: &str| rule.get(key).and_then(Yaml::text).map(str::trim).filter(|text| !text.is_empty());
    let title = text("title").ok_or_else(|| refused(Unusable::Malformed, "no title"))?;
    if let Some(status @ ("deprecated" | "unsupported")) = text("status") {
        return Err(refused(Unusable::Withdrawn, status));
    }
    for key in ["correlation", "action", "filter"] {
        if rule.get(key).is_some() {
            return Err(refused(Unusable::Correlation, key));
        }
    }
    let category = category(rule.get("logsource"))?;
    let detection = rule.get("detection").ok_or_else(|| refused(Unusable::Malformed, "no detection"))?;
    if detection.get("timeframe").is_some() {
        return Err(refused(Unusable::Correlation, "timeframe"));
    }
    let of_category = Condition::Compare(Comparison::anything([category].into_iter().collect()));
    let condition = Condition::All(vec![formula::condition(detection)?, of_category]);
    let mut record = Record {
        source: Arc::clone(source),
        confidence: 50,
        severity: text("level").and_then(Severity::parse),
        description: text("description").map(Box::from),
        ..Record::default()
    };
    let tags = rule.get("tags").map_or(&[][..], Yaml::items);
    for tag in tags.iter().filter_map(Yaml::text) {
        let of_attack = tag.strip_prefix("attack.").map(str::to_ascii_uppercase);
        let is_id = |id: &String, letter| {
            id.strip_prefix(letter).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        match of_attack {
            Some(id) if is_id(&id, 'T') => record.techniques.push(id.into()),
            Some(id) if is_id(&id, 'G') => record.actors.push(id.into()),
            Some(id) if is_id(&id, 'C') => record.campaigns.push(id.into()),
            _ => record.tags.push(tag.into()),
        }
    }
    if let Some(author) = text("author") {
        record.tags.push(format!("author={author}").into());
    }
    let references = rule.get("references").map_or(&[][..], Yaml::items);
    let references: Vec<Box<str>> = references.iter().filter_map(Yaml::text).map(Box::from).collect();
    record.reference = references.first().cloned();
    let id = text("id").unwrap_or(title);
    Behaviour::new(id, title, references, record, condition).map_err(|why| refused(why, id))
}

/// The text that events of the rule's source have.
fn category(source: Option<&Yaml>) -> Result<Part, Refused> {
    let source = source.ok_or_else(|| refused(Unusable::LogSource, "no logsource"))?;
    let category = source.get("category").and_then(Yaml::text);
    Ok(match category {
        Some("process_creation") => Part::CommandLine,
        Some("file_event" | "file_change" | "file_rename" | "file_delete" | "file_access" | "image_load") => {
            Part::FilePath
        }
        Some("registry_event" | "registry_set" | "registry_add" | "registry_delete" | "registry_rename") => {
            Part::RegistryKey
        }
        Some("ps_script") => Part::Script,
        Some("proxy" | "webserver") => Part::UserAgent,
        Some(other) => return Err(refused(Unusable::LogSource, other)),
        None => return Err(refused(Unusable::LogSource, "no category")),
    })
}

/// The part that a field of Sigma's taxonomy is.
fn part(field: &str) -> Option<Part> {
    Some(match field {
        "CommandLine" => Part::CommandLine,
        "ParentCommandLine" => Part::ParentCommandLine,
        "Image" => Part::Image,
        "ParentImage" => Part::ParentImage,
        "OriginalFileName" => Part::OriginalFileName,
        "User" => Part::UserName,
        "TargetFilename" | "ImageLoaded" => Part::FilePath,
        "TargetObject" => Part::RegistryKey,
        "ScriptBlockText" => Part::Script,
        "c-useragent" | "cs-user-agent" => Part::UserAgent,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
