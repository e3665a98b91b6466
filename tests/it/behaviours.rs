//! Behaviours through every door: what is found, what is not, and that finding them quickly finds the same.

use proptest::prelude::*;
use serde_json::{Value, json};
use stormtag::{Behaviours, Catalog, IntelBuilder, Live, Part, Schema, Worker};

fn builtin() -> Live {
    Live::new(IntelBuilder::new().catalog(Catalog::builtin()).behaviours(Behaviours::builtin()).build().0)
}

/// Ids of the behaviours that an event shows, by both doors.
fn shown(worker: &mut Worker, event: &Value) -> Vec<String> {
    let enrichment = worker.enrich(event);
    let of_value: Vec<String> = enrichment
        .sightings()
        .iter()
        .flat_map(|sighting| sighting.matches().filter_map(|found| Some(found.behaviour()?.id().to_owned())))
        .collect();
    let names: Vec<String> = enrichment
        .sightings()
        .iter()
        .flat_map(|sighting| sighting.matches().filter_map(|found| Some(found.behaviour()?.name().to_owned())))
        .collect();
    worker.set_schema(Schema::Native);
    let mut out = Vec::new();
    worker.enrich_json(event.to_string().as_bytes(), &mut out);
    let event: Value = serde_json::from_slice(&out).unwrap();
    let matches = event["stormtag"]["matches"].as_array().cloned().unwrap_or_default();
    let of_bytes: Vec<&str> = matches.iter().map(|found| found["indicator"].as_str().unwrap()).collect();
    assert_eq!(of_bytes, names, "the doors differ: {event}");
    of_value
}

#[test]
fn what_the_advisories_describe_is_found() {
    let live = builtin();
    let mut worker = live.worker();
    for (command, id) in [
        (r#"ntdsutil "ac i ntds" ifm "create full C:\Windows\Temp\pro" q q"#, "ntdsutil-ifm"),
        (r#"cmd /c NTDSUTIL.EXE "activate instance ntds" "ifm" "cr fu c:\x" quit quit"#, "ntdsutil-ifm"),
        (
            r#"cmd /c copy \\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy3\Windows\NTDS\ntds.dit c:\x"#,
            "shadow-copy-secrets",
        ),
        (
            r#"cmd /c copy \\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy3\Windows\System32\config\SYSTEM c:\x"#,
            "shadow-copy-secrets",
        ),
        ("vssadmin  create shadow /for=c: /quiet", "shadow-copy-created"),
        (r#"wmic shadowcopy call create Volume='C:\'"#, "shadow-copy-created"),
        (r#"rundll32.exe C:\windows\System32\comsvcs.dll, MiniDump 624 C:\x.dmp full"#, "comsvcs-minidump"),
        (r#"rundll32 comsvcs.dll,#24 624 C:\x.dmp full"#, "comsvcs-minidump"),
        (r#"reg save hklm\sam ss.dat"#, "registry-hives-saved"),
        (r#""C:\Windows\System32\reg.exe" save HKLM\SYSTEM c:\x\sy.dat /y"#, "registry-hives-saved"),
        ("m.exe privilege::debug sekurlsa::logonpasswords exit", "mimikatz-command"),
        (r#"7z.exe a -p x.7z c:\windows\temp\ntds"#, "directory-database-archived"),
        (r#"makecab C:\x\ntds.dit c:\x\a.cab"#, "directory-database-archived"),
        (
            "netsh interface portproxy add v4tov4 listenport=9999 connectaddress=10.0.0.1 connectport=8443",
            "netsh-portproxy",
        ),
        (r#"wmic /node:10.1.2.3 /user:a process call create "cmd.exe /c x""#, "wmic-process-create"),
        (r#"cmd.exe /Q /c whoami 1> \\127.0.0.1\ADMIN$\__1684956600.123 2>&1"#, "output-to-admin-share"),
        (r#"cmd /c ipconfig /all > C:\Windows\Temp\a.txt"#, "output-to-windows-temp"),
        ("Get-EventLog security -instanceid 4624 -after (Get-Date).AddDays(-5) | fl *", "logons-of-a-user"),
        ("wevtutil qe security /rd:true /f:text /q:*[System[(EventID=4624)]]", "logons-of-a-user"),
        ("wevtutil.exe cl Security", "event-log-cleared"),
        ("powershell -c Clear-EventLog -LogName System", "event-log-cleared"),
        (r#"ldifde.exe -f c:\windows\temp\x.txt -p subtree"#, "directory-exported"),
        ("dsquery computer -limit 0", "directory-queried"),
        (r#"net group "Domain Admins" /dom"#, "directory-queried"),
        ("wmic path win32_logicaldisk get caption,filesystem,freespace,size,volumename", "disks-listed-by-wmic"),
        ("curl www.ip-api.com", "own-address-asked"),
        (r#"reg query hkcu\software\SimonTatham\PuTTY\Sessions"#, "saved-sessions-read"),
    ] {
        let event = json!({"EventID": 1, "CommandLine": command});
        let ids = shown(&mut worker, &event);
        assert!(ids.iter().any(|found| found == id), "{command}: {ids:?}");
    }
    let script = json!({"EventID": 4104, "ScriptBlockText": "Get-EventLog security -InstanceId 4624"});
    assert_eq!(shown(&mut worker, &script), ["logons-of-a-user"]);
    let key = json!({"TargetObject": r"HKLM\System\CurrentControlSet\Services\PortProxy\v4tov4\tcp\0.0.0.0/8443"});
    assert_eq!(shown(&mut worker, &key), ["portproxy-registry"]);
    let image = json!({"process": {"executable": r"C:\Windows\Temp\SMSvcService.exe"}});
    assert_eq!(shown(&mut worker, &image), ["reverse-proxy-renamed"]);
}

#[test]
fn ordinary_administration_is_quiet() {
    let live = builtin();
    let mut worker = live.worker();
    for command in [
        r#"C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule"#,
        "ntdsutil \"metadata cleanup\" q q",
        "ntdsutil snapshot \"list all\" quit quit",
        "vssadmin list shadows",
        "vssadmin list writers",
        "netsh interface portproxy show all",
        "netsh interface ip show config",
        "netsh advfirewall firewall add rule name=x dir=in action=allow",
        r#"reg query HKLM\SYSTEM\CurrentControlSet\Services\Tcpip"#,
        r#"reg add HKLM\SOFTWARE\Policies\x /v y /t REG_DWORD /d 1 /f"#,
        r#"reg save HKLM\SOFTWARE\x c:\backup\x.hiv"#,
        "wmic os get caption",
        "wmic process list brief",
        "wmic logicaldisk get size,freespace,caption",
        "wevtutil qe System /c:5 /rd:true",
        "wevtutil gl Security",
        "Get-EventLog -LogName Application -Newest 5",
        r#"7z.exe a backup.7z D:\documents"#,
        r#"makecab /f files.ddf"#,
        r#"cmd /c dir > C:\Users\me\list.txt"#,
        r#"robocopy D:\a E:\b /mir /log:C:\Windows\Temp\robocopy.log"#,
        "curl https://example.com/health",
        "net user",
        "net group",
        r#"rundll32.exe shell32.dll,Control_RunDLL desk.cpl"#,
        r#"powershell -ExecutionPolicy Bypass -File C:\scripts\inventory.ps1"#,
        "ssh -i key.pem admin@10.0.0.1",
    ] {
        assert_eq!(shown(&mut worker, &json!({"CommandLine": command})), [""; 0], "{command}");
    }
}

#[test]
fn behaviours_alone_are_a_hint_and_no_more() {
    let live = builtin();
    let mut worker = live.worker();
    let everything = "ntdsutil \"ac i ntds\" ifm \"create full c:\\windows\\temp\\x\" & vssadmin create shadow /for=c: & \
         rundll32 comsvcs.dll MiniDump & reg save hklm\\sam x & sekurlsa:: & netsh interface portproxy add v4tov4 & wevtutil cl security \
         & copy \\\\?\\globalroot\\device\\harddiskvolumeshadowcopy1\\windows\\ntds\\ntds.dit & ldifde -f x";
    let enrichment = worker.enrich(&json!({"CommandLine": everything}));
    assert!(enrichment.sightings().len() >= 8);
    let actor = &enrichment.attributions()[0];
    assert_eq!((actor.subject().name(), actor.confidence()), ("Volt Typhoon", 29));
    assert!(actor.explain().contains("texts and behaviours together: 0.29 at most"), "{}", actor.explain());
    // A hint names nobody where there is room for one.
    assert!(enrichment.leading().is_none());
    let mut out = Vec::new();
    worker.enrich_json(json!({"CommandLine": everything}).to_string().as_bytes(), &mut out);
    let event: Value = serde_json::from_slice(&out).unwrap();
    assert!(event["threat"].get("group").is_none());
    assert!(event["threat"]["enrichments"][0]["stormtag"]["techniques"].is_array());
    // With an address of the actor it adds to what that tells, within the bound.
    let feed = Catalog::builtin_indicators();
    let (intel, _) =
        IntelBuilder::new().catalog(Catalog::builtin()).feed(feed).behaviours(Behaviours::builtin()).build();
    let mut worker = Live::new(intel).worker();
    let alone = json!({"@timestamp": "2024-01-12T17:45:09Z", "DestinationIp": "45.63.60.39"});
    let both = json!({"@timestamp": "2024-01-12T17:45:09Z", "DestinationIp": "45.63.60.39", "CommandLine": everything});
    let alone = worker.enrich(&alone).leading().unwrap().score();
    let both = worker.enrich(&both).leading().unwrap().score();
    assert!(alone < both && both <= 1.0 - (1.0 - alone) * 0.71 + 1e-9, "{alone} {both}");
}

#[test]
fn a_publish_is_seen_by_texts_that_are_remembered() {
    let live = Live::new(IntelBuilder::new().build().0);
    let mut worker = live.worker();
    let command = "netsh interface portproxy add v4tov4 listenport=9999 connectaddress=10.0.0.1 connectport=8443";
    let event = json!({"CommandLine": command});
    for _ in 0..2 {
        assert_eq!(shown(&mut worker, &event), [""; 0]);
    }
    let (intel, _) = IntelBuilder::new().behaviours(Behaviours::builtin()).build();
    live.publish(intel);
    for _ in 0..2 {
        assert_eq!(shown(&mut worker, &event), ["netsh-portproxy"]);
    }
    live.publish(IntelBuilder::new().build().0);
    assert_eq!(shown(&mut worker, &event), [""; 0]);
}

#[cfg(feature = "compression")]
#[test]
fn a_real_dump_of_a_directory_is_found() {
    use crate::{bytes::lines, data};
    let Some(data) = data::folder("a_real_dump_of_a_directory_is_found") else { return };
    let live = builtin();
    let mut worker = live.worker();
    let mut found = std::collections::BTreeMap::<String, usize>::new();
    let lines = lines(&data.join("events/windows/ntds-dump-ntdsutil.ndjson.gz"));
    for line in &lines {
        for id in shown(&mut worker, &serde_json::from_slice(line).unwrap()) {
            *found.entry(id).or_default() += 1;
        }
    }
    eprintln!("{found:?} in {} events", lines.len());
    assert!(found["ntdsutil-ifm"] >= 2, "{found:?}");
    // Of eleven thousand events these alone.
    assert!(found.values().sum::<usize>() < 40, "{found:?}");
}

/// A condition, as it is written and as it is meant.
#[derive(Clone, Debug)]
enum Rule {
    Compare { parts: Vec<usize>, verb: usize, values: Vec<String>, cased: bool },
    All(Vec<Rule>),
    Any(Vec<Rule>),
    None(Box<Rule>),
}

const PARTS: [Part; 3] = [Part::CommandLine, Part::Image, Part::FileName];
const VERBS: [&str; 6] = ["contains", "contains_all", "starts", "ends", "equals", "matches"];

impl Rule {
    fn written(&self) -> String {
        let all = |rules: &[Rule]| rules.iter().map(Rule::written).collect::<Vec<_>>().join(", ");
        match self {
            Self::Compare { parts, verb, values, cased } => {
                let parts: Vec<_> = parts.iter().map(|&part| PARTS[part].name()).collect();
                format!("{{ field = {parts:?}, cased = {cased}, {} = {values:?} }}", VERBS[*verb])
            }
            Self::All(rules) => format!("{{ all = [{}] }}", all(rules)),
            Self::Any(rules) => format!("{{ any = [{}] }}", all(rules)),
            Self::None(rule) => format!("{{ none = [{}] }}", rule.written()),
        }
    }

    /// As simple as can be.
    fn holds(&self, texts: &[(Part, String)]) -> bool {
        match self {
            Self::Compare { parts, verb, values, cased } => {
                let one = |value: &String| {
                    texts.iter().filter(|(part, _)| parts.iter().any(|&at| PARTS[at] == *part)).any(|(_, text)| {
                        let fold = |text: &str| if *cased { text.to_owned() } else { text.to_ascii_lowercase() };
                        let (text, value) = (fold(text), fold(value));
                        match VERBS[*verb] {
                            "starts" => text.starts_with(&value),
                            "ends" => text.ends_with(&value),
                            "equals" => text == value,
                            _ => text.contains(&value),
                        }
                    })
                };
                if VERBS[*verb] == "contains_all" { values.iter().all(one) } else { values.iter().any(one) }
            }
            Self::All(rules) => rules.iter().all(|rule| rule.holds(texts)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(texts)),
            Self::None(rule) => !rule.holds(texts),
        }
    }
}

fn rules() -> impl Strategy<Value = Rule> {
    let compare = (
        prop::collection::vec(0..PARTS.len(), 1..3),
        0..VERBS.len(),
        prop::collection::vec("[abA]{1,9}", 1..3),
        any::<bool>(),
    );
    let compare = compare.prop_map(|(parts, verb, values, cased)| Rule::Compare { parts, verb, values, cased }).boxed();
    compare.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Rule::All),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Rule::Any),
            inner.prop_map(|rule| Rule::None(Box::new(rule))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The filter, the memory and both doors give what trying each behaviour by itself gives.
    #[test]
    fn all_at_once_is_each_by_itself(
        rules in prop::collection::vec(rules(), 1..12),
        events in prop::collection::vec(prop::collection::vec((0..PARTS.len(), "[abAcB]{1,80}"), 1..4), 1..5),
    ) {
        let file: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(id, rule)| format!("[[behaviour]]\nid = \"{id}\"\nname = \"{id}\"\nall = [{}]\n", rule.written()))
            .collect();
        let behaviours = Behaviours::parse("test", &file.join("\n")).unwrap();
        let usable: Vec<usize> = behaviours.iter().map(|behaviour| behaviour.id().parse().unwrap()).collect();
        for why in behaviours.rejected().counts() {
            prop_assert!(why.0.to_string().contains("nothing that must be there"), "{why:?}");
        }
        let by_itself = behaviours.clone();
        let live = Live::new(IntelBuilder::new().behaviours(behaviours).build().0);
        let fields = stormtag::FieldMap::parse("m", "command_line command_line\nimage image\nfile_name file_name").unwrap();
        let mut worker = live.worker();
        worker.set_fields(fields);
        for _ in 0..2 {
            for texts in &events {
                let mut event = serde_json::Map::new();
                for (part, text) in texts {
                    let texts = event.entry(PARTS[*part].name()).or_insert_with(|| json!([]));
                    texts.as_array_mut().unwrap().push(json!(text));
                }
                let texts: Vec<(Part, String)> =
                    texts.iter().map(|(part, text)| (PARTS[*part], text.clone())).collect();
                let borrowed: Vec<(Part, &str)> = texts.iter().map(|(part, text)| (*part, text.as_str())).collect();
                let slow: Vec<String> =
                    usable.iter().filter(|&&id| rules[id].holds(&texts)).map(ToString::to_string).collect();
                let each: Vec<&str> =
                    by_itself.iter().filter(|one| one.matches(&borrowed)).map(|one| one.id()).collect();
                prop_assert_eq!(&each, &slow);
                let mut found = shown(&mut worker, &Value::Object(event));
                found.sort_by_key(|id| id.parse::<usize>().unwrap());
                prop_assert_eq!(found, slow);
            }
        }
    }
}
