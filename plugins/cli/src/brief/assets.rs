//! Which of an event's hosts, addresses and users are one's own, and when it happened: as the library reads events, with one's own networks
//! and names in the place of indicators.

use std::sync::Arc;

use serde_json::Value;
use stormtag::{Feed, FieldMap, Indicator, IntelBuilder, Kind, Limits, Live, Pattern, Record, Worker};

use super::event::each;

/// Networks that are somebody's own wherever they are met: RFC 1918, RFC 4193; and those of one link, RFC 3927 and RFC 4291.
pub(super) const PRIVATE: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "169.254.0.0/16", "fe80::/10"];

/// Fields that name a host of one's own: ECS, OCSF, Windows.
pub(super) const HOSTS: [&str; 6] =
    ["host.name", "host.hostname", "device.hostname", "device.name", "winlog.computer_name", "Hostname"];

/// Fields that name a user: ECS, OCSF, Windows.
pub(super) const USERS: [&str; 7] = [
    "user.name",
    "source.user.name",
    "destination.user.name",
    "client.user.name",
    "actor.user.name",
    "winlog.event_data.User",
    "winlog.event_data.TargetUserName",
];

/// What is one's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    Host,
    Address,
    User,
}

type See<'s> = dyn FnMut(Sort, &str, &str) + 's;

/// Reads events for what is one's own.
pub(super) struct Own(Worker);

impl Own {
    /// Beside private addresses, what these patterns cover.
    pub(super) fn new(fields: FieldMap, more: &[Pattern]) -> Self {
        let record = Arc::new(Record::new("own"));
        let private = PRIVATE.iter().filter_map(|network| Pattern::parse(Kind::Ip, network).ok());
        let mut feed = Feed::new("own");
        feed.indicators =
            private.chain(more.iter().cloned()).map(|pattern| Indicator { pattern, record: record.clone() }).collect();
        // Whoever names his own may name what no feed may.
        let mut limits = Limits::default();
        (limits.shortest_v4, limits.shortest_v6) = (0, 0);
        (limits.special_use, limits.single_labels, limits.public_suffixes) = (true, true, true);
        let (intel, _) = IntelBuilder::new().limits(limits).feed(feed).build();
        let mut worker = Live::new(intel).worker();
        worker.set_fields(fields);
        Self(worker)
    }

    /// When the event happened, in seconds since the epoch. Shows what in it is one's own, with the field.
    pub(super) fn read(&mut self, event: &Value, see: Option<&mut See<'_>>) -> Option<i64> {
        let enrichment = self.0.enrich(event);
        let time = enrichment.time();
        let Some(see) = see else { return time };
        for sighting in enrichment.sightings() {
            let value = sighting.observable();
            let sort = if value.kind() == Kind::Ip { Sort::Address } else { Sort::Host };
            see(sort, &value.to_string(), sighting.field());
        }
        for (sort, fields) in [(Sort::Host, &HOSTS[..]), (Sort::User, &USERS)] {
            for field in fields {
                each(event, field, &mut |value| {
                    if let Some(name) = value.as_str().map(str::trim).filter(|name| !matches!(*name, "" | "-")) {
                        see(sort, name, field);
                    }
                });
            }
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own(event: &Value) -> (Option<i64>, Vec<String>) {
        let more = [
            Pattern::parse(Kind::Ip, "203.0.113.0/24").unwrap(),
            Pattern::parse(Kind::Domain, "corp.example").unwrap(),
        ];
        let mut seen = Vec::new();
        let time = Own::new(FieldMap::builtin(), &more)
            .read(event, Some(&mut |sort, value, field| seen.push(format!("{sort:?} {value} {field}"))));
        (time, seen)
    }

    #[test]
    fn every_private_address_and_every_named_host_and_user() {
        let event = json!({
            "@timestamp": "2024-01-12T17:45:09Z",
            "source": {"ip": "10.20.0.2"}, "destination.ip": "45.63.60.39", "host": {"name": "ws-31", "ip": ["fe80::1", "203.0.113.4", "8.8.8.8"]},
            "dns": {"question": {"name": "www.corp.example"}}, "user.name": "anna", "url": {"full": "http://198.51.100.1/"},
            "winlog": {"event_data": {"User": "-", "TargetUserName": 7}},
        });
        let (time, mut seen) = own(&event);
        seen.sort();
        assert_eq!(time, Some(1_705_081_509));
        assert_eq!(
            seen,
            [
                "Address 10.20.0.2 source.ip",
                "Address 203.0.113.4 host.ip",
                "Address fe80::1 host.ip",
                "Host ws-31 host.name",
                "Host www.corp.example dns.question.name",
                "User anna user.name",
            ]
        );
    }

    #[test]
    fn zeek_ocsf_and_wrapped_events_are_read_as_the_library_reads_them() {
        for (event, expected) in [
            (json!({"ts": 7, "id.orig_h": "192.168.1.9"}), "Address 192.168.1.9 id.orig_h"),
            (json!({"conn": {"ts": 7.5, "id.orig_h": "172.20.0.9"}}), "Address 172.20.0.9 id.orig_h"),
            (
                json!({"time": 7_000_000_000_000_i64, "src_endpoint": {"ip": "fd00::9"}}),
                "Address fd00::9 src_endpoint.ip",
            ),
            (json!({"device": {"hostname": "gw"}}), "Host gw device.hostname"),
        ] {
            assert_eq!(own(&event).1, [expected], "{event}");
        }
        assert_eq!(own(&json!({"conn": {"ts": 1_705_081_509.5}})).0, Some(1_705_081_509));
        assert_eq!(own(&json!({"time": 1_705_081_509_000_i64})).0, Some(1_705_081_509));
        for nothing in
            [json!({}), json!({"ts": "yesterday"}), json!({"host": {"name": ["", null, {"a": 1}]}, "ts": {}})]
        {
            assert_eq!(own(&nothing), (None, Vec::new()));
        }
    }
}
