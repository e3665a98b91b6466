//! tmp
use std::io::{Read, Write};
use std::sync::Arc;
use stormtag::*;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args().nth(2).map_or(1, |x| x.parse().unwrap());
    let t = cpu();
    let geo = Geo::open([format!("{dir}/asn.mmdb"), format!("{dir}/city.mmdb")]).unwrap();
    eprintln!("geo {:.2}s mem {}", cpu() - t, geo.memory());
    let t = cpu();
    let mut b = IntelBuilder::new();
    b.geo(Arc::new(geo));
    for (k, kind) in [("ip", Kind::Ip), ("cidr", Kind::Ip), ("domain", Kind::Domain), ("sha256", Kind::Sha256)] {
        let mut f = Feed::new(k);
        let mut recs: std::collections::HashMap<String, Arc<Record>> = Default::default();
        for l in std::fs::read_to_string(format!("{dir}/ioc_{k}.csv")).unwrap().lines().skip(1) {
            let (v, rest) = l.split_once(',').unwrap();
            let r = recs
                .entry(rest.to_owned())
                .or_insert_with(|| {
                    let (c, s) = rest.split_once(',').unwrap();
                    Arc::new(Record { campaigns: vec![c.into()], severity: Severity::parse(s), ..Record::new(k) })
                })
                .clone();
            f.indicators.push(Indicator { pattern: Pattern::parse(kind, v).unwrap(), record: r });
        }
        b.feed(f);
    }
    let (intel, report) = b.build();
    eprintln!("intel {:.2}s\n{report}", cpu() - t);
    let mut w = Live::new(intel).worker();
    w.set_fields(
        FieldMap::parse(
            "ref",
            "ts time\nsrc_ip ip source\ndst_ip ip destination\nhost domain\nurl url\nsha256 sha256\n",
        )
        .unwrap(),
    );
    let mut data = Vec::new();
    std::fs::File::open(format!("{dir}/events.ndjson")).unwrap().read_to_end(&mut data).unwrap();
    for _ in 0..n {
        let t = cpu();
        let mut out = Vec::with_capacity(1 << 21);
        let mut so = std::io::sink();
        let (mut ev, mut hits) = (0u64, 0u64);
        let mut start = 0;
        for end in data.iter().enumerate().filter(|x| *x.1 == b'\n').map(|x| x.0).collect::<Vec<_>>() {
            hits += w.enrich_json(&data[start..end], &mut out) as u64;
            out.push(b'\n');
            if out.len() > 1 << 20 {
                so.write_all(&out).unwrap();
                if ev < 4000 && std::env::args().nth(3).is_some() {
                    std::io::stdout().write_all(&out).unwrap();
                    return;
                }
                out.clear();
            }
            ev += 1;
            start = end + 1;
        }
        eprintln!("{ev} events {hits} hits {:.1} ns/event", (cpu() - t) * 1e9 / ev as f64);
    }
    eprintln!("{:?}", w.counters());
}
