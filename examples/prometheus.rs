//! What a worker counted and what became of each feed, in the text form of Prometheus.
//!
//! ```text
//! cargo run --release --example prometheus
//! ```
//!
//! A service would serve this text under `/metrics`, with the counters of its workers added up by `+=`. What is worth an alarm: `not_json`
//! and `invalid` that rise (a source has changed its form), `matched` that falls to nothing, a feed whose `in_force` falls, and a
//! generation that is older than the others'.

use std::error::Error;
use std::fmt::{Display, Write};

use stormtag::{ByKind, Config, Counters, Report};

fn main() -> Result<(), Box<dyn Error>> {
    let loaded = Config::open("examples/stormtag.toml")?.load()?;
    let mut workers = [loaded.worker(), loaded.worker()];
    // Two threads, one after the other.
    let events = std::fs::read("examples/data/events.ndjson")?;
    let lines: Vec<&[u8]> = events.split_inclusive(|&byte| byte == b'\n').collect();
    for (worker, lines) in workers.iter_mut().zip(lines.chunks(lines.len().div_ceil(2).max(1))) {
        worker.enrich_lines(&lines.concat(), &mut Vec::new());
    }

    let mut sum = Counters::default();
    for worker in &workers {
        sum += worker.counters();
    }
    let mut page = Page::default();
    page.counters(&sum);
    page.report(&loaded.report);
    print!("{}", page.text);
    Ok(())
}

/// Prometheus' text form, version 0.0.4.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn counters(&mut self, counters: &Counters) {
        for (name, help, count) in [
            ("events", "Events seen.", counters.events),
            ("not_json", "Lines that are no JSON object, passed on unchanged.", counters.not_json),
            ("events_matched", "Events in which something matched.", counters.events_matched),
            ("events_attributed", "Events that a campaign or an actor was named for.", counters.events_attributed),
            ("located", "Addresses with a known ASN or place.", counters.located),
            ("sightings_over_limit", "Sightings beyond those told of one event.", counters.sightings_over_limit),
            ("refreshes", "Snapshots taken.", counters.refreshes),
            ("cache_hits", "Values not in normal form that were remembered.", counters.cache_hits),
            ("cache_misses", "Values not in normal form that were not.", counters.cache_misses),
        ] {
            self.head(name, help, "counter");
            self.line(name, "_total", &[], count);
        }
        for (name, help, counts) in [
            ("looked_up", "Values looked up.", &counters.looked_up),
            ("invalid", "Texts that are no value of their field's kind.", &counters.invalid),
            ("matched", "Records that matched and counted.", &counters.matched),
            ("suppressed", "Records that an allow-list silenced.", &counters.suppressed),
            ("outside_validity", "Records outside their validity.", &counters.outside_validity),
        ] {
            self.by_kind(name, help, counts);
        }
    }

    fn by_kind(&mut self, name: &str, help: &str, counts: &ByKind) {
        self.head(name, help, "counter");
        for (kind, count) in counts.iter() {
            self.line(name, "_total", &[("kind", kind.name())], count);
        }
    }

    fn report(&mut self, report: &Report) {
        self.head("snapshot_info", "Names what is known.", "gauge");
        self.line("snapshot_info", "", &[("generation", &report.generation().to_string())], 1);
        self.head("indicators", "Indicators of each feed, by what became of them.", "gauge");
        for source in report.sources() {
            for (state, count) in [
                ("in_force", source.in_force()),
                ("rejected", source.rejected().total()),
                ("refused", source.refused().total()),
                ("duplicate", source.duplicates()),
                ("over_limit", source.over_limit()),
                ("suppressed", source.suppressed()),
            ] {
                self.line("indicators", "", &[("source", source.source()), ("state", state)], count);
            }
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let suffix = if kind == "counter" { "_total" } else { "" };
        let text = &mut self.text;
        // Writing to a text does not fail.
        let _ = write!(text, "# HELP stormtag_{name}{suffix} {help}\n# TYPE stormtag_{name}{suffix} {kind}\n");
    }

    fn line(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        // The names of feeds are theirs.
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<_> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "stormtag_{name}{suffix}{labels} {value}");
    }
}
