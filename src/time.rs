//! stand-in
pub(crate) fn event_time(text: &str) -> Option<i64> {
    text.parse::<f64>().ok().map(|s| s as i64).or_else(|| text.parse::<jiff::Timestamp>().ok().map(|t| t.as_second()))
}
