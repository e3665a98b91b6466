//! Addresses looked up side by side.
//!
//! Each step of a look-up waits for memory, and the next one needs its answer. Taken one address after another the waits add up; taken
//! one step after another, for a group of addresses, they pass together.

use super::{CoverId, Intel};
use crate::geo::{Geo, Written};

/// An IPv4 address, and what is known of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ahead {
    bits: u32,
    pub(crate) cover: CoverId,
    pub(crate) cell: u32,
    pub(crate) written: Written,
}

impl Intel {
    /// Begins to look an address up: the first load is on its way while the line is read further.
    #[inline]
    pub(crate) fn begin(&self, bits: u32) -> Ahead {
        let cell = self.geo.as_ref().map_or(0, |geo| geo.ranges.root_v4(bits));
        Ahead { bits, cover: CoverId::NONE, cell, written: Written::default() }
    }

    /// Looks all of them up.
    pub(crate) fn look_ahead(&self, addresses: &mut [Ahead]) {
        if let Some(geo) = &self.geo {
            geo.look_ahead(addresses);
        }
        for address in addresses {
            address.cover = self.addresses.get_v4(address.bits);
        }
    }
}

impl Geo {
    fn look_ahead(&self, addresses: &mut [Ahead]) {
        for at in [8, 0] {
            for address in &mut *addresses {
                address.cell = self.ranges.step_v4(address.cell, (address.bits >> at) as u8);
            }
        }
        for address in addresses {
            address.written = self.written(address.cell);
        }
    }
}
