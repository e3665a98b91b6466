//! What does `. = enrich_threats(., "ecs")` cost beside the least that VRL could do instead: the same fields set to constants?
//!
//! Events of the reference workload where `STORMTAG_WORKLOAD` names its folder, else events like them of our own making. Each
//! iteration is 1,000 events, all of them parsed and their fields known before; what is left of an event is freed outside. *match*: those
//! alone in which something matched.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "inputs are known")]

#[path = "../../../benches/common/mod.rs"]
mod common;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use common::events::{Shape, lines};
use common::{BATCH, DOMAIN, Draw, IPV4, Ring, databases, feed, workload};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use stormtag::{FieldMap, Geo, Intel, IntelBuilder, Live};
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{Function, Program, TargetValue, TimeZone, compile};
use vrl::value::{ObjectMap, Secrets, Value};

const EVENTS: usize = 16 * BATCH;

fn bench(c: &mut Criterion) {
    let (intel, fields, lines) = inputs();
    let live = Live::new(intel);
    let functions = stormtag_vrl::all_with(move || {
        let mut worker = live.worker();
        worker.set_fields(fields.clone());
        worker
    });
    let enrich = program(r#". = enrich_threats(., "ecs")"#, &functions);
    let mut cases: [Vec<Case>; 2] = Default::default();
    let mut sets = Sets::default();
    for line in lines {
        let event: Value = serde_json::from_str(&line).unwrap();
        let mut after = target(&event);
        Runtime::default().resolve(&mut after, &enrich, &TimeZone::default()).unwrap();
        let matched = after.value.get(vrl::path!("threat")).is_some();
        let (fields, objects) = sets.of(&event, &after.value);
        cases[usize::from(matched)].push(Case { event, fields, objects });
    }
    for (name, cases) in ["miss", "match"].into_iter().zip(&cases) {
        let mut group = c.benchmark_group(format!("vrl/{name}"));
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut timed = |what: &str, of: &dyn Fn(&Case) -> &Program| {
            let mut ring = Ring::new(cases.len(), BATCH.min(cases.len()));
            let (mut runtime, zone) = (Runtime::default(), TimeZone::default());
            group.bench_function(what, |b| {
                b.iter_batched(
                    || cases[ring.turn()].iter().map(|case| (target(&case.event), of(case))).collect::<Vec<_>>(),
                    |mut events| {
                        for (event, program) in &mut events {
                            runtime.resolve(event, program, &zone).unwrap();
                        }
                        events
                    },
                    BatchSize::PerIteration,
                );
            });
        };
        let (nothing, itself) = (program("true", &functions), program(". = .", &functions));
        timed("nothing", &|_| &nothing);
        timed("the event itself", &|_| &itself);
        timed("the same fields set to constants", &|case| &sets.programs[case.fields]);
        timed("the same objects set to constants", &|case| &sets.programs[case.objects]);
        timed("enrich_threats", &|_| &enrich);
    }
}

struct Case {
    event: Value,
    /// The program that sets, one by one, the fields that enriching it adds.
    fields: usize,
    /// The program that sets them by the object.
    objects: usize,
}

/// Programs that set fields to constants, by the fields.
#[derive(Default)]
struct Sets {
    programs: Vec<Program>,
    by_paths: HashMap<(bool, Vec<String>), usize>,
}

impl Sets {
    fn of(&mut self, before: &Value, after: &Value) -> (usize, usize) {
        let [fields, objects] = [false, true].map(|whole| {
            let mut set = Vec::new();
            added(before.as_object().unwrap(), after.as_object().unwrap(), "", whole, &mut set);
            let paths = (whole, set.iter().map(|(path, _)| path.clone()).collect());
            *self.by_paths.entry(paths).or_insert_with(|| {
                let source: Vec<String> = set.iter().map(|(path, value)| format!("{path} = {value}")).collect();
                self.programs.push(program(&format!("{}\ntrue", source.join("\n")), &[]));
                self.programs.len() - 1
            })
        });
        (fields, objects)
    }
}

/// The paths that stand in one and not in the other, each with its value: those of fields, or of the outermost objects.
fn added(before: &ObjectMap, after: &ObjectMap, behind: &str, whole: bool, set: &mut Vec<(String, Value)>) {
    for (key, value) in after {
        let path = format!("{behind}.{key}");
        match (before.get(key), value) {
            (Some(Value::Object(before)), Value::Object(after)) => added(before, after, &path, whole, set),
            (None, Value::Object(after)) if !whole => added(&ObjectMap::new(), after, &path, whole, set),
            (None, value) => set.push((path, value.clone())),
            _ => {}
        }
    }
}

fn program(source: &str, functions: &[Box<dyn Function>]) -> Program {
    compile(source, functions).unwrap_or_else(|why| panic!("{source}: {why:?}")).program
}

fn target(event: &Value) -> TargetValue {
    TargetValue { value: event.clone(), metadata: Value::Null, secrets: Secrets::default() }
}

fn inputs() -> (Intel, FieldMap, Vec<String>) {
    if let Some(folder) = std::env::var_os("STORMTAG_WORKLOAD") {
        let folder = Path::new(&folder);
        let events = std::io::BufReader::new(std::fs::File::open(folder.join("events.ndjson")).unwrap());
        let lines = std::io::BufRead::lines(events).take(EVENTS).map(Result::unwrap).collect();
        return (workload::load(folder).0, workload::fields(), lines);
    }
    eprintln!("STORMTAG_WORKLOAD names no folder: these are events of our own making");
    let geo = Geo::from_databases([("asn", databases::asn()), ("city", databases::city())]).unwrap();
    let lines = lines(Shape::Flat, 320, Draw::Zipf, EVENTS, 1);
    let mut builder = IntelBuilder::new();
    builder.geo(Arc::new(geo)).feed(feed(IPV4.kind, &IPV4.indicators(100_000, 1)));
    builder.feed(feed(DOMAIN.kind, &DOMAIN.indicators(100_000, 1)));
    let known = lines.iter().take(64).filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        Some(event["dst_ip"].as_str()?.to_owned())
    });
    builder.feed(feed(IPV4.kind, &known.collect()));
    (builder.build().0, workload::fields(), lines.iter().map(str::to_owned).collect())
}

criterion_group!(benches, bench);
criterion_main!(benches);
