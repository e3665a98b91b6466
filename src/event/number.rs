//! Numbers of JSON as texts: the same, whether they come as bytes or from a parser.

use serde_json::Value;

/// Whether a number as it stands is what [`decode_number`] would make of it, or leads to the same second. Nearly all are.
///
/// Seventeen characters are ten digits of seconds and six of a fraction: a double keeps these, and rounds no second up.
#[inline]
pub(crate) fn is_plain_number(number: &[u8]) -> bool {
    number.len() <= 17 && number.iter().all(|&byte| byte.is_ascii_digit() || byte == b'.')
}

/// The text that a walk over the parsed number sees.
#[cold]
pub(crate) fn decode_number(number: &[u8]) -> Option<String> {
    let Value::Number(number) = serde_json::from_slice(number).ok()? else { return None };
    if number.is_f64() { number.as_f64().map(|number| format!("{number:?}")) } else { Some(number.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_plain_are_read_as_parsers_do() {
        for (number, plain, text) in [
            ("1705081509", true, "1705081509"),
            ("1705081509.999999", true, "1705081509.999999"),
            ("1705081509.9999999", false, "1705081510.0"),
            ("1.705081509e9", false, "1705081509.0"),
            ("15169.0", true, "15169.0"),
            ("-0", false, "-0.0"),
            ("18446744073709551615", false, "18446744073709551615"),
            ("18446744073709551616", false, "1.8446744073709552e19"),
        ] {
            assert_eq!(is_plain_number(number.as_bytes()), plain, "{number}");
            assert_eq!(decode_number(number.as_bytes()).as_deref(), Some(text));
        }
    }
}
