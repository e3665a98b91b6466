//! `stormtag lookup`: all that is known of a value, for a person.

mod names;
mod value;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use stormtag::{Extractor, Intel, Kind, Schema};

use crate::arguments::{ConfigFile, Lookup, now};
use crate::ask::Asker;
use crate::trouble::{Done, ONE, Trouble, say};
use names::Named;

pub(crate) fn run(config: &ConfigFile, options: &Lookup) -> Done {
    let mut config = config.open()?;
    config.time = Some(options.at.unwrap_or_else(now));
    let loaded = config.load()?;
    let asker = Asker::new(loaded.worker());
    let mut lookups = Lookups { asker, intel: loaded.live.snapshot(), json: options.json, known: false };
    let mut out = anstream::stdout().lock();
    let mut answer = |value: &str| {
        lookups.answer(value, options.kind, &mut out).map_err(|error| Trouble::io("standard output", error))
    };
    for value in &options.values {
        if value != "-" {
            answer(value)?;
            continue;
        }
        for line in io::stdin().lock().lines() {
            match line.map_err(|error| Trouble::io("standard input", error))?.trim() {
                "" => {}
                value => answer(value)?,
            }
        }
    }
    Ok(if lookups.known { ExitCode::SUCCESS } else { ExitCode::from(ONE) })
}

/// What is known of a value, for a machine.
#[derive(Serialize)]
struct Answer<'a> {
    value: &'a str,
    kind: Kind,
    known: bool,
    /// As the schema `native` has it.
    #[serde(flatten)]
    told: &'a Value,
}

struct Lookups {
    asker: Asker,
    intel: Arc<Intel>,
    json: bool,
    /// Whether something was known of some value.
    known: bool,
}

impl Lookups {
    fn answer(&mut self, value: &str, kind: Option<Kind>, out: &mut impl Write) -> io::Result<()> {
        let Some((kind, value)) = kind.map(|kind| (kind, value.to_owned())).or_else(|| told_by_looks(value)) else {
            return self.answer_name(value, out);
        };
        if let Err(why) = self.asker.look_up(kind, &value) {
            return self.cannot(&value, &format!("no {kind}: {why}"), out);
        }
        let enrichment = self.asker.ask(kind, &value);
        let known = enrichment.sightings().iter().any(|sighting| sighting.matches().next().is_some());
        self.known |= known;
        if !self.json {
            return value::show(&value, kind, &enrichment, out);
        }
        let patch = serde_json::to_value(enrichment.patch(Schema::Native))?;
        write_line(&Answer { value: &value, kind, known, told: patch.get("stormtag").unwrap_or(&json!({})) }, out)
    }

    /// Perhaps it is the name of an actor or a campaign.
    fn answer_name(&mut self, name: &str, out: &mut impl Write) -> io::Result<()> {
        let catalog = self.intel.catalog();
        let named = Named::of(catalog, name);
        if named.is_empty() {
            return self.cannot(
                name,
                "no value by its looks, and the name of nobody; --kind says what a value is",
                out,
            );
        }
        self.known = true;
        if self.json { write_line(&named.told(name), out) } else { named.show(out) }
    }

    /// The other values are answered all the same.
    fn cannot(&self, value: &str, why: &str, out: &mut impl Write) -> io::Result<()> {
        if self.json {
            return write_line(&json!({ "value": value, "known": false, "error": why }), out);
        }
        say(format_args!("{value:?}: {why}\n"));
        Ok(())
    }
}

fn write_line(answer: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, answer)?;
    writeln!(out)
}

/// What a value is; undone, if it was written so that nobody clicks on it.
fn told_by_looks(value: &str) -> Option<(Kind, String)> {
    let mut whole = None;
    Extractor::refanging().extract(value.as_bytes(), |found| {
        if found.span() == (0..value.len()) {
            whole = Some((found.kind(), found.text().into_owned()));
        }
    });
    whole.or_else(|| Some((Kind::guess(value)?, value.to_owned())))
}
