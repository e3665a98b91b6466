//! `locate`: whose network an address is in, and where.

use stormtag::{Kind, Worker};
use vrl::prelude::*;

use crate::value::to_value;
use crate::workers::Workers;

/// `locate(ip)`: autonomous system, place and anonymity of an address.
#[derive(Clone, Debug)]
pub struct Locate {
    workers: Workers,
}

impl Locate {
    /// Asks these workers.
    #[must_use]
    pub fn new(workers: &Workers) -> Self {
        Self { workers: workers.clone() }
    }
}

fn locate(worker: &mut Worker, ip: &str) -> ObjectMap {
    let mut location = ObjectMap::new();
    // What is no address is nowhere; the worker counts it.
    if let Ok(finding) = worker.look_up(Kind::Ip, ip) {
        let anonymity: Vec<_> = finding.anonymity().names().map(Value::from).collect();
        let members = [
            ("as", finding.asn().and_then(|asn| to_value(&asn))),
            ("geo", finding.place().and_then(|place| to_value(&place))),
            ("anonymity", (!anonymity.is_empty()).then_some(Value::Array(anonymity))),
        ];
        location.extend(members.into_iter().filter_map(|(key, value)| Some((key.into(), value?))));
    }
    location
}

const PARAMETERS: &[Parameter] =
    &[Parameter::required("ip", kind::ANY, "The address, as text. What is no address is nowhere.")];

impl Function for Locate {
    fn identifier(&self) -> &'static str {
        "locate"
    }

    fn summary(&self) -> &'static str {
        "Tells whose network an address is in, and where"
    }

    fn usage(&self) -> &'static str {
        "Returns what the databases know of an address: `as` with `number` and `organization`, `geo` with `country_iso_code`, \
         `city_name`, `latitude` and so on, and `anonymity` with the ways in which it hides who uses it, such as `vpn` or `tor-exit`. \
         What is not known is not there."
    }

    fn category(&self) -> &'static str {
        crate::CATEGORY
    }

    fn return_kind(&self) -> u16 {
        kind::OBJECT
    }

    fn return_rules(&self) -> &'static [&'static str] {
        &["Special-use addresses, such as `192.168.0.1`, are nowhere.", "The object is empty where nothing is known."]
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn examples(&self) -> &'static [Example] {
        &[
            example! {
                title: "A network and a place",
                source: r#"[locate("45.63.60.39").as.number, locate("45.63.60.39").geo.city_name]"#,
                result: Ok(r#"[64502, "Dallas"]"#),
            },
            example! {
                title: "A private address",
                source: r#"locate("192.168.0.1")"#,
                result: Ok("{}"),
            },
            example! {
                title: "What is no address",
                source: r#"locate("localhost")"#,
                result: Ok("{}"),
            },
        ]
    }

    fn compile(&self, _: &TypeState, _: &mut FunctionCompileContext, arguments: ArgumentList) -> Compiled {
        Ok(LocateFn { workers: self.workers.clone(), ip: arguments.required("ip") }.as_expr())
    }
}

#[derive(Clone, Debug)]
struct LocateFn {
    workers: Workers,
    ip: Box<dyn Expression>,
}

impl FunctionExpression for LocateFn {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        let ip = self.ip.resolve(ctx)?;
        let text = ip.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let location = text.map(|ip| self.workers.ask(|worker| locate(worker, ip)));
        Ok(Value::Object(location.unwrap_or_default()))
    }

    fn type_def(&self, _: &TypeState) -> TypeDef {
        TypeDef::object(Collection::any())
    }
}
