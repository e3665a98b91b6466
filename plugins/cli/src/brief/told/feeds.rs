//! What was found and did not count, and how fresh the feeds are.

use std::collections::BTreeMap;

use stormtag::{Intel, Validity};

use super::grid::{Cell, Grid, shortened};
use super::words::{count, counted};
use super::{Known, Section, span};
use crate::brief::table::{Seen, Table};
use crate::check::databases;
use crate::style::date;

pub(super) fn uncounted(known: &Known<'_>) -> Section {
    let tally = known.tally;
    let grid = |title, columns: [&'static str; 2], table: &Table<(String, String), Seen>| {
        let [one, other] = columns;
        let columns = [one, other, "#Times", "#Events", "First", "Last"];
        let longest = table.rows().map(|(_, seen)| seen.times).max().unwrap_or(0);
        Grid::new(title, &columns).fill(
            table.by(|seen| seen.times),
            known.rows,
            table.others(),
            |((one, other), seen)| {
                let [first, last] = span(seen);
                let numbers = [Cell::bar(seen.times, longest), Cell::count(seen.events), first, last];
                [Cell::text(one), Cell::text(other)].into_iter().chain(numbers).collect()
            },
        )
    };
    let words = format!(
        "{} in {} did not count as matches: an allow-list silenced them, or their record does not speak of the time of the event. Lists that only inform let \
         a match count.",
        counted(tally.withheld.times, "finding", "findings"),
        counted(tally.withheld.events, "event", "events"),
    );
    Section {
        id: "uncounted",
        title: "What did not count",
        words: vec![words],
        grids: vec![
            grid("Silenced by allow-lists", ["List", "Why"], &tally.suppressed),
            grid("Not valid at the time of the event", ["Source", "Why"], &tally.invalid),
            grid("Known to lists that inform, and counted", ["List", "Why"], &tally.informed),
        ],
    }
}

/// What the indicators of one source say of their age.
#[derive(Default)]
struct Age {
    statements: u64,
    expired: u64,
    silenced: u64,
    undated: u64,
    /// The latest date that one of them bears.
    newest: Option<i64>,
}

fn ages(intel: &Intel, now: i64) -> BTreeMap<&str, Age> {
    let mut ages: BTreeMap<&str, Age> = BTreeMap::new();
    // It holds nothing, so all is new to it; and it is not freed, for what is told borrows from it.
    static NOTHING: std::sync::LazyLock<Intel> = std::sync::LazyLock::new(Intel::empty);
    for changed in Intel::delta(&NOTHING, intel).added() {
        for (record, silenced) in changed.records {
            let age = ages.entry(&record.source).or_default();
            age.statements += 1;
            age.silenced += u64::from(silenced);
            age.expired += u64::from(record.validity(now) == Validity::Expired);
            // What begins later says nothing of how fresh the feed is.
            let newest = [record.valid_from, record.first_seen, record.last_seen]
                .into_iter()
                .flatten()
                .filter(|&at| at <= now)
                .max();
            age.undated += u64::from(newest.is_none());
            age.newest = age.newest.max(newest);
        }
    }
    ages
}

pub(super) fn feeds(known: &Known<'_>) -> Section {
    let Known { tally, intel, report, now, rows, .. } = *known;
    let columns = ["Feed", "File", "#In force", "#Rejected", "#Revoked", "#Refused", "#Expired", "#Silenced"];
    let feeds =
        Grid::new("Feeds, as they were read", &columns).fill(report.sources().iter().collect(), rows, 0, |of| {
            let file = of.file().and_then(|file| file.file_name()).map(|file| file.to_string_lossy().into_owned());
            let numbers = [
                of.in_force(),
                of.rejected().total() - of.revoked(),
                of.revoked(),
                of.refused().total(),
                of.expired(),
                of.suppressed(),
            ];
            let names = [Cell::text(of.source()), Cell::text(file.as_deref().unwrap_or("built in"))];
            names.into_iter().chain(numbers.map(Cell::count)).collect()
        });
    let ages = ages(intel, now);
    let met = |source: &str| tally.sources.rows().find(|(name, _)| *name == source).map_or(0, |(_, seen)| seen.times);
    let mut by_source: Vec<(&str, Option<&Age>)> = ages.iter().map(|(source, age)| (*source, Some(age))).collect();
    by_source.extend(
        tally.sources.rows().filter(|(name, _)| !ages.contains_key(name.as_str())).map(|(name, _)| (&**name, None)),
    );
    by_source.sort_by_key(|(source, age)| (age.map(|age| age.newest), *source));
    let columns =
        ["Source", "#Statements", "#Expired", "#Silenced", "#Undated", "Newest", "#Days old", "#Matches here"];
    let by_source = Grid::new("How old what they say is, the oldest first", &columns).fill(
        by_source,
        rows,
        tally.sources.others(),
        |(source, age)| {
            let unknown = || Cell::text("not in this configuration");
            let age = match age {
                None => {
                    [unknown(), Cell::text("—"), Cell::text("—"), Cell::text("—"), Cell::text("—"), Cell::text("—")]
                }
                Some(age) => [
                    Cell::count(age.statements),
                    Cell::count(age.expired),
                    Cell::count(age.silenced),
                    Cell::count(age.undated),
                    Cell::text(age.newest.map_or_else(|| "no date".to_owned(), date)),
                    Cell::text(age.newest.map_or_else(
                        || "—".to_owned(),
                        |newest| count(now.saturating_sub(newest).max(0) as u64 / 86_400),
                    )),
                ],
            };
            [Cell::text(source)].into_iter().chain(age).chain([Cell::count(met(source))]).collect()
        },
    );
    let columns = ["Database", "Kind", "#Networks", "Built", "#Days old"];
    let databases = Grid::new("Databases", &columns).fill(databases(intel, now), rows, 0, |of| {
        vec![
            Cell::text(&of.name),
            Cell::text(&of.kind),
            Cell::count(of.networks),
            Cell::text(&of.built),
            Cell::count(of.age_days),
        ]
    });
    let mut words = vec![format!(
        "{} at the time of this briefing: {} in force. Events may have been enriched with another. The newest date is the latest of valid from, first seen and \
         last seen that a record bears.",
        shortened(known.configuration),
        counted(report.in_force(), "indicator", "indicators"),
    )];
    words.extend(report.warnings().iter().map(|warning| format!("Warning: {}.", shortened(warning))));
    let behaviours: u64 = report.behaviours().iter().map(|of| of.accepted).sum();
    words.push(format!("Beside them it looks for {}.", counted(behaviours, "behaviour", "behaviours")));
    Section { id: "feeds", title: "Feeds and databases", words, grids: vec![feeds, by_source, databases] }
}
