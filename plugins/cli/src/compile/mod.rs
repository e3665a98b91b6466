//! `stormtag compile`: what is known, for programs that take nothing but files.

mod known;
mod mmdb;
mod suricata;
mod tables;
mod zeek;

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use ipnet::{IpSubnets, Ipv4Subnets, Ipv6Subnets};

use crate::arguments::{Compile, ConfigFile, now};
use crate::trouble::{Done, Trouble, say};
use known::Known;

pub(crate) fn run(config: &ConfigFile, options: &Compile) -> Done {
    let mut config = config.open()?;
    // What has expired by then is left out.
    let now = *config.time.get_or_insert_with(now);
    // They are merged as they are; nobody asks a worker where something is.
    let databases = std::mem::take(&mut config.databases);
    let loaded = config.load()?;
    let intel = loaded.live.snapshot();
    say(format_args!("{}", crate::style::plain(&loaded.report.to_string())));
    if let Some(path) = &options.mmdb {
        say(format_args!("{}: {}\n", path.display(), mmdb::write(path, &databases, loaded.worker(), now)?));
    }
    let known = Known::of(&intel, now);
    say(format_args!("left out: {} records silenced, {} not valid at this time\n", known.silenced, known.not_valid));
    if let Some(folder) = &options.csv {
        tables::write(folder, &known)?;
    }
    if let Some(folder) = &options.suricata {
        suricata::write(folder, &known)?;
    }
    if let Some(path) = &options.zeek {
        zeek::write(path, &known)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn make_folder(folder: &Path) -> Result<(), Trouble> {
    std::fs::create_dir_all(folder).map_err(|error| Trouble::Because(format!("{}: {error}", folder.display())))
}

/// The networks that a range is made of.
fn subnets(first: IpAddr, last: IpAddr) -> IpSubnets {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => IpSubnets::V4(Ipv4Subnets::new(first, last, 0)),
        (IpAddr::V6(first), IpAddr::V6(last)) => IpSubnets::V6(Ipv6Subnets::new(first, last, 0)),
        // Ranges are of one family: none.
        _ => IpSubnets::V4(Ipv4Subnets::new([0, 0, 0, 1].into(), [0, 0, 0, 0].into(), 0)),
    }
}
