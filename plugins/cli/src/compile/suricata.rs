//! Suricata: [datasets with reputation](https://docs.suricata.io/en/latest/rules/datasets.html) and
//! [IP reputation](https://docs.suricata.io/en/latest/reputation/ipreputation/ip-reputation-format.html).

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stormtag::Kind;

use super::known::{Known, confidence};
use super::{make_folder, subnets};
use crate::output::replace;
use crate::trouble::{Trouble, say};

/// Kinds that a sticky buffer of Suricata holds whole; digests are types of their own, the rest strings.
const DATASETS: [Kind; 7] = [Kind::Md5, Kind::Sha256, Kind::Domain, Kind::Ja3, Kind::Ja3s, Kind::Ja4, Kind::UserAgent];

/// The one category of the IP reputation.
const CATEGORY: u8 = 1;

pub(super) fn write(folder: &Path, known: &Known<'_>) -> Result<(), Trouble> {
    make_folder(folder)?;
    for kind in DATASETS {
        let path = folder.join(format!("{kind}.rep"));
        let indicators = known.of_kind(kind).count();
        if indicators == 0 && !path.exists() {
            continue;
        }
        replace(&path, |out| {
            known.of_kind(kind).try_for_each(|indicator| {
                let score = score(confidence(&indicator.records));
                match kind {
                    Kind::Md5 | Kind::Sha256 => writeln!(out, "{},{score}", indicator.value),
                    _ => writeln!(out, "{},{score}", STANDARD.encode(&*indicator.value)),
                }
            })
        })?;
        say(format_args!("{}: {indicators} indicators\n", path.display()));
    }
    let mut lines = 0_u64;
    replace(&folder.join("categories.txt"), |out| {
        writeln!(out, "{CATEGORY},stormtag,Addresses that stormtag's sources name")
    })?;
    replace(&folder.join("iprep.list"), |out| {
        for indicator in known.of_kind(Kind::Ip) {
            let score = score(confidence(&indicator.records));
            for network in networks(&indicator.value) {
                writeln!(out, "{network},{CATEGORY},{score}")?;
                lines += 1;
            }
        }
        Ok(())
    })?;
    say(format_args!("{}: {lines} lines\n", folder.join("iprep.list").display()));
    let left_out = known.indicators.iter().filter(|of| of.kind != Kind::Ip && !DATASETS.contains(&of.kind)).count();
    say(format_args!("{left_out} indicators left out that Suricata has no buffer for\n"));
    Ok(())
}

/// Nothing that is known has a score of 0, which Suricata takes for nothing.
fn score(confidence: u8) -> u8 {
    confidence.max(1)
}

/// A range is the networks that it is made of.
fn networks(indicator: &str) -> Vec<String> {
    let ends = indicator.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    match ends {
        Some((first, last)) => subnets(first, last).map(|network| network.to_string()).collect(),
        None => vec![indicator.to_owned()],
    }
}
