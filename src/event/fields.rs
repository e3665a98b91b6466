//! Field maps: which path of an event holds what.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;
use crate::observable::Kind;

/// Which fields of an event hold something to look up.
///
/// A map is data: lines of `path kind [place]`. Paths find nested objects and dotted keys alike, arrays stand for their elements,
/// and `?.` in front allows one object around the record. `data/fields/README.md` describes the format; maps for ECS, Zeek,
/// Suricata, flat flow logs and Sysmon are built in.
///
/// ```
/// use stormtag::FieldMap;
///
/// let mut fields = FieldMap::ecs();
/// fields.extend(FieldMap::parse("mine", "client_address  ip  client\nreferrer  url\n")?);
/// # Ok::<(), stormtag::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FieldMap {
    fields: Vec<Field>,
    nodes: Vec<Branch>,
    /// Where paths begin that may have an object around them.
    wrapped: Option<Node>,
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
            kind => Self::Kind(kind.parse().map_err(|_| ())?),
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
        })
    }
}

/// A point in the tree of paths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Node(u32);

#[derive(Clone, Debug, Default)]
struct Branch {
    /// Fields whose path ends here.
    fields: Vec<u16>,
    /// Every point below, by the key that leads to it: `id` and `id.orig_h` both, so that nested and dotted spellings cost the same.
    below: HashMap<Box<str>, Node, foldhash::fast::RandomState>,
}

const ROOT: Node = Node(0);

macro_rules! builtin {
    ($($(#[$doc:meta])* $name:ident $file:literal;)*) => {
        impl FieldMap {
            $($(#[$doc])*
            #[must_use]
            #[expect(clippy::expect_used, reason = "the file is part of the crate and read in its tests")]
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

            /// A built-in map by its name: `ecs`, `zeek`, `suricata`, `flow`, `sysmon`.
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
}

impl FieldMap {
    /// Reads a map from a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line is not `path kind [place]`: then with the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
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
                    "unknown kind {reads:?}; expected host, list, hash, hashes, time or one of {}",
                    Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
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
        // The same path in two maps: the first says what it is.
        let known =
            |other: &Field| (&other.path, other.wrapped, other.reads) == (&field.path, field.wrapped, field.reads);
        if self.fields.iter().any(known) {
            return;
        }
        if self.nodes.is_empty() {
            self.nodes.push(Branch::default());
        }
        let number = self.fields.len() as u16;
        if field.wrapped {
            let root = match self.wrapped {
                Some(root) => root,
                None => *self.wrapped.insert(push(&mut self.nodes)),
            };
            self.add_path(root, &field.path, number);
        }
        self.add_path(ROOT, &field.path, number);
        self.fields.push(field);
    }

    fn add_path(&mut self, root: Node, path: &str, number: u16) {
        // The points on the way, each with where in the path it ends.
        let mut way = vec![(root, 0)];
        for end in path.match_indices('.').map(|(at, _)| at).chain([path.len()]) {
            let (last, start) = way.last().copied().unwrap_or((root, 0));
            let key = path.get(start..end).unwrap_or_default();
            let node = match self.below(last, key) {
                Some(node) => node,
                None => push(&mut self.nodes),
            };
            for &(above, start) in &way {
                if let Some(branch) = self.nodes.get_mut(above.0 as usize) {
                    branch.below.insert(path.get(start..end).unwrap_or_default().into(), node);
                }
            }
            way.push((node, end + 1));
        }
        if let Some(branch) = way.last().and_then(|(node, _)| self.nodes.get_mut(node.0 as usize)) {
            branch.fields.push(number);
        }
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(crate) fn field(&self, number: u16) -> Option<&Field> {
        self.fields.get(usize::from(number))
    }

    /// Where paths begin.
    pub(crate) fn root(&self) -> Option<Node> {
        (!self.nodes.is_empty()).then_some(ROOT)
    }

    /// Where paths begin in the objects that are members of the top.
    pub(crate) fn wrapped(&self) -> Option<Node> {
        self.wrapped
    }

    /// Where the key leads.
    #[inline]
    pub(crate) fn below(&self, node: Node, key: &str) -> Option<Node> {
        self.nodes.get(node.0 as usize)?.below.get(key).copied()
    }

    /// The fields whose path ends here.
    #[inline]
    pub(crate) fn at(&self, node: Node) -> &[u16] {
        self.nodes.get(node.0 as usize).map_or(&[], |branch| &branch.fields)
    }

    /// Whether any path leads on from here.
    #[inline]
    pub(crate) fn leads_on(&self, node: Node) -> bool {
        self.nodes.get(node.0 as usize).is_some_and(|branch| !branch.below.is_empty())
    }
}

fn push(nodes: &mut Vec<Branch>) -> Node {
    nodes.push(Branch::default());
    Node(nodes.len() as u32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_map_is_read() {
        for name in ["ecs", "zeek", "suricata", "flow", "sysmon"] {
            assert!(FieldMap::named(name).is_some_and(|map| map.fields().len() > 10), "{name}");
        }
        assert!(FieldMap::named("splunk").is_none());
        assert!(FieldMap::builtin().fields().len() > 200);
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

    #[test]
    fn dotted_keys_lead_where_nested_ones_do() {
        let map = FieldMap::parse("m", "a.b.c ip\na.b domain\n?.x.y url\n").unwrap();
        let root = map.root().unwrap();
        let a = map.below(root, "a").unwrap();
        let ab = map.below(a, "b").unwrap();
        assert_eq!(map.below(root, "a.b"), Some(ab));
        assert_eq!(map.below(ab, "c"), map.below(root, "a.b.c"));
        assert_eq!(map.below(ab, "c"), map.below(a, "b.c"));
        assert_eq!(map.at(ab), [1]);
        assert_eq!(map.below(root, "b"), None);
        assert_eq!(map.at(map.below(map.wrapped().unwrap(), "x.y").unwrap()), [2]);
    }
}
