//! Configuration and field maps: mistakes are told with their line, and what is read is used by both doors alike.

use stormtag::{Config, FieldMap, Live, Schema};

use crate::doors::{Doors, SAMPLE};
use crate::is_an_error;
use crate::memory::bounded;

/// A `stormtag.toml`. It may name field maps, which are read: nothing that never ends.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if ["/dev", "/proc", "/sys"].iter().any(|folder| text.contains(folder)) {
        return;
    }
    match bounded(data.len(), 2048, || Config::parse("/nowhere/stormtag.toml", text)) {
        Err(error) if error.path().ends_with("stormtag.toml") => {
            is_an_error(&error, "/nowhere/stormtag.toml:");
            let line: u64 =
                error.to_string()["/nowhere/stormtag.toml:".len()..].split(':').next().unwrap().parse().unwrap();
            assert!(line >= 1 && line <= text.lines().count().max(1) as u64 + 1, "{error}");
        }
        // A field map that is not there.
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(config) => {
            for share in config.feeds.iter().filter_map(|feed| feed.shrink).chain([config.shrink]) {
                assert!((0.0..=1.0).contains(&share));
            }
            assert!(config.feeds.iter().all(|feed| feed.defaults.record.confidence <= 100));
            let worker = config.worker(&Live::new(stormtag::Intel::empty()));
            assert_eq!(worker.counters().events, 0);
        }
    }
}

/// A field map, a NUL, and an event.
pub fn fields(data: &[u8]) {
    let (map, event) = data.split_at(data.iter().position(|&byte| byte == 0).unwrap_or(data.len()));
    let Ok(text) = str::from_utf8(map) else { return };
    match bounded(map.len(), 1024, || FieldMap::parse("fuzz", text)) {
        Err(error) => is_an_error(&error, "fuzz"),
        Ok(map) => {
            for schema in [Schema::Ecs, Schema::Native] {
                let mut doors = Doors::new(&SAMPLE, schema, Some("zeek"));
                doors.bytes.set_fields(map.clone());
                doors.values.set_fields(map.clone());
                doors.check(event.get(1..).unwrap_or_default()).unwrap_or_else(|why| panic!("{why}"));
            }
        }
    }
}
