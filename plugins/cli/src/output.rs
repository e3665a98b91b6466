//! Files that are written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::trouble::Trouble;

/// Writes a file beside, and puts it in the place of the one that is there: whoever reads it meets the old or the new one, whole.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), Trouble> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = || {
        let mut file = BufWriter::new(File::create(&beside)?);
        write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&beside, path)
    };
    written().map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        Trouble::Because(format!("{}: {error}; it stays as it was", path.display()))
    })
}

/// Whether the file may be written: it is none of those that are read.
pub(crate) fn no_input(path: &Path, inputs: &[PathBuf]) -> Result<(), Trouble> {
    let same = |input: &PathBuf| input.canonicalize().ok().is_some_and(|input| path.canonicalize().ok() == Some(input));
    if inputs.iter().any(same) {
        return Err(Trouble::Because(format!("{}: is an input too; write to another file", path.display())));
    }
    Ok(())
}
