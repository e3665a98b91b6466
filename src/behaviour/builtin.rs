//! Behaviours that are known without any file: those under `data/behaviours`.

use super::Behaviours;

/// One line a file.
const FILES: &[(&str, &str)] =
    &[("data/behaviours/volt-typhoon.toml", include_str!("../../data/behaviours/volt-typhoon.toml"))];

impl Behaviours {
    /// The built-in behaviours: how Volt Typhoon lives off the land, as CISA and its partners describe it. Administrators do some
    /// of it too, and so do other actors.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the files are part of the crate and read in its tests")]
    pub fn builtin() -> Self {
        let mut all = Self::new("stormtag");
        for (name, text) in FILES {
            all.extend(Self::parse(name, text).expect("built-in behaviours are well-formed"));
        }
        all
    }
}
