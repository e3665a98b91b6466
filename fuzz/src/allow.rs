//! Allow-lists: every entry is accounted for, and an indicator that stands in one is silenced or said to be known.

use std::sync::Arc;

use stormtag::{AllowList, Feed, Indicator, IntelBuilder, Pattern, Record};

use crate::feed::{EVERYTHING, WORDS};
use crate::grow::grow;
use crate::is_an_error;
use crate::memory::bounded;

/// An expression may be compiled to a megabyte; this is what lists of them may cost a byte.
const A_BYTE: usize = 16 << 10;

/// A list with one value a line.
pub fn allow_text(data: &[u8]) {
    let Some(list) = read(data) else { return };
    let is_json = data.trim_ascii_start().starts_with(b"{");
    let lines = data.split_inclusive(|&byte| byte == b'\n').count() as u64;
    assert!(list.entries() <= lines || is_json || data.starts_with(b"\xef\xbb\xbf"), "{} entries", list.entries());
}

/// A warninglist of MISP.
pub fn warninglist(data: &[u8]) {
    read(&grow(data, &WORDS));
}

fn read(data: &[u8]) -> Option<AllowList> {
    let list = match bounded(data.len(), A_BYTE, || AllowList::read(data, "fuzz")) {
        Ok(list) => list,
        Err(error) => {
            is_an_error(&error, "fuzz");
            return None;
        }
    };
    let mut feed = Feed::new("fuzz");
    for pattern in list.patterns.iter().take(64) {
        let text = pattern.to_string();
        assert_eq!(Pattern::parse(pattern.kind(), &text).as_ref(), Ok(pattern), "{text:?}");
        feed.indicators.push(Indicator { pattern: pattern.clone(), record: Arc::new(Record::new("fuzz")) });
    }
    let (_, report) = IntelBuilder::new().limits(EVERYTHING).allow(list.clone()).feed(feed).build();
    let silences = list.mode == stormtag::Mode::Suppress;
    // Listed, and so silenced, if the list silences: nothing of it is in force.
    assert!(!silences || report.in_force() == 0, "{} of {} in force", report.in_force(), report.accepted());
    assert!(silences || report.suppressed() == 0);
    Some(list)
}
