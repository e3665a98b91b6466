//! Values that look like those of logs and feeds.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::random::Random;

const SYLLABLES: [&str; 24] = [
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "wi", "xo",
    "ya", "ze", "stra", "len", "mor",
];
const ENDS: [&str; 12] = ["com", "com", "com", "net", "org", "io", "dev", "info", "top", "xyz", "ru", "de"];
const BELOW: [&str; 12] =
    ["www", "www", "mail", "cdn", "api", "static", "img", "login", "update", "m", "assets", "ns1"];

/// Of a host that could be anywhere: no special use among the first octets.
pub(crate) fn address_v4(random: &mut Random) -> Ipv4Addr {
    loop {
        let address = random.next() as u32;
        if matches!(address >> 24, 1..=9 | 11..=99 | 101..=126 | 128..=168 | 170..=171 | 173..=191 | 193..=197 | 199..=202 | 204..=223)
        {
            return address.into();
        }
    }
}

pub(crate) fn address_v6(random: &mut Random) -> Ipv6Addr {
    let first = [0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00][random.below(5) as usize] + random.below(16);
    let high = first << 48 | random.below(1 << 32) << 16 | random.below(1 << 4);
    Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(random.next()))
}

pub(crate) fn ipv4(random: &mut Random) -> String {
    address_v4(random).to_string()
}

pub(crate) fn ipv6(random: &mut Random) -> String {
    address_v6(random).to_string()
}

fn word(random: &mut Random, syllables: u64, out: &mut String) {
    for _ in 0..syllables {
        out.push_str(random.pick(&SYLLABLES));
    }
}

/// A name as it is registered.
pub(crate) fn name(random: &mut Random) -> String {
    let mut name = String::new();
    let syllables = 4 + random.below(3);
    word(random, syllables, &mut name);
    if random.below(8) == 0 {
        let _ = write!(name, "{}", random.below(100));
    }
    name.push('.');
    name.push_str(random.pick(&ENDS));
    name
}

/// A name as it is asked for: with up to three labels below the registered one, which has a hyphen, as no indicator has: it misses.
pub(crate) fn host(random: &mut Random) -> String {
    let mut host = String::new();
    for _ in 0..[0, 1, 1, 1, 2, 2, 3][random.below(7) as usize] {
        match random.below(3) {
            0 => word(random, 3, &mut host),
            _ => host.push_str(random.pick(&BELOW)),
        }
        host.push('.');
    }
    word(random, 2, &mut host);
    host.push('-');
    host + &name(random)
}

/// The name, or in one of three cases a name below it.
pub(crate) fn below(name: &str, random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("{}.{name}", random.pick(&BELOW)),
        _ => name.to_owned(),
    }
}

pub(crate) fn url(random: &mut Random) -> String {
    let mut url = String::from(if random.below(3) == 0 { "http://" } else { "https://" });
    url += &host(random);
    for _ in 0..1 + random.below(3) {
        url.push('/');
        let syllables = 2 + random.below(3);
        word(random, syllables, &mut url);
    }
    match random.below(4) {
        0 => url.push_str(".php"),
        1 => drop(write!(url, "?id={}", random.below(1_000_000))),
        _ => {}
    }
    url
}

pub(crate) fn sha256(random: &mut Random) -> String {
    let mut digest = String::with_capacity(64);
    for _ in 0..4 {
        let _ = write!(digest, "{:016x}", random.next());
    }
    digest
}

/// Words with blanks between them, of at least so many bytes.
pub(crate) fn prose(random: &mut Random, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        let syllables = 1 + random.below(4);
        word(random, syllables, &mut text);
        text.push(' ');
    }
    text
}
