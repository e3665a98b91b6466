//! Records: what sources say, each kept once, with the actors and campaigns its names resolve to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::catalog::{Actor, Campaign, Catalog, Claim, Party, Status};
use crate::record::Record;
use crate::site::Aims;
use crate::specificity::{Specificity, Texts};

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
    /// Whether it is a campaign, not an actor.
    pub(crate) campaign: bool,
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
    /// Where it stands among the actors of the catalogue.
    Actor(usize),
    Campaign(usize),
    UnlistedActor(Box<str>),
    UnlistedCampaign(Box<str>),
}

/// The distinct records of an `Intel`.
#[derive(Debug, Default)]
pub(crate) struct Records {
    records: Vec<Arc<Record>>,
    /// Of each record one for each subject, in the order of subjects.
    links: Vec<Box<[Link]>>,
    specificity: Vec<Specificity>,
    subjects: Vec<Known>,
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
        Some(match &self.subjects.get(id.0 as usize)?.key {
            SubjectKey::Actor(at) => Subject::Actor(self.catalog.all_actors().get(*at)?),
            SubjectKey::Campaign(at) => Subject::Campaign(self.catalog.all_campaigns().get(*at)?),
            SubjectKey::UnlistedActor(name) => Subject::UnlistedActor(name),
            SubjectKey::UnlistedCampaign(name) => Subject::UnlistedCampaign(name),
        })
    }

    pub(crate) fn specificity(&self, record: u32) -> Specificity {
        self.specificity.get(record as usize).copied().unwrap_or_default()
    }

    pub(crate) fn aims(&self, id: SubjectId) -> Aims {
        self.subjects.get(id.0 as usize).map_or(Aims::default(), |known| known.aims)
    }

    pub(crate) fn claims(&self, id: SubjectId) -> impl Iterator<Item = &Claim> {
        let claims = self.subjects.get(id.0 as usize).map_or(&[][..], |known| &known.claims);
        claims.iter().filter_map(|&at| self.catalog.all_claims().get(at))
    }

    pub(crate) fn memory(&self) -> usize {
        let of_record = size_of::<Record>() + size_of::<Specificity>();
        self.records.len() * (size_of::<Arc<Record>>() + of_record + size_of::<Box<[Link]>>())
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
        let mut resolver = Resolver::new(&catalog);
        let links = self.records.iter().map(|record| resolver.links(record).into()).collect();
        let subjects = resolver.subjects.into_iter().map(|key| Known::of(key, &catalog)).collect();
        let mut texts = Texts::default();
        let specificity = self.records.iter().map(|record| texts.of(record)).collect();
        Records { records: self.records, links, specificity, subjects, catalog }
    }
}

/// A subject, and what is asked of it at each match.
#[derive(Debug)]
struct Known {
    key: SubjectKey,
    aims: Aims,
    /// Where the claims about it stand in the catalogue.
    claims: Box<[usize]>,
}

impl Known {
    fn of(key: SubjectKey, catalog: &Catalog) -> Self {
        let claims = |about: &dyn Fn(&str) -> bool| {
            catalog.all_claims().iter().zip(0..).filter(|(claim, _)| about(&claim.about)).map(|(_, at)| at).collect()
        };
        let (aims, claims) = match key {
            SubjectKey::Actor(at) => match catalog.all_actors().get(at) {
                Some(actor) => (Aims::of(actor), claims(&|about| actor.has_id(about))),
                None => Default::default(),
            },
            SubjectKey::Campaign(at) => match catalog.all_campaigns().get(at) {
                Some(campaign) => (Aims::default(), claims(&|about| campaign.id == about)),
                None => Default::default(),
            },
            SubjectKey::UnlistedActor(_) | SubjectKey::UnlistedCampaign(_) => Default::default(),
        };
        Self { key, aims, claims }
    }
}

struct Resolver<'c> {
    catalog: &'c Catalog,
    /// Where actors and campaigns stand, by id.
    actors: HashMap<&'c str, usize>,
    campaigns: HashMap<&'c str, usize>,
    subjects: Vec<SubjectKey>,
    numbers: HashMap<SubjectKey, SubjectId>,
}

impl<'c> Resolver<'c> {
    fn new(catalog: &'c Catalog) -> Self {
        let actors = catalog.all_actors().iter().zip(0..).map(|(actor, at)| (actor.id.as_str(), at)).collect();
        let campaigns =
            catalog.all_campaigns().iter().zip(0..).map(|(campaign, at)| (campaign.id.as_str(), at)).collect();
        Self { catalog, actors, campaigns, subjects: Vec::new(), numbers: HashMap::new() }
    }

    fn number(&mut self, key: SubjectKey) -> SubjectId {
        let next = SubjectId(self.subjects.len() as u32);
        *self.numbers.entry(key).or_insert_with_key(|key| {
            self.subjects.push(key.clone());
            next
        })
    }

    fn actor(&mut self, actor: &Actor) -> Option<SubjectId> {
        Some(self.number(SubjectKey::Actor(*self.actors.get(actor.id.as_str())?)))
    }

    fn campaign(&mut self, campaign: &Campaign) -> Option<SubjectId> {
        Some(self.number(SubjectKey::Campaign(*self.campaigns.get(campaign.id.as_str())?)))
    }

    /// One link for each subject: by name or by way of campaigns, whichever brings more.
    fn links(&mut self, record: &Record) -> Vec<Link> {
        let mut links = self.through_campaigns(record);
        links.extend(self.by_name(record));
        links.sort_by(|a, b| a.subject.cmp(&b.subject).then(b.share.total_cmp(&a.share)));
        links.dedup_by_key(|link| link.subject);
        links
    }

    fn through_campaigns(&mut self, record: &Record) -> Vec<Link> {
        let mut links = Vec::new();
        let catalog = self.catalog;
        let share = 1.0 / record.campaigns.len().max(1) as f64;
        for name in &record.campaigns {
            let campaigns: Vec<_> = catalog.campaigns(name).collect();
            if campaigns.is_empty() {
                let subject = self.number(SubjectKey::UnlistedCampaign(name.clone()));
                links.push(Link { subject, campaign: true, share, via: None });
            }
            for campaign in &campaigns {
                let share = share / campaigns.len() as f64;
                let Some(via) = self.campaign(campaign) else { continue };
                links.push(Link { subject: via, campaign: true, share, via: None });
                for (actor, certainty) in behind(catalog, campaign) {
                    let Some(subject) = self.actor(actor) else { continue };
                    links.push(Link { subject, campaign: false, share: share * certainty, via: Some(via) });
                }
            }
        }
        summed(links)
    }

    fn by_name(&mut self, record: &Record) -> Vec<Link> {
        let mut links = Vec::new();
        let share = 1.0 / record.actors.len().max(1) as f64;
        for name in &record.actors {
            let actors: Vec<_> = self.catalog.actors(name).collect();
            if actors.is_empty() {
                let subject = self.number(SubjectKey::UnlistedActor(name.clone()));
                links.push(Link { subject, campaign: false, share, via: None });
            }
            for actor in &actors {
                let Some(subject) = self.actor(actor) else { continue };
                links.push(Link { subject, campaign: false, share: share / actors.len() as f64, via: None });
            }
        }
        summed(links)
    }
}

/// Joins the links to one subject: what a record shares among two names of one actor, or among two of his campaigns, is all his.
fn summed(mut links: Vec<Link>) -> Vec<Link> {
    links.sort_by(|a, b| a.subject.cmp(&b.subject).then(b.share.total_cmp(&a.share)));
    links.dedup_by(|other, first| {
        let same = other.subject == first.subject;
        if same {
            first.share = (first.share + other.share).min(1.0);
        }
        same
    });
    links
}

/// The actors that a campaign is put down to, by its entry or by a claim, and how surely, 0 to 1. Where claims conflict the
/// actors share: together they get no more than the campaign has.
fn behind<'c>(catalog: &'c Catalog, campaign: &'c Campaign) -> Vec<(&'c Actor, f64)> {
    let claims = || catalog.claims(&campaign.id).filter(|claim| claim.status != Status::Disputed);
    let ids = campaign.actors.iter().chain(claims().filter_map(|claim| claim.actor.as_ref()));
    let mut actors: Vec<&Actor> = Vec::new();
    for actor in ids.flat_map(|id| catalog.actors(id)) {
        if !actors.iter().any(|known| known.id == actor.id) {
            actors.push(actor);
        }
    }
    let graded: Vec<_> = actors.into_iter().map(|actor| (actor, certainty(catalog, campaign, actor))).collect();
    let whole = graded.iter().map(|(_, certainty)| certainty).sum::<f64>().max(1.0);
    graded.into_iter().map(|(actor, certainty)| (actor, certainty / whole)).collect()
}

/// How surely a campaign is an actor's, 0 to 1: the best confidence among those who say so; a half where nobody grades it. Who
/// disputes it takes half of what it is sure of; that the accused themselves do is to be expected, and takes nothing.
fn certainty(catalog: &Catalog, campaign: &Campaign, actor: &Actor) -> f64 {
    let claims = || {
        let about = catalog.claims(&campaign.id);
        about.filter(|claim| claim.actor.as_ref().is_some_and(|id| actor.has_id(id)))
    };
    let best = |disputed: bool| {
        claims()
            .filter(|claim| {
                (claim.status == Status::Disputed) == disputed && !(disputed && claim.party == Party::Actor)
            })
            .filter_map(|claim| Some(f64::from(claim.confidence?) / 100.0))
            .reduce(f64::max)
    };
    best(false).unwrap_or(UNGRADED) * (1.0 - DENIED * best(true).unwrap_or(0.0))
}

/// What reaches the actor of a campaign where nobody grades that it is his.
const UNGRADED: f64 = 0.5;

/// The part that a denial takes of which it is certain that it was made.
const DENIED: f64 = 0.5;
