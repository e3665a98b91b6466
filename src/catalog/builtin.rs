//! What is known without any file: the catalogue under `data/catalog`.

use std::sync::Arc;

use super::Catalog;
use crate::feed::{Defaults, Feed, Format};
use crate::record::Record;

/// A catalogue file and the indicators published of its one actor.
struct Entry {
    file: &'static str,
    catalog: &'static str,
    indicators: &'static str,
}

/// One line an actor.
const ENTRIES: &[Entry] = &[Entry {
    file: "data/catalog/volt-typhoon.toml",
    catalog: include_str!("../../data/catalog/volt-typhoon.toml"),
    indicators: include_str!("../../data/catalog/volt-typhoon.indicators.csv"),
}];

impl Catalog {
    /// The built-in catalogue: Volt Typhoon, its names, campaigns, techniques, and who says what about it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the files are part of the crate and read in its tests")]
    pub fn builtin() -> Self {
        let mut catalog = Self::new();
        for entry in ENTRIES {
            catalog.extend(Self::parse(entry.file, entry.catalog).expect("built-in catalogue files are well-formed"));
        }
        catalog
    }

    /// The indicators published of the actors in the [built-in catalogue](Self::builtin), each with its source, role, dates and
    /// confidence. Published addresses go stale within weeks: a match on one alone is weak evidence.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the files are part of the crate and read in its tests")]
    pub fn builtin_indicators() -> Feed {
        let mut all = Feed::new("stormtag");
        for entry in ENTRIES {
            let catalog = Self::parse(entry.file, entry.catalog).expect("built-in catalogue files are well-formed");
            let actors = catalog.all_actors().iter().map(|actor| actor.id.as_str().into()).collect();
            let defaults = Defaults::from(Record { actors, ..Record::new("stormtag") });
            let feed = Feed::read(entry.indicators.as_bytes(), entry.file, Some(Format::Csv), &defaults)
                .expect("built-in indicator files are well-formed");
            all.rejected.extend(&feed.rejected);
            all.ignored.extend(&feed.ignored);
            all.passed.extend(&feed.passed);
            all.items += feed.items;
            all.used += feed.used;
            all.indicators.extend(feed.indicators.into_iter().map(|mut indicator| {
                if !indicator.record.campaigns.is_empty() {
                    // The campaign leads to the actor, with the doubt of those who put it down to him.
                    Arc::make_mut(&mut indicator.record).actors.clear();
                }
                indicator
            }));
        }
        all
    }
}
