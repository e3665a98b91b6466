//! What does `. = enrich_threats(., "ecs")` cost beside the least that VRL could do instead: the same fields set to constants?
//!
//! Events of the reference workload where `STORMTAG_WORKLOAD` names its folder, else events like them of our own making. All are parsed
//! and their fields known before; each program is given copies of the same events, and neither making nor freeing these counts. Time is what
//! the thread was on a processor, the programs take turns, and said is the median of their turns. *match*: the events alone in which
//! something matched.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "inputs are known")]

#[path = "../../../benches/common/mod.rs"]
mod common;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use common::events::{Shape, lines};
use common::{BATCH, DOMAIN, Draw, IPV4, cpu_time, databases, feed, median, workload};
use stormtag::{FieldMap, Geo, Intel, IntelBuilder, Live};
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{Function, Program, TargetValue, TimeZone, compile};
use vrl::value::{ObjectMap, Secrets, Value};

const EVENTS: usize = 16 * BATCH;
/// How often each program has its turn.
const TURNS: usize = 15;

fn main() {
    let (intel, fields, lines) = inputs();
    let live = Live::new(intel);
    let functions = stormtag_vrl::all_with(move || {
        let mut worker = live.worker();
        worker.set_fields(fields.clone());
        worker
    });
    let mut sets = Sets::default();
    let plain = [". = .", r#". = enrich_threats(., "ecs")"#];
    sets.programs = plain.iter().map(|source| program(source, &functions)).collect();
    let (mut misses, mut matches) = (Vec::new(), Vec::new());
    for line in lines {
        let event: Value = serde_json::from_str(&line).unwrap();
        let mut after = target(&event);
        Runtime::default().resolve(&mut after, &sets.programs[ENRICH], &TimeZone::default()).unwrap();
        let of = if after.value.get(vrl::path!("threat")).is_some() { &mut matches } else { &mut misses };
        let (fields, objects) = sets.of(&event, &after.value);
        of.push(Case { event, programs: [0, fields, objects, ENRICH] });
    }
    for (name, cases) in [("miss", misses), ("match", matches)] {
        let mut turns: [Vec<f64>; 4] = Default::default();
        for turn in 0..TURNS * turns.len() {
            let what = turn % turns.len();
            turns[what].push(nanoseconds(&cases, |case| &sets.programs[case.programs[what]]));
        }
        println!("{name}: {} events, nanoseconds for each", cases.len());
        let times = turns.clone().map(median);
        let names = [
            "the event itself",
            "the same fields set to constants",
            "the same objects set to constants",
            "enrich_threats",
        ];
        for (name, time) in names.iter().zip(times) {
            println!("{time:9.0}  {name}");
        }
        let ratios = turns[3].iter().zip(&turns[1]).map(|(enrich, fields)| enrich / fields);
        println!("{:9.2}  times the fields set to constants", median(ratios.collect()));
    }
}

/// The program that enriches.
const ENRICH: usize = 1;

struct Case {
    event: Value,
    /// Which programs it is given to: one that sets the event to itself, one that sets the fields, one by one, that enriching it adds,
    /// one that sets them by the object, and the one that enriches.
    programs: [usize; 4],
}

fn nanoseconds<'p>(cases: &[Case], program: impl Fn(&Case) -> &'p Program) -> f64 {
    let mut events: Vec<_> =
        cases.iter().cycle().take(EVENTS).map(|case| (target(&case.event), program(case))).collect();
    let (mut runtime, zone) = (Runtime::default(), TimeZone::default());
    let began = cpu_time().unwrap();
    for (event, program) in &mut events {
        runtime.resolve(event, program, &zone).unwrap();
    }
    (cpu_time().unwrap() - began) as f64 / events.len().max(1) as f64
}

/// Programs, and those that set fields to constants by the fields.
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
