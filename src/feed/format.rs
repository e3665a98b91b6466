//! Formats of feeds: which there are, which a file has, and the reader for each.

use std::fmt;
use std::io::{BufRead, Read};
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;
use crate::feed::open::{decode, open, peek};
use crate::feed::{Columns, Defaults, Feed, csv, jsonl, loki, maltrail, misp, openioc, plain, stix, text, zeek};

/// What a feed is written in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Format {
    /// One value a line; comments; further columns are passed over; hosts files.
    Plain,
    /// Comma-separated with a header, see [`Columns`].
    Csv,
    /// Tab-separated with a header, see [`Columns`].
    Tsv,
    /// A file of [Zeek's intelligence framework](https://docs.zeek.org/en/lts/frameworks/intel.html).
    Zeek,
    /// A trail file of [Maltrail](https://github.com/stamparm/maltrail).
    Maltrail,
    /// STIX 2.0 or 2.1: bundles, objects one after the other, the envelopes of TAXII.
    ///
    /// Of a pattern (STIX 2.1, section 9) each alternative that one value can tell becomes an indicator. `=` means a name alone,
    /// `LIKE '%.evil.example'` the name and all below it. What needs several values, an order or a number of observations is
    /// rejected as a whole, each with its reason: [`Unmatchable`](crate::Unmatchable). The digests of one file stand each for
    /// itself, and so does a digest beside what follows from the content, as its size and type. Objects that are no indicators are
    /// passed over; their relationships give the records their campaigns, actors, malware and techniques.
    ///
    /// Holds the text of one object at a time, and of each what goes into records: a bundle of 54 MB with 65,000 indicators takes
    /// 1.6 times its size at most.
    Stix,
    /// Events of [MISP](https://www.misp-standard.org/rfc/misp-standard-core.html) in JSON, or a folder of them with its manifest.
    Misp,
    /// JSON objects, one a line or in an array, see [`Columns`].
    Json,
    /// [OpenIOC](https://github.com/fireeye/OpenIOC_1.1) 1.0 and 1.1.
    OpenIoc,
    /// A list of [LOKI](https://github.com/Neo23x0/signature-base): `value;comment`.
    Loki,
    /// A report: each observable in the text, defanged or not, is an indicator; see [`Extractor`](crate::Extractor). Never guessed.
    Text,
}

impl Format {
    /// Every format, in the order of their declaration.
    pub const ALL: &[Format] = &[
        Self::Plain,
        Self::Csv,
        Self::Tsv,
        Self::Zeek,
        Self::Maltrail,
        Self::Stix,
        Self::Misp,
        Self::Json,
        Self::OpenIoc,
        Self::Loki,
        Self::Text,
    ];

    /// The name used in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Zeek => "zeek",
            Self::Maltrail => "maltrail",
            Self::Stix => "stix",
            Self::Misp => "misp",
            Self::Json => "json",
            Self::OpenIoc => "openioc",
            Self::Loki => "loki",
            Self::Text => "text",
        }
    }

    /// The format of a file by its first bytes (decompressed; some 4 KiB are enough) and, where these leave it open, by its name.
    /// `None` for what is none of them, as HTML, and JSON or XML that holds no indicators.
    ///
    /// ```
    /// use stormtag::Format;
    ///
    /// assert_eq!(Format::guess("feed.txt", b"type,indicator\ndomain,evil.example\n"), Some(Format::Csv));
    /// assert_eq!(Format::guess("feed.txt", b"# a list\nevil.example\n"), Some(Format::Plain));
    /// assert_eq!(Format::guess("feed.txt", b"<!DOCTYPE html>"), None);
    /// ```
    #[must_use]
    pub fn guess(path: impl AsRef<Path>, start: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(start);
        if crate::stix::looks_like(&text) {
            return Some(Self::Stix);
        }
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') {
            return ["<ioc", "<OpenIOC"].iter().any(|root| text.contains(root)).then_some(Self::OpenIoc);
        }
        if text.starts_with('{') || text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{')) {
            let is_misp = ["\"Event\"", "\"Attribute\"", "\"threat_level_id\""].iter().any(|key| text.contains(key));
            return if is_misp { Some(Self::Misp) } else { jsonl::looks_like(text).then_some(Self::Json) };
        }
        if text.lines().any(|line| line.starts_with("#fields") && line.contains("indicator_type")) {
            return Some(Self::Zeek);
        }
        if text.lines().any(|line| line.starts_with('#') && line.contains("Maltrail developers")) {
            return Some(Self::Maltrail);
        }
        if loki::looks_like(text) {
            return Some(Self::Loki);
        }
        let is_row = |line: &&str| !line.trim().is_empty() && !line.starts_with(['#', ';']) && !line.starts_with("//");
        let header = text.lines().find(is_row).unwrap_or_default();
        let table = |delimiter| {
            header.contains(delimiter) && Columns::guess(header.split(delimiter).map(unquoted)).value.is_some()
        };
        if table('\t') {
            return Some(Self::Tsv);
        }
        if table(',') {
            return Some(Self::Csv);
        }
        let name = path.as_ref().file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
        let suffix = name.split('.').rfind(|part| !["gz", "xz", "zst"].contains(part));
        Some(match suffix {
            Some("csv") if header.contains(',') => Self::Csv,
            Some("tsv") if header.contains('\t') => Self::Tsv,
            Some("intel") => Self::Zeek,
            _ => Self::Plain,
        })
    }
}

fn unquoted(name: &str) -> &str {
    name.trim().trim_matches('"')
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let named = |format: &&Format| format.name().eq_ignore_ascii_case(text.trim());
        Self::ALL.iter().find(named).copied().ok_or(UnknownFormat)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no [`Format`]'s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown format; the formats are plain, csv, tsv, zeek, maltrail, stix, misp, json, openioc, loki and text")]
pub struct UnknownFormat;

impl Feed {
    /// Reads a file, which may be compressed with gzip, xz or zstd. Where no format is given, it is [guessed](Format::guess).
    ///
    /// A folder is read as a feed of MISP: `manifest.json` and the events that it names, of which a missing or broken one is rejected.
    ///
    /// Costs about a microsecond a line; holds the indicators, and each different record once.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not in that format at all: no text, no column or field that holds indicators. A line that
    /// is no indicator is no error, it is counted in [`Feed::rejected`]. Nor is a file that breaks off after its first
    /// indicators: that is rejected with [`Reason::BrokenOff`](crate::Reason::BrokenOff).
    ///
    /// ```no_run
    /// use stormtag::{Feed, Format, Record};
    ///
    /// let feed = Feed::open("feeds/ipsum.txt.gz", Some(Format::Plain), &Record::new("ipsum").into())?;
    /// println!("{} indicators, {} lines rejected", feed.indicators.len(), feed.rejected.total());
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>, format: Option<Format>, defaults: &Defaults) -> Result<Self, Error> {
        let path = path.as_ref();
        if path.is_dir() && format.is_none_or(|format| format == Format::Misp) {
            return misp::read_folder(path, defaults);
        }
        read(open(path)?, path, format, None, defaults)
    }

    /// As [`open`](Self::open), from any reader. The name stands for that of the file: in errors, as the family of a Maltrail
    /// file, and as the source if the defaults have none.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// ```
    /// use stormtag::{Feed, Record};
    ///
    /// let text = "# a list\nevil.example\n203.0.113.0/24\n???\n";
    /// let feed = Feed::read(text.as_bytes(), "list", None, &Record::new("my-feed").into())?;
    /// assert_eq!(feed.indicators.len(), 2);
    /// assert_eq!(feed.rejected.first()[0].line, 4);
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    pub fn read(reader: impl Read, name: &str, format: Option<Format>, defaults: &Defaults) -> Result<Self, Error> {
        let path = Path::new(name);
        read(decode(reader, path)?, path, format, None, defaults)
    }

    /// Opens a table whose columns are given, or JSON objects whose paths are; tabs, commas and JSON are told by the first bytes.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if the header does not have a column that is named: the error says which it has.
    pub fn open_table(path: impl AsRef<Path>, columns: &Columns, defaults: &Defaults) -> Result<Self, Error> {
        let path = path.as_ref();
        read(open(path)?, path, None, Some(columns), defaults)
    }

    /// As [`open_table`](Self::open_table), from any reader.
    ///
    /// # Errors
    ///
    /// As [`open_table`](Self::open_table).
    ///
    /// ```
    /// use stormtag::{Columns, Feed, Record};
    ///
    /// let columns = Columns { value: Some("host".into()), actor: Some("who".into()), ..Columns::default() };
    /// let text = "who,host\nVolt Typhoon,evil.example\n";
    /// let feed = Feed::read_table(text.as_bytes(), "table", &columns, &Record::new("my-feed").into())?;
    /// assert_eq!(&*feed.indicators[0].record.actors[0], "Volt Typhoon");
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    pub fn read_table(reader: impl Read, name: &str, columns: &Columns, defaults: &Defaults) -> Result<Self, Error> {
        let path = Path::new(name);
        read(decode(reader, path)?, path, None, Some(columns), defaults)
    }
}

fn read(
    reader: Box<dyn BufRead + '_>,
    path: &Path,
    format: Option<Format>,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Feed, Error> {
    /// Long copyright notices stand before the first row.
    const START: usize = 8 * 1024;
    if columns.is_none()
        && let Some(format) = format
    {
        return read_as(format, reader, path, None, defaults);
    }
    let (start, reader) = peek(reader, START).map_err(|source| Error::io(path, source))?;
    let format = match columns {
        Some(_) if start.trim_ascii_start().starts_with(b"{") || start.trim_ascii_start().starts_with(b"[") => {
            Format::Json
        }
        Some(_) => {
            let header = start.split(|&b| b == b'\n').find(|line| !line.starts_with(b"#")).unwrap_or_default();
            if header.contains(&b'\t') { Format::Tsv } else { Format::Csv }
        }
        None => Format::guess(path, &start).ok_or_else(|| {
            let formats = Format::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
            Error::format(
                path,
                format!(
                    "looks like JSON, XML or HTML, in which no indicators are recognised; the formats are {formats}"
                ),
            )
        })?,
    };
    read_as(format, reader, path, columns, defaults)
}

fn read_as(
    format: Format,
    reader: impl BufRead,
    path: &Path,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Feed, Error> {
    match format {
        Format::Plain => plain::read(reader, path, defaults),
        Format::Csv => csv::read(reader, path, ',', columns, defaults),
        Format::Tsv => csv::read(reader, path, '\t', columns, defaults),
        Format::Zeek => zeek::read(reader, path, defaults),
        Format::Maltrail => maltrail::read(reader, path, defaults),
        Format::Stix => stix::read(reader, path, defaults),
        Format::Misp => misp::read(reader, path, defaults),
        Format::Json => jsonl::read(reader, path, columns, defaults),
        Format::OpenIoc => openioc::read(reader, path, defaults),
        Format::Loki => loki::read(reader, path, defaults),
        Format::Text => text::read(reader, path, defaults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(*format));
        }
        assert_eq!("yara".parse::<Format>(), Err(UnknownFormat));
    }

    #[test]
    fn formats_are_told_by_content_first() {
        let cases: [(&str, &str, Option<Format>); 14] = [
            ("a.txt", " {\"type\": \"bundle\"", Some(Format::Stix)),
            ("a.txt", "#fields\tindicator\tindicator_type\n", Some(Format::Zeek)),
            ("a.csv", "# Copyright (c) 2014-2026 Maltrail developers\n", Some(Format::Maltrail)),
            ("a.txt", "\u{feff}value,entity_type\n", Some(Format::Csv)),
            ("a.txt", "type\tvalue\n", Some(Format::Tsv)),
            ("a.csv.gz", "# id,url\n1,http://a.example/\n", Some(Format::Csv)),
            ("a.txt", "# IP\tcount\n203.0.113.9\t3\n", Some(Format::Plain)),
            ("a.json", "  {\"a\": 1}", None),
            ("a.json", "{\"response\": [{\"Event\": {", Some(Format::Misp)),
            ("a", "{\"indicator\":\"a.example\"}\n{", Some(Format::Json)),
            ("a", "{\"data\": [\n {\"ip\": \"203.0.113.9\"}, {", Some(Format::Json)),
            ("a", "<?xml version='1.0'?>\n<ioc id='1'>", Some(Format::OpenIoc)),
            ("a", "d41d8cd98f00b204e9800998ecf8427e;a file\n", Some(Format::Loki)),
            ("a", "", Some(Format::Plain)),
        ];
        for (name, text, expected) in cases {
            assert_eq!(Format::guess(name, text.as_bytes()), expected, "{text}");
        }
    }
}
