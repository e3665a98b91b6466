//! Workers: one a thread.

use std::sync::Arc;

use crate::counters::Counters;
use crate::enrichment::{Enrichment, Sighting};
use crate::event::{self, FieldMap, Form, Hit, Mapping, Reads, Scan};
use crate::intel::{Finding, Intel};
use crate::live::Live;
use crate::normal::{self, NotObservable};
use crate::observable::{Kind, Observable};
use crate::schema::{Rendered, Schema, splice};
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
pub struct Worker {
    live: Live,
    version: u64,
    intel: Arc<Intel>,
    mapping: Mapping,
    clock: Option<i64>,
    counters: Counters,
    rendered: Rendered,
    scan: Scan,
    /// Of the event at hand: fields with addresses that the databases know, and the cells.
    located: Vec<(u16, u32)>,
}

impl Worker {
    pub(crate) fn new(live: Live) -> Self {
        let (version, intel) = live.current();
        Self {
            live,
            version,
            intel,
            mapping: Mapping::new(FieldMap::builtin(), Schema::default()),
            clock: None,
            counters: Counters::default(),
            rendered: Rendered::new(DEFAULT_CACHE),
            scan: Scan::default(),
            located: Vec::new(),
        }
    }

    /// Sets where in events something stands to look up. Defaults to [`FieldMap::builtin`].
    pub fn set_fields(&mut self, fields: FieldMap) -> &mut Self {
        self.mapping = Mapping::new(fields, self.mapping.schema);
        self
    }

    /// Sets in whose words [`enrich_json`](Self::enrich_json) writes. Defaults to [`Schema::Ecs`].
    pub fn set_schema(&mut self, schema: Schema) -> &mut Self {
        self.mapping = Mapping::new(self.mapping.fields.clone(), schema);
        self.rendered.clear();
        self
    }

    /// Sets the time, in seconds since the epoch, at which events without one of their own are judged. Defaults to `None`: the
    /// validity of a record is then not judged for them, and every record counts.
    pub fn set_clock(&mut self, seconds: Option<i64>) -> &mut Self {
        self.clock = seconds;
        self
    }

    /// Sets how many pieces of output the worker keeps ready, about 300 bytes each. Defaults to 65,536; 0 keeps none.
    pub fn set_cache(&mut self, capacity: usize) -> &mut Self {
        self.rendered = Rendered::new(capacity);
        self
    }

    /// Takes the newest snapshot. Every look-up does so by itself; this is for hosts that want it between events.
    #[inline]
    pub fn refresh(&mut self) {
        if self.live.version() != self.version {
            (self.version, self.intel) = self.live.current();
            // What is cached belongs to a snapshot.
            self.rendered.clear();
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
        let Self { intel, mapping, counters, located, clock, .. } = self;
        let mut sought = Sought::new(intel, mapping, counters, located);
        event::walk(&mapping.plan, event, &mut |field, text| sought.see(field, text));
        sought.finish(*clock)
    }

    /// Enriches one event as JSON bytes: appends the line to `out` with what was found merged into it, in the words of the
    /// worker's [schema](Self::set_schema). Says whether something matched.
    ///
    /// What was there stays byte for byte: the order of keys, the form of numbers, white space. What is no JSON object is
    /// appended as it is and counted. The line has no line end, or one that is white space to JSON, which is kept.
    ///
    /// Costs no allocation in the steady state where nothing matches.
    pub fn enrich_json(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        self.refresh();
        self.counters.events += 1;
        let Self { intel, mapping, counters, located, clock, scan, rendered, .. } = self;
        scan.resize(mapping.targets.len());
        let Ok(text) = scan.read(&mapping.plan, line) else {
            counters.not_json += 1;
            out.extend_from_slice(line);
            return false;
        };
        let mut sought = Sought::new(intel, mapping, counters, located);
        if scan.repeated {
            // Which of two members counts is for a parser to say.
            if let Ok(event) = serde_json::from_slice::<serde_json::Value>(line) {
                event::walk(&mapping.plan, &event, &mut |field, text| sought.see(field, text));
            }
        } else {
            for hit in &scan.hits {
                sought.see_hit(hit, text);
            }
            if !sought.sightings.is_empty() {
                for hit in &scan.hits {
                    sought.see_time(hit, text);
                }
            }
        }
        let enrichment = sought.finish(*clock);
        let matched = enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some());
        splice(line, scan, &enrichment, mapping, rendered, out);
        let (hits, misses) = rendered.counts();
        (counters.cache_hits, counters.cache_misses) = (hits, misses);
        matched
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

/// Pieces of output that a worker keeps ready.
const DEFAULT_CACHE: usize = 1 << 16;

/// Sightings of one event; more are counted and not told, so that an event full of indicators stays of a size one can store.
const SIGHTINGS: usize = 1024;

/// What is sought in one event, and what was found so far.
struct Sought<'w> {
    intel: &'w Intel,
    mapping: &'w Mapping,
    counters: &'w mut Counters,
    located: &'w mut Vec<(u16, u32)>,
    sightings: Vec<(u16, Sighting<'w>)>,
    time: Option<(u16, i64)>,
}

impl<'w> Sought<'w> {
    fn new(
        intel: &'w Intel,
        mapping: &'w Mapping,
        counters: &'w mut Counters,
        located: &'w mut Vec<(u16, u32)>,
    ) -> Self {
        located.clear();
        Self { intel, mapping, counters, located, sightings: Vec::new(), time: None }
    }

    /// Takes the text of a field.
    fn see(&mut self, number: u16, text: &str) {
        let Some(field) = self.mapping.fields.field(number) else { return };
        if field.reads == Reads::Time {
            // Of several the first in the order of the map.
            if self.time.is_none_or(|(earlier, _)| number < earlier)
                && let Some(seconds) = time::event_time(text)
            {
                self.time = Some((number, seconds));
            }
            return;
        }
        event::read(field.reads, text, &mut |value| match value {
            Ok(observable) => {
                self.look_up(number, &field.path, &observable);
                if let Some(within) = observable.within() {
                    self.look_up(number, &field.path, &within);
                }
            }
            Err((kind, _)) => self.counters.invalid(kind),
        });
    }

    /// Takes a value found in a line.
    #[inline]
    fn see_hit(&mut self, hit: &Hit, line: &str) {
        let raw = line.get(hit.start as usize..hit.end as usize).unwrap_or_default();
        for (field, reads) in self.mapping.plan.fields_at(hit.here, hit.wrapped) {
            match (reads, hit.form) {
                // Time matters to what matched, and is read then.
                (Reads::Time, _) => {}
                (Reads::Kind(Kind::Ip), Form::Plain) => self.see_ip(field, raw),
                (Reads::Kind(Kind::Domain), Form::Plain) => self.see_name(field, raw),
                (Reads::Kind(Kind::Url), Form::Plain) => self.see_url(field, raw),
                (_, Form::Number) if !reads.takes_numbers() => {}
                (_, form) => self.see_raw(field, raw, form),
            }
        }
    }

    #[cold]
    fn see_time(&mut self, hit: &Hit, line: &str) {
        let raw = line.get(hit.start as usize..hit.end as usize).unwrap_or_default();
        for (field, reads) in self.mapping.plan.fields_at(hit.here, hit.wrapped) {
            if reads == Reads::Time {
                self.see_raw(field, raw, hit.form);
            }
        }
    }

    /// Takes a value as it is written: without its escapes, and a number as a parser reads it.
    fn see_raw(&mut self, field: u16, raw: &str, form: Form) {
        match form {
            Form::Number if !event::is_plain_number(raw.as_bytes()) => {
                self.see(field, &event::decode_number(raw.as_bytes()).unwrap_or_default());
            }
            Form::Plain | Form::Number => self.see(field, raw),
            Form::Escaped => self.see(field, &event::decode(raw.as_bytes()).unwrap_or_default()),
        }
    }

    /// As [`see`](Self::see), for the most frequent kind: most addresses are written as such and match nothing.
    #[inline]
    fn see_ip(&mut self, field: u16, text: &str) {
        let Some(bits) = normal::v4(text.as_bytes()) else { return self.see(field, text) };
        let (cover, cell) = self.intel.v4(bits);
        if cover.is_none() {
            self.counters.looked_up.add(Kind::Ip, 1);
            self.locate(field, cell);
        } else {
            self.see(field, text);
        }
    }

    /// As [`see`](Self::see), for a name in normal form that matches nothing.
    #[inline]
    fn see_name(&mut self, field: u16, text: &str) {
        if normal::is_name(text.as_bytes()) && self.intel.name(text).is_none() {
            self.counters.looked_up.add(Kind::Domain, 1);
        } else {
            self.see(field, text);
        }
    }

    /// As [`see`](Self::see), for a URL in normal form that matches nothing, nor its host.
    #[inline]
    fn see_url(&mut self, field: u16, text: &str) {
        if normal::is_url(text.as_bytes()) {
            let host = normal::url_host(text);
            // A host that begins with a letter is a name; whether one that begins with a digit is, the slow way tells.
            let is_name = host.starts_with(|first: char| first.is_ascii_alphabetic());
            if is_name && self.intel.name(host).is_none() && self.intel.url(text).is_none() {
                self.counters.looked_up.add(Kind::Url, 1);
                self.counters.looked_up.add(Kind::Domain, 1);
                return;
            }
        }
        self.see(field, text);
    }

    #[inline]
    fn locate(&mut self, field: u16, cell: u32) {
        if cell != 0 {
            self.counters.located += 1;
            self.located.push((field, cell));
        }
    }

    fn look_up(&mut self, number: u16, path: &'w str, observable: &Observable<'_>) {
        let finding = self.intel.look_up(observable);
        self.counters.add(observable, &finding);
        if finding.cell() != 0 {
            self.located.push((number, finding.cell()));
        }
        if !finding.is_empty() {
            if self.sightings.len() == SIGHTINGS {
                self.counters.sightings_over_limit += 1;
                return;
            }
            let observable = observable.clone().into_owned();
            self.sightings.push((number, Sighting { field: path, observable, finding, time: None }));
        }
    }

    /// Events come as they lie; what is made of them is in the order of the map, whatever their spelling.
    fn finish(self, clock: Option<i64>) -> Enrichment<'w> {
        let Self { intel, mapping, counters, located, mut sightings, time } = self;
        let time = time.map(|(_, seconds)| seconds).or(clock);
        located.sort_by_key(|&(field, _)| field);
        sightings.sort_by_key(|&(field, _)| field);
        let sightings = sightings.into_iter().map(|(_, sighting)| Sighting { time, ..sighting }).collect();
        let enrichment = Enrichment::new(intel, &mapping.fields, located, sightings, time);
        counters.judge(&enrichment);
        enrichment
    }
}
