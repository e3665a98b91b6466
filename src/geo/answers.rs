//! What is known of addresses, in the form in which it is asked for.
//!
//! An autonomous system and a place are told far more often than they are read, so each is kept as it is written: as the JSON
//! members that ECS has for it. What a program asks for are parts of that text. What a place has in common with all places of its region,
//! more than half of it, is kept once: it stays in caches where the places themselves do not.

use std::collections::HashMap;

use super::cells::Cells;
use super::{Anonymity, Asn, Place};
use crate::slab::Slab;

/// Answers by cell. Cell 0 is "nothing".
#[derive(Default)]
pub(super) struct Answers {
    cells: Slab<{ Cell::LENGTH }>,
    anonymity: Vec<Anonymity>,
    asns: Vec<AsnRow>,
    places: Vec<PlaceRow>,
    areas: Vec<AreaRow>,
    /// UTF-8.
    text: Slab<1>,
}

/// Where in the text a row begins, that of an autonomous system and that of a place. A row begins with a [`Head`].
#[derive(Clone, Copy)]
struct Cell {
    asn: u32,
    place: u32,
}

impl Cell {
    const LENGTH: usize = 8;

    fn bytes(self) -> [u8; Self::LENGTH] {
        (u64::from(self.asn) | u64::from(self.place) << 32).to_le_bytes()
    }
}

/// What a row begins with. One load behind the cell gives all that is needed to write it, and the beginning of the text.
#[derive(Clone, Copy, Default)]
struct Head {
    /// The number of the row.
    row: u32,
    /// Where what is written of the place's area begins.
    area: u32,
    area_written: u16,
    /// How many bytes behind the head are as they are written.
    written: u16,
}

impl Head {
    const LENGTH: usize = 12;

    fn bytes(self) -> [u8; Self::LENGTH] {
        let lengths = u32::from(self.area_written) | u32::from(self.written) << 16;
        let mut bytes = [self.row, self.area, lengths].into_iter().flat_map(u32::to_le_bytes);
        std::array::from_fn(|_| bytes.next().unwrap_or_default())
    }

    #[inline(always)]
    fn read(bytes: &[u8; Self::LENGTH]) -> Self {
        let (numbers, _) = bytes.as_chunks();
        let number = |at: usize| numbers.get(at).map_or(0, |number| u32::from_le_bytes(*number));
        Self { row: number(0), area: number(1), area_written: number(2) as u16, written: (number(2) >> 16) as u16 }
    }
}

/// A part of the text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span {
    start: u32,
    length: u32,
}

/// Where what is written of an address stands, see [`Text`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Written {
    asn: Span,
    area: Span,
    place: Span,
}

/// What is written of an address, as ECS has it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Text<'g> {
    /// `"as":{…}`, or nothing.
    pub(crate) asn: &'g [u8],
    /// `"geo":{…` and `…}`, or nothing.
    pub(crate) geo: [&'g [u8]; 2],
}

impl Text<'_> {
    #[inline]
    pub(crate) fn has_geo(&self) -> bool {
        !self.geo[1].is_empty()
    }
}

struct AsnRow {
    number: u32,
    /// Where in the text its parts begin.
    text: u32,
    organization: Part,
    isp: Part,
    domain: Part,
}

struct PlaceRow {
    /// Latitude and longitude.
    at: Option<(f64, f64)>,
    text: u32,
    area: u32,
    parts: [Part; OWN],
}

/// What places of one region have in common.
struct AreaRow {
    text: u32,
    parts: [Part; SHARED],
}

/// Of the texts of a place, so many are of its area, and so many its own.
const SHARED: usize = 6;
const OWN: usize = 3;

/// A piece of a row's text; empty: none.
#[derive(Clone, Copy, Default)]
struct Part {
    start: u16,
    length: u16,
}

/// More text than offsets can name.
#[derive(Debug)]
pub(super) struct TooMuch;

/// The longest name that is kept, in bytes: a row's text, where all of them need escapes, must be in reach of [`Part`].
pub(super) const LONGEST: usize = 1000;

impl Answers {
    pub(super) fn new(from: &Cells) -> Result<Self, TooMuch> {
        let mut text = Vec::new();
        let (mut asns, mut asn_at) = (Vec::new(), Vec::new());
        for asn in from.asns() {
            let (start, row) = written(&mut text, asns.len(), Head::default(), |row| AsnRow::write(&asn, row))?;
            asn_at.push(start);
            asns.push(row);
        }
        let (mut places, mut place_at) = (Vec::new(), Vec::new());
        let mut areas = Areas::default();
        for place in from.places() {
            let (number, head) = areas.of(&place, &mut text)?;
            let (start, row) = written(&mut text, places.len(), head, |row| PlaceRow::write(&place, number, row))?;
            place_at.push(start);
            places.push(row);
        }
        let start = |starts: &[u32], id: u32| starts.get(id as usize).copied().unwrap_or_default();
        let cells: Vec<_> = from
            .cells()
            .map(|(asn, place, _)| Cell { asn: start(&asn_at, asn), place: start(&place_at, place) }.bytes())
            .collect();
        let anonymity = from.cells().map(|(.., anonymity)| anonymity);
        // Most databases say nothing of it.
        let anonymity = if anonymity.clone().all(Anonymity::is_empty) { Vec::new() } else { anonymity.collect() };
        let text = Slab::new(text.into_iter().map(|byte| [byte]));
        Ok(Self { cells: Slab::new(cells.into_iter()), anonymity, asns, places, areas: areas.rows, text })
    }

    /// The autonomous system; one without a number is nobody's (RFC 7607): the database names an organisation or a provider alone.
    #[inline]
    pub(super) fn asn(&self, cell: u32) -> Option<Asn<'_>> {
        let row = self.asns.get(self.head(self.cell(cell)?.asn)?.row as usize).filter(|row| row.number != 0)?;
        let part = |part: Part| self.part(row.text, part);
        Some(Asn {
            number: row.number,
            organization: part(row.organization),
            isp: part(row.isp),
            domain: part(row.domain),
        })
    }

    #[inline]
    pub(super) fn place(&self, cell: u32) -> Option<Place<'_>> {
        let head = self.head(self.cell(cell)?.place).filter(|head| head.written != 0)?;
        let row = self.places.get(head.row as usize)?;
        let area = self.areas.get(row.area as usize)?;
        let shared = area.parts.map(|part| self.part(area.text, part));
        let [continent_code, continent_name, country_iso_code, country_name, region_iso_code, region_name] = shared;
        let [city_name, postal_code, time_zone] = row.parts.map(|part| self.part(row.text, part));
        Some(Place {
            continent_code,
            continent_name,
            country_iso_code,
            country_name,
            region_iso_code,
            region_name,
            city_name,
            postal_code,
            latitude: row.at.map(|at| at.0),
            longitude: row.at.map(|at| at.1),
            time_zone,
        })
    }

    pub(super) fn anonymity(&self, cell: u32) -> Anonymity {
        self.anonymity.get(cell as usize).copied().unwrap_or_default()
    }

    /// Where what is written of the addresses in a cell stands.
    #[inline(always)]
    pub(super) fn written(&self, cell: u32) -> Written {
        let Some(cell) = self.cell(cell) else { return Written::default() };
        let span = |start: u32, length: u16| Span { start, length: u32::from(length) };
        let behind = |row: u32| row + Head::LENGTH as u32;
        let [asn, place] = [cell.asn, cell.place].map(|row| self.head(row).unwrap_or_default());
        Written {
            asn: span(behind(cell.asn), asn.written),
            area: span(place.area, place.area_written),
            place: span(behind(cell.place), place.written),
        }
    }

    /// What is written there.
    #[inline]
    pub(super) fn text(&self, written: Written) -> Text<'_> {
        let text = |Span { start, length }: Span| {
            let start = start as usize;
            self.text.bytes().get(start..start + length as usize).unwrap_or_default()
        };
        Text { asn: text(written.asn), geo: [text(written.area), text(written.place)] }
    }

    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        self.cells.bytes().len()
            + size_of_val(&*self.anonymity)
            + size_of_val(&*self.asns)
            + size_of_val(&*self.places)
            + size_of_val(&*self.areas)
            + self.text.bytes().len()
    }

    #[inline(always)]
    fn cell(&self, cell: u32) -> Option<Cell> {
        let both = u64::from_le_bytes(*self.cells.get(cell as usize)?);
        Some(Cell { asn: both as u32, place: (both >> 32) as u32 })
    }

    #[inline(always)]
    fn head(&self, start: u32) -> Option<Head> {
        self.text.bytes().get(start as usize..)?.first_chunk().map(Head::read)
    }

    #[inline]
    fn part(&self, row: u32, part: Part) -> Option<&str> {
        let start = row as usize + usize::from(part.start);
        let text = self.text.bytes().get(start..start + usize::from(part.length))?;
        str::from_utf8(text).ok().filter(|text| !text.is_empty())
    }
}

/// Writes a row behind its head, which names the area; says where it begins.
fn written<Row>(
    text: &mut Vec<u8>,
    number: usize,
    area: Head,
    write: impl FnOnce(&mut Writer<'_>) -> Result<Row, TooMuch>,
) -> Result<(u32, Row), TooMuch> {
    let begin = text.len();
    text.extend_from_slice(&Head::default().bytes());
    let start = u32::try_from(text.len()).map_err(|_| TooMuch)?;
    let mut writer = Writer { text, start, written: 0 };
    let row = write(&mut writer)?;
    let head = Head { row: u32::try_from(number).map_err(|_| TooMuch)?, written: writer.written, ..area };
    if let Some(room) = text.get_mut(begin..).and_then(<[u8]>::first_chunk_mut) {
        *room = head.bytes();
    }
    Ok((begin as u32, row))
}

type AreaNames<'a> = Option<[Option<&'a str>; SHARED]>;

/// The areas written so far.
#[derive(Default)]
struct Areas<'a> {
    /// By what they say: the number of the row, and a head that names it. `None`: the area of no place.
    known: HashMap<AreaNames<'a>, (u32, Head), foldhash::fast::RandomState>,
    rows: Vec<AreaRow>,
}

impl<'a> Areas<'a> {
    fn of(&mut self, place: &Place<'a>, text: &mut Vec<u8>) -> Result<(u32, Head), TooMuch> {
        let names = is_somewhere(place).then(|| texts(place).0);
        if let Some(&known) = self.known.get(&names.map(|names| names.map(|(_, name)| name))) {
            return Ok(known);
        }
        let number = u32::try_from(self.rows.len()).map_err(|_| TooMuch)?;
        let start = u32::try_from(text.len()).map_err(|_| TooMuch)?;
        let mut writer = Writer { text, start, written: 0 };
        self.rows.push(AreaRow::write(names.as_ref(), &mut writer)?);
        let head = Head { area: start, area_written: writer.written, ..Head::default() };
        self.known.insert(names.map(|names| names.map(|(_, name)| name)), (number, head));
        Ok((number, head))
    }
}

type Names<'a, const N: usize> = [(&'static str, Option<&'a str>); N];

/// The texts of a place: those of its area, and its own.
fn texts<'a>(place: &Place<'a>) -> (Names<'a, SHARED>, Names<'a, OWN>) {
    let mut texts = place.texts().into_iter();
    let mut next = || texts.next().unwrap_or_default();
    (std::array::from_fn(|_| next()), std::array::from_fn(|_| next()))
}

fn is_somewhere(place: &Place<'_>) -> bool {
    place.latitude.is_some() && place.longitude.is_some() || place.texts().iter().any(|(_, name)| name.is_some())
}

impl AsnRow {
    fn write(asn: &Asn<'_>, row: &mut Writer<'_>) -> Result<Self, TooMuch> {
        let mut organization = None;
        if asn.number != 0 {
            row.push(&format!("\"as\":{{\"number\":{}", asn.number));
            if let Some(name) = asn.organization {
                row.push(",\"organization\":{\"name\":");
                organization = row.quoted(name);
                row.push("}");
            }
            row.push("}");
        }
        row.written = row.length()?;
        Ok(Self {
            number: asn.number,
            organization: row.part(organization, asn.organization)?,
            isp: row.part(None, asn.isp)?,
            domain: row.part(None, asn.domain)?,
            text: row.start,
        })
    }
}

impl AreaRow {
    /// Opens the object that the place closes.
    fn write(names: Option<&Names<'_, SHARED>>, row: &mut Writer<'_>) -> Result<Self, TooMuch> {
        let Some(names) = names else { return Ok(Self { text: row.start, parts: [Part::default(); SHARED] }) };
        row.push("\"geo\":{");
        let inside = row.members(names, true);
        row.written = row.length()?;
        Ok(Self { text: row.start, parts: row.parts(names, inside)? })
    }
}

impl PlaceRow {
    fn write(place: &Place<'_>, area: u32, row: &mut Writer<'_>) -> Result<Self, TooMuch> {
        let (shared, own) = texts(place);
        let at = place.latitude.zip(place.longitude);
        let mut inside = [None; OWN];
        if is_somewhere(place) {
            let mut first = shared.iter().all(|(_, name)| name.is_none());
            inside = row.members(&own, first);
            first &= own.iter().all(|(_, name)| name.is_none());
            if let Some((lat, lon)) = at {
                row.push(if first { "\"location\":" } else { ",\"location\":" });
                row.push(&serde_json::json!({ "lat": lat, "lon": lon }).to_string());
            }
            row.push("}");
        }
        row.written = row.length()?;
        Ok(Self { at, text: row.start, area, parts: row.parts(&own, inside)? })
    }
}

/// Appends a row to the text.
struct Writer<'t> {
    text: &'t mut Vec<u8>,
    start: u32,
    /// So many bytes of the row are as they are written; the others only make parts of it whole.
    written: u16,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Appends the members of an object that have a name; says where the names stand. The first has no comma before it.
    fn members<const N: usize>(&mut self, names: &Names<'_, N>, mut first: bool) -> [Option<Part>; N] {
        names.map(|(key, name)| {
            let name = name?;
            self.push(if std::mem::replace(&mut first, false) { "\"" } else { ",\"" });
            self.push(key);
            self.push("\":");
            self.quoted(name)
        })
    }

    /// Where the names stand, those that stand nowhere yet behind all others.
    fn parts<const N: usize>(&mut self, names: &Names<'_, N>, inside: [Option<Part>; N]) -> Result<[Part; N], TooMuch> {
        let mut parts = [Part::default(); N];
        for (part, ((_, name), inside)) in parts.iter_mut().zip(names.iter().zip(inside)) {
            *part = self.part(inside, *name)?;
        }
        Ok(parts)
    }

    /// Appends a name as JSON; says where it stands if it stands there as it is, without escapes.
    fn quoted(&mut self, name: &str) -> Option<Part> {
        let start = self.length().ok()? + 1;
        let quoted = serde_json::Value::from(name).to_string();
        self.push(&quoted);
        (quoted.len() == name.len() + 2).then_some(Part { start, length: name.len() as u16 })
    }

    /// Where a name stands; appends it where it stands nowhere yet.
    fn part(&mut self, inside: Option<Part>, name: Option<&str>) -> Result<Part, TooMuch> {
        match (inside, name) {
            (Some(part), _) => Ok(part),
            (None, None) => Ok(Part::default()),
            (None, Some(name)) => {
                let start = self.length()?;
                self.push(name);
                Ok(Part { start, length: u16::try_from(name.len()).map_err(|_| TooMuch)? })
            }
        }
    }

    /// Bytes of the row so far.
    fn length(&self) -> Result<u16, TooMuch> {
        u16::try_from(self.text.len() - self.start as usize).map_err(|_| TooMuch)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::super::cells::CellsBuilder;
    use super::*;

    #[test]
    fn answers_are_what_was_interned_and_written_as_json() {
        let long = "\u{1}".repeat(LONGEST);
        let asns = [
            Asn::default(),
            Asn { number: 64500, organization: Some("Ex\"ample\n"), isp: Some("I"), domain: Some("d.example") },
            Asn { number: 1, ..Asn::default() },
            Asn { number: 2, organization: Some(&long), isp: Some(&long), domain: Some(&long) },
        ];
        let named = Place { city_name: Some("Zürich"), country_iso_code: Some("CH"), ..Place::default() };
        let all = Some(&*long);
        let places = [
            Place::default(),
            named,
            Place { latitude: Some(47.25), longitude: Some(-8.5), ..named },
            Place { latitude: Some(1.0), longitude: Some(2.0), ..Place::default() },
            Place {
                continent_code: all,
                continent_name: all,
                country_iso_code: all,
                country_name: all,
                region_iso_code: all,
                region_name: all,
                city_name: all,
                postal_code: all,
                latitude: Some(-179.123_456_789),
                longitude: Some(-179.123_456_789),
                time_zone: all,
            },
        ];
        let mut cells = CellsBuilder::new();
        let mut pairs = Vec::new();
        for asn in asns {
            for place in places {
                let (asn_row, place_row) = (cells.asn(&asn), cells.place(&place));
                pairs.push((cells.cell(asn_row, place_row, Anonymity::VPN), asn, place));
            }
        }
        let answers = Answers::new(&cells.finish()).unwrap();
        let nothing = answers.text(answers.written(0));
        assert!(nothing.asn.is_empty() && !nothing.has_geo() && nothing.geo[0].is_empty());
        for (cell, asn, place) in pairs {
            assert_eq!(answers.asn(cell), Some(asn).filter(|asn| asn.number != 0));
            assert_eq!(answers.place(cell), Some(place).filter(|place| *place != Place::default()));
            assert_eq!(answers.anonymity(cell), Anonymity::VPN);
            let text = answers.text(answers.written(cell));
            let members = [text.asn.to_vec(), text.geo.concat()].map(|text| String::from_utf8(text).unwrap());
            let members: Vec<_> = members.into_iter().filter(|member| !member.is_empty()).collect();
            let object = format!("{{{}}}", members.join(","));
            let value: serde_json::Value = serde_json::from_str(&object).unwrap();
            assert_eq!(value["as"]["number"].as_u64().unwrap_or(0), u64::from(asn.number));
            assert_eq!(value["as"]["organization"]["name"].as_str(), asn.organization);
            assert_eq!(value["geo"]["city_name"].as_str(), place.city_name);
            assert_eq!(value["geo"]["timezone"].as_str(), place.time_zone);
            assert_eq!(value["geo"]["location"]["lat"].as_f64(), place.latitude);
        }
    }
}
