//! Enriches files or a stream of events, one JSON object a line, on all cores: `cargo run --release --example enrich_ndjson`.
//!
//! One thread reads blocks of lines, some enrich them, one writes. Blocks are dealt out in turn and collected in the same turn,
//! which keeps their order without sorting and bounds how many there are at a time.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use stormtag::{
    AllowList, ByKind, Catalog, Counters, Feed, FieldMap, Geo, Intel, IntelBuilder, Limits, Live, Record, Report,
    Schema,
};

const HELP: &str = "\
Adds to events what is known of the addresses, names, URLs and hashes in them.

Usage: enrich_ndjson [OPTION | FILE]...

FILEs hold events as JSON, one a line, plain or compressed (gzip, xz, zstd); `-`, or no
FILE, is standard input. What is no JSON object is passed on as it is. Without any
argument the bundled events are enriched with the bundled feed, allow-list and databases.
The built-in catalogue and its published indicators are always there.

  --feed FILE         indicators: a list, CSV or TSV, Zeek intel, Maltrail
  --geo FILE          a database in the MaxMind format (.mmdb)
  --allow FILE        an allow-list: a list, or a MISP warninglist
  --fields FILE|NAME  where in events something stands to look up: ecs, zeek, suricata,
                      flow, sysmon, or a file; all of the five if not given
  --schema NAME       what is written: ecs (the default), ocsf or native
  --threads N         how many threads enrich; as many as there are cores if not given
  --help              this text

--feed, --geo, --allow and --fields can be given several times. Of several databases the
earlier wins. Events go to standard output, a summary to standard error.
";

/// How much is read at a time, in bytes. A line that is longer is a block of its own.
const BLOCK: usize = 1 << 20;
/// Blocks that may wait for each thread, before it and behind it.
const WAITING: usize = 2;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args_os().skip(1))?;
    if options.help {
        return Ok(io::stdout().write_all(HELP.as_bytes()).or_else(quietly)?);
    }
    let (intel, report) = options.load()?;
    say(format_args!("{report}"));
    let live = Live::new(intel);
    let start = Instant::now();
    let outcome = enrich(&options, &live)?;
    if !outcome.stopped {
        say(format_args!("{}", summary(&outcome.tally, start.elapsed().as_secs_f64())));
    }
    // What could be read of a damaged file was enriched.
    outcome.read.map_err(Into::into)
}

/// Writes to standard error, which may be closed.
fn say(text: std::fmt::Arguments<'_>) {
    let _ = io::stderr().write_fmt(text);
}

/// Whoever reads our output may have seen enough.
fn quietly(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

#[derive(Default)]
struct Options {
    bundled: bool,
    help: bool,
    feeds: Vec<OsString>,
    geo: Vec<OsString>,
    allow: Vec<OsString>,
    fields: Option<FieldMap>,
    schema: Schema,
    threads: Option<NonZeroUsize>,
    files: Vec<OsString>,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, Box<dyn Error>> {
        use lexopt::prelude::*;
        let mut options = Self { bundled: true, ..Self::default() };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            options.bundled = false;
            match argument {
                Long("feed") => options.feeds.push(parser.value()?),
                Long("geo") => options.geo.push(parser.value()?),
                Long("allow") => options.allow.push(parser.value()?),
                Long("fields") => {
                    let value = parser.value()?;
                    let map = match value.to_str().and_then(FieldMap::named) {
                        Some(map) => map,
                        None => FieldMap::open(&value)?,
                    };
                    options.fields.get_or_insert_default().extend(map);
                }
                Long("schema") => options.schema = parser.value()?.parse()?,
                Long("threads") => options.threads = Some(parser.value()?.parse()?),
                Long("help") | Short('h') => options.help = true,
                Value(file) => options.files.push(file),
                _ => return Err(format!("{}; see --help", argument.unexpected()).into()),
            }
        }
        Ok(options)
    }

    fn load(&self) -> Result<(Intel, Report), stormtag::Error> {
        let mut builder = IntelBuilder::new();
        builder.catalog(Catalog::builtin()).feed(Catalog::builtin_indicators());
        if self.bundled {
            let feed = &include_bytes!("data/feed.csv")[..];
            let allow = &include_bytes!("data/allow.txt")[..];
            let databases = [
                ("asn.mmdb", include_bytes!("data/asn.mmdb").to_vec()),
                ("city.mmdb", include_bytes!("data/city.mmdb").to_vec()),
            ];
            // The sample feed may not accuse anybody: its addresses are those for documentation (RFC 5737, RFC 3849), which as
            // special-use addresses are refused unless they are asked for.
            builder.limits(Limits { special_use: true, ..Limits::default() });
            builder.feed(Feed::read(feed, "feed.csv", None, &Record::new("sample feed").into())?);
            builder.allow(AllowList::read(allow, "allow.txt")?);
            builder.geo(Arc::new(Geo::from_databases(databases)?));
        }
        for path in &self.feeds {
            // Without a name of its own a feed is called after its file.
            builder.feed(Feed::open(path, None, &Record::new("").into())?);
        }
        for path in &self.allow {
            builder.allow(AllowList::open(path)?);
        }
        if !self.geo.is_empty() {
            builder.geo(Arc::new(Geo::open(&self.geo)?));
        }
        Ok(builder.build())
    }

    fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(cores).get()
    }
}

/// What became of a run.
struct Outcome {
    tally: Tally,
    /// Nobody reads our output any more.
    stopped: bool,
    /// How reading ended.
    read: Result<(), String>,
}

/// What was done, and whom it speaks of.
#[derive(Default)]
struct Tally {
    counters: Counters,
    /// Events by whether it is a campaign, and its name.
    attributed: BTreeMap<(bool, String), u64>,
}

fn enrich(options: &Options, live: &Live) -> Result<Outcome, Box<dyn Error>> {
    let threads = options.threads();
    let progress = progress(options);
    let (spare_to, spare_from) = sync_channel(4 * WAITING * threads);
    std::thread::scope(|scope| {
        let (mut to, mut from, mut tallies) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..threads {
            let (block_to, block_from) = sync_channel::<Vec<u8>>(WAITING);
            let (done_to, done_from) = sync_channel(WAITING);
            let spare_to = spare_to.clone();
            tallies.push(scope.spawn(move || work(options, live, &block_from, &done_to, &spare_to)));
            to.push(block_to);
            from.push(done_from);
        }
        let bar = progress.clone();
        let reader = scope.spawn(move || {
            let mut turn = to.iter().cycle();
            read(options, &bar, &spare_from, &mut |block| turn.next().is_some_and(|to| to.send(block).is_ok()))
        });
        let written = write(&from, &spare_to);
        // Lets go of all who wait, so that they end.
        drop((from, spare_to));
        let mut tally = Tally::default();
        for thread in tallies {
            let of_thread = thread.join().map_err(|_| "a thread panicked")?;
            tally.counters += &of_thread.counters;
            for (name, events) in of_thread.attributed {
                *tally.attributed.entry(name).or_default() += events;
            }
        }
        let read = reader.join().map_err(|_| "a thread panicked")?;
        progress.finish_and_clear();
        Ok(Outcome { tally, stopped: written?, read })
    })
}

/// Enriches block after block.
fn work(
    options: &Options,
    live: &Live,
    blocks: &Receiver<Vec<u8>>,
    done: &SyncSender<Vec<u8>>,
    spare: &SyncSender<Vec<u8>>,
) -> Tally {
    let worker = || {
        let mut worker = live.worker();
        worker.set_schema(options.schema);
        if let Some(fields) = &options.fields {
            worker.set_fields(fields.clone());
        }
        worker
    };
    // The second reads the few events that match once more, for the summary: a pipeline that only passes events on needs one.
    let (mut worker, mut teller) = (worker(), worker());
    let mut attributed = BTreeMap::new();
    for mut block in blocks {
        let mut out = Vec::with_capacity(block.len() + block.len() / 2);
        let mut rest = &block[..];
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            // The line end is white space to JSON, and stays.
            if worker.enrich_json(line, &mut out)
                && let Ok(event) = serde_json::from_slice::<serde_json::Value>(line)
            {
                for attribution in teller.enrich(&event).attributions() {
                    let subject = attribution.subject();
                    *attributed.entry((subject.is_campaign(), subject.name().to_owned())).or_default() += 1;
                }
            }
        }
        block.clear();
        let _ = spare.try_send(block);
        if done.send(out).is_err() {
            break;
        }
    }
    Tally { counters: worker.counters().clone(), attributed }
}

/// Writes blocks in the order in which they were read. Says whether writing was cut short by whom it was for.
fn write(from: &[Receiver<Vec<u8>>], spare: &SyncSender<Vec<u8>>) -> Result<bool, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for from in from.iter().cycle() {
        let Ok(mut block) = from.recv() else { break };
        match out.write_all(&block).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(true),
            written => written.map_err(|error| format!("standard output: {error}"))?,
        }
        block.clear();
        let _ = spare.try_send(block);
    }
    Ok(false)
}

/// Reads all input as blocks that end at line ends; stops where `give` says so.
fn read(
    options: &Options,
    progress: &ProgressBar,
    spare: &Receiver<Vec<u8>>,
    give: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), String> {
    let standard_input = [OsString::from("-")];
    let files = match &options.files[..] {
        _ if options.bundled => {
            let events = &include_bytes!("data/events.ndjson")[..];
            return blocks(events, false, true, spare, give).map(drop).map_err(|error| error.to_string());
        }
        [] => &standard_input,
        files => files,
    };
    for (at, file) in (1..).zip(files) {
        let named = |error: io::Error| format!("{}: {error}", file.display());
        let raw: Box<dyn Read> =
            if file == "-" { Box::new(io::stdin()) } else { Box::new(File::open(file).map_err(named)?) };
        let (reader, compressed) = decompress(progress.wrap_read(raw)).map_err(named)?;
        if !blocks(reader, file == "-" && !compressed, at == files.len(), spare, give).map_err(named)? {
            break;
        }
    }
    Ok(())
}

/// Reads one input: a live one as it comes, others in full blocks. Says whether blocks are still wanted.
fn blocks(
    mut reader: impl BufRead,
    live: bool,
    last: bool,
    spare: &Receiver<Vec<u8>>,
    give: &mut dyn FnMut(Vec<u8>) -> bool,
) -> io::Result<bool> {
    let next = || spare.try_recv().unwrap_or_default();
    let mut block: Vec<u8> = next();
    let mut full = BLOCK;
    loop {
        let before = block.len();
        let ended = loop {
            match reader.fill_buf() {
                Ok([]) => break true,
                Ok(bytes) => {
                    block.extend_from_slice(bytes);
                    let read = bytes.len();
                    reader.consume(read);
                    if live || block.len() >= full {
                        break false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // What came before the damage is events all the same.
                    give(block);
                    return Err(error);
                }
            }
        };
        if ended {
            if !last && block.last().is_some_and(|&byte| byte != b'\n') {
                // The last line of a file and the first of the next do not become one.
                block.push(b'\n');
            }
            return Ok(block.is_empty() || give(block));
        }
        let new = block.get(before..).unwrap_or_default();
        let Some(cut) = memchr::memrchr(b'\n', new).map(|at| before + at + 1) else {
            // A line longer than the block: more of it.
            full = block.len() + BLOCK;
            continue;
        };
        let mut rest = next();
        rest.extend_from_slice(block.get(cut..).unwrap_or_default());
        block.truncate(cut);
        full = rest.len() + BLOCK;
        if !give(std::mem::replace(&mut block, rest)) {
            return Ok(false);
        }
    }
}

/// Undoes compression, which is told by the first bytes; says whether there was any.
fn decompress<'r>(raw: impl Read + 'r) -> io::Result<(Box<dyn BufRead + 'r>, bool)> {
    let mut raw = BufReader::with_capacity(BLOCK, raw);
    let plain: Box<dyn Read + 'r> = match raw.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(lzma_rust2::XzReader::new(raw, true)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(Frames { raw: Some(raw), frame: None }),
        _ => return Ok((Box::new(raw), false)),
    };
    Ok((Box::new(BufReader::with_capacity(BLOCK, plain)), true))
}

/// The zstd frames of a file, one after the other: the decoder stops after the first.
struct Frames<R: BufRead> {
    raw: Option<R>,
    frame: Option<StreamingDecoder<R, FrameDecoder>>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(into)?;
                if read > 0 || into.is_empty() {
                    return Ok(read);
                }
            }
            if let Some(frame) = self.frame.take() {
                self.raw = Some(frame.into_inner());
            }
            let Some(mut raw) = self.raw.take() else { return Ok(0) };
            if raw.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.frame = Some(StreamingDecoder::new(raw).map_err(io::Error::other)?);
        }
    }
}

/// A bar for files, a number for a stream, on standard error if that is a terminal and nothing else is written there.
fn progress(options: &Options) -> ProgressBar {
    if options.bundled || io::stdout().is_terminal() || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let length =
        |file: &OsString| std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    let total: Option<u64> = options.files.iter().map(length).sum();
    let (bar, template) = match total.filter(|&total| total > 0) {
        Some(total) => (ProgressBar::new(total), "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
        None => (ProgressBar::no_length(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn summary(tally: &Tally, seconds: f64) -> String {
    let Tally { counters, attributed } = tally;
    let by_kind =
        |counts: &ByKind| match counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>() {
            kinds if kinds.is_empty() => String::new(),
            kinds => format!(" ({})", kinds.join(", ")),
        };
    let mut text = format!(
        "{} events, {} not JSON, {} with a match, {} attributed\n\
         {} matches{}\n{} suppressed{}\n{} outside validity{}\n{} located\n",
        counters.events,
        counters.not_json,
        counters.events_matched,
        counters.events_attributed,
        counters.matched.total(),
        by_kind(&counters.matched),
        counters.suppressed.total(),
        by_kind(&counters.suppressed),
        counters.outside_validity.total(),
        by_kind(&counters.outside_validity),
        counters.located,
    );
    let mut subjects: Vec<_> = attributed.iter().collect();
    subjects.sort_by_key(|&((is_campaign, _), events)| (*is_campaign, std::cmp::Reverse(events)));
    for ((is_campaign, name), events) in subjects {
        let what = if *is_campaign { "campaign" } else { "actor" };
        text += &format!("{events} attributed to the {what} {name}\n");
    }
    // Of a few events the time is that of starting the threads.
    match counters.events {
        events @ 10_000.. => text + &format!("{seconds:.3} s, {:.0} events a second\n", events as f64 / seconds),
        _ => text + &format!("{seconds:.3} s\n"),
    }
}
