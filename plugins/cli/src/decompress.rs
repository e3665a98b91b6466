//! Compressed files: gzip, xz, zstd, told by content.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// How much is read at a time, in bytes.
const BLOCK: usize = 1 << 20;
/// How much is undone at a time, in bytes.
const UNDONE: usize = 1 << 15;

/// Undoes compression, which is told by the first bytes; says whether there was any.
pub(crate) fn decompress<'r>(raw: impl Read + 'r) -> io::Result<(Box<dyn BufRead + 'r>, bool)> {
    let mut raw = BufReader::with_capacity(BLOCK, raw);
    let plain: Box<dyn Read + 'r> = match raw.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(lzma_rust2::XzReader::new(raw, true)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(Frames { raw: Some(raw), frame: None }),
        _ => return Ok((Box::new(raw), false)),
    };
    // Of damaged input what was undone in one go is lost.
    Ok((Box::new(BufReader::with_capacity(UNDONE, plain)), true))
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
