//! What the cache makes of stale responses, errors, HEAD, POST and variants: the policy, wired.

use lab::Fault;
use message::{FailureKind, HeaderName, StatusCode, header};

use crate::world::{ORIGIN, Page, World};

fn page(version: &str) -> Page {
    Page::new(format!("page {version}")).with("etag", &format!("\"{version}\""))
}

fn outages() -> [(Fault, Option<u16>); 6] {
    let status = |code| (Fault::Status(StatusCode::from_u16(code).unwrap()), Some(code));
    [
        (Fault::Refuse, None),
        (Fault::Fail(FailureKind::ConnectionTerminated), None),
        (Fault::Fail(FailureKind::HttpResponseTimeout), None),
        status(500),
        status(502),
        status(503),
    ]
}

#[tokio::test(start_paused = true)]
async fn rfc_5861_section_4_stale_answers_in_the_place_of_an_error_within_its_window() {
    for with_validator in [true, false] {
        for (fault, code) in outages() {
            let world = World::new();
            let page = if with_validator { page("1") } else { Page::new("page 1") };
            world.pages.put("/", page.with("cache-control", "max-age=10, stale-if-error=50"));
            world.get("/").await;
            world.network.set_fault(ORIGIN, fault);
            world.passes(15).await;
            for method in ["GET", "HEAD"] {
                let answer = world.ask(method, "/", &[], "").await.unwrap();
                assert_eq!((answer.status, answer.field("age")), (200, Some("15")), "{fault:?} {method}");
                let status = answer.cache_status();
                assert!(status.contains("fwd=stale") && status.contains("detail=stale-if-error"), "{status}");
                assert!(status.contains("ttl=-5"), "{status}");
                assert_eq!(status.contains("fwd-status"), code.is_some(), "{status}");
            }
            world.passes(45).await;
            match world.ask("GET", "/", &[], "").await {
                Ok(answer) => assert_eq!(Some(answer.status), code),
                Err(_) => assert_eq!(code, None),
            }
            world.network.set_fault(ORIGIN, Fault::None);
            assert_eq!(world.get("/").await.text(), "page 1", "it is there still");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn section_4_2_4_nothing_is_served_stale_on_error_where_it_is_forbidden_or_nobody_allows_it() {
    for forbidden in [
        "max-age=10",
        "max-age=10, stale-if-error=50, must-revalidate",
        "max-age=10, stale-if-error=50, proxy-revalidate",
        "s-maxage=10, stale-if-error=50",
        "max-age=10, stale-if-error=50, no-cache",
    ] {
        let world = World::new();
        world.pages.put("/", page("1").with("cache-control", forbidden));
        world.get("/").await;
        world.passes(15).await;
        world.network.set_fault(ORIGIN, Fault::Refuse);
        let failure = world.ask("GET", "/", &[], "").await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::ConnectionRefused, "{forbidden}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_5861_section_4_the_cache_can_be_told_to_serve_anything_stale_on_error() {
    let world = World::with(|config| config.rules.stale_if_error = std::time::Duration::from_secs(60));
    world.pages.put("/", page("1"));
    world.get("/").await;
    world.network.set_fault(ORIGIN, Fault::Refuse);
    world.passes(59).await;
    assert_eq!(world.get("/").await.text(), "page 1");
    world.passes(1).await;
    assert!(world.ask("GET", "/", &[], "").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn rfc_9211_a_failure_says_why_the_origin_was_asked() {
    let world = World::new();
    world.network.set_fault(ORIGIN, Fault::Refuse);
    for (method, path, lines, expected) in [
        ("GET", "/", &[][..], "Sockets;fwd=uri-miss"),
        ("HEAD", "/", &[], "Sockets;fwd=uri-miss;detail=head"),
        ("POST", "/", &[], "Sockets;fwd=method"),
        ("GET", "/", &[("via", "1.1 Sockets")], "Sockets;detail=loop"),
    ] {
        let failure = world.ask(method, path, lines, "").await.unwrap_err();
        let told: Vec<_> = failure.fields().iter().map(|(_, value)| value.to_str().unwrap()).collect();
        assert_eq!(told, [expected], "{method} {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_5861_section_3_stale_answers_at_once_and_the_next_one_is_new() {
    let world = World::new();
    let control = ("cache-control", "max-age=10, stale-while-revalidate=20");
    for version in ["1", "2"] {
        world.pages.put("/", page(version).with(control.0, control.1));
        if version == "1" {
            world.get("/").await;
        }
    }
    world.passes(15).await;
    let world = {
        let answer = world.get("/").await;
        assert_eq!((answer.text(), answer.cache_status()), ("page 1", "Sockets;hit;ttl=-5"));
        world.settled().await
    };
    assert_eq!(world.asked(), 2);
    assert_eq!(world.seen().fields.text(&header::IF_NONE_MATCH), Some("\"1\""));
    let answer = world.get("/").await;
    assert_eq!((answer.text(), world.asked()), ("page 2", 2));
    // RFC 5861 §3: after the window it is an ordinary stale response.
    world.passes(30).await;
    let answer = world.get("/").await;
    assert_eq!(answer.cache_status(), "Sockets;fwd=stale;fwd-status=304;ttl=10");
}

#[tokio::test(start_paused = true)]
async fn rfc_5861_section_3_many_who_get_it_stale_cause_one_request() {
    let world = World::new();
    let large = vec![b'x'; 300_000];
    let control = "max-age=10, stale-while-revalidate=20";
    world.pages.put("/", Page::new(large.clone()).with("cache-control", control));
    world.get("/").await;
    world.passes(12).await;
    for _ in 0..5 {
        assert_eq!(world.get("/").await.body.unwrap().len(), large.len());
    }
    let world = world.settled().await;
    assert_eq!(world.asked(), 2);
    assert!(world.get("/").await.cache_status().starts_with("Sockets;hit;ttl=10"));
}

#[tokio::test(start_paused = true)]
async fn section_4_3_5_a_head_updates_the_stored_get() {
    let world = World::new();
    world.pages.put("/", page("1").with("x", "old").with("kept", "1").with("cache-control", "max-age=1"));
    world.get("/").await;
    world.pages.put("/", page("1").with("x", "new").with("cache-control", "max-age=60"));
    world.passes(5).await;
    let answer = world.ask("HEAD", "/", &[], "").await.unwrap();
    assert_eq!(answer.cache_status(), "Sockets;fwd=stale;detail=head");
    let answer = world.get("/").await;
    assert_eq!((answer.text(), answer.cache_status()), ("page 1", "Sockets;hit;ttl=60"));
    assert_eq!((answer.field("x"), answer.field("kept")), (Some("new"), Some("1")));
    let world = world.restart().await;
    assert_eq!(world.get("/").await.field("x"), Some("new"));
}

#[tokio::test(start_paused = true)]
async fn section_4_3_5_a_head_of_another_version_ends_the_freshness_of_the_stored_get() {
    let world = World::new();
    world.pages.put("/", page("1").with("cache-control", "max-age=60"));
    world.get("/").await;
    world.pages.put("/", page("2").with("cache-control", "max-age=60"));
    world.ask("HEAD", "/", &[("cache-control", "no-cache")], "").await.unwrap();
    let world = world.restart().await;
    let answer = world.get("/").await;
    assert_eq!(
        (answer.text(), answer.cache_status()),
        ("page 2", "Sockets;fwd=stale;detail=outdated;stored")
    );
}

#[tokio::test(start_paused = true)]
async fn section_4_3_5_a_head_whose_answer_may_not_be_stored_changes_nothing() {
    for line in [("cache-control", "no-store, no-cache"), ("authorization", "Basic eDp5")] {
        let world = World::new();
        world.pages.put("/", page("1").with("cache-control", "max-age=60"));
        world.get("/").await;
        let asks = [line, ("pragma", "no-cache"), ("cache-control", "max-age=0")];
        world.passes(1).await;
        let answer = world.ask("HEAD", "/", &asks, "").await.unwrap();
        assert!(answer.cache_status().contains("detail=head"), "{}", answer.cache_status());
        assert_eq!(world.get("/").await.cache_status(), "Sockets;hit;ttl=59", "{line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_9110_section_9_3_3_a_post_that_says_so_fills_get() {
    let world = World::new();
    for (path, location, fills) in [("/a", "/a", true), ("/b", "/a", false), ("/c", "", true)] {
        for body in ["small".to_owned(), "large".repeat(100_000)] {
            let page = Page::new(body.clone()).with("content-location", location);
            world.pages.put(path, page.with("cache-control", "max-age=60"));
            let answer = world.ask("POST", path, &[("if-none-match", "\"1\"")], "form").await.unwrap();
            assert_eq!((answer.status, answer.text()), (200, &*body));
            let status = if fills { "Sockets;fwd=method;stored" } else { "Sockets;fwd=method" };
            assert_eq!(answer.cache_status(), status, "{path}");
            let asked = world.asked();
            let answer = world.get(path).await;
            assert_eq!((answer.text(), world.asked() == asked), (&*body, fills), "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn section_5_2_2_4_a_field_that_no_cache_names_goes_to_the_first_alone() {
    for (value, name) in
        [("max-age=60, no-cache=\"x-once\"", "x-once"), ("max-age=60, private=\"x-once\"", "x-once")]
    {
        let world = World::new();
        world.pages.put("/", page("1").with("cache-control", value).with(name, "1").with("x-all", "2"));
        let first = world.get("/").await;
        assert_eq!((first.field(name), first.field("x-all")), (Some("1"), Some("2")));
        assert_eq!(first.fields.lines(&HeaderName::from_static("x-once")).count(), 1);
        let then = world.get("/").await;
        assert_eq!(then.cache_status(), "Sockets;hit;ttl=60");
        assert_eq!((then.field(name), then.field("x-all")), (None, Some("2")));
        world.passes(60).await;
        assert_eq!(world.get("/").await.field(name), Some("1"), "it is new with each validation");
        assert_eq!(world.get("/").await.field(name), None);
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_9213_the_targeted_field_speaks_and_goes_on() {
    let world = World::with(|config| {
        config.rules.targets.insert(0, HeaderName::from_static("own-cache-control"));
    });
    for (path, own, cdn, plain, expected) in [
        ("/a", "max-age=30", "no-store", "no-store", "Sockets;hit;ttl=30"),
        ("/b", "max-age=x", "max-age=20", "no-store", "Sockets;hit;ttl=20"),
        ("/c", "x", "max-age=20", "max-age=60", "Sockets;fwd=stale;fwd-status=304;ttl=0"),
        ("/d", "no-store", "max-age=20", "max-age=60", "Sockets;fwd=uri-miss;detail=no-store"),
    ] {
        let page = page("1").with("own-cache-control", own).with("cdn-cache-control", cdn);
        world.pages.put(path, page.with("cache-control", plain));
        world.get(path).await;
        let answer = world.get(path).await;
        assert_eq!(answer.cache_status(), expected, "{path}");
        assert_eq!(
            (answer.field("cdn-cache-control"), answer.field("own-cache-control")),
            (Some(cdn), Some(own))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_9211_section_2_7_the_key_is_told_to_who_wants_it() {
    let world = World::with(|config| config.tells_key = true);
    world.pages.put("/x?y", page("1").with("cache-control", "max-age=60"));
    let key = "key=\"http://o.test:8000/x?y\"";
    assert_eq!(world.get("/x?y").await.cache_status(), format!("Sockets;fwd=uri-miss;{key};stored"));
    assert_eq!(world.get("/x?y").await.cache_status(), format!("Sockets;hit;{key};ttl=60"));
}
