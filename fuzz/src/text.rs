//! Free text: the extractor and its twin find the same.

use stormtag::Extractor;

use crate::twin::{all, knows_letters_of, naive};

/// Text as it stands.
pub fn extract(data: &[u8]) {
    let found = all(&Extractor::new(), data);
    if !knows_letters_of(data) {
        return;
    }
    assert_eq!(found, naive(data), "{}", data.escape_ascii());
    // Where blocks begin does not matter.
    let before = data.len() % 67;
    let moved = all(&Extractor::new(), &[&vec![b' '; before][..], data].concat());
    let back: Vec<_> = moved
        .into_iter()
        .map(|(kind, span, text, prefix)| (kind, span.start - before..span.end - before, text, prefix))
        .collect();
    assert_eq!(back, found, "{}", data.escape_ascii());
}

/// Text with its marks undone.
pub fn refang(data: &[u8]) {
    let found = all(&Extractor::refanging(), data);
    let before = data.len() % 67;
    let moved = all(&Extractor::refanging(), &[&vec![b' '; before][..], data].concat());
    assert_eq!(moved.len(), found.len(), "{}", data.escape_ascii());
}
