//! Geo: answers known beforehand, databases that contradict each other, databases that are broken.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde_json::{Value, json};
use stormtag::{Anonymity, Geo};

use crate::mmdb::{assemble, database, encode};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

/// A folder of the data, none (loudly) where there is no data.
fn data(path: &str) -> Option<PathBuf> {
    let path = Path::new(DATA).join(path);
    if cfg!(not(feature = "compression")) {
        eprintln!("SKIPPED: {} cannot be unpacked without the feature compression", path.display());
        return None;
    }
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

#[cfg(not(feature = "compression"))]
fn unpack(_: &Path) -> Vec<u8> {
    Vec::new()
}

#[cfg(feature = "compression")]
fn unpack(path: &Path) -> Vec<u8> {
    use std::io::Read;

    let bytes = fs::read(path).unwrap();
    let mut out = Vec::new();
    match path.extension().unwrap().to_str().unwrap() {
        "gz" => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut out).unwrap(),
        "xz" => lzma_rust2::XzReader::new(&bytes[..], true).read_to_end(&mut out).unwrap(),
        _ => return bytes,
    };
    out
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn one(networks: &[(&str, Value)]) -> Geo {
    Geo::from_databases([("test", database(networks))]).unwrap()
}

fn is_special_use(ip: IpAddr) -> bool {
    let list = include_str!("../../data/special-use.txt");
    let mut networks = list.lines().filter_map(|line| line.split_whitespace().next()?.parse::<IpNet>().ok());
    networks.any(|network| network.contains(&ip))
}

/// What we answer, in the form of [`wanted`].
fn answer(geo: &Geo, ip: IpAddr) -> Value {
    let asn = geo.asn(ip).unwrap_or_default();
    let place = geo.place(ip).unwrap_or_default();
    json!({
        "number": asn.number, "organization": asn.organization, "isp": asn.isp, "domain": asn.domain,
        "continent": place.continent_code, "continent_name": place.continent_name,
        "country": place.country_iso_code, "country_name": place.country_name,
        "region": place.region_iso_code, "region_name": place.region_name, "city": place.city_name,
        "postal": place.postal_code, "latitude": place.latitude, "longitude": place.longitude,
        "time_zone": place.time_zone, "anonymity": geo.anonymity(ip).names().collect::<Vec<_>>(),
    })
}

/// What a record in MaxMind's schema should become.
fn wanted(record: &Value) -> Value {
    let text = |pointer: &str| record.pointer(pointer).cloned().unwrap_or_default();
    let number = record["autonomous_system_number"].as_u64().unwrap_or(0);
    let organization = match &record["autonomous_system_organization"] {
        Value::Null => text("/organization"),
        organization => organization.clone(),
    };
    let (country, region) = (text("/country/iso_code"), text("/subdivisions/0/iso_code"));
    let region = match (country.as_str(), region.as_str()) {
        (Some(country), Some(region)) => json!(format!("{country}-{region}")),
        _ => Value::Null,
    };
    let flags = [
        ("is_anonymous", "anonymous"),
        ("is_anonymous_vpn", "vpn"),
        ("is_hosting_provider", "hosting"),
        ("is_public_proxy", "public-proxy"),
        ("is_residential_proxy", "residential-proxy"),
        ("is_tor_exit_node", "tor-exit"),
    ];
    let flags: Vec<_> = flags.iter().filter(|(field, _)| record[field] == json!(true)).map(|(_, name)| name).collect();
    json!({
        "number": number,
        // Without a number there is no autonomous system.
        "organization": if number == 0 { Value::Null } else { organization },
        "isp": if number == 0 { Value::Null } else { text("/isp") },
        "domain": Value::Null,
        "continent": text("/continent/code"), "continent_name": text("/continent/names/en"),
        "country": country, "country_name": text("/country/names/en"),
        "region": region, "region_name": text("/subdivisions/0/names/en"), "city": text("/city/names/en"),
        "postal": text("/postal/code"), "latitude": degrees(text("/location/latitude")),
        "longitude": degrees(text("/location/longitude")), "time_zone": text("/location/time_zone"),
        "anonymity": flags,
    })
}

fn degrees(value: Value) -> Value {
    value.as_f64().map_or(Value::Null, |degrees| json!(degrees))
}

#[test]
fn every_known_answer_of_the_databases_of_real_size() {
    let Some(folder) = data("mmdb/built") else { return };
    let mut rows = 0;
    for name in ["aws-geofeed-20260822-city", "ipverse-geo-20260822-country", "routeviews-20151101-asn"] {
        let geo = Geo::from_databases([(name, unpack(&folder.join(format!("{name}.mmdb.xz"))))]).unwrap();
        let expected = String::from_utf8(unpack(&folder.join(format!("{name}.expected.ndjson.gz")))).unwrap();
        for line in expected.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let asked = ip(row["ip"].as_str().unwrap());
            let canonical = asked.to_canonical();
            if canonical != asked {
                // The databases do not agree on mapped addresses; we do: they are the IPv4 address.
                assert_eq!(answer(&geo, asked), answer(&geo, canonical), "{name} {asked}");
            } else {
                let record = if is_special_use(asked) { &Value::Null } else { &row["record"] };
                assert_eq!(answer(&geo, asked), wanted(record), "{name} {asked}");
            }
            rows += 1;
        }
    }
    assert_eq!(rows, 2224 + 5524 + 5524);
}

#[test]
fn every_network_of_the_vendors_test_databases() {
    let Some(folder) = data("mmdb/maxmind") else { return };
    let mut rows = 0;
    for entry in fs::read_dir(folder.join("source-data")).unwrap() {
        let source = entry.unwrap().path();
        let name = source.file_name().unwrap().to_str().unwrap().replace(".json.gz", ".mmdb");
        let geo = Geo::open([folder.join("test-data").join(&name)]).unwrap();
        let networks: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(&unpack(&source)).unwrap();
        let networks: Vec<(IpNet, Value)> =
            networks.into_iter().flatten().map(|(net, record)| (as_v4(&net), record)).collect();
        for (network, _) in &networks {
            for asked in [network.network(), network.broadcast()] {
                let holding = networks.iter().filter(|(other, _)| other.contains(&asked));
                let (_, record) = holding.max_by_key(|(other, _)| other.prefix_len()).unwrap();
                let record = if is_special_use(asked) { &Value::Null } else { record };
                assert_eq!(answer(&geo, asked), wanted(record), "{name} {asked}");
                rows += 1;
            }
        }
    }
    assert!(rows > 3000, "{rows}");
}

/// "::1.2.3.0/120" is how the sources write 1.2.3.0/24.
fn as_v4(network: &str) -> IpNet {
    match network.parse().unwrap() {
        IpNet::V6(net) if net.prefix_len() >= 96 && net.network().to_bits() >> 32 == 0 => {
            let IpAddr::V4(low) = IpAddr::from((net.network().to_bits() as u32).to_be_bytes()) else { unreachable!() };
            IpNet::new(low.into(), net.prefix_len() - 96).unwrap()
        }
        network => network,
    }
}

#[test]
fn flat_records_of_another_vendor() {
    let Some(folder) = data("mmdb/ipinfo-samples") else { return };
    let rows = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let number = |asn: &Value| asn.as_str().map_or(0, |asn| asn[2..].parse::<u32>().unwrap());

    let geo = Geo::open([folder.join("ipinfo_lite_sample.mmdb")]).unwrap();
    let lite = rows("ipinfo_lite_sample.json");
    for row in &lite {
        let text = row["network"].as_str().unwrap();
        let network: IpNet = text.parse().unwrap_or_else(|_| ip(text).into());
        for asked in [network.network(), network.broadcast()] {
            let got = answer(&geo, asked);
            assert_eq!(got["number"], number(&row["asn"]), "{asked}");
            let fields = [
                ("organization", "as_name"),
                ("domain", "as_domain"),
                ("country", "country_code"),
                ("country_name", "country"),
                ("continent", "continent_code"),
                ("continent_name", "continent"),
            ];
            for (ours, theirs) in fields {
                assert_eq!(got[ours], row[theirs], "{asked} {ours}");
            }
        }
    }
    let geo = Geo::open([folder.join("ip_asn_sample.mmdb")]).unwrap();
    let asns = rows("ip_asn_sample.json");
    for row in &asns {
        for end in ["start_ip", "end_ip"] {
            let got = answer(&geo, ip(row[end].as_str().unwrap()));
            assert_eq!(got["number"], number(&row["asn"]));
            for (ours, theirs) in [("organization", "name"), ("domain", "domain")] {
                assert_eq!(got[ours].as_str().unwrap_or(""), row[theirs], "{row}");
            }
        }
    }
    let geo = Geo::open([folder.join("ip_geolocation_standard_sample.mmdb")]).unwrap();
    let networks = fs::read_to_string(folder.join("sample_ip_ranges_ip_geolocation_standard_mmdb.txt")).unwrap();
    for network in networks.lines() {
        let place = geo.place(network.parse::<IpNet>().unwrap().network()).expect(network);
        assert_eq!(place.country_iso_code.unwrap().len(), 2);
        assert!(place.city_name.is_some() && place.latitude.is_some() && place.time_zone.is_some(), "{place:?}");
        assert!(place.region_iso_code.is_none_or(|region| region.as_bytes()[2] == b'-'), "{place:?}");
    }
    assert_eq!((lite.len(), asns.len(), networks.lines().count()), (100, 100, 100));
}

#[test]
fn databases_without_a_field_we_know_are_an_error_that_says_so() {
    let Some(folder) = data("mmdb/maxmind/test-data") else { return };
    let mut broken = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("Geo") {
            continue;
        }
        let error = Geo::open([&path]).unwrap_err();
        assert!(error.is_format() && error.to_string().contains(&name), "{error}");
        broken += 1;
    }
    assert_eq!(broken, 12);
}

#[test]
fn the_error_names_the_fields_found_and_those_understood() {
    let bytes = database(&[("1.0.0.0/8", json!({"colour": "red", "size": 3}))]);
    let error = Geo::from_databases([("odd.mmdb", bytes)]).unwrap_err().to_string();
    for part in ["odd.mmdb", "colour", "size", "autonomous_system_number", "country_code"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn what_is_no_database_is_an_error_that_names_it() {
    let error = Geo::open(["no/such/file.mmdb"]).unwrap_err();
    assert!(error.is_io() && error.to_string().contains("no/such/file.mmdb"), "{error}");
    let error = Geo::open([env!("CARGO_MANIFEST_DIR")]).unwrap_err();
    assert!(error.is_io() && error.to_string().contains(env!("CARGO_MANIFEST_DIR")), "{error}");
    for bytes in [&b""[..], b"network,country\n1.0.0.0/8,AU\n", b"\xab\xcd\xefMaxMind.com"] {
        let error = Geo::from_databases([("x.mmdb", bytes.to_vec())]).unwrap_err();
        assert!(error.is_format() && error.to_string().starts_with("x.mmdb: "), "{error}");
    }
}

/// Trees that never end, and a few hundred bytes that unfold to 2^100 networks, or to 2^96 aliases of IPv4 that an iterator which
/// leaves aliases out would never come back from.
#[test]
fn hostile_trees_end() {
    let mut record = Vec::new();
    encode(&json!({"asn": 1}), &mut record);
    let ladder = |rungs: u32, end: u32| -> Vec<[u32; 2]> {
        (0..rungs).map(|rung| if rung + 1 == rungs { [end; 2] } else { [rung + 1; 2] }).collect()
    };
    for (name, nodes) in [
        ("loop", vec![[0, 0]]),
        ("back", vec![[1, 1], [2, 0], [1, 0]]),
        ("ladder to data", ladder(100, 116)),
        ("ladder to nothing", ladder(100, 100)),
        ("beyond the data", vec![[1 + 16 + 5000, 1]]),
    ] {
        let error = Geo::from_databases([(name, assemble(&nodes, &record, 6))]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{name}: broken database")), "{error}");
    }
}

/// Every byte counts: no flipped, cut or repeated byte may bring the process down or keep it busy.
#[test]
fn broken_bytes_never_panic() {
    let mut bases = vec![database(&[
        ("1.0.0.0/8", json!({"autonomous_system_number": 7, "autonomous_system_organization": "Seven"})),
        (
            "2001:db9::/32",
            json!({"country": {"iso_code": "SE", "names": {"de": "Schweden", "en": "Sweden"}},
            "subdivisions": [{"iso_code": "M"}, {"iso_code": "X"}], "location": {"latitude": 55.7, "longitude": -13.2}}),
        ),
        ("3.0.0.0/24", json!({"asn": "AS9", "lat": "1.5", "lng": "2.5", "vpn": true})),
    ])];
    if let Some(folder) = data("mmdb") {
        for file in [
            "maxmind/test-data/GeoIP2-Anonymous-IP-Test.mmdb",
            "maxmind/test-data/GeoLite2-ASN-Test.mmdb",
            "maxmind/test-data/GeoLite2-City-Test.mmdb",
            "maxmind/test-data/MaxMind-DB-test-decoder.mmdb",
            "ipinfo-samples/ipinfo_lite_sample.mmdb",
        ] {
            bases.push(fs::read(folder.join(file)).unwrap());
        }
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    let (mut good, mut bad) = (0, 0);
    for round in 0..3000 {
        let mut bytes = bases[round % bases.len()].clone();
        for _ in 0..1 + random(4) {
            // The metadata at the end decides most: half of the changes go there.
            let tail = bytes.len().min(400);
            let at = if random(2) == 0 { random(bytes.len()) } else { bytes.len() - 1 - random(tail) };
            match random(6) {
                0..4 => bytes[at] ^= 1 << random(8),
                4 => bytes[at] = [0, 0xff, 0x20, 0xe0][random(4)],
                _ => bytes.truncate(at.max(1)),
            }
        }
        match Geo::from_databases([("mutant", bytes)]) {
            Ok(geo) => {
                good += 1;
                answer(&geo, ip("1.2.3.4"));
                answer(&geo, ip("2001:db9::1"));
            }
            Err(error) => {
                bad += 1;
                assert!(!error.to_string().contains("gave up"), "the reader panicked in round {round}");
            }
        }
    }
    assert!(good > 100 && bad > 100, "{good} good, {bad} bad");
}

#[test]
fn the_earlier_database_wins_field_by_field() {
    let asn = database(&[("11.0.0.0/8", json!({"autonomous_system_number": 7}))]);
    let country = database(&[
        ("11.0.0.0/9", json!({"country": {"iso_code": "SE"}})),
        ("11.128.0.0/9", json!({"country": {"iso_code": "NO"}})),
    ]);
    let flat = database(&[(
        "11.0.0.0/8",
        json!({"asn": "AS7", "as_name": "Seven", "country_code": "SE", "country": "Sweden", "city": "Lund", "hosting": true}),
    )]);
    let geo = Geo::from_databases([("asn", asn), ("country", country), ("flat", flat)]).unwrap();
    let (seven, lund) = (geo.asn(ip("11.0.0.1")).unwrap(), geo.place(ip("11.0.0.1")).unwrap());
    assert_eq!((seven.number, seven.organization), (7, Some("Seven")));
    assert_eq!((lund.country_iso_code, lund.country_name, lund.city_name), (Some("SE"), Some("Sweden"), Some("Lund")));
    // Another country: half of the one and half of the other would be a place that nobody named.
    let norway = geo.place(ip("11.200.0.1")).unwrap();
    assert_eq!((norway.country_iso_code, norway.city_name), (Some("NO"), None));
    assert!(geo.anonymity(ip("11.200.0.1")).contains(Anonymity::HOSTING));
    let names: Vec<_> = geo.databases().iter().map(|database| (database.name.as_str(), database.networks)).collect();
    assert_eq!(names, [("asn", 1), ("country", 2), ("flat", 1)]);
    assert_eq!((geo.databases()[0].ip_version, geo.databases()[0].build_epoch), (4, 1_700_000_000));
}

#[test]
fn a_country_may_be_a_code_or_a_name() {
    let geo = one(&[
        ("11.0.0.0/8", json!({"country": "SE", "region": "Skåne", "region_code": "M", "lat": "55.7", "lng": "13.2"})),
        (
            "12.0.0.0/8",
            json!({"country": "Sweden", "country_code": "SE", "region_code": "SE-M", "lat": "91", "lng": "13"}),
        ),
        ("13.0.0.0/8", json!({"country": "Sweden", "asn": "", "city": ""})),
    ]);
    let first = geo.place(ip("11.0.0.1")).unwrap();
    assert_eq!((first.country_iso_code, first.country_name), (Some("SE"), None));
    assert_eq!((first.region_iso_code, first.latitude, first.longitude), (Some("SE-M"), Some(55.7), Some(13.2)));
    let second = geo.place(ip("12.0.0.1")).unwrap();
    assert_eq!((second.country_iso_code, second.country_name), (Some("SE"), Some("Sweden")));
    assert_eq!((second.region_iso_code, second.latitude, second.longitude), (Some("SE-M"), None, None));
    let third = geo.place(ip("13.0.0.1")).unwrap();
    assert_eq!((third.country_iso_code, third.country_name, third.city_name), (None, Some("Sweden"), None));
    assert!(geo.asn(ip("13.0.0.1")).is_none());
}

#[test]
fn special_use_addresses_are_nowhere() {
    let everywhere = json!({"country": {"iso_code": "AU"}, "autonomous_system_number": 1, "is_anonymous": true});
    let geo = one(&[("0.0.0.0/1", everywhere.clone()), ("128.0.0.0/1", everywhere.clone()), ("8000::/1", everywhere)]);
    for text in [
        "192.168.1.1",
        "10.0.0.1",
        "127.0.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "::ffff:10.0.0.1",
        "::1",
        "fe80::1",
        "ff02::1",
        "fd00::1",
    ] {
        assert!(
            geo.asn(ip(text)).is_none() && geo.place(ip(text)).is_none() && geo.anonymity(ip(text)).is_empty(),
            "{text}"
        );
    }
    for text in ["1.1.1.1", "11.0.0.0", "9.255.255.255", "::ffff:1.1.1.1", "::1.1.1.1", "8000::1"] {
        assert_eq!(geo.place(ip(text)).unwrap().country_iso_code, Some("AU"), "{text}");
    }
}

#[test]
fn nothing_loaded_costs_nothing() {
    let geo = Geo::open::<[&str; 0], _>([]).unwrap();
    assert!(geo.place(ip("1.1.1.1")).is_none() && geo.asn(ip("2a00::1")).is_none());
    assert!(geo.memory() < 1024, "{}", geo.memory());
}
