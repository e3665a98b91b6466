//! What can be said on the command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use stormtag::{Config, Error, FieldMap, Kind, Pattern, Schema};

/// Tags log events with indicators of compromise, ASN and place of addresses, campaign and actor.
#[derive(Parser)]
#[command(name = "stormtag", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which configuration.
#[derive(Args)]
pub(crate) struct ConfigFile {
    /// What to load: feeds, allow-lists, databases, field maps [default: stormtag.toml of this folder;
    /// where there is none, what is built in]
    #[arg(long = "config", short = 'c', value_name = "FILE", global = true)]
    path: Option<PathBuf>,
}

impl ConfigFile {
    pub(crate) fn open(&self) -> Result<Config, Error> {
        self.file().map_or_else(|| Ok(Config::default()), Config::open)
    }

    /// `None`: what is built in.
    pub(crate) fn file(&self) -> Option<&Path> {
        let here = Path::new("stormtag.toml");
        self.path.as_deref().or_else(|| here.exists().then_some(here))
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Enrich(Enrich),
    Lookup(Lookup),
    Check(Check),
    Diff(Diff),
    Compile(Compile),
    Brief(Brief),
    /// Writes completions for a shell to standard output
    Completions {
        shell: Shell,
    },
    /// Writes the man pages into a folder
    Man {
        /// It is made if it is not there
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

/// Adds to events what is known of the addresses, names, URLs and hashes in them
///
/// Events are JSON objects, one a line. What is no JSON object is passed on as it is. Lines keep their order; each comes out, whatever is
/// found in it. On SIGTERM or an interrupt what has been read is written to its last whole line.
#[derive(Args)]
pub(crate) struct Enrich {
    /// Events: plain or compressed (gzip, xz, zstd, told by content); `-`, or none, is standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where enriched events go; standard output if not given
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Lines are raw text: syslog, access logs. Each becomes a JSON object that has it as `message`
    #[arg(long)]
    pub(crate) text: bool,
    /// In whose words what was found is written [default: as the configuration says, else ecs]
    #[arg(long, value_name = "NAME", value_parser = named::<Schema>(Schema::ALL.iter().map(|schema| schema.name())))]
    pub(crate) schema: Option<Schema>,
    /// Where in events something stands to look up: a built-in map (ecs, zeek, suricata …) or a file. Can be given several times
    /// [default: as the configuration says, else all that are built in]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) fields: Vec<PathBuf>,
    /// How many threads enrich [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Longer lines are passed on as they are, piece by piece; raw text is enriched piece by piece. Bounds the memory
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) longest_line: u32,
    /// Takes what changes in the configuration and its files while it runs
    #[arg(long)]
    pub(crate) watch: bool,
    /// What is said on standard error at the end
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) summary: Summary,
}

impl Enrich {
    /// What stands here goes before what the configuration says.
    pub(crate) fn adjust(&self, config: &mut Config) -> Result<(), Error> {
        if let Some(schema) = self.schema {
            config.schema = schema;
        }
        let mut fields: Option<FieldMap> = None;
        for name in &self.fields {
            let map = match name.to_str().and_then(FieldMap::named) {
                Some(map) => map,
                None => FieldMap::open(name)?,
            };
            fields.get_or_insert_default().extend(map);
        }
        if let Some(fields) = fields {
            config.fields = fields;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Summary {
    /// For a person
    Text,
    /// For a machine, on one line
    Json,
    /// Nothing
    None,
}

/// Says all that is known of values
///
/// What a value is is told by its looks; what was written so that nobody clicks on it (hxxp://evil[.]example) is undone. Names of
/// actors and campaigns are looked up too. Exit status: 0 if an indicator covers one of them or it is the name of an actor or
/// campaign, 1 if nothing does, 2 in case of trouble.
#[derive(Args)]
pub(crate) struct Lookup {
    /// Addresses, names, URLs, hashes, e-mail addresses, actors, campaigns; `-` reads them from standard input, one a line
    #[arg(value_name = "VALUE", required = true)]
    pub(crate) values: Vec<String>,
    /// What the values are, where their looks do not tell
    #[arg(long, short, value_name = "KIND", value_parser = named::<Kind>(Kind::ALL.iter().map(|kind| kind.name())))]
    pub(crate) kind: Option<Kind>,
    /// The time for which it is asked: RFC 3339 or seconds since the epoch [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<i64>,
    /// One JSON object a value
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a configuration and all it names, and says what became of each line
///
/// Exit status: 0 if all can be used, 1 if there are warnings, or lines rejected beyond what is asked for, 2 if it cannot be loaded.
#[derive(Args)]
pub(crate) struct Check {
    /// A report for a machine
    #[arg(long)]
    pub(crate) json: bool,
    /// The share of a source's lines that may be rejected, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) rejected: Option<u8>,
    /// The age that databases of places and networks may have, in days
    #[arg(long, value_name = "DAYS")]
    pub(crate) age: Option<u32>,
}

/// Shows which indicators two states of the feeds do not have in common
///
/// `+` is added, `-` removed, `~` said otherwise or silenced in one of them only. Exit status: 0 if they are the same, 1 if not, 2 in
/// case of trouble.
#[derive(Args)]
pub(crate) struct Diff {
    /// A stormtag.toml, or a feed
    pub(crate) old: PathBuf,
    /// As OLD
    pub(crate) new: PathBuf,
    /// One JSON object an indicator
    #[arg(long)]
    pub(crate) json: bool,
}

/// Writes what is known for programs that take nothing but files
///
/// What allow-lists silence and what is not valid at the time is left out, and counted. Each file is replaced whole, or stays as it is.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Compile {
    /// One MaxMind database: the configuration's databases, the first with the first word, and under `threat` what is known of addresses
    #[arg(long, value_name = "FILE")]
    pub(crate) mmdb: Option<PathBuf>,
    /// A table for each kind of indicator, KIND.csv: one line an indicator
    #[arg(long, value_name = "FOLDER")]
    pub(crate) csv: Option<PathBuf>,
    /// Suricata: datasets with reputation, KIND.rep, and lists for its IP reputation, iprep.list and categories.txt
    #[arg(long, value_name = "FOLDER")]
    pub(crate) suricata: Option<PathBuf>,
    /// Zeek: a file for its intelligence framework
    #[arg(long, value_name = "FILE")]
    pub(crate) zeek: Option<PathBuf>,
}

/// Writes a briefing on enriched events: who was seen, on what evidence, when and where
///
/// Events are those that `stormtag enrich` has written, in any schema. The page needs nothing beside itself; Markdown has the same tables.
/// The configuration says when events happened (its field maps), what is known of claims (its catalogue), and how old the feeds are.
#[derive(Args)]
pub(crate) struct Brief {
    /// Enriched events: plain or compressed (gzip, xz, zstd, told by content); `-`, or none, is standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the briefing goes, whole or not at all; standard output if not given
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What it is written as
    #[arg(long, short, value_name = "FORM", default_value = "html")]
    pub(crate) format: Form,
    /// Events before this time do not count: RFC 3339 or seconds since the epoch [default: all do]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<i64>,
    /// Events at this time and after it do not count [default: all do]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<i64>,
    /// What stands above it
    #[arg(long, value_name = "TEXT", default_value = "Threat briefing")]
    pub(crate) title: String,
    /// A network or domain that is your own, beside private addresses. Can be given several times
    #[arg(long, value_name = "NETWORK|NAME", value_parser = own)]
    pub(crate) own: Vec<Pattern>,
    /// The rows that a table shows at most; the rest is summed up
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rows: u16,
    /// How many different values are counted one by one, in each table; what comes after them counts as others. Bounds the memory
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) distinct: u32,
    /// Longer lines are counted and left out. Bounds the memory
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) longest_line: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One page that needs nothing beside itself
    Html,
    Markdown,
}

/// The names of a closed list, in help, completions and errors.
fn named<T>(names: impl Iterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

fn time(text: &str) -> Result<i64, String> {
    let seconds = text.parse::<i64>().ok();
    let seconds = seconds.or_else(|| Some(text.parse::<jiff::Timestamp>().ok()?.as_second()));
    seconds.ok_or_else(|| "neither RFC 3339, as 2024-01-12T17:45:09Z, nor seconds since the epoch".to_owned())
}

fn own(text: &str) -> Result<Pattern, String> {
    let pattern = Pattern::parse(Kind::Ip, text).or_else(|_| Pattern::parse(Kind::Domain, text));
    pattern.map_err(|_| "neither a network, as 198.51.100.0/24, nor a name, as corp.example".to_owned())
}

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
