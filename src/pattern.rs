//! Patterns: what an indicator or an entry of an allow-list may say.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::normal::{self, NotObservable};
use crate::observable::{Digest, Kind, Shape};

/// What an indicator matches, brought to normal form.
///
/// | shape | texts | covers |
/// |---|---|---|
/// | address | `203.0.113.9` · `203.0.113.0/24` · `198.51.100.7-198.51.100.19` | the addresses in it, host bits ignored |
/// | name | `evil.example` · `.evil.example` · `*.evil.example` | the name and all names below it |
/// | name | `=evil.example` | that name alone |
/// | url | `http://evil.example/drop` | that URL, with any query |
/// | url | `http://evil.example/drop?id=1` | that URL with that query |
/// | url | `http://evil.example/drop/*` | all URLs whose path begins so; the star follows a slash |
/// | url | `evil.example/drop` | the same, by `http` and by `https` |
/// | digest, word | the value | that value |
/// | text | the value | that value, whatever the case of ASCII letters |
///
/// ```
/// use stormtag::{Kind, Pattern};
///
/// assert_eq!(Pattern::parse(Kind::Domain, "*.Evil.Example")?.to_string(), "evil.example");
/// assert_eq!(Pattern::parse(Kind::Ip, "203.0.113.77/24")?.to_string(), "203.0.113.0/24");
/// assert!(Pattern::parse(Kind::Url, "/gate.php").is_err()); // a path without a host
/// # Ok::<(), stormtag::NotObservable>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    kind: Kind,
    body: Body,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Body {
    Net(IpNet),
    Range(Box<(IpAddr, IpAddr)>),
    Name {
        name: Box<str>,
        subdomains: bool,
    },
    Url {
        /// Normal form; without `http:` or `https:` where it stands for both; without the star of a prefix.
        text: Box<str>,
        any_scheme: bool,
        prefix: bool,
    },
    Digest(Box<[u8]>),
    Word(Box<str>),
}

impl Pattern {
    /// Reads a pattern of one kind; the table above says which forms there are.
    ///
    /// # Errors
    ///
    /// Says why the text is no pattern of this kind.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, NotObservable> {
        let text = text.trim();
        let body = match kind.shape() {
            Shape::Address => address(text)?,
            Shape::Name => name(text)?,
            Shape::Url => url(text)?,
            Shape::Digest => Body::Digest(Digest::parse(kind, text)?.as_bytes().into()),
            Shape::Word => Body::Word(normal::word(kind, text)?.into()),
            Shape::Text => Body::Word(normal::text(kind, text)?.into()),
        };
        Ok(Self { kind, body })
    }

    /// What the values are that it matches.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// A pattern of a body that another had.
    pub(crate) fn of(kind: Kind, body: Body) -> Self {
        Self { kind, body }
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    pub(crate) fn into_body(self) -> Body {
        self.body
    }

    /// Name patterns made to match the name alone: for lists whose entries do not cover subdomains.
    #[must_use]
    pub(crate) fn alone(mut self) -> Self {
        if let Body::Name { subdomains, .. } = &mut self.body {
            *subdomains = false;
        }
        self
    }
}

fn address(text: &str) -> Result<Body, NotObservable> {
    if let Some((address, length)) = text.split_once('/') {
        let address: IpAddr = address.trim().parse().map_err(|_| NotObservable::NotAnAddress)?;
        let length: u8 = length.trim().parse().map_err(|_| NotObservable::NotAnAddress)?;
        // ::ffff:203.0.113.0/120 is 203.0.113.0/24.
        let (address, length) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if length >= 96 => (v4, length - 96),
            (address, _) => (address, length),
        };
        let net = IpNet::new(address, length).map_err(|_| NotObservable::NotAnAddress)?;
        return Ok(Body::Net(net.trunc()));
    }
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (normal::address(first.trim())?, normal::address(last.trim())?);
        return match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Ok(Body::Range(Box::new((first, last)))),
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => Ok(Body::Range(Box::new((first, last)))),
            _ => Err(NotObservable::NotAnAddress),
        };
    }
    Ok(Body::Net(normal::address(text)?.into()))
}

/// Whether the text is an address, a network or a range.
pub(crate) fn is_network(text: &str) -> bool {
    address(text.trim()).is_ok()
}

fn name(text: &str) -> Result<Body, NotObservable> {
    let (text, subdomains) = match text.strip_prefix('=') {
        Some(alone) => (alone, false),
        None => (text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text), true),
    };
    // A name given with a port stands for the name.
    let text = match text.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => text,
    };
    Ok(Body::Name { name: normal::name(text)?.into(), subdomains })
}

fn url(text: &str) -> Result<Body, NotObservable> {
    let (text, prefix) = match text.strip_suffix('*') {
        Some(start) if start.ends_with('/') && !start.contains(['?', '#']) => (start, true),
        Some(_) => return Err(NotObservable::PrefixNotAtSlash),
        None => (text, false),
    };
    if !normal::lacks_scheme(text) {
        let text = normal::url(text)?;
        // What is cut off, as a fragment, can leave a star at the end.
        if !prefix && text.ends_with('*') {
            return url(&text);
        }
        return Ok(Body::Url { text: text.into(), any_scheme: false, prefix });
    }
    let whole = format!("http://{}", text.trim_start_matches("//"));
    if whole.get(7..).is_some_and(|rest| rest.starts_with('/')) {
        return Err(NotObservable::PathWithoutHost);
    }
    let text = normal::url(&whole)?;
    if !prefix && text.ends_with('*') {
        return url(text.strip_prefix("http://").unwrap_or(&text));
    }
    let text = text.strip_prefix("http:").unwrap_or(&text).into();
    Ok(Body::Url { text, any_scheme: true, prefix })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Body::Net(net) => net.fmt(f),
            Body::Range(range) => write!(f, "{}-{}", range.0, range.1),
            Body::Name { name, subdomains: true } => f.write_str(name),
            Body::Name { name, subdomains: false } => write!(f, "={name}"),
            Body::Url { text, any_scheme, prefix } => {
                let text = if *any_scheme { text.trim_start_matches('/') } else { text };
                write!(f, "{text}{}", if *prefix { "*" } else { "" })
            }
            Body::Digest(bytes) => f.write_str(&normal::encode_hex(bytes)),
            Body::Word(word) => f.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_back_as_they_print() {
        let cases = [
            (Kind::Ip, "203.0.113.9", "203.0.113.9"),
            (Kind::Ip, "::ffff:203.0.113.0/120", "203.0.113.0/24"),
            (Kind::Ip, "198.51.100.7-198.51.100.19", "198.51.100.7-198.51.100.19"),
            (Kind::Ip, "2001:DB8::/32", "2001:db8::/32"),
            (Kind::Domain, "=Evil.Example.", "=evil.example"),
            (Kind::Domain, ".evil.example", "evil.example"),
            (Kind::Domain, "evil.example:8080", "evil.example"),
            (Kind::Url, "HTTP://Evil.Example:80/Drop/*", "http://evil.example/Drop/*"),
            (Kind::Url, "evil.example/drop", "evil.example/drop"),
            (Kind::Url, "http://evil.example/drop/*#part", "http://evil.example/drop/*"),
            (Kind::Url, "evil.example/*#part", "evil.example/*"),
            (Kind::Sha1, "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (Kind::Asn, "AS64500", "64500"),
        ];
        for (kind, text, normal) in cases {
            let pattern = Pattern::parse(kind, text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(pattern.to_string(), normal);
            assert_eq!(Pattern::parse(kind, normal).map(|p| p.to_string()), Ok(normal.into()));
        }
    }

    #[test]
    fn what_looks_like_a_kind_is_one() {
        for (text, kind) in [("evil.example:8080", Some(Kind::Domain)), ("evil.example:", None), ("3.9tis:", None)] {
            assert_eq!(Kind::guess(text), kind, "{text}");
            assert!(kind.is_none_or(|kind| Pattern::parse(kind, text).is_ok()), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let cases = [
            (Kind::Ip, "203.0.113.0/33", NotObservable::NotAnAddress),
            (Kind::Ip, "203.0.113.9-203.0.113.1", NotObservable::NotAnAddress),
            (Kind::Url, "/gate.php", NotObservable::PathWithoutHost),
            (Kind::Url, "http://evil.example/dro*", NotObservable::PrefixNotAtSlash),
            (Kind::Url, "http://evil.example/dro*#part", NotObservable::PrefixNotAtSlash),
            (Kind::Url, "evil.example/dro*#part", NotObservable::PrefixNotAtSlash),
            (Kind::CommandLine, " ", NotObservable::Empty),
        ];
        for (kind, text, why) in cases {
            assert_eq!(Pattern::parse(kind, text), Err(why), "{text}");
        }
    }
}
