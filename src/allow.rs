//! Allow-lists: what is known to be innocent or shared, so that a feed which names it does not raise an alarm.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use crate::error::Error;
use crate::expression::{Compiled, Flags};
use crate::feed::open::{decode, open, peek};
use crate::feed::value::{self, Said};
use crate::feed::{Lines, Reason, Rejections, content, first_column, stem, whole};
use crate::observable::Kind;
use crate::pattern::Pattern;

/// Values that are not to raise an alarm, or only with a remark.
///
/// Plain data. Patterns are compared like those of indicators. Substrings and expressions cannot be looked up at the speed of
/// events; they are tried against the *indicators* when the intel is built.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    /// Name, shown with what the list suppressed.
    pub name: String,
    /// Why its entries are on it.
    pub reason: String,
    /// What it does to a match. Defaults to [`Mode::Suppress`].
    pub mode: Mode,
    /// Addresses, networks, names, URLs, hashes and words.
    pub patterns: Vec<Pattern>,
    /// Texts that an indicator may hold.
    pub substrings: Vec<Substring>,
    /// Expressions that an indicator may match.
    pub expressions: Vec<Expression>,
    /// Entries that could not be used.
    pub rejected: Rejections,
}

/// What an allow-list does to a match.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// The match does not count; it stays visible as suppressed.
    #[default]
    Suppress,
    /// The match counts; the list is named with it.
    Inform,
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text.trim().to_ascii_lowercase().as_str() {
            "suppress" => Ok(Self::Suppress),
            "inform" => Ok(Self::Inform),
            _ => Err(UnknownMode),
        }
    }
}

/// A word that is no [`Mode`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown mode; the modes are suppress and inform")]
pub struct UnknownMode;

/// A text that allows the indicators of some kinds that hold it, whatever the case of ASCII letters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Substring {
    text: Box<str>,
    kinds: Arc<[Kind]>,
}

impl Substring {
    /// The text, its ASCII letters in lower case.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The kinds of indicator that it is tried on.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}

/// An expression that allows the indicators of some kinds that it matches anywhere; the syntax is that of the crate `regex`.
#[derive(Clone)]
pub struct Expression {
    compiled: Compiled,
    kinds: Arc<[Kind]>,
}

impl Expression {
    /// Compiles `text`, which may be written `/…/` or `/…/i` as in MISP. A compiled expression is held to 1 MiB.
    fn compile(text: &str, kinds: &Arc<[Kind]>) -> Option<Self> {
        let (text, flags) = match text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
            Some((inner, flags)) if flags.bytes().all(|b| b"imsxuU".contains(&b)) => (inner, flags),
            _ => (text, ""),
        };
        // PHP, in which MISP runs these, has `\/` for a slash within its slashes.
        let flags = Flags {
            any_case: flags.contains('i'),
            many_lines: flags.contains('m'),
            dot_is_any: flags.contains('s'),
            with_space: flags.contains('x'),
        };
        let compiled = Compiled::new(&text.replace("\\/", "/"), flags)?;
        Some(Self { compiled, kinds: Arc::clone(kinds) })
    }

    /// Whether it matches somewhere in `text`. Linear in the length of the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// The expression, without slashes and flags.
    #[must_use]
    pub fn text(&self) -> &str {
        self.compiled.text()
    }

    /// The kinds of indicator that it is tried on.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?}, {:?})", self.text(), self.kinds)
    }
}

impl AllowList {
    /// Reads a file, which may be compressed: a MISP warninglist, or text with one value a line.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is JSON that is no warninglist.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::of(open(path)?, path)
    }

    /// As [`open`](Self::open), from any reader; the name stands for that of the file.
    ///
    /// Text has one value a line, told by its looks and written like a [`Pattern`]: `example.net` covers its subdomains,
    /// `=example.net` does not. `# name:`, `# reason:` and `# mode: inform` say what the list is; other comments begin with `#`,
    /// `//` or `;`.
    ///
    /// Of a [MISP warninglist](https://github.com/MISP/misp-warninglists) the type decides: `cidr` gives networks, `hostname` names
    /// with their subdomains, `string` names alone, hashes, addresses and URLs as far as `matching_attributes` has them (entries
    /// that begin with a dot cover subdomains), `substring` and `regex` what they say. Its mode is that of its category: `known`
    /// informs, `false_positive` suppresses. Most lists have none; then those of VPNs, Tor, sinkholes, scanners, disposable mail,
    /// dynamic DNS and URL shorteners inform, for what is on them is known but not innocent, and all others suppress. Set
    /// [`AllowList::mode`] to have it otherwise.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// ```
    /// use stormtag::{AllowList, Mode};
    ///
    /// let text = "# reason: our own\n# mode: inform\nexample.net\n192.0.2.0/24\n???\n";
    /// let list = AllowList::read(text.as_bytes(), "own.txt")?;
    /// assert_eq!((list.patterns.len(), list.rejected.total()), (2, 1));
    /// assert_eq!((list.name.as_str(), list.reason.as_str(), list.mode), ("own", "our own", Mode::Inform));
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    pub fn read(reader: impl Read, name: &str) -> Result<Self, Error> {
        let path = Path::new(name);
        Self::of(decode(reader, path)?, path)
    }

    /// How many entries it has, used and rejected.
    #[must_use]
    pub fn entries(&self) -> u64 {
        (self.patterns.len() + self.substrings.len() + self.expressions.len()) as u64 + self.rejected.total()
    }

    fn of(reader: impl std::io::BufRead, path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::io(path, source);
        let (start, reader) = peek(reader, 1024).map_err(failed)?;
        if start.trim_ascii_start().starts_with(b"{") {
            let list = serde_json::from_str(&whole::read(reader, path)?)
                .map_err(|error| Error::line(path, error.line() as u64, format!("no MISP warninglist: {error}")))?;
            return Ok(Self::of_misp(list, path));
        }
        let mut list = Self { name: stem(path).to_owned(), ..Self::default() };
        let mut lines = Lines::new(reader);
        while let Some(line) = lines.next().map_err(failed)? {
            match line.text {
                Ok(text) => list.add_line(line.number, text),
                Err((text, reason)) => list.rejected.add(line.number, &text, reason),
            }
        }
        Ok(list)
    }

    fn add_line(&mut self, number: u64, text: &str) {
        if let Some((word, said)) = text.trim().strip_prefix('#').and_then(|comment| comment.split_once(':')) {
            match word.trim() {
                "name" => said.trim().clone_into(&mut self.name),
                "reason" => said.trim().clone_into(&mut self.reason),
                "mode" => match said.parse() {
                    Ok(mode) => self.mode = mode,
                    Err(UnknownMode) => self.rejected.add(number, text, Reason::BadCell),
                },
                _ => {}
            }
        } else if let Some(text) = content(text) {
            let text = first_column(text, None);
            self.add(number, text, value::pattern(text, Said::Nothing));
        }
    }

    fn add(&mut self, number: u64, text: &str, pattern: Result<Pattern, Reason>) {
        match pattern {
            Ok(pattern) => self.patterns.push(pattern),
            Err(reason) => self.rejected.add(number, text, reason),
        }
    }

    fn of_misp(misp: Warninglist, path: &Path) -> Self {
        let Warninglist { name, description, kind, entries, matching_attributes, category } = misp;
        let mut list = Self {
            name: if name.is_empty() { stem(path).to_owned() } else { name },
            reason: description,
            ..Self::default()
        };
        list.mode = mode(&category, &list.name);
        let kinds: Arc<[Kind]> = kinds(&matching_attributes).into();
        for (number, entry) in (1..).zip(&entries.0) {
            let Some(entry) = entry.as_deref().map(str::trim).filter(|entry| !entry.is_empty()) else {
                list.rejected.add(number, "", Reason::NoValue);
                continue;
            };
            match kind {
                Type::Cidr => list.add(number, entry, Pattern::parse(Kind::Ip, entry).map_err(Reason::Value)),
                Type::Hostname => list.add(number, entry, hostname(entry, &kinds)),
                Type::String => list.add(number, entry, string(entry, &kinds)),
                Type::Substring => {
                    let text = entry.to_ascii_lowercase().into();
                    list.substrings.push(Substring { text, kinds: Arc::clone(&kinds) });
                }
                Type::Regex => match Expression::compile(entry, &kinds) {
                    Some(expression) => list.expressions.push(expression),
                    None => list.rejected.add(number, entry, Reason::BadExpression),
                },
            }
        }
        list
    }
}

/// What a warninglist does: what its category says, or else its name.
fn mode(category: &str, name: &str) -> Mode {
    /// Words in the names of lists of what is known and yet not innocent: whoever scans or hides behind it, or a name that was taken
    /// from an attacker, as sinkholes are, and tells that somebody is infected.
    const NOT_INNOCENT: &[&str] =
        &["vpn", "tor ", "sinkhole", "scanning", "disposable", "dynamic dns", "url shortener"];
    match category.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "known" | "known_identifier" | "known_identity" => Mode::Inform,
        "" if NOT_INNOCENT.iter().any(|word| name.to_ascii_lowercase().contains(word)) => Mode::Inform,
        _ => Mode::Suppress,
    }
}

/// A name with its subdomains; lists of names hold a URL now and then.
fn hostname(entry: &str, kinds: &[Kind]) -> Result<Pattern, Reason> {
    Pattern::parse(Kind::Domain, entry).or_else(|why| match value::pattern(entry, Said::Nothing) {
        Ok(pattern) if kinds.contains(&pattern.kind()) => Ok(pattern),
        _ => Err(Reason::Value(why)),
    })
}

/// What an entry that is compared whole can be among the kinds of its list.
fn string(entry: &str, kinds: &[Kind]) -> Result<Pattern, Reason> {
    let scoped = |kind: Kind| kinds.is_empty() || kinds.contains(&kind);
    let said = match Kind::guess(entry) {
        Some(kind) if scoped(kind) => kind,
        // Names of one label, file names and other words have no looks.
        _ if kinds.contains(&Kind::Domain) => Kind::Domain,
        _ => match kinds.iter().find(|kind| kind.digest_bytes() == 0 && **kind != Kind::Ip) {
            Some(kind) => *kind,
            None => return Err(Reason::NoKind),
        },
    };
    let pattern = Pattern::parse(said, entry).map_err(Reason::Value)?;
    Ok(if entry.starts_with('.') { pattern } else { pattern.alone() })
}

/// The kinds of MISP's attribute types; of joined ones, as `domain|ip`, the kinds of both sides, but of `filename|md5` the hash:
/// these lists hold hashes, and one of an odd length is no file name.
fn kinds(attributes: &[String]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = attributes
        .iter()
        .flat_map(|attribute| attribute.strip_prefix("filename|").unwrap_or(attribute).split('|'))
        .filter_map(|word| match word {
            "whois-registrant-email" | "dns-soa-email" | "target-email" => Some(Kind::Email),
            "AS" => Some(Kind::Asn),
            word => word.parse().ok(),
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// <https://github.com/MISP/misp-warninglists/blob/main/schema.json>
#[derive(Deserialize)]
struct Warninglist {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(rename = "type", default)]
    kind: Type,
    #[serde(rename = "list")]
    entries: Entries,
    #[serde(default)]
    matching_attributes: Vec<String>,
    #[serde(default)]
    category: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Cidr,
    Hostname,
    #[default]
    String,
    Substring,
    Regex,
}

/// Texts; what is none counts as an entry without a value.
#[derive(Deserialize)]
#[serde(from = "Vec<serde_json::Value>")]
struct Entries(Vec<Option<String>>);

impl From<Vec<serde_json::Value>> for Entries {
    fn from(values: Vec<serde_json::Value>) -> Self {
        let text = |value| if let serde_json::Value::String(text) = value { Some(text) } else { None };
        Self(values.into_iter().map(text).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misp(kind: &str, attributes: &str, entries: &str) -> AllowList {
        let text = format!(r#"{{"name":"n","type":"{kind}","matching_attributes":[{attributes}],"list":[{entries}]}}"#);
        AllowList::read(text.as_bytes(), "test.json").unwrap()
    }

    #[test]
    fn strings_are_alone_unless_they_begin_with_a_dot() {
        let list = misp(
            "string",
            r#""domain","ip-dst","md5""#,
            r#""A.example",".b.example","LOCAL","d41d8cd98f00b204e9800998ecf8427e","192.0.2.1",7"#,
        );
        let found: Vec<_> = list.patterns.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["=a.example", "b.example", "=local", "d41d8cd98f00b204e9800998ecf8427e", "192.0.2.1"]);
        assert_eq!(list.entries(), 6);
        let hashes = misp("string", r#""md5","ssdeep","filename|md5""#, r#""3::""#);
        assert_eq!(hashes.rejected.counts().collect::<Vec<_>>(), [(Reason::NoKind, 1)]);
    }

    #[test]
    fn substrings_and_expressions_keep_their_scope() {
        let list = misp("substring", r#""domain|ip","email-src""#, r#""0-Mail.com""#);
        assert_eq!(list.substrings[0].text(), "0-mail.com");
        assert_eq!(list.substrings[0].kinds(), [Kind::Ip, Kind::Domain, Kind::Email]);
        let list = misp("regex", r#""domain""#, r#""/\\.(Mil|gov)$/i","^a\\/b","(","/(?!x)/""#);
        assert!(list.expressions[0].is_match("X.MIL") && !list.expressions[0].is_match("x.military"));
        assert_eq!(list.expressions[1].text(), "^a/b");
        assert_eq!(list.rejected.counts().collect::<Vec<_>>(), [(Reason::BadExpression, 2)]);
    }

    #[test]
    fn the_mode_is_that_of_the_category_or_of_what_is_listed() {
        let cases = [
            ("known", "List of known Google domains", Mode::Inform),
            ("false_positive", "List of known VPN addresses", Mode::Suppress),
            ("", "Specialized list of VPN addresses", Mode::Inform),
            ("", "List of known sinkholes", Mode::Inform),
            ("", "List of known Google domains", Mode::Suppress),
        ];
        for (category, name, expected) in cases {
            assert_eq!(mode(category, name), expected, "{category}: {name}");
        }
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for text in ["{\"name\": \"x\"}", "{", "{\"list\": [], \"type\": \"colour\"}"] {
            let error = AllowList::read(text.as_bytes(), "test.json").unwrap_err().to_string();
            assert!(error.contains("test.json:1: no MISP warninglist"), "{error}");
        }
    }
}
