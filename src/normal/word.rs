//! Words and texts: what is compared as it is written, once case and wrapping are out of the way.

use super::NotObservable;
use super::name::name;
use crate::observable::Kind;
use std::borrow::Cow;

/// The longest word, in bytes.
const LONGEST_WORD: usize = 1 << 10;

/// The longest text, in bytes: the longest command line of Windows is 32,767 characters.
pub(crate) const LONGEST_TEXT: usize = 32 << 10;

/// Digits of a JARM fingerprint.
const JARM: usize = 62;

/// The shape of a JA4 fingerprint: a letter stands for its class in [`has_class`], all else for itself.
///
/// The two characters of the version are not always digits: `s2`, `s3` are SSL, `d1` to `d3` DTLS, `00` unknown
/// (FoxIO, "JA4 technical details").
const JA4: &[u8; 36] = b"PVNEnnnnAA_hhhhhhhhhhhh_hhhhhhhhhhhh";

/// A word in the normal form of its kind.
///
/// # Errors
///
/// Those of the kind; [`NotObservable::Unsupported`] for a kind that is no word.
pub(crate) fn word(kind: Kind, text: &str) -> Result<Cow<'_, str>, NotObservable> {
    match kind {
        Kind::Email => email(text),
        Kind::Ja4 => ja4(text),
        Kind::Jarm => jarm(text),
        Kind::Asn => asn(text),
        Kind::FileName => file_name(text),
        Kind::Mutex => mutex(text),
        Kind::UserName => user_name(text),
        _ => Err(NotObservable::Unsupported),
    }
}

/// `local@domain`: the domain as a name in normal form, the local part as it is, since only its own server knows whether case
/// matters there. Taken off: `mailto:` with what follows `?`, a display name, angle brackets, white space around.
///
/// A quoted local part with spaces and an address literal (`a@[192.0.2.1]`) are refused.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 1 KiB, [`NotObservable::NotAnEmail`].
pub(crate) fn email(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let mut text = bounded(text.trim_ascii(), LONGEST_WORD)?;
    if let Some(inside) = text.strip_suffix('>') {
        let (_, inside) = inside.rsplit_once('<').ok_or(NotObservable::NotAnEmail)?;
        text = inside.trim_ascii();
    }
    if let Some((scheme, address)) = text.split_once(':')
        && scheme.eq_ignore_ascii_case("mailto")
    {
        text = address.split_once('?').map_or(address, |(address, _)| address);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(NotObservable::NotAnEmail)?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '@' | ':' | ',' | ';');
    if local.is_empty() || local.contains(odd) || domain.starts_with(odd) || domain.ends_with(odd) {
        return Err(NotObservable::NotAnEmail);
    }
    match name(domain).map_err(|_| NotObservable::NotAnEmail)? {
        // The domain as it stands, or without its final dot.
        Cow::Borrowed(domain) => Ok(text
            .get(..local.len() + 1 + domain.len())
            .map_or_else(|| Cow::Owned(format!("{local}@{domain}")), Cow::Borrowed)),
        Cow::Owned(domain) => {
            let whole = format!("{local}@{domain}");
            bounded(&whole, LONGEST_WORD)?;
            Ok(Cow::Owned(whole))
        }
    }
}

/// A JA4 fingerprint in lower case.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 1 KiB, [`NotObservable::NotAJa4`].
fn ja4(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let found = lower(bounded(text.trim_ascii(), LONGEST_WORD)?);
    if found.len() == JA4.len() && found.bytes().zip(JA4).all(|(byte, &class)| has_class(byte, class)) {
        Ok(found)
    } else {
        Err(NotObservable::NotAJa4)
    }
}

/// A JARM fingerprint in lower case.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 1 KiB, [`NotObservable::NotAJarm`].
fn jarm(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let text = bounded(text.trim_ascii(), LONGEST_WORD)?;
    if text.len() == JARM && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(lower(text))
    } else {
        Err(NotObservable::NotAJarm)
    }
}

/// The number of an autonomous system, in decimal, without leading zeros: `AS64500`, `asn64500`, `AS 64500` and `64500` are all
/// `64500`. The dotted notation of RFC 5396 is refused: `1.10` is as likely to be a version.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 1 KiB, [`NotObservable::NotAnAsn`].
fn asn(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let text = bounded(text.trim_ascii(), LONGEST_WORD)?;
    let prefix = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (prefix, number) = text.split_at_checked(prefix).ok_or(NotObservable::NotAnAsn)?;
    if !["", "as", "asn"].iter().any(|known| prefix.eq_ignore_ascii_case(known)) {
        return Err(NotObservable::NotAnAsn);
    }
    let number = number.trim_ascii_start();
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotObservable::NotAnAsn);
    }
    let value: u32 = number.parse().map_err(|_| NotObservable::NotAnAsn)?;
    let short = number.trim_start_matches('0');
    Ok(Cow::Borrowed(if value == 0 { "0" } else { short }))
}

/// A file name in ASCII lower case, white space around taken off. A path before it is kept: what is a separator depends on
/// the system it came from, and the field that holds it is the one to know.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 1 KiB.
fn file_name(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    bounded(text.trim_ascii(), LONGEST_WORD).map(lower)
}

/// The name of a mutex, as it is: the system compares it byte by byte.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 1 KiB.
fn mutex(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    bounded(text, LONGEST_WORD).map(Cow::Borrowed)
}

/// A user name, white space around taken off. Case is kept: Unix tells `root` from `Root`.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 1 KiB.
fn user_name(text: &str) -> Result<Cow<'_, str>, NotObservable> {
    bounded(text.trim_ascii(), LONGEST_WORD).map(Cow::Borrowed)
}

/// A command line, path, user agent or script in ASCII lower case. White space is kept: it can be what is searched for. Of registry keys the
/// root is written short as well (`hklm`), the part of a user is `hkcu`, and a backslash at the end is taken off.
///
/// # Errors
///
/// [`NotObservable::Empty`], [`NotObservable::TooLong`] over 32 KiB.
pub(crate) fn text(kind: Kind, text: &str) -> Result<Cow<'_, str>, NotObservable> {
    let lower = bounded(text, LONGEST_TEXT).map(lower)?;
    if kind == Kind::RegistryKey { registry_key(lower) } else { Ok(lower) }
}

/// `HKEY_LOCAL_MACHINE\…`, `\REGISTRY\MACHINE\…` and `HKLM\…` are one, and so is what stands below the identifier of a user, as Sysmon
/// writes it, and `HKEY_CURRENT_USER`.
fn registry_key(key: Cow<'_, str>) -> Result<Cow<'_, str>, NotObservable> {
    const ROOTS: [(&str, &str); 7] = [
        ("hkey_local_machine", "hklm"),
        ("hkey_current_user", "hkcu"),
        ("hkey_classes_root", "hkcr"),
        ("hkey_users", "hku"),
        ("hkey_current_config", "hkcc"),
        (r"\registry\machine", "hklm"),
        (r"\registry\user", "hku"),
    ];
    let key = match key {
        Cow::Borrowed(key) => Cow::Borrowed(key.trim_ascii().trim_end_matches('\\')),
        Cow::Owned(key) => Cow::Owned(key.trim_ascii().trim_end_matches('\\').to_owned()),
    };
    let below = |root: &str| key.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('\\'));
    let short = ROOTS.iter().find_map(|(root, short)| Some(format!("{short}{}", below(root)?)));
    let key = short.map_or(key, Cow::Owned);
    let of_user = key.strip_prefix(r"hku\s-1-").and_then(|rest| {
        let end = rest.find('\\').unwrap_or(rest.len());
        let (id, rest) = rest.split_at_checked(end)?;
        id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-').then(|| format!("hkcu{rest}"))
    });
    let key = of_user.map_or(key, Cow::Owned);
    if key.is_empty() { Err(NotObservable::Empty) } else { Ok(key) }
}

/// Whether it has a normal form, without making one.
pub(crate) fn check_text(text: &str) -> Result<(), NotObservable> {
    bounded(text, LONGEST_TEXT).map(drop)
}

fn bounded(text: &str, longest: usize) -> Result<&str, NotObservable> {
    if text.len() > longest {
        Err(NotObservable::TooLong)
    } else if text.trim_ascii_start().is_empty() {
        Err(NotObservable::Empty)
    } else {
        Ok(text)
    }
}

fn lower(text: &str) -> Cow<'_, str> {
    // Whole blocks without a way out of them: this the compiler turns into vector code.
    let upper = |block: &[u8]| block.iter().fold(false, |found, byte| found | byte.is_ascii_uppercase());
    if text.as_bytes().chunks(64).any(upper) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) }
}

fn has_class(byte: u8, class: u8) -> bool {
    match class {
        b'P' => matches!(byte, b't' | b'q' | b'd'),
        b'V' => byte.is_ascii_digit() || matches!(byte, b's' | b'd'),
        b'N' | b'n' => byte.is_ascii_digit(),
        b'E' => matches!(byte, b'd' | b'i'),
        b'A' => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
        b'h' => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        other => byte == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Normaliser = fn(&str) -> Result<Cow<'_, str>, NotObservable>;

    const ALL: [Normaliser; 9] = [email, ja4, jarm, asn, file_name, mutex, user_name, command, key];

    fn command(value: &str) -> Result<Cow<'_, str>, NotObservable> {
        text(Kind::CommandLine, value)
    }

    fn key(value: &str) -> Result<Cow<'_, str>, NotObservable> {
        text(Kind::RegistryKey, value)
    }

    #[test]
    fn registry_keys() {
        check(
            key,
            &[
                (r"HKEY_LOCAL_MACHINE\Software\X\", Ok(r"hklm\software\x")),
                (r"HKLM\Software\X", Ok(r"hklm\software\x")),
                (r"\REGISTRY\MACHINE\Software\X", Ok(r"hklm\software\x")),
                (r"HKU\S-1-5-21-1-2-3-1001\Software\X", Ok(r"hkcu\software\x")),
                (r"HKEY_USERS\S-1-5-21-1-2-3-1001", Ok("hkcu")),
                (r"HKEY_CURRENT_USER\Software\X", Ok(r"hkcu\software\x")),
                (r"HKU\S-1-5-21-1_Classes\x", Ok(r"hku\s-1-5-21-1_classes\x")),
                (r"HKU\.DEFAULT\x", Ok(r"hku\.default\x")),
                ("HKEY_USERSX", Ok("hkey_usersx")),
                (r"\", Err(NotObservable::Empty)),
            ],
        );
    }

    fn check(normal: Normaliser, cases: &[(&str, Result<&str, NotObservable>)]) {
        for (text, expected) in cases {
            assert_eq!(normal(text).as_deref(), expected.as_deref(), "{text:?}");
        }
    }

    #[test]
    fn emails() {
        let refused = Err(NotObservable::NotAnEmail);
        check(
            email,
            &[
                ("Jo.Doe+x@evil.example", Ok("Jo.Doe+x@evil.example")),
                ("Jo@EVIL.example.", Ok("Jo@evil.example")),
                ("a@evil.example.", Ok("a@evil.example")),
                (" <a@evil.example>\n", Ok("a@evil.example")),
                ("\"Doe, Jo\" <a@evil.example>", Ok("a@evil.example")),
                ("MAILTO:a@evil.example?subject=x@y", Ok("a@evil.example")),
                ("<mailto:a@evil.example>", Ok("a@evil.example")),
                ("jörg@bücher.example", Ok("jörg@xn--bcher-kva.example")),
                ("a@localhost", Ok("a@localhost")),
                ("evil.example", refused),
                ("@evil.example", refused),
                ("a@", refused),
                ("a b@evil.example", refused),
                ("a@b@evil.example", refused),
                ("a@ evil.example", refused),
                ("a@[192.0.2.1]", refused),
                ("a@192.0.2.1", refused),
                ("a@evil.example>", refused),
                ("<>", refused),
                ("", Err(NotObservable::Empty)),
            ],
        );
        assert!(matches!(email("<a@evil.example.>"), Ok(Cow::Borrowed("a@evil.example"))));
    }

    #[test]
    fn fingerprints() {
        let refused = Err(NotObservable::NotAJa4);
        check(
            ja4,
            &[
                ("t13d1516h2_8daaf6152771_e5627efa2ab1", Ok("t13d1516h2_8daaf6152771_e5627efa2ab1")),
                (" T13D1516H2_8DAAF6152771_E5627EFA2AB1 ", Ok("t13d1516h2_8daaf6152771_e5627efa2ab1")),
                ("qs3i000000_000000000000_000000000000", Ok("qs3i000000_000000000000_000000000000")),
                ("dd2i0000zz_000000000000_000000000000", Ok("dd2i0000zz_000000000000_000000000000")),
                ("x13d1516h2_8daaf6152771_e5627efa2ab1", refused),
                ("t13x1516h2_8daaf6152771_e5627efa2ab1", refused),
                ("t13d1516h2_8daaf615277g_e5627efa2ab1", refused),
                ("t13d1516h2_8daaf6152771_e5627efa2ab", refused),
                ("t13d1516h2-8daaf6152771_e5627efa2ab1", refused),
            ],
        );
        let digits = "2ad2ad0002ad2ad00042d42d000000ad9bf51cc3f5a1e29eecb81d0c7b06eb";
        check(
            jarm,
            &[(digits, Ok(digits)), (&digits.to_uppercase(), Ok(digits)), (&digits[1..], Err(NotObservable::NotAJarm))],
        );
        assert_eq!(jarm(&digits.replace('a', "g")), Err(NotObservable::NotAJarm));
    }

    #[test]
    fn numbers_of_autonomous_systems() {
        let refused = Err(NotObservable::NotAnAsn);
        check(
            asn,
            &[
                ("64500", Ok("64500")),
                ("AS64500", Ok("64500")),
                ("asn64500", Ok("64500")),
                (" As 064500 ", Ok("64500")),
                ("AS000", Ok("0")),
                ("4294967295", Ok("4294967295")),
                ("4294967296", refused),
                ("AS", refused),
                ("+1", refused),
                ("AS-1", refused),
                ("ASX1", refused),
                ("1.10", refused),
                ("64500 Example Ltd", refused),
                (" ", Err(NotObservable::Empty)),
            ],
        );
    }

    #[test]
    fn case_and_white_space() {
        check(file_name, &[(" EVIL.exe ", Ok("evil.exe")), ("C:\\A\\ÄB", Ok("c:\\a\\Äb"))]);
        check(mutex, &[(" Global\\Evil ", Ok(" Global\\Evil ")), ("\t", Err(NotObservable::Empty))]);
        check(user_name, &[(" Root ", Ok("Root"))]);
        check(command, &[(" CMD /c  x", Ok(" cmd /c  x")), ("   ", Err(NotObservable::Empty))]);
        assert!(matches!(command("cmd /c ä"), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn keeps_to_the_limits() {
        for normal in ALL {
            assert_eq!(normal(&"1".repeat(LONGEST_TEXT + 1)), Err(NotObservable::TooLong));
        }
        assert!(command(&"A".repeat(LONGEST_TEXT)).is_ok());
        assert!(user_name(&"A".repeat(LONGEST_WORD)).is_ok());
        assert_eq!(user_name(&"A".repeat(LONGEST_WORD + 1)), Err(NotObservable::TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn a_normal_form_is_its_own(value in prop_oneof![
            "\\PC{0,40}", "[a-zA-Z0-9 ]{0,80}", "(A[sS][nN]?)? ?[0-9]{0,11}", "[a-zA-ZäÜ<>:@. ]{0,8}@[a-zA-ZäÜ.]{1,12}>?",
        ]) {
            for normal in ALL {
                if let Ok(once) = normal(&value) {
                    let twice = normal(&once);
                    prop_assert_eq!(twice.as_deref(), Ok(&*once));
                }
            }
        }
    }
}
