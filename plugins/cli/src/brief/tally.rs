//! What all events of a period say together.

use std::collections::BTreeSet;

use serde_json::Value;

use super::assets::{Own, Sort as Asset};
use super::event::{Allowed, Attributed, Event, Found, Sort, Subject};
use super::places::Places;
use super::table::{Few, Seen, Table, bounded};
use super::timeline::Timeline;

/// Candidates of one event that are held against each other. An event names few; one that names thousands would take their square.
const CANDIDATES: usize = 16;

/// From the first second on, before the last.
#[derive(Clone, Copy, Default)]
pub(super) struct Period {
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
}

/// Everything that is counted. Of events that tell no time all counts but the timeline.
pub(super) struct Tally {
    pub(super) period: Period,
    pub(super) limit: usize,
    /// Events that count.
    pub(super) events: Seen,
    pub(super) without_time: u64,
    pub(super) before: u64,
    pub(super) after: u64,
    /// Events in which something matched; matches by whether they speak of somebody.
    pub(super) matched: Seen,
    pub(super) matches: u64,
    pub(super) matches_of_nobody: u64,
    pub(super) matches_without_time: u64,
    /// Events that name an actor or a campaign.
    pub(super) attributed: u64,
    pub(super) foreign: u64,
    pub(super) unreadable: u64,
    pub(super) subjects: Table<(Sort, String), Named>,
    /// By the number of the subject, the indicator, the source.
    pub(super) evidence: Table<(usize, String, String), Evident>,
    /// By the number of the subject, the claim's id.
    pub(super) claims: Table<(usize, String), Claimed>,
    /// Actors that stand beside each other in one event, by their numbers.
    pub(super) beside: Table<(usize, usize), Beside>,
    /// By the indicator and the source.
    pub(super) indicators: Table<(String, String), Indicator>,
    pub(super) sources: Table<String, Seen>,
    pub(super) hosts: Table<String, Met>,
    pub(super) addresses: Table<String, Met>,
    pub(super) users: Table<String, Met>,
    pub(super) countries: Table<String, Place>,
    pub(super) networks: Table<u64, Place>,
    /// By the list and its reason.
    pub(super) suppressed: Table<(String, String), Seen>,
    pub(super) informed: Table<(String, String), Seen>,
    /// By the source and why it does not count.
    pub(super) invalid: Table<(String, String), Seen>,
    pub(super) withheld: Seen,
    pub(super) timeline: Timeline<Series>,
}

/// A campaign or an actor.
#[derive(Default, Debug)]
pub(super) struct Named {
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// Times: matches that speak of it.
    pub(super) seen: Seen,
    pub(super) matches: u64,
    /// How surely it is named at most, 0 to 100.
    pub(super) confidence: u8,
    /// What of the site it is known to seek out.
    pub(super) targets: BTreeSet<String>,
}

#[derive(Default, Debug)]
pub(super) struct Evident {
    pub(super) seen: Seen,
    pub(super) strength: u8,
    pub(super) shared: Option<String>,
    pub(super) via: Option<String>,
}

#[derive(Default, Debug)]
pub(super) struct Claimed {
    pub(super) by: String,
    pub(super) status: String,
    pub(super) confidence: Option<u8>,
}

#[derive(Default, Debug)]
pub(super) struct Beside {
    pub(super) events: u64,
    /// How surely the second of them is named at most.
    pub(super) confidence: u8,
}

#[derive(Default, Debug)]
pub(super) struct Indicator {
    pub(super) kind: String,
    pub(super) confidence: u8,
    pub(super) role: Option<String>,
    pub(super) seen: Seen,
    /// Matches that speak of nobody.
    pub(super) nobody: u64,
    /// Numbers of those whom it speaks of.
    pub(super) subjects: BTreeSet<usize>,
}

/// A host, an address or a user of one's own.
#[derive(Default, Debug)]
pub(super) struct Met {
    pub(super) seen: Seen,
    pub(super) fields: Few,
    pub(super) subjects: BTreeSet<usize>,
}

#[derive(Default, Debug)]
pub(super) struct Place {
    pub(super) name: Option<String>,
    pub(super) matched: u64,
    pub(super) all: u64,
}

/// Whom a match speaks of, so that each match is one of one series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Series {
    /// Of one campaign, by its number.
    Campaign(usize),
    /// Of several.
    Campaigns,
    /// Of no campaign and one actor.
    Actor(usize),
    Actors,
    Nobody,
    /// Of somebody for whom there was no row.
    Others,
}

impl Tally {
    pub(super) fn new(period: Period, limit: usize) -> Self {
        Self {
            period,
            limit,
            events: Seen::default(),
            without_time: 0,
            before: 0,
            after: 0,
            matched: Seen::default(),
            matches: 0,
            matches_of_nobody: 0,
            matches_without_time: 0,
            attributed: 0,
            foreign: 0,
            unreadable: 0,
            subjects: Table::new(limit),
            evidence: Table::new(limit),
            claims: Table::new(limit),
            beside: Table::new(limit),
            indicators: Table::new(limit),
            sources: Table::new(limit),
            hosts: Table::new(limit),
            addresses: Table::new(limit),
            users: Table::new(limit),
            countries: Table::new(limit),
            networks: Table::new(limit),
            suppressed: Table::new(limit),
            informed: Table::new(limit),
            invalid: Table::new(limit),
            withheld: Seen::default(),
            timeline: Timeline::new(limit),
        }
    }

    /// Counts an event.
    pub(super) fn add(&mut self, value: &Value, own: &mut Own) {
        let event = Event::read(value);
        let is_match = !event.matches.is_empty();
        let mut assets = Vec::new();
        let mut see = |sort, name: &str, field: &str| assets.push((sort, name.to_owned(), field.to_owned()));
        let at = own.read(value, is_match.then_some(&mut see));
        let Period { from, to } = self.period;
        match at {
            None => self.without_time += 1,
            Some(at) if from.is_some_and(|from| at < from) => return self.before += 1,
            Some(at) if to.is_some_and(|to| at >= to) => return self.after += 1,
            Some(_) => {}
        }
        let number = self.events.events + 1;
        self.events.add(number, at);
        self.foreign += event.foreign;
        self.unreadable += event.unreadable;
        self.add_places(&Places::of(value), is_match);
        self.add_withheld(&event, number, at);
        let subjects = self.add_attributions(&event.attributions, number, at);
        self.attributed += u64::from(!event.attributions.is_empty());
        if is_match {
            self.matched.add(number, at);
            for found in &event.matches {
                self.add_match(found, number, at);
            }
            for (sort, name, field) in &assets {
                self.add_asset(*sort, name, field, &subjects, number, at);
            }
        }
    }

    fn subject(&mut self, subject: Subject<'_>) -> Option<(usize, &mut Named)> {
        let (number, named) = self.subjects.row((subject.sort, bounded(subject.id.unwrap_or(subject.name))))?;
        if named.name.is_empty() {
            (named.id, named.name) = (subject.id.map(bounded), bounded(subject.name));
        }
        Some((number, named))
    }

    /// Says who is named, by number.
    fn add_attributions(&mut self, all: &[Attributed<'_>], event: u64, at: Option<i64>) -> BTreeSet<usize> {
        let mut subjects = BTreeSet::new();
        let mut actors = Vec::new();
        for attributed in all {
            let Some((number, named)) = self.subject(attributed.subject) else { continue };
            named.seen.add(event, at);
            named.confidence = named.confidence.max(attributed.confidence);
            // There are few sectors and countries; who writes more is not us.
            named.targets.extend(attributed.targets.iter().take(8).map(|target| bounded(target)));
            while named.targets.len() > 64 {
                named.targets.pop_last();
            }
            if subjects.insert(number) && attributed.subject.sort == Sort::Actor && actors.len() < CANDIDATES {
                actors.push((number, attributed.confidence));
            }
            for of in &attributed.evidence {
                let Some((_, row)) = self.evidence.row((number, bounded(of.indicator), bounded(of.source))) else {
                    continue;
                };
                row.seen.add(event, at);
                row.strength = row.strength.max(of.strength);
                row.shared = row.shared.take().or_else(|| of.shared.map(bounded));
                row.via = row.via.take().or_else(|| of.via.map(bounded));
            }
            for claim in &attributed.claims {
                let Some((_, row)) = self.claims.row((number, bounded(claim.id))) else { continue };
                *row = Claimed { by: bounded(claim.by), status: bounded(claim.status), confidence: claim.confidence };
            }
        }
        for &(one, _) in &actors {
            for &(other, confidence) in actors.iter().filter(|(other, _)| *other != one) {
                if let Some((_, row)) = self.beside.row((one, other)) {
                    (row.events, row.confidence) = (row.events + 1, row.confidence.max(confidence));
                }
            }
        }
        subjects
    }

    fn add_match(&mut self, found: &Found<'_>, event: u64, at: Option<i64>) {
        self.matches += 1;
        let mut numbers = BTreeSet::new();
        let (mut campaigns, mut actors) = (BTreeSet::new(), BTreeSet::new());
        for &subject in &found.subjects {
            if let Some((number, named)) = self.subject(subject)
                && numbers.insert(number)
            {
                named.matches += 1;
                if subject.sort == Sort::Campaign { &mut campaigns } else { &mut actors }.insert(number);
            }
        }
        let only = |set: &BTreeSet<usize>| set.first().copied().filter(|_| set.len() == 1);
        let series = match (only(&campaigns), only(&actors)) {
            _ if found.subjects.is_empty() => Series::Nobody,
            _ if numbers.is_empty() => Series::Others,
            (Some(campaign), _) => Series::Campaign(campaign),
            (None, _) if !campaigns.is_empty() => Series::Campaigns,
            (None, Some(actor)) => Series::Actor(actor),
            (None, None) => Series::Actors,
        };
        match at {
            Some(at) => self.timeline.add(at, series),
            None => self.matches_without_time += 1,
        }
        self.matches_of_nobody += u64::from(series == Series::Nobody);
        if let Some((_, source)) = self.sources.row(bounded(found.source)) {
            source.add(event, at);
        }
        if let Some((_, row)) = self.indicators.row((bounded(found.indicator), bounded(found.source))) {
            row.seen.add(event, at);
            row.nobody += u64::from(series == Series::Nobody);
            row.confidence = row.confidence.max(found.confidence);
            row.role = row.role.take().or_else(|| found.role.map(bounded));
            if row.kind.is_empty() {
                row.kind = bounded(found.kind);
            }
            join(&mut row.subjects, &numbers);
        }
        if let Some(list) = found.known_as {
            add_list(&mut self.informed, list, event, at);
        }
    }

    fn add_withheld(&mut self, read: &Event<'_>, event: u64, at: Option<i64>) {
        for withheld in &read.withheld {
            self.withheld.add(event, at);
            match withheld.suppressed_by {
                Some(list) => add_list(&mut self.suppressed, list, event, at),
                None => {
                    let why = withheld.validity.unwrap_or("not said").replace('_', " ");
                    if let Some((_, row)) = self.invalid.row((bounded(withheld.source), bounded(&why))) {
                        row.add(event, at);
                    }
                }
            }
        }
    }

    fn add_asset(
        &mut self,
        sort: Asset,
        name: &str,
        field: &str,
        subjects: &BTreeSet<usize>,
        event: u64,
        at: Option<i64>,
    ) {
        let table = match sort {
            Asset::Host => &mut self.hosts,
            Asset::Address => &mut self.addresses,
            Asset::User => &mut self.users,
        };
        if let Some((_, row)) = table.row(bounded(name)) {
            row.seen.add(event, at);
            row.fields.add(field);
            join(&mut row.subjects, subjects);
        }
    }

    fn add_places(&mut self, places: &Places<'_>, is_match: bool) {
        for (code, name) in &places.countries {
            if let Some((_, row)) = self.countries.row(bounded(code)) {
                row.add(*name, is_match);
            }
        }
        for (&number, name) in &places.networks {
            if let Some((_, row)) = self.networks.row(number) {
                row.add(*name, is_match);
            }
        }
    }
}

impl Place {
    fn add(&mut self, name: Option<&str>, is_match: bool) {
        self.all += 1;
        self.matched += u64::from(is_match);
        self.name = self.name.take().or_else(|| name.map(bounded));
    }
}

fn add_list(table: &mut Table<(String, String), Seen>, list: Allowed<'_>, event: u64, at: Option<i64>) {
    if let Some((_, row)) = table.row((bounded(list.list), bounded(list.reason))) {
        row.add(event, at);
    }
}

/// Few are shown, so few are held.
fn join(subjects: &mut BTreeSet<usize>, more: &BTreeSet<usize>) {
    for &number in more {
        if subjects.len() < 8 {
            subjects.insert(number);
        }
    }
}
