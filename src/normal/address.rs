//! IP addresses: a dotted quad without branches on its digits, all else by the standard library.

use super::NotObservable;
use crate::swar::{HIGH, equal, within};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest text read as an address, in bytes: the longest IPv6 address, brackets, port, and room for a zone's name.
const LONGEST: usize = 128;

/// The address that the text says.
///
/// Brackets (`[::1]`, `[::1]:443`, `[192.0.2.1]`), a zone (`fe80::1%eth0`), the port of an IPv4 address (`192.0.2.1:80`) and
/// surrounding ASCII white space are taken off; an IPv4-mapped IPv6 address becomes the IPv4 address. A bare IPv6 address with
/// a port cannot be told from a longer address: it is read as the latter. Dotted quads with leading zeros are refused, since
/// readers disagree on whether they are octal. Does not allocate.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 128 bytes, [`NotObservable::NotAnAddress`].
#[inline]
pub(crate) fn address(text: &str) -> Result<IpAddr, NotObservable> {
    match v4_fast(text.as_bytes()) {
        Some(bits) => Ok(IpAddr::V4(Ipv4Addr::from_bits(bits))),
        None => decorated(text),
    }
}

/// The IPv4 address that the bytes are in dotted decimal, exactly as `Ipv4Addr::from_str` has it, as a number whose highest
/// byte is the first octet.
///
/// Nothing here branches on where the dots are: in traffic the lengths of octets cannot be predicted.
#[inline]
pub(crate) fn v4_fast(text: &[u8]) -> Option<u32> {
    let length = text.len();
    // Two loads that overlap cover the text; where they do, they agree, so they can be laid over each other.
    let (word, sound) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) if length <= 15 => {
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            (u128::from(first) | u128::from(last) << (8 * (length - 8)), quad_bytes(first) & quad_bytes(last))
        }
        (None, None) if length == 7 => {
            let (first, last) = (text.first_chunk::<4>()?, text.last_chunk::<4>()?);
            let (first, last) = (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
            (u128::from(first | last << 24), quad_bytes(first | last << 32))
        }
        _ => return None,
    };
    if sound != HIGH {
        return None;
    }

    // Among digits, dots and the zeros after the end, only a dot has bit 5 and lacks bit 4.
    let dots = !word & (word >> 1) & (u128::MAX / 0xff * 0x10);
    let after_first = dots & dots.wrapping_sub(1);
    let after_second = after_first & after_first.wrapping_sub(1);
    if after_second == 0 || after_second & (after_second - 1) != 0 {
        return None;
    }
    let ends = [
        dots.trailing_zeros() / 8,
        after_first.trailing_zeros() / 8,
        after_second.trailing_zeros() / 8,
        // At most 15, checked above.
        length as u32,
    ];

    let mut start = 0;
    let mut address = 0;
    let mut sound = true;
    for end in ends {
        let digits = end.wrapping_sub(start);
        sound &= digits.wrapping_sub(1) < 3;
        // One digit a byte, the last one lowest: digits compare as the number does.
        let octet = ((word >> (8 * (start & 15))) as u32).swap_bytes() >> (32 - 8 * digits.clamp(1, 3)) & 0x000f_0f0f;
        let least = (1 << (8 * (digits.clamp(1, 3) - 1))) & !1;
        sound &= octet >= least && octet <= 0x0002_0505;
        address = address << 8 | ((octet >> 16) * 100 + (octet >> 8 & 0xff) * 10 + (octet & 0xff));
        start = end + 1;
    }
    sound.then_some(address)
}

/// Which bytes can stand in a dotted quad.
fn quad_bytes(word: u64) -> u64 {
    within(word, b'.', b'9') & !equal(word, b'/')
}

#[inline(never)]
fn decorated(text: &str) -> Result<IpAddr, NotObservable> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(NotObservable::Empty);
    }
    if text.len() > LONGEST {
        return Err(NotObservable::TooLong);
    }
    let found = if let Some(inside) = text.strip_prefix('[') {
        match inside.split_once(']') {
            Some((inside, "")) => bare(inside),
            Some((inside, after)) if after.strip_prefix(':').is_some_and(is_port) => bare(inside),
            _ => None,
        }
    } else {
        bare(text).or_else(|| match text.split_once(':') {
            Some((quad, port)) if is_port(port) => v4(quad),
            _ => None,
        })
    };
    found.ok_or(NotObservable::NotAnAddress)
}

fn bare(text: &str) -> Option<IpAddr> {
    if let Some(address) = v4(text) {
        return Some(address);
    }
    let address = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_graphic()) => address,
        Some(_) => return None,
        None => text,
    };
    address.parse::<Ipv6Addr>().ok().map(|address| address.to_canonical())
}

fn v4(text: &str) -> Option<IpAddr> {
    v4_fast(text.as_bytes()).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        address(text).map_or_else(|error| format!("{error:?}"), |address| address.to_string())
    }

    #[test]
    fn takes_off_decorations() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1\t", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[192.0.2.1]", "192.0.2.1"),
            ("[192.0.2.1]:65535", "192.0.2.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:443", "::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:22", "fe80::1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::FFFF:c000:201]:80", "192.0.2.1"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "-",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "1.2.3.4:",
            "1.2.3.4:65536",
            "1.2.3.4:+80",
            "1.2.3.4/32",
            "1..3.4",
            "1.2.3.",
            ".1.2.3",
            "1.2.3.4%eth0",
            "[::1",
            "::1]",
            "[::1]443",
            "[::1]:",
            "fe80::1%",
            "fe80::1%a b",
            "evil.example",
            "1.2.3.\u{664}",
            "[]",
            "[[::1]]",
        ] {
            assert_eq!(read(text), "NotAnAddress", "{text}");
        }
        assert_eq!(read(""), "Empty");
        assert_eq!(read(" \n"), "Empty");
        assert_eq!(read(&format!("fe80::1%{}", "x".repeat(200))), "TooLong");
    }

    #[test]
    fn every_octet_reads_as_std_has_it() {
        for octet in 0..=1200 {
            for text in [
                format!("{octet}.2.33.4"),
                format!("1.{octet}.3.244"),
                format!("1.2.{octet}.4"),
                format!("1.2.3.{octet}"),
            ] {
                assert_eq!(v4_fast(text.as_bytes()), text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits), "{text}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn quads_read_as_std_has_them(text in prop_oneof![
            "[0-9.]{5,17}", "[0-3]?[0-9]{1,2}(\\.[0-2]?[0-9]{1,2}){3}", "[0-9]{1,3}(\\.[0-9./:]{1,3}){3}", "\\PC{0,16}",
        ]) {
            prop_assert_eq!(v4_fast(text.as_bytes()), text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits));
        }

        #[test]
        fn bytes_outside_utf8_are_refused(mut text in proptest::collection::vec(any::<u8>(), 7..16), at in 0usize..7) {
            text[at] |= 0x80;
            prop_assert_eq!(v4_fast(&text), None);
        }

        #[test]
        fn every_address_reads_back(bits: u32, six: u128, port: u16) {
            let (four, six) = (Ipv4Addr::from_bits(bits), Ipv6Addr::from_bits(six));
            prop_assert_eq!(address(&four.to_string()), Ok(IpAddr::V4(four)));
            prop_assert_eq!(address(&format!("{four}:{port}")), Ok(IpAddr::V4(four)));
            prop_assert_eq!(address(&format!("[{six}]:{port}")), Ok(six.to_canonical()));
            prop_assert_eq!(address(&four.to_ipv6_mapped().to_string()), Ok(IpAddr::V4(four)));
        }

        #[test]
        fn never_panics(text in "\\PC{0,60}|[0-9a-f:.%\\[\\]]{0,50}") {
            if let Ok(found) = address(&text) {
                prop_assert_eq!(address(&found.to_string()), Ok(found));
            }
        }
    }
}
