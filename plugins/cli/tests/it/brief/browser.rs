//! The page in a browser: nothing complains, nothing is asked for, nothing sticks out. Skipped where there is no Chromium.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use stormtag::Schema;

use super::{brief, events, is_there};
use crate::program::Folder;

/// Opens a page without a window. Gives what it is after its scripts have run, and what the browser had to say.
fn open(folder: &Folder, page: &Path) -> (String, Vec<String>) {
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--enable-logging=stderr",
        ])
        .args(["--window-size=1400,900", "--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8_lossy(&output.stdout).into_owned(), said)
}

/// How wide a page is in a frame as wide as each of these.
fn measured(folder: &Folder, page: &str, widths: &[u64]) -> Vec<Value> {
    // A page that lets scripts run, and has one that says what it has become.
    let (head, rest) = page.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    let script = "<script>onload = () => parent.postMessage({width: innerWidth, scroll: document.documentElement.scrollWidth, \
        rows: document.querySelectorAll('tbody tr').length}, '*')</script>";
    folder.write("within.html", format!("{head}{rest}{script}"));
    let frames: String = widths
        .iter()
        .map(|width| format!("<iframe src=\"within.html\" style=\"width:{width}px;border:0\"></iframe>"))
        .collect();
    let around = folder.write(
        "around.html",
        format!(
            "<!DOCTYPE html><pre></pre><script>const told = []; onmessage = ({{data}}) => {{ told.push(data); \
             document.querySelector('pre').textContent = 'TOLD' + JSON.stringify(told) + 'END'; }}</script>{frames}"
        ),
    );
    let (dom, _) = open(folder, &around);
    let told = dom
        .split_once("TOLD")
        .and_then(|(_, rest)| rest.split_once("END"))
        .unwrap_or_else(|| panic!("nothing in {dom}"))
        .0;
    let mut told: Vec<Value> = serde_json::from_str(told).unwrap();
    told.sort_by_key(|one| one["width"].as_u64());
    assert_eq!(told.iter().map(|one| one["width"].as_u64().unwrap()).collect::<Vec<_>>(), widths);
    told
}

#[test]
fn a_browser_has_nothing_to_say_and_nothing_to_scroll_sideways() {
    if !is_there("chromium") {
        return;
    }
    let folder = events::folder("brief-browser");
    let file = events::enriched(&folder, Schema::Ecs, &events::events(Schema::Ecs));
    // What could be too wide: long words without a place to break.
    let mut lines = std::fs::read_to_string(file).unwrap();
    let long = "w".repeat(300);
    lines += &format!(
        "{{\"@timestamp\":\"2024-03-05T00:00:00Z\",\"host\":{{\"name\":\"{long}\"}},\"threat\":{{\"enrichments\":[{{\"indicator\":{{\"type\":\"{long}\",\"name\":\"{long}\",\
         \"provider\":\"{long}\"}},\"matched\":{{\"field\":\"x\"}},\"stormtag\":{{\"confidence\":50,\"role\":\"{long}\",\"attributions\":[{{\"type\":\"campaign\",\
         \"name\":\"{long}\"}}]}}}}]}}}}\n"
    );
    let page = brief(&folder, &["--title", &long], lines.as_bytes());
    let path = folder.write("page.html", &page);
    let (dom, said) = open(&folder, &path);
    assert_eq!(said, Vec::<String>::new());
    assert!(dom.contains("KV Botnet Activity"));
    for told in measured(&folder, &page, &[320, 400, 768, 1280]) {
        assert!(told["scroll"].as_u64() <= told["width"].as_u64(), "{told}");
        assert!(told["rows"].as_u64() > Some(50), "{told}");
    }

    // That this would be noticed.
    let (head, rest) = page.split_once("</header>").unwrap();
    let worse = format!("{head}<div style=\"width:1400px\"><img src=\"missing.png\"/></div></header>{rest}");
    let path = folder.write("worse.html", &worse);
    assert!(open(&folder, &path).1.iter().any(|line| line.contains("Content Security Policy")));
    let told = &measured(&folder, &worse, &[400])[0];
    assert!(told["scroll"].as_u64() > Some(1000), "{told}");
}
