//! One exchange on a connection of the client side.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use http1::{Connection, Event, Fault, Framing, ResponseHead, turn};
use message::{
    Body, Failure, FailureKind, Fields, HearInterim, Request, Response, Segment, Source, StatusCode,
};
use net::pace::Pace;
use net::stream::Stream;

use crate::client::idle::Home;
use crate::client::terms::ClientLimits;
use crate::deadline::Deadline;
use crate::intake::{Intake, IntakeFault};
use crate::outlet::{Broken, Outlet};

/// A connection between two exchanges.
pub(super) struct Wire {
    intake: Intake,
    outlet: Outlet,
    deadline: Deadline,
}

impl Wire {
    pub(super) fn new(stream: Stream, limits: &ClientLimits) -> Self {
        let (read, write) = stream.split();
        let Connection { inbound, outbound } = Connection::client(limits.messages.clone());
        Self {
            intake: Intake::new(read, inbound),
            outlet: Outlet::new(write, outbound, Pace::any(limits.send)),
            deadline: Deadline::new(),
        }
    }

    /// Whether nothing has come since the last exchange: neither the end of the connection nor bytes
    /// that nobody asked for, which must not be taken for the next response (RFC 9112 §9.2).
    pub(super) fn is_quiet(&self) -> bool {
        self.intake.inbox.is_empty() && self.intake.half.is_quiet()
    }
}

/// How one request is sent.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) absolute_form: bool,
    pub(super) limits: &'a ClientLimits,
}

/// The request's content on its way, while the response may already be coming.
type Upload = Pin<Box<dyn Future<Output = (Outlet, Result<(), Broken>)> + Send>>;

/// What writes: at rest, or busy with a request's content.
enum Writing {
    Done(Outlet),
    Busy(Upload),
    /// The request could not be sent whole; the connection ends with this exchange.
    Failed,
}

impl Attempt<'_> {
    /// Sends `request` on `wire` and reads the response's head.
    pub(super) async fn run(
        self,
        wire: Wire,
        request: Request,
        home: Home<Wire>,
    ) -> Result<Response, Failure> {
        let Wire { mut intake, mut outlet, deadline } = wire;
        let Request { method, target, fields, body, interims, .. } = request;
        intake.inbound.expect_response_to(&method);
        let framing = outlet
            .outbound
            .request(&method, &target, &fields, body.length(), self.absolute_form, &mut outlet.pending)
            .map_err(|fault| Failure::before_sending(FailureKind::HttpRequestError, fault.to_string()))?;
        let writing = Writing::begin(outlet, framing, body).await?;
        let stall = self.limits.content;
        let mut reading = Reading { intake, writing, deadline, home, stall, waiting: false };
        let (head, framing) =
            poll_fn(|cx| reading.poll_head(cx, self.limits.head, interims.as_deref())).await?;
        Ok(Response { status: head.status, fields: head.fields, body: reading.into_body(framing)? })
    }
}

impl Writing {
    /// A request without content is sent at once; content is sent beside the reading of the response.
    async fn begin(mut outlet: Outlet, framing: Framing, body: Body) -> Result<Self, Failure> {
        if framing == Framing::Empty {
            return match outlet.send(framing, Body::Empty).await {
                Ok(()) => Ok(Self::Done(outlet)),
                // The server may have said why before it closed.
                Err(broken) if broken.is_hangup() => Ok(Self::Failed),
                Err(broken) => Err(unsent(&broken)),
            };
        }
        Ok(Self::Busy(Box::pin(async move {
            let sent = outlet.send(framing, body).await;
            (outlet, sent)
        })))
    }

    /// Goes on with the content; gives what went wrong, once.
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        let Self::Busy(upload) = self else { return Ok(()) };
        match upload.as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready((outlet, Ok(()))) => {
                *self = Self::Done(outlet);
                Ok(())
            }
            Poll::Ready((_, Err(broken))) => {
                *self = Self::Failed;
                Err(broken)
            }
        }
    }
}

/// A response on its way, and the connection that it comes on.
struct Reading {
    intake: Intake,
    writing: Writing,
    deadline: Deadline,
    home: Home<Wire>,
    /// How long nothing of the content may come.
    stall: Duration,
    waiting: bool,
}

impl Reading {
    /// The final response's head, within `limit` of the request's end. Interim responses (RFC 9110 §15.2)
    /// are told to `interims`.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        limit: Duration,
        interims: Option<&dyn HearInterim>,
    ) -> Poll<Result<(ResponseHead, Framing), Failure>> {
        let broken = self.writing.poll(cx).err();
        while let Poll::Ready(event) = self.intake.poll_event(cx) {
            match event {
                Ok(Event::Response(head, framing)) => {
                    self.waiting = false;
                    return Poll::Ready(Ok((head, framing)));
                }
                // 100 (Continue) is about this connection: who is asked by others has answered them himself.
                Ok(Event::Interim(head)) if head.status != StatusCode::CONTINUE => {
                    if let Some(interims) = interims {
                        interims.hear(head.status, head.fields);
                    }
                }
                Ok(_) => {}
                Err(fault) => return Poll::Ready(Err(self.headless(&fault))),
            }
        }
        // A server may answer and close before it has taken the whole request (RFC 9112 §9.5): what it
        // says counts for more than that it took no more, and is waited for.
        if let Some(broken) = broken.filter(|broken| !broken.is_hangup()) {
            return Poll::Ready(Err(unsent(&broken)));
        }
        ready!(self.poll_stalled(cx, limit));
        Poll::Ready(Err(Failure::new(FailureKind::HttpResponseTimeout, "no response in time")))
    }

    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Failure>> {
        // Whether the rest of the request could be sent is seen in what the response says.
        let _ = self.writing.poll(cx);
        if let Poll::Ready(event) = self.intake.poll_event(cx) {
            self.waiting = false;
            return Poll::Ready(event.map_err(|fault| incomplete(&fault)));
        }
        ready!(self.poll_stalled(cx, self.stall));
        Poll::Ready(Err(Failure::new(
            FailureKind::HttpResponseTimeout,
            format!("nothing of the response's content came for {:?}", self.stall),
        )))
    }

    /// Ready when `limit` has passed since this began to wait. While the request still goes out this does
    /// not wait: that has a limit of its own, and many servers read first and answer then.
    fn poll_stalled(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<()> {
        if matches!(self.writing, Writing::Busy(_)) {
            return Poll::Pending;
        }
        if !self.waiting {
            self.waiting = true;
            self.deadline.set(limit);
        }
        self.deadline.poll_expired(cx)
    }

    /// The content as a body. If it is there already, the connection is free at once.
    fn into_body(mut self, framing: Framing) -> Result<Body, Failure> {
        let length = match framing {
            Framing::Empty => {
                self.go_home();
                return Ok(Body::Empty);
            }
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let Some(bytes) = self.all_of(length)? else {
            return Ok(Body::from_source(length, ResponseBody { reading: Some(self), trailers: None }));
        };
        self.go_home();
        Ok(Body::from(bytes.freeze()))
    }

    /// Content of known length that came whole in the same read as the head.
    fn all_of(&mut self, length: Option<u64>) -> Result<Option<BytesMut>, Failure> {
        let here = u64::try_from(self.intake.inbox.len()).unwrap_or(u64::MAX);
        if length.is_none_or(|length| length > here) {
            return Ok(None);
        }
        let mut whole = BytesMut::new();
        while let Some(event) = self.intake.inbound.receive(&mut self.intake.inbox).map_err(protocol)? {
            match event {
                Event::Data(bytes) => whole.extend_from_slice(&bytes),
                _ => break,
            }
        }
        Ok(Some(whole))
    }

    /// Keeps the connection if both messages end exactly (RFC 9112 §9.3), else closes it.
    ///
    /// A server that has answered early, and does not mean to close, reads on (RFC 9112 §9.5): it gets
    /// the rest of the request while the response is already the caller's.
    fn go_home(self) {
        let Self { intake, writing, deadline, home, .. } = self;
        match writing {
            Writing::Done(outlet) => settle(Wire { intake, outlet, deadline }, &home),
            Writing::Busy(upload) if intake.inbound.is_persistent() => {
                tokio::spawn(async move {
                    if let (outlet, Ok(())) = upload.await {
                        settle(Wire { intake, outlet, deadline }, &home);
                    }
                });
            }
            Writing::Busy(_) | Writing::Failed => {}
        }
    }

    /// The connection ended, or broke the protocol, before the end of the response's head.
    fn headless(&self, fault: &IntakeFault) -> Failure {
        let nothing_came = match fault {
            IntakeFault::Protocol(fault) => *fault == Fault::NoResponse,
            IntakeFault::Closed | IntakeFault::Connection(_) => self.intake.inbound.is_between_messages(),
        };
        if nothing_came {
            let detail = format!("the server closed the connection without an answer{}", cause(fault));
            return Failure::new(FailureKind::ConnectionTerminated, detail);
        }
        incomplete(fault)
    }
}

/// Keeps a connection on which both messages have ended exactly.
fn settle(mut wire: Wire, home: &Home<Wire>) {
    if wire.intake.inbox.is_empty() && turn(&mut wire.intake.inbound, &mut wire.outlet.outbound) {
        home.keep(wire);
    }
}

struct ResponseBody {
    reading: Option<Reading>,
    trailers: Option<Fields>,
}

impl Source for ResponseBody {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        let Some(reading) = self.reading.as_mut() else { return Poll::Ready(None) };
        match ready!(reading.poll_content(cx)) {
            Ok(Event::Data(bytes)) => Poll::Ready(Some(Ok(Segment::Bytes(bytes)))),
            Ok(Event::End(trailers)) => {
                self.trailers = trailers;
                if let Some(reading) = self.reading.take() {
                    reading.go_home();
                }
                Poll::Ready(None)
            }
            Ok(Event::Request(..) | Event::Interim(_) | Event::Response(..)) => Poll::Ready(Some(Err(
                Failure::new(FailureKind::HttpProtocolError, "a message within the content"),
            ))),
            Err(failure) => {
                self.reading = None;
                Poll::Ready(Some(Err(failure)))
            }
        }
    }

    fn trailers(mut self: Pin<&mut Self>) -> Option<Fields> {
        self.trailers.take()
    }
}

fn protocol(fault: Fault) -> Failure {
    Failure::new(FailureKind::HttpProtocolError, fault.to_string())
}

/// The request could not be sent.
fn unsent(broken: &Broken) -> Failure {
    match broken {
        broken if broken.is_slowness() => {
            Failure::new(FailureKind::ConnectionWriteTimeout, "the server did not take the request in time")
        }
        Broken::Content(failure) => failure.clone(),
        Broken::Connection(_) => {
            Failure::new(FailureKind::ConnectionTerminated, "the connection ended while the request was sent")
        }
        Broken::Framing(fault) => Failure::new(FailureKind::HttpRequestError, fault.to_string()),
        Broken::File(fault) => Failure::new(FailureKind::ProxyInternalError, fault.to_string()),
        Broken::Overwritten => {
            Failure::new(FailureKind::ProxyInternalError, "a file was written over while it was sent")
        }
    }
}

/// The connection ended, or broke the protocol, within the response.
fn incomplete(fault: &IntakeFault) -> Failure {
    match fault {
        IntakeFault::Protocol(fault) if !fault.is_truncation() => protocol(*fault),
        fault => Failure::new(
            FailureKind::HttpResponseIncomplete,
            format!("the connection ended before the response was whole{}", cause(fault)),
        ),
    }
}

fn cause(fault: &IntakeFault) -> String {
    if let IntakeFault::Connection(error) = fault { format!(" ({error})") } else { String::new() }
}
