//! IP addresses: a dotted quad without branches on its digits, all else by the standard library.

use super::NotObservable;
use crate::swar::{HIGH, equal, splat, within};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest text read as an address, in bytes: the longest IPv6 address, brackets, port, and room for a zone's name.
const LONGEST: usize = 128;

/// The bit that each digit has and a dot lacks.
const DIGIT: u64 = splat(0x10);

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

/// The address as its normal form is written, as `to_string` does for several times the price.
pub(crate) fn write_address(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (octet, at) in address.octets().into_iter().zip(0..) {
        if at > 0 {
            text.push('.');
        }
        for (part, least) in [(octet / 100, 100), (octet / 10 % 10, 10), (octet % 10, 0)] {
            if octet >= least {
                text.push((b'0' + part).into());
            }
        }
    }
    text
}

/// The IPv4 address that the bytes are in dotted decimal, exactly as `Ipv4Addr::from_str` has it, as a number whose highest
/// byte is the first octet.
///
/// The first two octets and their dots always lie in the first eight bytes, the last two in the last eight. Nothing here
/// branches on where the dots are: in traffic the lengths of octets cannot be predicted.
#[inline]
pub(crate) fn v4_fast(text: &[u8]) -> Option<u32> {
    let length = text.len();
    let (left, right) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) if length <= 15 => (u64::from_le_bytes(*first), u64::from_be_bytes(*last)),
        (None, None) if length == 7 => {
            // Two loads that overlap in a byte, and a digit where the eighth byte would be.
            let (first, last) = (text.first_chunk::<4>()?, text.last_chunk::<4>()?);
            let seven = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 24;
            (seven | u64::from(b'0') << 56, (seven << 8 | u64::from(b'0')).swap_bytes())
        }
        _ => return None,
    };
    if quad_bytes(left) & quad_bytes(right) != HIGH {
        return None;
    }

    // On the left the first byte of the text is lowest, on the right the last one. Among digits and dots only dots lack
    // bit 4. The bit on top stands for a dot that is missing: it is too far away to pass below.
    let left_dots = (!left & DIGIT) | 1 << 63;
    let left_rest = (left_dots & (left_dots - 1)) | 1 << 63;
    let right_dots = (!right & DIGIT) | 1 << 63;
    let right_rest = (right_dots & (right_dots - 1)) | 1 << 63;
    let (first, second) = (left_dots.trailing_zeros(), left_rest.trailing_zeros());
    let (fourth, third) = (right_dots.trailing_zeros(), right_rest.trailing_zeros());
    // Each octet has one to three digits, and both sides mean the same dot by the one in the middle.
    let apart = |from: u32, to: u32| to.wrapping_sub(from).wrapping_sub(16) <= 16;
    if !(apart(0, first + 4) & apart(first, second) & apart(0, fourth + 4) & apart(fourth, third))
        || (second + third) as usize != 8 * length
    {
        return None;
    }

    // How many bits the digits of each octet take.
    let (first_bits, second_bits) = (first - 4, second - first - 8);
    let (third_bits, fourth_bits) = (third - fourth - 8, fourth - 4);
    let upper = two_octets(
        ((left << (64 - first_bits)).swap_bytes(), first_bits),
        ((left >> (first + 4) << (64 - second_bits)).swap_bytes(), second_bits),
    )?;
    let lower = two_octets(
        (right >> (fourth + 4) & ((1 << third_bits) - 1), third_bits),
        (right & ((1 << fourth_bits) - 1), fourth_bits),
    )?;
    Some(upper << 16 | lower)
}

/// The values of two octets, each given as its digits, the last one in the lowest byte, and how many bits they take.
#[inline]
fn two_octets((high, high_bits): (u64, u32), (low, low_bits): (u64, u32)) -> Option<u32> {
    const LANES: u64 = 1 << 32 | 1;
    const TOP: u64 = 0x8000_0000 * LANES;
    // With one digit a byte, words compare as the numbers do.
    let digits = (high & 0x000f_0f0f) << 32 | (low & 0x000f_0f0f);
    let over_255 = digits + (0x8000_0000 - 0x0002_0506) * LANES;
    // The least word without a leading zero: for one digit 0, for two 0x0100, for three 0x01_0000.
    let least = ((1 << high_bits >> 8) & !1) << 32 | ((1 << low_bits >> 8) & !1);
    let reached = (digits | TOP) - least;
    if reached & !over_255 & TOP != TOP {
        return None;
    }
    let digit = |place: u32| digits >> (8 * place) & (0x0f * LANES);
    let values = digit(0) + 10 * digit(1) + 100 * digit(2);
    Some((values >> 32 << 8 | values & 0xff) as u32)
}

/// Which bytes can stand in a dotted quad.
#[inline]
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
        #[test]
        fn is_written_as_the_standard_library_does(bits in prop_oneof![any::<u32>(), 0..300u32]) {
            for address in [IpAddr::V4(bits.into()), IpAddr::V6(Ipv6Addr::from_bits(bits.into()))] {
                prop_assert_eq!(write_address(address), address.to_string());
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
