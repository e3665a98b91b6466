//! Reports: nothing disappears without a number, and the number stands with the source.

use std::sync::Arc;

use stormtag::{AllowList, Columns, Feed, Indicator, IntelBuilder, Kind, Pattern, Record, Report};

fn read(name: &str, text: &str) -> Feed {
    Feed::read(text.as_bytes(), name, None, &Record::new(name).into()).unwrap()
}

fn report() -> Report {
    let table = "\
indicator,confidence,valid_until,revoked
evil.example,80,2024-01-01,no
later.example,80,2030-01-01,no
withdrawn.example,80,,yes
odd.example,300,,no
allowed.example,80,,no
";
    let columns = Columns::guess(["indicator", "confidence", "valid_until", "revoked"]);
    let table = Feed::read_table(table.as_bytes(), "table.csv", &columns, &Record::new("table").into()).unwrap();
    let plain =
        read("list", "a.example\na.example\n???\n!!!\n10.0.0.1\n127.0.0.0/8\ncom\n8.8.8.8\nb.allowed.example\n");
    let copy = read("list", "a.example\nc.example\n");
    let allow = "# name: own\nallowed.example\n8.8.8.0-8.8.8.255\n8.8.8.8\n???\n";
    IntelBuilder::new()
        .feed(table)
        .feed(plain)
        .feed(copy)
        .feed(Feed::new("empty"))
        .allow(AllowList::read(allow.as_bytes(), "allow.txt").unwrap())
        .time(Some(1_704_067_200))
        .build()
        .1
}

#[test]
fn a_report_is_read_by_a_person() {
    let expected = r#"source  in force     given  accepted  rejected   revoked   refused   expired  duplicate  over limit  silenced    passed
table          3         5         4         1         1         0         1          0           0         1         1
list           2         9         4         3         0         2         0          1           0         1         0
list           1         2         2         0         0         0         0          1           0         0         0
empty          0         0         0         0         0         0         0          0           0         0         0
all            6        16        10         4         1         2         1          2           0         2         1
table: 4 domain
  1 rejected: withdrawn by its source
    line 4: "withdrawn.example"
  1 ignored in part: not readable as what its column holds
    line 5: "300"
  1 passed over: blank, a comment, a header or the rest of a row
list: 1 ip, 3 domain
  3 rejected: of no kind that can be recognised; give the kind of the feed
    line 3: "???"
    line 4: "!!!"
  2 refused: a special-use address (RFC 6890)
    "10.0.0.1"
    "127.0.0.0/8"
list: 2 domain
allow-list own: 3 entries
  1 rejected: of no kind that can be recognised; give the kind of the feed
    line 5: "???""#;
    let text = report().to_string();
    // The size of the tables is none of this test's business.
    let (start, end) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(start, expected, "\n{text}");
    assert!(end.starts_with("generation ") && end.ends_with(" bytes"), "{end}");
}

#[test]
fn a_report_is_read_by_a_machine() {
    let report = serde_json::to_value(report()).unwrap();
    let source = &report["sources"][1];
    assert_eq!(
        (&source["source"], &source["duplicates"], &source["suppressed"]),
        (&"list".into(), &1.into(), &1.into())
    );
    assert_eq!(source["rejected"]["first"][0]["line"], 3);
    assert_eq!(report["generation"].as_str().unwrap().len(), 32);
}

#[test]
fn numbers_add_up() {
    let report = report();
    for source in report.sources() {
        assert_eq!(source.given(), source.accepted() + source.rejected().total() + source.refused().total());
        let gone = source.duplicates() + source.over_limit() + source.suppressed();
        assert_eq!(source.accepted(), source.in_force() + gone, "{}", source.source());
    }
    let by_source: Vec<_> =
        report.sources().iter().map(|of| (of.accepted(), of.duplicates(), of.suppressed())).collect();
    assert_eq!(by_source, [(4, 0, 1), (4, 1, 1), (2, 1, 0), (0, 0, 0)]);
    assert_eq!((report.expired(), report.revoked(), report.refused()), (1, 1, 2));
}

fn feed(source: &str, indicators: impl Iterator<Item = (Kind, String, u8)>) -> Feed {
    let record = |confidence| Arc::new(Record { confidence, ..Record::new(source) });
    let indicator = |(kind, text, confidence): (Kind, String, u8)| Indicator {
        pattern: Pattern::parse(kind, &text).unwrap(),
        record: record(confidence),
    };
    Feed { indicators: indicators.map(indicator).collect(), ..Feed::new(source) }
}

#[test]
fn what_is_over_the_limit_of_one_value_is_its_own_source() {
    // 200 records each on one value, of which 256 are kept.
    let many = |source| feed(source, (0..200).map(|number| (Kind::Domain, "a.example".to_owned(), number)));
    let (_, report) = IntelBuilder::new().feed(many("first")).feed(many("second")).build();
    let over: Vec<_> = report.sources().iter().map(|source| (source.over_limit(), source.in_force())).collect();
    assert_eq!(over, [(0, 200), (144, 56)]);
}

/// In a list of three, `evil.example/drop` was two places, each with two that repeat it: four of three.
#[test]
fn a_url_without_a_scheme_is_one_indicator() {
    let urls = |text: &'static str, count: usize| (0..count).map(move |_| (Kind::Url, text.to_owned(), 50));
    let count = |feed: Feed| {
        let (_, report) = IntelBuilder::new().feed(feed).build();
        (report.accepted(), report.duplicates(), report.over_limit(), report.in_force())
    };
    assert_eq!(count(feed("list", urls("evil.example/drop", 3))), (3, 2, 0, 1));
    let both = urls("evil.example/drop", 2).chain(urls("http://evil.example/drop", 2));
    assert_eq!(count(feed("list", both.chain(urls("https://evil.example/drop", 2)))), (6, 4, 0, 2));
    // Of many voices on one, those over the limit are over it once.
    let many = (0..300).map(|number| (Kind::Url, "evil.example/drop".to_owned(), (number % 100) as u8));
    assert_eq!(count(feed("list", many.clone())), (300, 200, 0, 100));
    let (_, report) = IntelBuilder::new()
        .feed(feed("list", many))
        .allow(AllowList::read(&b"http://evil.example/drop\nhttps://evil.example/drop\n"[..], "allow").unwrap())
        .build();
    assert_eq!((report.suppressed(), report.in_force()), (100, 0));
    let all = |source| feed(source, (0..100).map(|confidence| (Kind::Url, "evil.example/drop".to_owned(), confidence)));
    let (_, report) = IntelBuilder::new().feed(all("a")).feed(all("b")).feed(all("c")).build();
    assert_eq!((report.accepted(), report.over_limit(), report.in_force()), (300, 44, 256));
}

#[test]
fn a_range_is_silenced_once_however_many_networks_it_is() {
    let range = || (Kind::Ip, "20.0.0.1-20.9.9.9".to_owned(), 50);
    let allow = AllowList { patterns: vec![Pattern::parse(Kind::Ip, &range().1).unwrap()], ..AllowList::default() };
    let (_, report) = IntelBuilder::new().feed(feed("a", [range(), range()].into_iter())).allow(allow).build();
    assert_eq!((report.accepted(), report.duplicates(), report.suppressed(), report.in_force()), (2, 1, 1, 0));
}

#[test]
fn what_a_substring_silences_is_counted() {
    let list = r#"{"name":"n","type":"substring","list":["evil"],"matching_attributes":["domain"]}"#;
    let texts = ["evil.example", "good.example"].map(|text| (Kind::Domain, text.to_owned(), 50));
    let allow = AllowList::read(list.as_bytes(), "list.json").unwrap();
    let (_, report) = IntelBuilder::new().feed(feed("a", texts.into_iter())).allow(allow).build();
    assert_eq!((report.suppressed(), report.in_force()), (1, 1));
}

#[test]
fn a_range_that_is_silenced_in_part_is_in_force() {
    let allow = AllowList { patterns: vec![Pattern::parse(Kind::Ip, "20.0.0.4/30").unwrap()], ..AllowList::default() };
    let range = (Kind::Ip, "20.0.0.3-20.0.0.9".to_owned(), 50);
    let (_, report) = IntelBuilder::new().feed(feed("a", [range].into_iter())).allow(allow).build();
    assert_eq!((report.suppressed(), report.in_force()), (0, 1));
}
