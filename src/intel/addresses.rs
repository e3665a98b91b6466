//! Addresses: single ones in a table, networks flattened.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

use super::covers::{CoverId, Covers, RECORDS_OF_ONE};
use super::hash::Hash;
use super::table::{Exact, Filter, Said, Statement, scale};
use crate::pattern::Body;
use crate::ranges::Ranges;
use crate::slab::Slab;

/// Address indicators. A feed's single addresses would cost a flattened table a line each, so they stand in a hash table of
/// eight bytes a slot; an address asks both, and the loads overlap.
#[derive(Debug)]
pub(crate) struct Addresses {
    v4: Singles,
    /// Keys are the sixteen bytes of the address.
    v6: Exact,
    networks: Ranges,
    /// The pattern behind each owner of a network's cover.
    patterns: Vec<Body>,
    /// The nodes among the covers that say something of networks.
    nodes: std::ops::Range<u32>,
}

/// Single IPv4 addresses: the key in the upper half of a slot, its cover in the lower; no cover, no key.
#[derive(Debug)]
struct Singles {
    hash: Hash,
    filter: Filter,
    slots: Slab<8>,
}

/// A network that is part of a pattern, with what is said of it.
struct Piece {
    first: u128,
    last: u128,
    pattern: u32,
    statement: Statement,
}

impl Addresses {
    /// Bodies are networks and ranges; a range counts as the networks it is made of.
    pub(crate) fn build(statements: Vec<(Body, Statement)>, covers: &mut Covers) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let mut patterns: HashMap<Body, u32> = HashMap::new();
        let (mut pieces4, mut pieces6) = (Vec::new(), Vec::new());
        // A range can be made of 250 networks: one that repeats another must not cost as many lines again.
        let mut ranges = HashSet::new();
        for (body, statement) in statements {
            match &body {
                Body::Net(IpNet::V4(net)) if net.prefix_len() == 32 => v4.push((net.addr().to_bits(), statement)),
                Body::Net(IpNet::V6(net)) if net.prefix_len() == 128 => v6.push((net.addr().octets(), statement)),
                Body::Net(_) | Body::Range(_) => {
                    let next = patterns.len() as u32;
                    let pattern = *patterns.entry(body.clone()).or_insert(next);
                    if matches!(body, Body::Range(_)) && !ranges.insert((pattern, statement.said)) {
                        if let Said::Record { record, .. } = statement.said {
                            covers.counts.duplicates.add(1, record);
                        }
                        continue;
                    }
                    for net in networks_of(&body) {
                        // Allowing one address goes before all that is said of it, also where a range ends with that address.
                        match net {
                            _ if !matches!(statement.said, Said::Allowed(_)) => {}
                            IpNet::V4(net) if net.prefix_len() == 32 => v4.push((net.addr().to_bits(), statement)),
                            IpNet::V6(net) if net.prefix_len() == 128 => v6.push((net.addr().octets(), statement)),
                            _ => {}
                        }
                        let (pieces, first, last) = match net {
                            IpNet::V4(net) => (
                                &mut pieces4,
                                u128::from(net.network().to_bits()),
                                u128::from(net.broadcast().to_bits()),
                            ),
                            IpNet::V6(net) => (&mut pieces6, net.network().to_bits(), net.broadcast().to_bits()),
                        };
                        pieces.push(Piece { first, last, pattern, statement });
                    }
                }
                _ => {}
            }
        }
        let first = covers.count();
        let flat4 = flatten(pieces4, covers);
        let networks = Ranges::new(
            flat4.into_iter().map(|(first, last, cover)| (first as u32, last as u32, cover.0)),
            flatten(pieces6, covers).into_iter().map(|(first, last, cover)| (first, last, cover.0)),
        );
        let nodes = first..covers.count();
        let v4 = Singles::build(v4, covers, |key| CoverId(networks.get_v4(key)));
        let v6 = Exact::build(v6, Some(16), covers, |_, key| {
            (OWN, CoverId(key.try_into().map_or(0, |octets| networks.get_v6(u128::from_be_bytes(octets)))))
        });
        let mut patterns: Vec<(Body, u32)> = patterns.into_iter().collect();
        patterns.sort_unstable_by_key(|&(_, pattern)| pattern);
        let patterns = patterns.into_iter().map(|(body, _)| body).collect();
        Self { v4, v6, networks, patterns, nodes }
    }

    /// What covers an address. IPv4-mapped addresses have been unmapped.
    #[inline]
    pub(crate) fn get(&self, address: IpAddr) -> CoverId {
        match address {
            IpAddr::V4(address) => self.get_v4(address.to_bits()),
            IpAddr::V6(address) => match self.v6.get(&address.octets()) {
                Some((cover, _)) if !cover.is_none() => cover,
                _ => CoverId(self.networks.get_v6(address.to_bits())),
            },
        }
    }

    #[inline]
    pub(crate) fn get_v4(&self, address: u32) -> CoverId {
        let network = CoverId(self.networks.get_v4(address));
        let single = self.v4.get(address);
        if single.is_none() { network } else { single }
    }

    /// The pattern that owns a network's cover.
    pub(crate) fn pattern(&self, owner: u32) -> Option<&Body> {
        self.patterns.get(owner as usize)
    }

    /// Single addresses, each with its cover.
    pub(super) fn singles(&self) -> impl Iterator<Item = (IpAddr, CoverId)> + '_ {
        let v4 =
            self.v4.slots.all().iter().map(|slot| u64::from_le_bytes(*slot)).filter(|&slot| slot != 0).map(|slot| {
                let bits = (slot >> 32) as u32;
                (IpAddr::V4(bits.into()), CoverId(slot as u32))
            });
        let v6 = self.v6.entries().filter_map(|(_, key, cover)| {
            let octets: [u8; 16] = key.try_into().ok()?;
            Some((IpAddr::V6(octets.into()), cover))
        });
        v4.chain(v6)
    }

    /// Networks and single addresses that something is said of, first and last address.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> + '_ {
        let networks = self.patterns.iter().filter_map(|body| match body {
            Body::Net(net) => Some((net.network(), net.broadcast())),
            Body::Range(range) => Some(**range),
            _ => None,
        });
        networks.chain(self.singles().map(|(address, _)| (address, address)))
    }

    /// The nodes among the covers that say something of networks, their owners being numbers of [`pattern`](Self::pattern)s.
    pub(super) fn nodes(&self) -> std::ops::Range<u32> {
        self.nodes.clone()
    }

    pub(crate) fn memory(&self) -> usize {
        self.v4.filter.memory()
            + self.v4.slots.bytes().len()
            + self.v6.memory()
            + self.networks.memory()
            + self.patterns.len() * size_of::<Body>()
    }
}

impl Singles {
    fn build(mut statements: Vec<(u32, Statement)>, covers: &mut Covers, parent: impl Fn(u32) -> CoverId) -> Self {
        let hash = Hash::seeded();
        statements.sort_by_key(|&(key, _)| key);
        let mut found: Vec<(u32, CoverId)> = Vec::with_capacity(statements.len());
        for same in statements.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(key, _)) = same.first() else { continue };
            let cover = covers.add(OWN, same.iter().map(|(_, statement)| statement.said), parent(key));
            if !cover.is_none() {
                found.push((key, cover));
            }
        }
        let mut slots = vec![0; found.len() + found.len().div_ceil(4)];
        for &(key, cover) in &found {
            let mut at = scale(hash.of_u32(key), slots.len());
            // Ends: there are more slots than keys.
            while slots.get(at).is_some_and(|&slot| slot != 0) {
                at = if at + 1 == slots.len() { 0 } else { at + 1 };
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = u64::from(key) << 32 | u64::from(cover.0);
            }
        }
        let hashes: Vec<u64> = found.iter().map(|&(key, _)| hash.of_u32(key)).collect();
        Self {
            hash,
            filter: Filter::build(hashes.into_iter()),
            slots: Slab::new(slots.into_iter().map(u64::to_le_bytes)),
        }
    }

    #[inline]
    fn get(&self, key: u32) -> CoverId {
        let hash = self.hash.of_u32(key);
        if !self.filter.admits(hash) {
            return CoverId::NONE;
        }
        let slots = self.slots.all();
        let mut at = scale(hash, slots.len());
        loop {
            match slots.get(at).map(|slot| u64::from_le_bytes(*slot)) {
                None | Some(0) => return CoverId::NONE,
                Some(slot) if (slot >> 32) as u32 == key => return CoverId(slot as u32),
                Some(_) => at = if at + 1 == slots.len() { 0 } else { at + 1 },
            }
        }
    }
}

/// Owner of what is said of a single address: the address itself.
pub(crate) const OWN: u32 = u32::MAX;

/// The networks that a network or range is made of.
pub(crate) fn networks_of(body: &Body) -> impl Iterator<Item = IpNet> + use<> {
    match body {
        Body::Net(IpNet::V4(net)) => IpSubnets::V4(Ipv4Subnets::new(net.network(), net.broadcast(), net.prefix_len())),
        Body::Net(IpNet::V6(net)) => IpSubnets::V6(Ipv6Subnets::new(net.network(), net.broadcast(), net.prefix_len())),
        Body::Range(range) => match **range {
            (IpAddr::V4(first), IpAddr::V4(last)) => IpSubnets::V4(Ipv4Subnets::new(first, last, 0)),
            (IpAddr::V6(first), IpAddr::V6(last)) => IpSubnets::V6(Ipv6Subnets::new(first, last, 0)),
            // Patterns hold ends of one family.
            _ => IpSubnets::V4(Ipv4Subnets::new([0, 0, 0, 1].into(), [0, 0, 0, 0].into(), 0)),
        },
        _ => IpSubnets::V4(Ipv4Subnets::new([0, 0, 0, 1].into(), [0, 0, 0, 0].into(), 0)),
    }
}

/// What is said of one network. Patterns that have it in common (ranges do) keep their owners, one link each; what allows stands
/// in each link, so that each tells that it is silenced.
fn cover_of(same: &[Piece], parent: CoverId, covers: &mut Covers) -> CoverId {
    let allows = |piece: &&Piece| matches!(piece.statement.said, Said::Allowed(_));
    let mut allowed: Vec<Said> = same.iter().filter(allows).map(|piece| piece.statement.said).collect();
    allowed.sort_unstable();
    allowed.dedup();
    let allowed = || allowed.iter().copied();
    let mut records: Vec<&Piece> = same.iter().filter(|piece| !allows(piece)).collect();
    // Any number of ranges can have a network in common: the limit holds for all of them together.
    if records.len() > RECORDS_OF_ONE {
        records.sort_unstable_by_key(|piece| (piece.pattern, piece.statement.said));
        records.dedup_by(|piece, kept| {
            let same = (piece.pattern, piece.statement.said) == (kept.pattern, kept.statement.said);
            if let (true, Said::Record { record, .. }) = (same, piece.statement.said) {
                covers.counts.duplicates.add(1, record);
            }
            same
        });
        for piece in records.drain(records.len().min(RECORDS_OF_ONE)..) {
            if let Said::Record { record, .. } = piece.statement.said {
                covers.counts.too_many.add(1, record);
            }
        }
    }
    let mut cover = parent;
    if records.is_empty() {
        return covers.node(same.first().map_or(OWN, |piece| piece.pattern), allowed(), cover);
    }
    for records in records.chunk_by(|a, b| a.pattern == b.pattern) {
        let owner = records.first().map_or(OWN, |piece| piece.pattern);
        cover = covers.node(owner, records.iter().map(|piece| piece.statement.said).chain(allowed()), cover);
    }
    cover
}

/// Nested networks to disjoint ranges, each with the chain of everything that covers it.
fn flatten(mut pieces: Vec<Piece>, covers: &mut Covers) -> Vec<(u128, u128, CoverId)> {
    // A network comes before those inside it.
    pieces.sort_by_key(|piece| (piece.first, Reverse(piece.last), piece.pattern));
    let mut open: Vec<(u128, CoverId)> = Vec::new();
    let mut flat: Vec<(u128, u128, CoverId)> = Vec::new();
    let mut at = 0;
    let close_until = |open: &mut Vec<(u128, CoverId)>, flat: &mut Vec<_>, at: &mut u128, until: Option<u128>| {
        while let Some(&(last, cover)) = open.last() {
            if until.is_some_and(|until| last >= until) {
                break;
            }
            if *at <= last {
                flat.push((*at, last, cover));
                *at = last.saturating_add(1);
            }
            open.pop();
        }
    };
    for same in pieces.chunk_by(|a, b| (a.first, a.last) == (b.first, b.last)) {
        let Some(piece) = same.first() else { continue };
        close_until(&mut open, &mut flat, &mut at, Some(piece.first));
        let parent = open.last().map_or(CoverId::NONE, |&(_, cover)| cover);
        if !parent.is_none() && at < piece.first {
            flat.push((at, piece.first - 1, parent));
        }
        at = piece.first;
        open.push((piece.last, cover_of(same, parent, covers)));
    }
    close_until(&mut open, &mut flat, &mut at, None);
    flat.retain(|&(_, _, cover)| !cover.is_none());
    flat
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::observable::Kind;
    use crate::pattern::Pattern;

    /// Texts beginning with `+` are allowed by the list of that number, all others are records, numbered in order.
    fn build(texts: &[&str]) -> (Addresses, Covers) {
        let mut covers = Covers::new(vec![false; texts.len()]);
        let statements = texts.iter().zip(0..).map(|(text, record)| {
            let (text, said) = match text.strip_prefix('+') {
                Some(allowed) => (allowed, Said::Allowed(record)),
                None => (*text, Said::Record { record, silenced: 0 }),
            };
            (Pattern::parse(Kind::Ip, text).unwrap().into_body(), Statement { wide: true, said })
        });
        let addresses = Addresses::build(statements.collect(), &mut covers);
        (addresses, covers)
    }

    /// Record and silencing list of each statement about the address.
    fn said_of((addresses, covers): &(Addresses, Covers), address: &str) -> Vec<(u32, u32)> {
        let id = addresses.get(address.parse().unwrap());
        covers.walk(id).map(|covering| (covering.record, covering.suppress)).collect()
    }

    #[test]
    fn a_range_that_allows_down_to_one_address_silences_what_is_said_of_that_address() {
        let built = build(&["20.1.0.8", "2a00::8", "+20.1.0.6-20.1.0.8", "+2a00::6-2a00::8", "+20.1.0.1-20.1.0.1"]);
        assert_eq!(said_of(&built, "20.1.0.8"), [(0, 2)]);
        assert_eq!(said_of(&built, "2a00::8"), [(1, 3)]);
        let built = build(&["20.1.0.7-20.1.0.8", "20.1.0.8", "20.1.0.0/24", "+20.1.0.8-20.1.0.9"]);
        // .8/31 is not narrower than .8: the address itself stays.
        assert_eq!(said_of(&built, "20.1.0.8"), [(1, 0), (0, 0), (2, 3)]);
    }

    #[test]
    fn a_single_ipv6_address_is_shown_as_itself_when_a_network_is_around_it() {
        let (addresses, covers) = build(&["2a00::/32", "2a00::8"]);
        let owners: Vec<_> = covers
            .walk(addresses.get("2a00::8".parse().unwrap()))
            .map(|covering| (covering.record, covering.owner.and_then(|owner| addresses.pattern(owner)).is_some()))
            .collect();
        assert_eq!(owners, [(1, false), (0, true)]);
    }

    #[test]
    fn of_several_lists_that_allow_one_network_the_first_is_named() {
        // The network that both have in common is /31.
        let built = build(&["20.1.0.2-20.1.9.9", "+20.1.0.2-20.1.0.4", "+20.1.0.2-20.1.9.9"]);
        assert_eq!(said_of(&built, "20.1.0.2"), [(0, 1)]);
    }

    #[test]
    fn ranges_that_share_a_network_share_its_limit() {
        let mut texts: Vec<_> = (1..=300).map(|n| format!("20.0.{}.{}-21.255.255.255", n / 256, n % 256)).collect();
        texts.push("21.0.0.0/8".into());
        texts.extend_from_within(300..);
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let (addresses, covers) = build(&texts);
        let found = covers.walk(addresses.get("21.1.1.1".parse().unwrap())).map(|covering| covering.record);
        assert!(found.eq((0..256).rev()), "the first are kept, the last of them foremost");
        assert!(covers.counts.too_many.total() >= 46, "{:?}", covers.counts);
    }

    #[test]
    fn a_repeated_range_is_one_duplicate() {
        let mut covers = Covers::new(vec![]);
        let body = Pattern::parse(Kind::Ip, "20.1.0.1-20.9.0.254").unwrap().into_body();
        let said = Said::Record { record: 0, silenced: 0 };
        let addresses = Addresses::build(vec![(body, Statement { wide: true, said }); 3], &mut covers);
        assert_eq!(covers.counts.duplicates.total(), 2);
        assert_eq!(covers.walk(addresses.get("20.5.0.1".parse().unwrap())).count(), 1);
    }

    #[test]
    fn flattened_ranges_are_disjoint_and_hold_the_innermost() {
        for (texts, expected) in [
            (&["0.0.0.0/0"][..], &[(0, 0xffff_ffff_u128, &[0][..])][..]),
            (
                &["0.0.0.0/0", "0.0.0.0/31", "255.255.255.254/31"],
                &[(0, 1, &[1, 0]), (2, 0xffff_fffd, &[0]), (0xffff_fffe, 0xffff_ffff, &[2, 0])],
            ),
            // Nested at the start, in the middle and at the end; a gap; a neighbour.
            (
                &["1.0.0.0/28", "1.0.0.0/30", "1.0.0.6/31", "1.0.0.12/30", "1.0.0.16/31", "1.0.0.32/31"],
                &[
                    (0x0100_0000, 0x0100_0003, &[1, 0]),
                    (0x0100_0004, 0x0100_0005, &[0]),
                    (0x0100_0006, 0x0100_0007, &[2, 0]),
                    (0x0100_0008, 0x0100_000b, &[0]),
                    (0x0100_000c, 0x0100_000f, &[3, 0]),
                    (0x0100_0010, 0x0100_0011, &[4]),
                    (0x0100_0020, 0x0100_0021, &[5]),
                ],
            ),
            // What only allows needs no place of its own.
            (&["+1.0.0.0/28", "1.0.0.4/31"], &[(0x0100_0004, 0x0100_0005, &[1])]),
        ] {
            assert_eq!(flat(texts), expected.iter().map(|&(a, b, c)| (a, b, c.to_vec())).collect::<Vec<_>>());
        }
    }

    #[test]
    fn flattening_holds_at_the_end_of_ipv6() {
        let (built, covers) = build(&["::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", "::/127"]);
        let built = (built, covers);
        for (address, expected) in [
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[(1, 0), (0, 0)][..]),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd", &[(0, 0)]),
            ("::", &[(2, 0), (0, 0)]),
            ("::2", &[(0, 0)]),
        ] {
            assert_eq!(said_of(&built, address), expected, "{address}");
        }
    }

    fn flat(texts: &[&str]) -> Vec<(u128, u128, Vec<u32>)> {
        let mut covers = Covers::new(vec![false; texts.len()]);
        let pieces = texts.iter().zip(0..).map(|(text, at)| {
            let said = match text.strip_prefix('+') {
                Some(_) => Said::Allowed(at + 1),
                None => Said::Record { record: at, silenced: 0 },
            };
            let net: ipnet::Ipv4Net = text.trim_start_matches('+').parse().unwrap();
            let (first, last) = (net.network().to_bits().into(), net.broadcast().to_bits().into());
            Piece { first, last, pattern: at, statement: Statement { wide: true, said } }
        });
        let flat = flatten(pieces.collect(), &mut covers);
        flat.into_iter()
            .map(|(first, last, id)| (first, last, covers.walk(id).map(|covering| covering.record).collect()))
            .collect()
    }
}
