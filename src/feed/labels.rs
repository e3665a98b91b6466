//! Machine tags, as MISP and others attach them: `namespace:predicate="value"`.
//!
//! Form: <https://github.com/MISP/misp-taxonomies#machine-tags--triple-tag>, and of tags on galaxy clusters MISP core format,
//! sections 2.8 and 2.10.

use crate::catalog::{attack_id, fold};
use crate::grading;
use crate::record::{Record, Severity, Tlp};

/// How many tags of one event or attribute are read; the rest is counted.
pub(super) const MOST: usize = 256;

/// What the tags of one event or attribute say beside what goes into its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Grade {
    /// The least of the confidences that are given.
    pub(super) confidence: Option<u8>,
}

/// Writes what the tag says into the record.
///
/// Galaxy tags name actors, campaigns, malware and techniques; where the tag holds an ATT&CK id of a group, campaign or technique it
/// stands for the name, for names can be ambiguous. `tlp:` is the marking, the strictest counts. Gradings become the confidence and
/// stay as tags, as does everything else.
pub(super) fn apply(record: &mut Record, grade: &mut Grade, tag: &str) {
    let tag = tag.trim();
    if tag.is_empty() {
        return;
    }
    if let Some((galaxy, value)) = tag.strip_prefix("misp-galaxy:").and_then(assignment) {
        if cluster(record, galaxy, value) {
            return;
        }
    } else if let Some(tlp) =
        tag.get(..4).filter(|start| start.eq_ignore_ascii_case("tlp:")).and_then(|_| Tlp::parse(tag))
    {
        record.tlp = record.tlp.max(Some(tlp));
        return;
    } else if let Some(confidence) = grading::tag(tag) {
        grade.confidence = Some(grade.confidence.map_or(confidence, |known| known.min(confidence)));
    } else if let Some(&(_, severity)) = SEVERITIES.iter().find(|(known, _)| tag.eq_ignore_ascii_case(known)) {
        record.severity = record.severity.max(Some(severity));
    }
    push(&mut record.tags, tag);
}

/// Writes what a cluster of a galaxy says into the record; `false` if the galaxy is of none of the sorts that records have.
pub(super) fn cluster(record: &mut Record, galaxy: &str, value: &str) -> bool {
    let value = value.trim();
    let (name, id) = attack_id(value);
    let is = |suffix: &str| galaxy == suffix || galaxy.ends_with(&format!("-{suffix}"));
    if ["threat-actor", "intrusion-set", "activity-group", "groups"].iter().any(|sort| is(sort)) {
        // One group is mostly tagged from several galaxies: it is one actor.
        let named = |known: &str| fold(known) == fold(name) || id.is_some_and(|id| known == id);
        match (record.actors.iter_mut().find(|known| named(known)), id) {
            (Some(known), Some(id)) => *known = id.into(),
            (Some(_), None) => {}
            (None, _) => record.actors.push(id.unwrap_or(name).into()),
        }
    } else if is("campaign") || is("campaigns") {
        push(&mut record.campaigns, id.unwrap_or(name));
    } else if is("attack-pattern") {
        push(&mut record.techniques, id.unwrap_or(name));
    } else if MALWARE.iter().any(|sort| is(sort)) {
        push(&mut record.malware, name);
    } else {
        return false;
    }
    true
}

fn push(list: &mut Vec<Box<str>>, text: &str) {
    if !list.iter().any(|known| **known == *text) {
        list.push(text.into());
    }
}

/// `threat-actor` and `APT32` of `threat-actor="APT32"`.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}

/// Galaxies of malware and tools, by the end of their type.
const MALWARE: &[&str] = &[
    "malpedia",
    "malware",
    "tool",
    "rat",
    "ransomware",
    "botnet",
    "banker",
    "stealer",
    "backdoor",
    "cryptominers",
    "android",
    "exploit-kit",
    "tds",
];

/// Tags that say how bad it is, from the taxonomies misp and priority-level.
const SEVERITIES: &[(&str, Severity)] = &[
    ("misp:threat-level=\"low-risk\"", Severity::Low),
    ("misp:threat-level=\"medium-risk\"", Severity::Medium),
    ("misp:threat-level=\"high-risk\"", Severity::High),
    ("priority-level:low", Severity::Low),
    ("priority-level:medium", Severity::Medium),
    ("priority-level:high", Severity::High),
    ("priority-level:severe", Severity::Critical),
    ("priority-level:emergency", Severity::Critical),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tags: &[&str]) -> (Record, Grade) {
        let (mut record, mut grade) = (Record::default(), Grade::default());
        for tag in tags {
            apply(&mut record, &mut grade, tag);
        }
        (record, grade)
    }

    fn texts(list: &[Box<str>]) -> Vec<&str> {
        list.iter().map(|text| &**text).collect()
    }

    #[test]
    fn galaxies_say_who_what_and_how() {
        let (record, _) = of(&[
            "misp-galaxy:threat-actor=\"APT 32\"",
            "misp-galaxy:mitre-intrusion-set=\"APT32 - G0050\"",
            "misp-galaxy:threat-actor=\"Turla Group\"",
            "misp-galaxy:mitre-enterprise-attack-attack-pattern=\"PowerShell - T1059.001\"",
            "misp-galaxy:mitre-enterprise-attack-course-of-action=\"A Mitigation - T1084\"",
            "misp-galaxy:malpedia=\"Cobalt Strike\"",
            "misp-galaxy:mitre-malware=\"Cobalt Strike - S0154\"",
            "misp-galaxy:mitre-campaign=\"KV Botnet Activity - C0035\"",
            "misp-galaxy:country=\"china\"",
            "misp-galaxy:threat-actor",
        ]);
        assert_eq!(texts(&record.actors), ["G0050", "Turla Group"]);
        assert_eq!(texts(&record.techniques), ["T1059.001"]);
        assert_eq!(texts(&record.malware), ["Cobalt Strike"]);
        assert_eq!(texts(&record.campaigns), ["C0035"]);
        assert_eq!(record.tags.len(), 3, "{:?}", record.tags);
    }

    #[test]
    fn gradings_are_the_least_and_markings_the_strictest() {
        let (record, grade) = of(&[
            "TLP:GREEN",
            "tlp:amber+strict",
            "tlp:white",
            "tlp:purple",
            "Admiralty-Scale:source-reliability=\"b\"",
            "estimative-language:likelihood-probability=\"very-likely\"",
            "kill-chain:Command and Control",
            "priority-level:severe",
        ]);
        assert_eq!((record.tlp, record.severity), (Some(Tlp::AmberStrict), Some(Severity::Critical)));
        assert_eq!(grade.confidence, Some(75));
        assert_eq!(record.tags.len(), 5, "{:?}", record.tags); // the marking that is none stays as it is
        assert_eq!(of(&["é", "tlp", ""]).0.tags.len(), 2);
    }
}
