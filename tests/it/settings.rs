//! A `stormtag.toml` that changes while a worker enriches: it takes effect, or is refused and all stays.

use std::fs;

use stormtag::{Config, Kind, Outcome, Reloader, Schema, Worker};

use crate::reload::{Folder, SETTINGS, failed, knows, list, published, unchanged, under_traffic};

/// A reloader that has opened its configuration from the folder.
fn opened(folder: &Folder, entries: &str) -> Reloader {
    folder.write("stormtag.toml", format!("{entries}\n{SETTINGS}"));
    Config::open(folder.path("stormtag.toml")).unwrap().reloader().unwrap()
}

#[test]
fn a_changed_configuration_takes_effect_or_is_refused() {
    let folder = Folder::new("configuration");
    folder.write("a.txt", list("a", 20));
    folder.write("b.txt", list("b", 20));
    let feed = "[[feed]]\npath = \"a.txt\"\n";
    let mut reloader = opened(&folder, feed);
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    let write = |entries: &str| folder.write("stormtag.toml", format!("{entries}\n{SETTINGS}"));
    under_traffic(&live, || {
        unchanged(&reloader.check());
        // Another feed, and another confidence for the first, whose file has not changed.
        write(&format!("{feed}confidence = 90\n[[feed]]\npath = \"b.txt\"\n"));
        published(&reloader.check());
        assert!(knows(&mut worker, "n7.b.example") && reloader.config().feeds.len() == 2);
        let finding = worker.look_up(Kind::Domain, "n7.a.example").unwrap();
        assert_eq!(finding.matches().next().unwrap().record().confidence, 90);
        // What is wrong changes nothing, and is told until it is right.
        for (text, says) in [
            ("[[feed]]\npaht = \"a.txt\"", "stormtag.toml:1: [[feed]] needs the key path"),
            ("[[feed]]\npath = \"missing.txt\"", "missing.txt"),
            ("[events]\nfields = [\"missing.fields\"]", "missing.fields"),
        ] {
            write(text);
            failed(&reloader.check(), says);
            failed(&reloader.check(), says);
            assert!(knows(&mut worker, "n7.b.example") && reloader.config().feeds.len() == 2);
        }
        // A feed taken out is a loss as any other.
        write(feed);
        published(&reloader.check());
        write("");
        assert!(matches!(reloader.check(), Outcome::Shrunken { old: 21, new: 0, .. }));
        assert!(knows(&mut worker, "n7.a.example"));
        fs::remove_file(folder.path("stormtag.toml")).unwrap();
        failed(&reloader.check(), "stormtag.toml");
        assert!(knows(&mut worker, "n7.a.example"));
        write(feed);
        unchanged(&reloader.check());
    });
}

#[test]
fn workers_of_a_configuration_follow_it() {
    let folder = Folder::new("settings");
    folder.write("a.txt", list("a", 20));
    folder.write("own.fields", "client ip source\nwhen time\n");
    let feed = "[[feed]]\npath = \"a.txt\"\n";
    let mut reloader = opened(&folder, feed);
    let live = reloader.live().clone();
    let (mut worker, mut by_hand) = (reloader.worker(), live.worker());
    let write = |entries: &str| folder.write("stormtag.toml", format!("{feed}{entries}\n{SETTINGS}"));
    let enrich = |worker: &mut Worker| {
        let mut out = Vec::new();
        worker.enrich_json(br#"{"query":"n7.a.example","client":"n7.a.example"}"#, &mut out);
        String::from_utf8(out).unwrap()
    };
    write("[output]\nschema = \"native\"\nstamp = \"generation\"\n");
    published(&reloader.check());
    let stamp = format!("\"generation\":\"{}\"", live.generation());
    let out = enrich(&mut worker);
    assert!(out.contains("\"matches\"") && out.contains(&stamp), "{out}");
    let out = enrich(&mut by_hand);
    assert!(out.contains("\"threat\"") && !out.contains(&stamp), "set up by hand: {out}");
    // What a host sets himself stays.
    worker.set_clock(Some(7));
    write("[events]\nfields = [\"own.fields\"]\n");
    published(&reloader.check());
    assert!(!enrich(&mut worker).contains("threat"), "the query is in no map any more");
    assert_eq!(worker.enrich(&serde_json::json!({})).time(), Some(7));
    // The field map itself.
    folder.write("own.fields", "client domain\n");
    published(&reloader.check());
    assert!(enrich(&mut worker).contains("threat"));
    folder.write("own.fields", "client doman\n");
    failed(&reloader.check(), "own.fields:1");
    assert!(enrich(&mut worker).contains("threat"));
    folder.write("own.fields", "client domain\n");
    unchanged(&reloader.check());
}

#[test]
fn what_the_host_has_changed_stays_where_the_file_says_what_it_said() {
    let folder = Folder::new("host");
    folder.write("a.txt", list("a", 20));
    let feed = "[[feed]]\npath = \"a.txt\"\n";
    folder.write("stormtag.toml", format!("{feed}{SETTINGS}"));
    let mut config = Config::open(folder.path("stormtag.toml")).unwrap();
    (config.time, config.shrink) = (Some(1_700_000_000), 0.9);
    // Changed before anything was read.
    folder.write("stormtag.toml", format!("{feed}confidence = 80\n{SETTINGS}"));
    let mut reloader = config.reloader().unwrap();
    assert_eq!(reloader.config().feeds[0].defaults.record.confidence, 80);
    unchanged(&reloader.check());
    folder.write("stormtag.toml", format!("{feed}{SETTINGS}shrink = 0.2\n"));
    published(&reloader.check());
    let config = reloader.config();
    assert_eq!((config.time, config.shrink), (Some(1_700_000_000), 0.2));
    assert_eq!(config.feeds[0].defaults.record.confidence, 50);
    // A text is no file.
    let text = format!("{feed}{SETTINGS}");
    let mut reloader = Config::parse(folder.path("stormtag.toml"), &text).unwrap().reloader().unwrap();
    folder.write("stormtag.toml", "?");
    unchanged(&reloader.check());
}

#[test]
fn a_worker_made_late_is_set_up_as_the_file_says_by_then() {
    let folder = Folder::new("late");
    folder.write("a.txt", list("a", 20));
    let feed = "[[feed]]\npath = \"a.txt\"\n";
    let mut reloader = opened(&folder, feed);
    let (live, mut config) = (reloader.live().clone(), reloader.config().clone());
    folder.write("stormtag.toml", format!("{feed}[output]\nschema = \"native\"\n{SETTINGS}"));
    published(&reloader.check());
    assert_eq!(config.worker(&live).schema(), Schema::Native);
    // What the host has changed stays.
    config.time = Some(7);
    let mut worker = config.worker(&live);
    assert_eq!((worker.schema(), worker.enrich(&serde_json::json!({})).time()), (Schema::Native, Some(7)));
}
