//! The front of a proxy. A request passes it in this order:
//!
//! 1. *network*: may this address use the proxy at all (403)?
//! 2. *credentials*: has it an account, where one is needed (407)?
//! 3. *way*: forward, where does it want to go, and may it (403)? A CONNECT is answered here, for there is
//!    nothing to store of it. Reverse, who does the origin learn has asked?
//! 4. *inside*: the cache answers.

use std::net::IpAddr;

use access::forwarded::Trust;
use access::gate::{Accounts, Denied, Gate, Side};
use access::network::Networks;
use message::{Failure, HeaderValue, Method, Request, Response, Service, StatusCode, Target, header};

use crate::begun::{Begun, Outcome};
use crate::proxy::destination::Destinations;

/// The port of CONNECT that needs no permission: HTTP over TLS (RFC 9110 §9.3.6 asks for such a list).
pub const CONNECT_PORT: u16 = 443;

/// Who may use a proxy, and for what.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where its clients may be.
    pub clients: Networks,
    /// Whose word counts about where they are.
    pub trust: Trust,
    /// What it is to them.
    pub way: Way,
}

/// What a proxy is to its clients.
#[derive(Clone, Debug)]
pub enum Way {
    /// Their way to any server (RFC 9110 §3.7).
    Forward {
        /// Who may use it; everybody if `None`.
        accounts: Option<Accounts>,
        /// Where it may lead.
        destinations: Destinations,
        /// The ports that tunnels may go to.
        connect_ports: Vec<u16>,
    },
    /// The server itself, as far as they know.
    Reverse,
}

/// A service that is used on [`Terms`].
#[derive(Debug)]
pub struct Front<S> {
    terms: Terms,
    gate: Option<Gate>,
    inside: S,
}

impl Terms {
    /// A forward proxy for everybody, to all public servers.
    #[must_use]
    pub fn forward() -> Self {
        let way = Way::Forward {
            accounts: None,
            destinations: Destinations::default(),
            connect_ports: vec![CONNECT_PORT],
        };
        Self { clients: Networks::default(), trust: Trust::default(), way }
    }
}

impl<S> Front<S> {
    /// `inside`, used on these terms.
    #[must_use]
    pub fn new(terms: Terms, inside: S) -> Self {
        let gate = match &terms.way {
            Way::Forward { accounts: Some(accounts), .. } => Some(Gate::new(accounts, Side::Proxy)),
            _ => None,
        };
        Self { terms, gate, inside }
    }

    /// The address of who asks, behind the proxies that are trusted.
    fn client(&self, request: &Request) -> Option<IpAddr> {
        request.peer.map(|peer| self.terms.trust.client(peer.ip(), &request.fields))
    }

    /// The answer to a request that goes no further, if it is such a one.
    fn direct(&self, request: &mut Request, client: Option<IpAddr>) -> Result<Option<Response>, Failure> {
        let Way::Forward { destinations, connect_ports, .. } = &self.terms.way else {
            self.terms.trust.tell(request.peer, &mut request.fields);
            return Ok(None);
        };
        if let Some(authority) = request.target.authority() {
            destinations.judge(authority.host(), client)?;
        }
        match &request.target {
            Target::Authority(authority) if request.method == Method::CONNECT => {
                let is_open = authority.port().is_some_and(|port| connect_ports.contains(&port));
                Ok(Some(if is_open { Response::new(StatusCode::OK) } else { closed_port(connect_ports) }))
            }
            _ => Ok(None),
        }
    }
}

impl<S: Service> Front<S> {
    fn begin(&self, request: Request) -> Begun<'_, impl Future<Output = Outcome>> {
        let client = self.client(&request);
        if !self.terms.clients.admit(client) {
            return Begun::answered(Ok(not_for_you()));
        }
        match &self.gate {
            Some(gate) => Begun::waits(async move {
                if let Err(refusal) = gate.admit(&request.fields, request.received_at).await {
                    return Ok(denied(refusal));
                }
                self.let_in(request, client).await
            }),
            None => self.let_in(request, client),
        }
    }

    fn let_in(
        &self,
        mut request: Request,
        client: Option<IpAddr>,
    ) -> Begun<'_, impl Future<Output = Outcome>> {
        match self.direct(&mut request, client) {
            Ok(None) => Begun::Passed { answer: self.inside.call(request) },
            Ok(Some(answer)) => Begun::answered(Ok(answer)),
            Err(failure) => Begun::answered(Err(failure)),
        }
    }
}

impl<S: Service> Service for Front<S> {
    fn call(&self, request: Request) -> impl Future<Output = Outcome> + Send {
        self.begin(request)
    }
}

/// RFC 9110 §15.5.4.
fn not_for_you() -> Response {
    refusal(
        StatusCode::FORBIDDEN,
        "This proxy is not for your address: its owner allows networks with --allow.\n",
    )
}

fn denied(denied: Denied) -> Response {
    match denied {
        // RFC 9110 §15.5.8.
        Denied::Credentials(challenge) => {
            let text = "This proxy wants a user name and password.\n";
            refusal(StatusCode::PROXY_AUTHENTICATION_REQUIRED, text)
                .with(header::PROXY_AUTHENTICATE, challenge)
        }
        Denied::Busy => {
            let text = "Too many passwords are being checked just now: ask again soon.\n";
            refusal(StatusCode::SERVICE_UNAVAILABLE, text).with(header::RETRY_AFTER, HeaderValue::from(1))
        }
    }
}

fn closed_port(open: &[u16]) -> Response {
    let open: Vec<String> = open.iter().map(u16::to_string).collect();
    let text = format!("CONNECT goes to port {} only: --connect-port opens others.\n", open.join(", "));
    refusal(StatusCode::FORBIDDEN, &text)
}

/// Not to be stored: the next client may be another one.
fn refusal(status: StatusCode, text: &str) -> Response {
    Response::text(status, text).with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

#[cfg(test)]
#[path = "front_tests.rs"]
mod tests;
