//! How a message ends (RFC 9112 §6.3), and whether another may follow it (§9.3).
//!
//! Judged once per message, from its parsed head. The fields that were judged are taken out: they
//! describe this connection, and are made anew for the next one.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Method, StatusCode};
use message::field::{decimal, list};
use message::fields::Fields;
use message::target::{Authority, Target};

use crate::fault::Fault;
use crate::head::Version;

/// How the content of a message is told from what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no content: the head is the whole message. Also for a length of 0.
    Empty,
    /// So many bytes; at least one.
    Length(u64),
    /// In chunks (RFC 9112 §7.1).
    Chunked,
    /// All that comes until the connection is closed: responses only.
    UntilClose,
}

/// What a response is the answer to, as far as its framing hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// HEAD: never content.
    Head,
    /// CONNECT: after a 2xx the connection is no longer one of HTTP.
    Connect,
    /// Any other method.
    Other,
}

impl From<&Method> for Asked {
    fn from(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Whether a response has no content whatever its fields say (RFC 9112 §6.3, rules 1 and 2).
pub(crate) fn never_has_content(asked: Asked, status: StatusCode) -> bool {
    // Rule 1: any response to HEAD, and any 1xx, 204 and 304.
    asked == Asked::Head
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        // Rule 2: 2xx to CONNECT.
        || (asked == Asked::Connect && status.is_success())
}

/// RFC 9112 §6.3 for a request.
pub(crate) fn of_request(version: Version, fields: &mut Fields) -> Result<Framing, Fault> {
    let declared = declared(version, fields)?;
    fields.remove(&CONTENT_LENGTH);
    fields.remove(&TRANSFER_ENCODING);
    // Rule 7: a request without either has no content.
    Ok(declared.unwrap_or(Framing::Empty))
}

/// RFC 9112 §6.3 for a response.
pub(crate) fn of_response(
    asked: Asked,
    status: StatusCode,
    version: Version,
    fields: &mut Fields,
) -> Result<Framing, Fault> {
    let declared = declared(version, fields)?;
    fields.remove(&TRANSFER_ENCODING);
    if never_has_content(asked, status) {
        // RFC 9110 §8.6: there it tells what the content would have been.
        if asked != Asked::Head && status != StatusCode::NOT_MODIFIED {
            fields.remove(&CONTENT_LENGTH);
        }
        return Ok(Framing::Empty);
    }
    fields.remove(&CONTENT_LENGTH);
    // Rule 8: a response without either goes on until the connection is closed.
    Ok(declared.unwrap_or(Framing::UntilClose))
}

/// Whether a 1xx or 204 response announces content, which it must not (RFC 9112 §6.1, RFC 9110 §8.6):
/// the content may then come all the same. A length of 0 is wrong too, but common and harmless.
pub(crate) fn announces_what_it_cannot_have(status: StatusCode, fields: &Fields) -> bool {
    let has_length = fields.get(&CONTENT_LENGTH).is_some_and(|length| length != "0");
    (status.is_informational() || status == StatusCode::NO_CONTENT)
        && (has_length || fields.contains(&TRANSFER_ENCODING))
}

/// What the two framing fields say, if one is there.
fn declared(version: Version, fields: &Fields) -> Result<Option<Framing>, Fault> {
    match (fields.contains(&TRANSFER_ENCODING), fields.contains(&CONTENT_LENGTH)) {
        (false, false) => Ok(None),
        // Rule 3: "ought to be handled as an error".
        (true, true) => Err(Fault::LengthWithCoding),
        // RFC 9112 §6.1: in HTTP/1.0 the framing is faulty.
        (true, false) if version == Version::Http10 => Err(Fault::CodingInHttp10),
        // Rule 4.
        (true, false) => check_coding(fields.lines(&TRANSFER_ENCODING)).map(|()| Some(Framing::Chunked)),
        // Rules 5 and 6.
        (false, true) => match content_length(fields.lines(&CONTENT_LENGTH))? {
            0 => Ok(Some(Framing::Empty)),
            length => Ok(Some(Framing::Length(length))),
        },
    }
}

/// One line of digits. RFC 9112 §6.3 rule 5 lets a recipient take a list of equal numbers for one; who
/// writes such a list is not to be relied on, so it is refused too.
fn content_length<'a>(mut lines: impl Iterator<Item = &'a HeaderValue>) -> Result<u64, Fault> {
    let digits = lines.next().ok_or(Fault::LengthInvalid)?.as_bytes();
    if lines.next().is_some() {
        return Err(Fault::LengthRepeated);
    }
    parse_length(digits)
}

/// RFC 9110 §8.6: `1*DIGIT`, no sign, no space; at most 2^64 - 1.
pub(crate) fn parse_length(digits: &[u8]) -> Result<u64, Fault> {
    let overflows = decimal::saturating(digits).is_some();
    decimal::exact(digits).ok_or(if overflows { Fault::LengthOverflow } else { Fault::LengthInvalid })
}

/// RFC 9112 §6.1: `chunked`, once and last, is the only coding spoken here.
fn check_coding<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Result<(), Fault> {
    let (mut chunked, mut unknown) = (false, false);
    for member in lines.flat_map(|line| line.as_bytes().split(|b| *b == b',')).map(list::trim) {
        if chunked {
            return Err(Fault::CodingNotLast);
        }
        if member.eq_ignore_ascii_case(b"chunked") {
            chunked = true;
        } else {
            check_coding_name(member)?;
            unknown = true;
        }
    }
    if unknown { Err(Fault::CodingUnknown) } else { Ok(()) }
}

/// A coding may have parameters (RFC 9112 §7), but `chunked` has none.
fn check_coding_name(member: &[u8]) -> Result<(), Fault> {
    let name = member.split(|b| *b == b';').next().map(list::trim).unwrap_or_default();
    if name.eq_ignore_ascii_case(b"chunked") || !list::is_token(name) {
        return Err(Fault::CodingInvalid);
    }
    Ok(())
}

/// RFC 9112 §3.2: exactly one valid Host, which agrees with a target that names its authority.
pub(crate) fn judge_host(target: &Target, version: Version, fields: &mut Fields) -> Result<(), Fault> {
    check_host(version, fields)?;
    if let Some(authority) = target.authority() {
        // RFC 9112 §3.2.2: the target wins, and what is forwarded has a Host made from it.
        let value = HeaderValue::from_maybe_shared(Bytes::from(authority.to_string()));
        fields.set(HOST, value.map_err(|_| Fault::HostInvalid)?);
    }
    Ok(())
}

fn check_host(version: Version, fields: &Fields) -> Result<(), Fault> {
    let mut lines = fields.lines(&HOST);
    let Some(host) = lines.next() else {
        return if version == Version::Http10 { Ok(()) } else { Err(Fault::HostMissing) };
    };
    if lines.next().is_some() {
        return Err(Fault::HostRepeated);
    }
    let text = host.to_str().map_err(|_| Fault::HostInvalid)?;
    Authority::check(text).map_err(|_| Fault::HostInvalid)
}

/// RFC 9112 §9.3: whether a message asks for the connection to be closed after it.
pub(crate) fn wants_close(version: Version, fields: &Fields) -> bool {
    match version {
        Version::Http11 => list::contains(fields, &CONNECTION, "close"),
        Version::Http10 => {
            list::contains(fields, &CONNECTION, "close") || !list::contains(fields, &CONNECTION, "keep-alive")
        }
    }
}
