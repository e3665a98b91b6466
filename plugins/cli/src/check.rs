//! `stormtag check`: what became of a configuration and its files.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;
use stormtag::{Config, Intel, Report};

use crate::arguments::{Check, ConfigFile, now};
use crate::style::{BOLD, date, plain};
use crate::trouble::{Done, ONE, Trouble};

const DAY: u64 = 24 * 60 * 60;

#[derive(Serialize)]
struct Checked<'r> {
    complaints: Vec<String>,
    databases: Vec<Database>,
    report: &'r Report,
}

#[derive(Serialize)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) networks: u64,
    pub(crate) built: String,
    pub(crate) age_days: u64,
}

pub(crate) fn run(config: &ConfigFile, options: &Check) -> Done {
    let mut config: Config = config.open()?;
    // Without a time nothing is expired.
    let now = *config.time.get_or_insert_with(now);
    let loaded = config.load()?;
    let databases = databases(&loaded.live.snapshot(), now);
    let checked =
        Checked { complaints: complaints(&loaded.report, &databases, options), databases, report: &loaded.report };
    let mut out = anstream::stdout().lock();
    let written = if options.json {
        serde_json::to_writer(&mut out, &checked).map_err(std::io::Error::from).and_then(|()| writeln!(out))
    } else {
        show(&mut out, &checked)
    };
    written.map_err(|error| Trouble::io("standard output", error))?;
    Ok(if checked.complaints.is_empty() && loaded.report.warnings().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(ONE)
    })
}

pub(crate) fn databases(intel: &Intel, now: i64) -> Vec<Database> {
    let of = |database: &stormtag::GeoDatabase| Database {
        name: database.name.clone(),
        kind: database.kind.clone(),
        networks: database.networks,
        built: date(database.build_epoch as i64),
        age_days: now.saturating_sub_unsigned(database.build_epoch).max(0) as u64 / DAY,
    };
    intel.geo().map_or_else(Vec::new, |geo| geo.databases().iter().map(of).collect())
}

/// What is not as it was asked for.
fn complaints(report: &Report, databases: &[Database], options: &Check) -> Vec<String> {
    let mut complaints = Vec::new();
    if let Some(most) = options.rejected {
        for source in report.sources() {
            let (rejected, given) = (source.rejected().total() - source.revoked(), source.given());
            if rejected * 100 > given * u64::from(most) {
                complaints.push(format!("{}: {rejected} of {given} rejected, above {most} %", source.source()));
            }
        }
    }
    if let Some(most) = options.age {
        let old = databases.iter().filter(|database| database.age_days > most.into());
        complaints.extend(old.map(|of| format!("{}: {} days old, above {most}", of.name, of.age_days)));
    }
    complaints
}

fn show(out: &mut impl Write, checked: &Checked<'_>) -> std::io::Result<()> {
    // The names in it are those of files and feeds.
    write!(out, "{}", plain(&checked.report.to_string()))?;
    for of in &checked.databases {
        let name = plain(&of.name);
        writeln!(
            out,
            "database {name}: {}, {} networks, of {} ({} days old)",
            plain(&of.kind),
            of.networks,
            of.built,
            of.age_days
        )?;
    }
    for complaint in &checked.complaints {
        writeln!(out, "{BOLD}{}{BOLD:#}", plain(complaint))?;
    }
    Ok(())
}
