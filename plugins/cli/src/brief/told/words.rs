//! How numbers, times and shares are written.

use jiff::Timestamp;

/// With a comma between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A part of a whole, in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    match part as f64 * 100.0 / whole.max(1) as f64 {
        0.0 => "0 %".to_owned(),
        tiny @ ..0.1 if tiny > 0.0 => "less than 0.1 %".to_owned(),
        percent if percent < 10.0 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A minute, in UTC.
pub(super) fn minute(at: i64) -> String {
    written(at, "%Y-%m-%d %H:%M")
}

pub(crate) fn written(at: i64, form: &str) -> String {
    Timestamp::from_second(at).map_or_else(|_| format!("{at} s"), |at| at.strftime(form).to_string())
}

/// As STIX 2.1 has it, in its appendix A: of 100.
pub(super) fn sure(confidence: u8) -> String {
    let word = match confidence {
        0 => "none",
        1..=29 => "low",
        30..=69 => "medium",
        70.. => "high",
    };
    format!("{confidence} ({word})")
}

/// A list as one says it.
pub(super) fn list(texts: &[String]) -> String {
    match texts {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_shares() {
        let counts = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        counts.into_iter().for_each(|(number, text)| assert_eq!(count(number), text));
        let shares = [
            (0, 0, "0 %"),
            (0, 9, "0 %"),
            (1, 100_000, "less than 0.1 %"),
            (1, 3, "33 %"),
            (5, 100, "5.0 %"),
            (9, 9, "100 %"),
        ];
        shares.into_iter().for_each(|(part, whole, text)| assert_eq!(share(part, whole), text));
        assert_eq!((minute(1_705_081_509), minute(i64::MAX)), ("2024-01-12 17:45".into(), format!("{} s", i64::MAX)));
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
