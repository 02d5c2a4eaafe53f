//! A role that says how loaded it is to who asks for that, such as a balancer by its tests.

use std::sync::Arc;

use balancer::Load;
use message::{Failure, Request, Response, Service};
use tokio::sync::Semaphore;

/// Answers as `service` does, and tells of the connections beside.
#[derive(Debug)]
pub(crate) struct Loaded<S> {
    service: S,
    /// Those that may come still; `None` until it serves.
    pub(crate) free: Option<Arc<Semaphore>>,
    most: usize,
}

impl<S> Loaded<S> {
    /// Of a role with at most so many connections.
    pub(crate) fn new(service: S, most: usize) -> Self {
        Self { service, free: None, most }
    }

    fn load(&self) -> Option<Load> {
        let used = self.most.saturating_sub(self.free.as_ref()?.available_permits());
        let count = |number: usize| u32::try_from(number).ok().map(f64::from);
        Some(Load { in_flight: count(used), in_flight_max: count(self.most), ..Load::default() })
    }
}

impl<S: Service> Service for Loaded<S> {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        let is_asked = Load::is_asked(&request.fields);
        let mut response = self.service.call(request).await?;
        if is_asked && let Some(load) = self.load() {
            load.tell(&mut response.fields);
        }
        Ok(response)
    }
}
