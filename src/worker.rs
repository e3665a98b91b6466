//! Workers: one a thread.

use std::sync::Arc;

use crate::counters::Counters;
use crate::enrichment::{Enrichment, Sighting};
use crate::event::{self, FieldMap};
use crate::intel::{Finding, Intel};
use crate::live::Live;
use crate::normal::NotObservable;
use crate::observable::{Kind, Observable};
use crate::schema::Schema;
use crate::time;

/// Enriches events on one thread: own snapshot, own cache, own counters. Nothing it does on the way of an event is shared.
///
/// A worker never fails and never keeps an event back. Make one for each thread, with [`Live::worker`].
///
/// ```
/// use stormtag::{Catalog, IntelBuilder, Live};
///
/// let (intel, _) = IntelBuilder::new()
///     .catalog(Catalog::builtin())
///     .feed(Catalog::builtin_indicators())
///     .build();
/// let mut worker = Live::new(intel).worker();
///
/// let mut out = Vec::new();
/// worker.enrich_json(br#"{"ts":1705081509,"id.resp_h":"45.32.174.131"}"#, &mut out);
/// assert!(String::from_utf8(out).unwrap().contains("Volt Typhoon"));
/// ```
#[derive(Debug)]
pub struct Worker {
    live: Live,
    version: u64,
    pub(crate) intel: Arc<Intel>,
    pub(crate) fields: Arc<FieldMap>,
    pub(crate) schema: Schema,
    clock: Option<i64>,
    pub(crate) counters: Counters,
    /// Of the event at hand: fields with addresses that the databases know, and the cells.
    pub(crate) located: Vec<(u16, u32)>,
}

impl Worker {
    pub(crate) fn new(live: Live) -> Self {
        let (version, intel) = live.current();
        Self {
            live,
            version,
            intel,
            fields: Arc::new(FieldMap::builtin()),
            schema: Schema::default(),
            clock: None,
            counters: Counters::default(),
            located: Vec::new(),
        }
    }

    /// Sets where in events something stands to look up. Defaults to [`FieldMap::builtin`].
    pub fn set_fields(&mut self, fields: impl Into<Arc<FieldMap>>) -> &mut Self {
        self.fields = fields.into();
        self
    }

    /// Sets in whose words [`enrich_json`](Self::enrich_json) writes. Defaults to [`Schema::Ecs`].
    pub fn set_schema(&mut self, schema: Schema) -> &mut Self {
        self.schema = schema;
        self
    }

    /// Sets the time, in seconds since the epoch, at which events without one of their own are judged. Defaults to `None`: the
    /// validity of a record is then not judged for them, and every record counts.
    pub fn set_clock(&mut self, seconds: Option<i64>) -> &mut Self {
        self.clock = seconds;
        self
    }

    /// Takes the newest snapshot. Every look-up does so by itself; this is for hosts that want it between events.
    #[inline]
    pub fn refresh(&mut self) {
        if self.live.version() != self.version {
            (self.version, self.intel) = self.live.current();
            self.counters.refreshes += 1;
        }
    }

    /// What is known of one value.
    ///
    /// # Errors
    ///
    /// If the text is no value of the kind.
    pub fn look_up(&mut self, kind: Kind, text: &str) -> Result<Finding<'_>, NotObservable> {
        self.refresh();
        match Observable::parse(kind, text) {
            Ok(observable) => {
                let finding = self.intel.look_up(&observable);
                self.counters.add(&observable, &finding);
                Ok(finding)
            }
            Err(why) => {
                self.counters.invalid(kind);
                Err(why)
            }
        }
    }

    /// Everything found in one event: any value that serde can serialize, such as a struct, a map, a `serde_json::Value` or a
    /// host's own value type.
    ///
    /// Allocates where something matched.
    pub fn enrich<E: serde::Serialize + ?Sized>(&mut self, event: &E) -> Enrichment<'_> {
        self.refresh();
        self.counters.events += 1;
        let Self { intel, fields, counters, located, clock, .. } = self;
        let (intel, fields): (&Intel, &FieldMap) = (intel, fields);
        located.clear();
        let mut sightings: Vec<Sighting<'_>> = Vec::new();
        let mut times: Option<(u16, i64)> = None;
        event::walk(fields, event, &mut |number, text| {
            let Some(field) = fields.field(number) else { return };
            if field.reads == event::Reads::Time {
                if times.is_none_or(|(earlier, _)| number < earlier)
                    && let Some(seconds) = time::event_time(text)
                {
                    times = Some((number, seconds));
                }
                return;
            }
            event::read(field.reads, text, &mut |value| match value {
                Ok(observable) => see(intel, &field.path, number, observable, counters, located, &mut sightings),
                Err((kind, _)) => counters.invalid(kind),
            });
        });
        let time = times.map(|(_, seconds)| seconds).or(*clock);
        for sighting in &mut sightings {
            sighting.time = time;
        }
        // Events come field by field as they lie; everything after is in the order of the map, whatever the spelling.
        located.sort_by_key(|&(field, _)| field);
        let enrichment = Enrichment::new(intel, fields, located, sightings, time);
        counters.judge(&enrichment);
        enrichment
    }

    /// What this worker did since it was made.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The snapshot it works with.
    #[must_use]
    pub fn intel(&self) -> &Intel {
        &self.intel
    }
}

/// Looks a value up, and what stands within it.
fn see<'a>(
    intel: &'a Intel,
    path: &'a str,
    number: u16,
    observable: Observable<'_>,
    counters: &mut Counters,
    located: &mut Vec<(u16, u32)>,
    sightings: &mut Vec<Sighting<'a>>,
) {
    let finding = intel.look_up(&observable);
    counters.add(&observable, &finding);
    if finding.cell() != 0 {
        located.push((number, finding.cell()));
    }
    if let Some(within) = observable.within() {
        let finding = intel.look_up(&within);
        counters.add(&within, &finding);
        if !finding.is_empty() {
            sightings.push(Sighting { field: path, observable: within.into_owned(), finding, time: None });
        }
    }
    if !finding.is_empty() {
        sightings.push(Sighting { field: path, observable: observable.into_owned(), finding, time: None });
    }
}
