//! Workers: one a thread.

mod settings;

use std::sync::Arc;

use crate::cache::Cache;
use crate::counters::Counters;
use crate::enrichment::{Enrichment, LocatedAt, Sighting};
use crate::event::{self, FieldMap, Form, Hit, Line, Mapping, Reads, Scan};
use crate::intel::{Ahead, Finding, Intel};
use crate::live::Live;
use crate::normal::{self, NotObservable};
use crate::observable::{Kind, Observable};
use crate::schema::{Schema, Stamp, splice, splice_places};
use crate::site::Site;
use crate::time;

pub(crate) use settings::Settings;

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
    /// How the file of its configuration says that it is set up.
    follows: Option<Arc<Settings>>,
    mapping: Mapping,
    clock: Option<i64>,
    site: Site,
    stamp: Stamp,
    counters: Counters,
    cache: Cache,
    scan: Scan,
    /// What was found in the lines at hand, and their addresses.
    lines: Vec<Line>,
    ahead: Vec<Ahead>,
    /// Of the event at hand: fields with addresses that the databases know.
    located: Vec<LocatedAt>,
}

impl Worker {
    pub(crate) fn new(live: Live) -> Self {
        let (version, intel, _) = live.current();
        let mapping = Mapping::new(FieldMap::builtin(), Schema::default());
        let (scan, lines) = (mapping.scan(), vec![mapping.line()]);
        let (counters, cache) = (Counters::default(), Cache::new(DEFAULT_CACHE));
        let (ahead, located) = (Vec::new(), Vec::new());
        let (site, stamp) = (Site::default(), Stamp::default());
        let (clock, follows) = (None, None);
        Self {
            live,
            version,
            intel,
            follows,
            mapping,
            clock,
            site,
            stamp,
            counters,
            cache,
            scan,
            lines,
            ahead,
            located,
        }
    }

    /// Sets where in events something stands to look up. Defaults to [`FieldMap::builtin`].
    pub fn set_fields(&mut self, fields: FieldMap) -> &mut Self {
        self.set_mapping(fields, self.mapping.schema)
    }

    /// Sets in whose words [`enrich_json`](Self::enrich_json) writes. Defaults to [`Schema::Ecs`].
    pub fn set_schema(&mut self, schema: Schema) -> &mut Self {
        self.set_mapping(self.mapping.fields.clone(), schema)
    }

    /// Sets the time, in seconds since the epoch, at which events without one of their own are judged. Defaults to `None`: the
    /// validity of a record is then not judged for them, and every record counts.
    pub fn set_clock(&mut self, seconds: Option<i64>) -> &mut Self {
        self.clock = seconds;
        self
    }

    /// Sets where events come from. An actor known to seek out its sectors or countries weighs more, within bounds. Defaults to a site of
    /// which nothing is known.
    pub fn set_site(&mut self, site: Site) -> &mut Self {
        self.site = site;
        self
    }

    /// Sets what is written into events in which something was found, beside what was found. Defaults to [`Stamp::Nothing`].
    pub fn set_stamp(&mut self, stamp: Stamp) -> &mut Self {
        self.stamp = stamp;
        self
    }

    /// Sets how many values the worker remembers that are not written in normal form: names with capital letters, unusual URLs. At
    /// most 2 KiB each, some 200 bytes as a rule. Defaults to 8,192; 0 remembers none. Changes speed, never an answer.
    pub fn set_cache(&mut self, capacity: usize) -> &mut Self {
        self.cache.resize(capacity);
        self
    }

    /// Takes the newest snapshot. Every look-up does so by itself; this is for hosts that want it between events.
    #[inline]
    pub fn refresh(&mut self) {
        if self.live.version() != self.version {
            self.take_current();
        }
    }

    #[cold]
    fn take_current(&mut self) {
        let settings;
        (self.version, self.intel, settings) = self.live.current();
        self.counters.refreshes += 1;
        if let (Some(old), Some(new)) = (self.follows.take(), settings) {
            self.follow(&old, &new);
            self.follows = Some(new);
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
        let Self { intel, mapping, counters, cache, located, clock, site, stamp, .. } = self;
        let mut sought = Sought::new(intel, mapping, counters, cache, located);
        sought.see_event(event);
        sought.found.counters.remember(sought.cache);
        sought.finish(*clock, site).stamped(*stamp)
    }

    /// Enriches one event as JSON bytes: appends the line to `out` with what was found merged into it, in the words of the
    /// worker's [schema](Self::set_schema). Says whether something matched.
    ///
    /// What was there stays byte for byte: the order of keys, the form of numbers, white space. What is no JSON object is
    /// appended as it is and counted. The line has no line end, or one that is white space to JSON, which is kept.
    ///
    /// Costs no allocation in the steady state where nothing matches; in [`Schema::Ocsf`] where nothing is located either.
    #[inline]
    pub fn enrich_json(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        self.refresh();
        self.ahead.clear();
        self.read(0, line, (0, line.len()));
        self.intel.look_ahead(&mut self.ahead);
        self.write(0, line, out)
    }

    /// As [`enrich_json`](Self::enrich_json), for a block of lines: each ends with a line feed, the last one perhaps without. Says how many
    /// matched. Faster than one by one: the waits for memory of sixteen lines pass together. These sixteen see one snapshot.
    ///
    /// ```
    /// use stormtag::{Intel, Live};
    ///
    /// let mut worker = Live::new(Intel::empty()).worker();
    /// let (block, mut out) = (b"{\"ip\":\"198.51.100.7\"}\nnot JSON\n", Vec::new());
    /// assert_eq!(worker.enrich_lines(block, &mut out), 0);
    /// assert_eq!(out, block);
    /// ```
    pub fn enrich_lines(&mut self, block: &[u8], out: &mut Vec<u8>) -> usize {
        let (mut begin, mut matched) = (0, 0);
        while begin < block.len() {
            self.refresh();
            self.ahead.clear();
            let mut count = 0;
            while count < GROUP
                && let Some(rest) = block.get(begin..).filter(|rest| !rest.is_empty())
            {
                let end = begin + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                self.read(count, block, (begin, end));
                count += 1;
                begin = end + 1;
            }
            self.intel.look_ahead(&mut self.ahead);
            for number in 0..count {
                matched += usize::from(self.write(number, block, out));
                out.push(b'\n');
            }
        }
        if !block.is_empty() && !block.ends_with(b"\n") {
            out.pop();
        }
        matched
    }

    /// Reads a line, and puts its addresses among those that are looked up.
    #[inline]
    fn read(&mut self, number: usize, block: &[u8], place: (usize, usize)) {
        let Self { intel, mapping, counters, scan, lines, ahead, .. } = self;
        counters.events += 1;
        if lines.len() == number {
            lines.push(mapping.line());
        }
        let Some(found) = lines.get_mut(number) else { return };
        found.place = place;
        let line = found.of(block);
        found.is_json = scan.read(&mapping.plan, line, found).is_ok();
        if found.is_json && !found.repeated {
            found.look_ahead(line, intel, ahead);
        }
    }

    /// Appends a line that has been read to `out`, with what was found. Says whether something matched.
    #[inline]
    fn write(&mut self, number: usize, block: &[u8], out: &mut Vec<u8>) -> bool {
        let Self { intel, mapping, counters, cache, located, clock, site, stamp, lines, ahead, .. } = self;
        let Some(found) = lines.get(number) else { return false };
        let line = found.of(block);
        if !found.is_json {
            counters.not_json += 1;
            out.extend_from_slice(line);
            return false;
        }
        let mut sought = Sought::new(intel, mapping, counters, cache, located);
        sought.see_line(line, found, ahead);
        if let Some(located) = sought.only_located()
            && splice_places(line, found, located, intel.geo(), mapping, out)
        {
            return false;
        }
        let enrichment = sought.finish(*clock, site).stamped(*stamp);
        splice(line, found, &enrichment, mapping, out);
        enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some())
    }

    fn set_mapping(&mut self, fields: FieldMap, schema: Schema) -> &mut Self {
        self.mapping = Mapping::new(fields, schema);
        self.scan = self.mapping.scan();
        self.lines = vec![self.mapping.line()];
        self
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

/// Lines whose addresses are looked up together.
const GROUP: usize = 16;

impl Line {
    /// The line, of the block in which it was read.
    #[inline]
    fn of<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        block.get(self.place.0..self.place.1).unwrap_or_default()
    }

    /// Puts the line's addresses among those that are looked up.
    #[inline]
    fn look_ahead(&mut self, line: &[u8], intel: &Intel, ahead: &mut Vec<Ahead>) {
        for hit in &mut self.hits {
            if hit.form == Form::Plain
                && matches!(hit.reads, Reads::Kind(Kind::Ip) | Reads::Host)
                && let Some(bits) = line.get(hit.start as usize..hit.end as usize).and_then(normal::v4)
            {
                ahead.push(intel.begin(bits));
                hit.ahead = ahead.len() as u32;
            }
        }
    }
}

/// Values that a worker remembers.
const DEFAULT_CACHE: usize = 1 << 13;

/// Sightings of one event; more are counted and not told, so that an event full of indicators stays of a size one can store.
const SIGHTINGS: usize = 1024;

/// What is sought in one event, and what was found so far.
struct Sought<'w, 'l> {
    mapping: &'w Mapping,
    cache: &'w mut Cache,
    found: Found<'w>,
    time: Option<(u16, i64)>,
    /// The last name of the line of which nothing is known: the URL's host is often the same.
    name: &'l [u8],
}

struct Found<'w> {
    intel: &'w Intel,
    counters: &'w mut Counters,
    located: &'w mut Vec<LocatedAt>,
    /// Each with its field, and with its place in the event.
    sightings: Vec<(u16, u32, Sighting<'w>)>,
    /// The place of the value at hand: where in the line it begins, or its number among the values of the walk.
    at: u32,
}

impl<'w, 'l> Sought<'w, 'l> {
    fn new(
        intel: &'w Intel,
        mapping: &'w Mapping,
        counters: &'w mut Counters,
        cache: &'w mut Cache,
        located: &'w mut Vec<LocatedAt>,
    ) -> Self {
        located.clear();
        let found = Found { intel, counters, located, sightings: Vec::new(), at: 0 };
        Self { mapping, cache, found, time: None, name: &[] }
    }

    /// Takes the fields of an event.
    fn see_event<E: serde::Serialize + ?Sized>(&mut self, event: &E) {
        let plan = &self.mapping.plan;
        event::walk(plan, event, &mut |field, text, _| {
            self.found.at = self.found.at.wrapping_add(1);
            self.see(field, text);
        });
        if self.found.sightings.is_empty() {
            return;
        }
        let (mut at, mut sightings) = (0_u32, self.found.sightings.iter_mut().peekable());
        event::walk_with_trails(plan, event, &mut |_, _, trail| {
            at = at.wrapping_add(1);
            while let Some((.., sighting)) = sightings.next_if(|(_, place, _)| *place == at) {
                sighting.path = trail.beside(sighting.field);
            }
        });
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
        let Self { cache, found, .. } = self;
        event::read(field.reads, text, &mut |kind, text| {
            cache.parse(kind, text, |value| match value {
                Ok(observable) => {
                    found.look_up(number, &field.path, observable);
                    if let Some(within) = observable.within() {
                        found.look_up(number, &field.path, &within);
                    }
                }
                Err(_) => found.counters.invalid(kind),
            });
        });
    }

    /// Takes what was found in a line.
    #[inline]
    fn see_line(&mut self, line: &'l [u8], found: &Line, ahead: &[Ahead]) {
        if found.repeated {
            return self.see_repeated(line);
        }
        for hit in &found.hits {
            self.see_hit(hit, line, ahead);
        }
        if !self.found.sightings.is_empty() {
            for hit in &found.hits {
                self.see_time(hit, line);
            }
            // Without arrays and objects around the record a path is that of its field.
            if found.wrapped || memchr::memchr(b'[', line).is_some() {
                self.found.tell_paths(line);
            }
        }
    }

    /// Which of two members counts is for a parser to say.
    #[cold]
    fn see_repeated(&mut self, line: &[u8]) {
        if let Ok(event) = serde_json::from_slice::<serde_json::Value>(line) {
            self.see_event(&event);
        }
    }

    /// Takes a value found in a line.
    #[inline]
    fn see_hit(&mut self, hit: &Hit, line: &'l [u8], ahead: &[Ahead]) {
        let raw = line.get(hit.start as usize..hit.end as usize).unwrap_or_default();
        let known = || ahead.get((hit.ahead as usize).checked_sub(1)?);
        let nothing = match (hit.reads, hit.form) {
            // Time matters to what matched, and is read then.
            (Reads::Time, _) => true,
            (Reads::Kind(Kind::Ip) | Reads::Host, Form::Plain) if hit.ahead != 0 => {
                known().is_some_and(|address| self.see_address(hit.field, address))
            }
            (Reads::Kind(Kind::Domain) | Reads::Host, Form::Plain) => self.see_name(raw),
            (Reads::Kind(Kind::Url), Form::Plain) => self.see_url(raw),
            (reads, Form::Number) => !reads.takes_numbers(),
            _ => false,
        };
        if !nothing {
            self.found.at = hit.start;
            self.see_raw(hit.field, raw, hit.form);
        }
    }

    #[cold]
    fn see_time(&mut self, hit: &Hit, line: &[u8]) {
        if hit.reads == Reads::Time {
            let raw = line.get(hit.start as usize..hit.end as usize).unwrap_or_default();
            self.see_raw(hit.field, raw, hit.form);
        }
    }

    /// Takes a value as it is written: without its escapes, and a number as a parser reads it.
    fn see_raw(&mut self, field: u16, raw: &[u8], form: Form) {
        match form {
            Form::Number if !event::is_plain_number(raw) => {
                self.see(field, &event::decode_number(raw).unwrap_or_default());
            }
            // A line is read when it is known to be UTF-8, and cut at quotes.
            Form::Plain | Form::Number => self.see(field, std::str::from_utf8(raw).unwrap_or_default()),
            Form::Escaped => self.see(field, &event::decode(raw).unwrap_or_default()),
        }
    }

    /// Whether this is all there is to the most frequent kind: most addresses match nothing.
    #[inline]
    fn see_address(&mut self, field: u16, address: &Ahead) -> bool {
        if !address.cover.is_none() {
            return false;
        }
        self.found.counters.looked_up.add(Kind::Ip, 1);
        self.found.counters.located += u64::from(address.cell != 0);
        if address.cell != 0 {
            self.found.located.push(LocatedAt { field, cell: address.cell, written: address.written });
        }
        true
    }

    /// As [`see_address`](Self::see_address), for a name in normal form that matches nothing.
    #[inline]
    fn see_name(&mut self, text: &'l [u8]) -> bool {
        if !normal::is_name(text) || event::is_nothing(text) || self.found.intel.name(text).is_some() {
            return false;
        }
        self.name = text;
        self.found.counters.looked_up.add(Kind::Domain, 1);
        true
    }

    /// As [`see_address`](Self::see_address), for a URL that matches nothing, nor its host.
    #[inline]
    fn see_url(&mut self, text: &'l [u8]) -> bool {
        let Some((host, is_name)) = normal::plain_host(text, self.name) else { return false };
        if !is_name && (!normal::is_name(host) || self.found.intel.name(host).is_some())
            || self.found.intel.may_know_urls_of(host)
        {
            return false;
        }
        self.found.counters.looked_up.add(Kind::Url, 1);
        self.found.counters.looked_up.add(Kind::Domain, 1);
        true
    }

    /// What the databases know, if nothing else is known. Ends the search, as [`finish`](Self::finish) does.
    #[inline]
    fn only_located(&mut self) -> Option<&[LocatedAt]> {
        let Found { counters, located, sightings, .. } = &mut self.found;
        counters.remember(self.cache);
        if located.len() > 1 {
            located.sort_by_key(|located| located.field);
        }
        sightings.is_empty().then_some(&**located)
    }

    /// Events come as they lie; what is made of them is in the order of the map, whatever their spelling.
    fn finish(mut self, clock: Option<i64>, site: &Site) -> Enrichment<'w> {
        self.only_located();
        let Self { mapping, found, time, .. } = self;
        let Found { intel, counters, located, mut sightings, .. } = found;
        let time = time.map(|(_, seconds)| seconds).or(clock);
        if sightings.is_empty() {
            return Enrichment::new(intel, &mapping.fields, located, Vec::new(), time, site);
        }
        sightings.sort_by_key(|&(field, ..)| field);
        let sightings = sightings.into_iter().map(|(.., sighting)| Sighting { time, ..sighting }).collect();
        let enrichment = Enrichment::new(intel, &mapping.fields, located, sightings, time, site);
        counters.judge(&enrichment);
        enrichment
    }
}

impl<'w> Found<'w> {
    #[inline(always)]
    fn locate(&mut self, field: u16, cell: u32) {
        if cell != 0
            && let Some(geo) = self.intel.geo()
        {
            self.located.push(LocatedAt { field, cell, written: geo.written(cell) });
        }
    }

    fn look_up(&mut self, number: u16, path: &'w str, observable: &Observable<'_>) {
        let finding = self.intel.look_up(observable);
        self.counters.add(observable, &finding);
        self.locate(number, finding.cell());
        if !finding.is_empty() {
            if self.sightings.len() == SIGHTINGS {
                self.counters.sightings_over_limit += 1;
                return;
            }
            let observable = observable.clone().into_owned();
            self.sightings.push((
                number,
                self.at,
                Sighting { field: path, observable, finding, time: None, path: None },
            ));
        }
    }

    /// Where exactly in the line the sightings are.
    #[cold]
    fn tell_paths(&mut self, line: &[u8]) {
        let values = self.sightings.iter().map(|&(_, place, ref sighting)| (place, sighting.field));
        let mut told = Vec::with_capacity(self.sightings.len());
        event::paths(line, values, |path| told.push(path));
        for ((.., sighting), path) in self.sightings.iter_mut().zip(told) {
            sighting.path = path;
        }
    }
}
