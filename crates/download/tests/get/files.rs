//! What is saved, where, and what it may cost.

use std::fs::File;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use download::{Existing, Order, Output, get};
use lab::{Answers, Clock, Network};
use message::{Body, Failure, FileSlice, Response, Segment, Source, StatusCode, Target, header};

use crate::support::{Pieces, Place, Watch, answer, fetch};

/// A network where `a:8000` has one page.
fn network() -> Network {
    let network = Network::new(Clock::new());
    network.serve("a:8000", Answers::new(|_| answer(200, "hello\n")));
    network
}

#[tokio::test(start_paused = true)]
async fn a_200_is_saved_under_the_name_in_the_url() {
    let (network, place) = (network(), Place::new());
    let fetched = fetch(&network.client(), place.order("a:8000/dir/index.html?v=1#top")).await.unwrap();
    assert_eq!(place.names(), ["index.html"]);
    assert_eq!(place.read("index.html"), b"hello\n");
    assert_eq!(fetched.path, Some(place.path("index.html")));
    assert_eq!(fetched.bytes, 6);
    assert_eq!(fetched.final_url.to_string(), "http://a:8000/dir/index.html?v=1");
    assert_eq!((fetched.redirects.len(), fetched.attempt), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn one_get_is_sent_with_host_and_for_no_coding() {
    let (network, place) = (network(), Place::new());
    fetch(&network.client(), place.order("a:8000/index.html?v=1")).await.unwrap();
    let log = network.log("a:8000");
    let [seen] = &*log else { panic!("one request, not {}", log.len()) };
    assert_eq!((seen.method.as_str(), seen.target.to_string()), ("GET", "/index.html?v=1".to_owned()));
    assert_eq!(seen.fields.text(&header::HOST), Some("a:8000"));
    assert_eq!(seen.fields.text(&header::ACCEPT_ENCODING), Some("identity"));
    assert!(seen.fields.text(&header::USER_AGENT).unwrap().starts_with("Sockets/"));
    assert!(!seen.fields.contains(&header::RANGE));
    assert_eq!(seen.at, network.clock().now());
}

#[tokio::test(start_paused = true)]
async fn through_a_proxy_the_whole_url_is_asked_for() {
    let (network, place) = (network(), Place::new());
    network.serve(
        "proxy:9000",
        Answers::new(|request| Response::text(StatusCode::OK, request.target.to_string())),
    );
    fetch(&network.via("proxy:9000"), place.order("a:8000/index.html")).await.unwrap();
    assert_eq!(place.read("index.html"), b"http://a:8000/index.html");
    assert_eq!(network.requests("a:8000"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_url_that_ends_in_a_slash_is_saved_as_index_html() {
    let (network, place) = (network(), Place::new());
    fetch(&network.client(), place.order("a:8000")).await.unwrap();
    assert_eq!(place.names(), ["index.html"]);
}

#[tokio::test(start_paused = true)]
async fn a_url_never_makes_a_file_outside_the_directory() {
    let (network, place) = (network(), Place::new());
    std::fs::create_dir(place.path("out")).unwrap();
    for url in
        ["a:8000/..%2f..%2fx", "a:8000/%2e%2e", "a:8000/x/../..", "a:8000/%2fetc%2fx", "a:8000/.%00./x%5c"]
    {
        let mut order = place.order(url);
        order.output = Output::Directory(place.path("out"));
        order.existing = Existing::Replace;
        let fetched = fetch(&network.client(), order).await.unwrap();
        assert_eq!(fetched.path.unwrap().parent().unwrap(), place.path("out"), "{url}");
    }
    assert_eq!(place.names(), ["out"]);
    assert_eq!(std::fs::read_dir(place.path("out")).unwrap().count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_chosen_name_is_used_as_it_is() {
    let (network, place) = (network(), Place::new());
    let mut order = place.order("a:8000/index.html");
    order.output = Output::File(place.path(".mine"));
    let fetched = fetch(&network.client(), order).await.unwrap();
    assert_eq!(fetched.path, Some(place.path(".mine")));
    assert_eq!(place.names(), [".mine"]);
}

#[tokio::test(start_paused = true)]
async fn an_existing_file_is_an_error_before_anything_but_its_head_is_asked_for() {
    let (network, place) = (network(), Place::new());
    place.write("index.html", "old");
    let fault = fetch(&network.client(), place.order("a:8000/index.html")).await.unwrap_err();
    let path = place.path("index.html");
    assert_eq!(fault.to_string(), format!("{} is there already (--force replaces it)", path.display()));
    assert_eq!((fault.exit_status(), network.requests("a:8000")), (3, 1));
    assert_eq!(network.log("a:8000")[0].method, "HEAD");
    assert_eq!(place.read("index.html"), b"old");
}

/// A server whose page is of that time.
fn dated(date: &'static str) -> Network {
    let network = Network::new(Clock::new());
    let date = message::HeaderValue::from_static(date);
    let page = move |_| answer(200, "hello\n").with(header::LAST_MODIFIED, date.clone());
    network.serve("a", Answers::new(page));
    network
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_complete_already_is_a_success_without_a_transfer() {
    let (network, place) = (dated("Thu, 01 Jan 2015 00:00:00 GMT"), Place::new());
    fetch(&network.client(), place.order("a/x")).await.unwrap();
    let modified = std::fs::metadata(place.path("x")).unwrap().modified().unwrap();
    assert_eq!(modified.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs(), 1_420_070_400);
    let again = fetch(&network.client(), place.order("a/x")).await.unwrap();
    assert_eq!((again.attempt, again.bytes, network.bytes_sent("a")), (0, 6, 6));
    place.write("x", "hello, more\n");
    assert_eq!(fetch(&network.client(), place.order("a/x")).await.unwrap_err().exit_status(), 3);
    let of_hello = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    place.write("x", "hello\n");
    let checksums = vec![download::Digest::parse(of_hello).unwrap()];
    let requests = network.requests("a");
    fetch(&network.client(), Order { checksums, ..place.order("a/x") }).await.unwrap();
    assert_eq!(network.requests("a"), requests, "the checksum says it all");
}

#[tokio::test(start_paused = true)]
async fn only_a_newer_file_replaces_and_a_kept_one_is_never_asked_for() {
    for (existing, date, content) in [
        (Existing::Keep, "Thu, 01 Jan 2037 00:00:00 GMT", "old"),
        (Existing::Newer, "Thu, 01 Jan 2015 00:00:00 GMT", "old"),
        (Existing::Newer, "Thu, 01 Jan 2037 00:00:00 GMT", "hello\n"),
    ] {
        let (network, place) = (dated(date), Place::new());
        place.write("x", "old");
        fetch(&network.client(), Order { existing, ..place.order("a/x") }).await.unwrap();
        assert_eq!(place.read("x"), content.as_bytes(), "{existing:?} {date}");
        assert!(existing != Existing::Keep || network.requests("a") == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn force_replaces_an_existing_file() {
    let (network, place) = (network(), Place::new());
    place.write("index.html", "old, and longer than the new one");
    fetch(&network.client(), Order { existing: Existing::Replace, ..place.order("a:8000/index.html") })
        .await
        .unwrap();
    assert_eq!(place.read("index.html"), b"hello\n");
    assert_eq!(place.names(), ["index.html"]);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_not_there_is_an_error_before_anything_is_asked_for() {
    let (network, place) = (network(), Place::new());
    let mut order = place.order("a:8000/index.html");
    order.output = Output::Directory(place.path("missing"));
    let fault = fetch(&network.client(), order).await.unwrap_err();
    assert!(fault.to_string().contains("mkdir -p"), "{fault}");
    assert_eq!((fault.exit_status(), network.requests("a:8000")), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_is_saved_too() {
    let place = Place::new();
    let upstream = Answers::new(|_| Response::new(StatusCode::OK));
    assert_eq!(fetch(&upstream, place.order("a/empty")).await.unwrap().bytes, 0);
    assert_eq!(place.read("empty"), b"");
}

#[tokio::test(start_paused = true)]
async fn content_may_be_a_file_or_pieces_of_unknown_length() {
    let place = Place::new();
    let content: Vec<u8> = (0..=255).cycle().take(600_000).collect();
    std::fs::write(place.path("source"), &content).unwrap();
    let source = Arc::new(File::open(place.path("source")).unwrap());
    let upstream = Answers::new(move |_| {
        let slice = FileSlice::new(Arc::clone(&source), 600_000, 1, 599_999).unwrap();
        let first = Segment::Bytes(Bytes::from_static(&[0]));
        let body = Pieces::body(None, [Ok(first), Ok(Segment::File(slice))]);
        Response { body, ..Response::new(StatusCode::OK) }
    });
    assert_eq!(fetch(&upstream, place.order("a/copy")).await.unwrap().bytes, 600_000);
    assert!(place.read("copy") == content);
}

/// A writer that can be looked at afterwards, and may be full at some time.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn standard_output_gets_the_bytes_and_no_file_is_made() {
    let (network, place, out) = (network(), Place::new(), Out::default());
    let mut order = place.order("a:8000/index.html");
    order.output = Output::Writer(Box::new(out.clone()));
    let fetched = fetch(&network.client(), order).await.unwrap();
    assert_eq!(*out.0.lock().unwrap(), b"hello\n");
    assert_eq!((fetched.path, fetched.bytes), (None, 6));
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_named_and_not_tried_again() {
    let (network, place) = (network(), Place::new());
    let mut order = place.order("a:8000/index.html");
    order.output = Output::File("/dev/full".into());
    let fault = fetch(&network.client(), order).await.unwrap_err();
    assert_eq!(fault.to_string(), "no space left on the disk for /dev/full");
    assert_eq!((fault.exit_status(), network.requests("a:8000")), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_of_the_total_each_piece_and_the_end() {
    let (place, watch) = (Place::new(), Watch::new(|| ()));
    let upstream = Answers::new(|_| {
        let pieces = ["four", "!"].map(|text| Ok(Segment::Bytes(Bytes::from_static(text.as_bytes()))));
        Response { body: Pieces::body(Some(5), pieces), ..Response::new(StatusCode::OK) }
    });
    get(&upstream, place.order("a/x"), Clock::new().now(), &watch).await.unwrap();
    assert_eq!(watch.events(), ["start 5", "+4", "+1", "done"]);
}

/// A block of memory that counts how many there are.
struct Counted(Arc<AtomicUsize>, Vec<u8>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `blocks` blocks, each made when it is asked for, and the most that were alive at once.
struct Large {
    blocks: u8,
    alive: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Source for Large {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        if self.blocks == 0 {
            return Poll::Ready(None);
        }
        self.blocks -= 1;
        let alive = self.alive.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(alive, Ordering::Relaxed);
        let block = Counted(Arc::clone(&self.alive), vec![self.blocks; 1 << 20]);
        Poll::Ready(Some(Ok(Segment::Bytes(Bytes::from_owner(block)))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_never_held_in_memory() {
    let (place, most) = (Place::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&most);
    let upstream = Answers::new(move |_| {
        let source = Large { blocks: 100, alive: Arc::default(), most: Arc::clone(&counted) };
        Response { body: Body::from_source(Some(100 << 20), source), ..Response::new(StatusCode::OK) }
    });
    assert_eq!(fetch(&upstream, place.order("a/large")).await.unwrap().bytes, 100 << 20);
    assert_eq!(most.load(Ordering::Relaxed), 1);
    let content = place.read("large");
    let as_sent =
        content.chunks(1 << 20).zip((0..100).rev()).all(|(block, byte)| block.iter().all(|b| *b == byte));
    assert!(content.len() == 100 << 20 && as_sent);
}

#[tokio::test(start_paused = true)]
async fn the_request_names_the_target_in_absolute_form_for_the_pool_to_route() {
    let place = Place::new();
    let upstream = Answers::new(|request| match request.target {
        Target::Absolute(..) => answer(200, "absolute"),
        _ => answer(400, "not absolute"),
    });
    fetch(&upstream, place.order("a/x")).await.unwrap();
}
