//! Text to normal form (stand-in until the real one lands).
use std::borrow::Cow;
use std::net::IpAddr;
/// Why a text is no value of its kind.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum NotObservable {
    #[error("x")]
    Empty,
    #[error("x")]
    TooLong,
    #[error("x")]
    NotAnAddress,
    #[error("x")]
    NotAName,
    #[error("x")]
    NotAUrl,
    #[error("x")]
    NotADigest,
    #[error("x")]
    NotAnEmail,
    #[error("x")]
    UnknownKind,
    #[error("x")]
    Unsupported,
    #[error("x")]
    PrefixNotAtSlash,
    #[error("x")]
    PathWithoutHost,
}
pub(crate) fn address(text: &str) -> Result<IpAddr, NotObservable> {
    text.trim().parse::<IpAddr>().map(|a| a.to_canonical()).map_err(|_| NotObservable::NotAnAddress)
}
pub(crate) fn name(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let t = text.trim_end_matches('.').to_ascii_lowercase();
    if t.is_empty() || t.bytes().any(|b| !(b.is_ascii_alphanumeric() || b"._-".contains(&b))) || t.ends_with(|c: char| c.is_ascii_digit()) { return Err(NotObservable::NotAName) }
    Ok(if t == text { Cow::Borrowed(text) } else { Cow::Owned(t) })
}
pub(crate) fn url(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let mut u = url::Url::parse(text).map_err(|_| NotObservable::NotAUrl)?;
    if !u.has_host() { return Err(NotObservable::NotAUrl) }
    u.set_fragment(None);
    Ok(if u.as_str() == text { Cow::Borrowed(text) } else { Cow::Owned(u.to_string()) })
}
pub(crate) fn url_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |x| x.1);
    let authority = rest.split(['/', '?']).next().unwrap_or("");
    authority.rsplit_once(':').map_or(authority, |x| x.0)
}
pub(crate) fn hex(text: &str, out: &mut [u8]) -> Result<(), NotObservable> {
    if text.len() != out.len() * 2 { return Err(NotObservable::NotADigest) }
    for (i, b) in out.iter_mut().enumerate() {
        *b = text.get(2 * i..2 * i + 2).and_then(|h| u8::from_str_radix(h, 16).ok()).ok_or(NotObservable::NotADigest)?;
    }
    Ok(())
}
pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
pub(crate) fn email(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    if text.contains('@') { Ok(Cow::Borrowed(text)) } else { Err(NotObservable::NotAnEmail) }
}
pub(crate) fn word(kind: crate::Kind, text: &str) -> Result<Cow<'_, str>, NotObservable> {
    if kind == crate::Kind::Asn { let t = text.trim_start_matches(['A', 'S', 'a', 's']); return Ok(Cow::Borrowed(t)); }
    Ok(Cow::Borrowed(text))
}
pub(crate) fn text(text: &str) -> Result<Cow<'_, str>, NotObservable> { Ok(Cow::Owned(text.to_ascii_lowercase())) }

pub(crate) fn without_query(url: &[u8]) -> &[u8] { memchr::memchr(b'?', url).map_or(url, |at| &url[..at]) }
