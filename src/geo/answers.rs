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
    asns: Vec<AsnRow>,
    places: Vec<PlaceRow>,
    text: String,
}

#[derive(Clone, Copy)]
struct Cell {
    /// The number of a row, and above it the anonymity.
    asn: u32,
    place: u32,
}

/// Bits for the number of a row; six are left for the anonymity.
const ROW_BITS: u32 = 26;

struct AsnRow {
    number: u32,
    /// Where in the text its own begins.
    text: u32,
    /// So many bytes of it are `"as":{…}`.
    written: u16,
    organization: Part,
    isp: Part,
    domain: Part,
}

struct PlaceRow {
    /// Latitude and longitude.
    at: Option<(f64, f64)>,
    text: u32,
    /// So many bytes of it are `"geo":{…}`.
    written: u16,
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
        let asns = from.asns().map(|asn| AsnRow::write(&asn, &mut text)).collect::<Result<Vec<_>, _>>()?;
        let places = from.places().map(|place| PlaceRow::write(&place, &mut text)).collect::<Result<Vec<_>, _>>()?;
        let cell = |(asn, place, anonymity): (u32, u32, Anonymity)| {
            if asn >> ROW_BITS == 0 {
                Ok(Cell { asn: asn | u32::from(anonymity.0) << ROW_BITS, place })
            } else {
                Err(TooMuch)
            }
        };
        let cells = from.cells().map(cell).collect::<Result<Vec<_>, _>>()?;
        text.shrink_to_fit();
        Ok(Self { cells, asns, places, text })
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
        Anonymity(self.cell(cell).map_or(0, |cell| (cell.asn >> ROW_BITS) as u8))
    }

    /// `"as":{…}` and `"geo":{…}`, as ECS has them; each is empty where nothing is known.
    #[inline]
    pub(super) fn written(&self, cell: u32) -> (&str, &str) {
        let text = |start: u32, length: u16| {
            let start = start as usize;
            self.text.get(start..start + usize::from(length)).unwrap_or_default()
        };
        let asn = self.asn_row(cell).map_or("", |row| text(row.text, row.written));
        (asn, self.place_row(cell).map_or("", |row| text(row.text, row.written)))
    }

    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.cells) + size_of_val(&*self.asns) + size_of_val(&*self.places) + self.text.capacity()
    }

    #[inline]
    fn cell(&self, cell: u32) -> Option<Cell> {
        self.cells.get(cell as usize).copied()
    }

    #[inline]
    fn asn_row(&self, cell: u32) -> Option<&AsnRow> {
        let row = self.asns.get((self.cell(cell)?.asn & ((1 << ROW_BITS) - 1)) as usize)?;
        (row.number != 0).then_some(row)
    }

    #[inline]
    fn place_row(&self, cell: u32) -> Option<&PlaceRow> {
        let row = self.places.get(self.cell(cell)?.place as usize)?;
        (row.written != 0).then_some(row)
    }

    #[inline]
    fn part(&self, row: u32, part: Part) -> Option<&str> {
        let start = row as usize + usize::from(part.start);
        (part.length != 0).then(|| self.text.get(start..start + usize::from(part.length)))?
    }
}

impl AsnRow {
    fn write(asn: &Asn<'_>, text: &mut String) -> Result<Self, TooMuch> {
        let mut row = Writer::begin(text)?;
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
        let written = row.length()?;
        Ok(Self {
            number: asn.number,
            written,
            organization: row.part(organization, asn.organization)?,
            isp: row.part(None, asn.isp)?,
            domain: row.part(None, asn.domain)?,
            text: row.start,
        })
    }
}

impl PlaceRow {
    fn write(place: &Place<'_>, text: &mut String) -> Result<Self, TooMuch> {
        let mut row = Writer::begin(text)?;
        let names = [
            (",\"city_name\":", place.city_name),
            (",\"continent_code\":", place.continent_code),
            (",\"continent_name\":", place.continent_name),
            (",\"country_iso_code\":", place.country_iso_code),
            (",\"country_name\":", place.country_name),
            (",\"postal_code\":", place.postal_code),
            (",\"region_iso_code\":", place.region_iso_code),
            (",\"region_name\":", place.region_name),
            (",\"timezone\":", place.time_zone),
        ];
        let at = place.latitude.zip(place.longitude);
        let mut inside = [None; 9];
        if at.is_some() || names.iter().any(|(_, name)| name.is_some()) {
            row.push("\"geo\":");
            let open = row.text.len();
            for ((key, name), inside) in names.into_iter().zip(&mut inside) {
                if let Some(name) = name {
                    row.push(key);
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
        let written = row.length()?;
        let mut parts = [Part::default(); 9];
        for (part, (inside, (_, name))) in parts.iter_mut().zip(inside.into_iter().zip(names)) {
            *part = row.part(inside, name)?;
        }
        Ok(Self { at, text: row.start, written, parts })
    }
}

/// Appends a row to the text.
struct Writer<'t> {
    text: &'t mut String,
    start: u32,
}

impl<'t> Writer<'t> {
    fn begin(text: &'t mut String) -> Result<Self, TooMuch> {
        let start = u32::try_from(text.len()).map_err(|_| TooMuch)?;
        Ok(Self { text, start })
    }

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
        assert_eq!(answers.written(0), ("", ""));
        for (cell, asn, place) in pairs {
            assert_eq!(answers.asn(cell), Some(asn).filter(|asn| asn.number != 0));
            assert_eq!(answers.place(cell), Some(place).filter(|place| *place != Place::default()));
            assert_eq!(answers.anonymity(cell), Anonymity::VPN);
            let (written_as, written_geo) = answers.written(cell);
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
