//! Workers: one a thread.

mod behave;
mod settings;
mod sought;
mod text;

use std::sync::Arc;

use crate::cache::Cache;
use crate::counters::Counters;
use crate::enrichment::{Enrichment, LocatedAt};
use crate::event::{FieldMap, Form, Line, Mapping, Reads, Scan};
use crate::intel::{Ahead, Finding, Intel};
use crate::live::Live;
use crate::normal::{self, NotObservable};
use crate::observable::{Kind, Observable};
use crate::schema::{Schema, Stamp, splice, splice_places};
use crate::site::Site;
use sought::Sought;
use text::Texts;

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
    /// Of the event at hand: what its texts hold.
    texts: Texts,
}

impl Worker {
    pub(crate) fn new(live: Live) -> Self {
        let (version, intel, _) = live.current();
        let mapping = Mapping::new(FieldMap::builtin(), Schema::default());
        let (scan, lines) = (mapping.scan(), vec![mapping.line()]);
        let (counters, cache) = (Counters::default(), Cache::new(DEFAULT_CACHE));
        let (ahead, located, texts) = (Vec::new(), Vec::new(), Texts::default());
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
            texts,
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

    /// Sets how many values the worker remembers that are not written in normal form: names with capital letters, unusual URLs; and texts
    /// that behaviours were sought in. At most 2 KiB each, some 200 bytes as a rule, from the second time they are met. Defaults to 8,192; 0
    /// remembers none. Changes speed, never an answer.
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
        self.cache.forget_verdicts();
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
        let Self { intel, mapping, counters, cache, located, texts, clock, site, stamp, .. } = self;
        let mut sought = Sought::new(intel, mapping, counters, cache, located, texts);
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
    /// Costs no allocation in the steady state where nothing matches and no mapped value is written with escapes; in [`Schema::Ocsf`] where
    /// nothing is located either.
    #[inline]
    pub fn enrich_json(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        self.refresh();
        self.ahead.clear();
        self.read(0, line, (0, line.len()));
        self.intel.look_ahead(&mut self.ahead);
        self.write(0, line, out, &mut |_, _| ())
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
        self.enrich_lines_with(block, out, |_, _| ())
    }

    /// As [`enrich_lines`](Self::enrich_lines). Shows `see` each line in which some record matched, and what was found in it: for alerts,
    /// statistics, sightings to be sent.
    ///
    /// ```
    /// use stormtag::{Catalog, IntelBuilder, Live};
    ///
    /// let (intel, _) =
    ///     IntelBuilder::new().catalog(Catalog::builtin()).feed(Catalog::builtin_indicators()).build();
    /// let mut worker = Live::new(intel).worker();
    /// let (mut out, mut names) = (Vec::new(), Vec::new());
    /// let block = b"{\"ip\":\"198.51.100.7\"}\n{\"id.resp_h\":\"45.63.60.39\"}\n";
    /// worker.enrich_lines_with(block, &mut out, |_line, enrichment| {
    ///     names.extend(enrichment.leading().map(|of| of.subject().name().to_owned()));
    /// });
    /// assert_eq!(names, ["Volt Typhoon"]);
    /// ```
    pub fn enrich_lines_with(
        &mut self,
        block: &[u8],
        out: &mut Vec<u8>,
        mut see: impl FnMut(&[u8], &Enrichment<'_>),
    ) -> usize {
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
                matched += usize::from(self.write(number, block, out, &mut see));
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

    /// Appends a line that has been read to `out`, with what was found. Shows it to `see`, and says so, if something matched.
    #[inline]
    fn write(
        &mut self,
        number: usize,
        block: &[u8],
        out: &mut Vec<u8>,
        see: &mut impl FnMut(&[u8], &Enrichment<'_>),
    ) -> bool {
        let Self { intel, mapping, counters, cache, located, texts, clock, site, stamp, lines, ahead, .. } = self;
        let Some(found) = lines.get(number) else { return false };
        let line = found.of(block);
        if !found.is_json {
            counters.not_json += 1;
            out.extend_from_slice(line);
            return false;
        }
        let mut sought = Sought::new(intel, mapping, counters, cache, located, texts);
        sought.see_line(line, found, ahead);
        if let Some(located) = sought.only_located()
            && splice_places(line, found, located, intel.geo(), mapping, out)
        {
            return false;
        }
        let enrichment = sought.finish(*clock, site).stamped(*stamp);
        splice(line, found, &enrichment, mapping, out);
        let matched = enrichment.is_match();
        if matched {
            see(line, &enrichment);
        }
        matched
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

    /// In whose words it writes: for a host that merges an [`Enrichment::patch`] himself. A reload of the configuration may change it.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.mapping.schema
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
