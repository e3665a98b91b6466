//! Substrings and expressions of allow-lists, tried against indicators while these are taken in.
//!
//! They say nothing about where in a hierarchy they stand, so they silence the indicator itself, wherever it matches.

use std::sync::Arc;

use aho_corasick::AhoCorasick;

use crate::allow::{AllowList, Expression};
use crate::observable::Kind;
use crate::pattern::Pattern;

/// The searches of all lists.
pub(crate) struct Searches<'l> {
    lists: Vec<Search<'l>>,
}

struct Search<'l> {
    /// Number of the list, from 1.
    number: u32,
    /// Substrings by the kinds they are tried on; none means all.
    substrings: Vec<(&'l [Kind], AhoCorasick)>,
    expressions: &'l [Expression],
}

impl<'l> Searches<'l> {
    pub(crate) fn new(lists: &'l [Arc<AllowList>]) -> Self {
        let searches = lists.iter().zip(1..).map(|(list, number)| {
            // Substrings of one list that are tried on the same kinds are searched for at once.
            let by_kinds = list.substrings.chunk_by(|a, b| a.kinds() == b.kinds());
            let substrings = by_kinds.filter_map(|same| {
                let kinds = same.first()?.kinds();
                Some((kinds, AhoCorasick::new(same.iter().map(|substring| substring.text())).ok()?))
            });
            Search { number, substrings: substrings.collect(), expressions: &list.expressions }
        });
        let searches = searches.filter(|search| !search.substrings.is_empty() || !search.expressions.is_empty());
        Self { lists: searches.collect() }
    }

    /// The first list that silences the indicator, from 1; 0: none.
    pub(crate) fn find(&self, pattern: &Pattern) -> u32 {
        let tried = |kinds: &[Kind]| kinds.is_empty() || kinds.contains(&pattern.kind());
        let mut text = None;
        for list in &self.lists {
            for (kinds, substrings) in &list.substrings {
                if tried(kinds)
                    && substrings.is_match(&*text.get_or_insert_with(|| pattern.to_string().to_ascii_lowercase()))
                {
                    return list.number;
                }
            }
            for expression in list.expressions.iter().filter(|expression| tried(expression.kinds())) {
                if expression.is_match(text.get_or_insert_with(|| pattern.to_string().to_ascii_lowercase())) {
                    return list.number;
                }
            }
        }
        0
    }
}
