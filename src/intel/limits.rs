//! What a feed may not say unless it is allowed to.

use std::net::IpAddr;

use ipnet::IpNet;

use super::addresses::networks_of;
use crate::feed::Reason;
use crate::pattern::{Body, Pattern};
use crate::special::is_special_use;
use crate::suffix::is_public_suffix;

/// Bounds on what an indicator may cover. What is refused is counted in the [`Report`](crate::Report) with its reason.
///
/// One wrong line in a feed must not match every event. Entries of allow-lists are not bounded.
///
/// ```
/// use stormtag::{IntelBuilder, Limits};
///
/// let mut builder = IntelBuilder::new();
/// builder.limits(Limits { single_labels: true, ..Limits::default() });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Shortest IPv4 prefix, in bits. Defaults to 8.
    pub shortest_v4: u8,
    /// Shortest IPv6 prefix, in bits. Defaults to 19.
    pub shortest_v6: u8,
    /// Whether private, documentation and other special-use addresses (RFC 6890) may be indicators. Defaults to no.
    pub special_use: bool,
    /// Whether names of one label may be. Defaults to no.
    pub single_labels: bool,
    /// Whether names under which anyone can register (`co.uk`, `github.io`) may be, with all below them. Defaults to no.
    pub public_suffixes: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { shortest_v4: 8, shortest_v6: 19, special_use: false, single_labels: false, public_suffixes: false }
    }
}

impl Limits {
    /// Why the pattern is refused.
    pub(crate) fn refuse(&self, pattern: &Pattern) -> Option<Reason> {
        match pattern.body() {
            Body::Net(net) => {
                let shortest = match net {
                    IpNet::V4(_) => self.shortest_v4,
                    IpNet::V6(_) => self.shortest_v6,
                };
                let special = || !self.special_use && is_special_use(net.network()) && is_special_use(net.broadcast());
                if net.prefix_len() < shortest {
                    Some(Reason::TooWide)
                } else if special() {
                    Some(Reason::SpecialUse)
                } else {
                    None
                }
            }
            Body::Range(range) => {
                let (first, last) = **range;
                let (size, shortest) = match (first, last) {
                    (IpAddr::V4(a), IpAddr::V4(b)) => {
                        (u128::from(b.to_bits() - a.to_bits()), 32 - u32::from(self.shortest_v4.min(32)))
                    }
                    (IpAddr::V6(a), IpAddr::V6(b)) => {
                        (b.to_bits() - a.to_bits(), 128 - u32::from(self.shortest_v6.min(128)))
                    }
                    _ => return Some(Reason::TooWide),
                };
                if size.checked_shr(shortest).is_some_and(|over| over > 0) {
                    Some(Reason::TooWide)
                } else if !self.special_use && is_all_special_use(first, last, pattern.body()) {
                    Some(Reason::SpecialUse)
                } else {
                    None
                }
            }
            Body::Name { name, subdomains } => {
                if !self.single_labels && !name.contains('.') {
                    Some(Reason::SingleLabel)
                } else if !self.public_suffixes && *subdomains && is_public_suffix(name) {
                    Some(Reason::PublicSuffix)
                } else {
                    None
                }
            }
            Body::Url { .. } | Body::Digest(_) | Body::Word(_) => None,
        }
    }
}

/// Whether no address of a range could be a host's: both its ends may lie in special networks far from each other.
fn is_all_special_use(first: IpAddr, last: IpAddr, range: &Body) -> bool {
    is_special_use(first)
        && is_special_use(last)
        && networks_of(range).all(|net| is_special_use(net.network()) && is_special_use(net.broadcast()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::observable::Kind;

    fn refused(limits: Limits, kind: Kind, text: &str) -> Option<Reason> {
        limits.refuse(&Pattern::parse(kind, text).unwrap())
    }

    #[test]
    fn refuses_by_default_what_would_match_half_the_world() {
        for (kind, text, expected) in [
            (Kind::Ip, "20.0.0.0/8", None),
            (Kind::Ip, "20.0.0.0/7", Some(Reason::TooWide)),
            (Kind::Ip, "0.0.0.0/0", Some(Reason::TooWide)),
            (Kind::Ip, "20.0.0.1-21.0.0.0", None),
            (Kind::Ip, "20.0.0.1-21.0.0.1", Some(Reason::TooWide)),
            (Kind::Ip, "0.0.0.0-255.255.255.255", Some(Reason::TooWide)),
            (Kind::Ip, "2600::/19", None),
            (Kind::Ip, "2600::/18", Some(Reason::TooWide)),
            (Kind::Ip, "2600::-2600:1fff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            (Kind::Ip, "2600::-2600:2000::", Some(Reason::TooWide)),
            (Kind::Ip, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Reason::TooWide)),
            (Kind::Ip, "192.168.1.1", Some(Reason::SpecialUse)),
            (Kind::Ip, "203.0.113.0/24", Some(Reason::SpecialUse)),
            (Kind::Ip, "10.0.0.1-10.0.0.9", Some(Reason::SpecialUse)),
            (Kind::Ip, "fe80::1", Some(Reason::SpecialUse)),
            // Half of it could be hosts.
            (Kind::Ip, "192.168.255.0-192.169.0.255", None),
            (Kind::Ip, "172.0.0.0/8", None),
            (Kind::Domain, "localhost", Some(Reason::SingleLabel)),
            (Kind::Domain, "=com", Some(Reason::SingleLabel)),
            (Kind::Domain, "co.uk", Some(Reason::PublicSuffix)),
            (Kind::Domain, "github.io", Some(Reason::PublicSuffix)),
            (Kind::Domain, "=github.io", None),
            (Kind::Domain, "evil.github.io", None),
            (Kind::Domain, "evil.lan", None),
            (Kind::Url, "http://192.168.1.1/", None),
            (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e", None),
            (Kind::FileName, "a", None),
        ] {
            assert_eq!(refused(Limits::default(), kind, text), expected, "{text}");
        }
    }

    #[test]
    fn each_limit_can_be_lifted() {
        let limits =
            Limits { special_use: true, single_labels: true, public_suffixes: true, shortest_v4: 0, shortest_v6: 0 };
        for (kind, text) in [
            (Kind::Ip, "0.0.0.0/0"),
            (Kind::Ip, "::/0"),
            (Kind::Ip, "0.0.0.0-255.255.255.255"),
            (Kind::Ip, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            (Kind::Ip, "127.0.0.1"),
            (Kind::Domain, "com"),
            (Kind::Domain, "co.uk"),
        ] {
            assert_eq!(refused(limits, kind, text), None, "{text}");
        }
        // One by one.
        let default = Limits::default();
        for (limits, kind, text) in [
            (Limits { shortest_v4: 7, ..default }, Kind::Ip, "20.0.0.0/7"),
            (Limits { shortest_v6: 18, ..default }, Kind::Ip, "2600::/18"),
            (Limits { special_use: true, ..default }, Kind::Ip, "10.0.0.1"),
            (Limits { single_labels: true, ..default }, Kind::Domain, "localhost"),
            (Limits { public_suffixes: true, ..default }, Kind::Domain, "co.uk"),
        ] {
            assert!(refused(default, kind, text).is_some(), "{text}");
            assert_eq!(refused(limits, kind, text), None, "{text}");
        }
    }

    #[test]
    fn limits_beyond_the_length_of_an_address_refuse_all_networks() {
        let limits = Limits { shortest_v4: 255, shortest_v6: 255, ..Limits::default() };
        for text in ["8.8.8.0/31", "8.8.8.8-8.8.8.9", "2600::/127", "2600::-2600::1"] {
            assert_eq!(refused(limits, Kind::Ip, text), Some(Reason::TooWide), "{text}");
        }
    }

    #[test]
    fn a_range_between_two_special_networks_is_not_special() {
        assert_eq!(refused(Limits::default(), Kind::Ip, "192.0.2.255-192.168.0.0"), None);
        assert_eq!(refused(Limits::default(), Kind::Ip, "198.19.255.255-198.51.100.0"), None);
    }
}
