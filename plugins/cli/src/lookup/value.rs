//! What is shown of a value.

use std::collections::HashSet;
use std::io::{self, Write};

use stormtag::{Attribution, Claim, Enrichment, Kind, Located, Match, Record};

use crate::style::{BOLD, DIM, GREEN, RED, YELLOW, date, plain, word};

pub(super) fn show(value: &str, kind: Kind, enrichment: &Enrichment<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{BOLD}{}{BOLD:#} {DIM}{kind}{DIM:#}", plain(value))?;
    for sighting in enrichment.sightings() {
        for found in sighting.matches() {
            let informed = found.informed_by().map(|list| format!("known to the list {}: {}", list.list, list.reason));
            show_match(&found, ("match", RED), informed.as_deref(), out)?;
        }
        for found in sighting.suppressed() {
            let by = found.suppressed_by().map(|list| format!("by the list {}: {}", list.list, list.reason));
            show_match(&found, ("silenced", GREEN), by.as_deref(), out)?;
        }
        for found in sighting.outside_validity() {
            show_match(&found, ("not valid", YELLOW), None, out)?;
        }
    }
    for located in enrichment.located() {
        show_located(&located, out)?;
    }
    for attribution in enrichment.attributions() {
        show_attribution(attribution, out)?;
    }
    // Many speak of a campaign and of the actor behind it.
    let mut claims = enrichment.attributions().iter().flat_map(Attribution::claims).collect::<Vec<&Claim>>();
    let mut shown = HashSet::new();
    claims.retain(|claim| shown.insert(&claim.id));
    claims.into_iter().try_for_each(|claim| show_claim(claim, out))?;
    if enrichment.is_empty() {
        writeln!(out, "  nothing is known of it")?;
    }
    Ok(())
}

fn show_match(
    found: &Match<'_>,
    (what, style): (&str, clap::builder::styling::Style),
    why: Option<&str>,
    out: &mut impl Write,
) -> io::Result<()> {
    let record = found.record();
    writeln!(
        out,
        "  {style}{what}{style:#} {} {} {DIM}of{DIM:#} {}",
        found.kind(),
        plain(&found.indicator()),
        plain(&record.source)
    )?;
    if let Some(why) = why {
        writeln!(out, "    {}", plain(why))?;
    }
    for (name, value) in said(record) {
        writeln!(out, "    {DIM}{name}{DIM:#} {}", plain(&value))?;
    }
    Ok(())
}

/// What a record says, as far as it does.
fn said(record: &Record) -> impl Iterator<Item = (&'static str, String)> {
    let list = |list: &[Box<str>]| (!list.is_empty()).then(|| list.join(", "));
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let span = |from: Option<i64>, to: Option<i64>| {
        let day = |at: Option<i64>| at.map_or_else(|| "…".to_owned(), date);
        (from.is_some() || to.is_some()).then(|| format!("{} to {}", day(from), day(to)))
    };
    [
        ("confidence", Some(format!("{} of 100", record.confidence))),
        ("severity", record.severity.map(word)),
        ("campaigns", list(&record.campaigns)),
        ("actors", list(&record.actors)),
        ("malware", list(&record.malware)),
        ("techniques", list(&record.techniques)),
        ("role", text(&record.role)),
        ("tags", list(&record.tags)),
        ("description", text(&record.description)),
        ("reference", text(&record.reference)),
        ("id", text(&record.id)),
        ("TLP", record.tlp.map(|tlp| tlp.name().to_owned())),
        ("valid", span(record.valid_from, record.valid_until)),
        ("seen", span(record.first_seen, record.last_seen)),
    ]
    .into_iter()
    .filter_map(|(name, said)| Some((name, said?)))
}

fn show_located(located: &Located<'_>, out: &mut impl Write) -> io::Result<()> {
    if let Some(asn) = located.asn {
        let whose = [asn.organization, asn.isp.filter(|isp| Some(*isp) != asn.organization), asn.domain];
        let whose = whose.into_iter().flatten().collect::<Vec<_>>().join(", ");
        writeln!(out, "  {DIM}network{DIM:#} AS{} {}", asn.number, plain(&whose))?;
    }
    if let Some(place) = located.location {
        let names =
            [place.city_name, place.region_name, place.country_name, place.country_iso_code, place.continent_name];
        let mut names = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
        if let (Some(latitude), Some(longitude)) = (place.latitude, place.longitude) {
            names += &format!(" ({latitude}, {longitude})");
        }
        writeln!(out, "  {DIM}place{DIM:#} {}", plain(&names))?;
    }
    if !located.anonymity.is_empty() {
        writeln!(out, "  {DIM}anonymity{DIM:#} {}", located.anonymity.names().collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn show_attribution(attribution: &Attribution<'_>, out: &mut impl Write) -> io::Result<()> {
    let subject = attribution.subject();
    let what = if subject.is_campaign() { "campaign" } else { "actor" };
    let id = subject.id().map_or_else(|| "not in the catalogue".to_owned(), |id| plain(id).into_owned());
    writeln!(
        out,
        "  {what} {BOLD}{}{BOLD:#} {DIM}{id}{DIM:#} {} of 100",
        plain(subject.name()),
        attribution.confidence()
    )?;
    attribution.explain().lines().try_for_each(|line| writeln!(out, "    {}", plain(line)))
}

pub(super) fn show_claim(claim: &Claim, out: &mut impl Write) -> io::Result<()> {
    let date = claim.date.as_deref().unwrap_or("undated");
    let (by, party, status) = (plain(&claim.by), word(claim.party), word(claim.status));
    let of = claim.actor.as_deref().or(claim.country.as_deref()).unwrap_or("nobody");
    writeln!(out, "    {DIM}claim{DIM:#} {date} {by} ({party}) {status}: {} to {}", plain(&claim.about), plain(of))?;
    writeln!(out, "      {}", plain(&claim.said))
}
