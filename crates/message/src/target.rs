//! Request targets (RFC 9110 §7.1, RFC 9112 §3.2) and the parts of an http(s) URI.
//!
//! Targets are kept exactly as they were sent: nothing is decoded, no path is normalised. What is
//! forwarded is what was received, and what is forwarded is what a cache may key by.

use std::fmt;
use std::net::Ipv6Addr;
use std::str;
use std::sync::Arc;

/// What a request is for, in one of the four forms of RFC 9112 §3.2.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// origin-form, `/where?q=now`: a request to the server that has it.
    Origin(PathAndQuery),
    /// absolute-form, `http://www.example.org/where`: a request to a proxy, or one that the client
    /// side of the engine is to send.
    Absolute(Scheme, Authority, PathAndQuery),
    /// authority-form, `www.example.com:80`: CONNECT only.
    Authority(Authority),
    /// asterisk-form, `*`: OPTIONS for the server as a whole.
    Asterisk,
}

/// The schemes that can be asked over HTTP (RFC 9110 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// Host and optional port (RFC 3986 §3.2 without userinfo, which RFC 9110 §4.2.4 rules out).
///
/// The host is a registered name of letters, digits, `-`, `.`, `_`, an IPv4 address, or an IPv6
/// address in brackets; in lower case (RFC 3986 §3.2.2: hosts are case-insensitive).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority {
    host: Arc<str>,
    port: Option<u16>,
}

/// Path and query as they were sent: begins with `/`, holds no control characters, spaces or `#`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathAndQuery {
    /// Shared, since a request is told of to many: who forwards it, keeps it, writes it into a log.
    text: Arc<str>,
    /// Where the `?` is, or the length.
    path_len: usize,
}

/// Why something is not a target or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// Neither `/…`, `http://…`, `https://…`, `*` nor `host:port`.
    #[error("not a request target (RFC 9112 section 3.2)")]
    Form,
    /// A scheme other than http and https.
    #[error("only http:// and https:// can be asked for")]
    Scheme,
    /// `user:password@` before the host (RFC 9110 §4.2.4).
    #[error("a user name or password in a URL is refused (RFC 9110 section 4.2.4)")]
    Userinfo,
    /// An empty host, or one with characters that no host has.
    #[error("not a host name or address")]
    Host,
    /// A port that is not a number of 1 to 65535.
    #[error("not a port (1 to 65535)")]
    Port,
    /// A control character, a space, a `#` or bytes that are not UTF-8.
    #[error("a control character, a space, a '#' or bytes that are not UTF-8")]
    Character,
}

/// Longest host that is taken: a DNS name has at most 253 characters.
const HOST_MAX: usize = 255;

impl Target {
    /// Parses any of the four forms. That authority-form goes with CONNECT and asterisk-form with
    /// OPTIONS only is for the caller to hold, who knows the method.
    ///
    /// # Errors
    /// What is wrong with it, and in which part.
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self, TargetFault> {
        let bytes = bytes.as_ref();
        match bytes.first() {
            None => Err(TargetFault::Form),
            Some(b'/') => PathAndQuery::parse(bytes).map(Self::Origin),
            Some(b'*') if bytes.len() == 1 => Ok(Self::Asterisk),
            Some(_) if find(bytes, b"://").is_some() => Self::parse_absolute(bytes),
            Some(_) => {
                let authority = Authority::parse_bytes(bytes)?;
                if authority.port.is_some() { Ok(Self::Authority(authority)) } else { Err(TargetFault::Form) }
            }
        }
    }

    /// Parses what a person types for a URL: absolute, with `http://` taken for granted where no
    /// scheme is given; a fragment is cut off, since it is never sent (RFC 9110 §4.2.5).
    ///
    /// # Errors
    /// What is wrong with it, and in which part.
    pub fn parse_url(text: &str) -> Result<Self, TargetFault> {
        let text = text.trim();
        let without_fragment = text.split_once('#').map_or(text, |(before, _)| before);
        // A `://` further on, in the path or query, ends no scheme.
        let before = without_fragment.split_once("://").map(|(before, _)| before);
        if before.is_some_and(|scheme| !scheme.contains(['/', '?'])) {
            Self::parse_absolute(without_fragment.as_bytes())
        } else {
            Self::parse_absolute(format!("http://{without_fragment}").as_bytes())
        }
    }

    fn parse_absolute(bytes: &[u8]) -> Result<Self, TargetFault> {
        let colon = find(bytes, b"://").ok_or(TargetFault::Form)?;
        let scheme = Scheme::parse(bytes.get(..colon).unwrap_or_default())?;
        let rest = bytes.get(colon.saturating_add(3)..).unwrap_or_default();
        let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
        let authority = Authority::parse_bytes(authority)?;
        let path = match path.first() {
            Some(b'/') => PathAndQuery::parse(path)?,
            // RFC 9110 §4.2.3: an empty path is the same as "/".
            Some(_) => PathAndQuery::parse([b"/", path].concat())?,
            None => PathAndQuery::root(),
        };
        Ok(Self::Absolute(scheme, authority, path))
    }

    /// The same resource at another place: absolute-form from the parts of this target.
    #[must_use]
    pub fn at(&self, scheme: Scheme, authority: Authority) -> Self {
        let path = self.path_and_query().cloned().unwrap_or_else(PathAndQuery::root);
        Self::Absolute(scheme, authority, path)
    }

    /// The authority that the target names itself.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        match self {
            Self::Absolute(_, authority, _) | Self::Authority(authority) => Some(authority),
            Self::Origin(_) | Self::Asterisk => None,
        }
    }

    /// The scheme that the target names itself.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::Absolute(scheme, ..) => Some(*scheme),
            Self::Origin(_) | Self::Authority(_) | Self::Asterisk => None,
        }
    }

    /// Path and query, where the form has them.
    #[must_use]
    pub fn path_and_query(&self) -> Option<&PathAndQuery> {
        match self {
            Self::Origin(path) | Self::Absolute(_, _, path) => Some(path),
            Self::Authority(_) | Self::Asterisk => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(path) => write!(f, "{path}"),
            Self::Absolute(scheme, authority, path) => write!(f, "{scheme}://{authority}{path}"),
            Self::Authority(authority) => write!(f, "{authority}"),
            Self::Asterisk => f.write_str("*"),
        }
    }
}

impl Scheme {
    /// `http` or `https`, in whatever case (RFC 3986 §3.1).
    ///
    /// # Errors
    /// [`TargetFault::Scheme`] for any other.
    pub fn parse(bytes: &[u8]) -> Result<Self, TargetFault> {
        if bytes.eq_ignore_ascii_case(b"http") {
            Ok(Self::Http)
        } else if bytes.eq_ignore_ascii_case(b"https") {
            Ok(Self::Https)
        } else {
            Err(TargetFault::Scheme)
        }
    }

    /// The port where none is given (RFC 9110 §4.2.1, §4.2.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl Authority {
    /// Parses `host` or `host:port`; an empty port (`host:`) is none (RFC 3986 §3.2.3).
    ///
    /// # Errors
    /// What is wrong with it, and in which part.
    pub fn parse(text: &str) -> Result<Self, TargetFault> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Whether [`parse`](Self::parse) would take it, at no cost but a look.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn check(text: &str) -> Result<(), TargetFault> {
        Self::parts(text.as_bytes()).map(|_| ())
    }

    fn parse_bytes(bytes: &[u8]) -> Result<Self, TargetFault> {
        let (host, port) = Self::parts(bytes)?;
        let host = str::from_utf8(host).map_err(|_| TargetFault::Host)?;
        let is_lower = !host.bytes().any(|b| b.is_ascii_uppercase());
        Ok(Self { host: if is_lower { host.into() } else { host.to_ascii_lowercase().into() }, port })
    }

    /// The host, as it is written, and the port.
    fn parts(bytes: &[u8]) -> Result<(&[u8], Option<u16>), TargetFault> {
        let host_len = if bytes.first() == Some(&b'[') {
            bytes.iter().position(|b| *b == b']').map_or(0, |end| end.saturating_add(1))
        } else {
            bytes.iter().position(|b| !is_name_byte(*b)).unwrap_or(bytes.len())
        };
        let (host, port) = bytes.split_at_checked(host_len).ok_or(TargetFault::Host)?;
        let checked = if is_host(host) { parse_port(port) } else { Err(TargetFault::Host) };
        match checked {
            Ok(port) => Ok((host, port)),
            Err(_) if bytes.contains(&b'@') => Err(TargetFault::Userinfo),
            Err(fault) => Err(fault),
        }
    }

    /// The same host with another port.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// The host in lower case, an IPv6 address without its brackets: what a resolver takes.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The port, if one is given.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port, or the scheme's.
    #[must_use]
    pub fn port_or_default(&self, scheme: Scheme) -> u16 {
        self.port.unwrap_or_else(|| scheme.default_port())
    }

    /// The same authority without a port that is the scheme's own (RFC 9110 §4.2.3): two authorities
    /// are the same place just if these are equal.
    #[must_use]
    pub fn normalised(mut self, scheme: Scheme) -> Self {
        if self.port == Some(scheme.default_port()) {
            self.port = None;
        }
        self
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whether bytes are a host: an address in brackets, or a name of bytes that [stand in one](is_name_byte).
fn is_host(host: &[u8]) -> bool {
    if host.is_empty() || host.len() > HOST_MAX {
        return false;
    }
    let Some(rest) = host.strip_prefix(b"[") else { return true };
    // RFC 6874 zone identifiers mean nothing on another machine: refused.
    let address = rest.strip_suffix(b"]").and_then(|address| str::from_utf8(address).ok());
    address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Whether a byte can stand in a registered name or an IPv4 address.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// What stands behind the host.
fn parse_port(bytes: &[u8]) -> Result<Option<u16>, TargetFault> {
    match bytes {
        [] | [b':'] => Ok(None),
        [b':', digits @ ..] => parse_digits(digits).map(Some).ok_or(TargetFault::Port),
        _ => Err(TargetFault::Host),
    }
}

fn parse_digits(digits: &[u8]) -> Option<u16> {
    let mut port = 0_u16;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        port = port.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(port).filter(|port| *port != 0)
}

impl PathAndQuery {
    /// Checks and takes `bytes` as they are.
    ///
    /// # Errors
    /// [`TargetFault::Form`] without a leading `/`, [`TargetFault::Character`] for what can't stand
    /// in a request line, or would be lost in one (`#`).
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self, TargetFault> {
        let bytes = bytes.as_ref();
        if bytes.first() != Some(&b'/') {
            return Err(TargetFault::Form);
        }
        if bytes.iter().any(|b| matches!(b, 0..=b' ' | b'#' | 0x7f)) {
            return Err(TargetFault::Character);
        }
        let text = str::from_utf8(bytes).map_err(|_| TargetFault::Character)?;
        let path_len = bytes.iter().position(|b| *b == b'?').unwrap_or(bytes.len());
        Ok(Self { text: text.into(), path_len })
    }

    /// `/`
    #[must_use]
    pub fn root() -> Self {
        Self { text: "/".into(), path_len: 1 }
    }

    /// Path, and `?` with the query if there is one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path alone, still percent-encoded; begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.as_str().get(..self.path_len).unwrap_or("/")
    }

    /// The query without its `?`; `Some("")` for a bare `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.as_str().get(self.path_len.saturating_add(1)..)
    }
}

impl fmt::Display for PathAndQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PathAndQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Result<Target, TargetFault> {
        Target::parse(text)
    }

    #[test]
    fn the_four_forms_are_written_as_they_were_read() {
        for text in
            ["/", "/a%2Fb?q=1?2", "//evil/x", "http://a.example/", "https://a:8443/x?y", "a.example:443", "*"]
        {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn hosts_are_compared_without_case_and_default_port() {
        let (a, b) = (Authority::parse("A.Example:80").unwrap(), Authority::parse("a.example").unwrap());
        assert_ne!(a, b);
        assert_eq!(a.normalised(Scheme::Http), b.normalised(Scheme::Http));
        assert_eq!(Authority::parse("[::1]:8000").unwrap().host(), "::1");
    }

    #[test]
    fn an_absolute_target_without_a_path_has_the_root() {
        assert_eq!(parse("http://a.example").unwrap().to_string(), "http://a.example/");
        assert_eq!(parse("http://a.example?x").unwrap().to_string(), "http://a.example/?x");
    }

    #[test]
    fn what_is_no_target_is_refused_by_name() {
        for (text, fault) in [
            ("", TargetFault::Form),
            ("index.html", TargetFault::Form),
            ("ftp://a/", TargetFault::Scheme),
            ("http://u:p@a/", TargetFault::Userinfo),
            ("http://u@a/", TargetFault::Userinfo),
            ("http://[::1]@a/", TargetFault::Userinfo),
            ("http://@/", TargetFault::Userinfo),
            ("http:///x", TargetFault::Host),
            ("http://a b/", TargetFault::Host),
            ("http://[::1/", TargetFault::Host),
            ("http://[::1]x/", TargetFault::Host),
            ("http://a:0/", TargetFault::Port),
            ("http://a:65536/", TargetFault::Port),
            ("http://a:+1/", TargetFault::Port),
            ("http://a:1:1/", TargetFault::Port),
            ("http://a:1a/", TargetFault::Port),
            ("/a b", TargetFault::Character),
            ("/a#b", TargetFault::Character),
            ("/a\0", TargetFault::Character),
        ] {
            assert_eq!(parse(text), Err(fault), "{text:?}");
        }
        assert_eq!(Target::parse(b"/\xff"), Err(TargetFault::Character));
    }

    #[test]
    fn a_person_may_leave_the_scheme_out() {
        let target = Target::parse_url(" localhost:8000/index.html#top ").unwrap();
        assert_eq!(target.to_string(), "http://localhost:8000/index.html");
        let target = Target::parse_url("localhost:8000/?from=http://a/").unwrap();
        assert_eq!(target.to_string(), "http://localhost:8000/?from=http://a/");
        assert_eq!(Target::parse_url("ftp://a/"), Err(TargetFault::Scheme));
    }

    #[test]
    fn path_and_query_are_told_apart() {
        let path = PathAndQuery::parse("/a?b?c").unwrap();
        assert_eq!((path.path(), path.query()), ("/a", Some("b?c")));
        let path = PathAndQuery::parse("/a").unwrap();
        assert_eq!((path.path(), path.query()), ("/a", None));
    }
}
