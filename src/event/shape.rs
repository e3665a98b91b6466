//! Shapes: what the last lines had in common with the next.
//!
//! A source writes the same members in the same order, line after line. What stands between two values is then the same bytes, and
//! comparing them costs less than reading a key, asking the plan where it leads, and telling what begins behind the colon.

use wide::u8x16;

use super::plan::Point;

/// A member at the top of a line: what stands before its value, and where its key leads.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// All from the end of the value before, with the opening quote of a text; filled up with zeroes.
    before: [u8; LONGEST],
    mask: u32,
    length: u8,
    /// Where in it the key begins and ends.
    key: (u8, u8),
    next: Point,
    text: bool,
}

/// A member that was expected and found.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) next: Point,
    /// Where its key begins and ends in the line.
    pub(super) key: (usize, usize),
    /// Where its value begins; that of a text behind its quote.
    pub(super) value: usize,
    /// Whether the value is a text that is read, or passed over, and nothing else.
    pub(super) text: bool,
}

/// What is longer is no part of a shape.
const LONGEST: usize = 32;

/// So many members of a line are learned.
const MEMBERS: usize = 64;

/// So many shapes are kept: sources are often mixed.
const SHAPES: usize = 8;

impl Member {
    #[inline(always)]
    fn stands_at(&self, line: &[u8], at: usize) -> bool {
        let Some(window) = line.get(at..).and_then(<[u8]>::first_chunk::<LONGEST>) else {
            let length = usize::from(self.length);
            return line.get(at..at + length).is_some_and(|bytes| Some(bytes) == self.before.get(..length));
        };
        let [ours, theirs] = [&self.before, window].map(halves);
        let equal = |(ours, theirs): (u8x16, u8x16)| ours.simd_eq(theirs).to_bitmask();
        (equal((ours.0, theirs.0)) | equal((ours.1, theirs.1)) << 16) & self.mask == self.mask
    }

    #[inline(always)]
    fn found_at(&self, at: usize) -> Expected {
        let (start, end) = self.key;
        Expected {
            next: self.next,
            key: (at + usize::from(start), at + usize::from(end)),
            value: at + usize::from(self.length),
            text: self.text,
        }
    }
}

#[inline(always)]
fn halves(bytes: &[u8; LONGEST]) -> (u8x16, u8x16) {
    match bytes.as_chunks::<16>().0 {
        [first, second] => (u8x16::new(*first), u8x16::new(*second)),
        // Twice sixteen is what there is.
        _ => (u8x16::ZERO, u8x16::ZERO),
    }
}

/// The shapes of the last lines, and how far the line at hand has followed one of them.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Vec<Member>>,
    /// The one that the line follows.
    current: usize,
    /// How many of its members are behind.
    followed: usize,
    /// Whether the line has a member that was not expected.
    learning: bool,
    /// If it has, the members so far. Kept from line to line for its memory.
    line: Vec<Member>,
    /// The one to be replaced next.
    oldest: usize,
}

impl Shapes {
    pub(super) fn begin(&mut self) {
        self.followed = 0;
        self.learning = false;
    }

    /// The member that stands here, if it is one that can be expected.
    #[inline(always)]
    pub(super) fn expect(&mut self, line: &[u8], at: usize) -> Option<Expected> {
        match self.known.get(self.current)?.get(self.followed) {
            Some(member) if !self.learning && member.stands_at(line, at) => {
                self.followed += 1;
                Some(member.found_at(at))
            }
            _ => self.look_around(line, at),
        }
    }

    /// Lines of one source leave members out; or another source has taken the turn.
    #[inline(never)]
    fn look_around(&mut self, line: &[u8], at: usize) -> Option<Expected> {
        if line.get(at) == Some(&b'}') {
            return None;
        }
        let here = self.followed;
        let is = |&(shape, number): &(usize, usize)| {
            let member = self.known.get(shape).and_then(|shape| shape.get(number));
            member.is_some_and(|member| member.stands_at(line, at))
        };
        // The first member has the brace before it, and no other has.
        let ahead = if here == 0 { here..here } else { here..here + 3 };
        let ahead = ahead.map(|number| (self.current, number));
        let (shape, number) = ahead.chain((0..self.known.len()).map(|shape| (shape, here))).find(is)?;
        (self.current, self.followed) = (shape, number + 1);
        let member = self.known.get(shape)?.get(number)?;
        if self.learning {
            self.line.push(member.clone());
        }
        Some(member.found_at(at))
    }

    /// Takes a member that was not expected: `before` is what stands before its value, with the key at this place of it.
    #[inline(never)]
    pub(super) fn learn(&mut self, before: &[u8], key: (usize, usize), next: Point, text: bool) {
        if !self.learning {
            self.learning = true;
            self.line.clear();
            self.line.reserve_exact(MEMBERS);
            let known = self.known.get(self.current).and_then(|shape| shape.get(..self.followed));
            self.line.extend_from_slice(known.unwrap_or_default());
        }
        // The first member of a shape, which has the brace before it, stands nowhere else.
        self.followed = self.followed.max(1);
        let mut bytes = [0; LONGEST];
        // A line is learned whole or not at all: what cannot be learned leaves nothing that could be followed.
        let room = bytes.get_mut(..before.len()).filter(|room| !room.is_empty() && self.line.len() < MEMBERS);
        let Some(room) = room else { return self.line.clear() };
        room.copy_from_slice(before);
        let mask = u32::MAX >> (LONGEST - before.len());
        let (length, key) = (before.len() as u8, (key.0 as u8, key.1 as u8));
        self.line.push(Member { before: bytes, mask, length, key, next, text });
    }

    /// Keeps the shape of a line that has been read to its end, and was JSON.
    pub(super) fn end(&mut self) {
        let is_whole = |first: &Member| first.before.trim_ascii_start().starts_with(b"{");
        if !self.learning || !self.line.first().is_some_and(is_whole) {
            return;
        }
        self.current = if self.known.len() < SHAPES { self.known.len() } else { self.oldest };
        match self.known.get_mut(self.current) {
            Some(oldest) => std::mem::swap(oldest, &mut self.line),
            None => self.known.push(std::mem::take(&mut self.line)),
        }
        self.oldest = (self.current + 1) % SHAPES;
    }
}
