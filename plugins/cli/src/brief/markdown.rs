//! The briefing as Markdown: CommonMark with the tables of GitHub.

use std::fmt::Write;

use super::told::{Cell, Grid, Told};

pub(super) fn write(told: &Told) -> String {
    let mut text = format!("# {}\n\n{}\n\n", escaped(&told.title), escaped(&told.period));
    for sentence in &told.lead {
        let _ = writeln!(text, "{}", escaped(sentence));
    }
    text.push('\n');
    for figure in &told.figures {
        let _ = writeln!(text, "* **{}** {} ({})", figure.number, figure.name, escaped(&figure.of));
    }
    if let Some(chart) = &told.chart {
        heading(&mut text, 2, "Timeline");
        paragraph(&mut text, &chart.words);
        grid(&mut text, &chart.grid);
    }
    heading(&mut text, 2, "Campaigns and actors");
    if told.cards.is_empty() {
        paragraph(&mut text, "No campaign and no actor is named.");
    }
    for card in &told.cards {
        let id = card.id.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        heading(&mut text, 3, &format!("{} ({}{id})", card.name, card.sort));
        card.words.iter().for_each(|words| paragraph(&mut text, words));
        card.grids.iter().for_each(|of| grid(&mut text, of));
    }
    for section in &told.sections {
        heading(&mut text, 2, section.title);
        section.words.iter().for_each(|words| paragraph(&mut text, words));
        section.grids.iter().for_each(|of| grid(&mut text, of));
    }
    let _ = write!(text, "\nWritten by stormtag, {}.\n", told.generated);
    text
}

fn heading(text: &mut String, level: usize, title: &str) {
    let _ = write!(text, "\n{} {}\n\n", "#".repeat(level), escaped(title));
}

fn paragraph(text: &mut String, words: &str) {
    let _ = write!(text, "{}\n\n", escaped(words));
}

fn grid(text: &mut String, grid: &Grid) {
    let _ = write!(text, "**{}**\n\n", escaped(&grid.title));
    if !grid.rows.is_empty() {
        let names: Vec<_> = grid.columns.iter().map(|column| escaped(&column.name)).collect();
        let lines: Vec<_> = grid.columns.iter().map(|column| if column.is_number { "--:" } else { "---" }).collect();
        let _ = writeln!(text, "| {} |\n| {} |", names.join(" | "), lines.join(" | "));
        for row in &grid.rows {
            let _ = writeln!(text, "| {} |", row.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
        text.push('\n');
    }
    if let Some(note) = &grid.note {
        paragraph(text, note);
    }
}

fn cell(cell: &Cell) -> String {
    let text = if cell.is_value { code(&cell.text) } else { escaped(&cell.text) };
    let text = if cell.is_strong { format!("**{text}**") } else { text };
    match &cell.link {
        // In angle brackets nothing but these ends an address.
        Some(link) => format!("[{text}](<{}>)", link.replace('|', "%7C")),
        None => text,
    }
}

/// Text that is nothing but text. What readers would make a link of by its looks is none.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let is_mark = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '$' | '@' => true,
            // Of a heading, a list, a line below a heading.
            '#' | '-' | '+' | '=' => out.is_empty(),
            '!' => rest.starts_with('['),
            ':' => rest.starts_with("//"),
            // Of a name that readers know, of a list.
            '.' => ends_in_www(&out) || out.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        if is_mark {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn ends_in_www(text: &str) -> bool {
    text.get(text.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// A value as code, which nobody makes a link of.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// The cells of the first row of a table, as a reader shows them, and whether anything in it is not text.
    fn read(markdown: &str) -> (Vec<String>, bool) {
        let (mut cells, mut other, mut within) = (Vec::new(), false, false);
        for event in
            Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH)
        {
            match event {
                Event::Start(Tag::TableRow) => within = true,
                Event::Start(Tag::TableCell) if within => cells.push(String::new()),
                Event::End(TagEnd::TableRow) => within = false,
                Event::Text(text) | Event::Code(text) if within => cells.last_mut().unwrap().push_str(&text),
                Event::End(_) | Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableCell) | Event::Text(_) => {}
                _ => other = true,
            }
        }
        (cells, other)
    }

    #[test]
    fn what_stands_in_a_cell_is_read_as_it_is() {
        let texts = [
            "<script>alert(1)</script>",
            "a|b\\|c\\",
            "`",
            "``a` b`",
            "*a* _b_ ~~c~~ $d$ [e](http://f) ![g](h)",
            "http://evil.example/a?b=c&d=&lt;",
            "www.evil.example",
            "# x",
            "- x",
            "1. x",
            "&amp; &#60;",
            "a:b:c",
            "==x==",
            "<http://evil.example>",
            "日本 🙂 \u{202e}",
        ];
        for text in texts {
            for is_value in [false, true] {
                let shown = cell(&Cell { text: text.to_owned(), is_value, ..Cell::default() });
                let (cells, other) = read(&format!("| a | b |\n| --- | --: |\n| {shown} | x |\n"));
                assert_eq!(cells, [text, "x"], "{shown}");
                assert!(!other || is_value, "{shown}");
            }
        }
    }

    #[test]
    fn nothing_is_a_link_by_its_looks() {
        // GitHub's readers make links of these three forms.
        for text in
            ["see http://evil.example", "https://a", "(www.evil.example)", "ftp://a", "a@evil.example", "xmpp:a@b"]
        {
            let shown = escaped(text);
            let bare = shown.replace("\\:", "").replace("\\.", "").replace("\\@", "");
            assert!(!["://", "www.", "@"].iter().any(|mark| bare.contains(mark)), "{shown}");
        }
    }
}
