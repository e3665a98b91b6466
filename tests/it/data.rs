//! Real files, which are not part of the package.

use std::path::PathBuf;

/// The folder of real data next to the package, or nothing but a loud remark.
pub(crate) fn folder(test: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {test}: no real data at {}", folder.display());
    None
}
