//! Entries of one sort, found by id and by name; two of one id become one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::{Actor, Alias, Campaign, Software, Technique};

/// What a catalogue lists.
pub(super) trait Entry {
    fn id(&self) -> &str;
    /// What it is called, beside its id.
    fn names(&self) -> impl Iterator<Item = &str>;
    /// Takes over what another source says of the same: what that says stands, what it leaves open stays, lists are joined.
    fn unite(&mut self, other: Self);
}

#[derive(Clone, Debug)]
pub(super) struct Entries<T> {
    all: Vec<T>,
    names: HashMap<String, BTreeSet<usize>>,
    /// Names under which nothing stands any more, and the ids they lead to.
    moved: Vec<(String, String)>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { all: Vec::new(), names: HashMap::new(), moved: Vec::new() }
    }
}

impl<T: Entry> Entries<T> {
    pub(super) fn add(&mut self, entry: T) {
        let at = self.position(entry.id()).unwrap_or(self.all.len());
        for name in std::iter::once(entry.id()).chain(entry.names()) {
            self.names.entry(fold(name)).or_default().insert(at);
        }
        match self.all.get_mut(at) {
            Some(known) => known.unite(entry),
            None => self.all.push(entry),
        }
    }

    /// Lets an old name or id lead to what has taken its place; nothing happens if that is not there.
    pub(super) fn redirect(&mut self, name: String, id: String) {
        if let Some(at) = self.position(&id) {
            self.names.entry(fold(&name)).or_default().insert(at);
            self.moved.push((name, id));
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        for entry in other.all {
            self.add(entry);
        }
        for (name, id) in other.moved {
            self.redirect(name, id);
        }
    }

    pub(super) fn all(&self) -> &[T] {
        &self.all
    }

    /// Every entry that bears this name, or whose id it is.
    pub(super) fn find(&self, name: &str) -> impl Iterator<Item = &T> {
        self.names.get(&fold(name)).into_iter().flatten().filter_map(|&at| self.all.get(at))
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.names.get(&fold(id))?.iter().copied().find(|&at| self.all.get(at).is_some_and(|entry| entry.id() == id))
    }
}

impl Entry for Actor {
    fn id(&self) -> &str {
        &self.id
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(|alias| alias.name.as_str()))
    }

    fn unite(&mut self, other: Self) {
        unite_names(&mut self.name, &mut self.aliases, other.name, other.aliases);
        replace(&mut self.country, other.country);
        replace(&mut self.active_since, other.active_since);
        replace(&mut self.note, other.note);
        join(&mut self.not, other.not, String::clone);
        join(&mut self.sectors, other.sectors, String::clone);
        join(&mut self.sectors_reported, other.sectors_reported, String::clone);
        let confirmed = &self.sectors;
        self.sectors_reported.retain(|sector| !confirmed.contains(sector));
        join(&mut self.targets, other.targets, String::clone);
        join(&mut self.techniques, other.techniques, String::clone);
        join(&mut self.software, other.software, |software| software.id.clone());
    }
}

impl Entry for Campaign {
    fn id(&self) -> &str {
        &self.id
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(|alias| alias.name.as_str()))
    }

    fn unite(&mut self, other: Self) {
        unite_names(&mut self.name, &mut self.aliases, other.name, other.aliases);
        replace(&mut self.first_seen, other.first_seen);
        replace(&mut self.last_seen, other.last_seen);
        join(&mut self.actors, other.actors, String::clone);
        join(&mut self.techniques, other.techniques, String::clone);
        join(&mut self.software, other.software, |software| software.id.clone());
    }
}

impl Entry for Software {
    fn id(&self) -> &str {
        &self.id
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    fn unite(&mut self, other: Self) {
        let older = std::mem::replace(&mut self.name, other.name);
        join(&mut self.aliases, other.aliases, |name| fold(name));
        join(&mut self.aliases, vec![older], |name| fold(name));
        let name = fold(&self.name);
        self.aliases.retain(|alias| fold(alias) != name);
        join(&mut self.techniques, other.techniques, String::clone);
    }
}

impl Entry for Technique {
    fn id(&self) -> &str {
        &self.id
    }

    /// Names of techniques are plain words, and many stand for several.
    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    fn unite(&mut self, other: Self) {
        self.name = other.name;
        self.deprecated = other.deprecated;
        join(&mut self.tactics, other.tactics, String::clone);
    }
}

/// The later name is shown, and the older one an alias.
fn unite_names(name: &mut String, aliases: &mut Vec<Alias>, later: String, others: Vec<Alias>) {
    for other in &others {
        let same = aliases.iter_mut().find(|alias| fold(&alias.name) == fold(&other.name));
        if let Some(alias) = same {
            replace(&mut alias.by, other.by.clone());
        }
    }
    join(aliases, others, |alias| fold(&alias.name));
    let older = std::mem::replace(name, later);
    join(aliases, vec![Alias { name: older, by: None }], |alias| fold(&alias.name));
    let shown = fold(name);
    aliases.retain(|alias| fold(&alias.name) != shown);
}

fn replace<T>(slot: &mut Option<T>, later: Option<T>) {
    if later.is_some() {
        *slot = later;
    }
}

/// Adds those that are not there yet.
fn join<T, K: Hash + Eq>(list: &mut Vec<T>, others: Vec<T>, key: impl Fn(&T) -> K) {
    let mut known: HashSet<K> = list.iter().map(&key).collect();
    list.extend(others.into_iter().filter(|other| known.insert(key(other))));
}

/// A name without what people spell differently: `Volt Typhoon`, `volt-typhoon`, `VoltTyphoon`.
pub(super) fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}
