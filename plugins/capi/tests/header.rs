//! The header says what the library has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

#[test]
fn the_header_is_that_of_the_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let settings = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let mut text = Vec::new();
    // Told its files by name: then it asks nobody else for them.
    let mut builder = cbindgen::Builder::new().with_config(settings);
    for file in ["lib", "status", "bytes", "config", "values", "found", "worker"] {
        builder = builder.with_src(folder.join(format!("src/{file}.rs")));
    }
    builder.generate().unwrap().write(&mut text);
    let text = String::from_utf8(text).unwrap();
    let path = folder.join("include/stormtag.h");
    if std::env::var_os("STORMTAG_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert!(there == text, "include/stormtag.h is not what cbindgen makes of the source; it says how to write it anew");
    // Whatever is exported is declared, in whichever file it stands.
    for file in std::fs::read_dir(folder.join("src")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for rest in source.split("extern \"C\" fn ").skip(1).filter(|rest| rest.starts_with("stormtag_")) {
            let name = &rest[..rest.find('(').unwrap()];
            assert!(text.contains(&format!("{name}(")), "{name} is not declared");
        }
    }
}
