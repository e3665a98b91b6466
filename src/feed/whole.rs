//! Files that can only be read whole: JSON in one piece, XML.

use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// What such a file may measure when it is decompressed, in bytes: it is held in memory.
const LARGEST: u64 = 512 << 20;

/// All of a reader as text.
///
/// # Errors
///
/// If it cannot be read, is larger than 512 MiB, or is not UTF-8.
pub(crate) fn read(reader: impl Read, path: &Path) -> Result<String, Error> {
    limited(reader, path, LARGEST)
}

fn limited(reader: impl Read, path: &Path, largest: u64) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = reader.take(largest + 1).read_to_end(&mut bytes).map_err(|source| Error::io(path, source))?;
    if read as u64 > largest {
        let message = format!("larger than {largest} bytes, the limit for a file that is read whole; split it");
        return Err(Error::format(path, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        Error::format(path, format!("not UTF-8 text: byte {} is none", error.utf8_error().valid_up_to()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_named() {
        let path = Path::new("test.json");
        assert_eq!(limited(&b"1234"[..], path, 4).unwrap(), "1234");
        let error = limited(std::io::repeat(b'0'), path, 4).unwrap_err().to_string();
        assert_eq!(error, "test.json: larger than 4 bytes, the limit for a file that is read whole; split it");
        let error = limited(&b"ab\xff"[..], path, 4).unwrap_err().to_string();
        assert!(error.contains("byte 2"), "{error}");
    }
}
