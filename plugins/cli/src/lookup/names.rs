//! What is shown of a name: the actors and campaigns that go by it.

use std::io::{self, Write};

use serde::Serialize;
use stormtag::{Actor, Alias, Campaign, Catalog, Claim, Software};

use super::value::show_claim;
use crate::style::{BOLD, DIM, plain};

/// Those who go by a name.
pub(super) struct Named<'c> {
    catalog: &'c Catalog,
    actors: Vec<&'c Actor>,
    campaigns: Vec<&'c Campaign>,
}

#[derive(Serialize)]
struct Answer<'c> {
    value: String,
    known: bool,
    actors: Vec<Told<'c, Actor>>,
    campaigns: Vec<Told<'c, Campaign>>,
}

#[derive(Serialize)]
struct Told<'c, T> {
    #[serde(flatten)]
    of: &'c T,
    claims: Vec<&'c Claim>,
}

impl<'c> Named<'c> {
    pub(super) fn of(catalog: &'c Catalog, name: &str) -> Self {
        Self { catalog, actors: catalog.actors(name).collect(), campaigns: catalog.campaigns(name).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.actors.is_empty() && self.campaigns.is_empty()
    }

    /// For a machine.
    pub(super) fn told(&self, name: &str) -> impl Serialize {
        let actors = self.actors.iter().map(|&of| Told { of, claims: self.catalog.claims(&of.id).collect() });
        let campaigns = self.campaigns.iter().map(|&of| Told { of, claims: self.catalog.claims(&of.id).collect() });
        Answer { value: name.to_owned(), known: true, actors: actors.collect(), campaigns: campaigns.collect() }
    }

    pub(super) fn show(&self, out: &mut impl Write) -> io::Result<()> {
        for actor in &self.actors {
            let campaigns = self.catalog.all_campaigns().iter().filter(|campaign| campaign.actors.contains(&actor.id));
            let lines = [
                ("also", aliases(&actor.aliases)),
                ("not", actor.not.join(", ")),
                ("active since", actor.active_since.clone().unwrap_or_default()),
                ("sectors", actor.sectors.join(", ")),
                ("sectors reported", actor.sectors_reported.join(", ")),
                ("countries of victims", actor.targets.join(", ")),
                ("campaigns", campaigns.map(|campaign| &*campaign.name).collect::<Vec<_>>().join(", ")),
                ("software", software(&actor.software)),
                ("techniques", actor.techniques.join(", ")),
                ("note", actor.note.clone().unwrap_or_default()),
            ];
            self.show_one("actor", &actor.id, &actor.name, &lines, out)?;
        }
        for campaign in &self.campaigns {
            let day = |date: &Option<String>| date.clone().unwrap_or_else(|| "…".to_owned());
            let lines = [
                ("also", aliases(&campaign.aliases)),
                ("seen", format!("{} to {}", day(&campaign.first_seen), day(&campaign.last_seen))),
                ("actors", campaign.actors.join(", ")),
                ("software", software(&campaign.software)),
                ("techniques", campaign.techniques.join(", ")),
            ];
            self.show_one("campaign", &campaign.id, &campaign.name, &lines, out)?;
        }
        Ok(())
    }

    fn show_one(
        &self,
        what: &str,
        id: &str,
        name: &str,
        lines: &[(&str, String)],
        out: &mut impl Write,
    ) -> io::Result<()> {
        writeln!(out, "{BOLD}{}{BOLD:#} {DIM}{what} {}{DIM:#}", plain(name), plain(id))?;
        for (name, said) in lines.iter().filter(|(_, said)| !said.is_empty()) {
            writeln!(out, "    {DIM}{name}{DIM:#} {}", plain(said))?;
        }
        self.catalog.claims(id).try_for_each(|claim| show_claim(claim, out))
    }
}

fn aliases(aliases: &[Alias]) -> String {
    let shown = aliases.iter().map(|alias| match &alias.by {
        Some(by) => format!("{} ({by})", alias.name),
        None => alias.name.clone(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn software(software: &[Software]) -> String {
    software.iter().map(|software| &*software.name).collect::<Vec<_>>().join(", ")
}
