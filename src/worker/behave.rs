//! Texts of an event, and the behaviours they show.

use super::sought::Sought;
use crate::behaviour::{Part, Text};
use crate::cache::Verdict;
use crate::enrichment::MESSAGE;
use crate::event::{self, Form};
use crate::normal;
use crate::observable::{Observable, Shape};

/// Texts of one event that behaviours are tried on.
const TEXTS: usize = 256;

/// Bytes of them in all: what is tried on each of them is up to the sender.
const BYTES: usize = 256 << 10;

impl<'w> Sought<'w, '_> {
    /// Takes a text: which behaviours it could be a part of, and whether it is an indicator by itself. Says whether that is all there is
    /// to it.
    #[inline]
    pub(super) fn see_part(&mut self, part: Part, text: &str) -> bool {
        let kind = part.kind();
        let is_text = kind.shape() == Shape::Text;
        let intel = self.found.intel;
        let (asked, known) = (intel.behaviours().asks_for(part), is_text && intel.knows(kind));
        if event::is_nothing(text.as_bytes()) {
            return is_text;
        }
        if (asked || known) && text.len() <= normal::LONGEST_TEXT {
            let text = event::whole(kind, text);
            let Self { cache, found, .. } = self;
            let listed = cache.text(
                part,
                text,
                |lower| {
                    let mut suspects = Vec::new();
                    if asked {
                        intel.behaviours().suspects(part, text, lower, &mut suspects);
                    }
                    let listed =
                        known && Observable::parse(kind, text).is_ok_and(|text| !intel.look_up(&text).is_empty());
                    Verdict { suspects: suspects.into(), listed }
                },
                |verdict| {
                    let all = &mut found.texts.suspects;
                    all.extend_from_slice(&verdict.suspects);
                    // Of an event of many texts each may be one of them.
                    if all.len() > 2 * intel.behaviours().len() + 1024 {
                        all.sort_unstable();
                        all.dedup();
                    }
                    verdict.listed
                },
            );
            if listed {
                return false;
            }
        } else if is_text && known {
            // Too long: told as such on the usual way.
            return false;
        }
        if !is_text {
            return false;
        }
        match normal::check_text(text) {
            Ok(()) => self.found.counters.looked_up.add(kind, 1),
            Err(_) => self.found.counters.invalid(kind),
        }
        true
    }

    /// Whether some behaviour could match, so that the texts of the event are worth another look.
    #[inline]
    pub(super) fn has_suspects(&self) -> bool {
        !self.found.texts.suspects.is_empty()
    }

    /// Takes the text of a field once more, for behaviours.
    pub(super) fn gather(&mut self, number: u16, text: &str) {
        let Some(part) = self.mapping.fields.field(number).and_then(|field| field.reads.part()) else { return };
        let found = &mut self.found;
        if event::is_nothing(text.as_bytes()) || text.len() > normal::LONGEST_TEXT {
            return;
        }
        let bytes: usize = found.texts.gathered.iter().map(|other| other.text.len()).sum();
        if found.texts.gathered.len() == TEXTS || bytes + text.len() > BYTES {
            found.counters.texts_over_limit += 1;
            return;
        }
        found.texts.gathered.push(Text::new(part, number, event::whole(part.kind(), text)));
    }

    /// When all texts are there: tries the behaviours they could show.
    #[cold]
    pub(super) fn try_behaviours(&mut self) {
        let mut suspects = std::mem::take(&mut self.found.texts.suspects);
        let mut texts = std::mem::take(&mut self.found.texts.gathered);
        suspects.sort_unstable();
        suspects.dedup();
        // Events come as they lie; by which text a behaviour is told is in the order of the map.
        texts.sort_by_key(|text| text.field);
        let intel = self.found.intel;
        // What texts show together has no place of its own.
        self.found.at = u32::MAX;
        for &number in &suspects {
            let Some(text) = intel.behaviours().holds(number, &texts).and_then(|at| texts.get(at)) else { continue };
            let kind = text.part.kind();
            let path = self.mapping.fields.field(text.field).map_or(MESSAGE, |field| &field.path);
            if let (Ok(observable), Some(finding)) =
                (Observable::parse(kind, &text.text), intel.behaviour_finding(number, kind))
            {
                self.found.sight(text.field, path, &observable, finding);
            }
        }
        suspects.clear();
        texts.clear();
        (self.found.texts.suspects, self.found.texts.gathered) = (suspects, texts);
    }
}

/// A value without its escapes, and a number as a parser reads it.
pub(super) fn as_text(raw: &[u8], form: Form, see: impl FnOnce(&str)) {
    match form {
        Form::Number if !event::is_plain_number(raw) => see(&event::decode_number(raw).unwrap_or_default()),
        // A line is read when it is known to be UTF-8, and cut at quotes.
        Form::Plain | Form::Number => see(std::str::from_utf8(raw).unwrap_or_default()),
        Form::Escaped => see(&event::decode(raw).unwrap_or_default()),
    }
}
