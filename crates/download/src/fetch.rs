//! One try: ask, follow redirects, take the content in.

use std::time::Duration;

use bytes::Bytes;
use message::body::{BodyStream, FileSlice, Segment};
use message::failure::{Failure, FailureKind};
use message::service::Service;
use message::target::{Scheme, Target};
use message::{HeaderValue, Request, Response, StatusCode, header};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::fault::GetFault;
use crate::progress::Progress;
use crate::redirect::{Redirect, Trail, is_redirect};
use crate::retry::retry_after;
use crate::sink::Sink;
use crate::url::Url;

/// Who asks (RFC 9110 §10.1.5).
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("Sockets/", env!("CARGO_PKG_VERSION")));

/// How much of a file is copied at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// What stays the same from try to try.
#[derive(Debug)]
pub(crate) struct Fetch<'a, S, P> {
    pub(crate) upstream: &'a S,
    pub(crate) progress: &'a P,
    pub(crate) clock: Clock,
    pub(crate) start: Url,
    pub(crate) redirects_max: usize,
    pub(crate) answer_within: Duration,
    pub(crate) stall: Duration,
}

/// A final 200 whose content has not been read yet.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) url: Url,
    pub(crate) redirects: Vec<Redirect>,
    pub(crate) content: BodyStream,
}

impl<S: Service, P: Progress> Fetch<'_, S, P> {
    /// Asks for the start URL, and wherever that redirects to, until there is a 200.
    pub(crate) async fn find(&self) -> Result<Found, GetFault> {
        let mut trail = Trail::new(self.start.clone(), self.redirects_max);
        // Each turn adds a redirect, of which the trail takes only so many.
        loop {
            let url = trail.here().clone();
            let response = self.ask(&url).await?;
            match response.status {
                StatusCode::OK => {
                    let content = response.body.into_stream();
                    return Ok(Found { url, redirects: trail.into_redirects(), content });
                }
                status if is_redirect(status) => {
                    let redirect = trail.follow(status, &response.fields)?;
                    tracing::debug!(%status, to = %redirect.to, "redirected");
                    self.progress.redirected(redirect);
                }
                status => {
                    let retry_after = retry_after(&response.fields, self.clock.now());
                    return Err(GetFault::Status { url, status, retry_after });
                }
            }
        }
    }

    async fn ask(&self, url: &Url) -> Result<Response, GetFault> {
        if url.scheme() == Scheme::Https {
            return Err(GetFault::Tls { url: url.clone() });
        }
        let mut request = Request::get(Target::from(url), self.clock.now());
        request.fields.set(header::USER_AGENT, USER_AGENT);
        request.fields.set(header::ACCEPT, HeaderValue::from_static("*/*"));
        // The file is wanted, not an encoding of it. Without the field any would do (RFC 9110 §12.5.3).
        request.fields.set(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        match timeout(self.answer_within, self.upstream.call(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(GetFault::NoResponse { url: url.clone(), failure }),
            Err(_) => Err(GetFault::NoAnswer { url: url.clone(), waited: self.answer_within }),
        }
    }

    /// Writes the content to `sink` until its end; gives its length in bytes.
    pub(crate) async fn receive(
        &self,
        url: &Url,
        mut content: BodyStream,
        sink: &mut Sink<'_>,
    ) -> Result<u64, GetFault> {
        let length = content.length();
        let mut received = 0;
        self.progress.start(length);
        let failure = loop {
            match timeout(self.stall, content.next()).await {
                Err(_) => return Err(GetFault::Stalled { url: url.clone(), received, waited: self.stall }),
                Ok(None) if length.is_some_and(|length| received < length) => break too_short(),
                Ok(None) => return Ok(received),
                Ok(Some(Err(failure))) => break failure,
                Ok(Some(Ok(segment))) => {
                    let end = segment.len().saturating_add(received);
                    if length.is_some_and(|length| end > length) {
                        break too_long();
                    }
                    if let Err(failure) = self.write(&segment, sink).await? {
                        break failure;
                    }
                    received = end;
                }
            }
        };
        Err(GetFault::Broken { url: url.clone(), received, length, failure })
    }

    /// Writes one piece. The outer error is ours, the inner one the other side's.
    async fn write(&self, segment: &Segment, sink: &mut Sink<'_>) -> Result<Result<(), Failure>, GetFault> {
        match segment {
            Segment::Bytes(bytes) => self.write_block(bytes, sink).await?,
            Segment::File(slice) => {
                let mut at = 0;
                while at < slice.len() {
                    let block = match block_of(slice, at) {
                        Ok(block) => block,
                        Err(failure) => return Ok(Err(failure)),
                    };
                    at = at.saturating_add(self.write_block(&block, sink).await?);
                }
                at
            }
        };
        Ok(Ok(()))
    }

    async fn write_block(&self, block: &Bytes, sink: &mut Sink<'_>) -> Result<u64, GetFault> {
        sink.write(block)?;
        let bytes = u64::try_from(block.len()).unwrap_or(u64::MAX);
        self.progress.advance(bytes);
        // A source that is always ready must not keep whoever wants to interrupt us from being heard.
        tokio::task::consume_budget().await;
        Ok(bytes)
    }
}

fn block_of(slice: &FileSlice, at: u64) -> Result<Bytes, Failure> {
    slice.read_at(at, BLOCK).map_err(|error| {
        Failure::new(FailureKind::ProxyInternalError, format!("can't read the content: {error}"))
    })
}

fn too_short() -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, "it is shorter than it was said to be")
}

fn too_long() -> Failure {
    Failure::new(FailureKind::HttpProtocolError, "it is longer than it was said to be")
}
