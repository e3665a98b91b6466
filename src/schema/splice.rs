//! Writes an enrichment into the bytes of a line.
//!
//! Most lines have nothing where output goes: what is said of addresses is copied, as the databases keep it, to the ends of objects
//! that were noted when it was read. All others take the way of [`merge`], which gives the same.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Serialize;
use serde_json::Value;

use super::{Patch, Schema, ecs};
use crate::enrichment::{Enrichment, LocatedAt};
use crate::event::{Line, Mapping, Object, merge};
use crate::geo::{Geo, Text};

/// Appends the line with the enrichment in it.
pub(crate) fn splice(line: &[u8], found: &Line, enrichment: &Enrichment<'_>, mapping: &Mapping, out: &mut Vec<u8>) {
    if enrichment.is_empty() {
        out.extend_from_slice(line);
        return;
    }
    let start = out.len();
    let spliced = match (mapping.schema, enrichment.intel.geo()) {
        _ if found.repeated => None,
        (Schema::Ecs, geo) => {
            let matched = Some(enrichment).filter(|enrichment| !enrichment.sightings().is_empty());
            ecs_members(line, found, enrichment.located, geo, matched, mapping, out)
        }
        (Schema::Native, _) => native_members(line, found, enrichment, out),
        (Schema::Ocsf, _) => None,
    };
    if spliced.is_none() {
        out.truncate(start);
        merged(line, enrichment, mapping.schema, out);
    }
}

/// As [`splice`], where nothing matched: appends the line with what the databases say of its addresses. Says whether it could; if not,
/// nothing is appended.
#[inline]
pub(crate) fn splice_places(
    line: &[u8],
    found: &Line,
    located: &[LocatedAt],
    geo: Option<&Geo>,
    mapping: &Mapping,
    out: &mut Vec<u8>,
) -> bool {
    if located.is_empty() {
        out.extend_from_slice(line);
        return true;
    }
    if mapping.schema != Schema::Ecs || found.repeated {
        return false;
    }
    let start = out.len();
    let spliced = ecs_members(line, found, located, geo, None, mapping, out).is_some();
    if !spliced {
        out.truncate(start);
    }
    spliced
}

#[cold]
fn merged(line: &[u8], enrichment: &Enrichment<'_>, schema: Schema, out: &mut Vec<u8>) {
    match serde_json::to_value(Patch::new(enrichment, schema)) {
        Ok(Value::Object(patch)) => merge(line, &patch, out),
        _ => out.extend_from_slice(line),
    }
}

/// How many entities of one event are spliced; more take the other way.
const ENTITIES: usize = 8;

/// What is said of an entity.
#[derive(Clone, Copy, Default)]
struct Described<'g> {
    /// The number of its target.
    number: u8,
    text: Text<'g>,
}

impl Described<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let Text { asn, geo: [area, place] } = self.text;
        out.reserve(asn.len() + area.len() + place.len() + 2);
        out.extend_from_slice(asn);
        if !asn.is_empty() && self.text.has_geo() {
            out.push(b',');
        }
        out.extend_from_slice(area);
        out.extend_from_slice(place);
    }
}

/// `None`: something is in the way.
fn ecs_members(
    line: &[u8],
    found: &Line,
    located: &[LocatedAt],
    geo: Option<&Geo>,
    matched: Option<&Enrichment<'_>>,
    mapping: &Mapping,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut all = [Described::default(); ENTITIES];
    let mut count = 0;
    let (mut is_there, mut is_dotted) = (false, false);
    for &LocatedAt { field, written, .. } in located {
        let Some((number, with_as)) = mapping.described_in(field) else { continue };
        let mut text = geo?.text(written);
        if !with_as {
            text.asn = &[];
        }
        // Of several addresses of one entity the first in the order of the map of which something can be said.
        let earlier = all.get(..count)?.iter().any(|other| other.number == number);
        if earlier || text.asn.is_empty() && !text.has_geo() {
            continue;
        }
        let target = found.target(number);
        if target.taken {
            return None;
        }
        is_there |= target.object.is_some();
        is_dotted |= target.dotted;
        *all.get_mut(count)? = Described { number, text };
        count += 1;
    }
    let described = all.get_mut(..count)?;
    let mut ends = Ends::new(line, found);
    if is_there {
        inside(found, described, &mut ends, out);
    }
    ends.copy_to_top(out);
    for entity in &*described {
        let target = found.target(entity.number);
        if target.object.is_some() {
            continue;
        }
        if is_dotted && target.dotted {
            beside(mapping.targets.get(usize::from(entity.number))?, entity, &mut ends, out);
            continue;
        }
        let opening = mapping.openings.get(usize::from(entity.number))?;
        // The first member of all has no comma.
        if std::mem::replace(&mut ends.members, true) {
            opening.write(out);
        } else {
            opening.write_first(out);
        }
        entity.write(out);
        out.push(b'}');
    }
    if let Some(enrichment) = matched {
        threat(found, enrichment, &mut ends, out)?;
    }
    ends.finish(out);
    Some(())
}

/// Writes into objects that are there, in the order of the line.
fn inside(found: &Line, described: &mut [Described<'_>], ends: &mut Ends<'_>, out: &mut Vec<u8>) {
    let object = |entity: &Described<'_>| found.target(entity.number).object;
    // The order in which the others are written does not change: those that are there go among themselves.
    let mut order: [Option<Described<'_>>; ENTITIES] = [None; ENTITIES];
    for (slot, entity) in order.iter_mut().zip(described.iter()) {
        *slot = object(entity).is_some().then_some(*entity);
    }
    order.sort_unstable_by_key(|entity| entity.as_ref().and_then(object).map_or(u32::MAX, |object| object.close));
    for entity in order.into_iter().flatten() {
        if let Some(object) = object(&entity) {
            ends.copy_to(object.close, out);
            if !object.empty {
                out.push(b',');
            }
            entity.write(out);
        }
    }
}

/// Beside `"source.ip"` goes `"source.as"`.
fn beside(name: &str, entity: &Described<'_>, ends: &mut Ends<'_>, out: &mut Vec<u8>) {
    for member in [[entity.text.asn, &[]], entity.text.geo] {
        if let Some(rest) = member[0].strip_prefix(b"\"") {
            ends.comma(out);
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'.');
            out.extend_from_slice(rest);
            out.extend_from_slice(member[1]);
        }
    }
}

static RELATED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("related"));
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));

/// Writes what matched, unless something of it is in the way.
fn threat(found: &Line, enrichment: &Enrichment<'_>, ends: &mut Ends<'_>, out: &mut Vec<u8>) -> Option<()> {
    let mut objects = found.targets.iter().take(Schema::Ecs.objects().len());
    if objects.any(|target| target.object.is_some() || target.dotted || target.taken) {
        return None;
    }
    // Many events bring `related`, perhaps with escapes. It is looked for where something matched, so that it costs the others nothing.
    if RELATED.find(ends.line).is_some() || ESCAPE.find(ends.line).is_some() {
        return None;
    }
    ends.members(&ecs::Matched(enrichment), out)
}

/// `None`: something is in the way.
fn native_members(line: &[u8], found: &Line, enrichment: &Enrichment<'_>, out: &mut Vec<u8>) -> Option<()> {
    if found.targets.iter().any(|target| target.object.is_some() || target.dotted || target.taken) {
        return None;
    }
    let mut ends = Ends::new(line, found);
    ends.copy_to_top(out);
    ends.members(&Patch::new(enrichment, Schema::Native), out)?;
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
    fn new(line: &'l [u8], found: &Line) -> Self {
        Self { line, top: found.top, done: 0, members: !found.top.empty }
    }

    fn copy_to(&mut self, at: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line.get(self.done..at as usize).unwrap_or_default());
        self.done = at as usize;
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

    /// Appends the members of an object that serde writes.
    fn members(&mut self, object: &impl Serialize, out: &mut Vec<u8>) -> Option<()> {
        let open = out.len();
        serde_json::to_writer(&mut *out, object).ok()?;
        // Without its braces: the first makes room for the comma.
        out.pop();
        let empty = out.len() == open + 1;
        match out.get_mut(open) {
            Some(brace) if self.members && !empty => *brace = b',',
            _ => _ = out.remove(open),
        }
        self.members |= out.len() > open;
        Some(())
    }

    fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line.get(self.done..).unwrap_or_default());
    }
}
