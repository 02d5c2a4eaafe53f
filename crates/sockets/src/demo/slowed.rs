//! A server made slower, so that there is something to measure.

use std::time::Duration;

use message::{Failure, Request, Response, Service};

/// Answers as `inner` does, `delay` later.
pub(super) struct Slowed<S> {
    pub(super) inner: S,
    pub(super) delay: Duration,
}

impl<S: Service> Service for Slowed<S> {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        tokio::time::sleep(self.delay).await;
        self.inner.call(request).await
    }
}
