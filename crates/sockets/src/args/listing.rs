//! How directories are shown, and how much that may cost.

use clap::Args;
use clap::builder::FalseyValueParser;
use origin::{ArchiveLimits, Listing};

use crate::args::units;

/// Arguments about listings and archives.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Directories")]
pub(crate) struct ListingArgs {
    /// Show directories that have no index file: a page, JSON, or one archive
    #[arg(long, env = "SOCKETS_LIST", value_parser = FalseyValueParser::new())]
    pub(crate) list: bool,
    /// Most entries of one directory that are listed; a search finds the others
    #[arg(long, env = "SOCKETS_LIST_ENTRIES", value_name = "N", default_value = "200000", value_parser = units::whole(1_usize, 1 << 24))]
    pub(crate) list_entries: usize,
    /// Most directories that are read at a time; who waits over 5s gets 503
    #[arg(long, env = "SOCKETS_LIST_READINGS", value_name = "N", default_value = "4", value_parser = units::whole(1_usize, 1024))]
    pub(crate) list_readings: usize,
    /// Memory for all lists that are being sent; who would need more gets 503
    #[arg(long, env = "SOCKETS_LIST_MEMORY", value_name = "SIZE", default_value = "64MiB", value_parser = units::memory)]
    pub(crate) list_memory: usize,
    /// Most archives that are sent at a time, more get 503; 0 offers none
    #[arg(long, env = "SOCKETS_ARCHIVES", value_name = "N", default_value = "16", value_parser = units::whole(0_usize, 1 << 16))]
    pub(crate) archives: usize,
    /// Most files and directories in one archive; a larger one is broken off
    #[arg(long, env = "SOCKETS_ARCHIVE_ENTRIES", value_name = "N", default_value = "1000000", value_parser = units::whole(1_usize, 1 << 32))]
    pub(crate) archive_entries: usize,
    /// Most names that wait for their turn in one archive, all of them in memory
    #[arg(long, env = "SOCKETS_ARCHIVE_PENDING", value_name = "N", default_value = "200000", value_parser = units::whole(1_usize, 1 << 24))]
    pub(crate) archive_pending: usize,
    /// Most directories within each other in one archive
    #[arg(long, env = "SOCKETS_ARCHIVE_DEPTH", value_name = "N", default_value = "64", value_parser = units::whole(1_usize, 4096))]
    pub(crate) archive_depth: usize,
}

impl ListingArgs {
    /// How directories are shown; not at all if `None`.
    pub(crate) fn listing(&self) -> Option<Listing> {
        let listing = Listing {
            entries: self.list_entries,
            readings: self.list_readings,
            memory_bytes: self.list_memory,
            archives: self.archives,
            archive: ArchiveLimits {
                entries: self.archive_entries,
                pending: self.archive_pending,
                depth: self.archive_depth,
            },
        };
        self.list.then_some(listing)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn listing(flags: &[&str]) -> Option<Listing> {
        let command = ListingArgs::augment_args(Command::new("sockets").no_binary_name(true))
            .mut_args(|arg| arg.env(None::<&str>));
        let matches = command.try_get_matches_from(flags).unwrap_or_else(|error| panic!("{error}"));
        ListingArgs::from_arg_matches(&matches).unwrap().listing()
    }

    #[test]
    fn each_default_is_that_of_the_role() {
        assert_eq!(listing(&["--list"]), Some(Listing::default()));
        assert_eq!(listing(&["--list-entries=5"]), None);
    }

    #[test]
    fn each_limit_is_its_own_flag() {
        let limits = ["--list-entries=1", "--list-readings=2", "--list-memory=3", "--archives=4"];
        let within = ["--archive-entries=5", "--archive-pending=6", "--archive-depth=7"];
        let flags = [&["--list"], limits.as_slice(), within.as_slice()].concat();
        let archive = ArchiveLimits { entries: 5, pending: 6, depth: 7 };
        let expected = Listing { entries: 1, readings: 2, memory_bytes: 3, archives: 4, archive };
        assert_eq!(listing(&flags), Some(expected));
    }
}
