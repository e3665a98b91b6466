//! Lines of a text file, as all line formats share them.

use std::borrow::Cow;
use std::io::{self, BufRead};

use crate::feed::Reason;

/// What a line may measure, in bytes, without its end.
const LONGEST: usize = 64 * 1024;

/// Splits a reader into numbered lines in one buffer that never grows past [`LONGEST`].
///
/// Ends of line are `\n` and `\r\n`; the last line needs none.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
}

/// A line and its number, from 1.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) number: u64,
    /// The text without its end; or why it is none, with as much of it as can be shown.
    pub(crate) text: Result<&'a str, (Cow<'a, str>, Reason)>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    /// How many lines were read.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, valid until the one after it.
    ///
    /// # Errors
    ///
    /// If the reader fails; asked again, it may fail again.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let mut length = 0;
        let mut ended = false;
        while !ended {
            let bytes = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                if length == 0 {
                    return Ok(None);
                }
                break;
            }
            let end = memchr::memchr(b'\n', bytes);
            let taken = end.map_or(bytes.len(), |end| end + 1);
            // One byte more than fits, so that `\r\n` after the longest line does not count.
            let room = (LONGEST + 2).saturating_sub(self.buffer.len()).min(taken);
            self.buffer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            length += taken;
            self.reader.consume(taken);
            ended = end.is_some();
        }
        self.number += 1;

        let mut bytes = self.buffer.as_slice();
        if length == bytes.len() && ended {
            bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        }
        let text = if bytes.len() > LONGEST {
            // Enough to show; the rest would only be copied to be cut.
            let start = bytes.get(..256).unwrap_or(bytes);
            Err((Cow::Owned(String::from_utf8_lossy(start).into_owned()), Reason::LineTooLong))
        } else {
            match str::from_utf8(bytes) {
                Ok(text) if memchr::memchr(0, bytes).is_none() => Ok(text),
                _ => Err((String::from_utf8_lossy(bytes), Reason::NotUtf8)),
            }
        };
        Ok(Some(Line { number: self.number, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(bytes: &[u8], capacity: usize) -> Vec<(u64, Result<String, Reason>)> {
        let mut lines = Lines::new(BufReader::with_capacity(capacity, bytes));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.number, line.text.map(str::to_owned).map_err(|(_, reason)| reason)));
        }
        assert!(lines.buffer.capacity() <= 4 * LONGEST, "{}", lines.buffer.capacity());
        all
    }

    #[test]
    fn ends_are_found_whatever_the_buffer() {
        let bytes = b"one\r\n\ntwo\r\r\nthree \nfour";
        let expected = [(1, "one"), (2, ""), (3, "two\r"), (4, "three "), (5, "four")];
        for capacity in 1..30 {
            let expected: Vec<_> = expected.iter().map(|&(n, text)| (n, Ok(text.to_owned()))).collect();
            assert_eq!(all(bytes, capacity), expected, "{capacity}");
        }
        assert_eq!(all(b"", 8), []);
        assert_eq!(all(b"\n", 8), [(1, Ok(String::new()))]);
    }

    #[test]
    fn what_is_no_text_is_reported_and_passed_over() {
        let long = "a".repeat(LONGEST + 1);
        let longest = "b".repeat(LONGEST);
        let huge = "c".repeat(10 << 20);
        let bytes =
            [b"\xff\xfe\n", long.as_bytes(), b"\na\0b\n", longest.as_bytes(), b"\r\n", huge.as_bytes(), b"\nend"];
        let found = all(&bytes.concat(), 8192);
        let reasons: Vec<_> =
            found.iter().map(|(_, text)| text.as_ref().map(String::len).map_err(|&why| why)).collect();
        let (utf8, long) = (Err(Reason::NotUtf8), Err(Reason::LineTooLong));
        assert_eq!(reasons, [utf8, long, utf8, Ok(LONGEST), long, Ok(3)]);
    }
}
