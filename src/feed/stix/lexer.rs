//! Tokens of STIX patterns.

use std::borrow::Cow;

use super::grammar::Wrong;

/// A token; what it borrows is the pattern.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'t> {
    /// A keyword, or a part of an object path.
    Word(&'t str),
    /// A text in quotes, its escapes undone.
    Text(Cow<'t, str>),
    /// `t'…'`, `h'…'`, `b'…'`: the letter, and what stands in the quotes.
    Typed(char, Cow<'t, str>),
    /// A number as it is written.
    Number(&'t str),
    /// Whatever else there is: brackets, operators, punctuation.
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 17] = ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "[", "]", "(", ")", ":", ".", ",", "*", "+"];

pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the token that was taken last ends, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token and where it begins, in bytes. After the last there is [`Token::End`], time and again.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'t>), Wrong> {
        self.skip()?;
        let (start, rest) = (self.at, self.rest());
        let Some(first) = rest.chars().next() else { return Ok((start, Token::End)) };
        let token = match first {
            '\'' => Token::Text(self.text()?),
            't' | 'h' | 'b' if rest.get(1..2) == Some("'") => {
                self.at += 1;
                Token::Typed(first, self.text()?)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                // The grammar has hyphens in the type of an object only; feeds write `hashes.SHA-256` as well.
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'));
                Token::Word(self.take(end.unwrap_or(rest.len())))
            }
            '0'..='9' | '-' => {
                let is_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
                let number = self.take(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
                if number.parse::<f64>().is_err() {
                    return Err(Wrong { at: start, expected: "a number" });
                }
                Token::Number(number)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or(Wrong { at: start, expected: "a sign of the pattern language" })?;
                self.take(sign.len());
                Token::Sign(sign)
            }
        };
        Ok((start, token))
    }

    fn take(&mut self, length: usize) -> &'t str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    /// Passes over white space and comments.
    fn skip(&mut self) -> Result<(), Wrong> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("/*") {
                let unclosed = Wrong { at: self.at, expected: "an end of the comment" };
                self.at += trimmed.find("*/").ok_or(unclosed)? + 2;
            } else if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else {
                return Ok(());
            }
        }
    }

    /// A text whose opening quote is next. `\'` and `\\` stand for the second of the two; any other backslash, which the grammar
    /// does not have and feeds do, stands for itself.
    fn text(&mut self) -> Result<Cow<'t, str>, Wrong> {
        let start = self.at;
        self.at += 1;
        let body = self.rest();
        let mut undone: Option<String> = None;
        let mut from = 0;
        let mut at = 0;
        while let Some(more) = body.as_bytes().get(at..).and_then(|rest| memchr::memchr2(b'\'', b'\\', rest)) {
            at += more;
            let so_far = body.get(from..at).unwrap_or_default();
            if body.as_bytes().get(at) == Some(&b'\'') {
                self.at += at + 1;
                return Ok(match undone {
                    None => Cow::Borrowed(so_far),
                    Some(undone) => Cow::Owned(undone + so_far),
                });
            }
            let escaped = body.as_bytes().get(at + 1);
            if matches!(escaped, Some(b'\'' | b'\\')) {
                let undone = undone.get_or_insert_default();
                undone.push_str(so_far);
                from = at + 1;
            }
            at += 1 + usize::from(matches!(escaped, Some(b'\'' | b'\\')));
        }
        Err(Wrong { at: start, expected: "a closing quote" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Token<'_>>, Wrong> {
        let mut lexer = Lexer::new(text);
        let mut all = Vec::new();
        loop {
            match lexer.next()?.1 {
                Token::End => return Ok(all),
                token => all.push(token),
            }
        }
    }

    #[test]
    fn tokens_of_all_sorts() {
        let text = r"[file:hashes.SHA-256=='a\'b\\c\d'/* x */AND x!=-1.5e3]// end
            t'2024' h'ff'tt";
        let expected = [
            Token::Sign("["),
            Token::Word("file"),
            Token::Sign(":"),
            Token::Word("hashes"),
            Token::Sign("."),
            Token::Word("SHA-256"),
            Token::Sign("=="),
            Token::Text(r"a'b\c\d".into()),
            Token::Word("AND"),
            Token::Word("x"),
            Token::Sign("!="),
            Token::Number("-1.5e3"),
            Token::Sign("]"),
            Token::Typed('t', "2024".into()),
            Token::Typed('h', "ff".into()),
            Token::Word("tt"),
        ];
        assert_eq!(all(text).unwrap(), expected);
        assert!(matches!(all("'plain'").unwrap()[..], [Token::Text(Cow::Borrowed("plain"))]));
        for (text, at) in [("a 'b", 2), ("a 'b\\'", 2), ("a /* b", 2), ("ab ?", 3), ("1.2.3", 0), ("é", 0)] {
            assert_eq!(all(text).unwrap_err().at, at, "{text}");
        }
    }
}
