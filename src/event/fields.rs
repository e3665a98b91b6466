//! Field maps: which path of an event holds what.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::behaviour::Part;
use crate::error::Error;
use crate::feed::whole;
use crate::observable::Kind;

/// Which fields of an event hold something to look up.
///
/// A map is data: lines of `path kind [place]`. Paths find nested objects and dotted keys alike, arrays stand for their elements,
/// and `?.` in front allows one object around the record. `data/fields/README.md` describes the format; maps for ECS, Zeek,
/// Suricata, flat flow logs, Sysmon, OCSF, CloudTrail, Kubernetes, resolvers and web servers are built in.
///
/// ```
/// use stormtag::FieldMap;
///
/// let mut fields = FieldMap::ecs();
/// fields.extend(FieldMap::parse("mine", "client_address  ip  client\nreferrer  url\n")?);
/// # Ok::<(), stormtag::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FieldMap {
    fields: Vec<Field>,
}

/// One line of a map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub(crate) path: Box<str>,
    pub(crate) wrapped: bool,
    pub(crate) reads: Reads,
    /// The entity the address describes, in the words of ECS.
    pub(crate) place: Option<Box<str>>,
}

/// How the value of a field is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Reads {
    /// As a value of one kind.
    Kind(Kind),
    /// As an address or a name, with or without a port.
    Host,
    /// As several hosts between semicolons, commas or blanks.
    List,
    /// As a file hash, told by its length.
    Hash,
    /// As Sysmon's `SHA1=…,MD5=…,SHA256=…,IMPHASH=…`.
    Hashes,
    /// As the time of the event.
    Time,
    /// As free text: whatever an [`Extractor`](crate::Extractor) finds in it.
    Any,
    /// As a value of the part's kind.
    Part(Part),
}

impl Reads {
    /// Which text of the event it is to behaviours, if it is one.
    pub(crate) fn part(self) -> Option<Part> {
        match self {
            Self::Part(part) => Some(part),
            Self::Kind(kind) => Part::of(kind),
            _ => None,
        }
    }
}

impl FromStr for Reads {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "host" => Self::Host,
            "list" => Self::List,
            "hash" => Self::Hash,
            "hashes" => Self::Hashes,
            "time" => Self::Time,
            "any" => Self::Any,
            word => match word.parse() {
                Ok(kind) => Self::Kind(kind),
                Err(_) => Self::Part(word.parse().map_err(|_| ())?),
            },
        })
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind(kind) => kind.name(),
            Self::Host => "host",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Hashes => "hashes",
            Self::Time => "time",
            Self::Any => "any",
            Self::Part(part) => part.name(),
        })
    }
}

macro_rules! builtin {
    ($($(#[$doc:meta])* $name:ident $file:literal;)*) => {
        impl FieldMap {
            $($(#[$doc])*
            #[must_use]
            #[allow(clippy::expect_used, reason = "the file is part of the crate and read in its tests")]
            pub fn $name() -> Self {
                const FILE: &str = concat!("data/fields/", $file);
                Self::parse(FILE, include_str!(concat!("../../data/fields/", $file))).expect("built-in maps are well-formed")
            })*

            /// All built-in maps together: for a stream of mixed logs. An event costs the same, whatever the number of paths.
            #[must_use]
            pub fn builtin() -> Self {
                let mut all = Self::default();
                $(all.extend(Self::$name());)*
                all
            }

            /// The names of the built-in maps.
            #[cfg(feature = "config")]
            pub(crate) const NAMES: &[&'static str] = &[$(stringify!($name)),*];

            /// A built-in map by its name: `ecs`, `zeek`, `suricata`, `flow`, `sysmon`, `ocsf`, `cloudtrail`, `kubernetes`, `dns`, `web`.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name()),)*
                    _ => None,
                }
            }
        }
    };
}

builtin! {
    /// Elastic Common Schema.
    ecs "ecs.fields";
    /// Zeek logs as JSON, in all three spellings (`id.orig_h`, `id_orig_h`, `{"conn":{…}}`).
    zeek "zeek.fields";
    /// Suricata's EVE.
    suricata "suricata.fields";
    /// Flat JSON: flow logs, firewalls, proxies.
    flow "flow.fields";
    /// Sysmon and other Windows events, flat or as Winlogbeat writes them.
    sysmon "sysmon.fields";
    /// The Open Cybersecurity Schema Framework.
    ocsf "ocsf.fields";
    /// AWS CloudTrail.
    cloudtrail "cloudtrail.fields";
    /// Audit events of Kubernetes.
    kubernetes "kubernetes.fields";
    /// Resolvers: Route 53, Google Cloud DNS, DNS-collector, AdGuard Home.
    dns "dns.fields";
    /// Access logs: nginx, Caddy, Traefik, Envoy and Istio.
    web "web.fields";
}

impl FieldMap {
    /// Reads a map from a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is larger than 512 MiB, or a line is not `path kind [place]`: then with the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
        let text = whole::read(file, path)?;
        Self::parse(&path.to_string_lossy(), &text)
    }

    /// Reads a map from a text; `name` stands in errors.
    ///
    /// # Errors
    ///
    /// If a line is not `path kind [place]`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let mut map = Self::default();
        for (line, number) in text.lines().zip(1..) {
            let line = line.split(" #").next().unwrap_or(line);
            let mut words = line.split_whitespace();
            let Some(path) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            let (Some(reads), place, None) = (words.next(), words.next(), words.next()) else {
                return Err(Error::line(name, number, format!("expected `path kind [place]`, found {line:?}")));
            };
            let Ok(reads) = reads.parse() else {
                let message = format!(
                    "unknown kind {reads:?}; expected any, host, list, hash, hashes, time or one of {}",
                    names().collect::<Vec<_>>().join(", ")
                );
                return Err(Error::line(name, number, message));
            };
            let (wrapped, path) = path.strip_prefix("?.").map_or((false, path), |path| (true, path));
            if path.split('.').any(str::is_empty) {
                return Err(Error::line(name, number, format!("an empty name in the path {path:?}")));
            }
            if map.fields.len() == usize::from(u16::MAX) {
                return Err(Error::line(name, number, "more than 65535 fields"));
            }
            map.add(Field { path: path.into(), wrapped, reads, place: place.map(Into::into) });
        }
        Ok(map)
    }

    /// Adds the lines of another map behind those of this one; lines that are there already are left out.
    pub fn extend(&mut self, other: Self) -> &mut Self {
        for field in other.fields {
            if self.fields.len() < usize::from(u16::MAX) {
                self.add(field);
            }
        }
        self
    }

    fn add(&mut self, field: Field) {
        // The same path in two maps is one field; a wrapper allowed by either is allowed.
        let known = |other: &&mut Field| (&other.path, other.reads) == (&field.path, field.reads);
        if let Some(known) = self.fields.iter_mut().find(known) {
            known.wrapped |= field.wrapped;
            known.place = known.place.take().or(field.place);
            return;
        }
        self.fields.push(field);
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(crate) fn field(&self, number: u16) -> Option<&Field> {
        self.fields.get(usize::from(number))
    }
}

/// What a field can be read as a value of.
fn names() -> impl Iterator<Item = &'static str> {
    let kinds = Kind::ALL.iter().map(|kind| kind.name());
    let parts = Part::ALL.iter().filter(|part| Part::of(part.kind()) != Some(**part));
    kinds.chain(parts.map(|part| part.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_map_is_read() {
        for name in ["ecs", "zeek", "suricata", "flow", "sysmon", "ocsf", "cloudtrail", "kubernetes", "dns", "web"] {
            assert!(FieldMap::named(name).is_some_and(|map| map.fields().len() > 10), "{name}");
        }
        assert!(FieldMap::named("splunk").is_none());
        assert!(FieldMap::builtin().fields().len() > 200);
    }

    #[test]
    fn a_path_that_one_map_wraps_and_another_does_not_is_one_field() {
        for (first, second) in [("?.query domain", "query domain"), ("query domain", "?.query domain")] {
            let mut map = FieldMap::parse("a", first).unwrap();
            map.extend(FieldMap::parse("b", second).unwrap());
            assert_eq!(map.fields().len(), 1);
            assert!(map.fields()[0].wrapped);
        }
    }

    #[test]
    fn a_wrong_line_is_an_error_that_names_it() {
        for (text, line, says) in [
            ("a ip\nb", ":2:", "path kind"),
            ("a ip source extra", ":1:", "path kind"),
            ("\n# c\na address", ":3:", "unknown kind"),
            ("a..b ip", ":1:", "empty name"),
        ] {
            let error = FieldMap::parse("m.fields", text).unwrap_err().to_string();
            assert!(error.contains(line) && error.contains(says), "{error}");
        }
    }
}
