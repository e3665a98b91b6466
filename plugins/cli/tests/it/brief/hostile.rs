//! Events that somebody made to do harm: nothing of them gets out of its cell, and nothing grows without bound.

use std::fmt::Write;

use serde_json::{Value, json};

use super::reader::{find, html, markdown};
use super::{brief, events};
use crate::program::{Folder, code, text};

/// An event as ECS has it, with this in every place that is told.
fn with(name: &Value) -> Value {
    json!({
        "@timestamp": "2024-03-04T00:00:00Z", "host": {"name": name}, "user": {"name": name}, "source": {"ip": "10.0.0.1",
            "geo": {"country_iso_code": name, "country_name": name}, "as": {"number": 1, "organization": {"name": name}}},
        "threat": {"enrichments": [{"indicator": {"type": name, "name": name, "provider": name}, "matched": {"atomic": name, "field": name},
            "stormtag": {"confidence": 7, "role": name, "known_as": {"list": name, "reason": name}, "attributions": [{"type": "campaign", "id": name, "name": name}]}}]},
        "stormtag": {
            "attributions": [{"type": "campaign", "id": name, "name": name, "confidence": 7, "targets": [name],
                "evidence": [{"indicator": name, "source": name, "strength": 7, "shared": name, "via": name}],
                "claims": [{"id": name, "by": name, "status": name, "confidence": 7}]}],
            "withheld": [{"source": name, "suppressed_by": {"list": name, "reason": name}}, {"source": name, "validity": name}],
        },
    })
}

#[test]
fn names_stay_names() {
    let folder = Folder::new("brief-names");
    let names = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</style></svg></table><h1>mine</h1>",
        "' onmouseover='alert(1)",
        "{{ 7 * 7 }}{% if %}",
        "| a | b |\n|---|---|\n# mine",
        "`code` ``more`` **bold** [link](javascript:alert(1)) ![image](http://evil.example/x.png)",
        "http://evil.example/ www.evil.example a@evil.example",
        "<!-- --> <![CDATA[ ]]> &lt;script&gt; &#60;",
        "\u{202e}gnp.exe\u{0}\u{1b}]0;title\u{7}\u{feff}",
        "日本語 🙂 e\u{301}",
        "-->",
    ];
    let mut lines = String::new();
    names.iter().for_each(|name| writeln!(lines, "{}", with(&json!(name))).unwrap());
    let page = brief(&folder, &["--title", names[0]], lines.as_bytes());
    let tables = html(&page);
    for markup in
        ["<script", "<img", "onerror=alert(1)>", "<h1>mine", "<!--", "<![CDATA[", "\u{202e}", "\u{0}", "\u{1b}"]
    {
        assert!(!page.contains(markup), "{markup}");
    }
    assert_eq!(page.matches("<h1>").count(), 1);
    // What could be shown is: as text.
    let shown = find(&tables, "Indicators", "By the number of matches").columns(&["Indicator", "Source"]);
    for name in names.iter().filter(|name| !name.contains(['\n', '\0'])) {
        assert!(shown.contains(&vec![(*name).to_owned(); 2]), "{name}: {shown:?}");
    }
    let text = brief(&folder, &["--format", "markdown", "--title", names[5]], lines.as_bytes());
    let told: Vec<_> = markdown(&text).into_iter().map(|of| (of.title, of.rows)).collect();
    assert_eq!(told, tables.into_iter().map(|of| (of.title, of.rows)).collect::<Vec<_>>());
    // Nothing is a link or an image but what the catalogue names.
    for event in pulldown_cmark::Parser::new_ext(&text, pulldown_cmark::Options::ENABLE_TABLES) {
        use pulldown_cmark::{Event, Tag};
        assert!(
            !matches!(
                event,
                Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Image { .. } | Tag::Link { .. })
            ),
            "{event:?}"
        );
    }
}

#[test]
fn whatever_comes_a_page_comes_out() {
    let folder = Folder::new("brief-hostile");
    let huge = "x".repeat(3 << 20);
    let deep = (0..100).fold(json!(1), |inner, at| if at % 2 == 0 { json!([inner]) } else { json!({"a.b": inner}) });
    let mut lines = String::new();
    for value in [
        json!(huge),
        json!(null),
        json!(7),
        json!(-1.5e300),
        json!(true),
        json!([]),
        json!({}),
        json!(""),
        json!(["a", ["b"]]),
        deep,
        json!({"threat": {"enrichments": "x"}}),
    ] {
        writeln!(lines, "{}", with(&value)).unwrap();
        for path in ["threat", "stormtag", "osint", "enrichments", "source", "host", "@timestamp", "time", "ts"] {
            writeln!(lines, "{}", json!({ path: value })).unwrap();
        }
    }
    for time in [
        "0",
        "-1",
        "1e18",
        "9223372036854775807",
        "-9223372036854775808",
        "1e999",
        "\"9999-12-31T23:59:59Z\"",
        "\"-009999-01-01T00:00:00Z\"",
        "\"1970-01-01\"",
    ] {
        writeln!(lines, "{{\"ts\":{time},\"stormtag\":{}}}", with(&json!("x"))["stormtag"]).unwrap();
        writeln!(lines, "{{\"ts\":{time},\"threat\":{}}}", with(&json!("x"))["threat"]).unwrap();
    }
    // Thousands of candidates in one event.
    let many: Vec<_> = (0..3000)
        .map(|at| json!({"type": "actor", "name": format!("actor {at}"), "confidence": 1, "evidence": []}))
        .collect();
    writeln!(lines, "{}", json!({"stormtag": {"attributions": many}})).unwrap();
    lines += "{\"a\":\n{}}\nnull\n\u{feff}{}\n";
    lines += &"[".repeat(200_000);
    let read = lines.lines().count();
    for form in ["html", "markdown"] {
        let text = brief(&folder, &["--format", form], lines.as_bytes());
        assert!(text.len() < 1 << 20, "{form}: {} bytes", text.len());
        let tables = if form == "html" { html(&text) } else { markdown(&text) };
        let told = find(&tables, "What was read", "What was read").columns(&["What", "Number"]);
        let number = |what: &str| {
            told.iter().find(|row| row[0] == what).map_or(0, |row| row[1].replace(',', "").parse::<usize>().unwrap())
        };
        assert_eq!(number("Lines"), read);
        let reasons = [
            "not JSON",
            "JSON that breaks off",
            "JSON, and no object",
            "nested deeper than 127",
            "longer than a line may be",
            "blank",
            "not UTF-8",
        ];
        let rejected: Vec<_> = reasons.iter().map(|reason| number(reason)).collect();
        assert_eq!(number("Events that count") + rejected.iter().sum::<usize>(), read, "{rejected:?}");
        assert!(rejected[..5].iter().all(|&count| count > 0), "{rejected:?}");
        assert!(number("Parts not as stormtag writes them") > 0);
    }
}

#[test]
fn tables_have_room_for_so_much_and_say_so() {
    let folder = events::folder("brief-limits");
    let mut lines = String::new();
    for at in 0..50 {
        for _ in 0..=at % 3 {
            writeln!(lines, "{}", with(&json!(format!("name {at}")))).unwrap();
        }
    }
    let text = brief(&folder, &["--format", "markdown", "--distinct", "10", "--rows", "4"], lines.as_bytes());
    let tables = markdown(&text);
    let hosts = find(&tables, "Own assets", "Hosts");
    assert_eq!(hosts.rows.len(), 4);
    let of_ten: u64 = (0..10).map(|at| at % 3 + 1).sum();
    let others = lines.lines().count() as u64 - of_ten;
    assert!(text.contains(&format!("6 more. Others, for which there was no room: {others} times.")), "{text}");
    assert!(text.contains("more than 10 indicators"), "{text}");
    assert!(text.contains("up to 10 different values"));
    // The numbers of events are those of all.
    let read = find(&tables, "What was read", "What was read").columns(&["What", "Number"]);
    assert!(read.contains(&vec!["Events that count".to_owned(), lines.lines().count().to_string()]));
    // Nothing is lost from the timeline.
    let all: usize = find(&tables, "Timeline", "Matches by time")
        .columns(&["All"])
        .iter()
        .map(|row| row[0].parse::<usize>().unwrap())
        .sum();
    assert_eq!(all, lines.lines().count());
}

#[test]
fn long_lines_are_counted() {
    let folder = Folder::new("brief-long");
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(3 << 20));
    let lines = format!("{{}}\n{long}{{}}\n{long}");
    let text = brief(&folder, &["--format", "markdown", "--longest-line", "1"], lines.as_bytes());
    let read = find(&markdown(&text), "What was read", "What was read").columns(&["What", "Number"]);
    for (what, number) in [("Lines", "4"), ("Events that count", "2"), ("longer than a line may be", "2")] {
        assert!(read.contains(&vec![what.to_owned(), number.to_owned()]), "{read:?}");
    }
}

#[test]
fn nothing_is_a_briefing_too() {
    let folder = Folder::new("brief-nothing");
    for form in ["html", "markdown"] {
        assert!(brief(&folder, &["--format", form], b"").contains("No event was read that belongs to the period."));
        assert!(brief(&folder, &["--format", form], b"{}\n").contains("Nothing matched in 1 event."));
    }
    let output = folder.run(&["brief", "--own", "x y"], b"");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("neither a network"), "{}", text(&output.stderr));
}
