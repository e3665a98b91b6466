//! `stormtag enrich`: events in, enriched events out.

mod input;
mod pipeline;
mod signals;
mod tally;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::{ConfigFile, Enrich, Summary};
use crate::trouble::{Done, Trouble, say};
use input::Input;
use signals::Signals;

pub(crate) fn run(config: &ConfigFile, options: &Enrich) -> Done {
    let mut config = config.open()?;
    options.adjust(&mut config)?;
    let mut out = open(options)?;
    let reloader = config.reloader()?;
    let live = reloader.live().clone();
    if options.summary == Summary::Text {
        say(format_args!("{}", crate::style::plain(&reloader.report().to_string())));
    }
    let watcher = options.watch.then(|| reloader.watch(|outcome| say(format_args!("{outcome}\n")))).transpose()?;

    let signals = Signals::catch()?;
    let progress = progress(options);
    let start = Instant::now();
    let mut input = Input::new(&options.files, options.longest_line, &progress, &signals);
    let (tally, written) = pipeline::run(&mut input, &mut out, &signals, options, &|| config.worker(&live));
    progress.finish_and_clear();
    drop(watcher);
    match options.summary {
        Summary::Text => say(format_args!("{}", tally.for_a_person(&input, start.elapsed()))),
        Summary::Json => say(format_args!("{}\n", tally.for_a_machine(&input, start.elapsed()))),
        Summary::None => {}
    }
    for trouble in &input.troubles {
        say(format_args!("stormtag: {trouble}\n"));
    }
    signals.end_if_told();
    written?;
    Ok(if input.troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(crate::trouble::TROUBLE) })
}

/// Where events go.
fn open(options: &Enrich) -> Result<Box<dyn Write + Send>, Trouble> {
    let Some(path) = &options.output else { return Ok(Box::new(io::stdout())) };
    let same = |input: &Path| input.canonicalize().ok().is_some_and(|input| path.canonicalize().ok() == Some(input));
    if options.files.iter().any(|input| same(input)) {
        return Err(Trouble::Because(format!("{}: is an input too; write to another file", path.display())));
    }
    let file = File::create(path).map_err(|error| Trouble::io(path.display(), error))?;
    Ok(Box::new(file))
}

/// A bar for files, a number for a stream, on standard error if that is a terminal and nothing else is written there.
fn progress(options: &Enrich) -> ProgressBar {
    let shares_the_terminal = options.output.is_none() && io::stdout().is_terminal();
    if shares_the_terminal || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let length = |file: &std::path::PathBuf| {
        std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
    };
    let total: Option<u64> = options.files.iter().map(length).sum();
    let (bar, template) = match total.filter(|&total| total > 0) {
        Some(total) => (ProgressBar::new(total), "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
        None => (ProgressBar::no_length(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
