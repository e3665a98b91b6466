//! Programs as VRL compiles and runs them, linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bytes;
mod corpus;
mod hostile;
mod programs;

#[path = "../../../../tests/it/corpus/case.rs"]
#[allow(dead_code, reason = "a door uses what it needs of it")]
mod case;
#[path = "../../../../tests/it/mmdb.rs"]
#[allow(dead_code, reason = "as above")]
mod mmdb;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use stormtag::{AllowList, Catalog, Feed, Geo, IntelBuilder, Limits, Live, Record};
use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::{Function, Program, TargetValue, TimeZone};
use vrl::value::{Secrets, Value};

/// The sample feed, list and databases of stormtag's examples, and the built-in indicators.
static SAMPLE: LazyLock<Live> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data");
    let file = |name: &str| folder.join(name);
    let (intel, _) = IntelBuilder::new()
        .catalog(Catalog::builtin())
        .feed(Catalog::builtin_indicators())
        .feed(Feed::open(file("feed.csv"), None, &Record::new("sample").into()).unwrap())
        .allow(AllowList::open(file("allow.txt")).unwrap())
        .geo(Arc::new(Geo::open([file("asn.mmdb"), file("city.mmdb")]).unwrap()))
        .limits(Limits { special_use: true, ..Limits::default() })
        .build();
    Live::new(intel)
});

fn compile(source: &str, functions: &[Box<dyn Function>]) -> Result<Program, String> {
    let compiled = vrl::compiler::compile(source, functions);
    compiled.map(|done| done.program).map_err(|why| vrl::diagnostic::Formatter::new(source, why).to_string())
}

/// What the program returns, and the event it leaves.
fn run(program: &Program, event: Value) -> Result<(Value, Value), Terminate> {
    let mut target = TargetValue { value: event, metadata: Value::Object([].into()), secrets: Secrets::default() };
    let returned = Runtime::default().resolve(&mut target, program, &TimeZone::default())?;
    Ok((returned, target.value))
}

/// What the program makes of an event, asking the sample.
fn made(source: &str, event: Value) -> Value {
    let program = compile(source, &stormtag_vrl::all(&SAMPLE)).unwrap_or_else(|why| panic!("{why}"));
    run(&program, event).unwrap().1
}

/// What the program returns, asking the sample.
fn returned(source: &str, event: Value) -> Value {
    let program = compile(source, &stormtag_vrl::all(&SAMPLE)).unwrap_or_else(|why| panic!("{why}"));
    run(&program, event).unwrap().0
}

fn value(json: serde_json::Value) -> Value {
    serde_json::from_value(json).unwrap()
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}
