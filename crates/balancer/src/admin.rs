//! What an administrator sees of a balancer and changes in it, over HTTP.
//!
//! - `GET /-/balancer`: how it stands, as JSON, or as a table if `Accept` wants `text/plain`;
//! - `POST /-/balancer`: a [`Change`] in each line of the content; all of them or none are right;
//! - `GET /metrics`: for Prometheus.

use std::net::IpAddr;

use bytes::BytesMut;
use message::field::list;
use message::{
    Body, Failure, HeaderName, HeaderValue, Method, Request, Response, Segment, Service, StatusCode, header,
};

use crate::balancer::Balancer;
use crate::redirect::not_stored;
use crate::roster::Change;

/// How it stands, and changes.
pub const BALANCER_PATH: &str = "/-/balancer";

/// For Prometheus.
pub const METRICS_PATH: &str = "/metrics";

/// Most bytes of changes at a time.
const CHANGES_BYTES_MAX: usize = 64 << 10;

/// The scheme of a token (RFC 6750 §2.1).
const BEARER: &str = "Bearer ";

/// Answers the administrator of a balancer.
#[derive(Clone, Debug)]
pub struct Admin<S> {
    balancer: Balancer<S>,
    token: Option<String>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// It lacks the token.
    Token,
    /// It is for a host of another name: a page in a browser may have had its own name lead here.
    Host,
    /// A page in a browser sends it.
    Page,
}

impl<S: Service + Clone> Admin<S> {
    /// For whoever reaches it; if there is a `token`, for who has it.
    #[must_use]
    pub fn new(balancer: Balancer<S>, token: Option<String>) -> Self {
        Self { balancer, token }
    }

    async fn answer(&self, request: Request) -> Response {
        if let Err(refused) = self.admit(&request) {
            return refuse(refused);
        }
        let path = request.target.path_and_query().map(|path| path.path().to_owned()).unwrap_or_default();
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        match &*path {
            BALANCER_PATH if reads && wants_text(&request) => text(self.balancer.status().to_text()),
            BALANCER_PATH if reads => content("application/json", self.balancer.status().to_json()),
            BALANCER_PATH if request.method == Method::POST => self.change(request).await,
            METRICS_PATH if reads => {
                content("text/plain; version=0.0.4", self.balancer.status().to_metrics())
            }
            BALANCER_PATH => not_allowed("GET, HEAD, POST"),
            METRICS_PATH => not_allowed("GET, HEAD"),
            _ => Response::text(
                StatusCode::NOT_FOUND,
                format!("There are {BALANCER_PATH} and {METRICS_PATH}.\n"),
            ),
        }
    }

    /// Somebody's browser can be made to send requests here by any page that it shows.
    fn admit(&self, request: &Request) -> Result<(), Refused> {
        if let Some(token) = &self.token {
            let given =
                request.fields.text(&header::AUTHORIZATION).and_then(|text| text.strip_prefix(BEARER));
            return if given.is_some_and(|given| same(given, token)) { Ok(()) } else { Err(Refused::Token) };
        }
        let host = request.authority();
        if !host.is_some_and(|host| host.host() == "localhost" || host.host().parse::<IpAddr>().is_ok()) {
            return Err(Refused::Host);
        }
        if request.method == Method::POST && request.fields.contains(&header::ORIGIN) {
            return Err(Refused::Page);
        }
        Ok(())
    }

    async fn change(&self, request: Request) -> Response {
        let Some(lines) = read(request.body).await else {
            return Response::text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Changes are text of 64 KiB at most, one in each line.\n",
            );
        };
        let parsed: Result<Vec<_>, _> =
            lines.lines().filter(|line| !line.trim().is_empty()).map(Change::parse).collect();
        let changes = match parsed {
            Ok(changes) => changes,
            Err(fault) => return Response::text(StatusCode::BAD_REQUEST, format!("{fault}\n")),
        };
        for change in changes {
            if let Err(fault) = self.balancer.change(change) {
                return Response::text(StatusCode::CONFLICT, format!("{fault}\n"));
            }
        }
        match self.balancer.keep().await {
            Ok(()) => text(self.balancer.status().to_text()),
            Err(fault) => Response::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("It is changed, and will be forgotten at the next start: {fault}\n"),
            ),
        }
    }
}

impl<S: Service + Clone> Service for Admin<S> {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        Ok(not_stored(self.answer(request).await))
    }
}

/// Compares all of both, however early they differ: how long it takes tells nothing.
fn same(given: &str, token: &str) -> bool {
    let differences = given.bytes().zip(token.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    given.len() == token.len() && differences == 0
}

fn refuse(refused: Refused) -> Response {
    match refused {
        Refused::Token => Response::text(StatusCode::UNAUTHORIZED, "This needs the administrator's token.\n")
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        Refused::Host => Response::text(
            StatusCode::MISDIRECTED_REQUEST,
            "Ask for this by an address or as localhost, or set a token.\n",
        ),
        Refused::Page => Response::text(StatusCode::FORBIDDEN, "Pages in browsers change nothing here.\n"),
    }
}

fn not_allowed(allowed: &'static str) -> Response {
    Response::text(StatusCode::METHOD_NOT_ALLOWED, format!("Allowed are {allowed}.\n"))
        .with(HeaderName::from_static("allow"), HeaderValue::from_static(allowed))
}

fn text(text: String) -> Response {
    Response::text(StatusCode::OK, text)
}

fn content(media_type: &'static str, text: String) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.fields.set(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.body = Body::from(text);
    response
}

fn wants_text(request: &Request) -> bool {
    list::of(&request.fields, &header::ACCEPT).flatten().next().is_some_and(|first| first == b"text/plain")
}

async fn read(body: Body) -> Option<String> {
    let (mut stream, mut all) = (body.into_stream(), BytesMut::new());
    while let Some(segment) = stream.next().await {
        let Ok(Segment::Bytes(bytes)) = segment else { return None };
        if all.len().saturating_add(bytes.len()) > CHANGES_BYTES_MAX {
            return None;
        }
        all.extend_from_slice(&bytes);
    }
    String::from_utf8(all.to_vec()).ok()
}
