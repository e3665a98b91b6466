//! Regular expressions, of allow-lists and of behaviours. The only module that knows `regex`.

use regex::{Regex, RegexBuilder};

/// An expression that can be searched for in time linear in the text. A compiled one is held to 1 MiB.
#[derive(Clone, Debug)]
pub(crate) struct Compiled(Regex);

/// What letters in front of or behind an expression say in most languages.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) any_case: bool,
    pub(crate) many_lines: bool,
    pub(crate) dot_is_any: bool,
    pub(crate) with_space: bool,
}

impl Compiled {
    /// `None` if it is none, or too large.
    pub(crate) fn new(text: &str, flags: Flags) -> Option<Self> {
        const LARGEST: usize = 1 << 20;
        let regex = RegexBuilder::new(text)
            .case_insensitive(flags.any_case)
            .multi_line(flags.many_lines)
            .dot_matches_new_line(flags.dot_is_any)
            .ignore_whitespace(flags.with_space)
            .size_limit(LARGEST)
            .build();
        regex.ok().map(Self)
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    pub(crate) fn text(&self) -> &str {
        self.0.as_str()
    }
}

/// A text as an expression that matches it and nothing else.
#[cfg(feature = "sigma")]
pub(crate) fn escape(text: &str) -> String {
    regex::escape(text)
}
