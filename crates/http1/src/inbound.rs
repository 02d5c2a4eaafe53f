//! What comes in: from bytes to events.

use bytes::{Buf, Bytes, BytesMut};
use http::header::EXPECT;
use http::{Method, StatusCode};
use message::fields::Fields;
use message::target::Target;

use crate::chunked::{Chunks, Part, length, take};
use crate::fault::Fault;
use crate::framing::{self, Asked, Framing};
use crate::head::{RequestHead, ResponseHead, Version};
use crate::limits::{INTERIM_RESPONSES_MAX, Limits};
use crate::parse::{self, LineSearch, RequestLine, SectionSearch, StatusLine};
use crate::state::{State, Step};

/// The receiving direction of a connection.
///
/// Bytes go in with [`receive`](Self::receive), events come out. After a [`Fault`] nothing more is
/// interpreted; the same fault is given again.
#[derive(Debug)]
pub struct Inbound {
    reads: Reads,
    limits: Limits,
    state: State,
    fault: Option<Fault>,
    message: Message,
}

/// Which kind of message comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Requests,
    Responses,
}

/// What is known of the message that is coming in.
#[derive(Debug)]
struct Message {
    /// Whether a byte of it has come; an empty line before it is none.
    begun: bool,
    /// Whether an empty line was passed over.
    skipped: bool,
    line: LineSearch,
    start: Option<StartLine>,
    section: SectionSearch,
    content: Content,
    /// Whether it lets another message follow (RFC 9112 §9.3).
    persistent: bool,
    /// What it answers; `None` for requests, and until a response is expected.
    asked: Option<Asked>,
    /// How many interim responses came before it.
    interims: usize,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            begun: false,
            skipped: false,
            line: LineSearch::default(),
            start: None,
            section: SectionSearch::default(),
            content: Content::Left(0),
            persistent: true,
            asked: None,
            interims: 0,
        }
    }
}

#[derive(Debug)]
enum StartLine {
    Request(RequestLine),
    Status(StatusLine),
}

/// What is to come of the content.
#[derive(Debug)]
enum Content {
    /// So many bytes.
    Left(u64),
    /// Chunks.
    Chunked(Chunks),
    /// All that comes.
    UntilClose,
}

/// Something that came in.
#[derive(Debug)]
pub enum Event {
    /// A request begins. With [`Framing::Empty`] it is complete; otherwise [`Event::Data`] and one
    /// [`Event::End`] follow.
    Request(RequestHead, Framing),
    /// An interim response (1xx, but not 101): the final one is still to come.
    Interim(ResponseHead),
    /// A response begins; as for a request.
    Response(ResponseHead, Framing),
    /// Content; never empty, and not copied.
    Data(Bytes),
    /// The exact end of the content, with its trailer section if that has fields; those that have no
    /// place in a trailer (RFC 9110 §6.5.1) have been dropped.
    End(Option<Fields>),
}

impl Inbound {
    /// The direction in which requests come in.
    pub(crate) fn of_requests(limits: Limits) -> Self {
        Self::new(Reads::Requests, limits)
    }

    /// The direction in which responses come in.
    pub(crate) fn of_responses(limits: Limits) -> Self {
        Self::new(Reads::Responses, limits)
    }

    fn new(reads: Reads, limits: Limits) -> Self {
        Self { reads, limits, state: State::Start, fault: None, message: Message::default() }
    }

    /// The next event that the bytes in `inbox` hold, taken from its front. `None`: more bytes are
    /// needed, or the message is complete and what follows it waits for [`turn`](crate::connection::turn).
    ///
    /// Bytes that may still become part of something are left in `inbox`: the caller adds to its end
    /// and changes nothing else. No more than the limits say are ever left there while this returns
    /// `None`, except after the end of a message.
    ///
    /// # Errors
    /// What is wrong with the message, as soon as it is certain.
    pub fn receive(&mut self, inbox: &mut BytesMut) -> Result<Option<Event>, Fault> {
        match (self.fault, self.state) {
            (Some(fault), _) => Err(fault),
            (None, State::Start) => self.head(inbox).inspect_err(|fault| self.fail(*fault)),
            (None, State::Body) => self.content(inbox).inspect_err(|fault| self.fail(*fault)),
            (None, State::Complete | State::Closed | State::Broken) => Ok(None),
        }
    }

    /// The other side closed its direction; told after [`receive`](Self::receive) returned `None`.
    ///
    /// Gives the end of content that goes on until then, and `None` between messages. After a complete
    /// message it changes nothing: messages that came before the close may still be in the inbox.
    ///
    /// # Errors
    /// [`Fault::NoResponse`], [`Fault::TruncatedHead`] or [`Fault::TruncatedBody`].
    pub fn closed(&mut self) -> Result<Option<Event>, Fault> {
        match (self.fault, self.state) {
            (Some(fault), _) => Err(fault),
            (None, State::Start) => self.closed_at_start().inspect_err(|fault| self.fail(*fault)),
            (None, State::Body) if matches!(self.message.content, Content::UntilClose) => {
                self.step(Step::End);
                Ok(Some(Event::End(None)))
            }
            (None, State::Body) => {
                self.fail(Fault::TruncatedBody);
                Err(Fault::TruncatedBody)
            }
            (None, State::Complete | State::Closed | State::Broken) => Ok(None),
        }
    }

    fn closed_at_start(&mut self) -> Result<Option<Event>, Fault> {
        if self.message.begun || self.message.interims > 0 {
            return Err(Fault::TruncatedHead);
        }
        if self.message.asked.is_some() {
            return Err(Fault::NoResponse);
        }
        self.step(Step::Close);
        Ok(None)
    }

    /// A request of this method has been, or is being, sent: one response is expected. Said on the
    /// client's side before each response; what comes without is a fault.
    pub fn expect_response_to(&mut self, method: &Method) {
        self.message.asked = Some(Asked::from(method));
    }

    /// Whether nothing of a message has come yet; an empty line before it counts as nothing
    /// (RFC 9112 §2.2).
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        let nothing = !self.message.begun && self.message.interims == 0;
        matches!(self.state, State::Start | State::Closed) && nothing
    }

    /// Whether a head has come, and its content not to the end yet.
    #[must_use]
    pub fn is_in_content(&self) -> bool {
        self.state == State::Body
    }

    /// How many bytes of content are still to come; `None` if that can't be known before they have.
    #[must_use]
    pub fn content_left(&self) -> Option<u64> {
        match (self.state, &self.message.content) {
            (State::Body, Content::Left(left)) => Some(*left),
            (State::Body, Content::Chunked(_) | Content::UntilClose) => None,
            _ => Some(0),
        }
    }

    /// Whether a whole message has come, to its exact end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Whether another message may follow the one that is coming in (RFC 9112 §9.3).
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.message.persistent && !matches!(self.state, State::Broken | State::Closed)
    }

    /// Goes on to the next message; only after a complete one.
    pub(crate) fn turn(&mut self) {
        self.step(Step::Turn);
        self.message = Message::default();
    }

    fn fail(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.step(Step::Fail);
    }

    fn step(&mut self, step: Step) {
        self.state = self.state.after(step).unwrap_or(State::Broken);
    }

    fn head(&mut self, inbox: &mut BytesMut) -> Result<Option<Event>, Fault> {
        let start = match self.message.start.take() {
            None => self.start_line(inbox)?,
            start => start,
        };
        let Some(start) = start else { return Ok(None) };
        let (bytes_max, lines_max) = (self.limits.field_bytes, self.limits.field_lines);
        let Some(end) = self.message.section.end(inbox, bytes_max, lines_max)? else {
            self.message.start = Some(start);
            return Ok(None);
        };
        // One copy for the whole section; what is left in the inbox then is content, which is not copied.
        let section = Bytes::copy_from_slice(inbox.get(..end).unwrap_or_default());
        inbox.advance(section.len());
        let fields = parse::section(&section, self.message.section.count())?;
        match start {
            StartLine::Request(line) => self.request(line, fields).map(Some),
            StartLine::Status(line) => self.response(line, fields).map(Some),
        }
    }

    fn start_line(&mut self, inbox: &mut BytesMut) -> Result<Option<StartLine>, Fault> {
        if self.reads == Reads::Requests && !self.message.begun {
            self.skip_empty_line(inbox);
        }
        // One byte of an empty line may be all there is: that is no message yet.
        let waiting = self.reads == Reads::Requests && !self.message.skipped && **inbox == *b"\r";
        if inbox.is_empty() || waiting {
            return Ok(None);
        }
        self.message.begun = true;
        let found = match self.reads {
            Reads::Requests => parse::request_line(&mut self.message.line, inbox, &self.limits)?
                .map(|(line, len)| (StartLine::Request(line), len)),
            // RFC 9112 §9.2: what comes on a connection without a request is not a response.
            Reads::Responses if self.message.asked.is_none() => return Err(Fault::NotAsked),
            Reads::Responses => parse::status_line(&mut self.message.line, inbox)?
                .map(|(line, len)| (StartLine::Status(line), len)),
        };
        Ok(found.map(|(line, len)| {
            inbox.advance(len);
            line
        }))
    }

    /// RFC 9112 §2.2: at least one empty line before a request line is to be ignored; one is.
    fn skip_empty_line(&mut self, inbox: &mut BytesMut) {
        if !self.message.skipped && inbox.starts_with(b"\r\n") {
            inbox.advance(2);
            self.message.skipped = true;
        }
    }

    fn request(&mut self, line: RequestLine, mut fields: Fields) -> Result<Event, Fault> {
        let RequestLine { method, target, version } = line;
        framing::judge_host(&target, version, &mut fields)?;
        let framing = framing::of_request(version, &mut fields)?;
        if matches!(framing, Framing::Length(length) if length > self.limits.body_bytes) {
            return Err(Fault::BodyTooLarge);
        }
        // RFC 9110 §10.1.1: without content, and in HTTP/1.0, the expectation means nothing.
        let expects_continue =
            take_expectation(&mut fields) && version == Version::Http11 && framing != Framing::Empty;
        let wants_close = framing::wants_close(version, &fields)
            // RFC 9112 §9.3: a proxy does not keep the connection of an HTTP/1.0 client.
            || (version == Version::Http10 && matches!(target, Target::Absolute(..)))
            // RFC 9110 §9.3.6: what follows need not be HTTP.
            || method == Method::CONNECT;
        self.begin(framing, !wants_close);
        let head = RequestHead { method, target, version, fields, expects_continue, wants_close };
        Ok(Event::Request(head, framing))
    }

    fn response(&mut self, line: StatusLine, mut fields: Fields) -> Result<Event, Fault> {
        let StatusLine { version, status } = line;
        let asked = self.message.asked.unwrap_or(Asked::Other);
        let doubtful = framing::announces_what_it_cannot_have(status, &fields);
        let framing = framing::of_response(asked, status, version, &mut fields)?;
        let persistent = !doubtful && !framing::wants_close(version, &fields);
        let head = ResponseHead { status, version, fields };
        if status.is_informational() {
            return self.interim(head, persistent);
        }
        let tunnel = asked == Asked::Connect && status.is_success();
        let until_close = framing == Framing::UntilClose;
        self.begin(framing, self.message.persistent && persistent && !tunnel && !until_close);
        Ok(Event::Response(head, framing))
    }

    /// RFC 9110 §15.2: any number of interim responses may come before the final one; we say how many.
    fn interim(&mut self, head: ResponseHead, persistent: bool) -> Result<Event, Fault> {
        // RFC 9110 §15.2.2: only after `Upgrade` was sent, which never is.
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Fault::SwitchNotAsked);
        }
        let interims = self.message.interims.saturating_add(1);
        if interims > INTERIM_RESPONSES_MAX {
            return Err(Fault::TooManyInterim);
        }
        let persistent = self.message.persistent && persistent;
        self.message = Message { asked: self.message.asked, interims, persistent, ..Message::default() };
        self.step(Step::Interim);
        Ok(Event::Interim(head))
    }

    fn begin(&mut self, framing: Framing, persistent: bool) {
        self.message.persistent = persistent;
        self.message.content = match framing {
            Framing::Empty => Content::Left(0),
            Framing::Length(length) => Content::Left(length),
            Framing::Chunked => Content::Chunked(Chunks::default()),
            Framing::UntilClose => Content::UntilClose,
        };
        self.step(if framing == Framing::Empty { Step::Whole } else { Step::Head });
    }

    fn content(&mut self, inbox: &mut BytesMut) -> Result<Option<Event>, Fault> {
        let part = match &mut self.message.content {
            Content::Left(0) => Some(Part::End(Fields::new())),
            Content::Left(left) => {
                let data = take(inbox, *left);
                *left = left.saturating_sub(length(&data));
                some_data(data)
            }
            Content::Chunked(chunks) => {
                let content_max =
                    if self.reads == Reads::Requests { self.limits.body_bytes } else { u64::MAX };
                chunks.next(inbox, &self.limits, content_max)?
            }
            Content::UntilClose => some_data(take(inbox, u64::MAX)),
        };
        Ok(part.map(|part| match part {
            Part::Data(data) => {
                self.step(Step::Data);
                Event::Data(data)
            }
            Part::End(trailers) => {
                self.step(Step::End);
                Event::End(Some(trailers).filter(|fields| !fields.is_empty()))
            }
        }))
    }
}

fn some_data(data: Bytes) -> Option<Part> {
    if data.is_empty() { None } else { Some(Part::Data(data)) }
}

/// Takes out `Expect: 100-continue`, and says whether it was there. Any other expectation is left, and
/// for whoever answers to judge (RFC 9110 §10.1.1).
fn take_expectation(fields: &mut Fields) -> bool {
    let found = fields.text(&EXPECT).is_some_and(|text| text.eq_ignore_ascii_case("100-continue"));
    if found {
        fields.remove(&EXPECT);
    }
    found
}
