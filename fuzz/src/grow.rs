//! JSON that is whole, whatever the bytes: mutations of text mostly break it, and what reads it is then never reached.

use std::sync::LazyLock;

/// The words of a dictionary: text of JSON.
pub(crate) type Words = LazyLock<Vec<String>>;

/// The words of a dictionary of libFuzzer, which escapes quotes and backslashes once more.
pub(crate) fn words(dictionary: &str) -> Vec<String> {
    let words = dictionary.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    words.map(|word| word.replace("\\\"", "\"").replace("\\\\", "\\")).collect()
}

/// JSON made of the bytes behind a first `0xff`, of these words as keys and values; bytes that begin otherwise are themselves.
pub(crate) fn grow(data: &[u8], words: &Words) -> Vec<u8> {
    let Some((0xff, data)) = data.split_first().map(|(&first, rest)| (first, rest)) else { return data.to_vec() };
    let mut out = Vec::new();
    let mut bytes = data.iter().map(|&byte| usize::from(byte));
    value(&mut bytes, words, 0, &mut out);
    out
}

fn value(bytes: &mut impl Iterator<Item = usize>, words: &[String], depth: usize, out: &mut Vec<u8>) {
    let Some(byte) = bytes.next() else { return out.extend_from_slice(b"null") };
    match byte % 8 {
        0..=2 if depth < 12 => members(bytes, words, depth, byte / 8, out),
        3 if depth < 12 => {
            out.push(b'[');
            for at in 0..byte / 8 % 6 {
                if at > 0 {
                    out.push(b',');
                }
                value(bytes, words, depth + 1, out);
            }
            out.push(b']');
        }
        4 => out.extend_from_slice([&b"true"[..], b"false", b"null", b"-1", b"1700467201.25", b"64500"][byte / 8 % 6]),
        _ => word(byte / 8 | bytes.next().unwrap_or(0) << 5, words, out),
    }
}

fn members(bytes: &mut impl Iterator<Item = usize>, words: &[String], depth: usize, count: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    for at in 0..count % 8 {
        if at > 0 {
            out.push(b',');
        }
        word(bytes.next().unwrap_or(0), words, out);
        out.push(b':');
        value(bytes, words, depth + 1, out);
    }
    out.push(b'}');
}

fn word(number: usize, words: &[String], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(words[number % words.len()].as_bytes());
    out.push(b'"');
}
