//! Gradings: how sure somebody is, in words, letters or machine tags, as a number from 0 to 100.

use serde::Deserializer;

/// The number of a machine tag of MISP's taxonomies.
pub(crate) fn tag(tag: &str) -> Option<u8> {
    TAGS.iter().find(|(known, _)| tag.eq_ignore_ascii_case(known)).map(|&(_, number)| number)
}

/// The number of a word of STIX's scale: its middle.
pub(crate) fn stix(word: &str) -> Option<u8> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "none" => 0,
        "low" => 15,
        "med" | "medium" | "moderate" => 50,
        "high" => 85,
        _ => return None,
    })
}

/// The number of what an analyst writes: a word of STIX's scale, of estimative language (`very likely`), or a letter and a digit of the
/// admiralty scale (`B2`), of which the lesser counts.
pub(crate) fn word(word: &str) -> Option<u8> {
    let word = word.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    let admiralty = || {
        let (source, information) = word.split_at_checked(1)?;
        let source = tag(&format!("admiralty-scale:source-reliability=\"{source}\""))?;
        Some(source.min(tag(&format!("admiralty-scale:information-credibility=\"{information}\""))?))
    };
    stix(&word).or_else(|| tag(&format!("estimative-language:likelihood-probability=\"{word}\""))).or_else(admiralty)
}

/// What a file gives as a grade, a number or a word. It must give one; only where nobody could be asked a claim has none.
pub(crate) fn in_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    struct Graded;

    impl serde::de::Visitor<'_> for Graded {
        type Value = Option<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a confidence: 0 to 100, high, medium, low, likely and the like, or B2 of the admiralty scale")
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Option<u8>, E> {
            let confidence = u8::try_from(number).ok().filter(|number| *number <= 100);
            confidence.map(Some).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<u8>, E> {
            let confidence = word(text);
            confidence.map(Some).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Graded)
}

/// Gradings and the number they stand for, as `numerical_value` has it in <https://github.com/MISP/misp-taxonomies>: admiralty-scale 5,
/// estimative-language 5, misp 14, false-positive 7, osint 11.
const TAGS: &[(&str, u8)] = &[
    ("admiralty-scale:source-reliability=\"a\"", 100),
    ("admiralty-scale:source-reliability=\"b\"", 75),
    ("admiralty-scale:source-reliability=\"c\"", 50),
    ("admiralty-scale:source-reliability=\"d\"", 25),
    ("admiralty-scale:source-reliability=\"e\"", 0),
    ("admiralty-scale:source-reliability=\"f\"", 50),
    ("admiralty-scale:source-reliability=\"g\"", 0),
    ("admiralty-scale:information-credibility=\"1\"", 100),
    ("admiralty-scale:information-credibility=\"2\"", 75),
    ("admiralty-scale:information-credibility=\"3\"", 50),
    ("admiralty-scale:information-credibility=\"4\"", 25),
    ("admiralty-scale:information-credibility=\"5\"", 0),
    ("admiralty-scale:information-credibility=\"6\"", 50),
    ("estimative-language:likelihood-probability=\"almost-no-chance\"", 0),
    ("estimative-language:likelihood-probability=\"very-unlikely\"", 5),
    ("estimative-language:likelihood-probability=\"unlikely\"", 20),
    ("estimative-language:likelihood-probability=\"roughly-even-chance\"", 45),
    ("estimative-language:likelihood-probability=\"likely\"", 55),
    ("estimative-language:likelihood-probability=\"very-likely\"", 80),
    ("estimative-language:likelihood-probability=\"almost-certain\"", 95),
    ("estimative-language:confidence-in-analytic-judgment=\"low\"", 0),
    ("estimative-language:confidence-in-analytic-judgment=\"moderate\"", 55),
    ("estimative-language:confidence-in-analytic-judgment=\"high\"", 95),
    ("misp:confidence-level=\"completely-confident\"", 100),
    ("misp:confidence-level=\"usually-confident\"", 75),
    ("misp:confidence-level=\"fairly-confident\"", 50),
    ("misp:confidence-level=\"rarely-confident\"", 25),
    ("misp:confidence-level=\"unconfident\"", 0),
    ("misp:confidence-level=\"confidence-cannot-be-evaluated\"", 50),
    ("false-positive:risk=\"low\"", 75),
    ("false-positive:risk=\"medium\"", 50),
    ("false-positive:risk=\"high\"", 25),
    ("false-positive:risk=\"cannot-be-judged\"", 25),
    ("false-positive:confirmed=\"true\"", 0),
    ("false-positive:confirmed=\"false\"", 50),
    ("osint:certainty=\"100\"", 100),
    ("osint:certainty=\"93\"", 93),
    ("osint:certainty=\"75\"", 75),
    ("osint:certainty=\"50\"", 50),
    ("osint:certainty=\"30\"", 30),
    ("osint:certainty=\"7\"", 7),
    ("osint:certainty=\"0\"", 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_letters_and_tags_become_numbers() {
        for (text, expected) in [
            ("High", Some(85)),
            ("moderate", Some(50)),
            ("likely", Some(55)),
            ("Almost certain", Some(95)),
            ("roughly-even chance", Some(45)),
            ("B2", Some(75)),
            ("a3", Some(50)),
            ("F6", Some(50)),
            ("B", None),
            ("2B", None),
            ("B7", None),
            ("certain", None),
            ("", None),
            ("\u{e9}2", None),
        ] {
            assert_eq!(word(text), expected, "{text}");
        }
        assert_eq!(tag("Admiralty-Scale:source-reliability=\"b\""), Some(75));
        assert_eq!(tag("likely"), None);
    }
}
