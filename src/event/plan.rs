//! Plans: the paths of a field map and of a schema as one tree, made for being walked by key.

use std::num::NonZeroU32;

use super::fields::{FieldMap, Reads};
use crate::swar::equal;

/// The tree of paths. From each point every point below is one look-up away, by the key that leads there: `id` and `id.orig_h`
/// both, so that nested and dotted spellings cost the same.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The first is none.
    branches: Vec<Branch>,
    /// Where paths begin that may have an object around them.
    wrapped: Option<Node>,
    /// How many points lie on paths. Those behind stand for keys that no path knows, however many there are in one object.
    on_paths: usize,
}

/// A point in the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Node(NonZeroU32);

impl Node {
    pub(crate) const ROOT: Node = Node(NonZeroU32::MIN);

    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize
    }
}

/// Where keys lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Point {
    pub(crate) here: Option<Node>,
    /// From within a wrapper.
    pub(crate) wrapped: Option<Node>,
}

impl Point {
    pub(crate) const ROOT: Self = Self { here: Some(Node::ROOT), wrapped: None };
    pub(crate) const NOWHERE: Self = Self { here: None, wrapped: None };

    #[inline]
    pub(crate) fn leads_somewhere(self) -> bool {
        self.here.is_some() || self.wrapped.is_some()
    }
}

#[derive(Debug, Default)]
struct Branch {
    /// Fields whose path ends here, and how they read.
    fields: Vec<(u16, Reads)>,
    mark: Option<Mark>,
    below: Keys,
    /// Where keys lead that no path knows, by how they begin: they spell members of what is written into with dots.
    dotted: Vec<(Box<[u8]>, Node)>,
    /// The first bytes of all keys that lead anywhere, see [`head`].
    heads: u64,
}

/// What a point means to what is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// The object at the top that the output of this number goes into.
    Target(u8),
    /// Something that the output of this number would write is there already.
    Taken(u8),
    /// A member of that object: at the top, a key with dots leads here.
    Member(u8),
}

impl Plan {
    /// `targets` are objects at the top that are written into, each with the names of what is written.
    pub(crate) fn new(map: &FieldMap, targets: &[(&str, &[&str])]) -> Self {
        let mut plan = Self { branches: vec![Branch::default(), Branch::default()], wrapped: None, on_paths: 0 };
        for (field, number) in map.fields().iter().zip(0..) {
            if field.wrapped {
                let root = match plan.wrapped {
                    Some(root) => root,
                    None => {
                        let root = plan.push();
                        *plan.wrapped.insert(root)
                    }
                };
                let node = plan.path(root, &field.path);
                plan.branch(node, |branch| branch.fields.push((number, field.reads)));
            }
            let node = plan.path(Node::ROOT, &field.path);
            plan.branch(node, |branch| branch.fields.push((number, field.reads)));
        }
        for (&(target, names), number) in targets.iter().zip(0..) {
            let node = plan.path(Node::ROOT, target);
            plan.branch(node, |branch| branch.mark = Some(Mark::Target(number)));
            for name in names {
                let node = plan.path(Node::ROOT, &format!("{target}.{name}"));
                plan.branch(node, |branch| branch.mark = Some(Mark::Taken(number)));
            }
        }
        let members: Vec<(u8, Vec<Node>)> = plan
            .branches
            .iter()
            .filter_map(|branch| match branch.mark {
                Some(Mark::Target(number)) => Some((number, branch.below.nodes().collect())),
                _ => None,
            })
            .collect();
        for (number, nodes) in members {
            for node in nodes {
                plan.branch(node, |branch| branch.mark = branch.mark.or(Some(Mark::Member(number))));
            }
        }
        plan.on_paths = plan.branches.len();
        for (&(target, names), number) in targets.iter().zip(0..) {
            plan.dotted(target, names, number);
        }
        plan
    }

    /// Takes care of members of a target that are spelled with dots: `"source.port"` stands beside what is written, and
    /// `"source.geo.name"`, or `"geo.name"` within `source`, stands in it.
    fn dotted(&mut self, target: &str, names: &[&str], number: u8) {
        let (beside, inside) = (self.push(), self.push());
        self.branch(beside, |branch| branch.mark = Some(Mark::Member(number)));
        self.branch(inside, |branch| branch.mark = Some(Mark::Taken(number)));
        let Some(object) = self.below(Node::ROOT, target.as_bytes()) else { return };
        let mut prefixes = Vec::new();
        for name in names {
            prefixes.push((Node::ROOT, format!("{target}.{name}."), inside));
            prefixes.push((object, format!("{name}."), inside));
            if let Some(written) = self.below(object, name.as_bytes()) {
                self.mark_below(written, Mark::Taken(number));
            }
        }
        prefixes.push((Node::ROOT, format!("{target}."), beside));
        for (from, prefix, to) in prefixes {
            self.branch(from, |branch| {
                branch.heads |= head(prefix.as_bytes().first());
                branch.dotted.push((prefix.into_bytes().into(), to));
            });
        }
    }

    fn mark_below(&mut self, node: Node, mark: Mark) {
        let below = self.branches.get(node.index()).map(|branch| branch.below.nodes().collect::<Vec<_>>());
        for node in below.unwrap_or_default() {
            self.branch(node, |branch| branch.mark = Some(mark));
        }
    }

    fn push(&mut self) -> Node {
        let node = NonZeroU32::new(self.branches.len() as u32).map_or(Node::ROOT, Node);
        self.branches.push(Branch::default());
        node
    }

    fn branch(&mut self, node: Node, change: impl FnOnce(&mut Branch)) {
        if let Some(branch) = self.branches.get_mut(node.index()) {
            change(branch);
        }
    }

    /// The point at the end of a path, with all points on the way.
    fn path(&mut self, root: Node, path: &str) -> Node {
        // The points on the way, each with where in the path its key is behind.
        let mut way = vec![(root, 0)];
        let mut last = root;
        for end in path.match_indices('.').map(|(at, _)| at).chain([path.len()]) {
            let start = way.last().map_or(0, |&(_, start)| start);
            let key = path.get(start..end).unwrap_or_default();
            let node = match self.below(last, key.as_bytes()) {
                Some(node) => node,
                None => self.push(),
            };
            for &(above, start) in &way {
                let key = path.get(start..end).unwrap_or_default();
                self.branch(above, |branch| {
                    branch.heads |= head(key.as_bytes().first());
                    branch.below.insert(key, node);
                });
            }
            way.push((node, end + 1));
            last = node;
        }
        last
    }

    /// Where paths begin in the objects that are members of the top.
    #[inline]
    pub(crate) fn wrapped(&self) -> Option<Node> {
        self.wrapped
    }

    /// Where the key leads.
    #[inline]
    pub(crate) fn below(&self, node: Node, key: &[u8]) -> Option<Node> {
        self.branches.get(node.index())?.below(|| Key::new(key), head(key.first()))
    }

    /// Where the key leads that stands at this place of a line, with a quote behind it.
    #[inline]
    pub(crate) fn below_at(&self, node: Node, line: &[u8], start: usize, end: usize) -> Option<Node> {
        let head = head(line.get(start));
        self.branches.get(node.index())?.below(|| Key::within(line, start, end), head)
    }

    #[inline]
    fn fields(&self, node: Option<Node>) -> &[(u16, Reads)] {
        node.and_then(|node| self.branches.get(node.index())).map_or(&[], |branch| &branch.fields)
    }

    /// Whether a value at this point is read.
    #[inline]
    pub(crate) fn is_field(&self, node: Option<Node>) -> bool {
        !self.fields(node).is_empty()
    }

    /// The fields that a value is, whose keys lead here, and there from within a wrapper. A value is read once in each way: the
    /// whole path goes before the one within a wrapper.
    #[inline]
    pub(crate) fn fields_at(&self, Point { here, wrapped }: Point) -> impl Iterator<Item = (u16, Reads)> + '_ {
        let first = self.fields(here);
        let second = self.fields(wrapped).iter().filter(|(_, reads)| !first.iter().any(|(_, other)| other == reads));
        first.iter().chain(second).copied()
    }

    #[inline]
    pub(crate) fn mark(&self, node: Node) -> Option<Mark> {
        self.branches.get(node.index())?.mark
    }

    /// How many points lie on paths.
    pub(crate) fn len(&self) -> usize {
        self.on_paths
    }
}

impl Branch {
    /// Where a key leads. Nearly every key leads nowhere, and most of these are told by their first byte.
    #[inline]
    fn below<'k>(&self, key: impl FnOnce() -> Key<'k>, head: u64) -> Option<Node> {
        if self.heads & head == 0 {
            return None;
        }
        let key = key();
        self.below.get(&key).or_else(|| self.dotted(&key))
    }

    /// Where a key leads that no path knows.
    #[inline]
    fn dotted(&self, key: &Key<'_>) -> Option<Node> {
        if self.dotted.is_empty() || !key.has_dots() {
            return None;
        }
        self.dotted.iter().find(|(prefix, _)| key.bytes.starts_with(prefix)).map(|&(_, node)| node)
    }
}

/// A bit for a first byte. Letters of one case have one each; that of an empty key is the quote that stands behind it.
#[inline]
fn head(first: Option<&u8>) -> u64 {
    1 << (first.copied().unwrap_or(b'"') & 63)
}

/// A small map from keys to points. Nearly every key of an event is in none, and is told apart by its length and its ends.
#[derive(Debug, Default)]
struct Keys {
    /// A power of two; at most half are used.
    slots: Vec<Option<Entry>>,
    count: usize,
    /// A bit for each length of a key, the last for 63 and more.
    lengths: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    ends: Ends,
    key: Box<[u8]>,
    node: Node,
}

/// The first and the last eight bytes of a key, and its length: all of it up to sixteen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ends {
    first: u64,
    last: u64,
    length: u32,
}

/// A key, prepared for being looked up.
pub(crate) struct Key<'k> {
    bytes: &'k [u8],
    ends: Ends,
}

impl<'k> Key<'k> {
    #[inline]
    pub(crate) fn new(bytes: &'k [u8]) -> Self {
        Self { bytes, ends: Ends::of(bytes) }
    }

    /// The key that stands at this place of a line: a short one is cut from the eight bytes there, not gathered byte by byte.
    #[inline]
    pub(crate) fn within(line: &'k [u8], start: usize, end: usize) -> Self {
        let bytes = line.get(start..end).unwrap_or_default();
        match line.get(start..).and_then(<[u8]>::first_chunk::<8>) {
            Some(window) if bytes.len() < 8 => {
                let first = u64::from_le_bytes(*window) & ((1 << (8 * bytes.len())) - 1);
                Self { bytes, ends: Ends { first, last: 0, length: bytes.len() as u32 } }
            }
            _ => Self::new(bytes),
        }
    }
}

impl Key<'_> {
    #[inline]
    fn has_dots(&self) -> bool {
        if self.bytes.len() <= 16 {
            equal(self.ends.first, b'.') | equal(self.ends.last, b'.') != 0
        } else {
            memchr::memchr(b'.', self.bytes).is_some()
        }
    }
}

impl Ends {
    #[inline]
    fn of(key: &[u8]) -> Self {
        let length = key.len() as u32;
        match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                Self { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), length }
            }
            _ => {
                let mut window = [0; 8];
                for (to, from) in window.iter_mut().zip(key) {
                    *to = *from;
                }
                Self { first: u64::from_le_bytes(window), last: 0, length }
            }
        }
    }

    #[inline]
    fn hash(self) -> u64 {
        let mixed =
            (self.first ^ self.last.rotate_left(23) ^ u64::from(self.length)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    }
}

#[inline]
fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl Keys {
    fn insert(&mut self, key: &str, node: Node) {
        if self.get(&Key::new(key.as_bytes())).is_some() {
            return;
        }
        self.count += 1;
        self.lengths |= length_bit(key.len());
        if self.count * 2 > self.slots.len() {
            let entries: Vec<Entry> = self.slots.drain(..).flatten().collect();
            self.slots = vec![None; (self.count * 4).next_power_of_two()];
            entries.into_iter().for_each(|entry| self.place(entry));
        }
        self.place(Entry { ends: Ends::of(key.as_bytes()), key: key.as_bytes().into(), node });
    }

    fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.slots.iter().flatten().map(|entry| entry.node)
    }

    fn place(&mut self, entry: Entry) {
        let mask = self.slots.len() - 1;
        let mut at = entry.ends.hash() as usize & mask;
        // Ends: at most half the slots are used.
        while self.slots.get(at).is_some_and(Option::is_some) {
            at = (at + 1) & mask;
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(entry);
        }
    }

    #[inline]
    fn get(&self, key: &Key<'_>) -> Option<Node> {
        if self.lengths & length_bit(key.bytes.len()) == 0 {
            return None;
        }
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = key.ends.hash() as usize & mask;
        while let Some(entry) = self.slots.get(at)? {
            if entry.ends == key.ends && (key.bytes.len() <= 16 || *entry.key == *key.bytes) {
                return Some(entry.node);
            }
            at = (at + 1) & mask;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observable::Kind;

    #[test]
    fn dotted_keys_lead_where_nested_ones_do() {
        let map = FieldMap::parse("m", "a.b.c ip\na.b domain\n?.x.y url\n").unwrap();
        let plan = Plan::new(&map, &[("a", &["z"])]);
        let below = |node, key: &str| plan.below(node, key.as_bytes());
        let a = below(Node::ROOT, "a").unwrap();
        let ab = below(a, "b").unwrap();
        assert_eq!(below(Node::ROOT, "a.b"), Some(ab));
        assert_eq!(below(ab, "c"), below(Node::ROOT, "a.b.c"));
        assert_eq!(below(ab, "c"), below(a, "b.c"));
        assert_eq!(plan.fields(Some(ab)), [(1, Reads::Kind(Kind::Domain))]);
        assert_eq!(below(Node::ROOT, "b"), None);
        assert_eq!(plan.fields(below(plan.wrapped().unwrap(), "x.y")), [(2, Reads::Kind(Kind::Url))]);
        assert_eq!(plan.mark(a), Some(Mark::Target(0)));
        assert_eq!(plan.mark(below(Node::ROOT, "a.z").unwrap()), Some(Mark::Taken(0)));
    }

    #[test]
    fn keys_with_dots_that_no_path_knows_are_told_apart_by_what_they_are_members_of() {
        let map = FieldMap::parse("m", "a.ip ip\na.z.number asn\n").unwrap();
        let plan = Plan::new(&map, &[("a", &["z"])]);
        let mark = |node, key: &str| {
            plan.below(node, key.as_bytes()).map(|node| (plan.mark(node), node.index() >= plan.len()))
        };
        let a = plan.below(Node::ROOT, b"a").unwrap();
        assert_eq!(mark(Node::ROOT, "a.port"), Some((Some(Mark::Member(0)), true)));
        assert_eq!(mark(Node::ROOT, "a.z.name"), Some((Some(Mark::Taken(0)), true)));
        assert_eq!(mark(a, "z.name"), Some((Some(Mark::Taken(0)), true)));
        assert_eq!(mark(Node::ROOT, "a.z.number"), Some((Some(Mark::Taken(0)), false)));
        assert_eq!(mark(a, "z.number"), Some((Some(Mark::Taken(0)), false)));
        assert_eq!(mark(Node::ROOT, "a.ip"), Some((Some(Mark::Member(0)), false)));
        for key in ["ab.c", "b.a.z", "zz", "", "."] {
            assert_eq!(mark(Node::ROOT, key), None, "{key}");
        }
    }

    #[test]
    fn keys_are_told_apart() {
        let keys = [
            "",
            "a",
            "ab",
            "source.ip",
            "source.ipx",
            "01234567",
            "0123456789abcdef",
            "01234567-XX-89abcdef",
            "01234567-YY-89abcdef",
        ];
        let node = |number: u32| Node(NonZeroU32::new(number).unwrap());
        let mut map = Keys::default();
        for (key, number) in keys.iter().zip(1..) {
            assert_eq!(map.get(&Key::new(key.as_bytes())), None, "{key}");
            map.insert(key, node(number));
        }
        for (key, number) in keys.iter().zip(1..) {
            assert_eq!(map.get(&Key::new(key.as_bytes())), Some(node(number)), "{key}");
        }
        assert_eq!(map.get(&Key::new(b"01234567-ZZ-89abcdef")), None);
        assert_eq!(Keys::default().get(&Key::new(b"")), None);
    }
}
