//! Tables of what was met, with a bound on what they hold.

use std::hash::{DefaultHasher, Hash, Hasher};

use indexmap::IndexMap;

/// Longer texts are kept as their beginning, their length and a hash. In bytes.
const LONGEST: usize = 256;
/// What is kept of them.
const KEPT: usize = 200;

/// A row for each value, in the order of their first sight. What comes when it is full is counted as others.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: IndexMap<K, V>,
    limit: usize,
    others: u64,
}

impl<K: Hash + Eq, V: Default> Table<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { rows: IndexMap::new(), limit, others: 0 }
    }

    /// The row of a value, and its number. `None`: it counts as one of the others.
    pub(super) fn row(&mut self, key: K) -> Option<(usize, &mut V)> {
        if self.rows.len() >= self.limit && !self.rows.contains_key(&key) {
            self.others += 1;
            return None;
        }
        let entry = self.rows.entry(key);
        Some((entry.index(), entry.or_default()))
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How often something was met that has no row.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    pub(super) fn at(&self, number: usize) -> Option<(&K, &V)> {
        self.rows.get_index(number)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The rows, those first of which there is most.
    pub(super) fn by<N: Ord>(&self, most: impl Fn(&V) -> N) -> Vec<(&K, &V)>
    where
        K: Ord,
    {
        let mut rows: Vec<_> = self.rows().collect();
        rows.sort_by(|(a, one), (b, other)| most(other).cmp(&most(one)).then_with(|| a.cmp(b)));
        rows
    }
}

/// Few texts beside a value, and whether there were more.
#[derive(Default, Debug)]
pub(super) struct Few {
    pub(super) texts: Vec<String>,
    pub(super) more: bool,
}

impl Few {
    const MOST: usize = 4;

    pub(super) fn add(&mut self, text: &str) {
        if self.texts.iter().any(|one| one == text) {
        } else if self.texts.len() < Self::MOST {
            self.texts.push(bounded(text));
        } else {
            self.more = true;
        }
    }
}

/// How often something was met, in how many events, from when to when.
#[derive(Default, Clone, Debug)]
pub(super) struct Seen {
    pub(super) times: u64,
    pub(super) events: u64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    /// The event that was counted last.
    counted: u64,
}

impl Seen {
    /// In the event of this number, counted from 1, which happened then.
    pub(super) fn add(&mut self, event: u64, at: Option<i64>) {
        self.times += 1;
        if self.counted == event {
            return;
        }
        (self.counted, self.events) = (event, self.events + 1);
        if let Some(at) = at {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
    }
}

/// A text as it is kept: different ones stay different.
pub(super) fn bounded(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let end = (0..=KEPT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    let start = text.get(..end).unwrap_or_default();
    format!("{start}… ({} bytes, {:08x})", text.len(), hasher.finish() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_when_it_is_full_counts_as_others() {
        let mut table: Table<&str, u64> = Table::new(2);
        for key in ["a", "b", "c", "a", "d", "b", "a"] {
            if let Some((_, row)) = table.row(key) {
                *row += 1;
            }
        }
        assert_eq!(table.by(|&count| count), [(&"a", &3), (&"b", &2)]);
        assert_eq!((table.others(), table.len(), table.at(1)), (2, 2, Some((&"b", &2))));
    }

    #[test]
    fn events_count_once_and_times_as_often_as_they_are() {
        let mut seen = Seen::default();
        for (event, at) in [(1, None), (1, None), (2, Some(7)), (2, Some(7)), (5, Some(3)), (6, None)] {
            seen.add(event, at);
        }
        assert_eq!((seen.times, seen.events, seen.first, seen.last), (6, 4, Some(3), Some(7)));
    }

    #[test]
    fn long_texts_stay_different_and_become_short() {
        let long = "ü".repeat(1 << 20);
        let kept = bounded(&long);
        assert!(kept.len() < LONGEST && kept.starts_with("üü"), "{kept}");
        assert_ne!(kept, bounded(&format!("{long}x")));
        assert_ne!(kept, bounded(&format!("{}x", &long[2..])));
        assert_eq!(bounded(&"x".repeat(LONGEST)).len(), LONGEST);
    }
}
