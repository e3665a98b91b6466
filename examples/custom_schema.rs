//! Events of one's own type in, output of one's own shape out, no JSON in between: `cargo run --example custom_schema`.

use std::net::IpAddr;

use serde::Serialize;
use stormtag::{Catalog, Enrichment, FieldMap, IntelBuilder, Live};

/// An event as the host has it. Whatever serde can serialize will do.
#[derive(Serialize)]
struct Flow<'a> {
    start: i64,
    client: IpAddr,
    server: IpAddr,
    sni: Option<&'a str>,
    bytes: u64,
}

/// What the host wants to know.
#[derive(Serialize)]
struct Alert<'a> {
    at: i64,
    field: &'a str,
    value: String,
    role: Option<&'a str>,
    actor: Option<&'a str>,
    confidence: u8,
}

/// One alert for each value that matched, with the strongest actor that it speaks of.
fn alerts<'a>(enrichment: &Enrichment<'a>) -> Vec<Alert<'a>> {
    let sightings = enrichment.sightings().iter().enumerate();
    sightings
        .filter_map(|(number, sighting)| {
            let found = sighting.matches().next()?;
            let speaks =
                |of: &&stormtag::Attribution<'a>| of.evidence().iter().any(|evidence| evidence.sighting == number);
            let of = enrichment.attributions().iter().filter(speaks).find(|of| !of.subject().is_campaign());
            Some(Alert {
                at: enrichment.time().unwrap_or_default(),
                field: sighting.field(),
                value: sighting.observable().to_string(),
                role: found.record().role.as_deref(),
                actor: of.map(|of| of.subject().name()),
                confidence: of.map_or(0, |of| of.confidence()),
            })
        })
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (intel, _) = IntelBuilder::new().catalog(Catalog::builtin()).feed(Catalog::builtin_indicators()).build();
    let mut worker = Live::new(intel).worker();
    worker.set_fields(FieldMap::parse("flow", "start time\nclient ip\nserver ip\nsni host\n")?);
    let flows = [
        Flow {
            start: 1_705_081_509,
            client: "10.20.0.2".parse()?,
            server: "45.63.60.39".parse()?,
            sni: None,
            bytes: 5_120,
        },
        Flow {
            start: 1_705_081_510,
            client: "10.20.0.3".parse()?,
            server: "9.9.9.9".parse()?,
            sni: Some("dns.example"),
            bytes: 90,
        },
    ];
    for flow in &flows {
        for alert in alerts(&worker.enrich(flow)) {
            println!("{}", serde_json::to_string(&alert)?);
        }
    }
    Ok(())
}
