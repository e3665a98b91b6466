//! What was done, and whom it speaks of.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::AddAssign;
use std::time::Duration;

use serde_json::json;
use stormtag::{ByKind, Counters, Enrichment};

use crate::input::Input;
use crate::style::plain;

#[derive(Default)]
pub(super) struct Tally {
    pub(super) counters: Counters,
    /// Events by whether it is a campaign, and its name.
    attributed: BTreeMap<(bool, String), u64>,
}

impl Tally {
    /// An event in which something matched.
    pub(super) fn count(&mut self, enrichment: &Enrichment<'_>) {
        for attribution in enrichment.attributions() {
            let subject = attribution.subject();
            *self.attributed.entry((subject.is_campaign(), subject.name().to_owned())).or_default() += 1;
        }
    }

    /// Whom events were put down to: actors before campaigns, the most frequent first.
    fn subjects(&self) -> Vec<(&'static str, &str, u64)> {
        let mut subjects: Vec<_> = self
            .attributed
            .iter()
            .map(|((is_campaign, name), &events)| (if *is_campaign { "campaign" } else { "actor" }, &**name, events))
            .collect();
        subjects.sort_by_key(|&(what, _, events)| (what, std::cmp::Reverse(events)));
        subjects
    }

    pub(super) fn for_a_person(&self, input: &Input<'_>, took: Duration) -> String {
        let counters = &self.counters;
        let mut text = format!(
            "{} events, {} not JSON, {} with a match, {} attributed\n",
            counters.events, counters.not_json, counters.events_matched, counters.events_attributed
        );
        let mut line = |what: &str, counts: &ByKind| {
            let kinds: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
            let _ = writeln!(text, "{} {what}{kinds}", counts.total());
        };
        line("matches", &counters.matched);
        line("suppressed", &counters.suppressed);
        line("outside validity", &counters.outside_validity);
        line("not what their field holds", &counters.invalid);
        let _ = writeln!(text, "{} located", counters.located);
        if input.long_lines > 0 {
            let _ = writeln!(text, "{} lines too long, in {} pieces", input.long_lines, input.pieces);
        }
        for (what, name, events) in self.subjects() {
            let _ = writeln!(text, "{events} attributed to the {what} {}", plain(name));
        }
        let seconds = took.as_secs_f64();
        let _ = match counters.events {
            events @ 10_000.. => writeln!(text, "{seconds:.3} s, {:.0} events a second", events as f64 / seconds),
            // Of a few events the time is that of starting the threads.
            _ => writeln!(text, "{seconds:.3} s"),
        };
        text
    }

    pub(super) fn for_a_machine(&self, input: &Input<'_>, took: Duration) -> String {
        let subjects = self.subjects().into_iter();
        let attributed = subjects.map(|(what, name, events)| json!({ "type": what, "name": name, "events": events }));
        json!({
            "counters": self.counters,
            "attributed": attributed.collect::<Vec<_>>(),
            "long_lines": input.long_lines,
            "pieces": input.pieces,
            "troubles": input.troubles,
            "seconds": took.as_secs_f64(),
        })
        .to_string()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.counters += &other.counters;
        for (name, events) in other.attributed {
            *self.attributed.entry(name).or_default() += events;
        }
    }
}
