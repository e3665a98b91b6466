//! From lines to events. A line that is none is counted, with the reason.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::error::Category;

use super::table::bounded;

/// What became of the lines of an input.
#[derive(Default)]
pub(super) struct Lines {
    /// All there were, those that are too long among them.
    pub(super) read: u64,
    /// Lines that are no events, by reason; the number of the first, counted from 1, and its beginning.
    pub(super) rejected: BTreeMap<&'static str, Rejected>,
    /// Whether the last block ended within a line.
    within: bool,
}

pub(super) struct Rejected {
    pub(super) lines: u64,
    pub(super) first: (u64, String),
}

impl Lines {
    /// Shows all events of a block of whole lines.
    pub(super) fn events(&mut self, block: &[u8], see: &mut dyn FnMut(&Value)) {
        for line in block.split_inclusive(|&byte| byte == b'\n') {
            self.read += 1;
            let line = line.trim_ascii();
            match event(line) {
                Ok(event) => see(&event),
                Err(reason) => self.reject(reason, line),
            }
        }
    }

    /// A piece of a line that is too long.
    pub(super) fn too_long(&mut self, piece: &[u8]) {
        if !std::mem::replace(&mut self.within, !piece.ends_with(b"\n")) {
            self.read += 1;
            self.reject("longer than a line may be", piece);
        }
    }

    fn reject(&mut self, reason: &'static str, line: &[u8]) {
        let first = || {
            let start = line.get(..line.len().min(200)).unwrap_or_default();
            Rejected { lines: 0, first: (self.read, bounded(&String::from_utf8_lossy(start))) }
        };
        self.rejected.entry(reason).or_insert_with(first).lines += 1;
    }
}

fn event(line: &[u8]) -> Result<Value, &'static str> {
    if line.is_empty() {
        return Err("blank");
    }
    match serde_json::from_slice::<Value>(line) {
        Ok(event @ Value::Object(_)) => Ok(event),
        Ok(_) => Err("JSON, and no object"),
        // The reader has a limit of its own, and no word for it but this.
        Err(error) if error.to_string().starts_with("recursion limit") => Err("nested deeper than 127"),
        Err(error) if error.classify() == Category::Eof => Err("JSON that breaks off"),
        Err(_) if std::str::from_utf8(line).is_err() => Err("not UTF-8"),
        Err(_) => Err("not JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_event_or_has_a_reason() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(126), "]".repeat(126));
        let too_deep = format!("{{\"a\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
        let cases: [(&[u8], &str); 11] = [
            (b"{}", ""),
            (b" {\"a\":1} \r", ""),
            (b"{\"a\":1,\"a\":2}", ""),
            (deep.as_bytes(), ""),
            (too_deep.as_bytes(), "nested deeper than 127"),
            (b"", "blank"),
            (b"[]", "JSON, and no object"),
            (b"{\"a\":", "JSON that breaks off"),
            (b"Jan 12 17:45:09 gw sshd", "not JSON"),
            (b"{\"a\":1}{\"b\":2}", "not JSON"),
            (b"{\"a\":\"\xff\"}", "not UTF-8"),
        ];
        for (line, reason) in cases {
            let (mut lines, mut events) = (Lines::default(), 0);
            lines.events(&[line, b"\n"].concat(), &mut |_| events += 1);
            let told: Vec<_> = lines.rejected.iter().map(|(reason, of)| (*reason, of.lines, of.first.0)).collect();
            let expected = if reason.is_empty() { Vec::new() } else { vec![(reason, 1, 1)] };
            assert_eq!(
                (lines.read, events, told),
                (1, u64::from(reason.is_empty()), expected),
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn a_line_in_pieces_is_one_line() {
        let mut lines = Lines::default();
        lines.events(b"{}\n{}\n", &mut |_| {});
        for piece in [&b"aaa"[..], b"aaa", b"a\n", b"bbb", b"\n"] {
            lines.too_long(piece);
        }
        lines.events(b"x", &mut |_| {});
        assert_eq!(lines.read, 5);
        let of = &lines.rejected["longer than a line may be"];
        assert_eq!((of.lines, of.first.0, &*of.first.1), (2, 3, "aaa"));
        assert_eq!(lines.rejected["not JSON"].first, (5, "x".to_owned()));
    }
}
