//! A twin of the extractor that goes by regular expressions and the rules in words, as `Extractor` gives them: one step after the
//! other over the whole text, no matter the cost. Fuzzing includes this file too.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;
use stormtag::{Extractor, Kind, Observable};

pub(crate) type Hit = (Kind, Range<usize>, String, Option<u8>);

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// Whether the expressions know all letters of a text: the standard library may know those of a newer Unicode.
pub(crate) fn knows_letters_of(text: &[u8]) -> bool {
    static LETTERS: LazyLock<Regex> = LazyLock::new(|| regex(r"\A[\p{Alphabetic}\p{N}]"));
    let mut letters = text.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).filter(|letter| !letter.is_ascii());
    letters.all(|letter| letter.is_alphanumeric() == LETTERS.is_match(letter.encode_utf8(&mut [0; 4]).as_bytes()))
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

/// What the rules find.
pub(crate) fn naive(text: &[u8]) -> Vec<Hit> {
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

/// What the extractor finds, held to what it promises of each find.
pub(crate) fn all(extractor: &Extractor, text: &[u8]) -> Vec<Hit> {
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
