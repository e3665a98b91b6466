//! URLs. The only module that knows the `url` crate.

use super::NotObservable;
use super::address::{address, v4_fast};
use super::name::{self, name};
use std::borrow::Cow;
use std::net::IpAddr;
use url::{ParseError, Url};

/// The longest URL, in bytes, before and after.
const LONGEST: usize = 8 << 10;

/// The byte is kept as it is in a path of http and https.
const PATH: u8 = 1;
/// The byte is kept as it is in a query of http and https.
const QUERY: u8 = 2;
/// The byte ends a segment of the path.
const SLASH: u8 = 4;
/// A segment that begins with this byte may stand for `.` or `..`. One bit above [`SLASH`], see [`kept`].
const DOT: u8 = SLASH << 1;

const CLASSES: [u8; 256] = classes();

/// The normal form of an absolute URL with a host: as the WHATWG URL standard writes it, but without user information and
/// fragment, and without a port that is the default of its scheme. Borrows from a text that is normal, else allocates.
///
/// * Scheme and host are case-folded; path and query are not, and keep their percent-encoding.
/// * User information is dropped since sensors mask it or leave it out; the fragment since it never leaves the browser.
/// * The host is a name or an address as [`name`] and [`address`] have it, whatever the scheme: `ldap://EVIL.example./a` too
///   has the host `evil.example`. For `http` and other schemes of the web an address may also be one number, octal or
///   hexadecimal (`http://0x7f.1/`), as browsers read it.
/// * Tabs and line ends within are dropped, and `\` is `/` in schemes of the web, as in browsers.
/// * What has no host is refused: `mailto:`, `data:`, `file:///`.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 8 KiB before or after, [`NotObservable::NotAUrl`].
#[inline]
pub(crate) fn url(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    if is_normal(text.as_bytes()) { Ok(Cow::Borrowed(text)) } else { to_normal(text) }
}

/// The host of a URL in normal form, without port and brackets. Empty for what is not one.
pub(crate) fn host(normal: &str) -> &str {
    let Some(colon) = memchr::memchr(b':', normal.as_bytes()) else { return "" };
    let after = normal.get(colon + 3..).unwrap_or_default();
    match after.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => {
            let end = memchr::memchr3(b'/', b':', b'?', after.as_bytes()).unwrap_or(after.len());
            after.get(..end).unwrap_or_default()
        }
    }
}

/// A URL in normal form without `?` and what follows.
pub(crate) fn without_query(normal: &str) -> &str {
    memchr::memchr(b'?', normal.as_bytes()).and_then(|at| normal.get(..at)).unwrap_or(normal)
}

/// Whether the text does not begin with a scheme: `evil.example/a`, `evil.example:8080/a`, `//evil.example`. What is told
/// from a scheme is a port: digits up to the end or the next `/`, `?`, `#`.
pub(crate) fn lacks_scheme(text: &str) -> bool {
    let text = text.trim_ascii_start();
    let Some((scheme, after)) = text.split_once(':') else { return true };
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        return true;
    }
    let port = after.split(['/', '?', '#']).next().unwrap_or_default().trim_ascii_end();
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands where the host of a URL does, in a text of which no more needs to be seen to know that it is one: if this is a name
/// in normal form, it is the host in normal form too. `None` for many that are URLs. Says also whether it is the one that is likely, which
/// costs less to see.
#[inline]
pub(crate) fn plain_host<'t>(text: &'t [u8], likely: &[u8]) -> Option<(&'t [u8], bool)> {
    // Three bytes for one are the most that encoding takes.
    let rest = text.strip_prefix(b"http").filter(|_| text.len() <= LONGEST / 3)?;
    let after = rest.strip_prefix(b"://").or_else(|| rest.strip_prefix(b"s://"))?;
    if let Some((host, [b'/', ..])) = after.split_at_checked(likely.len())
        && !host.is_empty()
        && host == likely
    {
        return Some((host, true));
    }
    Some((after.get(..memchr::memchr(b'/', after).unwrap_or(after.len()))?, false))
}

/// Whether the bytes are surely a URL in normal form. It says no to some that are: other schemes, IPv6 hosts, rare bytes.
#[inline]
pub(crate) fn is_normal(text: &[u8]) -> bool {
    let (after, default_port) = if let Some(after) = text.strip_prefix(b"http://") {
        (after, 80)
    } else if let Some(after) = text.strip_prefix(b"https://") {
        (after, 443)
    } else {
        return false;
    };
    if text.len() > LONGEST {
        return false;
    }
    let Some(end) = after.iter().position(|&byte| byte == b'/' || byte == b':') else { return false };
    let Some((host, mut rest)) = after.split_at_checked(end) else { return false };
    if let Some(after) = rest.strip_prefix(b":") {
        let digits = after.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        let Some((port, path)) = after.split_at_checked(digits) else { return false };
        let value = port.iter().fold(0, |value, &digit| 10 * value + u32::from(digit - b'0'));
        if !(1..=65535).contains(&value) || value == default_port || port.first() == Some(&b'0') {
            return false;
        }
        rest = path;
    }
    rest.first() == Some(&b'/') && (name::is_normal(host) || v4_fast(host).is_some()) && kept(rest)
}

/// Whether the url crate keeps a path, with the query after it, as it is.
#[inline]
fn kept(path: &[u8]) -> bool {
    let mut before = 0;
    let mut dots = 0;
    let mut length = path.len();
    for (at, &byte) in path.iter().enumerate() {
        let class = class(byte);
        if class & PATH == 0 {
            length = at;
            break;
        }
        // A slash moves up to where the class of the byte after it says dot.
        dots |= (before << 1) & class;
        before = class & SLASH;
    }
    let Some((path, query)) = path.split_at_checked(length) else { return false };
    if dots != 0 && path.split(|&byte| byte == b'/').any(is_dots) {
        return false;
    }
    match query.split_first() {
        None => true,
        Some((b'?', query)) => query.iter().all(|&byte| class(byte) & QUERY != 0),
        Some(_) => false,
    }
}

/// Whether a segment of a path stands for itself or its parent. `%2e` is a dot too.
fn is_dots(segment: &[u8]) -> bool {
    let mut rest = segment;
    while !rest.is_empty() {
        match rest {
            [b'.', after @ ..] | [b'%', b'2', b'e' | b'E', after @ ..] => rest = after,
            _ => return false,
        }
    }
    // Three dots and more are a name; they go the slow way for nothing, and are rare.
    !segment.is_empty()
}

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        // Fewer than the standard keeps: it has changed its mind on `^` and may on others of that sort.
        let both = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+')
            || matches!(byte, b',' | b';' | b'=' | b':' | b'@' | b'%' | b'/' | b'[' | b']' | b'|');
        // The one byte of which the index is constant, and known to be in bounds, is the one of this loop.
        #[allow(clippy::indexing_slicing)]
        {
            classes[at] = match byte {
                b'/' => PATH | QUERY | SLASH,
                b'.' | b'%' => PATH | QUERY | DOT,
                b'\'' => PATH,
                b'?' | b'{' | b'}' | b'`' => QUERY,
                _ if both => PATH | QUERY,
                _ => 0,
            };
        }
        at += 1;
    }
    classes
}

#[inline(never)]
fn to_normal(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    if text.len() > LONGEST {
        return Err(NotObservable::TooLong);
    }
    if text.trim_ascii().is_empty() {
        return Err(NotObservable::Empty);
    }
    // The url crate decodes the host before it knows how long it is, and that takes time with the square of a label.
    if name::has_long_label(written_host(text)) {
        return Err(NotObservable::NotAUrl);
    }
    let (parsed, host) = match Url::parse(text) {
        Ok(parsed) => {
            let host = parsed.host_str().and_then(normal_host);
            (parsed, host)
        }
        // Punycode that is not valid: `name` keeps it, so a URL has to keep it as well.
        Err(ParseError::IdnaError) => with_stand_in(text).ok_or(NotObservable::NotAUrl)?,
        Err(_) => return Err(NotObservable::NotAUrl),
    };
    let host = host.ok_or(NotObservable::NotAUrl)?;
    let mut normal = String::with_capacity(parsed.as_str().len() + host.len());
    normal.push_str(parsed.scheme());
    normal.push_str("://");
    normal.push_str(&host);
    if let Some(port) = parsed.port() {
        normal.push(':');
        normal.push_str(&port.to_string());
    }
    normal.push_str(parsed.path());
    if let Some(query) = parsed.query() {
        normal.push('?');
        normal.push_str(query);
    }
    if normal.len() > LONGEST {
        return Err(NotObservable::TooLong);
    }
    Ok(if normal == text { Cow::Borrowed(text) } else { Cow::Owned(normal) })
}

/// Where the host of the text is, with the port, if it has one at all: between the slashes after the scheme and the next.
fn written_host(text: &str) -> &str {
    let after = text.split_once(':').map_or("", |(_, after)| after);
    let after = after.trim_start_matches(['/', '\\', '\t', '\n', '\r']);
    let authority = after.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// The host as names and addresses have it, in brackets where it has colons.
fn normal_host(host: &str) -> Option<String> {
    if host.starts_with('[') || host.ends_with(|c: char| c.is_ascii_digit()) {
        match address(host) {
            Ok(IpAddr::V4(address)) => return Some(address.to_string()),
            Ok(IpAddr::V6(address)) => return Some(format!("[{address}]")),
            Err(_) => {}
        }
    }
    if host.contains('%') {
        // Schemes outside the web keep the host percent-encoded.
        let host = percent_decoded(host)?;
        return name(&host).ok().map(Cow::into_owned);
    }
    name(host).ok().map(Cow::into_owned)
}

/// Reads a URL whose host only [`name`] accepts, with another host in its place.
fn with_stand_in(text: &str) -> Option<(Url, Option<String>)> {
    let (scheme, after) = text.split_once("://")?;
    let end = after.find(['/', '\\', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at_checked(end)?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let parsed = Url::parse(&format!("{scheme}://host.invalid:{port}{rest}")).ok()?;
    let host = host.is_ascii().then(|| name(host).ok()).flatten()?;
    Some((parsed, Some(host.into_owned())))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let half = |digit: u8| char::from(digit).to_digit(16);
                (half(*high)? << 4 | half(*low)?) as u8
            }
            (b'%', _) => return None,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn brings_urls_to_one_form() {
        for (text, expected) in [
            ("http://evil.example/", "http://evil.example/"),
            ("HTTP://EVIL.Example", "http://evil.example/"),
            ("http://evil.example.:80/A?B=c#d", "http://evil.example/A?B=c"),
            ("https://jo:secret@evil.example:443/", "https://evil.example/"),
            ("https://evil.example:8443/%7Ea", "https://evil.example:8443/%7Ea"),
            ("http://evil.example/a/../b/./c/%2e%2E/d", "http://evil.example/b/d"),
            ("http://evil.example/...", "http://evil.example/..."),
            ("http://evil.example/.git/a.", "http://evil.example/.git/a."),
            ("http:\\\\evil.example\\a b", "http://evil.example/a%20b"),
            (" http://evil.ex\tample/a\nb ", "http://evil.example/ab"),
            ("http://bücher.example/ü?ü", "http://xn--bcher-kva.example/%C3%BC?%C3%BC"),
            ("http://_x_.evil.example/", "http://_x_.evil.example/"),
            ("http://ev%69l.example/", "http://evil.example/"),
            (
                "http://XN--not-punycode-9999999999.example:81/A?b#c",
                "http://xn--not-punycode-9999999999.example:81/A?b",
            ),
            ("http://a:b@xn--not-punycode-9999999999.example", "http://xn--not-punycode-9999999999.example/"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://192.0.2.1:80/", "http://192.0.2.1/"),
            ("http://[2001:DB8::0:1]:8080/", "http://[2001:db8::1]:8080/"),
            ("http://[::ffff:192.0.2.1]/", "http://192.0.2.1/"),
            ("ldap://EVIL.example.:389/A", "ldap://evil.example:389/A"),
            ("ldap://b%C3%BCcher.example", "ldap://xn--bcher-kva.example"),
            ("tcp://[::FFFF:192.0.2.1]:4444", "tcp://192.0.2.1:4444"),
            ("ws://evil.example:80/", "ws://evil.example/"),
            ("ftp://evil.example:21", "ftp://evil.example/"),
            ("file://evil.example/share", "file://evil.example/share"),
            ("http://evil.example/?", "http://evil.example/?"),
            ("http://evil.example?a=http://b", "http://evil.example/?a=http://b"),
        ] {
            assert_eq!(url(text).as_deref(), Ok(expected), "{text}");
            assert!(matches!(url(expected), Ok(Cow::Borrowed(_))), "{expected}");
        }
    }

    #[test]
    fn refuses_what_is_no_url_with_a_host() {
        for text in [
            "-",
            "evil.example",
            "evil.example/a",
            "/a",
            "mailto:a@evil.example",
            "data:text/plain,a",
            "file:///etc/passwd",
            "http://",
            "http:///",
            "http://a..b/",
            "http://.a/",
            "http://a,b/",
            "http://*.a/",
            "http://a:99999/",
            "http://1.2.3.256/",
            "http://a.1/",
            "ldap://0x7f.1/",
            "http://[::1/",
            "ldap://a%zz/",
            "ldap://a%2",
            "ldap://%00/",
            "http://a b/",
            "http://xn--9999999999999-9999999999.1/",
            "x:///a",
            "://a",
        ] {
            assert_eq!(url(text), Err(NotObservable::NotAUrl), "{text}");
        }
        assert_eq!(url(" "), Err(NotObservable::Empty));
    }

    #[test]
    fn keeps_to_the_limit_before_and_after() {
        let base = "http://evil.example/";
        assert!(url(&format!("{base}{}", "a".repeat(LONGEST - base.len()))).is_ok());
        assert_eq!(url(&format!("{base}{}", "a".repeat(LONGEST + 1 - base.len()))), Err(NotObservable::TooLong));
        assert_eq!(url(&format!("{base}{}", "\"".repeat(LONGEST / 2))), Err(NotObservable::TooLong));
    }

    #[test]
    fn hosts_that_take_long_to_decode_are_refused_before() {
        let label: String = ('\u{4e00}'..).take(900).collect();
        for text in [
            format!("http://{label}/"),
            format!("http:\\\\a@b.{label}:80"),
            format!("http://xn--{}/", "a1".repeat(900)),
        ] {
            assert!(name::has_long_label(written_host(&text)), "{text}");
            assert_eq!(url(&text), Err(NotObservable::NotAUrl));
        }
        assert_eq!(written_host("HTTP:\\\\a@b:80\\c@d"), "b:80");
    }

    #[test]
    fn ordinary_urls_go_the_fast_way() {
        for text in [
            "http://evil.example/",
            "https://evil.example/a/b.php?id=1&x=%20[y]",
            "http://192.0.2.1:8080/bin.sh",
            "http://evil.example/.well-known/..a/a../%20",
            "http://xn--bcher-kva.example/",
        ] {
            assert!(is_normal(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn every_byte_the_fast_way_keeps_is_kept() {
        for byte in 0..0x80u8 {
            for place in [
                "/@",
                "/a@b",
                "/a@",
                "/.@",
                "/..@",
                "/@.",
                "/%2@",
                "/%@e",
                "/@/",
                "/?@",
                "/?a@b",
                "/a?@/../b",
                "/@@",
                "/.@/",
                "/:@",
            ] {
                let text = format!("http://evil.example{}", place.replace('@', &char::from(byte).to_string()));
                if is_normal(text.as_bytes()) {
                    assert_eq!(Url::parse(&text).unwrap().as_str(), text);
                }
            }
        }
    }

    #[test]
    fn helpers_find_their_way() {
        for (text, inside, without) in [
            ("http://evil.example/a?b?c", "evil.example", "http://evil.example/a"),
            ("http://evil.example:81/a:b", "evil.example", "http://evil.example:81/a:b"),
            ("http://[::1]:81/", "::1", "http://[::1]:81/"),
            ("ldap://evil.example", "evil.example", "ldap://evil.example"),
            ("ldap://evil.example?a", "evil.example", "ldap://evil.example"),
            ("", "", ""),
        ] {
            assert_eq!((host(text), without_query(text)), (inside, without), "{text}");
        }
        for text in [
            "evil.example",
            "evil.example/a",
            "evil.example:8080",
            "evil.example:8080/a",
            "localhost:80?a",
            "//evil.example",
            "[::1]/a",
            "192.0.2.1:80/a",
            "evil.example/?u=http://a",
            "_a.b:c",
            "",
        ] {
            assert!(lacks_scheme(text), "{text}");
        }
        for text in [
            "http://evil.example",
            "HTTP:\\\\a",
            "ldap://a",
            "mailto:a@b",
            "data:,a",
            "http:evil.example",
            " http://a",
            "a:",
        ] {
            assert!(!lacks_scheme(text), "{text}");
        }
    }

    fn urls() -> impl Strategy<Value = String> {
        let host = "[a-z0-9._-]{1,20}|[a-zA-Zü]{1,8}(\\.[A-Za-z0-9]{1,8}){0,2}\\.?|xn--[a-z0-9-]{1,10}\\.[a-z]{2}\
                    |[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9a-f:.]{2,12}\\]|(0x)?[0-9a-f.]{1,9}|[a-z%0-9]{1,9}";
        let port = "|:[0-9]{0,6}|:80|:443|:0|:080";
        let rest = "|/|(/[a-zA-Z0-9._~%-]{0,6}){0,5}|(/(\\.|%2e|%2E|a){0,3}){1,4}|/[ -~]{0,12}|/\\PC{0,8}";
        let query = "|\\?[ -~]{0,12}|#[a-z]{0,3}|\\?\\PC{0,6}";
        let scheme = "https?://|HTTP://|ftp://|wss?://|ldap://|http:/|[a-z]{1,5}://|http://[a-z]{0,3}(:[a-z]{0,2})?@";
        (scheme, host, port, rest, query).prop_map(|(a, b, c, d, e)| format!("{a}{b}{c}{d}{e}"))
    }

    proptest! {
        #[test]
        fn a_plain_host_is_the_host(
            scheme in prop::sample::select(vec!["http://", "https://", "http:/", "HTTP://", "https:///", "httpss://"]),
            host in "([a-zA-Z0-9_.@:%?#\\\\-]|xn--|[äß。\t]){0,20}",
            rest in "(/\\PC{0,30})?",
        ) {
            let text = format!("{scheme}{host}{rest}");
            if let Some((host, _)) = plain_host(text.as_bytes(), b"").filter(|(host, _)| name::is_normal(host)) {
                assert_eq!(plain_host(text.as_bytes(), host).map(|(again, _)| again), Some(host));
                let normal = url(&text).map_err(|why| TestCaseError::fail(format!("{text}: {why}")))?;
                prop_assert_eq!(super::host(&normal).as_bytes(), host, "{}", text);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8192))]

        #[test]
        fn what_goes_the_fast_way_is_kept_by_the_slow(text in urls()) {
            if is_normal(text.as_bytes()) {
                match Url::parse(&text) {
                    Ok(parsed) => prop_assert_eq!(parsed.as_str(), &text),
                    Err(error) => prop_assert!(error == ParseError::IdnaError && text.contains("xn--"), "{} {}", error, text),
                }
                let slow = to_normal(&text);
                prop_assert_eq!(slow.as_deref(), Ok(&*text));
            }
        }

        #[test]
        fn a_normal_form_is_its_own(text in prop_oneof![9 => urls(), 1 => "\\PC{0,40}"]) {
            if let Ok(once) = url(&text) {
                let twice = url(&once);
                prop_assert_eq!(twice.as_deref(), Ok(&*once), "{}", text);
                let inside = host(&once);
                let same = match address(inside) {
                    Ok(address) => address.to_string(),
                    Err(_) => name(inside).map(Cow::into_owned).unwrap_or_default(),
                };
                prop_assert_eq!(same, inside);
                prop_assert!(once.starts_with(without_query(&once)));
                prop_assert!(!lacks_scheme(&once));
            }
        }

        #[test]
        fn a_name_is_the_same_in_a_url(text in "[a-zA-Z0-9_-]{1,10}(\\.[a-zA-Z0-9_-]{1,10}){0,2}\\.?|(xn--[a-z0-9-]{1,10}\\.){1,2}[a-z]{2}|[a-zü例。.-]{1,10}") {
            if let Ok(alone) = name(&text) {
                for scheme in ["http", "ldap"] {
                    let whole = url(&format!("{scheme}://{text}/a")).map(Cow::into_owned);
                    prop_assert_eq!(whole, Ok(format!("{scheme}://{alone}/a")));
                }
            }
        }
    }
}
