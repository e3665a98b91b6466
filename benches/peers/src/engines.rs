//! The engines, each as its documentation says to use it.

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;
use ipnet::{IpNet, Ipv4Net};
use matchy::{DataValue, Database, DatabaseBuilder, MatchMode, QueryResult};
use prefix_trie::PrefixMap;
use serde::Deserialize;
use stormtag::{Extractor, Geo, IntelBuilder, Kind, Observable};

use crate::Engine;
use crate::common::{Texts, build, feed};

pub(crate) fn address_stormtag(all: &Texts) -> Engine<'static, IpAddr> {
    Engine::new(
        "stormtag",
        "every covering network, its records",
        || build([feed(Kind::Ip, all)]).0,
        |intel, &address| !intel.look_up(&Observable::from(address)).is_empty(),
    )
}

pub(crate) fn address_hash_map(all: &Texts) -> Engine<'static, IpAddr> {
    Engine::new(
        "std HashMap<IpAddr, u32>",
        "no networks",
        || {
            all.iter()
                .zip(0..)
                .filter_map(|(text, id)| Some((text.parse().ok()?, id)))
                .collect::<HashMap<IpAddr, u32>>()
        },
        |map, address| map.contains_key(address),
    )
}

pub(crate) fn address_ip_network_table(all: &Texts) -> Engine<'static, IpAddr> {
    let build = || {
        let mut table = IpNetworkTable::new();
        for (text, id) in all.iter().zip(0u32..) {
            let network: IpNetwork = text.parse().unwrap_or_else(|_| text.parse::<IpAddr>().unwrap().into());
            table.insert(network, id);
        }
        table
    };
    Engine::new("ip_network_table", "the longest prefix", build, |table, &address| {
        table.longest_match(address).is_some()
    })
}

pub(crate) fn address_prefix_trie(all: &Texts) -> Engine<'static, IpAddr> {
    let build = || {
        let mut map: PrefixMap<Ipv4Net, u32> = PrefixMap::new();
        for (text, id) in all.iter().zip(0u32..) {
            let network: IpNet = text.parse().unwrap_or_else(|_| text.parse::<IpAddr>().unwrap().into());
            if let IpNet::V4(network) = network {
                map.insert(network, id);
            }
        }
        map
    };
    Engine::new("prefix-trie", "the longest prefix, IPv4", build, |map, address| match address {
        IpAddr::V4(address) => map.get_lpm(&Ipv4Net::from(*address)).is_some(),
        IpAddr::V6(_) => false,
    })
}

/// With as much said of each entry as stormtag's records say.
fn said(id: usize) -> HashMap<String, DataValue> {
    let text = |text: String| DataValue::String(text);
    HashMap::from([
        ("campaign".to_owned(), text(format!("campaign-{}", id % 300))),
        ("malware".to_owned(), text(format!("family-{}", id % 150))),
        ("severity".to_owned(), text("high".to_owned())),
    ])
}

fn matchy(entries: impl Iterator<Item = String>, cache: usize) -> Database {
    let mut builder = DatabaseBuilder::new(MatchMode::CaseInsensitive);
    entries.enumerate().for_each(|(id, entry)| builder.add_entry(&entry, said(id)).unwrap());
    let bytes = builder.build().unwrap();
    Database::from_bytes_builder(bytes).cache_capacity(cache).open().unwrap()
}

fn found(result: Option<QueryResult>) -> bool {
    match result {
        None | Some(QueryResult::NotFound) => false,
        Some(QueryResult::Pattern { pattern_ids, .. }) => !pattern_ids.is_empty(),
        Some(QueryResult::Ip { .. }) => true,
    }
}

pub(crate) fn address_matchy(all: &Texts, cache: usize) -> Engine<'static, IpAddr> {
    let name = if cache == 0 { "matchy 2, no cache" } else { "matchy 2, its default cache" };
    Engine::new(
        name,
        "the longest prefix, decoded",
        || matchy(all.iter().map(str::to_owned), cache),
        |database, &address| found(database.lookup_ip(address).unwrap()),
    )
}

pub(crate) fn name_stormtag(names: &Texts) -> Engine<'static, String> {
    Engine::new(
        "stormtag",
        "normalised, subdomains",
        || build([feed(Kind::Domain, names)]).0,
        |intel, name: &String| Observable::parse(Kind::Domain, name).is_ok_and(|name| !intel.look_up(&name).is_empty()),
    )
}

pub(crate) fn name_hash_set(names: &Texts, subdomains: bool) -> Engine<'static, String> {
    let (title, remark) = match subdomains {
        true => ("std HashSet<String>, label by label", "subdomains"),
        false => ("std HashSet<String>, whole name", "exact names"),
    };
    Engine::new(
        title,
        remark,
        || names.iter().map(str::to_owned).collect::<HashSet<String>>(),
        move |set, name: &String| {
            let mut rest = name.as_str();
            loop {
                if set.contains(rest) {
                    return true;
                }
                match rest.split_once('.') {
                    Some((_, parent)) if subdomains => rest = parent,
                    _ => return false,
                }
            }
        },
    )
}

pub(crate) fn name_matchy(names: &Texts, subdomains: bool, cache: usize) -> Engine<'static, String> {
    let (title, remark) = match (subdomains, cache) {
        (false, 0) => ("matchy 2, no cache", "exact names, decoded"),
        (false, _) => ("matchy 2, its default cache", "exact names, decoded"),
        (true, _) => ("matchy 2, names and `*.` globs, no cache", "20,000 of the names only; subdomains, decoded"),
    };
    let build = || {
        let globs = names.iter().filter(|_| subdomains).map(|name| format!("*.{name}"));
        matchy(names.iter().map(str::to_owned).chain(globs), cache)
    };
    Engine::new(title, remark, build, |database, name: &String| found(database.lookup_string(name).unwrap()))
}

#[derive(Deserialize)]
struct AsnFields<'a> {
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    autonomous_system_organization: Option<&'a str>,
}

#[derive(Deserialize)]
struct PlaceFields<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    #[serde(borrow)]
    city: Option<City<'a>>,
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct City<'a> {
    #[serde(borrow)]
    names: Option<Names<'a>>,
}

#[derive(Deserialize)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

pub(crate) fn place_stormtag<'e>(asn: &[u8], city: &[u8]) -> Engine<'e, IpAddr> {
    let build = || {
        let geo = Geo::from_databases([("asn", asn.to_vec()), ("city", city.to_vec())]).unwrap();
        IntelBuilder::new().geo(Arc::new(geo)).build().0
    };
    Engine::new("stormtag", "both in one look-up", build, |intel, &address| {
        let finding = intel.look_up(&Observable::from(address));
        let asn = finding.asn().map(|asn| (asn.number, asn.organization));
        let place = finding.place();
        let place = place.map(|place| (place.country_iso_code, place.city_name, place.latitude, place.longitude));
        black_box((asn, place));
        asn.is_some() || place.is_some()
    })
}

pub(crate) fn place_maxminddb<'e>(asn: &[u8], city: &[u8]) -> Engine<'e, IpAddr> {
    let build = || [asn, city].map(|bytes| maxminddb::Reader::from_source(bytes.to_vec()).unwrap());
    Engine::new("maxminddb, six fields decoded", "borrowed", build, |[asn, city], &address| {
        let asn: Option<AsnFields<'_>> = asn.lookup(address).unwrap().decode().unwrap();
        let city: Option<PlaceFields<'_>> = city.lookup(address).unwrap().decode().unwrap();
        if let Some(asn) = &asn {
            black_box((asn.autonomous_system_number, asn.autonomous_system_organization));
        }
        if let Some(city) = &city {
            black_box(city.country.as_ref().map(|country| country.iso_code));
            black_box(city.city.as_ref().and_then(|city| city.names.as_ref()).map(|names| names.en));
            black_box(city.location.as_ref().map(|location| (location.latitude, location.longitude)));
        }
        asn.is_some() || city.is_some()
    })
}

pub(crate) fn place_matchy<'e>(asn: &[u8], city: &[u8]) -> Engine<'e, IpAddr> {
    let open = |bytes: &[u8]| Database::from_bytes_builder(bytes.to_vec()).no_cache().open().unwrap();
    Engine::new(
        "matchy 2, no cache",
        "whole records, owned",
        || [asn, city].map(open),
        |[asn, city], &address| {
            let (asn, city) = (black_box(asn.lookup_ip(address).unwrap()), black_box(city.lookup_ip(address).unwrap()));
            found(asn) || found(city)
        },
    )
}

pub(crate) fn text_stormtag() -> Engine<'static, Vec<u8>> {
    Engine::new("stormtag", "URLs too", Extractor::new, |extractor, text: &Vec<u8>| {
        let mut found = 0;
        extractor.extract(text, |hit| found += black_box(hit).span().len());
        found > 0
    })
}

pub(crate) fn text_matchy(pieces: bool) -> Engine<'static, Vec<u8>> {
    let build = || {
        let builder = matchy::extractor::Extractor::builder();
        builder.extract_bitcoin(false).extract_ethereum(false).extract_monero(false).build().unwrap()
    };
    Engine::new("matchy", "no URLs; overlapping finds", build, move |extractor, text: &Vec<u8>| {
        let found: usize = if pieces {
            extractor.extract_from_chunk(text).into_iter().map(|hit| black_box(hit).span.1).count()
        } else {
            extractor.extract_from_line(text).map(|hit| black_box(hit).span.1).count()
        };
        found > 0
    })
}
