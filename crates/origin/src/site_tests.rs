//! Where paths lead, what is shown when they lead nowhere, and whose scripts may read: requests against
//! a directory on the disk, without a port.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use http::{Method, header};
use message::hosts::HostPattern;
use message::request::Request;
use message::service::Service;

use crate::base::Base;
use crate::config::{Config, Sites};
use crate::cors::{Cors, WebOrigin};
use crate::error_page::ErrorPage;
use crate::listing::lister::Listing;
use crate::origin::Origin;
use crate::path::DotFiles;
use crate::root::OpenFault;
use crate::rules::Rule;
use crate::testing::{Answer, Fixture, get, later, with};

/// What browsers send when a person goes somewhere.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn head(target: &str) -> Request {
    Request { method: Method::HEAD, ..get(target) }
}

fn options(target: &str) -> Request {
    Request { method: Method::OPTIONS, ..get(target) }
}

impl Answer {
    /// Status, and where else to go or else the text.
    fn outcome(&self) -> (u16, &str) {
        (self.status, self.field(&header::LOCATION).unwrap_or_else(|| self.text()))
    }

    fn varies_by(&self, name: &str) -> bool {
        message::field::list::contains(&self.fields, &header::VARY, name)
    }
}

// Clean addresses

fn clean() -> Fixture {
    let site = Fixture::with(|config| config.clean_urls = true);
    for name in ["index.html", "about.html", "d/index.html", "d/page.html", "both", "both.html", "x y.html"] {
        site.write(name, name);
    }
    for name in ["bare", "team", "index.html.d"] {
        fs::create_dir(site.path(name)).unwrap();
    }
    site.write("team.html", "team.html");
    site
}

#[tokio::test]
async fn a_page_is_at_its_address_and_nowhere_else() {
    let site = clean();
    for (target, status, outcome) in [
        ("/about", 200, "about.html"),
        ("/about.html", 301, "/about"),
        ("/about.html?a=b", 301, "/about?a=b"),
        ("/d/page", 200, "d/page.html"),
        ("/x%20y", 200, "x y.html"),
        ("/x%20y.html", 301, "/x%20y"),
        ("/", 200, "index.html"),
        ("/index.html", 301, "/"),
        ("/index", 301, "/"),
        ("/index?q", 301, "/?q"),
        ("/d/index.html", 301, "/d/"),
        ("/d/index", 301, "/d/"),
        ("/d", 301, "/d/"),
        ("/d/", 200, "d/index.html"),
        // A file that has the very name is what one gets; then the page can't be there.
        ("/both", 200, "both"),
        ("/both.html", 200, "both.html"),
        // A page comes before the directory that has its name.
        ("/team", 200, "team.html"),
        ("/team.html", 301, "/team"),
        ("/bare", 301, "/bare/"),
    ] {
        assert_eq!(site.get(target).await.outcome(), (status, outcome), "{target}");
    }
    for target in ["/missing", "/missing.html", "/.html", "/d/.html", "/about/", "/bare/", "/about.html/"] {
        assert_eq!(site.get(target).await.status, 404, "{target}");
    }
}

#[tokio::test]
async fn clean_addresses_never_lead_in_a_circle() {
    let site = clean();
    for start in ["/about.html", "/index", "/index.html", "/d/index", "/d", "/team.html", "/both.html"] {
        let mut target = start.to_owned();
        for _ in 0..3 {
            let answer = site.get(&target).await;
            match answer.field(&header::LOCATION) {
                Some(next) => target = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(site.get(&target).await.status, 200, "{start} led to {target}");
    }
}

#[tokio::test]
async fn a_page_at_its_address_has_conditions_and_parts_as_any_file() {
    let site = clean();
    let first = site.get("/about").await;
    assert_eq!(first.field(&header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
    assert_eq!(site.get_with("/about", header::IF_NONE_MATCH, first.etag()).await.status, 304);
    assert_eq!(site.get_with("/about", header::RANGE, "bytes=0-4").await.outcome(), (206, "about"));
    assert_eq!(site.send(head("/about")).await.status, 200);
}

#[tokio::test]
async fn without_clean_addresses_a_file_is_at_its_name_only() {
    let site = Fixture::new();
    site.write("about.html", "page");
    assert_eq!(site.get("/about").await.status, 404);
    assert_eq!(site.get("/about.html").await.outcome(), (200, "page"));
}

// A base

#[tokio::test]
async fn a_site_below_a_base_is_there_and_nowhere_else() {
    let site = Fixture::with(|config| {
        config.base = Base::parse("/docs").unwrap();
        config.clean_urls = true;
    });
    for name in ["index.html", "a.txt", "d/index.html", "about.html", "docs/in.txt"] {
        site.write(name, name);
    }
    for (target, status, outcome) in [
        ("/docs/", 200, "index.html"),
        ("/docs/a.txt", 200, "a.txt"),
        ("/docs/docs/in.txt", 200, "docs/in.txt"),
        ("/docs", 301, "/docs/"),
        ("/docs?q", 301, "/docs/?q"),
        ("/docs/d", 301, "/docs/d/"),
        ("/docs/about.html", 301, "/docs/about"),
        ("/docs/index.html", 301, "/docs/"),
    ] {
        assert_eq!(site.get(target).await.outcome(), (status, outcome), "{target}");
    }
    for target in ["/", "/a.txt", "/docsa.txt", "/doc", "/docs//a.txt", "/x/docs/a.txt", "/docs/../a.txt"] {
        let answer = site.get(target).await;
        assert!([400, 404].contains(&answer.status), "{target} {}", answer.status);
    }
}

// An application

#[tokio::test]
async fn an_application_has_its_own_addresses() {
    let site = Fixture::with(|config| config.fallback = true);
    site.write("index.html", "app");
    site.write("app.js", "script");
    site.write("d/file", "");
    for (target, accept, status, text) in [
        ("/", BROWSER, 200, "app"),
        ("/users/7", BROWSER, 200, "app"),
        ("/users/7/", BROWSER, 200, "app"),
        ("/users/7", "*/*", 200, "app"),
        ("/d/", BROWSER, 200, "app"),
        ("/app.js", "*/*", 200, "script"),
        ("/app.js", BROWSER, 200, "script"),
    ] {
        let answer = site.get_with(target, header::ACCEPT, accept).await;
        assert_eq!(answer.outcome(), (status, text), "{target} {accept}");
    }
    for (target, accept) in [
        ("/gone.js", "*/*"),
        ("/gone.png", "image/webp,*/*;q=0.8"),
        ("/users/7", "application/json"),
        ("/.git/config", BROWSER),
        ("/a//b", BROWSER),
    ] {
        assert_eq!(site.get_with(target, header::ACCEPT, accept).await.status, 404, "{target} {accept}");
    }
    let no_accept = site.get("/users/7").await;
    assert_eq!(no_accept.outcome(), (200, "app"));
    assert_eq!(site.get_with("/d", header::ACCEPT, BROWSER).await.outcome(), (301, "/d/"));
}

#[tokio::test]
async fn what_depends_on_accept_says_so_9110_12_5_5() {
    let site = Fixture::with(|config| config.fallback = true);
    site.write("index.html", "app");
    let page = site.get_with("/users/7", header::ACCEPT, BROWSER).await;
    assert!(page.varies_by("accept"));
    assert!(site.get_with("/users/7", header::ACCEPT, "application/json").await.varies_by("accept"));
    let tag = page.etag().to_owned();
    let again = with(with(get("/users/7"), header::ACCEPT, BROWSER), header::IF_NONE_MATCH, &tag);
    let again = site.send(again).await;
    assert!(again.status == 304 && again.varies_by("accept"));
    assert!(!site.get("/").await.varies_by("accept"), "that is a file, whatever is accepted");
}

#[tokio::test]
async fn an_application_without_its_page_is_missing() {
    let site = Fixture::with(|config| config.fallback = true);
    assert_eq!(site.get_with("/users/7", header::ACCEPT, BROWSER).await.status, 404);
}

// Error pages

fn page(text: &str) -> ErrorPage {
    ErrorPage::parse(text).unwrap()
}

#[tokio::test]
async fn an_error_has_the_sites_page_and_its_own_status() {
    let site = Fixture::with(|config| {
        config.error_pages = vec![page("404=/errors/404.html"), page("416=.416.txt"), page("501=501.html")];
        config.rules = vec![Rule::cache_control("max-age=31536000").unwrap()];
    });
    site.write("errors/404.html", "<h1>lost");
    site.write(".416.txt", "too far");
    site.write("a", "abc");
    let missing = site.get("/missing").await;
    assert_eq!(missing.outcome(), (404, "<h1>lost"));
    assert_eq!(missing.field(&header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
    assert_eq!(missing.field(&header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
    for name in [
        header::ETAG,
        header::LAST_MODIFIED,
        header::ACCEPT_RANGES,
        header::CACHE_CONTROL,
        header::CONTENT_RANGE,
    ] {
        assert!(!missing.fields.contains(&name), "{name} is the page's, not the error's");
    }
    let past_the_end = site.get_with("/a", header::RANGE, "bytes=9-").await;
    assert_eq!(past_the_end.outcome(), (416, "too far"));
    assert_eq!(past_the_end.field(&header::CONTENT_RANGE), Some("bytes */3"), "RFC 9110 §15.5.17");
    assert_eq!(site.get("/.416.txt").await.status, 404, "by itself it is hidden");
    assert_eq!(site.get("/errors/404.html").await.outcome(), (200, "<h1>lost"));
}

#[tokio::test]
async fn an_error_page_knows_no_conditions_and_no_parts() {
    let site = Fixture::with(|config| config.error_pages = vec![page("404=404.html")]);
    site.write("404.html", "lost");
    let tag = site.get("/404.html").await.etag().to_owned();
    for (name, value) in [
        (header::IF_NONE_MATCH, tag.as_str()),
        (header::IF_NONE_MATCH, "*"),
        (header::IF_MATCH, "\"other\""),
        (header::RANGE, "bytes=0-1"),
        (header::RANGE, "bytes=100-"),
    ] {
        assert_eq!(site.get_with("/missing", name, value).await.outcome(), (404, "lost"), "{value}");
    }
}

#[tokio::test]
async fn an_error_page_lies_beneath_the_root_or_is_not_shown() {
    let site = Fixture::with(|config| {
        config.error_pages = vec![page("404=link.html"), page("403=missing.html"), page("400=d")];
    });
    symlink(site.outside.path().join("secret"), site.path("link.html")).unwrap();
    fs::create_dir(site.path("d")).unwrap();
    for (target, status) in [("/missing", 404), ("/../x", 400)] {
        let answer = site.get(target).await;
        assert_eq!(answer.status, status);
        assert!(answer.text().starts_with(&status.to_string()), "our own line: {}", answer.text());
    }
}

#[tokio::test]
async fn an_error_page_is_changed_on_the_disk_like_any_file() {
    let site = Fixture::with(|config| config.error_pages = vec![page("404=old.html"), page("404=404.html")]);
    site.write("404.html", "lost");
    assert_eq!(site.get("/missing").await.text(), "lost");
    site.replace("404.html", "found");
    assert_eq!(site.get("/missing").await.text(), "found");
}

// Dot files

#[tokio::test]
async fn dot_files_are_served_where_they_are_to_be() {
    let site = Fixture::with(|config| config.dot_files = DotFiles::Served);
    site.write(".config", "dot");
    site.write(".d/.e/f", "deep");
    assert_eq!(site.get("/.config").await.outcome(), (200, "dot"));
    assert_eq!(site.get("/.d/.e/f").await.outcome(), (200, "deep"));
    assert_eq!(site.get("/.d").await.outcome(), (301, "/.d/"));
    for target in ["/../secret", "/.d/../../secret", "/%2e%2e/secret", "/."] {
        assert_eq!(site.get(target).await.status, 400, "{target}");
    }
}

// Directories that are shown

#[tokio::test]
async fn a_directory_is_shown_only_without_an_index_and_only_if_it_is_one() {
    let site = Fixture::with(|config| {
        config.listing = Some(Listing::default());
        config.fallback = true;
    });
    site.write("index.html", "top");
    site.write("d/file", "");
    symlink("..", site.path("up")).unwrap();
    let json = |target: &str| with(get(target), header::ACCEPT, "application/json");
    assert_eq!(site.send(json("/")).await.text(), "top");
    assert!(site.send(json("/d/")).await.text().contains("\"file\""));
    assert_eq!(site.get("/d").await.outcome(), (301, "/d/"));
    for target in ["/missing/", "/index.html/", "/up/"] {
        assert_eq!(site.send(json(target)).await.status, 404, "{target}");
    }
    assert_eq!(site.get_with("/missing/", header::ACCEPT, BROWSER).await.text(), "top");
}

// Another root

#[tokio::test]
async fn a_root_that_is_published_by_a_link_is_seen() {
    let outside = tempfile::tempdir().unwrap();
    for release in ["1", "2"] {
        let directory = outside.path().join(release);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("a"), release).unwrap();
        fs::write(directory.join(release), "").unwrap();
    }
    symlink("1", outside.path().join("current")).unwrap();
    let origin = Origin::open(Config::new(outside.path().join("current"))).unwrap();
    let site = Fixture { origin, outside };
    assert_eq!(site.get_at("/a", later()).await.text(), "1");
    symlink("2", site.outside.path().join("next")).unwrap();
    fs::rename(site.outside.path().join("next"), site.outside.path().join("current")).unwrap();
    let soon = later() + Duration::from_millis(10);
    assert_eq!(site.get_at("/a", soon).await.text(), "2");
    assert_eq!(site.get_at("/1", soon).await.status, 404);
    assert_eq!(site.get_at("/2", soon).await.status, 200);
}

// Other web sites

fn sites(origins: &[&str]) -> Cors {
    Cors::Sites(origins.iter().map(|text| WebOrigin::parse(text).unwrap()).collect())
}

#[tokio::test]
async fn scripts_of_any_site_may_read_where_any_may() {
    let site = Fixture::with(|config| config.cors = Some(Cors::Any));
    site.write("a", "abc");
    for target in ["/a", "/missing", "/%"] {
        let answer = site.get_with(target, header::ORIGIN, "https://app.example.org").await;
        assert_eq!(answer.field(&header::ACCESS_CONTROL_ALLOW_ORIGIN), Some("*"), "{target}");
        let exposed = answer.field(&header::ACCESS_CONTROL_EXPOSE_HEADERS).unwrap();
        assert!(exposed.contains("Content-Range") && exposed.contains("ETag"), "{exposed}");
        assert!(!answer.varies_by("origin"));
    }
    assert!(site.get("/a").await.fields.contains(&header::ACCESS_CONTROL_ALLOW_ORIGIN));
    let tag = site.get("/a").await.etag().to_owned();
    let unchanged = site.get_with("/a", header::IF_NONE_MATCH, &tag).await;
    assert_eq!(unchanged.status, 304);
    assert!(unchanged.fields.contains(&header::ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[tokio::test]
async fn scripts_of_named_sites_may_read_and_no_others() {
    let site =
        Fixture::with(|config| config.cors = Some(sites(&["https://a.example", "http://localhost:3000"])));
    site.write("a", "abc");
    for (origin, allowed) in [
        ("https://a.example", true),
        ("http://localhost:3000", true),
        ("http://a.example", false),
        ("https://a.example:444", false),
        ("https://evil.example", false),
        ("https://a.example.evil.example", false),
        ("null", false),
    ] {
        let answer = site.get_with("/a", header::ORIGIN, origin).await;
        let expected = allowed.then_some(origin);
        assert_eq!(answer.field(&header::ACCESS_CONTROL_ALLOW_ORIGIN), expected, "{origin}");
        assert!(answer.varies_by("origin"), "a cache must not give it to another site");
        assert_eq!(answer.outcome(), (200, "abc"), "it is the browser that holds it back");
        let preflight = with(options("/a"), header::ORIGIN, origin);
        let preflight = with(preflight, header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
        assert_eq!(site.send(preflight).await.status, if allowed { 204 } else { 403 }, "{origin}");
    }
    assert!(site.get("/a").await.varies_by("origin"));
}

#[tokio::test]
async fn a_preflight_is_answered_whatever_is_at_the_path() {
    let site = Fixture::with(|config| config.cors = Some(Cors::Any));
    for target in ["/missing", "/", "/%"] {
        let preflight = with(options(target), header::ORIGIN, "https://a.example");
        let preflight = with(preflight, header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
        let answer = site.send(with(preflight, header::ACCESS_CONTROL_REQUEST_HEADERS, "range")).await;
        assert_eq!((answer.status, answer.content.len()), (204, 0));
        assert_eq!(answer.field(&header::ACCESS_CONTROL_ALLOW_ORIGIN), Some("*"));
        assert_eq!(answer.field(&header::ACCESS_CONTROL_ALLOW_METHODS), Some("GET, HEAD"));
        assert_eq!(answer.field(&header::ACCESS_CONTROL_MAX_AGE), Some("86400"));
        let fields = answer.field(&header::ACCESS_CONTROL_ALLOW_HEADERS).unwrap();
        assert!(fields.contains("Range") && fields.contains("If-Range") && fields.contains("Authorization"));
    }
}

#[tokio::test]
async fn options_that_is_no_preflight_is_not_implemented() {
    let (on, off) = (Fixture::with(|config| config.cors = Some(Cors::Any)), Fixture::new());
    let of_a_site = |request| with(request, header::ORIGIN, "https://a.example");
    let preflight = || with(of_a_site(options("/")), header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
    for request in [options("/"), options("*"), of_a_site(options("/"))] {
        assert_eq!(on.send(request).await.status, 501);
    }
    assert_eq!(off.send(preflight()).await.status, 501);
    assert_eq!(on.send(Request { method: Method::POST, ..preflight() }).await.status, 501);
}

#[tokio::test]
async fn without_cors_nothing_is_said_of_it() {
    let site = Fixture::new();
    site.write("a", "abc");
    let answer = site.get_with("/a", header::ORIGIN, "https://a.example").await;
    let is_of_cors = |name: &str| name.starts_with("access-control") || name == "vary";
    assert!(!answer.fields.iter().any(|(name, _)| is_of_cors(name.as_str())));
}

// Several sites

/// One directory for each host, with a file that has the host's name in it.
fn by_host(hosts: &[&str], default: bool) -> Result<Fixture, OpenFault> {
    let outside = tempfile::tempdir().unwrap();
    let config = |name: &str| {
        let directory = outside.path().join(name.replace('*', "any"));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("a"), name).unwrap();
        Config::new(directory)
    };
    let by_host = hosts.iter().map(|host| (HostPattern::parse(host).unwrap(), config(host))).collect();
    let sites = Sites { default: default.then(|| config("default")), by_host };
    Ok(Fixture { origin: Origin::open(sites)?, outside })
}

fn asked_of(host: &str, target: &str) -> Request {
    with(get(target), header::HOST, host)
}

#[tokio::test]
async fn the_host_that_is_asked_has_its_own_files() {
    let site = by_host(&["a.test", "*.a.test", "b.test"], true).unwrap();
    for (host, text) in [
        ("a.test", "a.test"),
        ("A.TEST:8000", "a.test"),
        ("www.a.test", "*.a.test"),
        ("b.test.", "b.test"),
        ("c.test", "default"),
        ("127.0.0.1:8000", "default"),
    ] {
        assert_eq!(site.send(asked_of(host, "/a")).await.outcome(), (200, text), "{host}");
    }
    // RFC 9112 §3.2.2: the target's own authority counts, not the Host field.
    assert_eq!(site.send(asked_of("a.test", "http://b.test/a")).await.text(), "b.test");
    assert_eq!(site.get("/a").await.text(), "default", "no host is no reason to refuse");
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_misdirected_9110_15_5_20() {
    let site = by_host(&["a.test"], false).unwrap();
    for host in ["b.test", "www.a.test", "a.test.b.test", "", "@"] {
        assert_eq!(site.send(asked_of(host, "/a")).await.status, 421, "{host:?}");
    }
    assert_eq!(site.get("/a").await.status, 421);
    assert_eq!(site.send(asked_of("a.test", "/a")).await.text(), "a.test");
    let post = Request { method: Method::POST, ..asked_of("b.test", "/a") };
    assert_eq!(site.send(post).await.status, 501, "that is so for every host");
}

#[tokio::test]
async fn a_host_with_two_sites_is_told_at_the_start() {
    let told = by_host(&["a.test", "A.test."], true).err().map(|fault| fault.to_string());
    assert_eq!(told.as_deref(), Some("a.test is given twice: a host has one site"));
}

// What it costs

#[tokio::test]
async fn an_answer_in_the_making_takes_little_room() {
    let site = Fixture::new();
    let making = Service::call(&site.origin, get("/a"));
    let room = size_of_val(&making) - size_of::<Request>();
    assert!(room <= 640, "{room} bytes in each connection, and most never wait here");
}
