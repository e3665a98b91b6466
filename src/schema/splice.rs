//! Writes an enrichment into the bytes of a line.
//!
//! Most lines have nothing where output goes: pieces rendered once are copied to the ends of objects that the scan has noted.
//! All others take the way of [`merge`], which gives the same.

use std::num::NonZeroUsize;

use lru::LruCache;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::ecs::{self, EcsLocation};
use super::native::Native;
use super::{Patch, Schema};
use crate::enrichment::Enrichment;
use crate::event::{Mapping, Object, Scan, merge};

/// By cell, and whether `as` is among what is said.
type Cache = LruCache<(u32, bool), Box<[u8]>, foldhash::fast::RandomState>;

/// What is said of addresses, rendered: a cell of the databases becomes bytes once.
pub(crate) struct Rendered {
    cache: Option<Cache>,
    hits: u64,
    misses: u64,
    scratch: Vec<u8>,
}

impl Rendered {
    pub(crate) fn new(capacity: usize) -> Self {
        let cache = NonZeroUsize::new(capacity).map(|capacity| LruCache::with_hasher(capacity, Default::default()));
        Self { cache, hits: 0, misses: 0, scratch: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.clear();
        }
    }

    /// Hits and misses.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }

    /// The members that `render` writes for a cell, without braces; from the cache if they are there.
    #[inline]
    fn members(&mut self, key: (u32, bool), render: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        let Self { cache, hits, misses, scratch } = self;
        let mut fresh = false;
        let make = || {
            fresh = true;
            scratch.clear();
            render(scratch);
            &**scratch
        };
        let members = match cache {
            Some(cache) => &**cache.get_or_insert(key, || make().into()),
            None => make(),
        };
        *(if fresh { misses } else { hits }) += 1;
        members
    }
}

/// A rendered object without its braces.
fn strip(object: &[u8]) -> &[u8] {
    object.get(1..object.len().saturating_sub(1)).unwrap_or_default()
}

/// Appends the line with the enrichment in it.
pub(crate) fn splice(
    line: &[u8],
    scan: &Scan,
    enrichment: &Enrichment<'_>,
    mapping: &Mapping,
    rendered: &mut Rendered,
    out: &mut Vec<u8>,
) {
    if enrichment.is_empty() {
        out.extend_from_slice(line);
        return;
    }
    let start = out.len();
    let spliced = match mapping.schema {
        Schema::Ecs => ecs_members(line, scan, enrichment, mapping, rendered, out),
        Schema::Native => native_members(line, scan, enrichment, rendered, out),
    };
    if spliced.is_none() {
        out.truncate(start);
        match serde_json::to_value(Patch::new(enrichment, mapping.schema)) {
            Ok(Value::Object(patch)) => merge(line, &patch, out),
            _ => out.extend_from_slice(line),
        }
    }
}

/// `None`: something is in the way.
fn ecs_members(
    line: &[u8],
    scan: &Scan,
    enrichment: &Enrichment<'_>,
    mapping: &Mapping,
    rendered: &mut Rendered,
    out: &mut Vec<u8>,
) -> Option<()> {
    let matched = !enrichment.sightings().is_empty();
    let threat = scan.targets.iter().take(Schema::Ecs.objects().len());
    if scan.repeated
        || (matched && threat.clone().any(|target| target.object.is_some() || target.dotted || target.taken))
    {
        return None;
    }
    let mut ends = Ends::new(line, scan);
    // First into objects that are there, in the order of the line.
    let described = || described(enrichment, mapping);
    let mut inside: [Option<(Object, u32, bool)>; ENTITIES] = [None; ENTITIES];
    for (number, cell) in described() {
        let target = scan.targets.get(usize::from(number))?;
        if target.taken {
            return None;
        }
        if let Some(object) = target.object {
            let slot = inside.iter_mut().find(|slot| slot.is_none())?;
            *slot = Some((object, cell, has_as(mapping, number)));
        }
    }
    inside.sort_unstable_by_key(|slot| slot.map_or(u32::MAX, |(object, ..)| object.close));
    for (object, cell, with_as) in inside.into_iter().flatten() {
        let members = location(enrichment, rendered, cell, with_as);
        ends.insert(object, members, out);
    }
    ends.copy_to_top(out);
    for (number, cell) in described() {
        let target = scan.targets.get(usize::from(number))?;
        if target.object.is_some() {
            continue;
        }
        let name = mapping.targets.get(usize::from(number))?;
        let members = location(enrichment, rendered, cell, has_as(mapping, number));
        if members.is_empty() {
            continue;
        }
        if target.dotted {
            // Beside `"source.ip"` goes `"source.as"`.
            let value: Value = serde_json::from_slice(&[b"{", members, b"}"].concat()).ok()?;
            for (key, value) in value.as_object()? {
                ends.comma(out);
                serde_json::to_writer(&mut *out, &format!("{name}.{key}")).ok()?;
                out.push(b':');
                serde_json::to_writer(&mut *out, value).ok()?;
            }
            continue;
        }
        ends.comma(out);
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":{");
        out.extend_from_slice(members);
        out.push(b'}');
    }
    if matched {
        let mut text = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut text);
        let mut map = serializer.serialize_map(None).ok()?;
        ecs::threat(enrichment, &mut map).ok()?;
        map.end().ok()?;
        if text.len() > 2 {
            ends.comma(out);
            out.extend_from_slice(strip(&text));
        }
    }
    ends.finish(out);
    Some(())
}

/// How many entities of one event are spliced; more take the other way.
const ENTITIES: usize = 8;

/// Entities and the cells that describe them: of several addresses of one, the first in the order of the map.
fn described<'e>(enrichment: &'e Enrichment<'_>, mapping: &'e Mapping) -> impl Iterator<Item = (u8, u32)> + 'e {
    let of = |&(field, cell): &(u16, u32)| Some((mapping.described_in(field)?, cell));
    enrichment.located.iter().enumerate().filter_map(move |(at, located)| {
        let (number, cell) = of(located)?;
        let earlier = enrichment.located.get(..at).unwrap_or_default();
        let said = |&(other, cell): &(u8, u32)| other == number && is_said(enrichment, cell, has_as(mapping, number));
        (!earlier.iter().filter_map(of).any(|other| said(&other))).then_some((number, cell))
    })
}

/// Whether ECS has a word for what is known in a cell.
fn is_said(enrichment: &Enrichment<'_>, cell: u32, with_as: bool) -> bool {
    enrichment.intel.geo().is_some_and(|geo| geo.place_of(cell).is_some() || (with_as && geo.asn_of(cell).is_some()))
}

fn has_as(mapping: &Mapping, number: u8) -> bool {
    mapping.targets.get(usize::from(number)).is_some_and(|name| ecs::has_as(name))
}

fn location<'r>(enrichment: &Enrichment<'_>, rendered: &'r mut Rendered, cell: u32, with_as: bool) -> &'r [u8] {
    rendered.members((cell, with_as), |text| {
        let Some(geo) = enrichment.intel.geo() else { return };
        if let Some(location) = EcsLocation::of(with_as, geo.asn_of(cell), geo.place_of(cell)) {
            location.write_members(text);
        }
    })
}

/// `None`: something is in the way.
fn native_members(
    line: &[u8],
    scan: &Scan,
    enrichment: &Enrichment<'_>,
    rendered: &mut Rendered,
    out: &mut Vec<u8>,
) -> Option<()> {
    if scan.repeated || scan.targets.iter().any(|target| target.object.is_some() || target.dotted || target.taken) {
        return None;
    }
    let mut ends = Ends::new(line, scan);
    ends.copy_to_top(out);
    ends.comma(out);
    out.extend_from_slice(b"\"stormtag\":{");
    for (&(field, cell), at) in enrichment.located.iter().zip(0..) {
        out.extend_from_slice(if at == 0 { b"\"locations\":[{\"field\":" } else { b",{\"field\":" });
        serde_json::to_writer(&mut *out, &enrichment.fields.field(field)?.path).ok()?;
        let members = rendered.members((cell, true), |text| {
            if let Some(geo) = enrichment.intel.geo() {
                let object = serde_json::to_vec(&Native::location(geo, cell)).unwrap_or_default();
                text.extend_from_slice(strip(&object));
            }
        });
        if !members.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(members);
        out.push(b'}');
    }
    if !enrichment.located.is_empty() {
        out.push(b']');
    }
    if !enrichment.sightings().is_empty() {
        if !enrichment.located.is_empty() {
            out.push(b',');
        }
        let text = serde_json::to_vec(&Native::without_locations(enrichment)).ok()?;
        out.extend_from_slice(strip(&text));
    }
    out.push(b'}');
    ends.finish(out);
    Some(())
}

/// Copies the line, stopping where something goes in.
struct Ends<'l> {
    line: &'l [u8],
    top: Object,
    done: usize,
    members: bool,
}

impl<'l> Ends<'l> {
    fn new(line: &'l [u8], scan: &Scan) -> Self {
        Self { line, top: scan.top, done: 0, members: !scan.top.empty }
    }

    fn copy_to(&mut self, at: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line.get(self.done..at as usize).unwrap_or_default());
        self.done = at as usize;
    }

    fn insert(&mut self, object: Object, members: &[u8], out: &mut Vec<u8>) {
        self.copy_to(object.close, out);
        if !members.is_empty() {
            if !object.empty {
                out.push(b',');
            }
            out.extend_from_slice(members);
        }
    }

    /// Copies up to the last brace.
    fn copy_to_top(&mut self, out: &mut Vec<u8>) {
        self.copy_to(self.top.close, out);
    }

    /// A comma, if a member stands before.
    fn comma(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.members, true) {
            out.push(b',');
        }
    }

    fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line.get(self.done..).unwrap_or_default());
    }
}
