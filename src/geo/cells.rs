//! What addresses share, held once while databases are read and laid over each other: strings, autonomous systems, places, and
//! the cells that join them.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Anonymity, Asn, Place};

/// Interned answers; the id of a cell is what the address table holds. Id 0 of everything is "nothing".
#[derive(Default)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    asns: Vec<AsnRow>,
    places: Vec<PlaceRow>,
    strings: Vec<Option<Box<str>>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Cell {
    asn: u32,
    place: u32,
    anonymity: Anonymity,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct AsnRow {
    number: u32,
    organization: u32,
    isp: u32,
    domain: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct PlaceRow {
    continent_code: u32,
    continent_name: u32,
    country_iso_code: u32,
    country_name: u32,
    region_iso_code: u32,
    region_name: u32,
    city_name: u32,
    postal_code: u32,
    time_zone: u32,
    /// Latitude and longitude as bits, so that equal places are found; the bits of no valid coordinate say "none".
    at: [u64; 2],
}

/// Bits of a NaN: no database may say it, so it says that there is none. Zero would be a good latitude.
const NOWHERE: u64 = u64::MAX;

impl Cells {
    pub(super) fn asn(&self, cell: u32) -> Option<Asn<'_>> {
        self.asns.get(part(self.cell(cell).asn)?).map(|row| self.asn_of(row))
    }

    fn asn_of(&self, row: &AsnRow) -> Asn<'_> {
        Asn {
            number: row.number,
            organization: self.string(row.organization),
            isp: self.string(row.isp),
            domain: self.string(row.domain),
        }
    }

    pub(super) fn place(&self, cell: u32) -> Option<Place<'_>> {
        self.places.get(part(self.cell(cell).place)?).map(|row| self.place_of(row))
    }

    fn place_of(&self, row: &PlaceRow) -> Place<'_> {
        let coordinate = |bits: u64| Some(f64::from_bits(bits)).filter(|_| bits != NOWHERE);
        Place {
            continent_code: self.string(row.continent_code),
            continent_name: self.string(row.continent_name),
            country_iso_code: self.string(row.country_iso_code),
            country_name: self.string(row.country_name),
            region_iso_code: self.string(row.region_iso_code),
            region_name: self.string(row.region_name),
            city_name: self.string(row.city_name),
            postal_code: self.string(row.postal_code),
            latitude: coordinate(row.at[0]),
            longitude: coordinate(row.at[1]),
            time_zone: self.string(row.time_zone),
        }
    }

    pub(super) fn anonymity(&self, cell: u32) -> Anonymity {
        self.cell(cell).anonymity
    }

    /// Ids of the cell's autonomous system and place: equal ids, equal answers.
    pub(super) fn parts(&self, cell: u32) -> (u32, u32) {
        let cell = self.cell(cell);
        (cell.asn, cell.place)
    }

    /// Each cell's autonomous system, place and anonymity, by id.
    pub(super) fn cells(&self) -> impl Iterator<Item = (u32, u32, Anonymity)> + Clone + '_ {
        self.cells.iter().map(|cell| (cell.asn, cell.place, cell.anonymity))
    }

    /// Each autonomous system, by id.
    pub(super) fn asns(&self) -> impl Iterator<Item = Asn<'_>> {
        self.asns.iter().map(|row| self.asn_of(row))
    }

    /// Each place, by id.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.places.iter().map(|row| self.place_of(row))
    }

    fn cell(&self, cell: u32) -> Cell {
        self.cells.get(cell as usize).copied().unwrap_or_default()
    }

    fn string(&self, id: u32) -> Option<&str> {
        self.strings.get(id as usize)?.as_deref()
    }
}

/// The index of a part; none for id 0, which is nothing.
fn part(id: u32) -> Option<usize> {
    (id != 0).then_some(id as usize)
}

/// Interns while loading.
pub(super) struct CellsBuilder {
    done: Cells,
    cells: Index<Cell>,
    asns: Index<AsnRow>,
    places: Index<PlaceRow>,
    strings: Index<Box<str>>,
}

type Index<T> = HashMap<T, u32, foldhash::fast::RandomState>;

impl CellsBuilder {
    pub(super) fn new() -> Self {
        let mut new = Self {
            done: Cells { strings: vec![None], ..Cells::default() },
            cells: Index::default(),
            asns: Index::default(),
            places: Index::default(),
            strings: Index::default(),
        };
        // Nothing is id 0 in each.
        new.asn(&Asn::default());
        new.place(&Place::default());
        new.cell(0, 0, Anonymity::default());
        new
    }

    pub(super) fn cell(&mut self, asn: u32, place: u32, anonymity: Anonymity) -> u32 {
        intern(&mut self.cells, &mut self.done.cells, Cell { asn, place, anonymity })
    }

    pub(super) fn asn(&mut self, asn: &Asn<'_>) -> u32 {
        let row = AsnRow {
            number: asn.number,
            organization: self.string(asn.organization),
            isp: self.string(asn.isp),
            domain: self.string(asn.domain),
        };
        intern(&mut self.asns, &mut self.done.asns, row)
    }

    pub(super) fn place(&mut self, place: &Place<'_>) -> u32 {
        let row = PlaceRow {
            continent_code: self.string(place.continent_code),
            continent_name: self.string(place.continent_name),
            country_iso_code: self.string(place.country_iso_code),
            country_name: self.string(place.country_name),
            region_iso_code: self.string(place.region_iso_code),
            region_name: self.string(place.region_name),
            city_name: self.string(place.city_name),
            postal_code: self.string(place.postal_code),
            time_zone: self.string(place.time_zone),
            at: [place.latitude, place.longitude].map(|degrees| degrees.map_or(NOWHERE, f64::to_bits)),
        };
        intern(&mut self.places, &mut self.done.places, row)
    }

    pub(super) fn finish(self) -> Cells {
        self.done
    }

    fn string(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return 0 };
        if let Some(&id) = self.strings.get(text) {
            return id;
        }
        let id = self.done.strings.len() as u32;
        self.done.strings.push(Some(text.into()));
        self.strings.insert(text.into(), id);
        id
    }
}

fn intern<T: Copy + Eq + Hash>(index: &mut Index<T>, rows: &mut Vec<T>, row: T) -> u32 {
    *index.entry(row).or_insert_with(|| {
        rows.push(row);
        (rows.len() - 1) as u32
    })
}
