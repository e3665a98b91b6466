//! Records: what sources say, each kept once, with the actors and campaigns its names resolve to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::catalog::{Actor, Campaign, Catalog, Status};
use crate::record::Record;

/// Whom an attribution can speak of: an actor or a campaign, in the catalogue or known by its name only.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Subject<'i> {
    /// An actor of the catalogue.
    Actor(&'i Actor),
    /// A campaign of the catalogue.
    Campaign(&'i Campaign),
    /// An actor that the catalogue does not know, by the name the source gives.
    UnlistedActor(&'i str),
    /// A campaign that the catalogue does not know, by the name the source gives.
    UnlistedCampaign(&'i str),
}

impl<'i> Subject<'i> {
    /// The catalogue's id.
    #[must_use]
    pub fn id(&self) -> Option<&'i str> {
        match self {
            Self::Actor(actor) => Some(&actor.id),
            Self::Campaign(campaign) => Some(&campaign.id),
            Self::UnlistedActor(_) | Self::UnlistedCampaign(_) => None,
        }
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &'i str {
        match self {
            Self::Actor(actor) => &actor.name,
            Self::Campaign(campaign) => &campaign.name,
            Self::UnlistedActor(name) | Self::UnlistedCampaign(name) => name,
        }
    }

    /// Whether it is a campaign, not an actor.
    #[must_use]
    pub fn is_campaign(&self) -> bool {
        matches!(self, Self::Campaign(_) | Self::UnlistedCampaign(_))
    }
}

/// From a record to one whom it speaks of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Link {
    pub(crate) subject: SubjectId,
    /// What part of the record's confidence reaches the subject: less where a name is ambiguous, where a record names several,
    /// where the campaign is put down to the actor with doubt.
    pub(crate) share: f64,
    /// The campaign over which the record leads to an actor.
    pub(crate) via: Option<SubjectId>,
}

/// A subject within one `Intel`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SubjectId(u32);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum SubjectKey {
    Actor(String),
    Campaign(String),
    UnlistedActor(Box<str>),
    UnlistedCampaign(Box<str>),
}

/// The distinct records of an `Intel`.
#[derive(Debug, Default)]
pub(crate) struct Records {
    records: Vec<Arc<Record>>,
    links: Vec<Box<[Link]>>,
    subjects: Vec<SubjectKey>,
    catalog: Catalog,
}

impl Records {
    pub(crate) fn get(&self, record: u32) -> Option<&Arc<Record>> {
        self.records.get(record as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn links(&self, record: u32) -> &[Link] {
        self.links.get(record as usize).map_or(&[], |links| links)
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn subject(&self, id: SubjectId) -> Option<Subject<'_>> {
        Some(match self.subjects.get(id.0 as usize)? {
            SubjectKey::Actor(id) => Subject::Actor(self.catalog.actors(id).find(|actor| actor.id == *id)?),
            SubjectKey::Campaign(id) => {
                Subject::Campaign(self.catalog.campaigns(id).find(|campaign| campaign.id == *id)?)
            }
            SubjectKey::UnlistedActor(name) => Subject::UnlistedActor(name),
            SubjectKey::UnlistedCampaign(name) => Subject::UnlistedCampaign(name),
        })
    }

    pub(crate) fn memory(&self) -> usize {
        self.records.len() * (size_of::<Arc<Record>>() + size_of::<Record>() + size_of::<Box<[Link]>>())
            + self.links.iter().map(|links| links.len() * size_of::<Link>()).sum::<usize>()
    }
}

/// Interns records while an `Intel` is built. Each feed has numbers of its own, also where two feeds say the same: a number tells
/// the feed.
#[derive(Default)]
pub(crate) struct RecordsBuilder {
    by_address: HashMap<*const Record, u32, foldhash::fast::RandomState>,
    by_value: HashMap<Arc<Record>, u32, foldhash::fast::RandomState>,
    records: Vec<Arc<Record>>,
}

impl RecordsBuilder {
    /// Begins with the next feed; gives the number of its first record.
    pub(crate) fn next_feed(&mut self) -> u32 {
        self.by_address.clear();
        self.by_value.clear();
        self.records.len() as u32
    }

    /// The records so far.
    pub(crate) fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// The number of the record. Feeds share records by `Arc`: the address tells nearly always.
    pub(crate) fn intern(&mut self, record: Arc<Record>) -> u32 {
        let next = self.records.len() as u32;
        let address = Arc::as_ptr(&record);
        if let Some(&number) = self.by_address.get(&address) {
            return number;
        }
        let number = match self.by_value.entry(record) {
            // An equal record at another address, which may be freed and used again: only addresses of records kept are kept.
            Entry::Occupied(known) => return *known.get(),
            Entry::Vacant(free) => {
                self.records.push(free.key().clone());
                *free.insert(next)
            }
        };
        self.by_address.insert(address, number);
        number
    }

    pub(crate) fn finish(self, catalog: Catalog) -> Records {
        let mut resolver = Resolver { catalog: &catalog, subjects: Vec::new(), numbers: HashMap::new() };
        let links = self.records.iter().map(|record| resolver.links(record).into()).collect();
        let subjects = resolver.subjects;
        Records { records: self.records, links, subjects, catalog }
    }
}

struct Resolver<'c> {
    catalog: &'c Catalog,
    subjects: Vec<SubjectKey>,
    numbers: HashMap<SubjectKey, SubjectId>,
}

impl Resolver<'_> {
    fn number(&mut self, key: SubjectKey) -> SubjectId {
        let next = SubjectId(self.subjects.len() as u32);
        *self.numbers.entry(key).or_insert_with_key(|key| {
            self.subjects.push(key.clone());
            next
        })
    }

    fn links(&mut self, record: &Record) -> Vec<Link> {
        let mut links = Vec::new();
        let catalog = self.catalog;
        let share = 1.0 / record.campaigns.len().max(1) as f64;
        for name in &record.campaigns {
            let campaigns: Vec<_> = catalog.campaigns(name).collect();
            if campaigns.is_empty() {
                let subject = self.number(SubjectKey::UnlistedCampaign(name.clone()));
                links.push(Link { subject, share, via: None });
            }
            for campaign in &campaigns {
                let share = share / campaigns.len() as f64;
                let via = self.number(SubjectKey::Campaign(campaign.id.clone()));
                links.push(Link { subject: via, share, via: None });
                for actor in campaign.actors.iter().flat_map(|id| catalog.actors(id)) {
                    let subject = self.number(SubjectKey::Actor(actor.id.clone()));
                    let share = share * certainty(catalog, campaign, actor);
                    links.push(Link { subject, share, via: Some(via) });
                }
            }
        }
        let share = 1.0 / record.actors.len().max(1) as f64;
        for name in &record.actors {
            let actors: Vec<_> = catalog.actors(name).collect();
            if actors.is_empty() {
                let subject = self.number(SubjectKey::UnlistedActor(name.clone()));
                links.push(Link { subject, share, via: None });
            }
            for actor in &actors {
                let subject = self.number(SubjectKey::Actor(actor.id.clone()));
                links.push(Link { subject, share: share / actors.len() as f64, via: None });
            }
        }
        links
    }
}

/// How surely a campaign is an actor's, 0 to 1: the best confidence among those who say so; a half where nobody grades it.
fn certainty(catalog: &Catalog, campaign: &Campaign, actor: &Actor) -> f64 {
    catalog
        .claims(&campaign.id)
        .filter(|claim| claim.status != Status::Disputed && claim.actor.as_ref().is_some_and(|id| actor.has_id(id)))
        .filter_map(|claim| Some(f64::from(claim.confidence?) / 100.0))
        .reduce(f64::max)
        .unwrap_or(0.5)
}
