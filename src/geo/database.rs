//! One `.mmdb` database, read to the last record.

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use maxminddb::MaxMindDbError;

use super::Place;
use super::answers::LONGEST;
use super::cells::{Cells, CellsBuilder};
use super::fields::{Record, UNDERSTOOD};
use super::layer::{Layer, Runs, push_range};
use super::tree::Tree;
use crate::error::Error;

/// What a database says of itself, and how much of it there was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GeoDatabase {
    /// The path, or the name given to the bytes.
    pub name: String,
    /// The kind, as its maker calls it: "GeoLite2-City".
    pub kind: String,
    /// When it was built, in seconds since the epoch, UTC.
    pub build_epoch: u64,
    /// Networks with a record.
    pub networks: u64,
    /// 4 for one without IPv6, else 6.
    pub ip_version: u16,
    /// Names left out because they are longer than 1,000 bytes.
    pub names_left_out: u64,
}

/// Bytes of names that may be read for each byte of the file. Records share names, so there are more than the file has; a file in which every record points at the
/// same two megabytes is made to keep us busy.
const NAMES_PER_BYTE: usize = 64;

pub(super) fn load(name: &Path, bytes: Vec<u8>) -> Result<(GeoDatabase, Layer), Error> {
    // Thousands of broken files have not made the reader panic, but it indexes its buffer, and a bad database must not take the process
    // down: loading keeps the old snapshot. What was half read is dropped.
    catch_unwind(AssertUnwindSafe(|| read(name, &bytes)))
        .unwrap_or_else(|_| Err(Error::format(name, "broken database: the reader gave up; download it again")))
}

fn read(name: &Path, bytes: &[u8]) -> Result<(GeoDatabase, Layer), Error> {
    let broken = |what: &str| Error::format(name, format!("broken database: {what}; download it again"));
    let reader = maxminddb::Reader::from_source(bytes)
        .map_err(|error| Error::format(name, format!("not a MaxMind database (.mmdb): {error}")))?;
    let metadata = reader.metadata();
    let tree = Tree {
        bytes,
        count: metadata.node_count as usize,
        record_size: usize::from(metadata.record_size),
        depth: if metadata.ip_version == 4 { 32 } else { 128 },
    };
    let mut networks = 0;
    let mut offsets = Offsets::default();
    let (mut v4, mut v6): (Runs<u32>, Runs<u128>) = (vec![(0, 0)], vec![(0, 0)]);
    tree.walk(|first, length, offset| {
        networks += 1;
        let id = offsets.id(offset, first);
        let last = first | u128::MAX.checked_shr(length).unwrap_or(0);
        if tree.depth == 32 {
            let (first, last) = ((first >> 96) as u32, (last >> 96) as u32);
            push_range(&mut v4, first, last, last.checked_add(1), id);
            return;
        }
        if let Ok(first) = u32::try_from(first) {
            // A database without an IPv4 tree of its own: the network that holds ::/96 speaks for IPv4 too.
            let last = u32::try_from(last).unwrap_or(u32::MAX);
            push_range(&mut v4, first, last, last.checked_add(1), id);
        }
        if last >> 32 != 0 {
            push_range(&mut v6, first, last, last.checked_add(1), id);
        }
    })
    .map_err(broken)?;
    // Only what would make reading slow beyond measure: the rest of what it finds comes up below, or does no harm. It walks the tree with the
    // reader's iterator, which is safe now that ours came to an end.
    if let Err(error @ MaxMindDbError::ResourceLimit { .. }) = reader.verify() {
        return Err(broken(&error.to_string()));
    }
    let mut records = Records::new(bytes.len());
    for &first in &offsets.firsts {
        let ip = if tree.depth == 32 {
            Ipv4Addr::from_bits((first >> 96) as u32).into()
        } else {
            Ipv6Addr::from_bits(first).into()
        };
        let found = reader
            .lookup(ip)
            .and_then(|found| found.decode::<Record<'_>>())
            .map_err(|error| broken(&error.to_string()))?;
        records
            .add(found.unwrap_or_default())
            .ok_or_else(|| broken(&format!("its names are more than {NAMES_PER_BYTE} times the file's size")))?;
    }
    let cell = |id: &mut u32| *id = records.ids.get(*id as usize).copied().unwrap_or(0);
    v4.iter_mut().for_each(|run| cell(&mut run.1));
    v6.iter_mut().for_each(|run| cell(&mut run.1));
    let report = GeoDatabase {
        name: name.display().to_string(),
        kind: metadata.database_type.clone(),
        build_epoch: metadata.build_epoch,
        networks,
        ip_version: metadata.ip_version,
        names_left_out: records.left_out,
    };
    Ok((report, Layer { cells: records.finish(name)?, v4, v6 }))
}

/// The data offsets that a tree points to: a record is decoded once, however many networks share it.
#[derive(Default)]
struct Offsets {
    ids: HashMap<usize, u32, foldhash::fast::RandomState>,
    /// An address whose record is at the offset, for each id from 1 up.
    firsts: Vec<u128>,
}

impl Offsets {
    fn id(&mut self, offset: usize, first: u128) -> u32 {
        *self.ids.entry(offset).or_insert_with(|| {
            self.firsts.push(first);
            self.firsts.len() as u32
        })
    }
}

/// The records read so far.
struct Records {
    cells: CellsBuilder,
    /// The cell of each record, by its id; id 0 is no record.
    ids: Vec<u32>,
    understood: bool,
    /// Names of fields while none was understood.
    names: BTreeSet<String>,
    /// Bytes of names that may still be read.
    budget: usize,
    left_out: u64,
}

/// So many field names are enough to see what a database is.
const NAMES_SHOWN: usize = 24;

impl Records {
    fn new(size: usize) -> Self {
        Self {
            cells: CellsBuilder::new(),
            ids: vec![0],
            understood: false,
            names: BTreeSet::new(),
            budget: size.saturating_mul(NAMES_PER_BYTE),
            left_out: 0,
        }
    }

    /// The next record; none if the budget is used up.
    fn add(&mut self, mut record: Record<'_>) -> Option<()> {
        self.budget = self.budget.checked_sub(record.size())?;
        self.understood |= record.understood;
        if !self.understood && self.names.len() < NAMES_SHOWN {
            self.names.extend(record.names.iter().take(NAMES_SHOWN).map(|name| name.chars().take(40).collect()));
        }
        self.left_out += record.leave_out(LONGEST);
        let mut region = record.settle();
        self.left_out += u64::from(region.take_if(|region| region.len() > LONGEST).is_some());
        let place = Place { region_iso_code: region.as_deref(), ..record.place };
        let (asn, place) = (self.cells.asn(&record.asn), self.cells.place(&place));
        let cell = self.cells.cell(asn, place, record.anonymity);
        self.ids.push(cell);
        Some(())
    }

    fn finish(self, name: &Path) -> Result<Cells, Error> {
        if self.understood {
            return Ok(self.cells.finish());
        }
        let names: Vec<String> = self.names.into_iter().collect();
        let found = if names.is_empty() { "no fields".to_owned() } else { names.join(", ") };
        Err(Error::format(
            name,
            format!("no field of this database is understood: found {found}; understood are {UNDERSTOOD}"),
        ))
    }
}
