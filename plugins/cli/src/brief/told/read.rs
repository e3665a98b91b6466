//! What was read, and how it was counted.

use super::grid::{Cell, Grid, shortened};
use super::words::{count, counted};
use super::{Known, Section};
use crate::brief::assets::{HOSTS, PRIVATE, USERS};

pub(super) fn read(known: &Known<'_>) -> Section {
    let (tally, lines) = (known.tally, known.lines);
    let mut rows = vec![
        ("Lines", lines.read, String::new()),
        ("Events that count", tally.events.events, "all tables are made of them".to_owned()),
        ("of these without a time", tally.without_time, "they count in all tables but that of times".to_owned()),
        ("Events before the period", tally.before, "left out".to_owned()),
        ("Events after the period", tally.after, "left out".to_owned()),
    ];
    for (reason, rejected) in &lines.rejected {
        let (line, text) = &rejected.first;
        let first = if text.is_empty() { String::new() } else { format!(": {}", shortened(text)) };
        rows.push((reason, rejected.lines, format!("no events; the first is line {}{first}", count(*line))));
    }
    rows.push(("Enrichments of other programs", tally.foreign, "not counted as matches".to_owned()));
    rows.push(("Parts not as stormtag writes them", tally.unreadable, "left out".to_owned()));
    let grid =
        Grid::new("What was read", &["What", "#Number", "Note"]).fill(rows, usize::MAX, 0, |(what, number, note)| {
            vec![Cell::text(what), Cell::count(*number), Cell::text(note)]
        });
    let troubles = Grid::new("Inputs that could not be read to their end", &["Input"]).fill(
        known.troubles.iter().collect(),
        usize::MAX,
        0,
        |trouble| vec![Cell::text(trouble)],
    );
    let words = vec![
        "When an event happened says the configuration's field map; times are UTC. Matches are those that stormtag wrote: of an event enriched in two schemas those \
         of one, native before ECS before OCSF."
            .to_owned(),
        format!("Hosts of your own are named by {}; users by {}.", HOSTS.join(", "), USERS.join(", ")),
        format!(
            "Addresses of your own are those in {}, and those you name (--own), at any field that the field map reads as an address.",
            PRIVATE.join(", ")
        ),
        format!(
            "A table tells up to {} apart, in the order in which they come; what comes after them counts as others. Longer texts than 256 bytes are cut, and \
             told apart by a hash.",
            counted(tally.limit as u64, "value", "different values"),
        ),
        "Scores order candidates. They are no probabilities, and no verdict: who is named is named by claims, which have a speaker and a date.".to_owned(),
    ];
    Section { id: "read", title: "What was read, and how it was counted", words, grids: vec![grid, troubles] }
}
