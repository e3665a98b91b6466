//! Files for programs that take nothing but files, read by those programs where they are there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use maxminddb::Reader;
use serde_json::Value;
use stormtag::{Columns, Config, Defaults, Feed, Format, Kind, Record};

use crate::program::{Folder, code, text, with_sample};

/// Networks in networks, ranges, both families, an allow-list within and above, and one that has expired.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let feed = "indicator,campaign,actor,confidence,valid_until,description\n\
        203.0.113.0/24,C0035,,60,,wide\n\
        203.0.113.77,,Volt Typhoon,90,,one of them\n\
        203.0.113.128/25,Own,,70,,half of it\n\
        198.51.100.7-198.51.100.19,Own,,40,,a range\n\
        192.0.2.9,Own,,80,2020-01-01T00:00:00Z,over\n\
        2001:db8:7::/48,Own,,50,,by six\n\
        2001:db8:7::1,Own,,55,,by six\n\
        evil.example,Own,,80,,\"a \"\"name\"\", with those below\"\n\
        http://evil.example/a,Own,,81,,\n\
        good.example,Own,,81,,\n\
        d41d8cd98f00b204e9800998ecf8427e,Own,,82,,\n";
    folder.write("feed.csv", feed);
    folder.write("allow.txt", "203.0.113.200/29\n203.0.113.78\n203.0.112.0/23\n198.51.100.10\ngood.example\n");
    let geo = format!("{}/data", crate::program::EXAMPLES);
    let config = format!(
        "[[feed]]\npath = \"feed.csv\"\nsource = \"ours\"\ncolumns = {{ value = \"indicator\", campaign = \"campaign\", actor = \"actor\", \
         confidence = \"confidence\", valid_until = \"valid_until\", description = \"description\" }}\n\
         [[allow]]\npath = \"allow.txt\"\n[limits]\nspecial_use = true\n\
         [geo]\ndatabases = [\"{geo}/asn.mmdb\", \"{geo}/city.mmdb\"]\n[events]\ntime = 2024-02-01T00:00:00Z\n"
    );
    folder.write("stormtag.toml", config);
    folder
}

fn compile(folder: &Folder, arguments: &[&str]) -> std::process::Output {
    let output = folder.run(&[&["compile"], arguments].concat(), b"");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    output
}

fn record(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<Value> {
    reader.lookup(address).unwrap().decode().unwrap()
}

#[test]
fn the_database_says_of_each_address_what_a_worker_says() {
    let folder = folder("mmdb");
    compile(&folder, &["--mmdb", "all.mmdb"]);
    let reader = Reader::open_readfile(folder.path("all.mmdb")).unwrap();
    reader.verify().unwrap();
    let loaded = Config::open(folder.path("stormtag.toml")).unwrap().load().unwrap();
    let mut worker = loaded.worker();
    let (mut known, mut placed) = (0, 0);
    let near = |text: &str, count: u32| {
        let first: IpAddr = text.parse().unwrap();
        (0..count).map(move |step| match first {
            IpAddr::V4(first) => IpAddr::V4((first.to_bits() + step).into()),
            IpAddr::V6(first) => IpAddr::V6((first.to_bits() + u128::from(step)).into()),
        })
    };
    let listed = ["45.63.60.39", "104.156.246.150"].map(|address| address.parse().unwrap());
    let addresses = near("203.0.112.250", 270).chain(near("198.51.100.0", 30)).chain(near("192.0.2.0", 20));
    let addresses = addresses.chain(near("2001:db8:6:ffff:ffff:ffff:ffff:fffe", 6)).chain(listed);
    for address in addresses.chain(near("2001:db8:7:ffff:ffff:ffff:ffff:fffe", 4)) {
        let event = serde_json::json!({"@timestamp": "2024-02-01T00:00:00Z", "source": {"ip": address}});
        let enrichment = worker.enrich(&event);
        let mut expected: Vec<_> = enrichment.sightings().iter().flat_map(|sighting| sighting.matches()).collect();
        let found = record(&reader, address).unwrap_or_default();
        let threat = &found["threat"];
        assert_eq!(threat.is_object(), !expected.is_empty(), "{address}: {found}");
        if let Some(nearest) = expected.first() {
            known += 1;
            assert_eq!(threat["indicator"], *nearest.indicator(), "{address}");
            expected.sort_by_key(|found| std::cmp::Reverse(found.record().confidence));
            assert_eq!(threat["confidence"], expected[0].record().confidence);
            let candidates: Vec<_> =
                enrichment.attributions().iter().map(|of| (of.subject().name(), of.confidence())).collect();
            let told = threat["attributions"].as_array().cloned().unwrap_or_default();
            let told: Vec<_> = told
                .iter()
                .map(|of| (of["name"].as_str().unwrap(), of["confidence"].as_u64().unwrap() as u8))
                .collect();
            assert_eq!(told, candidates, "{address}");
        }
        if let Some(located) = enrichment.located().next() {
            placed += 1;
            assert_eq!(
                found["autonomous_system_number"].as_u64(),
                located.asn.map(|asn| asn.number.into()),
                "{address}"
            );
            let country = located.location.and_then(|place| place.country_iso_code);
            assert_eq!(found["country"]["iso_code"].as_str(), country, "{address}");
        }
    }
    assert!(known > 250 && placed > 0, "{known} {placed}");
    // By way of the IPv6 that repeats IPv4 too.
    let mapped = record(&reader, "::ffff:203.0.113.77".parse().unwrap());
    assert_eq!(mapped, record(&reader, "203.0.113.77".parse().unwrap()));
    assert_eq!(mapped.unwrap()["threat"]["actor"], "Volt Typhoon");
    // The same again is the same file.
    let before = std::fs::read(folder.path("all.mmdb")).unwrap();
    compile(&folder, &["--mmdb", "all.mmdb"]);
    assert!(before == std::fs::read(folder.path("all.mmdb")).unwrap());
}

/// The data that is not part of the repository; says so where it is missing.
fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

#[test]
fn the_database_gives_all_known_answers_of_those_it_is_made_of() {
    let Some(built) = shared("mmdb/built") else { return };
    let folder = Folder::new("answers");
    let names = ["aws-geofeed-20260822-city", "ipverse-geo-20260822-country", "routeviews-20151101-asn"];
    let databases = names.map(|name| built.join(format!("{name}.mmdb.xz")));
    folder.write("stormtag.toml", format!("[catalog]\nindicators = false\n[geo]\ndatabases = {databases:?}\n"));
    compile(&folder, &["--mmdb", "all.mmdb"]);
    let reader = Reader::open_readfile(folder.path("all.mmdb")).unwrap();
    reader.verify().unwrap();
    for name in names {
        let expected = std::fs::File::open(built.join(format!("{name}.expected.ndjson.gz"))).unwrap();
        let mut lines = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(expected), &mut lines).unwrap();
        let (mut asked, mut overruled) = (0, 0);
        for line in lines.lines() {
            let known: Value = serde_json::from_str(line).unwrap();
            let found = record(&reader, known["ip"].as_str().unwrap().parse().unwrap()).unwrap_or_default();
            asked += 1;
            for (member, value) in known["record"].as_object().into_iter().flatten() {
                // Of what two databases say the first has the first word.
                if found[member] != *value {
                    assert!(name.contains("country") && found["city"].is_object(), "{name}: {line}\n{found}");
                    overruled += 1;
                }
            }
            let own = if name.contains("asn") { "autonomous_system_number" } else { "city" };
            // IPv4 in IPv6 is answered as IPv4, as MaxMind's own databases do.
            let repeats = known["ip"].as_str().unwrap().starts_with("::ffff:");
            if known["record"].is_null() && !name.contains("country") && !repeats {
                assert!(found[own].is_null(), "{name}: {line}\n{found}");
            }
        }
        assert!(asked > 1000, "{name}: {asked}");
        assert!(overruled * 20 < asked, "{name}: {overruled} of {asked}");
    }
}

#[test]
fn what_cannot_be_written_replaces_nothing() {
    let folder = folder("stays");
    folder.write("all.mmdb", "old");
    folder.write("broken.mmdb", "no database");
    let config = std::fs::read_to_string(folder.path("stormtag.toml")).unwrap();
    folder.write("stormtag.toml", config.replace("[geo]\ndatabases = [", "[geo]\ndatabases = [\"broken.mmdb\", "));
    let output = folder.run(&["compile", "--mmdb", "all.mmdb"], b"");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("broken.mmdb"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(folder.path("all.mmdb")).unwrap(), b"old");
    folder.write("stormtag.toml", config);
    std::fs::create_dir(folder.path("is-a-folder")).unwrap();
    let output = folder.run(&["compile", "--zeek", "is-a-folder"], b"");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("it stays as it was"), "{}", text(&output.stderr));
    assert!(!folder.path("is-a-folder.new").exists());
    assert_eq!(code(&folder.run(&["compile"], b"")), 2);
}

/// Of a program that Debian has; says so where it is missing.
fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: {program} is not installed");
    }
    there
}

#[test]
fn mmdblookup_reads_the_database() {
    let folder = folder("mmdblookup");
    compile(&folder, &["--mmdb", "all.mmdb"]);
    if !is_there("mmdblookup") {
        return;
    }
    let ask = |address: &str, path: &[&str]| {
        let mut command = Command::new("mmdblookup");
        command.arg("--file").arg(folder.path("all.mmdb")).args(["--ip", address]).args(path);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(ask("203.0.113.77", &["threat", "actor"]).contains("\"Volt Typhoon\" <utf8_string>"));
    assert!(ask("203.0.113.77", &["threat", "confidence"]).contains("90 <uint16>"));
    assert_eq!(ask("203.0.113.78", &["threat"]), "");
}

#[test]
fn syslog_ng_enriches_with_the_database() {
    let folder = folder("syslog-ng");
    compile(&folder, &["--mmdb", "all.mmdb"]);
    if !is_there("syslog-ng") {
        return;
    }
    folder.write("in.log", "203.0.113.77\n203.0.113.78\n");
    let version = Command::new("syslog-ng").arg("--version").output().unwrap();
    let version =
        text(&version.stdout).lines().find_map(|line| line.strip_prefix("Config version: ")).unwrap().to_owned();
    let (input, out, database) = (folder.path("in.log"), folder.path("out.log"), folder.path("all.mmdb"));
    let config = format!(
        "@version: {version}\n\
         source s {{ file(\"{}\" flags(no-parse) follow-freq(0.1)); }};\n\
         parser p {{ geoip2(\"${{MESSAGE}}\" prefix(\"geo.\") database(\"{}\")); }};\n\
         destination d {{ file(\"{}\" template(\"${{MESSAGE}} ${{geo.threat.actor}} ${{geo.threat.confidence}}\\n\")); }};\n\
         log {{ source(s); parser(p); destination(d); }};\n",
        input.display(),
        database.display(),
        out.display()
    );
    let config = folder.write("syslog-ng.conf", config);
    let mut daemon = Command::new("syslog-ng")
        .arg("-F")
        .arg("-f")
        .arg(&config)
        .args(["--persist-file", folder.path("persist").to_str().unwrap()])
        .args(["--pidfile", folder.path("pid").to_str().unwrap()])
        .args(["--control", folder.path("control").to_str().unwrap()])
        .spawn()
        .unwrap();
    let mut written = String::new();
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        written = std::fs::read_to_string(&out).unwrap_or_default();
        if written.lines().count() == 2 {
            break;
        }
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let lines: Vec<_> = written.lines().map(str::trim_end).collect();
    assert_eq!(lines, ["203.0.113.77 Volt Typhoon 90", "203.0.113.78"]);
}

#[test]
fn tables_hold_what_counts_and_can_be_read_again() {
    let folder = folder("csv");
    folder.write("sha1.csv", "of an earlier time");
    std::fs::create_dir(folder.path("out")).unwrap();
    std::fs::write(folder.path("out/mutex.csv"), "of an earlier time").unwrap();
    let output = compile(&folder, &["--csv", "out"]);
    assert!(
        text(&output.stderr).contains("left out: 1 records silenced, 1 not valid at this time"),
        "{}",
        text(&output.stderr)
    );
    let table = std::fs::read_to_string(folder.path("out/domain.csv")).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("evil.example,subdomains,80,ours,Own,,"), "{table}");
    assert!(table.contains(",\"a \"\"name\"\", with those below\"\n"), "{table}");
    let of_nothing = std::fs::read_to_string(folder.path("out/mutex.csv")).unwrap();
    assert_eq!(of_nothing.lines().count(), 1, "{of_nothing}");
    // Our own reader takes each line.
    let columns =
        Columns { value: Some("indicator".into()), confidence: Some("confidence".into()), ..Columns::default() };
    let defaults = Defaults { kind: Some(Kind::Ip), ..Defaults::from(Record::new("again")) };
    let feed = Feed::open_table(folder.path("out/ip.csv"), &columns, &defaults).unwrap();
    assert_eq!(feed.rejected.total(), 0);
    let mut read: BTreeMap<String, u8> =
        feed.indicators.iter().map(|of| (of.pattern.to_string(), of.record.confidence)).collect();
    read.retain(|_, confidence| *confidence != 85);
    let own =
        [("203.0.113.0/24", 60), ("203.0.113.77", 90), ("203.0.113.128/25", 70), ("198.51.100.7-198.51.100.19", 40)];
    for (indicator, confidence) in own {
        assert_eq!(read.get(indicator), Some(&confidence), "{read:?}");
    }
    assert!(!read.contains_key("192.0.2.9"));
}

#[test]
fn suricata_gets_datasets_and_reputation() {
    let folder = folder("suricata");
    compile(&folder, &["--suricata", "rep"]);
    let read = |name: &str| std::fs::read_to_string(folder.path("rep").join(name)).unwrap();
    // `evil.example` in base64.
    assert_eq!(read("domain.rep"), "ZXZpbC5leGFtcGxl,80\n");
    assert!(read("md5.rep").contains("d41d8cd98f00b204e9800998ecf8427e,82\n"));
    let list = read("iprep.list");
    for line in ["203.0.113.0/24,1,60", "198.51.100.7/32,1,40", "198.51.100.8/29,1,40", "198.51.100.16/30,1,40"] {
        assert!(list.lines().any(|of| of == line), "{line} is missing in {list}");
    }
    assert!(read("categories.txt").starts_with("1,stormtag,"));
}

#[test]
fn zeek_gets_a_file_of_its_own() {
    let folder = folder("zeek");
    let [option, path] = &with_sample();
    for arguments in [&["compile", "--zeek", "intel.dat"][..], &[option, path, "compile", "--zeek", "intel.dat"]] {
        let output = folder.run(arguments, b"");
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let feed = Feed::open(folder.path("intel.dat"), Some(Format::Zeek), &Record::new("").into()).unwrap();
        assert_eq!(feed.rejected.total(), 0, "{:?}", feed.rejected);
        let lines = std::fs::read_to_string(folder.path("intel.dat")).unwrap().lines().count() - 1;
        assert_eq!(feed.indicators.len(), lines);
    }
    compile(&folder, &["--zeek", "intel.dat"]);
    let written = std::fs::read_to_string(folder.path("intel.dat")).unwrap();
    for line in [
        "203.0.113.0/24\tIntel::SUBNET\tours\tC0035; wide\t-",
        "evil.example/a\tIntel::URL\tours\tOwn\t-",
        "d41d8cd98f00b204e9800998ecf8427e\tIntel::FILE_HASH\tours\tOwn\t-",
    ] {
        assert!(written.lines().any(|of| of == line), "{line} is missing in {written}");
    }
    assert!(!written.contains("good.example"));
}
