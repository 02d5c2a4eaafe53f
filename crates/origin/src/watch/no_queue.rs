//! Where the kernel can't be asked to tell of changes: there is never calm, each request is a look.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use super::proof::Calm;
use crate::path::CheckedPath;

/// Tells of nothing.
#[derive(Debug)]
pub(crate) struct Watch;

impl Watch {
    /// Beneath this directory.
    pub(crate) fn new(_: &OwnedFd, _: u64) -> Self {
        Self
    }

    /// Never.
    pub(crate) fn calm(&self) -> Option<Calm> {
        None
    }

    /// Never.
    pub(crate) fn covers(&self, _: &OwnedFd, _: &CheckedPath<'_>, _: SystemTime) -> bool {
        false
    }
}
