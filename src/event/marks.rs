//! Where in a line a string can end: quotes, backslashes and control characters, found sixteen bytes at a time, one bit each.

use wide::u8x16;

/// One bit for each byte of a line. Kept from line to line for its memory.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    blocks: Vec<u64>,
}

impl Marks {
    pub(crate) fn read(&mut self, line: &[u8]) {
        let (blocks, rest) = line.as_chunks::<64>();
        self.blocks.clear();
        self.blocks.extend(blocks.iter().map(marks));
        let mut last = [b' '; 64];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.blocks.push(marks(&last));
    }

    /// The first mark at this place or behind it.
    #[inline]
    pub(crate) fn next(&self, at: usize) -> Option<usize> {
        let mut block = at / 64;
        let mut marks = self.blocks.get(block)? & (u64::MAX << (at % 64));
        while marks == 0 {
            block += 1;
            marks = *self.blocks.get(block)?;
        }
        Some(block * 64 + marks.trailing_zeros() as usize)
    }
}

#[inline]
fn marks(block: &[u8; 64]) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    quarters.iter().rev().fold(0, |marks, quarter| {
        let bytes = u8x16::new(*quarter);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let special = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control;
        marks << 16 | u64::from(special.to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_looking_at_each_byte() {
        let mut marks = Marks::default();
        for length in [0, 1, 15, 16, 63, 64, 65, 200] {
            let line: Vec<u8> = (0..length).map(|at| (at * 37 % 256) as u8).collect();
            marks.read(&line);
            for at in 0..=length {
                let slow = line[at..].iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).map(|more| at + more);
                assert_eq!(marks.next(at), slow, "{at} of {length}");
            }
        }
    }
}
