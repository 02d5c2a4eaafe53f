//! The server side: files as content.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use engine::Ending;
use lab::Answers;
use message::{Body, FileSlice, Response, Segment, StatusCode};

use crate::support::content::{file_of, noise, piece, slice};
use crate::support::peer::Peer;
use crate::support::served::served;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// More than the two systems' buffers take between them: a transfer of it waits for its client.
const MORE_THAN_BUFFERS: u64 = 256 * 1024 * 1024;

fn gives(segments: Vec<Segment>) -> Answers {
    Answers::new(move |_| Response {
        body: Body::Segments(segments.clone()),
        ..Response::new(StatusCode::OK)
    })
}

fn part(file: &Arc<File>, start: u64, len: u64) -> Segment {
    Segment::File(slice(file, start, len))
}

fn sparse(len: u64) -> Arc<File> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(len).unwrap();
    Arc::new(file)
}

#[tokio::test]
async fn parts_of_a_file_go_out_between_other_bytes() {
    let content = noise(3_000_000);
    let file = file_of(&content);
    let segments = vec![
        piece("--a\r\n"),
        part(&file, 10, 5),
        piece("\r\n--a\r\n"),
        part(&file, 0, 0),
        part(&file, 1_000_000, 2_000_000),
        piece("\r\n--a--"),
    ];
    let server = served(gives(segments));
    let mut client = Peer::connect(server.address).await;
    let expected =
        [b"--a\r\n", &content[10..15], b"\r\n--a\r\n", &content[1_000_000..], b"\r\n--a--"].concat();
    for _ in 0..2 {
        let answer = client.ask(GET).await;
        assert!(answer.content == expected, "the parts differ: {} bytes", answer.content.len());
    }
}

#[tokio::test]
async fn a_file_beyond_4_gib_is_addressed_to_the_byte() {
    const SIZE: u64 = 5 * 1024 * 1024 * 1024;
    let file = sparse(SIZE);
    file.write_all_at(b"the very end", SIZE - 12).unwrap();
    file.write_all_at(b"here", (1 << 32) + 1).unwrap();
    let server = served(gives(vec![part(&file, (1 << 32) + 1, 4), part(&file, SIZE - 12, 12)]));
    let answer = Peer::connect(server.address).await.ask(GET).await;
    assert_eq!(answer.content, "herethe very end");
}

#[tokio::test]
async fn the_length_of_5_gib_is_said_and_head_sends_none_of_it() {
    const SIZE: u64 = 5 * 1024 * 1024 * 1024;
    let server = served(gives(vec![part(&sparse(SIZE), 0, SIZE)]));
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.head().await.field("Content-Length"), Some("5368709120"));
    }
}

#[tokio::test]
async fn a_file_that_is_cut_short_under_its_transfer_ends_the_connection_and_is_never_padded() {
    let file = sparse(MORE_THAN_BUFFERS);
    let mut server = served(gives(vec![part(&file, 0, MORE_THAN_BUFFERS), piece("behind it")]));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    let length: u64 = client.head().await.field("Content-Length").unwrap().parse().unwrap();
    assert!(server.records.is_empty(), "the transfer is still going on");
    file.set_len(1).unwrap();
    let (rest, _) = client.rest().await;
    assert!((rest.len() as u64) < MORE_THAN_BUFFERS, "{} of {length} bytes came", rest.len());
    assert!(!rest.ends_with(b"behind it"));
    assert_eq!(server.records.next().await.ending, Ending::Aborted);
}

#[tokio::test]
async fn a_file_that_was_cut_short_before_it_was_sent_ends_the_connection() {
    let file = file_of(b"0123456789");
    let promised: FileSlice = slice(&file, 0, 10);
    file.set_len(4).unwrap();
    let mut server = served(gives(vec![Segment::File(promised)]));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    assert_eq!(client.head().await.field("Content-Length"), Some("10"));
    assert_eq!(client.rest().await.0, "0123");
    assert_eq!(server.records.next().await.ending, Ending::Aborted);
}
