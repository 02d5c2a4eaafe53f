//! `sockets get`: from arguments to files.

mod credentials;
mod job;
mod list;
mod metalink;
mod mirroring;
mod plan;
mod report;
mod run;
mod shown;
mod ways;

pub(crate) use run::run;
