//! From a STIX pattern to the patterns of which each alone says that it holds.
//!
//! A STIX pattern is a statement on an observation with many properties; an indicator here is one value. So what is looked for is
//! the set of values of which any one suffices. Of `OR` it is what either side gives; of `AND` what both sides give, which is
//! mostly nothing. What cannot be settled so is left out, with its reason: a set too small misses something, a set too large says
//! of an innocent value what nobody said.

use std::collections::HashSet;
use std::ops::Range;

use super::grammar::{Comparison, Literal, Observation, Operator, Qualifier, Test, parse};
use super::property::{self, Values};
use super::value;
use crate::feed::{Reason, Unmatchable};
use crate::normal::NotObservable;
use crate::observable::Kind;
use crate::pattern::Pattern;

/// The values that suffice.
#[derive(Debug, Default)]
pub(super) struct Matching {
    /// Each once, in the order of the text; never empty.
    pub(super) patterns: Vec<Pattern>,
    /// Alternatives that are not among them: where they stand in the text, and why.
    pub(super) left_out: Vec<(Range<usize>, Reason)>,
}

/// Why nothing is matched, and for a text that is no pattern where it ceases to be one.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) detail: Option<String>,
}

/// Reads a pattern. Linear in its length, but for parentheses, which are limited.
pub(super) fn read(text: &str) -> Result<Matching, Refused> {
    let observation = parse(text).map_err(|wrong| {
        let reason = if wrong.is_depth() { Unmatchable::TooDeep } else { Unmatchable::Syntax };
        Refused { reason: Reason::Pattern(reason), detail: Some(wrong.to_string()) }
    })?;
    observed(&observation).map_err(|(_, reason)| Refused { reason, detail: None })
}

/// Where something stands, and why it is not matched.
type Left = (Range<usize>, Reason);

fn observed(observation: &Observation<'_>) -> Result<Matching, Left> {
    let refused = |reason| Err((0..0, Reason::Pattern(reason)));
    match observation {
        Observation::One(comparison) => compared(comparison, &[]),
        Observation::Or(all) => either(all.iter().map(observed)),
        Observation::And => refused(Unmatchable::Observations),
        Observation::FollowedBy => refused(Unmatchable::FollowedBy),
        // What is qualified may be out of reach for a reason of its own, and a better one.
        Observation::Qualified(inner, qualifier) => match observed(inner) {
            Err(left @ (_, Reason::Pattern(Unmatchable::Observations | Unmatchable::FollowedBy))) => Err(left),
            _ => refused(match qualifier {
                Qualifier::Within => Unmatchable::Within,
                Qualifier::Repeats => Unmatchable::Repeats,
                Qualifier::StartStop => Unmatchable::StartStop,
            }),
        },
    }
}

/// What any of them gives; if none gives anything, why the first does not.
fn either(all: impl Iterator<Item = Result<Matching, Left>>) -> Result<Matching, Left> {
    let mut found = Matching::default();
    let mut known = HashSet::new();
    for one in all {
        match one {
            Ok(one) => {
                found.patterns.extend(one.patterns.into_iter().filter(|pattern| known.insert(key(pattern))));
                found.left_out.extend(one.left_out);
            }
            Err(left) => found.left_out.push(left),
        }
    }
    match found.left_out.first() {
        Some(first) if found.patterns.is_empty() => Err(first.clone()),
        _ => Ok(found),
    }
}

fn key(pattern: &Pattern) -> (Kind, String) {
    (pattern.kind(), pattern.to_string())
}

/// A type that an `AND` around gives to what a reference leads to: `network-traffic`, `dst_ref`, `ipv4-addr`.
#[derive(Clone, Copy, PartialEq)]
struct Typed<'p> {
    reference: (&'p str, &'p str),
    kind: Kind,
    family: Option<char>,
}

fn compared(comparison: &Comparison<'_>, types: &[Typed<'_>]) -> Result<Matching, Left> {
    match comparison {
        Comparison::Test(test) => tested(test, types),
        Comparison::Or(all) => either(all.iter().map(|one| compared(one, types))),
        Comparison::And(all) => all_of(all, types),
    }
}

fn tested(test: &Test<'_>, types: &[Typed<'_>]) -> Result<Matching, Left> {
    let left = |reason| (test.span.clone(), reason);
    if let Some(reason) = refuses(test) {
        return Err(left(Reason::Pattern(reason)));
    }
    let reference = property::referred(&test.path, "value");
    let typed = types.iter().find(|typed| Some(typed.reference) == reference);
    let values = typed.map_or_else(|| property::values(&test.path), |typed| Values::Of(typed.kind));
    let alternatives = test.values.iter().map(|literal| {
        let pattern = value::pattern(values, test.operator, literal).map_err(left)?;
        // `::1` is no ipv4-addr, whatever the rest says.
        if typed.and_then(|typed| typed.family).is_some_and(|family| !pattern.to_string().contains(family)) {
            return Err(left(Reason::Value(NotObservable::NotAnAddress)));
        }
        Ok(Matching { patterns: vec![pattern], left_out: Vec::new() })
    });
    if test.values.is_empty() {
        return Err(left(Reason::NoValue));
    }
    either(alternatives)
}

/// Why a test is not matched whatever it compares.
fn refuses(test: &Test<'_>) -> Option<Unmatchable> {
    match test.operator {
        _ if test.negated => Some(Unmatchable::Negation),
        Operator::Order => Some(Unmatchable::Ordering),
        Operator::Superset => Some(Unmatchable::Superset),
        Operator::Exists => Some(Unmatchable::Existence),
        Operator::Equal | Operator::Like | Operator::Matches | Operator::Subset => None,
    }
}

fn all_of(all: &[Comparison<'_>], types: &[Typed<'_>]) -> Result<Matching, Left> {
    if let Some(found) = one_content(all) {
        return found;
    }
    let conjunction = || (span(all), Reason::Pattern(Unmatchable::Conjunction));
    // A type given to what a reference leads to only says how to read its value, if there is one.
    let valued: HashSet<_> = all.iter().filter_map(about).collect();
    let mut inner: Vec<Typed<'_>> = types.to_vec();
    let mut rest = Vec::new();
    for one in all {
        match typed(one).filter(|typed| valued.contains(&typed.reference)) {
            Some(typed) if inner.contains(&typed) => {}
            Some(typed) if inner.iter().all(|other| other.reference != typed.reference) => inner.push(typed),
            _ => rest.push(one),
        }
    }
    let alone = rest.len() == 1;
    let mut both: Option<Matching> = None;
    for one in rest {
        let one = compared(one, &inner).map_err(|left| match left.1 {
            // These say more than that there are several.
            Reason::Pattern(
                Unmatchable::Negation | Unmatchable::Ordering | Unmatchable::Superset | Unmatchable::Existence,
            ) => left,
            _ if alone => left,
            _ => conjunction(),
        })?;
        both = Some(match both {
            None => one,
            Some(mut both) => {
                let known: HashSet<_> = one.patterns.iter().map(key).collect();
                both.patterns.retain(|pattern| known.contains(&key(pattern)));
                both.left_out.extend(one.left_out);
                both
            }
        });
    }
    both.filter(|both| !both.patterns.is_empty()).ok_or_else(conjunction)
}

/// Digests of one content, with whatever else is said of that content: each digest alone suffices, for it settles the content and
/// the content all the rest. The name of a file and its place are not settled so.
fn one_content(all: &[Comparison<'_>]) -> Option<Result<Matching, Left>> {
    let tests: Vec<&Test<'_>> = all
        .iter()
        .map(|one| match one {
            Comparison::Test(test) => Some(test),
            Comparison::And(_) | Comparison::Or(_) => None,
        })
        .collect::<Option<_>>()?;
    let owner = property::content(&tests.first()?.path)?;
    if tests.iter().any(|test| refuses(test).is_some() || property::content(&test.path).as_ref() != Some(&owner)) {
        return None;
    }
    let digests = tests.iter().filter(|test| property::identifies(&test.path) && test.values.len() == 1);
    let mut found: Vec<Pattern> = Vec::new();
    let mut left_out = Vec::new();
    for test in digests {
        match tested(test, &[]) {
            Ok(one) => {
                for pattern in one.patterns {
                    match found.iter().find(|other| other.kind() == pattern.kind()) {
                        None => found.push(pattern),
                        Some(same) if *same == pattern => {}
                        // No file has two different digests of one sort.
                        Some(_) => return Some(Err((span(all), Reason::Pattern(Unmatchable::Conjunction)))),
                    }
                }
            }
            Err(left) => left_out.push(left),
        }
    }
    match left_out.first() {
        _ if !found.is_empty() => Some(Ok(Matching { patterns: found, left_out })),
        first => first.cloned().map(Err),
    }
}

/// The type that a test gives to what a reference leads to.
fn typed<'p>(comparison: &'p Comparison<'_>) -> Option<Typed<'p>> {
    let Comparison::Test(test) = comparison else { return None };
    let reference = property::referred(&test.path, "type")?;
    let [Literal::Text(name)] = &test.values[..] else { return None };
    let (kind, family) = match &**name {
        "ipv4-addr" => (Kind::Ip, Some('.')),
        "ipv6-addr" => (Kind::Ip, Some(':')),
        "domain-name" => (Kind::Domain, None),
        _ => return None,
    };
    (test.operator == Operator::Equal && !test.negated).then_some(Typed { reference, kind, family })
}

/// The reference whose value is all that is compared.
fn about<'p>(comparison: &'p Comparison<'_>) -> Option<(&'p str, &'p str)> {
    match comparison {
        Comparison::Test(test) => property::referred(&test.path, "value"),
        Comparison::And(all) | Comparison::Or(all) => {
            let first = about(all.first()?)?;
            all.iter().all(|one| about(one) == Some(first)).then_some(first)
        }
    }
}

/// From the first to the last of them.
fn span(all: &[Comparison<'_>]) -> Range<usize> {
    let of = |one: &Comparison<'_>| match one {
        Comparison::Test(test) => test.span.clone(),
        Comparison::And(inner) | Comparison::Or(inner) => span(inner),
    };
    all.first().map_or(0, |one| of(one).start)..all.last().map_or(0, |one| of(one).end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Unmatchable::*;

    fn found(text: &str) -> Result<(Vec<String>, usize), Reason> {
        let matching = read(text).map_err(|refused| refused.reason)?;
        Ok((matching.patterns.iter().map(|p| format!("{} {p}", p.kind())).collect(), matching.left_out.len()))
    }

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

    /// Digests in the tables below, by short names.
    fn long(text: &str) -> String {
        let md5 = format!("file:hashes.MD5 = '{MD5}'");
        let sha1 = format!("file:hashes.'SHA-1' = '{SHA1}'");
        text.replace("{m}", &md5).replace("{s}", &sha1).replace("{md5}", MD5).replace("{sha1}", SHA1)
    }

    #[test]
    fn each_alternative_is_a_pattern_and_what_is_out_of_reach_is_named() {
        let cases = [
            ("[domain-name:value = 'a.example']", "domain =a.example", 0),
            (
                "[domain-name:value = 'a.example' OR ipv4-addr:value='203.0.113.9']",
                "domain =a.example, ip 203.0.113.9",
                0,
            ),
            (
                "[url:value IN ('http://a.example/', 'http://b.example/')]",
                "url http://a.example/, url http://b.example/",
                0,
            ),
            ("([mutex:name = 'a']) or [ipv6-addr:value = '2001:db8::9']", "mutex a, ip 2001:db8::9", 0),
            ("[domain-name:value = 'a.example' OR file:size > 9 OR app:id = 'x']", "domain =a.example", 2),
            ("[mutex:name = 'a'] OR ([mutex:name = 'b'] FOLLOWEDBY [mutex:name = 'c'])", "mutex a", 1),
            ("[autonomous-system:number = 64500]", "asn 64500", 0),
            // What both sides give.
            ("[(mutex:name = 'a' OR mutex:name = 'b') AND (mutex:name = 'b' OR mutex:name = 'c')]", "mutex b", 0),
            ("[mutex:name = 'a' AND mutex:name IN ('a', 'b')]", "mutex a", 0),
            ("[mutex:name NOT != 'a']", "mutex a", 0),
            // One content.
            ("[{m} AND {s}]", "md5 {md5}, sha1 {sha1}", 0),
            ("[{m} AND ({s} AND file:size = 3)]", "md5 {md5}, sha1 {sha1}", 0),
            ("[{m} AND file:mime_type = 'a/b' AND file:extensions.'x'.y = 1]", "md5 {md5}", 0),
            ("[{m} AND file:hashes.SSDEEP = '3:a:b']", "md5 {md5}", 0),
            ("[({m} AND file:size = 1) OR {s}]", "md5 {md5}, sha1 {sha1}", 0),
            ("[process:image_ref.hashes.MD5 = '{md5}' AND process:image_ref.size = 3]", "md5 {md5}", 0),
            ("[x509-certificate:hashes.'SHA-1' = '{sha1}' AND x509-certificate:issuer = 'x']", "cert_sha1 {sha1}", 0),
            // A type says how to read a value.
            (
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.9']",
                "ip 203.0.113.9",
                0,
            ),
            (
                "[network-traffic:dst_ref.value = '203.0.113.9/32' OR network-traffic:src_ref.value = 'a.example']",
                "ip 203.0.113.9, domain =a.example",
                0,
            ),
            (
                "[network-traffic:dst_ref.type = 'domain-name' AND (network-traffic:dst_ref.value = 'a.example' \
                 OR network-traffic:dst_ref.value LIKE '%.b.example')]",
                "domain =a.example, domain b.example",
                0,
            ),
        ];
        for (text, patterns, left_out) in cases {
            let (text, patterns) = (long(text), long(patterns));
            let expected = patterns.split(", ").map(str::to_owned).collect();
            assert_eq!(found(&text), Ok((expected, left_out)), "{text}");
        }
    }

    #[test]
    fn nothing_is_half_matched() {
        let pattern = |why| Reason::Pattern(why);
        let cases = [
            (
                "[domain-name:value = 'a.example' AND domain-name:resolves_to_refs[*].value = '203.0.113.9']",
                pattern(Conjunction),
            ),
            ("[mutex:name = 'a' AND mutex:name = 'b']", pattern(Conjunction)),
            ("[{m} AND file:name = 'a.exe']", pattern(Conjunction)),
            ("[{m} AND file:hashes.MD5 = 'e41e8ce98f00b204e9800998ecf8427e']", pattern(Conjunction)),
            ("[{m} AND artifact:hashes.'SHA-1' = '{sha1}']", pattern(Conjunction)),
            ("[(file:hashes.'SHA-1' = '{sha1}' OR {m}) AND file:size = 9]", pattern(Conjunction)),
            ("[{m} AND process:image_ref.size = 9]", pattern(Conjunction)),
            (
                "[file:extensions.'windows-pebinary-ext'.imphash = 'd41d8cd98f00b204e9800998ecf8427e' AND file:size = 9]",
                pattern(Conjunction),
            ),
            (
                "[network-traffic:dst_ref.value = '203.0.113.9' AND network-traffic:dst_port = 443]",
                pattern(Conjunction),
            ),
            (
                "[network-traffic:src_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.9']",
                pattern(Conjunction),
            ),
            (
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'a.example']",
                pattern(Conjunction),
            ),
            (
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '::9']",
                Reason::Value(NotObservable::NotAnAddress),
            ),
            ("[mutex:name = 'a' AND mutex:name != 'b']", pattern(Negation)),
            ("[mutex:name != 'a']", pattern(Negation)),
            ("[mutex:name NOT IN ('a')]", pattern(Negation)),
            ("[file:size >= 3]", pattern(Ordering)),
            ("[ipv4-addr:value ISSUPERSET '203.0.113.0/24']", pattern(Superset)),
            ("[EXISTS mutex:name]", pattern(Existence)),
            ("[domain-name:value LIKE '%evil%']", pattern(Inexact)),
            ("[mutex:name = 'a'] AND [mutex:name = 'a']", pattern(Observations)),
            ("[mutex:name = 'a'] FOLLOWEDBY [mutex:name = 'b']", pattern(FollowedBy)),
            ("([mutex:name = 'a'] FOLLOWEDBY [mutex:name = 'b']) WITHIN 5 SECONDS", pattern(FollowedBy)),
            ("[mutex:name = 'a'] WITHIN 5.5 SECONDS", pattern(Within)),
            ("[mutex:name = 'a'] REPEATS 5 TIMES WITHIN 9 SECONDS", pattern(Repeats)),
            ("[mutex:name = 'a'] START t'2024-01-01T00:00:00Z' STOP t'2025-01-01T00:00:00Z'", pattern(StartStop)),
            ("[app:id = 'a']", Reason::ForeignKind),
            ("[process:command_line LIKE '%a%']", pattern(Inexact)),
            ("[mutex:name IN ()]", Reason::NoValue),
            ("[mutex:name = true]", pattern(Inexact)),
        ];
        for (text, reason) in cases {
            assert_eq!(found(&long(text)), Err(reason), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_where_and_what_was_expected() {
        let cases = [
            ("", "at byte 0: expected an observation in brackets"),
            ("domain-name:value = 'a'", "at byte 0: expected an observation in brackets"),
            ("[domain-name:value = 'a'", "at byte 24: expected AND, OR or a closing bracket"),
            (
                "[domain-name:value 'a']",
                "at byte 19: expected an operator: =, !=, <, >, IN, LIKE, MATCHES, ISSUBSET, ISSUPERSET",
            ),
            ("[domain-name:value = a]", "at byte 21: expected a value: a text in single quotes, a number, true, false"),
            (
                "[a:b = 'c'] [a:b = 'c']",
                "at byte 12: expected an operator between observations, a qualifier, or the end",
            ),
            ("[a:b = 'c", "at byte 7: expected a closing quote"),
            ("[a:b LIKE 5]", "at byte 10: expected a text in single quotes"),
            ("[a:b = 'c'] WITHIN -5 SECONDS", "at byte 19: expected a positive number"),
        ];
        for (text, expected) in cases {
            let refused = read(text).unwrap_err();
            assert_eq!(
                (refused.reason, refused.detail.as_deref()),
                (Reason::Pattern(Syntax), Some(expected)),
                "{text}"
            );
        }
    }

    #[test]
    fn depth_is_limited_and_length_is_not() {
        for (open, inner, close) in [("(", "[a:b = 'c']", ")"), ("[(", "a:b = 'c'", ")]"), ("(", "", "")] {
            let (open, close) = (open.replace('(', &"(".repeat(100_000)), close.replace(')', &")".repeat(100_000)));
            assert_eq!(found(&format!("{open}{inner}{close}")), Err(Reason::Pattern(TooDeep)));
        }
        let deep = format!("[{}mutex:name = 'a'{}]", "(".repeat(64), ")".repeat(64));
        assert_eq!(found(&deep), Ok((vec!["mutex a".to_owned()], 0)));
        let long = |word: &str| (0..50_000).map(|n| format!("mutex:name = 'm{n}'")).collect::<Vec<_>>().join(word);
        assert_eq!(found(&format!("[{}]", long(" OR "))).unwrap().0.len(), 50_000);
        assert_eq!(found(&format!("[{}]", long(" AND "))), Err(Reason::Pattern(Conjunction)));
        let qualified = format!("[mutex:name = 'a']{}", " REPEATS 5 TIMES".repeat(100_000));
        assert_eq!(found(&qualified), Err(Reason::Pattern(Repeats)));
    }
}
