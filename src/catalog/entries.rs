//! Entries of one sort, found by id and by name; two of one id become one, and what is revoked leads to its successor.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::{Actor, Alias, Campaign, Software, Technique, is_attack_id, microsoft};

/// How many successors of what is revoked are followed.
const SUCCESSORS: usize = 16;

/// What a catalogue lists.
pub(super) trait Entry {
    fn id(&self) -> &str;
    /// What it is called, beside its id.
    fn names(&self) -> impl Iterator<Item = &str>;
    /// Takes over what another source says of the same. Lists are joined. Of name, dates and country the later word counts if both
    /// have one id, else the earlier; what one leaves open the other fills.
    fn unite(&mut self, other: Self);
}

#[derive(Clone, Debug)]
pub(super) struct Entries<T> {
    all: Vec<T>,
    names: HashMap<String, BTreeSet<usize>>,
    /// Names and ids under which nothing stands any more, and the ids they lead to.
    moved: BTreeMap<String, String>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { all: Vec::new(), names: HashMap::new(), moved: BTreeMap::new() }
    }
}

impl<T: Entry> Entries<T> {
    /// Adds an entry, or what it says to the entry of its id.
    pub(super) fn add(&mut self, entry: T) {
        match self.position(entry.id()) {
            Some(at) => self.unite(at, entry),
            None => self.push(entry),
        }
    }

    /// Adds an entry of its own.
    pub(super) fn push(&mut self, entry: T) {
        self.all.push(entry);
        self.index(self.all.len() - 1);
    }

    /// Adds what an entry says to the one that stands there.
    pub(super) fn unite(&mut self, at: usize, entry: T) {
        if let Some(known) = self.all.get_mut(at) {
            known.unite(entry);
            self.index(at);
        }
    }

    /// Lets an old name or id lead to what has taken its place, and takes over what still stands there; nothing happens if there is
    /// no successor.
    pub(super) fn redirect(&mut self, name: String, id: String) {
        let Some(to) = self.position(&id) else { return };
        let old = self.exactly(&name);
        if old == Some(to) {
            return;
        }
        self.names.entry(fold(&name)).or_default().insert(to);
        self.moved.insert(name, id);
        if let Some(old) = old {
            let entry = self.all.remove(old);
            if let Some(known) = self.all.get_mut(to - usize::from(to > old)) {
                known.unite(entry);
            }
            self.index_all();
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        let (all, moved) = other.into_parts();
        for entry in all {
            self.add(entry);
        }
        for (name, id) in moved {
            self.redirect(name, id);
        }
    }

    /// The entries, and the old names with what they lead to.
    pub(super) fn into_parts(self) -> (Vec<T>, BTreeMap<String, String>) {
        (self.all, self.moved)
    }

    pub(super) fn all(&self) -> &[T] {
        &self.all
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.all.get(at)
    }

    /// The entry whose id it is; else every entry that bears this name. Names repeat the ids of others now and then.
    pub(super) fn find(&self, name: &str) -> impl Iterator<Item = &T> {
        let own = self.exactly(name);
        let bearing = own.is_none().then(|| self.bearing(name)).into_iter().flatten();
        own.into_iter().chain(bearing).filter_map(|at| self.all.get(at))
    }

    /// Where all stand that bear this name, or whose id it is.
    pub(super) fn bearing(&self, name: &str) -> impl Iterator<Item = usize> {
        self.names.get(&fold(name)).into_iter().flatten().copied()
    }

    /// Where the entry of this id stands, or what has taken its place.
    pub(super) fn position(&self, id: &str) -> Option<usize> {
        let mut id = id;
        for _ in 0..SUCCESSORS {
            if let Some(at) = self.exactly(id) {
                return Some(at);
            }
            id = self.moved.get(id)?;
        }
        None
    }

    /// Where the entry of this id stands.
    pub(super) fn exactly(&self, id: &str) -> Option<usize> {
        self.bearing(id).find(|&at| self.all.get(at).is_some_and(|entry| entry.id() == id))
    }

    fn index(&mut self, at: usize) {
        let Some(entry) = self.all.get(at) else { return };
        for name in std::iter::once(entry.id()).chain(entry.names()) {
            self.names.entry(fold(name)).or_default().insert(at);
        }
    }

    fn index_all(&mut self) {
        self.names.clear();
        for at in 0..self.all.len() {
            self.index(at);
        }
        let moved: Vec<_> = self.moved.iter().filter_map(|(name, id)| Some((fold(name), self.position(id)?))).collect();
        for (name, at) in moved {
            self.names.entry(name).or_default().insert(at);
        }
    }
}

impl Entry for Actor {
    fn id(&self) -> &str {
        &self.id
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = std::iter::once(&self.name).chain(&self.ids).chain(self.aliases.iter().map(|alias| &alias.name));
        names.map(String::as_str)
    }

    fn unite(&mut self, other: Self) {
        let later = self.id == other.id;
        let by = microsoft::is_id(&other.id).then(|| "Microsoft".to_owned());
        unite_names(&mut self.name, &mut self.aliases, Alias { name: other.name, by }, other.aliases, later);
        fill(&mut self.country, other.country, later);
        fill(&mut self.active_since, other.active_since, later);
        fill(&mut self.note, other.note, later);
        join(&mut self.not, other.not, String::clone);
        join(&mut self.sectors, other.sectors, String::clone);
        join(&mut self.sectors_reported, other.sectors_reported, String::clone);
        let confirmed = &self.sectors;
        self.sectors_reported.retain(|sector| !confirmed.contains(sector));
        join(&mut self.targets, other.targets, String::clone);
        join(&mut self.techniques, other.techniques, String::clone);
        join(&mut self.software, other.software, |software| software.id.clone());
        // ATT&CK's id is the one that most know.
        let better = is_attack_id(&other.id) && !is_attack_id(&self.id);
        let id = if better { std::mem::replace(&mut self.id, other.id) } else { other.id };
        join(&mut self.ids, other.ids, String::clone);
        join(&mut self.ids, vec![id], String::clone);
        self.ids.retain(|id| *id != self.id);
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
        let later = self.id == other.id;
        unite_names(&mut self.name, &mut self.aliases, Alias { name: other.name, by: None }, other.aliases, later);
        fill(&mut self.first_seen, other.first_seen, later);
        fill(&mut self.last_seen, other.last_seen, later);
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
        let beside = if self.id == other.id { std::mem::replace(&mut self.name, other.name) } else { other.name };
        join(&mut self.aliases, other.aliases, |name| fold(name));
        join(&mut self.aliases, vec![beside], |name| fold(name));
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
        if self.id == other.id {
            self.name = other.name;
            self.deprecated = other.deprecated;
        }
        join(&mut self.tactics, other.tactics, String::clone);
    }
}

/// Of two names the later is shown, or the earlier, and the other is an alias.
fn unite_names(name: &mut String, aliases: &mut Vec<Alias>, mut other: Alias, others: Vec<Alias>, later: bool) {
    if later {
        other.name = std::mem::replace(name, other.name);
    }
    let shown = fold(name);
    aliases.retain(|alias| fold(&alias.name) != shown);
    let mut known: HashMap<String, usize> = (0..).zip(&*aliases).map(|(at, alias)| (fold(&alias.name), at)).collect();
    for alias in std::iter::once(other).chain(others) {
        let spelled = fold(&alias.name);
        match known.get(&spelled).and_then(|&at| aliases.get_mut(at)) {
            Some(same) => fill(&mut same.by, alias.by, later),
            None if spelled == shown => {}
            None => {
                known.insert(spelled, aliases.len());
                aliases.push(alias);
            }
        }
    }
}

/// Of two words the later counts, or the earlier; one alone always does.
fn fill<T>(slot: &mut Option<T>, other: Option<T>, later: bool) {
    if other.is_some() && (later || slot.is_none()) {
        *slot = other;
    }
}

/// Adds those that are not there yet.
fn join<T, K: Hash + Eq>(list: &mut Vec<T>, others: Vec<T>, key: impl Fn(&T) -> K) {
    let mut known: HashSet<K> = list.iter().map(&key).collect();
    list.extend(others.into_iter().filter(|other| known.insert(key(other))));
}

/// A name without what people spell differently: `Volt Typhoon`, `volt-typhoon`, `VoltTyphoon`.
pub(crate) fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}
