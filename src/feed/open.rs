//! Files as bytes: what compression they have is told by their first bytes, never by their name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::error::Error;

/// How much is read at a time, in bytes.
const BUFFER: usize = 256 * 1024;
/// What a file may grow to when it is decompressed, in bytes: a bomb stops here.
const LARGEST: u64 = 8 << 30;

/// What an xz file may ask for to be decompressed, in KiB: `xz -9` asks for half of it. The reader of zstd has the same limit of its
/// own.
#[cfg(feature = "compression")]
const DICTIONARY: u32 = 128 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Opens a file and undoes gzip, xz or zstd; a byte order mark is skipped.
///
/// # Errors
///
/// If the file cannot be opened, or is compressed and the feature `compression` is not there. Damage further on shows while
/// reading, as [`io::Error`].
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    decode(file, path)
}

/// As [`open`], for bytes from anywhere; `path` names them in errors.
pub(crate) fn decode<'a>(reader: impl Read + 'a, path: &Path) -> Result<Box<dyn BufRead + 'a>, Error> {
    let failed = |source| Error::io(path, source);
    let (start, raw) = peek(BufReader::with_capacity(BUFFER, reader), XZ.len()).map_err(failed)?;
    let plain: Box<dyn BufRead + 'a> = match Compression::of(&start) {
        None => Box::new(raw),
        Some(compression) => {
            let limited = Limited { inner: decompress(raw, compression, path)?, left: LARGEST };
            Box::new(BufReader::with_capacity(BUFFER, limited))
        }
    };
    let (start, mut plain) = peek(plain, BOM.len()).map_err(failed)?;
    if start == BOM {
        plain.consume(BOM.len());
    }
    Ok(Box::new(plain))
}

/// The first bytes of a reader, as many as there are up to `length`, and the reader as it was before.
pub(crate) fn peek<R: BufRead>(mut reader: R, length: usize) -> io::Result<(Vec<u8>, impl BufRead + use<R>)> {
    let mut start = Vec::new();
    reader.by_ref().take(length as u64).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(reader)))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compression {
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    fn of(start: &[u8]) -> Option<Self> {
        [(GZIP, Self::Gzip), (XZ, Self::Xz), (ZSTD, Self::Zstd)]
            .into_iter()
            .find_map(|(magic, compression)| start.starts_with(magic).then_some(compression))
    }
}

#[cfg(feature = "compression")]
fn decompress<'a>(raw: impl BufRead + 'a, compression: Compression, _: &Path) -> Result<Box<dyn Read + 'a>, Error> {
    Ok(match compression {
        // Several members in one file are usual: logs are appended to, and `bgzip` writes nothing else.
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        Compression::Xz => Box::new(Xz(lzma_rust2::XzReader::new_mem_limit(raw, true, DICTIONARY))),
        Compression::Zstd => Box::new(Frames { raw: Some(raw), frame: None }),
    })
}

#[cfg(not(feature = "compression"))]
fn decompress<'a>(_: impl BufRead + 'a, compression: Compression, path: &Path) -> Result<Box<dyn Read + 'a>, Error> {
    let message = format!("compressed ({compression:?}); build stormtag with the feature `compression` to read it");
    Err(Error::format(path, message))
}

/// An xz file, whose streams say how much memory it takes to read them.
#[cfg(feature = "compression")]
struct Xz<R: BufRead>(lzma_rust2::XzReader<R>);

#[cfg(feature = "compression")]
impl<R: BufRead> Read for Xz<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => {
                let most = DICTIONARY >> 10;
                let message =
                    format!("takes more than the limit of {most} MiB to decompress; use a smaller dictionary");
                io::Error::new(io::ErrorKind::InvalidData, message)
            }
            _ => error,
        })
    }
}

/// The zstd frames of a file, one after the other: the decoder stops after the first.
#[cfg(feature = "compression")]
struct Frames<R: BufRead> {
    raw: Option<R>,
    frame: Option<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

#[cfg(feature = "compression")]
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
            self.frame = Some(ruzstd::decoding::StreamingDecoder::new(raw).map_err(io::Error::other)?);
        }
    }
}

/// A reader that fails once it has given `left` bytes.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("decompresses to more than the limit of {LARGEST} bytes"),
            )
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        decode(bytes, Path::new("test")).map_err(io::Error::other)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[cfg(feature = "compression")]
    fn gzip(text: &str) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn short_and_plain_bytes_pass_and_a_mark_is_skipped() {
        for (bytes, expected) in [(&b""[..], ""), (b"a", "a"), (b"\xef\xbb\xbfa\n", "a\n"), (b"\xef\xbb\xbf", "")] {
            assert_eq!(text(bytes).unwrap(), expected);
        }
    }

    #[cfg(feature = "compression")]
    #[test]
    fn members_and_frames_are_all_read() {
        let members = [gzip("\u{feff}one\n"), gzip("two\n")].concat();
        assert_eq!(text(&members).unwrap(), "one\ntwo\n");
        let frame = |text: &str| {
            ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Uncompressed)
        };
        assert_eq!(text(&[frame("one\n"), frame("two\n")].concat()).unwrap(), "one\ntwo\n");
    }

    #[cfg(feature = "compression")]
    #[test]
    fn what_breaks_off_is_an_error() {
        let whole = gzip(&"evil.example\n".repeat(1000));
        assert!(text(&whole[..whole.len() / 2]).is_err());
        assert!(text(&whole[..4]).is_err());
    }

    #[test]
    fn the_limit_holds() {
        let mut limited = Limited { inner: io::repeat(b'a'), left: 1000 };
        let error = io::copy(&mut limited, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("limit"), "{error}");
    }

    #[cfg(not(feature = "compression"))]
    #[test]
    fn without_the_feature_the_error_names_it() {
        let error = decode(GZIP, Path::new("feed.gz")).err().unwrap();
        assert!(error.to_string().contains("feature `compression`"), "{error}");
    }
}
