//! OpenIOC 1.0 and 1.1, <https://github.com/fireeye/OpenIOC_1.1/blob/master/schemas/ioc.xsd>.

use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::error::Error;
use crate::feed::gathering::{Gathering, Making, Records};
use crate::feed::value::{self, Said};
use crate::feed::{Defaults, Feed, Reason, whole};
use crate::observable::Kind;
use crate::pattern::Pattern;
use crate::time;

/// How deep elements may be nested.
const DEEPEST: usize = 64;
/// How much text of one element is kept, in bytes.
const LONGEST: usize = 32 * 1024;

/// Reads the items of a definition (1.0) or of criteria (1.1).
///
/// An item is an indicator if it matches by itself: if all groups around it are `OR`, or hold nothing else. What stands beside
/// others under `AND` is rejected with [`Reason::Conditional`], what is negated with [`Reason::Negated`]. `is` compares the whole
/// value. `contains` becomes the narrower match that is sure to be meant: a name with its subdomains, an address, a hash, a URL; in
/// other values, and for `matches`, `starts-with` and `ends-with`, it is rejected with [`Reason::Searched`]. Of a document's terms,
/// those for addresses, names, URLs, hashes, mail, file names and users have kinds, others are foreign.
///
/// `short_description` is the description, links are actors (`threatgroup`), malware (`family`), the reference (`report`) and tags.
/// Memory is two and a half times the size of the file, as measured. Entities of the document's own are not expanded.
pub(super) fn read(reader: impl BufRead, path: &Path, defaults: &Defaults) -> Result<Feed, Error> {
    let text = whole::read(reader, path)?;
    let mut gathering = Gathering::new(path, defaults);
    let mut document = Document::default();
    let failed = document.read(&text);
    if !document.is_openioc {
        let message = failed.map_or("the root is neither ioc nor OpenIOC".to_owned(), |(_, message)| message);
        return Err(Error::format(path, format!("no OpenIOC document: {message}")));
    }
    let made = Records::new(&gathering, defaults).of("", |making| document.fill(making));
    for bad in &made.bad {
        gathering.ignore(1, bad);
    }
    for item in &document.items {
        gathering.settle(item.line, &item.content, item.pattern(), &made.record);
    }
    let mut broken = 0;
    if let Some((line, message)) = failed {
        if document.items.is_empty() {
            return Err(Error::line(path, line, message));
        }
        gathering.reject(line, &message, Reason::BrokenOff);
        broken = 1;
    }
    let mut feed = gathering.finish(document.items.len() as u64 + broken, None)?;
    // Several items can stand in one line.
    feed.used = feed.indicators.len() as u64;
    Ok(feed)
}

#[derive(Default)]
struct Document {
    is_openioc: bool,
    items: Vec<Item>,
    /// Groups that are open.
    groups: Vec<Group>,
    description: String,
    dated: String,
    links: Vec<Link>,
}

#[derive(Default)]
struct Item {
    line: u64,
    search: String,
    condition: String,
    content: String,
    negated: bool,
    conditional: bool,
}

struct Group {
    first: usize,
    children: usize,
    /// `AND`, or something unheard of.
    together: bool,
    negated: bool,
}

#[derive(Default)]
struct Link {
    rel: String,
    href: String,
    text: String,
}

impl Document {
    /// Reads it all, or as far as it can be read; then where and why it breaks off.
    fn read(&mut self, text: &str) -> Option<(u64, String)> {
        let mut reader = Reader::from_str(text);
        let (mut line, mut counted) = (1, 0);
        let mut path: Vec<String> = Vec::new();
        let failed = loop {
            let event = reader.read_event();
            let at = usize::try_from(reader.buffer_position()).unwrap_or(counted);
            let new = text.as_bytes().get(counted..at).unwrap_or_default();
            let before = line;
            line += memchr::memchr_iter(b'\n', new).count() as u64;
            counted = at.max(counted);
            match event {
                Err(error) => break Some(error.to_string()),
                Ok(Event::Eof) if path.is_empty() => break None,
                Ok(Event::Eof) => break Some("ends within an element".to_owned()),
                Ok(Event::Start(start)) => {
                    let name = start.local_name().as_ref().to_owned();
                    if let Err(message) = self.open(&name, &start, &path, before) {
                        break Some(message);
                    }
                    path.push(name);
                    if path.len() > DEEPEST {
                        break Some(format!("elements nested deeper than {DEEPEST}"));
                    }
                }
                Ok(Event::Empty(start)) => {
                    let name = start.local_name().as_ref().to_owned();
                    if let Err(message) = self.open(&name, &start, &path, before) {
                        break Some(message);
                    }
                    self.close(&name);
                }
                Ok(Event::End(_)) => {
                    if let Some(name) = path.pop() {
                        self.close(&name);
                    }
                }
                Ok(Event::Text(text)) => {
                    if let Some(into) = self.text_of(&path) {
                        append(into, &text);
                    }
                }
                Ok(Event::CData(text)) => {
                    if let Some(into) = self.text_of(&path) {
                        append(into, &text);
                    }
                }
                Ok(Event::GeneralRef(reference)) => match self.text_of(&path) {
                    None => {}
                    Some(into) => match character(&reference) {
                        Some(c) => append(into, c.encode_utf8(&mut [0; 4])),
                        // What it stands for is not known: the value is not whole, and must match nothing.
                        None => append(into, "\u{fffd}"),
                    },
                },
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            }
        };
        // What is left open may have been meant to go on.
        while let Some(group) = self.groups.pop() {
            self.settle(&group, group.together);
        }
        failed.map(|message| (line, message))
    }

    fn open(&mut self, name: &str, start: &BytesStart<'_>, path: &[String], line: u64) -> Result<(), String> {
        let attribute = |name: &str| -> String {
            let found = start.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name);
            let text = found.map(|found| found.value).unwrap_or_default();
            quick_xml::escape::unescape(&text).map_or_else(|_| text.to_string(), Cow::into_owned).trim().to_owned()
        };
        if path.is_empty() {
            if !matches!(name, "ioc" | "OpenIOC") {
                return Err(format!("the root is {name}, neither ioc nor OpenIOC"));
            }
            self.is_openioc = true;
            self.dated = attribute("last-modified");
        }
        let is_yes = |text: String| matches!(text.as_str(), "true" | "1");
        match name {
            "Indicator" | "IndicatorItem" => {
                if let Some(group) = self.groups.last_mut() {
                    group.children += 1;
                }
                if name == "Indicator" {
                    let together = !attribute("operator").eq_ignore_ascii_case("or");
                    let negated = is_yes(attribute("negate"));
                    self.groups.push(Group { first: self.items.len(), children: 0, together, negated });
                } else {
                    let condition = attribute("condition").to_ascii_lowercase();
                    let negated = is_yes(attribute("negate"));
                    self.items.push(Item { line, condition, negated, ..Item::default() });
                }
            }
            "Context" if path.last().is_some_and(|parent| parent == "IndicatorItem") => {
                if let Some(item) = self.items.last_mut() {
                    item.search = attribute("search");
                }
            }
            "link" => self.links.push(Link { rel: attribute("rel"), href: attribute("href"), text: String::new() }),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) {
        if name == "Indicator"
            && let Some(group) = self.groups.pop()
        {
            self.settle(&group, group.together && group.children > 1);
        }
    }

    /// A group is over, or the file: what that means for its items.
    fn settle(&mut self, group: &Group, conditional: bool) {
        for item in self.items.get_mut(group.first..).unwrap_or_default() {
            item.conditional |= conditional;
            item.negated |= group.negated;
        }
    }

    /// Where the text of the innermost element goes.
    fn text_of(&mut self, path: &[String]) -> Option<&mut String> {
        let (name, parents) = path.split_last()?;
        match name.as_str() {
            "Content" => self.items.last_mut().map(|item| &mut item.content),
            "link" => self.links.last_mut().map(|link| &mut link.text),
            "short_description" if parents.len() <= 2 => Some(&mut self.description),
            _ => None,
        }
    }

    fn fill(&self, making: &mut Making) {
        let Making { record, bad, dated } = making;
        let description = self.description.trim();
        if !description.is_empty() {
            record.description = Some(description.into());
        }
        if !self.dated.is_empty() {
            *dated = time::seconds(&self.dated);
            if dated.is_none() {
                bad.push(self.dated.as_str().into());
            }
        }
        const MOST: usize = 256;
        for Link { rel, href, text } in self.links.iter().take(MOST) {
            let text = text.trim();
            let list = match rel.as_str() {
                "threatgroup" => &mut record.actors,
                "family" => &mut record.malware,
                "report" | "url" | "reference" => {
                    let link = if href.is_empty() { text } else { href };
                    if !link.is_empty() && record.reference.is_none() {
                        record.reference = Some(link.into());
                    }
                    continue;
                }
                "license" => continue,
                _ => &mut record.tags,
            };
            if !text.is_empty() {
                list.push(text.into());
            }
        }
        if self.links.len() > MOST {
            bad.push(format!("{} links more than the {MOST} that are read", self.links.len() - MOST).into());
        }
    }
}

impl Item {
    fn pattern(&self) -> Result<Pattern, Reason> {
        let kind = kind(&self.search, &self.content).ok_or(Reason::ForeignKind);
        if self.negated || self.condition.contains("not") {
            return Err(Reason::Negated);
        }
        if self.conditional {
            return Err(Reason::Conditional);
        }
        let kind = kind?;
        let pattern = value::pattern(&self.content, Said::Kind(kind))?;
        match self.condition.as_str() {
            "is" if kind == Kind::Domain => Ok(pattern.alone()),
            "is" => Ok(pattern),
            // A part of it could be meant, but these are whole.
            "contains" if matches!(kind, Kind::Ip | Kind::Domain | Kind::Url) || kind.digest_bytes() > 0 => Ok(pattern),
            "contains" | "matches" | "starts-with" | "ends-with" => Err(Reason::Searched),
            _ => Err(Reason::ForeignKind),
        }
    }
}

/// What a term of `search` is here.
fn kind(search: &str, content: &str) -> Option<Kind> {
    let term = search.rsplit('/').next().unwrap_or(search);
    Some(match term {
        "Md5sum" | "md5sum" => Kind::Md5,
        "Sha1sum" | "sha1sum" => Kind::Sha1,
        "Sha256sum" | "sha256sum" => Kind::Sha256,
        "remoteIP" | "localIP" | "RemoteIP" | "IPv4Address" | "IPv6Address" => Kind::Ip,
        "DNS" | "RecordName" | "RemoteHost" | "Hostname" => Kind::Domain,
        "Host" if search.starts_with("DnsEntryItem/") => Kind::Domain,
        // A host stands there alone as often as a URL does.
        "URI" | "URL" if content.contains('/') => Kind::Url,
        "URI" | "URL" => Kind::Domain,
        "UserAgent" | "userAgent" => Kind::UserAgent,
        "FileName" => Kind::FileName,
        "FilePath" | "FullPath" => Kind::FilePath,
        "From" if search.starts_with("Email/") => Kind::Email,
        "Path" | "KeyPath" if search.starts_with("RegistryItem/") => Kind::RegistryKey,
        "arguments" if search.starts_with("ProcessItem/") => Kind::CommandLine,
        _ => return None,
    })
}

fn append(into: &mut String, text: &str) {
    let room = LONGEST.saturating_sub(into.len()).min(text.len());
    let end = (0..=room).rfind(|&at| text.is_char_boundary(at)).unwrap_or_default();
    into.push_str(text.get(..end).unwrap_or_default());
}

/// The character of a reference to one, or of one of the five entities that all XML has.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Some(c);
    }
    Some(match &**reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal::NotObservable;
    use crate::record::Record;

    fn item(search: &str, condition: &str, content: &str) -> String {
        format!(
            "<IndicatorItem {condition}><Context search=\"{search}\"/><Content type=\"string\">{content}</Content></IndicatorItem>"
        )
    }

    fn feed(inner: &str) -> Feed {
        let text = format!(
            "<?xml version=\"1.0\"?><ioc xmlns=\"http://schemas.mandiant.com/2010/ioc\" last-modified=\"2014-10-19T15:42:21Z\">\
             <short_description>A &amp; B</short_description><links><link rel=\"threatgroup\">APT28</link>\
             <link rel=\"family\">X</link><link rel=\"report\" href=\"https://r.example/\"/></links><definition>{inner}"
        ) + "</definition></ioc>";
        read(text.as_bytes(), Path::new("a.ioc"), &Record::new("test").into()).unwrap()
    }

    fn found(feed: &Feed) -> Vec<String> {
        feed.indicators.iter().map(|found| found.pattern.to_string()).collect()
    }

    #[test]
    fn what_stands_together_is_never_matched_alone() {
        let a = item("Network/DNS", "condition=\"contains\"", "a.example");
        let b = item("DnsEntryItem/Host", "condition=\"is\"", "b.example");
        let hash = item("FileItem/Md5sum", "condition=\"is\"", "d41d8cd98f00b204e9800998ecf8427e");
        let feed = feed(&format!(
            "<Indicator operator=\"OR\">{a}<Indicator operator=\"AND\">{b}</Indicator>\
             <Indicator operator=\"AND\">{hash}<Indicator operator=\"OR\">{a}{b}</Indicator></Indicator></Indicator>"
        ));
        assert_eq!(found(&feed), ["a.example", "=b.example"]);
        assert_eq!(feed.rejected.counts().collect::<Vec<_>>(), [(Reason::Conditional, 3)]);
        let record = &feed.indicators[0].record;
        assert_eq!(record.description.as_deref(), Some("A & B"));
        assert_eq!((&*record.actors[0], &*record.malware[0]), ("APT28", "X"));
        assert_eq!(record.reference.as_deref(), Some("https://r.example/"));
    }

    #[test]
    fn conditions_and_terms() {
        let cases = [
            ("PortItem/remoteIP", "condition=\"is\"", "203.0.113.9", Ok("203.0.113.9")),
            ("Network/URI", "condition=\"contains\"", "a.example", Ok("a.example")),
            ("Network/URI", "condition=\"contains\"", "a.example/x?a=1&amp;b=2", Ok("a.example/x?a=1&b=2")),
            ("Network/URI", "condition=\"contains\"", "/gate.php", Err(Reason::Value(NotObservable::PathWithoutHost))),
            ("FileItem/FileName", "condition=\"is\"", "a.exe", Ok("a.exe")),
            ("FileItem/FileName", "condition=\"contains\"", "a.exe", Err(Reason::Searched)),
            ("Network/DNS", "condition=\"matches\"", "a.example", Err(Reason::Searched)),
            ("Network/DNS", "condition=\"isnot\"", "a.example", Err(Reason::Negated)),
            ("Network/DNS", "condition=\"is\" negate=\"true\"", "a.example", Err(Reason::Negated)),
            ("Network/DNS", "condition=\"is\"", "a&evil;.example", Err(Reason::Value(NotObservable::NotAName))),
            ("FileItem/FullPath", "condition=\"is\"", "C:\\A", Ok("c:\\a")),
            ("FileItem/SizeInBytes", "condition=\"is\"", "1", Err(Reason::ForeignKind)),
        ];
        for (search, condition, content, expected) in cases {
            let feed = feed(&format!("<Indicator operator=\"OR\">{}</Indicator>", item(search, condition, content)));
            match expected {
                Ok(expected) => assert_eq!(found(&feed), [expected], "{:?}", feed.rejected.first()),
                Err(reason) => assert_eq!(feed.rejected.counts().collect::<Vec<_>>(), [(reason, 1)], "{content}"),
            }
        }
    }

    #[test]
    fn entities_depth_and_broken_ends() {
        let open = |text: &str| read(text.as_bytes(), Path::new("a.ioc"), &Record::new("test").into());
        // A billion laughs: nothing is expanded.
        let laughs = "<!DOCTYPE ioc [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><ioc><definition><Indicator operator=\"OR\">\
            <IndicatorItem condition=\"is\"><Context search=\"FileItem/FileName\"/><Content>&b;</Content></IndicatorItem>\
            </Indicator></definition></ioc>";
        let feed = open(laughs).unwrap();
        assert!(found(&feed).iter().all(|name| !name.contains('h')), "{:?}", found(&feed));
        let deep = format!("<ioc>{}", "<Indicator operator=\"OR\">".repeat(100_000));
        assert!(open(&deep).unwrap_err().to_string().contains("deeper than 64"));
        let a = item("Network/DNS", "condition=\"is\"", "a.example");
        let broken = format!("<ioc><definition><Indicator operator=\"OR\">{a}<Indicator operator=\"AND\">{a}");
        let feed = open(&broken).unwrap();
        assert_eq!(found(&feed), ["=a.example"]);
        assert_eq!(feed.rejected.counts().collect::<Vec<_>>(), [(Reason::BrokenOff, 1), (Reason::Conditional, 1)]);
        let error = open("<html><body/></html>").unwrap_err().to_string();
        assert!(error.contains("the root is html"), "{error}");
    }
}
