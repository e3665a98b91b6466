//! Covers: everything that is said of a value, found as one id.
//!
//! What covers a value is a chain from the most specific statement to the least: the address, its network, the wider network;
//! the name, its parent. Chains share their tails, so a million names below one indicator cost one link each. An entry of an
//! allow-list is a barrier in the chain: it silences what stands at its own place and above, and nothing below. That is the
//! whole rule: *the most specific statement wins; a tie goes to allow*.

use super::counts::CoverCounts;
use super::table::Said;

/// Everything said of a value. Zero: nothing. With the high bit: one record, said at the entry that was found, and nothing else,
/// which spares nearly all indicators a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct CoverId(pub(crate) u32);

impl CoverId {
    pub(crate) const NONE: Self = Self(0);
    const LONE: u32 = 1 << 31;

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug)]
struct Node {
    /// The entry of the shape's table at which this is said.
    owner: u32,
    first: u32,
    count: u32,
    parent: CoverId,
    /// Allow-lists that list this very place, by number from 1: the first that silences, the first that informs.
    suppress: u32,
    inform: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Item {
    record: u32,
    silenced: u32,
}

/// All chains of an `Intel`.
#[derive(Debug)]
pub(crate) struct Covers {
    nodes: Vec<Node>,
    items: Vec<Item>,
    /// Of each allow-list, whether it only informs.
    informs: Vec<bool>,
    pub(crate) counts: CoverCounts,
}

/// More records than this on one pattern are not kept.
pub(crate) const RECORDS_OF_ONE: usize = 256;

/// One thing said of a value, and what silences it or comments on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Covering {
    pub(crate) record: u32,
    /// The entry at which it is said; `None`: the one that was found.
    pub(crate) owner: Option<u32>,
    /// The allow-list that silences it, from 1; 0: none.
    pub(crate) suppress: u32,
    /// An allow-list that knows of the value and only says so, from 1; 0: none.
    pub(crate) inform: u32,
}

impl Covers {
    /// `informs` says of each allow-list whether it only informs.
    pub(crate) fn new(informs: Vec<bool>) -> Self {
        // Node 0 is never used, so that an id of 0 means nothing.
        let none = Node { owner: 0, first: 0, count: 0, parent: CoverId::NONE, suppress: 0, inform: 0 };
        Self { nodes: vec![none], items: Vec::new(), informs, counts: CoverCounts::default() }
    }

    /// What is said at the place `owner`, in front of what its `parent` says.
    pub(crate) fn add(&mut self, owner: u32, said: impl Iterator<Item = Said>, parent: CoverId) -> CoverId {
        let nodes = self.nodes.len();
        let id = self.node(owner, said, parent);
        let added = self.nodes.get(nodes).and_then(|node| Some((node, self.items.get(node.first as usize)?)));
        if let Some((
            Node { count: 1, parent: CoverId::NONE, suppress: 0, inform: 0, .. },
            &Item { record, silenced: 0 },
        )) = added
        {
            self.nodes.pop();
            self.items.pop();
            return CoverId(record | CoverId::LONE);
        }
        id
    }

    /// The same cover as a node that knows its owner: for what is to stand in the chains of others.
    pub(crate) fn named(&mut self, id: CoverId, owner: u32) -> CoverId {
        if id.0 & CoverId::LONE == 0 {
            return id;
        }
        self.node(owner, [Said::Record { record: id.0 & !CoverId::LONE, silenced: 0 }].into_iter(), CoverId::NONE)
    }

    /// As [`add`](Self::add), for places that are not the sought value itself: networks.
    pub(crate) fn node(&mut self, owner: u32, said: impl Iterator<Item = Said>, parent: CoverId) -> CoverId {
        let first = self.items.len();
        let (mut suppress, mut inform) = (0, 0);
        self.counts.echoes.clear();
        for said in said {
            match said {
                Said::Record { record, silenced } => self.items.push(Item { record, silenced }),
                Said::Echo { record, silenced } => {
                    self.items.push(Item { record, silenced });
                    self.counts.echoes.push((record, silenced));
                }
                Said::Allowed(list) => {
                    let foremost = if self.only_informs(list) { &mut inform } else { &mut suppress };
                    *foremost = if *foremost == 0 { list } else { list.min(*foremost) };
                }
            }
        }
        if self.items.len() == first && (parent.is_none() || (suppress == 0 && inform == 0)) {
            return parent;
        }
        if let Some(items) = self.items.get_mut(first..) {
            items.sort_unstable();
            self.dedup_from(first);
        }
        for over in self.items.drain(self.items.len().min(first + RECORDS_OF_ONE)..) {
            if !self.counts.is_echo(over.record, over.silenced) {
                self.counts.too_many.add(1, over.record);
            }
        }
        for item in self.items.get(first..).unwrap_or_default() {
            if self.counts.is_echo(item.record, item.silenced) {
                continue;
            }
            if suppress != 0 || (item.silenced != 0 && !self.only_informs(item.silenced)) {
                self.counts.suppressed.push((owner, item.record));
            }
        }
        let count = (self.items.len() - first) as u32;
        self.nodes.push(Node { owner, first: first as u32, count, parent, suppress, inform });
        CoverId(self.nodes.len() as u32 - 1)
    }

    /// Keeps one of what is said several times. What is also said where it counts is no echo any more.
    fn dedup_from(&mut self, first: usize) {
        let Self { items, counts, .. } = self;
        let echoes = &mut counts.echoes;
        echoes.sort_unstable();
        let (mut kept, mut at) = (first, first);
        let (mut echoed, mut seen) = (0, 0);
        while let Some(&item) = items.get(at) {
            let same = |other: &&Item| **other == item;
            let copies = items.iter().skip(at).take_while(same).count();
            let of_echoes = echoes.iter().skip(seen).take_while(|&&echo| echo == (item.record, item.silenced)).count();
            (at, seen) = (at + copies, seen + of_echoes);
            if of_echoes < copies {
                counts.duplicates.add((copies - of_echoes - 1) as u64, item.record);
            } else if let Some(slot) = echoes.get_mut(echoed) {
                *slot = (item.record, item.silenced);
                echoed += 1;
            }
            if let Some(slot) = items.get_mut(kept) {
                *slot = item;
            }
            kept += 1;
        }
        items.truncate(kept);
        echoes.truncate(echoed);
    }

    fn only_informs(&self, list: u32) -> bool {
        list.checked_sub(1).and_then(|at| self.informs.get(at as usize)).copied().unwrap_or(false)
    }

    /// What is said at the place itself that the id was found at, not around it: each record, and whether a list silences it there.
    /// `owner` is what chains call the place.
    pub(super) fn own(&self, id: CoverId, owner: u32) -> impl Iterator<Item = (u32, bool)> + '_ {
        let lone = (id.0 & CoverId::LONE != 0).then_some((id.0 & !CoverId::LONE, false));
        let node = if lone.is_some() { None } else { self.nodes.get(id.0 as usize) };
        lone.into_iter().chain(node.filter(|node| node.owner == owner).into_iter().flat_map(|node| self.items_of(node)))
    }

    /// What is said by the nodes from one number to another: the owner, the record, whether a list silences it there.
    pub(super) fn within(&self, nodes: std::ops::Range<u32>) -> impl Iterator<Item = (u32, u32, bool)> + '_ {
        let nodes = self.nodes.get(nodes.start as usize..nodes.end as usize).unwrap_or_default();
        nodes.iter().flat_map(|node| self.items_of(node).map(|(record, silenced)| (node.owner, record, silenced)))
    }

    fn items_of(&self, node: &Node) -> impl Iterator<Item = (u32, bool)> + '_ {
        let items = self.items.get(node.first as usize..(node.first + node.count) as usize).unwrap_or_default();
        let all = node.suppress != 0;
        items.iter().map(move |item| (item.record, all || (item.silenced != 0 && !self.only_informs(item.silenced))))
    }

    /// How many nodes there are.
    pub(super) fn count(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// Everything said under the id, most specific first.
    pub(crate) fn walk(&self, id: CoverId) -> Walk<'_> {
        Walk { covers: self, next: id, items: &[], owner: None, suppress: 0, inform: 0 }
    }

    pub(crate) fn memory(&self) -> usize {
        self.nodes.len() * size_of::<Node>() + self.items.len() * size_of::<Item>()
    }
}

/// Walks one chain.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'c> {
    covers: &'c Covers,
    next: CoverId,
    items: &'c [Item],
    owner: Option<u32>,
    suppress: u32,
    inform: u32,
}

impl Iterator for Walk<'_> {
    type Item = Covering;

    fn next(&mut self) -> Option<Covering> {
        loop {
            if let Some((item, rest)) = self.items.split_first() {
                self.items = rest;
                let suppress = if item.silenced != 0 && !self.covers.only_informs(item.silenced) {
                    item.silenced
                } else {
                    self.suppress
                };
                let inform = if item.silenced != 0 && suppress != item.silenced { item.silenced } else { self.inform };
                return Some(Covering { record: item.record, owner: self.owner, suppress, inform });
            }
            let id = std::mem::take(&mut self.next);
            if id.is_none() {
                return None;
            }
            if id.0 & CoverId::LONE != 0 {
                let record = id.0 & !CoverId::LONE;
                return Some(Covering { record, owner: None, suppress: self.suppress, inform: self.inform });
            }
            let node = self.covers.nodes.get(id.0 as usize)?;
            self.owner = Some(node.owner);
            self.suppress = if self.suppress == 0 { node.suppress } else { self.suppress };
            self.inform = if self.inform == 0 { node.inform } else { self.inform };
            let first = node.first as usize;
            self.items = self.covers.items.get(first..first + node.count as usize).unwrap_or_default();
            self.next = node.parent;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    const fn record(record: u32) -> Said {
        Said::Record { record, silenced: 0 }
    }

    /// Lists 1 and 2 silence, 3 and 4 inform.
    fn covers() -> Covers {
        Covers::new(vec![false, false, true, true])
    }

    /// Record, owner, silencing list, informing list.
    fn walk(covers: &Covers, id: CoverId) -> Vec<(u32, Option<u32>, u32, u32)> {
        covers.walk(id).map(|said| (said.record, said.owner, said.suppress, said.inform)).collect()
    }

    #[test]
    fn nothing_said_is_nothing_found() {
        let mut covers = covers();
        assert!(covers.add(7, [].into_iter(), CoverId::NONE).is_none());
        // What only allows, with nothing to allow, too.
        assert!(covers.add(7, [Said::Allowed(1), Said::Allowed(3)].into_iter(), CoverId::NONE).is_none());
        assert_eq!(walk(&covers, CoverId::NONE), []);
        assert_eq!(covers.nodes.len(), 1);
    }

    #[test]
    fn a_lone_record_takes_no_node_until_it_is_named() {
        let mut covers = covers();
        let id = covers.add(7, [record(0)].into_iter(), CoverId::NONE);
        assert_eq!(walk(&covers, id), [(0, None, 0, 0)]);
        assert_eq!((covers.nodes.len(), covers.items.len()), (1, 0));
        let named = covers.named(id, 7);
        assert_eq!(walk(&covers, named), [(0, Some(7), 0, 0)]);
        assert_eq!(covers.named(named, 9), named);
        assert_eq!(covers.counts.duplicates.total(), 0);
    }

    #[test]
    fn a_place_of_which_nothing_is_said_shares_the_chain_of_its_parent() {
        let mut covers = covers();
        let parent = covers.node(1, [record(0)].into_iter(), CoverId::NONE);
        assert_eq!(covers.add(2, [].into_iter(), parent), parent);
    }

    #[test]
    fn an_entry_silences_its_own_place_and_what_is_wider_and_nothing_narrower() {
        let mut covers = covers();
        let wide = covers.node(1, [record(0)].into_iter(), CoverId::NONE);
        let middle = covers.node(2, [record(1), Said::Allowed(2), Said::Allowed(1)].into_iter(), wide);
        let narrow = covers.node(3, [record(2)].into_iter(), middle);
        assert_eq!(walk(&covers, narrow), [(2, Some(3), 0, 0), (1, Some(2), 1, 0), (0, Some(1), 1, 0)]);
        // The nearest list is named, and a list that informs stands beside it.
        let nearest = covers.node(4, [Said::Allowed(2), Said::Allowed(4)].into_iter(), narrow);
        assert_eq!(walk(&covers, nearest), [(2, Some(3), 2, 4), (1, Some(2), 2, 4), (0, Some(1), 2, 4)]);
        assert_eq!(covers.counts.suppressed, [(2, 1)]);
    }

    #[test]
    fn a_list_that_finds_a_record_by_search_silences_or_informs_that_one_alone() {
        let mut covers = covers();
        let said = |record, silenced| Said::Record { record, silenced };
        let id = covers.add(1, [said(0, 2), said(1, 4), said(2, 0), Said::Allowed(3)].into_iter(), CoverId::NONE);
        assert_eq!(walk(&covers, id), [(0, Some(1), 2, 3), (1, Some(1), 0, 4), (2, Some(1), 0, 3)]);
        let id = covers.add(1, [said(0, 2)].into_iter(), CoverId::NONE);
        assert_eq!(walk(&covers, id), [(0, Some(1), 2, 0)]);
    }

    #[test]
    fn repeats_are_counted_and_left_out() {
        let mut covers = covers();
        let id = covers.add(1, [1, 0, 1, 0, 1].map(record).into_iter(), CoverId::NONE);
        assert_eq!(walk(&covers, id), [(0, Some(1), 0, 0), (1, Some(1), 0, 0)]);
        assert_eq!(covers.counts.duplicates.total(), 3);
        let id = covers.add(2, [5, 5].map(record).into_iter(), CoverId::NONE);
        assert_eq!(id, CoverId(5 | CoverId::LONE), "a repeated record is a lone one");
    }

    #[test]
    fn of_too_many_records_the_first_are_kept() {
        let mut covers = covers();
        let id = covers.add(1, (0..1000).rev().map(record), CoverId::NONE);
        assert!(covers.walk(id).map(|said| said.record).eq(0..256));
        assert_eq!(covers.counts.too_many.total(), 744);
    }
}
