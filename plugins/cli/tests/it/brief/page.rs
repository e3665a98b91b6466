//! The page: well-formed, complete in itself, and the same as Markdown.

use stormtag::Schema;

use super::reader::{html, markdown};
use super::{brief, events};

#[test]
fn the_page_says_what_markdown_says() {
    let folder = events::folder("brief-page");
    let file = events::enriched(&folder, Schema::Ecs, &events::events(Schema::Ecs));
    let file = file.to_str().unwrap();
    let page = html(&brief(&folder, &[file], b""));
    let text = markdown(&brief(&folder, &[file, "--format", "markdown"], b""));
    let tables = |all: Vec<super::reader::Table>| -> Vec<_> {
        all.into_iter().map(|of| (of.title, of.columns, of.rows)).collect()
    };
    let (page, text) = (tables(page), tables(text));
    assert_eq!(page.len(), text.len());
    for (page, text) in page.iter().zip(&text) {
        assert_eq!(page, text);
    }
    assert!(page.len() > 20, "{}", page.len());
}

#[test]
fn the_page_asks_for_nothing() {
    let folder = events::folder("brief-alone");
    let file = events::enriched(&folder, Schema::Ecs, &events::events(Schema::Ecs));
    let page = brief(&folder, &[file.to_str().unwrap(), "--title", "Week 10"], b"");
    assert!(page.contains("<title>Week 10</title>") && page.contains("<h1>Week 10</h1>"));
    for loads in
        ["<script", "<link", "<img", "<iframe", "<object", "src=", "@import", "url(", "@font-face", "xlink:", "<base"]
    {
        assert!(!page.contains(loads), "{loads}");
    }
    // What leads elsewhere is a link that somebody clicks on.
    for (at, _) in page.match_indices("http") {
        let before = &page[..at];
        let allowed = ["<a href=\"", "<span>", ">", "http-equiv", " "];
        assert!(
            allowed.iter().any(|end| before.ends_with(end)) || page[at..].starts_with("http-equiv"),
            "{}",
            &page[at - 40..at + 40]
        );
    }
    // Each chart has a name, and its numbers beside it.
    assert_eq!(page.matches("<svg class=\"chart").count(), 2);
    assert_eq!(page.matches("role=\"img\" aria-label=\"Bar chart: matches per day, ").count(), 2);
}

#[test]
fn a_file_is_written_whole_or_stays() {
    let folder = events::folder("brief-output");
    let old = folder.write("brief.html", "old");
    folder.write("events.ndjson", "{}\n");
    let run = |arguments: &[&str]| crate::program::code(&folder.run(arguments, b""));
    assert_eq!(run(&["brief", "events.ndjson", "-o", "events.ndjson"]), 2);
    assert_eq!(run(&["-c", "missing.toml", "brief", "events.ndjson", "-o", "brief.html"]), 2);
    assert_eq!(std::fs::read(&old).unwrap(), b"old");
    // What can be read is told, and what cannot.
    assert_eq!(run(&["brief", "missing.ndjson", "events.ndjson", "-o", "brief.html"]), 2);
    let page = std::fs::read_to_string(&old).unwrap();
    assert!(page.contains("missing.ndjson: No such file") && page.contains("<b>1</b>"), "{page}");
    assert!(!folder.path("brief.html.new").exists());
    assert_eq!(std::fs::read(folder.path("events.ndjson")).unwrap(), b"{}\n");
}
