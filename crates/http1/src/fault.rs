//! Every way in which a message can be wrong, by name.

use http::StatusCode;
use message::target::TargetFault;

/// What is wrong with a message. Nothing after it is interpreted: the connection is closed.
///
/// The text is one line for people. [`Fault::status`] is what a server answers when a *request* has
/// the fault; a client that finds it in a response has no response (RFC 9112 §8, RFC 9110 §15.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    // Lines.
    /// A line that ends in LF without CR.
    #[error("a line ends in LF alone; it must end in CR LF")]
    BareLf,
    /// A CR that no LF follows.
    #[error("a CR that is not followed by LF")]
    BareCr,

    // The request line.
    /// Not a method, a target and a version with one space between.
    #[error("the request line is not a method, a target and a version with one space between them")]
    RequestLine,
    /// A method that is not a token.
    #[error("the method has a character that no method may have")]
    Method,
    /// A method longer than any.
    #[error("the method is longer than any that is known")]
    MethodTooLong,
    /// A target that is none, or a part of it that is none.
    #[error("the request target is wrong: {0}")]
    Target(TargetFault),
    /// A form of target that does not go with the method.
    #[error("this form of request target does not go with the method")]
    TargetForm,
    /// A target over [`Limits::target_bytes`](crate::limits::Limits::target_bytes).
    #[error("the request target is too long")]
    TargetTooLong,
    /// What stands in the version's place is not a version of HTTP.
    #[error("the protocol version is not written as HTTP/1.1 is")]
    Version,
    /// A version of HTTP that is not spoken here.
    #[error("this version of HTTP is not supported; use HTTP/1.1")]
    VersionNotSupported,

    // The status line.
    /// Not a version, a status code and a reason with one space between.
    #[error("the status line is not a version, a status code and a reason with one space between them")]
    StatusLine,
    /// A status code that is not a number of 100 to 599.
    #[error("the status code is not a number from 100 to 599")]
    Status,
    /// A status line that does not end.
    #[error("the status line is too long")]
    StatusLineTooLong,
    /// 101 without having been asked to.
    #[error("the other side switches protocols (101) though it was not asked to")]
    SwitchNotAsked,
    /// Interim responses without end.
    #[error("too many interim (1xx) responses before the final one")]
    TooManyInterim,
    /// A response without a request.
    #[error("bytes came that belong to no request")]
    NotAsked,

    // Field lines, of headers and trailers.
    /// White space between the start line and the first field.
    #[error("white space before the first field")]
    SpaceBeforeFields,
    /// A line that continues the one before.
    #[error("a folded field line (one that begins with white space)")]
    Folding,
    /// A field line without a colon.
    #[error("a field line without a colon")]
    NoColon,
    /// White space between a name and its colon.
    #[error("white space between a field's name and its colon")]
    SpaceBeforeColon,
    /// A name that is empty or not a token.
    #[error("a field name that is empty or has a character that no name may have")]
    FieldName,
    /// A value with a control character.
    #[error("a field value with a control character")]
    FieldValue,
    /// A section over its limit in bytes.
    #[error("the header or trailer fields are too long")]
    FieldsTooLong,
    /// A section over its limit in lines.
    #[error("too many header or trailer fields")]
    TooManyFields,

    // Host.
    /// HTTP/1.1 without Host.
    #[error("the Host field is missing")]
    HostMissing,
    /// Two Host lines.
    #[error("more than one Host field")]
    HostRepeated,
    /// A Host that is not `host` or `host:port`.
    #[error("the Host field is not a host, or a host and a port")]
    HostInvalid,

    // Framing.
    /// A Content-Length that is not a number in digits only.
    #[error("the Content-Length is not a number in digits only")]
    LengthInvalid,
    /// A Content-Length over 2^64 - 1.
    #[error("the Content-Length is too large a number")]
    LengthOverflow,
    /// Two Content-Length lines, equal or not.
    #[error("more than one Content-Length field")]
    LengthRepeated,
    /// Content-Length and Transfer-Encoding.
    #[error("both Content-Length and Transfer-Encoding")]
    LengthWithCoding,
    /// A Transfer-Encoding that is not a list of names.
    #[error("the Transfer-Encoding is not a list of codings")]
    CodingInvalid,
    /// A coding that is not spoken here.
    #[error("a transfer coding other than chunked is not supported")]
    CodingUnknown,
    /// `chunked` before another coding, or twice.
    #[error("the transfer coding chunked is not the last one, or there twice")]
    CodingNotLast,
    /// Transfer-Encoding in HTTP/1.0.
    #[error("Transfer-Encoding in a message of HTTP/1.0")]
    CodingInHttp10,
    /// A request's content over [`Limits::body_bytes`](crate::limits::Limits::body_bytes).
    #[error("the content is too large")]
    BodyTooLarge,

    // Chunks.
    /// A chunk size that is not 1 to 16 hexadecimal digits.
    #[error("a chunk size that is not a hexadecimal number")]
    ChunkSize,
    /// A chunk that would take the content over 2^64 - 1 bytes.
    #[error("a chunk size that is too large a number")]
    ChunkSizeOverflow,
    /// Something else than extensions after a chunk size.
    #[error("what follows the chunk size is not a chunk extension")]
    ChunkExtension,
    /// A chunk line over its limit, or more extensions than content.
    #[error("too many chunk extensions")]
    ChunkExtensionsTooLong,
    /// No CRLF after a chunk's data.
    #[error("the chunk is not followed by CR LF where its size says")]
    ChunkEnd,

    // Ends.
    /// The connection ended before anything of the awaited response came.
    #[error("the connection was closed before the response began")]
    NoResponse,
    /// The connection ended within a head.
    #[error("the connection was closed within the head of a message")]
    TruncatedHead,
    /// The connection ended before the content did.
    #[error("the connection was closed before the content was whole")]
    TruncatedBody,

    // Our own: what was to be sent is not a message.
    /// More content than the head said.
    #[error("there is more content than the head that was sent has announced")]
    Overrun,
    /// Less content than the head said.
    #[error("there is less content than the head that was sent has announced")]
    Underrun,
    /// Something was to be sent that can't follow what was sent before.
    #[error("this can't be sent at this point of the message")]
    OutOfTurn,
    /// A request whose target and fields don't say which host it is for.
    #[error("the request to send names no host")]
    Unaddressed,
}

impl Fault {
    /// The status code with which a server answers a request that has this fault.
    ///
    /// 502 for what only a response can have, 500 for what only we can do.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::FieldsTooLong | Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::MethodTooLong | Self::CodingUnknown => StatusCode::NOT_IMPLEMENTED,
            Self::VersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::StatusLine
            | Self::Status
            | Self::StatusLineTooLong
            | Self::SwitchNotAsked
            | Self::TooManyInterim
            | Self::NotAsked
            | Self::NoResponse => StatusCode::BAD_GATEWAY,
            Self::Overrun | Self::Underrun | Self::OutOfTurn | Self::Unaddressed => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Where the rule stands that was broken.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            Self::BareLf | Self::BareCr | Self::SpaceBeforeFields => "RFC 9112 section 2.2",
            Self::RequestLine | Self::MethodTooLong | Self::TargetTooLong => "RFC 9112 section 3",
            Self::Method => "RFC 9112 section 3.1",
            Self::Target(_)
            | Self::TargetForm
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostInvalid
            | Self::Unaddressed => "RFC 9112 section 3.2",
            Self::Version => "RFC 9112 section 2.3",
            Self::VersionNotSupported => "RFC 9110 section 15.6.6",
            Self::StatusLine | Self::StatusLineTooLong => "RFC 9112 section 4",
            Self::Status => "RFC 9110 section 15",
            Self::SwitchNotAsked => "RFC 9110 section 15.2.2",
            Self::TooManyInterim => "RFC 9110 section 15.2",
            Self::NotAsked => "RFC 9112 section 9.2",
            Self::NoColon => "RFC 9112 section 5",
            Self::Folding => "RFC 9112 section 5.2",
            Self::SpaceBeforeColon | Self::FieldName => "RFC 9112 section 5.1",
            Self::FieldValue => "RFC 9110 section 5.5",
            Self::FieldsTooLong | Self::TooManyFields => "RFC 6585 section 5",
            Self::LengthInvalid | Self::LengthOverflow | Self::LengthRepeated | Self::CodingNotLast => {
                "RFC 9112 section 6.3"
            }
            Self::LengthWithCoding | Self::CodingInvalid | Self::CodingUnknown | Self::CodingInHttp10 => {
                "RFC 9112 section 6.1"
            }
            Self::BodyTooLarge => "RFC 9110 section 15.5.14",
            Self::ChunkSize | Self::ChunkSizeOverflow | Self::ChunkEnd => "RFC 9112 section 7.1",
            Self::ChunkExtension | Self::ChunkExtensionsTooLong => "RFC 9112 section 7.1.1",
            Self::NoResponse => "RFC 9112 section 9.3.1",
            Self::TruncatedHead | Self::TruncatedBody => "RFC 9112 section 8",
            Self::Overrun | Self::Underrun | Self::OutOfTurn => "RFC 9112 section 6",
        }
    }

    /// Whether the message was well formed as far as it came, but did not come whole.
    #[must_use]
    pub fn is_truncation(self) -> bool {
        matches!(self, Self::NoResponse | Self::TruncatedHead | Self::TruncatedBody)
    }
}
