//! Databases: what is broken is an error, and what is read says what the reading library says.

use std::net::IpAddr;
use std::panic;
use std::sync::{Arc, Once};

use stormtag::{Geo, IntelBuilder, Live};

use crate::doors::Doors;
use crate::is_an_error;
use crate::memory::bounded;

/// A database.
pub fn mmdb(data: &[u8]) {
    forgive_the_reader();
    let read = || Geo::from_databases([("fuzz", data.to_vec())]);
    // Each network is told apart, and a node of a few bytes can be reached by many ways: at most 64 steps a byte.
    let geo = match bounded(data.len(), 4096, read) {
        Ok(geo) => geo,
        Err(error) => return is_an_error(&error, "fuzz"),
    };
    let reader = maxminddb::Reader::from_source(data).expect("read once");
    // Addresses of the samples, and of the bytes.
    let mut addresses: Vec<IpAddr> = ["1.2.3.10", "26.10.20.5", "45.63.60.39", "2001:218::1", "2a02::1"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    addresses.extend(data.chunks_exact(4).take(32).map(|four| IpAddr::from([four[0], four[1], four[2], four[3]])));
    addresses.extend(data.chunks_exact(16).take(8).map(|bytes| IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap())));
    for &address in &addresses {
        let (asn, place) = (geo.asn(address), geo.place(address));
        assert!(asn.is_none_or(|asn| asn.number > 0 || asn.organization.is_some()));
        let _ = geo.anonymity(address);
        if let Some(number) = asn.map(|asn| asn.number)
            && let Some(there) = number_in(&reader, address)
        {
            assert_eq!(there, u64::from(number), "{address}");
        }
        for coordinate in place.iter().flat_map(|place| [place.latitude, place.longitude]).flatten() {
            assert!(coordinate.is_finite());
        }
    }
    let live = Live::new(IntelBuilder::new().geo(Arc::new(geo)).build().0);
    for &schema in crate::doors::SCHEMAS {
        let mut doors = Doors::new(&live, schema, Some("zeek"));
        for address in addresses.iter().take(12) {
            let line = format!(r#"{{"id.orig_h":"{address}","id.resp_h":"{address}"}}"#);
            doors.check(line.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        }
    }
}

/// The number of the autonomous system, in a database of MaxMind's.
fn number_in(reader: &maxminddb::Reader<&[u8]>, address: IpAddr) -> Option<u64> {
    let found = reader.lookup(address).ok()?;
    let record: serde_json::Value = found.decode().ok()??;
    record.get("autonomous_system_number")?.as_u64()
}

/// A panic of the reading library is caught by ours and becomes an error, as it should; libFuzzer would end at it.
fn forgive_the_reader() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let strict = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let of_reader = info.location().is_some_and(|place| place.file().contains("maxminddb"));
            if !of_reader {
                strict(info);
            }
        }));
    });
}
