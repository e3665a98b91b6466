//! Reads JSON bytes as an event: one pass, nothing copied, no tree.
//!
//! The whole line is checked, so that what a parser would refuse is refused here. What is kept are the spans of mapped fields
//! and the ends of the objects that output goes into.

use super::marks::Marks;
use super::plan::{Key, Mark, Node, Plan};

/// The line is not a JSON object, or is nested deeper than [`DEPTH`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bad;

/// Values nested deeper are refused, as `serde_json` does.
const DEPTH: u32 = 126;

/// What a scan found. Kept from line to line for its memory.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Mapped fields, in the order of the line.
    pub(crate) hits: Vec<Hit>,
    /// The object itself: where its closing brace stands, and whether it has members.
    pub(crate) top: Object,
    /// For each target of the plan the object that output goes into.
    pub(crate) targets: Vec<Target>,
    marks: Marks,
    /// A key that leads somewhere stands twice in one object: which value counts is for a parser to say.
    pub(crate) repeated: bool,
    /// The keys of the top, if any of them may be a wrapper.
    keys: Vec<(u32, u32)>,
    /// For each point of the plan, the object in which it was seen last.
    seen: Vec<u32>,
    objects: u32,
}

/// A value that a field of the map holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hit {
    /// The points of the plan it stands at, also from within a wrapper.
    pub(crate) here: Option<Node>,
    pub(crate) wrapped: Option<Node>,
    /// The text between the quotes, or the number.
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) form: Form,
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// With escapes.
    Escaped,
    Number,
}

/// An object of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Object {
    /// Where its closing brace stands.
    pub(crate) close: u32,
    pub(crate) empty: bool,
}

/// What stands where output goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Target {
    pub(crate) object: Option<Object>,
    /// Members of it are spelled with dots at the top: `"source.ip"`.
    pub(crate) dotted: bool,
    /// It is there and no object, or holds what would be written.
    pub(crate) taken: bool,
}

impl Scan {
    /// Reads a line and gives it back as text. Trailing white space, such as a carriage return, is allowed.
    pub(crate) fn read<'l>(&mut self, plan: &Plan, line: &'l [u8]) -> Result<&'l str, Bad> {
        self.hits.clear();
        self.keys.clear();
        self.repeated = false;
        self.targets.iter_mut().for_each(|target| *target = Target::default());
        self.seen.resize(plan.len(), 0);
        if self.objects > u32::MAX / 2 {
            self.seen.fill(0);
            self.objects = 0;
        }
        // Offsets are kept in 32 bits; escapes and control characters are checked on the way, the encoding at once.
        let text = std::str::from_utf8(line).map_err(|_| Bad)?;
        if line.len() >= u32::MAX as usize {
            return Err(Bad);
        }
        let mut marks = std::mem::take(&mut self.marks);
        marks.read(line);
        let read = self.read_object(plan, line, &marks);
        self.marks = marks;
        read.map(|()| text)
    }

    fn read_object(&mut self, plan: &Plan, line: &[u8], marks: &Marks) -> Result<(), Bad> {
        let mut reader = Reader { line, marks, plan, scan: self };
        let at = reader.space(0);
        if reader.byte(at) != b'{' {
            return Err(Bad);
        }
        let point = Point { here: Some(Node::ROOT), wrapped: None, top: true };
        let (end, object) = reader.object(at, point, DEPTH)?;
        let end = reader.space(end);
        self.top = object;
        if self.hits.iter().any(|hit| hit.wrapped.is_some()) {
            // A wrapper that stands twice holds what the last of them holds.
            let key = |&(start, end): &(u32, u32)| line.get(start as usize..end as usize);
            self.keys.sort_unstable_by_key(key);
            self.repeated |= self.keys.windows(2).any(|pair| pair.first().map(key) == pair.last().map(key));
        }
        if end == line.len() { Ok(()) } else { Err(Bad) }
    }

    /// Makes room for the targets of a plan.
    pub(crate) fn resize(&mut self, targets: usize) {
        self.targets.resize(targets, Target::default());
    }
}

/// Where the keys so far lead.
#[derive(Clone, Copy)]
struct Point {
    here: Option<Node>,
    /// From within a wrapper.
    wrapped: Option<Node>,
    top: bool,
}

struct Reader<'s> {
    line: &'s [u8],
    marks: &'s Marks,
    plan: &'s Plan,
    scan: &'s mut Scan,
}

impl Reader<'_> {
    /// The byte at this place; 0, which is nowhere allowed, behind the end.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.line.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn space(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// Reads the object that begins at the brace; gives the place behind it.
    fn object(&mut self, open: usize, point: Point, depth: u32) -> Result<(usize, Object), Bad> {
        self.scan.objects += 1;
        let instance = self.scan.objects;
        let mut at = self.space(open + 1);
        if self.byte(at) == b'}' {
            return Ok((at + 1, Object { close: at as u32, empty: true }));
        }
        loop {
            let (key, escaped, value) = self.key(at)?;
            if point.top && self.plan.wrapped().is_some() {
                // With escapes a key is not known by its bytes.
                self.scan.repeated |= escaped;
                self.scan.keys.push((key.0 as u32, key.1 as u32));
            }
            at = match self.step(point, key, escaped) {
                Some(next) => self.member(value, point.top, next, instance, depth)?,
                None => self.skip(value, depth)?,
            };
            match self.another(at, b'}')? {
                (next, true) => at = next,
                (end, false) => return Ok((end, Object { close: end as u32 - 1, empty: false })),
            }
        }
    }

    /// Reads a key and its colon; gives the key between its quotes, whether it has escapes, and where the value begins.
    #[inline]
    fn key(&self, at: usize) -> Result<((usize, usize), bool, usize), Bad> {
        if self.byte(at) != b'"' {
            return Err(Bad);
        }
        let (end, escaped) = self.string(at)?;
        let colon = self.space(end + 1);
        if self.byte(colon) != b':' {
            return Err(Bad);
        }
        Ok(((at + 1, end), escaped, self.space(colon + 1)))
    }

    /// Behind a value: where the next one begins, or the place behind `close`; and which of the two.
    #[inline]
    fn another(&self, at: usize, close: u8) -> Result<(usize, bool), Bad> {
        let at = self.space(at);
        match self.byte(at) {
            b',' => Ok((self.space(at + 1), true)),
            byte if byte == close => Ok((at + 1, false)),
            _ => Err(Bad),
        }
    }

    /// Reads the array that begins at the bracket, each element by `element`; gives the place behind it.
    #[inline]
    fn array(
        &mut self,
        open: usize,
        mut element: impl FnMut(&mut Self, usize) -> Result<usize, Bad>,
    ) -> Result<usize, Bad> {
        let mut at = self.space(open + 1);
        if self.byte(at) == b']' {
            return Ok(at + 1);
        }
        loop {
            at = element(self, at)?;
            match self.another(at, b']')? {
                (next, true) => at = next,
                (end, false) => return Ok(end),
            }
        }
    }

    /// Where a key leads from a point.
    #[inline]
    fn step(&self, point: Point, (start, end): (usize, usize), escaped: bool) -> Option<Point> {
        let decoded;
        let key = if escaped {
            decoded = decode(self.line.get(start..end)?)?;
            Key::new(decoded.as_bytes())
        } else {
            Key::within(self.line, start, end)
        };
        let here = point.here.and_then(|node| self.plan.follow(node, &key));
        let wrapped = match point.wrapped {
            Some(node) => self.plan.follow(node, &key),
            None if point.top => self.plan.wrapped(),
            None => None,
        };
        (here.is_some() || wrapped.is_some()).then_some(Point { here, wrapped, top: false })
    }

    /// A member whose key leads somewhere.
    fn member(&mut self, at: usize, top: bool, next: Point, instance: u32, depth: u32) -> Result<usize, Bad> {
        for node in [next.here, next.wrapped].into_iter().flatten() {
            if let Some(seen) = self.scan.seen.get_mut(node.index()) {
                // The roots of wrapped paths are met once a member, which repeats nothing.
                self.scan.repeated |= *seen == instance && Some(node) != self.plan.wrapped();
                *seen = instance;
            }
        }
        let mark = next.here.and_then(|node| self.plan.mark(node));
        match mark {
            Some(Mark::Target(number)) if top && self.byte(at) == b'{' => {
                let (end, object) = self.object(at, next, self.deeper(depth)?)?;
                if let Some(target) = self.scan.targets.get_mut(usize::from(number)) {
                    target.object = Some(object);
                }
                return Ok(end);
            }
            Some(Mark::Target(number) | Mark::Taken(number)) => {
                // A key with dots, or a member of the object: in the way both.
                if let Some(target) = self.scan.targets.get_mut(usize::from(number)) {
                    target.taken = true;
                }
            }
            Some(Mark::Member(number)) if top => {
                if let Some(target) = self.scan.targets.get_mut(usize::from(number)) {
                    target.dotted = true;
                }
            }
            Some(Mark::Member(_)) | None => {}
        }
        self.value(at, next, depth)
    }

    fn deeper(&self, depth: u32) -> Result<u32, Bad> {
        depth.checked_sub(1).ok_or(Bad)
    }

    /// Reads a value at a point.
    fn value(&mut self, at: usize, point: Point, depth: u32) -> Result<usize, Bad> {
        match self.byte(at) {
            b'"' => {
                let (end, escaped) = self.string(at)?;
                let form = if escaped { Form::Escaped } else { Form::Plain };
                self.hit(point, at + 1, end, form);
                Ok(end + 1)
            }
            b'{' => Ok(self.object(at, Point { top: false, ..point }, self.deeper(depth)?)?.0),
            b'[' => {
                let depth = self.deeper(depth)?;
                self.array(at, |reader, at| reader.value(at, point, depth))
            }
            b'-' | b'0'..=b'9' => {
                let end = self.number(at)?;
                self.hit(point, at, end, Form::Number);
                Ok(end)
            }
            _ => self.literal(at),
        }
    }

    #[inline]
    fn hit(&mut self, point: Point, start: usize, end: usize, form: Form) {
        let Point { here, wrapped, .. } = point;
        self.scan.hits.push(Hit { here, wrapped, start: start as u32, end: end as u32, form });
    }

    /// Reads a value that no path leads to.
    fn skip(&mut self, at: usize, depth: u32) -> Result<usize, Bad> {
        match self.byte(at) {
            b'"' => Ok(self.string(at)?.0 + 1),
            b'-' | b'0'..=b'9' => self.number(at),
            b'{' => {
                let depth = self.deeper(depth)?;
                let mut at = self.space(at + 1);
                if self.byte(at) == b'}' {
                    return Ok(at + 1);
                }
                loop {
                    let (_, _, value) = self.key(at)?;
                    at = self.skip(value, depth)?;
                    match self.another(at, b'}')? {
                        (next, true) => at = next,
                        (end, false) => return Ok(end),
                    }
                }
            }
            b'[' => {
                let depth = self.deeper(depth)?;
                self.array(at, |reader, at| reader.skip(at, depth))
            }
            _ => self.literal(at),
        }
    }

    fn literal(&self, at: usize) -> Result<usize, Bad> {
        let rest = self.line.get(at..).unwrap_or_default();
        [&b"true"[..], b"false", b"null"]
            .iter()
            .find(|literal| rest.starts_with(literal))
            .map(|literal| at + literal.len())
            .ok_or(Bad)
    }

    /// Reads the string that begins at the quote; gives the place of the closing one, and whether there are escapes.
    #[inline]
    fn string(&self, open: usize) -> Result<(usize, bool), Bad> {
        let mut at = open + 1;
        let mut escaped = false;
        loop {
            at = self.marks.next(at).ok_or(Bad)?;
            match self.byte(at) {
                b'"' => return Ok((at, escaped)),
                b'\\' => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                _ => return Err(Bad),
            }
        }
    }

    /// Reads the escape at the backslash; gives the place behind it.
    #[cold]
    fn escape(&self, at: usize) -> Result<usize, Bad> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'u' => match self.hex(at + 2)? {
                // A surrogate comes as a pair, high before low (RFC 8259, section 7).
                0xd800..=0xdbff => {
                    let low = self.byte(at + 6) == b'\\' && self.byte(at + 7) == b'u';
                    if low && (0xdc00..=0xdfff).contains(&self.hex(at + 8)?) { Ok(at + 12) } else { Err(Bad) }
                }
                0xdc00..=0xdfff => Err(Bad),
                _ => Ok(at + 6),
            },
            _ => Err(Bad),
        }
    }

    fn hex(&self, at: usize) -> Result<u32, Bad> {
        let digits = self.line.get(at..at + 4).ok_or(Bad)?;
        digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?)).ok_or(Bad)
    }

    /// Reads a number (RFC 8259, section 6); one beyond the range of a double is refused, as parsers do.
    #[inline]
    fn number(&self, start: usize) -> Result<usize, Bad> {
        let mut at = start + usize::from(self.byte(start) == b'-');
        let digits = |mut at: usize| {
            let first = at;
            while self.byte(at).is_ascii_digit() {
                at += 1;
            }
            if at > first { Ok(at) } else { Err(Bad) }
        };
        at = if self.byte(at) == b'0' { at + 1 } else { digits(at)? };
        let mut wide = at - start > 300;
        if self.byte(at) == b'.' {
            at = digits(at + 1)?;
        }
        if matches!(self.byte(at), b'e' | b'E') {
            at += 1;
            at = digits(at + usize::from(matches!(self.byte(at), b'+' | b'-')))?;
            wide = true;
        }
        if wide {
            let text = self.line.get(start..at).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(Bad)?;
            if !text.parse::<f64>().is_ok_and(f64::is_finite) {
                return Err(Bad);
            }
        }
        Ok(at)
    }
}

/// The text of a string whose escapes have been checked.
pub(crate) fn decode(inside: &[u8]) -> Option<String> {
    let mut quoted = Vec::with_capacity(inside.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(inside);
    quoted.push(b'"');
    serde_json::from_slice(&quoted).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{FieldMap, walk};

    fn plan() -> Plan {
        let map = FieldMap::parse("m", "a ip\nb.c ip\n?.x.y domain\nt time\nsource.ip ip source\n").unwrap();
        Plan::new(&map, &[("source", &["as", "geo"])])
    }

    /// What a parser sees of the line, if it takes it.
    fn parsed(plan: &Plan, line: &[u8]) -> Option<Vec<(u16, String)>> {
        let value: serde_json::Value = serde_json::from_slice(line).ok().filter(serde_json::Value::is_object)?;
        let mut seen = Vec::new();
        walk(plan, &value, &mut |field, text| seen.push((field, text.to_owned())));
        seen.retain(|(field, _)| *field != 3);
        seen.sort();
        Some(seen)
    }

    fn scanned(plan: &Plan, line: &[u8]) -> Option<(Vec<(u16, String)>, bool)> {
        let mut scan = Scan::default();
        scan.resize(1);
        scan.read(plan, line).ok()?;
        let mut seen = Vec::new();
        for hit in &scan.hits {
            let text = &line[hit.start as usize..hit.end as usize];
            let text = match hit.form {
                Form::Escaped => decode(text).unwrap(),
                Form::Plain => String::from_utf8(text.to_vec()).unwrap(),
                Form::Number => continue,
            };
            seen.extend(plan.fields_at(hit.here, hit.wrapped).map(|(field, _)| (field, text.clone())));
        }
        seen.retain(|(field, _)| *field != 3);
        seen.sort();
        Some((seen, scan.repeated))
    }

    #[test]
    fn targets_are_found() {
        let plan = plan();
        let mut scan = Scan::default();
        scan.resize(1);
        let line = br#" {"source": {"ip":"x"} , "z":1}"#;
        scan.read(&plan, line).unwrap();
        assert_eq!(scan.targets[0].object, Some(Object { close: 21, empty: false }));
        assert_eq!(scan.top, Object { close: 30, empty: false });
        scan.read(&plan, br#"{"source.ip":"x"}"#).unwrap();
        assert_eq!(scan.targets[0], Target { object: None, dotted: true, taken: false });
        scan.read(&plan, br#"{"source":{"geo":1}}"#).unwrap();
        assert!(scan.targets[0].taken);
        scan.read(&plan, br#"{"source":"x"}"#).unwrap();
        assert!(scan.targets[0].taken);
    }

    /// JSON by a coin: mostly well-formed, of keys that lead somewhere, sometimes with a byte struck out or replaced.
    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let text = prop::sample::select(vec![
            "",
            "a",
            "1.2.3.4",
            "x\\u0041\\n",
            "\\ud83d\\ude00",
            "\\ud83d",
            "ü",
            "\\x",
            "12345678901\\\"",
        ]);
        let leaf = prop_oneof![
            text.prop_map(|text| format!("\"{text}\"")),
            prop::sample::select(vec!["1", "-0.5e3", "1e999", "01", "true", "null", "nul", "-", "1."])
                .prop_map(String::from),
        ];
        let keys = prop::sample::select(vec![
            "a",
            "b",
            "b.c",
            "c",
            "x",
            "y",
            "x.y",
            "t",
            "source",
            "ip",
            "source.ip",
            "as",
            "\\u0061",
            "z",
        ]);
        let value = leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
                prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|members| {
                    let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        });
        (value, any::<prop::sample::Index>(), prop::option::weighted(0.3, any::<u8>()), any::<bool>()).prop_map(
            |(line, at, byte, strike)| {
                let mut line = line.into_bytes();
                if let Some(byte) = byte {
                    let at = at.index(line.len());
                    if strike {
                        line.remove(at);
                    } else {
                        line[at] = byte
                    }
                }
                line
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_scan_sees_what_a_parser_sees(line in lines()) {
            let plan = plan();
            let (parsed, scanned) = (parsed(&plan, &line), scanned(&plan, &line));
            prop_assert_eq!(parsed.is_some(), scanned.is_some(), "{}", String::from_utf8_lossy(&line));
            if let (Some(parsed), Some((scanned, false))) = (parsed, scanned) {
                prop_assert_eq!(parsed, scanned, "{}", String::from_utf8_lossy(&line));
            }
        }
    }
}
