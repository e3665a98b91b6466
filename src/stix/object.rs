//! One object, read leniently: a property of the wrong type is as good as none, and costs that property only.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The properties that any reader asks for, unread. An unknown property is passed over.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Object<'a> {
    #[serde(borrow, rename = "type")]
    kind: Property<'a>,
    #[serde(borrow)]
    id: Property<'a>,
    #[serde(borrow)]
    pub(crate) created: Property<'a>,
    #[serde(borrow)]
    pub(crate) modified: Property<'a>,
    #[serde(borrow)]
    revoked: Property<'a>,
    #[serde(borrow)]
    x_mitre_deprecated: Property<'a>,
    #[serde(borrow)]
    pub(crate) created_by_ref: Property<'a>,
    #[serde(borrow)]
    pub(crate) name: Property<'a>,
    #[serde(borrow)]
    pub(crate) description: Property<'a>,
    #[serde(borrow)]
    pub(crate) confidence: Property<'a>,
    #[serde(borrow)]
    pub(crate) labels: Property<'a>,
    #[serde(borrow)]
    pub(crate) indicator_types: Property<'a>,
    #[serde(borrow)]
    pub(crate) aliases: Property<'a>,
    #[serde(borrow)]
    pub(crate) x_mitre_aliases: Property<'a>,
    #[serde(borrow)]
    pub(crate) sectors: Property<'a>,
    #[serde(borrow)]
    pub(crate) identity_class: Property<'a>,
    #[serde(borrow)]
    pub(crate) country: Property<'a>,
    #[serde(borrow)]
    pub(crate) pattern: Property<'a>,
    #[serde(borrow)]
    pub(crate) pattern_type: Property<'a>,
    #[serde(borrow)]
    pub(crate) valid_from: Property<'a>,
    #[serde(borrow)]
    pub(crate) valid_until: Property<'a>,
    #[serde(borrow)]
    pub(crate) first_seen: Property<'a>,
    #[serde(borrow)]
    pub(crate) last_seen: Property<'a>,
    #[serde(borrow)]
    pub(crate) count: Property<'a>,
    #[serde(borrow)]
    pub(crate) relationship_type: Property<'a>,
    #[serde(borrow)]
    pub(crate) source_ref: Property<'a>,
    #[serde(borrow)]
    pub(crate) target_ref: Property<'a>,
    #[serde(borrow)]
    pub(crate) sighting_of_ref: Property<'a>,
    #[serde(borrow)]
    pub(crate) object_marking_refs: Property<'a>,
    #[serde(borrow)]
    kill_chain_phases: Property<'a>,
    #[serde(borrow)]
    external_references: Property<'a>,
    #[serde(borrow)]
    definition: Property<'a>,
    #[serde(borrow)]
    extensions: Property<'a>,
}

/// The value of a property as it stands in the file.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Property<'a>(#[serde(borrow)] Option<&'a RawValue>);

impl<'a> Property<'a> {
    /// Its text, for a person to see; empty if there is none.
    pub(crate) fn shown(self) -> &'a str {
        self.0.map_or("", RawValue::get)
    }

    pub(crate) fn is_missing(self) -> bool {
        self.0.is_none()
    }

    fn read<T: Deserialize<'a>>(self) -> Option<T> {
        serde_json::from_str(self.0?.get()).ok()
    }

    /// A text that is more than white space.
    pub(crate) fn text(self) -> Option<String> {
        self.read::<String>().filter(|text| !text.trim().is_empty())
    }

    pub(crate) fn number(self) -> Option<f64> {
        self.read()
    }

    /// A confidence, 0 to 100 (STIX 2.1, appendix A).
    pub(crate) fn percent(self) -> Option<u8> {
        self.number().filter(|number| (0.0..=100.0).contains(number)).map(|number| number.round() as u8)
    }

    pub(crate) fn is_true(self) -> bool {
        self.read() == Some(true)
    }

    /// The texts of a list; elements that are none are left out.
    pub(crate) fn texts(self) -> Vec<String> {
        self.list().into_iter().filter_map(|element| Property(Some(element)).text()).collect()
    }

    /// Each element of a list.
    fn list(self) -> Vec<&'a RawValue> {
        self.read().unwrap_or_default()
    }

    fn elements<T: Deserialize<'a>>(self) -> impl Iterator<Item = T> {
        self.list().into_iter().filter_map(|element| serde_json::from_str(element.get()).ok())
    }
}

/// An entry of `external_references`.
#[derive(Deserialize)]
pub(crate) struct Reference {
    #[serde(default)]
    pub(crate) source_name: String,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    pub(crate) url: Option<String>,
}

impl Reference {
    /// The id that ATT&CK gives: of a group, a campaign, a piece of software, a technique, a tactic.
    pub(crate) fn attack_id(&self) -> Option<&str> {
        const MATRICES: [&str; 4] = ["mitre-attack", "mitre-ics-attack", "mitre-mobile-attack", "MITRE ATT&CK"];
        let id = self.external_id.as_deref().map(str::trim).filter(|id| !id.is_empty())?;
        (MATRICES.contains(&self.source_name.as_str()) && id.len() <= 16).then_some(id)
    }
}

impl<'a> Object<'a> {
    /// Reads the text of an object; nothing if it is no JSON or has no type.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let object: Self = serde_json::from_slice(text).ok()?;
        object.kind.text().map(|_| object)
    }

    /// `indicator`, `relationship`, …
    pub(crate) fn kind(&self) -> String {
        self.kind.text().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> Option<String> {
        self.id.text()
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.is_true()
    }

    /// ATT&CK's word for what it no longer stands behind and has put nothing in place of.
    pub(crate) fn is_deprecated(&self) -> bool {
        self.x_mitre_deprecated.is_true()
    }

    pub(crate) fn references(&self) -> impl Iterator<Item = Reference> {
        self.external_references.elements()
    }

    /// The id that ATT&CK gives this object.
    pub(crate) fn attack_id(&self) -> Option<String> {
        self.references().find_map(|reference| reference.attack_id().map(str::to_owned))
    }

    /// Kill chains and their phases.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (String, String)> {
        #[derive(Deserialize)]
        struct Phase {
            kill_chain_name: String,
            phase_name: String,
        }
        self.kill_chain_phases.elements().map(|phase: Phase| (phase.kill_chain_name, phase.phase_name))
    }

    /// The word of a marking definition after the Traffic Light Protocol: `definition.tlp` of STIX 2.0 and 2.1, or `tlp_2_0` of
    /// the [extension for TLP 2.0](https://github.com/oasis-open/cti-stix-common-objects).
    pub(crate) fn marking(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Definition {
            tlp: String,
        }
        #[derive(Deserialize)]
        struct Extensions {
            #[serde(rename = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d")]
            tlp: Extension,
        }
        #[derive(Deserialize)]
        struct Extension {
            tlp_2_0: String,
        }
        let extension = || self.extensions.read::<Extensions>().map(|extensions| extensions.tlp.tlp_2_0);
        let name =
            || self.name.text().filter(|name| name.trim().get(..4).is_some_and(|at| at.eq_ignore_ascii_case("tlp:")));
        self.definition.read::<Definition>().map(|definition| definition.tlp).or_else(extension).or_else(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_of_the_wrong_type_costs_itself() {
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        let text = format!(
            r#"{{"type":"indicator","name":7,"labels":["a",1,null,{{}},"b"],"confidence":"high","unknown":{deep},
            "description":{deep},"kill_chain_phases":[{{"kill_chain_name":"k"}},{{"kill_chain_name":"k","phase_name":"p"}}],
            "external_references":[5,{{"source_name":"mitre-attack","external_id":"T1090","description":9}}],"revoked":"yes"}}"#
        );
        let object = Object::parse(text.as_bytes()).unwrap();
        assert_eq!((object.kind(), object.id(), object.name.text()), ("indicator".to_owned(), None, None));
        assert_eq!(object.labels.texts(), ["a", "b"]);
        assert_eq!((object.confidence.number(), object.confidence.shown()), (None, "\"high\""));
        assert_eq!(object.phases().collect::<Vec<_>>(), [("k".to_owned(), "p".to_owned())]);
        assert_eq!(object.attack_id().as_deref(), Some("T1090"));
        assert!(!object.is_revoked() && object.description.text().is_none());
        for no in ["{}", "{\"type\":1}", "{\"type\":\"a\"", "{\"type\":\"\\ud800\"}", "{\"type\":\"a\",}"] {
            assert!(Object::parse(no.as_bytes()).is_none(), "{no}");
        }
    }
}
