//! What DataFusion asks of a function, and where each has it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use stormtag::{Kind, Live, Site};

use crate::column::text_type;
use crate::hunt::Compiled;
use crate::{attribute, hunt, located, threats};

/// What functions ask. Those that were made together share it.
pub(crate) struct Known {
    pub(crate) live: Live,
    pub(crate) site: Site,
    /// What hunts seek, as they were made ready.
    pub(crate) hunts: Compiled,
}

impl Known {
    pub(crate) fn new(live: Live, site: Site) -> Arc<Self> {
        Arc::new(Self { live, site, hunts: Compiled::default() })
    }
}

/// The functions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum What {
    FindThreats,
    IsThreat,
    Asn,
    Country,
    Attribute,
    IsHunted,
    Hunted,
}

impl What {
    pub(crate) const ALL: [Self; 7] =
        [Self::FindThreats, Self::IsThreat, Self::Asn, Self::Country, Self::Attribute, Self::IsHunted, Self::Hunted];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FindThreats => "find_threats",
            Self::IsThreat => "is_threat",
            Self::Asn => "asn",
            Self::Country => "country",
            Self::Attribute => "attribute",
            Self::IsHunted => "is_hunted",
            Self::Hunted => "hunted",
        }
    }

    /// What the arguments are, in their order.
    fn arguments(self, count: usize) -> Result<Vec<Argument>> {
        use Argument::{At, Generation, Ip, Kind, Label, Sought, Value};
        let some = match (self, count) {
            (Self::FindThreats | Self::IsThreat, 2) => vec![Value, Kind],
            (Self::FindThreats | Self::IsThreat, 3) => vec![Value, Kind, At],
            (Self::Asn | Self::Country, 1) => vec![Ip],
            (Self::Attribute, 2..) => {
                let pairs = [Value, Kind].into_iter().cycle().take(count & !1);
                pairs.chain((count % 2 == 1).then_some(At)).collect()
            }
            (Self::IsHunted | Self::Hunted, 5..) if count % 3 == 2 => {
                let columns = [Label, Kind, Value].into_iter().cycle().take(count - 2);
                [Generation, Sought].into_iter().chain(columns).collect()
            }
            _ => return plan_err!("{}: expected {}, found {count} arguments", self.name(), self.usage()),
        };
        Ok(some)
    }

    fn usage(self) -> &'static str {
        match self {
            Self::FindThreats => "find_threats(value, kind) or find_threats(value, kind, at)",
            Self::IsThreat => "is_threat(value, kind) or is_threat(value, kind, at)",
            Self::Asn => "asn(ip)",
            Self::Country => "country(ip)",
            Self::Attribute => "attribute(value, kind, value, kind …) and perhaps the time behind them",
            Self::IsHunted => "is_hunted(generation, indicators, column, kind, value …)",
            Self::Hunted => "hunted(generation, indicators, column, kind, value …)",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::FindThreats => {
                "The records of threat intelligence that cover a value, the most specific indicator first."
            }
            Self::IsThreat => "Whether some record of threat intelligence covers a value.",
            Self::Asn => "The autonomous system that announces an address: number and organization.",
            Self::Country => "The country of an address, as its ISO 3166-1 code of two letters.",
            Self::Attribute => {
                "Campaigns and actors that the values of a row speak of, the strongest first, with evidence and claims."
            }
            Self::IsHunted => "Whether an indicator of a retro-hunt covers a value of the row. Made by RetroHunt.",
            Self::Hunted => "The indicators of a retro-hunt that cover values of the row. Made by RetroHunt.",
        }
    }

    fn returns(self) -> DataType {
        match self {
            Self::FindThreats => threats::threats_type(),
            Self::IsThreat | Self::IsHunted => DataType::Boolean,
            Self::Asn => located::asn_type(),
            Self::Country => DataType::Utf8View,
            Self::Attribute => attribute::attributions_type(),
            Self::Hunted => hunt::hunted_type(),
        }
    }
}

fn document(what: What) -> Documentation {
    const SECTION: DocSection = DocSection { include: true, label: "Threat intelligence", description: None };
    let arguments: &[(&str, &str)] = match what {
        What::FindThreats | What::IsThreat => &[
            ("value", "A text: an address, a name, a URL, a hash. What is no value of the kind has no matches."),
            ("kind", "What it is: ip, domain, url, sha256 and so on. A literal."),
            ("at", "The time of the event: records outside their validity then do not count. Without it all do."),
        ],
        What::Asn | What::Country => &[("ip", "An address, as text. What is no address is nowhere: null.")],
        What::Attribute => &[
            ("value", "A text."),
            ("kind", "What it is: ip, domain, url, sha256 and so on. A literal. More values and kinds may follow."),
            ("at", "The time of the event, by which records are valid and lose weight."),
        ],
        What::IsHunted | What::Hunted => &[
            ("generation", "The snapshot that judges. A literal."),
            ("indicators", "Kinds and patterns. A literal list."),
            (
                "column",
                "The name of a column. A literal. It is followed by the kind of its values, and by the value; more may follow.",
            ),
        ],
    };
    let begin = Documentation::builder(SECTION, what.summary(), what.usage());
    arguments.iter().fold(begin, |all, (name, about)| all.with_argument(*name, *about)).build()
}

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Argument {
    Value,
    Ip,
    Kind,
    At,
    Generation,
    Sought,
    Label,
}

impl Argument {
    /// The type as which it is read.
    fn coerce(self, what: What, given: &DataType) -> Result<DataType> {
        let name = what.name();
        let text = || given.is_string() || *given == DataType::Null;
        match self {
            Self::Value | Self::Ip => match text_type(given) {
                Some(read) => Ok(read),
                None => plan_err!("{name}: expected a text to look up, found a value of type {given}"),
            },
            Self::Kind if text() => Ok(given.clone()),
            Self::Kind => plan_err!("{name}: expected {} as the kind, found a value of type {given}", kinds()),
            Self::Generation | Self::Label if text() => Ok(given.clone()),
            Self::Sought if matches!(given, DataType::List(_)) => Ok(given.clone()),
            Self::At => match given {
                DataType::Timestamp(..) => Ok(given.clone()),
                DataType::Date32 | DataType::Date64 | DataType::Null => Ok(DataType::Timestamp(TimeUnit::Second, None)),
                _ => plan_err!(
                    "{name}: expected a timestamp as the time, found a value of type {given}: to_timestamp makes one of a text"
                ),
            },
            Self::Generation | Self::Label | Self::Sought => {
                plan_err!("{name}: expected {}, found a value of type {given}", what.usage())
            }
        }
    }
}

/// The kind that a literal names.
pub(crate) fn kind(name: &str, literal: Option<&ScalarValue>) -> Result<Kind> {
    let Some(literal) = literal else {
        return plan_err!("{name}: expected {} as a literal for the kind, found an expression", kinds());
    };
    match literal.try_as_str().flatten().map(str::parse) {
        Some(Ok(kind)) => Ok(kind),
        _ => plan_err!("{name}: expected {} as the kind, found {literal}", kinds()),
    }
}

/// The names of kinds, for messages.
fn kinds() -> String {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    format!("one of {}", names.join(", "))
}

/// The literal that an argument is while the query runs.
pub(crate) fn literal(argument: Option<&ColumnarValue>) -> Option<&ScalarValue> {
    match argument {
        Some(ColumnarValue::Scalar(value)) => Some(value),
        _ => None,
    }
}

pub(crate) fn function(what: What, known: &Arc<Known>) -> ScalarUDF {
    // Within a query the answer to a value changes only if a snapshot is published meanwhile: no reason to plan as if it could change
    // from row to row.
    let signature = Signature::user_defined(Volatility::Stable);
    ScalarUDF::from(Function { what, known: known.clone(), signature, documentation: document(what) })
}

/// A function as DataFusion sees it.
struct Function {
    what: What,
    known: Arc<Known>,
    signature: Signature,
    documentation: Documentation,
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.what.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let arguments = self.what.arguments(given.len())?;
        arguments.iter().zip(given).map(|(argument, given)| argument.coerce(self.what, given)).collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.what.returns())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let name = self.what.name();
        for (argument, literal) in self.what.arguments(args.arg_fields.len())?.iter().zip(args.scalar_arguments) {
            match argument {
                Argument::Kind => _ = kind(name, *literal)?,
                Argument::Generation | Argument::Sought | Argument::Label if literal.is_none() => {
                    return plan_err!("{name}: expected {}, all but values as literals", self.what.usage());
                }
                _ => {}
            }
        }
        Ok(Arc::new(Field::new(name, self.what.returns(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match self.what {
            What::FindThreats => threats::find_threats(&self.known, &args),
            What::IsThreat => threats::is_threat(&self.known, &args),
            What::Asn => located::asn(&self.known, &args),
            What::Country => located::country(&self.known, &args),
            What::Attribute => attribute::attribute(&self.known, &args),
            What::IsHunted => hunt::is_hunted(&self.known, &args),
            What::Hunted => hunt::hunted(&self.known, &args),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what && Arc::ptr_eq(&self.known, &other.known)
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.what.hash(state);
        Arc::as_ptr(&self.known).hash(state);
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.what).finish()
    }
}
