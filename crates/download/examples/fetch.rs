//! Gets a URL from itself and from every mirror that is named, and says what comes in:
//!
//! ```text
//! cargo run -p download --example fetch
//! ```
//!
//! The crate opens no socket: whoever uses it hands it something that answers requests. Here that are two
//! servers in memory; a program gives it an HTTP client, as `sockets get` gives it the engine's pool.

#![expect(clippy::disallowed_methods, reason = "a program reads the clock itself")]

use std::error::Error;
use std::time::SystemTime;

use download::{Event, Order, Output, Progress, Url, get};
use lab::{Answers, Clock, Network};
use message::{HeaderValue, Response, StatusCode, header};

/// Prints what happens.
struct Aloud;

impl Progress for Aloud {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { total, .. } => println!("{total:?} bytes are to come"),
            Event::Advanced { source, bytes } => println!("{bytes} bytes from {source}"),
            Event::Again { fault, pause } => println!("{fault}; again in {pause:?}"),
            Event::Dropped { source, fault } => println!("{fault}; going on without {source}"),
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let network = Network::new(Clock::new());
    let page = |_| {
        let tag = HeaderValue::from_static("\"1\"");
        Response::text(StatusCode::OK, "hello\n".to_owned()).with(header::ETAG, tag)
    };
    network.serve("a.test", Answers::new(|_| Response::new(StatusCode::SERVICE_UNAVAILABLE)));
    network.serve("b.test", Answers::new(page));

    let directory = tempfile::tempdir()?;
    let order = Order {
        mirrors: vec![Url::parse("b.test/hello.txt")?],
        ..Order::new(Url::parse("a.test/hello.txt")?, Output::Directory(directory.path().into()))
    };
    let fetched = get(&network.client(), order, SystemTime::now(), &Aloud).await?;
    println!("{:?} has {} bytes, from {}", fetched.path, fetched.bytes, fetched.final_url);
    Ok(())
}
