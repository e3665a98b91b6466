//! The extractor against its twin, and at the boundaries that people see.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use stormtag::{Extractor, Observable};

use crate::data;
use crate::twin::{Hit, all, knows_letters_of, naive};

fn fast(text: &[u8]) -> Vec<Hit> {
    all(&Extractor::new(), text)
}

/// All files of events, whole: raw lines of text and of JSON.
fn event_files(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(data.join("events")).unwrap().map(|entry| entry.unwrap().path()) {
        if folder.is_dir() {
            files.extend(std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    files.sort();
    assert!(files.len() > 80, "{}", files.len());
    files.into_iter().map(|path| (path.clone(), unpacked(&path))).collect()
}

fn unpacked(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_none_or(|suffix| suffix != "gz") {
        return bytes;
    }
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::bufread::MultiGzDecoder::new(&bytes[..]), &mut text).unwrap();
    text
}

#[test]
fn agrees_with_the_twin_on_all_real_events() {
    let Some(data) = data::folder("agrees_with_the_twin_on_all_real_events") else { return };
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, text) in event_files(&data) {
        for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let (fast, slow) = (fast(line), naive(line));
            count += fast.len();
            if fast != slow && wrong.len() < 20 {
                let other =
                    |of: &[Hit], than: &[Hit]| of.iter().filter(|hit| !than.contains(hit)).cloned().collect::<Vec<_>>();
                wrong.push(format!(
                    "{}:{}: fast {:?}, slow {:?}",
                    path.display(),
                    number + 1,
                    other(&fast, &slow),
                    other(&slow, &fast)
                ));
            }
        }
        let (fast, slow) = (fast(&text[..text.len().min(200_000)]), naive(&text[..text.len().min(200_000)]));
        assert!(fast == slow, "{} as a whole", path.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100_000, "{count}");
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => "[.:@/_+%\\\\\"'()\\[\\]=*, \n-]{1,3}",
        4 => "[0-9a-fA-F]{1,5}",
        3 => "[a-z]{1,4}",
        2 => "[0-9]{1,3}(\\.[0-9]{1,3}){1,5}",
        2 => "([0-9a-f]{1,4}:){1,8}(:)?[0-9a-f]{0,4}",
        1 => "[ü例“…éА]",
        1 => "([0-9a-f]{32}|[0-9A-F]{40}|[0-9a-f]{64}|[0-9a-f]{128}|[0-9a-f]{33})",
    ];
    let fragment = prop::sample::select(vec![
        "http://",
        "https://",
        "hxxp://",
        "http:\\/\\/",
        "://",
        "ftp://u:p@",
        "http://0x7f.1/",
        "evil.com",
        "www.Evil.ORG",
        "x.co.uk",
        "co.uk",
        "a.github.io",
        "bücher.de",
        "xn--bcher-kva.de",
        "例え.jp",
        "10.0.0.1",
        "192.168.1.255",
        "/24",
        ":443",
        "[2001:db8::1]",
        "fe80::1%eth0",
        "::ffff:1.2.3.4",
        "jo.doe@evil.com",
        "a+b@",
        "mailto:",
        "main.rs",
        "x.1.zip",
        "com.example.app",
        "v1.2.3.4",
        "version ",
        "OpenSSL/",
        "1.2.3.4.5",
        "\\n",
        "\\u003c",
        "%2F",
        "\":",
        "name",
        ".com",
        ".net",
        "std::vector",
        "..",
        "/index.html?a=b",
        "\\/",
        "user.name@",
        "evil.Com",
        "EVIL.COM",
        "00:1b:63:84:45:e6",
        "12:30:59",
    ]);
    let piece = prop_oneof![
        5 => byte.prop_map(String::into_bytes),
        5 => fragment.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
        1 => " {0,70}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16_384))]

    #[test]
    fn agrees_with_the_twin_on_fragments(text in pieces()) {
        prop_assume!(knows_letters_of(&text));
        prop_assert_eq!(fast(&text), naive(&text), "{}", text.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn does_not_depend_on_where_blocks_begin(text in pieces(), before in 0usize..70) {
        let moved = [" ".repeat(before).into_bytes(), text.clone()].concat();
        let back: Vec<Hit> =
            fast(&moved).into_iter().map(|(kind, span, text, prefix)| (kind, span.start - before..span.end - before, text, prefix)).collect();
        prop_assert_eq!(back, fast(&text));
    }

    #[test]
    fn reports_are_read_without_harm(text in pieces(), marks in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec!["[.]", "(.)", "[:]", "[at]", "[://]", "\\.", "[[.]]", "hxxps://", "[/]", "{dot}"])), 0..5)) {
        let mut text = text;
        for (at, mark) in marks {
            let at = at.index(text.len() + 1);
            text.splice(at..at, mark.bytes());
        }
        all(&Extractor::refanging(), &text);
    }
}

fn texts(extractor: &Extractor, text: &str) -> Vec<String> {
    all(extractor, text.as_bytes()).into_iter().map(|(kind, _, text, _)| format!("{kind} {text}")).collect()
}

/// The boundaries, one by one. Each text stands at the start, in a sentence, in quotes and across blocks.
const BOUNDARIES: &[(&str, &[&str])] = &[
    ("203.0.113.9:443", &["ip 203.0.113.9"]),
    ("[2001:db8::1]:443", &["ip 2001:db8::1"]),
    ("fe80::1%eth0", &["ip fe80::1"]),
    ("2001:DB8:0:0:0:0:0:1", &["ip 2001:DB8:0:0:0:0:0:1"]),
    ("64:ff9b::192.0.2.33", &["ip 64:ff9b::192.0.2.33"]),
    ("1:2:3:4:5:6:192.0.2.33", &["ip 1:2:3:4:5:6:192.0.2.33"]),
    ("src:2001:db8::1", &["ip 2001:db8::1"]),
    ("2001:db8::1-2001:db8::5", &["ip 2001:db8::1", "ip 2001:db8::5"]),
    ("a.github.io-a::0", &["domain a.github.io", "ip a::0"]),
    ("203.0.113.9-2001:db8::5", &["ip 203.0.113.9", "ip 2001:db8::5"]),
    ("203.0.113.0/24", &["ip 203.0.113.0"]),
    ("10.0.0.1-10.0.0.9", &["ip 10.0.0.1", "ip 10.0.0.9"]),
    ("SRC=10.0.0.1", &["ip 10.0.0.1"]),
    ("outside:10.0.0.1/443", &["ip 10.0.0.1"]),
    ("inside/10.0.0.1(80)", &["ip 10.0.0.1"]),
    ("10.0.0.1,10.0.0.2", &["ip 10.0.0.1", "ip 10.0.0.2"]),
    ("10.0.0.1..10.0.0.2", &["ip 10.0.0.1", "ip 10.0.0.2"]),
    ("1.2.3.4.5", &[]),
    ("v1.2.3.4", &[]),
    ("lib-1.2.3.4", &[]),
    ("1.2.3.4-beta", &[]),
    ("OpenSSL 3.0.2.1", &[]),
    ("Chrome/3.0.195.27", &[]),
    ("\"version\":\"1.2.3.4\"", &[]),
    ("rv:1.9.0.1", &[]),
    ("256.1.1.1", &[]),
    ("01.2.3.4", &[]),
    ("1.2.3", &[]),
    ("12:30:59", &[]),
    ("17/May/2015:10:05:03", &[]),
    ("2026-03-01T00:00:00.5Z", &[]),
    ("00:1b:63:84:45:e6", &[]),
    ("00:1b:63:ff:fe:84:45:e6", &[]),
    ("123e4567-e89b-12d3-a456-426614174000", &[]),
    ("std::vector", &[]),
    ("dead::beef", &[]),
    ("a::b", &[]),
    ("::", &[]),
    ("evil.com", &["domain evil.com"]),
    (".evil.com", &["domain evil.com"]),
    ("host=evil.com", &["domain evil.com"]),
    ("evil.com:80", &["domain evil.com"]),
    ("evil.com/a/b", &["domain evil.com"]),
    ("EVIL.COM", &["domain EVIL.COM"]),
    ("DC01.evil.com", &["domain DC01.evil.com"]),
    ("_ldap._tcp.evil.com", &["domain _ldap._tcp.evil.com"]),
    ("bücher.de", &["domain bücher.de"]),
    ("xn--bcher-kva.de", &["domain xn--bcher-kva.de"]),
    ("“evil.com”", &["domain evil.com"]),
    ("evil.com…", &["domain evil.com"]),
    ("see..evil.com", &["domain evil.com"]),
    ("\\nevil.com", &["domain evil.com"]),
    ("\\\\nevil.com", &["domain nevil.com"]),
    ("\\u003cevil.com\\u003e", &["domain evil.com"]),
    ("%2Fevil.com%2F", &["domain evil.com"]),
    ("\\t10.0.0.1\\n", &["ip 10.0.0.1"]),
    ("evil.github.io", &["domain evil.github.io"]),
    ("4.3.2.1.in-addr.arpa", &["domain 4.3.2.1.in-addr.arpa"]),
    ("co.uk", &[]),
    ("host.local", &[]),
    ("localhost", &[]),
    ("report.zip", &[]),
    ("main.rs", &[]),
    ("index.html", &[]),
    ("lib.so", &[]),
    ("x-1.2.sh", &[]),
    ("setup.py", &[]),
    ("www.evil.zip", &["domain www.evil.zip"]),
    ("com.example.app", &[]),
    ("org.apache.tools", &[]),
    ("foo.bar()", &[]),
    ("\"evil.com\":1", &[]),
    ("\\\"evil.com\\\":1", &[]),
    ("user.id=5", &[]),
    ("System.Security", &[]),
    ("Win32/Pterodo.GA", &[]),
    ("a.b.c", &[]),
    ("http://evil.com/a.", &["url http://evil.com/a"]),
    ("(http://evil.com/a_(b))", &["url http://evil.com/a_(b)"]),
    ("<http://evil.com/a>", &["url http://evil.com/a"]),
    ("[x](http://evil.com/a)", &["url http://evil.com/a"]),
    ("**http://evil.com/a**", &["url http://evil.com/a"]),
    ("u='http://evil.com/a'", &["url http://evil.com/a"]),
    ("${jndi:ldap://evil.com:1389/a}", &["url ldap://evil.com:1389/a"]),
    ("http://[2001:db8::1]:80/", &["url http://[2001:db8::1]:80/"]),
    ("http://evil.com/?u=http://b.com", &["url http://evil.com/?u=http://b.com"]),
    ("\"http:\\/\\/evil.com\\/a\"", &["url http://evil.com/a"]),
    ("http://intranet/x", &["url http://intranet/x"]),
    ("http://a..b/evil.com", &["domain evil.com"]),
    ("http://", &[]),
    ("\\nhttp://evil.com/", &["url http://evil.com/"]),
    ("http%3A%2F%2Fevil.com", &["domain evil.com"]),
    ("a@evil.com", &["email a@evil.com"]),
    ("<a@evil.com>", &["email a@evil.com"]),
    ("mailto:a@evil.com", &["email a@evil.com"]),
    ("john.do@evil.com", &["email john.do@evil.com"]),
    ("john.do+x@evil.com", &["email john.do+x@evil.com"]),
    ("a@main.rs", &["email a@main.rs"]),
    ("@evil.com", &["domain evil.com"]),
    ("root@10.0.0.1", &["ip 10.0.0.1"]),
    ("a@host.local", &[]),
    ("d41d8cd98f00b204e9800998ecf8427e", &["md5 d41d8cd98f00b204e9800998ecf8427e"]),
    ("d41d8cd98f00b204e9800998ecf8427e.exe", &["md5 d41d8cd98f00b204e9800998ecf8427e"]),
    ("VirusShare_d41d8cd98f00b204e9800998ecf8427e", &["md5 d41d8cd98f00b204e9800998ecf8427e"]),
    ("MD5=D41D8CD98F00B204E9800998ECF8427E", &["md5 D41D8CD98F00B204E9800998ECF8427E"]),
    ("d41d8cd98f00b204e9800998ecf8427e.evil.com", &["domain d41d8cd98f00b204e9800998ecf8427e.evil.com"]),
    ("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", &["sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"]),
    ("0xd41d8cd98f00b204e9800998ecf8427e", &[]),
    ("d41d8cd98f00b204e9800998ecf8427e0", &[]),
    ("01234567890123456789012345678901", &[]),
];

#[test]
fn boundaries_are_where_people_see_them() {
    let extractor = Extractor::new();
    for (text, expected) in BOUNDARIES {
        for (before, after) in [("", ""), ("see ", ", or"), ("\"", "\""), ("(", ")"), ("x\n", "\ny")] {
            let key = after == "\"" && before == "\"" && text.contains('"');
            for blocks in [0, 40, 60] {
                let text = format!("{}{before}{text}{after}", " ".repeat(blocks));
                if !key {
                    assert_eq!(texts(&extractor, &text), *expected, "{text}");
                }
            }
        }
        assert_eq!(fast(text.as_bytes()), naive(text.as_bytes()), "{text}");
    }
}

#[test]
fn reports_are_read_with_marks_undone() {
    let extractor = Extractor::refanging();
    for (text, expected) in [
        ("hxxps://evil[.]com/gate.php,", &["url https://evil.com/gate.php"][..]),
        ("hXXp[:]//evil(.)com", &["url http://evil.com"]),
        ("meow://evil.com/a", &["url http://evil.com/a"]),
        ("`+5.252.178[.]140+` |`+N/A+`", &["ip 5.252.178.140"]),
        ("nododru[.]ru and t[.]me", &["domain nododru.ru", "domain t.me"]),
        ("evil[.]zip but report.zip", &["domain evil.zip"]),
        ("a[at]evil[dot]com", &["email a@evil.com"]),
        ("2001[:]db8[:][:]1", &["ip 2001:db8::1"]),
        ("OpenSSL 3.0.2[.]1", &[]),
        ("198.51.100[.]0/24", &["ip 198.51.100.0"]),
        ("evil.com f(x) [a] {b}", &["domain evil.com"]),
        ("[.][.][.]", &[]),
    ] {
        assert_eq!(texts(&extractor, text), expected, "{text}");
    }
    let mut spans = Vec::new();
    let text = "C2 at evil[.]com[.] Then hxxp://b[.]net/x.";
    extractor.extract(text.as_bytes(), |found| spans.push(&text[found.span()]));
    assert_eq!(spans, ["evil[.]com", "hxxp://b[.]net/x"]);
    let word = format!("evil[.]com{}", "x".repeat(20_000));
    assert_eq!(texts(&extractor, &format!("{word} evil[.]com")), ["domain evil.com"]);
}

#[test]
fn networks_keep_their_prefix() {
    for (text, prefix) in [
        ("203.0.113.0/24", Some(24)),
        ("203.0.113.0/24.", Some(24)),
        ("2001:db8::/32,", Some(32)),
        ("0.0.0.0/0", Some(0)),
        ("203.0.113.0/33", None),
        ("203.0.113.0/024", None),
        ("203.0.113.0/24x", None),
        ("203.0.113.0/2.5", None),
        ("203.0.113.0/24/25", None),
        ("203.0.113.0/", None),
    ] {
        let found = fast(text.as_bytes());
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].3, prefix, "{text}");
    }
}

#[test]
fn the_caller_can_break_off() {
    let text = "192.0.2.1 ".repeat(100);
    let mut count = 0;
    let stopped = Extractor::new().try_extract(text.as_bytes(), |_| {
        count += 1;
        if count == 3 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
    });
    assert_eq!((stopped, count), (ControlFlow::Break("enough"), 3));
}

/// Whether the hit is the value, or holds it.
fn holds((kind, _, text, _): &Hit, value: &str) -> bool {
    let observable = Observable::parse(*kind, text).unwrap();
    observable.to_string() == value || observable.within().is_some_and(|within| within.to_string() == value)
}

#[test]
fn known_hits_in_text_are_found() {
    let Some(data) = data::folder("known_hits_in_text_are_found") else { return };
    let rows = csv::Reader::from_path(data.join("events/known-hits.csv")).unwrap().into_records();
    let (mut files, mut count) = (BTreeMap::new(), 0);
    for row in rows.map(Result::unwrap).filter(|row| !row[0].contains("json")) {
        let text = files.entry(row[0].to_owned()).or_insert_with(|| unpacked(&data.join(&row[0])));
        let value = &row[2];
        let lines = text.split(|&byte| byte == b'\n').filter(|line| fast(line).iter().any(|hit| holds(hit, value)));
        let known: usize = row[4].parse().unwrap();
        assert_eq!(lines.count(), known, "{value} in {}", &row[0]);
        count += 1;
    }
    assert_eq!(count, 33); // sed 1d known-hits.csv | grep -vc json
}

/// What an attacker would send. Quadratic work over a megabyte would take hours; the bound is far from both.
#[test]
fn hostile_texts_take_linear_time() {
    let repeated = |piece: &str| piece.repeat((1 << 20) / piece.len());
    let marks = ["[.]", "a[.]", "\\.", "[[.]]", "hxxp://[.] ", "]"];
    let pieces = [
        ".",
        "7",
        ":",
        "@",
        "/",
        "a.",
        "a.a@",
        "deadbeef01",
        "QUJDREVG",
        "http://",
        "://",
        "x://x ",
        "::",
        "1:",
        "1::",
        "a:",
        "1.1.",
        "ü.",
        "-",
        "_",
        "\\",
        "\\n",
        "%2F",
        "a+",
        "+a@",
        "1.2.3.4.",
        "1.2.3.4-",
        "http:\\/\\/",
        "\\/",
        "(",
        "http://a.b(",
        "“",
        "a.b=",
    ];
    let start = std::time::Instant::now();
    for piece in pieces.iter().chain(&marks) {
        let text = repeated(piece);
        for extractor in [Extractor::new(), Extractor::refanging()] {
            let mut bytes = 0;
            extractor.extract(text.as_bytes(), |found| bytes += found.span().len());
            assert!(bytes <= text.len());
        }
    }
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}
