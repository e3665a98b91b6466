//! Events of several days with two campaigns, and what enriches them.

use std::fmt::Write;
use std::path::PathBuf;

use stormtag::Schema;

use crate::program::{EXAMPLES, Folder, code, text};

/// The first of the five days, a Monday, 2024-03-04; in seconds.
const MONDAY: i64 = 1_709_510_400;

/// A configuration with two campaigns, a list that silences and one that informs, and records that are no longer valid.
pub(super) fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let feed = "indicator,source,campaign,actor,confidence,valid_until,first_seen\n\
        11.22.33.1,Reef,C0035,,80,,2024-02-01T00:00:00Z\n\
        11.22.33.2,Reef,C0035,,60,,2024-02-02T00:00:00Z\n\
        11.22.33.2,Shoal,Own Campaign,,70,,2024-02-03T00:00:00Z\n\
        11.22.33.3,Shoal,Own Campaign,,40,,2024-02-04T00:00:00Z\n\
        11.22.33.4,Shoal,,Flax Typhoon,50,,\n\
        11.22.33.4,Reef,,Volt Typhoon,50,,\n\
        11.22.33.5,Shoal,,,30,,2023-12-01T00:00:00Z\n\
        11.22.33.6,Shoal,,,90,2024-03-06T00:00:00Z,2024-01-01T00:00:00Z\n\
        11.22.33.7,Shoal,Own Campaign,,90,,\n\
        11.22.33.8,Reef,C0035,,55,,\n\
        evil.example,Reef,C0035,,75,,2024-02-20T00:00:00Z\n";
    folder.write("feed.csv", feed);
    folder.write("allow.txt", "# name: our scanners\n# reason: they look for this\n11.22.33.7\n");
    folder.write("inform.txt", "11.22.33.8\n");
    let geo = format!("{EXAMPLES}/data");
    folder.write(
        "stormtag.toml",
        format!(
            "[[feed]]\npath = \"feed.csv\"\ncolumns = {{ value = \"indicator\", source = \"source\", campaign = \"campaign\", actor = \"actor\", \
             confidence = \"confidence\", valid_until = \"valid_until\", first_seen = \"first_seen\" }}\n\
             [[allow]]\npath = \"allow.txt\"\nname = \"our scanners\"\nreason = \"they look for this\"\n\
             [[allow]]\npath = \"inform.txt\"\nname = \"a cloud\"\nreason = \"many are there\"\nmode = \"inform\"\n\
             [geo]\ndatabases = [\"{geo}/asn.mmdb\", \"{geo}/city.mmdb\"]\n"
        ),
    );
    folder
}

/// What befalls a network in five days; the same each time.
pub(super) fn events(schema: Schema) -> String {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut lines = String::new();
    for number in 0..1200 {
        let at = MONDAY + random(5 * 86_400) as i64;
        let own = random(12);
        let remote = match random(5) {
            0 => format!("11.22.33.{}", random(10)),
            1 => format!("1.2.3.{}", random(250)),
            _ => format!("26.10.{}.{}", random(9), random(250)),
        };
        let name = if random(40) == 0 { "www.evil.example" } else { "www.example.com" };
        let _ = match schema {
            Schema::Ocsf => writeln!(
                lines,
                r#"{{"time":{},"class_uid":4001,"src_endpoint":{{"ip":"10.20.0.{own}"}},"dst_endpoint":{{"ip":"{remote}","hostname":"{name}"}},"device":{{"hostname":"ws-{own}"}},"actor":{{"user":{{"name":"user{}"}}}}}}"#,
                at * 1000,
                own % 5,
            ),
            // Keys with dots and nested ones by turns.
            _ if number % 2 == 0 => writeln!(
                lines,
                r#"{{"@timestamp":"{}","source":{{"ip":"10.20.0.{own}"}},"destination":{{"ip":"{remote}","domain":"{name}"}},"host":{{"name":"ws-{own}"}},"user":{{"name":"user{}"}}}}"#,
                written(at),
                own % 5,
            ),
            _ => writeln!(
                lines,
                r#"{{"@timestamp":"{}","source.ip":"10.20.0.{own}","destination.ip":"{remote}","destination.domain":"{name}","host.name":"ws-{own}","user.name":"user{}"}}"#,
                written(at),
                own % 5,
            ),
        };
    }
    lines
}

fn written(at: i64) -> String {
    let (day, second) = ((at - MONDAY) / 86_400, (at - MONDAY) % 86_400);
    format!("2024-03-{:02}T{:02}:{:02}:{:02}Z", 4 + day, second / 3600, second / 60 % 60, second % 60)
}

/// Enriches lines by the folder's configuration, and writes them there.
pub(super) fn enriched(folder: &Folder, schema: Schema, lines: &str) -> PathBuf {
    let output = folder.run(&["enrich", "--summary", "none", "--schema", schema.name()], lines.as_bytes());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    folder.write(&format!("{schema}.ndjson"), output.stdout)
}
