//! `find_threats`: what is known of one value.

use stormtag::{Finding, Kind, Validity};
use vrl::compiler::function::Error;
use vrl::prelude::*;

use crate::value::to_object;
use crate::workers::Workers;

/// `find_threats(value, kind, at)`: the records that cover a value, most specific indicator first.
#[derive(Clone, Debug)]
pub struct FindThreats {
    workers: Workers,
}

impl FindThreats {
    /// Asks these workers.
    #[must_use]
    pub fn new(workers: &Workers) -> Self {
        Self { workers: workers.clone() }
    }
}

fn find_threats(workers: &Workers, value: &Value, kind: Kind, at: Option<i64>) -> Value {
    let mut found = Vec::new();
    match value {
        Value::Array(values) => values.iter().for_each(|value| find(workers, value, kind, at, &mut found)),
        value => find(workers, value, kind, at, &mut found),
    }
    Value::Array(found)
}

fn find(workers: &Workers, value: &Value, kind: Kind, at: Option<i64>, found: &mut Vec<Value>) {
    let number;
    let text = match value {
        // Of an autonomous system.
        Value::Integer(of) => {
            number = of.to_string();
            Some(&*number)
        }
        value => value.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()),
    };
    let Some(text) = text else { return };
    workers.ask(|worker| {
        // What is no such value has no matches; the worker counts it.
        if let Ok(finding) = worker.look_up(kind, text) {
            found.extend(matches(&finding, at));
        }
    });
}

/// The record of each match, and what it is on.
fn matches(finding: &Finding<'_>, at: Option<i64>) -> impl Iterator<Item = Value> {
    let is_valid = move |of: &stormtag::Record| at.is_none_or(|at| of.validity(at) == Validity::Valid);
    finding.matches().filter(move |found| is_valid(found.record())).map(|found| {
        let mut members = to_object(found.record());
        // What a source does not say is not there, so that it can be asked for as the rest of an event is.
        members.retain(|_, value| !value.is_null() && !value.as_array().is_some_and(<[_]>::is_empty));
        members.insert("indicator".into(), Value::from(found.indicator()));
        members.insert("kind".into(), Value::from(found.kind().name()));
        if let Some(list) = found.informed_by() {
            members.insert("known_as".into(), Value::Object(to_object(&list)));
        }
        Value::Object(members)
    })
}

const PARAMETERS: &[Parameter] = &[
    Parameter::required(
        "value",
        kind::ANY,
        "The value to look up, as text, or an array of such values. What is no value of the kind has no matches.",
    ),
    Parameter::required(
        "kind",
        kind::BYTES,
        "What it is: `ip`, `domain`, `url`, `sha256` and so on. Must be a literal.",
    ),
    Parameter::optional(
        "at",
        kind::TIMESTAMP,
        "The time of the event: records outside their validity then do not count. Without it all do.",
    ),
];

impl Function for FindThreats {
    fn identifier(&self) -> &'static str {
        "find_threats"
    }

    fn summary(&self) -> &'static str {
        "Finds what is known of a value"
    }

    fn usage(&self) -> &'static str {
        "Finds the threat indicators that cover a value: an address and the networks around it, a name and those above it, a URL, a \
         hash. Returns one object for each record, with `indicator`, `kind`, `source`, `confidence`, and as far as the source says \
         them `campaigns`, `actors`, `malware`, `techniques`, `tags`, `role`, `severity`, `description`, `reference`, `tlp`, `id`, \
         and in seconds since the epoch `valid_from`, `valid_until`, `first_seen`, `last_seen`."
    }

    fn category(&self) -> &'static str {
        crate::CATEGORY
    }

    fn return_kind(&self) -> u16 {
        kind::ARRAY
    }

    fn return_rules(&self) -> &'static [&'static str] {
        &[
            "The most specific indicator comes first.",
            "What an allow-list silences is not returned.",
            "What is no value of the kind has no matches: the array is then empty.",
        ]
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn examples(&self) -> &'static [Example] {
        &[
            example! {
                title: "An address",
                source: r#"find_threats("45.32.174.131", "ip")[0].campaigns"#,
                result: Ok(r#"["C0035"]"#),
            },
            example! {
                title: "As a condition",
                source: r#"find_threats("192.0.2.1", "ip") != []"#,
                result: Ok("false"),
            },
            example! {
                title: "What is no such value",
                source: r#"find_threats("localhost", "ip")"#,
                result: Ok("[]"),
            },
        ]
    }

    fn compile(&self, state: &TypeState, _: &mut FunctionCompileContext, arguments: ArgumentList) -> Compiled {
        let kind = arguments.required_literal("kind", state)?;
        let named = kind.as_bytes().and_then(|name| std::str::from_utf8(name).ok()?.parse().ok());
        let Some(kind) = named else {
            let variants = Kind::ALL.iter().map(|kind| Value::from(kind.name())).collect();
            return Err(Error::InvalidEnumVariant { keyword: "kind", value: kind, variants }.into());
        };
        let (value, at) = (arguments.required("value"), arguments.optional("at"));
        Ok(FindThreatsFn { workers: self.workers.clone(), value, kind, at }.as_expr())
    }
}

#[derive(Clone, Debug)]
struct FindThreatsFn {
    workers: Workers,
    value: Box<dyn Expression>,
    kind: Kind,
    at: Option<Box<dyn Expression>>,
}

impl FunctionExpression for FindThreatsFn {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        let value = self.value.resolve(ctx)?;
        let at = self.at.as_ref().map(|at| at.resolve(ctx)).transpose()?;
        let at = at.and_then(|at| at.as_timestamp().map(|at| at.timestamp()));
        Ok(find_threats(&self.workers, &value, self.kind, at))
    }

    fn type_def(&self, _: &TypeState) -> TypeDef {
        TypeDef::array(Collection::from_unknown(vrl::value::Kind::object(Collection::any())))
    }
}
