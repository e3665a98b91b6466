//! By what means: the software, techniques and tactics that records name, with the ids and names that the catalogue has for them.
//!
//! Nothing is added to what a record says but what follows from it: of a sub-technique the technique it is part of, and a tactic where
//! a technique serves one only.

use std::sync::LazyLock;

use crate::catalog::{Catalog, Software, Technique, fold, is_attack_id};
use crate::intel::Subject;
use crate::record::Record;

/// `chain<TAB>phase<TAB>id<TAB>name`.
const TACTICS: &str = include_str!("../../data/tactics.txt");

/// Something by its id in ATT&CK, its name, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Named<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

impl Named<'_> {
    /// Adds what is not there.
    pub(super) fn add_to(self, list: &mut Vec<Self>) {
        if !list.contains(&self) {
            list.push(self);
        }
    }
}

/// What a record says of how something is done: a technique, perhaps its part, perhaps for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Attack<'a> {
    pub(super) technique: Option<Named<'a>>,
    pub(super) sub_technique: Option<Named<'a>>,
    pub(super) tactic: Option<Named<'a>>,
}

/// The techniques of a record, and the tactics that it names beside them.
pub(super) fn attacks<'a>(record: &'a Record, catalog: &'a Catalog) -> Vec<Attack<'a>> {
    let mut attacks: Vec<Attack<'a>> = Vec::new();
    for said in &record.techniques {
        attacks.push(Attack::of(said, catalog));
    }
    let phases =
        record.tags.iter().filter_map(|tag| tag.split_once(':')).filter_map(|(chain, phase)| tactic(chain, phase));
    for tactic in phases {
        if !attacks.iter().any(|attack| attack.tactic == Some(tactic)) {
            attacks.push(Attack { tactic: Some(tactic), ..Attack::default() });
        }
    }
    attacks
}

impl<'a> Attack<'a> {
    fn of(said: &'a str, catalog: &'a Catalog) -> Self {
        if !is_attack_id(said) {
            return Self { technique: Some(Named { id: None, name: Some(said) }), ..Self::default() };
        }
        let known = catalog.technique(said);
        let id = known.map_or(said, |known| &known.id);
        let named = |id: &'a str, known: Option<&'a Technique>| {
            Some(Named { id: Some(id), name: known.map(|known| known.name.as_str()) })
        };
        let tactic = match known.map(|known| &*known.tactics) {
            Some([only]) => tactic("mitre-attack", only),
            _ => None,
        };
        match id.split_once('.') {
            None => Self { technique: named(id, known), sub_technique: None, tactic },
            Some((whole, _)) => Self {
                technique: named(whole, catalog.technique(whole).filter(|known| known.id == whole)),
                sub_technique: named(id, known),
                tactic,
            },
        }
    }
}

/// The tactic of a kill chain's phase.
fn tactic(chain: &str, phase: &str) -> Option<Named<'static>> {
    static ROWS: LazyLock<Vec<[&'static str; 4]>> = LazyLock::new(|| {
        let lines = TACTICS.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok()).collect()
    });
    let [.., id, name] = ROWS.iter().find(|row| row.starts_with(&[chain, phase]))?;
    Some(Named { id: Some(id), name: Some(name) })
}

/// A piece of software, and what else it is called.
pub(super) struct Program<'a> {
    pub(super) named: Named<'a>,
    pub(super) aliases: &'a [String],
}

/// The software that the records name, if they name one only. The catalogue's id and name stand for it where it has one of that name, or
/// lists it with the subject that the records speak of.
pub(super) fn software<'a>(
    records: impl Iterator<Item = &'a Record>,
    subjects: &[Subject<'a>],
    catalog: &'a Catalog,
) -> Option<Program<'a>> {
    let mut only: Option<(String, Program<'a>)> = None;
    for said in records.flat_map(|record| &record.malware) {
        let program = match known_as(said, subjects, catalog) {
            Some(known) => {
                Program { named: Named { id: Some(&known.id), name: Some(&known.name) }, aliases: &known.aliases }
            }
            None => Program { named: Named { id: None, name: Some(said) }, aliases: &[] },
        };
        let key = program.named.id.map_or_else(|| fold(said), str::to_owned);
        match &only {
            Some((other, _)) if *other != key => return None,
            Some(_) => {}
            None => only = Some((key, program)),
        }
    }
    only.map(|(_, program)| program)
}

fn known_as<'a>(said: &str, subjects: &[Subject<'a>], catalog: &'a Catalog) -> Option<&'a Software> {
    let mut all = catalog.software(said);
    match (all.next(), all.next()) {
        (Some(one), None) => return Some(one),
        // Which of several is meant is not said.
        (Some(_), Some(_)) => return None,
        (None, _) => {}
    }
    let spelled = fold(said);
    let of_subject = |subject: &Subject<'a>| -> &'a [Software] {
        match *subject {
            Subject::Actor(actor) => &actor.software,
            Subject::Campaign(campaign) => &campaign.software,
            _ => &[],
        }
    };
    subjects.iter().flat_map(of_subject).find(|known| fold(&known.name) == spelled || known.id == said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tactic_is_read() {
        let rows = TACTICS.lines().filter(|line| !line.starts_with('#'));
        for row in rows {
            let cells: Vec<_> = row.split('\t').collect();
            assert_eq!(tactic(cells[0], cells[1]), Some(Named { id: Some(cells[2]), name: Some(cells[3]) }), "{row}");
        }
        assert_eq!(tactic("lockheed", "impact"), None);
    }

    #[test]
    fn a_technique_says_what_it_is_part_of_and_no_tactic_that_it_may_not_serve() {
        let stix = r#"{"type":"bundle","id":"bundle--1","objects":[
            {"type":"attack-pattern","id":"attack-pattern--1","name":"Proxy","external_references":[{"source_name":"mitre-attack","external_id":"T1090"}],
             "kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"command-and-control"}]},
            {"type":"attack-pattern","id":"attack-pattern--2","name":"Multi-hop Proxy","external_references":[{"source_name":"mitre-attack","external_id":"T1090.003"}],
             "kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"command-and-control"}]},
            {"type":"attack-pattern","id":"attack-pattern--3","name":"Valid Accounts","external_references":[{"source_name":"mitre-attack","external_id":"T1078"}],
             "kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"persistence"},{"kill_chain_name":"mitre-attack","phase_name":"initial-access"}]}]}"#;
        let catalog = Catalog::parse("attack", stix).unwrap();
        let text = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect::<Vec<Box<str>>>();
        let record = Record {
            techniques: text(&["T1090.003", "T1078", "T9999", "Some trick"]),
            tags: text(&["mitre-attack:command-and-control", "mitre-attack:impact", "mitre-attack:nothing", "x"]),
            ..Record::new("test")
        };
        let named = |id, name| Some(Named { id, name });
        let control = named(Some("TA0011"), Some("Command and Control"));
        let expected = [
            Attack {
                technique: named(Some("T1090"), Some("Proxy")),
                sub_technique: named(Some("T1090.003"), Some("Multi-hop Proxy")),
                tactic: control,
            },
            Attack { technique: named(Some("T1078"), Some("Valid Accounts")), ..Attack::default() },
            Attack { technique: named(Some("T9999"), None), ..Attack::default() },
            Attack { technique: named(None, Some("Some trick")), ..Attack::default() },
            Attack { tactic: named(Some("TA0040"), Some("Impact")), ..Attack::default() },
        ];
        assert_eq!(attacks(&record, &catalog), expected);
    }

    #[test]
    fn one_piece_of_software_is_written_two_are_not() {
        let catalog = &Catalog::builtin();
        let actor = catalog.actors("Volt Typhoon").next().unwrap();
        let record =
            |names: &[&str]| Record { malware: names.iter().map(|&name| name.into()).collect(), ..Record::new("t") };
        let told = |records: &[Record], subjects: &[Subject<'_>]| {
            let software = software(records.iter(), subjects, catalog)?;
            Some((software.named.id.map(str::to_owned), software.named.name.map(str::to_owned)))
        };
        let versa = Some((Some("S1154".to_owned()), Some("VersaMem".to_owned())));
        assert_eq!(told(&[record(&["versa-mem"]), record(&["VersaMem"])], &[Subject::Actor(actor)]), versa);
        assert_eq!(told(&[record(&["VersaMem"])], &[]), Some((None, Some("VersaMem".to_owned()))));
        assert_eq!(told(&[record(&["VersaMem"]), record(&["FRP"])], &[Subject::Actor(actor)]), None);
        assert_eq!(told(&[record(&[])], &[Subject::Actor(actor)]), None);
    }
}
