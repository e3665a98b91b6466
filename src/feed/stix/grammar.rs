//! The grammar of STIX patterns: STIX 2.1, section 9, and STIX 2.0, part 5. Recursive descent; only parentheses recurse.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::lexer::{Lexer, Token};

/// How deep parentheses may stand in each other.
const DEEPEST: usize = 64;

/// A pattern: what is to be observed, and how often, when and in which order.
#[derive(Debug)]
pub(super) enum Observation<'t> {
    /// `[…]`: one observation.
    One(Comparison<'t>),
    Or(Vec<Observation<'t>>),
    /// Several observations; which is not asked for.
    And,
    /// Several in an order; which is not asked for.
    FollowedBy,
    Qualified(Box<Observation<'t>>, Qualifier),
}

/// The first qualifier of an observation; that there are more changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Qualifier {
    Within,
    Repeats,
    StartStop,
}

/// What one observation is to say.
#[derive(Debug)]
pub(super) enum Comparison<'t> {
    Test(Test<'t>),
    Or(Vec<Comparison<'t>>),
    And(Vec<Comparison<'t>>),
}

/// One property compared with one or more values.
#[derive(Debug)]
pub(super) struct Test<'t> {
    pub(super) path: Path<'t>,
    pub(super) operator: Operator,
    pub(super) negated: bool,
    pub(super) values: Vec<Literal<'t>>,
    /// Where it stands in the pattern, in bytes.
    pub(super) span: Range<usize>,
}

/// `file:hashes.'SHA-256'`; indices are not kept, for a value is matched wherever it stands.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Path<'t> {
    pub(super) object: &'t str,
    pub(super) parts: Vec<Cow<'t, str>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    /// `=`, and `IN` with several values.
    Equal,
    /// `<`, `>`, `<=`, `>=`.
    Order,
    Like,
    Matches,
    Subset,
    Superset,
    Exists,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Literal<'t> {
    Text(Cow<'t, str>),
    Number(&'t str),
    Hex(Cow<'t, str>),
    /// A truth, a time, bytes in base 64: nothing that a kind has values of.
    Other,
}

/// What is no pattern, where, and what was expected there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wrong {
    /// In bytes from the start.
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

impl Wrong {
    /// Whether it is right but for its depth.
    pub(super) fn is_depth(&self) -> bool {
        self.expected == TOO_DEEP
    }
}

const TOO_DEEP: &str = "at most 64 parentheses in each other";

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: expected {}", self.at, self.expected)
    }
}

/// Reads a pattern. Linear in its length.
pub(super) fn parse(text: &str) -> Result<Observation<'_>, Wrong> {
    let mut lexer = Lexer::new(text);
    let (at, token) = lexer.next()?;
    let mut parser = Parser { lexer, token, at, end: 0, depth: 0 };
    let pattern = parser.followed_by()?;
    if parser.token != Token::End {
        return Err(parser.wrong("an operator between observations, a qualifier, or the end"));
    }
    Ok(pattern)
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that is next, and where it begins.
    token: Token<'t>,
    at: usize,
    /// Where the token before it began.
    end: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn wrong(&self, expected: &'static str) -> Wrong {
        Wrong { at: self.at, expected }
    }

    fn advance(&mut self) -> Result<Token<'t>, Wrong> {
        self.end = self.lexer.at();
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    /// Takes the sign if it is next.
    fn sign(&mut self, sign: &str) -> Result<bool, Wrong> {
        let is = matches!(self.token, Token::Sign(next) if next == sign);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn expect(&mut self, sign: &str, expected: &'static str) -> Result<(), Wrong> {
        if self.sign(sign)? { Ok(()) } else { Err(self.wrong(expected)) }
    }

    /// Takes the keyword if it is next. The standard has them in capitals; where one may stand, nothing else may.
    fn word(&mut self, word: &str) -> Result<bool, Wrong> {
        let is = matches!(self.token, Token::Word(next) if next.eq_ignore_ascii_case(word));
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong(TOO_DEEP));
        }
        let inner = inner(self)?;
        self.depth -= 1;
        self.expect(")", "a closing parenthesis")?;
        Ok(inner)
    }

    fn followed_by(&mut self) -> Result<Observation<'t>, Wrong> {
        self.chain("FOLLOWEDBY", Self::observation_or, |_| Observation::FollowedBy)
    }

    fn observation_or(&mut self) -> Result<Observation<'t>, Wrong> {
        self.chain("OR", |parser| parser.chain("AND", Self::observation, |_| Observation::And), Observation::Or)
    }

    /// One or more, with the keyword between them.
    fn chain<T>(
        &mut self,
        word: &str,
        one: impl Fn(&mut Self) -> Result<T, Wrong>,
        several: fn(Vec<T>) -> T,
    ) -> Result<T, Wrong> {
        let first = one(self)?;
        if !self.word(word)? {
            return Ok(first);
        }
        let mut all = vec![first, one(self)?];
        while self.word(word)? {
            all.push(one(self)?);
        }
        Ok(several(all))
    }

    fn observation(&mut self) -> Result<Observation<'t>, Wrong> {
        let mut observation = if self.sign("[")? {
            let comparison = self.comparison()?;
            self.expect("]", "AND, OR or a closing bracket")?;
            Observation::One(comparison)
        } else if self.sign("(")? {
            self.deeper(Self::followed_by)?
        } else {
            return Err(self.wrong("an observation in brackets"));
        };
        let mut first = None;
        while let Some(qualifier) = self.qualifier()? {
            first = first.or(Some(qualifier));
        }
        if let Some(first) = first {
            observation = Observation::Qualified(Box::new(observation), first);
        }
        Ok(observation)
    }

    fn qualifier(&mut self) -> Result<Option<Qualifier>, Wrong> {
        Ok(if self.word("WITHIN")? {
            self.number()?;
            if !self.word("SECONDS")? {
                return Err(self.wrong("SECONDS"));
            }
            Some(Qualifier::Within)
        } else if self.word("REPEATS")? {
            self.number()?;
            if !self.word("TIMES")? {
                return Err(self.wrong("TIMES"));
            }
            Some(Qualifier::Repeats)
        } else if self.word("START")? {
            self.time()?;
            if !self.word("STOP")? {
                return Err(self.wrong("STOP"));
            }
            self.time()?;
            Some(Qualifier::StartStop)
        } else {
            None
        })
    }

    fn number(&mut self) -> Result<(), Wrong> {
        match self.token {
            Token::Number(number) if !number.starts_with('-') => self.advance().map(drop),
            _ => Err(self.wrong("a positive number")),
        }
    }

    /// STIX 2.0 has texts here as well.
    fn time(&mut self) -> Result<(), Wrong> {
        match self.token {
            Token::Typed('t', _) | Token::Text(_) => self.advance().map(drop),
            _ => Err(self.wrong("a timestamp such as t'2024-01-03T00:00:00Z'")),
        }
    }

    fn comparison(&mut self) -> Result<Comparison<'t>, Wrong> {
        self.chain("OR", |parser| parser.chain("AND", Self::test, Self::and), Self::or)
    }

    /// `a AND (b AND c)` is `a AND b AND c`.
    fn and(all: Vec<Comparison<'t>>) -> Comparison<'t> {
        let flat = all.into_iter().flat_map(|one| match one {
            Comparison::And(inner) => inner,
            other => vec![other],
        });
        Comparison::And(flat.collect())
    }

    fn or(all: Vec<Comparison<'t>>) -> Comparison<'t> {
        let flat = all.into_iter().flat_map(|one| match one {
            Comparison::Or(inner) => inner,
            other => vec![other],
        });
        Comparison::Or(flat.collect())
    }

    fn test(&mut self) -> Result<Comparison<'t>, Wrong> {
        if self.sign("(")? {
            return self.deeper(Self::comparison);
        }
        let start = self.at;
        let exists = matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case("EXISTS"));
        if exists {
            self.advance()?;
        }
        let path = self.path()?;
        let (mut negated, mut values) = (false, Vec::new());
        let operator = if exists {
            Operator::Exists
        } else {
            negated = self.word("NOT")?;
            let (operator, not) = self.operator(&mut values)?;
            negated ^= not;
            operator
        };
        Ok(Comparison::Test(Test { path, operator, negated, values, span: start..self.end }))
    }

    /// An operator and its values, and whether it is a negation by itself.
    fn operator(&mut self, values: &mut Vec<Literal<'t>>) -> Result<(Operator, bool), Wrong> {
        const WORDS: [(&str, Operator); 5] = [
            ("LIKE", Operator::Like),
            ("MATCHES", Operator::Matches),
            ("ISSUBSET", Operator::Subset),
            ("ISSUPERSET", Operator::Superset),
            ("IN", Operator::Equal),
        ];
        const EXPECTED: &str = "an operator: =, !=, <, >, IN, LIKE, MATCHES, ISSUBSET, ISSUPERSET";
        match self.token {
            Token::Sign(sign) => {
                let operator = match sign {
                    "=" | "==" => (Operator::Equal, false),
                    "!=" | "<>" => (Operator::Equal, true),
                    "<" | ">" | "<=" | ">=" => (Operator::Order, false),
                    _ => return Err(self.wrong(EXPECTED)),
                };
                self.advance()?;
                values.push(self.literal()?);
                Ok(operator)
            }
            Token::Word(word) => {
                let known = WORDS.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
                let (_, operator) = known.ok_or_else(|| self.wrong(EXPECTED))?;
                self.advance()?;
                match operator {
                    Operator::Equal => self.set(values)?,
                    _ if matches!(self.token, Token::Text(_)) => values.push(self.literal()?),
                    _ => return Err(self.wrong("a text in single quotes")),
                }
                Ok((operator, false))
            }
            _ => Err(self.wrong(EXPECTED)),
        }
    }

    fn set(&mut self, values: &mut Vec<Literal<'t>>) -> Result<(), Wrong> {
        self.expect("(", "a list of values in parentheses")?;
        if self.sign(")")? {
            return Ok(());
        }
        loop {
            values.push(self.literal()?);
            if self.sign(")")? {
                return Ok(());
            }
            self.expect(",", "a comma or a closing parenthesis")?;
        }
    }

    fn literal(&mut self) -> Result<Literal<'t>, Wrong> {
        let is_truth = |word: &str| word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false");
        match &self.token {
            Token::Text(_) | Token::Typed(..) | Token::Number(_) => {}
            Token::Word(word) if is_truth(word) => {}
            _ => return Err(self.wrong("a value: a text in single quotes, a number, true, false")),
        }
        Ok(match self.advance()? {
            Token::Text(text) => Literal::Text(text),
            Token::Number(number) => Literal::Number(number),
            Token::Typed('h', digits) => Literal::Hex(digits),
            _ => Literal::Other,
        })
    }

    fn path(&mut self) -> Result<Path<'t>, Wrong> {
        const EXPECTED: &str = "an object path such as domain-name:value";
        let Token::Word(object) = self.token else { return Err(self.wrong(EXPECTED)) };
        self.advance()?;
        self.expect(":", "a colon behind the type of the object")?;
        let mut parts = vec![self.part()?];
        loop {
            if self.sign(".")? {
                parts.push(self.part()?);
            } else if self.sign("[")? {
                match self.token {
                    Token::Number(_) | Token::Sign("*") => self.advance()?,
                    _ => return Err(self.wrong("an index or a star")),
                };
                self.expect("]", "a bracket behind the index")?;
            } else {
                return Ok(Path { object, parts });
            }
        }
    }

    fn part(&mut self) -> Result<Cow<'t, str>, Wrong> {
        let part = match &self.token {
            Token::Word(word) => Cow::Borrowed(*word),
            Token::Text(text) => text.clone(),
            _ => return Err(self.wrong("the name of a property")),
        };
        self.advance()?;
        Ok(part)
    }
}
