//! Input: files and standard input, undone if compressed, as blocks that end at line ends.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use indicatif::ProgressBar;

use crate::decompress::decompress;
use crate::signals::Signals;

/// How much is read at a time, in bytes. A line that is longer is a block of its own.
const BLOCK: usize = 1 << 20;
const MIB: usize = 1 << 20;

/// What is handed to whoever works on it.
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    /// Lines, and no piece of one that is too long.
    pub(crate) is_whole: bool,
}

/// All that is to be read, and what became of it.
pub(crate) struct Input<'i> {
    files: &'i [PathBuf],
    /// In bytes.
    longest_line: usize,
    progress: &'i ProgressBar,
    signals: &'i Signals,
    pub(crate) long_lines: u64,
    /// What long lines were cut into.
    pub(crate) pieces: u64,
    /// What could not be read.
    pub(crate) troubles: Vec<String>,
}

/// Why reading one input ended early.
enum End {
    /// Nobody wants more.
    Stop,
    Trouble(io::Error),
}

type Give<'g> = dyn FnMut(Block) -> bool + 'g;

impl<'i> Input<'i> {
    pub(crate) fn new(
        files: &'i [PathBuf],
        longest_line: u32,
        progress: &'i ProgressBar,
        signals: &'i Signals,
    ) -> Self {
        let longest_line = MIB.saturating_mul(longest_line as usize);
        Self { files, longest_line, progress, signals, long_lines: 0, pieces: 0, troubles: Vec::new() }
    }

    /// Reads all of it; stops where `give` says so, or a signal.
    pub(crate) fn read(&mut self, spare: &Receiver<Vec<u8>>, give: &mut Give<'_>) {
        let standard_input = [PathBuf::from("-")];
        let files = if self.files.is_empty() { &standard_input } else { self.files };
        for (at, path) in (1..).zip(files) {
            match self.read_one(path, at == files.len(), spare, give) {
                Ok(()) => {}
                Err(End::Stop) => return,
                // The others are read all the same.
                Err(End::Trouble(error)) => self.troubles.push(format!("{}: {error}", path.display())),
            }
        }
    }

    fn read_one(&mut self, path: &Path, last: bool, spare: &Receiver<Vec<u8>>, give: &mut Give<'_>) -> Result<(), End> {
        let is_standard = path == Path::new("-");
        let raw: Box<dyn Read> =
            if is_standard { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(End::Trouble)?) };
        // The first bytes tell whether it is compressed: they may be long in coming.
        let begun = self.signals.waiting(|| decompress(self.progress.wrap_read(raw)));
        let (reader, compressed) = begun.map_err(End::Trouble)?;
        self.blocks(reader, is_standard && !compressed, last, spare, give)
    }

    /// Reads one input: a live one as it comes, others in full blocks.
    fn blocks(
        &mut self,
        mut reader: impl BufRead,
        live: bool,
        last: bool,
        spare: &Receiver<Vec<u8>>,
        give: &mut Give<'_>,
    ) -> Result<(), End> {
        let next = || spare.try_recv().unwrap_or_default();
        let mut give = |bytes: Vec<u8>, is_whole| match bytes.is_empty() || give(Block { bytes, is_whole }) {
            true => Ok(()),
            false => Err(End::Stop),
        };
        let mut block: Vec<u8> = next();
        let mut full = BLOCK;
        // Whether the block goes on a line that is too long.
        let mut within = false;
        while !self.signals.came() {
            let mut seen = block.len();
            let (ended, damage) = match self.signals.waiting(|| fill(&mut reader, &mut block, full, live)) {
                Ok(ended) => (ended, None),
                // What came before the damage is events all the same.
                Err(error) => (true, Some(error)),
            };
            if ended && !last && block.last().is_some_and(|&byte| byte != b'\n') {
                // The last line of a file and the first of the next do not become one.
                block.push(b'\n');
            }
            if within {
                let end = memchr::memchr(b'\n', &block);
                let cut = end.map_or(block.len(), |at| at + 1);
                let rest = split(&mut block, cut, next());
                self.pieces += 1;
                give(std::mem::replace(&mut block, rest), false)?;
                within = end.is_none();
                seen = 0;
            }
            if ended {
                give(block, true)?;
                return damage.map_or(Ok(()), |error| Err(End::Trouble(error)));
            }
            if let Some(at) = memchr::memrchr(b'\n', block.get(seen..).unwrap_or_default()) {
                let rest = split(&mut block, seen + at + 1, next());
                full = rest.len() + BLOCK;
                give(std::mem::replace(&mut block, rest), true)?;
            } else if block.len() > self.longest_line {
                (self.long_lines, self.pieces, within) = (self.long_lines + 1, self.pieces + 1, true);
                full = BLOCK;
                give(std::mem::replace(&mut block, next()), false)?;
            } else {
                // More of the line.
                full = block.len() + BLOCK;
            }
        }
        Err(End::Stop)
    }
}

/// Appends to the block until it is full, or for a live input something. Says whether the input has ended.
fn fill(reader: &mut impl BufRead, block: &mut Vec<u8>, full: usize, live: bool) -> io::Result<bool> {
    loop {
        match reader.fill_buf() {
            Ok([]) => return Ok(true),
            Ok(bytes) => {
                block.extend_from_slice(bytes);
                let read = bytes.len();
                reader.consume(read);
                if live || block.len() >= full {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Cuts a block and moves what stands behind the cut.
fn split(block: &mut Vec<u8>, cut: usize, mut into: Vec<u8>) -> Vec<u8> {
    into.extend_from_slice(block.get(cut..).unwrap_or_default());
    block.truncate(cut);
    into
}
