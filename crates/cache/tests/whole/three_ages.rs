//! What the cache was asked to do, line by line, and what RFC 9111 adds.

use std::sync::Arc;

use crate::world::{ORIGIN, Page, World, fields};
use cache::{Config, Fraction, Origin};
use lab::Fault;
use message::{Authority, FailureKind, HeaderName, Scheme, Service, Target, header};

const MODIFIED: &str = "Wed, 31 Dec 2025 00:00:00 GMT";

fn page(version: &str) -> Page {
    Page::new(format!("page {version}")).with("etag", &format!("\"{version}\""))
}

#[tokio::test(start_paused = true)]
async fn not_in_the_cache_the_get_is_forwarded_the_response_stored_and_passed_on() {
    let world = World::new();
    world.pages.put("/index.html", page("1"));
    let answer = world.get("/index.html").await;
    assert_eq!((answer.status, answer.text()), (200, "page 1"));
    assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;stored");
    assert_eq!(answer.field("via"), Some("1.1 Sockets"));
    assert_eq!(world.file("index.html").as_deref(), Some("page 1"));
    assert_eq!(world.files(), ["o.test:8000/index.html"]);
    assert_eq!(world.temporaries(), 0);
}

#[tokio::test(start_paused = true)]
async fn not_expired_a_conditional_get_is_sent_and_a_304_answers_with_the_stored_copy() {
    let world = World::new();
    world.pages.put("/", page("1").with("last-modified", MODIFIED));
    world.get("/").await;
    let sent = world.network.bytes_sent(ORIGIN);
    let answer = world.get("/").await;
    assert_eq!((answer.status, answer.text()), (200, "page 1"));
    assert_eq!(answer.cache_status(), "Sockets;fwd=stale;fwd-status=304;ttl=0");
    assert_eq!(world.asked(), 2);
    assert_eq!(world.network.bytes_sent(ORIGIN), sent);
    let seen = world.seen().fields;
    assert_eq!(seen.text(&header::IF_NONE_MATCH), Some("\"1\""));
    assert_eq!(seen.text(&header::IF_MODIFIED_SINCE), Some(MODIFIED));
}

#[tokio::test(start_paused = true)]
async fn not_expired_a_200_to_the_conditional_get_is_stored_and_answers() {
    let world = World::new();
    world.pages.put("/index.html", page("1"));
    world.get("/index.html").await;
    world.pages.put("/index.html", page("2"));
    let answer = world.get("/index.html").await;
    assert_eq!((answer.status, answer.text()), (200, "page 2"));
    assert_eq!(answer.cache_status(), "Sockets;fwd=stale;stored");
    assert_eq!(world.file("index.html").as_deref(), Some("page 2"));
    let answer = world.get("/index.html").await;
    assert_eq!((answer.text(), world.seen().fields.text(&header::IF_NONE_MATCH)), ("page 2", Some("\"2\"")));
    assert_eq!(world.files().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn expired_a_full_get_is_forwarded() {
    let world = World::new();
    world.pages.put("/", page("1"));
    world.get("/").await;
    world.passes(24 * 3600).await;
    let answer = world.get("/").await;
    assert_eq!(answer.text(), "page 1");
    assert_eq!(answer.cache_status(), "Sockets;fwd=stale;detail=expired;stored");
    assert!(!world.seen().fields.contains(&header::IF_NONE_MATCH));
}

#[tokio::test(start_paused = true)]
async fn each_validation_keeps_for_another_day() {
    let world = World::new();
    world.pages.put("/", page("1"));
    world.get("/").await;
    for _ in 0..3 {
        world.passes(20 * 3600).await;
        assert_eq!(world.get("/").await.cache_status(), "Sockets;fwd=stale;fwd-status=304;ttl=0");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_origin_are_passed_on_and_not_stored() {
    let world = World::new();
    for status in [404, 501, 505, 500, 203, 301] {
        for stale in [("x", "y"), ("cache-control", "max-age=0"), ("etag", "\"1\"")] {
            world.pages.put("/x", Page::new("no").status(status).with(stale.0, stale.1));
            let answer = world.get("/x").await;
            assert_eq!((answer.status, answer.text()), (status, "no"));
            assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;detail=status");
        }
    }
    assert_eq!(world.asked(), 18);
    assert!(world.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn section_3_any_status_that_says_it_is_fresh_is_stored_for_so_long() {
    let world = World::new();
    for status in [201, 204, 299, 301, 307, 404, 410, 499, 500, 501, 503, 505, 599] {
        let path = format!("/{status}");
        let body = if status == 204 { "" } else { "told" };
        world.pages.put(
            &path,
            Page::new(body).status(status).with("cache-control", "max-age=60").with("etag", "\"1\""),
        );
        for expected in ["fwd=uri-miss;stored", "hit;ttl=60"] {
            let answer = world.get(&path).await;
            assert_eq!((answer.status, answer.text()), (status, body));
            assert_eq!(answer.cache_status(), format!("Sockets;{expected}"), "{status}");
        }
        // RFC 9110 §13.2.1: the conditions of clients are for what would be a 2xx.
        let answer = world.get_with(&path, &[("if-none-match", "\"1\"")]).await;
        assert_eq!(answer.status, if status < 300 { 304 } else { status });
    }
    world.passes(60).await;
    let before = world.asked();
    assert_eq!(world.get("/404").await.cache_status(), "Sockets;fwd=stale;detail=no-validator;stored");
    assert_eq!(world.asked(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_is_not_reached_is_a_failure_also_where_a_copy_is_stored() {
    let world = World::new();
    world.pages.put("/", page("1"));
    world.get("/").await;
    world.network.set_fault(ORIGIN, Fault::Refuse);
    for path in ["/", "/other"] {
        let failure = world.ask("GET", path, &[], "").await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::ConnectionRefused);
        assert!(failure.kind().is_unreachable());
    }
    world.network.set_fault(ORIGIN, Fault::None);
    assert_eq!(world.get("/").await.cache_status(), "Sockets;fwd=stale;fwd-status=304;ttl=0");
}

#[tokio::test(start_paused = true)]
async fn section_4_2_fresh_answers_without_asking_and_says_how_old_it_is() {
    let world = World::new();
    world.pages.put("/", page("1").with("cache-control", "max-age=60"));
    world.get("/").await;
    for (wait, age, ttl) in [(0, "0", 60), (30, "30", 30), (29, "59", 1)] {
        world.passes(wait).await;
        let answer = world.get("/").await;
        assert_eq!((answer.text(), answer.field("age")), ("page 1", Some(age)));
        assert_eq!(answer.cache_status(), format!("Sockets;hit;ttl={ttl}"));
    }
    assert_eq!(world.asked(), 1);
    world.passes(1).await;
    assert_eq!(world.get("/").await.cache_status(), "Sockets;fwd=stale;fwd-status=304;ttl=60");
    assert_eq!(world.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn section_4_3_4_a_304_gives_new_freshness_and_fields_that_stay() {
    let world = World::new();
    world.pages.put("/", page("1").with("x", "old").with("kept", "yes"));
    world.get("/").await;
    world.pages.put("/", page("1").with("x", "new").with("cache-control", "max-age=60"));
    world.get("/").await;
    let world = world.restart().await;
    let answer = world.get("/").await;
    assert_eq!(answer.cache_status(), "Sockets;hit;ttl=60");
    assert_eq!((answer.field("x"), answer.field("kept")), (Some("new"), Some("yes")));
    assert_eq!(world.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn section_4_3_4_a_304_about_another_version_is_asked_again_without_condition() {
    let world = World::new();
    world.pages.put("/", page("1"));
    world.get("/").await;
    // An origin that says 304 to everything with the tag of a version that nobody has.
    world.network.serve(
        ORIGIN,
        lab::Answers::new(|request| {
            if request.fields.contains(&header::IF_NONE_MATCH) {
                message::Response::new(message::StatusCode::NOT_MODIFIED)
                    .with(header::ETAG, message::HeaderValue::from_static("\"2\""))
            } else {
                message::Response::text(message::StatusCode::OK, "page 2")
            }
        }),
    );
    let answer = world.get("/").await;
    assert_eq!((answer.text(), answer.cache_status()), ("page 2", "Sockets;fwd=stale;stored"));
}

#[tokio::test(start_paused = true)]
async fn section_4_2_2_a_guess_is_made_only_where_it_is_configured() {
    let plain = World::new();
    let guessing = World::with(|config| config.rules.heuristic = Fraction::new(0.1));
    for (world, status) in
        [(plain, "Sockets;fwd=stale;fwd-status=304;ttl=0"), (guessing, "Sockets;hit;ttl=8640")]
    {
        world.pages.put("/", page("1").with("last-modified", MODIFIED));
        world.get("/").await;
        assert_eq!(world.get("/").await.cache_status(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn section_4_3_1_without_a_validator_the_whole_is_fetched_each_time() {
    let world = World::new();
    world.pages.put("/", Page::new("plain"));
    for detail in ["Sockets;fwd=uri-miss;stored", "Sockets;fwd=stale;detail=no-validator;stored"] {
        let answer = world.get("/").await;
        assert_eq!((answer.text(), answer.cache_status()), ("plain", detail));
    }
    assert_eq!(world.file("^index").as_deref(), Some("plain"));
}

#[tokio::test(start_paused = true)]
async fn section_3_what_may_not_be_stored_is_not() {
    let world = World::new();
    for (path, line, why) in [
        ("/a", ("cache-control", "no-store"), "no-store"),
        ("/b", ("cache-control", "private"), "private"),
        ("/c", ("vary", "*"), "vary-star"),
        ("/d", ("set-cookie", "id=1"), "set-cookie"),
    ] {
        world.pages.put(path, page("1").with(line.0, line.1));
        for _ in 0..2 {
            let answer = world.get(path).await;
            assert_eq!(answer.text(), "page 1");
            assert_eq!(answer.cache_status(), format!("Sockets;fwd=uri-miss;detail={why}"));
        }
    }
    assert!(world.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn section_3_5_with_credentials_only_what_is_for_all_is_stored() {
    let world = World::new();
    let me = [("authorization", "Basic eDp5")];
    world.pages.put("/a", page("1").with("cache-control", "max-age=60"));
    world.pages.put("/b", page("1").with("cache-control", "public, max-age=60"));
    let why = "Sockets;fwd=uri-miss;detail=authorization";
    assert_eq!(world.get_with("/a", &me).await.cache_status(), why);
    assert_eq!(world.get_with("/a", &[]).await.cache_status(), "Sockets;fwd=uri-miss;stored");
    assert_eq!(world.get_with("/b", &me).await.cache_status(), "Sockets;fwd=uri-miss;stored");
    assert_eq!(world.get_with("/b", &[]).await.cache_status(), "Sockets;hit;ttl=60");
}

#[tokio::test(start_paused = true)]
async fn section_4_1_each_variant_answers_its_own_requests() {
    let world = World::new();
    let variant =
        |language: &str| page(language).with("vary", "accept-language").with("cache-control", "max-age=60");
    for language in ["de", "en", "fr"] {
        world.pages.put("/", variant(language));
        world.get_with("/", &[("accept-language", language)]).await;
    }
    assert_eq!(world.asked(), 3);
    for language in ["en", "de", "fr"] {
        let answer = world.get_with("/", &[("accept-language", language)]).await;
        assert_eq!(
            (answer.text(), answer.cache_status()),
            (&*format!("page {language}"), "Sockets;hit;ttl=60")
        );
    }
    let answer = world.get_with("/", &[("accept-language", "it")]).await;
    assert_eq!(answer.cache_status(), "Sockets;fwd=vary-miss;fwd-status=304;ttl=60", "the French one, too");
    assert_eq!((answer.text(), world.files().len()), ("page fr", 3));
    let world = world.restart().await;
    let answer = world.get_with("/", &[("accept-language", "it")]).await;
    assert_eq!((answer.text(), answer.cache_status()), ("page fr", "Sockets;hit;ttl=60"));
    let answer = world.get_with("/", &[("accept-language", "DE")]).await;
    assert_eq!((answer.text(), answer.cache_status()), ("page de", "Sockets;hit;ttl=60"));
}

#[tokio::test(start_paused = true)]
async fn section_4_4_an_unsafe_method_that_succeeds_invalidates() {
    let world = World::new();
    for path in ["/a", "/b", "/c"] {
        world.pages.put(path, page("1").with("cache-control", "max-age=60").with("location", "/b"));
        world.get(path).await;
    }
    let answer = world.ask("POST", "/a", &[], "content").await.unwrap();
    assert_eq!((answer.status, answer.cache_status()), (200, "Sockets;fwd=method"));
    for (path, status) in [("/a", "fwd=uri-miss;stored"), ("/b", "fwd=uri-miss;stored"), ("/c", "hit;ttl=60")]
    {
        assert_eq!(world.get(path).await.cache_status(), format!("Sockets;{status}"), "{path}");
    }
    world.pages.put("/c", Page::new("no").status(501));
    assert_eq!(world.ask("PUT", "/c", &[], "content").await.unwrap().status, 501);
    assert_eq!(world.get("/c").await.cache_status(), "Sockets;hit;ttl=60");
}

#[tokio::test(start_paused = true)]
async fn any_method_is_forwarded_with_its_content() {
    let world = World::new();
    world.network.serve(ORIGIN, Echo);
    for method in ["POST", "M-SEARCH", "QUERY", "GET"] {
        let answer = world.ask(method, "/", &[], "content").await.unwrap();
        assert_eq!(answer.text(), format!("{method} content"));
    }
    assert!(world.files().is_empty());
}

struct Echo;

impl Service for Echo {
    async fn call(&self, request: message::Request) -> Result<message::Response, message::Failure> {
        let body = lab::body_bytes(request.body).await?;
        let text = format!("{} {}", request.method, String::from_utf8_lossy(&body));
        Ok(message::Response::text(message::StatusCode::OK, text))
    }
}

#[tokio::test(start_paused = true)]
async fn section_4_3_2_the_clients_own_conditions_are_judged_against_what_is_stored() {
    let world = World::new();
    world.pages.put("/", page("1").with("last-modified", MODIFIED).with("cache-control", "max-age=60"));
    world.get("/").await;
    for (line, status) in [
        (("if-none-match", "\"1\""), 304),
        (("if-none-match", "\"2\", W/\"1\""), 304),
        (("if-none-match", "\"2\""), 200),
        (("if-modified-since", MODIFIED), 304),
        (("if-modified-since", "Tue, 30 Dec 2025 00:00:00 GMT"), 200),
    ] {
        let answer = world.get_with("/", &[line]).await;
        assert_eq!(answer.status, status, "{line:?}");
        assert_eq!(answer.cache_status(), "Sockets;hit;ttl=60");
        if status == 304 {
            assert_eq!((answer.field("etag"), answer.text()), (Some("\"1\""), ""));
        }
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn section_4_3_2_the_clients_conditions_are_judged_after_validation_too() {
    let world = World::new();
    world.pages.put("/", page("1"));
    world.get("/").await;
    assert_eq!(world.get_with("/", &[("if-none-match", "\"1\"")]).await.status, 304);
    assert_eq!(world.get_with("/", &[("if-none-match", "\"0\"")]).await.status, 200);
    world.pages.put("/", page("2"));
    assert_eq!(world.get_with("/", &[("if-none-match", "\"2\"")]).await.status, 304);
    assert_eq!(world.file("^index").as_deref(), Some("page 2"), "the whole was fetched and stored");
}

#[tokio::test(start_paused = true)]
async fn conditions_and_ranges_of_what_is_not_stored_go_to_the_origin() {
    let world = World::new();
    world.pages.put("/", page("1"));
    let answer = world.get_with("/", &[("if-none-match", "\"1\"")]).await;
    assert_eq!((answer.status, answer.cache_status()), (304, "Sockets;fwd=uri-miss;detail=particular"));
    assert_eq!(world.seen().fields.text(&header::IF_NONE_MATCH), Some("\"1\""));
    assert!(world.files().is_empty());
    let answer = world.get_with("/", &[("if-none-match", "\"0\"")]).await;
    assert_eq!((answer.status, answer.cache_status()), (200, "Sockets;fwd=uri-miss;stored"));
    let answer = world.get_with("/other", &[("range", "bytes=0-1")]).await;
    assert_eq!((answer.status, answer.cache_status()), (404, "Sockets;fwd=uri-miss;detail=status"));
    assert_eq!(world.seen().fields.text(&header::RANGE), Some("bytes=0-1"));
}

#[tokio::test(start_paused = true)]
async fn section_14_2_ranges_come_out_of_what_is_stored_whole() {
    let world = World::new();
    let content = crate::world::pattern(300_000);
    for (path, len) in [("/small", 1000), ("/large", 300_000)] {
        let body = content.slice(..len);
        world.pages.put(path, Page::new(body).with("etag", "\"1\"").with("cache-control", "max-age=60"));
        world.get(path).await;
        for (range, part) in [("bytes=0-0", 0..1), ("bytes=-10", len - 10..len), ("bytes=500-", 500..len)] {
            let answer = world.get_with(path, &[("range", range)]).await;
            assert_eq!(answer.status, 206, "{range}");
            assert_eq!(answer.body.as_ref().unwrap(), &content.slice(part.clone()), "{range}");
            let content_range = format!("bytes {}-{}/{len}", part.start, part.end - 1);
            assert_eq!(answer.field("content-range"), Some(&*content_range));
        }
        let answer = world.get_with(path, &[("range", "bytes=300000-")]).await;
        assert_eq!((answer.status, answer.field("content-range")), (416, Some(&*format!("bytes */{len}"))));
        let other_version = [("range", "bytes=0-0"), ("if-range", "\"0\"")];
        assert_eq!(world.get_with(path, &other_version).await.status, 200);
    }
    assert_eq!(world.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn head_is_answered_from_a_stored_get_and_forwarded_else() {
    let world = World::new();
    world.pages.put("/", page("1").with("cache-control", "max-age=60"));
    let answer = world.ask("HEAD", "/", &[], "").await.unwrap();
    assert_eq!((answer.status, answer.cache_status()), (200, "Sockets;fwd=uri-miss;detail=head"));
    assert_eq!(answer.field("content-length"), Some("6"));
    assert!(world.files().is_empty());
    world.get("/").await;
    let response = world.begin("HEAD", "/", &[], "").await.unwrap();
    assert_eq!((response.body.length(), world.asked()), (Some(6), 2), "the engine leaves the content out");
}

#[tokio::test(start_paused = true)]
async fn section_5_2_1_7_only_if_cached_asks_nobody() {
    let world = World::new();
    world.pages.put("/", page("1").with("cache-control", "max-age=60"));
    let only = [("cache-control", "only-if-cached")];
    let answer = world.get_with("/", &only).await;
    assert_eq!((answer.status, answer.cache_status()), (504, "Sockets;detail=only-if-cached"));
    assert_eq!(world.asked(), 0);
    world.get("/").await;
    assert_eq!(world.get_with("/", &only).await.status, 200);
    world.passes(60).await;
    assert_eq!(world.get_with("/", &only).await.status, 504);
}

#[tokio::test(start_paused = true)]
async fn section_5_2_1_directives_of_the_request_send_it_on() {
    let world = World::new();
    world.pages.put("/", page("1").with("cache-control", "max-age=60"));
    world.get("/").await;
    world.passes(10).await;
    for (directive, status) in [
        ("no-cache", "fwd=request;detail=request-no-cache;fwd-status=304;ttl=60"),
        ("max-age=5", "hit;ttl=60"),
        ("min-fresh=61", "fwd=request;detail=request-min-fresh;fwd-status=304;ttl=60"),
        ("no-store", "hit;ttl=60"),
    ] {
        let answer = world.get_with("/", &[("cache-control", directive)]).await;
        assert_eq!(answer.cache_status(), format!("Sockets;{status}"), "{directive}");
    }
    let answer = world.get_with("/other", &[("cache-control", "no-store")]).await;
    assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;detail=request-no-store");
}

#[tokio::test(start_paused = true)]
async fn section_4_3_3_what_the_origin_says_is_gone_is_not_kept_and_an_error_changes_nothing() {
    let world = World::new();
    world.pages.put("/a", page("1"));
    world.get("/a").await;
    world.pages.put("/a", Page::new("broken").status(500));
    let answer = world.get("/a").await;
    assert_eq!((answer.status, answer.cache_status()), (500, "Sockets;fwd=stale;detail=status"));
    assert_eq!(world.file("a").as_deref(), Some("page 1"));
    world.pages.put("/a", Page::new("gone").status(404));
    assert_eq!(world.get("/a").await.status, 404);
    assert!(world.files().is_empty());
    assert_eq!(world.get("/a").await.cache_status(), "Sockets;fwd=uri-miss;detail=status");
}

#[tokio::test(start_paused = true)]
async fn section_4_3_2_if_match_is_for_the_origin() {
    let world = World::new();
    world.pages.put("/", page("1").with("cache-control", "max-age=60"));
    world.get("/").await;
    let answer = world.get_with("/", &[("if-match", "\"0\"")]).await;
    assert_eq!(answer.cache_status(), "Sockets;fwd=bypass;detail=precondition");
    assert_eq!(world.seen().fields.text(&header::IF_MATCH), Some("\"0\""));
}

#[tokio::test(start_paused = true)]
async fn section_7_6_3_a_request_that_was_here_before_is_refused() {
    let world = World::new();
    let failure = world.ask("GET", "/", &[("via", "1.1 Sockets")], "").await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::ProxyLoopDetected);
    assert_eq!(world.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn section_7_6_1_what_was_for_one_hop_is_neither_forwarded_nor_stored() {
    let world = World::new();
    world
        .pages
        .put("/", page("1").with("connection", "x").with("x", "1").with("cache-control", "max-age=60"));
    let lines = [("connection", "y"), ("y", "1"), ("proxy-authorization", "Basic eDp5"), ("z", "1")];
    world.get_with("/", &lines).await;
    let seen = world.seen().fields;
    for name in ["connection", "y", "proxy-authorization"] {
        assert!(!seen.contains(&HeaderName::from_static(name)), "{name}");
    }
    assert_eq!(seen.text(&HeaderName::from_static("z")), Some("1"));
    assert_eq!((world.get("/").await.field("x"), world.get("/").await.field("connection")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_reverse_proxy_stands_for_its_origin_and_a_forward_proxy_says_what_it_is() {
    let origin = Origin::new(Scheme::Http, Authority::parse(ORIGIN).unwrap()).unwrap();
    let world = World::with(|config: &mut Config| config.sites = Some(Arc::new(origin.into())));
    world.pages.put("/x", page("1").with("cache-control", "max-age=60"));
    let ask = |world: &World, host: &str| {
        let mut request = world.request("GET", "/x", &[], "");
        request.target = Target::Origin(request.target.path_and_query().unwrap().clone());
        request.fields = fields(&[("host", host)]);
        request
    };
    for (host, status) in [("me.test", "fwd=uri-miss;stored"), ("other.test", "hit;ttl=60")] {
        let answer = crate::world::read(world.cache.call(ask(&world, host)).await.unwrap()).await.unwrap();
        assert_eq!((answer.text(), answer.cache_status()), ("page 1", &*format!("Sockets;{status}")));
    }
    assert_eq!(world.seen().fields.text(&header::HOST), Some(ORIGIN));
    assert_eq!(world.files(), ["o.test:8000/x"]);
    let forward = World::new();
    assert_eq!(forward.cache.call(ask(&forward, "me.test")).await.unwrap().status, 400);
}
