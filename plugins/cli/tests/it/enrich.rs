//! Lines in, enriched lines out, in their order.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use stormtag::{Config, Schema};

use crate::program::{EXAMPLES, Folder, code, sample, summary, text, with_sample};

/// What the library makes of the same lines.
fn expected(lines: &[u8], schema: Schema) -> Vec<u8> {
    let mut config = Config::open(format!("{EXAMPLES}/stormtag.toml")).unwrap();
    config.schema = schema;
    let (mut worker, mut out) = (config.load().unwrap().worker(), Vec::new());
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        worker.enrich_json(line, &mut out);
    }
    out
}

fn enriched(folder: &Folder, more: &[&str], input: &[u8]) -> std::process::Output {
    let [option, path] = &with_sample();
    let arguments = [&[&**option, path, "enrich", "--summary", "json"], more].concat();
    folder.run(&arguments, input)
}

#[test]
fn every_line_comes_out_in_its_order() {
    let folder = Folder::new("order");
    // Several blocks, each line another.
    let mut input = Vec::new();
    for number in 0..600 {
        input.extend(sample());
        writeln!(input, "{{\"number\":{number},\"destination\":{{\"ip\":\"45.63.60.39\"}}}}").unwrap();
    }
    for threads in ["1", "2", "7"] {
        let output = enriched(&folder, &["--threads", threads], &input);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        assert!(output.stdout == expected(&input, Schema::Ecs), "with {threads} threads the lines are others");
        let told = summary(&output);
        let lines = input.split_inclusive(|&byte| byte == b'\n').count();
        assert_eq!(told["counters"]["events"], lines);
        let actors: Vec<_> = told["attributed"].as_array().unwrap().iter().map(|of| &of["name"]).collect();
        assert_eq!(actors[0], "Volt Typhoon");
    }
}

#[test]
fn files_are_read_one_after_the_other_and_none_is_lost_for_another() {
    let folder = Folder::new("files");
    let events = sample();
    let cut = events.len() - usize::from(events.ends_with(b"\n"));
    folder.write("first.ndjson", &events[..cut]);
    folder.write("second.ndjson", b"no JSON");
    let out = folder.path("out.ndjson");
    let files = ["first.ndjson", "missing.ndjson", "-", "second.ndjson", "--schema", "native", "-o", "out.ndjson"];
    let output = enriched(&folder, &files, b"{\"ip\":\"45.63.60.39\"}\n");
    let all = [&events[..cut], b"\n{\"ip\":\"45.63.60.39\"}\nno JSON"].concat();
    assert!(std::fs::read(&out).unwrap() == expected(&all, Schema::Native));
    assert_eq!((code(&output), &*output.stdout), (2, &b""[..]));
    assert!(text(&output.stderr).contains("missing.ndjson: No such file"), "{}", text(&output.stderr));
}

#[test]
fn the_output_is_no_input() {
    let folder = Folder::new("same");
    let file = folder.write("events.ndjson", "{}\n");
    let output = enriched(&folder, &["events.ndjson", "-o", "./events.ndjson"], b"");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("is an input too"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(file).unwrap(), b"{}\n");
}

#[test]
fn fields_and_schema_of_the_command_line_go_first() {
    let folder = Folder::new("fields");
    folder.write("own.fields", "peer ip destination\n");
    let event = b"{\"peer\":\"45.63.60.39\",\"destination\":{\"ip\":\"45.63.60.39\"}}\n";
    let output = enriched(&folder, &["--fields", "own.fields", "--schema", "native"], event);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let fields: Vec<_> = told["stormtag"]["matches"].as_array().unwrap().iter().map(|of| &of["field"]).collect();
    assert_eq!(fields, ["peer"]);
    let output = enriched(&folder, &["--fields", "missing"], event);
    assert_eq!(code(&output), 2, "{output:?}");
    assert_eq!(output.stdout, b"");
}

#[test]
fn raw_text_becomes_events() {
    let folder = Folder::new("text");
    let input = b"Jan 12 17:45:09 gw sshd: from 45.63.60.39\n\n\xff nothing\r\nlast";
    let output = enriched(&folder, &["--text"], input);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["Jan 12 17:45:09 gw sshd: from 45.63.60.39", "", "\u{FFFD} nothing", "last"]);
    assert_eq!(lines[0]["threat"]["enrichments"][0]["indicator"]["ip"], "45.63.60.39");
    assert_eq!(summary(&output)["counters"]["events_matched"], 1);
}

#[test]
fn lines_that_are_too_long_pass_in_pieces() {
    let folder = Folder::new("long");
    let known = b"{\"destination\":{\"ip\":\"45.63.60.39\"}}\n";
    let long = [&b"{\"destination\":{\"ip\":\"45.63.60.39\"},\"x\":\""[..], &vec![b'x'; 5 << 20], b"\"}\n"].concat();
    for input in [
        [known, &long[..], known].concat(),
        [&long[..], &long, known].concat(),
        [known, &long[..long.len() - 1]].concat(),
        [&long[..], known].concat(),
    ] {
        let output = enriched(&folder, &["--longest-line", "1"], &input);
        let mut short = Vec::new();
        for line in input.split_inclusive(|&byte| byte == b'\n') {
            short.extend(if line.len() > 1 << 20 { line.to_vec() } else { expected(line, Schema::Ecs) });
        }
        assert!(output.stdout == short, "{}", output.stdout.len());
        let told = summary(&output);
        let lines = input.split(|&byte| byte == b'\n').filter(|line| line.len() > 1 << 20).count();
        assert_eq!(told["long_lines"], lines);
        assert!(told["pieces"].as_u64().unwrap() > 2 * lines as u64);
        // By default it is not too long.
        let output = enriched(&folder, &[], &input);
        assert!(output.stdout == expected(&input, Schema::Ecs));
        assert_eq!(summary(&output)["long_lines"], 0);
    }
}

#[test]
fn what_changes_is_seen_if_it_is_asked_for() {
    let folder = Folder::new("watch");
    folder.write("feed.csv", "ip,source\n198.51.100.9,ours\n");
    let settings = "[limits]\nspecial_use = true\n[reload]\ndebounce = \"0s\"\npoll = \"100ms\"\n";
    folder.write("stormtag.toml", format!("[[feed]]\npath = \"feed.csv\"\n{settings}"));
    let mut child = folder
        .stormtag(["enrich", "--watch", "--summary", "none"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut ask = |is_known: bool| {
        input.write_all(b"{\"source\":{\"ip\":\"198.51.100.7\"}}\n").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line.contains("threat"), is_known, "{line}");
    };
    // A line comes out before the next goes in: nothing waits for a block to fill.
    ask(false);
    folder.write("feed.csv", "ip,source\n198.51.100.7,ours\n");
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("published"), "{line}");
    ask(true);
    drop(input);
    assert!(child.wait().unwrap().success());
}
