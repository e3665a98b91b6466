//! Events as JSON lines, of several shapes and sizes.

use serde_json::{Map, Value, json};

use super::random::Random;
use super::{Draw, Texts, values};

/// How the fields lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Everything at the top.
    Flat,
    /// A few mapped fields at the top; the rest in objects within objects that no path leads into.
    Nested,
    /// Elastic Common Schema: mapped fields in objects.
    Ecs,
    /// Suricata's EVE, with a payload full of escapes.
    Suricata,
}

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::Flat, Self::Nested, Self::Ecs, Self::Suricata];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Nested => "nested",
            Self::Ecs => "ecs",
            Self::Suricata => "suricata",
        }
    }
}

/// What of an event is looked up.
pub(crate) struct Seen<'t> {
    pub(crate) source: &'t str,
    pub(crate) destination: &'t str,
    pub(crate) domain: &'t str,
    pub(crate) digest: &'t str,
}

/// One event of at least so many bytes; those under 400 have no digest.
pub(crate) fn event(shape: Shape, bytes: usize, seen: &Seen<'_>, random: &mut Random) -> String {
    let time = format!("2026-03-01T00:{:02}:{:02}.{:06}Z", random.below(60), random.below(60), random.below(1_000_000));
    let (from, to) = (1024 + random.below(60_000), [443, 80, 53, 22][random.below(4) as usize]);
    let Seen { source, destination, domain, digest } = seen;
    let mut event = match shape {
        Shape::Flat | Shape::Nested => json!({
            "ts": time, "src_ip": source, "src_port": from, "dst_ip": destination, "dst_port": to, "proto": "tcp", "host": domain,
        }),
        Shape::Ecs => json!({
            "@timestamp": time, "source": {"ip": source, "port": from}, "destination": {"ip": destination, "port": to},
            "dns": {"question": {"name": domain}},
        }),
        Shape::Suricata => json!({
            "timestamp": time, "event_type": "dns", "src_ip": source, "src_port": from, "dest_ip": destination, "dest_port": to,
            "dns": {"rrname": domain},
        }),
    };
    let top = event.as_object_mut().unwrap();
    if bytes >= 400 {
        match shape {
            Shape::Flat | Shape::Nested => drop(top.insert("sha256".into(), json!(digest))),
            Shape::Ecs => drop(top.insert("file".into(), json!({"hash": {"sha256": digest}, "name": "a.exe"}))),
            Shape::Suricata => drop(top.insert("fileinfo".into(), json!({"sha256": digest, "size": 4711}))),
        }
    }
    let mut length = event.to_string().len();
    for number in 0.. {
        if length + 20 >= bytes {
            break;
        }
        let missing = (bytes - length - 12).min(60 + random.below(120) as usize);
        let (key, value) = filling(shape, number, missing, random);
        length += key.len() + value.to_string().len() + 4;
        event.as_object_mut().unwrap().insert(key, value);
    }
    event.to_string()
}

/// What no one asks for.
fn filling(shape: Shape, number: usize, bytes: usize, random: &mut Random) -> (String, Value) {
    let text = |random: &mut Random, bytes: usize| values::prose(random, bytes);
    match shape {
        Shape::Flat => match number % 4 {
            0 => (format!("message_{number}"), json!(text(random, bytes))),
            1 => (format!("count_{number}"), json!(random.below(1_000_000))),
            2 => (format!("ratio_{number}"), json!(random.fraction())),
            _ => (format!("flag_{number}"), json!(random.below(2) == 0)),
        },
        Shape::Nested => {
            let inner = json!({"level": {"text": text(random, bytes / 3), "list": [1, 2, {"x": text(random, bytes / 6)}]}, "n": number});
            (format!("object_{number}"), inner)
        }
        Shape::Ecs => {
            let labels: Map<String, Value> =
                (0..bytes / 40).map(|at| (format!("label_{at}"), json!(text(random, 16)))).collect();
            match number % 3 {
                0 => (format!("group_{number}"), json!({"labels": labels, "id": random.below(1 << 40)})),
                1 => (format!("args_{number}"), json!([text(random, bytes / 3), text(random, bytes / 3), "-q"])),
                _ => (format!("message_{number}"), json!(text(random, bytes))),
            }
        }
        Shape::Suricata => match number % 2 {
            0 => (format!("payload_{number}"), json!(format!("GET /{}\r\n\"x\"\t\u{1}\r\n", text(random, bytes / 2)))),
            _ => (
                format!("flow_{number}"),
                json!({"pkts_toserver": random.below(1000), "bytes": random.below(1 << 30), "start": "2026-03-01T00:00:00.000000+0000"}),
            ),
        },
    }
}

/// Lines of which nothing is known but, perhaps, place and ASN.
pub(crate) fn lines(shape: Shape, bytes: usize, draw: Draw, count: usize, seed: u64) -> Texts {
    let mut random = Random::new(seed);
    // Zipf: two hundred thousand destinations, fifty thousand hosts. Uniform: never the same twice.
    let of = |draw: Draw, pool: usize, random: &mut Random| match draw {
        Draw::Uniform => (0..count).collect(),
        Draw::Zipf => draw.positions(pool, count, random),
    };
    let destinations = of(draw, 200_000, &mut random);
    let hosts = of(draw, 50_000, &mut random);
    let value =
        |at: usize, salt: u64, make: fn(&mut Random) -> String| make(&mut Random::new(seed ^ salt ^ (at as u64) << 20));
    (0..count)
        .map(|at| {
            let seen = Seen {
                source: &format!("10.{}.{}.{}", random.below(256), random.below(256), 1 + random.below(254)),
                destination: &value(destinations[at], 1, values::ipv4),
                domain: &value(hosts[at], 2, values::host),
                digest: &values::sha256(&mut random),
            };
            event(shape, bytes, &seen, &mut random)
        })
        .collect()
}
