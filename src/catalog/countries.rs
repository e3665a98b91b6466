//! Countries: from the names that catalogues give them to their codes.

use std::collections::HashMap;
use std::sync::OnceLock;

/// `code<TAB>name|other names`; the code is ISO 3166-1 alpha-2.
const COUNTRIES: &str = include_str!("../../data/countries.txt");

/// The code of a country of this name, whatever the case of its letters; or of this code.
pub(crate) fn code(name: &str) -> Option<&'static str> {
    static CODES: OnceLock<HashMap<String, &'static str>> = OnceLock::new();
    let codes = CODES.get_or_init(|| {
        let rows = COUNTRIES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
        let names = rows.flat_map(|(code, names)| {
            std::iter::once(code).chain(names.split('|')).map(move |name| (name.to_lowercase(), code))
        });
        names.collect()
    });
    codes.get(&name.trim().to_lowercase()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_found() {
        let cases = [
            ("Iran (Islamic Republic of)", Some("IR")),
            ("russia", Some("RU")),
            (" CN ", Some("CN")),
            ("Türkiye", Some("TR")),
            ("Korea", None), // which of the two?
            ("Middle East", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(code(name), expected, "{name}");
        }
        let rows = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
        for (code, names) in rows.map(|row| row.split_once('\t').unwrap()) {
            assert!(
                code.len() == 2 && !names.is_empty() && names.split('|').all(|name| super::code(name) == Some(code))
            );
        }
    }
}
