//! One HTTP/1.1 connection of the server side, from its first request to its end.
//!
//! An exchange is, in this order: 1. the head arrives, 2. the content is lent to the service, 3. the service
//! answers, 4. the answer goes out, 5. the content comes back and what is left of it is read away, 6. the
//! connection turns to the next exchange or ends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http1::{Connection, Event, Fault, Framing, RequestHead, turn};
use message::{Body, Failure, Method, Request, Response, Service, StatusCode};
use net::drain::{Drain, Draining};
use net::stream::{Stream, lingering_close};
use tokio::time::Instant;

use crate::clock;
use crate::deadline::{Deadline, Expired};
use crate::intake::{Intake, IntakeFault};
use crate::outlet::{Broken, Outlet};
use crate::record::{Ending, ExchangeRecord, Observer};
use crate::server::answer;
use crate::server::request_body::{Loan, lend};
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
    match after {
        After::Next(_) | After::Close => {}
        After::Linger(intake) => {
            let patience = &talk.server.patience;
            let write = talk.outlet.into_half();
            lingering_close(intake.half, write, patience.discard_bytes, patience.discard).await;
        }
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

/// What became of waiting for a request's head.
enum Arrival {
    Request(RequestHead, Framing),
    Faulty(Fault),
    /// Some of a head, and no more of it in time.
    Slow,
    /// Nothing to answer: the client left, the connection idled too long, or the server stops.
    Nothing,
}

impl<S: Service, O: Observer> Talk<S, O> {
    async fn exchange(&mut self, mut intake: Intake) -> After {
        let (head, framing) = match self.arrival(&mut intake).await {
            Arrival::Request(head, framing) => (head, framing),
            Arrival::Faulty(fault) => return self.refuse(intake, answer::to_fault(fault)).await,
            Arrival::Slow => return self.refuse(intake, answer::to_slow_head()).await,
            Arrival::Nothing => return After::Close,
        };
        self.outlet.outbound.answer_to(&head);
        let mut account = self.account(&head);
        match framing {
            Framing::Empty => {
                let answer = self.server.service.call(self.request(head, Body::Empty, &account)).await;
                let sent = self.respond(answer, &mut account).await;
                self.conclude(account, &sent);
                if sent.is_err() { After::Close } else { self.turn(intake) }
            }
            framing => self.exchange_with_content(intake, head, framing, account).await,
        }
    }

    async fn exchange_with_content(
        &mut self,
        intake: Intake,
        head: RequestHead,
        framing: Framing,
        mut account: Account,
    ) -> After {
        let expects_continue = head.expects_continue;
        let (body, loan) = lend(intake, framing, self.server.patience.content);
        let Loan { mut back, wanted } = loan;
        let request = self.request(head, body, &account);
        let (answer, continued) = if expects_continue {
            self.call_and_continue(request, wanted).await
        } else {
            (self.server.service.call(request).await, true)
        };
        let returned = back.try_recv().ok();
        // RFC 9110 §10.1.1: without a 100 (Continue) the client may or may not send its content, so what
        // follows can't be told apart. RFC 9112 §9.3: say so, if it is known before the head goes out.
        let unread = returned.as_ref().is_some_and(|intake| !self.may_discard(intake));
        if !continued || unread {
            self.outlet.outbound.close_after();
        }
        let sent = self.respond(answer, &mut account).await;
        self.conclude(account, &sent);
        if sent.is_err() {
            return After::Close;
        }
        let patience = self.server.patience.discard;
        let intake = match returned {
            Some(intake) => intake,
            None => match self.deadline.within(patience, back).await {
                Ok(Ok(intake)) => intake,
                Ok(Err(_)) | Err(Expired) => return After::Close,
            },
        };
        self.read_away(intake).await
    }

    /// Waits for a head; for a connection on which nothing has been sent yet, as long as it may idle.
    async fn arrival(&mut self, intake: &mut Intake) -> Arrival {
        let mut begun = !intake.inbox.is_empty();
        self.deadline.set(if begun { self.server.patience.head } else { self.server.patience.idle });
        loop {
            match self.event(intake, begun).await {
                Some(Ok(Event::Request(head, framing))) => return Arrival::Request(head, framing),
                Some(Ok(_)) => return Arrival::Nothing,
                Some(Err(IntakeFault::Protocol(fault))) => return Arrival::Faulty(fault),
                Some(Err(IntakeFault::Closed | IntakeFault::Connection(_))) => return Arrival::Nothing,
                None if begun => return Arrival::Slow,
                None if intake.inbound.is_between_messages() => return Arrival::Nothing,
                None => {
                    begun = true;
                    self.deadline.set(self.server.patience.head);
                }
            }
        }
    }

    /// The next event; `None` when the time is up, when the server stops before anything has been
    /// sent, or when the first part of a head has come and its time begins to count.
    async fn event(&mut self, intake: &mut Intake, begun: bool) -> Option<Result<Event, IntakeFault>> {
        let Self { deadline, draining, .. } = self;
        poll_fn(|cx| {
            if let Poll::Ready(event) = intake.poll_event(cx) {
                return Poll::Ready(Some(event));
            }
            if deadline.poll_expired(cx).is_ready() {
                return Poll::Ready(None);
            }
            let between = intake.inbound.is_between_messages();
            if !begun && (!between || Pin::new(&mut *draining).poll(cx).is_ready()) {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// Calls the service, and sends 100 (Continue) when it first asks for the content (RFC 9110 §10.1.1).
    async fn call_and_continue(
        &mut self,
        request: Request,
        wanted: tokio::sync::oneshot::Receiver<()>,
    ) -> (Result<Response, Failure>, bool) {
        let server = Arc::clone(&self.server);
        let mut call = std::pin::pin!(server.service.call(request));
        let asked = tokio::select! {
            biased;
            answer = &mut call => return (answer, false),
            asked = wanted => asked.is_ok(),
        };
        if asked {
            self.outlet.outbound.interim(StatusCode::CONTINUE, &message::Fields::new(), &mut self.outlet.pending);
            if self.outlet.flush(false).await.is_err() {
                return (call.await, false);
            }
        }
        (call.await, asked)
    }

    async fn respond(&mut self, answer: Result<Response, Failure>, account: &mut Account) -> Result<(), Broken> {
        let Response { status, fields, body } = self.observed(answer);
        account.status = status;
        if self.drain.is_draining() {
            self.outlet.outbound.close_after();
        }
        let date = clock::date(account.received_at);
        let outlet = &mut self.outlet;
        let framing = outlet.outbound.response(status, &fields, body.length(), &date, &mut outlet.pending);
        outlet.send(framing, body).await
    }

    fn observed(&self, answer: Result<Response, Failure>) -> Response {
        let response = answer.unwrap_or_else(|failure| answer::to_failure(&failure));
        self.server.observer.answering(&response);
        response
    }

    /// Answers what can't be understood, and closes (RFC 9112 §9.6: without losing the answer).
    async fn refuse(&mut self, intake: Intake, response: Response) -> After {
        let outlet = &mut self.outlet;
        outlet.outbound.close_after();
        let Response { status, fields, body } = response;
        let date = clock::date(clock::now());
        let framing = outlet.outbound.response(status, &fields, body.length(), &date, &mut outlet.pending);
        if outlet.send(framing, body).await.is_err() { After::Close } else { After::Linger(intake) }
    }

    fn request(&self, head: RequestHead, body: Body, account: &Account) -> Request {
        let RequestHead { method, target, fields, .. } = head;
        Request { method, target, fields, body, peer: Some(self.peer), received_at: account.received_at }
    }

    fn may_discard(&self, intake: &Intake) -> bool {
        let most = u64::try_from(self.server.patience.discard_bytes).unwrap_or(u64::MAX);
        intake.inbound.content_left().is_none_or(|left| left <= most)
    }

    /// Reads away what is left of the content, within limits (RFC 9112 §9.3).
    async fn read_away(&mut self, mut intake: Intake) -> After {
        if !self.outlet.outbound.is_persistent() {
            return if intake.inbound.is_complete() { After::Close } else { After::Linger(intake) };
        }
        let mut left = self.server.patience.discard_bytes;
        self.deadline.set(self.server.patience.discard);
        while !intake.inbound.is_complete() {
            match self.deadline.guard(intake.event()).await {
                Ok(Ok(Event::Data(bytes))) if bytes.len() <= left => left -= bytes.len(),
                Ok(Ok(Event::End(_))) => {}
                Ok(Err(IntakeFault::Closed | IntakeFault::Connection(_))) => return After::Close,
                Ok(_) | Err(Expired) => return After::Linger(intake),
            }
        }
        self.turn(intake)
    }

    fn turn(&mut self, mut intake: Intake) -> After {
        if turn(&mut intake.inbound, &mut self.outlet.outbound) {
            After::Next(intake)
        } else if intake.inbox.is_empty() {
            After::Close
        } else {
            After::Linger(intake)
        }
    }

    fn account(&self, head: &RequestHead) -> Account {
        Account {
            method: head.method.clone(),
            target: head.target.clone(),
            received_at: clock::now(),
            begun: Instant::now(),
            sent_before: self.outlet.sent(),
            status: StatusCode::OK,
        }
    }

    fn conclude(&self, account: Account, sent: &Result<(), Broken>) {
        let ending = match sent {
            Ok(()) => Ending::Whole,
            Err(Broken::Connection(_)) => Ending::ClientGone,
            Err(Broken::Content(_) | Broken::Framing(_) | Broken::File(_)) => Ending::Aborted,
        };
        if let Err(Broken::Content(failure)) = sent {
            tracing::warn!(target = %account.target, "response broken off: {failure}");
        } else if let Err(Broken::File(fault)) = sent {
            tracing::warn!(target = %account.target, "response broken off: {fault}");
        } else if let Err(Broken::Framing(fault)) = sent {
            tracing::error!(target = %account.target, "response broken off, a fault of ours: {fault}");
        }
        self.server.observer.exchange(&ExchangeRecord {
            peer: self.peer,
            method: account.method,
            target: account.target,
            received_at: account.received_at,
            status: account.status,
            sent: self.outlet.sent() - account.sent_before,
            elapsed: account.begun.elapsed(),
            ending,
        });
    }
}

/// What is remembered of an exchange while it lasts.
struct Account {
    method: Method,
    target: message::Target,
    received_at: std::time::SystemTime,
    begun: Instant,
    sent_before: u64,
    status: StatusCode,
}
