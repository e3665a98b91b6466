//! Questions: what is known of a value, whether feeds can be used, what has changed.

use serde_json::Value;

use crate::program::{Folder, code, text, with_sample};

fn lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_known_of_a_value_is_said_with_its_reasons() {
    let folder = Folder::new("lookup");
    let [option, path] = &with_sample();
    let output = folder.run(&[option, path, "lookup", "--at", "2024-01-12T17:45:09Z", "hxxp://45[.]63.60[.]39/a"], b"");
    assert_eq!(code(&output), 0);
    let told = text(&output.stdout);
    for expected in [
        "http://45.63.60.39/a url\n",
        "match ip 45.63.60.39 of Black Lotus Labs\n",
        "actor Volt Typhoon G1017 43 of 100\n",
        "by way of KV Botnet Activity\n",
        "claim 2023-05-25 Ministry of Foreign Affairs of China (actor) disputed: G1017 to CN\n",
    ] {
        assert!(told.contains(expected), "{expected:?} is missing in:\n{told}");
    }
    let once = told.lines().filter(|line| line.contains("Black Lotus Labs (vendor)")).count();
    assert_eq!(once, 1, "{told}");
    assert!(!told.contains('\u{1b}'), "colours in a pipe");
    // Years later an address is stale.
    let later = folder.run(&["lookup", "--at", "1893456000", "45.63.60.39"], b"");
    assert!(!text(&later.stdout).contains("43 of 100"), "{}", text(&later.stdout));
}

#[test]
fn places_and_allow_lists_are_said() {
    let folder = Folder::new("places");
    folder.write("feed.txt", "8.8.8.8\n");
    folder.write("allow.txt", "8.8.8.8\n");
    let asn = format!("{}/data/asn.mmdb", crate::program::EXAMPLES);
    let allow = "[[allow]]\npath = \"allow.txt\"\nname = \"resolvers\"\nreason = \"everybody asks them\"\n";
    let config = format!("[[feed]]\npath = \"feed.txt\"\n{allow}[geo]\ndatabases = [\"{asn}\"]\n");
    folder.write("stormtag.toml", config);
    let output = folder.run(&["lookup", "8.8.8.8"], b"");
    assert_eq!(code(&output), 1, "silenced is not known");
    let told = text(&output.stdout);
    assert!(told.contains("silenced ip 8.8.8.8 of feed\n    by the list resolvers: everybody asks them\n"), "{told}");
    // An address of which the database of the examples knows the network.
    let database = stormtag::Geo::open([asn]).unwrap();
    let address = ["45.63.60.39", "198.51.100.7", "203.0.113.77", "192.0.2.1"]
        .into_iter()
        .find(|address| database.asn(address.parse().unwrap()).is_some())
        .unwrap();
    let number = database.asn(address.parse().unwrap()).unwrap().number;
    let output = folder.run(&["lookup", address], b"");
    assert!(text(&output.stdout).contains(&format!("network AS{number} ")), "{}", text(&output.stdout));
}

#[test]
fn machines_get_an_object_a_value() {
    let folder = Folder::new("json");
    let values = ["lookup", "--json", "45.63.60.39", "192.0.2.1", "bronze silhouette", "-", "1.2.3.4/8"];
    let output = folder.run(&values, b"evil.example\n\n nobody at all \n");
    assert_eq!(code(&output), 0);
    let told = lines(&output.stdout);
    let known: Vec<_> = told.iter().map(|of| (of["value"].as_str().unwrap(), of["known"].as_bool().unwrap())).collect();
    assert_eq!(
        known,
        [
            ("45.63.60.39", true),
            ("192.0.2.1", false),
            ("bronze silhouette", true),
            ("evil.example", false),
            ("nobody at all", false),
            ("1.2.3.4/8", false),
        ]
    );
    assert_eq!(told[0]["matches"][0]["record"]["source"], "Black Lotus Labs");
    assert!(told[0]["attributions"][0]["evidence"].is_array());
    assert_eq!(told[2]["actors"][0]["name"], "Volt Typhoon");
    assert!(told[2]["actors"][0]["claims"].as_array().unwrap().len() > 5);
    assert!(told[4]["error"].as_str().unwrap().contains("--kind"));
    assert!(told[5]["error"].as_str().unwrap().contains("no ip"));
}

#[test]
fn nothing_known_is_one_and_a_wrong_kind_names_the_right_ones() {
    let folder = Folder::new("unknown");
    let output = folder.run(&["lookup", "192.0.2.1"], b"");
    assert_eq!((code(&output), text(&output.stdout)), (1, "192.0.2.1 ip\n  nothing is known of it\n"));
    let output = folder.run(&["lookup", "--kind", "foo", "x"], b"");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("cert_sha256"), "{}", text(&output.stderr));
}

#[test]
fn what_feeds_say_steers_no_terminal() {
    let folder = Folder::new("steer");
    folder.write("feed.csv", "ip,description\n8.8.4.4,a\u{1b}[31mred\u{7}\n");
    folder.write("stormtag.toml", "[[feed]]\npath = \"feed.csv\"\nsource = \"\\u001b]0;mine\"\n");
    for arguments in [&["lookup", "8.8.4.4"][..], &["check"], &["enrich"]] {
        let output = folder.run(arguments, b"{}\n");
        let said = [&output.stdout[..], &output.stderr].concat();
        assert!(!said.contains(&0x1b) && !said.contains(&7), "{:?}", text(&said));
    }
}

#[test]
fn check_says_what_became_of_all_of_it() {
    let folder = Folder::new("check");
    let [option, path] = &with_sample();
    let output = folder.run(&[option, path, "check"], b"");
    assert_eq!(code(&output), 0);
    let told = text(&output.stdout);
    assert!(told.contains("in force") && told.contains("sample feed") && told.contains("database "), "{told}");

    folder.write("feed.txt", "192.0.2.300\nevil.example\n???\n");
    folder.write("empty.txt", "# nothing yet\n");
    folder.write("stormtag.toml", "[[feed]]\npath = \"feed.txt\"\n");
    assert_eq!(code(&folder.run(&["check"], b"")), 0);
    let output = folder.run(&["check", "--rejected", "50"], b"");
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("feed: 2 of 3 rejected, above 50 %"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("line 1: \"192.0.2.300\""));
    assert_eq!(code(&folder.run(&["check", "--rejected", "70"], b"")), 0);
    folder.write("stormtag.toml", "[[feed]]\npath = \"empty.txt\"\n");
    let output = folder.run(&["check", "--json"], b"");
    assert_eq!(code(&output), 1);
    assert_eq!(lines(&output.stdout)[0]["report"]["warnings"].as_array().unwrap().len(), 1);
    folder.write("stormtag.toml", "[[feed]]\npath = \"missing.txt\"\n");
    let output = folder.run(&["check"], b"");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("missing.txt"), "{}", text(&output.stderr));

    // The databases of the examples are of some day in the past.
    let database = format!("{}/data/asn.mmdb", crate::program::EXAMPLES);
    folder.write("stormtag.toml", format!("[geo]\ndatabases = [\"{database}\"]\n"));
    let output = folder.run(&["check", "--json", "--age", "0"], b"");
    let told = &lines(&output.stdout)[0];
    let days = told["databases"][0]["age_days"].as_u64().unwrap();
    assert_eq!(code(&output), i32::from(days > 0));
    assert_eq!(told["complaints"].as_array().unwrap().len(), usize::from(days > 0));
}

#[test]
fn diff_says_what_is_new() {
    let folder = Folder::new("diff");
    folder.write("old.csv", "ip,confidence\n8.8.8.8,50\n9.9.9.0/24,50\n1.1.1.1,50\n");
    folder.write("new.csv", "ip,confidence\n8.8.8.8,50\n9.9.9.0/24,80\n1.0.0.1,50\n");
    let output = folder.run(&["diff", "old.csv", "new.csv"], b"");
    assert_eq!(code(&output), 1);
    let mut told: Vec<_> = text(&output.stdout).lines().collect();
    told.sort_unstable();
    assert_eq!(told, ["+ ip 1.0.0.1 (feed)", "- ip 1.1.1.1 (feed)", "~ ip 9.9.9.0/24 (feed)"]);
    assert!(text(&output.stderr).contains("1 added, 1 removed, 1 changed"));
    let output = folder.run(&["diff", "--json", "old.csv", "new.csv"], b"");
    let changed = lines(&output.stdout).into_iter().find(|line| line["change"] == "changed").unwrap();
    assert_eq!((&changed["indicator"], &changed["records"][0]["confidence"]), (&"9.9.9.0/24".into(), &80.into()));
    let same = folder.run(&["diff", "old.csv", "old.csv"], b"");
    assert_eq!((code(&same), &*same.stdout), (0, &b""[..]));

    // A list that silences is a change too.
    folder.write("a.toml", "[[feed]]\npath = \"old.csv\"\n[catalog]\nindicators = false\n");
    folder.write("allow.txt", "1.1.1.1\n");
    folder.write(
        "b.toml",
        "[[feed]]\npath = \"old.csv\"\n[catalog]\nindicators = false\n[[allow]]\npath = \"allow.txt\"\n",
    );
    let output = folder.run(&["diff", "a.toml", "b.toml"], b"");
    assert_eq!(text(&output.stdout), "~ ip 1.1.1.1 (old, silenced)\n");
    assert_eq!(code(&folder.run(&["diff", "a.toml", "missing.toml"], b"")), 2);
}

#[test]
fn shells_and_man_are_told() {
    let folder = Folder::new("shells");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = folder.run(&["completions", shell], b"");
        assert!(code(&output) == 0 && text(&output.stdout).contains("longest-line"), "{shell}");
    }
    assert_eq!(code(&folder.run(&["man", "pages"], b"")), 0);
    for (page, says) in [("stormtag.1", "stormtag"), ("stormtag-enrich.1", "SIGTERM"), ("stormtag-diff.1", "silenced")]
    {
        let text = std::fs::read_to_string(folder.path("pages").join(page)).unwrap();
        assert!(text.contains(says), "{page}");
    }
}
