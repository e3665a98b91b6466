//! Tables as they are shown, on the page and in Markdown alike.

use super::words::{count, counted};

/// A table.
pub(crate) struct Grid {
    pub(crate) title: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What is not in it; where there are no rows, that there is nothing.
    pub(crate) note: Option<String>,
}

pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) is_number: bool,
}

#[derive(Default)]
pub(crate) struct Cell {
    /// Shortened.
    pub(crate) text: String,
    /// A value of an event or a feed: written so that nobody clicks on it.
    pub(crate) is_value: bool,
    pub(crate) link: Option<String>,
    /// Of the longest in its column, in percent: drawn as a bar.
    pub(crate) bar: Option<u8>,
    /// The colours that stand before it.
    pub(crate) colours: Vec<usize>,
    pub(crate) is_strong: bool,
}

/// What is shown of a text, in characters.
const SHOWN: usize = 120;

impl Cell {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self { text: shortened(text.as_ref()), ..Self::default() }
    }

    pub(super) fn value(text: impl AsRef<str>) -> Self {
        Self { is_value: true, ..Self::text(text) }
    }

    pub(super) fn count(number: u64) -> Self {
        Self::text(count(number))
    }

    /// What somebody says, whole.
    pub(super) fn said(text: &str) -> Self {
        Self { text: plain(text), ..Self::default() }
    }

    pub(super) fn strong(self, is_strong: bool) -> Self {
        Self { is_strong, ..self }
    }

    pub(super) fn coloured(self, colours: Vec<usize>) -> Self {
        Self { colours, ..self }
    }

    /// A number with its bar.
    pub(super) fn bar(number: u64, longest: u64) -> Self {
        let bar = (number as f64 * 100.0 / longest.max(1) as f64).ceil().min(100.0) as u8;
        Self { bar: Some(bar), ..Self::count(number) }
    }

    /// Linked only if it is an address of a page, and nothing in it could be something else.
    pub(super) fn linked(self, url: Option<&str>) -> Self {
        let is_page = |url: &&str| {
            (url.starts_with("https://") || url.starts_with("http://"))
                && !url.contains(|c: char| {
                    c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>' | '\\' | '`')
                })
        };
        Self { link: url.filter(is_page).map(str::to_owned), ..self }
    }
}

impl Grid {
    /// A table of columns, of which those that begin with `#` are numbers.
    pub(super) fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let column = |name: &&str| match name.strip_prefix('#') {
            Some(name) => Column { name: shortened(name), is_number: true },
            None => Column { name: shortened(name), is_number: false },
        };
        Self { title: title.into(), columns: columns.iter().map(column).collect(), rows: Vec::new(), note: None }
    }

    /// The first of the rows; says how many more there are, and how often something was met that has none.
    pub(super) fn fill<T>(mut self, rows: Vec<T>, most: usize, others: u64, cells: impl Fn(&T) -> Vec<Cell>) -> Self {
        self.rows = rows.iter().take(most).map(cells).collect();
        let mut notes = Vec::new();
        if rows.is_empty() && others == 0 {
            notes.push("None.".to_owned());
        }
        if rows.len() > most {
            notes.push(format!("{} more.", count((rows.len() - most) as u64)));
        }
        if others > 0 {
            let others = counted(others, "time", "times");
            notes.push(format!("Others, for which there was no room: {others}."));
        }
        self.note = (!notes.is_empty()).then(|| notes.join(" "));
        self
    }
}

/// Without what steers a screen or turns the direction of writing, and not too long.
pub(super) fn shortened(text: &str) -> String {
    let text = plain(text);
    match text.char_indices().nth(SHOWN) {
        None => text,
        // What was cut when it was kept says so at its end.
        Some(_) => {
            let start: String = text.chars().take(SHOWN - 32).collect();
            let end: Vec<char> = text.chars().rev().take(30).collect();
            format!("{start}…{}", end.into_iter().rev().collect::<String>())
        }
    }
}

fn plain(text: &str) -> String {
    let one = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' => '\u{FFFD}',
        c if c.is_control() => '\u{FFFD}',
        c => c,
    };
    text.trim().chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_steer_nothing() {
        let long = "x".repeat(500) + "end";
        let shown = shortened(&long);
        assert!(shown.chars().count() <= SHOWN && shown.contains('…') && shown.ends_with("end"), "{shown}");
        assert_eq!(shortened("a\u{202E}b\u{0}c\nd\u{1b}[0m"), "a\u{FFFD}b\u{FFFD}c d\u{FFFD}[0m");
    }

    #[test]
    fn only_pages_are_linked() {
        for (url, is_linked) in [
            ("https://example.com/a?b=c#d", true),
            ("http://example.com", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("//example.com", false),
            ("https://example.com/\" onclick=\"x", false),
            ("https://example.com/ x", false),
            ("AA23-144A", false),
        ] {
            assert_eq!(Cell::text("x").linked(Some(url)).link.is_some(), is_linked, "{url}");
        }
    }

    #[test]
    fn bars_are_seen_and_never_too_long() {
        for (number, longest, bar) in [(0, 0, 0), (1, 1_000_000, 1), (5, 10, 50), (10, 10, 100), (u64::MAX, 1, 100)] {
            assert_eq!(Cell::bar(number, longest).bar, Some(bar));
        }
    }
}
