//! Eight bytes in a word, tested at once. Every answer is a mask with the high bit of each byte that passes.

/// The high bit of each byte.
pub(crate) const HIGH: u64 = splat(0x80);

/// The byte in all eight places.
pub(crate) const fn splat(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// Which bytes of `word` lie in `from..=to`. Both ends must be ASCII, `from` above zero; bytes outside ASCII never pass.
pub(crate) const fn within(word: u64, from: u8, to: u8) -> u64 {
    // Bytes are cut to seven bits, so that no sum carries into its neighbour.
    let low = word & !HIGH;
    let reached = low + splat(0x80 - from);
    let passed = low + splat(0x7f - to);
    reached & !passed & !word & HIGH
}

/// Which bytes of `word` are `byte`, which must be ASCII.
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    // 0x80 less a seven-bit number keeps its high bit only for zero, and never borrows from its neighbour.
    (HIGH - ((word ^ splat(byte)) & !HIGH)) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_comparing_bytes_one_by_one() {
        for a in 0..=u8::MAX {
            for b in [0, 1, b'-', b'.', b'/', b'0', b'9', b'`', b'a', b'z', 0x7f, 0x80, 0xff] {
                let bytes = [a, b, b, a, b, a, a, b];
                let word = u64::from_le_bytes(bytes);
                let mask = |test: &dyn Fn(u8) -> bool| u64::from_le_bytes(bytes.map(|byte| u8::from(test(byte)) << 7));
                assert_eq!(within(word, b'0', b'9'), mask(&|byte| byte.is_ascii_digit()), "{bytes:?}");
                assert_eq!(within(word, 1, 0x7f), mask(&|byte| (1..0x80).contains(&byte)), "{bytes:?}");
                assert_eq!(equal(word, b'.'), mask(&|byte| byte == b'.'), "{bytes:?}");
                assert_eq!(equal(word, 0), mask(&|byte| byte == 0), "{bytes:?}");
            }
        }
    }
}
