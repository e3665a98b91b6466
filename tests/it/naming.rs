//! Catalogues of others: galaxies and naming maps, alone and together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use stormtag::{Actor, Catalog};

use crate::data;
use crate::files::text;

// The files, and the lengths of their lists by jq '.values | length' and jq length.
const FILES: [(&str, usize, usize); 6] = [
    // 191, of which 6 are revoked (jq '[.values[] | select(.revoked)] | length') and lead to the group that replaced them.
    ("misp-galaxy/mitre-intrusion-set.json.gz", 191 - 6, 0),
    ("misp-galaxy/threat-actor.json.gz", 1041, 0),
    ("misp-galaxy/tidal-groups.json.gz", 281, 0),
    ("misp-galaxy/tidal-campaigns.json.gz", 0, 157),
    ("misp-galaxy/microsoft-activity-group.json.gz", 179, 0),
    ("microsoft/MicrosoftMapping.json", 166, 0),
];

/// Entries of MISP's that ATT&CK has under another group now.
const KITTEN: &str = "f98bac6b-12fd-4cad-be84-c84666932232";
const UNC2452: &str = "2ee5ed7a-c4d0-40be-a837-20817474a15b";

fn ids<'c>(catalog: &'c Catalog, name: &str) -> BTreeSet<&'c str> {
    catalog.actors(name).map(|actor| actor.id.as_str()).collect()
}

#[test]
fn every_entry_is_there_and_every_name_finds_it() {
    let Some(data) = data::folder("every_entry_is_there_and_every_name_finds_it") else { return };
    let finds = |catalog: &Catalog, actor: &Actor| {
        let names = [&actor.name].into_iter().chain(actor.aliases.iter().map(|alias| &alias.name));
        names.chain(&actor.ids).all(|name| ids(catalog, name).contains(actor.id.as_str()))
    };
    let mut all = Catalog::builtin();
    let mut given = BTreeSet::new();
    for (name, actors, campaigns) in FILES {
        let catalog = Catalog::open(data.join("knowledge").join(name)).unwrap();
        assert_eq!((catalog.all_actors().len(), catalog.all_campaigns().len()), (actors, campaigns), "{name}");
        for actor in catalog.all_actors() {
            // An alias may spell the id of somebody else.
            assert!(finds(&catalog, actor), "{name}: {}", actor.id);
            given.extend(actor.aliases.iter().map(|alias| alias.name.clone()).chain([actor.name.clone()]));
        }
        all.extend(catalog);
    }
    for name in &given {
        assert!(all.actors(name).next().is_some(), "{name}");
    }
    for file in ["botnet", "country", "sector", "target-information"] {
        let error = Catalog::open(data.join(format!("knowledge/misp-galaxy/{file}.json.gz"))).unwrap_err().to_string();
        assert!(error.contains("holds neither actors nor campaigns"), "{error}");
    }
}

#[test]
fn the_same_group_is_one_actor_whatever_the_order() {
    let Some(data) = data::folder("the_same_group_is_one_actor_whatever_the_order") else { return };
    let catalogs: Vec<Catalog> =
        FILES.iter().map(|(name, ..)| Catalog::open(data.join("knowledge").join(name)).unwrap()).collect();
    let (mut forward, mut backward) = (Catalog::builtin(), Catalog::new());
    catalogs.iter().for_each(|catalog| _ = forward.extend(catalog.clone()));
    catalogs.iter().rev().for_each(|catalog| _ = backward.extend(catalog.clone()));
    backward.extend(Catalog::builtin());
    let cases: [(&str, &[&str]); 14] = [
        ("Volt Typhoon", &["G1017"]),
        ("BRONZE SILHOUETTE", &["G1017"]),
        ("Vanguard Panda", &["G1017"]),
        ("Insidious Taurus", &["G1017"]),
        ("Dev-0391", &["G1017"]),
        ("APT28", &["G0007"]),
        ("Forest Blizzard", &["G0007"]),
        ("Fancy Bear", &["G0007"]),
        ("Sednit", &["G0007"]),
        ("Lazarus Group", &["G0032"]),
        ("Kimsuky", &["G0094"]),
        // Two names that the sources give to two.
        ("Grizzly Steppe", &["G0007", "G0016"]),
        ("G0016", &["G0016"]),
        ("The Dukes", &["G0016"]),
    ];
    for catalog in [&forward, &backward] {
        for (name, expected) in cases {
            assert_eq!(ids(catalog, name), expected.iter().copied().collect(), "{name}");
        }
        // ATT&CK's G0059 with MISP's APT35, MISP's Charming Kitten, which ATT&CK had as G0058, and what Microsoft calls so.
        let mint = ids(catalog, "Mint Sandstorm");
        assert_eq!(mint, ["G0059", KITTEN, "microsoft:Mint Sandstorm"].into());
        assert_eq!(ids(catalog, "G0058"), ["G0059", KITTEN].into());
        let nobelium = ids(catalog, "Nobelium");
        assert_eq!(nobelium, ["G0016", UNC2452, "microsoft:Midnight Blizzard", "microsoft:NOBELIUM"].into());
        let apt29 = ids(catalog, "APT29");
        assert_eq!(apt29, ["G0016", "microsoft:Midnight Blizzard"].into());
    }
    let everywhere = |catalog: &Catalog| catalog.all_actors().len();
    assert_eq!(everywhere(&forward), everywhere(&backward));
    // 1858 entries; what is left bears other names.
    assert!(everywhere(&forward) < 1400, "{}", everywhere(&forward));

    let volt = forward.actors("Volt Typhoon").next().unwrap();
    assert_eq!(volt.country.as_deref(), Some("CN"));
    let voices: BTreeSet<&str> = forward.claims("G1017").map(|claim| claim.by.as_str()).collect();
    assert!(voices.is_superset(&["MISP galaxy", "Microsoft"].into()), "{voices:?}");
    // jq '.values[] | select(.value == "APT28").meta' : attribution-confidence 50, Russian Federation
    let claims: Vec<_> = forward.claims("G0007").map(|claim| (claim.by.as_str(), claim.country.as_deref())).collect();
    assert!(claims.contains(&("Council on Foreign Relations", Some("RU"))), "{claims:?}");
    let campaign = forward.campaigns("C0035").next().unwrap();
    assert_eq!((campaign.name.as_str(), campaign.actors.as_slice()), ("KV Botnet Activity", &["G1017".to_owned()][..]));
}

const ATTACK: &str = "attack/enterprise-attack-18.1.stix20.json.xz";

/// Everything that there is, in both orders.
fn everything(data: &Path) -> [Catalog; 2] {
    let names = FILES.iter().map(|(name, ..)| *name).chain([ATTACK, "attack/ics-attack-18.1.stix21.json.xz"]);
    let mut catalogs: Vec<_> = names.map(|name| Catalog::open(data.join("knowledge").join(name)).unwrap()).collect();
    catalogs.insert(0, Catalog::builtin());
    let backward = catalogs.clone().into_iter().rev();
    let all = |catalogs: &mut dyn Iterator<Item = Catalog>| {
        let mut all = Catalog::new();
        catalogs.for_each(|catalog| _ = all.extend(catalog));
        all
    };
    [all(&mut catalogs.into_iter()), all(&mut backward.into_iter())]
}

/// Who bears which names, by the files themselves: ids of ATT&CK, UUIDs of clusters, names of Microsoft's.
fn said(data: &Path) -> Vec<(String, BTreeSet<String>)> {
    let json = |name: &str| serde_json::from_str::<Value>(&text(&data.join("knowledge").join(name))).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        let all = value.as_array().map_or(&[][..], Vec::as_slice);
        all.iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect()
    };
    let mut said = Vec::new();
    for group in json(ATTACK)["objects"].as_array().unwrap().iter().filter(|it| it["type"] == "intrusion-set") {
        let id = group["external_references"][0]["external_id"].as_str().unwrap().to_owned();
        let mut names: BTreeSet<_> = texts(&group["aliases"]).into_iter().collect();
        names.insert(group["name"].as_str().unwrap().to_owned());
        said.push((id, names));
    }
    for (name, actors, _) in FILES.iter().filter(|(name, ..)| name.starts_with("misp-galaxy/")) {
        for cluster in json(name)["values"].as_array().unwrap().iter().filter(|_| *actors > 0) {
            let mut names: BTreeSet<_> = texts(&cluster["meta"]["synonyms"]).into_iter().collect();
            let name = cluster["value"].as_str().unwrap();
            names.insert(name.rsplit_once(" - G").map_or(name, |(name, _)| name).to_owned());
            said.push((cluster["uuid"].as_str().unwrap().to_owned(), names));
        }
    }
    for row in json("microsoft/MicrosoftMapping.json").as_array().unwrap() {
        let name = row["Threat actor name"].as_str().unwrap().trim();
        let others = row["Other names"].as_str().unwrap_or_default().split(',').map(|other| other.trim().to_owned());
        let names = others.filter(|other| !other.is_empty()).chain([name.to_owned()]).collect();
        said.push((format!("microsoft:{name}"), names));
    }
    said
}

/// Of each actor of the name all its ids: which of them stands first depends on the order where none is ATT&CK's.
fn all_ids<'c>(catalog: &'c Catalog, name: &str) -> BTreeSet<BTreeSet<&'c str>> {
    catalog.actors(name).map(|actor| actor.ids.iter().chain([&actor.id]).map(String::as_str).collect()).collect()
}

#[test]
fn every_name_of_every_source_finds_whom_it_names() {
    let Some(data) = data::folder("every_name_of_every_source_finds_whom_it_names") else { return };
    let (said, all) = (said(&data), everything(&data));
    // 187 groups of ATT&CK, revoked ones among them; 191, 1041, 281 and 179 clusters; 166 rows
    assert_eq!(said.len(), 187 + 191 + 1041 + 281 + 179 + 166);
    for catalog in &all {
        for (id, names) in &said {
            for name in names.iter().filter(|name| !(name.starts_with('G') && name[1..].parse::<u16>().is_ok())) {
                assert!(catalog.actors(name).any(|actor| actor.has_id(id)), "{name} does not find {id}");
            }
        }
    }
    let [forward, backward] = &all;
    let names: BTreeSet<&String> = said.iter().flat_map(|(_, names)| names).collect();
    for name in names {
        assert_eq!(all_ids(forward, name), all_ids(backward, name), "{name}");
    }
    assert_eq!(forward.all_actors().len(), backward.all_actors().len());

    // Each name of the three leads to the one group, wherever that name stands in ATT&CK.
    for (id, least) in [("G1017", 7), ("G0007", 15), ("G0016", 15)] {
        let (_, names) = said.iter().find(|(of, _)| of == id).unwrap();
        assert!(names.len() >= least, "{id}: {names:?}");
        assert!(names.iter().all(|name| ids(forward, name).contains(id)), "{id}");
    }
    for name in ["Mint Sandstorm", "Nobelium", "Grizzly Steppe"] {
        let bearers = said.iter().filter(|(_, names)| names.iter().any(|other| other.eq_ignore_ascii_case(name)));
        let bearers: Vec<_> = bearers.map(|(id, _)| id).collect();
        assert!(bearers.len() > 1, "{name}: {bearers:?}");
        let found: Vec<_> = forward.actors(name).collect();
        assert!(bearers.iter().all(|id| found.iter().any(|actor| actor.has_id(id))), "{name}: {bearers:?}");
        assert!(found.len() > 1, "{name}");
    }
}

#[test]
fn a_revoked_group_leads_to_its_successor() {
    let Some(data) = data::folder("a_revoked_group_leads_to_its_successor") else { return };
    let attack: Value = serde_json::from_str(&text(&data.join("knowledge").join(ATTACK))).unwrap();
    let objects = attack["objects"].as_array().unwrap();
    let by_id: BTreeMap<&str, &Value> =
        objects.iter().filter_map(|object| Some((object["id"].as_str()?, object))).collect();
    let all = everything(&data);
    let mut revoked = 0;
    for relation in objects.iter().filter(|object| object["relationship_type"] == "revoked-by") {
        let [old, new] = ["source_ref", "target_ref"].map(|end| by_id[relation[end].as_str().unwrap()]);
        if old["type"] == "intrusion-set" {
            let [old, new] = [old, new].map(|group| group["external_references"][0]["external_id"].as_str().unwrap());
            for catalog in &all {
                assert!(ids(catalog, old).contains(new), "{old} {new}: {:?}", ids(catalog, old));
                assert!(catalog.all_actors().iter().all(|actor| actor.id != old), "{old} stands beside {new}");
            }
            revoked += 1;
        }
    }
    assert_eq!(revoked, 6); // jq '[.objects[] | select(.type == "intrusion-set" and .revoked)] | length'
}

const GALAXY: &str = r#"{"type":"threat-actor","version":1,"values":[{"value":"One","uuid":"u-1","meta":{"synonyms":["A","G0001"],
    "country":"RU","refs":["r"]},"related":[{"dest-uuid":"u-2","type":"similar"}]}]}"#;
const MAP: &str = r#"[{"Threat actor name":"Odd Typhoon","Origin/Threat":"China","Other names":"A, B"}]"#;

proptest! {
    #[test]
    fn no_catalogue_panics(
        text in prop::sample::select(&[GALAXY, MAP][..]),
        at in any::<prop::sample::Index>(),
        cut in 0..40usize,
        piece in "[\\[\\]{}\"&;:,|\\\\/=a-z0-9é \n]{0,8}",
    ) {
        let mut text = text.to_owned();
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &piece);
        if let Ok(catalog) = Catalog::parse("mutated", &text) {
            let mut all = Catalog::builtin();
            all.extend(catalog);
            prop_assert!(all.actors("Volt Typhoon").next().is_some());
        }
    }
}
