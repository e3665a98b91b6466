//! `enrich_threats`: an event with all that is known of it.

use stormtag::{Schema, Worker};
use vrl::compiler::function::{EnumVariant, Error};
use vrl::prelude::*;

use crate::merge::merge;
use crate::value::to_object;
use crate::workers::Workers;

/// `enrich_threats(event, schema)`: the event with what was found merged into it.
#[derive(Clone, Debug)]
pub struct EnrichThreats {
    workers: Workers,
}

impl EnrichThreats {
    /// Asks these workers.
    #[must_use]
    pub fn new(workers: &Workers) -> Self {
        Self { workers: workers.clone() }
    }
}

fn enrich_threats(worker: &mut Worker, event: Value, schema: Schema) -> Value {
    let Value::Object(mut event) = event else { return event };
    let enrichment = worker.enrich(&event);
    if !enrichment.is_empty() {
        merge(&mut event, to_object(&enrichment.patch(schema)));
    }
    Value::Object(event)
}

const PARAMETERS: &[Parameter] = &[
    Parameter::required("event", kind::ANY, "The event, mostly `.`. What is no object stays as it is."),
    Parameter::required("schema", kind::BYTES, "In whose words what was found is written. Must be a literal.")
        .enum_variants(&[
            EnumVariant {
                value: "ecs",
                description: "Elastic Common Schema: `threat.enrichments`, `source.geo` and so on.",
            },
            EnumVariant {
                value: "ocsf",
                description: "Open Cybersecurity Schema Framework: `osint`, `enrichments` and so on.",
            },
            EnumVariant { value: "native", description: "One object, `stormtag`, with all there is." },
        ]),
];

impl Function for EnrichThreats {
    fn identifier(&self) -> &'static str {
        "enrich_threats"
    }

    fn summary(&self) -> &'static str {
        "Enriches an event with what is known of its values"
    }

    fn usage(&self) -> &'static str {
        "Returns the event with the threats that cover its addresses, names, URLs and hashes, the network and place of its addresses, \
         and the campaigns and actors behind what matched, merged into it. Which fields are looked at, the field maps say: those of \
         ECS, OCSF, Zeek, Suricata, Sysmon, CloudTrail and others are built in."
    }

    fn category(&self) -> &'static str {
        crate::CATEGORY
    }

    fn return_kind(&self) -> u16 {
        kind::ANY
    }

    fn return_rules(&self) -> &'static [&'static str] {
        &[
            "Objects merge, arrays append what they do not hold yet, a scalar already present stays.",
            "An event of which nothing is known stays as it is.",
        ]
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn examples(&self) -> &'static [Example] {
        &[
            example! {
                title: "Elastic Common Schema",
                source: r#"
                    . = enrich_threats({"@timestamp": "2024-01-12T17:45:09Z", "destination": {"ip": "45.63.60.39"}}, "ecs")
                    [.threat.enrichments[0].indicator.ip, .threat.group.name]
                "#,
                result: Ok(r#"["45.63.60.39", "Volt Typhoon"]"#),
            },
            example! {
                title: "Nothing known",
                source: r#"enrich_threats({"destination": {"ip": "192.0.2.1"}}, "ecs")"#,
                result: Ok(r#"{"destination": {"ip": "192.0.2.1"}}"#),
            },
            example! {
                title: "What is no event",
                source: r#"enrich_threats("45.63.60.39", "native")"#,
                result: Ok("45.63.60.39"),
            },
        ]
    }

    fn compile(&self, state: &TypeState, _: &mut FunctionCompileContext, arguments: ArgumentList) -> Compiled {
        let schema = arguments.required_literal("schema", state)?;
        let named = schema.as_bytes().and_then(|name| std::str::from_utf8(name).ok()?.parse().ok());
        let Some(schema) = named else {
            let variants = Schema::ALL.iter().map(|schema| Value::from(schema.name())).collect();
            return Err(Error::InvalidEnumVariant { keyword: "schema", value: schema, variants }.into());
        };
        let event = arguments.required("event");
        Ok(EnrichThreatsFn { workers: self.workers.clone(), event, schema }.as_expr())
    }
}

#[derive(Clone, Debug)]
struct EnrichThreatsFn {
    workers: Workers,
    event: Box<dyn Expression>,
    schema: Schema,
}

impl FunctionExpression for EnrichThreatsFn {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        let event = self.event.resolve(ctx)?;
        Ok(self.workers.ask(|worker| enrich_threats(worker, event, self.schema)))
    }

    fn type_def(&self, state: &TypeState) -> TypeDef {
        // An object stays one; what will be in it nobody knows.
        if self.event.type_def(state).kind().is_object() { TypeDef::object(Collection::any()) } else { TypeDef::any() }
    }
}
