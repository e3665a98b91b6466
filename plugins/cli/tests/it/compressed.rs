//! Compressed input, and damaged input.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::program::{Folder, code, text};

/// Events of which a compressor cannot make little, so that half of a file holds some of them.
fn events(from: u32) -> Vec<u8> {
    let event = |number: u32| {
        let noise = noise_of(u64::from(number)).map(|word| format!("{word:016x}")).concat();
        format!("{{\"number\":{number},\"noise\":\"{noise}\",\"ip\":\"45.63.60.39\"}}\n").into_bytes()
    };
    (from..from + 10_000).flat_map(event).collect()
}

/// Numbers that look random (SplitMix64).
fn noise_of(seed: u64) -> [u64; 4] {
    [1, 2, 3, 4].map(|step: u64| {
        let mixed = seed.wrapping_mul(4).wrapping_add(step).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    })
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn compressed_input_is_undone_whatever_it_is_called() {
    let folder = Folder::new("compressed");
    let (first, second) = (events(0), events(1_000_000));
    let plain = folder.run(&["enrich", "--summary", "none"], &[&first[..], &second].concat()).stdout;
    assert!(plain.len() > 2 * (first.len() + second.len()));
    for (name, pack) in [("gz", gz as fn(&[u8]) -> Vec<u8>), ("xz", xz), ("zst", zst)] {
        // Two members, streams, frames: as logs are that are appended to.
        let packed = [pack(&first), pack(&second)].concat();
        folder.write("events", &packed);
        for input in [&b""[..], &packed] {
            let file = if input.is_empty() { "events" } else { "-" };
            let output = folder.run(&["enrich", "--summary", "none", file], input);
            assert_eq!(code(&output), 0, "{name}: {}", text(&output.stderr));
            assert!(output.stdout == plain, "{name} {file}");
        }
    }
}

#[test]
fn what_came_before_the_damage_comes_out() {
    let folder = Folder::new("damaged");
    let events = events(0);
    let plain = folder.run(&["enrich", "--summary", "none"], &events).stdout;
    for (name, packed) in [("gz", gz(&events)), ("xz", xz(&events))] {
        folder.write("events", &packed[..packed.len() / 2]);
        folder.write("next", "{\"number\":7}\n");
        let output = folder.run(&["enrich", "--summary", "none", "events", "next"], b"");
        assert_eq!(code(&output), 2, "{name}");
        assert!(text(&output.stderr).contains("stormtag: events: "), "{}", text(&output.stderr));
        // The next file is read all the same.
        let before = output.stdout.strip_suffix(b"{\"number\":7}\n").unwrap();
        // The line that was cut off is one of its own.
        let whole = before[..before.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
        assert!(whole > plain.len() / 10, "{name}: {whole}");
        assert!(plain.starts_with(&before[..whole]), "{name}");
    }
}
