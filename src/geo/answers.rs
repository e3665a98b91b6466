//! What is known of addresses, in the form in which it is asked for.
//!
//! An autonomous system and a place are told far more often than they are read, so each is kept as it is written: as the JSON
//! members that ECS has for it. What a program asks for are parts of that text, and numbers behind it. What a place has in common with all
//! places of its region, more than half of it, is kept once: it stays in caches where the places themselves do not.

use std::collections::HashMap;

use super::cells::Cells;
use super::{Anonymity, Asn, Place};
use crate::slab::Slab;

/// Answers by cell. Cell 0 is "nothing".
#[derive(Default)]
pub(super) struct Answers {
    cells: Slab<{ Cell::LENGTH }>,
    anonymity: Vec<Anonymity>,
    /// Rows, one behind the other: what is written, then [details](Row), then names that are written with escapes, as they are.
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

/// What the row of an autonomous system or place begins with. One load behind the cell gives all that is needed to write it, and the
/// beginning of the text.
#[derive(Clone, Copy, Default)]
struct Head {
    /// Where what is written of the place's area begins.
    area: u32,
    area_written: u16,
    /// How many bytes behind the head are as they are written.
    written: u16,
}

impl Head {
    const LENGTH: usize = 8;

    fn bytes(self) -> [u8; Self::LENGTH] {
        let Self { area, area_written, written } = self;
        (u64::from(area) | u64::from(area_written) << 32 | u64::from(written) << 48).to_le_bytes()
    }

    #[inline(always)]
    fn read(bytes: [u8; Self::LENGTH]) -> Self {
        let all = u64::from_le_bytes(bytes);
        Self { area: all as u32, area_written: (all >> 32) as u16, written: (all >> 48) as u16 }
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

/// A row, and its details: where its names stand, and numbers.
struct Row<'g, const DETAILS: usize> {
    bytes: &'g [u8],
    written: &'g str,
    details: [u32; DETAILS],
}

/// Of the names of a place, so many are of its area, and so many its own.
const SHARED: usize = 6;
const OWN: usize = 3;

/// Details: the names of an autonomous system and its number; those of a place, with the two halves of latitude and longitude.
const ASN: usize = 4;
const PLACE: usize = OWN + 4;

/// The latitude of nowhere: no database may say NaN.
const NOWHERE: u64 = u64::MAX;

/// A piece of a row; empty: none.
#[derive(Clone, Copy, Default)]
struct Part {
    start: u16,
    length: u16,
}

impl Part {
    fn detail(self) -> u32 {
        u32::from(self.start) | u32::from(self.length) << 16
    }
}

impl<'g, const DETAILS: usize> Row<'g, DETAILS> {
    /// The name that stands there.
    #[inline]
    fn name(&self, detail: u32) -> Option<&'g str> {
        let (start, length) = (detail as usize & 0xffff, (detail >> 16) as usize);
        if length == 0 {
            return None;
        }
        let place = start..start + length;
        // What is written was looked at once, as a whole.
        self.written.get(place.clone()).or_else(|| str::from_utf8(self.bytes.get(place)?).ok())
    }
}

/// More text than offsets can name.
#[derive(Debug)]
pub(super) struct TooMuch;

/// The longest name that is kept, in bytes: a row's text, where all of them need escapes, must be in reach of [`Part`].
pub(super) const LONGEST: usize = 1000;

impl Answers {
    pub(super) fn new(from: &Cells) -> Result<Self, TooMuch> {
        let mut text = Vec::new();
        let mut asn_at = Vec::new();
        for asn in from.asns() {
            asn_at.push(headed(&mut text, Head::default(), |row| row.asn(&asn))?);
        }
        let mut place_at = Vec::new();
        let mut areas = Areas::default();
        for place in from.places() {
            let area = areas.of(&place, &mut text)?;
            place_at.push(headed(&mut text, area, |row| row.place(&place))?);
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
        Ok(Self { cells: Slab::new(cells.into_iter()), anonymity, text })
    }

    /// The autonomous system; one without a number is nobody's (RFC 7607): the database names an organisation or a provider alone.
    #[inline]
    pub(super) fn asn(&self, cell: u32) -> Option<Asn<'_>> {
        let start = self.cell(cell)?.asn;
        let row: Row<'_, ASN> = self.row(start + Head::LENGTH as u32, self.head(start)?.written)?;
        let [organization, isp, domain, number] = row.details;
        let name = |detail: u32| row.name(detail);
        (number != 0).then(|| Asn { number, organization: name(organization), isp: name(isp), domain: name(domain) })
    }

    #[inline]
    pub(super) fn place(&self, cell: u32) -> Option<Place<'_>> {
        let start = self.cell(cell)?.place;
        let head = self.head(start).filter(|head| head.written != 0)?;
        let row: Row<'_, PLACE> = self.row(start + Head::LENGTH as u32, head.written)?;
        let area: Row<'_, SHARED> = self.row(head.area, head.area_written)?;
        let [continent_code, continent_name, country_iso_code, country_name, region_iso_code, region_name] =
            area.details.map(|detail| area.name(detail));
        let [city_name, postal_code, time_zone, at @ ..] = row.details;
        let [city_name, postal_code, time_zone] = [city_name, postal_code, time_zone].map(|detail| row.name(detail));
        let [latitude, longitude] = [[at[0], at[1]], [at[2], at[3]]].map(|[low, high]| {
            let bits = u64::from(low) | u64::from(high) << 32;
            (bits != NOWHERE).then_some(f64::from_bits(bits))
        });
        Some(Place {
            continent_code,
            continent_name,
            country_iso_code,
            country_name,
            region_iso_code,
            region_name,
            city_name,
            postal_code,
            latitude,
            longitude,
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
        self.cells.bytes().len() + size_of_val(&*self.anonymity) + self.text.bytes().len()
    }

    #[inline(always)]
    fn cell(&self, cell: u32) -> Option<Cell> {
        let both = u64::from_le_bytes(*self.cells.get(cell as usize)?);
        Some(Cell { asn: both as u32, place: (both >> 32) as u32 })
    }

    #[inline(always)]
    fn head(&self, start: u32) -> Option<Head> {
        self.text.bytes().get(start as usize..)?.first_chunk().copied().map(Head::read)
    }

    /// The row of which so many bytes are written.
    #[inline]
    fn row<const DETAILS: usize>(&self, start: u32, written: u16) -> Option<Row<'_, DETAILS>> {
        let bytes = self.text.bytes().get(start as usize..)?;
        let (written, behind) = bytes.split_at_checked(usize::from(written))?;
        let details = behind.as_chunks().0.first_chunk()?.map(u32::from_le_bytes);
        Some(Row { bytes, written: str::from_utf8(written).ok()?, details })
    }
}

/// Writes a row behind its head, which names the area; says where it begins.
fn headed(
    text: &mut Vec<u8>,
    area: Head,
    write: impl FnOnce(&mut Writer<'_>) -> Result<u16, TooMuch>,
) -> Result<u32, TooMuch> {
    let begin = text.len();
    text.extend_from_slice(&Head::default().bytes());
    let head = Head { written: write(&mut Writer::new(text)?)?, ..area };
    if let Some(room) = text.get_mut(begin..).and_then(<[u8]>::first_chunk_mut) {
        *room = head.bytes();
    }
    Ok(begin as u32)
}

type AreaNames<'a> = Option<[Option<&'a str>; SHARED]>;

/// The areas written so far.
#[derive(Default)]
struct Areas<'a> {
    /// By what they say, a head that names the area. `None`: the area of no place.
    known: HashMap<AreaNames<'a>, Head, foldhash::fast::RandomState>,
}

impl<'a> Areas<'a> {
    fn of(&mut self, place: &Place<'a>, text: &mut Vec<u8>) -> Result<Head, TooMuch> {
        let names = is_somewhere(place).then(|| texts(place).0);
        let known = names.map(|names| names.map(|(_, name)| name));
        if let Some(&head) = self.known.get(&known) {
            return Ok(head);
        }
        let mut row = Writer::new(text)?;
        let head = Head { area: row.start, area_written: row.area(names.as_ref())?, ..Head::default() };
        self.known.insert(known, head);
        Ok(head)
    }
}

type Names<'a, const N: usize> = [(&'static str, Option<&'a str>); N];

/// A name, and where it stands as it is.
type Named<'a> = (Option<Part>, Option<&'a str>);

/// The texts of a place: those of its area, and its own.
fn texts<'a>(place: &Place<'a>) -> (Names<'a, SHARED>, Names<'a, OWN>) {
    let mut texts = place.texts().into_iter();
    let mut next = || texts.next().unwrap_or_default();
    (std::array::from_fn(|_| next()), std::array::from_fn(|_| next()))
}

fn is_somewhere(place: &Place<'_>) -> bool {
    place.latitude.is_some() && place.longitude.is_some() || place.texts().iter().any(|(_, name)| name.is_some())
}

/// Appends a row to the text.
struct Writer<'t> {
    text: &'t mut Vec<u8>,
    start: u32,
}

impl<'t> Writer<'t> {
    fn new(text: &'t mut Vec<u8>) -> Result<Self, TooMuch> {
        let start = u32::try_from(text.len()).map_err(|_| TooMuch)?;
        Ok(Self { text, start })
    }

    /// Says how many bytes are written, as the two others do.
    fn asn(&mut self, asn: &Asn<'_>) -> Result<u16, TooMuch> {
        let mut organization = None;
        if asn.number != 0 {
            self.push(&format!("\"as\":{{\"number\":{}", asn.number));
            if let Some(name) = asn.organization {
                self.push(",\"organization\":{\"name\":");
                organization = self.quoted(name);
                self.push("}");
            }
            self.push("}");
        }
        self.details(&[(organization, asn.organization), (None, asn.isp), (None, asn.domain)], &[asn.number])
    }

    /// Opens the object that the place closes.
    fn area(&mut self, names: Option<&Names<'_, SHARED>>) -> Result<u16, TooMuch> {
        let Some(names) = names else { return self.details(&[(None, None); SHARED], &[]) };
        self.push("\"geo\":{");
        let inside = self.members(names, true);
        self.details(&inside, &[])
    }

    fn place(&mut self, place: &Place<'_>) -> Result<u16, TooMuch> {
        let (shared, own) = texts(place);
        let at = place.latitude.zip(place.longitude);
        let mut inside = own.map(|(_, name)| (None, name));
        if is_somewhere(place) {
            let mut first = shared.iter().all(|(_, name)| name.is_none());
            inside = self.members(&own, first);
            first &= own.iter().all(|(_, name)| name.is_none());
            if let Some((lat, lon)) = at {
                self.push(if first { "\"location\":" } else { ",\"location\":" });
                self.push(&serde_json::json!({ "lat": lat, "lon": lon }).to_string());
            }
            self.push("}");
        }
        let halves = |degrees: Option<f64>| {
            let bits = degrees.map_or(NOWHERE, f64::to_bits);
            [bits as u32, (bits >> 32) as u32]
        };
        self.details(&inside, [halves(at.map(|at| at.0)), halves(at.map(|at| at.1))].as_flattened())
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Appends the members of an object that have a name; says where the names stand. The first has no comma before it.
    fn members<'a, const N: usize>(&mut self, names: &Names<'a, N>, mut first: bool) -> [Named<'a>; N] {
        names.map(|(key, name)| {
            let Some(text) = name else { return (None, None) };
            self.push(if std::mem::replace(&mut first, false) { "\"" } else { ",\"" });
            self.push(key);
            self.push("\":");
            (self.quoted(text), name)
        })
    }

    /// Ends what is written, and says how long it is. Behind it come the details: where the names stand, then the numbers.
    fn details(&mut self, names: &[Named<'_>], numbers: &[u32]) -> Result<u16, TooMuch> {
        let (written, begin) = (self.length()?, self.text.len());
        self.text.resize(begin + size_of::<u32>() * (names.len() + numbers.len()), 0);
        let mut details = Vec::new();
        for &(inside, name) in names {
            details.push(self.part(inside, name)?.detail());
        }
        details.extend_from_slice(numbers);
        let room = self.text.get_mut(begin..).unwrap_or_default().as_chunks_mut().0;
        for (room, detail) in room.iter_mut().zip(details) {
            *room = detail.to_le_bytes();
        }
        Ok(written)
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
