//! Object paths: which property of which object has values of which kind.

use super::grammar::Path;
use crate::observable::Kind;

/// What a property's values are here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Values {
    /// Values of this kind.
    Of(Kind),
    /// Addresses or names: the value tells.
    Host,
    /// Nothing that is matched.
    Foreign,
}

/// What the values of a property are. Which end of a connection an address stands at, and in which role an e-mail address, is not
/// kept apart: a value matches in whatever field of an event it stands.
pub(super) fn values(path: &Path<'_>) -> Values {
    let (_, parts) = owner(path);
    if let [hashes, name] = parts
        && *hashes == "hashes"
    {
        let kind = hash(name);
        return match path.object {
            "x509-certificate" => kind.and_then(of_certificate),
            _ => kind,
        }
        .map_or(Values::Foreign, Values::Of);
    }
    let names: Vec<&str> = path.parts.iter().map(|part| &**part).collect();
    Values::Of(match (path.object, &names[..]) {
        ("ipv4-addr" | "ipv6-addr", ["value"]) => Kind::Ip,
        ("domain-name" | "hostname" | "x-opencti-hostname", ["value"]) => Kind::Domain,
        ("url", ["value"]) => Kind::Url,
        ("email-addr", ["value"]) => Kind::Email,
        ("email-message", ["from_ref" | "sender_ref" | "to_refs" | "cc_refs" | "bcc_refs", "value"]) => Kind::Email,
        ("email-message", ["body_multipart", "body_raw_ref", "name"]) => Kind::FileName,
        ("network-traffic", ["src_ref" | "dst_ref", "value"]) => return Values::Host,
        ("network-traffic", ["extensions", "http-request-ext", "request_header", header]) => match *header {
            "Host" => return Values::Host,
            "User-Agent" => Kind::UserAgent,
            _ => return Values::Foreign,
        },
        ("file", ["name"]) | ("process", ["binary_ref" | "image_ref", "name"]) => Kind::FileName,
        ("file", ["path" | "parent_directory_ref"] | ["parent_directory_ref", "path"]) | ("directory", ["path"]) => {
            Kind::FilePath
        }
        ("file", ["extensions", "windows-pebinary-ext", "imphash"]) => Kind::Imphash,
        ("process", ["command_line"]) => Kind::CommandLine,
        ("windows-registry-key" | "win-registry-key", ["key"]) => Kind::RegistryKey,
        ("mutex", ["name"]) => Kind::Mutex,
        ("user-account", ["account_login"]) => Kind::UserName,
        ("autonomous-system", ["number"]) => Kind::Asn,
        ("user-agent" | "x-opencti-user-agent", ["value"]) => Kind::UserAgent,
        _ => return Values::Foreign,
    })
}

/// Of the names that STIX, and feeds beside it, give to hashes.
fn hash(name: &str) -> Option<Kind> {
    let name: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    match name.to_ascii_lowercase().as_str() {
        "md5" => Some(Kind::Md5),
        "sha1" => Some(Kind::Sha1),
        "sha256" => Some(Kind::Sha256),
        "sha512" => Some(Kind::Sha512),
        "imphash" => Some(Kind::Imphash),
        _ => None,
    }
}

fn of_certificate(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Sha1 => Some(Kind::CertSha1),
        Kind::Sha256 => Some(Kind::CertSha256),
        _ => None,
    }
}

/// The thing whose content the path speaks of, if it does: its object and the references that lead to it. Two paths of one owner
/// speak of one content, and a digest of it settles all else that is said of it.
pub(super) fn content<'p>(path: &'p Path<'_>) -> Option<(&'p str, Vec<&'p str>)> {
    let (owner, parts) = owner(path);
    let owner: Vec<&str> = owner.iter().map(|part| &**part).collect();
    (path.object == "x509-certificate" || is_content(parts.first()?)).then_some((path.object, owner))
}

/// Whether the property is a digest that settles the content.
pub(super) fn identifies(path: &Path<'_>) -> bool {
    const DIGESTS: [Kind; 6] = [Kind::Md5, Kind::Sha1, Kind::Sha256, Kind::Sha512, Kind::CertSha1, Kind::CertSha256];
    matches!(values(path), Values::Of(kind) if DIGESTS.contains(&kind))
}

fn is_content(part: &str) -> bool {
    ["hashes", "size", "mime_type", "magic_number_hex", "extensions"].contains(&part)
}

/// The references in front of what is said of the content, and what is said.
fn owner<'p, 't>(path: &'p Path<'t>) -> (&'p [std::borrow::Cow<'t, str>], &'p [std::borrow::Cow<'t, str>]) {
    let at = path.parts.iter().position(|part| is_content(part)).unwrap_or_default();
    let (owner, parts) = path.parts.split_at_checked(at).unwrap_or_default();
    let leads = |part: &str| part.ends_with("_ref") || part.ends_with("_refs") || part == "body_multipart";
    if owner.iter().all(|part| leads(part)) { (owner, parts) } else { (&[], &path.parts) }
}

/// The reference of a path that ends in `.type` or `.value`, as `dst_ref`.
pub(super) fn referred<'p>(path: &'p Path<'_>, last: &str) -> Option<(&'p str, &'p str)> {
    match &path.parts[..] {
        [reference, end] if *end == last && reference.contains("_ref") => Some((path.object, reference)),
        _ => None,
    }
}
