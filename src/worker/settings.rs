//! How a configuration sets up a worker, and what becomes of it when the configuration changes.

#[cfg(feature = "config")]
use std::sync::Arc;

use super::{DEFAULT_CACHE, Worker};
use crate::event::FieldMap;
use crate::schema::{Schema, Stamp};
use crate::site::Site;

/// How a configuration sets up a worker.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Settings {
    pub(crate) fields: FieldMap,
    pub(crate) schema: Schema,
    pub(crate) stamp: Stamp,
    pub(crate) clock: Option<i64>,
    pub(crate) site: Site,
    pub(crate) cache: Option<usize>,
}

impl Worker {
    /// Sets up what a configuration says, and follows what its file says later.
    #[cfg(feature = "config")]
    pub(crate) fn set_up(&mut self, settings: &Settings, said: Option<Settings>) {
        let Settings { fields, schema, stamp, clock, site, cache } = settings;
        self.set_mapping(fields.clone(), *schema).set_stamp(*stamp).set_clock(*clock).set_site(site.clone());
        self.set_cache(cache.unwrap_or(DEFAULT_CACHE));
        self.follows = said.map(Arc::new);
        // The file may say otherwise by now than when the configuration was read.
        if let (Some(old), (.., Some(new))) = (self.follows.clone(), self.live.current()) {
            self.follow(&old, &new);
            self.follows = Some(new);
        }
    }

    /// Takes what is new in the settings; what the host has set himself stays where they say what they said.
    pub(super) fn follow(&mut self, old: &Settings, new: &Settings) {
        if new.fields != old.fields || new.schema != old.schema {
            let fields = if new.fields == old.fields { &self.mapping.fields } else { &new.fields };
            let schema = if new.schema == old.schema { self.mapping.schema } else { new.schema };
            self.set_mapping(fields.clone(), schema);
        }
        if new.stamp != old.stamp {
            self.stamp = new.stamp;
        }
        if new.clock != old.clock {
            self.clock = new.clock;
        }
        if new.site != old.site {
            self.site = new.site.clone();
        }
        if new.cache != old.cache {
            self.set_cache(new.cache.unwrap_or(DEFAULT_CACHE));
        }
    }
}
