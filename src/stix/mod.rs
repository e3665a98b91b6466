//! STIX 2.0 and 2.1 as objects: what the reader of feeds, that of catalogues and the writer of sightings share.
//!
//! Standards: <https://docs.oasis-open.org/cti/stix/v2.1/stix-v2.1.html> and, for 2.0, parts 1 and 2 of
//! <https://docs.oasis-open.org/cti/stix/v2.0/>.

mod object;
mod objects;
mod read;

pub(crate) use object::{Object, Property};
pub(crate) use read::{Kept, read};

use crate::record::Tlp;

/// The markings for TLP 1.0 that STIX 2.0 and 2.1 define, and those of the extension for TLP 2.0. Bundles leave them out. Of two
/// for one marking the later is that of TLP 2.0.
pub(crate) const MARKINGS: [(&str, Tlp); 9] = [
    ("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::Clear),
    ("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
    ("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
    ("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ("marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
    ("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
    ("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
    ("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
    ("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
];

/// Whether the first bytes of a file look like STIX: JSON that says it is a bundle, or holds an identifier such as
/// `indicator--8e2e2d2b-…`.
pub(crate) fn looks_like(start: &str) -> bool {
    let start = start.trim_start_matches(['\u{feff}', '\u{1e}']).trim_start();
    start.starts_with(['{', '[']) && (says_bundle(start) || start.match_indices("--").any(|(at, _)| is_id(start, at)))
}

fn says_bundle(text: &str) -> bool {
    text.match_indices("\"bundle\"").any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().trim_end().strip_suffix(':').map(str::trim_end);
        before.is_some_and(|before| before.ends_with("\"type\""))
    })
}

/// Whether the hyphens at `at` stand between the type and the UUID of an identifier.
fn is_id(text: &str, at: usize) -> bool {
    let uuid = text.get(at + 2..at + 11).unwrap_or_default();
    let (digits, hyphen) = uuid.split_at_checked(8).unwrap_or_default();
    let before = text.get(..at).and_then(|before| before.rsplit('"').next()).unwrap_or_default();
    let is_type =
        !before.is_empty() && before.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    is_type && hyphen == "-" && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::looks_like;

    #[test]
    fn stix_is_told_from_other_json() {
        let yes = [
            "{\"type\": \"bundle\", \"id\": 1}",
            "\u{feff} {\n\"objects\":[], \"type\" : \"bundle\"",
            "[{\"id\":\"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\"}]",
            "{\"more\":false,\"objects\":[{\"id\":\"x-mitre-tactic--8e2e2d2b-17d4",
        ];
        let no = [
            "{\"a\":\"bundle\"}",
            "[[actor]]\nid = \"a--b\"",
            "{\"a\":\"--8e2e2d2b-\"}",
            "a--8e2e2d2b-",
            "{\"Event\":{}}",
        ];
        for (texts, expected) in [(&yes[..], true), (&no[..], false)] {
            for text in texts {
                assert_eq!(looks_like(text), expected, "{text}");
            }
        }
    }
}
