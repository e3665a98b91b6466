//! The briefing as one page of HTML that needs nothing beside itself: no script, no font, no request.

use askama::Template;

use super::chart::PALETTE;
use super::told::{Cell, Column, Grid, Told};
use crate::trouble::Trouble;

#[derive(Template)]
#[template(path = "brief.html")]
struct Page<'t> {
    told: &'t Told,
    palette: &'t [(&'static str, &'static str)],
}

/// A table, wherever one stands.
#[derive(Template)]
#[template(path = "brief-grid.html")]
struct Table<'t> {
    grid: &'t Grid,
}

impl Grid {
    fn html(&self) -> Table<'_> {
        Table { grid: self }
    }

    /// The cells of a row, each with its column.
    fn named<'g>(&'g self, row: &'g [Cell]) -> impl Iterator<Item = (&'g Column, &'g Cell)> {
        self.columns.iter().zip(row)
    }
}

pub(super) fn write(told: &Told) -> Result<String, Trouble> {
    Ok(Page { told, palette: &PALETTE }.render()?)
}
