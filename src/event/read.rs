//! From the text of a field to observables.

use super::fields::Reads;
use crate::observable::{Kind, Observable};

/// Calls `see` with each value that the text of a field holds, and its kind. Whether it is such a value is yet to be seen.
pub(crate) fn read<'t>(reads: Reads, text: &'t str, see: &mut dyn FnMut(Kind, &'t str)) {
    if is_nothing(text.as_bytes()) {
        return;
    }
    match reads {
        Reads::Kind(kind) => see(kind, whole(kind, text)),
        Reads::Part(part) => see(part.kind(), whole(part.kind(), text)),
        Reads::Host => {
            let (kind, host) = Observable::host(text);
            see(kind, host);
        }
        Reads::List => {
            // Sysmon mixes hosts with words such as `type:`: what is no host is no error here.
            let items = text.split([';', ',', ' ', '\t']).filter(|item| item.contains(['.', ':']));
            for (kind, host) in items.map(Observable::host) {
                if Observable::parse(kind, host).is_ok() {
                    see(kind, host);
                }
            }
        }
        // A length that none has is told as that of the most usual.
        Reads::Hash => see(Kind::of_hash(text.trim().len()).unwrap_or(Kind::Sha256), text),
        Reads::Hashes => {
            for (name, digest) in text.split(',').filter_map(|pair| pair.split_once('=')) {
                if let Ok(kind @ (Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512 | Kind::Imphash)) = name.parse()
                {
                    see(kind, digest);
                }
            }
        }
        // Neither is a value.
        Reads::Time | Reads::Any => {}
    }
}

/// The value of a field that holds one.
pub(crate) fn whole(kind: Kind, text: &str) -> &str {
    match kind {
        Kind::FileName => text.rsplit(['/', '\\']).next().unwrap_or(text),
        _ => text,
    }
}

/// Whether it is what loggers write for "nothing".
#[inline]
pub(crate) fn is_nothing(text: &[u8]) -> bool {
    text.len() < 8 && matches!(text, b"" | b"-" | b"(empty)" | b"N/A" | b"null" | b"none")
}

impl Reads {
    /// Whether a number is a value of this field; texts always are.
    pub(crate) fn takes_numbers(self) -> bool {
        matches!(self, Self::Time | Self::Kind(Kind::Asn))
    }
}
