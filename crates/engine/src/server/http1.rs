//! One HTTP/1.1 connection of the server side, from its first request to its end.
//!
//! An exchange is, in this order: 1. the head arrives, 2. the content is lent to the service, 3. the service
//! answers, 4. the answer goes out, 5. the content comes back and what is left of it is read away, 6. the
//! connection turns to the next exchange or ends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::SystemTime;

use http1::{Connection, Event, Fault, Framing, RequestHead, Version, turn};
use message::{Body, Failure, Fields, Request, Response, Service, StatusCode};
use net::drain::{Drain, Draining};
use net::stream::{Stream, lingering_close};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::field;

use crate::clock;
use crate::deadline::{Deadline, Expired};
use crate::intake::{Intake, IntakeFault};
use crate::outlet::{Broken, Outlet};
use crate::record::{Asked, AskedFields, Ending, ExchangeRecord, Observer};
use crate::server::answer;
use crate::server::request_body::{Loan, Returned, Shortfall, lend};
use crate::server::terms::Server;

/// Serves one connection to its end.
pub(super) async fn converse<S: Service, O: Observer>(
    server: Arc<Server<S, O>>,
    stream: Stream,
    peer: SocketAddr,
    drain: Drain,
) {
    let (read, write) = stream.split();
    let Connection { inbound, outbound } = Connection::server(server.limits.clone());
    let mut intake = Intake::new(read, inbound);
    let outlet = Outlet::new(write, outbound, server.patience.send);
    let draining = drain.draining();
    let mut talk = Talk { server, peer, outlet, deadline: Deadline::new(), drain, draining };
    let after = loop {
        match talk.exchange(intake).await {
            After::Next(back) => intake = back,
            after => break after,
        }
    };
    if let After::Linger(intake) = after {
        let patience = &talk.server.patience;
        let write = talk.outlet.into_half();
        lingering_close(intake.half, write, patience.linger_bytes, patience.discard).await;
    }
}

struct Talk<S, O> {
    server: Arc<Server<S, O>>,
    peer: SocketAddr,
    outlet: Outlet,
    deadline: Deadline,
    drain: Drain,
    draining: Draining,
}

/// What comes after an exchange.
enum After {
    /// Another one, on the same connection.
    Next(Intake),
    /// Nothing: both sides know it.
    Close,
    /// Nothing, and the client may still be sending: it is given time to read the answer.
    Linger(Intake),
}

/// Why no request came.
enum NoRequest {
    /// What came is none.
    Faulty(Fault),
    /// Some of a head came, and the rest not in time.
    Slow,
    /// Nothing to answer: the client left, the connection idled too long, or the server stops.
    Over,
}

impl<S: Service, O: Observer> Talk<S, O> {
    async fn exchange(&mut self, mut intake: Intake) -> After {
        let (head, framing) = match self.arrival(&mut intake).await {
            Ok(request) => request,
            Err(NoRequest::Faulty(fault)) => return self.refuse(intake, answer::to_fault(fault)).await,
            Err(NoRequest::Slow) => return self.refuse(intake, answer::to_slow_request()).await,
            Err(NoRequest::Over) => return After::Close,
        };
        self.outlet.outbound.answer_to(&head);
        let account = self.account(Some(&head));
        if framing != Framing::Empty {
            return self.exchange_with_content(intake, head, framing, account).await;
        }
        let answer = self.server.service.call(self.request(head, Body::Empty, &account)).await;
        if self.respond(answer, account).await.is_err() { After::Close } else { self.turn(intake) }
    }

    async fn exchange_with_content(
        &mut self,
        intake: Intake,
        head: RequestHead,
        framing: Framing,
        account: Account,
    ) -> After {
        let expects_continue = head.expects_continue;
        let (body, Loan { mut back, wanted }) = lend(intake, framing, self.server.patience.content);
        let request = self.request(head, body, &account);
        let (mut answer, told) = if expects_continue {
            self.call_and_continue(request, wanted).await
        } else {
            (self.server.service.call(request).await, true)
        };
        let returned = back.try_recv().ok();
        // RFC 9110 §10.1.1: a client that gets a final answer instead of 100 (Continue) may send its content
        // or not. What follows can't be told apart then, unless the content has come already.
        if !told && !returned.as_ref().is_some_and(|returned| returned.intake.inbound.is_complete()) {
            self.outlet.outbound.close_after();
        }
        if let Some(Returned { intake, shortfall }) = &returned {
            // RFC 9112 §9.3: where it is known by now that this answer is the last, it says so.
            if !intake.inbound.is_persistent() || shortfall.is_some() || !self.may_discard(intake) {
                self.outlet.outbound.close_after();
            }
            // The service could only say that it had no whole request. Why, is known here.
            answer =
                answer.or_else(|failure| shortfall.as_ref().and_then(answer_to_shortfall).ok_or(failure));
        }
        if self.respond(answer, account).await.is_err() {
            return After::Close;
        }
        let returned = match returned {
            Some(returned) => returned,
            None => match self.deadline.within(self.server.patience.discard, back).await {
                Ok(Ok(returned)) => returned,
                // Somebody still holds the content: nothing that comes can be a request.
                Ok(Err(_)) | Err(Expired) => return After::Close,
            },
        };
        self.read_away(returned.intake).await
    }

    /// Waits for a request's head: until something of it comes as long as the connection may idle and the
    /// server goes on, from then on as long as a head may take.
    async fn arrival(&mut self, intake: &mut Intake) -> Result<(RequestHead, Framing), NoRequest> {
        let Self { server, deadline, draining, .. } = self;
        let mut waits_for_rest = None;
        poll_fn(|cx| {
            if let Poll::Ready(event) = intake.poll_event(cx) {
                return Poll::Ready(request_in(event));
            }
            let begun = !intake.inbound.is_between_messages();
            if waits_for_rest.replace(begun) != Some(begun) {
                deadline.set(if begun { server.patience.head } else { server.patience.idle });
            }
            if deadline.poll_expired(cx).is_ready() {
                return Poll::Ready(Err(if begun { NoRequest::Slow } else { NoRequest::Over }));
            }
            // What has come by then, even if this process has not heard of it yet, is answered.
            if !begun && Pin::new(&mut *draining).poll(cx).is_ready() && intake.half.is_quiet() {
                return Poll::Ready(Err(NoRequest::Over));
            }
            Poll::Pending
        })
        .await
    }

    /// Calls the service, and sends 100 (Continue) when it first asks for the content and that has not come
    /// by then; also says whether it did.
    async fn call_and_continue(
        &mut self,
        request: Request,
        wanted: oneshot::Receiver<()>,
    ) -> (Result<Response, Failure>, bool) {
        let server = Arc::clone(&self.server);
        let mut call = pin!(server.service.call(request));
        let wanted = tokio::select! {
            biased;
            answer = &mut call => return (answer, false),
            wanted = wanted => wanted.is_ok(),
        };
        if !wanted {
            return (call.await, false);
        }
        let outlet = &mut self.outlet;
        outlet.head(|outbound, out| outbound.interim(StatusCode::CONTINUE, &Fields::new(), out));
        let told = outlet.flush(false).await.is_ok();
        (call.await, told)
    }

    async fn respond(
        &mut self,
        answer: Result<Response, Failure>,
        mut account: Account,
    ) -> Result<(), Broken> {
        let response = answer.unwrap_or_else(|failure| answer::to_failure(&failure));
        self.server.observer.answering(&response);
        account.status = response.status;
        if self.drain.is_draining() {
            self.outlet.outbound.close_after();
        }
        let sent = self.send(response, account.received_at).await;
        self.conclude(account, &sent);
        sent
    }

    /// Answers what can't be understood. Nothing after it is: this answer is the last.
    async fn refuse(&mut self, intake: Intake, response: Response) -> After {
        self.outlet.outbound.close_after();
        let account = self.account(None);
        if self.respond(Ok(response), account).await.is_err() { After::Close } else { After::Linger(intake) }
    }

    async fn send(&mut self, response: Response, now: SystemTime) -> Result<(), Broken> {
        let Response { status, fields, body } = response;
        let outlet = &mut self.outlet;
        let date = clock::date(now);
        let length = body.length();
        let framing = outlet.head(|outbound, out| outbound.response(status, &fields, length, &date, out));
        outlet.send(framing, body).await
    }

    fn request(&self, head: RequestHead, body: Body, account: &Account) -> Request {
        let RequestHead { method, target, fields, .. } = head;
        Request { method, target, fields, body, peer: Some(self.peer), received_at: account.received_at }
    }

    /// Whether what is left of the content is no more than is read away, as far as that is known.
    fn may_discard(&self, intake: &Intake) -> bool {
        let most = u64::try_from(self.server.patience.discard_bytes).unwrap_or(u64::MAX);
        intake.inbound.content_left().is_none_or(|left| left <= most)
    }

    /// Reads away what is left of the content, within limits (RFC 9112 §9.3), and turns.
    async fn read_away(&mut self, mut intake: Intake) -> After {
        let mut left = self.server.patience.discard_bytes;
        self.deadline.set(self.server.patience.discard);
        while self.outlet.outbound.is_persistent() && !intake.inbound.is_complete() {
            match self.deadline.guard(intake.event()).await {
                Ok(Ok(Event::Data(bytes))) if bytes.len() <= left => left -= bytes.len(),
                Ok(Ok(Event::End(_))) => {}
                Ok(Err(IntakeFault::Closed | IntakeFault::Connection(_))) => return After::Close,
                Ok(_) | Err(Expired) => return After::Linger(intake),
            }
        }
        self.turn(intake)
    }

    /// Goes on to the next exchange, or says how to close.
    fn turn(&mut self, mut intake: Intake) -> After {
        if turn(&mut intake.inbound, &mut self.outlet.outbound) {
            return After::Next(intake);
        }
        // RFC 9112 §9.6: a close by us alone would reset a client that sends on, and that may lose it
        // the answer; unless it has said itself that it sends no more.
        let says_last = intake.inbound.is_complete() && !intake.inbound.is_persistent();
        if says_last && intake.inbox.is_empty() { After::Close } else { After::Linger(intake) }
    }

    fn account(&self, head: Option<&RequestHead>) -> Account {
        Account {
            asked: head.map(|head| self.asked(head)),
            received_at: clock::now(),
            begun: Instant::now(),
            sent_before: self.outlet.sent(),
            content_before: self.outlet.content_sent(),
            status: StatusCode::OK,
        }
    }

    fn asked(&self, head: &RequestHead) -> Asked {
        let wants_fields = self.server.observer.wants_fields();
        Asked {
            method: head.method.clone(),
            target: head.target.clone(),
            version: match head.version {
                Version::Http10 => http::Version::HTTP_10,
                Version::Http11 => http::Version::HTTP_11,
            },
            fields: wants_fields.then(|| Box::new(AskedFields::of(&head.fields))),
        }
    }

    fn conclude(&self, account: Account, sent: &Result<(), Broken>) {
        let ending = match sent {
            Ok(()) => Ending::Whole,
            Err(Broken::Connection(_)) => Ending::ClientGone,
            Err(Broken::Content(_) | Broken::Framing(_) | Broken::File(_)) => Ending::Aborted,
        };
        let target = || account.asked.as_ref().map(|asked| field::display(&asked.target));
        if let Err(Broken::Content(failure)) = sent {
            tracing::warn!(target = target(), "response broken off: {failure}");
        } else if let Err(Broken::File(fault)) = sent {
            tracing::warn!(target = target(), "response broken off: {fault}");
        } else if let Err(Broken::Framing(fault)) = sent {
            tracing::error!(target = target(), "response broken off, a fault of ours: {fault}");
        }
        self.server.observer.exchange(&ExchangeRecord {
            peer: self.peer,
            asked: account.asked,
            received_at: account.received_at,
            status: account.status,
            sent: self.outlet.sent() - account.sent_before,
            content: self.outlet.content_sent().saturating_sub(account.content_before),
            elapsed: account.begun.elapsed(),
            ending,
        });
    }
}

fn request_in(event: Result<Event, IntakeFault>) -> Result<(RequestHead, Framing), NoRequest> {
    match event {
        Ok(Event::Request(head, framing)) => Ok((head, framing)),
        Err(IntakeFault::Protocol(fault)) => Err(NoRequest::Faulty(fault)),
        // Between requests no other event comes.
        Ok(_) | Err(IntakeFault::Closed | IntakeFault::Connection(_)) => Err(NoRequest::Over),
    }
}

/// What to say to a client that did not send the whole of its request; nothing if it has left.
fn answer_to_shortfall(shortfall: &Shortfall) -> Option<Response> {
    match shortfall {
        Shortfall::Faulty(fault) => Some(answer::to_fault(*fault)),
        Shortfall::Slow => Some(answer::to_slow_request()),
        Shortfall::Gone => None,
    }
}

/// What is remembered of an exchange while it lasts.
struct Account {
    asked: Option<Asked>,
    received_at: SystemTime,
    begun: Instant,
    sent_before: u64,
    content_before: u64,
    status: StatusCode,
}
