//! Why a download failed, for people and for scripts.

use std::time::Duration;

use message::failure::{Failure, FailureKind};
use message::target::TargetFault;
use message::{HeaderValue, StatusCode};

use crate::answer::Misbehaviour;
use crate::digest::Digest;
use crate::file_fault::FileFault;
use crate::url::Url;

/// How much of a field value is shown, in bytes.
const SHOWN_MAX: usize = 200;

/// Why a download failed. `Display` is one line for people.
#[derive(Debug, thiserror::Error)]
pub enum GetFault {
    /// The file could not be made, written or put in its place.
    #[error(transparent)]
    File(#[from] FileFault),
    /// Something that can be asked for over TLS only.
    #[error("{url} needs TLS, which this version does not speak yet")]
    Tls {
        /// What would have been asked for.
        url: Url,
    },
    /// There was no response.
    #[error("{url}: {failure}")]
    NoResponse {
        /// What was asked for.
        url: Url,
        /// Why there was none.
        failure: Failure,
    },
    /// The head of the response did not come in time.
    #[error("{url}: no answer within {} s", .waited.as_secs_f32())]
    NoAnswer {
        /// What was asked for.
        url: Url,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The content stopped coming.
    #[error("{url} stalled: no byte for {} s after {received} bytes", .waited.as_secs_f32())]
    Stalled {
        /// What was asked for.
        url: Url,
        /// Bytes of content that had come.
        received: u64,
        /// How long nothing came.
        waited: Duration,
    },
    /// The content broke off, or was not as long as it was said to be (RFC 9112 §8).
    #[error("{url} broke off after {received} bytes{}: {failure}", of_length(*.length))]
    Broken {
        /// What was asked for.
        url: Url,
        /// Bytes of content that had come.
        received: u64,
        /// How many it should have been, if that was said.
        length: Option<u64>,
        /// What happened.
        failure: Failure,
    },
    /// A final response that is not a 200.
    #[error("{} for {url}{}", shown_status(*.status), come_back(*.retry_after))]
    Status {
        /// What was asked for.
        url: Url,
        /// Its status.
        status: StatusCode,
        /// What its `Retry-After` asks for (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// A response that can't be used as it is.
    #[error("{url} {how}")]
    Misbehaved {
        /// What was asked for.
        url: Url,
        /// What is wrong with it.
        how: Misbehaviour,
    },
    /// A piece was asked for, and the whole came.
    #[error("{url} sends the whole where a part is asked for")]
    NoRanges {
        /// What was asked for.
        url: Url,
    },
    /// A range was wanted of something whose length nobody says.
    #[error("{url} does not say how long it is: no range of it can be had")]
    NoLength {
        /// What was asked for.
        url: Url,
    },
    /// A range was wanted that lies behind the end.
    #[error("{url} is {length} bytes long: there is nothing in that range")]
    OutOfRange {
        /// What was asked for.
        url: Url,
        /// How long it is.
        length: u64,
    },
    /// The file became another one again and again.
    #[error("{url} keeps changing: {versions} versions of it have been seen")]
    KeepsChanging {
        /// What was to be got.
        url: Url,
        /// How many there were.
        versions: u32,
    },
    /// Nobody is left to be asked.
    #[error("nobody is left who has {url}")]
    NoSource {
        /// What was to be got.
        url: Url,
    },
    /// What arrived does not have the digest that it must have.
    #[error("{url} does not match its checksum {expected}")]
    Digest {
        /// What was to be got.
        url: Url,
        /// What it must hash to.
        expected: Digest,
    },
    /// A piece does not have the digest that it must have.
    #[error("{url} brought wrong bytes between {first} and {end}")]
    Piece {
        /// Who brought it.
        url: Url,
        /// Where it begins.
        first: u64,
        /// Where it ends.
        end: u64,
    },
    /// More than was to be taken.
    #[error("{url} is larger than {limit} bytes (--max-size)")]
    TooLarge {
        /// What was asked for.
        url: Url,
        /// How much was to be taken at most.
        limit: u64,
    },
    /// A redirect to where this download has been already (RFC 9110 §15.4).
    #[error("redirect loop: {}", shown_trail(.trail))]
    RedirectLoop {
        /// Where it has been, from the first URL of the loop to that URL again.
        trail: Vec<Url>,
    },
    /// One redirect more than is followed.
    #[error("more than {limit} redirects; the last one leads to {last}")]
    RedirectLimit {
        /// How many are followed.
        limit: usize,
        /// Where the next one would have led.
        last: Url,
    },
    /// A redirect that does not say where to (RFC 9110 §10.2.2), or says it twice.
    #[error("{url} redirects ({}) but does not say where to: it needs one Location field", shown_status(*.status))]
    NoLocation {
        /// What was asked for.
        url: Url,
        /// The status of the redirect.
        status: StatusCode,
    },
    /// A redirect to something that can't be asked for.
    #[error("{url} redirects to \"{location}\": {fault}")]
    BadLocation {
        /// What was asked for.
        url: Url,
        /// Where it leads, with everything but printable ASCII escaped.
        location: String,
        /// What is wrong with that.
        fault: TargetFault,
    },
}

impl GetFault {
    /// The fault of a `Location` that can't be asked for.
    pub(crate) fn bad_location(url: Url, value: &HeaderValue, fault: TargetFault) -> Self {
        let shown = value.as_bytes().get(..SHOWN_MAX).unwrap_or(value.as_bytes());
        Self::BadLocation { url, location: shown.escape_ascii().to_string(), fault }
    }

    /// The exit status of a program that fails with this, in wget's order:
    ///
    /// | status | meaning |
    /// |---|---|
    /// | 1 | a fault of our own |
    /// | 3 | the file could not be written |
    /// | 4 | network: no connection, no answer, too slow, broke off |
    /// | 5 | TLS |
    /// | 6 | the server or proxy wants a user name and password (401, 407) |
    /// | 7 | what came is not HTTP, or is an answer to something else |
    /// | 8 | the server answered, and not with the file |
    /// | 9 | the file does not match its checksum |
    ///
    /// 0 (success), 2 (usage) and 130 (interrupted) are the program's own.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::File(_) => 3,
            Self::NoAnswer { .. } | Self::Stalled { .. } => 4,
            Self::NoResponse { failure, .. } | Self::Broken { failure, .. } => exit_status_of(failure.kind()),
            Self::Tls { .. } => 5,
            Self::Digest { .. } | Self::Piece { .. } => 9,
            Self::Status { status, .. } => match *status {
                StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => 6,
                _ => 8,
            },
            Self::NoLocation { .. }
            | Self::BadLocation { .. }
            | Self::Misbehaved { .. }
            | Self::NoRanges { .. }
            | Self::NoLength { .. }
            | Self::KeepsChanging { .. } => 7,
            Self::RedirectLoop { .. }
            | Self::RedirectLimit { .. }
            | Self::TooLarge { .. }
            | Self::OutOfRange { .. }
            | Self::NoSource { .. } => 8,
        }
    }
}

fn exit_status_of(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::DnsTimeout
        | FailureKind::DnsError
        | FailureKind::DestinationIpProhibited
        | FailureKind::DestinationIpUnroutable
        | FailureKind::ConnectionRefused
        | FailureKind::ConnectionTimeout
        | FailureKind::ConnectionLimitReached
        | FailureKind::ConnectionTerminated
        | FailureKind::ConnectionWriteTimeout
        | FailureKind::HttpResponseTimeout
        | FailureKind::HttpResponseIncomplete => 4,
        FailureKind::HttpProtocolError | FailureKind::HttpRequestError | FailureKind::ProxyLoopDetected => 7,
        FailureKind::ProxyInternalError => 1,
    }
}

fn shown_status(status: StatusCode) -> String {
    let reason = match status.as_u16() {
        523 => Some("Origin Is Unreachable"), // what caches say; in no registry
        _ => status.canonical_reason(),
    };
    reason.map_or_else(|| status.as_str().to_owned(), |reason| format!("{} {reason}", status.as_str()))
}

fn shown_trail(trail: &[Url]) -> String {
    let urls: Vec<String> = trail.iter().map(Url::to_string).collect();
    urls.join(" -> ")
}

fn of_length(length: Option<u64>) -> String {
    length.map_or_else(String::new, |length| format!(" of {length}"))
}

fn come_back(retry_after: Option<Duration>) -> String {
    retry_after
        .map_or_else(String::new, |wait| format!(" (the server asks to come back in {} s)", wait.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn status(code: u16, retry_after: Option<u64>) -> GetFault {
        GetFault::Status {
            url: url("a/x"),
            status: StatusCode::from_u16(code).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn broken(kind: FailureKind) -> GetFault {
        let failure = Failure::new(kind, "the connection was closed");
        GetFault::Broken { url: url("a/x"), received: 5, length: Some(9), failure }
    }

    #[test]
    fn a_fault_is_one_line_that_names_what_was_wrong() {
        let waited = Duration::from_millis(2500);
        let location = HeaderValue::from_bytes(b"ftp://\xff").unwrap();
        for (fault, line) in [
            (status(404, None), "404 Not Found for http://a/x"),
            (status(523, None), "523 Origin Is Unreachable for http://a/x"),
            (status(599, None), "599 for http://a/x"),
            (
                status(503, Some(90)),
                "503 Service Unavailable for http://a/x (the server asks to come back in 90 s)",
            ),
            (
                broken(FailureKind::HttpResponseIncomplete),
                "http://a/x broke off after 5 bytes of 9: the connection was closed",
            ),
            (
                GetFault::Stalled { url: url("a/x"), received: 7, waited },
                "http://a/x stalled: no byte for 2.5 s after 7 bytes",
            ),
            (GetFault::NoAnswer { url: url("a/x"), waited }, "http://a/x: no answer within 2.5 s"),
            (
                GetFault::RedirectLoop { trail: vec![url("a/"), url("b/"), url("a/")] },
                "redirect loop: http://a/ -> http://b/ -> http://a/",
            ),
            (
                GetFault::bad_location(url("a/x"), &location, TargetFault::Scheme),
                "http://a/x redirects to \"ftp://\\xff\": only http:// and https:// can be asked for",
            ),
        ] {
            assert_eq!(fault.to_string(), line);
        }
    }

    #[test]
    fn exit_statuses_are_those_of_wget() {
        let file = FileFault::Full { path: "x".into() };
        for (fault, exit) in [
            (GetFault::from(file), 3),
            (broken(FailureKind::HttpResponseIncomplete), 4),
            (broken(FailureKind::HttpProtocolError), 7),
            (broken(FailureKind::ProxyInternalError), 1),
            (GetFault::Tls { url: url("https://a/") }, 5),
            (status(401, None), 6),
            (status(407, None), 6),
            (status(403, None), 8),
            (status(404, None), 8),
            (status(500, None), 8),
            (GetFault::NoLocation { url: url("a/"), status: StatusCode::FOUND }, 7),
            (GetFault::RedirectLimit { limit: 10, last: url("a/") }, 8),
        ] {
            assert_eq!(fault.exit_status(), exit, "{fault}");
        }
    }
}
