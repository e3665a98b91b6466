//! However it ends: whole lines, and as many as were read.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use crate::program::{Folder, text};

const EVENT: &[u8] = b"{\"destination\":{\"ip\":\"45.63.60.39\"}}\n";

fn start(folder: &Folder, more: &[&str]) -> Child {
    let arguments = [&["enrich", "--summary", "none"], more].concat();
    folder.stormtag(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// The most memory that the process had, in KiB.
#[cfg(target_os = "linux")]
fn most_memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn whoever_has_seen_enough_ends_it_quietly() {
    let folder = Folder::new("pipe");
    let mut child = start(&folder, &["--threads", "2"]);
    let mut input = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || while input.write_all(&EVENT.repeat(100)).is_ok() {});
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("Volt Typhoon"), "{first}");
    // Its end of the pipe is closed by now.
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    feeder.join().unwrap();
}

#[test]
fn told_to_end_while_it_waits_it_has_written_what_it_read() {
    let folder = Folder::new("waits");
    for name in ["-TERM", "-INT"] {
        let mut child = start(&folder, &["--threads", "2"]);
        let mut input = child.stdin.take().unwrap();
        input.write_all(&EVENT.repeat(500)).unwrap();
        input.write_all(b"{\"half\":").unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        signal(&child, name);
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(if name == "-TERM" { 15 } else { 2 }));
        assert_eq!(rest.len(), 499 * first.len(), "{name}");
        assert!(rest.chunks(first.len()).all(|line| line == first.as_bytes()));
        drop(input);
    }
}

#[test]
fn told_to_end_before_anything_came_it_ends() {
    let folder = Folder::new("before");
    let mut child = start(&folder, &[]);
    // It listens by the time it has something to say.
    std::thread::sleep(std::time::Duration::from_secs(1));
    signal(&child, "-TERM");
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.signal(), Some(15));
            return;
        }
    }
    child.kill().unwrap();
    panic!("it goes on waiting");
}

#[test]
fn told_to_end_while_it_works_it_writes_whole_lines() {
    let folder = Folder::new("works");
    // Far more than is on its way at a time, in few lines, so that a slow build does it too.
    let event = format!("{{\"message\":\"{}\"}}\n", "x".repeat(4000));
    folder.write("events.ndjson", event.repeat(20_000));
    let mut child = start(&folder, &["events.ndjson"]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    signal(&child, "-TERM");
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(rest.len() % first.len(), 0);
    assert!(rest.len() / first.len() < 19_000, "the signal came too late to show anything");
    assert!(rest.chunks(first.len()).all(|line| line == first.as_bytes()));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded_whatever_comes() {
    let folder = Folder::new("memory");
    let of = |block: &[u8], times: usize| {
        let mut child = start(&folder, &["--threads", "2", "--longest-line", "1"]);
        let mut output = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()).unwrap());
        let mut input = child.stdin.take().unwrap();
        for _ in 0..times {
            input.write_all(block).unwrap();
        }
        let most = most_memory(&child);
        drop(input);
        assert!(child.wait().unwrap().success());
        assert!(reader.join().unwrap() >= (times * block.len()) as u64);
        most
    };
    // Few lines in many bytes, so that a slow build does it too.
    let event = format!("{{\"ip\":\"45.63.60.39\",\"message\":\"{}\"}}\n", "x".repeat(2000));
    let (lines, line) = (event.repeat(500).into_bytes(), vec![b'x'; 1 << 20]);
    let little = of(&lines, 20);
    for most in [of(&lines, 200), of(&line, 300)] {
        assert!(most < little + little / 2 + 16 * 1024, "{most} KiB; of little input {little} KiB");
    }
}
