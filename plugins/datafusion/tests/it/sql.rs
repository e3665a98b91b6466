//! Functions in SQL: what they return, what planning refuses, what a reload changes.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::json;
use stormtag::{Catalog, Intel, IntelBuilder, Live, Site};

use super::{SAMPLE, error, query, session, value, wait};

#[test]
fn literals_are_answered() {
    assert_eq!(value("is_threat('45.63.60.39', 'ip')"), true);
    assert_eq!(value("is_threat('192.0.2.1', 'ip')"), false);
    assert_eq!(value("is_threat('localhost', 'ip')"), false);
    assert_eq!(value("is_threat(NULL, 'ip')"), json!(null));
    assert_eq!(value("is_threat('www.Harvest-Mail.example.', 'domain-name')"), true);
    assert_eq!(value("asn('45.63.60.39')"), json!({"number": 64502, "organization": "Example Hosting"}));
    assert_eq!(value("asn('45.63.60.39')['number']"), 64502);
    assert_eq!(value("asn('192.168.0.1')"), json!(null));
    assert_eq!(value("country('45.63.60.39')"), "US");
    assert_eq!(value("country('no address')"), json!(null));
    assert_eq!(value("is_threat(arrow_cast('45.63.60.39', 'Dictionary(Int16, Utf8)'), 'ip')"), true);
    assert_eq!(value("is_threat(64512, 'asn')"), false);
}

#[test]
fn threats_have_the_members_of_records() {
    let found = value("find_threats('45.63.60.39', 'ip')");
    let threat = &found[0];
    assert_eq!(threat["indicator"], "45.63.60.39");
    assert_eq!(threat["kind"], "ip");
    assert_eq!((&threat["source"], &threat["confidence"]), (&json!("Black Lotus Labs"), &json!(85)));
    assert_eq!((&threat["campaigns"], &threat["actors"]), (&json!(["C0035"]), &json!([])));
    assert_eq!(threat["last_seen"], 1_705_017_600);
    assert_eq!(value("find_threats('45.63.60.39', 'ip')[1]['campaigns'][1]"), "C0035");
    assert_eq!(value("find_threats('192.0.2.1', 'ip')"), json!([]));
    assert_eq!(value("find_threats(NULL, 'ip')"), json!(null));
    assert_eq!(value("find_threats('localhost', 'ip')"), json!([]));
}

#[test]
fn validity_is_judged_where_there_is_a_time() {
    let found = value("find_threats('45.63.60.39', 'ip', TIMESTAMP '2024-01-12T17:45:09')");
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(value("is_threat('45.63.60.39', 'ip', DATE '2024-01-12')"), true);
    assert_eq!(value("is_threat('45.63.60.39', 'ip', NULL)"), true);
}

#[test]
fn attributions_have_evidence() {
    let candidates = value("attribute('10.20.0.2', 'ip', '45.63.60.39', 'ip', to_timestamp_seconds(1705081509))");
    assert_eq!(candidates[0]["name"], "KV Botnet Activity");
    assert_eq!((&candidates[1]["name"], &candidates[1]["confidence"]), (&json!("Volt Typhoon"), &json!(43)));
    assert_eq!(candidates[1]["evidence"][0]["indicator"], "45.63.60.39");
    assert_eq!(candidates[1]["evidence"][0]["via"], "C0035");
    assert!(candidates[1]["claims"][0]["by"].is_string(), "{candidates}");
    assert_eq!(value("attribute('192.0.2.1', 'ip')"), json!([]));
    assert_eq!(value("attribute(NULL, 'ip', 'a', 'domain')"), json!([]));
    // By the host of a URL, as in events.
    let by_host = value("attribute('http://45.63.60.39/x', 'url')");
    assert_eq!(by_host[0]["name"], "KV Botnet Activity");
    // Behaviours are told by texts.
    assert_eq!(value("attribute('whoami', 'command_line')"), json!([]));
}

#[test]
fn a_site_adds_its_context() {
    let ctx = SessionContext::new();
    let site = Site::new(["Energy"], ["US"]).unwrap();
    stormtag_datafusion::Functions::new(&SAMPLE).site(site).register(&ctx);
    let sql = "SELECT attribute('45.63.60.39', 'ip', to_timestamp_seconds(1705081509))[2] AS it";
    let actor = &query(&ctx, sql).unwrap()[0]["it"];
    assert_eq!((&actor["confidence"], &actor["targets"]), (&json!(49), &json!(["Energy", "US"])));
}

#[test]
fn mistakes_are_errors_of_planning() {
    let kinds = "one of ip, domain, url, email, md5, sha1, sha256, sha512,";
    let wrong = error("SELECT is_threat('x', 'adress')");
    assert!(
        wrong.contains(&format!("is_threat: expected {kinds}")) && wrong.ends_with("as the kind, found adress"),
        "{wrong}"
    );
    let column = error("SELECT find_threats(a, b) FROM (VALUES ('x', 'ip')) AS t(a, b)");
    assert!(column.contains("as a literal for the kind, found an expression"), "{column}");
    let null = error("SELECT is_threat('x', NULL)");
    assert!(null.contains("as the kind, found NULL"), "{null}");
    for (sql, expected) in [
        (
            "SELECT is_threat('x')",
            "is_threat: expected is_threat(value, kind) or is_threat(value, kind, at), found 1 arguments",
        ),
        ("SELECT asn('x', 'ip')", "asn: expected asn(ip), found 2 arguments"),
        ("SELECT attribute('x')", "found 1 arguments"),
        ("SELECT is_threat(true, 'ip')", "is_threat: expected a text to look up, found a value of type Boolean"),
        ("SELECT is_threat([1, 2], 'ip')", "found a value of type List"),
        ("SELECT is_threat('x', 1)", "as the kind, found a value of type Int64"),
        ("SELECT is_threat('x', 'ip', '2024-01-12')", "expected a timestamp as the time, found a value of type Utf8"),
        ("SELECT is_hunted('x', make_array('a'), 'c', 'ip')", "is_hunted: expected is_hunted(generation"),
    ] {
        let found = error(sql);
        assert!(found.contains(expected), "{sql}: {found}");
        // Before anything is read.
        let explained = error(&sql.replace("SELECT", "EXPLAIN SELECT"));
        assert!(explained.contains(expected), "{sql}: {explained}");
    }
}

#[test]
fn functions_tell_what_they_are() {
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
    stormtag_datafusion::register(&ctx, &SAMPLE);
    let sql = "SELECT description FROM information_schema.routines WHERE routine_name = 'is_threat' LIMIT 1";
    let rows = query(&ctx, sql).unwrap();
    assert_eq!(rows[0]["description"], "Whether some record of threat intelligence covers a value.");
}

#[test]
fn conditions_and_groups() {
    let ctx = session(&SAMPLE);
    let flows =
        "(VALUES ('45.63.60.39', 'a'), ('192.0.2.1', 'b'), (NULL, 'c'), ('45.63.60.39', 'd')) AS flows(peer, uid)";
    let rows = query(&ctx, &format!("SELECT uid FROM {flows} WHERE is_threat(peer, 'ip') ORDER BY uid")).unwrap();
    assert_eq!(rows, [json!({"uid": "a"}), json!({"uid": "d"})]);
    let rows = query(&ctx, &format!("SELECT country(peer) AS c, count(*) AS n FROM {flows} GROUP BY 1 ORDER BY 2, 1"))
        .unwrap();
    assert_eq!(rows, [json!({"c": "US", "n": 2}), json!({"n": 2})]);
    let sql = format!(
        "SELECT uid, t['source'] AS source FROM (SELECT uid, unnest(find_threats(peer, 'ip')) AS t FROM {flows}) ORDER BY uid"
    );
    let rows = query(&ctx, &sql).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], json!({"uid": "a", "source": "Black Lotus Labs"}));
}

#[test]
fn a_batch_sees_one_snapshot() {
    let known = || IntelBuilder::new().feed(Catalog::builtin_indicators()).build().0;
    let live = Live::new(Intel::empty());
    let ctx = session(&live);
    let sql = "SELECT is_threat('45.63.60.39', 'ip') AS it";
    assert_eq!(query(&ctx, sql).unwrap(), [json!({"it": false})]);
    live.publish(known());
    assert_eq!(query(&ctx, sql).unwrap(), [json!({"it": true})]);

    // Batches while another thread publishes: each has been judged by one of the two.
    let texts = StringArray::from(vec!["45.63.60.39"; 2000]);
    let batch = RecordBatch::try_from_iter([("peer", Arc::new(texts) as _)]).unwrap();
    let table = MemTable::try_new(batch.schema(), vec![vec![batch; 200]]).unwrap();
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1).with_batch_size(2000));
    stormtag_datafusion::register(&ctx, &live);
    ctx.register_table("flows", Arc::new(table)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (mut seen, began) = ([0, 0], std::time::Instant::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                live.publish(Intel::empty());
                live.publish(known());
            }
        });
        // Until both were met, or it takes too long.
        while seen.contains(&0) && began.elapsed().as_secs() < 60 {
            let batches = wait(async { ctx.sql("SELECT is_threat(peer, 'ip') FROM flows").await?.collect().await });
            for batch in batches.unwrap_or_default() {
                let is = batch.column(0).as_any().downcast_ref::<datafusion::arrow::array::BooleanArray>().unwrap();
                let count = is.true_count();
                assert!(count == 0 || count == is.len(), "{count} of {}", is.len());
                seen[usize::from(count > 0)] += 1;
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(!seen.contains(&0), "{seen:?}");
}
