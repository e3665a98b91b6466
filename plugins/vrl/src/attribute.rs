//! `attribute`: whom what was found in an event speaks of.

use stormtag::{Schema, Worker};
use vrl::prelude::*;

use crate::value::to_object;
use crate::workers::Workers;

/// `attribute(event)`: campaigns and actors, with confidence, evidence and claims.
#[derive(Clone, Debug)]
pub struct Attribute {
    workers: Workers,
}

impl Attribute {
    /// Asks these workers.
    #[must_use]
    pub fn new(workers: &Workers) -> Self {
        Self { workers: workers.clone() }
    }
}

fn attribute(worker: &mut Worker, event: &ObjectMap) -> Option<Value> {
    let enrichment = worker.enrich(event);
    if enrichment.attributions().is_empty() {
        return None;
    }
    // In the words of the schema that has all there is.
    match to_object(&enrichment.patch(Schema::Native)).remove("stormtag") {
        Some(Value::Object(mut own)) => own.remove("attributions"),
        _ => None,
    }
}

const PARAMETERS: &[Parameter] =
    &[Parameter::required("event", kind::ANY, "The event, mostly `.`. In what is no object nothing is found.")];

impl Function for Attribute {
    fn identifier(&self) -> &'static str {
        "attribute"
    }

    fn summary(&self) -> &'static str {
        "Tells whom the threats in an event speak of"
    }

    fn usage(&self) -> &'static str {
        "Returns the campaigns and actors that what was found in the event speaks of, the strongest first: `type` (`campaign` or \
         `actor`), `id`, `name`, `confidence` from 0 to 100, the `evidence` with the strength of each match, and the `claims`: who \
         says so, and who denies it. All candidates are returned, whoever leads."
    }

    fn category(&self) -> &'static str {
        crate::CATEGORY
    }

    fn return_kind(&self) -> u16 {
        kind::ARRAY
    }

    fn return_rules(&self) -> &'static [&'static str] {
        &["The array is empty where nothing matched or what matched names nobody: a common and honest answer."]
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn examples(&self) -> &'static [Example] {
        &[
            example! {
                title: "Campaign and actor",
                source: r#"
                    candidates = attribute({"ts": 1705081509, "id.resp_h": "45.63.60.39"})
                    [candidates[0].name, candidates[1].name, candidates[1].confidence]
                "#,
                result: Ok(r#"["KV Botnet Activity", "Volt Typhoon", 43]"#),
            },
            example! {
                title: "Unattributed",
                source: r#"attribute({"destination": {"ip": "192.0.2.1"}})"#,
                result: Ok("[]"),
            },
        ]
    }

    fn compile(&self, _: &TypeState, _: &mut FunctionCompileContext, arguments: ArgumentList) -> Compiled {
        Ok(AttributeFn { workers: self.workers.clone(), event: arguments.required("event") }.as_expr())
    }
}

#[derive(Clone, Debug)]
struct AttributeFn {
    workers: Workers,
    event: Box<dyn Expression>,
}

impl FunctionExpression for AttributeFn {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        let event = self.event.resolve(ctx)?;
        let attributions = event.as_object().and_then(|event| self.workers.ask(|worker| attribute(worker, event)));
        Ok(attributions.unwrap_or_else(|| Value::Array(Vec::new())))
    }

    fn type_def(&self, _: &TypeState) -> TypeDef {
        TypeDef::array(Collection::from_unknown(vrl::value::Kind::object(Collection::any())))
    }
}
