//! What was found, field by field, so that a host needs no JSON parser.

use std::ffi::c_char;
use std::ptr;

use stormtag::{Enrichment, Finding, Kind, Record, Severity, Subject, Validity};

/// A text: UTF-8, `length` bytes, without NUL behind it. `data` is NULL where there is none.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Text {
    /// The bytes.
    pub data: *const c_char,
    /// In bytes.
    pub length: usize,
}

/// Texts, in the order of their source.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Texts {
    /// The first; NULL if there is none.
    pub texts: *const Text,
    /// How many.
    pub count: usize,
}

/// Whether a record counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(clippy::exhaustive_enums)]
pub enum Judgement {
    /// It does.
    Counts = 0,
    /// An allow-list silences it.
    Suppressed = 1,
    /// It says that it means nothing any more at the time of the event.
    Expired = 2,
    /// It says that it means nothing yet at the time of the event.
    NotYetValid = 3,
}

/// What one source says of a value that was met.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Match {
    /// The indicator: the address or the network around it, the name or the one above it, the name of a behaviour.
    pub indicator: Text,
    /// Who says it.
    pub source: Text,
    /// What the source calls the indicator.
    pub id: Text,
    /// What the value served as, in the words of the source.
    pub role: Text,
    /// For a person.
    pub description: Text,
    /// The report or page that states it.
    pub reference: Text,
    /// `low`, `medium`, `high`, `critical`, or none.
    pub severity: Text,
    /// `CLEAR`, `GREEN`, `AMBER`, `AMBER+STRICT`, `RED`, or none.
    pub tlp: Text,
    /// The allow-list that silences it, if one does.
    pub suppressed_by: Text,
    /// An allow-list that knows the value and only says so.
    pub known_as: Text,
    /// Campaigns by id or name, as the source spells them; so the others.
    pub campaigns: Texts,
    /// Actors.
    pub actors: Texts,
    /// Malware families and tools.
    pub malware: Texts,
    /// ATT&CK techniques.
    pub techniques: Texts,
    /// Whatever labels the source adds.
    pub tags: Texts,
    /// Whether it counts, and if not, why.
    pub judgement: Judgement,
    /// How sure the source is, 0 to 100.
    pub confidence: u8,
    /// It means something from this second on, UTC; `INT64_MIN`: not said. So the others.
    pub valid_from: i64,
    /// It means nothing from this second on.
    pub valid_until: i64,
    /// First activity.
    pub first_seen: i64,
    /// Last activity.
    pub last_seen: i64,
}

/// A value of the event that some record covers.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sighting {
    /// The field that holds it, as the field map has it; none where a value was looked up.
    pub field: Text,
    /// Where exactly in the event it stands, as `answers[1].data`.
    pub path: Text,
    /// What it is: `ip`, `domain`, `url`, `sha256` and so on.
    pub kind: Text,
    /// The value in normal form; as it was given where it was looked up.
    pub value: Text,
    /// What is said of it, the most specific first. Look at `judgement` before you raise an alarm.
    pub matches: *const Match,
    /// How many.
    pub match_count: usize,
}

/// A match that speaks for an attribution, and the factors of which its strength is the product: docs/attribution.md explains them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Evidence {
    /// Which of the sightings it is, counted from 0.
    pub sighting: usize,
    /// The indicator.
    pub indicator: Text,
    /// Who says it.
    pub source: Text,
    /// The campaign by which it leads to an actor, if it does so.
    pub via: Text,
    /// Why many share the indicator, if they do.
    pub shared: Text,
    /// 0 to 1.
    pub strength: f64,
    /// The source's, 0 to 1.
    pub confidence: f64,
    /// What an indicator of this shape can tell at best, 0 to 1.
    pub weight: f64,
    /// What is left of it by its age, 0 to 1.
    pub freshness: f64,
    /// What part of it reaches the subject, 0 to 1.
    pub share: f64,
    /// What is left because many use the indicator, 0 to 1.
    pub specificity: f64,
    /// What is left because others say otherwise, 0 to 1.
    pub agreement: f64,
    /// What the site adds, 1 to 1.25.
    pub context: f64,
}

/// A campaign or an actor that the matches speak of.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Attribution {
    /// The catalogue's id; none if the catalogue does not know it.
    pub id: Text,
    /// The name to show.
    pub name: Text,
    /// The sum, term by term, for a person.
    pub explanation: Text,
    /// Whether it is a campaign; else it is an actor.
    pub is_campaign: bool,
    /// Whether it is the actor that the matches speak of more than of any other.
    pub is_leading: bool,
    /// How strongly the matches speak for it, 0 to 1. No probability.
    pub score: f64,
    /// What it rests on, the strongest first; never empty.
    pub evidence: *const Evidence,
    /// How many.
    pub evidence_count: usize,
}

/// An address that the databases know.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Located {
    /// The field that holds it; none where it was looked up.
    pub field: Text,
    /// The address, where it stands in free text; none: it is the value of the field.
    pub address: Text,
    /// The entity that it describes, such as `source`.
    pub place: Text,
    /// The number of its autonomous system; 0: not known.
    pub asn: u32,
    /// Who holds the number.
    pub organization: Text,
    /// Two letters.
    pub continent_code: Text,
    /// ISO 3166-1 alpha-2.
    pub country_iso_code: Text,
    /// In English.
    pub country_name: Text,
    /// ISO 3166-2.
    pub region_iso_code: Text,
    /// In English.
    pub region_name: Text,
    /// In English.
    pub city_name: Text,
    /// As written in the country.
    pub postal_code: Text,
    /// IANA's name.
    pub time_zone: Text,
    /// Degrees, north is positive; not a number: not known.
    pub latitude: f64,
    /// Degrees, east is positive; not a number: not known.
    pub longitude: f64,
    /// How it hides who stands behind it: `vpn`, `tor-exit` and so on.
    pub anonymity: Texts,
}

/// What was found in one event, or of one value.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Found {
    /// Values that some record covers.
    pub sightings: *const Sighting,
    /// How many.
    pub sighting_count: usize,
    /// Whom they speak of, the strongest first. None is an answer, and the most common one.
    pub attributions: *const Attribution,
    /// How many.
    pub attribution_count: usize,
    /// Addresses that the databases know.
    pub located: *const Located,
    /// How many.
    pub located_count: usize,
    /// When the event happened, in seconds since the epoch, UTC; `INT64_MIN`: not known.
    pub time: i64,
}

/// What was found last, kept for as long as C reads it. What C is given points into these.
#[derive(Default)]
pub(crate) struct Kept {
    strings: Vec<String>,
    texts: Vec<Vec<Text>>,
    matches: Vec<Vec<Match>>,
    evidence: Vec<Vec<Evidence>>,
    sightings: Vec<Sighting>,
    attributions: Vec<Attribution>,
    located: Vec<Located>,
    found: Vec<Found>,
}

// SAFETY: all pointers in it lead to what it owns itself, or to what is there for good, and it is read and written by whoever holds
// the worker alone.
unsafe impl Send for Kept {}

/// What is not said.
const UNSAID: i64 = i64::MIN;

const NONE: Text = Text { data: ptr::null(), length: 0 };

/// Where a list begins; NULL if it is empty.
fn first<T>(list: &[T]) -> *const T {
    if list.is_empty() { ptr::null() } else { list.as_ptr() }
}

impl Kept {
    /// Begins anew. What was found before is still read: C may ask of a text that it was given.
    fn begin(&mut self) -> Self {
        std::mem::take(self)
    }

    fn text(&mut self, text: impl Into<String>) -> Text {
        let text = text.into();
        let here = Text { data: text.as_ptr().cast(), length: text.len() };
        self.strings.push(text);
        here
    }

    fn some(&mut self, text: Option<impl Into<String>>) -> Text {
        text.map_or(NONE, |text| self.text(text))
    }

    fn list<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> Texts {
        let texts: Vec<Text> = texts.into_iter().map(|text| self.text(text)).collect();
        let here = Texts { texts: first(&texts), count: texts.len() };
        self.texts.push(texts);
        here
    }

    /// Takes what was found in an event.
    pub(crate) fn enrichment(&mut self, enrichment: &Enrichment<'_>) -> *const Found {
        let _before = self.begin();
        for sighting in enrichment.sightings() {
            let (field, path) = (self.text(sighting.field()), self.text(sighting.path()));
            let observable = sighting.observable();
            let (kind, value) = (self.text(observable.kind().name()), self.text(observable.to_string()));
            self.sighting(field, path, (kind, value), &sighting.finding(), enrichment.time());
        }
        let leading = enrichment.leading().map(stormtag::Attribution::subject);
        for attribution in enrichment.attributions() {
            self.attribution(attribution, leading);
        }
        for located in enrichment.located() {
            let field = self.text(located.field);
            let address = self.some(located.address.map(|address| address.to_string()));
            let place = self.some(located.place);
            self.locate((field, address, place), located.asn, located.location, located.anonymity);
        }
        self.done(enrichment.time())
    }

    /// Takes what is known of a value.
    pub(crate) fn look_up(&mut self, kind: Kind, text: &str, finding: &Finding<'_>) -> *const Found {
        let _before = self.begin();
        if !finding.is_empty() {
            let value = (self.text(kind.name()), self.text(text));
            self.sighting(NONE, NONE, value, finding, None);
        }
        let (asn, place, anonymity) = (finding.asn(), finding.place(), finding.anonymity());
        if asn.is_some() || place.is_some() || !anonymity.is_empty() {
            let address = self.text(text);
            self.locate((NONE, address, NONE), asn, place, anonymity);
        }
        self.done(None)
    }

    fn done(&mut self, time: Option<i64>) -> *const Found {
        self.found.push(Found {
            sightings: first(&self.sightings),
            sighting_count: self.sightings.len(),
            attributions: first(&self.attributions),
            attribution_count: self.attributions.len(),
            located: first(&self.located),
            located_count: self.located.len(),
            time: time.unwrap_or(UNSAID),
        });
        self.found.as_ptr()
    }

    fn sighting(
        &mut self,
        field: Text,
        path: Text,
        (kind, value): (Text, Text),
        finding: &Finding<'_>,
        time: Option<i64>,
    ) {
        let mut matches = Vec::new();
        for found in finding.matches() {
            let judgement = match time.map(|at| found.record().validity(at)) {
                Some(Validity::Expired) => Judgement::Expired,
                Some(Validity::NotYetValid) => Judgement::NotYetValid,
                Some(Validity::Valid) | None => Judgement::Counts,
            };
            matches.push(self.found(&found, judgement));
        }
        for found in finding.suppressed() {
            matches.push(self.found(&found, Judgement::Suppressed));
        }
        self.sightings.push(Sighting {
            field,
            path,
            kind,
            value,
            matches: first(&matches),
            match_count: matches.len(),
        });
        self.matches.push(matches);
    }

    fn found(&mut self, found: &stormtag::Match<'_>, judgement: Judgement) -> Match {
        let Record { source, id, role, description, reference, .. } = found.record();
        let Record { campaigns, actors, malware, techniques, tags, severity, tlp, confidence, .. } = found.record();
        let Record { valid_from, valid_until, first_seen, last_seen, .. } = *found.record();
        let severity = severity.map(|severity| match severity {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        });
        Match {
            indicator: self.text(found.indicator()),
            source: self.text(&**source),
            id: self.some(id.as_deref()),
            role: self.some(role.as_deref()),
            description: self.some(description.as_deref()),
            reference: self.some(reference.as_deref()),
            severity: self.some(severity),
            tlp: self.some(tlp.map(stormtag::Tlp::name)),
            suppressed_by: self.some(found.suppressed_by().map(|by| by.list)),
            known_as: self.some(found.informed_by().map(|by| by.list)),
            campaigns: self.list(campaigns.iter().map(|text| &**text)),
            actors: self.list(actors.iter().map(|text| &**text)),
            malware: self.list(malware.iter().map(|text| &**text)),
            techniques: self.list(techniques.iter().map(|text| &**text)),
            tags: self.list(tags.iter().map(|text| &**text)),
            judgement,
            confidence: *confidence,
            valid_from: valid_from.unwrap_or(UNSAID),
            valid_until: valid_until.unwrap_or(UNSAID),
            first_seen: first_seen.unwrap_or(UNSAID),
            last_seen: last_seen.unwrap_or(UNSAID),
        }
    }

    fn attribution(&mut self, attribution: &stormtag::Attribution<'_>, leading: Option<Subject<'_>>) {
        let mut evidence = Vec::new();
        for one in attribution.evidence() {
            evidence.push(Evidence {
                sighting: one.sighting,
                indicator: self.text(one.found.indicator()),
                source: self.text(&*one.found.record().source),
                via: self.some(one.via.map(|via| via.id().unwrap_or(via.name()))),
                shared: self.some(one.shared),
                strength: one.strength(),
                confidence: one.confidence,
                weight: one.weight,
                freshness: one.freshness,
                share: one.share,
                specificity: one.specificity,
                agreement: one.agreement,
                context: one.context,
            });
        }
        let subject = attribution.subject();
        let attribution = Attribution {
            id: self.some(subject.id()),
            name: self.text(subject.name()),
            explanation: self.text(attribution.explain()),
            is_campaign: subject.is_campaign(),
            is_leading: !subject.is_campaign()
                && leading.is_some_and(|leading| (leading.id(), leading.name()) == (subject.id(), subject.name())),
            score: attribution.score(),
            evidence: first(&evidence),
            evidence_count: evidence.len(),
        };
        self.attributions.push(attribution);
        self.evidence.push(evidence);
    }

    fn locate(
        &mut self,
        (field, address, place): (Text, Text, Text),
        asn: Option<stormtag::Asn<'_>>,
        location: Option<stormtag::Place<'_>>,
        anonymity: stormtag::Anonymity,
    ) {
        let (asn, location) = (asn.unwrap_or_default(), location.unwrap_or_default());
        let located = Located {
            field,
            address,
            place,
            asn: asn.number,
            organization: self.some(asn.organization),
            continent_code: self.some(location.continent_code),
            country_iso_code: self.some(location.country_iso_code),
            country_name: self.some(location.country_name),
            region_iso_code: self.some(location.region_iso_code),
            region_name: self.some(location.region_name),
            city_name: self.some(location.city_name),
            postal_code: self.some(location.postal_code),
            time_zone: self.some(location.time_zone),
            latitude: location.latitude.unwrap_or(f64::NAN),
            longitude: location.longitude.unwrap_or(f64::NAN),
            anonymity: self.list(anonymity.names()),
        };
        self.located.push(located);
    }
}
