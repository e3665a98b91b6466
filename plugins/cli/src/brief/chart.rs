//! Stacked bars over time, as SVG.
//!
//! Drawn by `plotters`: of the crates for charts it writes plain SVG, with three small crates below it (its SVG backend alone), where others bring a
//! browser's script (`charming`), a font (`charts-rs`) or know no bars (`poloto`). It writes colours as attributes, over which a style sheet has the last word:
//! so the page gives them another value in the dark.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::timeline::{DAY, HOUR, MONDAY, WEEK};
use super::told::Colours;
use crate::trouble::Trouble;

/// Colours in light and in dark: of campaigns and actors, of all others, of nobody. Each reads well on the page's ground: held to WCAG 2.2,
/// 1.4.3, in the tests.
pub(super) const PALETTE: [(&str, &str); Colours::OWN + 2] = [
    ("#0B5FA5", "#7DBBF5"),
    ("#B34700", "#FFA869"),
    ("#00704F", "#56CDA4"),
    ("#8A3B8F", "#DDA3E3"),
    ("#7A5D00", "#E2C35A"),
    ("#B0224F", "#FF97AE"),
    ("#4A5560", "#B4BEC8"),
    ("#6E6E6E", "#A0A0A0"),
];
/// What the page gives another colour as well.
const LINES: RGBColor = RGBColor(0xD8, 0xD8, 0xD8);

/// What one bar is made of, from the bottom up.
pub(super) struct Bar {
    /// Its first second.
    pub(super) from: i64,
    /// By colour.
    pub(super) parts: Vec<(usize, u64)>,
}

/// How wide it is drawn, in pixels, and how many dates fit below.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) class: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) dates: i64,
}

/// For wide pages and paper.
pub(super) const WIDE: Size = Size { class: "wide", width: 1000, height: 300, dates: 8 };
/// For phones.
pub(super) const NARROW: Size = Size { class: "narrow", width: 360, height: 260, dates: 3 };

/// Left and right of the bars, above and below them.
const MARGIN: (u32, u32, u32, u32) = (56, 24, 12, 32);

/// Draws bars of stretches of so many seconds. `label` is what is read out in place of it.
pub(super) fn draw(bars: &[Bar], stretch: i64, label: &str, size: Size) -> Result<String, Trouble> {
    let count = bars.len().max(1) as u32;
    let (left, right, above, below) = MARGIN;
    // A whole number of pixels for each, so that gaps are equal.
    let each = (size.width.saturating_sub(left + right) / count).clamp(1, 64);
    let width = left + right + each * count;
    let most = bars.iter().map(|bar| bar.parts.iter().map(|(_, count)| count).sum()).max().unwrap_or(0).max(1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, size.height)).into_drawing_area();
        let dates = dates(bars, stretch, size.dates);
        // By pixels, so that each bar is as wide as the others.
        let pixel = |at: usize| (each as usize * at) as i32;
        let days = (0..pixel(bars.len())).with_key_points(dates.iter().map(|(at, _)| pixel(*at)).collect());
        let mut chart = ChartBuilder::on(&root)
            .margin_top(above)
            .margin_right(right)
            .x_label_area_size(below)
            .y_label_area_size(left)
            .build_cartesian_2d(days, 0..most + most.div_ceil(20))?;
        let text = ("sans-serif", 15).into_font().color(&LINES);
        let date = |at: &i32| {
            let at = dates.iter().find(|(number, _)| pixel(*number) == *at);
            at.map_or_else(String::new, |(_, date)| date.clone())
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(LINES)
            .light_line_style(TRANSPARENT)
            .axis_style(LINES)
            .x_label_style(text.pos(Pos::new(HPos::Left, VPos::Top)))
            .y_label_style(text.clone())
            .y_labels(5)
            .x_label_formatter(&date)
            .draw()?;
        // Bars that stand close touch each other.
        let gap = i32::from(each > 3);
        for (at, bar) in bars.iter().enumerate() {
            let mut bottom = 0;
            for &(colour, count) in &bar.parts {
                let corners = [(pixel(at) + gap, bottom), (pixel(at + 1) - gap, bottom + count)];
                chart.draw_series([Rectangle::new(corners, light(colour).filled())])?;
                bottom += count;
            }
        }
        root.present()?;
    }
    let inner = svg.split_once('>').map_or("", |(_, inner)| inner);
    let label =
        askama::filters::escape(label, askama::filters::Html).map(|label| label.to_string()).unwrap_or_default();
    Ok(format!(
        "<svg class=\"chart {}\" viewBox=\"0 0 {width} {}\" style=\"max-width:{width}px\" role=\"img\" aria-label=\"{label}\">\n<title>{label}</title>{inner}",
        size.class, size.height
    ))
}

fn light(colour: usize) -> RGBColor {
    let hex = PALETTE.get(colour).map_or("#000000", |(light, _)| light);
    let byte = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0);
    RGBColor(byte(1), byte(3), byte(5))
}

/// Which bars have a date below them: those that begin a day, a week, or so. By their number.
fn dates(bars: &[Bar], stretch: i64, most: i64) -> Vec<(usize, String)> {
    let units = [stretch, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, WEEK];
    let units = units.into_iter().chain((1..40).map(|doubled| WEEK.saturating_mul(1 << doubled)));
    let span = stretch.saturating_mul(bars.len() as i64);
    let fits = |unit: &i64| *unit >= stretch && *unit % stretch == 0 && span / unit < most;
    let unit = units.into_iter().find(fits).unwrap_or(i64::MAX);
    let begins = |bar: &Bar| bar.from.saturating_sub(MONDAY).rem_euclid(unit) == 0;
    let date = |at: i64| match at.rem_euclid(DAY) {
        0 if unit < DAY => super::told::written(at, "%b %-d"),
        0 => super::told::written(at, "%Y-%m-%d"),
        _ => super::told::written(at, "%H:%M"),
    };
    let dates: Vec<_> =
        bars.iter().enumerate().filter(|(_, bar)| begins(bar)).map(|(number, bar)| (number, date(bar.from))).collect();
    match (dates.is_empty(), bars.first()) {
        (true, Some(bar)) => vec![(0, super::told::written(bar.from, "%Y-%m-%d %H:%M"))],
        _ => dates,
    }
}
