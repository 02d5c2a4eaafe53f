//! One site: a directory, and how its files are served.

use std::path::{Path, PathBuf};

use clap::Args;
use origin::Config;

use crate::args::access::AccessArgs;
use crate::args::fields::FieldArgs;
use crate::args::listing::ListingArgs;
use crate::args::pages::PageArgs;

/// The directory that is served if none is named.
const DIR: &str = "files";

/// Arguments of one site.
#[derive(Args, Clone, Debug)]
pub(crate) struct SiteArgs {
    /// The directory that is served [default: files]
    #[arg(value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) pages: PageArgs,
    #[command(flatten)]
    pub(crate) listing: ListingArgs,
    #[command(flatten)]
    pub(crate) fields: FieldArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

impl SiteArgs {
    /// The directory that is served.
    pub(crate) fn root(&self) -> &Path {
        self.root.as_deref().unwrap_or(Path::new(DIR))
    }

    /// What the role is told of it.
    pub(crate) fn config(&self) -> Config {
        let config = Config { listing: self.listing.listing(), ..Config::new(self.root()) };
        self.access.apply(self.fields.apply(self.pages.apply(config)))
    }
}
