//! `stormtag diff`: what one state of the feeds knows that another does not.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use stormtag::{Changed, Config, Feed, Intel, IntelBuilder, Kind, Record};

use crate::arguments::Diff;
use crate::style::{GREEN, RED, YELLOW, plain};
use crate::trouble::{Done, ONE, Trouble, say};

#[derive(Serialize)]
struct Line<'i> {
    change: &'static str,
    kind: Kind,
    indicator: &'i str,
    records: Vec<Said<'i>>,
}

#[derive(Serialize)]
struct Said<'i> {
    silenced: bool,
    #[serde(flatten)]
    record: &'i Record,
}

pub(crate) fn run(options: &Diff) -> Done {
    let (old, new) = (load(&options.old)?, load(&options.new)?);
    let delta = Intel::delta(&old, &new);
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    let mut counts = [0_u64; 3];
    let mut all = || {
        let changes = [
            ("added", Box::new(delta.added()) as Box<dyn Iterator<Item = Changed<'_>>>),
            ("removed", Box::new(delta.removed())),
            ("changed", Box::new(delta.changed())),
        ];
        for (count, (change, indicators)) in counts.iter_mut().zip(changes) {
            for changed in indicators {
                *count += 1;
                if options.json {
                    write_json(&mut out, change, &changed)?;
                } else {
                    show(&mut out, change, &changed)?;
                }
            }
        }
        out.flush()
    };
    all().map_err(|error| Trouble::io("standard output", error))?;
    let [added, removed, changed] = counts;
    say(format_args!("{added} added, {removed} removed, {changed} changed\n"));
    Ok(if counts == [0; 3] { ExitCode::SUCCESS } else { ExitCode::from(ONE) })
}

/// A configuration, or a feed by itself.
fn load(path: &Path) -> Result<Arc<Intel>, Trouble> {
    if path.extension().is_some_and(|suffix| suffix == "toml") {
        return Ok(Config::open(path)?.load()?.live.snapshot());
    }
    // Both states are of one source, whatever the files are called.
    let feed = Feed::open(path, None, &Record::new("feed").into())?;
    let (rejected, intel) = (feed.rejected.total(), IntelBuilder::new().feed(feed).build().0);
    if rejected > 0 {
        say(format_args!("{}: {rejected} rejected; stormtag check says why\n", path.display()));
    }
    Ok(Arc::new(intel))
}

fn write_json(out: &mut impl Write, change: &'static str, changed: &Changed<'_>) -> std::io::Result<()> {
    let records = changed.records.iter().map(|&(record, silenced)| Said { silenced, record }).collect();
    let line = Line { change, kind: changed.kind, indicator: &changed.pattern, records };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}

fn show(out: &mut impl Write, change: &str, changed: &Changed<'_>) -> std::io::Result<()> {
    let (style, sign) = match change {
        "added" => (GREEN, '+'),
        "removed" => (RED, '-'),
        _ => (YELLOW, '~'),
    };
    let sources = changed.records.iter().map(|&(record, silenced)| {
        let source = plain(&record.source);
        if silenced { format!("{source}, silenced") } else { source.into_owned() }
    });
    let sources = sources.collect::<Vec<_>>().join("; ");
    writeln!(out, "{style}{sign} {} {}{style:#} ({sources})", changed.kind, plain(&changed.pattern))
}
