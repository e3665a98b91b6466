//! Behaviours: what is typed and run, recognised by conditions over several texts of an event.

mod builtin;
mod condition;
mod grams;
mod index;
mod part;
mod read;
#[cfg(feature = "sigma")]
mod sigma;
mod unusable;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

pub use part::{Part, UnknownPart};
pub use unusable::Unusable;

pub(crate) use condition::Text;
pub(crate) use index::Index;
pub(crate) use part::Parts;

use condition::Condition;

use crate::error::Error;
use crate::feed::{Reason, Rejections, whole};
use crate::generation::Content;
use crate::record::Record;

/// Behaviours that one source describes, and what could not be used of it.
///
/// A behaviour is no indicator: it says what somebody did, not who. Its record names techniques, and perhaps actors known to do so, which
/// is a hint and never more: texts alone never carry an attribution beyond *low*.
///
/// ```
/// use stormtag::{Behaviours, IntelBuilder, Live};
///
/// let (intel, _) = IntelBuilder::new().behaviours(Behaviours::builtin()).build();
/// let mut worker = Live::new(intel).worker();
/// let event = serde_json::json!({"CommandLine": r#"ntdsutil "ac i ntds" "ifm" "create full C:\Windows\Temp\pro" q q"#});
/// let enrichment = worker.enrich(&event);
/// let found = enrichment.sightings()[0].matches().next().unwrap();
/// assert_eq!(found.behaviour().unwrap().id(), "ntdsutil-ifm");
/// assert_eq!(&*found.record().techniques[0], "T1003.003");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Behaviours {
    /// Name of the source.
    pub source: Arc<str>,
    behaviours: Vec<Behaviour>,
    ids: HashSet<Arc<str>, foldhash::fast::RandomState>,
    rejected: Rejections,
}

/// A condition over the texts of an event, and what is said of whatever fulfils it.
#[derive(Clone, Debug)]
pub struct Behaviour {
    id: Arc<str>,
    name: Box<str>,
    references: Box<[Box<str>]>,
    record: Arc<Record>,
    condition: Arc<Condition>,
}

impl Behaviours {
    /// None, of the given source.
    #[must_use]
    pub fn new(source: &str) -> Self {
        Self { source: source.into(), ..Self::default() }
    }

    /// Reads a file of behaviours as `data/behaviours/README.md` describes it, or, with the feature `sigma`, Sigma rules in one that ends in
    /// `.yml` or `.yaml`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is larger than 512 MiB, or is not what its name says: then with the line. A behaviour that
    /// cannot be used is among the [rejected](Self::rejected).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
        Self::read(file, path)
    }

    pub(crate) fn read(reader: impl std::io::Read, path: &Path) -> Result<Self, Error> {
        let text = whole::read(reader, path)?;
        let is_yaml =
            path.extension().is_some_and(|end| end.eq_ignore_ascii_case("yml") || end.eq_ignore_ascii_case("yaml"));
        if is_yaml { Self::parse_yaml(path, &text) } else { Self::parse(&path.to_string_lossy(), &text) }
    }

    #[cfg(feature = "sigma")]
    fn parse_yaml(path: &Path, text: &str) -> Result<Self, Error> {
        Self::parse_sigma(&path.to_string_lossy(), text)
    }

    #[cfg(not(feature = "sigma"))]
    fn parse_yaml(path: &Path, _: &str) -> Result<Self, Error> {
        Err(Error::format(path, "Sigma rules are read with the feature `sigma`, which is not enabled"))
    }

    /// Takes in those of another source; what has an id that is there already is rejected.
    pub fn extend(&mut self, other: Self) -> &mut Self {
        self.rejected.extend(&other.rejected);
        for behaviour in other.behaviours {
            self.add(0, behaviour);
        }
        self
    }

    /// Leaves out the behaviours of these ids. Says of which there is none.
    pub fn without<'i>(&mut self, ids: impl IntoIterator<Item = &'i str>) -> Vec<&'i str> {
        let unknown = ids.into_iter().filter(|&id| !self.ids.remove(id)).collect();
        self.behaviours.retain(|behaviour| self.ids.contains(&behaviour.id));
        unknown
    }

    /// Sets who says all this: the source of the records.
    pub fn set_source(&mut self, source: &str) -> &mut Self {
        self.source = source.into();
        for behaviour in &mut self.behaviours {
            Arc::make_mut(&mut behaviour.record).source = Arc::clone(&self.source);
        }
        self
    }

    fn add(&mut self, line: u64, behaviour: Behaviour) {
        if self.ids.insert(Arc::clone(&behaviour.id)) {
            self.behaviours.push(behaviour);
        } else {
            self.reject(line, &behaviour.id, Unusable::Duplicate);
        }
    }

    fn reject(&mut self, line: u64, text: &str, why: Unusable) {
        self.rejected.add(line, text, Reason::Behaviour(why));
    }

    /// Each of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Behaviour> {
        self.behaviours.iter()
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.behaviours.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.behaviours.is_empty()
    }

    /// What could not be used, with the reason.
    #[must_use]
    pub fn rejected(&self) -> &Rejections {
        &self.rejected
    }

    pub(crate) fn into_parts(self) -> (Vec<Behaviour>, Rejections) {
        (self.behaviours, self.rejected)
    }
}

impl Behaviour {
    /// What it is called in settings: unique within a source.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is, for a person.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reports and pages that describe it.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.references.iter().map(|reference| &**reference)
    }

    /// Techniques, confidence, actors known to do so: what is said of it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether texts of one event fulfil the condition. A worker does not ask each behaviour by itself; this is for rules in the making.
    ///
    /// ```
    /// use stormtag::{Behaviours, Part};
    ///
    /// let all = Behaviours::parse("own.toml", r#"
    ///     [[behaviour]]
    ///     id = "portproxy"
    ///     name = "Forwarding of a port"
    ///     all = [{ field = "command_line", contains_all = ["interface", "portproxy"] }]
    /// "#)?;
    /// let behaviour = all.iter().next().unwrap();
    /// assert!(behaviour.matches(&[(Part::CommandLine, "netsh interface PortProxy show all")]));
    /// # Ok::<(), stormtag::Error>(())
    /// ```
    #[must_use]
    pub fn matches(&self, texts: &[(Part, &str)]) -> bool {
        let texts: Vec<Text> = texts.iter().map(|&(part, text)| Text::new(part, 0, text)).collect();
        self.condition.holds(&texts).is_some()
    }

    pub(crate) fn shared_record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Adds all that distinguishes it from others to a hash.
    pub(crate) fn write(&self, content: &mut Content) {
        content.part(self.id.as_bytes());
        content.part(self.name.as_bytes());
        content.value(&*self.record);
        self.condition.write(content);
    }
}
