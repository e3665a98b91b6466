//! The search tree of an `.mmdb` database, walked in a bounded number of steps.
//!
//! The reader's own iterator leaves aliases out in silence; in a tree made for it, 2^96 of them: it would never come back. This walk
//! counts every step.

/// Leaves that a tree may have for each of its nodes. A tree has one more leaf than nodes; one that shares parts can have more,
/// one made to keep us busy has 2^128.
const LEAVES_PER_NODE: usize = 8;

/// The data section begins so many bytes behind the tree, and pointers count from there.
const SEPARATOR: usize = 16;

/// A search tree in the bytes of its database.
pub(super) struct Tree<'b> {
    pub(super) bytes: &'b [u8],
    /// Nodes.
    pub(super) count: usize,
    /// Bits of a record, half a node: 24, 28 or 32.
    pub(super) record_size: usize,
    /// Bits of an address: 32 or 128.
    pub(super) depth: u32,
}

impl Tree<'_> {
    /// Calls `found` with the first address, the prefix length and the data offset of each network, in order of address. Bits of an
    /// address count from the top of the number, for IPv4 too. Places where an IPv6 tree leads to its IPv4 part again are left out.
    ///
    /// # Errors
    ///
    /// What is wrong with the tree.
    pub(super) fn walk(&self, mut found: impl FnMut(u128, u32, usize)) -> Result<(), &'static str> {
        let ipv4 = self.ipv4();
        let mut steps = self.count.saturating_mul(2 * LEAVES_PER_NODE);
        let mut stack = vec![(0_usize, 0_u128, 0_u32)];
        while let Some((node, address, length)) = stack.pop() {
            steps = steps.checked_sub(1).ok_or("the search tree has no end")?;
            if node == self.count || (Some(node) == ipv4 && address >> 32 != 0) {
                continue;
            }
            if let Some(pointer) = node.checked_sub(self.count) {
                let offset =
                    pointer.checked_sub(SEPARATOR).ok_or("a record of the search tree points into the separator")?;
                found(address, length, offset);
                continue;
            }
            if length == self.depth {
                return Err("the search tree is deeper than an address");
            }
            let (left, right) = self.node(node).ok_or("the search tree is cut off")?;
            stack.push((right, address | 1 << (127 - length), length + 1));
            stack.push((left, address, length + 1));
        }
        Ok(())
    }

    /// The node of ::/96, where an IPv6 tree keeps IPv4.
    fn ipv4(&self) -> Option<usize> {
        let mut node = 0;
        for _ in 0..96 {
            node = self.node(node)?.0;
        }
        (self.depth == 128 && node < self.count).then_some(node)
    }

    fn node(&self, node: usize) -> Option<(usize, usize)> {
        let size = self.record_size / 4;
        let at = node.checked_mul(size).filter(|_| node < self.count)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte));
        match *self.bytes.get(at..at.checked_add(size)?)? {
            // 28 bits: the middle byte holds the top of both.
            [a, b, c, middle, d, e, f] => Some((number(&[middle >> 4, a, b, c]), number(&[middle & 15, d, e, f]))),
            ref sides => {
                let (left, right) = sides.split_at(size / 2);
                Some((number(left), number(right)))
            }
        }
    }
}
