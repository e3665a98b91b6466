//! Campaigns and actors, with what speaks for them and who says so.

use std::collections::{BTreeMap, BTreeSet};

use stormtag::Claim;

use super::grid::{Cell, Grid, shortened};
use super::words::{count, counted, list, minute, sure};
use super::{Colours, Known, Section, catalog, span};
use crate::brief::event::Sort;
use crate::brief::tally::{Claimed, Named};
use crate::style::word;

/// A campaign or an actor.
pub(crate) struct Card {
    pub(crate) name: String,
    pub(crate) sort: &'static str,
    pub(crate) id: Option<String>,
    pub(crate) colour: Option<usize>,
    pub(crate) words: Vec<String>,
    pub(crate) grids: Vec<Grid>,
}

/// Campaigns and actors that are shown with all that speaks for them.
const CARDS: usize = 12;

pub(super) struct Who<'k> {
    pub(super) known: &'k Known<'k>,
    pub(super) colours: &'k Colours,
}

impl Who<'_> {
    /// The names of those of these numbers.
    pub(super) fn names(&self, numbers: &BTreeSet<usize>) -> Cell {
        let subjects = &self.known.tally.subjects;
        let names: Vec<_> = numbers.iter().filter_map(|&number| Some(&*subjects.at(number)?.1.name)).collect();
        let colours: BTreeSet<_> = numbers.iter().filter_map(|&number| self.colours.of_subject(number)).collect();
        match names.as_slice() {
            [] => Cell::text("nobody"),
            names => Cell::text(names.join(", ")).coloured(colours.into_iter().collect()),
        }
    }

    /// Those who are named most often first.
    fn ranked(&self) -> Vec<(usize, Sort, &Named)> {
        let rows = self.known.tally.subjects.rows().enumerate();
        let mut ranked: Vec<_> = rows.map(|(number, ((sort, _), named))| (number, *sort, named)).collect();
        ranked.sort_by_key(|(number, sort, named)| {
            (std::cmp::Reverse((named.seen.events, named.confidence)), *sort, *number)
        });
        ranked
    }

    pub(super) fn cards(&self) -> Vec<Card> {
        self.ranked().into_iter().take(CARDS).map(|(number, sort, named)| self.card(number, sort, named)).collect()
    }

    fn card(&self, number: usize, sort: Sort, named: &Named) -> Card {
        let beside = self.beside(number);
        let claims = self.claims(number);
        let mut words = vec![self.how_often(named)];
        if !named.targets.is_empty() {
            let targets: Vec<_> = named.targets.iter().map(|target| shortened(target)).collect();
            words.push(format!("Known to seek out what your site is: {}.", list(&targets)));
        }
        match sort {
            Sort::Actor if beside.rows.is_empty() => {}
            Sort::Actor => words
                .push("Other actors stand in the same events as candidates; none of them is chosen here.".to_owned()),
            Sort::Campaign => words.push(self.put_down_to(number)),
        }
        words.push(claims_in_short(self.known, number));
        let mut grids = vec![self.evidence(number)];
        if !beside.rows.is_empty() {
            grids.push(beside);
        }
        if !claims.rows.is_empty() {
            grids.push(claims);
        }
        Card {
            name: shortened(&named.name),
            sort: if sort == Sort::Campaign { "campaign" } else { "actor" },
            id: named.id.as_deref().map(shortened),
            colour: self.colours.of_subject(number),
            words,
            grids,
        }
    }

    fn how_often(&self, named: &Named) -> String {
        let when = match (named.seen.first, named.seen.last) {
            (Some(first), Some(last)) if first == last => format!("at {} UTC", minute(first)),
            (Some(first), Some(last)) => format!("from {} to {} UTC", minute(first), minute(last)),
            _ => "at times that no event tells".to_owned(),
        };
        format!(
            "Named in {} with {}, {when}; at most with {} of 100.",
            counted(named.seen.events, "event", "events"),
            counted(named.matches, "match", "matches"),
            sure(named.confidence),
        )
    }

    /// To whom the catalogue puts a campaign down: what is said of it, not by us.
    fn put_down_to(&self, number: usize) -> String {
        let catalog = catalog(self.known);
        let id = self.known.tally.subjects.at(number).and_then(|(_, named)| named.id.as_deref());
        let campaign = id.and_then(|id| catalog.campaigns(id).find(|campaign| campaign.id == id));
        let actors = campaign.map(|campaign| campaign.actors.as_slice()).unwrap_or_default();
        let names: Vec<_> = actors
            .iter()
            .map(|id| {
                catalog.actors(id).find(|actor| actor.has_id(id)).map_or_else(|| id.clone(), |actor| actor.name.clone())
            })
            .collect();
        match names.as_slice() {
            [] => "The catalogue puts it down to nobody.".to_owned(),
            names => format!("The catalogue puts it down to {}.", list(names)),
        }
    }

    /// What speaks for it.
    fn evidence(&self, number: usize) -> Grid {
        let table = &self.known.tally.evidence;
        let mut rows: Vec<_> = table.rows().filter(|((of, ..), _)| *of == number).collect();
        rows.sort_by(|(a, one), (b, other)| {
            (other.seen.events, other.strength).cmp(&(one.seen.events, one.strength)).then_with(|| a.cmp(b))
        });
        let longest = rows.first().map_or(0, |(_, row)| row.seen.events);
        let columns = ["Indicator", "Source", "By way of", "#Events", "First", "Last", "#Strength", "Shared"];
        Grid::new("What speaks for it", &columns).fill(
            rows,
            self.known.rows,
            table.others(),
            |((_, indicator, source), row)| {
                let [first, last] = span(&row.seen);
                vec![
                    Cell::value(indicator),
                    Cell::text(source),
                    Cell::text(row.via.as_deref().unwrap_or("itself")),
                    Cell::bar(row.seen.events, longest),
                    first,
                    last,
                    Cell::text(row.strength.to_string()),
                    Cell::text(row.shared.as_deref().unwrap_or("no")),
                ]
            },
        )
    }

    /// Who else is named in the same events.
    fn beside(&self, number: usize) -> Grid {
        let tally = self.known.tally;
        let mut rows: Vec<_> = tally.beside.rows().filter(|((of, _), _)| *of == number).collect();
        rows.sort_by_key(|((_, other), row)| (std::cmp::Reverse((row.events, row.confidence)), *other));
        let name = |other: &usize| tally.subjects.at(*other).map_or("", |(_, named)| &*named.name);
        Grid::new("Other candidates in the same events", &["Actor", "#Events", "#At most"]).fill(
            rows,
            self.known.rows,
            tally.beside.others(),
            |((_, other), row)| {
                vec![Cell::text(name(other)), Cell::count(row.events), Cell::text(sure(row.confidence))]
            },
        )
    }

    /// What is claimed of it, as events name it and the catalogue has it.
    fn claims(&self, number: usize) -> Grid {
        let table = &self.known.tally.claims;
        let mut rows: Vec<(&str, &Claimed, Option<&Claim>)> = claims_of(self.known, number).collect();
        rows.sort_by_key(|(id, _, claim)| (claim.and_then(|claim| claim.date.as_deref()).unwrap_or("~"), *id));
        let columns = ["Date", "Who says so", "How", "Confidence", "Of whom", "What is said", "Reference"];
        Grid::new("Who says so", &columns).fill(
            rows,
            self.known.rows.max(50),
            table.others(),
            |(id, claimed, claim)| {
                let by = match claim {
                    Some(claim) => format!("{} ({})", claim.by, word(claim.party)),
                    None => claimed.by.clone(),
                };
                let reference = claim.and_then(|claim| claim.reference.as_deref().or(claim.url.as_deref()));
                let of = claim.and_then(|claim| claim.actor.as_deref().or(claim.country.as_deref()));
                vec![
                    Cell::text(claim.and_then(|claim| claim.date.as_deref()).unwrap_or("undated")),
                    Cell::text(by),
                    Cell::text(&claimed.status).strong(claimed.status == DISPUTED),
                    Cell::text(claimed.confidence.map_or_else(|| "not graded".to_owned(), sure)),
                    Cell::text(of.unwrap_or("not said")),
                    Cell::said(claim.map_or("this catalogue does not know the claim", |claim| &claim.said)),
                    Cell::text(reference.unwrap_or(id)).linked(claim.and_then(|claim| claim.url.as_deref())),
                ]
            },
        )
    }

    /// Indicators that matched and name nobody; and campaigns and actors beyond those that have a card.
    pub(super) fn nobody(&self) -> Section {
        let (known, tally) = (self.known, self.known.tally);
        let mut grids = Vec::new();
        let ranked = self.ranked();
        if ranked.len() > CARDS || tally.subjects.others() > 0 {
            let rows = ranked.into_iter().skip(CARDS).collect();
            let columns = ["Name", "What", "#Events", "First", "Last", "#At most"];
            grids.push(Grid::new("Others who are named", &columns).fill(
                rows,
                known.rows,
                tally.subjects.others(),
                |(_, sort, named)| {
                    let [first, last] = span(&named.seen);
                    let sort = if *sort == Sort::Campaign { "campaign" } else { "actor" };
                    vec![
                        Cell::text(&named.name),
                        Cell::text(sort),
                        Cell::count(named.seen.events),
                        first,
                        last,
                        Cell::text(sure(named.confidence)),
                    ]
                },
            ));
        }
        let mut rows: Vec<_> = tally.indicators.rows().filter(|(_, row)| row.nobody > 0).collect();
        rows.sort_by(|(a, one), (b, other)| other.nobody.cmp(&one.nobody).then_with(|| a.cmp(b)));
        let longest = rows.first().map_or(0, |(_, row)| row.nobody);
        let columns = ["Indicator", "Kind", "Source", "#Matches", "First", "Last", "#Confidence"];
        grids.push(Grid::new("Matches that speak of nobody", &columns).fill(
            rows,
            known.rows,
            tally.indicators.others(),
            |((indicator, source), row)| {
                let [first, last] = span(&row.seen);
                vec![
                    Cell::value(indicator),
                    Cell::text(&row.kind),
                    Cell::text(source),
                    Cell::bar(row.nobody, longest),
                    first,
                    last,
                    Cell::text(sure(row.confidence)),
                ]
            },
        ));
        let words = format!(
            "{} of {} speak of nobody. That is an answer, and a common one: a match alone names no one.",
            count(tally.matches_of_nobody),
            counted(tally.matches, "match", "matches"),
        );
        Section { id: "nobody", title: "Nobody in particular", words: vec![words], grids }
    }
}

const DISPUTED: &str = "disputed";

fn claims_of<'k>(
    known: &'k Known<'k>,
    number: usize,
) -> impl Iterator<Item = (&'k str, &'k Claimed, Option<&'k Claim>)> {
    let rows = known.tally.claims.rows().filter(move |((of, _), _)| *of == number);
    rows.map(|((_, id), claimed)| (&**id, claimed, catalog(known).claim(id)))
}

/// How many claims there are, by how they are made.
fn claims_in_short(known: &Known<'_>, number: usize) -> String {
    let mut by_status: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, claimed, _) in claims_of(known, number) {
        *by_status.entry(&claimed.status).or_default() += 1;
    }
    if by_status.is_empty() {
        return "No claim in these events says who stands behind it.".to_owned();
    }
    let all = by_status.values().sum();
    let parts: Vec<_> =
        by_status.iter().map(|(status, number)| format!("{} {}", count(*number), shortened(status))).collect();
    let disputed = if by_status.contains_key(DISPUTED) { " It is disputed." } else { "" };
    format!("{}: {}.{disputed}", counted(all, "claim", "claims"), list(&parts))
}
