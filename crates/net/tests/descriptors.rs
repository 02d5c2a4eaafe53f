//! What happens at the limit on descriptors. A process of its own (one test per file), because the limit
//! is the whole process's.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

use net::listen::ACCEPT_PAUSE;
use net::{DialFault, Dialer, bind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Opens files until no descriptor is left.
fn use_up_descriptors() -> Vec<File> {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: hard }).unwrap();
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn without_descriptors_accepting_waits_without_spinning_and_then_goes_on() {
    let mut acceptor = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0).start().unwrap();
    let addr = acceptor.local_addr();
    let client = TcpStream::connect(addr).await.unwrap();
    let files = use_up_descriptors();

    let start = Instant::now();
    let waiting = timeout(ACCEPT_PAUSE * 5 / 2, acceptor.accept()).await;
    assert!(waiting.is_err(), "there was no descriptor to accept with");
    assert_eq!(start.elapsed(), ACCEPT_PAUSE * 5 / 2);
    assert_eq!(acceptor.pauses(), 3, "one attempt per pause");

    let fault = Dialer::default().dial("127.0.0.1", addr.port()).await.unwrap_err();
    assert!(matches!(fault, DialFault::DescriptorLimit { .. }), "{fault:?}");

    drop(files);
    let (_stream, peer) = acceptor.accept().await;
    assert_eq!(peer, client.local_addr().unwrap());
}
