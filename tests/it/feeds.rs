//! Feeds and allow-lists as they come, held to counts taken with other tools.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use stormtag::{AllowList, Columns, Defaults, Feed, Format, Kind, Mode, NotObservable, Reason, Record};

use crate::data;
use crate::files::text;

fn defaults() -> Defaults {
    Record::new("test").into()
}

pub(crate) fn by_kind(feed: &Feed) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for indicator in &feed.indicators {
        *counts.entry(indicator.pattern.kind().name()).or_default() += 1;
    }
    counts
}

pub(crate) fn rejections(feed: &Feed) -> Vec<(Reason, u64)> {
    feed.rejected.counts().collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every line is an indicator, is rejected, or is blank or a comment.
fn assert_nothing_is_lost(feed: &Feed, path: &Path) {
    let text = text(path);
    let others = text.lines().filter(|line| line.trim().is_empty() || line.trim_start().starts_with('#')).count();
    let found = feed.indicators.len() + feed.rejected.total() as usize;
    assert_eq!(feed.passed.total(), others as u64, "{}", path.display());
    assert_eq!(found + others, text.lines().count(), "{}", path.display());
}

// The counts stand beside the commands that gave them, run in the folder of the file; $F is the decompressed file.

#[test]
fn a_feed_of_700_000_rows() {
    let Some(data) = data::folder("a_feed_of_700_000_rows") else { return };
    let feed = Feed::open(data.join("feeds/maltrail-scale/maltrail-scale.tsv.xz"), None, &defaults()).unwrap();
    // cut -f1 $F | sort | uniq -c: 124615 ip, 4 cidr, 557129 domain, 17652 url, and the header
    // awk -F'\t' '$1=="url" && $2 ~ /^\//' $F | wc -l: 12365 paths without a host
    // awk -F'\t' '$1=="url" && $2 !~ /\//' $F: 10, of which 6 with two ports, 4 services at IPv6 addresses
    // awk -F'\t' '$1=="domain" && tolower($2) !~ /^[a-z0-9._-]+$/' $F | wc -l: 16 expressions
    // awk -F'\t' '$1=="domain" && $2 ~ /[0-9]$/' $F: 2 names under domains that do not exist, `12913298` and `de5`
    let rejected: BTreeMap<_, _> = feed.rejected.counts().collect();
    let names = rejected[&Reason::Value(NotObservable::NotAName)];
    assert!((16..=18).contains(&names), "{:?}", feed.rejected.first());
    assert_eq!(rejected[&Reason::Value(NotObservable::NotAUrl)], 6);
    assert_eq!(rejected[&Reason::Value(NotObservable::PathWithoutHost)], 12_365);
    assert_eq!(rejected.len(), 3);
    let expected = [("domain", 557_129 - names as usize), ("ip", 124_615 + 4 + 4), ("url", 17_652 - 12_365 - 10)];
    assert_eq!(by_kind(&feed), expected.into());
    // awk -F'\t' 'NR>1 {print $3}' $F | sort -u | wc -l: 1473, of which 6 have paths only
    let mut records: Vec<_> = feed.indicators.iter().map(|found| std::sync::Arc::as_ptr(&found.record)).collect();
    records.sort_unstable();
    records.dedup();
    assert!((1400..=1473).contains(&records.len()), "{}", records.len());
}

#[test]
fn maltrail_files() {
    let Some(data) = data::folder("maltrail_files") else { return };
    // Trails: grep -vc -e '^\s*#' -e '^\s*$' $F. Paths: grep -c '^/' $F.
    let cases = [
        ("apt_flaxtyphoon.txt", 6, 0),
        ("apt_lazarus.txt.gz", 5573, 99),
        ("apt_muddywater.txt.gz", 20_801, 42),
        ("apt_oceanlotus.txt", 589, 6),
        ("apt_sandworm.txt", 816, 17),
        ("apt_sofacy.txt.gz", 2353, 88),
        ("apt_turla.txt", 468, 5),
        ("apt_unc3886.txt", 10, 0),
        ("elf_vpnfilter.txt", 13, 0),
        ("mass_scanner.txt.gz", 19_220, 5), // two paths, three addresses behind a stray letter: grep -c '^C' $F
        ("mass_scanner_cidr.txt", 1106, 0),
    ];
    for (name, trails, rejected) in cases {
        let path = data.join("feeds/maltrail").join(name);
        let feed = Feed::open(&path, None, &defaults()).unwrap();
        assert_eq!((feed.indicators.len(), feed.rejected.total()), (trails - rejected as usize, rejected), "{name}");
        assert_nothing_is_lost(&feed, &path);
        let record = &feed.indicators[0].record;
        assert_eq!(record.actors.first().map(|actor| format!("apt_{actor}")), {
            let stem = name.split('.').next().unwrap();
            stem.starts_with("apt_").then(|| stem.to_owned())
        });
    }
    let feed = Feed::open(data.join("feeds/maltrail/apt_flaxtyphoon.txt"), None, &defaults()).unwrap();
    let address = feed.indicators.iter().find(|found| found.pattern.to_string() == "149.28.137.179").unwrap();
    assert_eq!(address.record.reference.as_deref(), Some("https://x.com/Cyberteam008/status/1909432341702787180"));
}

#[test]
fn zeek_files() {
    let Some(data) = data::folder("zeek_files") else { return };
    // grep -v '^#' $F | cut -f2 | sort | uniq -c
    let cases: [(&str, &[(&str, usize)]); 4] = [
        ("abuse-ch-threatfox-ip.intel.gz", &[("ip", 3493)]),
        // 31759 ADDR, 10 SUBNET, 822 DOMAIN, of which one is an address and two are URLs; 538 FILE_HASH
        (
            "cps-collected-iocs.intel.gz",
            &[
                ("domain", 819),
                ("email", 1134),
                ("ip", 31_770),
                ("md5", 196),
                ("sha1", 66),
                ("sha256", 276),
                ("url", 15_605),
            ],
        ),
        ("gru-aa25.intel.gz", &[("domain", 60), ("ip", 65)]),
        ("predict_intel.intel.gz", &[("domain", 122)]),
    ];
    for (name, expected) in cases {
        let path = data.join("feeds/zeek-intel").join(name);
        let feed = Feed::open(&path, None, &defaults()).unwrap();
        assert_eq!(by_kind(&feed), expected.iter().copied().collect(), "{name}: {:?}", feed.rejected.first());
        assert_nothing_is_lost(&feed, &path);
    }
}

#[test]
fn tables() {
    let Some(data) = data::folder("tables") else { return };
    let open = |name: &str| Feed::open(data.join("feeds/csv").join(name), None, &defaults()).unwrap();

    // cut -d, -f1 $F | sort | uniq -c
    let infoblox = open("infoblox-combined.csv.gz");
    assert_eq!(by_kind(&infoblox), [("domain", 32_968), ("ip", 2)].into());
    assert_eq!(infoblox.indicators[0].record.first_seen, Some(1_771_977_600)); // date -ud 2026-02-25 +%s

    // python3: csv.DictReader, Counter(row[type]), and for files Counter(map(len, row[value].split(',')))
    let cases: [(&str, &[(&str, usize)]); 3] = [
        ("volexity-disgomoji.csv", &[("domain", 103), ("ip", 5), ("md5", 45), ("sha1", 45), ("sha256", 45)]),
        ("volexity-uta0388.csv", &[("domain", 6), ("ip", 13), ("sha256", 11), ("url", 28)]), // 3 URLs are addr:port
        ("volexity-xegroup.csv", &[("domain", 84), ("ip", 8), ("md5", 52), ("sha1", 52), ("sha256", 52)]),
    ];
    for (name, expected) in cases {
        let feed = open(name);
        assert_eq!(by_kind(&feed), expected.iter().copied().collect(), "{name}: {:?}", feed.rejected.first());
        assert_eq!(feed.rejected.total(), 0, "{name}");
    }

    // sed 1d $F | wc -l: 237; one date is 19/20/2022
    let microsoft = open("microsoft-rapid-release-ti.csv");
    assert_eq!(microsoft.indicators.len() as u64 + microsoft.rejected.total(), 237);
    assert_eq!(microsoft.ignored.total(), 1);
    let record = &microsoft.indicators[0].record;
    assert_eq!((record.confidence, &*record.actors[0]), (100, "Storm-0139"));
    assert_eq!(record.valid_until, Some(1_765_065_600)); // date -ud 2025-12-07 +%s
}

#[test]
fn plain_lists() {
    let Some(data) = data::folder("plain_lists") else { return };
    // grep -vc -e '^#' -e '^$' $F
    let cases = [
        ("feeds/ipsum/ipsum.txt.gz", 120_430),
        ("feeds/ipsum/level-4.txt", 5354),
        ("feeds/plain/threatfox-ips.txt.gz", 19_863),
        ("feeds/signature-base/hash-iocs.txt.gz", 3224),
        ("feeds/eset/groundbait__samples.sha256", 298),
        ("feeds/eset/nukesped_lazarus__samples.sha256", 555),
    ];
    for (name, count) in cases {
        let path = data.join(name);
        let feed = Feed::open(&path, None, &defaults()).unwrap();
        assert_eq!((feed.indicators.len(), feed.rejected.total()), (count, 0), "{name}");
        assert_nothing_is_lost(&feed, &path);
    }
}

#[test]
fn every_entry_of_every_warninglist_is_used_or_rejected() {
    let Some(data) = data::folder("every_entry_of_every_warninglist_is_used_or_rejected") else { return };
    let (mut lists, mut informing) = (0, Vec::new());
    for file in fs::read_dir(data.join("warninglists")).unwrap() {
        let path = file.unwrap().path();
        let json: serde_json::Value = serde_json::from_str(&text(&path)).unwrap();
        let list = AllowList::open(&path).unwrap();
        assert_eq!(list.entries(), json["list"].as_array().unwrap().len() as u64, "{}", path.display());
        assert_eq!((list.name.as_str(), list.reason.is_empty()), (json["name"].as_str().unwrap(), false));
        // Of 182,000 entries a handful is nothing that is matched: hashes of other lengths.
        assert!(list.rejected.total() * 2 < list.entries(), "{}: {:?}", path.display(), list.rejected.first());
        let substrings = if json["type"] == "substring" { list.entries() as usize } else { 0 };
        assert_eq!(list.substrings.len(), substrings, "{}", path.display());
        lists += 1;
        if list.mode == Mode::Inform {
            informing.push(path.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned());
        }
    }
    informing.sort();
    let expected =
        ["censys-scanning", "disposable-email", "dynamic-dns", "shodan-scanning", "sinkholes", "url-shortener"];
    assert_eq!(informing, [&expected[..], &["vpn-ipv4", "vpn-ipv6"]].concat());
    assert_eq!(lists, 40); // ls | wc -l
}

#[test]
fn garbage_is_an_error_that_names_the_file() {
    let garbage: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for format in Format::ALL {
        let error = Feed::read(&garbage[..], "some.bin", Some(*format), &defaults()).unwrap_err();
        assert!(error.to_string().contains("some.bin"), "{error}");
        assert!(error.is_format(), "{format}: {error}");
    }
    let error = Feed::read(&b"<!DOCTYPE html>\n<title>404</title>"[..], "list.txt", None, &defaults()).unwrap_err();
    assert!(error.to_string().starts_with("list.txt: looks like"), "{error}");
    assert!(Feed::open("no/such/file", None, &defaults()).unwrap_err().is_io());
}

#[test]
fn good_lines_survive_bad_ones() {
    let mut bytes = b"\xef\xbb\xbfa.example\r\n\xff\xfe.example\r\nb\0.example\r\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 10 << 20));
    bytes.extend_from_slice(b"\r\nb.example");
    let table = [b"\xef\xbb\xbfvalue\r\n", &bytes[3..]].concat();
    for (bytes, format) in [(bytes, Format::Plain), (table, Format::Csv)] {
        let feed = Feed::read(&bytes[..], "feed", Some(format), &defaults()).unwrap();
        let found: Vec<_> = feed.indicators.iter().map(|found| found.pattern.to_string()).collect();
        assert_eq!(found, ["a.example", "b.example"]);
        assert_eq!(rejections(&feed), [(Reason::LineTooLong, 1), (Reason::NotUtf8, 2)]);
    }
}

#[test]
fn half_a_file_is_read_and_reported() {
    let text: String = (0..20_000).map(|n| format!("host-{}.example\n", n * 7919 % 20_011)).collect();
    let whole = gzip(text.as_bytes());
    let feed = Feed::read(&whole[..whole.len() / 2], "half.gz", None, &defaults()).unwrap();
    assert!((1000..20_000).contains(&feed.indicators.len()), "{}", feed.indicators.len());
    assert_eq!(rejections(&feed), [(Reason::BrokenOff, 1)]);
    assert_eq!(feed.rejected.first()[0].line, feed.indicators.len() as u64 + 1);
    assert!(Feed::read(&whole[..12], "half.gz", Some(Format::Plain), &defaults()).unwrap_err().is_io());
}

#[test]
fn wrong_columns_are_named() {
    let columns = Columns { value: Some("ioc".into()), kind: Some("sort".into()), ..Columns::default() };
    let error = Feed::read_table(&b"\nIoC,type\na.example,domain\n"[..], "t.csv", &columns, &defaults()).unwrap_err();
    assert_eq!(error.to_string(), "t.csv:2: no column \"sort\"; the columns are: IoC, type");
}

#[test]
fn a_given_kind_holds_where_the_line_says_none() {
    let defaults = Defaults::from(Record::new("test"));
    let mut domains = defaults.clone();
    domains.kind = Some(Kind::Domain);
    let feed = Feed::read(&b"localhost\n"[..], "list", None, &domains).unwrap();
    assert_eq!(feed.indicators[0].pattern.kind(), Kind::Domain);
    let feed = Feed::read(&b"localhost\n"[..], "list", None, &defaults).unwrap();
    assert_eq!(rejections(&feed), [(Reason::NoKind, 1)]);
}
