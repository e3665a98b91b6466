//! Instants: texts of feeds and events to seconds since the epoch, UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Whatever a number of this size and above counts, it is not seconds: year 5138.
const MILLIS_FROM: i64 = 100_000_000_000;

/// The second that a cell of a feed names.
///
/// Reads RFC 3339 (the zone may be missing, which is UTC, or be written `+0000`), `2024-01-03`, `20240103`, `1/3/2024` (month first, with or
/// without a time of day), `2024-01`, and seconds or milliseconds since the epoch. A day or a month is its first second.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if text.contains('/') {
        return month_first(text);
    }
    if text.len() == 7 && text.get(4..5) == Some("-") {
        return utc(format!("{text}-01").parse().ok()?);
    }
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        let (year, day) = text.split_at_checked(4)?;
        let (month, day) = day.split_at_checked(2)?;
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        return utc(date.to_datetime(jiff::civil::Time::midnight()));
    }
    event_time(text)
}

/// The second of an event's time stamp, its fraction cut off. Allocates nothing, but for a date that does not exist.
///
/// Reads RFC 3339 with any fraction and zone (`Z`, `+01:00`, `+0000`, none for UTC), a day alone, and seconds since the epoch with
/// or without a fraction, or milliseconds.
pub(crate) fn event_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(seconds) = number(text).or_else(|| utc_second(text.as_bytes())) {
        return Some(seconds);
    }
    // jiff boxes its errors, so it is asked only for what looks like a date, and of its parsers only the right one.
    let (date, time) = text.split_at_checked(10)?;
    let is_date =
        date.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    if !is_date || text.len() > 64 {
        return None;
    }
    if time.contains(['+', '-', 'Z', 'z']) {
        let at: Timestamp = text.parse().ok()?;
        return Some(at.as_second() - i64::from(at.subsec_nanosecond() < 0));
    }
    utc(text.parse().ok()?)
}

/// As [`event_time`], of how nearly all are written: `2024-01-12T17:45:09.123Z`.
fn utc_second(text: &[u8]) -> Option<i64> {
    let (&[y, e, a, r, b'-', m, o, b'-', d, ay, b'T', h, ou, b':', mi, n, b':', s, ec], rest) =
        text.split_first_chunk()?
    else {
        return None;
    };
    let fraction = rest.strip_suffix(b"Z")?;
    let is_fraction = |digits: &[u8]| (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    if !fraction.is_empty() && !fraction.strip_prefix(b".").is_some_and(is_fraction) {
        return None;
    }
    let number = |digits: &[u8]| {
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
        digits.iter().try_fold(0, |number, byte| Some(10 * number + digit(byte)?))
    };
    let date = [number(&[y, e, a, r])?, number(&[m, o])?, number(&[d, ay])?];
    at(date, [number(&[h, ou])?, number(&[mi, n])?, number(&[s, ec])?], 0, 0).map(|(seconds, _)| seconds)
}

/// A second since the epoch and nanoseconds in it.
pub(crate) type Instant = (i64, i32);

/// The instant that a timestamp of RFC 3339 names, whole: of two versions of one object, the later is often the later by less
/// than a second.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    let at: Timestamp = text.trim().parse().ok()?;
    Some((at.as_second(), at.subsec_nanosecond()))
}

/// The instant of a number of seconds, with a fraction or without, or of milliseconds since the epoch.
pub(crate) fn since_epoch(text: &str) -> Option<Instant> {
    let seconds = number(text)?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let nanos = format!("{fraction:0<9}").get(..9).and_then(|nanos| nanos.parse().ok());
    Some((seconds, nanos.filter(|_| !fraction.is_empty()).unwrap_or(0)))
}

/// The instant of a date (year, month, day), a time of day (hours, minutes, seconds), a zone (seconds east of UTC) and nanoseconds;
/// `None` if there is no such. A leap second is the one before it.
pub(crate) fn at(date: [i64; 3], clock: [i64; 3], zone: i64, nanos: i32) -> Option<Instant> {
    let [year, month, day] = date;
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let [hours, minutes, seconds] = clock;
    let seconds = if seconds == 60 { 59 } else { seconds };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    // A day of UTC has 86,400 seconds.
    let midnight = utc(date.to_datetime(jiff::civil::Time::midnight()))?;
    Some((midnight + hours * 3600 + minutes * 60 + seconds - zone, nanos))
}

/// The year of a second since the epoch, UTC.
pub(crate) fn year_of(seconds: i64) -> Option<i64> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).year().into())
}

/// As RFC 3339, with as much of a fraction as there is.
pub(crate) fn written((seconds, nanos): Instant) -> Option<String> {
    Some(Timestamp::new(seconds, nanos).ok()?.to_string())
}

fn number(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // Four digits are a year, eight are a day written without hyphens.
    if !(9..=14).contains(&whole.len()) || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    Some(if number >= MILLIS_FROM { number / 1000 } else { number })
}

/// A length of time: `30d`, `12h`, `1w 2d`, `500ms`. A day has 24 hours; months and years have no length.
#[cfg(feature = "config")]
pub(crate) fn duration(text: &str) -> Option<std::time::Duration> {
    let span: jiff::Span = text.trim().parse().ok()?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

fn month_first(text: &str) -> Option<i64> {
    let (day, time) = text.split_once(' ').unwrap_or((text, ""));
    let mut parts = day.split('/');
    let (month, day, year) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    if parts.next().is_some() || year < 1970 {
        return None;
    }
    let date = Date::new(year, month, day).ok()?;
    let time = if time.is_empty() { jiff::civil::Time::midnight() } else { time.parse().ok()? };
    utc(date.to_datetime(time))
}

fn utc(at: DateTime) -> Option<i64> {
    TimeZone::UTC.to_timestamp(at).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_nearly_all_write_is_read_as_a_parser_does(
            text in "(19|20|00|99)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?Z",
        ) {
            let parsed: Option<Timestamp> = text.parse().ok();
            let second = parsed.map(|at| at.as_second() - i64::from(at.subsec_nanosecond() < 0));
            prop_assert_eq!(event_time(&text), second);
        }
    }

    #[cfg(feature = "config")]
    #[test]
    fn lengths_of_time() {
        let millis = |text: &str| duration(text).map(|duration| duration.as_millis());
        for (text, expected) in [
            ("30d", Some(2_592_000_000)),
            ("1w", Some(604_800_000)),
            ("12h 30m", Some(45_000_000)),
            ("90s", Some(90_000)),
            ("500ms", Some(500)),
            ("0s", Some(0)),
            ("1mo", None),
            ("-3d", None),
            ("30", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn a_month_is_its_first_day() {
        assert_eq!(seconds("2018-03"), Some(1_519_862_400));
        assert_eq!((seconds("2018-13"), event_time("2018-03")), (None, None));
        assert_eq!((seconds("20180324"), event_time("20180324")), (Some(1_521_849_600), None));
        assert_eq!((seconds("20181324"), seconds("2018032")), (None, None));
    }

    #[test]
    fn texts_and_their_seconds() {
        let cases = [
            ("2018-03-24T20:20:02.123456+0000", Some(1_521_922_802)),
            ("2018-03-24T20:20:02Z", Some(1_521_922_802)),
            ("2018-03-24 20:20:02", Some(1_521_922_802)),
            ("2018-03-24T20:20:02.5", Some(1_521_922_802)),
            ("2018-03-24T21:20:02+01:00", Some(1_521_922_802)),
            ("2018-03-24 20:20:02 UTC", Some(1_521_922_802)),
            ("1521922802", Some(1_521_922_802)),
            ("1521922802.123456", Some(1_521_922_802)),
            ("1521922802123", Some(1_521_922_802)),
            ("2018-03-24", Some(1_521_849_600)),
            ("3/1/2018", Some(1_519_862_400)),
            ("3/24/2018", Some(1_521_849_600)),
            ("3/24/2018 20:20:02", Some(1_521_922_802)),
            ("1969-12-31T23:59:59.5Z", Some(-1)),
            ("24/3/2018", None),
            ("2018-03-24T20:20:02 nowhere", None),
            ("2018", None),
            ("20180324T", None),
            ("", None),
            ("-", None),
            ("yesterday", None),
            ("2018-13-01", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), expected, "{text}");
            if !text.contains('/') && !text.contains("UTC") {
                assert_eq!(event_time(text), expected, "{text}");
            }
        }
    }
}
