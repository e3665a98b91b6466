//! What is written into events beside what was found.

/// What is written into events in which something was found, beside what was found.
///
/// ```
/// use stormtag::{Catalog, IntelBuilder, Live, Stamp};
///
/// let live = Live::new(IntelBuilder::new().feed(Catalog::builtin_indicators()).build().0);
/// let mut worker = live.worker();
/// worker.set_stamp(Stamp::Generation);
/// let mut out = Vec::new();
/// worker.enrich_json(br#"{"id.resp_h":"45.32.174.131"}"#, &mut out);
/// let stamp = format!("\"generation\":\"{}\"", live.generation());
/// assert!(String::from_utf8(out).unwrap().contains(&stamp));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Stamp {
    /// Nothing.
    #[default]
    Nothing,
    /// The [`Generation`](crate::Generation) of the snapshot that judged the event, as `stormtag.generation`: 32 hexadecimal digits. Whoever
    /// looks at the event later knows what was known, and which events to judge anew after a feed was wrong.
    Generation,
}
