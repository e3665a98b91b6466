//! `stormtag.toml`: what it can say, and what it answers to mistakes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stormtag::{Config, Format, Kind, Limits, Mode, Preset, Schema, Severity, Site, Stamp, Tlp, WhenEmpty};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/stormtag.toml");

#[test]
fn the_sample_loads_and_finds() {
    let loaded = Config::open(SAMPLE).unwrap().load().unwrap();
    assert_eq!(loaded.report.warnings(), [""; 0]);
    let sample = loaded.report.sources().iter().find(|source| source.source() == "sample feed").unwrap();
    assert!(sample.given() == 14 && sample.accepted() >= 13, "{}", loaded.report);
    assert!(sample.file().unwrap().ends_with("data/feed.csv"));
    let mut worker = loaded.worker();
    let mut out = Vec::new();
    for (event, expected) in [
        (r#"{"ts":1705081509,"id.resp_h":"45.63.60.39"}"#, "Volt Typhoon"),
        (r#"{"ts":1705081509,"id.resp_h":"45.63.60.39"}"#, "Dallas"),
        (r#"{"query":"login.harvest-mail.example"}"#, "Example Harvest"),
    ] {
        out.clear();
        worker.enrich_json(event.as_bytes(), &mut out);
        assert!(String::from_utf8_lossy(&out).contains(expected), "{event}");
    }
}

/// Every key that the sample shows behind a `#` is one that there is.
#[test]
fn every_key_of_the_sample_is_read() {
    let text = std::fs::read_to_string(SAMPLE).unwrap();
    let mut keys = 0;
    let text: Vec<_> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || "_46".contains(c))) =>
            {
                keys += 1;
                // Neither may be with what the sample says beside them.
                if ["kind", "files", "preset"].contains(&rest.split(' ').next().unwrap()) { "" } else { rest }
            }
            _ => line,
        })
        .collect();
    assert!(keys > 25, "{keys}");
    let config = Config::parse(SAMPLE, &text.join("\n")).unwrap();
    let feed = &config.feeds[0];
    assert_eq!(feed.columns.as_ref().unwrap().actor.as_deref(), Some("who"));
    assert_eq!((feed.when_empty, feed.shrink), (Some(WhenEmpty::Error), Some(0.9)));
    assert_eq!(feed.defaults.time_to_live, Some(30 * 86_400));
    let default = Config::default();
    assert_eq!(config.limits, Limits { special_use: true, ..default.limits });
    assert_eq!((config.poll, config.debounce, config.cache), (default.poll, default.debounce, Some(65_536)));
    assert_eq!((config.shrink, config.shrink_from, config.when_empty), (0.5, 100, WhenEmpty::Warn));
    assert_eq!(config.time, Some(1_705_078_800));
    assert_eq!(
        (config.behaviours[0].source.as_deref(), &config.without[..]),
        (Some("own"), &["directory-queried".into()][..])
    );
}

#[test]
fn an_empty_file_is_the_built_in_catalogue() {
    let config = Config::parse("stormtag.toml", "").unwrap();
    assert_eq!(config.load().unwrap().report.accepted(), 122);
    let config = Config::parse("stormtag.toml", "[catalog]\nbuiltin = false").unwrap();
    assert!(!config.builtin_catalog && !config.builtin_indicators);
    assert_eq!(config.load().unwrap().report.accepted(), 0);
}

#[test]
fn every_value_arrives() {
    let text = r#"
        [[feed]]
        path = "sub/feed.txt"
        format = "PLAIN"
        kind = "domain-name"
        source = "s"
        confidence = 70
        severity = "High"
        tlp = "TLP:RED"
        actors = ["a"]
        campaigns = ["b", "c"]
        malware = ["d"]
        techniques = ["T1"]
        tags = ["t"]
        role = "r"
        description = "e"
        reference = "f"
        time_to_live = "1w 12h"
        context = true
        [[feed]]
        path = "/abs/*.csv"
        [[allow]]
        path = "allow.txt"
        mode = "inform"
        name = "n"
        reason = "why"
        [catalog]
        indicators = false
        files = ["x.toml"]
        [geo]
        databases = ["a.mmdb", "/b.mmdb"]
        [limits]
        shortest_v4 = 16
        shortest_v6 = 32
        special_use = true
        single_labels = true
        public_suffixes = true
        [events]
        fields = ["zeek"]
        cache = 0
        time = "2024-01-12"
        [site]
        sectors = ["Telecoms"]
        countries = ["Guam"]
        [output]
        schema = "native"
        stamp = "generation"
        [reload]
        when_empty = "ignore"
        shrink = "20%"
        shrink_from = 0
        debounce = "500ms"
        poll = "5m"
    "#;
    let config = Config::parse("/etc/stormtag/stormtag.toml", text).unwrap();
    let [feed, other] = &config.feeds[..] else { panic!() };
    assert_eq!(feed.path, Path::new("/etc/stormtag/sub/feed.txt"));
    assert_eq!((feed.format, feed.defaults.kind), (Some(Format::Plain), Some(Kind::Domain)));
    let record = &feed.defaults.record;
    assert_eq!((&*record.source, record.confidence), ("s", 70));
    assert_eq!((record.severity, record.tlp), (Some(Severity::High), Some(Tlp::Red)));
    let lists = [&record.actors, &record.campaigns, &record.malware, &record.techniques, &record.tags];
    assert_eq!(lists.map(|list| list.join(",")), ["a", "b,c", "d", "T1", "t"]);
    let texts = [&record.role, &record.description, &record.reference];
    assert_eq!(texts.map(|text| text.as_deref().unwrap()), ["r", "e", "f"]);
    assert_eq!((feed.defaults.time_to_live, feed.defaults.context), (Some(7 * 86_400 + 43_200), true));
    assert_eq!((&other.path, &other.format, other.defaults.record.confidence), (&"/abs/*.csv".into(), &None, 50));
    let allow = &config.allow[0];
    assert_eq!(
        (allow.mode, allow.name.as_deref(), allow.reason.as_deref()),
        (Some(Mode::Inform), Some("n"), Some("why"))
    );
    assert_eq!((config.builtin_catalog, config.builtin_indicators), (true, false));
    assert_eq!(config.catalogs, [PathBuf::from("/etc/stormtag/x.toml")]);
    assert_eq!(config.databases, [PathBuf::from("/etc/stormtag/a.mmdb"), "/b.mmdb".into()]);
    let limits =
        Limits { shortest_v4: 16, shortest_v6: 32, special_use: true, single_labels: true, public_suffixes: true };
    assert_eq!(config.limits, limits);
    assert_eq!((config.cache, config.time, config.schema), (Some(0), Some(1_705_017_600), Schema::Native));
    assert_eq!(config.stamp, Stamp::Generation);
    assert_eq!(config.site, Site::new(["Communications"], ["GU"]).unwrap());
    assert_eq!((config.when_empty, config.shrink, config.shrink_from), (WhenEmpty::Ignore, 0.2, 0));
    assert_eq!((config.debounce, config.poll), (Duration::from_millis(500), Duration::from_secs(300)));
}

#[test]
fn mistakes_are_told_with_their_line_and_what_was_expected() {
    let kinds = Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let formats = Format::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    let presets = Preset::all().iter().map(Preset::name).collect::<Vec<_>>().join(", ");
    let feed = "[[feed]]\npath = \"a\"\n";
    let cases = [
        ("feeds = 1", r#"1: unknown key "feeds"; did you mean "feed"?"#.into()),
        (
            "colour = 1",
            r#"1: unknown key "colour"; expected one of feed, allow, behaviours, catalog, geo, limits, events, site, output, reload"#
                .into(),
        ),
        ("feed = 1", "1: feed is 1; expected [[feed]]".into()),
        ("feed = [7]", "1: feed is 7; expected the table [[feed]]".into()),
        ("\n[[feed]]\nformat = \"csv\"", "2: [[feed]] needs the key path".into()),
        ("[[feed]]\npath = \"\"", "2: path is \"\"; expected a text".into()),
        ("[[feed]]\npath = \"a[\"", "2: path: not a pattern for files: invalid range pattern".into()),
        (&format!("{feed}formt = \"csv\""), r#"3: unknown key "formt" in [[feed]]; did you mean "format"?"#.into()),
        (
            &format!("{feed}format = \"cvs\""),
            format!(r#"3: format is "cvs"; expected one of {formats}; did you mean "csv"?"#),
        ),
        (
            &format!("{feed}kind = \"domian\""),
            format!(r#"3: kind is "domian"; expected one of {kinds}; did you mean "domain"?"#),
        ),
        (
            &format!("{feed}confidence = \"high\""),
            r#"3: confidence is "high"; expected a whole number from 0 to 100"#.into(),
        ),
        (&format!("{feed}confidence = 101"), "3: confidence is 101; expected a whole number from 0 to 100".into()),
        (&format!("{feed}confidence = -1"), "3: confidence is -1; expected a whole number from 0 to 100".into()),
        (&format!("{feed}confidence = 0.5"), "3: confidence is 0.5; expected a whole number from 0 to 100".into()),
        (&format!("{feed}tags = \"x\""), r#"3: tags is "x"; expected a list of texts"#.into()),
        (&format!("{feed}tags = [\n\"x\",\n7]"), "5: tags is 7; expected a text".into()),
        (
            &format!("{feed}time_to_live = \"soon\""),
            r#"3: time_to_live is "soon"; expected a duration, such as "30d", "12h", "90s" or "500ms""#.into(),
        ),
        (
            &format!("{feed}time_to_live = 30"),
            r#"3: time_to_live is 30; expected a duration, such as "30d", "12h", "90s" or "500ms""#.into(),
        ),
        (
            &format!("{feed}time_to_live = \"-1d\""),
            r#"3: time_to_live is "-1d"; expected a duration, such as "30d", "12h", "90s" or "500ms""#.into(),
        ),
        (
            &format!("{feed}columns = {{ actor = \"x\" }}"),
            "3: columns needs the key value: the column of the indicators".into(),
        ),
        (
            &format!("{feed}format = \"plain\"\ncolumns = {{ value = \"x\" }}"),
            "4: columns: only tables and JSON have columns; the format must be csv, tsv or json, or left out".into(),
        ),
        (
            &format!("{feed}columns = {{ value = \"x\", akctor = \"y\" }}"),
            r#"3: unknown key "akctor" in columns; did you mean "actor"?"#.into(),
        ),
        (
            &format!("{feed}preset = \"urlhouse\""),
            format!(r#"3: preset is "urlhouse"; expected one of {presets}; did you mean "urlhaus"?"#),
        ),
        (
            &format!("{feed}preset = \"urlhaus\"\ncolumns = {{ value = \"x\" }}"),
            "3: preset: says which the columns are; leave out either it or columns".into(),
        ),
        (
            &format!("{feed}preset = \"urlhaus\"\nformat = \"json\""),
            "3: preset: only tables have presets; the format must be csv or tsv, or left out".into(),
        ),
        (&format!("{feed}shrink = 2"), r#"3: shrink is 2; expected a share from 0 to 1, or as "50%""#.into()),
        (
            "[[allow]]\npath = \"a\"\nmode = \"silence\"",
            r#"3: mode is "silence"; expected one of suppress, inform"#.into(),
        ),
        ("[catalog]\nbuiltin = \"yes\"", r#"2: builtin is "yes"; expected true or false"#.into()),
        ("catalog = true", "1: catalog is true; expected the table [catalog]".into()),
        ("[geo]\ndatabase = []", r#"2: unknown key "database" in [geo]; did you mean "databases"?"#.into()),
        ("[limits]\nshortest_v4 = 33", "2: shortest_v4 is 33; expected a whole number from 0 to 32".into()),
        (
            "[events]\nfields = [\"zek\"]",
            r#"2: fields is "zek"; expected one of ecs, zeek, suricata, flow, sysmon, ocsf, cloudtrail, kubernetes, dns, web; did you mean "zeek"?"#.into(),
        ),
        ("[events]\ntime = \"now\"", r#"2: time is "now"; expected a date, such as 2024-01-12T17:00:00Z"#.into()),
        ("[site]\ncountries = [\"Atlantis\"]", r#"1: [site] "Atlantis" is no country; expected an ISO 3166-1 alpha-2 code or a name"#.into()),
        ("[output]\nschema = \"splunk\"", r#"2: schema is "splunk"; expected one of ecs, ocsf, native"#.into()),
        ("[output]\nstamp = \"time\"", r#"2: stamp is "time"; expected one of nothing, generation"#.into()),
        (
            "[reload]\nwhen_empty = \"warning\"",
            r#"2: when_empty is "warning"; expected one of error, warn, ignore"#.into(),
        ),
        ("[reload]\npoll = \"1ms\"", r#"2: poll is "1ms"; expected at least "10ms""#.into()),
        ("[reload]\npoll = \"60s\"\npoll = \"5s\"", "3: duplicate key".into()),
        ("[reload", "1: unclosed table, expected `]`".into()),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let found = Config::parse("stormtag.toml", text).expect_err(text).to_string();
        if found != format!("stormtag.toml:{expected}") {
            wrong.push(format!("{text}\n  found    {found}\n  expected stormtag.toml:{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_preset_says_what_the_entry_does_not() {
    let folder = crate::reload::Folder::new("preset");
    folder.write("a.csv", "# Firstseen,DstIP,DstPort\n2024-01-12 17:00:00,198.51.101.9,443\n");
    let text = "[[feed]]\npath = \"a.csv\"\npreset = \"SSLBL-IPs\"\n[[feed]]\npath = \"a.csv\"\npreset = \"sslbl-ips\"\n\
        source = \"ours\"\nrole = \"proxy\"\nkind = \"ip\"\nconfidence = 90\n";
    let loaded = Config::parse(folder.path("stormtag.toml"), text).unwrap().load().unwrap();
    let mut worker = loaded.worker();
    let finding = worker.look_up(Kind::Ip, "198.51.101.9").unwrap();
    let mut said: Vec<_> =
        finding.matches().map(|found| (&*found.record().source, found.record().role.as_deref())).collect();
    said.sort_unstable();
    assert_eq!(said, [("SSLBL", Some("C2")), ("ours", Some("proxy"))]);
}

#[test]
fn long_and_broken_values_are_cut() {
    let text = format!("[[feed]]\npath = \"a\"\nformat = \"{}\"", "ü".repeat(10_000));
    let error = Config::parse("stormtag.toml", &text).unwrap_err().to_string();
    assert!(error.len() < 400 && error.contains("üüü"), "{error}");
    let nested = format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Config::parse("stormtag.toml", &nested).is_err());
}

#[test]
fn behaviours_of_a_configuration() {
    let folder = crate::reload::Folder::new("behaviours");
    let one = |id: &str| {
        format!(
            "[[behaviour]]\nid = \"{id}\"\nname = \"{id}\"\nall = [{{ field = \"command_line\", contains = \"xyzzy\" }}]\n"
        )
    };
    folder.write("a.toml", one("a"));
    folder.write("b.toml", one("b") + &one("c") + "[[behaviour]]\nid = \"d\"\nname = \"d\"\n");
    let text =
        "[catalog]\nbuiltin = false\nwithout = [\"b\", \"nope\"]\n[[behaviours]]\npath = \"?.toml\"\nsource = \"ours\"";
    let config = Config::parse(folder.path("stormtag.toml"), text).unwrap();
    let loaded = config.load().unwrap();
    let of_source = &loaded.report.behaviours()[0];
    assert_eq!((&*of_source.source, of_source.accepted, of_source.rejected.total()), ("ours", 2, 1));
    assert!(loaded.report.warnings()[0].contains("\"nope\""), "{:?}", loaded.report.warnings());
    assert!(loaded.report.to_string().contains("behaviours of ours: 2"), "{}", loaded.report);
    let mut worker = loaded.worker();
    let event = serde_json::json!({"CommandLine": "xyzzy"});
    let found: Vec<_> = worker
        .enrich(&event)
        .sightings()
        .iter()
        .flat_map(|one| one.matches())
        .map(|one| one.indicator().into_owned())
        .collect();
    assert_eq!(found, ["a", "c"]);
    folder.write("a.toml", "[[behaviour]]\nid = 1\n");
    let error = config.load().unwrap_err().to_string();
    assert!(error.contains("a.toml:2"), "{error}");
    let error = Config::parse("s.toml", "[[behaviours]]\nsource = \"x\"").unwrap_err().to_string();
    assert!(error.contains("path"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    for text in [
        "[[feed]]\npath = \"missing\"",
        "[[allow]]\npath = \"missing\"",
        "[geo]\ndatabases = [\"missing\"]",
        "[catalog]\nfiles = [\"missing\"]",
        "[[behaviours]]\npath = \"missing\"",
    ] {
        let error = Config::parse("/nowhere/stormtag.toml", text).unwrap().load().unwrap_err();
        assert!(error.is_io() && error.path() == Path::new("/nowhere/missing"), "{error}");
    }
    let error = Config::parse("/nowhere/stormtag.toml", "[events]\nfields = [\"own.fields\"]").unwrap_err();
    assert!(error.is_io() && error.path() == Path::new("/nowhere/own.fields"), "{error}");
}

#[test]
fn an_empty_feed_is_what_the_configuration_says() {
    let folder = crate::reload::Folder::new("empty");
    folder.write("feed.txt", "???\n");
    let load = |policy: &str, path: &str| {
        let text = format!("[catalog]\nbuiltin = false\n[[feed]]\npath = \"{path}\"\nwhen_empty = \"{policy}\"");
        Config::parse(folder.path("stormtag.toml"), &text).unwrap().load()
    };
    let feed = folder.path("feed.txt").display().to_string();
    let what = "gives no indicator; 1 lines were rejected or refused";
    assert_eq!(load("error", "feed.txt").unwrap_err().to_string(), format!("{feed}: {what}"));
    assert_eq!(load("warn", "feed.txt").unwrap().report.warnings(), [format!("{feed}: {what}")]);
    assert_eq!(load("ignore", "feed.txt").unwrap().report.warnings(), [""; 0]);
    let error = load("error", "*.csv").unwrap_err().to_string();
    assert!(error.ends_with("*.csv: no such file, so no indicator"), "{error}");
}
