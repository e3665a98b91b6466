//! Tables: CSV and TSV with a header.

use std::io::{self, BufRead};
use std::path::Path;

use crate::error::Error;
use crate::feed::columns::Columns;
use crate::feed::gathering::Gathering;
use crate::feed::rows::{Cells, Rows};
use crate::feed::table::{Header, Table};
use crate::feed::value::unquote;
use crate::feed::{Defaults, Feed, Reason};

/// Reads a table; `columns` says where what is, or the header is guessed.
///
/// A cell with several values, as `"sha256,sha1,md5"`, gives as many indicators. Cells that cannot be read are counted in
/// [`Feed::ignored`], their row is kept. Lines that begin with `#` are comments.
pub(super) fn read(
    reader: impl BufRead,
    path: &Path,
    delimiter: char,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Feed, Error> {
    let mut gathering = Gathering::new(path, defaults);
    let mut rows = Rows::new(reader, delimiter);
    let failed = read_rows(&mut rows, &mut gathering, delimiter, columns, defaults)?;
    gathering.finish(rows.number(), failed)
}

/// Why reading broke off, or nothing at the end of the file.
fn read_rows(
    rows: &mut Rows<impl BufRead>,
    gathering: &mut Gathering<'_>,
    delimiter: char,
    columns: Option<&Columns>,
    defaults: &Defaults,
) -> Result<Option<io::Error>, Error> {
    let mut cells = Cells::default();
    let mut next = match rows.next(&mut cells, gathering) {
        Ok(row) => row,
        Err(error) => return Ok(Some(error)),
    };
    let Some(first) = next else { return Ok(None) };
    let mut commented = Cells::default();
    commented.split(&rows.comment, delimiter);
    let names: Vec<&str> = cells.iter().map(unquote).collect();
    let header = match Header::of(&names, columns) {
        Ok(header) => {
            gathering.pass(first, &names.join(","), Reason::NoContent);
            next = match rows.next(&mut cells, gathering) {
                Ok(row) => row,
                Err(error) => return Ok(Some(error)),
            };
            header
        }
        // abuse.ch writes its header as the last of the comments.
        Err(message) => {
            let names: Vec<&str> = commented.iter().map(unquote).collect();
            Header::of(&names, columns).map_err(|_| gathering.error(first, message))?
        }
    };

    let mut table = Table::new(header, gathering, defaults);
    while let Some(line) = next {
        table.row(gathering, line, |column| cells.get(column));
        next = match rows.next(&mut cells, gathering) {
            Ok(row) => row,
            Err(error) => return Ok(Some(error)),
        };
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Record, Tlp};

    fn feed(text: &str, columns: Option<&Columns>) -> Result<Feed, Error> {
        let defaults = Defaults { time_to_live: Some(86_400), ..Record::new("test").into() };
        read(text.as_bytes(), Path::new("test.csv"), ',', columns, &defaults)
    }

    #[test]
    fn bad_cells_do_not_lose_their_row() {
        let text = "ioc,confidence,last_seen,tlp\na.example,300,soon,RED\nb.example,high,2024-01-03,red\n";
        let feed = feed(text, None).unwrap();
        assert_eq!(feed.indicators.len(), 2);
        assert_eq!(feed.ignored.total(), 2);
        let [first, second] = [0, 1].map(|at: usize| &feed.indicators[at].record);
        assert_eq!((first.confidence, first.tlp, first.valid_until), (50, Some(Tlp::Red), None));
        assert_eq!((second.confidence, second.valid_until), (85, Some(1_704_240_000 + 86_400)));
    }

    #[test]
    fn a_header_may_hide_in_a_comment_and_imply_the_kind() {
        let text = "# A feed\n# id,dateadded,url,tags\n1,2024-01-03 10:00:00,http://a.example/x,elf\n";
        let feed = feed(text, None).unwrap();
        assert_eq!(feed.indicators[0].pattern.to_string(), "http://a.example/x");
        assert_eq!(feed.indicators[0].record.valid_until, Some(1_704_276_000 + 86_400));
    }

    #[test]
    fn a_wrong_column_is_named_with_those_there_are() {
        let columns = Columns { value: Some("ioc".into()), actor: Some("who".into()), ..Columns::default() };
        let error = feed("ioc,actor\na.example,x\n", Some(&columns)).unwrap_err().to_string();
        assert!(error.contains("\"who\"") && error.contains("ioc, actor"), "{error}");
        let error = feed("a,b\nc,d\n", None).unwrap_err().to_string();
        assert!(error.contains("the columns are: a, b"), "{error}");
    }

    #[test]
    fn withdrawn_and_empty_rows_are_counted() {
        let text = "value,active\na.example,FALSE\n,TRUE\nb.example,TRUE\nc.example\n";
        let feed = feed(text, None).unwrap();
        let counts: Vec<_> = feed.rejected.counts().collect();
        assert_eq!(feed.indicators.len(), 2);
        assert_eq!(counts, [(Reason::NoValue, 1), (Reason::Revoked, 1)]);
    }
}
