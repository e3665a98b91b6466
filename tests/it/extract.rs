//! The extractor against a twin that goes by regular expressions and the rules in words, as `Extractor` gives them: one step
//! after the other over the whole text, no matter the cost.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use regex::bytes::Regex;
use stormtag::{Extractor, Kind, Observable};

use crate::data;

type Hit = (Kind, Range<usize>, String, Option<u8>);

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static COLON: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)://|:\\/\\/"));
static SCHEME_BEFORE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)[A-Za-z0-9+-]{0,22}\z"));
static SCHEME_AFTER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)\A[A-Za-z0-9+-]{0,22}(://|:\\/\\/)"));
static URL: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"\A(?:[[:graph:]&&[^"'<>`{}|^\\]]|[[^\x00-\x7f]&&[\p{Alphabetic}\p{N}]])*"#));
static URL_ESCAPED: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"\A(?:[[:graph:]&&[^"'<>`{}|^\\]]|\\/|[[^\x00-\x7f]&&[\p{Alphabetic}\p{N}]])*"#));
static SIX: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)[0-9A-Fa-f:.]+"));
static RUN: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:[0-9A-Za-z._-]|[[^\x00-\x7f]&&[\p{Alphabetic}\p{N}]])+"));
static DOTS: LazyLock<Regex> = LazyLock::new(|| regex(r"\.\.+"));
static LOCAL: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)[A-Za-z0-9._+-]{0,70}\z"));
static LOCAL_AFTER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)\A\+[A-Za-z0-9._+-]{0,63}@"));
static WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"[0-9A-Za-z]+"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?xi-u)(?:\A|[^A-Za-z])
        (v|ver|version|versions|rv|rel|release|rev|revision|build|firmware|fw|kernel|driver|patch|update|chrome|chromium|firefox|safari
        |opera|opr|edge|edg|msie|trident|crios|fxios|webkit|applewebkit|mozilla|gecko|yabrowser|samsungbrowser|openssl|openssh|nginx
        |apache|php|java|jre|jdk|curl|wget|python|sdk)[\x20/:="'(]{1,4}\z"#,
    )
});
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?-u)\A/(0|[1-9][0-9]{0,2})(?:\z|\.?\z|\.[^0-9A-Za-z._\x80-\xff-]|[^0-9A-Za-z._/\x80-\xff-])")
});
const FILES: &str = " ac am cab do dot inc la map md mk mm mov name pl pm properties ps pub py rs sh so target tf zip ";

/// Where a word begins: behind an escape.
fn word_start(text: &[u8], start: usize, end: usize) -> usize {
    static ESCAPED: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)\A(?:[nrt]|u[0-9A-Fa-f]{4})"));
    static ENCODED: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)\A[0-9A-Fa-f]{2}"));
    static BACKSLASHES: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)\\{1,16}\z"));
    let behind = |regex: &Regex| start + regex.find(&text[start..end]).map_or(0, |found| found.len());
    if text[..start].ends_with(b"%") {
        return behind(&ENCODED);
    }
    match BACKSLASHES.find(&text[start.saturating_sub(16)..start]) {
        Some(found) if found.len() % 2 == 1 => behind(&ESCAPED),
        _ => start,
    }
}

fn is_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || byte >= 0x80
}

fn is_scheme(text: &[u8], end: usize) -> bool {
    SCHEME_AFTER.is_match(&text[end..])
}

fn prefix(text: &[u8], end: usize, longest: u8) -> Option<u8> {
    let number = PREFIX.captures(&text[end..])?;
    let number = str::from_utf8(&number[1]).unwrap().parse().ok()?;
    (number <= longest).then_some(number)
}

fn string(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap()
}

fn naive(text: &[u8]) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    urls(text, &mut hits);
    sixes(text, &mut hits);
    let taken: Vec<Range<usize>> = hits.iter().map(|hit| hit.1.clone()).collect();
    for gap in gaps(text.len(), taken) {
        let mut floor = gap.start;
        for found in RUN.find_iter(&text[gap.clone()]) {
            let whole = gap.start + found.start()..gap.start + found.end();
            // What remains between two dots and more.
            let dots: Vec<Range<usize>> = DOTS
                .find_iter(&text[whole.clone()])
                .map(|dots| whole.start + dots.start()..whole.start + dots.end())
                .collect();
            let mut start = whole.start;
            for end in dots.iter().map(|dots| dots.start).chain([whole.end]) {
                run(text, start..end, &mut floor, &mut hits);
                start = dots.iter().find(|dots| dots.start == end).map_or(end, |dots| dots.end);
            }
        }
    }
    hits.sort_by_key(|hit| hit.1.start);
    hits
}

fn gaps(length: usize, mut taken: Vec<Range<usize>>) -> Vec<Range<usize>> {
    taken.sort_by_key(|range| range.start);
    let mut gaps = Vec::new();
    let mut at = 0;
    for range in taken {
        gaps.push(at..range.start);
        at = range.end;
    }
    gaps.push(at..length);
    gaps
}

fn urls(text: &[u8], hits: &mut Vec<Hit>) {
    let (mut floor, mut tried) = (0, 0);
    for colon in COLON.find_iter(text) {
        if colon.start() < tried.max(floor) {
            continue;
        }
        let length = SCHEME_BEFORE.find(&text[floor..colon.start()]).unwrap().len();
        let start = word_start(text, colon.start() - length, colon.start());
        let scheme = &text[start..colon.start()];
        let Some(letter) = scheme.iter().position(u8::is_ascii_alphabetic) else { continue };
        let start = start + letter;
        if !(2..=16).contains(&(colon.start() - start)) {
            continue;
        }
        let escaped = colon.len() == 5;
        let rest = &text[colon.end()..];
        let mut stretch = if escaped { URL_ESCAPED.find(rest) } else { URL.find(rest) }.unwrap().as_bytes();
        tried = colon.end() + stretch.len();
        if tried - start > 2048 {
            continue;
        }
        let before = start.checked_sub(1).map(|at| text[at]);
        loop {
            let count = |wanted: u8| stretch.iter().filter(|byte| **byte == wanted).count();
            let Some((last, rest)) = stretch.split_last() else { break };
            let goes = match last {
                b')' => count(b')') > count(b'('),
                b']' => count(b']') > count(b'['),
                b'*' | b'_' | b'+' | b'~' => before == Some(*last),
                last => b".,;:!?".contains(last),
            };
            if !goes {
                break;
            }
            stretch = rest;
        }
        let end = colon.end() + stretch.len();
        let mut url = string(&text[start..end]);
        if escaped {
            url = url.replace("\\/", "/");
        }
        if Observable::parse(Kind::Url, &url).is_ok() {
            floor = end;
            hits.push((Kind::Url, start..end, url, None));
        }
    }
}

fn sixes(text: &[u8], hits: &mut Vec<Hit>) {
    let taken: Vec<Range<usize>> = hits.iter().map(|hit| hit.1.clone()).collect();
    for gap in gaps(text.len(), taken) {
        for found in SIX.find_iter(&text[gap.start..]) {
            let (mut start, end) = (gap.start + found.start(), gap.start + found.end());
            if start >= gap.end {
                break;
            }
            let mut word = found.as_bytes();
            if word.len() > 64 || is_scheme(text, end) || (word.ends_with(b":") && is_scheme(text, end - 1)) {
                continue;
            }
            let before = start.checked_sub(1).map(|at| text[at]);
            if before.is_some_and(|byte| is_run(byte) && byte != b'-') {
                let Some(colon) = word.iter().position(|byte| *byte == b':') else { continue };
                start += colon + 1;
                word = &word[colon + 1..];
            } else if word.starts_with(b":") && !word.starts_with(b"::") {
                start += 1;
                word = &word[1..];
            }
            let text_of = str::from_utf8(word).unwrap().trim_end_matches('.');
            let text_of = match text_of.strip_suffix(':') {
                Some(rest) if !rest.is_empty() && !rest.ends_with(':') => rest,
                _ => text_of,
            };
            let stop = start + text_of.len();
            let cut = text[end - 1] != b':' && text.get(end).is_some_and(|&byte| is_run(byte) && byte != b'-');
            let eui = text_of.len() == 23 && text_of.split(':').all(|group| group.len() == 2);
            let digit = text_of.contains(|c: char| c.is_ascii_digit());
            if !cut && !eui && digit && text_of.parse::<std::net::Ipv6Addr>().is_ok() {
                hits.push((Kind::Ip, start..stop, text_of.to_owned(), prefix(text, stop, 128)));
            }
        }
    }
}

fn run(text: &[u8], run: Range<usize>, floor: &mut usize, hits: &mut Vec<Hit>) {
    if is_scheme(text, run.end) {
        return;
    }
    let behind = *floor;
    let mut add = |hit: Hit| {
        *floor = hit.1.end;
        hits.push(hit);
    };
    let start = word_start(text, run.start, run.end);
    let whole = str::from_utf8(&text[start..run.end]).unwrap();
    let word = whole.trim_start_matches(['.', '-']);
    let start = run.end - word.len();
    let word = word.trim_end_matches(['.', '-', '_']);
    let end = start + word.len();

    let v4 = |word: &str| word.parse::<std::net::Ipv4Addr>().is_ok();
    let version = VERSION.is_match(&text[..start]);
    if v4(word) && !version {
        return add((Kind::Ip, start..end, word.to_owned(), prefix(text, end, 32)));
    }
    if let Some((first, last)) = word.split_once('-')
        && v4(first)
        && v4(last)
        && !version
    {
        let dash = start + first.len();
        add((Kind::Ip, start..dash, first.to_owned(), prefix(text, dash, 32)));
        return add((Kind::Ip, dash + 1..end, last.to_owned(), prefix(text, end, 32)));
    }

    if let Some(name) = name(text, start, end, word) {
        let labels: Vec<&str> = name.split('.').collect();
        let defended = labels.len() >= 3 && ["com", "net", "org"].contains(&labels[0]);
        let before_last = labels[labels.len() - 2];
        let file = FILES.contains(&format!(" {} ", labels[labels.len() - 1]))
            && (labels.len() == 2 || before_last.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(local) = local(text, behind, start) {
            return add((Kind::Email, local..end, string(&text[local..end]), None));
        }
        if !defended && !file {
            return add((Kind::Domain, start..end, word.to_owned(), None));
        }
    }

    let first = word_start(text, run.start, run.end);
    for found in WORD.find_iter(&text[first..run.end]) {
        let span = first + found.start()..first + found.end();
        let digest = str::from_utf8(found.as_bytes()).unwrap();
        let kind = match digest.len() {
            32 => Kind::Md5,
            40 => Kind::Sha1,
            64 => Kind::Sha256,
            128 => Kind::Sha512,
            _ => continue,
        };
        let hex = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mixed =
            digest.bytes().any(|byte| byte.is_ascii_digit()) && digest.bytes().any(|byte| byte.is_ascii_alphabetic());
        let beside = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|&byte| byte >= 0x80);
        let apart = !beside(span.start.checked_sub(1)) && !beside(Some(span.end)) && text.get(span.end) != Some(&b'@');
        if hex && mixed && apart {
            add((kind, span, digest.to_owned(), None));
        }
    }
}

/// The name in normal form.
fn name(text: &[u8], _: usize, end: usize, word: &str) -> Option<String> {
    let name = Observable::parse(Kind::Domain, word).ok()?.to_string();
    let last = word.rsplit('.').next()?;
    if word.is_ascii() {
        let lower = last.bytes().all(|byte| byte.is_ascii_lowercase());
        let upper = last.bytes().all(|byte| byte.is_ascii_uppercase()) && word == word.to_ascii_uppercase();
        if word.len() > 253 || last.len() < 2 || !(lower || upper || last.to_ascii_lowercase().starts_with("xn--")) {
            return None;
        }
    }
    let suffix = psl::suffix(name.as_bytes()).filter(psl::Suffix::is_known)?;
    if !name.contains('.') || (suffix.as_bytes() == name.as_bytes() && suffix.typ() == Some(psl::Type::Icann)) {
        return None;
    }
    let rest = &text[end..];
    let otherwise = [&b"@"[..], b"(", b"=", b"\":", b"\\\":"].iter().any(|after| rest.starts_with(after));
    (!otherwise && !LOCAL_AFTER.is_match(rest)).then_some(name)
}

fn local(text: &[u8], floor: usize, start: usize) -> Option<usize> {
    if start <= floor || text[start - 1] != b'@' {
        return None;
    }
    let end = start - 1;
    let length = LOCAL.find(&text[floor..end]).unwrap().len();
    let first = end - length;
    if first.checked_sub(1).is_some_and(|at| text[at] == b'@' || text[at] >= 0x80) {
        return None;
    }
    let first = word_start(text, first, end);
    let local = str::from_utf8(&text[first..end]).unwrap().trim_start_matches(['.', '+', '-']);
    ((1..=64).contains(&local.len()) && !local.ends_with('.')).then_some(end - local.len())
}

fn fast(text: &[u8]) -> Vec<Hit> {
    all(&Extractor::new(), text)
}

fn all(extractor: &Extractor, text: &[u8]) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    extractor.extract(text, |found| {
        let span = found.span();
        if let Some(last) = hits.last() {
            assert!(last.1.end <= span.start, "{last:?} {found:?}");
        }
        if let Ok(text) = str::from_utf8(text) {
            assert!(text.get(span.clone()).is_some(), "{found:?}");
        }
        assert!(span.end <= text.len());
        let parsed = Observable::parse(found.kind(), &found.text()).map(Observable::into_owned);
        assert!(parsed.is_ok(), "{found:?}");
        assert_eq!(found.observable().map(Observable::into_owned), parsed);
        hits.push((found.kind(), span, found.text().into_owned(), found.prefix()));
    });
    hits
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
