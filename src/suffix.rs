//! Under which names others are registered, and which last labels are real. The only module that knows `psl`.

use psl::{Psl as _, Type};

/// Last labels that are more often the end of a file's name, or of an identifier, than of a host's.
const DOUBTFUL: &[&[u8]] = &[
    b"ac",
    b"am",
    b"cab",
    b"do",
    b"dot",
    b"inc",
    b"la",
    b"map",
    b"md",
    b"mk",
    b"mm",
    b"mov",
    b"name",
    b"pl",
    b"pm",
    b"properties",
    b"ps",
    b"pub",
    b"py",
    b"rs",
    b"sh",
    b"so",
    b"target",
    b"tf",
    b"zip",
];

/// Whether a label is the end of a file's name as logs are full of them: what the list would say no to, sooner.
#[inline]
pub(crate) fn is_no_suffix(label: &[u8]) -> bool {
    matches!(
        label,
        b"png"
            | b"html"
            | b"php"
            | b"js"
            | b"css"
            | b"gif"
            | b"jpg"
            | b"jpeg"
            | b"txt"
            | b"ico"
            | b"xml"
            | b"json"
            | b"exe"
            | b"dll"
            | b"log"
            | b"conf"
            | b"service"
            | b"local"
            | b"lan"
            | b"internal"
            | b"htm"
            | b"pdf"
            | b"svg"
    )
}

/// Whether names of this kind are registered below it. Suffixes that the list does not name count by their last label, which
/// makes them no suffix here: `lan`, `local`, `onion`.
pub(crate) fn is_public_suffix(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}

/// Whether a name in normal form could have been registered: it ends in a suffix of the list and has a label more, or is itself
/// a suffix that a company runs, such as `github.io`.
#[inline]
pub(crate) fn is_registered(name: &[u8]) -> bool {
    // Under these nothing but a company is a suffix.
    if name.ends_with(b".com") || name.ends_with(b".net") || name.ends_with(b".org") {
        return true;
    }
    let info = psl::List.find(name.rsplit(|&byte| byte == b'.'));
    match info.typ {
        Some(Type::Private) => true,
        Some(Type::Icann) => info.len < name.len(),
        None => false,
    }
}

/// Whether a name in normal form is rather that of a file: it ends as files do, and has but two labels, or a number before the
/// end.
#[inline]
pub(crate) fn is_doubtful(name: &[u8]) -> bool {
    let mut labels = name.rsplit(|&byte| byte == b'.');
    let last = labels.next().unwrap_or_default();
    if !DOUBTFUL.contains(&last) {
        return false;
    }
    let second = labels.next().unwrap_or_default();
    labels.next().is_none() || second.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_names_are_told_from_suffixes_and_from_what_is_none() {
        for (name, registered) in [
            ("evil.com", true),
            ("a.evil.co.uk", true),
            ("co.uk", false),
            ("github.io", true),
            ("evil.github.io", true),
            ("x.in-addr.arpa", true),
            ("main.html", false),
            ("host.local", false),
            ("a.ck", false),
            ("a.b.ck", true),
            ("xn--80ak6aa92e.xn--p1ai", true),
        ] {
            assert_eq!(is_registered(name.as_bytes()), registered, "{name}");
        }
    }

    #[test]
    fn what_is_refused_early_is_not_on_the_list() {
        for label in
            ["png", "html", "php", "js", "css", "gif", "jpg", "jpeg", "txt", "ico", "xml", "json", "exe", "dll", "log"]
        {
            assert!(is_no_suffix(label.as_bytes()), "{label}");
            assert!(!is_registered(format!("a.b.{label}").as_bytes()), "{label}");
        }
        for label in ["conf", "service", "local", "lan", "internal", "htm", "pdf", "svg"] {
            assert!(is_no_suffix(label.as_bytes()), "{label}");
            assert!(!is_registered(format!("a.b.{label}").as_bytes()), "{label}");
        }
    }

    #[test]
    fn what_is_doubtful_is_on_the_list_of_suffixes() {
        for label in DOUBTFUL {
            let name = [b"example.", *label].concat();
            assert!(is_registered(&[b"a.", name.as_slice()].concat()), "{}", name.escape_ascii());
            assert!(is_doubtful(&name));
            assert!(is_doubtful(&[b"a.1.", *label].concat()));
            assert!(!is_doubtful(&[b"www.", name.as_slice()].concat()));
        }
    }
}
