//! One `.mmdb` database, read to the last record.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use maxminddb::{MaxMindDbError, WithinOptions};

use super::Place;
use super::cells::{Cells, CellsBuilder};
use super::fields::{Record, UNDERSTOOD};
use super::layer::{Layer, Runs, push_range};
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
}

/// Leaves that a tree may have for each of its nodes. A tree has one more leaf than nodes; one that shares parts can have more, one made to
/// keep us busy has 2^128.
const LEAVES_PER_NODE: u64 = 8;

/// Bytes of names that may be read for each byte of the file. Records share names, so there are more than the file has; a file in which every record points at the
/// same two megabytes is made to keep us busy.
const NAMES_PER_BYTE: usize = 64;

pub(super) fn load(name: &Path, bytes: Vec<u8>) -> Result<(GeoDatabase, Layer), Error> {
    // Thousands of broken files have not made the reader panic, but it indexes its buffer, and a bad database must not take the process
    // down: loading keeps the old snapshot. What was half read is dropped.
    catch_unwind(AssertUnwindSafe(|| read(name, bytes)))
        .unwrap_or_else(|_| Err(Error::format(name, "broken database: the reader gave up; download it again")))
}

fn read(name: &Path, bytes: Vec<u8>) -> Result<(GeoDatabase, Layer), Error> {
    let broken = |error: MaxMindDbError| Error::format(name, format!("broken database: {error}; download it again"));
    let size = bytes.len();
    let reader = maxminddb::Reader::from_source(bytes)
        .map_err(|error| Error::format(name, format!("not a MaxMind database (.mmdb): {error}")))?;
    // The rest of what it would find comes up below, or does no harm.
    if let Err(error @ MaxMindDbError::ResourceLimit { .. }) = reader.verify() {
        return Err(broken(error));
    }
    let metadata = reader.metadata();
    let mut found = Found::new(size);
    let (mut v4, mut v6): (Runs<u32>, Runs<u128>) = (vec![(0, 0)], vec![(0, 0)]);
    let mut leaves = u64::from(metadata.node_count).saturating_mul(LEAVES_PER_NODE);
    let mut networks = 0;
    // Networks without data count too: a tree of nothing else could be as large.
    for network in reader.networks(WithinOptions::default().include_networks_without_data()).map_err(broken)? {
        let network = network.map_err(broken)?;
        leaves =
            leaves.checked_sub(1).ok_or_else(|| Error::format(name, "broken database: the search tree has no end"))?;
        let Some(offset) = network.offset() else { continue };
        networks += 1;
        let cell = match found.cells_at.get(&offset) {
            Some(&cell) => cell,
            None => {
                let record = network.decode::<Record<'_>>().map_err(broken)?.unwrap_or_default();
                found.add(offset, record).ok_or_else(|| {
                    Error::format(
                        name,
                        format!("broken database: names of more than {NAMES_PER_BYTE} times the file's size"),
                    )
                })?
            }
        };
        let at = network.network().map_err(broken)?;
        match at.ip() {
            IpAddr::V4(ip) => {
                let (first, host) = (ip.to_bits(), u32::MAX.checked_shr(u32::from(at.prefix())).unwrap_or(0));
                push_range(&mut v4, first, first | host, (first | host).checked_add(1), cell);
            }
            IpAddr::V6(ip) => {
                let (first, host) = (ip.to_bits(), u128::MAX.checked_shr(u32::from(at.prefix())).unwrap_or(0));
                if let Ok(first) = u32::try_from(first) {
                    // A database without an IPv4 tree of its own: the network that holds ::/96 speaks for IPv4 too.
                    let last = u32::try_from(u128::from(first) | host).unwrap_or(u32::MAX);
                    push_range(&mut v4, first, last, last.checked_add(1), cell);
                }
                push_range(&mut v6, first, first | host, (first | host).checked_add(1), cell);
            }
        }
    }
    let report = GeoDatabase {
        name: name.display().to_string(),
        kind: metadata.database_type.clone(),
        build_epoch: metadata.build_epoch,
        networks,
        ip_version: metadata.ip_version,
    };
    Ok((report, Layer { cells: found.finish(name)?, v4, v6 }))
}

/// The records met so far.
struct Found {
    cells: CellsBuilder,
    /// Cells by the offset of their record: a record is decoded once, however many networks share it.
    cells_at: HashMap<usize, u32, foldhash::fast::RandomState>,
    understood: bool,
    /// Names of fields while none was understood.
    names: BTreeSet<String>,
    /// Bytes of names that may still be read.
    budget: usize,
}

/// So many field names are enough to see what a database is.
const NAMES_SHOWN: usize = 24;

impl Found {
    fn new(size: usize) -> Self {
        Self {
            cells: CellsBuilder::new(),
            cells_at: HashMap::default(),
            understood: false,
            names: BTreeSet::new(),
            budget: size.saturating_mul(NAMES_PER_BYTE),
        }
    }

    /// The cell of a new record; none if the budget is used up.
    fn add(&mut self, offset: usize, mut record: Record<'_>) -> Option<u32> {
        self.budget = self.budget.checked_sub(record.size())?;
        self.understood |= record.understood;
        if !self.understood && self.names.len() < NAMES_SHOWN {
            self.names.extend(record.names.iter().take(NAMES_SHOWN).map(|name| name.chars().take(40).collect()));
        }
        let region = record.settle();
        let place = Place { region_iso_code: region.as_deref(), ..record.place };
        let (asn, place) = (self.cells.asn(&record.asn), self.cells.place(&place));
        let cell = self.cells.cell(asn, place, record.anonymity);
        self.cells_at.insert(offset, cell);
        Some(cell)
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
