//! Deltas, held to a difference of sets that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use stormtag::{AllowList, Changed, Feed, Indicator, Intel, IntelBuilder, Kind, Pattern, Record};

/// Small enough that patterns meet: the same, above and below each other, allowed.
const TEXTS: &[(Kind, &str)] = &[
    (Kind::Ip, "20.1.0.8"),
    (Kind::Ip, "20.1.0.9"),
    (Kind::Ip, "20.1.0.0/24"),
    (Kind::Ip, "20.1.0.0/16"),
    (Kind::Ip, "20.1.0.3-20.1.0.9"),
    (Kind::Ip, "20.1.0.8-20.1.0.9"),
    (Kind::Ip, "2a00::8"),
    (Kind::Ip, "2a00::/32"),
    (Kind::Ip, "2a00::8-2a00::9"),
    (Kind::Domain, "evil.example"),
    (Kind::Domain, "=evil.example"),
    (Kind::Domain, "www.evil.example"),
    (Kind::Domain, "=www.evil.example"),
    (Kind::Domain, "a.b.evil.example"),
    (Kind::Url, "http://evil.example/a"),
    (Kind::Url, "http://evil.example/a?x=1"),
    (Kind::Url, "http://evil.example/a/"),
    (Kind::Url, "http://evil.example/a/*"),
    (Kind::Url, "http://evil.example/*"),
    (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
    (Kind::Sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (Kind::FileName, "evil.exe"),
    (Kind::Email, "a@evil.example"),
];

type Listed = Vec<(usize, u8)>;

fn intel(listed: &Listed, allowed: &[usize]) -> Intel {
    let record = |number: u8| Arc::new(Record { confidence: number, ..Record::new("a") });
    let pattern = |at: usize| Pattern::parse(TEXTS[at].0, TEXTS[at].1).unwrap();
    // In two feeds that say the same of what they have in common.
    let mut feeds = [Feed::new("a"), Feed::new("a")];
    for &(at, number) in listed {
        let indicator = Indicator { pattern: pattern(at), record: record(number) };
        feeds[usize::from(number % 2)].indicators.push(indicator.clone());
        if number == 0 {
            feeds[1].indicators.push(indicator);
        }
    }
    let patterns = allowed.iter().map(|&at| pattern(at)).collect();
    let list = AllowList { name: "list".into(), patterns, ..AllowList::default() };
    IntelBuilder::new().feed(feeds[0].clone()).feed(feeds[1].clone()).allow(list).build().0
}

/// What is said of each pattern: the confidence of its records.
type Sets = BTreeMap<(Kind, String), BTreeSet<u8>>;

fn sets(listed: &Listed) -> Sets {
    let mut sets = Sets::new();
    for &(at, number) in listed {
        let (kind, text) = TEXTS[at];
        sets.entry((kind, Pattern::parse(kind, text).unwrap().to_string())).or_default().insert(number);
    }
    sets
}

fn shown<'i>(changes: impl Iterator<Item = Changed<'i>>) -> Sets {
    let mut sets = Sets::new();
    for of in changes {
        let records: BTreeSet<u8> = of.records.iter().map(|(record, _)| record.confidence).collect();
        assert_eq!(records.len(), of.records.len(), "no record twice");
        let read = Pattern::parse(of.kind, &of.pattern).unwrap();
        assert_eq!(read.to_string(), of.pattern, "patterns read back");
        assert!(sets.insert((of.kind, of.pattern.into_owned()), records).is_none(), "no indicator twice");
    }
    sets
}

fn listed() -> impl Strategy<Value = Listed> {
    prop::collection::vec((0..TEXTS.len(), 0..4_u8), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_delta_is_the_difference_of_sets(old in listed(), new in listed(), allowed in prop::collection::vec(0..TEXTS.len(), 0..4)) {
        let (before, after) = (sets(&old), sets(&new));
        let (old, new) = (intel(&old, &allowed), intel(&new, &allowed));
        let delta = Intel::delta(&old, &new);
        let without = |a: &Sets, b: &Sets| a.clone().into_iter().filter(|(key, _)| !b.contains_key(key)).collect::<Sets>();
        prop_assert_eq!(shown(delta.added()), without(&after, &before));
        prop_assert_eq!(shown(delta.removed()), without(&before, &after));
        let changed: Sets =
            after.into_iter().filter(|(key, set)| before.get(key).is_some_and(|before| before != set)).collect();
        prop_assert_eq!(shown(delta.changed()), changed);
    }
}

#[test]
fn what_is_silenced_has_changed() {
    let listed: Listed = (0..TEXTS.len()).map(|at| (at, 1)).collect();
    for (at, (kind, text)) in TEXTS.iter().enumerate() {
        let (old, new) = (intel(&listed, &[]), intel(&listed, &[at]));
        let delta = Intel::delta(&old, &new);
        let changed: Vec<_> = delta.changed().collect();
        let patterns: Vec<_> = changed.iter().map(|of| (of.kind, &*of.pattern)).collect();
        // Silencing `evil.example` with what is below it does not silence what is listed at that place alone.
        assert!(patterns.contains(&(*kind, *text)), "{text}: {patterns:?}");
        assert!(changed.iter().all(|of| of.records.iter().all(|&(_, silenced)| silenced)), "{text}");
        assert_eq!((delta.added().count(), delta.removed().count()), (0, 0));
    }
}

#[test]
fn a_url_without_a_scheme_is_two() {
    let feed = |text: &str| {
        let pattern = Pattern::parse(Kind::Url, text).unwrap();
        Feed { indicators: vec![Indicator { pattern, record: Arc::new(Record::new("a")) }], ..Feed::new("a") }
    };
    let new = IntelBuilder::new().feed(feed("evil.example/x")).build().0;
    let old = IntelBuilder::new().feed(feed("https://evil.example/x")).build().0;
    let delta = Intel::delta(&old, &new);
    assert!(delta.added().map(|of| of.pattern.into_owned()).eq(["http://evil.example/x"]));
    assert_eq!((delta.removed().count(), delta.changed().count()), (0, 0));
}
