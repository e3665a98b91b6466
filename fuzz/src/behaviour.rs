//! Behaviours: whatever a file says, a worker finds in texts what trying each behaviour finds.

use std::collections::BTreeSet;

use stormtag::{Behaviours, Error, FieldMap, IntelBuilder, Live, Part};

use crate::is_an_error;
use crate::memory::bounded;

/// An expression may be compiled to a megabyte.
const A_BYTE: usize = 64 << 10;

/// Lines of the file that are taken for texts.
const TEXTS: usize = 24;

/// A file of behaviours.
pub fn behaviours(data: &[u8]) {
    check(data, Behaviours::parse);
}

/// Sigma rules.
pub fn sigma(data: &[u8]) {
    check(data, Behaviours::parse_sigma);
}

fn check(data: &[u8], parse: impl FnOnce(&str, &str) -> Result<Behaviours, Error>) {
    let Ok(file) = str::from_utf8(data) else { return };
    let behaviours = match bounded(data.len(), A_BYTE, || parse("fuzz", file)) {
        Ok(behaviours) => behaviours,
        Err(error) => return is_an_error(&error, "fuzz"),
    };
    let ids: BTreeSet<String> = behaviours.iter().map(|behaviour| behaviour.id().to_owned()).collect();
    assert_eq!(ids.len(), behaviours.len(), "ids are unique");
    let live = Live::new(IntelBuilder::new().behaviours(behaviours.clone()).build().0);
    let map = "cmd command_line\nimage image\nagent user_agent";
    let mut worker = live.worker();
    worker.set_fields(FieldMap::parse("fuzz", map).unwrap());
    // What rules look for stands in them: their own lines are what comes nearest to a match.
    let lines: Vec<&str> = file.lines().filter(|line| !line.trim().is_empty()).take(TEXTS).collect();
    for pair in lines.windows(2) {
        let (command, image) = (pair[0].trim(), pair[1].trim());
        for repeat in [false, true] {
            let event = serde_json::json!({"cmd": command, "image": image, "agent": command.to_uppercase()});
            let upper = command.to_uppercase();
            let texts = [(Part::CommandLine, command), (Part::Image, image), (Part::UserAgent, &*upper)];
            let seen = |text: &str| text.len() >= 8 || !["", "-", "(empty)", "N/A", "null", "none"].contains(&text);
            let texts: Vec<_> = texts.into_iter().filter(|(_, text)| seen(text)).collect();
            let expected: BTreeSet<&str> = behaviours
                .iter()
                .filter(|behaviour| behaviour.matches(&texts))
                .map(|behaviour| behaviour.id())
                .collect();
            let enrichment = worker.enrich(&event);
            let found: BTreeSet<&str> = enrichment
                .sightings()
                .iter()
                .flat_map(|sighting| sighting.matches())
                .filter_map(|found| found.behaviour().map(|behaviour| behaviour.id()))
                .collect();
            assert_eq!(found, expected, "{event}, seen before: {repeat}");
        }
    }
}
