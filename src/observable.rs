//! Observables: typed values in their normal form.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::normal::{self, NotObservable};

/// How the values of a kind are compared, and so which table holds them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shape {
    /// IPv4 and IPv6 addresses; indicators are addresses, networks and ranges.
    Address,
    /// DNS names; an indicator covers its subdomains.
    Name,
    /// Absolute URLs; exact, without query, or by path prefix.
    Url,
    /// Hashes of a fixed number of bytes.
    Digest,
    /// Short values compared whole.
    Word,
    /// Long values in which literals and expressions are searched.
    Text,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $shape:ident $($alias:literal)*;)*) => {
        /// What a value is: the type of an observable and of the indicators it can match.
        ///
        /// Names are those of ECS or STIX where these have one; [`FromStr`] reads them and their common synonyms, whatever their case.
        ///
        /// ```
        /// use stormtag::Kind;
        ///
        /// assert_eq!("domain-name".parse(), Ok(Kind::Domain)); // STIX
        /// assert_eq!(Kind::Domain.name(), "domain");
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind, in the order of their declaration.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// The name used in feeds, field maps and output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }

            /// How values of this kind are compared.
            #[must_use]
            pub const fn shape(self) -> Shape {
                match self { $(Kind::$kind => Shape::$shape,)* }
            }
        }

        impl FromStr for Kind {
            type Err = NotObservable;

            fn from_str(text: &str) -> Result<Self, NotObservable> {
                match text.trim().to_ascii_lowercase().as_str() {
                    $($name $(| $alias)* => Ok(Kind::$kind),)*
                    _ => Err(NotObservable::UnknownKind),
                }
            }
        }
    };
}

kinds! {
    /// An IPv4 or IPv6 address.
    Ip "ip" Address "ipv4" "ipv6" "ip4" "ip6" "ipv4-addr" "ipv6-addr" "addr" "cidr" "ip-src" "ip-dst" "ip address" "ip_address" "ipaddress";
    /// A DNS name.
    Domain "domain" Name "domain-name" "hostname" "host" "fqdn" "domain_name" "domainname";
    /// An absolute URL.
    Url "url" Url "uri" "link";
    /// An e-mail address.
    Email "email" Word "email-addr" "email-src" "email-dst" "e-mail" "emailaddress";
    /// MD5 of a file.
    Md5 "md5" Digest "hash-md5" "filehash-md5" "md5hash";
    /// SHA-1 of a file.
    Sha1 "sha1" Digest "sha-1" "hash-sha1" "filehash-sha1" "sha1hash";
    /// SHA-256 of a file.
    Sha256 "sha256" Digest "sha-256" "hash-sha256" "filehash-sha256" "sha256hash";
    /// SHA-512 of a file.
    Sha512 "sha512" Digest "sha-512" "hash-sha512" "filehash-sha512" "sha512hash";
    /// MD5 over a PE file's imports.
    Imphash "imphash" Digest;
    /// JA3 fingerprint of a TLS client.
    Ja3 "ja3" Digest "ja3-fingerprint-md5";
    /// JA3S fingerprint of a TLS server.
    Ja3s "ja3s" Digest;
    /// JA4 fingerprint of a TLS client.
    Ja4 "ja4" Word;
    /// JARM fingerprint of a TLS server.
    Jarm "jarm" Word "jarm-fingerprint";
    /// Number of an autonomous system.
    Asn "asn" Word "as" "autonomous-system";
    /// Name of a file, without its path.
    FileName "file_name" Word "filename" "file-name" "file";
    /// Path of a file.
    FilePath "file_path" Text "filepath" "file-path" "path";
    /// Command line of a process.
    CommandLine "command_line" Text "commandline" "command-line" "process";
    /// Key of the Windows registry.
    RegistryKey "registry_key" Text "regkey" "registry-key" "windows-registry-key" "registry";
    /// User agent of an HTTP client.
    UserAgent "user_agent" Text "user-agent" "useragent" "http-user-agent";
    /// A script, or a block of one.
    Script "script" Text "script-block";
    /// SHA-1 of an X.509 certificate.
    CertSha1 "cert_sha1" Digest "x509-fingerprint-sha1" "cert_hash" "certhash";
    /// SHA-256 of an X.509 certificate.
    CertSha256 "cert_sha256" Digest "x509-fingerprint-sha256";
    /// Name of a mutex.
    Mutex "mutex" Word "mutant";
    /// Name of a user account.
    UserName "user_name" Word "username" "user-name" "user" "user-account";
}

impl Kind {
    /// Length of a digest in bytes; 0 for the other shapes.
    #[must_use]
    pub(crate) const fn digest_bytes(self) -> usize {
        match self {
            Kind::Md5 | Kind::Imphash | Kind::Ja3 | Kind::Ja3s => 16,
            Kind::Sha1 | Kind::CertSha1 => 20,
            Kind::Sha256 | Kind::CertSha256 => 32,
            Kind::Sha512 => 64,
            _ => 0,
        }
    }

    /// The file hash with this many hexadecimal digits.
    pub(crate) const fn of_hash(digits: usize) -> Option<Kind> {
        match digits {
            32 => Some(Kind::Md5),
            40 => Some(Kind::Sha1),
            64 => Some(Kind::Sha256),
            128 => Some(Kind::Sha512),
            _ => None,
        }
    }

    /// What a value is by its looks, for feeds and lists that do not say: an address or network, a URL, a hash by its length,
    /// an e-mail address or a name, in this order. A name must have a dot.
    ///
    /// ```
    /// use stormtag::Kind;
    ///
    /// assert_eq!(Kind::guess("203.0.113.0/24"), Some(Kind::Ip));
    /// assert_eq!(Kind::guess("evil.example/drop"), Some(Kind::Url));
    /// assert_eq!(Kind::guess("d41d8cd98f00b204e9800998ecf8427e"), Some(Kind::Md5));
    /// assert_eq!(Kind::guess("evil.example"), Some(Kind::Domain));
    /// assert_eq!(Kind::guess("hello"), None);
    /// ```
    #[must_use]
    pub fn guess(text: &str) -> Option<Kind> {
        if text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Kind::of_hash(text.len());
        }
        if crate::pattern::is_network(text) {
            return Some(Kind::Ip);
        }
        let bare = text.strip_prefix('=').unwrap_or(text);
        let bare = bare.strip_prefix("*.").or_else(|| bare.strip_prefix('.')).unwrap_or(bare);
        if bare.contains('.') && normal::name(bare).is_ok() {
            return Some(Kind::Domain);
        }
        if text.contains('/') {
            return crate::pattern::Pattern::parse(Kind::Url, text).is_ok().then_some(Kind::Url);
        }
        if text.contains('@') && normal::email(text).is_ok() {
            return Some(Kind::Email);
        }
        // `evil.example:8080` and `203.0.113.9:8080` name a service at a host: the host is what can be matched.
        let (host, port) = text.rsplit_once(':')?;
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        (is_port && host.contains('.') && normal::name(host).is_ok()).then_some(Kind::Domain)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A value of one kind in its normal form: what is looked up.
///
/// Indicators pass through the same normaliser, so that two spellings of one value meet. `Observable` borrows a text that is
/// normal already, as nearly all are, and owns what had to be rewritten.
///
/// ```
/// use stormtag::{Kind, Observable};
///
/// let name = Observable::parse(Kind::Domain, "WWW.Evil.Example.")?;
/// assert_eq!(name.to_string(), "www.evil.example");
///
/// // A URL holds a host, which is an observable of its own.
/// let url = Observable::parse(Kind::Url, "http://203.0.113.9:8080/drop?x=1#top")?;
/// assert_eq!(url.to_string(), "http://203.0.113.9:8080/drop?x=1");
/// assert_eq!(url.within().unwrap().to_string(), "203.0.113.9");
/// # Ok::<(), stormtag::NotObservable>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observable<'a> {
    kind: Kind,
    key: Key<'a>,
}

/// The six forms a normal value can take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Key<'a> {
    Address(IpAddr),
    Name(Cow<'a, str>),
    Url(Cow<'a, str>),
    Digest(Digest),
    Word(Cow<'a, str>),
    Text(Cow<'a, str>),
}

/// A digest of up to 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    length: u8,
    bytes: [u8; 64],
}

impl Digest {
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, NotObservable> {
        let length = kind.digest_bytes();
        let mut bytes = [0; 64];
        normal::hex(text, length, &mut bytes)?;
        Ok(Self { length: length as u8, bytes })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&normal::encode_hex(self.as_bytes()))
    }
}

impl<'a> Observable<'a> {
    /// Brings `text` to the normal form of its kind. Allocates only where the text is not normal yet.
    ///
    /// # Errors
    ///
    /// Says why `text` is no value of this kind. Cheap: `NotObservable` is `Copy` and holds no text.
    pub fn parse(kind: Kind, text: &'a str) -> Result<Self, NotObservable> {
        let key = match kind.shape() {
            Shape::Address => Key::Address(normal::address(text)?),
            Shape::Name => Key::Name(normal::name(text)?),
            Shape::Url => Key::Url(normal::url(text)?),
            Shape::Digest => Key::Digest(Digest::parse(kind, text)?),
            Shape::Word => Key::Word(normal::word(kind, text)?),
            Shape::Text => Key::Text(normal::text(kind, text)?),
        };
        Ok(Self { kind, key })
    }

    /// An address or, failing that, a name: what an HTTP `Host` header or a DNS answer holds. A port is taken off.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_host(text: &'a str) -> Result<Self, NotObservable> {
        let (kind, host) = Self::host(text);
        Self::parse(kind, host)
    }

    /// Whether a host is an address, or else a name, then without its port.
    pub(crate) fn host(text: &str) -> (Kind, &str) {
        // An address begins with a digit, a letter of hexadecimal, a colon or a bracket; most hosts are told from it by less.
        let begins = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'[' | b' ' | b'\t');
        if text.as_bytes().first().is_some_and(begins) && normal::address(text).is_ok() {
            return (Kind::Ip, text);
        }
        match text.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (Kind::Domain, name),
            _ => (Kind::Domain, text),
        }
    }

    /// What the value is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.key {
            Key::Address(address) => Some(address),
            _ => None,
        }
    }

    /// Its normal form as it is written.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match &self.key {
            Key::Address(address) => Cow::Owned(normal::write_address(*address)),
            Key::Name(text) | Key::Url(text) | Key::Word(text) | Key::Text(text) => Cow::Borrowed(text),
            Key::Digest(digest) => Cow::Owned(normal::encode_hex(digest.as_bytes())),
        }
    }

    /// What stands inside: the host of a URL, the domain of an e-mail address.
    #[must_use]
    pub fn within(&self) -> Option<Observable<'_>> {
        match &self.key {
            Key::Url(url) => Observable::parse_host(normal::url_host(url)).ok(),
            Key::Word(word) if self.kind == Kind::Email => {
                Observable::parse(Kind::Domain, word.rsplit_once('@')?.1).ok()
            }
            _ => None,
        }
    }

    /// The same observable, owning its text.
    #[must_use]
    pub fn into_owned(self) -> Observable<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        let key = match self.key {
            Key::Address(address) => Key::Address(address),
            Key::Name(text) => Key::Name(own(text)),
            Key::Url(text) => Key::Url(own(text)),
            Key::Digest(digest) => Key::Digest(digest),
            Key::Word(text) => Key::Word(own(text)),
            Key::Text(text) => Key::Text(own(text)),
        };
        Observable { kind: self.kind, key }
    }

    pub(crate) fn key(&self) -> &Key<'a> {
        &self.key
    }
}

impl From<IpAddr> for Observable<'_> {
    fn from(address: IpAddr) -> Self {
        Observable { kind: Kind::Ip, key: Key::Address(address.to_canonical()) }
    }
}

impl fmt::Display for Observable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}
