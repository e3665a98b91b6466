//! Whose network an address is in, and where: `.mmdb` databases, flattened while loading.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;
use crate::feed;
use crate::generation::Content;
use crate::ranges::Ranges;

mod answers;
mod cells;
mod database;
mod fields;
mod layer;
mod tree;

pub use database::GeoDatabase;

pub(crate) use answers::{Text, Written};

use answers::Answers;
use layer::Layer;

/// Autonomous system, place and anonymity of addresses, from one or several `.mmdb` databases.
///
/// What the databases say is recognised by the fields of their records, not by their names: those of MaxMind and DB-IP (City,
/// Country, ASN, ISP, Anonymous IP) and of IPinfo. Where several know an address, the earlier one wins field by
/// field; a later one fills what is missing unless it contradicts (another country, another AS number). Names are the English ones.
///
/// Databases are read once, whole, and are not needed afterwards. A look-up does not allocate and cannot fail.
/// Special-use addresses (private, documentation, multicast …) never get an answer, whatever a database says of them. An IPv6
/// address that holds an IPv4 address (`::ffff:1.2.3.4`, `::1.2.3.4`) is looked up as that one.
///
/// ```
/// let geo = stormtag::Geo::open::<[&str; 0], _>([])?;
/// assert!(geo.asn("192.0.2.1".parse().unwrap()).is_none());
/// # Ok::<(), stormtag::Error>(())
/// ```
#[derive(Default)]
pub struct Geo {
    pub(crate) ranges: Ranges,
    answers: Answers,
    databases: Vec<GeoDatabase>,
    content: u128,
}

impl Geo {
    /// Reads databases from files; the first has the first word.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is no database, is broken anywhere, or has no field that is understood. The error names the file.
    pub fn open<I, P>(paths: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item = P>,
        P: AsRef<Path>,
    {
        Self::load(paths.into_iter().map(|path| {
            let path = path.as_ref().to_path_buf();
            let bytes = read(&path)?;
            Ok((path, bytes))
        }))
    }

    /// Takes databases as bytes, each with a name to be called by in errors and in [`databases`](Self::databases).
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn from_databases<I, N>(databases: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item = (N, Vec<u8>)>,
        N: Into<PathBuf>,
    {
        Self::load(databases.into_iter().map(|(name, bytes)| Ok((name.into(), bytes))))
    }

    fn load(databases: impl Iterator<Item = Result<(PathBuf, Vec<u8>), Error>>) -> Result<Self, Error> {
        let mut reports = Vec::new();
        let mut merged: Option<Layer> = None;
        let mut content = Content::new();
        for database in databases {
            let (name, bytes) = database?;
            content.part(&bytes);
            let (report, layer) = database::load(&name, bytes)?;
            reports.push(report);
            merged = Some(match merged {
                None => layer,
                Some(before) => before.over(&layer),
            });
        }
        let layer = merged.unwrap_or_default().without_special_use().compact();
        let ranges = layer.ranges();
        let answers = Answers::new(&layer.cells).map_err(|_| {
            let names: Vec<&str> = reports.iter().map(|report| report.name.as_str()).collect();
            Error::format(
                Path::new(&names.join(", ")),
                "more than four gigabytes of names: load fewer databases at once",
            )
        })?;
        let content = if reports.is_empty() { 0 } else { content.finish() };
        Ok(Self { ranges, answers, databases: reports, content })
    }

    /// The autonomous system that announces the address.
    #[must_use]
    pub fn asn(&self, ip: IpAddr) -> Option<Asn<'_>> {
        self.asn_of(self.cell(ip))
    }

    /// Where the address is said to be.
    #[must_use]
    pub fn place(&self, ip: IpAddr) -> Option<Place<'_>> {
        self.place_of(self.cell(ip))
    }

    /// Whether the address hides who uses it.
    #[must_use]
    pub fn anonymity(&self, ip: IpAddr) -> Anonymity {
        self.anonymity_of(self.cell(ip))
    }

    /// The databases read, in their order.
    #[must_use]
    pub fn databases(&self) -> &[GeoDatabase] {
        &self.databases
    }

    /// A hash of the databases; 0: none.
    pub(crate) fn content(&self) -> u128 {
        self.content
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.ranges.memory() + self.answers.memory()
    }

    /// The id of everything known of an address; 0 is nothing. Ids are dense and mean the same as long as this value lives.
    #[inline]
    pub(crate) fn cell(&self, ip: IpAddr) -> u32 {
        self.ranges.get(match ip {
            IpAddr::V6(six) => six.to_ipv4().map_or(ip, IpAddr::V4),
            IpAddr::V4(_) => ip,
        })
    }

    #[inline]
    pub(crate) fn asn_of(&self, cell: u32) -> Option<Asn<'_>> {
        self.answers.asn(cell)
    }

    #[inline]
    pub(crate) fn place_of(&self, cell: u32) -> Option<Place<'_>> {
        self.answers.place(cell)
    }

    pub(crate) fn anonymity_of(&self, cell: u32) -> Anonymity {
        self.answers.anonymity(cell)
    }

    /// Where what is written of the addresses in a cell stands. To be asked for early: memory takes its time.
    #[inline(always)]
    pub(crate) fn written(&self, cell: u32) -> Written {
        self.answers.written(cell)
    }

    /// `"as":{…}` and `"geo":{…}` in the words of ECS, each empty where nothing is known.
    #[inline]
    pub(crate) fn text(&self, written: Written) -> Text<'_> {
        self.answers.text(written)
    }
}

impl std::fmt::Debug for Geo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Geo")
            .field("databases", &self.databases)
            .field("ranges", &self.ranges.len())
            .finish_non_exhaustive()
    }
}

/// Reads into memory, never maps: a file truncated under a map kills the process. Unpacks what is compressed.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    feed::open::open(path)?.read_to_end(&mut bytes).map_err(|error| Error::io(path, error))?;
    Ok(bytes)
}

/// An autonomous system, and who stands behind the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Asn<'a> {
    /// The number, never 0 in an answer.
    pub number: u32,
    /// Who holds the number, else who holds the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'a str>,
    /// The provider of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isp: Option<&'a str>,
    /// The organisation's domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<&'a str>,
}

/// A place, as exact as the databases have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Place<'a> {
    /// Two letters: AF, AN, AS, EU, NA, OC, SA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continent_code: Option<&'a str>,
    /// In English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continent_name: Option<&'a str>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_iso_code: Option<&'a str>,
    /// In English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_name: Option<&'a str>,
    /// ISO 3166-2, with the country: "US-CA", as in ECS. Of several nested regions the largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_iso_code: Option<&'a str>,
    /// In English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_name: Option<&'a str>,
    /// In English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city_name: Option<&'a str>,
    /// As written in the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<&'a str>,
    /// Degrees, north is positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees, east is positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// IANA's name: "Europe/Stockholm".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// The texts, by the names that ECS has for them in `geo`: from the continent to the region, then what is the place's own.
    pub(crate) fn texts(&self) -> [(&'static str, Option<&'a str>); 9] {
        [
            ("continent_code", self.continent_code),
            ("continent_name", self.continent_name),
            ("country_iso_code", self.country_iso_code),
            ("country_name", self.country_name),
            ("region_iso_code", self.region_iso_code),
            ("region_name", self.region_name),
            ("city_name", self.city_name),
            ("postal_code", self.postal_code),
            ("timezone", self.time_zone),
        ]
    }
}

/// By what means an address hides who uses it; none for most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Anonymity(u8);

impl Anonymity {
    /// Some kind of anonymity.
    pub const ANONYMOUS: Self = Self(1);
    /// A VPN provider's exit.
    pub const VPN: Self = Self(1 << 1);
    /// A hosting provider's address.
    pub const HOSTING: Self = Self(1 << 2);
    /// An open proxy.
    pub const PUBLIC_PROXY: Self = Self(1 << 3);
    /// A proxy on a private person's line.
    pub const RESIDENTIAL_PROXY: Self = Self(1 << 4);
    /// A Tor exit node.
    pub const TOR_EXIT: Self = Self(1 << 5);

    const NAMES: [(Self, &str); 6] = [
        (Self::ANONYMOUS, "anonymous"),
        (Self::VPN, "vpn"),
        (Self::HOSTING, "hosting"),
        (Self::PUBLIC_PROXY, "public-proxy"),
        (Self::RESIDENTIAL_PROXY, "residential-proxy"),
        (Self::TOR_EXIT, "tor-exit"),
    ];

    /// Whether nothing is known of the kind.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all that `other` holds is here.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is here, by name: anonymous, vpn, hosting, public-proxy, residential-proxy, tor-exit.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
