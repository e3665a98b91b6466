//! Shapes: what the last lines had in common with the next.
//!
//! A source writes the same members in the same order, line after line. What stands between two values is then the same bytes, and
//! comparing them costs less than reading a key, asking the plan where it leads, and telling what begins behind the colon.

use wide::u8x16;

use super::fields::Reads;
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
    how: Value,
}

/// What is done with the value of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// A text that is passed over.
    Text,
    /// A text that is one field of the map.
    Field(u16, Reads),
    /// Passed over, if it is a number.
    Number,
    /// Read with a closer look.
    Other,
}

impl Value {
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Field(..))
    }
}

/// A member that was expected and found.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) next: Point,
    /// Where its key begins and ends in the line.
    pub(super) key: (usize, usize),
    /// Where its value begins; that of a text behind its quote.
    pub(super) at: usize,
    pub(super) how: Value,
}

/// What is longer is no part of a shape.
const LONGEST: usize = 32;

/// So many members of a line are learned.
const MEMBERS: usize = 64;

/// So many shapes are kept: sources are often mixed.
const SHAPES: usize = 8;

/// A line may leave out one member less than that without leaving its shape.
const AHEAD: usize = 3;

impl Member {
    /// Where its value begins, if what stands before it begins here; that of a text behind its quote.
    #[inline(always)]
    pub(super) fn value_at(&self, line: &[u8], at: usize) -> Option<usize> {
        self.stands_at(line, at).then_some(at + usize::from(self.length))
    }

    #[inline(always)]
    pub(super) fn how(&self) -> Value {
        self.how
    }

    /// Where its key begins and ends in a line that has it here.
    #[inline(always)]
    pub(super) fn key_at(&self, at: usize) -> (usize, usize) {
        (at + usize::from(self.key.0), at + usize::from(self.key.1))
    }

    #[inline(always)]
    fn stands_at(&self, line: &[u8], at: usize) -> bool {
        let Some(window) = line.get(at..).and_then(<[u8]>::first_chunk::<LONGEST>) else {
            let length = usize::from(self.length);
            return line.get(at..at + length).is_some_and(|bytes| Some(bytes) == self.before.get(..length));
        };
        let [ours, theirs] = [&self.before, window].map(halves);
        let differ = |ours: u8x16, theirs: u8x16| !ours.simd_eq(theirs).to_bitmask();
        differ(ours.0, theirs.0) & self.mask & 0xffff == 0
            && (self.length <= 16 || differ(ours.1, theirs.1) & self.mask >> 16 == 0)
    }

    #[inline(always)]
    fn found_at(&self, at: usize) -> Expected {
        Expected { next: self.next, key: self.key_at(at), at: at + usize::from(self.length), how: self.how }
    }

    /// Its key, as it is written.
    fn key(&self) -> &[u8] {
        self.before.get(usize::from(self.key.0)..usize::from(self.key.1)).unwrap_or_default()
    }
}

/// So many bits from the lowest; all for more than there are.
#[inline(always)]
fn ones(count: usize) -> u64 {
    1u64.checked_shl(count as u32).map_or(u64::MAX, |bit| bit - 1)
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
///
/// No shape has a key twice: a line that follows one shape from its beginning needs not be asked whether it has.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Vec<Member>>,
    /// The one that the line follows.
    current: usize,
    /// How many of its members are behind.
    followed: usize,
    /// A bit for each of them that the line has.
    had: u64,
    /// Whether the line has followed another one before.
    mixed: bool,
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
        self.had = 0;
        self.mixed = false;
        self.learning = false;
    }

    /// Whether the line has followed one shape so far: then it has no key twice.
    #[inline]
    pub(super) fn is_one(&self) -> bool {
        !self.mixed && !self.learning
    }

    /// The members that come next in the one shape that the line follows.
    #[inline(always)]
    pub(super) fn next(&self) -> &[Member] {
        if !self.is_one() {
            return &[];
        }
        self.known.get(self.current).and_then(|shape| shape.get(self.followed..)).unwrap_or_default()
    }

    /// Leaves so many of the next members behind.
    #[inline(always)]
    pub(super) fn advance(&mut self, count: usize) {
        let behind = self.followed + count;
        self.had |= ones(behind) & !ones(self.followed);
        self.followed = behind;
    }

    /// The member that stands here, if it is one of the next of the one shape that the line follows: lines of one source leave members
    /// out.
    pub(super) fn skip_ahead(&mut self, line: &[u8], at: usize) -> Option<Expected> {
        let shape = self.known.get(self.current).filter(|_| self.is_one())?;
        let ahead = shape.iter().enumerate().skip(self.followed).take(AHEAD);
        let (number, member) = ahead.into_iter().find(|(_, member)| member.stands_at(line, at))?;
        self.followed = number;
        let found = member.found_at(at);
        self.advance(1);
        Some(found)
    }

    /// Where the keys lead that the line has, as long as it follows one shape; it will not do so any more.
    pub(super) fn leave(&mut self) -> impl Iterator<Item = Point> + '_ {
        let had = if self.is_one() { self.had } else { 0 };
        self.mixed |= had != 0;
        let members = self.known.get(self.current).into_iter().flatten().enumerate();
        members.filter(move |(number, _)| had >> number & 1 != 0).map(|(_, member)| member.next)
    }

    /// The member that stands here, if any shape has it at this place: another source has taken the turn.
    #[inline(never)]
    pub(super) fn look_around(&mut self, line: &[u8], at: usize) -> Option<Expected> {
        let here = self.followed;
        let is = |&(shape, number): &(usize, usize)| {
            let member = self.known.get(shape).and_then(|shape| shape.get(number));
            member.is_some_and(|member| member.stands_at(line, at))
        };
        // The first member has the brace before it, and no other has.
        let ahead = if here == 0 { here..here } else { here..here + AHEAD };
        let ahead = ahead.map(|number| (self.current, number));
        let (shape, number) = ahead.chain((0..self.known.len()).map(|shape| (shape, here))).find(is)?;
        if shape != self.current {
            // The line counts as one of the other shape from its beginning.
            self.had = ones(here);
        }
        (self.current, self.followed) = (shape, number);
        let member = self.known.get(shape)?.get(number)?;
        let found = member.found_at(at);
        if self.learning {
            self.line.push(member.clone());
        }
        self.advance(1);
        Some(found)
    }

    /// Takes a member that was not expected: `before` is what stands before its value, with the key at this place of it.
    #[inline(never)]
    pub(super) fn learn(&mut self, before: &[u8], key: (usize, usize), next: Point, how: Value) {
        if !self.learning {
            self.learning = true;
            self.line.clear();
            self.line.reserve_exact(MEMBERS);
            let known = self.known.get(self.current).into_iter().flatten().enumerate();
            self.line.extend(known.filter(|(number, _)| self.had >> number & 1 != 0).map(|(_, member)| member.clone()));
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
        self.line.push(Member { before: bytes, mask, length, key, next, how });
    }

    /// Keeps the shape of a line that has been read to its end, and was JSON.
    pub(super) fn end(&mut self) {
        let is_whole = |first: &Member| first.before.trim_ascii_start().starts_with(b"{");
        if !self.learning || !self.line.first().is_some_and(is_whole) || self.has_a_key_twice() {
            return;
        }
        self.current = if self.known.len() < SHAPES { self.known.len() } else { self.oldest };
        match self.known.get_mut(self.current) {
            Some(oldest) => std::mem::swap(oldest, &mut self.line),
            None => self.known.push(std::mem::take(&mut self.line)),
        }
        self.oldest = (self.current + 1) % SHAPES;
    }

    fn has_a_key_twice(&self) -> bool {
        (1..)
            .zip(&self.line)
            .any(|(behind, member)| self.line.iter().skip(behind).any(|other| other.key() == member.key()))
    }
}
