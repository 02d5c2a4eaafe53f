//! `sockets get -R`: a tree by its listings, whoever serves it, and never anything outside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::origin::{Origin, Reply, response};
use crate::support::paced::{TAG, asked_range, part};
use crate::support::place::{Site, directory, tree};
use crate::support::process::{Ended, Role, run, sockets};
use lab::noise;

fn get(home: &Path, args: &[&str]) -> Ended {
    run(sockets(&[&["get", "--tries", "1"], args].concat()).current_dir(home))
}

/// A server that shows the directories of `files`.
fn site(files: &[(&str, &[u8])]) -> Site {
    Site::with(files, &["--list"])
}

/// A server that answers each path with what `answer` says, as HTML.
fn pages(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Origin {
    Origin::start(move |asked| {
        let path = asked.line.split(' ').nth(1).unwrap();
        Reply::Close(match answer(path) {
            Some(page) => response("200 OK", &["Content-Type: text/html"], page.as_bytes()),
            None => response("404 Not Found", &[], b""),
        })
    })
}

#[test]
fn a_tree_comes_as_it_is_and_again_only_what_is_new() {
    let big = noise(300_000);
    let files: [(&str, &[u8]); 5] = [
        ("a.txt", b"a"),
        ("d/e/big.bin", &big),
        ("d/a b%.txt", b"b"),
        ("empty/.keep", b""),
        ("d/\u{fc}", b"u"),
    ];
    let (site, home) = (site(&files), directory(&[("out/mine", b"mine")]));
    let url = site.role.url("/");
    let ended = get(home.path(), &["-R", &url, "--dir", "out"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    let all = [
        "out",
        "out/a.txt",
        "out/d",
        "out/d/a b%.txt",
        "out/d/e",
        "out/d/e/big.bin",
        "out/d/\u{fc}",
        "out/mine",
    ];
    assert_eq!(tree(home.path()), all);
    assert!(fs::read(home.path().join("out/d/e/big.bin")).unwrap() == big);
    fs::write(site.files.path().join("new"), "new").unwrap();
    let again = get(home.path(), &["-R", &url, "--dir", "out"]);
    assert_eq!(again.status, 0, "{again:?}");
    assert_eq!(again.stderr.matches("there already").count(), 4, "{}", again.stderr);
    assert_eq!(fs::read(home.path().join("out/new")).unwrap(), b"new");
    let deleted = get(home.path(), &["-R", &url, "--dir", "out", "--delete", "-q"]);
    assert_eq!((deleted.status, deleted.stderr.as_str()), (0, ""));
    assert!(!home.path().join("out/mine").exists() && home.path().join("out/d/\u{fc}").exists());
}

#[test]
fn patterns_and_depth_choose_what_of_it() {
    let site =
        site(&[("a.iso", b""), ("a.txt", b""), ("d/b.iso", b""), ("d/e/c.iso", b""), ("old/d.iso", b"")]);
    for (args, expected) in [
        (
            &["--include", "*.iso", "--exclude", "old/"][..],
            &["a.iso", "d", "d/b.iso", "d/e", "d/e/c.iso"][..],
        ),
        (&["--depth", "1"], &["a.iso", "a.txt"]),
        (&["--depth", "2", "--include", "d/*"], &["d", "d/b.iso"]),
    ] {
        let home = directory(&[]);
        let ended = get(home.path(), &[&["-R", &site.role.url("/")], args].concat());
        assert_eq!(ended.status, 0, "{ended:?}");
        assert_eq!(tree(home.path()), expected, "{args:?}");
    }
    let home = directory(&[]);
    let beneath = get(home.path(), &["-R", &site.role.url("/d")]);
    assert_eq!(beneath.status, 0, "{beneath:?}");
    assert_eq!(tree(home.path()), ["b.iso", "e", "e/c.iso"]);
}

#[test]
fn a_hostile_listing_leads_nowhere() {
    let victim = Origin::of(b"not to be asked for");
    let elsewhere = victim.url("/stolen");
    let page = move |path: &str| {
        let links = |names: &[&str]| {
            let links: String = names.iter().map(|name| format!("<a href=\"{name}\">x</a>")).collect();
            Some(format!("<html><body>{links}</body></html>"))
        };
        match path {
            "/pub/" => links(&[
                "../secret",
                "/secret",
                "..%2f..%2fup",
                "%2e%2e/secret",
                &elsewhere,
                "self/",
                "good",
                ".bashrc",
                "link/",
                "nul",
                "good.part",
                "good.part.sockets",
            ]),
            "/pub/self/" => links(&["../secret", "../self/", "self/", "x"]),
            "/pub/link/" => links(&["through"]),
            "/secret" => panic!("outside of the prefix"),
            _ if path.ends_with("/self/") => links(&["self/", "x"]),
            _ => Some(format!("<p>{path}</p>")),
        }
    };
    let (origin, home) = (pages(page), directory(&[("out/empty", b""), ("outside/kept", b"")]));
    symlink("../outside", home.path().join("out/link")).unwrap();
    let ended = get(home.path(), &["-R", &origin.url("/pub/"), "--dir", "out", "--depth", "5"]);
    assert_eq!(ended.status, 3, "{ended:?}");
    assert!(ended.stderr.contains("link is not a directory"), "{ended:?}");
    assert_eq!(
        tree(home.path()),
        [
            "out",
            "out/_._.._up",
            "out/_bashrc",
            "out/_nul",
            "out/empty",
            "out/good",
            "out/good.1.part",
            "out/good.part.1.sockets",
            "out/link",
            "out/self",
            "out/self/x",
            "outside",
            "outside/kept"
        ]
    );
    assert!(ended.stderr.contains("taken for a loop"), "{}", ended.stderr);
    assert!(victim.asked().is_empty());
}

#[test]
fn nothing_is_deleted_unless_the_whole_tree_is_known_to_be_there() {
    for (root, deeper, status, kept) in [
        ("<a href=x>x</a><a href=d/>d</a></body>", Some("<a href=y>y</a></body>"), 0, &["d/more"][..]),
        ("<a href=x>x</a><a href=d/>d</a></body>", None, 8, &["d/more", "mine", "sub/mine"]),
        ("<a href=x>x</a><a href=d/>d</a></body>", Some("hello"), 8, &["d/more", "mine", "sub/mine"]),
        ("<a href=x>x</a><a href=d/>d</a>", Some("<a href=y>y</a>"), 0, &["d/more", "mine", "sub/mine"]),
        ("<html><body>It works!</body></html>", None, 0, &["d/more", "mine", "sub/mine"]),
    ] {
        let origin = pages(move |path| match path {
            "/" => Some(root.to_owned()),
            "/d/" => deeper.map(str::to_owned),
            other => Some(other.to_owned()),
        });
        let home = directory(&[("d/more", b""), ("mine", b""), ("sub/mine", b"")]);
        let args = ["-R", &origin.url("/"), "--delete", "--exclude", "more"];
        let ended = get(home.path(), &args);
        assert_eq!(ended.status, status, "{ended:?}");
        let left = tree(home.path());
        for name in ["d/more", "mine", "sub/mine"] {
            assert_eq!(
                left.iter().any(|left| left == name),
                kept.contains(&name),
                "{name} after {root} {deeper:?}"
            );
        }
    }
}

#[test]
fn what_is_no_listing_is_told() {
    let site = Site::of(&[("index.html", b"<p>hello</p>"), ("x.bin", &[0, 1, 2])]);
    let home = directory(&[]);
    let no_tree = get(home.path(), &["-R", &site.role.url("/x.bin")]);
    assert_eq!(no_tree.status, 8, "{no_tree:?}");
    assert!(no_tree.stderr.contains("no listing"), "{no_tree:?}");
    let missing = get(home.path(), &["-R", &site.role.url("/none/")]);
    assert_eq!(missing.status, 8, "{missing:?}");
    let with_output = get(home.path(), &["-R", &site.role.url("/"), "-o", "x"]);
    assert_eq!(with_output.status, 2, "{with_output:?}");
    assert!(tree(home.path()).is_empty());
}

#[test]
fn a_tree_behind_a_balancer_comes_from_wherever_it_sends_us() {
    let files: [(&str, &[u8]); 2] = [("a", b"a"), ("d/b", b"b")];
    let sites = [site(&files), site(&files)];
    let balancer =
        Role::start("balancer", &["--to", &sites[0].role.url("/"), "--to", &sites[1].role.url("/")]);
    let home = directory(&[]);
    let ended = get(home.path(), &["-R", &balancer.url("/")]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(tree(home.path()), ["a", "d", "d/b"]);
}

#[test]
fn what_of_a_tree_was_begun_is_gone_on_with() {
    let content = noise(3_000_000);
    let file = content.clone();
    let origin = Origin::start(move |asked| {
        let listing = |text: &str| response("200 OK", &["Content-Type: text/html"], text.as_bytes());
        Reply::Close(match (asked.line.split(' ').nth(1).unwrap(), asked_range(asked)) {
            ("/", _) => listing("<a href=d/>d</a></body>"),
            ("/d/", _) => listing("<a href=x.bin>x</a></body>"),
            (_, Some(range)) => part(&file, range, TAG),
            (_, None) => response("200 OK", &[TAG, "Accept-Ranges: bytes"], &file),
        })
    });
    let (home, url) = (directory(&[]), origin.url("/"));
    let first = get(home.path(), &["-R", &url, "--limit-rate", "1M", "--max-time", "1500ms"]);
    assert_eq!(first.status, 4, "{first:?}");
    assert_eq!(tree(home.path()), ["d", "d/x.bin.part", "d/x.bin.part.sockets"]);
    let count = origin.asked().len();
    let second = get(home.path(), &["-R", &url]);
    assert_eq!(second.status, 0, "{second:?}");
    assert!(fs::read(home.path().join("d/x.bin")).unwrap() == content);
    assert_eq!(tree(home.path()), ["d", "d/x.bin"]);
    let asked = origin.asked();
    let for_file: Vec<_> = asked[count..].iter().filter(|asked| asked.line.contains("/d/x.bin")).collect();
    assert!(
        for_file.iter().all(|asked| asked_range(asked).is_some_and(|(first, _)| first > 0)),
        "{second:?}"
    );
}
