//! Runs a program in VRL over events, one JSON object a line, as a pipeline would.
//!
//! ```text
//! remap PROGRAM.vrl [DATABASE.mmdb...] < events.ndjson
//! ```
//!
//! Knows the built-in actors and their published indicators, and what the databases say. An event whose program fails or aborts is
//! passed on as it was, and said on standard error.

use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::Arc;

use stormtag::{Catalog, Geo, IntelBuilder, Live};
use vrl::compiler::TargetValue;
use vrl::compiler::runtime::Runtime;
use vrl::value::{Secrets, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments.next().ok_or("usage: remap PROGRAM.vrl [DATABASE.mmdb...] < events.ndjson")?;
    let geo = Geo::open(arguments)?;
    let mut builder = IntelBuilder::new();
    builder.catalog(Catalog::builtin()).feed(Catalog::builtin_indicators()).geo(Arc::new(geo));
    let (intel, report) = builder.build();
    eprint!("{report}");

    // Keep it where feeds are reloaded: what is published there is seen by the next event.
    let live = Live::new(intel);
    let source = std::fs::read_to_string(path)?;
    let program = match vrl::compiler::compile(&source, &stormtag_vrl::all(&live)) {
        Ok(compiled) => compiled.program,
        Err(why) => return Err(vrl::diagnostic::Formatter::new(&source, why).to_string().into()),
    };

    // One for each thread; the program is shared.
    let mut runtime = Runtime::default();
    let (zone, mut out) = (vrl::compiler::TimeZone::default(), std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Ok(value) = serde_json::from_str::<Value>(&line) else {
            writeln!(out, "{line}")?;
            continue;
        };
        let mut event = TargetValue { value, metadata: Value::Object([].into()), secrets: Secrets::default() };
        match runtime.resolve(&mut event, &program, &zone) {
            Ok(_) => writeln!(out, "{}", serde_json::to_string(&event.value)?)?,
            Err(why) => {
                eprintln!("{why}");
                writeln!(out, "{line}")?;
            }
        }
        runtime.clear();
    }
    Ok(())
}
