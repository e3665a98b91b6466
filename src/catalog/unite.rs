//! Several catalogues as one: which entries speak of the same actor.

use std::collections::HashSet;

use super::entries::fold;
use super::{Actor, Catalog, is_attack_id, microsoft};

impl Catalog {
    /// Adds everything of another catalogue. Entries that are the same actor become one, with the names, sectors, targets, techniques
    /// and ids of both; of its name, country and note the later word counts if both have the same [id](Actor::id), else the earlier.
    /// Claims are all kept; one whose id is there already is the same. Cost is linear in the names of both.
    ///
    /// The same are
    ///
    /// 1. entries that share an id: [`Actor::id`] or one of [`Actor::ids`], or an id that one of them has taken over from an entry that
    ///    its source revoked;
    /// 2. entries under the same *main* name, unless both have ATT&CK ids, which then differ. An alias is passed on by hearsay and can
    ///    belong to several; what two catalogues put at the head of their entry is what both mean;
    /// 3. an entry of Microsoft's whose name exactly one other actor bears, as name or alias: Microsoft coins its names for one group
    ///    each.
    ///
    /// Not by 2 or 3 if one of them says that it is [not](Actor::not) the other. All else stays apart, and a name finds every actor
    /// that bears it. Two entries of one catalogue are never united by 1 or 2, unless they have one id: their source keeps them
    /// apart. The order in which catalogues are added does not matter for 3. Campaigns, software and techniques are the same if they
    /// have one id.
    pub fn extend(&mut self, other: Self) -> &mut Self {
        let of_others = !other.vendors.is_empty();
        let (theirs, vendors) = if of_others { (other.base, other.vendors) } else { (other.actors, Vec::new()) };
        let (actors, moved) = theirs.into_parts();
        let (more, actors): (Vec<_>, Vec<_>) = actors.into_iter().partition(|actor| microsoft::is_id(&actor.id));
        self.take_vendors();
        let mut taken = HashSet::new();
        // What is sure goes first: an id among synonyms can be one that is out of use.
        let finders: [fn(&Self, &Actor) -> Option<usize>; 3] = [Self::surely, Self::by_current_id, Self::by_any_id];
        let mut left = actors;
        for find in finders {
            for actor in std::mem::take(&mut left) {
                let free = |at: &usize| !taken.contains(at) || self.actors.position(&actor.id) == Some(*at);
                match find(self, &actor).filter(free) {
                    Some(at) => {
                        taken.insert(at);
                        self.actors.unite(at, actor);
                    }
                    None => left.push(actor),
                }
            }
        }
        for actor in left {
            self.actors.push(actor);
        }
        for (name, id) in moved {
            self.actors.redirect(name, id);
        }
        for vendor in vendors.into_iter().chain(more) {
            self.add_vendor(vendor);
        }
        self.join_vendors();
        self.campaigns.extend(other.campaigns);
        self.software.extend(other.software);
        self.techniques.extend(other.techniques);
        let known: HashSet<String> = self.claims.iter().map(|claim| claim.id.clone()).collect();
        self.claims.extend(other.claims.into_iter().filter(|claim| !known.contains(&claim.id)));
        self.rejected.extend(&other.rejected);
        self.passed.extend(&other.passed);
        self
    }

    /// Undoes what [`join_vendors`](Self::join_vendors) did: with more catalogues there may be more who bear a name.
    fn take_vendors(&mut self) {
        if !self.vendors.is_empty() {
            self.actors = std::mem::take(&mut self.base);
        } else if self.actors.all().iter().any(|actor| microsoft::is_id(&actor.id)) {
            let (actors, moved) = std::mem::take(&mut self.actors).into_parts();
            for actor in actors {
                if microsoft::is_id(&actor.id) {
                    self.add_vendor(actor);
                } else {
                    self.actors.push(actor);
                }
            }
            for (name, id) in moved {
                self.actors.redirect(name, id);
            }
        }
    }

    fn add_vendor(&mut self, actor: Actor) {
        use super::entries::Entry;
        match self.vendors.iter_mut().find(|known| known.id == actor.id) {
            Some(known) => known.unite(actor),
            None => self.vendors.push(actor),
        }
    }

    /// Gives each of Microsoft's entries to the only bearer of its name, or makes it an actor.
    fn join_vendors(&mut self) {
        if self.vendors.is_empty() {
            return;
        }
        self.base.clone_from(&self.actors);
        let bearer = |vendor: &Actor| {
            only(self.actors.bearing(&vendor.name))
                .filter(|&at| self.actors.get(at).is_some_and(|known| !denied(known, vendor)))
        };
        let bearers: Vec<Option<usize>> = self.vendors.iter().map(bearer).collect();
        for (vendor, bearer) in self.vendors.clone().into_iter().zip(bearers) {
            match bearer {
                Some(at) => self.actors.unite(at, vendor),
                None => self.actors.push(vendor),
            }
        }
    }

    /// Where the same actor stands by its id, by a UUID, or by its main name.
    fn surely(&self, actor: &Actor) -> Option<usize> {
        if let Some(at) = self.actors.position(&actor.id) {
            return Some(at);
        }
        let ids = std::iter::once(&actor.id).chain(&actor.ids).filter(|id| !is_attack_id(id));
        let mut shared = self.sharing(ids).peekable();
        if shared.peek().is_some() {
            return only(shared);
        }
        let same = |known: &Actor| {
            let differ = is_attack_id(&known.id) && is_attack_id(&actor.id);
            fold(&known.name) == fold(&actor.name) && !differ && !denied(known, actor)
        };
        only(self.actors.bearing(&actor.name).filter(|&at| self.actors.get(at).is_some_and(same)))
    }

    /// Where it stands by an id that one of the two still has.
    fn by_current_id(&self, actor: &Actor) -> Option<usize> {
        let holds = |&at: &usize| self.actors.get(at).is_some_and(|known| known.has_id(&actor.id));
        let own = self.actors.bearing(&actor.id).filter(holds);
        only(own.chain(actor.ids.iter().filter_map(|id| self.actors.exactly(id))))
    }

    /// Where it stands by any id.
    fn by_any_id(&self, actor: &Actor) -> Option<usize> {
        only(self.sharing(std::iter::once(&actor.id).chain(&actor.ids)))
    }

    fn sharing<'i>(&self, ids: impl Iterator<Item = &'i String>) -> impl Iterator<Item = usize> {
        ids.flat_map(move |id| {
            let holds = move |&at: &usize| self.actors.get(at).is_some_and(|known| known.has_id(id));
            self.actors.bearing(id).filter(holds).chain(self.actors.position(id))
        })
    }
}

/// Whether one says that it is not the other.
fn denied(one: &Actor, other: &Actor) -> bool {
    let denies = |one: &Actor, other: &Actor| one.not.iter().any(|name| fold(name) == fold(&other.name));
    denies(one, other) || denies(other, one)
}

/// The one that all are.
fn only(mut found: impl Iterator<Item = usize>) -> Option<usize> {
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Alias;

    fn actor(id: &str, ids: &[&str], name: &str, aliases: &[&str]) -> Actor {
        let aliases = aliases.iter().map(|name| Alias { name: (*name).to_owned(), by: None }).collect();
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        Actor { id: id.to_owned(), ids, name: name.to_owned(), aliases, ..Actor::default() }
    }

    fn catalog(actors: Vec<Actor>) -> Catalog {
        let mut catalog = Catalog::new();
        actors.into_iter().for_each(|actor| catalog.actors.add(actor));
        catalog
    }

    /// Ids of the actors of a name, in whatever order the catalogues were given.
    fn found(catalogs: &[Catalog], name: &str) -> Vec<Vec<String>> {
        let orders: [Vec<usize>; 2] = [(0..catalogs.len()).collect(), (0..catalogs.len()).rev().collect()];
        orders
            .into_iter()
            .map(|order| {
                let mut all = Catalog::new();
                for at in order {
                    all.extend(catalogs[at].clone());
                }
                let mut ids: Vec<String> = all.actors(name).map(|actor| actor.id.clone()).collect();
                ids.sort();
                ids
            })
            .collect()
    }

    #[test]
    fn ids_and_main_names_unite_and_aliases_do_not() {
        let attack =
            catalog(vec![actor("G0901", &["s-1"], "Alpha", &["Shared"]), actor("G0902", &["s-2"], "Beta", &[])]);
        let galaxy = catalog(vec![
            actor("u-1", &["G0901"], "Other Alpha", &[]),
            actor("u-2", &[], "beta", &["Shared"]),
            actor("u-3", &[], "Shared", &[]),
        ]);
        let both = [attack, galaxy];
        for (name, expected) in [
            ("other alpha", &["G0901"][..]),
            ("Beta", &["G0902"]),
            ("u-2", &["G0902"]),
            ("shared", &["G0901", "G0902", "u-3"]),
        ] {
            assert_eq!(found(&both, name), [expected, expected], "{name}");
        }
    }

    #[test]
    fn two_ids_of_attack_or_two_entries_of_one_source_stay_apart() {
        let attack = catalog(vec![actor("G0901", &[], "Alpha", &[])]);
        let other = catalog(vec![actor("G0902", &[], "Alpha", &[])]);
        assert_eq!(found(&[attack.clone(), other], "alpha"), [["G0901", "G0902"], ["G0901", "G0902"]]);
        let galaxy = catalog(vec![actor("u-1", &["G0901"], "One", &[]), actor("u-2", &["G0901"], "Two", &[])]);
        let mut all = attack;
        all.extend(galaxy);
        assert_eq!(all.all_actors().len(), 2);
    }

    #[test]
    fn a_name_of_microsofts_joins_its_only_bearer() {
        let attack =
            catalog(vec![actor("G0901", &[], "Alpha", &["Odd Typhoon"]), actor("G0902", &[], "Beta", &["Even Sleet"])]);
        let galaxy = catalog(vec![actor("u-1", &[], "Gamma", &["Even Sleet"])]);
        let names = catalog(vec![
            actor("microsoft:Odd Typhoon", &[], "Odd Typhoon", &["Alias"]),
            actor("microsoft:Even Sleet", &[], "Even Sleet", &[]),
        ]);
        let all = [attack, galaxy, names];
        assert_eq!(found(&all, "alias"), [["G0901"], ["G0901"]]);
        let even = ["G0902", "microsoft:Even Sleet", "u-1"];
        assert_eq!(found(&all, "even sleet"), [even, even]);
    }

    #[test]
    fn who_is_said_to_be_another_stays_another() {
        let mut alpha = actor("G0901", &[], "Alpha", &["Odd Typhoon"]);
        alpha.not.push("odd typhoon".to_owned());
        let all = [catalog(vec![alpha]), catalog(vec![actor("microsoft:Odd Typhoon", &[], "Odd Typhoon", &[])])];
        let both = ["G0901", "microsoft:Odd Typhoon"];
        assert_eq!(found(&all, "Odd Typhoon"), [both, both]);
    }

    #[test]
    fn an_id_that_changed_still_finds() {
        let toml = "[[actor]]\nid = \"u-1\"\nname = \"Alpha\"\n[[campaign]]\nid = \"C1\"\nname = \"c\"\nactors = [\"u-1\"]\n\
            [[claim]]\nid = \"x\"\nabout = \"u-1\"\nby = \"b\"\nparty = \"vendor\"\nstatus = \"reported\"\ndate = \"2024\"\n\
            confidence = 50\nsaid = \"s\"\n";
        let mut all = Catalog::parse("a.toml", toml).unwrap();
        all.extend(catalog(vec![actor("G0901", &["u-1"], "Omega", &[])]));
        assert_eq!(all.claims("G0901").count(), 1);
        assert_eq!(all.actors(&all.all_campaigns()[0].actors[0]).count(), 1);
        let actor = all.actors("u-1").next().unwrap();
        assert_eq!((actor.name.as_str(), actor.ids.as_slice()), ("Alpha", &["u-1".to_owned()][..]));
    }
}
