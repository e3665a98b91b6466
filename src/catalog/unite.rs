//! Several catalogues as one: which entries speak of the same actor.

use std::collections::HashSet;

use super::{Actor, Alias, Campaign, Catalog, fold, is_attack_id, microsoft, names};

impl Catalog {
    /// Adds everything of another catalogue. Entries that are the same actor become one, with the names, sectors, targets, techniques
    /// and ids of both; of its name, country and note the later word counts if both have the same [id](Actor::id), else the earlier.
    /// Claims are all kept. Cost is linear in the names of both.
    ///
    /// The same are
    ///
    /// 1. entries that share an id: [`Actor::id`] or one of [`Actor::ids`];
    /// 2. entries under the same *main* name, unless both have ATT&CK ids, which then differ. An alias is passed on by hearsay and can
    ///    belong to several; what two catalogues put at the head of their entry is what both mean;
    /// 3. an entry of Microsoft's whose name exactly one other actor bears, as name or alias: Microsoft coins its names for one group
    ///    each.
    ///
    /// Not by 2 or 3 if one of them says that it is [not](Actor::not) the other. All else stays apart, and a name finds every actor
    /// that bears it. Two entries of one catalogue are never united by 1 or 2, unless they have one id: their source keeps them
    /// apart. The order in which catalogues are added does not matter for 3.
    pub fn extend(&mut self, other: Self) -> &mut Self {
        let of_others = !other.vendors.is_empty();
        let (theirs, vendors) = if of_others { (other.base, other.vendors) } else { (other.actors, Vec::new()) };
        let (more, actors): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|actor| microsoft::is_id(&actor.id));
        self.take_vendors();
        let mut taken = HashSet::new();
        // What is sure goes first: an id among synonyms can be one that is out of use.
        let mut rest = Vec::new();
        for actor in actors {
            match self.surely(&actor).filter(|at| !taken.contains(at) || self.has_id(*at, &actor.id)) {
                Some(at) => {
                    taken.insert(at);
                    self.merge_at(at, actor);
                }
                None => rest.push(actor),
            }
        }
        for actor in rest {
            match self.by_ids(&actor).filter(|at| !taken.contains(at)) {
                Some(at) => {
                    taken.insert(at);
                    self.merge_at(at, actor);
                }
                None => {
                    taken.insert(self.actors.len());
                    self.push(actor);
                }
            }
        }
        for vendor in vendors.into_iter().chain(more) {
            self.add_vendor(vendor);
        }
        self.join_vendors();
        for campaign in other.campaigns {
            self.unite_campaign(campaign);
        }
        let known: HashSet<String> = self.claims.iter().map(|claim| claim.id.clone()).collect();
        self.claims.extend(other.claims.into_iter().filter(|claim| !known.contains(&claim.id)));
        self
    }

    /// Undoes what [`join_vendors`](Self::join_vendors) did: with more catalogues there may be more who bear a name.
    fn take_vendors(&mut self) {
        let own =
            if self.vendors.is_empty() { std::mem::take(&mut self.actors) } else { std::mem::take(&mut self.base) };
        self.actors.clear();
        self.actor_names.clear();
        for actor in own {
            if microsoft::is_id(&actor.id) {
                self.add_vendor(actor);
            } else {
                self.push(actor);
            }
        }
    }

    fn add_vendor(&mut self, actor: Actor) {
        match self.vendors.iter_mut().find(|known| known.id == actor.id) {
            Some(known) => merge(known, actor),
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
            only(self.bearing(&vendor.name).to_vec())
                .filter(|&at| self.actors.get(at).is_some_and(|known| !denied(known, vendor)))
        };
        let bearers: Vec<Option<usize>> = self.vendors.iter().map(bearer).collect();
        for (vendor, bearer) in self.vendors.clone().into_iter().zip(bearers) {
            match bearer {
                Some(at) => self.merge_at(at, vendor),
                None => self.push(vendor),
            }
        }
    }

    fn merge_at(&mut self, at: usize, actor: Actor) {
        let Some(known) = self.actors.get_mut(at) else { return };
        merge(known, actor);
        for name in names(known) {
            super::add_name(&mut self.actor_names, name, at);
        }
    }

    fn bearing(&self, name: &str) -> &[usize] {
        self.actor_names.get(&fold(name)).map_or(&[], Vec::as_slice)
    }

    fn has_id(&self, at: usize, id: &str) -> bool {
        self.actors.get(at).is_some_and(|known| known.id == id)
    }

    /// Where the same actor stands by its id, by a UUID, or by its main name.
    fn surely(&self, actor: &Actor) -> Option<usize> {
        if let Some(&at) = self.bearing(&actor.id).iter().find(|&&at| self.has_id(at, &actor.id)) {
            return Some(at);
        }
        let ids = std::iter::once(&actor.id).chain(&actor.ids).filter(|id| !is_attack_id(id));
        let shared = self.sharing(ids);
        if !shared.is_empty() {
            return only(shared);
        }
        let same = |known: &Actor| {
            let differ = is_attack_id(&known.id) && is_attack_id(&actor.id);
            fold(&known.name) == fold(&actor.name) && !differ && !denied(known, actor)
        };
        let main = self.bearing(&actor.name).iter().copied().filter(|&at| self.actors.get(at).is_some_and(same));
        only(main.collect())
    }

    /// Where it stands by any id.
    fn by_ids(&self, actor: &Actor) -> Option<usize> {
        only(self.sharing(std::iter::once(&actor.id).chain(&actor.ids)))
    }

    fn sharing<'i>(&self, ids: impl Iterator<Item = &'i String>) -> Vec<usize> {
        let holds =
            |at: usize, id: &String| self.actors.get(at).is_some_and(|known| known.id == *id || known.ids.contains(id));
        ids.flat_map(|id| self.bearing(id).iter().copied().filter(move |&at| holds(at, id))).collect()
    }

    fn push(&mut self, actor: Actor) {
        let at = self.actors.len();
        for name in names(&actor) {
            super::add_name(&mut self.actor_names, name, at);
        }
        self.actors.push(actor);
    }

    fn unite_campaign(&mut self, campaign: Campaign) {
        let mut found = self.campaign_names.get(&fold(&campaign.id)).into_iter().flatten().copied();
        let known = found.find(|&at| self.campaigns.get(at).is_some_and(|known| known.id == campaign.id));
        let Some(known) = known.and_then(|at| self.campaigns.get(at)) else {
            self.add_campaign(campaign);
            return;
        };
        let mut both = Campaign {
            first_seen: campaign.first_seen.or(known.first_seen.clone()),
            last_seen: campaign.last_seen.or(known.last_seen.clone()),
            name: campaign.name,
            ..known.clone()
        };
        add(&mut both.actors, campaign.actors);
        add(&mut both.techniques, campaign.techniques);
        add(&mut both.software, campaign.software);
        self.add_campaign(both);
    }
}

/// Whether one says that it is not the other.
fn denied(one: &Actor, other: &Actor) -> bool {
    let denies = |one: &Actor, other: &Actor| one.not.iter().any(|name| fold(name) == fold(&other.name));
    denies(one, other) || denies(other, one)
}

/// The one that all are.
fn only(mut found: Vec<usize>) -> Option<usize> {
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [at] => Some(at),
        _ => None,
    }
}

/// Adds what an entry says of an actor that is known.
fn merge(known: &mut Actor, actor: Actor) {
    let same_id = known.id == actor.id;
    let by = microsoft::is_id(&actor.id).then(|| "Microsoft".to_owned());
    let mut alias = |name: &str, by: Option<String>| {
        let spelled = fold(name);
        if fold(&known.name) == spelled {
            return;
        }
        match known.aliases.iter_mut().find(|alias| fold(&alias.name) == spelled) {
            Some(alias) => alias.by = alias.by.take().or(by),
            None => known.aliases.push(Alias { name: name.to_owned(), by }),
        }
    };
    alias(&actor.name, by);
    for Alias { name, by } in actor.aliases {
        alias(&name, by);
    }
    let first = |word: Option<String>, other: Option<String>| if same_id { other.or(word) } else { word.or(other) };
    known.country = first(known.country.take(), actor.country);
    known.note = first(known.note.take(), actor.note);
    known.active_since = first(known.active_since.take(), actor.active_since);
    if same_id {
        known.name = actor.name;
    }
    add(&mut known.not, actor.not);
    add(&mut known.sectors, actor.sectors);
    add(&mut known.sectors_reported, actor.sectors_reported);
    known.sectors_reported.retain(|sector| !known.sectors.contains(sector));
    add(&mut known.targets, actor.targets);
    add(&mut known.techniques, actor.techniques);
    add(&mut known.software, actor.software);
    let mut ids = actor.ids;
    // ATT&CK's id is the one that most know.
    if is_attack_id(&actor.id) && !is_attack_id(&known.id) {
        ids.push(std::mem::replace(&mut known.id, actor.id));
    } else {
        ids.push(actor.id);
    }
    add(&mut known.ids, ids);
    known.ids.retain(|id| *id != known.id);
}

fn add<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: &str, ids: &[&str], name: &str, aliases: &[&str]) -> Actor {
        let aliases = aliases.iter().map(|name| Alias { name: (*name).to_owned(), by: None }).collect();
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        Actor { id: id.to_owned(), ids, name: name.to_owned(), aliases, ..Actor::default() }
    }

    fn catalog(actors: Vec<Actor>) -> Catalog {
        let mut catalog = Catalog::new();
        actors.into_iter().for_each(|actor| catalog.add_actor(actor));
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
