//! A field map and a schema, compiled for a worker.

use super::fields::FieldMap;
use super::json::{Line, Scan};
use super::plan::Plan;
use crate::schema::{Schema, has_as};

/// Where values stand in events, and where output goes.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) fields: FieldMap,
    pub(crate) schema: Schema,
    pub(crate) plan: Plan,
    /// The objects at the top of an event that output goes into.
    pub(crate) targets: Vec<Box<str>>,
    /// What opens each of them behind another member: `,"source":{`.
    pub(crate) openings: Vec<Opening>,
    /// For each field the target that describes its address, and whether that says the autonomous system.
    described_in: Vec<Option<(u8, bool)>>,
}

/// A few bytes, which are copied in one piece of fixed length if they fit into it: that is no call.
#[derive(Debug)]
pub(crate) struct Opening {
    piece: [u8; Self::PIECE],
    bytes: Box<[u8]>,
}

impl Opening {
    const PIECE: usize = 32;

    fn new(bytes: Vec<u8>) -> Self {
        let mut piece = [0; Self::PIECE];
        for (to, from) in piece.iter_mut().zip(&bytes) {
            *to = *from;
        }
        Self { piece, bytes: bytes.into() }
    }

    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self.bytes.len().checked_sub(Self::PIECE) {
            None | Some(0) => {
                let end = out.len() + self.bytes.len();
                out.extend_from_slice(&self.piece);
                out.truncate(end);
            }
            Some(_) => out.extend_from_slice(&self.bytes),
        }
    }

    /// Without the comma.
    pub(crate) fn write_first(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(1..).unwrap_or_default());
    }
}

impl Mapping {
    pub(crate) fn new(fields: FieldMap, schema: Schema) -> Self {
        let mut targets: Vec<Box<str>> = schema.objects().iter().map(|&name| name.into()).collect();
        let mut described_in = Vec::with_capacity(fields.fields().len());
        for field in fields.fields() {
            let place = field.place.as_deref().filter(|_| schema == Schema::Ecs);
            described_in.push(place.and_then(|place| {
                let at = targets.iter().position(|target| **target == *place).unwrap_or_else(|| {
                    targets.push(place.into());
                    targets.len() - 1
                });
                Some((u8::try_from(at).ok()?, has_as(place)))
            }));
        }
        let names: Vec<(&str, &[&str])> =
            targets.iter().map(|target| (&**target, schema.written_into(target))).collect();
        let plan = Plan::new(&fields, &names);
        let openings =
            targets.iter().map(|name| Opening::new(format!(",{}:{{", serde_json::Value::from(&**name)).into_bytes()));
        Self { fields, schema, plan, openings: openings.collect(), targets, described_in }
    }

    /// What reads lines with this plan.
    pub(crate) fn scan(&self) -> Scan {
        Scan::new(&self.plan)
    }

    /// What is found in a line with this plan.
    pub(crate) fn line(&self) -> Line {
        Line::new(self.targets.len())
    }

    /// The target that describes the address of a field, and whether that says the autonomous system.
    #[inline]
    pub(crate) fn described_in(&self, field: u16) -> Option<(u8, bool)> {
        self.described_in.get(usize::from(field)).copied().flatten()
    }
}
