//! Why a behaviour cannot be used.

/// Why a behaviour, or a Sigma rule, cannot be used. It is used as it is meant, or not at all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// No condition, or one that an event without any text fulfils: what only excludes.
    #[error("asks for nothing that must be there")]
    NothingAsked,
    /// A value of no bytes.
    #[error("an empty value, which every text holds")]
    EmptyValue,
    /// A value over the limit.
    #[error("a value longer than 2048 bytes")]
    TooLong,
    /// More comparisons than one behaviour may have.
    #[error("more than 4096 comparisons")]
    TooMany,
    /// Groups within groups.
    #[error("a condition nested deeper than 16 groups")]
    TooDeep,
    /// An expression that does not compile, or is too large: there are no look-around and no back references.
    #[error("not an expression that can be compiled")]
    Expression,
    /// A Sigma rule on something else than processes, files, the registry, scripts or web requests.
    #[error("a log source that is not looked at")]
    LogSource,
    /// A field that is no [`Part`](crate::Part) of an event here.
    #[error("a field that is not looked at")]
    Field,
    /// A modifier of Sigma that is not read.
    #[error("a modifier that is not read")]
    Modifier,
    /// A search for a word anywhere in the event.
    #[error("a search in all fields")]
    Keywords,
    /// A value that is no text: a number, null, nothing.
    #[error("a value that is no text")]
    Value,
    /// Not a sentence of Sigma's condition language, or one with a name that is not defined.
    #[error("a condition that cannot be read")]
    Condition,
    /// Counts, correlations, aggregations: more than one event.
    #[error("needs several events")]
    Correlation,
    /// Not built as its format says.
    #[error("not built as its format says")]
    Malformed,
    /// The same id stands before.
    #[error("another behaviour has this id")]
    Duplicate,
    /// The rule says of itself that it is deprecated or unsupported.
    #[error("withdrawn by its author")]
    Withdrawn,
}
