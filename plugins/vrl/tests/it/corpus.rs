//! The corpus of stormtag, through `enrich_threats`.

use serde_json::Value;
use stormtag::{Live, Schema};

use super::case::{Case, Seen, files};
use super::{compile, json, run, value};

#[test]
fn every_case_through_this_door() {
    let mut cases = 0;
    for (file, list) in files() {
        for case in &list {
            check(&file, case);
            cases += 1;
        }
    }
    assert!(cases >= 70, "{cases}");
}

fn check(file: &str, case: &Case) {
    let live = Live::new(case.builder().build().0);
    for (event, number) in case.event.iter().zip(1..) {
        let (set_up, live) = (case.set_up(event, Schema::Native), live.clone());
        let made = move || {
            let mut worker = live.worker();
            set_up(&mut worker);
            worker
        };
        let (event_of_vrl, mut worker) = (value(event.value()), made());
        // In the order of VRL's objects, by which the first of several addresses of an entity is told.
        let line = json(&event_of_vrl).to_string();
        let functions = stormtag_vrl::all_with(made);
        for schema in Schema::ALL {
            let place = format!("{file}: {}: event {number}, {schema}", case.name);
            let program = compile(&format!(". = enrich_threats(., \"{schema}\")"), &functions).unwrap();
            let made = json(&run(&program, event_of_vrl.clone()).unwrap().1);
            let mut out = Vec::new();
            worker.set_schema(*schema).enrich_json(line.as_bytes(), &mut out);
            let expected: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(made, expected, "{place}");
            if *schema == Schema::Native {
                assert_eq!(Seen::in_native(&made["stormtag"]), event.expected, "{place}");
            }
        }
    }
}
