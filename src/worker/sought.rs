//! One event: what is sought in it, and what has been found so far.

use super::behave::as_text;
use super::text::Texts;
use crate::cache::Cache;
use crate::counters::Counters;
use crate::enrichment::{Enrichment, LocatedAt, Sighting};
use crate::event::{self, Form, Hit, Line, Mapping, Reads};
use crate::intel::{Ahead, Finding, Intel};
use crate::normal;
use crate::observable::{Kind, Observable};
use crate::site::Site;
use crate::time;

/// Sightings of one event; more are counted and not told, so that an event full of indicators stays of a size one can store.
pub(super) const SIGHTINGS: usize = 1024;

/// What is sought in one event, and what was found so far.
pub(super) struct Sought<'w, 'l> {
    pub(super) mapping: &'w Mapping,
    pub(super) cache: &'w mut Cache,
    pub(super) found: Found<'w>,
    pub(super) time: Option<(u16, i64)>,
    /// The last name of the line of which nothing is known: the URL's host is often the same.
    name: &'l [u8],
}

pub(super) struct Found<'w> {
    pub(super) intel: &'w Intel,
    pub(super) counters: &'w mut Counters,
    pub(super) located: &'w mut Vec<LocatedAt>,
    pub(super) texts: &'w mut Texts,
    /// Each with its field, and with its place in the event.
    pub(super) sightings: Vec<(u16, u32, Sighting<'w>)>,
    /// The place of the value at hand: where in the line it begins, or its number among the values of the walk.
    pub(super) at: u32,
}

impl<'w, 'l> Sought<'w, 'l> {
    pub(super) fn new(
        intel: &'w Intel,
        mapping: &'w Mapping,
        counters: &'w mut Counters,
        cache: &'w mut Cache,
        located: &'w mut Vec<LocatedAt>,
        texts: &'w mut Texts,
    ) -> Self {
        located.clear();
        texts.located.clear();
        let found = Found { intel, counters, located, texts, sightings: Vec::new(), at: 0 };
        Self { mapping, cache, found, time: None, name: &[] }
    }

    /// Takes the fields of an event.
    pub(super) fn see_event<E: serde::Serialize + ?Sized>(&mut self, event: &E) {
        let plan = &self.mapping.plan;
        event::walk(plan, event, &mut |field, text, _| {
            self.found.at = self.found.at.wrapping_add(1);
            self.see(field, text);
        });
        if self.has_suspects() {
            event::walk(plan, event, &mut |field, text, _| self.gather(field, text));
            self.try_behaviours();
        }
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
        if field.reads == Reads::Any {
            return self.search(number, &field.path, text.as_bytes());
        }
        if let Some(part) = field.reads.part()
            && self.see_part(part, text)
        {
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
    pub(super) fn see_line(&mut self, line: &'l [u8], found: &Line, ahead: &[Ahead]) {
        if found.repeated {
            return self.see_repeated(line);
        }
        for hit in &found.hits {
            self.see_hit(hit, line, ahead);
        }
        if self.has_suspects() {
            for hit in &found.hits {
                self.see_again(hit, line, |reads| reads.part().is_some(), Self::gather);
            }
            self.try_behaviours();
        }
        if !self.found.sightings.is_empty() {
            for hit in &found.hits {
                self.see_again(hit, line, |reads| reads == Reads::Time, Self::see);
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
    fn see_again(&mut self, hit: &Hit, line: &[u8], which: impl Fn(Reads) -> bool, see: impl Fn(&mut Self, u16, &str)) {
        if which(hit.reads) && (hit.form != Form::Number || hit.reads.takes_numbers()) {
            let raw = line.get(hit.start as usize..hit.end as usize).unwrap_or_default();
            as_text(raw, hit.form, |text| see(self, hit.field, text));
        }
    }

    /// Takes a value as it is written.
    fn see_raw(&mut self, field: u16, raw: &[u8], form: Form) {
        as_text(raw, form, |text| self.see(field, text));
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
    pub(super) fn only_located(&mut self) -> Option<&[LocatedAt]> {
        self.found.settle_texts(&self.mapping.fields);
        let Found { counters, located, texts, sightings, .. } = &mut self.found;
        (counters.cache_hits, counters.cache_misses) = (self.cache.hits, self.cache.misses);
        if located.len() > 1 {
            located.sort_by_key(|located| located.field);
        }
        (sightings.is_empty() && texts.located.is_empty()).then_some(&**located)
    }

    /// Events come as they lie; what is made of them is in the order of the map, whatever their spelling.
    pub(super) fn finish(mut self, clock: Option<i64>, site: &Site) -> Enrichment<'w> {
        self.only_located();
        let Self { mapping, found, time, .. } = self;
        let Found { intel, counters, located, texts, mut sightings, .. } = found;
        let in_text = &texts.located;
        let time = time.map(|(_, seconds)| seconds).or(clock);
        if sightings.is_empty() {
            return Enrichment::new(intel, &mapping.fields, located, in_text, Vec::new(), time, site);
        }
        sightings.sort_by_key(|&(field, ..)| field);
        let sightings = sightings.into_iter().map(|(.., sighting)| Sighting { time, ..sighting }).collect();
        let enrichment = Enrichment::new(intel, &mapping.fields, located, in_text, sightings, time, site);
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
            self.sight(number, path, observable, finding);
        }
    }

    pub(super) fn sight(&mut self, number: u16, path: &'w str, observable: &Observable<'_>, finding: Finding<'w>) {
        if self.sightings.len() == SIGHTINGS {
            self.counters.sightings_over_limit += 1;
            return;
        }
        let observable = observable.clone().into_owned();
        self.sightings.push((number, self.at, Sighting { field: path, observable, finding, time: None, path: None }));
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
