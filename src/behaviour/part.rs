//! Parts: which text of an event a behaviour speaks of.

use std::fmt;
use std::str::FromStr;

use crate::observable::Kind;

macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident $name:literal $kind:ident;)*) => {
        /// Which text of an event a behaviour speaks of; what [`FieldMap`](crate::FieldMap)s say of a field that is more than a kind.
        ///
        /// ```
        /// use stormtag::{Kind, Part};
        ///
        /// assert_eq!("parent_image".parse(), Ok(Part::ParentImage));
        /// assert_eq!(Part::ParentImage.kind(), Kind::FilePath);
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Part {
            $($(#[$doc])* $part,)*
        }

        impl Part {
            /// Every part, in the order of their declaration.
            pub const ALL: &[Part] = &[$(Part::$part,)*];

            /// The name in field maps and files of behaviours.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Part::$part => $name,)* }
            }

            /// What a text of this part is.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Part::$part => Kind::$kind,)* }
            }
        }
    };
}

parts! {
    /// Command line of a process, or of a service.
    CommandLine "command_line" CommandLine;
    /// Command line of the process that started it.
    ParentCommandLine "parent_command_line" CommandLine;
    /// Path of a program that runs.
    Image "image" FilePath;
    /// Path of the program that started it.
    ParentImage "parent_image" FilePath;
    /// The name that a program was built with, whatever it is called now.
    OriginalFileName "original_file_name" FileName;
    /// Path of a file that is written, read, loaded.
    FilePath "file_path" FilePath;
    /// Name of a file, without its path.
    FileName "file_name" FileName;
    /// Key of the Windows registry.
    RegistryKey "registry_key" RegistryKey;
    /// User agent of an HTTP client.
    UserAgent "user_agent" UserAgent;
    /// A script, or a block of one.
    Script "script" Script;
    /// Name of a user account.
    UserName "user_name" UserName;
}

impl Part {
    /// The part that fields of this kind are, if they are one.
    #[inline]
    pub(crate) const fn of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::CommandLine => Self::CommandLine,
            Kind::FilePath => Self::FilePath,
            Kind::FileName => Self::FileName,
            Kind::RegistryKey => Self::RegistryKey,
            Kind::UserAgent => Self::UserAgent,
            Kind::Script => Self::Script,
            Kind::UserName => Self::UserName,
            _ => return None,
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(text: &str) -> Result<Self, UnknownPart> {
        Self::ALL.iter().copied().find(|part| part.name() == text).ok_or(UnknownPart)
    }
}

/// Not the name of a [`Part`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected the name of a part of an event, such as command_line")]
#[non_exhaustive]
pub struct UnknownPart;

/// Some parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Parts(u32);

impl Parts {
    pub(crate) fn has(self, part: Part) -> bool {
        self.0 >> part as u32 & 1 == 1
    }

    pub(crate) fn add(&mut self, part: Part) {
        self.0 |= 1 << part as u32;
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let mut all = Self::default();
        parts.into_iter().for_each(|part| all.add(part));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_all_of_a_kind_bears_its_name() {
        for &kind in Kind::ALL {
            let named = Part::ALL.iter().copied().find(|part| part.name() == kind.name());
            assert_eq!(Part::of(kind), named, "{kind}");
        }
    }
}
