//! Values: normal form is a fixed point, and the pattern of a value matches the value.

use stormtag::{Kind, Observable, Pattern, Shape};

/// The first byte says the kind, the rest is the text.
pub fn value(data: &[u8]) {
    let Some((&first, text)) = data.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let kind = Kind::ALL[usize::from(first) % Kind::ALL.len()];
    assert_eq!(kind.name().parse(), Ok(kind));
    let observable = Observable::parse(kind, text);
    if let Ok(observable) = &observable {
        let normal = observable.to_string();
        let again = Observable::parse(kind, &normal);
        assert_eq!(again.as_ref().ok(), Some(observable), "{kind}: {text:?} is {normal:?}");
        assert_eq!(again.unwrap().to_string(), normal, "{kind}: {text:?}");
        if let Some(within) = observable.within() {
            let normal = within.to_string();
            assert_eq!(Observable::parse(within.kind(), &normal), Ok(within), "{kind}: {text:?}");
        }
        if kind.shape() != Shape::Text {
            // What is a value is a pattern, but for what has a meaning of its own there.
            let meant = ['*', '=', '/', '-', ':', '.'].iter().any(|&mark| normal.contains(mark));
            assert!(meant || Pattern::parse(kind, &normal).is_ok(), "{kind}: {normal:?}");
        }
    }
    if let Ok(pattern) = Pattern::parse(kind, text) {
        let normal = pattern.to_string();
        assert_eq!(Pattern::parse(kind, &normal).as_ref(), Ok(&pattern), "{kind}: {text:?} is {normal:?}");
    }
    if let Ok(host) = Observable::parse_host(text) {
        assert_eq!(Observable::parse(host.kind(), &host.to_string()).as_ref(), Ok(&host), "{text:?}");
    }
    if let Some(kind) = Kind::guess(text) {
        let shown = text.trim();
        assert!(
            Pattern::parse(kind, shown).is_ok() || Observable::parse(kind, shown).is_ok(),
            "{shown:?} looks like {kind}, and is none"
        );
    }
}
