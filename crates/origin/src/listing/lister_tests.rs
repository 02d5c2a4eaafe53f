use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use http::HeaderName;
use message::request::Request;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use super::*;
use crate::listing::testing::{Shelf, Shown, is_stream, request};
use crate::path::DotFiles;
use crate::root::Walk;

fn names(shown: &Shown) -> Vec<String> {
    let entries = shown.at("/entries");
    let names = entries.as_array().unwrap().iter().map(|entry| entry.get("name").unwrap());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

async fn ask(shelf: &Shelf, target: &str, fields: &[(HeaderName, &str)]) -> Shown {
    Shown::read(shelf.show(&request(target, fields)).await.unwrap()).await
}

#[tokio::test]
async fn only_what_would_be_served_is_listed() {
    let shelf = Shelf::new();
    shelf.write("d/file", "12345");
    shelf.write("file", "12345");
    shelf.write(".hidden", "");
    shelf.write(".well-known/x", "");
    shelf.write("back\\slash", "");
    symlink("file", shelf.path("link")).unwrap();
    symlink("d", shelf.path("linked")).unwrap();
    symlink("../../secret", shelf.path("d/out")).unwrap();
    symlink("../secret", shelf.path("out")).unwrap();
    symlink("/etc", shelf.path("etc")).unwrap();
    symlink("none", shelf.path("dangling")).unwrap();
    symlink("/dev/null", shelf.path("device")).unwrap();
    mknodat(CWD, shelf.path("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(names(&shelf.get("/?format=json").await), ["d", "linked", "file", "link"]);
    assert_eq!(names(&shelf.get("/d/?format=json").await), ["file"]);
}

#[tokio::test]
async fn where_no_link_is_followed_none_is_listed() {
    let mut shelf = Shelf::new();
    shelf.write("file", "");
    symlink("file", shelf.path("link")).unwrap();
    assert_eq!(names(&shelf.get("/?format=json").await), ["file", "link"]);
    shelf.root = Arc::new(Root::open(&shelf.path("")).unwrap().walking(Walk::ByHand));
    assert_eq!(names(&shelf.get("/?format=json").await), ["file"]);
}

#[tokio::test]
async fn dot_files_are_listed_where_they_are_served() {
    let shelf = Shelf::new();
    shelf.write(".well-known/x", "");
    shelf.write(".profile", "");
    let directory = CheckedPath::parse_with(b"/", DotFiles::Served).unwrap();
    let listed = read(&shelf.root, &directory, 10, filter("")).unwrap();
    let mut names: Vec<_> = listed.list.iter().map(Entry::text).collect();
    names.sort();
    assert_eq!(names, [".profile", ".well-known"]);
    assert!(shelf.get("/?format=json").await.at("/entries").as_array().unwrap().is_empty());
}

#[tokio::test]
async fn what_may_not_be_read_is_not_listed() {
    let shelf = Shelf::new();
    let file = shelf.write("closed", "");
    shelf.write("shut/file", "");
    shelf.write("open", "");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(shelf.path("shut"), fs::Permissions::from_mode(0o600)).unwrap();
    // Who may do anything, may read them.
    let expected: &[&str] = match fs::File::open(&file) {
        Ok(_) => &["shut", "closed", "open"],
        Err(_) => &["open"],
    };
    let shown = names(&shelf.get("/?format=json").await);
    fs::set_permissions(shelf.path("shut"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_absent() {
    let shelf = Shelf::new();
    shelf.write("file", "");
    symlink("..", shelf.path("up")).unwrap();
    for target in ["/none/", "/file/", "/up/", "/none/?archive=tar"] {
        let shown = shelf.show(&request(target, &[])).await;
        assert_eq!(shown.unwrap_err(), FileFault::Absent, "{target}");
    }
}

#[tokio::test]
async fn entries_are_sorted_and_filtered_as_asked() {
    let shelf = Shelf::new();
    for (name, size) in [("b10.txt", 3), ("B9.txt", 2), ("a.iso", 5), ("Été.txt", 1)] {
        shelf.write(name, vec![0; size]);
    }
    shelf.make_directory("dir.txt");
    for (query, expected) in [
        ("", vec!["dir.txt", "a.iso", "B9.txt", "b10.txt", "Été.txt"]),
        ("&order=desc", vec!["dir.txt", "Été.txt", "b10.txt", "B9.txt", "a.iso"]),
        ("&sort=size", vec!["dir.txt", "a.iso", "b10.txt", "B9.txt", "Été.txt"]),
        ("&sort=size&order=asc", vec!["dir.txt", "Été.txt", "B9.txt", "b10.txt", "a.iso"]),
        ("&q=TXT", vec!["dir.txt", "B9.txt", "b10.txt", "Été.txt"]),
        ("&q=%C3%89t", vec!["Été.txt"]),
        ("&q=nothing", vec![]),
    ] {
        assert_eq!(names(&shelf.get(&format!("/?format=json{query}")).await), expected, "{query}");
    }
}

#[tokio::test]
async fn a_program_is_told_what_each_entry_is() {
    let shelf = Shelf::new();
    shelf.write("a b/\u{202e}x", "");
    shelf.write(b"a b/\xff", "12345");
    let shown = ask(&shelf, "/a%20b/", &[(header::ACCEPT, "application/json")]).await;
    for (pointer, expected) in [
        ("/path", json!("/a b/")),
        ("/files", json!(2)),
        ("/directories", json!(0)),
        ("/bytes", json!(5)),
        ("/truncated", json!(false)),
        ("/entries/0/name", json!("\u{202e}x")),
        ("/entries/1/name", json!("\u{fffd}")),
        ("/entries/1/lossy", json!(true)),
        ("/entries/1/type", json!("file")),
        ("/entries/1/size", json!(5)),
        ("/entries/1/url", json!("./%FF")),
        ("/entries/1/modified", json!("1994-11-06T08:49:37Z")),
    ] {
        assert_eq!(shown.at(pointer), expected, "{pointer}");
    }
}

#[tokio::test]
async fn the_form_is_negotiated_and_says_so_9110_12_5() {
    let shelf = Shelf::new();
    for (target, accept, media_type, vary) in [
        ("/", "*/*", "text/html; charset=utf-8", "Accept"),
        ("/", "application/json", "application/json", "Accept"),
        ("/?format=json", "text/html", "application/json", ""),
        ("/?format=html", "application/json", "text/html; charset=utf-8", ""),
    ] {
        let shown = ask(&shelf, target, &[(header::ACCEPT, accept)]).await;
        assert_eq!(shown.field(&header::CONTENT_TYPE), media_type, "{target} {accept}");
        assert_eq!(shown.field(&header::VARY), vary, "{target} {accept}");
        assert_eq!(shown.field(&header::CACHE_CONTROL), "no-cache");
        assert_eq!(shown.field(&header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
}

#[tokio::test]
async fn an_unchanged_directory_is_not_sent_again_9110_13_1_2() {
    let shelf = Shelf::new();
    let file = shelf.write("file", "12345");
    let tag_of = async |target: &str| shelf.get(target).await.field(&header::ETAG).to_owned();
    let tag = tag_of("/").await;
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(tag, tag_of("/").await);
    for other in ["/?sort=size", "/?q=f", "/?format=json"] {
        assert_ne!(tag, tag_of(other).await, "{other}");
    }
    let again = ask(&shelf, "/", &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!((again.response.status, again.content.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!((again.field(&header::ETAG), again.field(&header::VARY)), (tag.as_str(), "Accept"));
    // Not a name has changed, and so not the directory's own time, but what is shown of the file has.
    let time = fs::metadata(shelf.path("")).unwrap().modified().unwrap();
    fs::write(&file, "1234567").unwrap();
    assert_eq!(fs::metadata(shelf.path("")).unwrap().modified().unwrap(), time);
    let changed = ask(&shelf, "/", &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!(changed.response.status, StatusCode::OK);
    let failed = ask(&shelf, "/", &[(header::IF_MATCH, "\"other\"")]).await;
    assert_eq!(failed.response.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn a_filter_counts_before_the_limit_and_the_rest_is_named() {
    let shelf = Shelf::new();
    for number in 0..30 {
        shelf.write(format!("file{number}"), "");
    }
    let read = |max, filter: &'static str| {
        let top = CheckedPath::parse(b"/").unwrap();
        read(&shelf.root, &top, max, super::filter(filter)).unwrap()
    };
    assert_eq!((read(30, "").list.len(), read(30, "").truncated), (30, false));
    assert_eq!((read(29, "").list.len(), read(29, "").truncated), (29, true));
    assert_eq!((read(2, "FILE2").list.len(), read(2, "FILE2").truncated), (2, true));
    assert_eq!((read(1, "file25").list.len(), read(1, "file25").truncated), (1, false));
}

#[tokio::test]
async fn a_long_list_takes_its_share_of_the_memory_and_gives_it_back() {
    let shelf = Shelf::new();
    for number in 0..400 {
        shelf.write(format!("a file with a name that is not short {number}"), "");
    }
    let all = shelf.lister.lists_kib.available_permits();
    let long = shelf.show(&request("/", &[])).await.unwrap();
    assert!(is_stream(&long));
    assert!(shelf.lister.lists_kib.available_permits() < all);
    let shown = Shown::read(long).await;
    assert_eq!(shown.text().matches("<tr role=row class=bin>").count(), 400);
    assert_eq!(shelf.lister.lists_kib.available_permits(), all);
    // Without room for it there is none; what is short needs no room.
    let taken = shelf.lister.lists_kib.try_acquire_many(u32::try_from(all).unwrap()).unwrap();
    let none = shelf.show(&request("/", &[])).await;
    assert_eq!(none.unwrap_err(), FileFault::Short(Errno::BUSY));
    assert!(shelf.show(&request("/?q=399", &[])).await.is_ok());
    drop(taken);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_get_a_turn_to_read_is_told_to_ask_again() {
    let shelf = Shelf::new();
    let turns = u32::try_from(READINGS_MAX).unwrap();
    let taken = shelf.lister.readings.acquire_many(turns).await.unwrap();
    let none = shelf.show(&request("/", &[])).await;
    assert_eq!(none.unwrap_err(), FileFault::Short(Errno::BUSY));
    drop(taken);
    assert!(shelf.show(&request("/", &[])).await.is_ok());
}

#[tokio::test]
async fn no_more_archives_are_sent_at_once_than_there_are_places() {
    let shelf = Shelf::new();
    let asked = request("/?archive=tar", &[]);
    let mut sent = Vec::new();
    for _ in 0..ARCHIVES_MAX {
        sent.push(shelf.show(&asked).await.unwrap());
    }
    assert_eq!(shelf.show(&asked).await.unwrap_err(), FileFault::Short(Errno::BUSY));
    sent.pop();
    assert!(shelf.show(&asked).await.is_ok());
}

#[tokio::test]
async fn where_archives_are_off_the_list_is_the_answer() {
    let mut shelf = Shelf::new();
    shelf.write("file", "");
    shelf.lister = Lister::new(Listing { archives: 0, ..Listing::default() });
    let shown = shelf.get("/?archive=tar").await;
    assert_eq!(shown.field(&header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(!shown.text().contains("archive="));
}

#[tokio::test]
async fn a_head_is_answered_as_a_get() {
    let shelf = Shelf::new();
    let head = Request { method: Method::HEAD, ..request("/", &[]) };
    let tag = shelf.get("/").await.field(&header::ETAG).to_owned();
    assert_eq!(shelf.show(&head).await.unwrap().fields.text(&header::ETAG), Some(tag.as_str()));
}
