//! Values of feeds: what a cell or a line is, by its kind or its looks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::feed::Reason;
use crate::normal::NotObservable;
use crate::normal::refang;
use crate::observable::{Kind, Shape};
use crate::pattern::Pattern;

/// What a feed says of the kind of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// Nothing: its looks decide.
    Nothing,
    /// This kind.
    Kind(Kind),
    /// The hash of a file, whose length decides.
    Hash,
    /// A file: its hash if it looks like one, else its name.
    File,
    /// Something that is not matched here.
    Foreign,
}

impl Said {
    /// Reads the type words of common feeds; those that [`Kind`] reads by itself are not repeated.
    pub(crate) fn of_word(word: &str) -> Self {
        let word = word.trim().to_ascii_lowercase();
        match word.as_str() {
            "" | "unknown" | "any" | "other" => Self::Nothing,
            "file" | "sample" | "malware-sample" => Self::File,
            "hash" | "filehash" | "file_hash" | "file-hash" | "file hash" | "hashes" => Self::Hash,
            "ip:port" | "ip-dst|port" | "ip-src|port" | "dst_ip" | "src_ip" | "ipv4:port" | "ipv4addr" | "ipv6addr"
            | "subnet" | "network" | "netblock" | "ip range" => Self::Kind(Kind::Ip),
            "domain:port" | "dns" | "subdomain" | "onion" => Self::Kind(Kind::Domain),
            "sha256_hash" => Self::Kind(Kind::Sha256),
            "sha1_hash" => Self::Kind(Kind::Sha1),
            "md5_hash" => Self::Kind(Kind::Md5),
            "x509-sha256" | "cert-sha256" => Self::Kind(Kind::CertSha256),
            "x509-sha1" | "cert-sha1" => Self::Kind(Kind::CertSha1),
            word => word.parse().map_or(Self::Foreign, Self::Kind),
        }
    }

    /// This, or `other` where nothing was said.
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::Nothing { other } else { self }
    }
}

impl From<Option<Kind>> for Said {
    fn from(kind: Option<Kind>) -> Self {
        kind.map_or(Self::Nothing, Self::Kind)
    }
}

/// Reads one value: quotes and spaces around it are taken off, it is refanged, and an address with a port is the address.
pub(crate) fn pattern(text: &str, said: Said) -> Result<Pattern, Reason> {
    let text = unquote(text);
    if text.is_empty() {
        return Err(Reason::NoValue);
    }
    let text = &*refang(text);
    let kind = match said {
        Said::Foreign => return Err(Reason::ForeignKind),
        Said::Kind(kind) => kind,
        Said::Hash => Kind::of_hash(text.len()).ok_or(Reason::Value(NotObservable::NotADigest))?,
        Said::File => match Kind::of_hash(text.len()) {
            Some(kind) if text.bytes().all(|b| b.is_ascii_hexdigit()) => kind,
            _ => Kind::FileName,
        },
        Said::Nothing if text.starts_with('/') => return Err(Reason::Value(NotObservable::PathWithoutHost)),
        Said::Nothing => match (service(text), Kind::guess(text)) {
            (Some(_), _) => Kind::Ip,
            (None, guess) => guess.ok_or(Reason::NoKind)?,
        },
    };
    // Feeds call `203.0.113.9:443` an address, a URL or a name; it is a service at an address.
    let (kind, text) = match service(text) {
        Some(address) if matches!(kind, Kind::Ip | Kind::Url | Kind::Domain) => (Kind::Ip, address),
        None if kind == Kind::Domain && text.parse::<IpAddr>().is_ok() => (Kind::Ip, text),
        _ => (kind, text),
    };
    Pattern::parse(kind, text).map_err(Reason::Value)
}

/// The parts of a cell that holds several values, as `"sha256,sha1,md5"`; one part where it holds one, as a URL with commas does.
pub(crate) fn several(text: &str, said: Said) -> impl Iterator<Item = (&str, Said)> {
    const BETWEEN: [char; 4] = [',', ';', '\n', ' '];
    let text = text.trim();
    let readable = |said| text.split(BETWEEN).filter(|part| !part.is_empty()).all(|part| pattern(part, said).is_ok());
    // What has nothing between its commas is one part too: one that is no value, and is told so.
    let (apart, said) = if !text.contains(BETWEEN) || text.trim_matches(BETWEEN).is_empty() {
        (false, said)
    } else {
        match said {
            Said::Kind(kind) if kind.shape() == Shape::Digest => (true, said),
            Said::Kind(kind) => (matches!(kind.shape(), Shape::Address | Shape::Name) && readable(said), said),
            Said::File if readable(Said::Hash) => (true, Said::Hash),
            Said::Nothing => (readable(said), said),
            Said::Hash => (true, said),
            Said::File | Said::Foreign => (false, said),
        }
    };
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        while let Some(text) = rest {
            if !apart {
                return rest.take();
            }
            let (part, more) = text.split_once(BETWEEN).map_or((text, None), |(part, more)| (part, Some(more)));
            rest = more;
            if !part.is_empty() {
                return Some(part);
            }
        }
        None
    })
    .map(move |part| (part, said))
}

/// The value without spaces and one pair of quotes around it.
pub(crate) fn unquote(text: &str) -> &str {
    let text = text.trim();
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).map_or(text, str::trim)
}

/// The address of `203.0.113.9:443` and `[2001:db8::9]:443`.
pub(crate) fn service(text: &str) -> Option<&str> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '[') {
        return None;
    }
    let (host, port) = text.rsplit_once(':')?;
    if port.parse::<u16>().is_err() {
        return None;
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().is_ok().then_some(inner);
    }
    host.parse::<Ipv4Addr>().is_ok().then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_what_is_said_of_them() {
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        let cases = [
            ("203.0.113.9:443", Said::Nothing, Ok((Kind::Ip, "203.0.113.9"))),
            ("203.0.113.9:443", Said::Kind(Kind::Url), Ok((Kind::Ip, "203.0.113.9"))),
            ("203.0.113.9", Said::Kind(Kind::Domain), Ok((Kind::Ip, "203.0.113.9"))),
            ("[2001:db8::9]:443", Said::Kind(Kind::Ip), Ok((Kind::Ip, "2001:db8::9"))),
            (" \"evil[.]example\" ", Said::Nothing, Ok((Kind::Domain, "evil.example"))),
            ("hxxp://evil[.]example/a", Said::Kind(Kind::Url), Ok((Kind::Url, "http://evil.example/a"))),
            (hash, Said::File, Ok((Kind::Md5, hash))),
            ("evil.exe", Said::File, Ok((Kind::FileName, "evil.exe"))),
            (hash, Said::Hash, Ok((Kind::Md5, hash))),
            ("abc", Said::Hash, Err(Reason::Value(NotObservable::NotADigest))),
            ("/gate.php", Said::Nothing, Err(Reason::Value(NotObservable::PathWithoutHost))),
            ("hello", Said::Nothing, Err(Reason::NoKind)),
            ("\"\"", Said::Nothing, Err(Reason::NoValue)),
            ("a.example", Said::Foreign, Err(Reason::ForeignKind)),
        ];
        for (text, said, expected) in cases {
            let found = pattern(text, said).map(|pattern| (pattern.kind(), pattern.to_string()));
            assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())), "{text}");
        }
    }

    #[test]
    fn cells_with_several_values_come_apart() {
        let hashes = "d41d8cd98f00b204e9800998ecf8427e, da39a3ee5e6b4b0d3255bfef95601890afd80709,";
        let cases = [
            (hashes, Said::File, 2),
            (hashes, Said::Hash, 2),
            (hashes, Said::Nothing, 2),
            ("a.example,203.0.113.9", Said::Nothing, 2),
            ("http://a.example/x,y", Said::Kind(Kind::Url), 1),
            ("a.example b.example", Said::Kind(Kind::Domain), 2),
            ("evil[0-9]{2,3}.example", Said::Kind(Kind::Domain), 1),
            ("my file, new.exe", Said::File, 1),
            ("one", Said::Nothing, 1),
            (";", Said::Nothing, 1),
            (", ,", Said::Hash, 1),
        ];
        for (text, said, count) in cases {
            assert_eq!(several(text, said).count(), count, "{text}");
        }
    }
}
