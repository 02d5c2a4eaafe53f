//! Several origins of one site: who is asked, and who in his place.
//!
//! A site is known by the name of its first origin. They hold the same files. The first in the order given is asked, and the next one where he fails; one
//! that has failed is asked last for a while. A request is sent once more only where that does no harm: its
//! method is idempotent and it has no content (RFC 9110 §9.2.2), and nothing of an answer was passed on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use message::forward::is_worth_another;
use message::{Authority, Body, Failure, FailureKind, Request, Response, Service, Target};
use tokio::time::{Instant, sleep};

/// For how long one that has failed is asked last.
const ASIDE_FOR: Duration = Duration::from_secs(10);

/// The wait before an only origin that broke off is asked once more.
const AGAIN_PAUSE: Duration = Duration::from_millis(100);

/// Asks the origins of a site through `upstream`, and everybody else as he is called.
#[derive(Debug)]
pub struct Failover<U> {
    upstream: U,
    /// The origins of each site, in the order in which they are asked.
    sites: Vec<Vec<Origin>>,
}

#[derive(Debug)]
struct Origin {
    authority: Authority,
    /// Until when he is asked last.
    aside: Mutex<Option<Instant>>,
}

impl<U: Service> Failover<U> {
    /// Sites whose origins are those; none of a forward proxy.
    #[must_use]
    pub fn new(upstream: U, sites: impl IntoIterator<Item = Vec<Authority>>) -> Self {
        let origin = |authority| Origin { authority, aside: Mutex::default() };
        let site = |origins: Vec<Authority>| origins.into_iter().map(origin).collect();
        Self { upstream, sites: sites.into_iter().map(site).collect() }
    }

    /// Who is asked for that target, in order; nobody if it is not of the site.
    fn candidates(&self, target: &Target) -> Vec<&Origin> {
        let is_asked = |origin: &Origin| target.authority() == Some(&origin.authority);
        let Some(origins) = self.sites.iter().find(|origins| origins.first().is_some_and(is_asked)) else {
            return Vec::new();
        };
        let now = Instant::now();
        let mut candidates: Vec<&Origin> = origins.iter().collect();
        candidates.sort_by_key(|origin| origin.is_aside(now)); // stable: else they keep their order
        candidates
    }

    /// Asks one after the other; the last one's answer counts, whatever it is.
    async fn ask_in_turn(&self, request: &Request, candidates: &[&Origin]) -> Result<Response, Failure> {
        let mut outcome =
            Err(Failure::before_sending(FailureKind::HttpRequestError, "the site has no origin"));
        for origin in candidates {
            let request = moved(request.without_content(), origin.authority.clone());
            outcome = self.upstream.call(request).await;
            if !is_worth_another(&outcome) {
                origin.set_aside(None);
                return outcome;
            }
            tracing::debug!(origin = %origin.authority, "an origin failed");
            origin.set_aside(Some(Instant::now() + ASIDE_FOR));
        }
        outcome
    }

    /// A connection that ended without an answer is worth one more try.
    async fn ask_again(&self, request: Request) -> Result<Response, Failure> {
        let again = request.without_content();
        match self.upstream.call(request).await {
            Err(failure) if failure.kind() == FailureKind::ConnectionTerminated => {
                sleep(AGAIN_PAUSE).await;
                self.upstream.call(again).await
            }
            outcome => outcome,
        }
    }
}

impl<U: Service> Service for Failover<U> {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        if !(request.method.is_idempotent() && matches!(request.body, Body::Empty)) {
            let first = self.candidates(&request.target).first().map(|origin| origin.authority.clone());
            return match first {
                Some(authority) => self.upstream.call(moved(request, authority)).await,
                None => self.upstream.call(request).await,
            };
        }
        match self.candidates(&request.target).as_slice() {
            [] | [_] => self.ask_again(request).await,
            several => self.ask_in_turn(&request, several).await,
        }
    }
}

impl Origin {
    fn is_aside(&self, now: Instant) -> bool {
        self.aside().is_some_and(|until| now < until)
    }

    fn set_aside(&self, until: Option<Instant>) {
        *self.aside() = until;
    }

    fn aside(&self) -> MutexGuard<'_, Option<Instant>> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same request to another place.
fn moved(request: Request, authority: Authority) -> Request {
    let target = match request.target {
        Target::Absolute(scheme, _, path) => Target::Absolute(scheme, authority, path),
        target => target,
    };
    Request { target, ..request }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use lab::{Answers, Clock, Fault, Network};
    use message::{Method, StatusCode};

    use super::*;

    fn authority(name: &str) -> Authority {
        Authority::parse(name).unwrap()
    }

    fn site() -> (Network, Failover<lab::Client>) {
        let network = Network::new(Clock::new());
        for name in ["a.test", "b.test"] {
            network.serve(name, Answers::new(move |_| Response::text(StatusCode::OK, name)));
        }
        let failover = Failover::new(network.client(), [vec![authority("a.test"), authority("b.test")]]);
        (network, failover)
    }

    async fn ask(failover: &Failover<lab::Client>, method: Method) -> Result<String, FailureKind> {
        let target = Target::parse_url("http://a.test/x").unwrap();
        let request = Request { method, ..Request::get(target, SystemTime::UNIX_EPOCH) };
        let response = failover.call(request).await.map_err(|failure| failure.kind())?;
        let status = response.status.as_u16();
        let body = lab::body_bytes(response.body).await.unwrap();
        Ok(format!("{status} {}", std::str::from_utf8(&body).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_answers_for_one_that_fails_and_that_is_asked_last_for_a_while() {
        for fault in [
            Fault::Refuse,
            Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
            Fault::Fail(FailureKind::HttpResponseTimeout),
        ] {
            let (network, failover) = site();
            assert_eq!(ask(&failover, Method::GET).await.unwrap(), "200 a.test");
            network.set_fault("a.test", fault);
            assert_eq!(ask(&failover, Method::GET).await.unwrap(), "200 b.test");
            network.set_fault("a.test", Fault::None);
            assert_eq!(ask(&failover, Method::GET).await.unwrap(), "200 b.test", "{fault:?}: not yet");
            sleep(ASIDE_FOR).await;
            assert_eq!(ask(&failover, Method::GET).await.unwrap(), "200 a.test", "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_fail_the_last_failure_counts() {
        let (network, failover) = site();
        network.stop("a.test");
        network.stop("b.test");
        assert_eq!(ask(&failover, Method::GET).await.unwrap_err(), FailureKind::ConnectionRefused);
    }

    #[tokio::test(start_paused = true)]
    async fn section_9_2_2_what_is_not_idempotent_is_sent_once() {
        let (network, failover) = site();
        network.set_fault("a.test", Fault::Fail(FailureKind::ConnectionTerminated));
        assert_eq!(ask(&failover, Method::POST).await.unwrap_err(), FailureKind::ConnectionTerminated);
        assert_eq!(network.requests("b.test"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_only_origin_that_broke_off_is_asked_once_more() {
        let tries = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&tries);
        let upstream = Answers::or_fails(move |_| {
            let mut tries = counted.lock().unwrap();
            *tries += 1;
            match *tries {
                1 => Err(Failure::new(FailureKind::ConnectionTerminated, "gone")),
                _ => Ok(Response::new(StatusCode::OK)),
            }
        });
        let failover = Failover::new(upstream, []);
        let target = Target::parse_url("http://c.test/").unwrap();
        let response = failover.call(Request::get(target, SystemTime::UNIX_EPOCH)).await.unwrap();
        assert_eq!((response.status, *tries.lock().unwrap()), (StatusCode::OK, 2));
    }
}
