//! What MISP's attribute types are here, <https://www.misp-standard.org/rfc/misp-standard-core.html>, section 2.3.2.

use crate::feed::value::Said;
use crate::observable::Kind;

/// The values of an attribute and what each is; `None` for what states no indicator by itself.
pub(super) fn parts<'v>(kind: &str, value: &'v str) -> impl Iterator<Item = (&'v str, Option<Said>)> {
    let (first, second) = match kind.split_once('|') {
        None => ((value, said(kind)), None),
        Some((one, other)) => {
            let file = one == "filename";
            // Names of files may hold the bar, hashes do not.
            let halves = if file { value.rsplit_once('|') } else { value.split_once('|') };
            let (left, right) = halves.unwrap_or(if file { ("", value) } else { (value, "") });
            let of_first = if file { None } else { said(one) };
            ((left, of_first), Some((right, said(other))))
        }
    };
    // A sample is given with the hash of its content.
    let (first, second) = match kind {
        "malware-sample" => {
            let (name, hash) = value.rsplit_once('|').unwrap_or(("", value));
            ((name, None), Some((hash, Some(Said::Hash))))
        }
        _ => (first, second),
    };
    std::iter::once(first).chain(second)
}

/// What a type (section 2.3.2) is here.
fn said(kind: &str) -> Option<Said> {
    /// Types that describe and cannot be looked for, or whose values are those of the victim.
    const NO_INDICATORS: &[&str] = &[
        "link",
        "comment",
        "text",
        "other",
        "port",
        "datetime",
        "date",
        "size-in-bytes",
        "counter",
        "integer",
        "float",
        "boolean",
        "hex",
        "attachment",
        "threat-actor",
        "campaign-name",
        "campaign-id",
        "vulnerability",
        "weakness",
        "cpe",
        "value",
        "internal-reference",
        "target-user",
        "target-email",
        "target-machine",
        "target-org",
        "target-location",
        "target-external",
        "malware-type",
        "dns-soa-email",
        "whois-registrar",
        "whois-creation-date",
        "attack-pattern",
    ];
    match kind {
        kind if NO_INDICATORS.contains(&kind) => None,
        "AS" => Some(Said::Kind(Kind::Asn)),
        "filename" => Some(Said::Kind(Kind::FileName)),
        // Words that are kinds elsewhere and something else here.
        "process" | "path" | "user" | "username" | "file" | "link-local" => Some(Said::Foreign),
        kind => Some(kind.parse().map_or(Said::Foreign, Said::Kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_values_come_apart() {
        let (ip, domain, md5) = (Kind::Ip, Kind::Domain, Kind::Md5);
        let kind = |kind| Some(Said::Kind(kind));
        let cases = [
            ("domain|ip", "a.example|203.0.113.9", vec![("a.example", kind(domain)), ("203.0.113.9", kind(ip))]),
            ("ip-dst|port", "203.0.113.9|443", vec![("203.0.113.9", kind(ip)), ("443", None)]),
            ("ip-dst|port", "203.0.113.9", vec![("203.0.113.9", kind(ip)), ("", None)]),
            ("filename|md5", "a|b|00", vec![("a|b", None), ("00", kind(md5))]),
            ("filename|md5", "00", vec![("", None), ("00", kind(md5))]),
            ("malware-sample", "a|00", vec![("a", None), ("00", Some(Said::Hash))]),
            ("link", "https://r.example/", vec![("https://r.example/", None)]),
            ("AS", "64500", vec![("64500", kind(Kind::Asn))]),
            ("ssdeep", "3::", vec![("3::", Some(Said::Foreign))]),
        ];
        for (of, value, expected) in cases {
            assert_eq!(parts(of, value).collect::<Vec<_>>(), expected, "{of}");
        }
    }
}
