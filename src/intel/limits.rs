//! What a feed may not say unless it is allowed to.

use ipnet::IpNet;

use crate::feed::Reason;
use crate::pattern::{Body, Pattern};
use crate::special::is_special_use;

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
                    (std::net::IpAddr::V4(a), std::net::IpAddr::V4(b)) => {
                        (u128::from(b.to_bits() - a.to_bits()), 32 - u32::from(self.shortest_v4.min(32)))
                    }
                    (std::net::IpAddr::V6(a), std::net::IpAddr::V6(b)) => {
                        (b.to_bits() - a.to_bits(), 128 - u32::from(self.shortest_v6.min(128)))
                    }
                    _ => return Some(Reason::TooWide),
                };
                if size.checked_shr(shortest).is_some_and(|over| over > 0) {
                    Some(Reason::TooWide)
                } else if !self.special_use && is_special_use(first) && is_special_use(last) {
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

/// Whether names of this kind are registered below it. Suffixes that the list does not name count by their last label, which
/// makes them no suffix here: `lan`, `local`, `onion`.
fn is_public_suffix(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}
