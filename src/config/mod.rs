//! `stormtag.toml`: what to load, and how workers are set up.

mod origin;
mod paths;
mod read;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::allow::Mode;
use crate::error::Error;
use crate::event::FieldMap;
use crate::feed::{Columns, Defaults, Format, whole};
use crate::intel::Limits;
use crate::live::Live;
use crate::reload::Parts;
use crate::report::Report;
use crate::schema::{Schema, Stamp};
use crate::site::Site;
use crate::worker::{Settings, Worker};

#[cfg(feature = "watch")]
pub(crate) use paths::directories;
pub(crate) use paths::expand;

use origin::Origin;

/// What to load, and how workers are set up: a `stormtag.toml`, read and checked. Plain data: change what you like before you load.
///
/// Relative paths count from the folder of the file. An unknown key or a wrong value is an error with its line. Environment
/// variables are not read. `examples/stormtag.toml` shows every key.
///
/// ```
/// use stormtag::{Config, Kind};
///
/// let loaded = Config::open("examples/stormtag.toml")?.load()?;
/// eprint!("{}", loaded.report);
/// let mut worker = loaded.worker(); // one for each thread
/// assert!(!worker.look_up(Kind::Domain, "www.harvest-mail.example").unwrap().is_empty());
/// # Ok::<(), stormtag::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Files of indicators.
    pub feeds: Vec<FeedFiles>,
    /// Allow-lists.
    pub allow: Vec<AllowFiles>,
    /// `.mmdb` databases; the first has the first word.
    pub databases: Vec<PathBuf>,
    /// Whether the built-in catalogue is used. Defaults to yes.
    pub builtin_catalog: bool,
    /// Whether the indicators published of its actors are. Defaults to yes.
    pub builtin_indicators: bool,
    /// Whether the [built-in behaviours](crate::Behaviours::builtin) are looked for. Defaults to yes.
    pub builtin_behaviours: bool,
    /// Files of behaviours.
    pub behaviours: Vec<BehaviourFiles>,
    /// Ids of behaviours that are left out, wherever they are from.
    pub without: Vec<String>,
    /// Catalogue files.
    pub catalogs: Vec<PathBuf>,
    /// What indicators may cover.
    pub limits: Limits,
    /// Where in events something stands to look up. Defaults to all built-in maps.
    pub fields: FieldMap,
    /// Where events come from. Defaults to a site of which nothing is known.
    pub site: Site,
    /// In whose words output is written. Defaults to ECS.
    pub schema: Schema,
    /// What is written into events beside what was found. Defaults to nothing.
    pub stamp: Stamp,
    /// Values not in normal form that a worker remembers; `None`: as [`Worker::set_cache`] has it.
    pub cache: Option<usize>,
    /// The time, in seconds since the epoch, at which expiry is counted and events without a time of their own are judged; `None`:
    /// they are not. The library keeps no clock: a host that wants *now* sets it.
    pub time: Option<i64>,
    /// What a feed without any indicator is. Defaults to a warning.
    pub when_empty: WhenEmpty,
    /// The share of indicators that may be lost in a reload, of all and of each feed. Defaults to a half.
    pub shrink: f64,
    /// Feeds and totals with fewer indicators may lose any share. Defaults to 100.
    pub shrink_from: u64,
    /// How long files must stay as they are before they are read. Defaults to two seconds.
    pub debounce: Duration,
    /// How often files are looked at by a `Watcher`, whatever notifications say. Defaults to a minute.
    pub poll: Duration,
    /// The files of its field maps.
    maps: Vec<PathBuf>,
    origin: Option<Origin>,
}

/// Files of one feed.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedFiles {
    /// A file, a folder as MISP publishes feeds, or a pattern of files with `*`, `?`, `[…]` or `**` for any number of folders.
    pub path: PathBuf,
    /// `None`: told by content.
    pub format: Option<Format>,
    /// Which column holds what, in tables; `None`: told by the header.
    pub columns: Option<Columns>,
    /// What holds unless a line says otherwise. Without a source the name of the file is.
    pub defaults: Defaults,
    /// `None`: as [`Config::when_empty`] has it.
    pub when_empty: Option<WhenEmpty>,
    /// `None`: as [`Config::shrink`] has it.
    pub shrink: Option<f64>,
}

/// Files of one allow-list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowFiles {
    /// As [`FeedFiles::path`].
    pub path: PathBuf,
    /// `None`: what the file says.
    pub mode: Option<Mode>,
    /// Name in output; `None`: what the file says.
    pub name: Option<String>,
    /// Why its entries are allowed; `None`: what the file says.
    pub reason: Option<String>,
}

/// Files of behaviours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BehaviourFiles {
    /// As [`FeedFiles::path`]; what ends in `.yml` or `.yaml` is Sigma.
    pub path: PathBuf,
    /// Name in output; `None`: what each file says.
    pub source: Option<String>,
}

/// What to make of a feed that gives no indicator at all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum WhenEmpty {
    /// Loading fails, and a reload leaves what there is.
    Error,
    /// It is among [`Report::warnings`].
    #[default]
    Warn,
    /// Nothing.
    Ignore,
}

/// What a configuration was made to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The snapshot, ready for workers.
    pub live: Live,
    /// What was used and what was not.
    pub report: Report,
    config: Config,
}

impl Default for Config {
    /// The built-in catalogue with its indicators, and no file.
    fn default() -> Self {
        Self {
            feeds: Vec::new(),
            allow: Vec::new(),
            databases: Vec::new(),
            builtin_catalog: true,
            builtin_indicators: true,
            builtin_behaviours: true,
            behaviours: Vec::new(),
            without: Vec::new(),
            catalogs: Vec::new(),
            limits: Limits::default(),
            fields: FieldMap::builtin(),
            site: Site::default(),
            schema: Schema::default(),
            stamp: Stamp::default(),
            cache: None,
            time: None,
            when_empty: WhenEmpty::default(),
            shrink: 0.5,
            shrink_from: 100,
            debounce: Duration::from_secs(2),
            poll: Duration::from_secs(60),
            maps: Vec::new(),
            origin: None,
        }
    }
}

impl Config {
    /// Reads a `stormtag.toml`, and the field maps it names. A [`Reloader`](crate::Reloader) reads them again when they change.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is no TOML, has a key that there is not or a value that cannot be: then with the line and what was
    /// expected.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
        let text = whole::read(file, path)?;
        Ok(read::config(path, &text)?.read_from(path))
    }

    /// As [`open`](Self::open), of a text, which is not read again. Relative paths in it count from the folder of `name`, which stands in errors.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// ```
    /// use stormtag::Config;
    ///
    /// let error = Config::parse("stormtag.toml", "[output]\nshcema = \"native\"\n").unwrap_err();
    /// assert_eq!(error.to_string(), "stormtag.toml:2: unknown key \"shcema\" in [output]; did you mean \"schema\"?");
    /// ```
    pub fn parse(name: impl AsRef<Path>, text: &str) -> Result<Self, Error> {
        read::config(name.as_ref(), text)
    }

    /// Reads all files and builds. To keep up with them, make a [`Reloader`](crate::Reloader) instead.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not what it should be, or a feed is empty that [may not be](WhenEmpty::Error). Lines that are no
    /// indicator are in the report.
    pub fn load(&self) -> Result<Loaded, Error> {
        let (intel, report, _) = Parts::default().load(self)?.build(self)?;
        Ok(Loaded { live: Live::new(intel), report, config: self.clone() })
    }

    /// A worker for one thread, set up as the configuration says.
    #[must_use]
    pub fn worker(&self, live: &Live) -> Worker {
        let mut worker = live.worker();
        worker.set_up(&self.settings(), self.said());
        worker
    }

    /// How workers are set up.
    fn settings(&self) -> Settings {
        Settings {
            fields: self.fields.clone(),
            schema: self.schema,
            stamp: self.stamp,
            clock: self.time,
            site: self.site.clone(),
            cache: self.cache,
        }
    }
}

impl Loaded {
    /// A worker for one thread, set up as the configuration says.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.config.worker(&self.live)
    }
}
