//! `sockets get`: under which name, which part, by which way, and from how many.

use std::fs;
use std::path::Path;

use lab::noise;

use crate::support::origin::{Origin, Reply, response};
use crate::support::place::{Site, directory, tree};
use crate::support::process::{Ended, Role, run, sockets};
use crate::support::until;
use crate::support::wire::ask;

fn get(home: &Path, args: &[&str]) -> Ended {
    run(sockets(&[&["get", "--tries", "1"], args].concat()).current_dir(home))
}

/// A server that gives what it sends that name.
fn named(disposition: &'static str, head_is_answered: bool) -> Origin {
    Origin::start(move |asked| {
        let is_head = asked.line.starts_with("HEAD");
        let field = format!("Content-Disposition: {disposition}");
        let path = asked.line.split(' ').nth(1).unwrap().to_owned();
        Reply::Close(match (is_head, head_is_answered) {
            (true, false) => response("405 Method Not Allowed", &[], b""),
            (true, true) => {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{field}\r\n\r\n", path.len()).into_bytes()
            }
            (false, _) => response("200 OK", &[&field], path.as_bytes()),
        })
    })
}

#[test]
fn a_name_from_the_server_is_one_safe_component_and_collisions_are_numbered() {
    for (disposition, name) in [
        ("attachment; filename=\"r.pdf\"", "r.pdf"),
        ("attachment; filename=x; filename*=UTF-8''%e2%82%ac.pdf", "\u{20ac}.pdf"),
        ("attachment; filename=\"../../../r.pdf\"", "r.pdf"),
        ("inline", "1"),
    ] {
        for head_is_answered in [true, false] {
            let (origin, home) = (named(disposition, head_is_answered), directory(&[]));
            let ended = get(home.path(), &["--content-disposition", &origin.url("/1")]);
            assert_eq!(ended.status, 0, "{ended:?}");
            assert_eq!(tree(home.path()), [name], "{disposition}");
        }
    }
    let (origin, home) = (named("attachment; filename=r.pdf", true), directory(&[("r.pdf", b"mine")]));
    let urls = ["/1", "/22"].map(|path| origin.url(path));
    let ended = get(home.path(), &["--content-disposition", &urls[0], &urls[1]]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(tree(home.path()), ["r.1.pdf", "r.2.pdf", "r.pdf"]);
    assert_eq!(fs::read(home.path().join("r.pdf")).unwrap(), b"mine");
    let not_asked_for = get(home.path(), &[&urls[0]]);
    assert_eq!(not_asked_for.status, 0, "{not_asked_for:?}");
    assert!(tree(home.path()).contains(&"1".to_owned()));
}

#[test]
fn a_range_is_a_file_of_its_own() {
    let content = noise(100_000);
    let (site, home) = (Site::of(&[("x", &content)]), directory(&[]));
    for (range, expected) in [("0-99", 0..100), ("99900-", 99_900..100_000), ("-100", 99_900..100_000)] {
        let ended = get(home.path(), &["-r", range, "--force", &site.role.url("/x")]);
        assert_eq!(ended.status, 0, "{ended:?}");
        assert!(fs::read(home.path().join("x")).unwrap() == content[expected], "{range}");
    }
    let out = get(home.path(), &["-r", "5-9", "-o", "-", &site.role.url("/x")]);
    assert_eq!((out.status, &*out.stdout), (0, &content[5..10]));
    for (args, status) in
        [(&["-r", "100000-"][..], 8), (&["-r", "1-0"], 2), (&["-r", "0-1", "--checksum", "md5=1"], 2)]
    {
        let ended = get(home.path(), &[args, &["-o", "y", &site.role.url("/x")]].concat());
        assert_eq!(ended.status, status, "{ended:?}");
    }
    assert_eq!(tree(home.path()), ["x"]);
}

#[test]
fn names_mean_what_resolve_says_and_families_can_be_chosen() {
    let (site, home) = (Site::of(&[("x", b"12345")]), directory(&[]));
    let port = site.role.address.port();
    let url = format!("files.example.test:{port}/x");
    let pin = format!("files.example.test:{port}:127.0.0.1");
    let pinned = get(home.path(), &["--resolve", &pin, &url]);
    assert_eq!(pinned.status, 0, "{pinned:?}");
    // The silent address costs a quarter of a second, and no more (RFC 8305 §5).
    let both = format!("files.example.test:{port}:[::1],127.0.0.1");
    assert_eq!(get(home.path(), &["--force", "--resolve", &both, &url]).status, 0);
    let by_name = format!("localhost:{port}/x");
    assert_eq!(get(home.path(), &["--force", "-4", &by_name]).status, 0);
    let nobody_there = get(home.path(), &["--force", "-6", &by_name]);
    assert_eq!(nobody_there.status, 4, "{nobody_there:?}");
    assert_eq!(get(home.path(), &["-4", "-6", &by_name]).status, 2);
    assert_eq!(get(home.path(), &["--resolve", "a:80:b", &by_name]).status, 2);
}

#[test]
fn behind_a_balancer_pieces_come_from_three_servers() {
    let content = noise(12_000_000);
    let sites = [(); 3].map(|()| Site::of(&[("index.html", b"x"), ("x.iso", &content)]));
    let urls = sites.each_ref().map(|site| site.role.url("/"));
    let balancer = Role::start("balancer", &["--to", &urls[0], "--to", &urls[1], "--to", &urls[2]]);
    // A file that has just been made may still change without a trace, and has no strong tag.
    until("all know what they have", || {
        let is_settled = |site: &Site| {
            let answer = ask(site.role.address, "HEAD /x.iso HTTP/1.1", &["Want-Repr-Digest: sha-256=5"]);
            answer.head.field("etag").is_some_and(|tag| !tag.starts_with("W/"))
                && answer.head.field("repr-digest").is_some()
        };
        sites.iter().all(is_settled).then_some(())
    });
    let home = directory(&[]);
    let at = balancer.address.to_string();
    let args = ["--balancer", &at, "--limit-rate", "10M", "localhost:8000/x.iso"];
    let ended = get(home.path(), &args);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(fs::read(home.path().join("x.iso")).unwrap() == content);
    assert!(ended.stderr.contains("from 3 sources"), "{}", ended.stderr);
    for site in &sites {
        assert!(ended.stderr.contains(&format!("from {}", site.role.url("/x.iso"))), "{}", ended.stderr);
    }
}

#[test]
fn a_plan_says_what_would_be_done_and_does_nothing() {
    let (site, other) = (Site::of(&[("x", b"12345")]), Origin::of(b"another"));
    let home = directory(&[]);
    let urls = [site.role.url("/x"), other.url("/x"), site.role.url("/none")];
    let args = ["--print-plan", "--dir", "out", &urls[0], "--mirror", &urls[1], "--mirror", &urls[2]];
    let ended = get(home.path(), &args);
    assert_eq!(ended.status, 0, "{ended:?}");
    let plan = ended.stdout_text();
    for line in [
        format!("{}: 5 bytes (5 B), to out/x\n", urls[0]),
        format!("  from {}\n", urls[0]),
        format!("  not from {0}: {0} has another version of the file: its length is another\n", urls[1]),
        format!("  not from {0}: 404 Not Found for {0}\n", urls[2]),
    ] {
        assert!(plan.contains(&line), "{line} in {plan}");
    }
    assert!(tree(home.path()).is_empty());
    assert!(other.asked().iter().all(|asked| asked.line.starts_with("HEAD ")));
    assert_eq!(get(home.path(), &["--print-plan", &urls[2]]).status, 8);
}

#[test]
fn what_is_sent_compressed_is_saved_as_it_is_and_never_believed_if_it_is_cut() {
    let text = "all work and no play ".repeat(50_000);
    let site = Site::with(&[("x.txt", text.as_bytes())], &["--compress"]);
    let home = directory(&[]);
    let url = site.role.url("/x.txt");
    // What is coded on the way out is made once, off the way: the first answers may go without.
    let (mut length, want) = (text.len(), ["Accept-Encoding: zstd, br, gzip"]);
    until("it is compressed", || {
        let answer = ask(site.role.address, "GET /x.txt HTTP/1.1", &want);
        length = answer.body.len();
        answer.head.field("content-encoding").map(drop)
    });
    let ended = get(home.path(), &["-v", "--compressed", &url]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(length < text.len() / 10 && ended.stderr.contains("< content-encoding: "), "{}", ended.stderr);
    assert!(fs::read(home.path().join("x.txt")).unwrap() == text.as_bytes());
    let again = get(home.path(), &["--compressed", &url]);
    assert!(again.status == 0 && again.stderr.contains("there already"), "{again:?}");

    let coded = ask(site.role.address, "GET /x.txt HTTP/1.1", &["Accept-Encoding: gzip"]);
    let (field, coded) = (format!("Content-Encoding: {}", coded.field("content-encoding")), coded.body);
    for cut in [coded.len() / 2, coded.len() - 1, 3] {
        let (field, coded) = (field.clone(), coded[..cut].to_vec());
        let origin =
            Origin::start(move |_| Reply::Close(response("200 OK", &[&field, "ETag: \"1\""], &coded)));
        let ended = get(home.path(), &["--compressed", &origin.url("/y")]);
        assert_eq!(ended.status, 4, "{ended:?}");
        assert_eq!(tree(home.path()), ["x.txt"]);
    }
    let bomb = get(home.path(), &["--compressed", "--force", "--max-size", "100k", &url]);
    assert_eq!(bomb.status, 8, "{bomb:?}");
    assert!(fs::read(home.path().join("x.txt")).unwrap() == text.as_bytes());
}
