//! What a scan can be told beforehand of the values that are sought: in which values or ranges of texts they all lie, and perhaps others.
//!
//! Parquet keeps the least and the greatest value of row groups and pages, and filters of single values. Values in normal form are texts, so
//! networks become ranges of texts: all addresses of `203.0.112.0/23` begin with `203.0.112.` or `203.0.113.`. Names with all that lies
//! below them have no such range.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr, ident, lit};
use stormtag::{Kind, Shape};

/// Texts among which all values are that some indicator covers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Superset {
    /// `None`: any.
    texts: Option<Texts>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Texts {
    values: Vec<String>,
    /// From the first on, below the second.
    ranges: Vec<(String, String)>,
}

/// A network of so many addresses or less is these addresses: filters know single values alone.
const FEW_ADDRESSES: u128 = 256;
/// With more values than this planning takes longer than it saves: then only the least and the greatest are told.
const MOST_VALUES: usize = 10_000;
const MOST_RANGES: usize = 256;

impl Superset {
    pub(super) fn everything() -> Self {
        Self { texts: None }
    }

    /// For values of a kind in normal form.
    pub(super) fn new(kind: Kind, sought: &[(Kind, String)]) -> Self {
        let mut texts = Texts::default();
        for (of, pattern) in sought {
            let is_told = if *of == kind { texts.add(kind, pattern) } else { !may_lie_within(kind, *of) };
            if !is_told {
                return Self::everything();
            }
        }
        texts.coarsen();
        Self { texts: Some(texts) }
    }

    /// The condition on a column of this type; `None`: it leaves nothing out.
    pub(super) fn expression(self, column: &str, of: &DataType) -> Result<Option<Expr>> {
        let Some(Texts { values, ranges }) = self.texts else { return Ok(None) };
        // In the type of the column, so that it is compared as it is stored.
        let text = |text: &str| Ok(lit(ScalarValue::from(text).cast_to(of)?));
        let between =
            |(from, below): &(String, String)| Ok(ident(column).gt_eq(text(from)?).and(ident(column).lt(text(below)?)));
        let mut terms = ranges.iter().map(between).collect::<Result<Vec<_>>>()?;
        if let (Some(least), Some(greatest)) = (values.iter().min(), values.iter().max()) {
            let list = values.iter().map(|value| text(value)).collect::<Result<Vec<_>>>()?;
            // Statistics are not asked for lists of more than a few values.
            let bounds = ident(column).gt_eq(text(least)?).and(ident(column).lt_eq(text(greatest)?));
            terms.push(ident(column).in_list(list, false).and(bounds));
        }
        Ok(Some(any_of(terms).unwrap_or_else(|| lit(false))))
    }
}

/// One of them: not deeper than need be, for plans are walked in recursion.
pub(super) fn any_of(mut terms: Vec<Expr>) -> Option<Expr> {
    match terms.len() {
        0 | 1 => terms.pop(),
        count => {
            let behind = terms.split_off(count / 2);
            Some(any_of(terms)?.or(any_of(behind)?))
        }
    }
}

/// Whether in a value of the kind there may be one of another, which is looked up as well.
fn may_lie_within(kind: Kind, other: Kind) -> bool {
    match kind {
        Kind::Url => matches!(other, Kind::Ip | Kind::Domain),
        Kind::Email => other == Kind::Domain,
        _ => false,
    }
}

impl Texts {
    /// Adds the values that a pattern covers; says whether they could be told.
    fn add(&mut self, kind: Kind, pattern: &str) -> bool {
        match kind.shape() {
            Shape::Address => self.addresses(pattern).is_some(),
            Shape::Name => match pattern.strip_prefix('=') {
                Some(name) => self.value(name),
                None => false,
            },
            Shape::Url => match pattern.strip_suffix('*') {
                Some(start) => self.beginning(start),
                None if pattern.contains('?') => self.value(pattern),
                // With any query: what comes behind a question mark, and before the next sign.
                None => self.range(pattern.to_owned(), format!("{pattern}@")),
            },
            Shape::Digest | Shape::Word | Shape::Text => self.value(pattern),
        }
    }

    fn value(&mut self, value: &str) -> bool {
        self.values.push(value.to_owned());
        true
    }

    fn range(&mut self, from: String, below: String) -> bool {
        self.ranges.push((from, below));
        true
    }

    /// Texts that begin so; with an ASCII character at the end.
    fn beginning(&mut self, start: &str) -> bool {
        let mut below = start.to_owned();
        match below.pop() {
            Some(last) if last.is_ascii() => {
                below.push(char::from(last as u8 + 1));
                self.range(start.to_owned(), below)
            }
            _ => false,
        }
    }

    /// `None`: addresses that cannot be told.
    fn addresses(&mut self, pattern: &str) -> Option<()> {
        let is_told = match ends(pattern)? {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                let (first, last) = (first.to_bits(), last.to_bits());
                if u128::from(last.checked_sub(first)?) < FEW_ADDRESSES {
                    self.values.extend((first..=last).map(|bits| Ipv4Addr::from_bits(bits).to_string()));
                    return Some(());
                }
                self.begin_v4(first, last)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                let (first, last) = (first.to_bits(), last.to_bits());
                if last.checked_sub(first)? < FEW_ADDRESSES {
                    self.values.extend((first..=last).map(|bits| Ipv6Addr::from_bits(bits).to_string()));
                    return Some(());
                }
                self.begin_v6(first, last)
            }
            _ => false,
        };
        is_told.then_some(())
    }

    /// What the addresses have in common, octet by octet, and the octet behind it, if few differ in it.
    fn begin_v4(&mut self, first: u32, last: u32) -> bool {
        const FEW: u8 = 16;
        let mut start = String::new();
        for (first, last) in first.to_be_bytes().into_iter().zip(last.to_be_bytes()) {
            if first == last {
                start += &format!("{first}.");
            } else if last - first < FEW {
                return (first..=last).all(|octet| self.beginning(&format!("{start}{octet}.")));
            } else {
                break;
            }
        }
        self.beginning(&start)
    }

    /// What the addresses have in common, group by group, as far as none is zero: zeros may be left out, anywhere.
    fn begin_v6(&mut self, first: u128, last: u128) -> bool {
        let groups = |bits| Ipv6Addr::from_bits(bits).segments().into_iter();
        let common = groups(first).zip(groups(last)).take_while(|(first, last)| first == last && *first != 0);
        let start: String = common.map(|(group, _)| format!("{group:x}:")).collect();
        self.beginning(&start)
    }

    /// Fewer, and wider.
    fn coarsen(&mut self) {
        if self.values.len() > MOST_VALUES {
            let ends = (self.values.iter().min().cloned(), self.values.iter().max().cloned());
            self.values.clear();
            if let (Some(least), Some(greatest)) = ends {
                self.ranges.push((least, format!("{greatest}\0")));
            }
        }
        if self.ranges.len() > MOST_RANGES {
            let from = self.ranges.iter().map(|(from, _)| from).min().cloned();
            let below = self.ranges.iter().map(|(_, below)| below).max().cloned();
            self.ranges = from.zip(below).into_iter().collect();
        }
    }
}

/// First and last of an address, a network or a range.
fn ends(pattern: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((first, last)) = pattern.split_once('-') {
        return Some((first.parse().ok()?, last.parse().ok()?));
    }
    let Some((address, length)) = pattern.split_once('/') else {
        let address = pattern.parse().ok()?;
        return Some((address, address));
    };
    let length: u32 = length.parse().ok()?;
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => {
            let rest = u32::MAX.checked_shr(length).unwrap_or(0);
            let bits = address.to_bits();
            (Ipv4Addr::from_bits(bits & !rest).into(), Ipv4Addr::from_bits(bits | rest).into())
        }
        IpAddr::V6(address) => {
            let rest = u128::MAX.checked_shr(length).unwrap_or(0);
            let bits = address.to_bits();
            (Ipv6Addr::from_bits(bits & !rest).into(), Ipv6Addr::from_bits(bits | rest).into())
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use proptest::prelude::*;
    use stormtag::{Feed, Indicator, IntelBuilder, Limits, Observable, Pattern, Record};

    use super::*;

    fn superset(kind: Kind, patterns: &[&str]) -> Superset {
        let sought: Vec<_> = patterns.iter().map(|pattern| (kind, (*pattern).to_owned())).collect();
        Superset::new(kind, &sought)
    }

    impl Superset {
        fn holds(&self, text: &str) -> bool {
            self.texts.as_ref().is_none_or(|texts| {
                let within = |(from, below): &(String, String)| from.as_str() <= text && text < below.as_str();
                texts.values.iter().any(|value| value == text) || texts.ranges.iter().any(within)
            })
        }
    }

    #[test]
    fn networks_become_ranges_of_texts() {
        let of = |pattern: &str| superset(Kind::Ip, &[pattern]).texts.map(|texts| texts.ranges);
        let range = |from: &str, below: &str| (from.to_owned(), below.to_owned());
        assert_eq!(
            of("203.0.112.0/23"),
            Some(vec![range("203.0.112.", "203.0.112/"), range("203.0.113.", "203.0.113/")])
        );
        assert_eq!(of("172.16.0.0/12").unwrap().len(), 16);
        assert_eq!(of("10.0.0.0/9"), Some(vec![range("10.", "10/")]));
        assert_eq!(of("2001:db8::/32"), Some(vec![range("2001:db8:", "2001:db8;")]));
        assert_eq!(of("2001:0:1::/48"), Some(vec![range("2001:", "2001;")]));
        assert_eq!(of("0.0.0.0/1"), None);
        assert_eq!(of("::/16"), None);
        let few = superset(Kind::Ip, &["198.51.100.0/30"]).texts.unwrap();
        assert_eq!(few.values, ["198.51.100.0", "198.51.100.1", "198.51.100.2", "198.51.100.3"]);
    }

    #[test]
    fn what_lies_below_a_name_or_within_a_url_cannot_be_told() {
        assert_eq!(superset(Kind::Domain, &["=only.example", "evil.example"]), Superset::everything());
        assert!(!superset(Kind::Domain, &["=only.example"]).holds("www.only.example"));
        let host = Superset::new(Kind::Url, &[(Kind::Domain, "=evil.example".into())]);
        assert_eq!(host, Superset::everything());
        let none = Superset::new(Kind::Sha256, &[(Kind::Domain, "evil.example".into())]);
        assert_eq!(none.texts, Some(Texts::default()));
    }

    #[test]
    fn many_values_become_a_range() {
        let values: Vec<_> = (0..=MOST_VALUES).map(|number| (Kind::FileName, format!("file{number}"))).collect();
        let many = Superset::new(Kind::FileName, &values);
        let texts = many.texts.as_ref().unwrap();
        assert!(texts.values.is_empty() && texts.ranges.len() == 1);
        assert!(values.iter().all(|(_, value)| many.holds(value)) && !many.holds("g"));
    }

    /// A pattern of few letters, and a value near it.
    fn near() -> impl Strategy<Value = (Kind, String, String)> {
        let v4 = (any::<u32>(), 1_u32..=32, any::<u32>()).prop_map(|(bits, length, other)| {
            let rest = u32::MAX.checked_shr(length).unwrap_or(0);
            let near = if other & 3 == 0 { other } else { (bits & !rest) | (other & rest) };
            (Kind::Ip, format!("{}/{length}", Ipv4Addr::from_bits(bits)), Ipv4Addr::from_bits(near).to_string())
        });
        let sparse = prop::collection::vec(prop_oneof![Just(0_u16), Just(1), Just(0xdb8), any::<u16>()], 8);
        let v6 = (sparse.clone(), 1_u32..=128, sparse).prop_map(|(bits, length, other)| {
            let bits_of =
                |groups: Vec<u16>| groups.into_iter().fold(0_u128, |all, group| all << 16 | u128::from(group));
            let (bits, other, rest) = (bits_of(bits), bits_of(other), u128::MAX.checked_shr(length).unwrap_or(0));
            let near = (bits & !rest) | (other & rest);
            (Kind::Ip, format!("{}/{length}", Ipv6Addr::from_bits(bits)), Ipv6Addr::from_bits(near).to_string())
        });
        let range = (any::<u32>(), 0_u32..100_000, 0_u32..100_000).prop_map(|(bits, length, other)| {
            let at = |offset| Ipv4Addr::from_bits(bits.saturating_add(offset));
            (Kind::Ip, format!("{}-{}", at(0), at(length)), at(other).to_string())
        });
        let path = "(/|/a|/a/|/a/b|/a/b/|/a\\?x=1|/a/\\?x=1|/a/b/c)";
        let url = (path, path, any::<bool>()).prop_map(|(pattern, value, star)| {
            let star = if star && pattern.ends_with('/') { "*" } else { "" };
            (Kind::Url, format!("http://evil.example{pattern}{star}"), format!("http://evil.example{value}"))
        });
        let name = ("=?(a\\.)?b\\.example", "(c\\.)?(a\\.)?b\\.example")
            .prop_map(|(pattern, value)| (Kind::Domain, pattern, value));
        prop_oneof![v4, v6, range, url, name]
    }

    proptest! {
        /// No value that an indicator covers is left out.
        #[test]
        fn nothing_covered_is_left_out((kind, pattern, value) in near()) {
            let pattern = Pattern::parse(kind, &pattern).unwrap();
            let told = superset(kind, &[&pattern.to_string()]);
            let mut feed = Feed::new("feed");
            feed.indicators.push(Indicator { pattern, record: std::sync::Arc::new(Record::new("feed")) });
            let limits = Limits { shortest_v4: 0, shortest_v6: 0, special_use: true, single_labels: true, public_suffixes: true };
            let (intel, _) = IntelBuilder::new().limits(limits).feed(feed).build();
            let observable = Observable::parse(kind, &value).unwrap();
            // In normal form, as the column promises.
            let normal = observable.to_string();
            prop_assert!(intel.look_up(&observable).is_empty() || told.holds(&normal), "{told:?} lacks {normal}");
        }
    }
}
