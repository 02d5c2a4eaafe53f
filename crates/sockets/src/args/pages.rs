//! What is served of a directory, and under which addresses.

use clap::Args;
use clap::builder::FalseyValueParser;
use origin::path::PathFault;
use origin::{Base, Compression, Config, DotFiles, ErrorPage, FileName};

use crate::args::units;

/// Arguments about pages and addresses.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What is served")]
pub(crate) struct PageArgs {
    /// The file that is served for a directory
    #[arg(long, env = "SOCKETS_INDEX", value_name = "FILE", default_value = "index.html", value_parser = FileName::parse)]
    pub(crate) index: FileName,
    /// Serve files whose names begin with a dot, too
    #[arg(long, env = "SOCKETS_HIDDEN", value_parser = FalseyValueParser::new())]
    pub(crate) hidden: bool,
    /// Answer /about with about.html, and send who asks for /about.html there
    #[arg(long, env = "SOCKETS_CLEAN_URLS", value_parser = FalseyValueParser::new())]
    pub(crate) clean_urls: bool,
    /// Answer with the top's index file where a page is wanted and there is none, for an application that has its
    /// own addresses
    #[arg(long, env = "SOCKETS_SPA", value_parser = FalseyValueParser::new())]
    pub(crate) spa: bool,
    /// Send this file with answers of that status, such as 404=404.html, may be repeated
    #[arg(long, env = "SOCKETS_ERROR_PAGE", value_name = "STATUS=FILE", value_delimiter = '\n', value_parser = ErrorPage::parse)]
    pub(crate) error_page: Vec<ErrorPage>,
    /// The path beneath which it is served
    #[arg(long, env = "SOCKETS_BASE", value_name = "PATH", default_value = "/", value_parser = base)]
    pub(crate) base: Base,
    /// Send FILE.br, FILE.zst or FILE.gz for FILE to those who accept it
    #[arg(long, env = "SOCKETS_PRECOMPRESSED", value_parser = FalseyValueParser::new())]
    pub(crate) precompressed: bool,
    /// Compress text for those who accept it
    #[arg(long, env = "SOCKETS_COMPRESS", value_parser = FalseyValueParser::new())]
    pub(crate) compress: bool,
    /// The shortest file that is compressed
    #[arg(long, env = "SOCKETS_COMPRESS_MIN", value_name = "SIZE", default_value = "256", value_parser = units::size)]
    pub(crate) compress_min: u64,
    /// The longest file that is compressed
    #[arg(long, env = "SOCKETS_COMPRESS_MAX", value_name = "SIZE", default_value = "8MiB", value_parser = units::size)]
    pub(crate) compress_max: u64,
    /// How much compressed text is kept in memory
    #[arg(long, env = "SOCKETS_COMPRESS_MEMORY", value_name = "SIZE", default_value = "64MiB", value_parser = units::memory)]
    pub(crate) compress_memory: usize,
    /// How much of small files is kept in memory
    #[arg(long, env = "SOCKETS_MEMORY", value_name = "SIZE", default_value = "64MiB", value_parser = units::memory)]
    pub(crate) memory: usize,
    /// How many large files are kept open between requests
    #[arg(long, env = "SOCKETS_OPEN_FILES", value_name = "N", default_value = "128", value_parser = units::whole(0_usize, 1 << 20))]
    pub(crate) open_files: usize,
    /// How many digests of files are kept for Repr-Digest; 0 tells none
    #[arg(long, env = "SOCKETS_DIGESTS", value_name = "N", default_value = "4096", value_parser = units::whole(0_usize, 1 << 24))]
    pub(crate) digests: usize,
}

impl PageArgs {
    /// The same configuration with what is asked for here.
    pub(crate) fn apply(&self, config: Config) -> Config {
        let compression = Compression {
            smallest_bytes: self.compress_min,
            largest_bytes: self.compress_max,
            memory_bytes: self.compress_memory,
        };
        Config {
            index: self.index.clone(),
            dot_files: if self.hidden { DotFiles::Served } else { DotFiles::Missing },
            clean_urls: self.clean_urls,
            fallback: self.spa,
            error_pages: self.error_page.clone(),
            base: self.base.clone(),
            siblings: self.precompressed,
            compression: self.compress.then_some(compression),
            memory_bytes: self.memory,
            open_files: self.open_files,
            digests: self.digests,
            ..config
        }
    }
}

fn base(text: &str) -> Result<Base, String> {
    Base::parse(text).map_err(|fault: PathFault| format!("{text:?} is no path such as /docs: {fault}"))
}
