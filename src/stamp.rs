//! Time stamps at the head of raw lines.

use crate::time::{self, Instant};

/// Further into a line no time is looked for.
const HEAD: usize = 512;

/// More than so many seconds ahead of the clock, a date without a year is one of last year: hosts whose clocks differ, or zones.
const AHEAD: i64 = 86_400;

/// The instant that a line names as its own.
///
/// | line | |
/// |---|---|
/// | `<34>1 2003-10-11T22:14:15.003Z host …` | RFC 5424, section 6.2.3 |
/// | `<34>Oct 11 22:14:15 host …`, `Oct 11 22:14:15 host …` | RFC 3164, section 4.1.2: UTC, the year by `clock` |
/// | `<34>Oct 11 2003 22:14:15 host …` | as Cisco writes it |
/// | `2003-10-11T22:14:15Z …`, `2003-10-11 22:14:15,003 …`, `2003/10/11 22:14:15 …` | ISO 8601, and as loggers and nginx write it |
/// | `1065910455.003 …` | seconds or milliseconds since the epoch |
/// | `… [11/Oct/2003:22:14:15 +0000] …` | access logs: the first one of that form |
pub(crate) fn read(line: &[u8], clock: Option<i64>) -> Option<Instant> {
    let head = line.get(..HEAD).unwrap_or(line).trim_ascii_start();
    let rest = without_priority(head);
    begins_with_date(rest).or_else(|| month_first(rest, clock)).or_else(|| in_brackets(head))
}

/// Behind `<34>`, and behind the `1 ` of RFC 5424.
fn without_priority(head: &[u8]) -> &[u8] {
    let Some(rest) = head.strip_prefix(b"<") else { return head };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match rest.get(digits..) {
        Some([b'>', b'1', b' ', rest @ ..]) if (1..=3).contains(&digits) => rest,
        Some([b'>', rest @ ..]) if (1..=3).contains(&digits) => rest.trim_ascii_start(),
        _ => head,
    }
}

/// ISO 8601, or a number.
fn begins_with_date(text: &[u8]) -> Option<Instant> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    if let Some((year, rest)) = digits(text, 4)
        && let Some(separator @ (b'-' | b'/')) = rest.first()
    {
        let (month, rest) = digits(rest.get(1..)?, 2)?;
        let (day, rest) = digits(rest.strip_prefix(&[*separator])?, 2)?;
        let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b"t")).or_else(|| rest.strip_prefix(b" "))?;
        let (clock, nanos, rest) = clock(rest)?;
        return time::at([year, month, day], clock, zone(rest).unwrap_or(0), nanos);
    }
    let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len());
    // What goes on behind it is no number: an address, a version.
    let stands_alone = text.get(end).is_none_or(|byte| matches!(byte, b' ' | b'\t' | b',' | b';' | b'|'));
    let number = std::str::from_utf8(text.get(..end)?).ok().filter(|number| number.len() >= 10 && stands_alone)?;
    time::since_epoch(number)
}

/// `Oct 11 22:14:15`, or with a year before the time.
fn month_first(text: &[u8], now: Option<i64>) -> Option<Instant> {
    let month = month(text)?;
    let rest = text.get(3..)?.strip_prefix(b" ")?.trim_ascii_start();
    let (day, rest) = digits(rest, 2).or_else(|| digits(rest, 1))?;
    let rest = rest.strip_prefix(b" ")?;
    if let Some((year, rest)) = digits(rest, 4) {
        let (clock, nanos, rest) = clock(rest.strip_prefix(b" ")?)?;
        return time::at([year, month, day], clock, zone(rest).unwrap_or(0), nanos);
    }
    let (clock, nanos, _) = clock(rest)?;
    let now = now?;
    let year = time::year_of(now)?;
    let of = |year| time::at([year, month, day], clock, 0, nanos);
    // The 29th of February is in few years; of those that have the day, the last one that is not ahead.
    (0..=8).filter_map(|back| of(year - back)).find(|(seconds, _)| *seconds <= now.saturating_add(AHEAD))
}

/// `[11/Oct/2003:22:14:15 +0000]`.
fn in_brackets(head: &[u8]) -> Option<Instant> {
    memchr::memchr_iter(b'[', head).find_map(|open| {
        let (day, rest) = digits(head.get(open + 1..)?, 2)?;
        let rest = rest.strip_prefix(b"/")?;
        let month = month(rest)?;
        let (year, rest) = digits(rest.get(3..)?.strip_prefix(b"/")?, 4)?;
        let (clock, nanos, rest) = clock(rest.strip_prefix(b":")?)?;
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        time::at([year, month, day], clock, zone(rest).unwrap_or(0), nanos)
    })
}

/// `22:14:15` with an optional fraction: hours, minutes, seconds; nanoseconds; and what stands behind.
fn clock(text: &[u8]) -> Option<([i64; 3], i32, &[u8])> {
    let (hours, rest) = digits(text, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (seconds, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let [b'.' | b',', fraction @ ..] = rest else { return Some(([hours, minutes, seconds], 0, rest)) };
    let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Some(([hours, minutes, seconds], 0, rest));
    }
    let digit = |at: usize| fraction.get(at).filter(|_| at < length).map_or(0, |byte| i32::from(byte - b'0'));
    let nanos = (0..9).fold(0, |nanos, at| nanos * 10 + digit(at));
    Some(([hours, minutes, seconds], nanos, fraction.get(length..)?))
}

/// Seconds east of UTC: `Z`, `+01:00`, `-0700`.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match digits(rest, 4) {
        Some((both, _)) => (both / 100, both % 100),
        None => {
            let (hours, rest) = digits(rest, 2)?;
            (hours, digits(rest.strip_prefix(b":")?, 2)?.0)
        }
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// The number of the month at the beginning of the text, as RFC 3164 abbreviates it.
fn month(text: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let name = text.first_chunk::<3>()?;
    Some(MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? as i64 + 1)
}

/// A number of exactly so many digits, and what stands behind.
fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    if rest.first().is_some_and(u8::is_ascii_digit) || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((number.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-02T00:00:00Z.
    const NOW: i64 = 1_704_153_600;

    fn second(line: &str) -> Option<i64> {
        read(line.as_bytes(), Some(NOW)).map(|(seconds, _)| seconds)
    }

    #[test]
    fn the_time_of_a_line() {
        let at = Some(1_065_910_455); // 2003-10-11T22:14:15Z
        for (line, expected) in [
            ("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed", at),
            ("<165>1 2003-10-11T15:14:15.000003-07:00 192.0.2.1 myproc 8710 - - x", at),
            ("<165>1 - host app - - - no time", None),
            ("<34>Oct 11 2003 22:14:15: %ASA-6-302013: Built", at),
            ("2003-10-11T22:14:15Z x", at),
            ("2003-10-11 22:14:15,003 INFO x", at),
            ("2003/10/11 22:14:15 [error] 7#7: x", at),
            ("2003-10-11T22:14:15+0200 x", at.map(|at| at - 7200)),
            ("1065910455.003\tCx\t192.0.2.1", at),
            ("1065910455 TCP_MISS", at),
            ("1065910455003 x", at),
            (r#"192.0.2.1 - - [11/Oct/2003:22:14:15 +0000] "GET / HTTP/1.1""#, at),
            (r#"192.0.2.1 - - [11/Oct/2003:15:14:15 -0700] "GET / HTTP/1.1""#, at),
            ("[app] [pid 7] [11/Oct/2003:22:14:15] x", at),
            // Without a year: the last one that is not ahead of the clock.
            ("<34>Jan  1 00:00:00 host su: x", Some(1_704_067_200)),
            ("Jan  2 12:00:00 host x", Some(NOW + 43_200)),
            ("Dec 31 23:59:59 host x", Some(1_704_067_199)),
            ("Jan 5 00:00:00 host x", Some(1_672_876_800)),
            ("Feb 29 00:00:00 host x", Some(1_582_934_400)),
            ("Feb 30 00:00:00 host x", None),
            ("Oct 11 25:14:15 host x", None),
            ("10.0.0.1 is no number of seconds", None),
            ("10659104550000000000 x", None),
            ("<9999>Oct 11 2003 22:14:15 x", None),
            ("March hares", None),
            ("[", None),
            ("", None),
        ] {
            assert_eq!(second(line), expected, "{line}");
        }
    }

    #[test]
    fn without_a_clock_a_date_without_a_year_is_none() {
        assert_eq!(read(b"Oct 11 22:14:15 host x", None), None);
        assert_eq!(read(b"<1>1 2003-10-11T22:14:15.003Z x", None), Some((1_065_910_455, 3_000_000)));
    }

    #[test]
    fn any_bytes_are_read() {
        let line = b"<34>1 2003-10-11T22:14:15.003-07:00 [11/Oct/2003:22:14:15 +0000] Oct 11 22:14:15";
        for at in 0..line.len() {
            for byte in [0, b' ', b'<', b'9', b'-', 0xff] {
                let mut other = *line;
                other[at] = byte;
                let _ = read(&other, Some(i64::MAX));
                let _ = read(&other[at..], Some(i64::MIN));
                let _ = read(&other[..at], Some(NOW));
            }
        }
    }
}
