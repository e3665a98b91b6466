//! Where a configuration was read, and what has changed there since.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Config;
use crate::error::Error;
use crate::worker::Settings;

/// The file that a configuration was read from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    path: PathBuf,
    /// What it said, without what the host has changed since.
    said: Arc<Config>,
}

impl Config {
    /// Remembers that it was read from a file, and what the file said.
    pub(super) fn read_from(self, path: &Path) -> Self {
        let origin = Origin { path: path.to_path_buf(), said: Arc::new(self.clone()) };
        Self { origin: Some(origin), ..self }
    }

    /// The files that it is made of: its own, and its field maps. None if it was not read from a file.
    pub(crate) fn own_files(&self) -> impl Iterator<Item = &Path> {
        let origin = self.origin.iter().map(|origin| &*origin.path);
        origin.chain(self.maps.iter().filter(|_| self.origin.is_some()).map(PathBuf::as_path))
    }

    /// How the file says that workers are set up.
    pub(crate) fn said(&self) -> Option<Settings> {
        self.origin.as_ref().map(|origin| origin.said.settings())
    }

    /// Reads the file again: what it says otherwise than before is taken, and what it does not is left as the host has it.
    pub(crate) fn read_again(&self) -> Result<Self, Error> {
        let Some(Origin { path, said }) = &self.origin else { return Ok(self.clone()) };
        let new = Self::open(path)?;
        macro_rules! changed {
            ($($field:ident),* $(,)?) => {
                Self {
                    $($field: if new.$field == said.$field { self.$field.clone() } else { new.$field },)*
                    maps: new.maps,
                    origin: new.origin,
                }
            };
        }
        Ok(changed! {
            feeds, allow, databases, builtin_catalog, builtin_indicators, builtin_behaviours, behaviours, without, catalogs, limits, fields, site, schema, stamp, cache, time,
            when_empty, shrink, shrink_from, debounce, poll,
        })
    }
}
