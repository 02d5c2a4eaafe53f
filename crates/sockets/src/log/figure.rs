//! Numbers and addresses in a line, without the generality of `fmt`: a log may cost little of what it tells of.

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use http::Version;

/// The most decimal digits that a `u64` has.
const DIGITS_MAX: usize = 20;

/// A number in decimal digits.
pub(super) fn number(number: u64, line: &mut Vec<u8>) {
    padded(number, 1, line);
}

/// A number in at least so many decimal digits, zeros before it.
fn padded(mut number: u64, digits_min: usize, line: &mut Vec<u8>) {
    let mut digits = [b'0'; DIGITS_MAX];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        if number == 0 && used >= digits_min {
            break;
        }
        // Below ten, so it is a digit.
        *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        used += 1;
    }
    line.extend_from_slice(digits.get(DIGITS_MAX - used..).unwrap_or_default());
}

/// A number of seconds, to the microsecond.
pub(super) fn seconds(duration: Duration, line: &mut Vec<u8>) {
    number(duration.as_secs(), line);
    line.push(b'.');
    padded(duration.subsec_micros().into(), 6, line);
}

/// An address as everybody writes it (RFC 5952 §4).
pub(super) fn address(address: IpAddr, line: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => {
            let [first, others @ ..] = v4.octets();
            number(first.into(), line);
            for octet in others {
                line.push(b'.');
                number(octet.into(), line);
            }
        }
        // Writing to memory does not fail.
        IpAddr::V6(v6) => drop(write!(line, "{v6}")),
    }
}

/// The version of a message as it stands in one.
pub(super) fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = b"x".to_vec();
        write(&mut line);
        String::from_utf8(line).unwrap().strip_prefix('x').unwrap().to_owned()
    }

    #[test]
    fn numbers_are_as_fmt_writes_them() {
        for value in [0, 1, 9, 10, 99, 100, 1_234_567_890, u64::MAX - 1, u64::MAX] {
            assert_eq!(written(|line| number(value, line)), value.to_string());
        }
    }

    #[test]
    fn seconds_have_six_places() {
        for (duration, expected) in [
            (Duration::ZERO, "0.000000"),
            (Duration::from_nanos(999), "0.000000"),
            (Duration::from_micros(1), "0.000001"),
            (Duration::from_millis(1_795_391_607_260), "1795391607.260000"),
            (Duration::MAX, "18446744073709551615.999999"),
        ] {
            assert_eq!(written(|line| seconds(duration, line)), expected);
        }
    }

    #[test]
    fn addresses_are_as_fmt_writes_them() {
        for text in ["0.0.0.0", "192.0.2.7", "255.255.255.255", "::1", "2001:db8::7", "::ffff:192.0.2.7"] {
            assert_eq!(written(|line| address(text.parse().unwrap(), line)), text);
        }
    }
}
