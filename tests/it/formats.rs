//! Formats that are read whole or object by object, held to counts taken with other tools; and bytes that are none of them.

use std::fs;

use proptest::prelude::*;
use stormtag::{Defaults, Feed, Format, NotObservable, Reason, Record, Severity, Tlp};

use crate::data;
use crate::feeds::{by_kind, rejections};

fn defaults() -> Defaults {
    Record::new("test").into()
}

type Case = (&'static str, &'static [(&'static str, usize)], &'static [(Reason, u64)], u64);

const CONTEXT: Reason = Reason::NotForDetection;
const PART: Reason = Reason::Searched;

/// Kinds, rejections and what states no indicator: all that there is in the file, and no more.
fn check(cases: &[Case], total: impl Fn(&str) -> u64) {
    let Some(data) = data::folder("formats") else { return };
    for (name, kinds, rejected, passed) in cases {
        let path = data.join("feeds").join(name);
        let feed = Feed::open(&path, None, &defaults()).unwrap();
        assert_eq!(by_kind(&feed), kinds.iter().copied().collect(), "{name}: {:?}", feed.rejected.first());
        assert_eq!(rejections(&feed), *rejected, "{name}");
        assert_eq!(feed.passed.total(), *passed, "{name}");
        let found = feed.indicators.len() as u64 + feed.rejected.total() + feed.passed.total();
        assert_eq!(found, total(&crate::files::text(&path)), "{name}");
    }
}

/// Values of all attributes, joined ones for as many as their type names.
fn attribute_values(text: &str) -> u64 {
    fn walk(value: &serde_json::Value, count: &mut u64) {
        match value {
            serde_json::Value::Object(members) => {
                for (key, value) in members {
                    if key == "Attribute" {
                        for attribute in value.as_array().unwrap() {
                            *count += attribute["type"].as_str().unwrap().split('|').count() as u64;
                        }
                    }
                    walk(value, count);
                }
            }
            serde_json::Value::Array(elements) => elements.iter().for_each(|element| walk(element, count)),
            _ => {}
        }
    }
    let mut count = 0;
    walk(&serde_json::from_str(text).unwrap(), &mut count);
    count
}

// In python3, over [*Event.Attribute, *(a for o in Event.Object for a in o.Attribute)]:
// Counter((type, to_ids) for a in … for type in a.type.split('|')), where the port of `ip|port`, the name of `filename|hash`, and
// text, comment, link, port … without to_ids state nothing.
const MISP: &[Case] = &[
    ("eset/dukes__misp-dukes-operation-ghost-event.json.gz", &[], &[(CONTEXT, 87)], 14),
    (
        "eset/gelsemium__misp.event_2021-06-09_gelsemium-when-threat-actors-go-gardening.json.gz",
        &[("md5", 51), ("sha1", 51), ("sha256", 51)],
        &[],
        1,
    ),
    // 40 ip-dst and 4 halves of domain|ip
    (
        "eset/glupteba__glupteba.misp-event.json.gz",
        &[("domain", 274), ("ip", 44), ("registry_key", 1), ("sha1", 6)],
        &[],
        6,
    ),
    // two texts with to_ids
    (
        "eset/mozi__mozi.misp-event.json.gz",
        &[("md5", 21), ("sha1", 21), ("sha256", 21), ("url", 11)],
        &[(Reason::ForeignKind, 2), (CONTEXT, 5)],
        70,
    ),
    ("eset/oceanlotus__oceanlotus-wateringhole-2018.misp.event.json", &[], &[(CONTEXT, 122)], 2),
    ("eset/oceanlotus__oceanlotus.misp.event.json.gz", &[], &[(CONTEXT, 107)], 15),
    ("eset/sednit__2018-11-20_Zebrocy.json", &[], &[(CONTEXT, 28)], 19),
    ("eset/turla__misp-turla-powershell-event.json.gz", &[], &[(CONTEXT, 11)], 5),
    ("eset/winnti_group__gaming_supply_chain.misp_event.json", &[], &[(CONTEXT, 18)], 4),
    ("misp-feed/0dbb179a-1c8c-4e7c-a264-2440414dbac8.json", &[("domain", 20), ("sha256", 3)], &[], 0),
    ("misp-feed/24e799ca-aad8-4244-8005-90b3ceb44540.json", &[("domain", 9)], &[], 0),
    ("misp-feed/27dceb7d-92bd-4848-bfbd-8570e86de7de.json", &[("domain", 91), ("ip", 30)], &[], 0),
    (
        "misp-feed/2dc45085-7f6b-48ee-b726-400a326ad9b5.json",
        &[("domain", 31), ("ip", 8), ("sha256", 1), ("url", 2)],
        &[],
        0,
    ),
    ("misp-feed/339f715f-cce7-4769-99f9-9e76157f403f.json.gz", &[("domain", 458)], &[], 0),
    ("misp-feed/5e9c35b9-5e5c-4221-9e27-313127fc1f02.json", &[("domain", 205)], &[], 0),
    // one filename|sha256 has 71 digits and no bar
    (
        "misp-feed/68f58844-4aa6-4e1c-8ee5-cfb58eb6665e.json",
        &[("domain", 10), ("ip", 12), ("sha256", 6)],
        &[(Reason::Value(NotObservable::NotADigest), 1)],
        1,
    ),
    ("misp-feed/76f7a28c-8234-48d0-a296-dafd58699c10.json.gz", &[("domain", 1055)], &[], 0),
    ("misp-feed/9e1c2676-a131-46c1-8e28-e2ab8a0b3cb8.json.gz", &[("domain", 2142), ("ip", 2), ("url", 4)], &[], 0),
    ("misp-feed/aacc7574-34ba-40fa-b39c-b682cea1387b.json", &[("domain", 23), ("url", 5)], &[], 0),
    ("misp-feed/d8db83b5-2153-43c3-9b31-74e0977186b4.json.gz", &[("domain", 283)], &[], 0),
];

// Items by Counter((search, condition)) of xml.etree, those with an AND of several above them apart.
const OPENIOC: &[Case] = &[
    (
        "openioc/APT12__2384c8ce-6eca-4d06-8aa4-151b53d9a6bc.ioc",
        &[("domain", 2), ("email", 1), ("ip", 1), ("md5", 11)],
        &[(Reason::Conditional, 10)],
        0,
    ),
    (
        "openioc/APT17__7b9e87c5-b619-4a13-b862-0145614d359a.ioc",
        &[("domain", 2), ("ip", 11), ("md5", 10)],
        &[(Reason::ForeignKind, 2)],
        0,
    ),
    ("openioc/APT28__0ff58bf9-1c07-42f6-b135-b18c139f631a.ioc", &[("domain", 14)], &[], 0),
    (
        "openioc/APT28__a438caeb-96dd-4225-853c-fc5910980961.ioc",
        &[("file_name", 1)],
        &[(Reason::ForeignKind, 1), (PART, 1)],
        0,
    ),
    ("openioc/APT28__a6c6dbf0-d72a-4f07-8b11-55527aef4755.ioc", &[("file_name", 1)], &[(Reason::ForeignKind, 1)], 0),
    (
        "openioc/APT28__bdf7929c-3f0b-4fdd-bcc5-b4a82554ad92.ioc",
        &[("file_name", 1)],
        &[(Reason::ForeignKind, 1), (Reason::Conditional, 2)],
        0,
    ),
    (
        "openioc/APT28__e1cbf7ca-4938-4d3c-a7e6-3ff966516191.ioc",
        &[("domain", 4), ("file_name", 1), ("ip", 1), ("md5", 11)],
        &[(Reason::ForeignKind, 4), (Reason::Conditional, 15), (PART, 4)],
        0,
    ),
    ("openioc/APT3__62f65dae-9475-44b0-a9eb-c1baebbd9885.ioc", &[("domain", 5), ("ip", 2)], &[], 0),
    (
        "openioc/APT3__db0b6ac6-874a-498e-892b-ac7c2020e061.ioc",
        &[("domain", 5), ("file_path", 2), ("ip", 5), ("md5", 5)],
        &[(Reason::ForeignKind, 5), (Reason::Conditional, 3), (PART, 5)],
        0,
    ),
    // 61 Network/DNS and 58 Network/URI, three of them addresses; 15 rules of Snort and 3 strings
    ("eset/windigo__windigo.ioc", &[("domain", 116), ("ip", 3), ("sha1", 68)], &[(Reason::ForeignKind, 18)], 0),
];

const LOKI: &[Case] = &[
    // grep -v -e '^#' -e '^\s*$' $F: 1844, of which grep -cE '^[0-9.]+(;.*)?\s*$': 135
    ("signature-base/c2-iocs.txt.gz", &[("domain", 1709), ("ip", 135)], &[], 67),
    // awk -F';' '{print length($1)}' | sort | uniq -c
    ("signature-base/hash-iocs.txt.gz", &[("md5", 1039), ("sha1", 926), ("sha256", 1259)], &[], 133),
];

#[test]
fn misp_events() {
    check(MISP, attribute_values);
}

#[test]
fn openioc_documents() {
    check(OPENIOC, |text| text.matches("<IndicatorItem").count() as u64);
}

#[test]
fn loki_lists() {
    check(LOKI, |text| text.lines().count() as u64);
}

#[test]
fn a_folder_of_misp_events() {
    let Some(data) = data::folder("a_folder_of_misp_events") else { return };
    let feed = Feed::open(data.join("feeds/misp-feed"), None, &defaults()).unwrap();
    let events = MISP.iter().filter(|(name, ..)| name.starts_with("misp-feed/"));
    let single: usize = events.flat_map(|(_, kinds, ..)| kinds.iter().map(|(_, count)| count)).sum();
    assert_eq!(feed.indicators.len(), single);
    // jq length manifest.json: 46; ls | grep -vc manifest: 11
    let expected = [(Reason::Value(NotObservable::NotADigest), 1), (Reason::Missing, 35)];
    assert_eq!(rejections(&feed), expected);
    let error = Feed::open(data.join("feeds/eset"), None, &defaults()).unwrap_err().to_string();
    assert!(error.contains("a folder without manifest.json"), "{error}");
}

#[test]
fn context_is_kept_when_it_is_asked_for() {
    let Some(data) = data::folder("context_is_kept_when_it_is_asked_for") else { return };
    let defaults = Defaults { context: true, ..defaults() };
    let path = data.join("feeds/eset/dukes__misp-dukes-operation-ghost-event.json.gz");
    let feed = Feed::open(path, None, &defaults).unwrap();
    // 87 by the count above
    assert_eq!(feed.indicators.len() as u64 + feed.rejected.total(), 87);
    let record = &feed.indicators[0].record;
    assert_eq!((&*record.source, record.severity), ("ESET", Some(Severity::High)));
    assert_eq!((&*record.actors[0], record.techniques.len()), ("APT 29", 30)); // jq '[.response[0].Event.Tag[].name | select(contains("attack-pattern"))] | length'
    assert!(record.tags.iter().any(|tag| **tag == *"to_ids=false"));
}

/// A sample of ours for each format, with something broken in it.
fn samples() -> Vec<(Format, &'static str)> {
    vec![
        (Format::Plain, "# list\nevil.example\n203.0.113.0/24 ; x\n0.0.0.0 a.example\n"),
        (Format::Csv, "value,type,tags,confidence\nevil.example,domain,\"a,b\",50\n\"203.0.113.9\",ip,,high\n"),
        (Format::Tsv, "value\ttype\nevil.example\tdomain\n"),
        (Format::Zeek, "#fields\tindicator\tindicator_type\tmeta.source\n203.0.113.9\tIntel::ADDR\tx\n"),
        (Format::Maltrail, "# Maltrail developers\n# Reference: r\n\nevil.example\n/gate.php\n"),
        (
            Format::Misp,
            r#"{"response":[{"Event":{"info":"A","date":"2024-01-03","threat_level_id":"1","timestamp":"1704240000",
                "Orgc":{"name":"Org"},"Tag":[{"name":"tlp:amber"},{"name":"misp-galaxy:threat-actor=\"APT 29\""},{"name":7},8],
                "Galaxy":[{"type":"mitre-attack-pattern","GalaxyCluster":[{"type":"mitre-attack-pattern","value":"X - T1059.001"}]}],
                "Attribute":[
                    {"type":"domain|ip","value":"evil.example|203.0.113.9","to_ids":true,"category":"Network activity"},
                    {"type":"ip-dst|port","value":"203.0.113.10|443","to_ids":"1","first_seen":"2024-01-02T00:00:00Z"},
                    {"type":"filename|md5","value":"a|b.exe|d41d8cd98f00b204e9800998ecf8427e","to_ids":1,"comment":"c"},
                    {"type":"domain","value":"gone.example","to_ids":true,"deleted":true},
                    {"type":"link","value":"https://r.example/","category":"External analysis","to_ids":false},
                    {"type":"domain","value":"context.example","to_ids":false}, 7],
                "Object":[{"name":"file","first_seen":"soon","Attribute":[{"type":"sha1","to_ids":true,
                    "value":"da39a3ee5e6b4b0d3255bfef95601890afd80709","Tag":[{"name":"admiralty-scale:source-reliability=\"b\""}]}]}]}},
                {"Event":7}]}"#,
        ),
        (
            Format::Json,
            "{\"indicator\":{\"value\":\"evil.example\",\"type\":\"domain\"},\"tags\":[\"a\"]}\n{\"indicator\":7}\n7\n",
        ),
        (
            Format::OpenIoc,
            "<?xml version='1.0'?><ioc><short_description>A</short_description><definition><Indicator operator='OR'>\
             <IndicatorItem condition='is'><Context search='Network/DNS'/><Content>evil.example</Content></IndicatorItem>\
             <Indicator operator='AND'><IndicatorItem condition='is'><Context search='FileItem/Md5sum'/>\
             <Content>d41d8cd98f00b204e9800998ecf8427e</Content></IndicatorItem><IndicatorItem/></Indicator></Indicator>\
             </definition></ioc>",
        ),
        (Format::Loki, "# LOKI\nd41d8cd98f00b204e9800998ecf8427e;60;an empty file https://r.example/\nevil\\.dll;70\n"),
    ]
}

#[test]
fn an_event_of_ours_part_by_part() {
    let (format, text) = samples().remove(5);
    let feed =
        Feed::read(text.as_bytes(), "event.json", None, &Defaults { time_to_live: Some(10), ..defaults() }).unwrap();
    assert_eq!(Format::guess("event.json", text.as_bytes()), Some(format));
    let found: Vec<_> = feed.indicators.iter().map(|found| found.pattern.to_string()).collect();
    let (md5, sha1) = ("d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_eq!(found, ["evil.example", "203.0.113.9", "203.0.113.10", md5, sha1]);
    // The attribute and the event that are numbers.
    assert_eq!(rejections(&feed), [(Reason::Revoked, 1), (CONTEXT, 1), (Reason::Malformed, 2)]);
    assert_eq!(feed.passed.total(), 3); // a port, a name of a file, a link
    assert_eq!(feed.ignored.total(), 2, "{:?}", feed.ignored.first()); // a tag that is a number, a date

    let [first, second, third, last] = [0, 2, 3, 4].map(|at: usize| &feed.indicators[at].record);
    assert_eq!((&*first.source, first.tlp, first.severity), ("Org", Some(Tlp::Amber), Some(Severity::High)));
    assert_eq!((&*first.actors[0], &*first.techniques[0]), ("APT 29", "T1059.001"));
    assert_eq!(first.reference.as_deref(), Some("https://r.example/"));
    assert_eq!((first.role.as_deref(), first.description.as_deref()), (Some("Network activity"), Some("A")));
    assert_eq!((first.first_seen, first.valid_until), (Some(1_704_240_000), Some(1_704_240_010)));
    assert_eq!(second.first_seen, Some(1_704_153_600));
    assert_eq!(third.description.as_deref(), Some("A: c"));
    assert_eq!((first.confidence, last.confidence), (50, 75));
}

#[test]
fn events_may_follow_one_another_and_break_off() {
    let event =
        r#"{"Event":{"Attribute":[{"type":"domain","value":"evil.example","to_ids":true}],"ShadowAttribute":[{}]}}"#;
    let attributes =
        r#"{"response":{"Attribute":[{"type":"ip-src","value":"203.0.113.9","to_ids":true,"Event":{"info":"x"}}]}}"#;
    let text = format!("{event}\n{attributes}\n[{event}]\n{{\"Event\":");
    let feed = Feed::read(text.as_bytes(), "events.json", None, &defaults()).unwrap();
    assert_eq!(by_kind(&feed), [("domain", 2), ("ip", 1)].into());
    assert_eq!((rejections(&feed), feed.passed.total()), (vec![(Reason::BrokenOff, 1)], 2));
    let error = Feed::read(&text.as_bytes()[..40], "half.json", None, &defaults()).unwrap_err().to_string();
    assert!(error.starts_with("half.json:1: no MISP event: EOF"), "{error}");
}

#[test]
fn a_table_that_misp_exports() {
    let text = "uuid,event_id,category,type,value,comment,to_ids,date\n\
        u1,1,Network activity,domain|ip,evil.example|203.0.113.9,,1,20240103\n\
        u2,1,Payload delivery,filename|md5,a.exe|d41d8cd98f00b204e9800998ecf8427e,,1,20240103\n\
        u3,1,Network activity,domain,context.example,,0,20240103\n";
    let feed = Feed::read(text.as_bytes(), "misp.csv", None, &defaults()).unwrap();
    assert_eq!(by_kind(&feed), [("domain", 1), ("ip", 1), ("md5", 1)].into());
    assert_eq!(rejections(&feed), [(CONTEXT, 1)]);
}

#[test]
fn headers_of_well_known_exports_are_guessed() {
    let cases = [
        // URLhaus, ThreatFox, MalwareBazaar, Feodo Tracker
        (
            "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\"1\",\"2024-01-03 10:00:00\",\"http://evil.example/a\",\"online\",\"\",\"malware_download\",\"elf,mozi\",\"https://r.example/1\",\"x\"\n",
            "http://evil.example/a",
            ["elf", "mozi"],
        ),
        (
            "# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\"malware_alias\",\"malware_printable\",\"last_seen_utc\",\"confidence_level\",\"reference\",\"tags\",\"anonymous\",\"reporter\"\n\"2024-01-03 10:00:00\", \"1\", \"203.0.113.9:443\", \"ip:port\", \"botnet_cc\", \"win.x\", \"None\", \"X\", \"\", \"75\", \"https://r.example/\", \"a,b\", \"0\", \"x\"\n",
            "203.0.113.9",
            ["a", "b"],
        ),
    ];
    for (text, expected, tags) in cases {
        let feed = Feed::read(text.as_bytes(), "export.csv", None, &defaults()).unwrap();
        assert_eq!(feed.indicators[0].pattern.to_string(), expected, "{:?}", feed.rejected.first());
        let found: Vec<&str> = feed.indicators[0].record.tags.iter().map(|tag| &**tag).collect();
        assert!(tags.iter().all(|tag| found.contains(tag)), "{found:?}");
    }
    let bazaar = "# \"first_seen_utc\",\"sha256_hash\",\"md5_hash\",\"sha1_hash\",\"reporter\",\"file_name\",\"signature\"\n\
        \"2024-01-03 10:00:00\", \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\", \"d41d8cd98f00b204e9800998ecf8427e\", \"\", \"x\", \"a.exe\", \"X\"\n";
    let feed = Feed::read(bazaar.as_bytes(), "full.csv", None, &defaults()).unwrap();
    assert_eq!(by_kind(&feed), [("sha256", 1)].into());
    assert_eq!(&*feed.indicators[0].record.malware[0], "X");
}

#[test]
fn a_broken_event_spoils_no_other() {
    let folder = std::env::temp_dir().join(format!("stormtag-misp-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let event = r#"{"Event":{"info":"A","Attribute":[{"type":"domain","value":"evil.example","to_ids":true}]}}"#;
    for (name, text) in [
        ("manifest.json", r#"{"a-1":{},"b-2":{},"c-3":{},"../a-1":{},"d-4":{}}"#),
        ("a-1.json", event),
        ("b-2.json", "{\"Event\":"),
        ("c-3.json", "{}"),
        ("e-5.json", event),
        ("hashes.csv", "x"),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    let feed = Feed::open(&folder, None, &defaults()).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(feed.indicators.len(), 1);
    assert_eq!(rejections(&feed), [(Reason::Malformed, 3), (Reason::Missing, 1)]);
    assert_eq!(feed.passed.total(), 1); // e-5, which nobody lists
}

/// The sample with a piece cut out or put in.
fn mutated() -> impl Strategy<Value = (Format, Vec<u8>)> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..8),
        "[\\[\\]{}<>\"&;:,|\\\\/=a-z0-9 \n]{0,8}".prop_map(String::into_bytes),
    ];
    (prop::sample::select(samples()), any::<prop::sample::Index>(), 0..40usize, piece).prop_map(
        |((format, text), at, cut, piece)| {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, piece);
            (format, bytes)
        },
    )
}

proptest! {
    #[test]
    fn no_reader_panics((format, bytes) in mutated(), noise in prop::collection::vec(any::<u8>(), 0..200)) {
        for bytes in [bytes, noise] {
            for format in [None, Some(format)] {
                if let Ok(feed) = Feed::read(&bytes[..], "feed", format, &defaults()) {
                    // Whatever is taken prints and reads back.
                    for indicator in &feed.indicators {
                        prop_assert!(!indicator.pattern.to_string().is_empty());
                    }
                }
            }
        }
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(200_000), close.repeat(200_000));
    for text in [
        format!(
            "{{\"Event\":{{\"Attribute\":[{{\"type\":\"domain\",\"to_ids\":true,\"value\":{}}}]}}}}",
            deep("[", "]")
        ),
        format!("{{\"Event\":{{\"Attribute\":{}}}}}", deep("[", "]")),
        deep("{\"Event\":", "}"),
        deep("{\"response\":[", "]}"),
        deep("[{\"indicator\":", "}]"),
    ] {
        for format in [Format::Misp, Format::Json] {
            if let Ok(feed) = Feed::read(text.as_bytes(), "deep.json", Some(format), &defaults()) {
                assert!(feed.indicators.is_empty());
                assert!(feed.rejected.total() > 0);
            }
        }
    }
}
