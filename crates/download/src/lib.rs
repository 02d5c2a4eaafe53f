//! The user agent: gets what a URL names from every place that has it, and saves it whole, or not at all.
//!
//! [`get`] asks for a [`Url`] through any [`Service`](message::Service) (the engine's pool, or a proxy
//! behind it), and for pieces of it wherever else it is: at the [`Order`]'s mirrors, and where responses
//! point to (`Link: rel=duplicate`, RFC 6249). The promises:
//!
//! - A file appears under its final name only when all of it has arrived and has every digest that is known
//!   of it; until then, and if anything goes wrong, what was there before is untouched.
//! - Bytes of different versions are never put together. Pieces are asked for under `If-Range` with a strong
//!   validator, or with a digest that tells in the end; each answer is checked against what was asked, and
//!   against what all others have said.
//! - What has come is kept in `NAME.part`, with a journal beside it, for the next run to go on with, however
//!   this one ends. What can't be gone on with is removed.
//! - Nothing that a server says (a `Location`, a path, an encoded separator) leads outside the output
//!   directory: files are made through [`FileName`]s only, relative to an open directory.
//! - Of a listing only names count ([`grow`]): a tree is never left, whatever its listings say.
//! - Every wait, retry and redirect has a limit that the [`Order`] names, and every way to fail has its
//!   own [`GetFault`] with an [exit status](GetFault::exit_status).
//!
//! What it does *not* do: it opens no socket, reads no clock (the caller says what time it is), prints
//! nothing and knows no terminal (see [`Progress`]), keeps no cookies and no cache, and decodes no content
//! codings unless that is asked for: it asks for none, and refuses those that come nevertheless.
//!
//! `examples/fetch.rs` is a whole program with it.
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
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod answer;
mod clock;
mod crew;
mod decode;
mod described;
mod digest;
mod directory;
mod disposition;
mod existing;
mod fault;
mod fetch;
mod file_fault;
mod get;
mod journal;
mod ledger;
mod link;
mod mark;
mod metalink;
mod meter;
mod mosaic;
mod name;
mod order;
mod part;
mod places;
mod plan;
mod progress;
mod reconsider;
mod redirect;
mod retry;
mod sink;
mod survey;
mod text;
mod throttle;
mod transfer;
mod tree;
mod url;
mod verify;
mod work;

pub use answer::Misbehaviour;
pub use digest::{Algorithm, Digest};
pub use fault::GetFault;
pub use file_fault::FileFault;
pub use get::{Fetched, Head, Share, get, head, name_from_server};
pub use metalink::{METALINK_MAX, MetalinkFault, MetalinkFile, Pieces, parse_metalink};
pub use name::FileName;
pub use order::{Existing, Order, Output};
pub use progress::{Event, Progress};
pub use redirect::Redirect;
pub use survey::{Survey, Surveyed, survey};
pub use text::{Text, get_text};
pub use throttle::Throttle;
pub use tree::grow::grow;
pub use tree::names::Names;
pub use tree::selection::{Pattern, PatternFault, Selection};
pub use tree::walk::{Grown, Leaf, Tree, TreeFault};
pub use url::Url;
