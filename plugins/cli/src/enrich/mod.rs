//! `stormtag enrich`: events in, enriched events out.

mod pipeline;
mod tally;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use crate::arguments::{ConfigFile, Enrich, Summary};
use crate::input::Input;
use crate::output::no_input;
use crate::progress::progress;
use crate::signals::Signals;
use crate::trouble::{Done, Trouble, say};

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
    let progress = progress(&options.files, options.output.is_none() && io::stdout().is_terminal());
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
    no_input(path, &options.files)?;
    let file = File::create(path).map_err(|error| Trouble::io(path.display(), error))?;
    Ok(Box::new(file))
}
