//! Free text: raw lines, and fields whose text is searched.

use std::ops::ControlFlow;

use super::Worker;
use super::sought::{Found, SIGHTINGS, Sought};
use crate::behaviour::Text;
use crate::enrichment::{Enrichment, InText, MESSAGE, Sighting};
use crate::event::{FieldMap, Reads};
use crate::extract::Extractor;
use crate::observable::Observable;
use crate::schema;
use crate::stamp;

/// Stands for a raw line, which is no field of any map: maps have fewer fields.
const LINE: u16 = u16::MAX;

/// Observables of one text that are looked up; what stands behind is counted and not read, so that a text costs what it is worth.
const OBSERVABLES: usize = 1024;

/// Places of addresses in text that are told of one event.
const PLACES: usize = 256;

/// What the texts of the event at hand hold. Kept from event to event for its memory.
#[derive(Default)]
pub(super) struct Texts {
    /// Addresses in free text that the databases know.
    pub(super) located: Vec<InText>,
    /// Numbers of behaviours that could match.
    pub(super) suspects: Vec<u32>,
    /// The texts they are tried on, if there are any.
    pub(super) gathered: Vec<Text>,
}

impl Worker {
    /// What is known of the observables in a raw line: syslog, an access log, whatever a program printed. The line stays the caller's.
    ///
    /// What counts as an observable is said at [`Extractor`]; a value that stands twice is seen once. Fields are called `message`.
    ///
    /// The time is that at the head of the line: RFC 5424, RFC 3164 behind its priority or without one, an ISO 8601 date, seconds since
    /// the epoch, or the first time of an access log in brackets. RFC 3164 names neither year nor zone: the year is that of the
    /// worker's [clock](Self::set_clock), or the one before if it would lie more than a day ahead of it, the zone UTC. Without a
    /// clock such a line has no time.
    ///
    /// ```
    /// use stormtag::{Catalog, IntelBuilder, Kind, Live};
    ///
    /// let (intel, _) = IntelBuilder::new().feed(Catalog::builtin_indicators()).build();
    /// let mut worker = Live::new(intel).worker();
    /// let found = worker.search(b"<38>1 2024-01-12T17:45:09Z gw sshd 911 - - Failed password from 45.63.60.39 port 22");
    /// assert_eq!(found.sightings()[0].observable().kind(), Kind::Ip);
    /// assert_eq!(found.time(), Some(1_705_081_509));
    /// ```
    pub fn search(&mut self, line: &[u8]) -> Enrichment<'_> {
        self.refresh();
        self.counters.events += 1;
        let time = stamp::read(line, self.clock).map(|(seconds, _)| (LINE, seconds));
        let Self { intel, mapping, counters, cache, located, texts, clock, site, stamp, .. } = self;
        let mut sought = Sought::new(intel, mapping, counters, cache, located, texts);
        sought.time = time;
        sought.search(LINE, MESSAGE, line);
        sought.finish(*clock, site).stamped(*stamp)
    }

    /// Makes a JSON object of a raw line and appends it to `out`: the line as `message`, its time as `@timestamp` where it tells one, and what
    /// [`search`](Self::search) finds in it, in the words of the worker's [schema](Self::set_schema). Says whether something matched.
    ///
    /// White space at the end of the line is left out. Bytes that are no UTF-8 become U+FFFD, as JSON cannot hold them.
    ///
    /// ```
    /// use stormtag::{Intel, Live};
    ///
    /// let mut worker = Live::new(Intel::empty()).worker();
    /// let mut out = Vec::new();
    /// worker.enrich_text(b"198.51.100.7 - - [10/Oct/2000:13:55:36 -0700] \"GET /\xff\"\r\n", &mut out);
    /// let expected = r#"{"@timestamp":"2000-10-10T20:55:36Z","message":"198.51.100.7 - - [10/Oct/2000:13:55:36 -0700] \"GET /�\""}"#;
    /// assert_eq!(String::from_utf8_lossy(&out), expected);
    /// ```
    pub fn enrich_text(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        self.enrich_text_with(line, out, |_| ())
    }

    /// As [`enrich_text`](Self::enrich_text). Shows `see` what was found if some record matched, as
    /// [`enrich_lines_with`](Self::enrich_lines_with) does.
    pub fn enrich_text_with(&mut self, line: &[u8], out: &mut Vec<u8>, see: impl FnOnce(&Enrichment<'_>)) -> bool {
        let line = line.trim_ascii_end();
        let schema = self.mapping.schema;
        let time = stamp::read(line, self.clock);
        let enrichment = self.search(line);
        schema::write_text(line, time, &enrichment, schema, out);
        let matched = enrichment.is_match();
        if matched {
            see(&enrichment);
        }
        matched
    }
}

impl<'w> Sought<'w, '_> {
    /// Takes free text: a line, or that of a field.
    pub(super) fn search(&mut self, number: u16, path: &'w str, text: &[u8]) {
        let Self { cache, found, .. } = self;
        let mut left = OBSERVABLES;
        let stopped = Extractor::new().try_extract(text, |hit| {
            let Some(fewer) = left.checked_sub(1) else { return ControlFlow::Break(()) };
            left = fewer;
            cache.parse(hit.kind(), &hit.text(), |value| match value {
                Ok(observable) => {
                    found.look_up_in_text(number, path, observable);
                    if let Some(within) = observable.within() {
                        found.look_up_in_text(number, path, &within);
                    }
                }
                Err(_) => found.counters.invalid(hit.kind()),
            });
            ControlFlow::Continue(())
        });
        found.counters.texts_over_limit += u64::from(stopped.is_break());
    }
}

impl<'w> Found<'w> {
    fn look_up_in_text(&mut self, number: u16, path: &'w str, observable: &Observable<'_>) {
        let finding = self.intel.look_up(observable);
        self.counters.add(observable, &finding);
        if let Some(address) = observable.address()
            && finding.cell() != 0
        {
            self.locate_in_text(InText { field: number, address, cell: finding.cell() });
        }
        // A text repeats itself; one trace is told once.
        let is_known = || {
            self.sightings.len() < SIGHTINGS
                && self.sightings.iter().any(|(at, _, seen)| *at == number && seen.observable == *observable)
        };
        if !finding.is_empty() && !is_known() {
            self.sight(number, path, observable, finding);
        }
    }

    fn locate_in_text(&mut self, place: InText) {
        let told = &mut self.texts.located;
        if told.contains(&place) {
            return;
        }
        if told.len() == PLACES {
            self.counters.places_over_limit += 1;
        } else {
            told.push(place);
        }
    }

    /// When the event has been read: what is the value of a field is not told of the text beside it once more.
    #[inline]
    pub(super) fn settle_texts(&mut self, fields: &FieldMap) {
        if !self.texts.located.is_empty() {
            let Self { texts, located, .. } = self;
            texts.located.retain(|place| !located.iter().any(|told| told.cell == place.cell));
            texts.located.sort_by_key(|place| place.field);
        }
        if self.sightings.len() > 1 {
            self.settle_sightings(fields);
        }
    }

    #[cold]
    fn settle_sightings(&mut self, fields: &FieldMap) {
        let is_text = |number: u16| fields.field(number).is_none_or(|field| field.reads == Reads::Any);
        if !self.sightings.iter().any(|&(number, ..)| is_text(number)) {
            return;
        }
        let (texts, mut told): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sightings).into_iter().partition(|&(number, ..)| is_text(number));
        let values = told.len();
        for (number, at, text) in texts {
            let is_told = |(.., value): &(u16, u32, Sighting<'w>)| value.observable == text.observable;
            if !told.iter().take(values).any(is_told) {
                told.push((number, at, text));
            }
        }
        self.sightings = told;
    }
}
