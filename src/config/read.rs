//! From TOML to a configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::paths::{check, join};
use super::{AllowFiles, BehaviourFiles, Config, FeedFiles, WhenEmpty};
use crate::document::{Item, Section};
use crate::error::Error;
use crate::event::FieldMap;
use crate::feed::{Columns, Defaults, Format, Preset};
use crate::intel::Limits;
use crate::observable::Kind;
use crate::record::{Record, Severity, Tlp};
use crate::schema::{Schema, Stamp};
use crate::site::Site;
use crate::time;

/// More time than this is a slip of the pen, in seconds: a hundred years.
const LONGEST: u64 = 100 * 365 * 86_400;

pub(super) fn config(path: &Path, text: &str) -> Result<Config, Error> {
    let name = path.to_string_lossy();
    let base = path.parent().unwrap_or(Path::new(""));
    let mut root = Section::parse(&name, text)?;
    let mut config = Config::default();
    for section in root.sections("feed")? {
        config.feeds.push(feed(section, base)?);
    }
    for section in root.sections("allow")? {
        config.allow.push(allow(section, base)?);
    }
    for section in root.sections("behaviours")? {
        config.behaviours.push(behaviours(section, base)?);
    }
    catalog(root.section("catalog")?, base, &mut config)?;
    geo(root.section("geo")?, base, &mut config)?;
    limits(root.section("limits")?, &mut config.limits)?;
    events(root.section("events")?, base, &mut config)?;
    site(root.section("site")?, &mut config)?;
    output(root.section("output")?, &mut config)?;
    reload(root.section("reload")?, &mut config)?;
    root.finish()?;
    Ok(config)
}

fn feed(mut section: Section<'_>, base: &Path) -> Result<FeedFiles, Error> {
    let path = needed_path(&mut section, base)?;
    let format = section
        .item("format")
        .map(|item| item.one_of(Format::ALL.iter().map(|format| format.name()), |word| word.parse().ok()))
        .transpose()?;
    let kinds = Kind::ALL.iter().map(|kind| kind.name());
    let kind = section.item("kind").map(|item| item.one_of(kinds, |word| word.parse().ok())).transpose()?;
    let mut columns = section.item("columns").map(|item| columns(item, format)).transpose()?;
    let preset = section.item("preset").map(|item| preset(&item, format, columns.is_some())).transpose()?;

    // What stands here comes before what the preset says.
    let said = preset.map_or_else(|| Record::new("").into(), Preset::defaults);
    let (kind, mut record) = (kind.or(said.kind), said.record);
    columns = columns.or(preset.map(|preset| preset.columns().clone()));
    if let Some(item) = section.item("source") {
        record.source = item.words()?.into();
    }
    if let Some(item) = section.item("confidence") {
        record.confidence = item.number(100)? as u8;
    }
    let severities = ["low", "medium", "high", "critical"].into_iter();
    record.severity = section.item("severity").map(|item| item.one_of(severities, Severity::parse)).transpose()?;
    let markings = ["clear", "green", "amber", "amber+strict", "red"].into_iter();
    record.tlp = section.item("tlp").map(|item| item.one_of(markings, Tlp::parse)).transpose()?;
    for (key, list) in [
        ("actors", &mut record.actors),
        ("campaigns", &mut record.campaigns),
        ("malware", &mut record.malware),
        ("techniques", &mut record.techniques),
        ("tags", &mut record.tags),
    ] {
        if let Some(item) = section.item(key) {
            list.extend(item.texts()?.into_iter().map(Box::from));
        }
    }
    for (key, slot) in
        [("role", &mut record.role), ("description", &mut record.description), ("reference", &mut record.reference)]
    {
        if let Some(item) = section.item(key) {
            *slot = Some(item.words()?.into());
        }
    }
    let time_to_live = section.item("time_to_live").map(|item| duration(&item)).transpose()?;
    let time_to_live = time_to_live.map(|time| time.as_secs() as i64);
    let context = section.item("context").map(|item| item.yes_or_no()).transpose()?.unwrap_or_default();
    let when_empty = section.item("when_empty").map(|item| when_empty(&item)).transpose()?;
    let shrink = section.item("shrink").map(|item| item.share()).transpose()?;
    section.finish()?;
    Ok(FeedFiles {
        path,
        format,
        columns,
        defaults: Defaults { kind, record, time_to_live, context },
        when_empty,
        shrink,
    })
}

fn preset(item: &Item<'_>, format: Option<Format>, has_columns: bool) -> Result<&'static Preset, Error> {
    let preset = item.one_of(Preset::all().iter().map(Preset::name), Preset::named)?;
    if has_columns {
        return Err(item.error("says which the columns are; leave out either it or columns"));
    }
    if format.is_some_and(|format| !matches!(format, Format::Csv | Format::Tsv)) {
        return Err(item.error("only tables have presets; the format must be csv or tsv, or left out"));
    }
    Ok(preset)
}

fn columns(item: Item<'_>, format: Option<Format>) -> Result<Columns, Error> {
    if format.is_some_and(|format| !matches!(format, Format::Csv | Format::Tsv | Format::Json)) {
        return Err(item.error("only tables and JSON have columns; the format must be csv, tsv or json, or left out"));
    }
    let mut section = item.section("columns".to_owned())?;
    let mut columns = Columns::default();
    for (key, slot) in columns.named() {
        if let Some(item) = section.item(key) {
            *slot = Some(item.words()?.to_owned());
        }
    }
    if columns.value.is_none() {
        return Err(section.error("needs the key value: the column of the indicators"));
    }
    section.finish()?;
    Ok(columns)
}

fn allow(mut section: Section<'_>, base: &Path) -> Result<AllowFiles, Error> {
    let path = needed_path(&mut section, base)?;
    let modes = ["suppress", "inform"].into_iter();
    let mode = section.item("mode").map(|item| item.one_of(modes, |word| word.parse().ok())).transpose()?;
    let mut text = |key| section.item(key).map(|item| Ok::<_, Error>(item.words()?.to_owned())).transpose();
    let (name, reason) = (text("name")?, text("reason")?);
    section.finish()?;
    Ok(AllowFiles { path, mode, name, reason })
}

fn behaviours(mut section: Section<'_>, base: &Path) -> Result<BehaviourFiles, Error> {
    let path = needed_path(&mut section, base)?;
    let source = section.item("source").map(|item| Ok::<_, Error>(item.words()?.to_owned())).transpose()?;
    section.finish()?;
    Ok(BehaviourFiles { path, source })
}

fn catalog(mut section: Section<'_>, base: &Path, config: &mut Config) -> Result<(), Error> {
    let builtin = section.item("builtin").map(|item| item.yes_or_no()).transpose()?.unwrap_or(true);
    // Whoever wants no built-in actors hardly wants their indicators.
    let indicators = section.item("indicators").map(|item| item.yes_or_no()).transpose()?.unwrap_or(builtin);
    (config.builtin_catalog, config.builtin_indicators) = (builtin, indicators);
    let behaviours = section.item("behaviours").map(|item| item.yes_or_no()).transpose()?;
    config.builtin_behaviours = behaviours.unwrap_or(builtin);
    if let Some(item) = section.item("without") {
        config.without = item.texts()?;
    }
    if let Some(item) = section.item("files") {
        config.catalogs = paths(item, base)?;
    }
    section.finish()
}

fn geo(mut section: Section<'_>, base: &Path, config: &mut Config) -> Result<(), Error> {
    if let Some(item) = section.item("databases") {
        config.databases = paths(item, base)?;
    }
    section.finish()
}

fn limits(mut section: Section<'_>, limits: &mut Limits) -> Result<(), Error> {
    for (key, slot, most) in
        [("shortest_v4", &mut limits.shortest_v4, 32), ("shortest_v6", &mut limits.shortest_v6, 128)]
    {
        if let Some(item) = section.item(key) {
            *slot = item.number(most)? as u8;
        }
    }
    for (key, slot) in [
        ("special_use", &mut limits.special_use),
        ("single_labels", &mut limits.single_labels),
        ("public_suffixes", &mut limits.public_suffixes),
    ] {
        if let Some(item) = section.item(key) {
            *slot = item.yes_or_no()?;
        }
    }
    section.finish()
}

fn events(mut section: Section<'_>, base: &Path, config: &mut Config) -> Result<(), Error> {
    if let Some(item) = section.item("fields") {
        let mut fields = FieldMap::default();
        for item in item.array("a list of built-in field maps and files")? {
            fields.extend(field_map(&item, base, &mut config.maps)?);
        }
        config.fields = fields;
    }
    if let Some(item) = section.item("cache") {
        /// Entries of some 300 bytes.
        const MOST: u64 = 100_000_000;
        config.cache = Some(item.number(MOST)? as usize);
    }
    if let Some(item) = section.item("time") {
        let seconds = item.date().and_then(|date| time::seconds(&date));
        config.time = Some(seconds.ok_or_else(|| item.expected("a date, such as 2024-01-12T17:00:00Z"))?);
    }
    section.finish()
}

/// A map of one's own is a file, and has a dot or a slash in its name.
fn field_map(item: &Item<'_>, base: &Path, maps: &mut Vec<PathBuf>) -> Result<FieldMap, Error> {
    let word = item.words()?;
    if word.contains(['.', '/', '\\']) {
        let path = base.join(word);
        let map = FieldMap::open(&path)?;
        maps.push(path);
        return Ok(map);
    }
    item.one_of(FieldMap::NAMES.iter().copied(), FieldMap::named)
}

fn site(mut section: Section<'_>, config: &mut Config) -> Result<(), Error> {
    let mut texts = |key| section.item(key).map_or(Ok(Vec::new()), Item::texts);
    let (sectors, countries) = (texts("sectors")?, texts("countries")?);
    config.site = Site::new(sectors.iter().map(String::as_str), countries.iter().map(String::as_str))
        .map_err(|why| section.error(&why.to_string()))?;
    section.finish()
}

fn output(mut section: Section<'_>, config: &mut Config) -> Result<(), Error> {
    if let Some(item) = section.item("schema") {
        config.schema = item.one_of(Schema::ALL.iter().map(|schema| schema.name()), |word| word.parse().ok())?;
    }
    if let Some(item) = section.item("stamp") {
        config.stamp = item.one_of(["nothing", "generation"].into_iter(), |word| {
            Some(match word {
                "nothing" => Stamp::Nothing,
                "generation" => Stamp::Generation,
                _ => return None,
            })
        })?;
    }
    section.finish()
}

fn reload(mut section: Section<'_>, config: &mut Config) -> Result<(), Error> {
    if let Some(item) = section.item("when_empty") {
        config.when_empty = when_empty(&item)?;
    }
    if let Some(item) = section.item("shrink") {
        config.shrink = item.share()?;
    }
    if let Some(item) = section.item("shrink_from") {
        config.shrink_from = item.number(u64::from(u32::MAX))?;
    }
    if let Some(item) = section.item("debounce") {
        config.debounce = duration(&item)?;
    }
    if let Some(item) = section.item("poll") {
        config.poll = duration(&item)?;
        if config.poll < Duration::from_millis(10) {
            return Err(item.expected("at least \"10ms\""));
        }
    }
    section.finish()
}

fn when_empty(item: &Item<'_>) -> Result<WhenEmpty, Error> {
    item.one_of(["error", "warn", "ignore"].into_iter(), |word| {
        Some(match word {
            "error" => WhenEmpty::Error,
            "warn" => WhenEmpty::Warn,
            "ignore" => WhenEmpty::Ignore,
            _ => return None,
        })
    })
}

fn duration(item: &Item<'_>) -> Result<Duration, Error> {
    let duration = item.text().and_then(time::duration).filter(|duration| duration.as_secs() <= LONGEST);
    duration.ok_or_else(|| item.expected("a duration, such as \"30d\", \"12h\", \"90s\" or \"500ms\""))
}

fn needed_path(section: &mut Section<'_>, base: &Path) -> Result<PathBuf, Error> {
    let Some(item) = section.item("path") else { return Err(section.error("needs the key path")) };
    let path = item.words()?;
    check(path).map_err(|why| item.error(&format!("not a pattern for files: {why}")))?;
    Ok(join(base, path))
}

fn paths(item: Item<'_>, base: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(item.texts()?.iter().map(|path| base.join(path)).collect())
}
