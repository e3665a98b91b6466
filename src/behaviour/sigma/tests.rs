use super::*;
use crate::feed::Reason;

fn rule(detection: &str) -> String {
    format!("title: t\nlogsource: {{category: process_creation}}\ndetection:\n{detection}")
}

fn matches(detection: &str, texts: &[(Part, &str)]) -> bool {
    let all = Behaviours::parse_sigma("t.yml", &rule(detection)).unwrap();
    assert_eq!(all.rejected().total(), 0, "{detection}: {:?}", all.rejected().first());
    all.iter().next().unwrap().matches(texts)
}

#[test]
fn selections_and_conditions() {
    let texts = [
        (Part::Image, r"C:\Windows\System32\CMD.exe"),
        (Part::CommandLine, "cmd.exe -c whoami /all"),
        (Part::ParentImage, r"C:\a.exe"),
    ];
    for (detection, expected) in [
        ("  s: {Image|endswith: '\\cmd.exe'}\n  condition: s", true),
        ("  s: {Image|endswith: ['\\x.exe', '\\cmd.exe']}\n  condition: s", true),
        ("  s: {Image: '*\\cmd.exe'}\n  condition: s", true),
        ("  s: {Image: 'C:\\\\*\\cmd.exe'}\n  condition: s", true),
        ("  s: {Image: 'C:\\*\\cmd.exe'}\n  condition: s", false),
        ("  s: {Image: 'cmd.exe'}\n  condition: s", false),
        ("  s: {Image|contains: 'system32', CommandLine|contains: nothing}\n  condition: s", false),
        ("  s: {CommandLine|contains|all: [whoami, ' /all']}\n  condition: s", true),
        ("  s: {CommandLine|contains|all: [whoami, ' /priv']}\n  condition: s", false),
        ("  s: {CommandLine|contains|windash: ' /c '}\n  condition: s", true),
        ("  s: {CommandLine|contains: ' /c '}\n  condition: s", false),
        ("  s: {CommandLine|re: 'who(am|is)i\\s+/all$'}\n  condition: s", true),
        ("  s: {CommandLine|re: 'WHOAMI'}\n  condition: s", false),
        ("  s: {CommandLine|re|i: 'WHOAMI'}\n  condition: s", true),
        ("  s: {CommandLine|contains|cased: 'WHOAMI'}\n  condition: s", false),
        ("  s:\n    - Image|endswith: '\\x.exe'\n    - CommandLine|contains: whoami\n  condition: s", true),
        ("  a: {Image|contains: cmd}\n  f: {ParentImage|endswith: '\\a.exe'}\n  condition: a and not f", false),
        ("  a: {Image|contains: cmd}\n  f: {ParentImage|endswith: '\\b.exe'}\n  condition: a and not f", true),
        (
            "  a: {Image|contains: cmd}\n  f_1: {ParentImage: x}\n  f_2: {ParentImage: y}\n  condition: a and not 1 of f_*",
            true,
        ),
        ("  s_a: {Image|contains: cmd}\n  s_b: {Image|contains: no}\n  condition: 1 of s_*", true),
        ("  s_a: {Image|contains: cmd}\n  s_b: {Image|contains: no}\n  condition: all of s_*", false),
        ("  s_a: {Image|contains: cmd}\n  _x: {Image|contains: no}\n  condition: all of them", true),
        (
            "  a: {Image: x}\n  b: {Image|contains: cmd}\n  c: {ParentImage|contains: 'a.'}\n  condition: a or b and c",
            true,
        ),
        ("  a: {Image: x}\n  b: {Image|contains: cmd}\n  c: {ParentImage: z}\n  condition: (a or b) and not(c)", true),
        ("  a: {Image: x}\n  b: {Image|contains: cmd}\n  condition: [a, b]", true),
    ] {
        assert_eq!(matches(detection, &texts), expected, "{detection}");
    }
    // A connection of the program is no start of it.
    assert!(!matches("  s: {Image|endswith: '\\cmd.exe'}\n  condition: s", &texts[..1]));
}

#[test]
fn what_is_not_read_is_rejected_with_what_it_is() {
    for (detection, why, what) in [
        ("  s: {IntegrityLevel: High}\n  condition: s", Unusable::Field, "IntegrityLevel"),
        ("  s: {CommandLine|base64offset|contains: x}\n  condition: s", Unusable::Modifier, "base64offset"),
        ("  s: {CommandLine|re|startswith: x}\n  condition: s", Unusable::Modifier, "startswith"),
        ("  s: {CommandLine|re: '(?!x)'}\n  condition: s", Unusable::Expression, "CommandLine"),
        ("  s: {CommandLine: null}\n  condition: s", Unusable::Value, "CommandLine"),
        ("  s: {CommandLine: ''}\n  condition: s", Unusable::EmptyValue, "CommandLine"),
        ("  s: [whoami, x]\n  condition: s", Unusable::Keywords, "s"),
        ("  s: {CommandLine: x}\n  condition: s | count() > 5", Unusable::Correlation, "count"),
        ("  s: {CommandLine: x}\n  timeframe: 5m\n  condition: s", Unusable::Correlation, "timeframe"),
        ("  s: {CommandLine: x}\n  condition: t", Unusable::Condition, "t"),
        ("  s: {CommandLine: x}\n  condition: (s", Unusable::Condition, "(s"),
        ("  s: {CommandLine: x}\n  condition: s s", Unusable::Condition, "s s"),
        ("  s: {CommandLine: x}\n  condition: 2 of s*", Unusable::Condition, "2 of"),
        ("  s: {CommandLine: x}\n  condition: 1 of t*", Unusable::Condition, "t*"),
        ("  s: {CommandLine: x}", Unusable::Condition, "no condition"),
        ("  s: {}\n  condition: s", Unusable::Malformed, "s"),
    ] {
        let all = Behaviours::parse_sigma("t.yml", &rule(detection)).unwrap();
        assert_eq!(all.rejected().counts().collect::<Vec<_>>(), [(Reason::Behaviour(why), 1)], "{detection}");
        assert!(all.rejected().first()[0].text.contains(what), "{:?}", all.rejected().first());
    }
    let deep = format!("  s: {{CommandLine: x}}\n  condition: {}s", "not ".repeat(40));
    let all = Behaviours::parse_sigma("t.yml", &rule(&deep)).unwrap();
    assert_eq!(all.rejected().first()[0].reason, Reason::Behaviour(Unusable::TooDeep));
}

#[test]
fn what_is_said_beside_the_detection() {
    let text = "title: Shadow\nid: 1234\nstatus: test\ndescription: d\nauthor: A. Uthor\nlevel: high\n\
        references: ['https://r.example/1', 'https://r.example/2']\ntags: [attack.credential-access, attack.t1003.003, attack.g1017]\n\
        logsource: {category: process_creation}\ndetection: {s: {CommandLine: x}, condition: s}\n";
    let all = Behaviours::parse_sigma("rules/win.yml", text).unwrap();
    let behaviour = all.iter().next().unwrap();
    let record = behaviour.record();
    assert_eq!((behaviour.id(), behaviour.name(), &*record.source), ("1234", "Shadow", "win"));
    assert_eq!((&*record.techniques[0], &*record.actors[0]), ("T1003.003", "G1017"));
    assert_eq!(
        record.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
        ["attack.credential-access", "author=A. Uthor"]
    );
    assert_eq!((record.severity, record.confidence), (Some(Severity::High), 50));
    assert_eq!(behaviour.references().count(), 2);
    for (old, new, why) in [
        ("status: test", "status: deprecated", Unusable::Withdrawn),
        ("category: process_creation", "product: windows, service: security", Unusable::LogSource),
        ("category: process_creation", "category: dns_query", Unusable::LogSource),
        ("title: Shadow\n", "", Unusable::Malformed),
        ("status: test", "correlation: {type: event_count}", Unusable::Correlation),
    ] {
        let all = Behaviours::parse_sigma("t.yml", &text.replace(old, new)).unwrap();
        assert_eq!(all.rejected().counts().collect::<Vec<_>>(), [(Reason::Behaviour(why), 1)], "{new}");
    }
}

#[test]
fn several_documents_and_broken_ones() {
    let one = rule("  s: {CommandLine: x}\n  condition: s");
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    let text = format!("{one}\n---\n{laughs}\n---\n{}\n---\na: b: c\n", one.replace("title: t", "title: u"));
    let all = Behaviours::parse_sigma("t.yml", &text).unwrap();
    assert_eq!(
        (all.len(), all.rejected().counts().collect::<Vec<_>>()),
        (2, vec![(Reason::Behaviour(Unusable::Malformed), 2)])
    );
    for text in ["", "- a\n", "a: b: c", "just text"] {
        let error = Behaviours::parse_sigma("t.yml", text).unwrap_err().to_string();
        assert!(error.starts_with("t.yml:"), "{error}");
    }
}
