//! What programs see: examples, types, diagnostics, time, reload, threads.

use std::sync::Arc;

use serde_json::json;
use stormtag::{Catalog, FieldMap, Intel, IntelBuilder, Live};
use vrl::value::Value;

use super::{SAMPLE, compile, json, made, returned, run, value};

fn builtin() -> Intel {
    IntelBuilder::new().catalog(Catalog::builtin()).feed(Catalog::builtin_indicators()).build().0
}

#[test]
fn the_examples_say_what_they_should() {
    let functions = stormtag_vrl::all(&SAMPLE);
    let mut count = 0;
    for function in stormtag_vrl::own(&stormtag_vrl::Workers::new(|| SAMPLE.worker())) {
        assert!(!function.examples().is_empty(), "{}", function.identifier());
        for example in function.examples() {
            let place = format!("{}: {}", function.identifier(), example.title);
            let program = compile(example.source, &functions).unwrap_or_else(|why| panic!("{place}\n{why}"));
            let (got, _) = run(&program, Value::Object([].into())).unwrap();
            // As in VRL's own: JSON, or the text itself.
            let expected = example.result.unwrap();
            let expected = serde_json::from_str(expected).unwrap_or_else(|_| json!(expected));
            assert_eq!(json(&got), expected, "{place}");
            count += 1;
        }
    }
    assert_eq!(count, 11);
}

#[test]
fn what_a_match_says() {
    let found = returned(r#"find_threats("www.harvest-mail.example", "domain-name")"#, value(json!({})));
    assert_eq!(
        json(&found),
        json!([{
            "indicator": "harvest-mail.example", "kind": "domain", "source": "sample", "confidence": 80, "campaigns": ["Example Harvest"],
            "description": "sign-in pages; the names below it as well", "first_seen": 1_696_118_400, "last_seen": 1_719_705_600,
        }])
    );
    assert_eq!(
        json(&returned(r#"find_threats("cdn.vendor.example", "domain")"#, value(json!({})))),
        json!([]),
        "allowed"
    );
}

#[test]
fn each_element_of_an_array_is_a_value() {
    let event = json!({"of": ["45.63.60.39", null, "x", {"a": 1}, "203.0.113.77"]});
    let found = json(&returned(r#"find_threats(.of, "ip")"#, value(event)));
    let indicators: Vec<_> = found.as_array().unwrap().iter().map(|found| found["indicator"].clone()).collect();
    assert_eq!(indicators, ["45.63.60.39", "203.0.113.77"]);
}

#[test]
fn a_number_is_an_autonomous_system() {
    let mut feed = stormtag::Feed::new("ours");
    let pattern = stormtag::Pattern::parse(stormtag::Kind::Asn, "64500").unwrap();
    feed.indicators.push(stormtag::Indicator { pattern, record: Arc::new(stormtag::Record::new("ours")) });
    let live = Live::new(IntelBuilder::new().feed(feed).build().0);
    let program = compile(r#"find_threats(.asn, "asn")"#, &stormtag_vrl::all(&live)).unwrap();
    let found = json(&run(&program, value(json!({"asn": 64500}))).unwrap().0);
    assert_eq!(found[0]["source"], "ours");
    assert_eq!(json(&run(&program, value(json!({"asn": 64500.5}))).unwrap().0), json!([]));
}

#[test]
fn validity_is_judged_where_the_time_is_given() {
    let mut feed = stormtag::Feed::new("ours");
    let record = stormtag::Record { valid_until: Some(1_700_000_000), ..stormtag::Record::new("ours") };
    let pattern = stormtag::Pattern::parse(stormtag::Kind::Domain, "evil.example").unwrap();
    feed.indicators.push(stormtag::Indicator { pattern, record: Arc::new(record) });
    let live = Live::new(IntelBuilder::new().feed(feed).build().0);
    for (source, count) in [
        (r#"find_threats("evil.example", "domain")"#, 1),
        (r#"find_threats("evil.example", "domain", at: t'2023-11-14T22:13:19Z')"#, 1),
        (r#"find_threats("evil.example", "domain", at: t'2023-11-14T22:13:20Z')"#, 0),
    ] {
        let program = compile(source, &stormtag_vrl::all(&live)).unwrap();
        let found = json(&run(&program, value(json!({}))).unwrap().0);
        assert_eq!(found.as_array().unwrap().len(), count, "{source}");
    }
    // A timestamp of VRL is the time of the event as its text is.
    for source in [r#".ts = t'2023-11-14T22:13:20Z'"#, r#".ts = "2023-11-14T22:13:20Z""#, ".ts = 1700000000"] {
        let source = format!("{source}\n.host = \"evil.example\"\n. = enrich_threats(., \"native\")");
        let program = compile(&source, &stormtag_vrl::all(&live)).unwrap();
        let event = json(&run(&program, value(json!({}))).unwrap().1);
        assert_eq!(event["stormtag"]["withheld"][0]["validity"], "expired", "{source}: {event}");
    }
}

#[test]
fn no_call_can_fail() {
    // Programs compile without `!` and `??`, whatever the type of the argument.
    for argument in [".", ".x", "null", "1", "[1.5]", "{\"a\": r'x'}", "t'2024-01-12T17:45:09Z'", "s'\\\\xff'"] {
        let source = format!(
            "a = find_threats({argument}, \"url\")\nb = enrich_threats({argument}, \"ocsf\")\nc = locate({argument})\nd = attribute({argument})\n\
             [a, b, c, d]"
        );
        let program = compile(&source, &stormtag_vrl::all(&SAMPLE)).unwrap_or_else(|why| panic!("{why}"));
        let (Value::Array(got), _) = run(&program, value(json!({"x": "y"}))).unwrap() else { panic!() };
        assert!(got[0].is_array() && got[2].is_object() && got[3].is_array(), "{source}: {got:?}");
    }
    // What is an object stays one for the compiler, and can be the event.
    assert!(compile(". = enrich_threats(., \"ecs\")\n.a.b = attribute(.)", &stormtag_vrl::all(&SAMPLE)).is_ok());
}

#[test]
fn mistakes_are_told_while_compiling() {
    for (source, told) in [
        (r#"find_threats(.x, "sha257")"#, r#"expected one of: "ip", "domain", "url""#),
        (r#"enrich_threats(., "cef")"#, r#"expected one of: "ecs", "ocsf", "native""#),
        (r#"find_threats(.x, .kind)"#, r#"unexpected expression for argument "kind""#),
        (r#"find_threats(.x)"#, "kind"),
        (r#"enrich_threats(.)"#, "schema"),
        (r#"locate()"#, "ip"),
    ] {
        let why = compile(source, &stormtag_vrl::all(&SAMPLE)).unwrap_err();
        assert!(why.contains(told), "{source}: {why}");
    }
    // Literals by way of a variable are literals.
    assert!(compile("kind = \"ip\"\nfind_threats(.x, kind)", &stormtag_vrl::all(&SAMPLE)).is_ok());
}

#[test]
fn enrichment_merges() {
    let event = json!({
        "ts": 1_705_081_509, "id.resp_h": "45.63.60.39", "threat": {"group": {"name": "ours"}, "enrichments": [1]}, "related": {"ip": "x"},
    });
    let made = json(&made(r#". = enrich_threats(., "ecs")"#, value(event)));
    assert_eq!(made["threat"]["group"]["name"], "ours");
    assert_eq!(made["threat"]["group"]["id"], "G1017");
    assert_eq!(made["threat"]["enrichments"][1]["matched"]["occurred"], "2024-01-12T17:45:09Z");
    assert_eq!(made["related"]["ip"], "x");
    assert_eq!(made["destination"]["geo"]["city_name"], "Dallas");
}

#[test]
fn what_is_published_is_seen_by_the_next_call() {
    let live = Live::new(Intel::empty());
    let source = r#"find_threats("45.63.60.39", "ip") != [] && attribute({"id.resp_h": "45.63.60.39"}) != []"#;
    let program = compile(source, &stormtag_vrl::all(&live)).unwrap();
    let ask = || run(&program, value(json!({}))).unwrap().0;
    assert_eq!(ask(), Value::Boolean(false));
    live.publish(builtin());
    assert_eq!(ask(), Value::Boolean(true));
    live.publish(Intel::empty());
    assert_eq!(ask(), Value::Boolean(false));
    assert_eq!(live.reclaim(), 0, "the thread's worker holds no old snapshot");
}

#[test]
fn two_sets_of_functions_do_not_mix() {
    let (full, empty) = (Live::new(builtin()), Live::new(Intel::empty()));
    let source = r#"find_threats("45.63.60.39", "ip") != []"#;
    let programs = [&full, &empty].map(|live| compile(source, &stormtag_vrl::all(live)).unwrap());
    for _ in 0..3 {
        let answers = programs.each_ref().map(|program| run(program, value(json!({}))).unwrap().0);
        assert_eq!(answers, [Value::Boolean(true), Value::Boolean(false)]);
    }
}

#[test]
fn threads_share_a_program() {
    let live = Live::new(builtin());
    let program = compile(r#". = enrich_threats(., "native")"#, &stormtag_vrl::all(&live)).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (program, live) = (&program, &live);
            scope.spawn(move || {
                for turn in 0..50 {
                    if number == 0 && turn % 10 == 0 {
                        live.publish(builtin());
                    }
                    let event = json!({"ts": 1_705_081_509, "id.resp_h": "45.63.60.39", "n": turn});
                    let made = json(&run(program, value(event)).unwrap().1);
                    assert_eq!(made["stormtag"]["matches"][0]["indicator"], "45.63.60.39");
                    assert_eq!(made["n"], turn);
                }
            });
        }
    });
}

#[test]
fn workers_are_set_up_as_the_host_says() {
    let functions = stormtag_vrl::all_with(|| {
        let mut worker = SAMPLE.worker();
        worker.set_fields(FieldMap::parse("ours", "peer ip destination").unwrap());
        worker
    });
    let program = compile(r#". = enrich_threats(., "ecs")"#, &functions).unwrap();
    let made = json(&run(&program, value(json!({"peer": "45.63.60.39", "id.resp_h": "45.32.174.131"}))).unwrap().1);
    assert_eq!(made["threat"]["enrichments"].as_array().unwrap().len(), 1);
    assert_eq!(made["destination"]["as"]["number"], 64502);
}
