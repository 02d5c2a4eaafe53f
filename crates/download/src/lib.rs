//! The user agent: gets what a URL names and saves it whole, or leaves nothing.
//!
//! [`get`] asks for a [`Url`] through any [`Service`](message::Service) (the engine's pool, or a proxy
//! behind it), follows redirects, and saves a final 200 under one name in one directory. The promises:
//!
//! - A file appears under its final name only when all of it has arrived; until then, and if anything
//!   goes wrong, what was there before is untouched. The unfinished `NAME.part` is removed when a
//!   download fails or its future is dropped.
//! - Nothing that a server says (a `Location`, a path, an encoded separator) leads outside the output
//!   directory: files are made through [`FileName`]s only, relative to an open directory.
//! - Every wait, retry and redirect has a limit that the [`Order`] names, and every way to fail has its
//!   own [`GetFault`] with an [exit status](GetFault::exit_status).
//!
//! What it does *not* do: it opens no socket, reads no clock (the caller says what time it is), prints
//! nothing and knows no terminal (see [`Progress`]), keeps no cookies, no credentials and no cache, and
//! decodes no content codings: it asks for none and saves the bytes that come.
//!
//! ```
//! use std::time::SystemTime;
//! use download::{Fetched, GetFault, Order, Output, Url, get};
//!
//! /// Saves what `url` names under its name in the current directory.
//! async fn save(pool: &impl message::Service, url: Url, now: SystemTime) -> Result<Fetched, GetFault> {
//!     get(pool, Order::new(url, Output::Directory(".".into())), now, &()).await
//! }
//! ```

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod clock;
mod directory;
mod fault;
mod fetch;
mod file_fault;
mod get;
mod name;
mod order;
mod part;
mod progress;
mod redirect;
mod retry;
mod sink;
mod url;

pub use fault::GetFault;
pub use file_fault::FileFault;
pub use get::{Fetched, get};
pub use name::FileName;
pub use order::{Order, Output};
pub use progress::Progress;
pub use redirect::Redirect;
pub use url::Url;
