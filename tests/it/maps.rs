//! Field maps, each with an event of its source: what is found in which field, described as whom, and when.

use serde_json::{Value, json};
use stormtag::{Feed, FieldMap, Indicator, IntelBuilder, Kind, Live, Pattern, Record, Schema};

use std::sync::Arc;

/// 2024-01-12T17:45:09Z.
const AT: i64 = 1_705_081_509;

struct Case {
    map: &'static str,
    event: Value,
    /// Fields with something listed, in the order of the map.
    found: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            map: "ocsf",
            event: json!({"class_uid": 4003, "time": AT * 1000, "src_endpoint": {"ip": "20.1.2.3"},
                "dst_endpoint": {"ip": "20.1.2.4", "hostname": "ns.evil.example"}, "query": {"hostname": "www.evil.example"},
                "answers": [{"rdata": "20.1.2.3", "type": "A"}, {"rdata": "mail.evil.example"}],
                "actor": {"process": {"file": {"hashes": [{"algorithm_id": 1, "value": "659f0cefcbd22209c2121f87c59675a9"}]}}}}),
            found: &[
                "src_endpoint.ip",
                "dst_endpoint.ip",
                "dst_endpoint.hostname",
                "query.hostname",
                "answers.rdata",
                "answers.rdata",
                "actor.process.file.hashes.value",
            ],
        },
        Case {
            map: "cloudtrail",
            event: json!({"eventVersion": "1.08", "eventTime": "2024-01-12T17:45:09Z", "eventSource": "iam.amazonaws.com",
                "sourceIPAddress": "20.1.2.3", "userIdentity": {"type": "IAMUser", "userName": "backup"},
                "requestParameters": {"domainName": "evil.example"}}),
            found: &["sourceIPAddress", "requestParameters.domainName"],
        },
        Case {
            map: "cloudtrail",
            event: json!({"detail-type": "AWS API Call via CloudTrail",
                "detail": {"eventTime": "2024-01-12T17:45:09Z", "sourceIPAddress": "20.1.2.3"}}),
            found: &["sourceIPAddress"],
        },
        Case {
            map: "kubernetes",
            event: json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "verb": "create",
                "sourceIPs": ["20.1.2.3", "10.0.0.1"], "user": {"username": "system:serviceaccount:default:x"},
                "requestReceivedTimestamp": "2024-01-12T17:45:09.123456Z",
                "requestObject": {"spec": {"type": "ExternalName", "externalName": "c2.evil.example"}}}),
            found: &["sourceIPs", "requestObject.spec.externalName"],
        },
        Case {
            map: "dns",
            event: json!({"version": "1.100000", "query_timestamp": "2024-01-12T17:45:09Z", "query_name": "a.evil.example.",
                "srcaddr": "10.0.0.9", "answers": [{"Rdata": "20.1.2.4", "Type": "A", "Class": "IN"}]}),
            found: &["query_name", "answers.Rdata"],
        },
        Case {
            map: "dns",
            event: json!({"dnstap": {"timestamp-rfc3339ns": "2024-01-12T17:45:09.5Z"}, "network": {"query-ip": "20.1.2.3"},
                "dns": {"qname": "evil.example", "resource-records": {"an": [{"rdata": "20.1.2.4", "rdatatype": "A"}]}}}),
            found: &["dns.qname", "dns.resource-records.an.rdata", "network.query-ip"],
        },
        Case {
            map: "dns",
            event: json!({"T": "2024-01-12T18:45:09.1+01:00", "QH": "evil.example", "IP": "20.1.2.3"}),
            found: &["QH", "IP"],
        },
        Case {
            map: "web",
            event: json!({"time_iso8601": "2024-01-12T17:45:09+00:00", "remote_addr": "20.1.2.3",
                "http_x_forwarded_for": "10.0.0.1, 20.1.2.4", "http_referer": "https://evil.example/a", "request_uri": "/"}),
            found: &["remote_addr", "http_x_forwarded_for", "http_referer"],
        },
        Case {
            map: "web",
            event: json!({"ts": 1_705_081_509.25, "logger": "http.log.access", "request": {"remote_ip": "20.1.2.3",
                "host": "shop.example", "headers": {"Referer": ["https://www.evil.example/"]}}, "status": 200}),
            found: &["request.remote_ip", "request.headers.Referer"],
        },
        Case {
            map: "web",
            event: json!({"StartUTC": "2024-01-12T17:45:09.1Z", "ClientHost": "20.1.2.3", "RequestHost": "www.evil.example"}),
            found: &["ClientHost", "RequestHost"],
        },
        Case {
            map: "web",
            event: json!({"start_time": "2024-01-12T17:45:09.123Z", "downstream_remote_address": "20.1.2.3:40112",
                "authority": "evil.example", "upstream_host": "10.0.0.4:8080", "user_agent": "curl/8"}),
            found: &["downstream_remote_address", "authority"],
        },
    ]
}

#[test]
fn each_map_reads_its_events() {
    let mut feed = Feed::new("feed");
    for (kind, text) in [
        (Kind::Ip, "20.1.2.3"),
        (Kind::Ip, "20.1.2.4"),
        (Kind::Domain, "evil.example"),
        (Kind::Md5, "659f0cefcbd22209c2121f87c59675a9"),
    ] {
        let pattern = Pattern::parse(kind, text).unwrap();
        feed.indicators.push(Indicator { pattern, record: Arc::new(Record::new("feed")) });
    }
    let live = Live::new(IntelBuilder::new().feed(feed).build().0);
    for case in cases() {
        for fields in [FieldMap::named(case.map).unwrap(), FieldMap::builtin()] {
            let mut worker = live.worker();
            worker.set_fields(fields);
            let enrichment = worker.enrich(&case.event);
            let mut found: Vec<_> = enrichment.sightings().iter().map(|sighting| sighting.field()).collect();
            let mut expected = case.found.to_vec();
            // With all maps the order is that of the maps; what is found is the same.
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{}: {}", case.map, case.event);
            assert_eq!(enrichment.time(), Some(AT), "{}: {}", case.map, case.event);
            // The event as bytes says the same.
            let patch = serde_json::to_value(enrichment.patch(Schema::Native)).unwrap();
            let mut out = Vec::new();
            worker.set_schema(Schema::Native).enrich_json(case.event.to_string().as_bytes(), &mut out);
            let told: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(told["stormtag"], patch["stormtag"], "{}: {}", case.map, case.event);
        }
    }
}
