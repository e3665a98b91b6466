//! From the text of a field to observables.

use super::fields::Reads;
use crate::normal::NotObservable;
use crate::observable::{Kind, Observable};

/// Calls `see` with each value that the text of a field holds, or why it is none.
///
/// What loggers write for "nothing" is not a value and not an error.
pub(crate) fn read<'t>(
    reads: Reads,
    text: &'t str,
    see: &mut dyn FnMut(Result<Observable<'t>, (Kind, NotObservable)>),
) {
    if matches!(text, "" | "-" | "(empty)" | "N/A" | "null" | "none") {
        return;
    }
    let one = |kind, text| Observable::parse(kind, text).map_err(|why| (kind, why));
    match reads {
        Reads::Kind(Kind::FileName) => {
            see(one(Kind::FileName, text.rsplit(['/', '\\']).next().unwrap_or(text)));
        }
        Reads::Kind(kind) => see(one(kind, text)),
        Reads::Host => see(Observable::parse_host(text).map_err(|why| (Kind::Domain, why))),
        Reads::List => {
            // Sysmon mixes hosts with words such as `type:`: what is no host is no error here.
            let hosts = text.split([';', ',', ' ', '\t']).filter(|item| item.contains(['.', ':']));
            hosts.filter_map(|item| Observable::parse_host(item).ok()).for_each(|host| see(Ok(host)));
        }
        Reads::Hash => match Kind::of_hash(text.trim().len()) {
            Some(kind) => see(one(kind, text)),
            None => see(Err((Kind::Sha256, NotObservable::NotADigest))),
        },
        Reads::Hashes => {
            let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
            for (name, digest) in pairs {
                if let Ok(kind @ (Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512 | Kind::Imphash)) = name.parse()
                {
                    see(one(kind, digest));
                }
            }
        }
        Reads::Time => {}
    }
}

impl Reads {
    /// Whether a number is a value of this field; texts always are.
    pub(crate) fn takes_numbers(self) -> bool {
        matches!(self, Self::Time | Self::Kind(Kind::Asn))
    }
}
