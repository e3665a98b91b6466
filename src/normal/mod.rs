//! Text → normal form. Indicators and observables pass through the same functions, which is why one finds the other.
//!
//! Each function borrows where the text is normal already, is linear in the text, refuses what is over its limit, and gives
//! the same answer for its own answer: a normal form is its own normal form.

mod address;
mod digest;
mod name;
mod refang;
mod url;
mod word;

pub(crate) use address::{address, v4_fast as v4, write_address};
pub(crate) use digest::{encode as encode_hex, hex};
pub(crate) use name::{is_normal as is_name, name};
pub(crate) use refang::{ends_in_mark, refang, refang_bytes};
pub(crate) use url::{host as url_host, is_normal as is_url, lacks_scheme, plain_host, url, without_query};
pub(crate) use word::{LONGEST_TEXT, check_text, email, text, word};

/// Why a text is no observable of the kind it was said to be.
///
/// Cheap to make and to copy: event fields hold such texts all the time (`-`, `N/A`, a host name where an address should be).
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum NotObservable {
    /// Nothing but white space.
    #[error("expected a value, found nothing")]
    Empty,
    /// Over the limit of its kind: 253 bytes for a name, 8 KiB for a URL, 1 KiB for a word, 32 KiB for a text.
    #[error("expected a shorter value: this one is over the limit of its kind")]
    TooLong,
    /// Neither an IPv4 nor an IPv6 address.
    #[error("expected an IPv4 or IPv6 address")]
    NotAnAddress,
    /// Not a DNS name.
    #[error("expected a DNS name")]
    NotAName,
    /// Not an absolute URL with a host.
    #[error("expected an absolute URL with a host")]
    NotAUrl,
    /// Not hexadecimal, or not of the length of its kind.
    #[error("expected a digest in hexadecimal, of the length of its kind")]
    NotADigest,
    /// Not an e-mail address.
    #[error("expected an e-mail address: local part, @, domain")]
    NotAnEmail,
    /// Not a JA4 fingerprint.
    #[error("expected a JA4 fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1")]
    NotAJa4,
    /// Not a JARM fingerprint.
    #[error("expected a JARM fingerprint: 62 hexadecimal digits")]
    NotAJarm,
    /// Not the number of an autonomous system.
    #[error("expected the number of an autonomous system, 0 to 4294967295, with or without AS before it")]
    NotAnAsn,
    /// Not the name of a kind.
    #[error("expected the name of a kind, such as ip, domain, url, sha256")]
    UnknownKind,
    /// A kind whose values are not compared in this way.
    #[error("no value of a kind that is compared in this way")]
    Unsupported,
    /// A URL prefix whose star does not follow a slash.
    #[error("expected the star of a URL prefix right behind a slash of its path")]
    PrefixNotAtSlash,
    /// The path of a URL without the host.
    #[error("expected a host before the path")]
    PathWithoutHost,
}

#[cfg(test)]
mod tests {
    use super::NotObservable;

    #[test]
    fn is_small_and_says_what_was_expected() {
        assert_eq!(size_of::<NotObservable>(), 1);
        assert_eq!(NotObservable::NotAName.to_string(), "expected a DNS name");
    }
}
