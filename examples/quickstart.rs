//! From nothing to enriched events, without any file: `cargo run --example quickstart`.

use std::io::Write as _;
use std::sync::Arc;

use stormtag::{AllowList, Catalog, Feed, Indicator, IntelBuilder, Kind, Live, Pattern, Record};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What is known: the built-in catalogue and its published indicators, one indicator of our own, one entry that is innocent.
    let record = Record { confidence: 80, campaigns: vec!["Example Harvest".into()], ..Record::new("ours") };
    let pattern = Pattern::parse(Kind::Domain, "harvest-mail.example")?;
    let own = Feed { indicators: vec![Indicator { pattern, record: Arc::new(record) }], ..Feed::new("ours") };
    let allow = AllowList::read(&b"# reason: our own test page\nstatus.harvest-mail.example\n"[..], "own list")?;
    let (intel, _) = IntelBuilder::new()
        .catalog(Catalog::builtin())
        .feed(Catalog::builtin_indicators())
        .feed(own)
        .allow(allow)
        .build();

    // Events as bytes: what was there stays, what was found is added.
    let mut worker = Live::new(intel).worker();
    let mut out = Vec::new();
    for event in [
        r#"{"ts":1705081509,"id.orig_h":"10.20.0.2","id.resp_h":"45.63.60.39"}"#,
        r#"{"ts":1705081510,"query":"login.harvest-mail.example"}"#,
        r#"{"ts":1705081511,"query":"status.harvest-mail.example"}"#,
        r#"{"ts":1705081512,"query":"www.example.org"}"#,
        "not JSON: passed on as it is",
    ] {
        worker.enrich_json(event.as_bytes(), &mut out);
        out.push(b'\n');
    }
    std::io::stdout().write_all(&out)?;

    // One value. Whom a match speaks of depends on when it was seen, and is told with its evidence.
    println!();
    for found in worker.look_up(Kind::Ip, "45.32.174.131")?.matches() {
        let record = found.record();
        println!("{} is said by {} to be: {}", found.indicator(), record.source, record.role.as_deref().unwrap_or("?"));
    }
    for day in ["2024-01-12", "2024-07-12"] {
        println!("\nseen on {day}:");
        let event =
            serde_json::json!({"@timestamp": format!("{day}T12:00:00Z"), "destination": {"ip": "45.32.174.131"}});
        for attribution in worker.enrich(&event).attributions() {
            print!("{}", attribution.explain());
        }
    }
    Ok(())
}
