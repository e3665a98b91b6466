//! Databases as layers over the address space, and how layers become one.

use std::collections::HashMap;

use ipnet::IpNet;

use super::cells::{Cells, CellsBuilder};
use super::{Asn, Place};
use crate::ranges::Ranges;
use crate::special;

/// Where a value begins, in order; it holds until the next one begins. The first begins at 0.
pub(super) type Runs<T> = Vec<(T, u32)>;

/// Cells, and which addresses have them.
pub(super) struct Layer {
    pub(super) cells: Cells,
    pub(super) v4: Runs<u32>,
    pub(super) v6: Runs<u128>,
}

impl Default for Layer {
    fn default() -> Self {
        Self { cells: CellsBuilder::new().finish(), v4: vec![(0, 0)], v6: vec![(0, 0)] }
    }
}

impl Layer {
    /// This layer, with what it leaves open taken from the one below.
    pub(super) fn over(&self, below: &Self) -> Self {
        let mut cells = CellsBuilder::new();
        // Few pairs are new among millions of ranges, and fewer pairs of parts among those.
        let mut pairs: Memo = Memo::default();
        let mut asns: Memo = Memo::default();
        let mut places: Memo = Memo::default();
        let mut merge = |above: u32, under: u32| {
            *pairs.entry((above, under)).or_insert_with(|| {
                let ((asn_above, place_above), (asn_below, place_below)) =
                    (self.cells.parts(above), below.cells.parts(under));
                let asn = *asns.entry((asn_above, asn_below)).or_insert_with(|| {
                    cells.asn(&merge_asn(
                        self.cells.asn(above).unwrap_or_default(),
                        below.cells.asn(under).unwrap_or_default(),
                    ))
                });
                let place = *places.entry((place_above, place_below)).or_insert_with(|| {
                    cells.place(&merge_place(
                        self.cells.place(above).unwrap_or_default(),
                        below.cells.place(under).unwrap_or_default(),
                    ))
                });
                cells.cell(asn, place, self.cells.anonymity(above).and(below.cells.anonymity(under)))
            })
        };
        let v4 = sweep(&self.v4, &below.v4, &mut merge);
        let v6 = sweep(&self.v6, &below.v6, &mut merge);
        Self { cells: cells.finish(), v4, v6 }
    }

    /// Takes special-use addresses out: databases place 192.168.0.0/16 in Australia.
    pub(super) fn without_special_use(self) -> Self {
        let (mut v4, mut v6): (Runs<u32>, Runs<u128>) = (vec![(0, 0)], vec![(0, 0)]);
        let mut networks: Vec<IpNet> = special::networks().collect();
        networks.sort();
        for network in IpNet::aggregate(&networks) {
            match network {
                IpNet::V4(network) => {
                    let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
                    push_range(&mut v4, first, last, last.checked_add(1), 1);
                }
                IpNet::V6(network) => {
                    let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
                    push_range(&mut v6, first, last, last.checked_add(1), 1);
                }
            }
        }
        let mut mask = |cell: u32, special: u32| if special == 0 { cell } else { 0 };
        let (v4, v6) = (sweep(&self.v4, &v4, &mut mask), sweep(&self.v6, &v6, &mut mask));
        Self { cells: self.cells, v4, v6 }
    }

    /// Leaves out what no address has any more, and numbers cells by address, so that neighbours share cache lines.
    pub(super) fn compact(mut self) -> Self {
        let mut cells = CellsBuilder::new();
        // Many cells share an autonomous system or a place: those are interned once.
        let (mut ids, mut asns, mut places) = (Renumbered::default(), Renumbered::default(), Renumbered::default());
        let values = self.v4.iter_mut().map(|run| &mut run.1).chain(self.v6.iter_mut().map(|run| &mut run.1));
        for value in values {
            let cell = *value;
            *value = ids.id(cell, || {
                let (asn, place) = self.cells.parts(cell);
                let asn = asns.id(asn, || cells.asn(&self.cells.asn(cell).unwrap_or_default()));
                let place = places.id(place, || cells.place(&self.cells.place(cell).unwrap_or_default()));
                cells.cell(asn, place, self.cells.anonymity(cell))
            });
        }
        self.cells = cells.finish();
        self
    }

    pub(super) fn ranges(&self) -> Ranges {
        Ranges::new(
            self.v4.iter().enumerate().map(|(at, run)| (run.0, end(&self.v4, at, u32::MAX, |next| next - 1), run.1)),
            self.v6.iter().enumerate().map(|(at, run)| (run.0, end(&self.v6, at, u128::MAX, |next| next - 1), run.1)),
        )
    }
}

type Memo = HashMap<(u32, u32), u32, foldhash::fast::RandomState>;

/// New ids by old ids, which are dense.
#[derive(Default)]
struct Renumbered(Vec<Option<u32>>);

impl Renumbered {
    fn id(&mut self, old: u32, new: impl FnOnce() -> u32) -> u32 {
        let old = old as usize;
        if self.0.len() <= old {
            self.0.resize(old + 1, None);
        }
        match self.0.get_mut(old) {
            Some(id) => *id.get_or_insert_with(new),
            None => 0,
        }
    }
}

/// The last address of a run. The one behind begins after it, so there is something to take one from.
fn end<T: Copy>(runs: &[(T, u32)], at: usize, max: T, before: impl Fn(T) -> T) -> T {
    runs.get(at + 1).map_or(max, |next| before(next.0))
}

/// Appends a range; `next` is the address behind its last, none at the end of the space. Ranges come in order; what overlaps the one
/// ahead is cut off.
pub(super) fn push_range<T: Ord + Copy>(runs: &mut Runs<T>, first: T, last: T, next: Option<T>, value: u32) {
    // The last run is the gap behind the range ahead: it says where the free space begins.
    let first = runs.last().map_or(first, |gap| gap.0.max(first));
    if first > last {
        return;
    }
    push(runs, first, value);
    if let Some(next) = next {
        push(runs, next, 0);
    }
}

fn push<T: Ord + Copy>(runs: &mut Runs<T>, start: T, value: u32) {
    if runs.last().is_some_and(|last| last.0 == start) {
        runs.pop();
    }
    if runs.last().is_none_or(|last| last.1 != value) {
        runs.push((start, value));
    }
}

/// Joins two layers of runs: at each address the value that `join` makes of the two.
fn sweep<T: Ord + Copy>(a: &[(T, u32)], b: &[(T, u32)], join: &mut impl FnMut(u32, u32) -> u32) -> Runs<T> {
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let (mut value_a, mut value_b) = (0, 0);
    while let Some(start) = a.peek().into_iter().chain(b.peek()).map(|run| run.0).min() {
        if let Some(run) = a.next_if(|run| run.0 == start) {
            value_a = run.1;
        }
        if let Some(run) = b.next_if(|run| run.0 == start) {
            value_b = run.1;
        }
        push(&mut out, start, join(value_a, value_b));
    }
    out
}

fn merge_asn<'a>(above: Asn<'a>, below: Asn<'a>) -> Asn<'a> {
    if above.number != 0 && below.number != 0 && above.number != below.number {
        return above;
    }
    Asn {
        number: if above.number == 0 { below.number } else { above.number },
        organization: above.organization.or(below.organization),
        isp: above.isp.or(below.isp),
        domain: above.domain.or(below.domain),
    }
}

/// Fills what is missing above, unless the two speak of different places: half of each would be a place that nobody named.
fn merge_place<'a>(above: Place<'a>, below: Place<'a>) -> Place<'a> {
    let differ = |one: Option<&str>, other: Option<&str>| one.is_some() && other.is_some() && one != other;
    if differ(above.continent_code, below.continent_code)
        || differ(above.country_iso_code, below.country_iso_code)
        || differ(above.region_iso_code, below.region_iso_code)
        || differ(above.city_name, below.city_name)
    {
        return above;
    }
    let located = if above.latitude.is_some() { above } else { below };
    Place {
        continent_code: above.continent_code.or(below.continent_code),
        continent_name: above.continent_name.or(below.continent_name),
        country_iso_code: above.country_iso_code.or(below.country_iso_code),
        country_name: above.country_name.or(below.country_name),
        region_iso_code: above.region_iso_code.or(below.region_iso_code),
        region_name: above.region_name.or(below.region_name),
        city_name: above.city_name.or(below.city_name),
        postal_code: above.postal_code.or(below.postal_code),
        latitude: located.latitude,
        longitude: located.longitude,
        time_zone: above.time_zone.or(below.time_zone),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn a_sweep_joins_at_every_border() {
        let (a, b) = (vec![(0u32, 0), (10, 1), (20, 0)], vec![(0u32, 0), (5, 2), (15, 3), (20, 0)]);
        let joined = sweep(&a, &b, &mut |a, b| a * 10 + b);
        assert_eq!(joined, [(0, 0), (5, 2), (10, 12), (15, 13), (20, 0)]);
    }

    #[test]
    fn ranges_that_overlap_are_cut() {
        let mut runs: Runs<u32> = vec![(0, 0)];
        push_range(&mut runs, 0, 9, Some(10), 1);
        push_range(&mut runs, 5, 12, Some(13), 2);
        push_range(&mut runs, u32::MAX, u32::MAX, None, 3);
        assert_eq!(runs, [(0, 1), (10, 2), (13, 0), (u32::MAX, 3)]);
    }

    #[test]
    fn the_later_layer_fills_but_does_not_contradict() {
        let sweden = Place { country_iso_code: Some("SE"), ..Place::default() };
        let lund = Place { city_name: Some("Lund"), latitude: Some(55.7), longitude: Some(13.2), ..sweden };
        let oslo = Place { country_iso_code: Some("NO"), city_name: Some("Oslo"), ..Place::default() };
        assert_eq!(merge_place(sweden, lund), lund);
        assert_eq!(merge_place(sweden, oslo), sweden);
        assert_eq!(merge_place(Place::default(), oslo), oslo);
        let (one, two) = (Asn { number: 1, ..Asn::default() }, Asn { number: 2, isp: Some("x"), ..Asn::default() });
        assert_eq!(merge_asn(one, two), one);
        assert_eq!(merge_asn(one, Asn { number: 0, ..two }), Asn { isp: Some("x"), ..one });
    }
}
