//! How far the input has been read, on standard error.

use std::io::IsTerminal;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for files, a number for a stream, on standard error if that is a terminal and nothing else is written there.
pub(crate) fn progress(files: &[PathBuf], shares_the_terminal: bool) -> ProgressBar {
    if shares_the_terminal || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let length =
        |file: &PathBuf| std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    let total: Option<u64> = files.iter().map(length).sum();
    let (bar, template) = match total.filter(|&total| total > 0) {
        Some(total) => (ProgressBar::new(total), "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
        None => (ProgressBar::no_length(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
