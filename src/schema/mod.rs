//! Schemas: from an enrichment to what is merged into the event.

mod ecs;
mod means;
mod native;
mod ocsf;
mod own;
mod sightings;
mod splice;
mod stamp;

use std::fmt;
use std::str::FromStr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::enrichment::Enrichment;
use crate::time;

pub(crate) use ecs::has_as;
pub(crate) use sightings::bundle;
pub(crate) use splice::{splice, splice_places};
pub use stamp::Stamp;

use ecs::EcsLocation;

/// In whose words the enrichment is written.
///
/// | | |
/// |---|---|
/// | `Ecs` | Elastic Common Schema 9: `threat.enrichments[]` with the attribution of each match under `stormtag`; `threat.group` from the best attribution, `threat.software`, `.technique` and `.tactic` as its records name them; `related`; `as` and `geo` beside the address |
/// | `Ocsf` | Open Cybersecurity Schema Framework 1.x: `osint[]`, `observables[]` and `enrichments[]`, `autonomous_system` and `location` in the endpoints, for events that are in OCSF |
/// | `Native` | one object `stormtag` with all there is |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Schema {
    /// Elastic Common Schema.
    #[default]
    Ecs,
    /// Open Cybersecurity Schema Framework, with its profile `osint`.
    Ocsf,
    /// One object, `stormtag`.
    Native,
}

impl Schema {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Ecs, Self::Ocsf, Self::Native];

    /// The name in configurations: `ecs`, `ocsf`, `native`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Ocsf => "ocsf",
            Self::Native => "native",
        }
    }

    /// The objects at the top of an event that are written into whatever the field map says, and looked for while it is read. What is
    /// merged into the event afterwards needs none.
    pub(crate) const fn objects(self) -> &'static [&'static str] {
        match self {
            Self::Ecs => &["threat", "stormtag"],
            Self::Ocsf => &[],
            Self::Native => &["stormtag"],
        }
    }

    /// What is written into such an object, or into that of an entity.
    pub(crate) fn written_into(self, object: &str) -> &'static [&'static str] {
        match object {
            "stormtag" => &["attributions", "withheld", "locations", "matches", "generation"],
            "threat" => &["enrichments", "framework", "group", "software", "tactic", "technique"],
            _ => &["as", "geo"],
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Schema {
    type Err = UnknownSchema;

    fn from_str(text: &str) -> Result<Self, UnknownSchema> {
        Self::ALL.iter().find(|schema| schema.name() == text).copied().ok_or(UnknownSchema)
    }
}

/// Not the name of a schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected the name of a schema: ecs, ocsf or native")]
#[non_exhaustive]
pub struct UnknownSchema;

/// An enrichment in the words of a schema.
pub(crate) struct Patch<'e, 'a> {
    enrichment: &'e Enrichment<'a>,
    schema: Schema,
}

impl<'e, 'a> Patch<'e, 'a> {
    pub(crate) fn new(enrichment: &'e Enrichment<'a>, schema: Schema) -> Self {
        Self { enrichment, schema }
    }
}

impl Serialize for Patch<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let enrichment = self.enrichment;
        match self.schema {
            Schema::Ecs => {
                let mut described: Vec<&str> = Vec::new();
                for located in enrichment.located() {
                    if let (Some(place), Some(location)) = (located.place, EcsLocation::new(&located))
                        && !described.contains(&place)
                    {
                        described.push(place);
                        map.serialize_entry(place, &location)?;
                    }
                }
                if !enrichment.sightings().is_empty() || !enrichment.in_text.is_empty() {
                    ecs::Matched(enrichment).write(&mut map)?;
                }
            }
            Schema::Ocsf => ocsf::write(enrichment, &mut map)?,
            Schema::Native => {
                if !enrichment.is_empty() {
                    map.serialize_entry("stormtag", &native::Native::new(enrichment))?;
                }
            }
        }
        map.end()
    }
}

/// Seconds since the epoch as RFC 3339, as ECS wants dates.
pub(crate) fn date(seconds: i64) -> Option<String> {
    time::written((seconds, 0))
}

/// Appends a raw line as an object, with what was found in it.
pub(crate) fn write_text(
    line: &[u8],
    time: Option<time::Instant>,
    enrichment: &Enrichment<'_>,
    schema: Schema,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    if let Some(time) = time.and_then(time::written) {
        out.extend_from_slice(b"\"@timestamp\":\"");
        out.extend_from_slice(time.as_bytes());
        out.extend_from_slice(b"\",");
    }
    out.extend_from_slice(b"\"message\":");
    // Writing to memory and of texts does not fail.
    let _ = serde_json::to_writer(&mut *out, &String::from_utf8_lossy(line));
    let start = out.len();
    if !enrichment.is_empty() && serde_json::to_writer(&mut *out, &Patch::new(enrichment, schema)).is_ok() {
        // The brace that opens the patch becomes the comma before its first member, if it has one.
        if out.len() > start + 2 {
            out.get_mut(start).into_iter().for_each(|brace| *brace = b',');
            return;
        }
    }
    out.truncate(start);
    out.push(b'}');
}
