//! Requests against a directory on the disk, without a port.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode, header};
use message::body::{Body, Segment};
use message::request::Request;
use message::service::Service;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::path::{CheckedPath, FileName};
use crate::refusal::Refusal;
use crate::representation::SMALL_FILE;
use crate::root::{FileFault, Walk};
use crate::rules::Rule;
use crate::testing::*;

use super::Origin;

// Files and what is said of them

#[tokio::test]
async fn a_file_is_sent_with_what_is_known_of_it() {
    let site = Fixture::with(|config| config.rules = vec![Rule::cache_control("max-age=60").unwrap()]);
    let path = site.write("a/hello.html", "<p>hello");
    set_modified(&path, SystemTime::UNIX_EPOCH + seconds(784_111_777));
    let answer = site.get("/a/hello.html?version=2").await;
    assert_eq!((answer.status, answer.text()), (200, "<p>hello"));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "max-age=60"),
        (header::LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        assert_eq!(answer.field(&name), Some(value));
    }
    assert_eq!(answer.etag().len(), 18, "{}", answer.etag());
}

#[tokio::test]
async fn a_target_in_absolute_form_is_taken_by_its_path() {
    let site = Fixture::new();
    site.write("a.txt", "a");
    assert_eq!(site.get("http://anywhere.example:81/a.txt?q").await.text(), "a");
}

#[tokio::test]
async fn head_is_answered_as_get_is() {
    let site = Fixture::new();
    site.write("a.txt", "abc");
    let get_answer = site.get("/a.txt").await;
    let head = site.send(Request { method: Method::HEAD, ..get("/a.txt") }).await;
    assert_eq!((head.status, head.etag()), (200, get_answer.etag()));
    let range = with(Request { method: Method::HEAD, ..get("/a.txt") }, header::RANGE, "bytes=0-0");
    assert_eq!(site.send(range).await.status, 200, "RFC 9110 §14.2: Range is for GET alone");
}

#[tokio::test]
async fn a_small_file_comes_from_memory_and_a_large_one_from_the_disk() {
    let site = Fixture::new();
    let small = vec![7; usize::try_from(SMALL_FILE).unwrap()];
    let large = [small.as_slice(), b"8"].concat();
    site.write("small", &small);
    site.write("large", &large);
    site.write("empty", "");
    for _ in 0..2 {
        let (a, b, c) = (site.get("/small").await, site.get("/large").await, site.get("/empty").await);
        assert!(a.from_memory && a.content == small);
        assert!(!b.from_memory && b.content == large);
        assert_eq!((c.status, c.content.len()), (200, 0));
    }
    assert!(site.is_kept("small") && site.is_kept("large") && site.is_kept("empty"));
}

// What is not served

#[tokio::test]
async fn other_methods_are_not_implemented() {
    let site = Fixture::new();
    site.write("a", "a");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for target in ["/a", "/missing", "*"] {
            let answer = site.send(Request { method: method.clone(), ..get(target) }).await;
            assert_eq!(answer.status, 501, "{method} {target}");
            assert!(answer.text().contains(method.as_str()));
        }
    }
}

#[tokio::test]
async fn a_target_without_a_path_is_a_bad_request() {
    let site = Fixture::new();
    assert_eq!(site.get("*").await.status, 400);
    assert_eq!(site.get("a.example:443").await.status, 400);
}

#[tokio::test]
async fn nothing_outside_the_root_is_served_by_either_walk() {
    for walk in [Walk::Kernel, Walk::ByHand] {
        let site = Fixture::new().walking(walk);
        let secret = site.outside.path().join("secret");
        site.write("d/file", "inside");
        symlink(&secret, site.path("absolute")).unwrap();
        symlink("../secret", site.path("relative")).unwrap();
        symlink("..", site.path("up")).unwrap();
        symlink("/", site.path("top")).unwrap();
        symlink("/dev/zero", site.path("zero")).unwrap();
        symlink("/proc/self/environ", site.path("environ")).unwrap();
        for (target, status) in [
            ("/absolute", 404),
            ("/relative", 404),
            ("/up/secret", 404),
            ("/up/", 404),
            ("/top/etc/passwd", 404),
            ("/zero", 404),
            ("/environ", 404),
            ("/../secret", 400),
            ("/d/../../secret", 400),
            ("/%2e%2e/secret", 400),
            ("/%2E%2e/%2e./secret", 400),
            ("/..%2fsecret", 404),
            ("/%2e%2e%2fsecret", 404),
            ("/..%5csecret", 404),
            ("/d%2ffile", 404),
            ("/d%00", 400),
            ("/d/file%00.html", 400),
            ("/%", 400),
            ("//d/file", 404),
            ("/d//file", 404),
        ] {
            let answer = site.get(target).await;
            assert_eq!(answer.status, status, "{target} {walk:?}");
            assert_ne!(answer.text(), "secret", "{target}");
        }
        assert_eq!(site.get("/d/file").await.text(), "inside", "{walk:?}");
    }
}

#[tokio::test]
async fn a_kept_file_is_not_served_through_a_link_that_now_leads_elsewhere() {
    let site = Fixture::new();
    site.write("d/secret", "public");
    assert_eq!(site.get("/d/secret").await.text(), "public");
    fs::rename(site.path("d"), site.path("e")).unwrap();
    symlink("..", site.path("d")).unwrap();
    assert_eq!(site.get("/d/secret").await.status, 404);
    assert_eq!(site.get("/e/secret").await.text(), "public");
}

#[tokio::test]
async fn links_that_stay_inside_are_followed() {
    let site = Fixture::new();
    site.write("releases/2/app", "two");
    symlink("releases/2", site.path("current")).unwrap();
    assert_eq!(site.get("/current/app").await.text(), "two");
    assert_eq!(site.get("/current/app").await.text(), "two");
}

#[tokio::test]
async fn hidden_files_are_missing_but_for_well_known_ones() {
    let site = Fixture::new();
    site.write(".git/config", "hidden");
    site.write("d/.htpasswd", "hidden");
    site.write(".well-known/security.txt", "known");
    let missing = site.get("/x").await.text().replace("/x", "");
    for target in ["/.git/config", "/d/.htpasswd"] {
        let answer = site.get(target).await;
        assert_eq!((answer.status, answer.text().replace(target, "")), (404, missing.clone()));
    }
    assert_eq!(site.get("/.well-known/security.txt").await.text(), "known");
}

#[tokio::test]
async fn a_fifo_and_a_socket_are_missing_and_block_nobody() {
    for walk in [Walk::Kernel, Walk::ByHand] {
        let site = Fixture::new().walking(walk);
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, site.path("fifo"), FileType::Fifo, mode, 0).unwrap();
        mknodat(CWD, site.path("socket"), FileType::Socket, mode, 0).unwrap();
        for target in ["/fifo", "/socket", "/fifo/"] {
            assert_eq!(site.get(target).await.status, 404, "{target} {walk:?}");
        }
        // Also when it is opened, as after a change between the look and the opening.
        let path = CheckedPath::parse(b"/fifo").unwrap();
        assert_eq!(site.files().root().keep().open_beneath(&path).unwrap_err(), FileFault::Absent);
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_forbidden_and_not_missing() {
    use std::os::unix::fs::PermissionsExt;
    let site = Fixture::new();
    let path = site.write("a", "a");
    assert_eq!(site.get("/a").await.status, 200);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything: then this must be a 200.
    let expected = if File::open(&path).is_ok() { 200 } else { 403 };
    assert_eq!(site.get("/a").await.status, expected);
}

#[test]
fn every_fault_of_a_file_has_its_own_answer() {
    use rustix::io::Errno;
    let request = get("/a<script>");
    for (fault, status) in [
        (FileFault::Absent, 404),
        (FileFault::Forbidden, 403),
        (FileFault::Short(Errno::MFILE), 503),
        (FileFault::Changing, 503),
        (FileFault::Unreadable(Errno::IO), 500),
    ] {
        let answer = Answer::read(Refusal::File(fault).answer(&request));
        assert_eq!(answer.status, status);
        assert_eq!(answer.field(&header::RETRY_AFTER), (status == 503).then_some("1"));
        assert_eq!(answer.field(&header::CONTENT_TYPE), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.field(&header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
    }
}

// Directories

#[tokio::test]
async fn a_directory_has_its_index() {
    let site = Fixture::with(|config| config.index = FileName::parse("home.txt").unwrap());
    site.write("home.txt", "top");
    site.write("d/home.txt", "down");
    site.write("bare/file", "");
    fs::create_dir_all(site.path("odd/home.txt")).unwrap();
    for (target, status, text) in [("/", 200, "top"), ("/d/", 200, "down"), ("/home.txt", 200, "top")] {
        let answer = site.get(target).await;
        assert_eq!((answer.status, answer.text()), (status, text), "{target}");
    }
    for target in ["/bare/", "/odd/", "/home.txt/", "/missing/"] {
        assert_eq!(site.get(target).await.status, 404, "{target}");
    }
}

#[tokio::test]
async fn a_directory_without_its_slash_is_moved_and_never_to_another_host() {
    let site = Fixture::new();
    for name in ["d", "a b", "évil.example", "x:80"] {
        fs::create_dir(site.path(name)).unwrap();
    }
    for (target, location) in [
        ("/d", "/d/"),
        ("/d?q=1&r=//x", "/d/?q=1&r=//x"),
        ("http://elsewhere.example/d", "/d/"),
        ("/%64", "/d/"),
        ("/a%20b", "/a%20b/"),
        ("/%C3%A9vil.example", "/%C3%A9vil.example/"),
        ("/x:80", "/x:80/"),
    ] {
        let answer = site.get(target).await;
        assert_eq!((answer.status, answer.field(&header::LOCATION)), (301, Some(location)), "{target}");
    }
    for target in ["//d", "/\\d", "/%2fd", "/%5cd", "//d/", "///d"] {
        let answer = site.get(target).await;
        assert_eq!((answer.status, answer.field(&header::LOCATION)), (404, None), "{target}");
    }
}

// Changes on the disk

#[tokio::test]
async fn a_replaced_file_is_seen_by_the_very_next_request() {
    let site = Fixture::new();
    let old = site.write("a", "old");
    let time = modified(&old);
    let first = site.get("/a").await;
    assert!(site.is_kept("a"));
    let new = site.write("new", "new");
    set_modified(&new, time); // the same size, and the same time to the nanosecond
    fs::rename(new, &old).unwrap();
    let second = site.get("/a").await;
    assert_eq!((first.text(), second.text()), ("old", "new"));
    assert_ne!(first.etag(), second.etag());
    assert_eq!(first.field(&header::LAST_MODIFIED), second.field(&header::LAST_MODIFIED));
}

#[tokio::test]
async fn a_file_rewritten_in_place_within_its_second_is_seen_by_the_very_next_request() {
    let site = Fixture::new();
    let path = site.write("a", "old");
    let second = SystemTime::UNIX_EPOCH + seconds(1_000_000_000);
    set_modified(&path, second + Duration::from_nanos(1));
    let first = site.get("/a").await;
    site.write("a", "new");
    set_modified(&path, second + Duration::from_nanos(2));
    let answer = site.get("/a").await;
    assert_eq!((first.text(), answer.text()), ("old", "new"));
    assert_ne!(first.etag(), answer.etag());
    assert_eq!(first.field(&header::LAST_MODIFIED), answer.field(&header::LAST_MODIFIED));
}

#[tokio::test]
async fn a_file_that_grows_shrinks_goes_and_comes_is_seen_each_time() {
    let site = Fixture::new();
    site.write("a", "1");
    assert_eq!(site.get("/a").await.text(), "1");
    site.write("a", "12");
    assert_eq!(site.get("/a").await.text(), "12");
    site.replace("a", "");
    assert_eq!(site.get("/a").await.text(), "");
    fs::remove_file(site.path("a")).unwrap();
    assert_eq!(site.get("/a").await.status, 404);
    fs::create_dir(site.path("a")).unwrap();
    assert_eq!(site.get("/a").await.status, 301);
    fs::remove_dir(site.path("a")).unwrap();
    site.write("a", "123");
    assert_eq!(site.get("/a").await.text(), "123");
}

#[tokio::test]
async fn a_young_file_is_not_trusted_and_its_tag_turns_strong_with_age() {
    let site = Fixture::new();
    let path = site.write("a", "old");
    let time = modified(&path);
    let young = site.get_at("/a", time + seconds(1)).await;
    assert!(young.etag().starts_with("W/\""), "{}", young.etag());
    assert!(!young.from_memory && !site.is_kept("a"));
    let old = site.get_at("/a", time + seconds(3)).await;
    assert_eq!(format!("W/{}", old.etag()), young.etag());
    assert!(old.from_memory && site.is_kept("a"));
}

#[tokio::test]
async fn a_young_file_rewritten_unnoticeably_is_still_read_anew() {
    let site = Fixture::new();
    let path = site.write("a", "old");
    let now = modified(&path) + seconds(1);
    assert_eq!(site.get_at("/a", now).await.text(), "old");
    site.write("a", "new"); // perhaps within the same tick of the clock: nothing may depend on it
    assert_eq!(site.get_at("/a", now).await.text(), "new");
}

#[tokio::test]
async fn a_file_dated_in_the_future_is_not_said_to_be() {
    let site = Fixture::new();
    let path = site.write("a", "a");
    set_modified(&path, later() + seconds(1000));
    let answer = site.get("/a").await;
    // RFC 9110 §8.8.2.1
    assert_eq!(answer.field(&header::LAST_MODIFIED), Some("Wed, 16 Mar 2242 12:56:32 GMT"));
    assert!(answer.etag().starts_with("W/"), "two versions may be given the same date");
}

#[tokio::test]
async fn the_size_of_an_answer_is_that_of_its_version() {
    let site = Fixture::new();
    let large = vec![1; usize::try_from(SMALL_FILE).unwrap() + 1];
    let path = site.write("a", &large);
    let response = site.origin.call(get("/a")).await.unwrap();
    File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
    assert_eq!(response.body.length(), Some(SMALL_FILE + 1));
    let Body::Segments(segments) = response.body else { panic!("a file was asked for") };
    let [Segment::File(slice)] = segments.as_slice() else { panic!("a large file was asked for") };
    assert!(slice.read_at(10, 1).is_err(), "what is missing is an error, not an end");
    assert_eq!(site.get("/a").await.content.len(), 10);
}

// Conditions and parts

#[tokio::test]
async fn an_unchanged_file_is_a_304_with_what_caches_need() {
    let site = Fixture::with(|config| config.rules = vec![Rule::cache_control("max-age=60").unwrap()]);
    site.write("a.txt", "abc");
    let first = site.get("/a.txt").await;
    for (name, value) in [
        (header::IF_NONE_MATCH, first.etag().to_owned()),
        (header::IF_NONE_MATCH, format!("\"x\", W/{}", first.etag())),
        (header::IF_NONE_MATCH, "*".to_owned()),
        (header::IF_MODIFIED_SINCE, first.field(&header::LAST_MODIFIED).unwrap().to_owned()),
    ] {
        let answer = site.get_with("/a.txt", name, &value).await;
        assert_eq!((answer.status, answer.content.len()), (304, 0), "{value}");
        // RFC 9110 §15.4.5
        assert_eq!(answer.etag(), first.etag());
        assert_eq!(answer.field(&header::CACHE_CONTROL), Some("max-age=60"));
        assert!(!answer.fields.contains(&header::CONTENT_TYPE));
    }
}

#[tokio::test]
async fn a_changed_file_is_sent_whole_whatever_the_condition() {
    let site = Fixture::new();
    let path = site.write("a", "new");
    set_modified(&path, SystemTime::UNIX_EPOCH + seconds(784_111_777));
    for (name, value) in [
        (header::IF_NONE_MATCH, "\"0123456789abcdef\""),
        (header::IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT"),
        (header::IF_MODIFIED_SINCE, "yesterday"),
    ] {
        let answer = site.get_with("/a", name, value).await;
        assert_eq!((answer.status, answer.text()), (200, "new"), "{value}");
    }
}

#[tokio::test]
async fn a_condition_on_another_version_fails() {
    let site = Fixture::new();
    site.write("a", "abc");
    let etag = site.get("/a").await.etag().to_owned();
    for (name, value, status) in [
        (header::IF_MATCH, "\"x\"".to_owned(), 412),
        (header::IF_MATCH, format!("W/{etag}"), 412),
        (header::IF_MATCH, etag, 200),
        (header::IF_MATCH, "*".to_owned(), 200),
        (header::IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT".to_owned(), 412),
    ] {
        assert_eq!(site.get_with("/a", name, &value).await.status, status, "{value}");
    }
    let missing = site.get_with("/missing", header::IF_MATCH, "*").await;
    assert_eq!(missing.status, 404, "RFC 9110 §13.2.1: no 2xx without it, no condition");
}

#[tokio::test]
async fn a_part_of_a_file_is_sent_from_memory_or_disk() {
    let site = Fixture::new();
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    site.write("large", &content);
    let part = |range: std::ops::Range<usize>| content.get(range).unwrap();
    site.write("small", part(0..1000));
    for (target, length) in [("/small", 1000), ("/large", 100_000)] {
        let answer = site.get_with(target, header::RANGE, "bytes=300-599").await;
        assert_eq!((answer.status, answer.content.as_slice()), (206, part(300..600)));
        let expected = format!("bytes 300-599/{length}");
        assert_eq!(answer.field(&header::CONTENT_RANGE), Some(expected.as_str()));
        assert!(answer.fields.contains(&header::ETAG));
        let answer = site.get_with(target, header::RANGE, "bytes=-7").await;
        assert_eq!((answer.status, answer.content.as_slice()), (206, part(length - 7..length)));
        let answer = site.get_with(target, header::RANGE, "bytes=100000-").await;
        let expected = format!("bytes */{length}");
        assert_eq!((answer.status, answer.field(&header::CONTENT_RANGE)), (416, Some(expected.as_str())));
        let answer = site.get_with(target, header::RANGE, "lines=1-2").await;
        assert_eq!((answer.status, answer.content.len()), (200, length));
    }
}

#[tokio::test]
async fn a_part_is_only_ever_of_the_version_that_the_client_has() {
    let site = Fixture::new();
    let path = site.write("a", "0123456789");
    let ask = |value: &str, now: SystemTime| {
        let request = with(get("/a"), header::IF_RANGE, value);
        Request { received_at: now, ..with(request, header::RANGE, "bytes=5-") }
    };
    let young = modified(&path) + seconds(1);
    let unsettled = site.get_at("/a", young).await;
    for tag in [unsettled.etag(), unsettled.etag().trim_start_matches("W/")] {
        assert_eq!(site.send(ask(tag, young)).await.status, 200, "it may yet change unnoticed");
    }
    let first = site.get("/a").await;
    assert_eq!(site.send(ask(first.etag(), later())).await.text(), "56789");
    let weak = format!("W/{}", first.etag());
    assert_eq!(site.send(ask(&weak, later())).await.status, 200, "RFC 9110 §13.1.5: strong only");
    site.replace("a", "abcdefghij");
    let answer = site.send(ask(first.etag(), later())).await;
    assert_eq!((answer.status, answer.text()), (200, "abcdefghij"));
}

#[tokio::test]
async fn a_date_names_a_version_only_if_nobody_has_set_it() {
    let site = Fixture::new();
    let path = site.write("a", "0123456789");
    let ask = |date: &str| with(with(get("/a"), header::IF_RANGE, date), header::RANGE, "bytes=5-");
    let date = site.get("/a").await.field(&header::LAST_MODIFIED).unwrap().to_owned();
    assert_eq!(site.send(ask(&date)).await.status, 206);
    set_modified(&path, SystemTime::UNIX_EPOCH + seconds(784_111_777));
    let answer = site.send(ask("Sun, 06 Nov 1994 08:49:37 GMT")).await;
    assert_eq!(answer.status, 200, "RFC 9110 §8.8.2.2: another version may have had this date");
}

// What is held

#[tokio::test]
async fn nothing_is_held_where_nothing_may_be() {
    let site = Fixture::with(|config| {
        config.memory_bytes = 0;
        config.open_files = 0;
    });
    site.write("small", "s");
    site.write("large", vec![1; usize::try_from(SMALL_FILE).unwrap() + 1]);
    assert_eq!(site.get("/small").await.text(), "s");
    assert_eq!(site.get("/large").await.status, StatusCode::OK.as_u16());
    assert!(!site.is_kept("small") && !site.is_kept("large"));
}

#[tokio::test]
async fn a_large_file_is_closed_once_it_is_found_gone() {
    let site = Fixture::new();
    site.write("large", vec![1; usize::try_from(SMALL_FILE).unwrap() + 1]);
    assert_eq!(site.get("/large").await.status, 200);
    assert!(site.is_kept("large"));
    fs::remove_file(site.path("large")).unwrap();
    assert_eq!(site.get("/large").await.status, 404);
    assert_eq!(site.files().table().close_files(), 0, "its space on the disk is given back");
}

#[tokio::test]
async fn a_large_file_is_closed_once_nobody_asks_for_it() {
    let site = Fixture::new();
    site.write("large", vec![1; usize::try_from(SMALL_FILE).unwrap() + 1]);
    assert_eq!(site.get("/large").await.status, 200);
    for seconds_later in [10, 20] {
        assert!(site.is_kept_unasked("large"));
        site.get_at("/other", later() + seconds(seconds_later)).await;
    }
    assert!(!site.is_kept_unasked("large"));
}

#[test]
fn an_origin_answers_from_every_thread() {
    fn shared<T: Service + Send + Sync + 'static>() {}
    shared::<Origin>();
}
