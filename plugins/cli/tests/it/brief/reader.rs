//! Reads briefings as their readers do: the tables under their headings.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use quick_xml::events::Event as Xml;

/// A table as it is shown.
#[derive(Default, PartialEq, Clone, Debug)]
pub(super) struct Table {
    pub(super) heading: String,
    pub(super) title: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// The cells of some columns.
    pub(super) fn columns(&self, names: &[&str]) -> Vec<Vec<String>> {
        let at = |name: &&str| {
            self.columns
                .iter()
                .position(|column| column == name)
                .unwrap_or_else(|| panic!("no {name} in {:?}", self.columns))
        };
        let at: Vec<_> = names.iter().map(at).collect();
        self.rows.iter().map(|row| at.iter().map(|&at| row[at].clone()).collect()).collect()
    }
}

/// The only table of this title under a heading that begins so.
pub(super) fn find<'t>(tables: &'t [Table], heading: &str, title: &str) -> &'t Table {
    let found: Vec<_> = tables.iter().filter(|of| of.heading.starts_with(heading) && of.title == title).collect();
    assert_eq!(
        found.len(),
        1,
        "{heading}, {title}: {:?}",
        tables.iter().map(|of| (&of.heading, &of.title)).collect::<Vec<_>>()
    );
    found[0]
}

pub(super) fn markdown(text: &str) -> Vec<Table> {
    let (mut tables, mut table, mut heading, mut title, mut words) =
        (Vec::new(), Table::default(), String::new(), String::new(), String::new());
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Text(text) | Event::Code(text) => words += &text,
            Event::SoftBreak => words.push(' '),
            Event::Html(text) | Event::InlineHtml(text) => panic!("HTML: {text}"),
            Event::Start(Tag::Heading { .. } | Tag::Paragraph | Tag::TableCell) => words.clear(),
            Event::End(TagEnd::Heading(_)) => heading.clone_from(&words),
            Event::End(TagEnd::Paragraph) => title.clone_from(&words),
            Event::Start(Tag::Table(_)) => {
                table = Table { heading: heading.clone(), title: title.clone(), ..Table::default() };
            }
            Event::Start(Tag::TableRow) => table.rows.push(Vec::new()),
            Event::End(TagEnd::TableCell) => table.rows.last_mut().unwrap_or(&mut table.columns).push(words.clone()),
            Event::End(TagEnd::Table) => tables.push(table.clone()),
            _ => {}
        }
    }
    tables
}

/// Reads a page, which has to be well-formed.
pub(super) fn html(page: &str) -> Vec<Table> {
    let mut reader = quick_xml::Reader::from_str(page);
    let (mut tables, mut table, mut heading, mut words) = (Vec::new(), Table::default(), String::new(), String::new());
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.buffer_position())) {
            Xml::Start(tag) => match tag.name().as_ref() {
                "h2" | "h3" | "caption" | "th" | "td" => words.clear(),
                "table" => table = Table { heading: heading.clone(), ..Table::default() },
                // The first is that of the columns' names.
                "tr" if !table.columns.is_empty() => table.rows.push(Vec::new()),
                _ => {}
            },
            Xml::Text(text) => words += &*text,
            Xml::GeneralRef(reference) => {
                let c = reference.resolve_char_ref().unwrap();
                words.push_str(&c.map_or_else(
                    || quick_xml::escape::resolve_xml_entity(&reference).unwrap().to_owned(),
                    String::from,
                ));
            }
            Xml::End(tag) => match tag.name().as_ref() {
                "h2" | "h3" => heading = words.trim().to_owned(),
                "caption" => table.title.clone_from(&words),
                "th" => table.columns.push(words.clone()),
                "td" => table.rows.last_mut().unwrap().push(words.clone()),
                "table" => tables.push(table.clone()),
                _ => {}
            },
            Xml::Eof => break,
            _ => {}
        }
    }
    tables
}
