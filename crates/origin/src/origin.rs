//! The pipeline of one request. Its first two steps are here; [`Site`] has the others:
//!
//! 1. *method*: GET and HEAD, and OPTIONS for what comes before a request from another web site.
//!    Any other is not implemented, whatever it is for and whoever asks.
//! 2. *site*: by the host that was asked. It has its own files and its own rules, so all that follows
//!    depends on it.
//! 3. *network*: whether this address may ask at all. Before anything is read or looked up for it.
//! 4. *preflight*: browsers ask without credentials what they may ask for, so they are answered before
//!    any are wanted. No file is looked at: the answer says nothing of what there is.
//! 5. *credentials*: before the path, so that who has none can't tell what exists.
//! 6. *path*: decoded once and checked, beneath the site's base.
//! 7. *file*: if the version that is kept is still the one on the disk, that is it; else the file is
//!    opened, which proves that it lies beneath the root. Where there is none: a clean address's file,
//!    a directory's address, the fallback of an application.
//! 8. *reply*: preconditions, then ranges, then the whole; or a refusal, with the site's page for it.
//! 9. *fields* that hold for every answer of the site: who may read it, and who may store it.
//!
//! There is no [`Failure`]: whatever happens on the disk has a status. What is off costs nothing: a
//! file that is kept is one system call, as if there were one site and no rule.

use http::Method;
use message::failure::Failure;
use message::hosts::ByHost;
use message::request::Request;
use message::response::Response;
use message::service::Service;

use crate::config::Sites;
use crate::refusal::Refusal;
use crate::root::OpenFault;
use crate::site::Site;

/// Static files, as a service.
#[derive(Debug)]
pub struct Origin {
    sites: ByHost<Site>,
}

impl Origin {
    /// Opens the directory of each site, or of the one for all hosts.
    ///
    /// # Errors
    /// Why one can't be served, and what to type about it.
    pub fn open(sites: impl Into<Sites>) -> Result<Self, OpenFault> {
        let Sites { default, by_host } = sites.into();
        let mut sites = ByHost::new(default.map(Site::open).transpose()?);
        for (host, config) in by_host {
            sites = sites.with(host, Site::open(config)?)?;
        }
        Ok(Self { sites })
    }

    async fn answer(&self, request: &Request) -> Response {
        // 1. Method (RFC 9110 §9.1).
        if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&request.method) {
            return Refusal::Method(request.method.clone()).answer(request);
        }
        // 2. Site (RFC 9110 §7.2).
        match self.sites.of(|| request.authority()) {
            Some(site) => site.answer(request).await,
            None => Refusal::Misdirected.answer(request),
        }
    }

    /// The one site, for the tests.
    #[cfg(test)]
    pub(crate) fn site(&self) -> &Site {
        self.sites.of(|| None).unwrap()
    }

    /// The one site with another walk: to try the one that this kernel doesn't need.
    #[cfg(test)]
    pub(crate) fn walking(self, walk: crate::root::Walk) -> Self {
        Self { sites: self.sites.map(|site| site.walking(walk)) }
    }
}

impl Service for Origin {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        Ok(self.answer(&request).await)
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
