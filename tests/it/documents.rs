//! What documents say of the tests is so.

use std::fs;
use std::path::Path;

/// Tests and targets that `SECURITY.md` names are there: a promise without its test is a hope.
#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut named = 0;
    // What stands between two backticks.
    for word in text.split('`').skip(1).step_by(2) {
        // `plugins/NAME::file::test` is one of a plugin's.
        let of_plugin = word.split_once("::").filter(|(plugin, _)| plugin.starts_with("plugins/"));
        let (folder, word) = of_plugin.map_or((root.into(), word), |(plugin, word)| (root.join(plugin), word));
        if !folder.exists() {
            // The plugins and the scripts are not in the package.
            assert!(!root.join("plugins").exists(), "there is no {}", folder.display());
        } else if let Some((file, test)) =
            word.split_once("::").filter(|(file, _)| file.chars().all(|c| c.is_ascii_lowercase()))
        {
            let source = fs::read_to_string(folder.join("tests/it").join(format!("{file}.rs")));
            let source = source.unwrap_or_else(|why| panic!("{word}: {why}"));
            assert!(source.contains(&format!("fn {test}(")), "there is no {word}");
            named += 1;
        } else if word.starts_with("tests/") || word.starts_with("scripts/") {
            assert!(root.join(word).exists() || !root.join("scripts").exists(), "there is no {word}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}
