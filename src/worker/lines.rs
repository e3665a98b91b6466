//! Blocks of lines.

/// The lines of a block, without their ends.
#[derive(Clone, Copy)]
pub(super) struct Lines<'l> {
    pub(super) rest: &'l [u8],
}

impl<'l> Iterator for Lines<'l> {
    type Item = &'l [u8];

    #[inline]
    fn next(&mut self) -> Option<&'l [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line)
    }
}
