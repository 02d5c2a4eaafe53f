//! `sockets cache ls|rm|verify|stats` and `sockets purge`: errands for the owner of a cache.

use std::path::PathBuf;

use cache::{CacheKey, Errand, Fate, Selection};
use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};

/// Which cache.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgs {
    /// The cache's directory, whether it runs or not
    #[arg(long, env = "SOCKETS_DIR", value_name = "DIR", default_value = "cache/files")]
    pub(crate) dir: PathBuf,
}

/// What is to be done with what is stored.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum StoreCommand {
    /// List what is stored: bytes, age and freshness left in seconds, status, URL
    Ls {
        /// Only what begins so, such as localhost:8000/docs/
        #[arg(value_name = "URL-PREFIX", default_value = "", value_parser = prefix)]
        prefix: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Remove what is stored of these URLs
    Rm {
        #[arg(value_name = "URL", required = true, value_parser = key)]
        urls: Vec<CacheKey>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Read every body and throw out what is not as it was written
    Verify {
        /// Only what begins so
        #[arg(value_name = "URL-PREFIX", default_value = "", value_parser = prefix)]
        prefix: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Tell how the store is, and what has happened in it since the cache was started
    Stats {
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// Arguments of `sockets purge`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  sockets purge http://localhost:8000/index.html
  sockets purge --prefix http://localhost:8000/releases/ --soft
  sockets purge --tag release-1.2            what has it in Cache-Tag, Surrogate-Key or xkey
  sockets purge --all

A reverse proxy stores under the URL of its origin: `sockets cache ls` shows it.")]
pub(crate) struct PurgeArgs {
    /// What is stored of these
    #[arg(value_name = "URL", value_parser = key, required_unless_present_any = ["prefix", "tag", "all"])]
    pub(crate) urls: Vec<CacheKey>,
    /// What begins so, may be repeated
    #[arg(long, env = "SOCKETS_PREFIX", value_name = "URL-PREFIX", value_parser = prefix)]
    pub(crate) prefix: Vec<String>,
    /// What has this tag, may be repeated
    #[arg(long, env = "SOCKETS_TAG", value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Everything
    #[arg(long, env = "SOCKETS_ALL", value_parser = FalseyValueParser::new())]
    pub(crate) all: bool,
    /// Have it validated before its next use, instead of removed
    #[arg(long, env = "SOCKETS_SOFT", value_parser = FalseyValueParser::new())]
    pub(crate) soft: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl StoreCommand {
    /// Which cache, and the errand.
    pub(crate) fn errand(&self) -> (&StoreArgs, Errand) {
        match self {
            Self::Ls { prefix, store } => (store, Errand::List(prefix.clone())),
            Self::Rm { urls, store } => (store, Errand::Purge(keys(urls), Fate::Gone)),
            Self::Verify { prefix, store } => (store, Errand::Verify(prefix.clone())),
            Self::Stats { store } => (store, Errand::Statistics),
        }
    }
}

impl PurgeArgs {
    /// The errand.
    pub(crate) fn errand(&self) -> Errand {
        let mut selections = keys(&self.urls);
        selections.extend(self.prefix.iter().cloned().map(Selection::Prefix));
        selections.extend(self.tag.iter().cloned().map(Selection::Tag));
        if self.all {
            selections.push(Selection::Prefix(String::new()));
        }
        Errand::Purge(selections, if self.soft { Fate::Stale } else { Fate::Gone })
    }
}

fn keys(urls: &[CacheKey]) -> Vec<Selection> {
    urls.iter().cloned().map(Selection::Key).collect()
}

/// A URL; without a scheme it is http, as everywhere else.
fn key(text: &str) -> Result<CacheKey, String> {
    let url = with_scheme(text);
    CacheKey::parse(&url)
        .ok_or_else(|| format!("{text:?} is no URL such as http://localhost:8000/index.html"))
}

#[expect(clippy::unnecessary_wraps, reason = "so clap wants it")]
fn prefix(text: &str) -> Result<String, String> {
    Ok(if text.is_empty() { String::new() } else { with_scheme(text) })
}

fn with_scheme(text: &str) -> String {
    if text.contains("://") { text.to_owned() } else { format!("http://{text}") }
}
