//! stormtag on the command line.

mod arguments;
mod ask;
mod brief;
mod check;
mod compile;
mod decompress;
mod diff;
mod enrich;
mod input;
mod lookup;
mod output;
mod progress;
mod shell;
mod signals;
mod style;
mod trouble;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::trouble::Trouble;

fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let done = match command {
        Command::Enrich(options) => enrich::run(&config, &options),
        Command::Lookup(options) => lookup::run(&config, &options),
        Command::Check(options) => check::run(&config, &options),
        Command::Brief(options) => brief::run(&config, &options),
        Command::Compile(options) => compile::run(&config, &options),
        Command::Diff(options) => diff::run(&options),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { folder } => shell::man(&folder),
    };
    done.unwrap_or_else(Trouble::say)
}
