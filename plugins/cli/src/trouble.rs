//! How the program ends.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// As grep and diff have it: 0 is found or the same, 1 is not found or different.
pub(crate) const ONE: u8 = 1;
pub(crate) const TROUBLE: u8 = 2;

/// Why the program cannot go on, for a person.
#[derive(Debug)]
pub(crate) enum Trouble {
    Because(String),
    /// Whoever reads our output has seen enough.
    Enough,
}

impl Trouble {
    /// What went wrong with an input or output.
    pub(crate) fn io(with: impl fmt::Display, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Enough,
            _ => Self::Because(format!("{with}: {error}")),
        }
    }

    pub(crate) fn say(self) -> ExitCode {
        match self {
            Self::Enough => ExitCode::SUCCESS,
            Self::Because(why) => {
                say(format_args!("stormtag: {why}\n"));
                ExitCode::from(TROUBLE)
            }
        }
    }
}

impl<E: Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Because(error.to_string())
    }
}

/// What a command comes to.
pub(crate) type Done = Result<ExitCode, Trouble>;

/// Writes to standard error, which may be closed.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    use io::Write;
    let _ = anstream::stderr().write_fmt(text);
}
