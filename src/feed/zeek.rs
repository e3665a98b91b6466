//! Files of Zeek's intelligence framework, <https://docs.zeek.org/en/lts/frameworks/intel.html>.

use std::io::BufRead;
use std::path::Path;

use crate::error::Error;
use crate::feed::gathering::{Gathering, Records};
use crate::feed::value::Said;
use crate::feed::{Defaults, Feed, Reason};
use crate::observable::Kind;

/// Reads tab-separated lines under a header `#fields`.
///
/// `meta.source` is the source of the record, `meta.desc` its description and `meta.url` its reference. `meta.do_notice` and
/// `meta.if_in` steer notices within Zeek and are passed over. URLs have no scheme in Zeek and here match by `http` and `https`.
/// Unlike in Zeek a domain covers its subdomains, as in every other feed.
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let mut gathering = Gathering::new(path, defaults);
    let mut records = Records::new(&gathering, defaults);
    let mut header: Option<Header> = None;
    let mut key = String::new();
    let (items, failed) = gathering.lines(reader, |gathering, number, text| {
        if let Some(fields) = text.strip_prefix("#fields") {
            header = Some(Header::of(fields).map_err(|message| gathering.error(number, message))?);
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        }
        if text.starts_with('#') || text.trim().is_empty() {
            gathering.pass(number, text, Reason::NoContent);
            return Ok(());
        }
        let Some(header) = &header else {
            return Err(
                gathering.error(number, "no line `#fields` before the first indicator: no Zeek intelligence file")
            );
        };
        let cell = |column: Option<usize>| {
            let cell = text.split('\t').nth(column?)?.trim();
            (!["", "-", "(empty)"].contains(&cell)).then_some(cell)
        };
        let meta = [header.source, header.description, header.reference].map(cell);
        key.clear();
        for cell in meta {
            key.push_str(cell.unwrap_or_default());
            key.push('\t');
        }
        let made = records.of(&key, |making| {
            let [source, description, reference] = meta;
            if let Some(source) = source {
                making.record.source = source.into();
            }
            making.record.description = description.map(Box::from).or(making.record.description.take());
            making.record.reference = reference.map(Box::from).or(making.record.reference.take());
        });
        match (cell(Some(header.indicator)), cell(Some(header.kind))) {
            (Some(value), Some(kind)) => gathering.add(number, value, said(kind, value), &made.record),
            _ => gathering.reject(number, text, Reason::NoValue),
        }
        Ok(())
    })?;
    gathering.finish(items, failed)
}

struct Header {
    indicator: usize,
    kind: usize,
    source: Option<usize>,
    description: Option<usize>,
    reference: Option<usize>,
}

impl Header {
    /// Reads what follows `#fields`. Zeek wants tabs; files passed on by hand often hold spaces there.
    fn of(fields: &str) -> Result<Self, String> {
        let names: Vec<&str> = fields.split_ascii_whitespace().collect();
        let find = |name| names.iter().position(|&other| other == name);
        let need = |name| find(name).ok_or_else(|| format!("no field {name}; the fields are: {}", names.join(", ")));
        Ok(Self {
            indicator: need("indicator")?,
            kind: need("indicator_type")?,
            source: find("meta.source"),
            description: find("meta.desc"),
            reference: find("meta.url"),
        })
    }
}

/// `Intel::Type` of Zeek 8 and its counterpart.
fn said(kind: &str, value: &str) -> Said {
    match kind.strip_prefix("Intel::").unwrap_or(kind) {
        "ADDR" | "SUBNET" => Said::Kind(Kind::Ip),
        "URL" => Said::Kind(Kind::Url),
        "DOMAIN" => Said::Kind(Kind::Domain),
        "EMAIL" => Said::Kind(Kind::Email),
        "USER_NAME" => Said::Kind(Kind::UserName),
        "FILE_NAME" => Said::Kind(Kind::FileName),
        "FILE_HASH" => Said::Hash,
        "CERT_HASH" if value.len() == 64 => Said::Kind(Kind::CertSha256),
        "CERT_HASH" => Said::Kind(Kind::CertSha1),
        // In Zeek's own scripts software is what a user agent says of itself.
        "SOFTWARE" => Said::Kind(Kind::UserAgent),
        _ => Said::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn feed(text: &str) -> Result<Feed, Error> {
        read(text.as_bytes(), Path::new("test.intel"), &Record::new("test").into())
    }

    #[test]
    fn types_and_metadata() {
        let text = "#fields\tindicator\tindicator_type\tmeta.source\tmeta.url\tmeta.desc\n\
            evil.example/a\tIntel::URL\ts1\t-\tone\n\
            198.51.100.0/24\tIntel::SUBNET\t-\thttps://report.example\t(empty)\n\
            SHA256:abc\tIntel::PUBKEY_HASH\ts1\t-\tone\n\
            -\tIntel::ADDR\ts1\t-\tone\n";
        let feed = feed(text).unwrap();
        let found: Vec<_> = feed.indicators.iter().map(|found| found.pattern.to_string()).collect();
        assert_eq!(found, ["evil.example/a", "198.51.100.0/24"]);
        let [first, second] = [0, 1].map(|at: usize| &feed.indicators[at].record);
        assert_eq!((&*first.source, first.description.as_deref()), ("s1", Some("one")));
        assert_eq!((&*second.source, second.reference.as_deref()), ("test", Some("https://report.example")));
        let counts: Vec<_> = feed.rejected.counts().collect();
        assert_eq!(counts, [(Reason::ForeignKind, 1), (Reason::NoValue, 1)]);
    }

    #[test]
    fn no_fields_no_feed() {
        let error = feed("203.0.113.9\tIntel::ADDR\n").unwrap_err().to_string();
        assert!(error.contains("test.intel:1") && error.contains("#fields"), "{error}");
        assert!(feed("#fields\tindicator\n").is_err());
    }
}
