//! One comparison with one value: as a pattern that says the same, or not at all.

use super::grammar::{Literal, Operator};
use super::property::Values;
use crate::feed::value::{self, Said};
use crate::feed::{Reason, Unmatchable};
use crate::observable::{Kind, Shape};
use crate::pattern::{self, Pattern};

/// What nothing here says.
const INEXACT: Reason = Reason::Pattern(Unmatchable::Inexact);

/// The pattern that matches the values for which the comparison holds.
pub(super) fn pattern(values: Values, operator: Operator, literal: &Literal<'_>) -> Result<Pattern, Reason> {
    let text = match (literal, values) {
        (Literal::Text(text), _) => text,
        (Literal::Number(number), Values::Of(Kind::Asn)) => *number,
        (Literal::Hex(digits), Values::Of(kind)) if kind.shape() == Shape::Digest => digits,
        (_, Values::Foreign) => return Err(Reason::ForeignKind),
        _ => return Err(INEXACT),
    };
    let kind = match values {
        Values::Foreign => return Err(Reason::ForeignKind),
        Values::Of(kind) => kind,
        Values::Host if operator == Operator::Subset || pattern::is_network(text) => Kind::Ip,
        Values::Host => Kind::Domain,
    };
    match operator {
        Operator::Equal => equal(kind, text),
        Operator::Like => like(kind, text),
        Operator::Matches => matches(kind, text),
        Operator::Subset if kind == Kind::Ip => Pattern::parse(kind, text).map_err(Reason::Value),
        Operator::Subset => Err(INEXACT),
        Operator::Order => Err(Reason::Pattern(Unmatchable::Ordering)),
        Operator::Superset => Err(Reason::Pattern(Unmatchable::Superset)),
        Operator::Exists => Err(Reason::Pattern(Unmatchable::Existence)),
    }
}

/// `=`: the value alone. Of a name its subdomains are not meant: who means them has `LIKE '%.evil.example'`.
fn equal(kind: Kind, text: &str) -> Result<Pattern, Reason> {
    match kind {
        // A star is a star here, and a prefix to `Pattern`.
        Kind::Url if text.trim_end().ends_with('*') => Err(INEXACT),
        Kind::Domain if text.trim_start().starts_with("*.") => below(text),
        // Not refanged: brackets are usual in names of files and accounts.
        _ if matches!(kind.shape(), Shape::Word | Shape::Text) => Pattern::parse(kind, text).map_err(Reason::Value),
        _ => value::pattern(text, Said::Kind(kind)).map(Pattern::alone),
    }
}

/// The name and all below it: what `*.evil.example` means in every feed.
fn below(text: &str) -> Result<Pattern, Reason> {
    value::pattern(text, Said::Kind(Kind::Domain))
}

/// `LIKE`: `%` stands for any text, `_` for any character.
fn like(kind: Kind, text: &str) -> Result<Pattern, Reason> {
    if !text.contains(['%', '_']) {
        return equal(kind, text);
    }
    let literal = |text: &str| !text.is_empty() && !text.contains(['%', '_', '*']);
    match kind {
        Kind::Domain => {
            let name = text.strip_prefix("%.").filter(|name| literal(name)).ok_or(INEXACT)?;
            below(name)
        }
        Kind::Url => {
            let start = text.strip_suffix('%').filter(|start| literal(start)).ok_or(INEXACT)?;
            prefix(start)
        }
        Kind::Ip => {
            let octets = text.strip_suffix(".%").filter(|octets| literal(octets)).ok_or(INEXACT)?;
            let count = octets.split('.').count();
            if count > 3 || octets.contains(':') {
                return Err(INEXACT);
            }
            Pattern::parse(kind, &format!("{octets}{}/{}", ".0".repeat(4 - count), 8 * count)).map_err(Reason::Value)
        }
        _ => Err(INEXACT),
    }
}

/// URLs that begin so, if a pattern can say it: up to a slash of the path.
fn prefix(start: &str) -> Result<Pattern, Reason> {
    let path = start.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    if path.is_none() || !start.ends_with('/') || start.contains(['?', '#', '*']) {
        return Err(INEXACT);
    }
    Pattern::parse(Kind::Url, &format!("{start}*")).map_err(Reason::Value)
}

/// `MATCHES`: those few expressions that say no more than `=` or `LIKE` could.
fn matches(kind: Kind, expression: &str) -> Result<Pattern, Reason> {
    const BELOW: [&str; 5] = [r"^(.*\.)?", r"^(.+\.)?", r"^(?:.*\.)?", r"^(?:.+\.)?", r"(^|\.)"];
    const OPEN: [&str; 3] = [".*$", ".*", ""];
    let whole = expression.strip_suffix('$');
    if let Some(text) = whole.and_then(|text| text.strip_prefix('^')).and_then(literally) {
        return equal(kind, &text);
    }
    match kind {
        Kind::Domain => {
            let name = BELOW.iter().find_map(|start| whole?.strip_prefix(start)).and_then(literally).ok_or(INEXACT)?;
            below(&name)
        }
        Kind::Url => {
            let rest = expression.strip_prefix('^').ok_or(INEXACT)?;
            let start = OPEN.iter().find_map(|end| rest.strip_suffix(end)).and_then(literally).ok_or(INEXACT)?;
            prefix(&start)
        }
        _ => Err(INEXACT),
    }
}

/// The text that an expression without anything special stands for.
fn literally(expression: &str) -> Option<String> {
    let mut text = String::with_capacity(expression.len());
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(char::is_ascii_punctuation)?),
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => return None,
            c => text.push(c),
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal::NotObservable;

    #[test]
    fn what_is_said_exactly_and_what_is_not() {
        use Operator::{Equal, Like, Matches, Subset};
        let inexact = Err(INEXACT);
        let cases = [
            (Kind::Domain, Equal, "Evil.Example", Ok("=evil.example")),
            (Kind::Domain, Equal, "*.evil.example", Ok("evil.example")),
            (Kind::Domain, Equal, "203.0.113.9", Ok("203.0.113.9")),
            (Kind::Domain, Like, "evil.example", Ok("=evil.example")),
            (Kind::Domain, Like, "%.evil.example", Ok("evil.example")),
            (Kind::Domain, Like, "%evil.example", inexact),
            (Kind::Domain, Like, "evil.%", inexact),
            (Kind::Domain, Like, "evil_.example", inexact),
            (Kind::Domain, Like, "%.e%.example", inexact),
            (Kind::Domain, Matches, r"^evil\.example$", Ok("=evil.example")),
            (Kind::Domain, Matches, r"^(.+\.)?evil\.example$", Ok("evil.example")),
            (Kind::Domain, Matches, r"(^|\.)evil\.example$", Ok("evil.example")),
            (Kind::Domain, Matches, r"evil\.example$", inexact),
            (Kind::Domain, Matches, "^evil.example$", inexact),
            (Kind::Url, Equal, "http://evil.example/a", Ok("http://evil.example/a")),
            (Kind::Url, Equal, "http://evil.example/*", inexact),
            (Kind::Url, Like, "http://evil.example/%", Ok("http://evil.example/*")),
            (Kind::Url, Like, "http://evil.example/a/%", Ok("http://evil.example/a/*")),
            (Kind::Url, Like, "http://evil.example%", inexact),
            (Kind::Url, Like, "http://evil.example/a%", inexact),
            (Kind::Url, Like, "http://evil.example/?a/%", inexact),
            (Kind::Url, Like, "%/gate.php", inexact),
            (Kind::Url, Matches, r"^https://evil\.example/a/", Ok("https://evil.example/a/*")),
            (Kind::Url, Matches, r"^https://evil\.example/a/.*$", Ok("https://evil.example/a/*")),
            (Kind::Url, Matches, r"^https?://evil\.example/", inexact),
            (Kind::Ip, Equal, "203.0.113.0/24", Ok("203.0.113.0/24")),
            (Kind::Ip, Like, "203.0.113.%", Ok("203.0.113.0/24")),
            (Kind::Ip, Like, "203.%", Ok("203.0.0.0/8")),
            (Kind::Ip, Like, "203.0.11%", inexact),
            (Kind::Ip, Like, "203.0.113.9.%", inexact),
            (Kind::Ip, Subset, "2001:db8:0:0:0:0:0:0/64", Ok("2001:db8::/64")),
            (Kind::Domain, Subset, "203.0.113.0/24", inexact),
            (Kind::FileName, Equal, "a[.]exe", Ok("a[.]exe")),
            (Kind::FileName, Like, "%.exe", inexact),
            (Kind::FileName, Matches, r"^Final Report.+\.exe$", inexact),
            (Kind::Md5, Equal, "abc", Err(Reason::Value(NotObservable::NotADigest))),
            (Kind::CommandLine, Equal, "WhoAmI /all", Ok("whoami /all")),
            (Kind::CommandLine, Like, "whoami%", inexact),
            (Kind::FilePath, Matches, r"^/tmp/\.temp\.data$", Ok("/tmp/.temp.data")),
        ];
        for (kind, operator, text, expected) in cases {
            let found = pattern(Values::Of(kind), operator, &Literal::Text(text.into())).map(|found| found.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{kind} {operator:?} {text}");
        }
    }
}
