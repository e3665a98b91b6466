//! What can go wrong while loading. Querying has no errors.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file, a feed, a database or a catalogue could not be loaded.
///
/// The message names the file and, where there is one, the line, says what was found and what was expected. What was loaded
/// before stays as it was. What it shows of a file is cut after 2 KiB. The type is opaque, one word wide; ask it with the predicates.
///
/// ```
/// let error = stormtag::Geo::open(["no/such/file.mmdb"]).unwrap_err();
/// assert!(error.is_io());
/// assert!(error.to_string().contains("no/such/file.mmdb"));
/// ```
pub struct Error(Box<ErrorKind>);

#[derive(Debug, thiserror::Error)]
enum ErrorKind {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {message}", path.display())]
    Format { path: PathBuf, message: String },
    #[error("{}:{line}: {message}", path.display())]
    Line { path: PathBuf, line: u64, message: String },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self(Box::new(ErrorKind::Io { path: path.into(), source }))
    }

    /// The file as a whole is not what it should be.
    pub(crate) fn format(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorKind::Format { path: path.into(), message: shortened(message.into()) }))
    }

    /// One line of the file, counted from 1, is not what it should be.
    pub(crate) fn line(path: impl Into<PathBuf>, line: u64, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorKind::Line { path: path.into(), line, message: shortened(message.into()) }))
    }

    /// The file, or the name given to what is not a file, that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &*self.0 {
            ErrorKind::Io { path, .. } | ErrorKind::Format { path, .. } | ErrorKind::Line { path, .. } => path,
        }
    }

    /// Whether the bytes could not be read at all: missing file, permission, broken compression.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(&*self.0, ErrorKind::Io { .. })
    }

    /// Whether the bytes were read but are not in the expected format.
    #[must_use]
    pub fn is_format(&self) -> bool {
        !self.is_io()
    }
}

/// A message that shows a value of a file, which may be of any length.
fn shortened(mut message: String) -> String {
    const LONGEST: usize = 2048;
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rfind(|&at| message.is_char_boundary(at)).unwrap_or_default();
        message.truncate(end);
        message.push('…');
    }
    message
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_file_is_cut() {
        let long = "ü".repeat(10_000);
        for error in [Error::format("a.csv", long.clone()), Error::line("a.csv", 7, long)] {
            let text = error.to_string();
            assert!(text.len() < 2100 && text.ends_with("ü…"), "{}", text.len());
        }
        assert_eq!(Error::line("a.csv", 7, "short").to_string(), "a.csv:7: short");
    }
}
