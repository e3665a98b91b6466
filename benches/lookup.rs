//! What does one look-up cost, by shape of the value, hit and miss apart? And is it cheaper than what one would use instead?
//!
//! *text*: from the text of a field to the finding. *parsed*: the look-up alone. Each iteration is 1,000 look-ups, so microseconds
//! read as nanoseconds for each. Look-ups follow one another without waiting, as those of one event do.
//!
//! `address_bar`: ASN, place and indicators of a random address together, against `maxminddb`: walk and decode of the same fields,
//! which tells nothing of indicators. `domain_bar`: a name that misses among a million, against a walk over its labels in a
//! `HashSet<String>`, which does not normalise.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "inputs are known")]

mod common;

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Arc;

use common::{BATCH, DOMAIN, Draw, IPV4, QUERIES, Ring, SORTS, Sort, Texts, build, databases, feed, unpacked};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use stormtag::{Catalog, Geo, Intel, IntelBuilder, Observable};

fn shapes(c: &mut Criterion) {
    for sort in SORTS {
        for (size, count) in [("10k", 10_000), ("1M", 1_000_000)] {
            let indicators = sort.indicators(count, 1);
            let (intel, _) = build([feed(sort.kind, &indicators)]);
            for draw in Draw::BOTH {
                let hits = sort.hits(&indicators, draw, QUERIES, 2);
                let misses = sort.misses(|text| known(&intel, sort, text), draw, QUERIES, 3);
                for (outcome, queries) in [("hit", hits), ("miss", misses)] {
                    assert!(queries.iter().take(BATCH).all(|text| known(&intel, sort, text) == (outcome == "hit")));
                    let case = format!("{size}/{outcome}/{}", draw.name());
                    one(c, &intel, sort, &case, &queries);
                }
            }
        }
    }
}

fn known(intel: &Intel, sort: Sort, text: &str) -> bool {
    !intel.look_up(&Observable::parse(sort.kind, text).unwrap()).is_empty()
}

fn one(c: &mut Criterion, intel: &Intel, sort: Sort, case: &str, queries: &Texts) {
    let mut group = c.benchmark_group(format!("lookup/{}", sort.name));
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut ring = Ring::new(queries.len(), BATCH);
    group.bench_function(BenchmarkId::new("text", case), |b| {
        b.iter(|| queries.slice(ring.turn()).filter(|text| known(intel, sort, text)).count());
    });
    let observables: Vec<_> = queries.iter().map(|text| Observable::parse(sort.kind, text).unwrap()).collect();
    group.bench_function(BenchmarkId::new("parsed", case), |b| {
        b.iter(|| observables[ring.turn()].iter().filter(|observable| !intel.look_up(observable).is_empty()).count());
    });
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

/// Number, organisation, country, city, latitude, longitude.
type Answer<'a> = (Option<u32>, Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<f64>, Option<f64>);

fn address_bar(c: &mut Criterion) {
    let indicators = IPV4.indicators(100_000, 1);
    let addresses = databases::addresses(QUERIES, 4);
    let real = || {
        let asn = unpacked("mmdb/built/routeviews-20151101-asn.mmdb.xz")?;
        Some((asn, unpacked("mmdb/built/ipverse-geo-20260822-country.mmdb.xz")?))
    };
    let sets = [("real asn+country", real()), ("synthetic asn+city", Some((databases::asn(), databases::city())))];
    for (name, set) in sets {
        let Some((asn, place)) = set else { continue };
        let geo = Geo::from_databases([("asn", asn.clone()), ("place", place.clone())]).unwrap();
        let mut builder = IntelBuilder::new();
        builder.catalog(Catalog::builtin()).geo(Arc::new(geo)).feed(feed(IPV4.kind, &indicators));
        let (intel, _) = builder.build();
        let (asn, place) =
            (maxminddb::Reader::from_source(asn).unwrap(), maxminddb::Reader::from_source(place).unwrap());
        let stormtag = |&address: &std::net::IpAddr| -> (bool, Answer<'_>) {
            let finding = intel.look_up(&Observable::from(address));
            let (asn, place) = (finding.asn(), finding.place());
            (
                !finding.is_empty(),
                (
                    asn.map(|asn| asn.number),
                    asn.and_then(|asn| asn.organization),
                    place.and_then(|place| place.country_iso_code),
                    place.and_then(|place| place.city_name),
                    place.and_then(|place| place.latitude),
                    place.and_then(|place| place.longitude),
                ),
            )
        };
        let decoded = |&address: &std::net::IpAddr| -> Answer<'_> {
            let asn: Option<AsnFields<'_>> = asn.lookup(address).unwrap().decode().unwrap();
            let place: Option<PlaceFields<'_>> = place.lookup(address).unwrap().decode().unwrap();
            let location = place.as_ref().and_then(|place| place.location.as_ref());
            (
                asn.as_ref().and_then(|asn| asn.autonomous_system_number),
                asn.as_ref().and_then(|asn| asn.autonomous_system_organization),
                place.as_ref().and_then(|place| place.country.as_ref()?.iso_code),
                place.as_ref().and_then(|place| place.city.as_ref()?.names.as_ref()?.en),
                location.and_then(|location| location.latitude),
                location.and_then(|location| location.longitude),
            )
        };
        for address in &addresses[..BATCH] {
            assert_eq!(stormtag(address).1, decoded(address), "{name}: {address}");
        }
        let mut group = c.benchmark_group(format!("lookup/address_bar/{name}"));
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut ring = Ring::new(addresses.len(), BATCH);
        group.bench_function("stormtag asn, place, 100k indicators", |b| {
            b.iter(|| addresses[ring.turn()].iter().for_each(|address| _ = black_box(stormtag(address))));
        });
        group.bench_function("maxminddb asn, place", |b| {
            b.iter(|| addresses[ring.turn()].iter().for_each(|address| _ = black_box(decoded(address))));
        });
    }
}

fn domain_bar(c: &mut Criterion) {
    let indicators = DOMAIN.indicators(1_000_000, 1);
    let (intel, _) = build([feed(DOMAIN.kind, &indicators)]);
    let set: HashSet<String> = indicators.iter().map(str::to_owned).collect();
    let walk = |name: &str| {
        let mut rest = name;
        loop {
            if set.contains(rest) {
                return true;
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => return false,
            }
        }
    };
    for draw in Draw::BOTH {
        let queries = DOMAIN.misses(|text| known(&intel, DOMAIN, text), draw, QUERIES, 3);
        assert!(!queries.iter().any(walk));
        let mut group = c.benchmark_group(format!("lookup/domain_bar/1M/miss/{}", draw.name()));
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut ring = Ring::new(queries.len(), BATCH);
        group.bench_function("stormtag, from text", |b| {
            b.iter(|| queries.slice(ring.turn()).filter(|text| known(&intel, DOMAIN, text)).count());
        });
        group.bench_function("stormtag, parsed", |b| {
            b.iter_batched(
                || {
                    queries
                        .slice(ring.turn())
                        .map(|text| Observable::parse(DOMAIN.kind, text).unwrap())
                        .collect::<Vec<_>>()
                },
                |batch| batch.iter().filter(|observable| !intel.look_up(observable).is_empty()).count(),
                BatchSize::SmallInput,
            );
        });
        group.bench_function("labels in a HashSet<String>", |b| {
            b.iter(|| queries.slice(ring.turn()).filter(|text| walk(text)).count());
        });
    }
}

criterion_group!(benches, address_bar, domain_bar, shapes);
criterion_main!(benches);
