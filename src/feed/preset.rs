//! Presets: the columns of tables that many people read.

use std::sync::LazyLock;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::document;
use crate::feed::{Columns, Defaults};
use crate::observable::Kind;
use crate::record::Record;

/// The columns of a well-known table, and what is true of each of its rows.
///
/// The header of a table mostly says enough; a preset is for whoever wants to be sure, and says what no header does. A file without one
/// of the columns is an error and not a guess.
///
#[doc = include_str!("../../docs/presets.md")]
///
/// ```
/// use stormtag::{Feed, Kind, Preset};
///
/// let text = "# Firstseen,DstIP,DstPort\n2024-01-12 17:00:00,203.0.113.9,443\n";
/// let preset = Preset::named("sslbl-ips").unwrap();
/// let feed = Feed::read_table(text.as_bytes(), "sslipblacklist.csv", preset.columns(), &preset.defaults())?;
/// assert_eq!(feed.indicators[0].pattern.kind(), Kind::Ip);
/// assert_eq!(feed.indicators[0].record.role.as_deref(), Some("C2"));
/// # Ok::<(), stormtag::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preset {
    name: Box<str>,
    columns: Columns,
    defaults: Defaults,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    preset: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Box<str>,
    columns: Columns,
    #[serde(default)]
    source: Box<str>,
    #[serde(default, deserialize_with = "kind")]
    kind: Option<Kind>,
    role: Option<Box<str>>,
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

impl Preset {
    /// Every preset, in the order of the table.
    #[must_use]
    pub fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Preset>> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "the file is part of the crate and read in its tests")]
            let file: File = document::read("data/presets.toml", include_str!("../../data/presets.toml"))
                .expect("the built-in presets are well-formed");
            file.preset.into_iter().map(Preset::from).collect()
        });
        &ALL
    }

    /// The preset of this name, whatever its case.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|preset| preset.name.eq_ignore_ascii_case(name.trim()))
    }

    /// The name used in configurations.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which column holds what.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// What is true of every row: the source, and the kind and the role where there is but one.
    #[must_use]
    pub fn defaults(&self) -> Defaults {
        self.defaults.clone()
    }
}

impl From<Entry> for Preset {
    fn from(entry: Entry) -> Self {
        let Entry { name, columns, source, kind, role } = entry;
        let record = Record { role, ..Record::new(&source) };
        Self { name, columns, defaults: Defaults { kind, ..record.into() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Feed;

    /// The table as it is published, a few rows of our own, and the indicators, their malware and role.
    const TABLES: &[(&str, &str, &[&str])] = &[
        (
            "feodotracker",
            "################\n# Feodo Tracker #\n#\n\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n\
             \"2024-01-12 17:00:00\",\"203.0.113.9\",\"443\",\"online\",\"2024-02-01\",\"QakBot\"\n# Number of entries: 1\n",
            &["203.0.113.9 QakBot C2 1705078800 1706745600"],
        ),
        (
            "urlhaus",
            "#\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\
             \"7\",\"2024-01-12 17:00:00\",\"http://a.example/x.sh\",\"online\",\"2024-02-01 00:00:00\",\"malware_download\",\"elf,mirai\",\
             \"https://r.example/url/7/\",\"someone\"\n",
            &["http://a.example/x.sh  malware_download - 1706745600"],
        ),
        (
            "threatfox",
            "#\n# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\"malware_alias\",\"malware_printable\",\
             \"last_seen_utc\",\"confidence_level\",\"is_compromised\",\"reference\",\"tags\",\"anonymous\",\"reporter\"\n\
             \"2024-01-12 17:00:00\", \"7\", \"203.0.113.9:443\", \"ip:port\", \"botnet_cc\", \"win.x\", \"None\", \"Some RAT\", \"\", \"75\", \
             \"0\", \"None\", \"a,b\", \"0\", \"someone\"\n",
            &["203.0.113.9 Some RAT botnet_cc 1705078800 -"],
        ),
        (
            "malwarebazaar",
            "#\n# \"first_seen_utc\",\"sha256_hash\",\"md5_hash\",\"sha1_hash\",\"reporter\",\"file_name\",\"file_type_guess\",\"mime_type\",\
             \"signature\",\"clamav\",\"vtpercent\",\"imphash\",\"ssdeep\",\"tlsh\"\n\"2024-01-12 17:00:00\", \
             \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\", \"d41d8cd98f00b204e9800998ecf8427e\", \
             \"da39a3ee5e6b4b0d3255bfef95601890afd80709\", \"someone\", \"a.exe\", \"exe\", \"x\", \"Family\", \"n/a\", \"n/a\", \"\", \"\", \"\"\n",
            &["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 Family  1705078800 -"],
        ),
        (
            "sslbl-certificates",
            "#\n# Listingdate,SHA1,Listingreason\n2024-01-12 17:00:00,da39a3ee5e6b4b0d3255bfef95601890afd80709,Some RAT C&C\n",
            &["da39a3ee5e6b4b0d3255bfef95601890afd80709  C2 - -"],
        ),
        (
            "sslbl-ips",
            "#\n# Firstseen,DstIP,DstPort\n2024-01-12 17:00:00,203.0.113.9,443\n",
            &["203.0.113.9  C2 1705078800 -"],
        ),
        (
            "sslbl-ja3",
            "#\n# ja3_md5,Firstseen,Lastseen,Listingreason\nd41d8cd98f00b204e9800998ecf8427e,2024-01-12 17:00:00,2024-02-01 00:00:00,RAT\n",
            &["d41d8cd98f00b204e9800998ecf8427e  C2 1705078800 1706745600"],
        ),
        (
            "otx",
            "Indicator type,Indicator,Description\nIPv4,203.0.113.9,\nhostname,a.evil.example,x\nFileHash-MD5,\
             d41d8cd98f00b204e9800998ecf8427e,\nURL,http://a.example/x,\ndomain,evil.example,\n",
            &[
                "203.0.113.9   - -",
                "a.evil.example   - -",
                "d41d8cd98f00b204e9800998ecf8427e   - -",
                "http://a.example/x   - -",
                "evil.example   - -",
            ],
        ),
        (
            "misp-csv",
            "uuid,event_id,category,type,value,comment,to_ids,date\n\"u\",7,\"Network activity\",\"domain|ip\",\"evil.example|203.0.113.9\",\
             \"c\",1,20240112\n\"v\",7,\"Other\",\"domain\",\"b.example\",\"\",0,20240112\n",
            &["evil.example  Network activity - -", "203.0.113.9  Network activity - -"],
        ),
        (
            "microsoft-rapid-release",
            "TimeGenerated,IoC,IoC_Type,ExpirationDateTime,Description,Action,ConfidenceScore,ThreatType,Active,Type,\
             TrafficLightProtocolLevel,ActivityGroupNames\n1/12/2024,evil.example,domain,1/12/2027,d,Alert,100,t,TRUE,r,Clear,Storm-1\n",
            &["evil.example   - -"],
        ),
        ("volexity", "\u{feff}value,entity_type,description\n203.0.113.9,ipaddress,RAT C2\n", &["203.0.113.9   - -"]),
        (
            "infoblox",
            "type,indicator,classification,detected_date\ndomain,evil.example,malicious,2024-01-12\n",
            &["evil.example   1705017600 -"],
        ),
    ];

    #[test]
    fn published_tables_are_read() {
        assert!(TABLES.iter().map(|(name, ..)| *name).eq(Preset::all().iter().map(Preset::name)));
        for (name, text, expected) in TABLES {
            let preset = Preset::named(name).unwrap();
            let feed = Feed::read_table(text.as_bytes(), "test.csv", preset.columns(), &preset.defaults()).unwrap();
            let seconds = |time: Option<i64>| time.map_or("-".to_owned(), |time| time.to_string());
            let found = feed.indicators.iter().map(|found| {
                let Record { malware, role, first_seen, last_seen, .. } = &*found.record;
                let (first, last) = (seconds(*first_seen), seconds(*last_seen));
                format!(
                    "{} {} {} {first} {last}",
                    found.pattern,
                    malware.join(","),
                    role.as_deref().unwrap_or_default()
                )
            });
            assert_eq!(found.collect::<Vec<_>>(), *expected, "{name}");
            assert_eq!(feed.ignored.total(), 0, "{name}: {:?}", feed.ignored.first());
            if let Some(kind) = preset.defaults.kind {
                assert!(feed.indicators.iter().all(|found| found.pattern.kind() == kind), "{name}");
            }
        }
    }

    #[test]
    fn the_table_for_people_lists_them_all() {
        let rows: Vec<_> = include_str!("../../docs/presets.md").lines().skip(2).collect();
        assert_eq!(rows.len(), Preset::all().len());
        for (preset, row) in Preset::all().iter().zip(rows) {
            assert!(row.starts_with(&format!("| `{}` |", preset.name)), "{row}");
            let said = [preset.defaults.kind.map(Kind::name), preset.defaults.record.role.as_deref()];
            assert!(said.into_iter().flatten().all(|said| row.contains(said)), "{row}");
        }
    }

    #[test]
    fn another_table_is_an_error_that_says_what_it_has() {
        let preset = Preset::named("URLhaus").unwrap();
        let text = "id,url,added\n1,http://a.example/,x\n";
        let error = Feed::read_table(text.as_bytes(), "a.csv", preset.columns(), &preset.defaults()).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("a.csv:1: no column") && error.contains("id, url, added"), "{error}");
        assert!(Preset::named("urlhouse").is_none());
    }
}
