//! Writes small `.mmdb` databases, good and bad, for tests that must not depend on files.

use ipnet::IpNet;
use serde_json::Value;

/// A database of 32-bit records; IPv4 networks go under ::/96 if any network is IPv6. Later networks cut earlier ones.
pub(crate) fn database(networks: &[(&str, Value)]) -> Vec<u8> {
    let networks: Vec<(IpNet, &Value)> = networks.iter().map(|(net, value)| (net.parse().unwrap(), value)).collect();
    let six = networks.iter().any(|(net, _)| matches!(net, IpNet::V6(_)));
    let mut data = Vec::new();
    // A node's side: nothing, a node, or an offset in the data.
    let mut nodes = vec![[Side::Nothing; 2]];
    for (net, value) in networks {
        let offset = data.len() as u32;
        encode(value, &mut data);
        let (bits, length) = match net {
            IpNet::V4(net) if six => (u128::from(net.network().to_bits()), 96 + u32::from(net.prefix_len())),
            IpNet::V4(net) => (u128::from(net.network().to_bits()) << 96, u32::from(net.prefix_len())),
            IpNet::V6(net) => (net.network().to_bits(), u32::from(net.prefix_len())),
        };
        let mut node = 0;
        for depth in 0..length {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                nodes[node][side] = Side::Data(offset);
                break;
            }
            node = match nodes[node][side] {
                Side::Node(next) => next as usize,
                leaf => {
                    nodes.push([leaf; 2]);
                    nodes[node][side] = Side::Node(nodes.len() as u32 - 1);
                    nodes.len() - 1
                }
            };
        }
    }
    let count = nodes.len() as u32;
    let sides: Vec<[u32; 2]> = nodes.into_iter().map(|sides| sides.map(|side| side.record(count))).collect();
    assemble(&sides, &data, if six { 6 } else { 4 })
}

/// A tree as given, 32-bit records: below the count of nodes a node, equal to it nothing, from 16 above it data.
pub(crate) fn assemble(nodes: &[[u32; 2]], data: &[u8], ip_version: u16) -> Vec<u8> {
    let mut out: Vec<u8> = nodes.iter().flatten().flat_map(|side| side.to_be_bytes()).collect();
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = serde_json::json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_700_000_000,
        "database_type": "Test", "description": {"en": "test"}, "ip_version": ip_version, "languages": ["en"],
        "node_count": nodes.len(), "record_size": 32,
    });
    encode(&metadata, &mut out);
    out
}

#[derive(Clone, Copy)]
enum Side {
    Nothing,
    Node(u32),
    Data(u32),
}

impl Side {
    fn record(self, count: u32) -> u32 {
        match self {
            Self::Nothing => count,
            Self::Node(node) => node,
            Self::Data(offset) => count + 16 + offset,
        }
    }
}

/// One value of the data section: MaxMind DB specification, "Data Field Format".
pub(crate) fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => header(7, 0, out),
        Value::Bool(set) => header(14, usize::from(*set), out),
        Value::Number(number) => match number.as_u64() {
            Some(number) => {
                let bytes = number.to_be_bytes();
                let used = &bytes[number.leading_zeros() as usize / 8..];
                let kind = if used.len() > 4 {
                    9
                } else if used.len() > 2 {
                    6
                } else {
                    5
                };
                header(kind, used.len(), out);
                out.extend(used);
            }
            None => {
                header(3, 8, out);
                out.extend(number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::String(text) => {
            header(2, text.len(), out);
            out.extend(text.bytes());
        }
        Value::Array(values) => {
            header(11, values.len(), out);
            values.iter().for_each(|value| encode(value, out));
        }
        Value::Object(map) => {
            header(7, map.len(), out);
            for (key, value) in map {
                header(2, key.len(), out);
                out.extend(key.bytes());
                match (key.as_str(), value.as_u64()) {
                    // The two numbers of the metadata that have a width of their own, however small.
                    ("node_count", Some(number)) => {
                        header(6, 4, out);
                        out.extend((number as u32).to_be_bytes());
                    }
                    ("build_epoch", Some(number)) => {
                        header(9, 8, out);
                        out.extend(number.to_be_bytes());
                    }
                    _ => encode(value, out),
                }
            }
        }
    }
}

fn header(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (short, more): (u8, Vec<u8>) = match size {
        0..29 => (size as u8, vec![]),
        29..285 => (29, vec![(size - 29) as u8]),
        285..65_821 => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
        _ => (31, ((size - 65_821) as u32).to_be_bytes()[1..].to_vec()),
    };
    match kind {
        1..8 => out.push(kind << 5 | short),
        _ => out.extend([short, kind - 7]),
    }
    out.extend(more);
}
