//! Events: bytes and values come to the same, one by one and in blocks.

use std::cell::RefCell;
use std::sync::LazyLock;

use stormtag::FieldMap;

use crate::doors::{Doors, SAMPLE, SCHEMAS, check_lines};
use crate::grow::{Words, grow, words};

static WORDS: Words = Words::new(|| words(include_str!("../dictionaries/event.dict")));

/// One line, as bytes and as a value, in each schema. The workers are those of the inputs before: what they have seen changes no
/// answer, and a failure that does not come back with its input alone is one of that kind.
pub fn json(data: &[u8]) {
    thread_local! {
        static DOORS: RefCell<Vec<Doors>> =
            RefCell::new(SCHEMAS.iter().map(|&schema| Doors::new(&SAMPLE, schema, None)).collect());
    }
    let line = grow(data, &WORDS);
    DOORS.with_borrow_mut(|all| {
        for (doors, schema) in all.iter_mut().zip(SCHEMAS) {
            doors.check(&line).unwrap_or_else(|why| panic!("{schema}: {why}"));
        }
    });
}

/// Lines in blocks and one by one; with few fields, for a worker forgets in the time that they take.
pub fn lines(data: &[u8]) {
    static FIELDS: LazyLock<FieldMap> = LazyLock::new(|| {
        let text = "source.ip ip source\nid.orig_h ip source\nid.resp_h ip destination\nquery domain\nurl.full url\nts time\n\
            @timestamp time\nfile.hash.md5 md5\nhost host";
        FieldMap::parse("fuzz", text).expect("read once")
    });

    let lines: Vec<Vec<u8>> = data.split(|&byte| byte == b'\n').map(|line| grow(line, &WORDS)).collect();
    check_lines(&SAMPLE, &FIELDS, &lines).unwrap_or_else(|why| panic!("{why}"));
}
