//! Files made to be too much: each is an error or a rejection, and says which limit it met.

use std::io::{self, Read, Write};

use stormtag::{AllowList, Catalog, Feed, Format, Record};

use crate::feeds::rejections;

const DEEP: usize = 10_000;

fn read(text: &[u8], format: Option<Format>) -> Result<Feed, stormtag::Error> {
    Feed::read(text, "feed", format, &Record::new("test").into())
}

/// Zeros, or whatever begins with `start`, in gzip.
fn bomb(start: &[u8], bytes: u64) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut start.chain(io::repeat(0).take(bytes)), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_bomb_is_one_line_too_long() {
    let bomb = bomb(b"evil.example\n", 256 << 20);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    for format in [Format::Plain, Format::Maltrail, Format::Loki] {
        let feed = read(&bomb, Some(format)).unwrap();
        assert_eq!((feed.indicators.len(), feed.items), (1, 2), "{format}");
        assert_eq!(feed.rejected.first()[0].reason.to_string(), "longer than 65536 bytes", "{format}");
    }
    let error = read(&bomb, Some(Format::Stix)).unwrap_err().to_string();
    assert!(error.contains("no STIX objects"), "{error}");
    let list = AllowList::read(&bomb[..], "list").unwrap();
    assert_eq!((list.patterns.len(), list.rejected.total()), (1, 1));
}

/// Zeros in xz, in streams of a megabyte each.
fn xz_bomb(start: &[u8], megabytes: usize) -> Vec<u8> {
    let stream = |bytes: &[u8]| {
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    [stream(start), stream(&vec![0; 1 << 20]).repeat(megabytes)].concat()
}

/// Zeros in zstd (RFC 8878, section 3.1.1): a frame of blocks that each repeat one byte 128 KiB times. `window` is the descriptor of
/// the memory it asks for.
fn zstd_bomb(start: &[u8], blocks: u32, window: u8) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, window];
    let header =
        |last: u32, kind: u32, size: usize| (last | kind << 1 | (size as u32) << 3).to_le_bytes()[..3].to_vec();
    frame.extend(header(0, 0, start.len()));
    frame.extend(start);
    for block in 1..=blocks {
        frame.extend(header(u32::from(block == blocks), 1, 128 << 10));
        frame.push(0);
    }
    frame
}

/// 2 MiB.
const SMALL_WINDOW: u8 = 11 << 3;

#[test]
fn bombs_of_each_compression_are_one_line_too_long() {
    let start = b"evil.example\n";
    for (what, bomb) in [("xz", xz_bomb(start, 64)), ("zstd", zstd_bomb(start, 512, SMALL_WINDOW))] {
        assert!(bomb.len() < 1 << 20, "{what}: {}", bomb.len());
        let feed = read(&bomb, Some(Format::Plain)).unwrap();
        assert_eq!((feed.indicators.len(), feed.items), (1, 2), "{what}");
        assert_eq!(feed.rejected.first()[0].reason.to_string(), "longer than 65536 bytes", "{what}");
    }
}

/// The CRC of xz (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[test]
fn a_small_file_may_not_ask_for_much_memory() {
    // The first block's header: its length in words, flags, the filter LZMA2, and the size of the dictionary.
    let mut xz = xz_bomb(b"evil.example\n", 0);
    assert_eq!(read(&xz, Some(Format::Plain)).unwrap().indicators.len(), 1);
    let length = (usize::from(xz[12]) + 1) * 4;
    let (header, crc) = (12..12 + length - 4, 12 + length - 4..12 + length);
    let dictionary = 12 + 2 + xz[12..].iter().skip(2).position(|&byte| byte == 0x21).unwrap() + 2;
    assert_eq!(crc32(&xz[header.clone()]).to_le_bytes(), xz[crc.clone()]);
    for (size, held) in [(28, true), (30, false), (40, false)] {
        // 64 MiB, 128 MiB and what goes beside it, 4 GiB.
        xz[dictionary] = size;
        let sum = crc32(&xz[header.clone()]).to_le_bytes();
        xz[crc.clone()].copy_from_slice(&sum);
        match read(&xz, Some(Format::Plain)) {
            Ok(feed) => assert!(held && feed.indicators.len() == 1, "{size}"),
            Err(error) => {
                let says = "takes more than the limit of 128 MiB to decompress";
                assert!(!held && error.to_string().contains(says), "{size}: {error}");
            }
        }
    }
    // 16 GiB and more.
    for window in [24 << 3, 0xff] {
        let error = read(&zstd_bomb(b"evil.example\n", 1, window), Some(Format::Plain)).unwrap_err().to_string();
        assert!(error.to_lowercase().contains("window"), "{error}");
    }
}

#[test]
fn entities_are_not_expanded() {
    // A billion laughs, and what would read a file.
    let laughs: String =
        (1..10).map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10))).collect();
    for (declared, used) in [
        (format!("<!ENTITY l0 \"lol\">{laughs}"), "&l9;.example"),
        ("<!ENTITY l0 SYSTEM \"file:///etc/hostname\">".to_owned(), "&l0;.example"),
    ] {
        let text = format!(
            "<!DOCTYPE x [{declared}]><ioc><definition><Indicator operator='OR'>\
             <IndicatorItem condition='is'><Context search='Network/DNS'/><Content>{used}</Content></IndicatorItem>\
             <IndicatorItem condition='is'><Context search='Network/DNS'/><Content>evil.example</Content></IndicatorItem>\
             </Indicator></definition></ioc>"
        );
        let feed = read(text.as_bytes(), Some(Format::OpenIoc)).unwrap();
        let found: Vec<_> = feed.indicators.iter().map(|found| found.pattern.to_string()).collect();
        assert_eq!((found, feed.items, feed.rejected.total()), (vec!["=evil.example".to_owned()], 2, 1), "{used}");
        assert_eq!(&*feed.rejected.first()[0].text, "\u{fffd}.example", "{used}");
    }
}

#[test]
fn a_bomb_of_one_object_costs_its_limit() {
    let feed = read(&bomb(br#"[{"type":"tool"},{"type":"#, 256 << 20), Some(Format::Stix)).unwrap();
    assert_eq!((feed.items, feed.passed.total(), feed.rejected.total()), (2, 1, 1));
}

#[test]
fn what_is_held_whole_has_a_limit() {
    let bomb = bomb(b"{", 512 << 20);
    let limit = "larger than 536870912 bytes, the limit for a file that is read whole";
    for error in [
        read(&bomb, Some(Format::Misp)).unwrap_err(),
        Catalog::read(&bomb[..], "catalog").unwrap_err(),
        AllowList::read(&bomb[..], "list").unwrap_err(),
    ] {
        assert!(error.to_string().contains(limit), "{error}");
    }
}

/// `before`, ten thousand levels, `after`.
fn deep(before: &str, open: &str, close: &str, after: &str) -> String {
    format!("{before}{}0{}{after}", open.repeat(DEEP), close.repeat(DEEP))
}

#[test]
fn deep_json_costs_itself() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"Event\":", "}]"), ("{\"response\":[", "]}")] {
        let text = deep("", open, close, "");
        for format in [None, Some(Format::Misp), Some(Format::Json), Some(Format::Stix)] {
            match read(text.as_bytes(), format) {
                Ok(feed) => assert!(feed.indicators.is_empty() && feed.rejected.total() + feed.passed.total() > 0),
                Err(error) => assert!(error.to_string().starts_with("feed"), "{error}"),
            }
        }
        assert!(Catalog::parse("catalog", &text).unwrap_err().to_string().starts_with("catalog"));
        let list = AllowList::read(text.as_bytes(), "list");
        assert!(list.is_err() || list.unwrap().rejected.total() > 0);
    }
    // Beside what is deep the rest is read.
    let attribute = deep(
        r#"{"Event":{"Attribute":[{"type":"domain","value":"evil.example","to_ids":true},{"type":"domain","value":"#,
        "[",
        "]",
        "},7]}}",
    );
    let misp = read(attribute.as_bytes(), None).unwrap();
    assert_eq!((misp.indicators.len(), misp.items), (1, 3));
    let objects = deep("{\"indicator\":\"evil.example\"}\n{\"indicator\":", "[", "]", "}\n");
    let json = read(objects.as_bytes(), Some(Format::Json)).unwrap();
    assert_eq!((json.indicators.len(), json.rejected.total()), (1, 1), "{:?}", rejections(&json));
    let objects = deep(
        r#"{"type":"bundle","objects":[{"type":"indicator","pattern":"[domain-name:value = 'evil.example']"},{"type":"indicator","pattern":"#,
        "[",
        "]",
        "}]}",
    );
    let stix = read(objects.as_bytes(), None).unwrap();
    assert_eq!((stix.indicators.len(), stix.rejected.total()), (1, 1), "{:?}", rejections(&stix));
}

#[test]
fn deep_patterns_and_deep_xml_say_their_limit() {
    let pattern = deep("[", "(", ")", " = 'a']");
    let object = serde_json::json!({"type": "indicator", "pattern": pattern}).to_string();
    let feed = read(object.as_bytes(), Some(Format::Stix)).unwrap();
    assert_eq!(feed.rejected.total(), 1);

    let text = deep("<ioc><definition>", "<Indicator operator='OR'>", "</Indicator>", "</definition></ioc>");
    let error = read(text.as_bytes(), None).unwrap_err().to_string();
    assert!(error.contains("64"), "{error}");
    let entities = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><ioc><definition>\
        <IndicatorItem condition='is'><Context search='Network/DNS'/><Content>&b;.example</Content></IndicatorItem>\
        </definition></ioc>";
    let feed = read(entities.as_bytes(), Some(Format::OpenIoc)).unwrap();
    assert!(feed.indicators.iter().all(|found| found.pattern.to_string().len() < 20), "{:?}", feed.indicators);
}

#[test]
fn deep_toml_is_an_error_that_names_its_line() {
    let keys = format!("{}a = 1\n", "a.".repeat(DEEP));
    let table = format!("[{}a]\n", "a.".repeat(DEEP));
    for text in [deep("\nx = ", "[", "]", "\n"), deep("\nx = ", "{ a = ", " }", "\n"), keys, table] {
        let error = Catalog::parse("deep.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with("deep.toml:"), "{error}");
        #[cfg(feature = "config")]
        {
            let error = stormtag::Config::parse("deep.toml", &text).unwrap_err().to_string();
            assert!(error.starts_with("deep.toml:"), "{error}");
        }
    }
    let long: String = (0..100_000).map(|n| format!("[[actor]]\nid = \"{n}\"\nname = \"{n}\"\n")).collect();
    assert_eq!(Catalog::parse("long.toml", &long).unwrap().all_actors().len(), 100_000);
}
