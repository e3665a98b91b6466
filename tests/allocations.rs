//! What allocates and what does not. A binary of its own: the allocator counts for the whole process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::alloc::System;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use stormtag::{
    Catalog, Extractor, Feed, Geo, Indicator, Intel, IntelBuilder, Kind, Live, Observable, Pattern, Record, Schema,
};

#[path = "it/mmdb.rs"]
#[allow(dead_code, reason = "the others write broken databases with it")]
mod mmdb;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often memory was asked for, moves included.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let stats = region.change();
    stats.allocations + stats.reallocations
}

const KNOWN: [(Kind, &str); 8] = [
    (Kind::Ip, "45.32.174.131"),
    (Kind::Ip, "45.33.0.0/16"),
    (Kind::Ip, "2a03:b0c0::/32"),
    (Kind::Domain, "evil.com"),
    (Kind::Url, "http://evil.org/drop/*"),
    (Kind::Sha256, "6444cb71bc8aa068bc067e8a6a9882b6b06d3f79427cc0b91652878af69c577d"),
    (Kind::Email, "someone@evil.net"),
    (Kind::FileName, "evil.exe"),
];

fn intel() -> Intel {
    let place = |city: &str, number: u32| {
        json!({
            "autonomous_system_number": number, "autonomous_system_organization": "Example",
            "city": {"names": {"en": city}}, "country": {"iso_code": "DE", "names": {"en": "Germany"}},
            "location": {"latitude": 52.5, "longitude": 13.4, "time_zone": "Europe/Berlin"},
        })
    };
    let networks =
        [("8.0.0.0/6", place("Berlin", 1)), ("80.0.0.0/4", place("K\u{f6}ln", 2)), ("2a00::/12", place("Bonn", 3))];
    let geo = Geo::from_databases([("test", mmdb::database(&networks))]).unwrap();
    let record = Arc::new(Record { campaigns: vec!["Operation \"X\"".into()], ..Record::new("test") });
    let mut feed = Feed::new("test");
    for (kind, text) in KNOWN {
        feed.indicators.push(Indicator { pattern: Pattern::parse(kind, text).unwrap(), record: record.clone() });
    }
    IntelBuilder::new().catalog(Catalog::builtin()).feed(feed).geo(Arc::new(geo)).build().0
}

/// Events that match nothing: flat, nested, dotted, wrapped, with empty objects where output goes, and what is no event at all.
const MISSES: [&str; 14] = [
    r#"{"ts":"2026-03-01T00:00:00.001206Z","src_ip":"10.15.119.38","dst_ip":"8.8.8.8","host":"www.example.com","url":"https://www.example.com/a?b=c","sha256":"07ab191799ae0b8c456f64b00617972cfa220001865f012efef2911943be181d"}"#,
    r#"{"@timestamp":"2026-03-01T00:00:00Z","source":{"ip":"80.1.2.3","port":1},"destination":{"ip":"2a03:aaaa::1"},"dns":{"question":{"name":"a.b.example.org"}}}"#,
    r#"{"ts":1772323200.5,"id.orig_h":"85.4.5.6","id.resp_h":"9.9.9.9","query":"x.example.net"}"#,
    r#"{"conn":{"ts":1772323200,"id.orig_h":"85.4.5.6","id.resp_h":"9.9.9.9"}}"#,
    r#"{"timestamp":"2026-03-01T00:00:00.000000+0000","event_type":"dns","src_ip":"84.1.1.1","dest_ip":"85.1.1.1","dns":{"answers":[{"rrname":"a.example.com","rdata":"8.8.4.4"},{"rdata":"9.1.1.1"}]}}"#,
    r#"{"source":{},"destination":{"ip":"::ffff:8.8.8.8"},"source.port":3}"#,
    r#"{"src_ip":"-","host":"","sha256":"xyz"}"#,
    r#"{"dst_ip":"not an address"}"#,
    r#"{"message":"Accepted publickey for root from 198.51.100.7 port 22 on host.example","CommandLine":"cmd /c dir"}"#,
    r#"{"memo":"nothing \"mapped\" here \u00fc","n":[1,2,{"a":null}]}"#,
    r#"{"sender":"jane@example.com","file_name":"report.pdf","user_agent":"curl/8.0","ja3":"d41d8cd98f00b204e9800998ecf8427e"}"#,
    "{}",
    "not JSON",
    "",
];

const NORMAL: [(Kind, &str); 14] = [
    (Kind::Ip, "8.8.8.8"),
    (Kind::Ip, "45.33.7.7"),
    (Kind::Ip, "2a03:b0c0::7"),
    (Kind::Ip, "2001:4860:4860::8888"),
    (Kind::Domain, "www.example.com"),
    (Kind::Domain, "a.b.c.evil.com"),
    (Kind::Url, "https://www.example.com/a/b?c=d"),
    (Kind::Url, "http://evil.org/drop/it"),
    (Kind::Sha256, "6444cb71bc8aa068bc067e8a6a9882b6b06d3f79427cc0b91652878af69c577d"),
    (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
    (
        Kind::Sha512,
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    ),
    (Kind::Email, "jane@example.com"),
    (Kind::FileName, "evil.exe"),
    (Kind::Ja3, "d41d8cd98f00b204e9800998ecf8427e"),
];

const TEXTS: [&str; 5] = [
    "Mar 27 13:08:09 ip-10-77-20-248 sshd[1361]: Accepted publickey for ubuntu from 85.245.107.41 port 54259 ssh2",
    "WWW.Example.COM, jane@Example.com, 2001:db8::1, 10.0.0.0/8, main.rs, com.example.app, OpenSSL 3.0.2.1",
    "d41d8cd98f00b204e9800998ecf8427e da39a3ee5e6b4b0d3255bfef95601890afd80709 see http://example.com and http://8.8.8.8/a?b",
    "evil[.]com hxxp://",
    "....::::@@@@//// \u{fc} “…”",
];

/// One test: others beside it would be counted too.
#[test]
fn what_allocates_and_what_does_not() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))) > 0, "the allocator counts");
    let live = Live::new(intel());
    let mut failures = Vec::new();

    let snapshot = live.snapshot();
    for (kind, text) in NORMAL {
        let look_up = || {
            let observable = Observable::parse(kind, text).unwrap();
            let finding = snapshot.look_up(&observable);
            // An address knows its indicators without asking for memory, its place too; the text of an indicator is another matter.
            let found = finding.matches().count() + finding.suppressed().count();
            std::hint::black_box((found, finding.asn(), finding.place(), finding.anonymity()));
        };
        look_up();
        let count = allocations(look_up);
        if count > 0 {
            failures.push(format!("{count} to parse and look up the {kind} {text}"));
        }
        let mut worker = live.worker();
        let count = allocations(|| _ = std::hint::black_box(worker.look_up(kind, text).is_ok()));
        if count > 0 {
            failures.push(format!("{count} for a worker to look up the {kind} {text}"));
        }
    }

    for schema in [Schema::Ecs, Schema::Native] {
        let mut worker = live.worker();
        worker.set_schema(schema);
        let mut out = Vec::new();
        for round in 0..3 {
            for line in MISSES {
                out.clear();
                let count = allocations(|| assert!(!worker.enrich_json(line.as_bytes(), &mut out), "{line}"));
                if round == 2 && count > 0 {
                    failures.push(format!("{count} to enrich as {schema} {line}"));
                }
            }
        }
        assert!(worker.counters().located > 0);

        // A publication changes nothing in the long run.
        live.publish(IntelBuilder::new().feed(Catalog::builtin_indicators()).build().0);
        live.reclaim();
        for round in 0..2 {
            for line in MISSES {
                out.clear();
                let count = allocations(|| _ = worker.enrich_json(line.as_bytes(), &mut out));
                if round == 1 && count > 0 {
                    failures.push(format!("{count} after a publication, as {schema}, {line}"));
                }
            }
        }
        assert_eq!(worker.counters().refreshes, 1);
        live.publish(intel());
    }

    // Events through serde. Numbers are another matter: they are formatted to be looked at.
    let mut worker = live.worker();
    for line in [MISSES[0], MISSES[8], MISSES[10]] {
        let event: Value = serde_json::from_str(line).unwrap();
        let mut enrich = || _ = std::hint::black_box(worker.enrich(&event).sightings().len());
        enrich();
        enrich();
        let count = allocations(enrich);
        if count > 0 {
            failures.push(format!("{count} to enrich the value {line}"));
        }
    }

    // What is not normal may cost memory: an IDN, a URL for the slow parser. Not much.
    let mut out = Vec::new();
    for line in [
        r#"{"host":"b\u00fccher.example"}"#,
        r#"{"host":"WWW.Example.COM"}"#,
        r#"{"url":"/path/only"}"#,
        r#"{"url":"HTTP://Example.com:80/%7euser"}"#,
    ] {
        (0..3).for_each(|_| _ = worker.enrich_json(line.as_bytes(), &mut out));
        out.clear();
        let count = allocations(|| _ = worker.enrich_json(line.as_bytes(), &mut out));
        if count > 12 {
            failures.push(format!("{count} for the odd value of {line}"));
        }
    }

    // Text of any sort, whatever is found in it as it stands.
    for line in MISSES.into_iter().chain(TEXTS) {
        let mut found = 0;
        let count = allocations(|| Extractor::new().extract(line.as_bytes(), |hit| found += hit.text().len()));
        if count > 0 {
            failures.push(format!("{count} to extract {found} bytes from {line}"));
        }
    }

    let address: IpAddr = "8.8.8.8".parse().unwrap();
    assert_eq!(allocations(|| _ = std::hint::black_box(snapshot.look_up(&address.into()).is_empty())), 0);

    assert!(failures.is_empty(), "allocations where there should be none:\n  {}", failures.join("\n  "));
}
