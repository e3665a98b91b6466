//! Values seen before that took the slow way to normal form, and texts that were searched. The only module that knows `lru`.
//!
//! Most values are normal, and looking at them is cheaper than remembering them. Capital letters, letters outside ASCII and
//! unusual URLs are not, and one source writes the same ones again and again. So it is with command lines.

use std::hash::BuildHasher;
use std::num::NonZeroUsize;

use foldhash::fast::RandomState;
use lru::LruCache;

use crate::behaviour::Part;
use crate::normal::{self, NotObservable};
use crate::observable::{Kind, Observable, Shape};

/// Least recently used goes first. Private to a worker: no lock, and no tenant can push out another's values.
pub(crate) struct Cache {
    seen: Option<LruCache<u64, Seen, RandomState>>,
    once: Once,
    hasher: RandomState,
    /// Verdicts of other numbers speak of a snapshot that is not used any more.
    snapshot: u64,
    /// For texts in lower case.
    lower: Vec<u8>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

struct Seen {
    text: Box<str>,
    known: Known,
}

enum Known {
    Value(Kind, Result<Observable<'static>, NotObservable>),
    Text(Part, u64, Verdict),
}

/// Hashes of what was met a first time. Most of it is never met again: keeping it would push out what is, and cost more than looking at it.
struct Once(Box<[u32]>);

impl Once {
    fn new(places: usize) -> Self {
        Self(vec![0; places].into())
    }

    /// Whether this hash was met before, as far as it is remembered; from now on it is.
    #[inline]
    fn again(&mut self, hash: u64) -> bool {
        let (place, tag) = (hash as usize % self.0.len().max(1), (hash >> 32) as u32);
        self.0.get_mut(place).is_some_and(|kept| std::mem::replace(kept, tag) == tag)
    }
}

/// What is known of a text by itself, within one snapshot.
pub(crate) struct Verdict {
    /// Behaviours that it could be a part of.
    pub(crate) suspects: Box<[u32]>,
    /// Whether it is an indicator.
    pub(crate) listed: bool,
}

/// Longer texts are not kept.
const LONGEST: usize = 1024;

/// Shorter ones are searched as quickly as they are remembered.
const SHORTEST: usize = 64;

impl Cache {
    /// Room for so many values; 0 keeps none.
    pub(crate) fn new(capacity: usize) -> Self {
        let seen = NonZeroUsize::new(capacity).map(|capacity| LruCache::with_hasher(capacity, RandomState::default()));
        let once = Once::new(capacity);
        Self { seen, once, hasher: RandomState::default(), snapshot: 0, lower: Vec::new(), hits: 0, misses: 0 }
    }

    /// Forgets everything but how often something was remembered, and makes room for so many values.
    pub(crate) fn resize(&mut self, capacity: usize) {
        let (hits, misses) = (self.hits, self.misses);
        *self = Self { hits, misses, ..Self::new(capacity) };
    }

    /// What the text says, to be used by `see`.
    #[inline]
    pub(crate) fn parse<T>(
        &mut self,
        kind: Kind,
        text: &str,
        see: impl FnOnce(Result<&Observable<'_>, NotObservable>) -> T,
    ) -> T {
        let slow = match kind.shape() {
            Shape::Name => !normal::is_name(text.as_bytes()),
            Shape::Url => !normal::is_url(text.as_bytes()),
            _ => false,
        };
        let Self { seen, once, hasher, hits, misses, .. } = self;
        match seen {
            Some(seen) if slow && text.len() <= LONGEST => {
                let key = hasher.hash_one((kind, text));
                // Another text of the same hash takes its place.
                if let Some(Seen { text: other, known: Known::Value(of, value) }) = seen.get(&key)
                    && **other == *text
                    && *of == kind
                {
                    *hits += 1;
                    return see(value.as_ref().map_err(|&why| why));
                }
                *misses += 1;
                let value = Observable::parse(kind, text);
                let seen_by = see(value.as_ref().map_err(|&why| why));
                if once.again(key) {
                    let value = value.map(Observable::into_owned);
                    seen.put(key, Seen { text: text.into(), known: Known::Value(kind, value) });
                }
                seen_by
            }
            _ => see(Observable::parse(kind, text).as_ref().map_err(|&why| why)),
        }
    }

    /// The verdict on a text, which `judge` gives if it is not known; it has a buffer for the text in lower case.
    #[inline]
    pub(crate) fn text<T>(
        &mut self,
        part: Part,
        text: &str,
        judge: impl FnOnce(&mut Vec<u8>) -> Verdict,
        see: impl FnOnce(&Verdict) -> T,
    ) -> T {
        let Self { seen, once, hasher, snapshot, lower, hits, misses } = self;
        match seen {
            Some(seen) if (SHORTEST..=LONGEST).contains(&text.len()) => {
                let key = hasher.hash_one((part, text));
                if let Some(Seen { text: other, known: Known::Text(of, at, verdict) }) = seen.get(&key)
                    && **other == *text
                    && (*of, *at) == (part, *snapshot)
                {
                    *hits += 1;
                    return see(verdict);
                }
                *misses += 1;
                let verdict = judge(lower);
                let seen_by = see(&verdict);
                if once.again(key) {
                    seen.put(key, Seen { text: text.into(), known: Known::Text(part, *snapshot, verdict) });
                }
                seen_by
            }
            _ => see(&judge(lower)),
        }
    }

    /// What was said of texts counts no more: there is a new snapshot.
    pub(crate) fn forget_verdicts(&mut self) {
        self.snapshot += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_no_answer() {
        let texts =
            ["EVIL.example", "http://EVIL.example:80/a b", "evil.example", "a..b", "http://[", "BÜCHER.example"];
        let mut caches = [Cache::new(0), Cache::new(1), Cache::new(64)];
        for _ in 0..6 {
            for text in texts {
                for kind in [Kind::Domain, Kind::Url, Kind::Email] {
                    let expected = Observable::parse(kind, text);
                    for cache in &mut caches {
                        cache.parse(kind, text, |value| assert_eq!(value, expected.as_ref().map_err(|&why| why)));
                    }
                }
            }
        }
        let [none, one, all] = caches;
        assert_eq!((none.hits, none.misses), (0, 0));
        // One place: only a text that follows itself is found.
        assert_eq!((one.hits, one.misses), (0, all.hits + all.misses));
        assert!(all.hits > all.misses);
    }
}
