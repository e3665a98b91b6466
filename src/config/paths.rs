//! Which files a path of the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;

/// A pattern for more files than this is a mistake.
const MOST: usize = 10_000;

/// The files that a path or a pattern names, in the order of their names. A path is given back as it is, whether the file is there
/// or not. Names that begin with a dot are not found by `*`: Kubernetes keeps the folders of a `ConfigMap` there, in `..data`.
pub(crate) fn expand(path: &Path) -> Result<Vec<Arc<Path>>, Error> {
    if !is_pattern(path) {
        return Ok(vec![path.into()]);
    }
    let text = path.to_str().ok_or_else(|| Error::format(path, "a pattern for files must be UTF-8"))?;
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(text, options)
        .map_err(|error| Error::format(path, format!("not a pattern for files: {}", error.msg)))?;
    let mut files = Vec::new();
    for file in found {
        let file = file.map_err(|error| Error::io(error.path().to_path_buf(), error.into()))?;
        if file.is_dir() {
            continue;
        }
        if files.len() == MOST {
            return Err(Error::format(path, format!("names more than {MOST} files")));
        }
        files.push(file.into());
    }
    files.sort();
    Ok(files)
}

pub(crate) fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// A path of the configuration, seen from the folder of its file. What that folder is called means itself, also with a `*` in it.
pub(super) fn join(base: &Path, path: &str) -> PathBuf {
    if is_pattern(Path::new(path)) && is_pattern(base) {
        return Path::new(&glob::Pattern::escape(&base.to_string_lossy())).join(path);
    }
    base.join(path)
}

/// Why a text is no pattern.
pub(super) fn check(path: &str) -> Result<(), &'static str> {
    if is_pattern(Path::new(path)) { glob::Pattern::new(path).map(drop).map_err(|error| error.msg) } else { Ok(()) }
}

/// The folders in which something can happen that changes what a path names: that of the file, of what it leads to, and of each link
/// on the way.
#[cfg(feature = "watch")]
pub(crate) fn directories(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let literal: PathBuf = path.components().take_while(|part| !is_pattern(part.as_ref())).collect();
    let pattern = literal != path;
    if pattern {
        found.push(literal.clone());
    }
    let files = if pattern { expand(path).unwrap_or_default() } else { vec![path.into()] };
    for file in files {
        found.extend(file.parent().map(Path::to_path_buf));
        if file.is_dir() {
            found.push(file.to_path_buf());
        }
        found.extend(file.canonicalize().ok().and_then(|target| Some(target.parent()?.to_path_buf())));
    }
    for part in literal.ancestors().filter(|part| part.is_symlink()) {
        found.extend(part.parent().map(Path::to_path_buf));
    }
    for folder in &mut found {
        if folder.as_os_str().is_empty() {
            folder.push(".");
        }
    }
    found
}
