//! Names and passwords: `--user`, and `.netrc`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use download::Url;
use message::HeaderValue;

/// `Authorization` for a name and a password (RFC 7617 §2).
pub(super) fn basic(name: &str, password: &str) -> Option<HeaderValue> {
    let encoded = STANDARD.encode(format!("{name}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What `.netrc` has for the host of `url`: the machine of that name, else the default.
pub(super) fn of_netrc(text: &str, url: &Url) -> Option<HeaderValue> {
    let mut words =
        text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    let (mut entry, mut found) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "machine" => entry = Some(words.next()? == url.authority().host()),
            "default" => entry = Some(found.is_none()),
            // A macro ends nothing that we could tell apart from entries.
            "macdef" => break,
            key => {
                let value = words.next()?;
                if entry == Some(true) {
                    let (name, password) = found.get_or_insert((None, None));
                    match key {
                        "login" if name.is_none() => *name = Some(value),
                        "password" if password.is_none() => *password = Some(value),
                        _ => {}
                    }
                }
            }
        }
    }
    let (name, password) = found?;
    basic(name?, password.unwrap_or_default())
}

/// The text of `$NETRC`, or of `~/.netrc`; empty if there is none.
pub(super) fn netrc() -> String {
    let path = std::env::var_os("NETRC").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".netrc"));
    path.or_else(home).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netrc_has_machines_and_a_default() {
        let netrc = "# mine\nmachine a login u password p\nmachine b\n  login v\n  password q\ndefault login w password r\n";
        for (host, expected) in [("a", "u:p"), ("b", "v:q"), ("c", "w:r")] {
            let (name, password) = expected.split_once(':').unwrap();
            let url = Url::parse(&format!("{host}:8000/x")).unwrap();
            assert_eq!(of_netrc(netrc, &url), basic(name, password), "{host}");
        }
        let url = Url::parse("d/x").unwrap();
        for text in ["", "machine a login u password p", "machine d", "machine d login", "default"] {
            assert_eq!(of_netrc(text, &url), None, "{text}");
        }
    }

    #[test]
    fn basic_is_base64_7617_2() {
        assert_eq!(basic("Aladdin", "open sesame").unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
