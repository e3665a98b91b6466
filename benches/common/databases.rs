//! Synthetic `.mmdb` databases of real size, in MaxMind's schema.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::mmdb::{self, assemble, encode};
use super::random::Random;
use super::values;

/// GeoLite2-ASN: 400,000 networks, 40,000 systems.
pub(crate) fn asn() -> Vec<u8> {
    let mut random = Random::new(11);
    let record = |random: &mut Random, number: usize| {
        json!({
            "autonomous_system_number": 70_000 + number,
            "autonomous_system_organization": values::prose(random, 12).trim(),
        })
    };
    database(&mut random, 40_000, 13, record)
}

/// GeoLite2-City: 500,000 networks, 50,000 places.
pub(crate) fn city() -> Vec<u8> {
    let mut random = Random::new(12);
    let names = |random: &mut Random| {
        let name = values::prose(random, 8);
        json!({"de": name.trim(), "en": name.trim(), "fr": name.trim(), "ja": name.trim()})
    };
    let record = |random: &mut Random, number: usize| {
        let country = ["DE", "FR", "US", "SE", "BR", "JP", "NL", "ZA"][number % 8];
        json!({
            "city": {"geoname_id": 100_000 + number, "names": names(random)},
            "continent": {"code": "EU", "geoname_id": 6_255_148, "names": {"de": "Europa", "en": "Europe", "fr": "Europe"}},
            "country": {"geoname_id": 2_921_044 + number % 8, "iso_code": country, "names": {"de": country, "en": country}},
            "location": {
                "accuracy_radius": 50, "latitude": random.fraction() * 120.0 - 60.0, "longitude": random.fraction() * 360.0 - 180.0,
                "time_zone": "Europe/Berlin",
            },
            "postal": {"code": format!("{:05}", number)},
            "registered_country": {"geoname_id": 2_921_044, "iso_code": country, "names": {"de": country, "en": country}},
            "subdivisions": [{"geoname_id": 2_000_000 + number % 400, "iso_code": format!("{}", number % 400), "names": names(random)}],
        })
    };
    database(&mut random, 50_000, 14, record)
}

/// ASN and place for each /8 of IPv4, in one: for what counts instructions, a hundred times slower than it runs.
pub(crate) fn small() -> Vec<u8> {
    let mut random = Random::new(15);
    let networks: Vec<(String, Value)> = (1..224)
        .map(|octet| {
            let record = json!({
                "autonomous_system_number": 70_000 + octet,
                "autonomous_system_organization": values::prose(&mut random, 12).trim(),
                "city": {"names": {"en": values::prose(&mut random, 8).trim()}},
                "country": {"iso_code": "DE", "names": {"en": "Germany"}},
                "location": {"latitude": random.fraction() * 120.0 - 60.0, "longitude": 13.4, "time_zone": "Europe/Berlin"},
            });
            (format!("{octet}.0.0.0/8"), record)
        })
        .collect();
    let networks: Vec<(&str, Value)> = networks.iter().map(|(net, record)| (net.as_str(), record.clone())).collect();
    mmdb::database(&networks)
}

/// Networks over the whole of IPv4 and 50,000 of IPv6, each with one of `count` records.
fn database(random: &mut Random, count: usize, shortest: u64, record: impl Fn(&mut Random, usize) -> Value) -> Vec<u8> {
    let mut data = Vec::new();
    let offsets: Vec<u32> = (0..count)
        .map(|number| {
            let offset = data.len() as u32;
            encode(&record(random, number), &mut data);
            offset
        })
        .collect();
    let mut tree = Tree { nodes: vec![[NOTHING; 2]] };
    let mut at = 1u64 << 24;
    while at < 224 << 24 {
        let size = (1u64 << (32 - shortest - random.below(25 - shortest))).min(1 << at.trailing_zeros());
        // One of eight networks is not known.
        if random.below(8) > 0 {
            let length = 96 + 32 - size.trailing_zeros();
            tree.insert(u128::from(at), length, offsets[random.below(count as u64) as usize]);
        }
        at += size;
    }
    for _ in 0..50_000 {
        let length = 32 + 4 * random.below(5) as u32;
        let network = values::address_v6(random).to_bits() & u128::MAX << (128 - length);
        tree.insert(network, length, offsets[random.below(count as u64) as usize]);
    }
    let nodes = tree.nodes.len() as u32;
    let record = |side: u32| match side {
        NOTHING => nodes,
        data if data & DATA != 0 => nodes + 16 + (data & !DATA),
        node => node,
    };
    let sides: Vec<[u32; 2]> = tree.nodes.iter().map(|sides| sides.map(record)).collect();
    assemble(&sides, &data, 6)
}

const NOTHING: u32 = u32::MAX;
const DATA: u32 = 1 << 31;

/// Sides: nothing, a node, or an offset with the highest bit.
struct Tree {
    nodes: Vec<[u32; 2]>,
}

impl Tree {
    fn insert(&mut self, bits: u128, length: u32, offset: u32) {
        let mut node = 0;
        for depth in 0..length {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                self.nodes[node][side] = offset | DATA;
                return;
            }
            let next = self.nodes[node][side];
            node = if next & DATA == 0 {
                next as usize
            } else {
                // Nothing or a wider network: cut.
                self.nodes.push([next; 2]);
                let new = self.nodes.len() - 1;
                self.nodes[node][side] = new as u32;
                new
            };
        }
    }
}

/// Addresses all over IPv4: the worst for a cache.
pub(crate) fn addresses(count: usize, seed: u64) -> Vec<IpAddr> {
    let mut random = Random::new(seed);
    (0..count).map(|_| IpAddr::from(Ipv4Addr::from_bits(values::address_v4(&mut random).to_bits()))).collect()
}
