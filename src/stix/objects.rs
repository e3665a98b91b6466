//! From bytes to the text of one object after the other.
//!
//! Not a stream of serde_json's values: there an object that is no JSON ends the file, and a bundle is one value, held whole. Here
//! a bundle costs the memory of its longest object, and a broken object costs itself.

use std::io::{self, BufRead};

use crate::feed::Reason;

/// What an object may measure, in bytes. The longest in practice are lists of the contents of a collection, and samples.
const LONGEST: usize = 16 << 20;
/// How deep lists and bundles may stand in each other.
const DEEPEST: usize = 16;

/// The objects of a bundle, of a list, of a TAXII envelope, of several of these one after the other, or on their own.
///
/// Whatever stands between objects beside commas, white space and the separators of RFC 7464 ends the file.
pub(super) struct Objects<R> {
    reader: R,
    text: Vec<u8>,
    position: u64,
    around: Vec<Around>,
}

/// What is open around the next object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    List,
    Bundle,
}

/// An object and its position, from 1.
pub(super) struct Found<'t> {
    pub(super) position: u64,
    /// Its text; or its beginning and why there is no more.
    pub(super) text: Result<&'t [u8], (&'t [u8], Reason)>,
}

/// How reading an object ended.
enum End {
    Object,
    Bundle,
    Missing,
}

impl<R: BufRead> Objects<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, text: Vec::new(), position: 0, around: Vec::new() }
    }

    /// The next object, valid until the one after it.
    ///
    /// # Errors
    ///
    /// If the reader fails, or the file ends too early or goes on with what is no object; asked again, it may fail again.
    pub(super) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        loop {
            let Some(byte) = self.peek()? else {
                return if self.around.is_empty() { Ok(None) } else { Err(damaged("the file ends within a list")) };
            };
            match (byte, self.around.last()) {
                (b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x1e, _) => self.reader.consume(1),
                (b'[' | b'{', _) if self.around.len() >= DEEPEST => {
                    return Err(damaged(&format!("lists nested deeper than the limit of {DEEPEST}")));
                }
                (b'[', _) => {
                    self.reader.consume(1);
                    self.around.push(Around::List);
                }
                (b']', Some(around)) => {
                    let around = *around;
                    self.reader.consume(1);
                    self.around.pop();
                    if around == Around::Bundle {
                        match self.close()? {
                            // A key that stands twice; nothing says that only one of its lists counts.
                            End::Bundle => self.around.push(Around::Bundle),
                            End::Object => {}
                            End::Missing => return Err(damaged("the file ends within a bundle")),
                        }
                    }
                }
                (b'{', _) => match self.object()? {
                    End::Bundle => self.around.push(Around::Bundle),
                    End::Missing => return Err(damaged("the file ends within an object")),
                    End::Object => {
                        self.position += 1;
                        let text = match self.text.get(..=LONGEST) {
                            Some(_) => Err((self.text.get(..256).unwrap_or_default(), Reason::ObjectTooLong)),
                            None => Ok(self.text.as_slice()),
                        };
                        return Ok(Some(Found { position: self.position, text }));
                    }
                },
                (byte, _) => {
                    let found = char::from(byte).escape_default();
                    return Err(damaged(&format!("expected an object in braces, found '{found}'")));
                }
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.reader.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads an object whose brace is next, or a bundle up to its list of objects.
    fn object(&mut self) -> io::Result<End> {
        self.text.clear();
        let mut scan = Scan::default();
        self.read_on(&mut scan, true)
    }

    /// Passes over what follows the list of objects in a bundle.
    fn close(&mut self) -> io::Result<End> {
        let mut scan = Scan { depth: 1, ..Scan::default() };
        self.read_on(&mut scan, false)
    }

    fn read_on(&mut self, scan: &mut Scan, keep: bool) -> io::Result<End> {
        loop {
            let bytes = match self.reader.fill_buf() {
                Ok([]) => return Ok(End::Missing),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let (read, end) = scan.pass(bytes);
            if keep {
                let room = (LONGEST + 1).saturating_sub(self.text.len()).min(read);
                self.text.extend_from_slice(bytes.get(..room).unwrap_or_default());
            }
            self.reader.consume(read);
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }
}

/// The bytes could be read, and are no objects.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Damage(String);

fn damaged(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Damage(message.to_owned()))
}

/// Where in an object a scan stands: as much of JSON as tells where it ends.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_text: bool,
    escaped: bool,
    /// How much of `"objects":` stands at this place, in the outermost object, with white space around it passed over.
    key: usize,
}

const KEY: &[u8] = b"\"objects\":";

impl Scan {
    /// How many bytes belong to the object or stand before the list of a bundle, and whether it ended with them.
    fn pass(&mut self, bytes: &[u8]) -> (usize, Option<End>) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            // Within longer texts nothing happens up to a quote or an escape.
            if self.in_text && !self.escaped && self.key == 0 {
                let rest = bytes.get(at..).unwrap_or_default();
                match memchr::memchr2(b'"', b'\\', rest) {
                    None => return (bytes.len(), None),
                    Some(more) if more > 0 => {
                        at += more;
                        continue;
                    }
                    Some(_) => {}
                }
            }
            at += 1;
            if let Some(end) = self.step(byte) {
                return (at, Some(end));
            }
        }
        (at, None)
    }

    fn step(&mut self, byte: u8) -> Option<End> {
        let whole = self.key == KEY.len();
        self.key = match self.key {
            _ if self.depth != 1 || self.escaped => 0,
            key if KEY.get(key) == Some(&byte) && (key > 0 || !self.in_text) => key + 1,
            key if key + 1 >= KEY.len() && byte.is_ascii_whitespace() && !self.in_text => key,
            _ => 0,
        };
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return None;
        }
        match byte {
            b'"' => self.in_text = true,
            b'[' if whole && self.depth == 1 => return Some(End::Bundle),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Some(End::Object);
                }
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(bytes: &[u8], capacity: usize) -> (Vec<String>, Option<String>) {
        let mut objects = Objects::new(BufReader::with_capacity(capacity, bytes));
        let mut all = Vec::new();
        loop {
            match objects.next() {
                Ok(Some(found)) => {
                    all.push(String::from_utf8_lossy(found.text.map_err(|(_, why)| why).unwrap()).into_owned())
                }
                Ok(None) => return (all, None),
                Err(error) => return (all, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn objects_are_found_however_they_stand() {
        let (a, b) = (r#"{"a":"}\"{[","objects":{"0":{}}}"#, r#"{"b":[{"objects":[1]}]}"#);
        let texts = [
            format!(r#"{{"objects":[{a}],"id":"x\\","objects":[{b}]}}"#),
            format!("{a}\n{b}"),
            format!("{a}{b}\n"),
            format!("\u{1e}{a}\n\u{1e}{b}\n"),
            format!("[{a},\n {b}]"),
            format!(r#"{{"type":"bundle","objects":[{a},{b}]}}"#),
            format!(r#"{{"objects" : [{a}],"type":"bundle","x":{{"y":[]}}}}{{"more":false,"objects":[{b}]}}"#),
            format!(r#"[{{"objects":[{a},]}},[{b}]]"#),
            format!(r#"{{"t":"objects","o":"\"objects","objects":[{a},{b}],"objects":{{}}}}"#),
        ];
        for text in texts {
            for capacity in [1, 2, 3, 7, 4096] {
                assert_eq!(
                    all(text.as_bytes(), capacity),
                    (vec![a.to_owned(), b.to_owned()], None),
                    "{capacity} {text}"
                );
            }
        }
        assert_eq!(all(b"", 16), (vec![], None));
        assert_eq!(all(b"{\"objects\":[]}", 16), (vec![], None));
    }

    #[test]
    fn what_stood_before_the_damage_is_found() {
        for rest in ["{\"b\":", "{\"b\":\"", "", "?", ",{\"b\":[}"] {
            let (found, error) = all(format!(r#"{{"objects":[{{"a":1}}{rest}"#).as_bytes(), 16);
            assert_eq!(found.first().map(String::as_str), Some(r#"{"a":1}"#), "{rest}");
            assert!(error.is_some(), "{rest}");
        }
        assert!(all(b"evil.example", 16).1.unwrap().contains("found 'e'"));
        assert!(all("[".repeat(100_000).as_bytes(), 4096).1.unwrap().contains("limit of 16"));
        assert!(all("{\"objects\":[".repeat(100_000).as_bytes(), 4096).1.unwrap().contains("limit of 16"));
    }

    #[test]
    fn an_object_over_the_limit_costs_itself_and_no_memory() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(3 * LONGEST));
        let nested = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let text = format!("[{long},{nested},{{}}]");
        let mut objects = Objects::new(BufReader::new(text.as_bytes()));
        assert_eq!(objects.next().unwrap().unwrap().text.unwrap_err().1, Reason::ObjectTooLong);
        assert_eq!(objects.next().unwrap().unwrap().text.unwrap().len(), nested.len());
        assert_eq!(objects.next().unwrap().unwrap().text, Ok(&b"{}"[..]));
        assert!(objects.next().unwrap().is_none());
        assert!(objects.text.capacity() <= 2 * LONGEST + 2);
    }
}
