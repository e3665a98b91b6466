//! Why a pattern of a language that says more than single values is not matched.

/// Why a pattern cannot be matched by asking for single values. A pattern is matched as it is meant, or not at all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unmatchable {
    /// A language that is not read here: YARA, Sigma, Snort and others in STIX's `pattern_type`.
    #[error("a pattern in a language that is not read")]
    Language,
    /// Not a sentence of its language.
    #[error("a pattern that does not follow its grammar")]
    Syntax,
    /// Parentheses in parentheses, past the limit.
    #[error("a pattern nested deeper than 64 parentheses")]
    TooDeep,
    /// Two things that no single value tells: a domain name *and* its address, a file's name *and* its folder.
    #[error("needs several values at once (AND), which no single one tells")]
    Conjunction,
    /// `NOT`, `!=`: nearly everything is not something.
    #[error("says what a value is not (NOT, !=)")]
    Negation,
    /// `<`, `>`, `<=`, `>=`.
    #[error("compares by order (<, >), and values are compared whole")]
    Ordering,
    /// `ISSUPERSET`.
    #[error("asks for what contains a network (ISSUPERSET)")]
    Superset,
    /// `EXISTS`.
    #[error("asks whether a property is there at all (EXISTS)")]
    Existence,
    /// A wildcard or an expression that nothing here says exactly, or a value of another type.
    #[error("no pattern of stormtag says exactly the same")]
    Inexact,
    /// `AND` between observations.
    #[error("needs several observations (AND)")]
    Observations,
    /// `FOLLOWEDBY`.
    #[error("needs observations in an order (FOLLOWEDBY)")]
    FollowedBy,
    /// `WITHIN … SECONDS`.
    #[error("needs observations within a time (WITHIN)")]
    Within,
    /// `REPEATS … TIMES`.
    #[error("needs repeated observations (REPEATS)")]
    Repeats,
    /// `START … STOP …`.
    #[error("needs observations in a period (START, STOP)")]
    StartStop,
}
