//! What goes out: from heads and segments to things to send.

use std::fmt::Write;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, DATE, HOST};
use http::{HeaderValue, Method, StatusCode};
use message::body::Segment;
use message::fields::Fields;
use message::target::{Authority, Target};

use crate::encode;
use crate::fault::Fault;
use crate::framing::{Asked, Framing, never_has_content, parse_length};
use crate::head::{RequestHead, Version};
use crate::parse::goes_with;
use crate::state::{State, Step};

/// The sending direction of a connection.
///
/// It writes heads into a buffer and says how a segment of content is to be framed; sending is the
/// caller's work. Content is counted: a message that would end other than its head said is a [`Fault`],
/// and the connection is then to be closed, so that the other side sees that it is not whole
/// (RFC 9112 §8).
#[derive(Debug)]
pub struct Outbound {
    state: State,
    /// The request that is being answered; `None` before one was understood, and on the client's side.
    answering: Option<Answering>,
    /// Whether this message is the last.
    closing: bool,
    content: Content,
}

/// What an answer has to take from its request.
#[derive(Clone, Copy, Debug)]
struct Answering {
    version: Version,
    asked: Asked,
}

/// How the content goes out.
#[derive(Clone, Copy, Debug)]
enum Content {
    /// So many bytes are to come.
    Left(u64),
    /// In chunks.
    Chunked,
    /// Until the connection is closed.
    UntilClose,
}

/// A piece of content and what stands around it on the wire.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Goes before: a chunk's size line, or nothing.
    pub before: Bytes,
    /// The content itself.
    pub segment: Segment,
    /// Goes after: the CRLF that ends a chunk, or nothing.
    pub after: &'static [u8],
}

/// Room for an ordinary head, so that a buffer grows once.
const HEAD_BYTES_EXPECTED: usize = 512;

impl Outbound {
    pub(crate) fn new() -> Self {
        Self { state: State::Start, answering: None, closing: false, content: Content::Left(0) }
    }

    /// The next response answers `request`. Where none was understood this is not called, and the
    /// response then is the last.
    pub fn answer_to(&mut self, request: &RequestHead) {
        self.answering = Some(Answering { version: request.version, asked: Asked::from(&request.method) });
        self.closing |= request.wants_close;
    }

    /// The next message is the last on this connection and says so (RFC 9112 §9.6).
    pub fn close_after(&mut self) {
        self.closing = true;
    }

    /// Writes an interim response (1xx). To a client of HTTP/1.0 none is sent (RFC 9110 §15.2).
    pub fn interim(&mut self, status: StatusCode, fields: &Fields, out: &mut BytesMut) {
        let understood = self.answering.is_some_and(|request| request.version == Version::Http11);
        if !understood || !status.is_informational() || !self.step(Step::Interim) {
            return;
        }
        encode::status_line(status, out);
        encode::section(fields, encode::is_of_connection, out);
        out.put_slice(encode::CRLF);
    }

    /// Writes the head of a response and says how its content goes out; with [`Framing::Empty`] the
    /// message is complete and has no [`data`](Self::data) and no [`end`](Self::end).
    ///
    /// `length` is that of the content in bytes, `None` if it is not known. `date` is added where
    /// `fields` has no `Date` (RFC 9110 §6.6.1). Fields of the connection among `fields` are not sent;
    /// an answer to HEAD and a 304 keep the `Content-Length` of `fields` if `length` is `None` or 0.
    pub fn response(
        &mut self,
        status: StatusCode,
        fields: &Fields,
        length: Option<u64>,
        date: &HeaderValue,
        out: &mut BytesMut,
    ) -> Framing {
        let framing = self.response_framing(status, length);
        if !self.step(if framing == Framing::Empty { Step::Whole } else { Step::Head }) {
            self.step(Step::Fail);
            return Framing::Empty;
        }
        out.reserve(HEAD_BYTES_EXPECTED);
        encode::status_line(status, out);
        encode::response_section(fields, out);
        match framing {
            Framing::Chunked => out.put_slice(encode::CODING_CHUNKED),
            Framing::UntilClose => {}
            Framing::Length(length) => encode::content_length(length, out),
            Framing::Empty => {
                if let Some(length) = self.length_without_content(status, fields, length) {
                    encode::content_length(length, out);
                }
            }
        }
        if !fields.contains(&DATE) {
            encode::field(&DATE, date, out);
        }
        // Behind a 2xx to CONNECT there is no connection of HTTP any more to say anything of.
        if !self.opens_tunnel(status) {
            self.put_connection(out);
        }
        out.put_slice(encode::CRLF);
        self.set_content(framing);
        framing
    }

    /// RFC 9110 §9.3.6.
    fn opens_tunnel(&self, status: StatusCode) -> bool {
        self.answering.is_some_and(|request| request.asked == Asked::Connect) && status.is_success()
    }

    /// How a response's content is framed, and whether that makes the response the last.
    fn response_framing(&mut self, status: StatusCode, length: Option<u64>) -> Framing {
        let asked = self.answering.map_or(Asked::Other, |request| request.asked);
        // A response to nothing that was understood: what else came is not looked at.
        self.closing |= self.answering.is_none();
        // A final response can't be 1xx; if somebody gives one, the close says that no other comes.
        self.closing |= status.is_informational();
        match length {
            _ if never_has_content(asked, status) => Framing::Empty,
            Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
            // RFC 9112 §6.1: chunked only to who is known to speak HTTP/1.1.
            None if self.answering.is_some_and(|request| request.version == Version::Http11) => {
                Framing::Chunked
            }
            None => {
                self.closing = true;
                Framing::UntilClose
            }
        }
    }

    /// The `Content-Length` of a response whose head is the whole message (RFC 9110 §8.6).
    fn length_without_content(
        &self,
        status: StatusCode,
        fields: &Fields,
        length: Option<u64>,
    ) -> Option<u64> {
        let asked = self.answering.map_or(Asked::Other, |request| request.asked);
        if status.is_informational() || status == StatusCode::NO_CONTENT || self.opens_tunnel(status) {
            return None;
        }
        if asked != Asked::Head && status != StatusCode::NOT_MODIFIED {
            return length;
        }
        // What the content would have been: known from the body itself, or told by the role.
        let told = || fields.text(&CONTENT_LENGTH).and_then(|text| parse_length(text.as_bytes()).ok());
        length.filter(|length| *length > 0).or_else(told)
    }

    /// Writes the head of a request and says how its content goes out; as for
    /// [`response`](Self::response).
    ///
    /// The target is an absolute one, written in origin-form with `Host`, or in absolute-form if
    /// `absolute_form` says that the other side is a proxy (RFC 9112 §3.2.2); an authority for CONNECT;
    /// or one that names no host, if `fields` has a `Host`. A `Host` in `fields` is sent in the place of the
    /// target's own, but not to a proxy.
    ///
    /// # Errors
    /// [`Fault::Unaddressed`] without a host, [`Fault::TargetForm`] if the target does not go with the
    /// method, [`Fault::OutOfTurn`] before the exchange before has ended. Nothing is written then.
    pub fn request(
        &mut self,
        method: &Method,
        target: &Target,
        fields: &Fields,
        length: Option<u64>,
        absolute_form: bool,
        out: &mut BytesMut,
    ) -> Result<Framing, Fault> {
        if !goes_with(target, method) {
            return Err(Fault::TargetForm);
        }
        let host = Host::of(target, fields, absolute_form).ok_or(Fault::Unaddressed)?;
        let framing = match length {
            Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        if !self.step(if framing == Framing::Empty { Step::Whole } else { Step::Head }) {
            return Err(Fault::OutOfTurn);
        }
        out.reserve(HEAD_BYTES_EXPECTED);
        put_request_line(method, target, absolute_form, out);
        host.put(out);
        encode::section(fields, |name| *name == HOST || encode::is_of_connection(name), out);
        match framing {
            Framing::Length(length) => encode::content_length(length, out),
            Framing::Chunked => out.put_slice(encode::CODING_CHUNKED),
            // RFC 9110 §8.6: said where the method gives content a meaning, and nowhere else.
            Framing::Empty if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
                encode::content_length(0, out);
            }
            Framing::Empty | Framing::UntilClose => {}
        }
        self.put_connection(out);
        out.put_slice(encode::CRLF);
        self.set_content(framing);
        Ok(framing)
    }

    fn put_connection(&self, out: &mut BytesMut) {
        if self.closing {
            out.put_slice(encode::CONNECTION_CLOSE);
        } else if self.answering.is_some_and(|request| request.version == Version::Http10) {
            out.put_slice(encode::CONNECTION_KEEP_ALIVE);
        }
    }

    fn set_content(&mut self, framing: Framing) {
        self.content = match framing {
            Framing::Empty => Content::Left(0),
            Framing::Length(length) => Content::Left(length),
            Framing::Chunked => Content::Chunked,
            Framing::UntilClose => Content::UntilClose,
        };
    }

    /// Frames a piece of content. An empty one is nothing on the wire: as a chunk it would be the end.
    ///
    /// # Errors
    /// [`Fault::Overrun`] if it is more than the head said, [`Fault::OutOfTurn`] if no content can be
    /// sent now. The connection can't be used on.
    pub fn data(&mut self, segment: Segment) -> Result<Transmit, Fault> {
        self.step_or_fail(Step::Data)?;
        let mut transmit = Transmit { before: Bytes::new(), segment, after: b"" };
        let length = transmit.segment.len();
        match &mut self.content {
            Content::UntilClose => {}
            Content::Left(left) => match left.checked_sub(length) {
                Some(rest) => *left = rest,
                None => return Err(self.fail(Fault::Overrun)),
            },
            Content::Chunked if length == 0 => {}
            Content::Chunked => {
                transmit.before = encode::chunk_size(length);
                transmit.after = encode::CRLF;
            }
        }
        Ok(transmit)
    }

    /// Ends the content, and gives what is to be sent for that: the last chunk, or nothing. Trailers
    /// go with chunks only, and without the fields that have no place in them (RFC 9110 §6.5.1).
    ///
    /// # Errors
    /// [`Fault::Underrun`] if there was less than the head said, [`Fault::OutOfTurn`] if there is no
    /// content to end. The connection can't be used on.
    pub fn end(&mut self, trailers: Option<&Fields>) -> Result<Bytes, Fault> {
        if self.state == State::Body && matches!(self.content, Content::Left(1..)) {
            return Err(self.fail(Fault::Underrun));
        }
        self.step_or_fail(Step::End)?;
        Ok(match self.content {
            Content::Chunked => encode::last_chunk(trailers),
            Content::Left(_) | Content::UntilClose => Bytes::new(),
        })
    }

    /// Whether a whole message has gone out, to its exact end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Whether another message may follow the one that is going out.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        !self.closing && self.state != State::Broken
    }

    /// Goes on to the next message; only after a complete one.
    pub(crate) fn turn(&mut self) {
        self.step(Step::Turn);
        self.answering = None;
    }

    /// Takes a step, if it can be taken; leaves everything as it is otherwise.
    fn step(&mut self, step: Step) -> bool {
        let next = self.state.after(step);
        self.state = next.unwrap_or(self.state);
        next.is_some()
    }

    fn step_or_fail(&mut self, step: Step) -> Result<(), Fault> {
        if self.step(step) { Ok(()) } else { Err(self.fail(Fault::OutOfTurn)) }
    }

    fn fail(&mut self, fault: Fault) -> Fault {
        self.step(Step::Fail);
        fault
    }
}

/// Which host a request is for (RFC 9110 §7.2).
enum Host<'a> {
    /// The target's own authority.
    Target(&'a Authority),
    /// What the fields say: for targets that name none, and where a site is known by another name than it
    /// is found by.
    Fields(&'a str),
}

impl<'a> Host<'a> {
    fn of(target: &'a Target, fields: &'a Fields, absolute_form: bool) -> Option<Self> {
        let authority = target.authority().map(Self::Target);
        // RFC 9112 §3.2.2, §3.2.3: what a proxy is asked for stands in the target, and Host says the same.
        let is_asked_of_proxy = absolute_form || matches!(target, Target::Authority(_));
        let told = if is_asked_of_proxy && authority.is_some() { None } else { fields.text(&HOST) };
        told.map(Self::Fields).or(authority)
    }

    /// RFC 9110 §7.2: Host ought to be the first field.
    fn put(&self, out: &mut BytesMut) {
        out.put_slice(b"Host: ");
        match self {
            Self::Target(authority) => put_display(authority, out),
            Self::Fields(text) => out.put_slice(text.as_bytes()),
        }
        out.put_slice(encode::CRLF);
    }
}

/// RFC 9112 §3; the target in origin-form (§3.2.1), unless it goes to a proxy (§3.2.2).
fn put_request_line(method: &Method, target: &Target, absolute_form: bool, out: &mut BytesMut) {
    out.put_slice(method.as_str().as_bytes());
    out.put_u8(b' ');
    match target {
        Target::Absolute(_, _, path) if !absolute_form => out.put_slice(path.as_str().as_bytes()),
        Target::Origin(path) => out.put_slice(path.as_str().as_bytes()),
        Target::Absolute(..) | Target::Authority(_) | Target::Asterisk => put_display(target, out),
    }
    out.put_slice(b" HTTP/1.1\r\n");
}

fn put_display(value: &impl std::fmt::Display, out: &mut BytesMut) {
    // Writing to a `BytesMut` fails only where it can't grow, and then it does not return.
    let _ = write!(out, "{value}");
}
