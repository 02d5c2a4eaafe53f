//! Where the kernel can't be asked to tell of changes: there is never calm, each request is a look.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use crate::proof::Calm;

/// Tells of nothing.
#[derive(Debug)]
pub struct Watch;

impl Watch {
    /// Beneath this directory.
    #[must_use]
    pub fn new(_: &OwnedFd, _: u64) -> Self {
        Self
    }

    /// Never.
    #[must_use]
    pub fn calm(&self) -> Option<Calm> {
        None
    }

    /// Never.
    pub fn covers<'a>(&self, _: &OwnedFd, _: impl Iterator<Item = &'a [u8]>, _: SystemTime) -> bool {
        false
    }
}
