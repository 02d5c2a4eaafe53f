//! One request, and the redirects on its way.

use std::ops::Range;
use std::time::Duration;

use message::field::digest::WANT_REPR_DIGEST;
use message::field::range::ByteRange;
use message::service::Service;
use message::target::{Scheme, Target};
use message::version::Version;
use message::{Fields, HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::decode::CODINGS;
use crate::fault::GetFault;
use crate::link::{Link, links};
use crate::progress::{Event, Progress};
use crate::redirect::{Redirect, Trail, is_redirect};
use crate::retry::retry_after;
use crate::url::Url;

/// Who asks (RFC 9110 §10.1.5).
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("Sockets/", env!("CARGO_PKG_VERSION")));

/// How requests are made, which is the same for all of a download.
#[derive(Debug)]
pub(crate) struct Fetch<'a, S, P> {
    pub(crate) upstream: &'a S,
    pub(crate) progress: &'a P,
    pub(crate) clock: Clock,
    pub(crate) redirects_max: usize,
    pub(crate) answer_within: Duration,
    /// Content may come in a coding, which is undone.
    pub(crate) takes_codings: bool,
    /// For every request.
    pub(crate) fields: Fields,
    /// For requests to the origin of this URL only.
    pub(crate) own: (Url, Fields),
}

/// Part of a file, under the validator that makes it a part of the right one.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) range: Range<u64>,
    pub(crate) if_range: Option<HeaderValue>,
}

/// A final 200, 206 or 416 whose content has not been read yet.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) url: Url,
    pub(crate) redirects: Vec<Redirect>,
    pub(crate) response: Response,
    /// What the answers on the way have pointed to.
    pub(crate) links: Vec<Link>,
}

impl Found {
    /// What the answer to a HEAD says of the file: the length is in its fields, since there is no content.
    pub(crate) fn told(&self) -> Version {
        let fields = &self.response.fields;
        Version::of(fields, fields.text(&header::CONTENT_LENGTH).and_then(|text| text.parse().ok()))
    }
}

impl<S: Service, P: Progress> Fetch<'_, S, P> {
    /// Asks for `start`, and wherever that redirects to, until there is a 200 or what a range may be answered
    /// with.
    pub(crate) async fn find(&self, start: &Url, asked: Option<&Asked>) -> Result<Found, GetFault> {
        self.find_by(Method::GET, start, asked).await
    }

    /// The same for the heads alone, with HEAD.
    pub(crate) async fn head(&self, start: &Url) -> Result<Found, GetFault> {
        self.find_by(Method::HEAD, start, None).await
    }

    async fn find_by(&self, method: Method, start: &Url, asked: Option<&Asked>) -> Result<Found, GetFault> {
        let mut trail = Trail::new(start.clone(), self.redirects_max);
        let mut found_links = Vec::new();
        // Each turn adds a redirect, of which the trail takes only so many.
        loop {
            let url = trail.here().clone();
            let response = self.ask(&method, &url, asked).await?;
            self.progress.on(Event::Answered {
                url: &url,
                status: response.status,
                fields: &response.fields,
            });
            found_links.extend(links(&response.fields, &url));
            match response.status {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                    let redirects = trail.into_redirects();
                    return Ok(Found { url, redirects, response, links: found_links });
                }
                StatusCode::RANGE_NOT_SATISFIABLE if asked.is_some() => {
                    let redirects = trail.into_redirects();
                    return Ok(Found { url, redirects, response, links: found_links });
                }
                status if is_redirect(status) => {
                    let redirect = trail.follow(status, &response.fields)?;
                    tracing::debug!(%status, to = %redirect.to, "redirected");
                    self.progress.on(Event::Redirected(redirect));
                }
                status => {
                    let retry_after = retry_after(&response.fields, self.clock.now());
                    return Err(GetFault::Status { url, status, retry_after });
                }
            }
        }
    }

    async fn ask(&self, method: &Method, url: &Url, asked: Option<&Asked>) -> Result<Response, GetFault> {
        if url.scheme() == Scheme::Https {
            return Err(GetFault::Tls { url: url.clone() });
        }
        let mut request = self.request(method, url, asked);
        request.method = method.clone();
        self.progress.on(Event::Asking { method, url, fields: &request.fields });
        match timeout(self.answer_within, self.upstream.call(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(GetFault::NoResponse { url: url.clone(), failure }),
            Err(_) => Err(GetFault::NoAnswer { url: url.clone(), waited: self.answer_within }),
        }
    }

    fn request(&self, method: &Method, url: &Url, asked: Option<&Asked>) -> Request {
        let mut request = Request::get(Target::from(url), self.clock.now());
        let fields = &mut request.fields;
        fields.set(header::USER_AGENT, USER_AGENT);
        fields.set(header::ACCEPT, HeaderValue::from_static("*/*"));
        // RFC 9530 §4: a digest tells whether sources have the same file, and whether it arrived.
        fields.set(WANT_REPR_DIGEST, HeaderValue::from_static("sha-256=5, sha-512=3"));
        // Credentials are for the one they were given for (RFC 9110 §15.4).
        let same_origin = url.is_same_origin(&self.own.0);
        let own = same_origin.then_some(&self.own.1);
        for (name, value) in own.into_iter().chain([&self.fields]).flat_map(Fields::iter) {
            fields.set(name.clone(), value.clone());
        }
        // The file is wanted, not an encoding of it. Without the field any would do (RFC 9110 §12.5.3).
        let takes_codings = self.takes_codings && asked.is_none() && *method == Method::GET;
        let codings = if takes_codings { CODINGS } else { HeaderValue::from_static("identity") };
        fields.set(header::ACCEPT_ENCODING, codings);
        if let Some(Asked { range, if_range }) = asked {
            if let Some(range) = ByteRange::new(range.start, range.end.saturating_sub(1)) {
                fields.set(header::RANGE, range.to_request_value());
            }
            if let Some(validator) = if_range {
                fields.set(header::IF_RANGE, validator.clone());
            }
        }
        request
    }
}
