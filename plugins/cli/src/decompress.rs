//! Compressed files: gzip, xz, zstd, told by content.

use std::io::{self, BufRead, BufReader, Read};

/// How much is read at a time, in bytes.
const BLOCK: usize = 1 << 20;
/// How much is undone at a time, in bytes.
const UNDONE: usize = 1 << 15;
/// What an xz file may ask for to be undone, in KiB, as the library has it; zstd has the same limit of its own.
const DICTIONARY: u32 = 128 << 10;

/// Undoes compression, which is told by the first bytes; says whether there was any.
pub(crate) fn decompress<'r>(raw: impl Read + 'r) -> io::Result<(Box<dyn BufRead + 'r>, bool)> {
    let mut raw = BufReader::with_capacity(BLOCK, raw);
    let plain: Box<dyn Read + 'r> = match raw.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(lzma_rust2::XzReader::new_mem_limit(raw, true, DICTIONARY)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(raw)?),
        _ => return Ok((Box::new(raw), false)),
    };
    // Of damaged input what was undone in one go is lost.
    Ok((Box::new(BufReader::with_capacity(UNDONE, plain)), true))
}
