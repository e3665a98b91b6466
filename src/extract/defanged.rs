//! Reports: words that hold marks against clicking are read with these undone, and what is found in them is put back in its place.

use std::ops::ControlFlow;

use super::scan::{Hit, Scan};
use super::{Found, Text};
use crate::normal::{self, ends_in_mark};

/// The longest word in which marks are undone, in bytes.
const LONGEST: usize = 16 << 10;

/// What is kept of the text before a word: the word before can say that a version follows.
const CONTEXT: usize = 24;

/// Finds what is in the text, marks undone.
pub(super) fn read<'t>(text: &'t [u8], sink: &mut dyn FnMut(Found<'t>) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut read = 0;
    let mut words = Vec::new();
    let mut origins = Vec::new();
    let mut from = 0;
    while let Some(mark) = next_mark(text, from) {
        let left = text.get(read..mark).unwrap_or_default().iter().rev();
        let start = mark - left.take(LONGEST).take_while(|byte| is_in_word(**byte)).count();
        let right = text.get(mark..).unwrap_or_default().iter();
        let end = mark + right.take_while(|byte| is_in_word(**byte)).count();
        from = end;
        if end - start > LONGEST {
            continue;
        }
        plain(text, read, start, sink)?;
        words.clear();
        origins.clear();
        let context = start.saturating_sub(CONTEXT);
        words.extend_from_slice(text.get(context..start).unwrap_or_default());
        origins.extend(context..start);
        normal::refang_bytes(text.get(start..end).unwrap_or_default(), start, &mut words, &mut origins);
        origins.push(end);
        let mut put_back = |hit: Hit| sink(restored(text, &words, &origins, hit));
        Scan::new(&words, &origins, true, &mut put_back).read(start - context)?;
        read = end;
    }
    plain(text, read, text.len(), sink)
}

/// Finds what is in a part of the text that begins and ends between words.
fn plain<'t>(
    text: &'t [u8],
    from: usize,
    to: usize,
    sink: &mut dyn FnMut(Found<'t>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let text = text.get(..to).unwrap_or_default();
    Scan::new(text, &[], true, &mut |hit| sink(Found::at(text, hit))).read(from)
}

fn restored<'t>(text: &'t [u8], words: &[u8], origins: &[usize], hit: Hit) -> Found<'t> {
    let origin = |at: usize| origins.get(at).copied().unwrap_or_default();
    let (start, end) = (origin(hit.start), origin(hit.end));
    let found = words.get(hit.start..hit.end).unwrap_or_default();
    let there = text.get(start..end).unwrap_or_default();
    let text = match hit.rewritten {
        Some(text) => Text::Rewritten(text),
        None if found == there => Text::Within(there),
        None => Text::Rewritten(String::from_utf8_lossy(found).into_owned()),
    };
    Found { kind: hit.kind, start, end, prefix: hit.prefix, text }
}

/// Where the next mark ends.
fn next_mark(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    // All marks end in one of these pairs; few other things do.
    let may_end = |pair: &[u8]| match pair {
        [b'\\', b'.'] => true,
        [before, b']' | b')' | b'}'] => matches!(before, b'.' | b':' | b'/' | b'@' | b't' | b'T'),
        _ => false,
    };
    let mut ends = rest.windows(2).zip(from + 1..).filter(|(pair, _)| may_end(pair)).map(|(_, at)| at);
    ends.find(|&at| text.get(from..=at).is_some_and(ends_in_mark))
}

fn is_in_word(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}
