//! Briefings: their numbers are those of the events, and the page and Markdown say the same.

mod browser;
mod events;
mod hostile;
mod numbers;
mod page;
mod reader;

use std::path::Path;

use crate::program::{Folder, code, text};

/// Writes a briefing in the folder, and gives it back.
fn brief(folder: &Folder, arguments: &[&str], input: &[u8]) -> String {
    let output = folder.run(&[&["brief"], arguments].concat(), input);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// Whether a program is there; says so if not.
fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| Path::new(&folder).join(program).is_file());
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}
