//! Specificity: what an indicator that serves many says of one.
//!
//! The table is data, `data/specificity.txt`. Texts are searched when an `Intel` is built, each once; a match only reads the answer.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::record::Record;

/// `percent<TAB>words|…<TAB>why`.
const TABLE: &str = include_str!("../data/specificity.txt");

/// What is left where an allow-list only informs, and nothing says of what.
const KNOWN: Specificity = Specificity { percent: 50, why: Some("an allow-list knows it") };

/// What part of an indicator's weight is left, for it is shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Specificity {
    percent: u8,
    /// Why less than all.
    pub(crate) why: Option<&'static str>,
}

impl Default for Specificity {
    fn default() -> Self {
        Self { percent: 100, why: None }
    }
}

impl Specificity {
    /// 0 to 1.
    pub(crate) fn share(self) -> f64 {
        f64::from(self.percent) / 100.0
    }

    /// The lesser of two.
    pub(crate) fn and(self, other: Self) -> Self {
        if other.percent < self.percent { other } else { self }
    }

    /// Of a list that informs, by its name and its reason.
    pub(crate) fn of_list(name: &str, reason: &str) -> Self {
        match of_text(name).and(of_text(reason)) {
            Self { why: None, .. } => KNOWN,
            told => told,
        }
    }
}

/// Reads what records say; the same few texts stand in most of them.
#[derive(Default)]
pub(crate) struct Texts<'t>(HashMap<&'t str, Specificity>);

impl<'t> Texts<'t> {
    pub(crate) fn of(&mut self, record: &'t Record) -> Specificity {
        let texts = record.role.iter().map(|role| &**role).chain(record.tags.iter().map(|tag| value(tag)));
        texts
            .fold(Specificity::default(), |least, text| least.and(*self.0.entry(text).or_insert_with(|| of_text(text))))
    }
}

/// The value of a machine tag: `veris:victim:country="US"` speaks of no victim's address.
fn value(tag: &str) -> &str {
    let tag = tag.rsplit_once('=').map_or(tag, |(_, value)| value);
    tag.trim_matches('"').rsplit_once(':').map_or(tag, |(_, value)| value)
}

fn of_text(text: &str) -> Specificity {
    static ROWS: LazyLock<Vec<(Vec<String>, Specificity)>> = LazyLock::new(|| rows().collect());
    let text = words(text);
    let said = ROWS.iter().filter(|(phrases, _)| phrases.iter().any(|phrase| text.contains(phrase.as_str())));
    said.fold(Specificity::default(), |least, (_, row)| least.and(*row))
}

fn rows() -> impl Iterator<Item = (Vec<String>, Specificity)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        let percent = cells.next()?.parse().ok()?;
        let phrases = cells.next()?.split('|').map(words).collect();
        Some((phrases, Specificity { percent, why: Some(cells.next()?) }))
    })
}

/// The words of a text in lower case, with one space before and after each.
fn words(text: &str) -> String {
    let mut words = String::from(" ");
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words.extend(word.chars().flat_map(char::to_lowercase));
        words.push(' ');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        assert_eq!(rows().count(), TABLE.lines().filter(|line| !line.starts_with('#')).count());
        assert!(rows().all(|(phrases, row)| row.percent <= 50 && phrases.iter().all(|phrase| phrase.len() > 2)));
    }

    #[test]
    fn words_are_whole_and_the_least_counts() {
        let of = |role: &str, tags: &[&str]| {
            let record = Record {
                role: Some(role.into()),
                tags: tags.iter().map(|&tag| tag.into()).collect(),
                ..Record::default()
            };
            Texts::default().of(&record).percent
        };
        assert_eq!(of("Victim's router", &[]), 25);
        assert_eq!(of("router proxy C2", &["victimology", "vector", "vpnfilter"]), 100);
        assert_eq!(of("C2", &["shared-hosting", "SINKHOLE"]), 20);
        assert_eq!(of("", &["infrastructure:kind=\"Dynamic DNS\""]), 40);
        assert_eq!(of("", &["veris:victim:country=\"US\"", "misp-galaxy:sector=\"Bank\""]), 100);
    }

    #[test]
    fn a_list_that_informs_takes_half_if_it_says_no_more() {
        let of = |name, reason| Specificity::of_list(name, reason).percent;
        assert_eq!(of("vpn-ipv4", "Specialized list of IPv4 addresses belonging to common VPN providers"), 35);
        assert_eq!(of("own", "our partners"), 50);
        assert_eq!(of("sinkholes", ""), 20);
        assert_eq!(of("List of known sinkholes", "a sinkhole"), 20);
    }
}
