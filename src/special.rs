//! Special-use networks: addresses that belong to nobody in particular.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

use crate::ranges::Ranges;

/// `network  RFC  name`, a line each.
const TEXT: &str = include_str!("../data/special-use.txt");

/// The networks of `data/special-use.txt`.
pub(crate) fn networks() -> impl Iterator<Item = IpNet> {
    TEXT.lines().filter_map(|line| line.split('#').next()?.split_whitespace().next()?.parse().ok())
}

/// Whether the address is private, reserved, for documentation or otherwise not one of a host that could be located
/// (RFC 6890 and the IANA registries that followed).
pub(crate) fn is_special_use(address: IpAddr) -> bool {
    static TABLE: LazyLock<Ranges> = LazyLock::new(|| {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let mut nets: Vec<IpNet> = networks().collect();
        nets = IpNet::aggregate(&nets);
        nets.sort();
        for net in nets {
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits(), 1)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits(), 1)),
            }
        }
        Ranges::new(v4, v6)
    });
    TABLE.get(address) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_network() {
        let lines = TEXT.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
        assert_eq!(networks().count(), lines);
        for special in
            ["10.1.2.3", "192.168.0.1", "203.0.113.9", "0.1.2.3", "255.255.255.255", "fe80::1", "ff02::1", "::1"]
        {
            assert!(is_special_use(special.parse().unwrap()), "{special}");
        }
        for global in ["8.8.8.8", "192.0.0.9", "2001:4860::1", "172.32.0.1", "100.128.0.1"] {
            assert!(!is_special_use(global.parse().unwrap()), "{global}");
        }
    }
}
