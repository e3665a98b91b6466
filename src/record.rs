//! Records and indicators: plain data, as feeds give it.

use std::sync::Arc;

use serde::Serialize;

use crate::pattern::Pattern;

/// What one source says of an indicator. Plain data: fill in what the source states and leave the rest empty.
///
/// Indicators of one feed usually share a few records, so indicators hold them by `Arc`.
///
/// ```
/// use stormtag::Record;
///
/// let record = Record { confidence: 80, campaigns: vec!["C0035".into()], ..Record::new("my-feed") };
/// assert_eq!(&*record.source, "my-feed");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize)]
pub struct Record {
    /// Who says it: the name of the feed.
    pub source: Arc<str>,
    /// What the source calls the indicator: its id in STIX.
    pub id: Option<Box<str>>,
    /// How sure the source is, 0 to 100. Defaults to 50.
    pub confidence: u8,
    /// How bad it is, if the source says so.
    pub severity: Option<Severity>,
    /// Campaigns by id or name, as the source spells them.
    pub campaigns: Vec<Box<str>>,
    /// Actors by id or name, as the source spells them.
    pub actors: Vec<Box<str>>,
    /// Malware families and tools.
    pub malware: Vec<Box<str>>,
    /// ATT&CK technique ids, such as `T1090.003`.
    pub techniques: Vec<Box<str>>,
    /// Whatever labels the source adds.
    pub tags: Vec<Box<str>>,
    /// What the address or name served as, in the source's words: `C2`, `payload server`.
    pub role: Option<Box<str>>,
    /// Free text for a person.
    pub description: Option<Box<str>>,
    /// Report or page that states it.
    pub reference: Option<Box<str>>,
    /// How widely it may be shared (FIRST TLP 2.0).
    pub tlp: Option<Tlp>,
    /// The indicator means something from this second on (UTC, since the epoch). `None`: open.
    pub valid_from: Option<i64>,
    /// The indicator means nothing from this second on (UTC, since the epoch). `None`: open, never expired.
    pub valid_until: Option<i64>,
    /// First activity, second since the epoch, UTC.
    pub first_seen: Option<i64>,
    /// Last activity, second since the epoch, UTC.
    pub last_seen: Option<i64>,
}

impl Record {
    /// A record of `source` with confidence 50 and nothing else.
    #[must_use]
    pub fn new(source: &str) -> Self {
        Self { source: source.into(), confidence: 50, ..Self::default() }
    }

    /// Whether the record speaks of the given second (UTC, since the epoch).
    #[must_use]
    pub fn validity(&self, at: i64) -> Validity {
        if self.valid_until.is_some_and(|until| at >= until) {
            Validity::Expired
        } else if self.valid_from.is_some_and(|from| at < from) {
            Validity::NotYetValid
        } else {
            Validity::Valid
        }
    }
}

/// Whether an indicator counts at a given time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// Within its period, or of no stated period.
    Valid,
    /// Its period is over.
    Expired,
    /// Its period has not begun.
    NotYetValid,
}

/// How bad a match is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Worth an alert.
    High,
    /// Worth waking someone.
    Critical,
}

impl Severity {
    /// Reads `low`, `medium`, `high`, `critical` and their usual synonyms, whatever their case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim().to_ascii_lowercase().as_str() {
            "low" | "info" | "informational" => Self::Low,
            "medium" | "moderate" => Self::Medium,
            "high" => Self::High,
            "critical" | "severe" => Self::Critical,
            _ => return None,
        })
    }
}

/// Traffic Light Protocol 2.0, <https://www.first.org/tlp/>.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Tlp {
    /// `TLP:CLEAR`, formerly `WHITE`: no limit.
    Clear,
    /// `TLP:GREEN`: within the community.
    Green,
    /// `TLP:AMBER`: within the organisation and its clients.
    Amber,
    /// `TLP:AMBER+STRICT`: within the organisation.
    #[serde(rename = "AMBER+STRICT")]
    AmberStrict,
    /// `TLP:RED`: for the recipients only.
    Red,
}

impl Tlp {
    /// Reads a marking with or without `TLP:`, whatever its case; `WHITE` is `CLEAR`.
    ///
    /// ```
    /// use stormtag::Tlp;
    ///
    /// assert_eq!(Tlp::parse("tlp:white"), Some(Tlp::Clear));
    /// assert_eq!(Tlp::parse("AMBER+STRICT"), Some(Tlp::AmberStrict));
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        Some(match text.strip_prefix("tlp:").unwrap_or(&text).trim() {
            "clear" | "white" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "amber+strict" | "amber-strict" => Self::AmberStrict,
            "red" => Self::Red,
            _ => return None,
        })
    }

    /// The marking without `TLP:`, as ECS `threat.indicator.marking.tlp` wants it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::AmberStrict => "AMBER+STRICT",
            Self::Red => "RED",
        }
    }
}

/// A pattern and what one source says of it.
///
/// ```
/// use std::sync::Arc;
/// use stormtag::{Indicator, Kind, Pattern, Record};
///
/// let indicator = Indicator {
///     pattern: Pattern::parse(Kind::Ip, "203.0.113.0/24")?,
///     record: Arc::new(Record::new("my-feed")),
/// };
/// # Ok::<(), stormtag::NotObservable>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indicator {
    /// What it matches.
    pub pattern: Pattern,
    /// What is said of it.
    pub record: Arc<Record>,
}
