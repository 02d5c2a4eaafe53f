//! Real curl, against our server and through our proxy.

use std::fs;
use std::path::Path;
use std::process::Command;

use lab::noise;

use crate::support::place::{Site, directory, tree};
use crate::support::process::{Ended, Role, run};

/// curl in `home`, or `None` where it is not installed; CI has it.
fn curl(home: &Path, args: &[&str]) -> Option<Ended> {
    let installed = Command::new("curl").arg("--version").output().is_ok();
    assert!(installed || std::env::var_os("CI").is_none(), "CI has to have curl");
    if !installed {
        println!("not tried: curl is not installed");
        return None;
    }
    let mut command = Command::new("curl");
    // -q: whatever this user's .curlrc says.
    command.args(["-q", "-sS", "--max-time", "15", "--noproxy", ""]).args(args).current_dir(home);
    for variable in ["http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(variable);
    }
    Some(run(&mut command))
}

#[test]
fn curl_gets_a_file_whole() {
    let content = noise(2_000_003);
    let (site, home) = (Site::of(&[("x.bin", &content)]), directory(&[]));
    let Some(ended) = curl(home.path(), &["-O", "-f", &site.role.url("/x.bin")]) else { return };
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    let absent = curl(home.path(), &["-O", "-f", &site.role.url("/none")]).unwrap();
    assert_eq!(absent.status, 22, "{}", absent.stderr);
}

#[test]
fn curl_asks_for_the_head() {
    let (site, home) = (Site::of(&[("x.txt", b"hello")]), directory(&[]));
    let Some(ended) = curl(home.path(), &["-I", &site.role.url("/x.txt")]) else { return };
    let head = ended.stdout_text().to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("content-length: 5\r\n") && head.contains("accept-ranges: bytes\r\n"), "{head}");
}

#[test]
fn curl_resumes_where_it_was_cut() {
    let content = noise(1_000_000);
    let (site, home) = (Site::of(&[("x.bin", &content)]), directory(&[("x.bin", &content[..400_001])]));
    let args = ["-C", "-", "-O", "-w", "%{http_code} %{size_download}", &site.role.url("/x.bin")];
    let Some(ended) = curl(home.path(), &args) else { return };
    assert_eq!((ended.status, ended.stdout_text()), (0, "206 599999"), "{}", ended.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
}

#[test]
fn curl_asks_whether_the_file_is_newer_than_its_own() {
    let (site, home) = (Site::of(&[("x.txt", b"hello")]), directory(&[]));
    let url = site.role.url("/x.txt");
    let Some(first) = curl(home.path(), &["-R", "-O", &url]) else { return };
    assert_eq!(first.status, 0, "{}", first.stderr);
    let again = curl(home.path(), &["-z", "x.txt", "-o", "again", "-w", "%{http_code}", &url]).unwrap();
    assert_eq!((again.status, again.stdout_text()), (0, "304"), "{}", again.stderr);
    let old = ["-z", "Sun, 06 Nov 1994 08:49:37 GMT", "-o", "again", "-w", "%{http_code}", &url];
    assert_eq!(curl(home.path(), &old).unwrap().stdout_text(), "200");
    assert_eq!(fs::read(home.path().join("again")).unwrap(), b"hello");
}

#[test]
fn curl_asks_by_entity_tag() {
    let (site, home) = (Site::of(&[("x.txt", b"hello")]), directory(&[]));
    let url = site.role.url("/x.txt");
    let args = ["--etag-compare", "tag", "--etag-save", "tag", "-o", "x", "-w", "%{http_code}", &url];
    let Some(first) = curl(home.path(), &args) else { return };
    assert_eq!(first.stdout_text(), "200", "{}", first.stderr);
    assert!(fs::read_to_string(home.path().join("tag")).unwrap().trim().ends_with('"'));
    assert_eq!(curl(home.path(), &args).unwrap().stdout_text(), "304");
    fs::write(site.files.path().join("x.txt"), "another").unwrap();
    assert_eq!(curl(home.path(), &args).unwrap().stdout_text(), "200");
    assert_eq!(fs::read(home.path().join("x")).unwrap(), b"another");
}

#[test]
fn curl_gets_a_file_through_our_forward_proxy() {
    let content = noise(500_000);
    let (site, home, stored) = (Site::of(&[("x.bin", &content)]), directory(&[]), directory(&[]));
    let cache = Role::start("cache", &["--dir", stored.path().to_str().unwrap()]);
    let proxy = cache.url("");
    for name in ["1", "2"] {
        let args = ["-f", "-x", &proxy, "-o", name, &site.role.url("/x.bin")];
        let Some(ended) = curl(home.path(), &args) else { return };
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(fs::read(home.path().join(name)).unwrap() == content);
    }
    let head = curl(home.path(), &["-I", "-x", &proxy, &site.role.url("/x.bin")]).unwrap();
    assert!(head.stdout_text().to_lowercase().contains("cache-status: "), "{}", head.stdout_text());
}

#[test]
fn curl_is_sent_on_by_the_balancer() {
    let (site, home) = (Site::of(&[("x.txt", b"hello"), ("index.html", b"x")]), directory(&[]));
    let balancer = Role::start("balancer", &["--to", &site.role.url("")]);
    let args = ["-L", "-w", " %{num_redirects} %{url_effective}", &balancer.url("/x.txt")];
    let Some(ended) = curl(home.path(), &args) else { return };
    assert_eq!(ended.stdout_text(), format!("hello 1 {}", site.role.url("/x.txt")), "{}", ended.stderr);
}

#[test]
fn curl_does_not_get_out_of_the_directory() {
    let (site, home) = (Site::of(&[("index.html", b"x")]), directory(&[]));
    for path in ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2fetc/passwd"]
    {
        let args = ["--path-as-is", "-o", "out", "-w", "%{http_code}", &site.role.url(path)];
        let Some(ended) = curl(home.path(), &args) else { return };
        assert!(matches!(ended.stdout_text(), "400" | "404"), "{path}: {}", ended.stdout_text());
        assert!(!fs::read_to_string(home.path().join("out")).unwrap().contains("root:"), "{path}");
    }
    assert_eq!(tree(home.path()), ["out"]);
}

#[test]
fn curl_posts_and_is_told_that_this_is_not_implemented() {
    let (site, home) = (Site::of(&[("index.html", b"x")]), directory(&[("big", &noise(3_000_000))]));
    for (what, url) in [("@big", site.role.url("/")), ("a=b", site.role.url("/"))] {
        let Some(ended) = curl(home.path(), &["-i", "--data-binary", what, &url]) else { return };
        let head = ended.stdout_text();
        assert!(head.contains("HTTP/1.1 501 Method Not Implemented\r\n"), "{what}: {head} {}", ended.stderr);
        assert_eq!(ended.status, 0, "{what}: {}", ended.stderr);
    }
}

#[test]
fn curl_asks_twice_on_one_connection() {
    let (site, home) = (Site::of(&[("1", b"one"), ("2", b"two")]), directory(&[]));
    let args = ["-w", " %{num_connects}\n", &site.role.url("/1"), &site.role.url("/2")];
    let Some(ended) = curl(home.path(), &args) else { return };
    assert_eq!(ended.stdout_text(), "one 1\ntwo 0\n", "{}", ended.stderr);
}
