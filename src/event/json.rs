//! Reads JSON bytes as an event: one pass, nothing copied, no tree.
//!
//! The whole line is checked, so that what a parser would refuse is refused here. What is kept are the spans of mapped fields
//! and the ends of the objects that output goes into.

use super::escapes::decode;
use super::fields::Reads;
use super::plan::{Mark, Node, Plan, Point};
use super::shape::{Expected, Shapes, Value};
use super::tokens::{BAD, KeyAt, Object, Tokens};

/// The line is not a JSON object, or is nested deeper than [`DEPTH`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bad;

/// Values nested deeper are refused, as `serde_json` does.
const DEPTH: u32 = 126;

/// Reads lines one after another.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    shapes: Shapes,
    /// The keys of the top, if any of them may be a wrapper.
    keys: Vec<(u32, u32)>,
    /// For each point of the plan, the object in which it was seen last.
    seen: Vec<u32>,
    objects: u32,
}

/// What was found in a line. Kept from line to line for its memory.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Mapped fields, in the order of the line.
    pub(crate) hits: Vec<Hit>,
    /// The object itself: where its closing brace stands, and whether it has members.
    pub(crate) top: Object,
    /// For each target of the plan the object that output goes into.
    pub(crate) targets: Vec<Target>,
    /// A key that leads somewhere stands twice in one object: which value counts is for a parser to say.
    pub(crate) repeated: bool,
    /// Whether any of the fields has an object around it that the map allows.
    pub(crate) wrapped: bool,
    pub(crate) is_json: bool,
    /// Where in its block the line begins and ends.
    pub(crate) place: (usize, usize),
}

/// A value that a field of the map holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hit {
    pub(crate) field: u16,
    pub(crate) reads: Reads,
    /// The text between the quotes, or the number.
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) form: Form,
    /// Its number among the addresses that are looked up ahead, from 1; 0: it is none.
    pub(crate) ahead: u32,
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
    /// For lines that are read with this plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { seen: vec![0; plan.len()], ..Self::default() }
    }

    /// Reads a line. Trailing white space, such as a carriage return, is allowed. The plan is that of [`new`](Self::new).
    pub(crate) fn read(&mut self, plan: &Plan, line: &[u8], found: &mut Line) -> Result<(), Bad> {
        found.hits.clear();
        found.repeated = false;
        found.wrapped = false;
        found.targets.fill(Target::default());
        self.keys.clear();
        if self.objects > u32::MAX / 2 {
            self.seen.fill(0);
            self.objects = 0;
        }
        // Offsets are kept in 32 bits; escapes and control characters are checked on the way, the encoding at once.
        if line.len() >= u32::MAX as usize {
            return Err(Bad);
        }
        let sound = line.is_ascii() || std::str::from_utf8(line).is_ok();
        let tokens = Tokens { line };
        let open = tokens.space(0);
        if !sound || tokens.byte(open) != b'{' {
            return Err(Bad);
        }
        let end = Reader { tokens, plan, scan: self, found }.top(open);
        found.top = tokens.object(end).ok_or(Bad)?;
        if tokens.space(end) != line.len() {
            return Err(Bad);
        }
        self.shapes.end();
        if found.wrapped {
            // A wrapper that stands twice holds what the last of them holds.
            let key = |&(start, end): &(u32, u32)| line.get(start as usize..end as usize);
            self.keys.sort_unstable_by_key(key);
            found.repeated |= self.keys.windows(2).any(|pair| pair.first().map(key) == pair.last().map(key));
        }
        Ok(())
    }
}

impl Line {
    /// For a plan that has so many targets.
    pub(crate) fn new(targets: usize) -> Self {
        Self { targets: vec![Target::default(); targets], ..Self::default() }
    }

    /// What stands where the output of this number goes.
    #[inline]
    pub(crate) fn target(&self, number: u8) -> Target {
        self.targets.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// Follows the plan through a line. Methods that read something give the place behind it, or one behind the end of the line if it is
/// no JSON: nothing that could follow stands there.
struct Reader<'s> {
    tokens: Tokens<'s>,
    plan: &'s Plan,
    scan: &'s mut Scan,
    found: &'s mut Line,
}

impl Reader<'_> {
    /// Reads the object that is the line.
    fn top(&mut self, open: usize) -> usize {
        let tokens = self.tokens;
        let instance = self.instance();
        self.scan.shapes.begin();
        // Where the value before ended; before the first one, where the line begins.
        let mut at = 0;
        loop {
            at = self.follow(at);
            if let Some(Expected { next, key, at: value, how }) = self.expected(at, instance) {
                if next.wrapped.is_some() {
                    self.scan.keys.push((key.0 as u32, key.1 as u32));
                }
                if !self.scan.shapes.is_one() {
                    self.met(true, next, instance);
                }
                at = if how.is_text() {
                    self.value(value - 1, next, DEPTH)
                } else {
                    self.read(tokens.space(value), true, next, DEPTH)
                };
                continue;
            }
            let before = at;
            at = tokens.space(at);
            match tokens.byte(at) {
                b'{' if at == open => {
                    at = tokens.space(at + 1);
                    if tokens.byte(at) == b'}' {
                        return at + 1;
                    }
                }
                b',' => at = tokens.space(at + 1),
                b'}' => return at + 1,
                _ => return BAD,
            }
            let key = tokens.key(at);
            let next = self.step(Point::ROOT, true, &key);
            self.met(true, next, instance);
            let how = self.how(key.value, next);
            if !key.escaped {
                let before_value = tokens.line.get(before..key.value + usize::from(how.is_text())).unwrap_or_default();
                let place = (key.start.saturating_sub(before), key.end.saturating_sub(before));
                self.scan.shapes.learn(before_value, place, next, how);
            } else {
                self.scan.shapes.learn(&[], (0, 0), next, how);
            }
            at = self.read(key.value, true, next, DEPTH);
        }
    }

    /// Reads members as long as they are the next of a shape, and their values such as most are.
    #[inline(always)]
    fn follow(&mut self, mut at: usize) -> usize {
        let (tokens, has_wrappers) = (self.tokens, self.plan.wrapped().is_some());
        let Scan { shapes, keys, .. } = &mut *self.scan;
        let hits = &mut self.found.hits;
        let members = shapes.next();
        let mut count = 0;
        for member in members {
            let Some(value) = member.value_at(tokens.line, at) else { break };
            let end = match member.how() {
                Value::Text => tokens.string(value - 1).0 + 1,
                Value::Field(field, reads) => {
                    let (end, escaped) = tokens.string(value - 1);
                    let form = if escaped { Form::Escaped } else { Form::Plain };
                    hits.push(Hit { field, reads, start: value as u32, end: end as u32, form, ahead: 0 });
                    end + 1
                }
                Value::Number if matches!(tokens.byte(value), b'-' | b'0'..=b'9') => tokens.number(value),
                _ => break,
            };
            if has_wrappers {
                let (start, end) = member.key_at(at);
                keys.push((start as u32, end as u32));
            }
            count += 1;
            at = end;
        }
        if count > 0 {
            shapes.advance(count);
        }
        at
    }

    /// The member that stands here, if it is one that can be expected.
    fn expected(&mut self, at: usize, instance: u32) -> Option<Expected> {
        let line = self.tokens.line;
        let Scan { shapes, seen, .. } = &mut *self.scan;
        if let Some(member) = shapes.skip_ahead(line, at) {
            return Some(member);
        }
        // Behind the last member nothing is expected.
        if line.get(at) == Some(&b'}') {
            return None;
        }
        for next in shapes.leave() {
            self.found.repeated |= met(seen, next.here, instance);
        }
        shapes.look_around(line, at)
    }

    /// How the value is read that stands here, where this one led.
    fn how(&self, at: usize, next: Point) -> Value {
        if next.here.is_some_and(|node| self.plan.mark(node).is_some()) {
            return Value::Other;
        }
        let mut fields = self.plan.fields_at(next);
        match (self.tokens.byte(at), fields.next(), fields.next()) {
            (b'"', None, _) => Value::Text,
            (b'"', Some((field, reads)), None) => Value::Field(field, reads),
            (b'-' | b'0'..=b'9', None, _) => Value::Number,
            _ => Value::Other,
        }
    }

    /// Reads the object that begins at the brace.
    fn object(&mut self, open: usize, point: Point, depth: u32) -> usize {
        let tokens = self.tokens;
        let instance = self.instance();
        let mut at = tokens.space(open + 1);
        if tokens.byte(at) == b'}' {
            return at + 1;
        }
        loop {
            let key = tokens.key(at);
            let next = self.step(point, false, &key);
            self.met(false, next, instance);
            at = tokens.space(self.read(key.value, false, next, depth));
            match tokens.byte(at) {
                b',' => at = tokens.space(at + 1),
                b'}' => return at + 1,
                _ => return BAD,
            }
        }
    }

    /// The number of an object: none has the same.
    fn instance(&mut self) -> u32 {
        self.scan.objects += 1;
        self.scan.objects
    }

    /// Where a key leads from a point.
    #[inline]
    fn step(&mut self, point: Point, top: bool, key: &KeyAt) -> Point {
        let plan = self.plan;
        if key.escaped {
            return self.step_escaped(point, top, key);
        }
        let below = |node| plan.below_at(node, self.tokens.line, key.start, key.end);
        let here = point.here.and_then(below);
        if top && plan.wrapped().is_some() {
            self.scan.keys.push((key.start as u32, key.end as u32));
            return Point { here, wrapped: plan.wrapped() };
        }
        Point { here, wrapped: point.wrapped.and_then(below) }
    }

    #[cold]
    fn step_escaped(&mut self, point: Point, top: bool, key: &KeyAt) -> Point {
        let plan = self.plan;
        let key = self.tokens.line.get(key.start..key.end).and_then(decode).unwrap_or_default();
        let below = |node| plan.below(node, key.as_bytes());
        if top && plan.wrapped().is_some() {
            // With escapes a wrapper is not known by its bytes.
            self.found.repeated = true;
            return Point { here: point.here.and_then(below), wrapped: plan.wrapped() };
        }
        Point { here: point.here.and_then(below), wrapped: point.wrapped.and_then(below) }
    }

    /// Reads the value of a member.
    #[inline]
    fn read(&mut self, at: usize, top: bool, next: Point, depth: u32) -> usize {
        if next.leads_somewhere() { self.member(at, top, next, depth) } else { self.skip(at, depth) }
    }

    /// A member whose key leads somewhere.
    fn member(&mut self, at: usize, top: bool, next: Point, depth: u32) -> usize {
        if let Some(node) = next.here
            && let Some(mark) = self.plan.mark(node)
            && let Some(end) = self.marked(at, top, next, mark, depth)
        {
            return end;
        }
        self.value(at, next, depth)
    }

    /// Notes that a key was met, and whether it had been met before in the object.
    #[inline]
    fn met(&mut self, top: bool, next: Point, instance: u32) {
        self.found.repeated |= met(&mut self.scan.seen, next.here, instance);
        // The roots of wrapped paths are met once a member, which repeats nothing.
        if !top {
            self.found.repeated |= met(&mut self.scan.seen, next.wrapped, instance);
        }
    }

    /// Notes what stands where output goes. Reads it if it is an object that output goes into.
    fn marked(&mut self, at: usize, top: bool, next: Point, mark: Mark, depth: u32) -> Option<usize> {
        let (Mark::Target(number) | Mark::Taken(number) | Mark::Member(number)) = mark;
        let end = match mark {
            Mark::Target(_) if top && self.tokens.byte(at) == b'{' => Some(self.nested(at, next, depth)),
            _ => None,
        };
        let object = end.and_then(|end| self.tokens.object(end));
        let target = self.found.targets.get_mut(usize::from(number))?;
        match mark {
            Mark::Target(_) if end.is_some() => target.object = object,
            // A key with dots, or a member of the object: in the way both.
            Mark::Target(_) | Mark::Taken(_) => target.taken = true,
            Mark::Member(_) => target.dotted |= top,
        }
        end
    }

    fn nested(&mut self, at: usize, point: Point, depth: u32) -> usize {
        if depth == 0 { BAD } else { self.object(at, point, depth - 1) }
    }

    /// Reads a value at a point.
    #[inline]
    fn value(&mut self, at: usize, point: Point, depth: u32) -> usize {
        match self.tokens.byte(at) {
            b'"' => {
                let (end, escaped) = self.tokens.string(at);
                let form = if escaped { Form::Escaped } else { Form::Plain };
                self.hit(point, at + 1, end, form);
                end + 1
            }
            b'-' | b'0'..=b'9' => {
                let end = self.tokens.number(at);
                self.hit(point, at, end, Form::Number);
                end
            }
            _ => self.other_value(at, point, depth),
        }
    }

    fn other_value(&mut self, at: usize, point: Point, depth: u32) -> usize {
        match self.tokens.byte(at) {
            b'{' => self.nested(at, point, depth),
            b'[' => self.array(at, depth, |reader, at, depth| reader.value(at, point, depth)),
            _ => self.tokens.literal(at),
        }
    }

    #[inline]
    fn hit(&mut self, point: Point, start: usize, end: usize, form: Form) {
        for (field, reads) in self.plan.fields_at(point) {
            self.found.hits.push(Hit { field, reads, start: start as u32, end: end as u32, form, ahead: 0 });
        }
        self.found.wrapped |= self.plan.is_field(point.wrapped);
    }

    /// Reads a value that no path leads to.
    #[inline]
    fn skip(&mut self, at: usize, depth: u32) -> usize {
        match self.tokens.byte(at) {
            b'"' => self.tokens.string(at).0 + 1,
            b'-' | b'0'..=b'9' => self.tokens.number(at),
            _ => self.skip_other(at, depth),
        }
    }

    fn skip_other(&mut self, at: usize, depth: u32) -> usize {
        match self.tokens.byte(at) {
            b'{' => self.nested(at, Point::NOWHERE, depth),
            b'[' => self.array(at, depth, Self::skip),
            _ => self.tokens.literal(at),
        }
    }

    /// Reads the array that begins at the bracket, each element by `element`.
    #[inline]
    fn array(&mut self, open: usize, depth: u32, mut element: impl FnMut(&mut Self, usize, u32) -> usize) -> usize {
        let tokens = self.tokens;
        if depth == 0 {
            return BAD;
        }
        let mut at = tokens.space(open + 1);
        if tokens.byte(at) == b']' {
            return at + 1;
        }
        loop {
            at = tokens.space(element(self, at, depth - 1));
            match tokens.byte(at) {
                b',' => at = tokens.space(at + 1),
                b']' => return at + 1,
                _ => return BAD,
            }
        }
    }
}

/// Notes that a point was met in an object; says whether it had been before.
#[inline]
fn met(seen: &mut [u32], point: Option<Node>, instance: u32) -> bool {
    let seen = point.and_then(|node| seen.get_mut(node.index()));
    seen.is_some_and(|seen| std::mem::replace(seen, instance) == instance)
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
        walk(plan, &value, &mut |field, text, _| seen.push((field, text.to_owned())));
        seen.retain(|(field, _)| *field != 3);
        seen.sort();
        Some(seen)
    }

    fn scanned(plan: &Plan, line: &[u8]) -> Option<(Vec<(u16, String)>, bool)> {
        scanned_with(&mut Scan::new(plan), plan, line)
    }

    fn scanned_with(scan: &mut Scan, plan: &Plan, line: &[u8]) -> Option<(Vec<(u16, String)>, bool)> {
        let mut found = Line::new(1);
        scan.read(plan, line, &mut found).ok()?;
        let mut seen = Vec::new();
        for hit in &found.hits {
            let text = &line[hit.start as usize..hit.end as usize];
            let text = match hit.form {
                Form::Escaped => decode(text).unwrap(),
                Form::Plain => String::from_utf8(text.to_vec()).unwrap(),
                Form::Number => continue,
            };
            seen.push((hit.field, text));
        }
        seen.retain(|(field, _)| *field != 3);
        seen.sort();
        Some((seen, found.repeated))
    }

    #[test]
    fn targets_are_found() {
        let plan = plan();
        let (mut scan, mut found) = (Scan::new(&plan), Line::new(1));
        let line = br#" {"source": {"ip":"x"} , "z":1}"#;
        scan.read(&plan, line, &mut found).unwrap();
        assert_eq!(found.targets[0].object, Some(Object { close: 21, empty: false }));
        assert_eq!(found.top, Object { close: 30, empty: false });
        scan.read(&plan, br#"{"source.ip":"x"}"#, &mut found).unwrap();
        assert_eq!(found.targets[0], Target { object: None, dotted: true, taken: false });
        scan.read(&plan, br#"{"source":{"geo":1}}"#, &mut found).unwrap();
        assert!(found.targets[0].taken);
        scan.read(&plan, br#"{"source":"x"}"#, &mut found).unwrap();
        assert!(found.targets[0].taken);
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

    /// Flat lines of few keys in nearly one order, as sources write them: some leave members out, some have one twice.
    fn similar_lines() -> impl Strategy<Value = Vec<u8>> {
        let keys = ["t", "a", "z", "b.c", "w", "source.ip", "source", "b"];
        let values = prop::sample::select(vec![
            "\"1.2.3.4\"",
            "\"\"",
            "7",
            "-1.5",
            "null",
            "{\"x\":\"a\"}",
            "{\"x\":{\"y\":\"q\"}}",
            "\"e\\n\"",
            "x",
        ]);
        let usual = prop::sample::select(vec!["\"1.2.3.4\"", "12", "\"a.example\""]);
        let member = (0..keys.len(), prop_oneof![8 => usual, 1 => values]);
        let order = prop::collection::vec(member, 0..10);
        (order, prop::bool::weighted(0.8), prop::bool::weighted(0.9)).prop_map(move |(mut members, sorted, tight)| {
            if sorted {
                members.sort_by_key(|member| member.0);
                members.dedup_by_key(|member| member.0);
            }
            let colon = if tight { ":" } else { ": " };
            let members: Vec<_> = members
                .into_iter()
                .filter_map(|(key, value)| Some(format!("\"{}\"{colon}{value}", keys.get(key)?)))
                .collect();
            format!("{{{}}}", members.join(",")).into_bytes()
        })
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

        /// Shapes of lines change what a line costs, not what is seen in it.
        #[test]
        fn a_scan_forgets_the_lines_before(lines in prop::collection::vec(similar_lines(), 2..12)) {
            let plan = plan();
            let mut scan = Scan::new(&plan);
            for line in lines {
                let (alone, behind) = (scanned(&plan, &line), scanned_with(&mut scan, &plan, &line));
                prop_assert_eq!(&alone, &behind, "{}", String::from_utf8_lossy(&line));
                if let (Some(parsed), Some((seen, false))) = (parsed(&plan, &line), alone) {
                    prop_assert_eq!(parsed, seen, "{}", String::from_utf8_lossy(&line));
                }
            }
        }
    }
}
