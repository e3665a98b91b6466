//! Zeek: a file of its [intelligence framework](https://docs.zeek.org/en/master/frameworks/intel.html).

use std::io::Write;
use std::path::Path;

use stormtag::Kind;

use super::known::{Covers, Indicator, Known};
use crate::output::replace;
use crate::trouble::{Trouble, say};

pub(super) fn write(path: &Path, known: &Known<'_>) -> Result<(), Trouble> {
    let (mut written, mut left_out) = (0_u64, 0_u64);
    replace(path, |out| {
        writeln!(out, "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url")?;
        for indicator in &known.indicators {
            let Some((kind, value)) = as_zeek_has_it(indicator) else {
                left_out += 1;
                continue;
            };
            // One line for each source: it is the key beside the indicator.
            for record in &indicator.records {
                let mut said: Vec<&str> = record.campaigns.iter().chain(&record.actors).map(|word| &**word).collect();
                said.extend(record.role.as_deref());
                said.extend(record.description.as_deref());
                let (source, said) = (field(&record.source), field(&said.join("; ")));
                let reference = field(record.reference.as_deref().unwrap_or_default());
                writeln!(out, "{}\t{kind}\t{source}\t{said}\t{reference}", field(&value))?;
                written += 1;
            }
        }
        Ok(())
    })?;
    say(format_args!(
        "{}: {written} lines; {left_out} indicators left out that Zeek has no type for\n",
        path.display()
    ));
    Ok(())
}

/// Zeek matches values whole: of names, not those below; of URLs, not those that begin so. Ranges have no type.
fn as_zeek_has_it(indicator: &Indicator<'_>) -> Option<(&'static str, String)> {
    let value = &*indicator.value;
    let kind = match (indicator.kind, indicator.covers) {
        (Kind::Ip, Covers::Network) if value.contains('/') => "Intel::SUBNET",
        (Kind::Ip, Covers::Itself) => "Intel::ADDR",
        (Kind::Domain, _) => "Intel::DOMAIN",
        (Kind::Url, Covers::Itself) => {
            let (_, rest) = value.split_once("://")?;
            return Some(("Intel::URL", rest.to_owned()));
        }
        (Kind::Md5 | Kind::Sha1 | Kind::Sha256, _) => "Intel::FILE_HASH",
        (Kind::CertSha1, _) => "Intel::CERT_HASH",
        (Kind::Email, _) => "Intel::EMAIL",
        (Kind::FileName, _) => "Intel::FILE_NAME",
        (Kind::UserName, _) => "Intel::USER_NAME",
        _ => return None,
    };
    Some((kind, value.to_owned()))
}

/// No tab and no line end; `-` is what Zeek has for nothing.
fn field(text: &str) -> String {
    match text.trim() {
        "" => "-".to_owned(),
        text => text.replace(['\t', '\n', '\r'], " "),
    }
}
