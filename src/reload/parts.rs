//! What the files of a configuration hold: read once, kept, and read again only where a file has changed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::allow::AllowList;
use crate::behaviour::Behaviours;
use crate::catalog::Catalog;
use crate::config::{AllowFiles, BehaviourFiles, Config, FeedFiles, WhenEmpty, expand};
use crate::error::Error;
use crate::feed::{Feed, Reason, open::decode};
use crate::generation::{Content, Hashing};
use crate::geo::Geo;
use crate::intel::{Intel, IntelBuilder};
use crate::report::Report;

/// Everything read, each file by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    feeds: Vec<Entry<FeedFiles, Feed>>,
    allow: Vec<Entry<AllowFiles, AllowList>>,
    behaviours: Vec<Entry<BehaviourFiles, Behaviours>>,
    catalogs: Vec<Kept<Catalog>>,
    databases: Vec<Kept<()>>,
    geo: Option<Arc<Geo>>,
}

/// An entry of the configuration, and its files. What they hold depends on what it says of them.
#[derive(Clone, Debug)]
struct Entry<S, T> {
    of: S,
    files: Vec<Kept<T>>,
}

/// One file, and what it held.
#[derive(Debug)]
struct Kept<T> {
    path: Arc<Path>,
    hash: u128,
    value: Arc<T>,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { path: Arc::clone(&self.path), hash: self.hash, value: Arc::clone(&self.value) }
    }
}

/// The files of a configuration and the hashes of their contents, in its order.
pub(crate) type Look = Vec<(Arc<Path>, u128)>;

/// How many indicators are in force, of each feed of the configuration by its path.
pub(crate) type InForce = Vec<(PathBuf, u64)>;

impl Parts {
    /// Looks at the files that the configuration is made of. One that cannot be read is another than it was; whether it is still
    /// needed is for the configuration to say.
    pub(crate) fn look_at_own(config: &Config) -> Look {
        config.own_files().map(|path| (path.into(), hash_of(path).unwrap_or_default())).collect()
    }

    /// Looks at all files that it names: reads them whole, and keeps nothing but a hash of each.
    pub(crate) fn look(config: &Config) -> Result<Look, Error> {
        let mut look = Vec::new();
        let patterns = config.feeds.iter().map(|feed| &feed.path).chain(config.allow.iter().map(|list| &list.path));
        for path in patterns.chain(config.behaviours.iter().map(|files| &files.path)) {
            for file in expand(path)? {
                look.push((Arc::clone(&file), hash_of(&file)?));
            }
        }
        for path in config.catalogs.iter().chain(&config.databases) {
            look.push((path.as_path().into(), hash_of(path)?));
        }
        Ok(look)
    }

    /// What was read, as a look would have seen it.
    pub(crate) fn seen(&self) -> Look {
        let feeds = files(&self.feeds).map(|kept| (Arc::clone(&kept.path), kept.hash));
        let allow = files(&self.allow).map(|kept| (Arc::clone(&kept.path), kept.hash));
        let behaviours = files(&self.behaviours).map(|kept| (Arc::clone(&kept.path), kept.hash));
        let catalogs = self.catalogs.iter().map(|kept| (Arc::clone(&kept.path), kept.hash));
        let databases = self.databases.iter().map(|kept| (Arc::clone(&kept.path), kept.hash));
        feeds.chain(allow).chain(behaviours).chain(catalogs).chain(databases).collect()
    }

    /// Reads what has changed since; what has not is shared.
    pub(crate) fn load(&self, config: &Config) -> Result<Self, Error> {
        let mut parts = Self::default();
        for of in &config.feeds {
            let read = |reader: &mut dyn Read, path: &Path| feed(reader, path, of);
            parts.feeds.push(Entry::load(&self.feeds, of, &of.path, read)?);
        }
        for of in &config.allow {
            let read = |reader: &mut dyn Read, path: &Path| allow_list(reader, path, of);
            parts.allow.push(Entry::load(&self.allow, of, &of.path, read)?);
        }
        for of in &config.behaviours {
            let read = |reader: &mut dyn Read, path: &Path| Behaviours::read(reader, path);
            parts.behaviours.push(Entry::load(&self.behaviours, of, &of.path, read)?);
        }
        let read = |reader: &mut dyn Read, path: &Path| Catalog::read(reader, &path.to_string_lossy());
        let catalogs = config.catalogs.iter().map(|path| Kept::load(&self.catalogs, path.as_path().into(), read));
        parts.catalogs = catalogs.collect::<Result<_, _>>()?;
        self.load_geo(config, &mut parts)?;
        Ok(parts)
    }

    /// Databases lie over each other: if one has changed, all are read.
    fn load_geo(&self, config: &Config, parts: &mut Self) -> Result<(), Error> {
        if config.databases.is_empty() {
            return Ok(());
        }
        let known = self.databases.len() == config.databases.len() && self.geo.is_some();
        let same =
            |(kept, path): (&Kept<()>, &PathBuf)| Ok::<_, Error>(*kept.path == **path && kept.hash == hash_of(path)?);
        if known && self.databases.iter().zip(&config.databases).map(same).all(|same| matches!(same, Ok(true))) {
            parts.databases.clone_from(&self.databases);
            parts.geo.clone_from(&self.geo);
            return Ok(());
        }
        let mut databases = Vec::new();
        for path in &config.databases {
            let mut bytes = Vec::new();
            let read = |reader: &mut dyn Read, path: &Path| {
                let read = decode(reader, path)?.read_to_end(&mut bytes);
                read.map(drop).map_err(|error| Error::io(path, error))
            };
            parts.databases.push(Kept::read(path.as_path().into(), read)?);
            databases.push((path.clone(), bytes));
        }
        parts.geo = Some(Arc::new(Geo::from_databases(databases)?));
        Ok(())
    }

    /// The first file that is new since `old` and breaks off, with what it says of it.
    pub(crate) fn broken_off(&self, old: &Self) -> Option<Error> {
        let known: Vec<_> = files(&old.feeds).map(|kept| &kept.value).collect();
        let new = files(&self.feeds).filter(|kept| !known.iter().any(|old| Arc::ptr_eq(old, &kept.value)));
        new.flat_map(|kept| kept.value.rejected.first().iter().map(move |rejected| (kept, rejected)))
            .find(|(_, rejected)| rejected.reason == Reason::BrokenOff)
            .map(|(kept, rejected)| {
                Error::line(&*kept.path, rejected.line, format!("{}: {}", rejected.reason, rejected.text))
            })
    }

    /// Builds of what was read.
    pub(crate) fn build(&self, config: &Config) -> Result<(Intel, Report, InForce), Error> {
        let mut builder = IntelBuilder::new();
        builder.limits(config.limits).time(config.time);
        if config.builtin_catalog {
            builder.catalog(Catalog::builtin());
        }
        for kept in &self.catalogs {
            builder.catalog((*kept.value).clone());
        }
        if config.builtin_indicators {
            builder.feed(Catalog::builtin_indicators());
        }
        for kept in files(&self.feeds) {
            builder.feed_of(Arc::clone(&kept.path), Arc::clone(&kept.value));
        }
        for kept in files(&self.allow) {
            builder.allow(Arc::clone(&kept.value));
        }
        let (behaviours, unknown) = self.behaviours(config);
        for one in behaviours {
            builder.behaviours(one);
        }
        if let Some(geo) = &self.geo {
            builder.geo(Arc::clone(geo));
        }
        let (intel, mut report) = builder.build();
        let warning = |id: &str| format!("no behaviour has the id {id:?}, which is to be left out");
        report.warnings.extend(unknown.into_iter().map(warning));
        let mut in_force = InForce::new();
        let mut sources = report.sources.iter().filter(|source| source.file().is_some());
        for Entry { of, files } in &self.feeds {
            let sources: Vec<_> = sources.by_ref().take(files.len()).collect();
            in_force.push((of.path.clone(), sources.iter().map(|source| source.in_force()).sum()));
            if sources.iter().all(|source| source.accepted() == 0) {
                let given: u64 = sources.iter().map(|source| source.given()).sum();
                let what = match files.len() {
                    0 => "no such file, so no indicator".to_owned(),
                    _ => format!("gives no indicator; {given} lines were rejected or refused"),
                };
                match of.when_empty.unwrap_or(config.when_empty) {
                    WhenEmpty::Error => return Err(Error::format(&of.path, what)),
                    WhenEmpty::Warn => report.warnings.push(format!("{}: {what}", of.path.display())),
                    WhenEmpty::Ignore => {}
                }
            }
        }
        Ok((intel, report, in_force))
    }
}

impl Parts {
    /// The behaviours of each entry of the configuration, and ids to be left out that there are not.
    fn behaviours<'c>(&self, config: &'c Config) -> (Vec<Behaviours>, Vec<&'c str>) {
        let mut all = Vec::new();
        if config.builtin_behaviours {
            all.push(Behaviours::builtin());
        }
        for Entry { of, files } in &self.behaviours {
            match &of.source {
                // Of many files with one source one report.
                Some(source) => {
                    let mut of_source = Behaviours::new(source);
                    files.iter().for_each(|kept| _ = of_source.extend((*kept.value).clone()));
                    of_source.set_source(source);
                    all.push(of_source);
                }
                None => all.extend(files.iter().map(|kept| (*kept.value).clone())),
            }
        }
        let mut unknown: Vec<&str> = config.without.iter().map(String::as_str).collect();
        for one in &mut all {
            let absent = one.without(config.without.iter().map(String::as_str));
            unknown.retain(|id| absent.contains(id));
        }
        (all, unknown)
    }
}

/// All files of some entries, in their order.
fn files<S, T>(entries: &[Entry<S, T>]) -> impl Iterator<Item = &Kept<T>> {
    entries.iter().flat_map(|entry| &entry.files)
}

impl<S: PartialEq + Clone, T> Entry<S, T> {
    /// The files of an entry; those are kept that have not changed, if the entry says what it said.
    fn load(
        old: &[Self],
        of: &S,
        path: &Path,
        read: impl Fn(&mut dyn Read, &Path) -> Result<T, Error>,
    ) -> Result<Self, Error> {
        let old = old.iter().find(|entry| entry.of == *of).map_or(&[][..], |entry| &entry.files);
        let files = expand(path)?.into_iter().map(|path| Kept::load(old, path, &read));
        Ok(Self { of: of.clone(), files: files.collect::<Result<_, _>>()? })
    }
}

impl<T> Kept<T> {
    /// The file as it was read before, if it still has that content; else reads it.
    fn load(
        old: &[Self],
        path: Arc<Path>,
        read: impl FnOnce(&mut dyn Read, &Path) -> Result<T, Error>,
    ) -> Result<Self, Error> {
        match old.iter().find(|kept| kept.path == path) {
            Some(kept) if hash_of(&path)? == kept.hash => Ok(kept.clone()),
            _ => Self::read(path, read),
        }
    }

    /// Reads the file once, and hashes what was read: it may change at any time.
    fn read(path: Arc<Path>, read: impl FnOnce(&mut dyn Read, &Path) -> Result<T, Error>) -> Result<Self, Error> {
        let failed = |error| Error::io(&*path, error);
        if path.is_dir() {
            // Before it is read: what changes meanwhile is seen by the next look.
            let hash = hash_of(&path)?;
            let value = Arc::new(read(&mut Folder, &path)?);
            return Ok(Self { path, hash, value });
        }
        let mut hashing = Hashing::new(File::open(&path).map_err(failed)?);
        let value = Arc::new(read(&mut hashing, &path)?);
        let hash = hashing.finish().map_err(failed)?;
        Ok(Self { path, hash, value })
    }
}

/// Stands for the bytes of a folder: only feeds can be one.
struct Folder;

impl Read for Folder {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::IsADirectory.into())
    }
}

/// The hash of a file, or of the files in a folder and their names, as MISP publishes feeds.
fn hash_of(path: &Path) -> Result<u128, Error> {
    let failed = |error: io::Error| Error::io(path, error);
    if !path.is_dir() {
        return File::open(path).and_then(|file| Hashing::new(file).finish()).map_err(failed);
    }
    let entries: io::Result<Vec<_>> = fs::read_dir(path).map_err(failed)?.map(|entry| Ok(entry?.path())).collect();
    let mut files: Vec<_> = entries.map_err(failed)?.into_iter().filter(|path| path.is_file()).collect();
    files.sort();
    let mut content = Content::new();
    for file in files {
        content.part(file.file_name().unwrap_or_default().as_encoded_bytes());
        content.hash(hash_of(&file)?);
    }
    Ok(content.finish())
}

fn feed(reader: &mut dyn Read, path: &Path, files: &FeedFiles) -> Result<Feed, Error> {
    let name = path.to_string_lossy();
    if path.is_dir() {
        return Feed::open(path, files.format, &files.defaults);
    }
    match &files.columns {
        Some(columns) => Feed::read_table(reader, &name, columns, &files.defaults),
        None => Feed::read(reader, &name, files.format, &files.defaults),
    }
}

fn allow_list(reader: &mut dyn Read, path: &Path, files: &AllowFiles) -> Result<AllowList, Error> {
    let mut list = AllowList::read(reader, &path.to_string_lossy())?;
    list.mode = files.mode.unwrap_or(list.mode);
    list.name = files.name.clone().unwrap_or(list.name);
    list.reason = files.reason.clone().unwrap_or(list.reason);
    Ok(list)
}
