//! What a shell and man(1) want to know of this program.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::trouble::{Done, Trouble};

pub(crate) fn completions(shell: Shell) -> Done {
    let mut written = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "stormtag", &mut written);
    std::io::Write::write_all(&mut std::io::stdout(), &written)
        .map_err(|error| Trouble::io("standard output", error))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(folder: &Path) -> Done {
    let named = |error| Trouble::io(folder.display(), error);
    std::fs::create_dir_all(folder).map_err(named)?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(named)?;
    Ok(ExitCode::SUCCESS)
}
