//! Ranges (RFC 9110 §14): what part of a file is sent, and that the parts are what they are said to be.

use std::fs::File;
use std::os::unix::fs::FileExt;

use lab::noise;

use crate::features::{get, settled};
use crate::support::place::Site;
use crate::support::wire::{Answer, Wire, ask};

/// How long the file of most tests is, in bytes.
const LENGTH: usize = 10_000;

fn site() -> Site {
    Site::of(&[("file.txt", &noise(LENGTH)), ("empty", b"")])
}

/// One part of a content in parts.
#[derive(Debug)]
pub(crate) struct Part {
    content_type: Option<String>,
    pub(crate) content_range: String,
    pub(crate) body: Vec<u8>,
}

/// Takes a content of `multipart/byteranges` apart (§14.6), to its last byte.
pub(crate) fn parts(answer: &Answer) -> Vec<Part> {
    let media_type = answer.field("content-type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert!(boundary.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{boundary:?} needs quotes");
    let mut rest: &[u8] = &answer.body;
    let mut parts = Vec::new();
    let first = format!("--{boundary}\r\n");
    rest = rest.strip_prefix(first.as_bytes()).unwrap();
    let (next, last) = (format!("\r\n--{boundary}\r\n"), format!("\r\n--{boundary}--\r\n"));
    loop {
        let (part, behind) = part(rest);
        parts.push(part);
        match behind.strip_prefix(next.as_bytes()) {
            Some(more) => rest = more,
            None => break assert_eq!(behind, last.as_bytes(), "{}", behind.escape_ascii()),
        }
    }
    parts
}

/// The part at the front, as long as its `Content-Range` says, and what is behind it.
fn part(bytes: &[u8]) -> (Part, &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let field = |name: &str| {
        let named = |line: &str| line.strip_prefix(name).map(|value| value.trim().to_owned());
        head.split("\r\n").find_map(named)
    };
    let content_range = field("Content-Range:").unwrap();
    let (first, last) = content_range.strip_prefix("bytes ").unwrap().split_once('-').unwrap();
    let (last, _) = last.split_once('/').unwrap();
    let length = last.parse::<usize>().unwrap() + 1 - first.parse::<usize>().unwrap();
    let (body, behind) = bytes[end + 4..].split_at(length);
    (Part { content_type: field("Content-Type:"), content_range, body: body.to_vec() }, behind)
}

#[test]
fn several_ranges_come_in_parts_in_the_order_asked_for_9110_14_6() {
    // From memory, and by sendfile.
    for length in [LENGTH, 2_000_000] {
        let content = noise(length);
        let site = Site::of(&[("file.txt", &content)]);
        settled(&site, "/file.txt");
        let third = length / 3;
        let asked = [(0, 0), (2 * third, length - 1), (500, third)];
        let ranges = asked.map(|(first, last)| format!("{first}-{last}")).join(", ");
        let mut wire = Wire::to(site.role.address);
        let answer = wire.ask("GET /file.txt HTTP/1.1", &[&format!("Range: bytes={ranges}")]);
        assert_eq!(answer.status(), "206 Partial Content");
        assert_eq!(answer.head.field("content-range"), None, "that is said by each part");
        assert_eq!(answer.field("content-length"), answer.body.len().to_string());
        let parts = parts(&answer);
        assert_eq!(parts.len(), asked.len());
        for (part, (first, last)) in parts.iter().zip(asked) {
            assert_eq!(part.content_range, format!("bytes {first}-{last}/{length}"));
            assert_eq!(part.content_type.as_deref(), Some("text/plain; charset=utf-8"));
            assert!(part.body == content[first..=last], "{first}-{last}");
        }
        assert!(wire.ask("GET /file.txt HTTP/1.1", &[]).body == content, "the connection goes on");
    }
}

#[test]
fn ranges_that_overlap_or_almost_touch_come_as_one_9110_15_3_7_2() {
    let site = site();
    let content = noise(LENGTH);
    for (asked, sent) in [
        ("0-99,50-149", &["0-149"][..]),
        ("50-149,0-99", &["0-149"]),
        ("0-9,10-19", &["0-19"]),
        ("0-9,80-89", &["0-89"]),
        ("0-9,200-209", &["0-9", "200-209"]),
        ("300-309,0-9,305-400", &["300-400", "0-9"]),
        ("0-,0-,0-", &["0-9999"]),
        ("0-,-1", &["0-9999"]),
        ("-100,9000-", &["9000-9999"]),
        ("0-9,99999-", &["0-9"]),
        (" 0-9 ,, 500-509 ,", &["0-9", "500-509"]),
    ] {
        let answer = get(&site, "/file.txt", &[&format!("Range: bytes={asked}")]);
        assert_eq!(answer.status(), "206 Partial Content", "{asked}");
        let came: Vec<(String, Vec<u8>)> = match answer.head.field("content-range") {
            Some(range) => vec![(range.to_owned(), answer.body.clone())],
            None => parts(&answer).into_iter().map(|part| (part.content_range, part.body)).collect(),
        };
        let said: Vec<&str> = came.iter().map(|(range, _)| &**range).collect();
        let expected: Vec<String> = sent.iter().map(|range| format!("bytes {range}/10000")).collect();
        assert_eq!(said, expected, "{asked}");
        for ((_, body), range) in came.iter().zip(sent) {
            let (first, last) = range.split_once('-').unwrap();
            assert!(*body == content[first.parse().unwrap()..=last.parse().unwrap()], "{asked}: {range}");
        }
    }
}

#[test]
fn no_request_for_ranges_costs_more_than_twice_the_file_9110_17_15() {
    let site = site();
    let every = |step: usize, length: usize| {
        let ranges = (0..LENGTH / step).map(|n| format!("{}-{}", n * step, n * step + length - 1));
        ranges.take(500).collect::<Vec<_>>().join(",")
    };
    let (whole, tails) =
        ("0-,".repeat(1000), (1..1000).map(|n| format!("-{n}")).collect::<Vec<_>>().join(","));
    let lists = [
        every(2, 1),
        every(82, 1),
        every(160, 1),
        every(160, 79),
        every(200, 100),
        every(250, 2),
        whole,
        tails,
    ];
    for ranges in lists {
        let answer = get(&site, "/file.txt", &[&format!("Range: bytes={ranges}")]);
        assert!(matches!(answer.status(), "200 OK" | "206 Partial Content"), "{}", answer.status());
        assert!(answer.body.len() <= 2 * LENGTH, "{} bytes for {ranges}", answer.body.len());
    }
}

#[test]
fn what_is_no_range_of_bytes_is_ignored_and_what_is_not_there_is_416_9110_14_2() {
    let site = site();
    let sixty_five = (0..65).map(|n| format!("{}-{}", n * 150, n * 150)).collect::<Vec<_>>().join(",");
    for (range, expected) in [
        ("bytes=0-9", "bytes 0-9/10000"),
        ("BYTES=0-9", "bytes 0-9/10000"),
        ("bytes=-10", "bytes 9990-9999/10000"),
        ("bytes=9999-", "bytes 9999-9999/10000"),
        ("bytes=-20000", "bytes 0-9999/10000"),
        ("bytes=0-99999999999999999999999", "bytes 0-9999/10000"),
        ("bytes=10000-", "bytes */10000"),
        ("bytes=99999999999999999999999-", "bytes */10000"),
        ("bytes=20000-20001,30000-", "bytes */10000"),
        ("bytes=-0", "bytes */10000"),
        ("bytes=9-5", "whole"),
        ("bytes=", "whole"),
        ("bytes=-", "whole"),
        ("bytes=a-b", "whole"),
        ("bytes=0x0-0x9", "whole"),
        ("bytes=+1-9", "whole"),
        ("bytes=0-9,oops", "whole"),
        ("bytes 0-9", "whole"),
        ("lines=0-9", "whole"),
        (&format!("bytes={sixty_five}"), "whole"),
    ] {
        let answer = get(&site, "/file.txt", &[&format!("Range: {range}")]);
        let status = match expected {
            "whole" => "200 OK",
            unsatisfied if unsatisfied.starts_with("bytes */") => "416 Range Not Satisfiable",
            _ => "206 Partial Content",
        };
        assert_eq!(answer.status(), status, "{range}");
        assert_eq!(answer.head.field("content-range").unwrap_or("whole"), expected, "{range}");
        assert!(answer.body.len() < LENGTH || answer.body == noise(LENGTH), "{range}");
    }
    let twice = get(&site, "/file.txt", &["Range: bytes=0-1", "Range: bytes=5-6"]);
    assert_eq!((twice.status(), twice.body.len()), ("200 OK", LENGTH));
}

#[test]
fn an_empty_file_has_no_first_byte() {
    let site = site();
    let first = get(&site, "/empty", &["Range: bytes=0-"]);
    assert_eq!((first.status(), first.field("content-range")), ("416 Range Not Satisfiable", "bytes */0"));
    let last = get(&site, "/empty", &["Range: bytes=-5"]);
    assert_eq!((last.status(), last.body.len()), ("200 OK", 0));
}

#[test]
fn a_416_says_nothing_of_a_file_that_it_does_not_send() {
    let site = Site::with(&[("file.txt", b"short")], &["--cache-control", "max-age=31536000"]);
    let answer = get(&site, "/file.txt", &["Range: bytes=5-"]);
    assert_eq!(answer.status(), "416 Range Not Satisfiable");
    for field in ["cache-control", "etag", "last-modified"] {
        assert_eq!(answer.head.field(field), None, "{field}");
    }
    assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(!text.contains("short") && text.contains("5 bytes"), "{text}");
}

#[test]
fn a_head_knows_no_ranges_9110_14_2() {
    let site = site();
    let head = ask(site.role.address, "HEAD /file.txt HTTP/1.1", &["Range: bytes=0-9"]);
    assert_eq!((head.status(), head.field("content-length")), ("200 OK", "10000"));
    assert_eq!(head.field("accept-ranges"), "bytes");
}

#[test]
fn a_part_is_sent_only_of_the_version_that_the_client_has_9110_13_1_5() {
    let site = site();
    let tag = settled(&site, "/file.txt");
    let date = get(&site, "/file.txt", &[]).field("last-modified").to_owned();
    let weak = format!("W/{tag}");
    for (validator, status) in [
        (&*tag, "206 Partial Content"),
        (&*date, "206 Partial Content"),
        (&*weak, "200 OK"),
        ("\"other\"", "200 OK"),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "200 OK"),
        ("Fri, 31 Dec 2038 23:59:59 GMT", "200 OK"), // exactly that date, not a later one
        ("nonsense", "200 OK"),
        ("*", "200 OK"),
    ] {
        let condition = format!("If-Range: {validator}");
        let answer = get(&site, "/file.txt", &["Range: bytes=5000-", &condition]);
        assert_eq!(answer.status(), status, "{validator}");
        let from = if status.starts_with("206") { 5000 } else { 0 };
        assert!(answer.body == noise(LENGTH)[from..], "{validator}");
        let several = get(&site, "/file.txt", &["Range: bytes=0-9,5000-", &condition]);
        assert_eq!(several.status(), status, "{validator}");
        let beyond = get(&site, "/file.txt", &["Range: bytes=10000-", &condition]);
        let expected = if status.starts_with("206") { "416 Range Not Satisfiable" } else { "200 OK" };
        assert_eq!(beyond.status(), expected, "{validator}");
        assert_eq!(
            get(&site, "/file.txt", &[&condition]).status(),
            "200 OK",
            "without a range it says nothing"
        );
    }
}

#[test]
fn a_file_of_many_gigabytes_is_reached_everywhere() {
    const GIB: u64 = 1 << 30;
    let site = Site::of(&[]);
    let file = File::create(site.files.path().join("sparse.img")).unwrap();
    file.set_len(6 * GIB).unwrap();
    for (offset, mark) in [(0, b"beginning"), (4 * GIB - 4, b"past 2^32"), (6 * GIB - 9, b"the end.\n")] {
        file.write_all_at(mark, offset).unwrap();
    }
    drop(file);
    let head = ask(site.role.address, "HEAD /sparse.img HTTP/1.1", &[]);
    assert_eq!(head.field("content-length"), (6 * GIB).to_string());

    let (before, after) = (4 * GIB - 4, 4 * GIB + 4);
    let middle = get(&site, "/sparse.img", &[&format!("Range: bytes={before}-{after}")]);
    assert_eq!(middle.text(), "past 2^32");
    assert_eq!(middle.field("content-range"), format!("bytes {before}-{after}/{}", 6 * GIB));
    assert_eq!(get(&site, "/sparse.img", &["Range: bytes=-9"]).text(), "the end.\n");

    let all = get(&site, "/sparse.img", &[&format!("Range: bytes=0-8, {before}-{after}, -9, {GIB}-{GIB}")]);
    let bodies: Vec<Vec<u8>> = parts(&all).into_iter().map(|part| part.body).collect();
    assert_eq!(bodies, [&b"beginning"[..], b"past 2^32", b"the end.\n", b"\0"]);
}
