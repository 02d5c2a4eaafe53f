//! `sockets server`, `sockets cache` and `sockets get`, as people put them together.

use std::fs;

use rustix::process::Signal;

use crate::cache::town::did;
use crate::support::place::{Site, directory, tree};
use crate::support::process::{Ended, Role, run, sockets};
use crate::support::wire::{Answer, ask};

/// A served directory, and a cache before it.
struct Street {
    site: Site,
    cache: Role,
    cached: tempfile::TempDir,
    saved: tempfile::TempDir,
}

impl Street {
    fn new(args: &[&str]) -> Self {
        let site = Site::with(&[("index.html", b"<p>first")], args);
        let (cached, saved) = (directory(&[]), directory(&[]));
        let cache = Role::start("cache", &["--dir", cached.path().to_str().unwrap()]);
        Self { site, cache, cached, saved }
    }

    /// Downloads the page through the cache.
    fn get(&self) -> Ended {
        let (proxy, dir) = (self.cache.address.to_string(), self.saved.path().to_str().unwrap());
        run(&mut sockets(&[
            "get",
            "--proxy",
            &proxy,
            "--dir",
            dir,
            "--force",
            &self.site.role.url("/index.html"),
        ]))
    }

    fn saved(&self) -> String {
        let ended = self.get();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        fs::read_to_string(self.saved.path().join("index.html")).unwrap()
    }

    fn ask(&self) -> Answer {
        ask(self.cache.address, &format!("GET {} HTTP/1.1", self.site.role.url("/index.html")), &[])
    }

    fn edit(&self, text: &str) {
        fs::write(self.site.files.path().join("index.html"), text).unwrap();
    }
}

#[test]
fn a_file_goes_through_the_cache_and_a_change_is_seen_at_once() {
    let street = Street::new(&[]);
    assert_eq!(street.saved(), "<p>first");
    let stored = street.cached.path().join(street.site.role.address.to_string()).join("index.html");
    assert_eq!(fs::read_to_string(&stored).unwrap(), "<p>first");
    assert!(did(&street.ask()).starts_with("fwd=stale;fwd-status=304"), "it is validated");

    street.edit("<p>and the second");
    assert_eq!(street.saved(), "<p>and the second");
    assert_eq!(fs::read_to_string(&stored).unwrap(), "<p>and the second");

    fs::remove_file(street.site.files.path().join("index.html")).unwrap();
    assert_eq!(street.ask().status(), "404 Not Found");
    let before = tree(street.saved.path());
    let ended = street.get();
    assert_eq!(ended.status, 8, "{}", ended.stderr);
    assert!(ended.stderr.contains("404"), "{}", ended.stderr);
    assert_eq!(tree(street.saved.path()), before, "the file of before is untouched");
}

#[test]
fn what_the_server_says_is_fresh_is_fresh() {
    let street = Street::new(&["--cache-control", "max-age=3600"]);
    assert_eq!(street.saved(), "<p>first");
    street.edit("<p>and the second");
    assert_eq!(street.saved(), "<p>first");
    assert!(did(&street.ask()).starts_with("hit;ttl="), "{}", did(&street.ask()));
}

#[test]
fn without_the_server_there_is_523_and_no_file() {
    let street = Street::new(&[]);
    assert_eq!(street.ask().status(), "200 OK");
    let Street { site, cache, cached, saved } = street;
    site.role.process.signal(Signal::TERM);
    // Held up by nobody: the cache's idle connection is closed.
    let address = site.role.address;
    assert_eq!(site.role.process.end().status, 0);
    let url = format!("http://{address}/index.html");
    assert_eq!(ask(cache.address, &format!("GET {url} HTTP/1.1"), &[]).status(), "523 Origin Is Unreachable");
    let (proxy, dir) = (cache.address.to_string(), saved.path().to_str().unwrap());
    let ended = run(&mut sockets(&["get", "--proxy", &proxy, "--dir", dir, "--tries", "1", &url]));
    assert_eq!(ended.status, 8, "{}", ended.stderr);
    assert!(ended.stderr.contains("523"), "{}", ended.stderr);
    assert_eq!(tree(saved.path()), [""; 0]);
    drop(cached);
}
