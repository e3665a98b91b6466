//! Programs in C, built against the header and the libraries as cargo made them, and run: under AddressSanitizer, so that a byte read too far or
//! kept too long is a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where cargo put the libraries.
fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// Builds a program; with what is in `with` if the compiler has it.
fn build(source: &str, with: &[&str], to: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut build = Command::new(compiler());
    build.args(["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"]).args(with);
    build.arg("-I").arg(folder.join("include")).arg(folder.join(source)).arg("-o").arg(to);
    build.arg(libraries().join("libstormtag_capi.a")).args(["-lpthread", "-ldl", "-lm"]);
    let done = build.output().unwrap();
    assert!(done.status.success(), "{build:?}:\n{}", String::from_utf8_lossy(&done.stderr));
}

/// Runs a program; gives what it prints.
fn run(program: &mut Command) -> String {
    let done = program.output().unwrap();
    let (out, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program:?}: {}\n{out}\n{said}", done.status);
    out.into_owned()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_program_in_c() {
    let folder = folder("c");
    std::fs::write(folder.join("feed.txt"), "evil.example\n").unwrap();
    let config = "[catalog]\nindicators = false\n[reload]\ndebounce = \"0s\"\n[[feed]]\npath = \"feed.txt\"\n\
                  source = \"sample\"\nconfidence = 70\nactors = [\"Volt Typhoon\"]\n";
    std::fs::write(folder.join("stormtag.toml"), config).unwrap();
    let program = folder.join("test");
    build("tests/c/test.c", &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"], &program);
    assert_eq!(run(Command::new(&program).arg(&folder)), "all held\n");
}

#[test]
fn the_example() {
    let program = folder("quickstart").join("quickstart");
    build("examples/quickstart.c", &[], &program);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/stormtag.toml");
    let out = run(Command::new(&program).arg(config));
    assert!(out.starts_with(r#"{"ts":1705081509,"query":"www.harvest-mail.example","threat":{"#), "{out}");
    assert!(out.contains(r#""indicator":{"#) && out.ends_with("}\n") && out.lines().count() == 1, "{out}");
}

#[test]
fn the_header_is_one_of_cpp_too() {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/stormtag.h");
    let mut check = Command::new(std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned()));
    check.args(["-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]).arg(header);
    match check.output() {
        Err(error) => eprintln!("SKIPPED: the_header_is_one_of_cpp_too: no C++ compiler: {error}"),
        Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
    }
}
