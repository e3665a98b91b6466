//! One pass over a text: sixty-four bytes at a time it looks for places where something could be, and looks closely only there.

use std::ops::ControlFlow;

use super::classes::{hex_quarters, is_run, masks};
use crate::observable::Kind;

/// Something found, by its place.
pub(super) struct Hit {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) prefix: Option<u8>,
    /// The text to be used in place of what stands there.
    pub(super) rewritten: Option<String>,
}

/// What a pass knows of the text behind it.
pub(super) struct Scan<'t, 's> {
    pub(super) text: &'t [u8],
    /// Where each byte stood before marks were undone, and where the text ended; empty where nothing was undone.
    pub(super) origins: &'t [usize],
    /// Whether `hxxp` means `http`.
    pub(super) refang: bool,
    /// The end of what was found last: nothing is found twice.
    pub(super) done: usize,
    /// The end of the stretch that was last read as an IPv6 address.
    pub(super) six_read: usize,
    /// The end of the stretch that was last read as a URL.
    pub(super) url_read: usize,
    /// The end of the URL that was last found.
    pub(super) url_found: usize,
    /// The end of the run that was last read.
    run_read: usize,
    sink: &'s mut dyn FnMut(Hit) -> ControlFlow<()>,
}

/// What the bytes before a block have to do with it.
struct Before {
    dot: bool,
    /// Part of a run, and no dot.
    name: bool,
    colons: u64,
    /// Where the run began that reaches into the block.
    run: usize,
}

impl<'t, 's> Scan<'t, 's> {
    pub(super) fn new(
        text: &'t [u8],
        origins: &'t [usize],
        refang: bool,
        sink: &'s mut dyn FnMut(Hit) -> ControlFlow<()>,
    ) -> Self {
        Self { text, origins, refang, done: 0, six_read: 0, url_read: 0, url_found: 0, run_read: 0, sink }
    }

    /// Reads the text from here to its end. What stands before is looked at, but not found.
    pub(super) fn read(&mut self, from: usize) -> ControlFlow<()> {
        let text = self.text;
        let (blocks, rest) = text.get(from..).unwrap_or_default().as_chunks::<64>();
        let mut before = Before { dot: false, name: false, colons: 0, run: from };
        let mut base = from;
        for block in blocks {
            self.block(base, block, &mut before)?;
            base += 64;
        }
        if !rest.is_empty() {
            let mut last = [b' '; 64];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            self.block(base, &last, &mut before)?;
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn block(&mut self, base: usize, block: &[u8; 64], before: &mut Before) -> ControlFlow<()> {
        let masks = masks(block);
        let next_is_dot = u64::from(self.at(base + 64) == Some(b'.')) << 63;
        // A dot beside a dot belongs to nothing.
        let beside = (masks.dot << 1 | u64::from(before.dot)) | (masks.dot >> 1 | next_is_dot);
        let run = masks.run & !(masks.dot & beside);
        let name = masks.run & !masks.dot;
        let joined = masks.dot & (name << 1 | u64::from(before.name)) & (name >> 1 | 1 << 63);
        let schemes = masks.colon & (masks.slash >> 1 | 1 << 63);
        let addresses = six_anchors(masks.colon, before.colons);
        let mut anchors = joined | schemes | addresses;
        if self.six_read >= base + 64 {
            anchors &= !addresses | schemes;
        }
        if (0..4).any(|quarter| name >> (16 * quarter) & 0xffff == 0xffff) {
            anchors |= hex_quarters(block);
        }

        let run_before = before.run;
        *before = Before {
            dot: masks.dot >> 63 != 0,
            name: name >> 63 != 0,
            colons: masks.colon,
            run: if run == u64::MAX { run_before } else { base + 64 - run.leading_ones() as usize },
        };

        loop {
            // Nothing begins within what was found, nor within a run.
            match self.done.max(self.run_read).checked_sub(base) {
                Some(64..) => return ControlFlow::Continue(()),
                Some(bits) => anchors &= u64::MAX << bits,
                None => {}
            }
            if anchors == 0 {
                return ControlFlow::Continue(());
            }
            let bit = anchors.trailing_zeros();
            let at = base + bit as usize;
            anchors &= anchors - 1;
            if masks.colon >> bit & 1 != 0 {
                if schemes >> bit & 1 != 0 {
                    self.url(at)?;
                }
                if addresses >> bit & 1 != 0 && at >= self.done {
                    self.six(at)?;
                    // One stretch is read once, however many colons it has.
                    let read = self.six_read.saturating_sub(base);
                    anchors &= !addresses | schemes | u64::MAX.checked_shl(read as u32).unwrap_or(0);
                }
            } else {
                let below = !run & !(u64::MAX << bit);
                let start = if below == 0 { run_before } else { base + 64 - below.leading_zeros() as usize };
                let above = !run & u64::MAX << bit;
                let end = if above == 0 { self.run_end(base + 64) } else { base + above.trailing_zeros() as usize };
                self.run_read = end;
                let start = start.max(self.done);
                self.run(start, self.end_before_six(start, end))?;
            }
        }
    }

    /// The end of the run that reaches to here.
    fn run_end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let mut end = 0;
        while let Some(&byte) = rest.get(end) {
            let double = byte == b'.' && (rest.get(end + 1) == Some(&b'.') || self.at(from + end - 1) == Some(b'.'));
            if !is_run(byte) || double {
                break;
            }
            end += 1;
        }
        from + end
    }

    #[inline]
    pub(super) fn at(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    #[inline]
    pub(super) fn before(&self, at: usize) -> Option<u8> {
        self.at(at.checked_sub(1)?)
    }

    /// Whether the text goes on so from here.
    #[inline]
    pub(super) fn goes_on(&self, from: usize, with: &[u8]) -> bool {
        self.text.get(from..).is_some_and(|rest| rest.starts_with(with))
    }

    /// Whether something was undone between these places.
    pub(super) fn was_defanged(&self, start: usize, end: usize) -> bool {
        match (self.origins.get(start), self.origins.get(end)) {
            (Some(from), Some(to)) => to - from != end - start,
            _ => false,
        }
    }

    /// Where a word begins that stands here: behind a letter that belongs to an escape (`\n`, `\u003c`) or to a byte that is
    /// percent-encoded (`%2F`).
    pub(super) fn word_start(&self, start: usize, end: usize) -> usize {
        let word = self.text.get(start..end).unwrap_or_default();
        match self.before(start) {
            Some(b'%') if matches!(word, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()) => start + 2,
            Some(b'\\') => {
                // An even number of them are backslashes that stand for themselves.
                let before = self.text.get(start.saturating_sub(16)..start).unwrap_or_default();
                if before.iter().rev().take_while(|&&byte| byte == b'\\').count().is_multiple_of(2) {
                    return start;
                }
                match word {
                    [b'n' | b'r' | b't', ..] => start + 1,
                    [b'u', digits @ ..]
                        if digits.iter().take(4).filter(|byte| byte.is_ascii_hexdigit()).count() == 4 =>
                    {
                        start + 5
                    }
                    _ => start,
                }
            }
            _ => start,
        }
    }

    /// The length of a network's prefix that stands here, with its slash.
    pub(super) fn prefix(&self, at: usize, longest: u8) -> Option<u8> {
        let rest = self.text.get(at..)?.strip_prefix(b"/")?;
        let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at_checked(digits)?;
        if digits.len() > 3 || (digits.len() > 1 && digits.starts_with(b"0")) {
            return None;
        }
        let number: u8 = str::from_utf8(digits).ok()?.parse().ok()?;
        let ends = match rest {
            [b'.'] => true,
            [b'.', byte, ..] => !is_run(*byte),
            [byte, ..] => !is_run(*byte) && *byte != b'/',
            [] => true,
        };
        (number <= longest && ends).then_some(number)
    }

    pub(super) fn found(&mut self, hit: Hit) -> ControlFlow<()> {
        self.done = hit.end;
        (self.sink)(hit)
    }

    pub(super) fn found_at(&mut self, kind: Kind, start: usize, end: usize) -> ControlFlow<()> {
        self.found(Hit { kind, start, end, prefix: None, rewritten: None })
    }
}

/// Colons of which an IPv6 address could be made: the second of a pair, and the sixth and later ones with no more than four bytes
/// between each and the one before.
#[inline]
fn six_anchors(colons: u64, before: u64) -> u64 {
    let pairs = colons & (colons << 1 | before >> 63);
    if colons.count_ones() + before.count_ones() < 6 {
        return pairs;
    }
    let all = u128::from(colons) << 64 | u128::from(before);
    let near = |mask: u128| all & (mask << 1 | mask << 2 | mask << 3 | mask << 4 | mask << 5);
    pairs | (near(near(near(near(near(all))))) >> 64) as u64
}
