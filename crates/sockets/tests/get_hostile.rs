//! Servers that cut, lie, stall, change, redirect, compress and corrupt: whatever they do, nothing but the right
//! file is ever reported as success, and with a good server beside them the right file is what comes.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lab::noise;
use tempfile::TempDir;

use crate::support::origin::{Origin, Reply, response};
use crate::support::paced::{asked_range, paced, part};
use crate::support::place::{directory, tree};
use crate::support::process::{Ended, run, sockets};

const LENGTH: usize = 3 * 1024 * 1024;

/// What a server is asked for.
struct Asked {
    range: Option<(usize, usize)>,
    /// How many requests came before.
    before: usize,
}

/// What one server does; the content is the file's.
type Script = fn(&Asked, &[u8]) -> Reply;

/// How a server behaves, and whether it alone brings the file.
struct Case {
    name: &'static str,
    script: Script,
    alone: Alone,
}

/// What becomes of a download from that server alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    Right,
    /// It fails, with one of these exit statuses.
    Fails(&'static [i32]),
    /// Nobody can tell without a checksum; with one it fails with 9.
    Undetectable,
}

use Alone::{Fails, Right, Undetectable};

fn head(status: &str, fields: &[&str]) -> Vec<u8> {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{fields}\r\n").into_bytes()
}

/// A 200 with half of its content, after which more must be asked for.
fn half(content: &[u8]) -> Reply {
    let length = format!("Content-Length: {}", content.len());
    let head = head("200 OK", &[&length, "ETag: \"1\"", "Accept-Ranges: bytes"]);
    Reply::Close([&head, &content[..content.len() / 2]].concat())
}

fn part_with(content: &[u8], range: &str, etag: &str, (first, last): (usize, usize)) -> Reply {
    let range = format!("Content-Range: {range}");
    Reply::Close(response("206 Partial Content", &[&range, etag], &content[first..=last]))
}

/// Half of the file first, and then `answer` to whatever range is asked for.
macro_rules! after_half {
    ($answer:expr) => {
        |asked, content| match asked.range {
            None => half(content),
            Some(range) => {
                let answer: fn(&Asked, &[u8], (usize, usize)) -> Reply = $answer;
                answer(asked, content, range)
            }
        }
    };
}

/// Servers that are bad from the first answer on.
const FIRST: &[Case] = &[
    Case {
        name: "cut by length",
        alone: Fails(&[4]),
        script: |_, content| {
            let length = format!("Content-Length: {}", content.len());
            Reply::Close([&head("200 OK", &[&length]), &content[..1000]].concat())
        },
    },
    Case {
        name: "a chunked body that does not end",
        alone: Fails(&[4]),
        script: |_, content| {
            let head = head("200 OK", &["Transfer-Encoding: chunked", "ETag: \"1\""]);
            Reply::Close([&head, &b"3e8\r\n"[..], &content[..1000], b"\r\n"].concat())
        },
    },
    Case {
        name: "a chunk that does not end",
        alone: Fails(&[4]),
        script: |_, content| {
            let head = head("200 OK", &["Transfer-Encoding: chunked"]);
            Reply::Close([&head, &b"fffff\r\n"[..], &content[..1000]].concat())
        },
    },
    Case {
        name: "a chunk size that is none",
        alone: Fails(&[7]),
        script: |_, content| {
            let head = head("200 OK", &["Transfer-Encoding: chunked"]);
            Reply::Close([&head, &b"xyz\r\n"[..], &content[..1000]].concat())
        },
    },
    Case {
        name: "two lengths",
        alone: Fails(&[7]),
        script: |_, content| {
            let head = head("200 OK", &["Content-Length: 5", "Content-Length: 6"]);
            Reply::Close([&head, &content[..6]].concat())
        },
    },
    Case {
        name: "a negative length",
        alone: Fails(&[7]),
        script: |_, content| Reply::Close([&head("200 OK", &["Content-Length: -5"]), &content[..6]].concat()),
    },
    Case {
        name: "a part that nobody asked for",
        alone: Fails(&[7]),
        script: |_, content| part_with(content, "bytes 0-999/3145728", "ETag: \"1\"", (0, 999)),
    },
    Case {
        name: "gzip that nobody asked for",
        alone: Fails(&[7]),
        script: |_, content| {
            Reply::Close(response("200 OK", &["Content-Encoding: gzip", "ETag: \"1\""], &content[..999]))
        },
    },
    Case { name: "no answer", alone: Fails(&[4]), script: |_, _| Reply::Close(Vec::new()) },
    Case {
        name: "half a head",
        alone: Fails(&[4, 7]),
        script: |_, _| Reply::Close(b"HTTP/1.1 200 OK\r\nCont".to_vec()),
    },
    Case {
        name: "no HTTP",
        alone: Fails(&[7]),
        script: |_, _| Reply::Close(b"220 ftp ready\r\n\r\n".to_vec()),
    },
    Case {
        name: "an endless head",
        alone: Fails(&[7]),
        script: |_, _| Reply::Close([b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(100_000)].concat()),
    },
    Case {
        name: "503 with a pause of a day",
        alone: Fails(&[8]),
        script: |_, _| Reply::Keep(response("503 Service Unavailable", &["Retry-After: 86400"], b"later")),
    },
    Case {
        name: "404 with a page",
        alone: Fails(&[8]),
        script: |_, _| Reply::Keep(response("404 Not Found", &[], b"<h1>no")),
    },
    Case {
        name: "304 that nobody asked for",
        alone: Fails(&[8]),
        script: |_, _| Reply::Keep(head("304 Not Modified", &[])),
    },
    Case {
        name: "a redirect to itself",
        alone: Fails(&[8]),
        script: |_, _| Reply::Keep(response("302 Found", &["Location: /x"], b"")),
    },
    Case {
        name: "a redirect to a file",
        alone: Fails(&[7]),
        script: |_, _| Reply::Keep(response("302 Found", &["Location: file:///etc/passwd"], b"")),
    },
    Case {
        name: "silence in the middle",
        alone: Fails(&[4]),
        script: |_, content| {
            let length = format!("Content-Length: {}", content.len());
            Reply::Hold([&head("200 OK", &[&length]), &content[..1000]].concat())
        },
    },
    Case {
        name: "a wrong Repr-Digest",
        alone: Fails(&[9]),
        script: |_, content| {
            let digest = "Repr-Digest: sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
            Reply::Keep(response("200 OK", &[digest, "ETag: \"1\""], content))
        },
    },
    Case {
        name: "wrong bytes",
        alone: Undetectable,
        script: |asked, content| {
            let wrong: Vec<u8> = content.iter().map(|byte| !byte).collect();
            match asked.range {
                None => Reply::Keep(response("200 OK", &["ETag: \"1\"", "Accept-Ranges: bytes"], &wrong)),
                Some(range) => Reply::Keep(part(&wrong, range, "ETag: \"1\"")),
            }
        },
    },
];

/// Servers that give half of the file, and then are bad at ranges.
const RANGES: &[Case] = &[
    Case {
        name: "good ranges",
        alone: Right,
        script: after_half!(|_, content, range| { Reply::Keep(part(content, range, "ETag: \"1\"")) }),
    },
    Case {
        name: "shorter parts than asked for",
        alone: Right,
        script: after_half!(|_, content, (first, last)| {
            Reply::Keep(part(content, (first, last.min(first + 500_000)), "ETag: \"1\""))
        }),
    },
    Case {
        name: "the whole instead of a part",
        alone: Right,
        script: |asked, content| match asked.before {
            0 => half(content),
            _ => Reply::Keep(response("200 OK", &["ETag: \"1\""], content)),
        },
    },
    Case {
        name: "a part that begins earlier",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            part_with(
                content,
                &format!("bytes {}-{}/{}", first - 1, last - 1, content.len()),
                "ETag: \"1\"",
                (first - 1, last - 1),
            )
        }),
    },
    Case {
        name: "a part that says the right range and is longer",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            part_with(
                content,
                &format!("bytes {first}-{last}/{}", content.len()),
                "ETag: \"1\"",
                (first - 5, last),
            )
        }),
    },
    Case {
        name: "a part of another whole",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            part_with(
                content,
                &format!("bytes {first}-{last}/{}", content.len() + 1),
                "ETag: \"1\"",
                (first, last),
            )
        }),
    },
    Case {
        name: "a part of nobody knows what",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            part_with(content, &format!("bytes {first}-{last}/*"), "ETag: \"1\"", (first, last))
        }),
    },
    Case {
        name: "a part without Content-Range",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            Reply::Close(response("206 Partial Content", &["ETag: \"1\""], &content[first..=last]))
        }),
    },
    Case {
        name: "two parts",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, _)| {
            let kind = "Content-Type: multipart/byteranges; boundary=b";
            Reply::Close(response(
                "206 Partial Content",
                &["ETag: \"1\"", kind],
                &content[first..first + 100],
            ))
        }),
    },
    Case {
        name: "a part without the entity tag",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            part_with(content, &format!("bytes {first}-{last}/{}", content.len()), "X: y", (first, last))
        }),
    },
    Case {
        name: "a part of another version, If-Range ignored",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            let other: Vec<u8> = content.iter().map(|byte| !byte).collect();
            part_with(
                &other,
                &format!("bytes {first}-{last}/{}", content.len()),
                "ETag: \"2\"",
                (first, last),
            )
        }),
    },
    Case {
        name: "a coded part",
        alone: Fails(&[7]),
        script: after_half!(|_, content, (first, last)| {
            let range = format!("Content-Range: bytes {first}-{last}/{}", content.len());
            Reply::Close(response(
                "206 Partial Content",
                &["ETag: \"1\"", "Content-Encoding: gzip", &range],
                &content[first..=last],
            ))
        }),
    },
    Case {
        name: "a chunked part that does not end",
        alone: Fails(&[4]),
        script: after_half!(|_, content, (first, last)| {
            let range = format!("Content-Range: bytes {first}-{last}/{}", content.len());
            let head = head("206 Partial Content", &["ETag: \"1\"", "Transfer-Encoding: chunked", &range]);
            let size = format!("{:x}\r\n", last - first + 1);
            Reply::Close([&head, size.as_bytes(), &content[first..=last], b"\r\n"].concat())
        }),
    },
    Case {
        name: "416 to a range that is there",
        alone: Fails(&[7]),
        script: after_half!(|_, content, _| {
            let range = format!("Content-Range: bytes */{}", content.len() - 1);
            Reply::Keep(response("416 Range Not Satisfiable", &[&range], b""))
        }),
    },
    Case {
        name: "silence at ranges",
        alone: Fails(&[4]),
        script: after_half!(|_, _, _| Reply::Hold(Vec::new())),
    },
    Case {
        name: "nothing at ranges",
        alone: Fails(&[4]),
        script: after_half!(|_, _, _| Reply::Close(Vec::new())),
    },
    Case {
        name: "500 at ranges",
        alone: Fails(&[8]),
        script: after_half!(|_, _, _| { Reply::Keep(response("500 Internal Server Error", &[], b"oops")) }),
    },
    Case {
        name: "wrong bytes at ranges",
        alone: Undetectable,
        script: after_half!(|_, content, (first, last)| {
            let wrong: Vec<u8> = content.iter().map(|byte| !byte).collect();
            Reply::Keep(part(&wrong, (first, last), "ETag: \"1\""))
        }),
    },
];

fn serve(script: Script, content: &Arc<Vec<u8>>) -> Origin {
    let (content, before) = (Arc::clone(content), AtomicUsize::new(0));
    Origin::start(move |head| {
        let asked = Asked { range: asked_range(head), before: before.fetch_add(1, Ordering::SeqCst) };
        script(&asked, &content)
    })
}

/// A server that does all as it should be done, but for its pace: others have to help.
fn good(content: &Arc<Vec<u8>>) -> Origin {
    paced(content, 128 * 1024, Duration::from_millis(8))
}

fn get(home: &Path, args: &[&str]) -> Ended {
    run(sockets(&[&["get", "--stall", "300ms", "--answer-within", "1s", "--tries", "2"], args].concat())
        .current_dir(home))
}

/// Whatever was said, a file of that name is the right one.
fn assert_no_wrong_byte(name: &str, home: &TempDir, ended: &Ended, content: &[u8]) {
    let there = home.path().join("x").exists();
    assert_eq!(there, ended.status == 0, "{name}: {ended:?}");
    if there {
        assert!(fs::read(home.path().join("x")).unwrap() == content, "{name}: other content");
        assert_eq!(tree(home.path()), ["x"], "{name}");
    }
}

fn checksum(content: &[u8]) -> String {
    use sha2::Digest as _;
    let hex: String = sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[test]
fn a_bad_server_alone_never_makes_a_wrong_file() {
    let content = Arc::new(noise(LENGTH));
    let sum = checksum(&content);
    for Case { name, script, alone } in FIRST.iter().chain(RANGES) {
        let (origin, home) = (serve(*script, &content), directory(&[]));
        let args: &[&str] = if *alone == Undetectable { &["--checksum", &sum] } else { &[] };
        let ended = get(home.path(), &[args, &[&origin.url("/x")]].concat());
        assert_no_wrong_byte(name, &home, &ended, &content);
        match alone {
            Right => assert_eq!(ended.status, 0, "{name}: {ended:?}"),
            Fails(statuses) => assert!(statuses.contains(&ended.status), "{name}: {ended:?}"),
            Undetectable => assert_eq!(ended.status, 9, "{name}: {ended:?}"),
        }
    }
}

#[test]
fn beside_a_good_server_every_bad_one_is_got_over() {
    let content = Arc::new(noise(LENGTH));
    let sum = checksum(&content);
    for Case { name, script, alone } in FIRST.iter().chain(RANGES) {
        // A digest that a server tells of its own file can't be held against another's word.
        if *name == "a wrong Repr-Digest" {
            continue;
        }
        let (bad, fine) = (serve(*script, &content), good(&content));
        for urls in [[bad.url("/x"), fine.url("/x")], [fine.url("/x"), bad.url("/x")]] {
            let home = directory(&[]);
            let sums: &[&str] = if *alone == Undetectable { &["--checksum", &sum] } else { &[] };
            let ended = get(home.path(), &[sums, &[&urls[0], "--mirror", &urls[1]]].concat());
            assert_eq!(ended.status, 0, "{name}: {ended:?}");
            assert_no_wrong_byte(name, &home, &ended, &content);
            if *alone == Undetectable && ended.stderr.contains("checksum") {
                assert!(ended.stderr.contains(&bad.url("/x")), "the bad one is named: {}", ended.stderr);
            }
        }
    }
}

#[test]
fn a_file_that_changes_in_the_middle_is_begun_anew_and_never_spliced() {
    let (old, new) = (noise(LENGTH), noise(LENGTH + 1).split_off(1));
    let expected = new.clone();
    let count = AtomicUsize::new(0);
    let origin = Origin::start(move |head| match (count.fetch_add(1, Ordering::SeqCst), asked_range(head)) {
        (0, _) => half(&old),
        (_, Some(range)) if head.field("if-range") == Some("\"2\"") => {
            Reply::Keep(part(&new, range, "ETag: \"2\""))
        }
        _ => Reply::Keep(response("200 OK", &["ETag: \"2\"", "Accept-Ranges: bytes"], &new)),
    });
    let home = directory(&[]);
    let ended = get(home.path(), &[&origin.url("/x")]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_no_wrong_byte("changes", &home, &ended, &expected);
}
