//! One value, asked as an event of one field.

use serde_json::json;
use stormtag::{Enrichment, FieldMap, Finding, Kind, NotObservable, Worker};

const FIELD: &str = "value";

/// Asks a worker, whose field map it sets.
pub(crate) struct Asker {
    worker: Worker,
    /// What the worker takes its field for.
    set_to: Option<Kind>,
}

impl Asker {
    pub(crate) fn new(worker: Worker) -> Self {
        Self { worker, set_to: None }
    }

    /// Whether it is such a value.
    pub(crate) fn look_up(&mut self, kind: Kind, value: &str) -> Result<Finding<'_>, NotObservable> {
        self.worker.look_up(kind, value)
    }

    /// All that is known of it, with whom it leads to.
    pub(crate) fn ask(&mut self, kind: Kind, value: &str) -> Enrichment<'_> {
        if self.set_to != Some(kind) {
            // As ECS has it: so that the place of an address is told.
            let map = FieldMap::parse("the value", &format!("{FIELD} {kind} source\n"));
            self.worker.set_fields(map.unwrap_or_default());
            self.set_to = Some(kind);
        }
        self.worker.enrich(&json!({ FIELD: value }))
    }
}
