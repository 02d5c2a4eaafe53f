//! Sizes, durations, numbers and addresses as people write them.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use download::{Digest, Pattern, Url};
use message::field::range::Ranges;
use message::target::TargetFault;
use message::{Authority, Fields, HeaderName, HeaderValue, Scheme, Target, header};

/// `500k`, `10M`, `2G` (powers of 1000), `64Ki`, `10GiB` (powers of 1024), or bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let bytes = text
        .parse::<ByteSize>()
        .map_err(|_| format!("{text:?} is no size: write 500k, 10M, 64Ki or 10GiB"))?;
    Ok(bytes.as_u64())
}

/// A size of something in memory.
pub(crate) fn memory(text: &str) -> Result<usize, String> {
    usize::try_from(size(text)?).map_err(|_| format!("{text:?} is more than there can be"))
}

/// `250ms`, `30s`, `5m`, `1h30m`, `24h`, `7d`; a bare number is refused, since its unit can only be guessed.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is no duration: write 250ms, 30s, 5m, 24h or 7d"))
}

/// A duration that is not zero.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than zero".to_owned()),
        interval => Ok(interval),
    }
}

/// A whole number from `least` to `most`.
pub(crate) fn whole<N>(least: N, most: N) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: FromStr + PartialOrd + Display + Copy,
{
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("{text:?} is no number from {least} to {most}"))
    }
}

/// An address to listen on. Names are refused: they may have several, and other ones tomorrow.
pub(crate) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is no IP address: write 127.0.0.1, ::1 or 0.0.0.0"))
}

/// A URL of which only scheme and authority matter, such as an origin's; `http://` may be left out.
pub(crate) fn site(text: &str) -> Result<(Scheme, Authority), String> {
    match Target::parse_url(text).map_err(|fault| explain(text, fault))? {
        Target::Absolute(Scheme::Https, ..) => Err(format!("{text:?}: https is not spoken yet, use http")),
        Target::Absolute(scheme, authority, path) if path.as_str() == "/" => Ok((scheme, authority)),
        _ => {
            Err(format!("{text:?} names a path: write only the host and port, such as http://localhost:8000"))
        }
    }
}

/// A URL to download; `http://` may be left out.
pub(crate) fn url(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|fault| format!("{text:?} is no URL that can be downloaded: {fault}"))
}

/// `NAME: VALUE`
pub(crate) fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let no_field = || format!("{text:?} is no field: write 'Name: value'");
    let (name, value) = text.split_once(':').ok_or_else(no_field)?;
    Ok((name.trim().parse().map_err(|_| no_field())?, field_value(value.trim())?))
}

/// What a field may say.
pub(crate) fn field_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("{text:?} can't stand in a field"))
}

/// `ALGO=HEX`
pub(crate) fn checksum(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| {
        format!(
            "{text:?} is no checksum: write sha256=, sha512=, sha1= or md5= and the digest in hexadecimal"
        )
    })
}

/// `FIRST-LAST`, `FIRST-` or `-LENGTH` (RFC 9110 §14.1.1), one of them.
pub(crate) fn range(text: &str) -> Result<Ranges, String> {
    let mut fields = Fields::new();
    let value = HeaderValue::from_str(&format!("bytes={text}"));
    value.into_iter().for_each(|value| fields.set(header::RANGE, value));
    let ranges = Ranges::parse(&fields).filter(|ranges| ranges.count() == 1);
    ranges.ok_or_else(|| format!("{text:?} is no range: write 0-499, 500- or -500"))
}

/// A host and port, and the addresses that stand for it.
pub(crate) type Pin = ((String, u16), Vec<IpAddr>);

/// `HOST:PORT:ADDRESS[,ADDRESS]`
pub(crate) fn pin(text: &str) -> Result<Pin, String> {
    let fault =
        || format!("{text:?} pins nothing: write example.org:80:192.0.2.1 or example.org:80:[2001:db8::1]");
    let (host, rest) = text.split_once(':').ok_or_else(fault)?;
    let (port, addresses) = rest.split_once(':').ok_or_else(fault)?;
    let bare = |address: &str| address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let addresses: Result<Vec<IpAddr>, _> = addresses.split(',').map(bare).collect();
    let port = port.parse().map_err(|_| fault())?;
    Ok(((host.to_owned(), port), addresses.map_err(|_| fault())?))
}

/// A pattern over the paths of a tree.
pub(crate) fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|fault| fault.to_string())
}

/// `HOST:PORT`, with or without `http://` before it.
pub(crate) fn place(text: &str) -> Result<Authority, String> {
    let (scheme, authority) = site(text)?;
    let port = authority.port_or_default(scheme);
    Ok(authority.with_port(port))
}

fn explain(text: &str, fault: TargetFault) -> String {
    format!("{text:?} is no URL: {fault}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_know_thousands_from_powers_of_two() {
        for (text, bytes) in
            [("500k", 500_000), ("2G", 2_000_000_000), ("64Ki", 65_536), ("10GiB", 10 << 30), ("42", 42)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        assert!(size("ten").unwrap_err().contains("10GiB"));
        assert!(size("-1").is_err());
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert!(duration("30").unwrap_err().contains("30s"));
        assert!(interval("0s").is_err());
    }

    #[test]
    fn numbers_and_addresses_say_what_they_may_be() {
        let threads = whole(1_u16, 1024);
        assert_eq!((threads("1"), threads("1024")), (Ok(1), Ok(1024)));
        for text in ["0", "1025", "-1", "x", ""] {
            assert!(threads(text).unwrap_err().contains("1 to 1024"), "{text}");
        }
        assert_eq!(address("::1").unwrap().to_string(), "::1");
        assert!(address("localhost").unwrap_err().contains("127.0.0.1"));
    }

    #[test]
    fn ranges_and_pins_are_what_can_be_done_with_them() {
        for text in ["0-499", "500-", "-500"] {
            assert_eq!(range(text).unwrap().to_string(), format!("bytes={text}"));
        }
        for text in ["", "5", "5-4", "0-1,3-4", "a-b", "0-1\r\nX: y"] {
            assert!(range(text).unwrap_err().contains("no range"), "{text:?}");
        }
        let v4 = "192.0.2.1".parse().unwrap();
        let v6 = "2001:db8::1".parse().unwrap();
        assert_eq!(pin("a.test:80:192.0.2.1,[2001:db8::1]"), Ok((("a.test".to_owned(), 80), vec![v4, v6])));
        for text in ["a.test", "a.test:80", "a.test:x:192.0.2.1", "a.test:80:b.test", "a.test:80:"] {
            assert!(pin(text).unwrap_err().contains("pins nothing"), "{text}");
        }
    }

    #[test]
    fn urls_are_checked_before_anything_runs() {
        assert_eq!(url("localhost:8000/a").unwrap().to_string(), "http://localhost:8000/a");
        assert!(url("ftp://a/").unwrap_err().contains("http://"));
        assert!(url("https://a/").is_ok(), "the downloader says what it can't do, with a status of its own");
        assert!(site("https://a/").unwrap_err().contains("https"));
        assert!(site("http://a/b").unwrap_err().contains("names a path"));
        assert_eq!(place("a").unwrap().to_string(), "a:80");
        assert!(place("a b").is_err());
    }
}
