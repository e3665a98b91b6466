//! When matches happened.

use std::collections::BTreeMap;

use super::grid::{Cell, Grid};
use super::words::{count, counted, written};
use super::{Colours, Known};
use crate::brief::chart::{self, Bar, NARROW, WIDE};
use crate::brief::tally::{Series, Tally};
use crate::brief::timeline::{DAY, Stretch, stretch_name};
use crate::trouble::Trouble;

/// Matches over time.
pub(crate) struct Chart {
    pub(crate) words: String,
    pub(crate) wide: String,
    pub(crate) narrow: String,
    /// Colour, name and number of matches.
    pub(crate) legend: Vec<(usize, String, String)>,
    /// The same in numbers.
    pub(crate) grid: Grid,
}

/// Draws them, if a match has a time; and says which campaign or actor has which colour.
pub(super) fn chart(known: &Known<'_>) -> Result<(Option<Chart>, Colours), Trouble> {
    let tally = known.tally;
    let (Some(first), Some(last)) = (tally.events.first, tally.events.last) else {
        return Ok((None, Colours(Vec::new())));
    };
    // The whole period that was asked for, as far as events reach.
    let (stretch, stretches) = tally.timeline.clone().shown(first, last);
    let mut totals: BTreeMap<Series, u64> = BTreeMap::new();
    for (series, count) in stretches.iter().flat_map(|stretch| &stretch.counts) {
        *totals.entry(*series).or_default() += count;
    }
    let mut ranked: Vec<_> =
        totals.iter().filter(|(series, _)| !matches!(series, Series::Nobody | Series::Others)).collect();
    ranked.sort_by_key(|(series, count)| (std::cmp::Reverse(**count), **series));
    let colours = Colours(ranked.into_iter().take(Colours::OWN).map(|(series, _)| *series).collect());
    if totals.is_empty() {
        return Ok((None, colours));
    }
    let legend = legend(tally, &colours, &totals);
    let bars: Vec<_> = stretches.iter().map(|stretch| bar(stretch, &colours)).collect();
    let name = stretch_name(stretch);
    let all: u64 = totals.values().sum();
    let label = format!("Bar chart: matches per {name}, {}", counted(all, "match", "matches"));
    let mut words = format!("Matches per {name}, in UTC, by the campaign or actor of which they speak.");
    if tally.matches_without_time > 0 {
        words += &format!(
            " {} no time and are not here.",
            counted(tally.matches_without_time, "match tells", "matches tell")
        );
    }
    let chart = Chart {
        words,
        wide: chart::draw(&bars, stretch, &label, WIDE)?,
        narrow: chart::draw(&bars, stretch, &label, NARROW)?,
        grid: grid(&bars, stretch, &legend),
        legend: legend.into_iter().map(|(colour, name, number)| (colour, name, count(number))).collect(),
    };
    Ok((Some(chart), colours))
}

/// By colour: those without one of their own share one.
fn bar(stretch: &Stretch<Series>, colours: &Colours) -> Bar {
    let mut parts: BTreeMap<usize, u64> = BTreeMap::new();
    for &(series, count) in &stretch.counts {
        *parts.entry(colours.of(series)).or_default() += count;
    }
    Bar { from: stretch.from, parts: parts.into_iter().collect() }
}

fn legend(tally: &Tally, colours: &Colours, totals: &BTreeMap<Series, u64>) -> Vec<(usize, String, u64)> {
    let mut by_colour: BTreeMap<usize, (String, u64)> = BTreeMap::new();
    for (&series, count) in totals {
        let colour = colours.of(series);
        let name = || if colour == Colours::OTHERS { "others".to_owned() } else { series_name(tally, series) };
        by_colour.entry(colour).or_insert_with(|| (name(), 0)).1 += count;
    }
    by_colour.into_iter().map(|(colour, (name, count))| (colour, name, count)).collect()
}

fn series_name(tally: &Tally, series: Series) -> String {
    let name = |number| tally.subjects.at(number).map_or("", |(_, named)| &*named.name);
    let name = match series {
        Series::Campaign(number) => name(number),
        Series::Actor(number) => &format!("{}, by no campaign", name(number)),
        Series::Campaigns => "several campaigns",
        Series::Actors => "several actors",
        Series::Nobody => "nobody",
        Series::Others => "others",
    };
    super::grid::shortened(name)
}

/// Stretches in which something matched.
fn grid(bars: &[Bar], stretch: i64, legend: &[(usize, String, u64)]) -> Grid {
    let names: Vec<_> = legend.iter().map(|(_, name, _)| format!("#{name}")).collect();
    let columns: Vec<_> = ["From (UTC)"].into_iter().chain(names.iter().map(String::as_str)).chain(["#All"]).collect();
    let rows: Vec<_> = bars.iter().filter(|bar| !bar.parts.is_empty()).collect();
    let form = if stretch < DAY { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d" };
    Grid::new("Matches by time", &columns).fill(rows, usize::MAX, 0, |bar| {
        let of = |colour: usize| bar.parts.iter().find(|(one, _)| *one == colour).map_or(0, |(_, count)| *count);
        let counts = legend.iter().map(|(colour, ..)| Cell::count(of(*colour)));
        let all = bar.parts.iter().map(|(_, count)| count).sum();
        [Cell::text(written(bar.from, form))].into_iter().chain(counts).chain([Cell::count(all)]).collect()
    })
}
