//! What a briefing counts, jq counts as well.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use stormtag::{Catalog, Schema};

use super::reader::{Table, find, markdown};
use super::{brief, events, is_there};
use crate::program::{Folder, sample};

/// Rows of texts, made by jq of all events of a file.
fn jq(file: &Path, program: &str) -> Vec<Vec<String>> {
    // Every value by its path, whichever way its keys are spelled; and the matches of an event.
    let tools = r#"
        def flat: [paths(scalars) as $p | {key: ($p | map(tostring) | join(".")), value: getpath($p)}];
        def ours: [.threat.enrichments[]? | select(.stormtag)];
        def minute: if . == null then "no time" else .[0:10] + " " + .[11:16] end;
        def counted(f): group_by(f) | map([(.[0] | f), length]);
    "#;
    let output = Command::new("jq")
        .args(["-n", "-R", "-c"])
        .arg(format!("{tools} [inputs | fromjson? | objects] | {program} | .[] | map(tostring)"))
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}\n{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).unwrap();
    let mut rows: Vec<Vec<String>> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    rows.sort();
    rows
}

/// The rows of a table, without what makes numbers easy to read.
fn shown(table: &Table, columns: &[&str]) -> Vec<Vec<String>> {
    let mut rows = table.columns(columns);
    rows.iter_mut().flatten().for_each(|cell| *cell = cell.replace(',', ""));
    rows.sort();
    rows
}

/// The numbers at the head of a briefing, by their names.
fn figure(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("* **") && line.contains(&format!("** {name} ")));
    let line = line.unwrap_or_else(|| panic!("no figure {name} in {text}"));
    line.split("**").nth(1).unwrap().replace(',', "")
}

fn number(file: &Path, program: &str) -> String {
    jq(file, &format!("[[{program}]]"))[0][0].clone()
}

/// A briefing with all its rows.
fn whole(folder: &Folder, file: &Path) -> (String, Vec<Table>) {
    let text = brief(folder, &["--format", "markdown", "--rows", "1000", file.to_str().unwrap()], b"");
    let tables = markdown(&text);
    (text, tables)
}

#[test]
fn every_number_is_that_of_the_events() {
    if !is_there("jq") {
        return;
    }
    let folder = events::folder("brief-numbers");
    let file = events::enriched(&folder, Schema::Ecs, &events::events(Schema::Ecs));
    let (text, tables) = whole(&folder, &file);

    for (name, program) in [
        ("events", "length"),
        ("events matched", "map(select(ours != [])) | length"),
        ("matches", "map(ours | length) | add"),
        ("indicators met", "[.[] | ours[] | .indicator.name + \" \" + .indicator.provider] | unique | length"),
        ("named", "[.[] | .stormtag.attributions[]? | .type + (.id // .name)] | unique | length"),
    ] {
        assert_eq!(figure(&text, name), number(&file, program), "{name}");
    }
    let matches: u64 = figure(&text, "matches").parse().unwrap();
    assert!(matches > 100, "the sample has too little in it: {matches}");

    let compare = |heading: &str, title: &str, columns: &[&str], program: &str| {
        let expected = jq(&file, program);
        assert!(!expected.is_empty(), "nothing of {title}");
        assert_eq!(shown(find(&tables, heading, title), columns), expected, "{heading}: {title}");
    };
    compare(
        "Indicators",
        "By the number of matches",
        &["Indicator", "Source", "Matches", "Events", "First", "Last"],
        "[to_entries[] | .key as $event | .value | ours[] | {of: [.indicator.name, .indicator.provider], event: $event, at: .matched.occurred}]
         | group_by(.of) | map(.[0].of + [length, (map(.event) | unique | length), (map(.at) | min | minute), (map(.at) | max | minute)])",
    );
    compare(
        "Nobody",
        "Matches that speak of nobody",
        &["Indicator", "Source", "Matches"],
        "[.[] | ours[] | select((.stormtag.attributions // []) == []) | [.indicator.name, .indicator.provider]] | group_by(.) | map(.[0] + [length])",
    );
    // Campaigns and actors: what speaks for each.
    for (heading, name) in [
        ("KV Botnet Activity", "KV Botnet Activity"),
        ("Own Campaign", "Own Campaign"),
        ("Volt Typhoon", "Volt Typhoon"),
        ("Flax Typhoon", "Flax Typhoon"),
    ] {
        compare(
            heading,
            "What speaks for it",
            &["Indicator", "Source", "Events", "Strength"],
            &format!(
                "[.[] | .stormtag.attributions[]? | select(.name == \"{name}\") | .evidence[]] | group_by([.indicator, .source])
                 | map([.[0].indicator, .[0].source, length, (map(.strength) | max)])"
            ),
        );
        let told = jq(
            &file,
            &format!(
                "[.[] | . as $event | .stormtag.attributions[]? | select(.name == \"{name}\")
                 | {{confidence, at: $event[\"@timestamp\"], matches: ($event | ours | map(select(.stormtag.attributions[]?.name == \"{name}\")) | length)}}]
                 | [[length, (map(.matches) | add), (map(.at) | min | minute), (map(.at) | max | minute), (map(.confidence) | max)]]"
            ),
        );
        let [events, matches, first, last, confidence] = <[String; 5]>::try_from(told[0].clone()).unwrap();
        let sentence = format!(
            "Named in {events} events with {matches} matches, from {first} to {last} UTC; at most with {confidence} ("
        );
        assert!(text.contains(&sentence), "{sentence}");
    }
    // Two actors in one event are candidates of each other, and stay it.
    let both = number(
        &file,
        "map(select([.stormtag.attributions[]? | select(.type == \"actor\") | .name] | contains([\"Volt Typhoon\", \"Flax Typhoon\"]))) | length",
    );
    for (one, other) in [("Volt Typhoon", "Flax Typhoon"), ("Flax Typhoon", "Volt Typhoon")] {
        let rows = find(&tables, one, "Other candidates in the same events").columns(&["Actor", "Events"]);
        assert_eq!(rows, [[other.to_owned(), both.clone()]]);
    }
    compare(
        "Timeline",
        "Matches by time",
        &["From (UTC)", "All"],
        "[.[] | ours[] | .matched.occurred[0:10]] | counted(.)",
    );
    compare(
        "Timeline",
        "Matches by time",
        &[
            "From (UTC)",
            "KV Botnet Activity",
            "Own Campaign",
            "Volt Typhoon, by no campaign",
            "Flax Typhoon, by no campaign",
            "nobody",
        ],
        // A match of these events speaks for one at most, and an actor behind a campaign stands with the campaign.
        "[.[] | ours[] | {day: .matched.occurred[0:10], who: ((.stormtag.attributions // []) as $all
            | ([$all[] | select(.type == \"campaign\") | .name] + [$all[].name] + [\"nobody\"])[0])}]
         | group_by(.day) | map([.[0].day] + (map(.who) as $all
            | [\"KV Botnet Activity\", \"Own Campaign\", \"Volt Typhoon\", \"Flax Typhoon\", \"nobody\"]
            | map(. as $one | $all | map(select(. == $one)) | length)))",
    );
    for (title, column, key) in
        [("Hosts", "Host", "host.name"), ("Users", "User", "user.name"), ("Addresses", "Address", "source.ip")]
    {
        compare(
            "Own assets",
            title,
            &[column, "Events", "First", "Last"],
            &format!(
                "[.[] | select(ours != []) | {{at: .[\"@timestamp\"], of: (flat[] | select(.key == \"{key}\") | .value)}}] | group_by(.of)
                 | map([.[0].of, length, (map(.at) | min | minute), (map(.at) | max | minute)])"
            ),
        );
    }
    for (title, name, key) in [("Countries", "Code", "geo.country_iso_code"), ("Autonomous systems", "AS", "as.number")]
    {
        let prefix = if name == "AS" { "AS" } else { "" };
        compare(
            "Places",
            title,
            &[name, "Events matched", "All events"],
            &format!(
                "[.[] | (ours != []) as $matched | {{$matched, of: ([flat[] | select(.key | IN(\"source.{key}\", \"destination.{key}\")) | .value] | unique | .[])}}]
                 | group_by(.of) | map([\"{prefix}\\(.[0].of)\", (map(select(.matched)) | length), length])"
            ),
        );
    }
    compare(
        "What did not count",
        "Silenced by allow-lists",
        &["List", "Why", "Times"],
        "[.[] | .stormtag.withheld[]? | select(.suppressed_by) | [.suppressed_by.list, .suppressed_by.reason]] | group_by(.) | map(.[0] + [length])",
    );
    compare(
        "What did not count",
        "Not valid at the time of the event",
        &["Source", "Why", "Times"],
        "[.[] | .stormtag.withheld[]? | select(.validity) | [.source, .validity]] | group_by(.) | map(.[0] + [length])",
    );
    compare(
        "What did not count",
        "Known to lists that inform, and counted",
        &["List", "Why", "Times"],
        "[.[] | ours[] | .stormtag.known_as // empty | [.list, .reason]] | group_by(.) | map(.[0] + [length])",
    );
    let builtin: BTreeSet<_> =
        Catalog::builtin_indicators().indicators.iter().map(|one| one.record.source.replace(',', "")).collect();
    compare(
        "Feeds",
        "How old what they say is, the oldest first",
        &["Source", "Matches here"],
        // Sources that are not among the matches are in the configuration alone.
        &format!(
            "([.[] | ours[] | .indicator.provider] | counted(.)) + (({} + [\"Reef\", \"Shoal\"] - [.[] | ours[] | .indicator.provider]) | map([., 0]))",
            serde_json::to_string(&builtin).unwrap()
        ),
    );
}

#[test]
fn each_schema_is_told_alike() {
    let folder = events::folder("brief-schemas");
    let lines = events::events(Schema::Ecs);
    let told = |schema, lines: &str| whole(&folder, &events::enriched(&folder, schema, lines)).1;
    let ecs = told(Schema::Ecs, &lines);
    let native = told(Schema::Native, &lines);
    let ocsf = told(Schema::Ocsf, &events::events(Schema::Ocsf));
    let (mut rows, mut compared) = (0, 0);
    for table in &ecs {
        let others: Vec<_> = [&native, &ocsf].map(|all| find(all, &table.heading, &table.title)).into();
        // Schemas have words of their own for the kinds of indicators, events for their fields; OCSF has no names of countries.
        let same: Vec<_> = table
            .columns
            .iter()
            .map(String::as_str)
            .filter(|name| !matches!(*name, "Kind" | "Field" | "Country" | "Number" | "Note"))
            .collect();
        for other in others {
            assert_eq!(other.columns(&same), table.columns(&same), "{}: {}", table.heading, table.title);
            compared += 1;
            rows += table.rows.len();
        }
    }
    assert!(compared > 30 && rows > 100, "{compared} {rows}");
}

#[test]
fn the_sample_of_the_examples_is_counted_too() {
    if !is_there("jq") {
        return;
    }
    // What is built in, and nothing else.
    let folder = Folder::new("brief-sample");
    let lines = String::from_utf8(sample()).unwrap();
    let file = events::enriched(&folder, Schema::Ecs, &lines);
    let (text, tables) = whole(&folder, &file);
    assert_eq!(figure(&text, "events matched"), number(&file, "map(select(ours != [])) | length"));
    assert_eq!(figure(&text, "matches"), number(&file, "map(ours | length) | add"));
    let read = find(&tables, "What was read", "What was read").columns(&["What", "Number"]);
    let told = |what: &str| read.iter().find(|row| row[0] == what).map(|row| row[1].clone());
    assert_eq!(told("Lines"), Some(lines.lines().count().to_string()));
    assert_eq!(told("not JSON"), Some("1".to_owned()));
    assert_eq!(told("JSON, and no object"), Some("1".to_owned()));
    assert_eq!(told("Events that count"), Some(number(&file, "length")));
    // Who claims what stands in the catalogue: with a date, and denials too.
    let claims = find(&tables, "Volt Typhoon", "Who says so");
    let said = claims.columns(&["Date", "Who says so", "How"]);
    assert!(
        said.contains(&vec!["2024-02-07".into(), "CISA, NSA, FBI (government)".into(), "attributed".into()]),
        "{said:?}"
    );
    assert!(said.iter().any(|row| row[2] == "disputed"), "{said:?}");
    assert!(text.contains("It is disputed."), "{text}");
    // Weeks begin on Monday.
    let weeks = find(&tables, "Timeline", "Matches by time").columns(&["From (UTC)"]);
    assert!(weeks.len() > 2, "{weeks:?}");
}

#[test]
fn a_period_counts_what_is_in_it() {
    let folder = events::folder("brief-period");
    let file = events::enriched(&folder, Schema::Ecs, &events::events(Schema::Ecs));
    let file = file.to_str().unwrap();
    let told = |more: &[&str]| {
        let text = brief(&folder, &[&["--format", "markdown", file], more].concat(), b"");
        let read = find(&markdown(&text), "What was read", "What was read").columns(&["What", "Number"]);
        let number = |what: &str| -> u64 {
            read.iter().find(|row| row[0] == what).unwrap()[1].replace(',', "").parse().unwrap()
        };
        [number("Events that count"), number("Events before the period"), number("Events after the period")]
    };
    let all = told(&[]);
    assert_eq!(all, [1200, 0, 0]);
    let middle = "2024-03-06T12:00:00Z";
    let [first, _, after] = told(&["--to", middle]);
    let [second, before, _] = told(&["--from", middle]);
    assert_eq!((first + second, before, after), (1200, first, second));
    assert!(first > 300 && second > 300, "{first} {second}");
    // At the first second, before the last.
    assert_eq!(told(&["--from", "1709510400", "--to", "1709942400"]), [1200, 0, 0]);
    let output = folder.run(&["brief", "--from", middle, "--to", middle], b"");
    assert_eq!(crate::program::code(&output), 2);
}
