//! Which column of a table holds what.

use serde::Deserialize;

macro_rules! columns {
    ($($(#[$doc:meta])* $field:ident: $($synonym:literal)*;)*) => {
        /// Which column of a CSV or TSV file holds what, by the names in its header; of JSON objects which member, by a path with
        /// dots such as `indicator.value`.
        ///
        /// Names are compared without regard to case, spaces, hyphens and underscores. What is `None` is not read.
        ///
        /// ```
        /// use stormtag::Columns;
        ///
        /// let guessed = Columns::guess(["IoC", "IoC_Type", "Description"]);
        /// assert_eq!(guessed.value.as_deref(), Some("IoC"));
        /// assert_eq!(guessed.kind.as_deref(), Some("IoC_Type"));
        ///
        /// let explicit = Columns { campaign: Some("operation".into()), ..guessed };
        /// # assert_eq!(explicit.actor, None);
        /// ```
        #[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Columns {
            $($(#[$doc])* pub $field: Option<String>,)*
        }

        /// The same by position.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Positions {
            $(pub(super) $field: Option<usize>,)*
        }

        impl Columns {
            /// The columns that a header names by usual synonyms: `indicator`, `ioc`, `value` …, `type`, `indicator_type` …
            #[must_use]
            pub fn guess<S: AsRef<str>>(header: impl IntoIterator<Item = S>) -> Self {
                let header: Vec<S> = header.into_iter().collect();
                let find = |synonyms: &[&str]| {
                    let named = |synonym: &&str| header.iter().find(|name| plain(name.as_ref()).eq(synonym.chars()));
                    synonyms.iter().find_map(named).map(|name| name.as_ref().to_owned())
                };
                Self { $($field: find(&[$($synonym),*]),)* }
            }

            /// The columns that are given.
            pub(super) fn names(&self) -> Vec<&str> {
                [$(self.$field.as_deref()),*].into_iter().flatten().collect()
            }

            /// Each field by its name.
            #[cfg(feature = "config")]
            pub(crate) fn named(&mut self) -> Vec<(&'static str, &mut Option<String>)> {
                vec![$((stringify!($field), &mut self.$field)),*]
            }

            /// Where these columns are in a header; or the name that is not there.
            pub(super) fn positions(&self, header: &[&str]) -> Result<Positions, String> {
                let find = |name: &Option<String>| match name {
                    None => Ok(None),
                    Some(name) => match header.iter().position(|other| same(name, other)) {
                        Some(at) => Ok(Some(at)),
                        None => Err(name.clone()),
                    },
                };
                Ok(Positions { $($field: find(&self.$field)?,)* })
            }
        }

        impl Positions {
            /// All columns but those of the value and its kind: what makes the record.
            pub(super) fn of_record(&self) -> Vec<usize> {
                let mut all: Vec<usize> = [$(self.$field),*].into_iter().flatten().collect();
                all.retain(|at| ![self.value, self.kind, self.to_ids].contains(&Some(*at)));
                all
            }
        }
    };
}

// A synonym that stands first wins: `ioc_type` is the type where `type` is something else.
columns! {
    /// The indicator.
    value: "indicator" "indicatorvalue" "ioc" "iocvalue" "value" "observable" "artifact" "url" "domain" "domainname" "fqdn"
        "hostname" "dstip" "ip" "ipaddress" "address" "cidr" "network" "prefix" "sha256hash" "sha256" "sha1hash" "sha1" "md5hash"
        "md5" "hash" "ja3" "ja3md5" "email";
    /// What the indicator is.
    kind: "indicatortype" "ioctype" "entitytype" "observabletype" "artifacttype" "valuetype" "type" "kind";
    /// How sure the source is: 0 to 100, a fraction with a point, a percentage, or `low`, `medium`, `high`.
    confidence: "confidence" "confidencescore" "confidencelevel";
    /// `low`, `medium`, `high`, `critical`.
    severity: "severity" "threatlevel" "level";
    /// Campaigns, separated by `;` or `|`.
    campaign: "campaign" "campaigns" "campaignid" "campaignname";
    /// Actors, separated by `,`, `;` or `|`.
    actor: "actor" "actors" "threatactor" "threatactors" "activitygroupnames" "group" "apt" "adversary" "attribution";
    /// Malware families and tools, separated by `,`, `;` or `|`.
    malware: "malwareprintable" "malware" "malwarefamily" "family" "tool" "signature";
    /// ATT&CK techniques, separated by `,`, `;` or `|`.
    techniques: "techniques" "technique" "mitre" "mitreattack" "attack" "ttp" "ttps";
    /// Labels, separated by `,`, `;` or `|`.
    tags: "tags" "tag" "labels" "label" "classification" "threattype" "category";
    /// What the address or name served as.
    role: "role" "usage";
    /// Free text.
    description: "description" "desc" "comment" "note" "notes" "info" "title";
    /// Report or page that states it.
    reference: "reference" "references" "sourceurl" "referenceurl" "link" "report" "urlhauslink";
    /// TLP marking.
    tlp: "tlp" "trafficlightprotocollevel" "marking";
    /// When it begins to mean something.
    valid_from: "validfrom" "activefrom";
    /// When it no longer means anything.
    valid_until: "validuntil" "expirationdatetime" "expiration" "expires" "expiry" "expirationdate" "validto";
    /// First activity.
    first_seen: "firstseen" "firstseenutc" "detecteddate" "firstobserved";
    /// Last activity.
    last_seen: "lastseen" "lastseenutc" "lastonline" "lastobserved";
    /// Who says it, where the feed gathers from several; in place of the name of the feed.
    source: "source" "provider" "feed" "origin";
    /// When the row came into the feed: counts for the time to live only.
    date: "dateadded" "timegenerated" "date" "created" "published" "timestamp";
    /// Rows that say `false`, `no`, `0` or `inactive` here are rejected as withdrawn.
    active: "active" "isactive";
    /// Rows that say `true`, `yes`, `1` or `revoked` here are rejected as withdrawn.
    revoked: "revoked" "isrevoked" "withdrawn";
    /// Rows that say `false`, `no` or `0` here are rejected as not meant for detection, unless [`Defaults::context`](crate::Defaults)
    /// asks for them.
    to_ids: "toids";
}

/// Names that are nothing but signs are compared as they are.
fn same(name: &str, other: &str) -> bool {
    name == other || (plain(name).eq(plain(other)) && plain(name).next().is_some())
}

fn plain(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_signs_alone_are_not_alike() {
        let columns = Columns { value: Some("%".into()), ..Columns::default() };
        assert_eq!(columns.positions(&["", "%"]).map(|at| at.value), Ok(Some(1)));
        assert_eq!(columns.positions(&["", "$"]).map(|at| at.value), Err("%".to_owned()));
    }

    #[test]
    fn usual_headers_are_understood() {
        let header =
            "TimeGenerated,IoC,IoC_Type,ExpirationDateTime,Description,Action,ConfidenceScore,ThreatType,Active,Type";
        let columns = Columns::guess(header.split(','));
        let found = [columns.value, columns.kind, columns.valid_until, columns.active].map(Option::unwrap_or_default);
        assert_eq!(found, ["IoC", "IoC_Type", "ExpirationDateTime", "Active"]);
        assert_eq!(Columns::guess(["5.2.1.6.ip6.arpa", "malicious"]), Columns::default());
    }
}
