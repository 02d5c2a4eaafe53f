//! The way of a client whose answer is carried through: what it wants is asked of a server, and of others in its place.

use std::mem;
use std::sync::Arc;

use message::forward::{check_loop, count_forwards, inbound};
use message::{Body, Failure, FailureKind, HeaderValue, Method, Request, Response, Service, header};

use crate::balancer::{Asker, Balancer};
use crate::errand::{Errand, Repeat, Rest};
use crate::exchange::{Place, Reply};
use crate::gate::Full;
use crate::holdings::Has;
use crate::member::Member;
use crate::mode::Forwarding;
use crate::redirect;
use crate::relay::{Course, Relay};
use crate::replica::Replica;
use crate::rules::Terms;

/// How many servers are looked at for one that has a place, before the first of them is waited for.
const LOOKS_MAX: usize = 4;

/// What a client is told to wait before it tries again where no place was free, in seconds.
const FULL_PAUSE: u16 = 1;

impl<S: Service + Clone> Balancer<S> {
    /// Numbered as clients go: 1. what can't be forwarded is refused; 2. what was for this hop is taken out; 3. a
    /// server is chosen and asked, and while nothing has been passed on, others in its place; 4. the answer is carried.
    pub(crate) async fn forward(
        &self,
        mut request: Request,
        terms: &Forwarding,
    ) -> Result<Response, Failure> {
        if request.method == Method::CONNECT {
            return Ok(redirect::no_tunnel());
        }
        let Some(path) = request.target.path_and_query().cloned() else { return Ok(redirect::no_target()) };
        check_loop(&request.fields, self.pseudonym())?;
        let mut errand = Errand::of(&mut request, path, self.config().trust(), self.pseudonym());
        if let Some(response) = count_forwards(&errand.method, &mut errand.fields) {
            return Ok(response);
        }
        match self.ask_in_turn(&errand, request.body, terms).await {
            Some(reply) => self.carry(reply, &errand),
            None => {
                self.note_unserved();
                Ok(redirect::nobody_left(self.config().interval()))
            }
        }
    }

    /// Asks one server after the other until one answers well, or enough have been asked; `None` if there is none.
    async fn ask_in_turn(&self, errand: &Errand, mut body: Body, terms: &Forwarding) -> Option<Reply> {
        let (mut tried, mut spare) = (Vec::new(), None);
        while tried.len() < terms.tries {
            let place = match self.place(errand, &tried, terms).await {
                Ok(Some(place)) => place,
                Ok(None) => break,
                Err(full) => return spare.or(Some(Reply { place: None, outcome: Err(full) })),
            };
            tried.push(place.member.id);
            let reply = match terms.hedge {
                Some(after) if errand.repeat == Repeat::Always => {
                    let another = || {
                        let place = self.free_place(errand, &tried)?;
                        tried.push(place.member.id);
                        Some(place)
                    };
                    self.hedged(errand, place, after, another).await
                }
                _ => {
                    let request = errand.to(&place.member.replica, mem::take(&mut body));
                    self.exchange(place, request, errand.repeat).await
                }
            };
            if !self.is_to_go_on(errand, &reply) {
                return Some(reply);
            }
            // That somebody lacks it says nothing of one who could not say: it goes out last.
            spare = spare.filter(Reply::is_worth_another).or(Some(reply));
        }
        spare
    }

    /// Whether another server is asked; what this one lacks is remembered.
    fn is_to_go_on(&self, errand: &Errand, reply: &Reply) -> bool {
        match &reply.outcome {
            Ok(response) if errand.is_looked_for(response.status) => {
                let known = self.holdings().zip(reply.place.as_ref());
                known.is_some_and(|(holdings, place)| {
                    let (path, id) = (errand.path.path(), place.member.id);
                    holdings.note(path, id, Has::Nothing, errand.received_at);
                    true
                })
            }
            Ok(_) => errand.repeat == Repeat::Always && reply.is_worth_another(),
            Err(failure) => {
                let is_unheard = errand.repeat == Repeat::Unsent && failure.retry_safe();
                (errand.repeat == Repeat::Always || is_unheard) && reply.is_worth_another()
            }
        }
    }

    /// A place at a server that has not been `tried`: at one that has a place now, else where one is soon; `None` if
    /// there is no such server.
    async fn place(
        &self,
        errand: &Errand,
        tried: &[u64],
        terms: &Forwarding,
    ) -> Result<Option<Place>, Failure> {
        let mut passed = tried.to_vec();
        let mut first = None;
        while let Some(member) = self.choose_for(errand, &passed) {
            if let Some(pass) = member.gate.try_enter() {
                return Ok(Some(Place::new(member, pass)));
            }
            passed.push(member.id);
            first.get_or_insert(member);
            if passed.len() >= tried.len() + LOOKS_MAX {
                break;
            }
        }
        let Some(member) = first else { return Ok(None) };
        let pass = member.gate.enter(terms.patience).await.map_err(|full| crowded(&member.replica, full))?;
        Ok(Some(Place::new(member, pass)))
    }

    /// A place at a server that has not been tried, if there is one without waiting.
    fn free_place(&self, errand: &Errand, tried: &[u64]) -> Option<Place> {
        let member = self.choose_for(errand, tried)?;
        let pass = member.gate.try_enter()?;
        Some(Place::new(member, pass))
    }

    fn choose_for(&self, errand: &Errand, tried: &[u64]) -> Option<Arc<Member>> {
        let terms = Terms::of(self.config().rules(), errand.client, self.config().geography());
        let asker = Asker { path: &errand.path, terms, now: errand.received_at, tried };
        let holding = self.holdings().and_then(|holdings| holdings.get(errand.path.path()));
        self.pick(&asker, holding.as_deref())
    }

    /// The answer as it goes on.
    fn carry(&self, reply: Reply, errand: &Errand) -> Result<Response, Failure> {
        let mut response = reply.outcome?;
        let rest = Rest::of(errand, &response);
        inbound(&mut response.fields, self.pseudonym(), self.now());
        let Some(place) = reply.place else { return Ok(response) };
        lead_back(&mut response, &place.member.replica);
        response.body = match response.body {
            Body::Stream(stream) => {
                let length = stream.length();
                let course = Course { place, stream, rest };
                Body::from_source(length, Relay::new(self.clone(), course))
            }
            body => body,
        };
        Ok(response)
    }

    /// Finds somebody who sends `rest`: another server than the one that broke off, or else that one once more.
    pub(crate) async fn resume(&self, rest: Rest, broken: u64) -> Option<Course> {
        let terms = self.config().mode().forwarding()?;
        let mut tried = vec![broken];
        for _ in 0..terms.tries {
            let place = match self.place(rest.errand(), &tried, terms).await.ok()? {
                Some(place) => place,
                None => self.place(rest.errand(), &[], terms).await.ok()??,
            };
            tried.push(place.member.id);
            let request = rest.to(&place.member.replica);
            let reply = self.exchange(place, request, Repeat::Always).await;
            if let (Some(place), Ok(response)) = (reply.place, reply.outcome)
                && rest.is_in(&response)
            {
                return Some(Course { place, stream: response.body.into_stream(), rest: Some(rest) });
            }
        }
        None
    }
}

/// No place at a server, in time or at all (RFC 9209 §2.3.12): `503`, and when it may be better.
fn crowded(replica: &Replica, full: Full) -> Failure {
    let detail = match full {
        Full::Queue => format!("{replica} has as many clients waiting as may"),
        Full::Late => format!("{replica} had no place in time"),
    };
    let failure = Failure::before_sending(FailureKind::ConnectionLimitReached, detail);
    failure.with(header::RETRY_AFTER, HeaderValue::from(FULL_PAUSE))
}

/// Where a server's redirect leads to that server itself, clients are led here again (RFC 9110 §10.2.2: `Location`
/// may be relative).
fn lead_back(response: &mut Response, replica: &Replica) {
    let Some(location) = response.fields.text(&header::LOCATION) else { return };
    let Some(path) = location.strip_prefix(replica.url()) else { return };
    // What begins with two slashes would be taken for an authority.
    if path.starts_with('/')
        && !path.starts_with("//")
        && let Ok(path) = HeaderValue::from_str(path)
    {
        response.fields.set(header::LOCATION, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::StatusCode;

    #[test]
    fn a_server_leads_to_itself_through_us() {
        let replica = Replica::parse("a.test:81").unwrap();
        for (location, expected) in [
            ("http://a.test:81/d/?q", "/d/?q"),
            ("http://a.test:81//evil/", "http://a.test:81//evil/"),
            ("http://a.test:8100/d/", "http://a.test:8100/d/"),
            ("http://a.test:81.evil/d/", "http://a.test:81.evil/d/"),
            ("/d/", "/d/"),
        ] {
            let mut response = Response::new(StatusCode::MOVED_PERMANENTLY);
            response.fields.set(header::LOCATION, HeaderValue::from_static(location));
            lead_back(&mut response, &replica);
            assert_eq!(response.fields.text(&header::LOCATION), Some(expected));
        }
    }
}
