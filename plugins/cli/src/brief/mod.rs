//! `stormtag brief`: what enriched events say, for people.
//!
//! Lines become events (`lines`, `event`), events are counted (`tally`, in tables that have a bound), what was counted is put into words and
//! tables (`told`), and these are written as a page or as Markdown, which say the same.

mod assets;
mod chart;
mod event;
mod lines;
mod markdown;
mod page;
mod places;
mod table;
mod tally;
mod timeline;
mod told;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;

use crate::arguments::{Brief, ConfigFile, Form, now};
use crate::input::Input;
use crate::output::{no_input, replace};
use crate::progress::progress;
use crate::signals::Signals;
use crate::trouble::{Done, TROUBLE, Trouble, say};
use assets::Own;
use lines::Lines;
use tally::{Period, Tally};
use told::{Known, Told};

pub(crate) fn run(file: &ConfigFile, options: &Brief) -> Done {
    let period = Period { from: options.from, to: options.to };
    if let (Some(from), Some(to)) = (period.from, period.to)
        && from >= to
    {
        return Err(Trouble::Because("--from is not before --to: no event is in such a period".to_owned()));
    }
    if let Some(path) = &options.output {
        no_input(path, &options.files)?;
    }
    let mut config = file.open()?;
    // Without a time nothing is expired.
    let now = *config.time.get_or_insert_with(now);
    let own = Own::new(config.fields.clone(), &options.own);
    let loaded = config.load()?;
    let (lines, tally, troubles) = read(options, period, own);
    let configuration = file.file().map_or_else(|| "What is built in".to_owned(), |file| file.display().to_string());
    let known = Known {
        tally: &tally,
        lines: &lines,
        troubles: &troubles,
        intel: &loaded.live.snapshot(),
        report: &loaded.report,
        configuration: &configuration,
        now,
        rows: options.rows.into(),
    };
    let told = Told::new(&known, &options.title)?;
    let text = match options.format {
        Form::Html => page::write(&told)?,
        Form::Markdown => markdown::write(&told),
    };
    match &options.output {
        Some(path) => replace(path, |out| out.write_all(text.as_bytes()))?,
        None => std::io::stdout().write_all(text.as_bytes()).map_err(|error| Trouble::io("standard output", error))?,
    }
    for trouble in &troubles {
        say(format_args!("stormtag: {trouble}\n"));
    }
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(TROUBLE) })
}

/// Reads and counts all events. Says too what could not be read.
fn read(options: &Brief, period: Period, mut own: Own) -> (Lines, Tally, Vec<String>) {
    let (mut lines, mut tally) = (Lines::default(), Tally::new(period, options.distinct as usize));
    let progress = progress(&options.files, options.output.is_none() && std::io::stdout().is_terminal());
    // An interrupt ends it at once: nothing has been written that could be half.
    let signals = Signals::default();
    let mut input = Input::new(&options.files, options.longest_line, &progress, &signals);
    let (spare, spares) = sync_channel(1);
    input.read(&spares, &mut |block| {
        match block.is_whole {
            true => lines.events(&block.bytes, &mut |event| tally.add(event, &mut own)),
            false => lines.too_long(&block.bytes),
        }
        let mut bytes = block.bytes;
        bytes.clear();
        let _ = spare.try_send(bytes);
        true
    });
    progress.finish_and_clear();
    let troubles = input.troubles;
    (lines, tally, troubles)
}
