//! One MaxMind database of several, with what is known of addresses in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ipnet::IpNet;
use maxminddb::{Reader, WithinOptions};
use mmdb_writer::{Error, MergeStrategy, Value, Writer};
use stormtag::{Enrichment, Kind, Record, Worker};

use super::known::{TOLD, confidence, told};
use super::subnets;
use crate::ask::Asker;
use crate::decompress::decompress;
use crate::output::replace;
use crate::trouble::Trouble;

/// What was written.
#[derive(Default)]
pub(super) struct Written {
    bytes: usize,
    /// Networks of the databases.
    networks: u64,
    /// Ranges of addresses of which something is known.
    threats: u64,
    /// Networks within those where IPv6 repeats IPv4, which the format cannot hold apart.
    left_out: u64,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, networks, threats, left_out } = self;
        write!(f, "{bytes} bytes, {networks} networks of the databases, {threats} ranges with a threat")?;
        if *left_out > 0 { write!(f, ", {left_out} left out in 2001::/32, 2002::/16 or ::ffff:0:0/96") } else { Ok(()) }
    }
}

pub(super) fn write(path: &Path, databases: &[PathBuf], worker: Worker, now: i64) -> Result<Written, Trouble> {
    let about = format!("Places, networks and threats; threats as of {}", crate::style::date(now));
    let mut writer = Writer::builder("stormtag")
        .description(&[("en", &about)])
        // The same content makes the same file.
        .build_epoch(UNIX_EPOCH + Duration::from_secs(now.max(0) as u64))
        .build();
    let mut written = Written::default();
    // The first has the first word: what comes later goes over what is there.
    for database in databases.iter().rev() {
        add_database(&mut writer, database, &mut written)?;
    }
    add_threats(&mut writer, worker, &mut written)?;
    let broken = |error: &dyn fmt::Display| Trouble::Because(format!("{}: cannot be made: {error}", path.display()));
    let bytes = writer.to_bytes().map_err(|error| broken(&error))?;
    written.bytes = bytes.len();
    // What a reader would not take replaces nothing.
    let reader = Reader::from_source(&bytes[..]).map_err(|error| broken(&error))?;
    reader.verify().map_err(|error| broken(&error))?;
    replace(path, |out| out.write_all(&bytes))?;
    Ok(written)
}

fn add_database(writer: &mut Writer, path: &Path, written: &mut Written) -> Result<(), Trouble> {
    let named = |error: &dyn fmt::Display| Trouble::Because(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| named(&error))?;
    let read = decompress(file).and_then(|(mut reader, _)| reader.read_to_end(&mut bytes));
    read.map_err(|error| named(&error))?;
    let reader = Reader::from_source(&bytes[..]).map_err(|error| named(&error))?;
    // Networks that repeat IPv4 in IPv6 are not told twice; the writer makes them anew.
    for found in reader.networks(WithinOptions::default()).map_err(|error| named(&error))? {
        let found = found.map_err(|error| named(&error))?;
        let Some(record) = found.decode::<Value>().map_err(|error| named(&error))? else { continue };
        let network = found.network().map_err(|error| named(&error))?;
        let network = IpNet::new(network.ip(), network.prefix()).map_err(|error| named(&error))?;
        written.networks += 1;
        merge(writer, network, record, written).map_err(|error| named(&error))?;
    }
    Ok(())
}

/// Its members go over those that are there.
fn merge(writer: &mut Writer, network: IpNet, record: Value, written: &mut Written) -> Result<(), Error> {
    match writer.insert_value_merged(network, record, MergeStrategy::TopLevelMerge) {
        Err(Error::AliasedNetwork(_)) => {
            written.left_out += 1;
            Ok(())
        }
        merged => merged,
    }
}

fn add_threats(writer: &mut Writer, worker: Worker, written: &mut Written) -> Result<(), Trouble> {
    let ranges = constant(worker.intel().address_ranges());
    let mut asker = Asker::new(worker);
    for (first, last) in ranges {
        let Some(threat) = threat(&asker.ask(Kind::Ip, &first.to_string())) else { continue };
        written.threats += 1;
        let record = Value::map([("threat", threat)]);
        for network in subnets(first, last) {
            merge(writer, network, record.clone(), written)?;
        }
    }
    Ok(())
}

/// Cuts ranges that may lie in each other where one of them begins or ends: what is said of one address of a piece is said of all.
fn constant(ranges: impl Iterator<Item = (IpAddr, IpAddr)>) -> Vec<(IpAddr, IpAddr)> {
    // Where pieces begin. Of each family by itself: neither ends where the other begins.
    let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
    for (first, last) in ranges {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => v4.extend([Some(first.to_bits()), last.to_bits().checked_add(1)]),
            (IpAddr::V6(first), IpAddr::V6(last)) => v6.extend([Some(first.to_bits()), last.to_bits().checked_add(1)]),
            _ => {}
        }
    }
    let (v4, v6): (Vec<u32>, Vec<u128>) = (v4.into_iter().flatten().collect(), v6.into_iter().flatten().collect());
    let ends = v4.iter().skip(1).map(|next| next - 1).chain([u32::MAX]);
    let pieces = v4.iter().zip(ends).map(|(&first, last)| (IpAddr::V4(first.into()), IpAddr::V4(last.into())));
    let ends = v6.iter().skip(1).map(|next| next - 1).chain([u128::MAX]);
    pieces
        .chain(v6.iter().zip(ends).map(|(&first, last)| (IpAddr::V6(first.into()), IpAddr::V6(last.into()))))
        .collect()
}

/// What is known of an address, if a record counts: silenced ones and those outside their validity do not.
fn threat(enrichment: &Enrichment<'_>) -> Option<Value> {
    let mut matches: Vec<_> = enrichment.sightings().iter().flat_map(|sighting| sighting.matches()).collect();
    let indicator = matches.first()?.indicator().into_owned();
    matches.sort_by_key(|found| std::cmp::Reverse(found.record().confidence));
    let records: Vec<&Record> = matches.iter().map(|found| found.record()).collect();
    let mut threat = BTreeMap::from([
        ("indicator".to_owned(), Value::from(indicator)),
        ("confidence".to_owned(), Value::U16(confidence(&records).into())),
    ]);
    let said = TOLD.into_iter().zip(told(&records)).filter(|(_, said)| !said.is_empty());
    threat.extend(said.map(|(name, said)| (name.to_owned(), Value::from(said))));
    // All candidates, as surely as it is so at this time.
    let candidates = enrichment.attributions().iter().map(|attribution| {
        let subject = attribution.subject();
        let mut candidate = BTreeMap::from([
            ("type".to_owned(), Value::from(if subject.is_campaign() { "campaign" } else { "actor" })),
            ("name".to_owned(), Value::from(subject.name())),
            ("confidence".to_owned(), Value::U16(attribution.confidence().into())),
        ]);
        candidate.extend(subject.id().map(|id| ("id".to_owned(), Value::from(id))));
        Value::Map(candidate)
    });
    let candidates: Vec<Value> = candidates.collect();
    if !candidates.is_empty() {
        threat.insert("attributions".to_owned(), Value::array(candidates));
    }
    Some(Value::Map(threat))
}
