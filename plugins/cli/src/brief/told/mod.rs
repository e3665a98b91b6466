//! The briefing as it is told: sorted, shortened and in words. The page and Markdown write the same.

mod feeds;
mod grid;
mod read;
mod when;
mod who;
mod words;

use stormtag::{Catalog, Intel, Report};

use super::lines::Lines;
use super::table::Table;
use super::tally::{Indicator, Met, Place, Series, Tally};
use crate::trouble::Trouble;
use words::{count, counted, list, minute, share, sure};

pub(super) use grid::{Cell, Column, Grid};
pub(super) use when::Chart;
pub(super) use who::Card;
pub(super) use words::written;

/// What all parts are told from.
pub(super) struct Known<'k> {
    pub(super) tally: &'k Tally,
    pub(super) lines: &'k Lines,
    /// Inputs that could not be read to their end.
    pub(super) troubles: &'k [String],
    pub(super) intel: &'k Intel,
    pub(super) report: &'k Report,
    /// What the configuration is called.
    pub(super) configuration: &'k str,
    /// When it is told, in seconds since the epoch.
    pub(super) now: i64,
    /// Rows that a table shows at most.
    pub(super) rows: usize,
}

/// A briefing.
pub(super) struct Told {
    pub(super) title: String,
    pub(super) period: String,
    pub(super) generated: String,
    /// What there is in short, a sentence each.
    pub(super) lead: Vec<String>,
    pub(super) figures: Vec<Figure>,
    pub(super) chart: Option<Chart>,
    pub(super) cards: Vec<Card>,
    /// What follows on campaigns and actors.
    pub(super) sections: Vec<Section>,
}

/// A number that matters.
pub(super) struct Figure {
    pub(super) number: String,
    pub(super) name: &'static str,
    pub(super) of: String,
}

/// Tables under one heading.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) words: Vec<String>,
    pub(super) grids: Vec<Grid>,
}

/// Colours by series: the most frequent have one of their own.
pub(super) struct Colours(Vec<Series>);

impl Colours {
    /// Colours of their own. After them come that of all others and that of nobody.
    pub(super) const OWN: usize = 6;
    pub(super) const OTHERS: usize = Self::OWN;
    pub(super) const NOBODY: usize = Self::OWN + 1;

    fn of(&self, series: Series) -> usize {
        let own = self.0.iter().position(|one| *one == series);
        if series == Series::Nobody { Self::NOBODY } else { own.unwrap_or(Self::OTHERS) }
    }

    /// That of a campaign or an actor, if it is a series.
    fn of_subject(&self, number: usize) -> Option<usize> {
        self.0.iter().position(|one| matches!(one, Series::Campaign(of) | Series::Actor(of) if *of == number))
    }
}

impl Told {
    pub(super) fn new(known: &Known<'_>, title: &str) -> Result<Self, Trouble> {
        let tally = known.tally;
        let (chart, colours) = when::chart(known)?;
        let who = who::Who { known, colours: &colours };
        let sections = vec![
            who.nobody(),
            indicators(known, &who),
            assets(known, &who),
            places(known),
            feeds::uncounted(known),
            feeds::feeds(known),
            read::read(known),
        ];
        Ok(Self {
            title: grid::shortened(title),
            period: period(tally),
            generated: format!("{} UTC", minute(known.now)),
            lead: lead(tally),
            figures: figures(known),
            chart,
            cards: who.cards(),
            sections,
        })
    }
}

fn period(tally: &Tally) -> String {
    let asked = (tally.period.from, tally.period.to);
    let met = (tally.events.first, tally.events.last);
    let end = |at: Option<i64>, open: &str| at.map_or_else(|| open.to_owned(), |at| format!("{} UTC", minute(at)));
    match (asked, met) {
        ((None, None), (Some(first), Some(last))) => format!("{} to {} UTC", minute(first), minute(last)),
        ((None, None), _) => "no event that tells its time".to_owned(),
        ((from, to), _) => format!("from {} to before {}", end(from, "the first event"), end(to, "whatever comes")),
    }
}

fn lead(tally: &Tally) -> Vec<String> {
    let mut lead = Vec::new();
    let events = tally.events.events;
    if events == 0 {
        return vec!["No event was read that belongs to the period.".to_owned()];
    }
    if tally.matched.events == 0 {
        lead.push(format!("Nothing matched in {}.", counted(events, "event", "events")));
        return lead;
    }
    let room = |others: u64| if others > 0 { "more than " } else { "" };
    lead.push(format!(
        "{} of {} ({}) matched {}{} of {}.",
        count(tally.matched.events),
        counted(events, "event", "events"),
        share(tally.matched.events, events),
        room(tally.indicators.others()),
        counted(tally.indicators.len() as u64, "indicator", "indicators"),
        counted(tally.sources.len() as u64, "source", "sources"),
    ));
    let touched: Vec<_> = [
        (&tally.hosts, "own host", "own hosts"),
        (&tally.addresses, "own address", "own addresses"),
        (&tally.users, "user", "users"),
    ]
    .into_iter()
    .filter(|(table, ..)| table.len() > 0)
    .map(|(table, one, many)| format!("{}{}", room(table.others()), counted(table.len() as u64, one, many)))
    .collect();
    if !touched.is_empty() {
        lead.push(format!("In these events stand {}.", list(&touched)));
    }
    let mut named: Vec<_> = tally.subjects.rows().map(|(_, named)| named).collect();
    named.sort_by_key(|named| std::cmp::Reverse((named.seen.events, named.confidence)));
    let shown: Vec<_> = named
        .iter()
        .take(3)
        .map(|of| format!("{} ({})", grid::shortened(&of.name), counted(of.seen.events, "event", "events")))
        .collect();
    let more = named.len().saturating_sub(shown.len());
    match shown.as_slice() {
        [] => lead.push("No match speaks of a campaign or an actor.".to_owned()),
        _ if more > 0 => lead.push(format!("They speak of {}, and {} more.", shown.join(", "), count(more as u64))),
        _ => lead.push(format!("They speak of {}.", list(&shown))),
    }
    if tally.matches_of_nobody > 0 && !shown.is_empty() {
        lead.push(format!(
            "{} of nobody in particular.",
            counted(tally.matches_of_nobody, "match speaks", "matches speak")
        ));
    }
    lead
}

fn figures(known: &Known<'_>) -> Vec<Figure> {
    let tally = known.tally;
    let events = tally.events.events;
    let sorts = |sort| tally.subjects.rows().filter(|((one, _), _)| *one == sort).count() as u64;
    let (campaigns, actors) = (sorts(super::event::Sort::Campaign), sorts(super::event::Sort::Actor));
    let assets = (tally.hosts.len() + tally.addresses.len() + tally.users.len()) as u64;
    let figure = |number, name, of: String| Figure { number: count(number), name, of };
    vec![
        figure(events, "events", format!("of {}", counted(known.lines.read, "line", "lines"))),
        figure(tally.matched.events, "events matched", share(tally.matched.events, events)),
        figure(tally.matches, "matches", format!("{} speak of nobody", count(tally.matches_of_nobody))),
        figure(
            tally.indicators.len() as u64,
            "indicators met",
            counted(tally.sources.len() as u64, "source", "sources"),
        ),
        figure(
            campaigns + actors,
            "named",
            format!("{}, {}", counted(campaigns, "campaign", "campaigns"), counted(actors, "actor", "actors")),
        ),
        figure(
            assets,
            "own assets",
            format!(
                "{} hosts, {} addresses, {} users",
                count(tally.hosts.len() as u64),
                count(tally.addresses.len() as u64),
                count(tally.users.len() as u64)
            ),
        ),
    ]
}

fn span(seen: &super::table::Seen) -> [Cell; 2] {
    [seen.first, seen.last].map(|at| Cell::text(at.map_or_else(|| "no time".to_owned(), minute)))
}

fn indicators(known: &Known<'_>, who: &who::Who<'_>) -> Section {
    let table = &known.tally.indicators;
    let rows = table.by(|row: &Indicator| (row.seen.times, row.seen.events));
    let columns = ["Indicator", "Kind", "Source", "Speaks of", "#Matches", "#Events", "First", "Last", "#Confidence"];
    let grid = Grid::new("By the number of matches", &columns).fill(
        rows,
        known.rows,
        table.others(),
        |((indicator, source), row)| {
            let [first, last] = span(&row.seen);
            let kind = row.role.as_ref().map_or_else(|| row.kind.clone(), |role| format!("{}, {role}", row.kind));
            vec![
                Cell::value(indicator),
                Cell::text(kind),
                Cell::text(source),
                who.names(&row.subjects),
                Cell::bar(row.seen.times, table.rows().map(|(_, row)| row.seen.times).max().unwrap_or(0)),
                Cell::count(row.seen.events),
                first,
                last,
                Cell::text(sure(row.confidence)),
            ]
        },
    );
    let words = "A match is an indicator of a source at a field of an event; its confidence is what the source gives it, of 100.";
    Section { id: "indicators", title: "Indicators", words: vec![words.to_owned()], grids: vec![grid] }
}

fn assets(known: &Known<'_>, who: &who::Who<'_>) -> Section {
    let tally = known.tally;
    let grid = |title, name, table: &Table<String, Met>| {
        let columns = [name, "#Events", "First", "Last", "Named in them", "Field"];
        let longest = table.rows().map(|(_, met)| met.seen.events).max().unwrap_or(0);
        Grid::new(title, &columns).fill(table.by(|met| met.seen.events), known.rows, table.others(), |(name, met)| {
            let [first, last] = span(&met.seen);
            let more = if met.fields.more { " …" } else { "" };
            vec![
                Cell::value(name),
                Cell::bar(met.seen.events, longest),
                first,
                last,
                who.names(&met.subjects),
                Cell::text(format!("{}{more}", met.fields.texts.join(", "))),
            ]
        })
    };
    let words = "What of your own stands in events that matched. That it stands there does not say that it was harmed: look at the events.";
    Section {
        id: "assets",
        title: "Own assets",
        words: vec![words.to_owned()],
        grids: vec![
            grid("Hosts", "Host", &tally.hosts),
            grid("Addresses", "Address", &tally.addresses),
            grid("Users", "User", &tally.users),
        ],
    }
}

fn places(known: &Known<'_>) -> Section {
    let tally = known.tally;
    fn cells(name: Vec<Cell>, place: &Place, longest: u64, tally: &Tally) -> Vec<Cell> {
        let numbers = [
            Cell::bar(place.matched, longest),
            Cell::text(share(place.matched, tally.matched.events)),
            Cell::count(place.all),
            Cell::text(share(place.all, tally.events.events)),
        ];
        name.into_iter().chain(numbers).collect()
    }
    let order = |place: &Place| (place.matched, place.all);
    let countries = &tally.countries;
    let longest = countries.rows().map(|(_, place)| place.matched).max().unwrap_or(0);
    let columns = ["Country", "Code", "#Events matched", "#of all matched", "#All events", "#of all"];
    let by_country =
        Grid::new("Countries", &columns).fill(countries.by(order), known.rows, countries.others(), |(code, place)| {
            let name = vec![Cell::text(place.name.as_ref().unwrap_or(code)), Cell::text(code)];
            cells(name, place, longest, tally)
        });
    let networks = &tally.networks;
    let longest = networks.rows().map(|(_, place)| place.matched).max().unwrap_or(0);
    let columns = ["Network", "AS", "#Events matched", "#of all matched", "#All events", "#of all"];
    let by_network = Grid::new("Autonomous systems", &columns).fill(
        networks.by(order),
        known.rows,
        networks.others(),
        |(number, place)| {
            let name = vec![Cell::text(place.name.as_deref().unwrap_or("unnamed")), Cell::text(format!("AS{number}"))];
            cells(name, place, longest, tally)
        },
    );
    let words = "Events in which an address of the country or network stands, at whatever end, as it was written into them: those that matched, and \
        beside them all events of the period, for a country may be frequent among matches because it is frequent.";
    Section {
        id: "places",
        title: "Places and networks",
        words: vec![words.to_owned()],
        grids: vec![by_country, by_network],
    }
}

/// The catalogue, where it knows more than the events.
fn catalog<'k>(known: &Known<'k>) -> &'k Catalog {
    known.intel.catalog()
}
