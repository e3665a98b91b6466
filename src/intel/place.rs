//! Places: what covers a key, and what covers that which lies below it. Names and URLs have both.

use super::covers::{CoverId, Covers};
use super::table::Statement;

/// The covers of one entry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// What covers the key itself.
    pub(crate) own: CoverId,
    /// What covers that which lies below it: subdomains, longer paths.
    pub(crate) below: CoverId,
}

impl Place {
    /// Of what is said of the entry, in front of what its `parent` says.
    pub(crate) fn build(entry: u32, statements: &[Statement], parent: CoverId, covers: &mut Covers) -> Self {
        let said = |wide| statements.iter().filter(move |statement| statement.wide == wide).map(|s| s.said);
        let below = covers.add(entry, said(true), parent);
        let own = if said(false).next().is_some() {
            let below = covers.named(below, entry);
            covers.add(entry, said(false), below)
        } else {
            below
        };
        Self { own, below }
    }

    /// The cover as other places may stand in front of it, which knows the entry it belongs to.
    pub(crate) fn as_parent(&mut self, wide: bool, entry: u32, covers: &mut Covers) -> CoverId {
        let same = self.own == self.below;
        let id = covers.named(self.cover(wide), entry);
        if same || wide {
            self.below = id;
        }
        if same || !wide {
            self.own = id;
        }
        id
    }

    #[inline]
    pub(crate) fn cover(&self, wide: bool) -> CoverId {
        if wide { self.below } else { self.own }
    }
}
