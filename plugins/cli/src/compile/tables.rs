//! CSV: for Vector's `file` tables, Logstash's `translate`, spreadsheets.

use std::io;
use std::path::Path;

use stormtag::Kind;

use super::known::{Covers, Known, TOLD, confidence, told};
use super::make_folder;
use crate::output::replace;
use crate::trouble::{Trouble, say};

pub(super) fn write(folder: &Path, known: &Known<'_>) -> Result<(), Trouble> {
    make_folder(folder)?;
    for &kind in Kind::ALL {
        let path = folder.join(format!("{kind}.csv"));
        let indicators = known.of_kind(kind).count();
        // One of an earlier time does not stay behind.
        if indicators == 0 && !path.exists() {
            continue;
        }
        replace(&path, |out| {
            let mut csv = csv::Writer::from_writer(out);
            let write = |error: csv::Error| io::Error::other(error);
            csv.write_record(["indicator", "covers", "confidence"].into_iter().chain(TOLD)).map_err(write)?;
            for indicator in known.of_kind(kind) {
                let covers = match indicator.covers {
                    Covers::Itself => "",
                    Covers::Subdomains => "subdomains",
                    Covers::Prefix => "prefix",
                    Covers::Network => "network",
                };
                let confidence = confidence(&indicator.records).to_string();
                let told = told(&indicator.records);
                let row = [&*indicator.value, covers, &confidence].into_iter().chain(told.iter().map(|word| &**word));
                csv.write_record(row).map_err(write)?;
            }
            csv.flush()
        })?;
        say(format_args!("{}: {indicators} indicators\n", path.display()));
    }
    Ok(())
}
