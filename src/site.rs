//! Sites: where events come from, as far as that tells whom they would interest.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::catalog::{Actor, country_code, fold};

/// `name<TAB>other|…`.
const SECTORS: &str = include_str!("../data/sectors.txt");

/// Where events come from: the sectors and countries of the host. An actor known to seek out such weighs more, within bounds, and the
/// evidence says so; see [`Worker::set_site`](crate::Worker::set_site).
///
/// ```
/// use stormtag::Site;
///
/// let site = Site::new(["energy", "Telecoms"], ["us", "Guam"])?;
/// assert_eq!(site.sectors().collect::<Vec<_>>(), ["Communications", "Energy"]);
/// assert_eq!(site.countries().collect::<Vec<_>>(), ["US", "GU"]);
/// assert!(Site::new(["Enrgy"], []).is_err());
/// # Ok::<(), stormtag::UnknownSite>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Site {
    sectors: Sectors,
    countries: Vec<&'static str>,
}

/// A text that is neither a sector nor a country.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is no {expected}")]
#[non_exhaustive]
pub struct UnknownSite {
    text: String,
    expected: String,
}

impl Site {
    /// A site in these sectors, by CISA's names or those of MISP's galaxies and STIX (`data/sectors.txt`), and in these countries,
    /// by ISO 3166-1 alpha-2 code or by name.
    ///
    /// # Errors
    ///
    /// If a sector or a country is not known.
    pub fn new<'t>(
        sectors: impl IntoIterator<Item = &'t str>,
        countries: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, UnknownSite> {
        let mut site = Self::default();
        for text in sectors {
            let expected = || format!("sector; expected one of {}", NAMES.join("; "));
            let sector = number(text).ok_or_else(|| UnknownSite { text: text.to_owned(), expected: expected() })?;
            site.sectors.add(sector);
        }
        for text in countries {
            let expected = || "country; expected an ISO 3166-1 alpha-2 code or a name".to_owned();
            let code = country_code(text).ok_or_else(|| UnknownSite { text: text.to_owned(), expected: expected() })?;
            if !site.countries.contains(&code) {
                site.countries.push(code);
            }
        }
        Ok(site)
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Its sectors, by their first names.
    pub fn sectors(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.sectors.names()
    }

    /// Its countries, ISO 3166-1 alpha-2.
    pub fn countries(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.countries.iter().copied()
    }

    /// What of the site the actor is known to seek out.
    pub(crate) fn sought_by(&self, actor: &Actor, aims: Aims) -> Sought {
        let is_target = |code: &&str| actor.targets.iter().any(|target| target == *code);
        let country = self.countries().find(is_target);
        Sought { confirmed: self.sectors.both(aims.confirmed), reported: self.sectors.both(aims.reported), country }
    }
}

/// What of a site an actor is known to seek out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sought {
    /// Sectors in which victims were confirmed.
    pub(crate) confirmed: Sectors,
    /// Sectors that somebody has published beside those.
    pub(crate) reported: Sectors,
    /// The first country.
    pub(crate) country: Option<&'static str>,
}

impl Sought {
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Sectors(self.confirmed.0 | self.reported.0).names().chain(self.country)
    }
}

/// The sectors of an actor, ready to be compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aims {
    confirmed: Sectors,
    reported: Sectors,
}

impl Aims {
    pub(crate) fn of(actor: &Actor) -> Self {
        Self { confirmed: Sectors::of(&actor.sectors), reported: Sectors::of(&actor.sectors_reported) }
    }
}

/// A set of sectors: a bit each, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sectors(u64);

impl Sectors {
    fn of(names: &[String]) -> Self {
        let mut sectors = Self::default();
        // A name that the table does not have is no site's either.
        names.iter().filter_map(|name| number(name)).for_each(|sector| sectors.add(sector));
        sectors
    }

    fn add(&mut self, sector: u32) {
        self.0 |= 1 << sector;
    }

    fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn names(self) -> impl Iterator<Item = &'static str> + use<> {
        NAMES.iter().zip(0..).filter(move |&(_, sector)| self.0 >> sector & 1 == 1).map(|(name, _)| *name)
    }
}

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| rows().map(|(name, _)| name).take(64).collect());

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = SECTORS.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').unwrap_or((line, "")))
}

/// The number of the sector of this name.
fn number(name: &str) -> Option<u32> {
    static NUMBERS: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
        let rows = rows().take(64).zip(0..);
        let names = rows.flat_map(|((name, others), number)| {
            std::iter::once(name).chain(others.split('|')).map(move |name| (fold(name.trim()), number))
        });
        names.filter(|(name, _)| !name.is_empty()).collect()
    });
    NUMBERS.get(&fold(name.trim())).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_one_sector() {
        assert!(NAMES.len() < 64 && NAMES.len() >= 16);
        for (row, expected) in rows().zip(0..) {
            for name in std::iter::once(row.0).chain(row.1.split('|')).filter(|name| !name.is_empty()) {
                assert_eq!(number(name), Some(expected), "{name}");
            }
        }
        assert_eq!((number("Private sector"), number("")), (None, None));
    }

    #[test]
    fn a_slip_is_told() {
        let error = Site::new(["Enrgy"], []).unwrap_err().to_string();
        assert!(error.starts_with("\"Enrgy\" is no sector; expected one of Chemical; Commercial"), "{error}");
        let error = Site::new([], ["Atlantis"]).unwrap_err().to_string();
        assert_eq!(error, "\"Atlantis\" is no country; expected an ISO 3166-1 alpha-2 code or a name");
    }
}
