//! What is known of addresses, in the form in which it is asked for.
//!
//! An autonomous system and a place are told far more often than they are read, so each is kept as it is written: as the JSON
//! members that ECS has for it. What a program asks for are parts of that text.

use super::cells::Cells;
use super::{Anonymity, Asn, Place};

/// Answers by cell. Cell 0 is "nothing".
#[derive(Default)]
pub(super) struct Answers {
    cells: Vec<Cell>,
    anonymity: Vec<Anonymity>,
    asns: Vec<AsnRow>,
    places: Vec<PlaceRow>,
    text: String,
}

/// Where in the text a row begins, that of an autonomous system and that of a place. A row begins with a [`Head`].
#[derive(Clone, Copy)]
struct Cell {
    asn: u32,
    place: u32,
}

/// What a row begins with: its number, and how many bytes behind it are as they are written. One load behind the cell gives both the
/// length and the text; a number of seven bits in each byte leaves the text a text.
struct Head {
    row: u32,
    written: u32,
}

impl Head {
    const LENGTH: usize = 8;

    /// Four bytes of row, four of length. Rows are fewer than 2^28, texts shorter than 2^16.
    fn bytes(&self) -> [u8; Self::LENGTH] {
        let both = u64::from(self.row) | u64::from(self.written) << 28;
        std::array::from_fn(|at| (both >> (7 * at)) as u8 & 0x7f)
    }

    #[inline(always)]
    fn row(bytes: [u8; Self::LENGTH]) -> usize {
        bytes.iter().take(4).rev().fold(0, |row, &byte| row << 7 | usize::from(byte))
    }

    #[inline(always)]
    fn written([_, _, _, _, a, b, c, _]: [u8; Self::LENGTH]) -> u32 {
        u32::from(a) | u32::from(b) << 7 | u32::from(c) << 14
    }
}

/// A part of the text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span {
    start: u32,
    length: u32,
}

/// What is written of an address: `"as":{…}` and `"geo":{…}`, as ECS has them; either may be empty.
#[derive(Clone, Copy, Default)]
pub(crate) struct Written {
    asn: Span,
    place: Span,
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
    parts: [Part; 9],
}

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
        let mut text = String::new();
        let (asns, asn_at): (Vec<_>, Vec<_>) = written(from.asns(), |asn, row| AsnRow::write(&asn, row), &mut text)?;
        let (places, place_at): (Vec<_>, Vec<_>) =
            written(from.places(), |place, row| PlaceRow::write(&place, row), &mut text)?;
        let start = |starts: &[u32], id: u32| starts.get(id as usize).copied().unwrap_or_default();
        let cells =
            from.cells().map(|(asn, place, _)| Cell { asn: start(&asn_at, asn), place: start(&place_at, place) });
        let anonymity = from.cells().map(|(.., anonymity)| anonymity);
        // Most databases say nothing of it.
        let anonymity = if anonymity.clone().all(Anonymity::is_empty) { Vec::new() } else { anonymity.collect() };
        let cells = cells.collect();
        text.shrink_to_fit();
        Ok(Self { cells, anonymity, asns, places, text })
    }

    /// The autonomous system; one without a number is nobody's (RFC 7607): the database names an organisation or a provider alone.
    #[inline]
    pub(super) fn asn(&self, cell: u32) -> Option<Asn<'_>> {
        let row = self.asn_row(cell)?;
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
        let row = self.place_row(cell)?;
        let part = |part: Part| self.part(row.text, part);
        let [city, continent, continent_name, country, country_name, postal, region, region_name, time_zone] =
            row.parts;
        Some(Place {
            city_name: part(city),
            continent_code: part(continent),
            continent_name: part(continent_name),
            country_iso_code: part(country),
            country_name: part(country_name),
            postal_code: part(postal),
            region_iso_code: part(region),
            region_name: part(region_name),
            time_zone: part(time_zone),
            latitude: row.at.map(|at| at.0),
            longitude: row.at.map(|at| at.1),
        })
    }

    pub(super) fn anonymity(&self, cell: u32) -> Anonymity {
        self.anonymity.get(cell as usize).copied().unwrap_or_default()
    }

    /// Where what is written of the addresses in a cell stands.
    #[inline(always)]
    pub(super) fn written(&self, cell: u32) -> Written {
        let Some(cell) = self.cells.get(cell as usize) else { return Written::default() };
        let span = |start: u32| {
            let length = self.head(start).map_or(0, Head::written);
            Span { start: start + Head::LENGTH as u32, length }
        };
        Written { asn: span(cell.asn), place: span(cell.place) }
    }

    /// `"as":{…}` and `"geo":{…}`.
    #[inline]
    pub(super) fn text(&self, written: Written) -> (&[u8], &[u8]) {
        let text = |Span { start, length }: Span| {
            let start = start as usize;
            self.text.as_bytes().get(start..start + length as usize).unwrap_or_default()
        };
        (text(written.asn), text(written.place))
    }

    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.cells)
            + size_of_val(&*self.anonymity)
            + size_of_val(&*self.asns)
            + size_of_val(&*self.places)
            + self.text.capacity()
    }

    #[inline(always)]
    fn head(&self, start: u32) -> Option<[u8; Head::LENGTH]> {
        self.text.as_bytes().get(start as usize..)?.first_chunk().copied()
    }

    #[inline]
    fn asn_row(&self, cell: u32) -> Option<&AsnRow> {
        let row = self.asns.get(Head::row(self.head(self.cells.get(cell as usize)?.asn)?))?;
        (row.number != 0).then_some(row)
    }

    #[inline]
    fn place_row(&self, cell: u32) -> Option<&PlaceRow> {
        let head = self.head(self.cells.get(cell as usize)?.place)?;
        if Head::written(head) == 0 { None } else { self.places.get(Head::row(head)) }
    }

    #[inline]
    fn part(&self, row: u32, part: Part) -> Option<&str> {
        let start = row as usize + usize::from(part.start);
        (part.length != 0).then(|| self.text.get(start..start + usize::from(part.length)))?
    }
}

/// Writes rows one after another; gives where in the text each begins.
fn written<T, Row>(
    all: impl Iterator<Item = T>,
    write: impl Fn(T, &mut Writer<'_>) -> Result<Row, TooMuch>,
    text: &mut String,
) -> Result<(Vec<Row>, Vec<u32>), TooMuch> {
    let (mut rows, mut starts) = (Vec::new(), Vec::new());
    for (one, number) in all.zip(0u32..) {
        if number >> 28 != 0 {
            return Err(TooMuch);
        }
        starts.push(u32::try_from(text.len()).map_err(|_| TooMuch)?);
        let head = text.len();
        text.push_str(EMPTY_HEAD);
        let start = u32::try_from(text.len()).map_err(|_| TooMuch)?;
        let mut writer = Writer { text: &mut *text, start, written: 0 };
        rows.push(write(one, &mut writer)?);
        let bytes = Head { row: number, written: u32::from(writer.written) }.bytes();
        text.replace_range(head..head + Head::LENGTH, std::str::from_utf8(&bytes).map_err(|_| TooMuch)?);
    }
    Ok((rows, starts))
}

/// What keeps the place of a head.
const EMPTY_HEAD: &str = "00000000";

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

impl PlaceRow {
    fn write(place: &Place<'_>, row: &mut Writer<'_>) -> Result<Self, TooMuch> {
        let names = place.texts();
        let at = place.latitude.zip(place.longitude);
        let mut inside = [None; 9];
        if at.is_some() || names.iter().any(|(_, name)| name.is_some()) {
            row.push("\"geo\":");
            let open = row.text.len();
            for ((key, name), inside) in names.into_iter().zip(&mut inside) {
                if let Some(name) = name {
                    row.push(&format!(",\"{key}\":"));
                    *inside = row.quoted(name);
                }
            }
            if let Some((lat, lon)) = at {
                row.push(&format!(",\"location\":{}", serde_json::json!({ "lat": lat, "lon": lon })));
            }
            row.push("}");
            // In place of the first member's comma.
            row.text.replace_range(open..=open, "{");
        }
        row.written = row.length()?;
        let mut parts = [Part::default(); 9];
        for (part, (inside, (_, name))) in parts.iter_mut().zip(inside.into_iter().zip(names)) {
            *part = row.part(inside, name)?;
        }
        Ok(Self { at, text: row.start, parts })
    }
}

/// Appends a row to the text.
struct Writer<'t> {
    text: &'t mut String,
    start: u32,
    /// So many bytes of the row are as they are written; the others only make parts of it whole.
    written: u16,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
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
        assert_eq!(answers.text(answers.written(0)), (&b""[..], &b""[..]));
        for (cell, asn, place) in pairs {
            assert_eq!(answers.asn(cell), Some(asn).filter(|asn| asn.number != 0));
            assert_eq!(answers.place(cell), Some(place).filter(|place| *place != Place::default()));
            assert_eq!(answers.anonymity(cell), Anonymity::VPN);
            let (written_as, written_geo) = answers.text(answers.written(cell));
            let [written_as, written_geo] = [written_as, written_geo].map(|text| std::str::from_utf8(text).unwrap());
            let members = [written_as, written_geo].into_iter().filter(|member| !member.is_empty());
            let object = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
            let value: serde_json::Value = serde_json::from_str(&object).unwrap();
            assert_eq!(value["as"]["number"].as_u64().unwrap_or(0), u64::from(asn.number));
            assert_eq!(value["as"]["organization"]["name"].as_str(), asn.organization);
            assert_eq!(value["geo"]["city_name"].as_str(), place.city_name);
            assert_eq!(value["geo"]["timezone"].as_str(), place.time_zone);
            assert_eq!(value["geo"]["location"]["lat"].as_f64(), place.latitude);
        }
    }
}
