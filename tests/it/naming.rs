//! Catalogues of others: galaxies and naming maps, alone and together.

use std::collections::BTreeSet;

use proptest::prelude::*;
use stormtag::{Actor, Catalog};

use crate::data;

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
