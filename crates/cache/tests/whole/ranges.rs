//! Ranges: out of whole bodies, of those that are arriving, and of parts, which are kept and completed.

use std::sync::Arc;
use std::time::Duration;

use lab::{Fault, Link};
use message::{Body, Response, header};

use crate::world::{Answer, ORIGIN, Page, World, pattern, read};

const LENGTH: usize = 4_000_000;

/// A link on which [`LENGTH`] bytes take 40 seconds.
fn slow() -> Link {
    Link { latency: Duration::from_millis(50), ..Link::of_bandwidth(100_000) }
}

fn large(version: &str) -> Page {
    let shift = version.len();
    let body = [&vec![b'.'; shift][..], &pattern(LENGTH - shift)].concat();
    Page::new(body).with("etag", &format!("\"{version}\"")).ranged()
}

fn fresh(version: &str) -> Page {
    large(version).with("cache-control", "max-age=86400")
}

/// A world whose origin has `page`, over a slow link.
fn world(page: &Page) -> World {
    let world = World::with(|config| config.finish_under = 100_000);
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", page.clone());
    world
}

/// What the origin was asked for, as `Range` and `If-Range` say.
fn asked(world: &World) -> Vec<String> {
    let log = world.network.log(ORIGIN);
    let text = |seen: &lab::Seen, name| seen.fields.text(&name).unwrap_or("-").to_owned();
    log.iter().map(|seen| format!("{} {}", text(seen, header::RANGE), text(seen, header::IF_RANGE))).collect()
}

async fn range(world: &World, range: &str) -> Answer {
    world.get_with("/", &[("range", range)]).await
}

#[track_caller]
fn is_part(answer: &Answer, page: &Page, first: usize, last: usize) {
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("content-range").unwrap(), format!("bytes {first}-{last}/{}", page.body.len()));
    assert!(answer.body.as_ref().unwrap() == &page.body[first..=last], "other bytes");
}

async fn take(response: &mut Response, want: u64) {
    let mut got = 0;
    while let Body::Stream(stream) = &mut response.body
        && got < want
    {
        got += stream.next().await.unwrap().unwrap().len();
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_of_what_arrives_is_there_at_once_if_it_is_there_and_fetched_at_once_if_it_is_far() {
    let page = large("1");
    let world = Arc::new(world(&page));
    let filling = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.get("/").await }
    });
    world.passes(5).await;
    let began = world.clock.now();
    is_part(&range(&world, "bytes=1000-1999").await, &page, 1000, 1999);
    assert_eq!(world.clock.now(), began, "it is there");
    is_part(&range(&world, "bytes=-1000").await, &page, LENGTH - 1000, LENGTH - 1);
    assert!(world.clock.now().duration_since(began).unwrap() < Duration::from_millis(500));
    is_part(&range(&world, "bytes=-1000").await, &page, LENGTH - 1000, LENGTH - 1);
    assert_eq!(asked(&world), ["- -", "bytes=3999000-3999999 \"1\""], "it was kept");
    assert!(filling.await.unwrap().body.unwrap() == page.body);
    let sent = world.network.bytes_sent(ORIGIN);
    assert!(sent <= LENGTH as u64 + 1000, "hardly anything was fetched twice: {sent}");
    assert_eq!(world.files(), ["o.test:8000/^index"]);
}

#[tokio::test(start_paused = true)]
async fn section_3_3_a_range_of_what_is_not_stored_is_kept_and_answers_what_lies_within() {
    let page = fresh("1");
    let world = world(&page);
    let answer = range(&world, "bytes=1000000-1099999").await;
    is_part(&answer, &page, 1_000_000, 1_099_999);
    assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;stored");
    assert!(world.files().is_empty(), "nobody takes it for the whole");
    let world = world.restart().await;
    for (first, last) in [(1_000_000, 1_099_999), (1_050_000, 1_050_000)] {
        let answer = range(&world, &format!("bytes={first}-{last}")).await;
        is_part(&answer, &page, first, last);
        assert_eq!(answer.cache_status(), "Sockets;hit;ttl=86399");
    }
    let several = range(&world, "bytes=1000000-1000009,1090000-1090009").await;
    assert_eq!((several.status, several.cache_status()), (206, "Sockets;hit;ttl=86399"));
    assert!(several.field("content-type").unwrap().starts_with("multipart/byteranges"));
    let head = world.ask("HEAD", "/", &[], "").await.unwrap();
    assert_eq!((head.status, head.cache_status()), (200, "Sockets;hit;ttl=86399"));
    assert_eq!(range(&world, "bytes=4000000-").await.status, 416);
    assert_eq!(asked(&world), ["bytes=1000000-1099999 -"]);
}

#[tokio::test(start_paused = true)]
async fn section_3_4_parts_are_combined_and_only_what_is_missing_is_asked_for() {
    let page = fresh("1");
    let world = world(&page);
    range(&world, "bytes=1000000-1999999").await;
    range(&world, "bytes=3000000-3099999").await;
    world.passes(1).await;
    let within = range(&world, "bytes=1900000-3099999").await;
    is_part(&within, &page, 1_900_000, 3_099_999);
    assert_eq!(within.cache_status(), "Sockets;fwd=partial;stored");
    world.passes(1).await;
    let answer = world.get("/").await;
    assert!(answer.body.unwrap() == page.body);
    let tag = "\"1\"";
    let rest = [
        "bytes=1000000-1999999 -".to_owned(),
        format!("bytes=3000000-3099999 {tag}"),
        format!("bytes=2000000-2999999 {tag}"),
        format!("bytes=0-999999 {tag}"),
        format!("bytes=3100000-3999999 {tag}"),
    ];
    assert_eq!(asked(&world), rest);
    assert_eq!(world.network.bytes_sent(ORIGIN), LENGTH as u64);
    assert!(world.get("/").await.cache_status().starts_with("Sockets;hit;ttl="));
    assert_eq!(world.files(), ["o.test:8000/^index"]);
}

#[tokio::test(start_paused = true)]
async fn section_3_4_a_part_that_is_added_updates_the_stored_fields() {
    let world = world(&fresh("1").with("x-mark", "first").with("x-once", "kept"));
    range(&world, "bytes=0-999999").await;
    world.passes(100).await;
    let page = large("1").with("cache-control", "max-age=50").with("x-mark", "second");
    world.pages.put("/", page.clone());
    assert!(world.get("/").await.body.unwrap() == page.body);
    let hit = world.get("/").await;
    // What the second part says is in the place of what the first one said; what it is silent of stays.
    assert_eq!((hit.field("x-mark"), hit.field("x-once")), (Some("second"), Some("kept")));
    assert_eq!((hit.status, hit.field("content-range")), (200, None));
    assert_eq!(hit.field("cache-control"), Some("max-age=50"));
    world.passes(60).await;
    assert!(
        world.get("/").await.cache_status().starts_with("Sockets;fwd=stale"),
        "after 50 seconds, not 86400"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_all_have_left_keeps_what_it_has_and_is_completed_later() {
    let page = large("1");
    let world = world(&page);
    let mut response = world.begin("GET", "/", &[], "").await.unwrap();
    take(&mut response, 1_000_000).await;
    drop(response);
    world.passes(60).await;
    let sent = world.network.bytes_sent(ORIGIN);
    assert!((1_000_000..1_100_000).contains(&sent), "{sent}");
    assert_eq!(world.cache.fetches(), 0);
    let world = world.restart().await;
    // Without freshness it is validated first (RFC 9111 §4.3.1).
    let answer = world.get("/").await;
    assert_eq!(answer.cache_status(), "Sockets;fwd=partial;stored");
    assert!(answer.body.unwrap() == page.body);
    let asked = asked(&world);
    assert_eq!(asked[..2], ["- -", "- -"]);
    let rest = asked[2].strip_prefix("bytes=").unwrap().strip_suffix("-3999999 \"1\"").unwrap();
    assert!((sent - 2000..=sent).contains(&rest.parse().unwrap()), "{rest} of {sent}");
    assert_eq!(asked.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_is_cut_goes_on_where_it_stopped_and_nobody_notices() {
    for page in [large("1"), large("1").chunked()] {
        let world = Arc::new(world(&page));
        world.network.set_link(ORIGIN, Link { fault: Fault::Cut(1_500_000), ..slow() });
        let asking: Vec<_> = (0..5)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.get("/").await })
            })
            .collect();
        for asked in asking {
            assert!(asked.await.unwrap().body.unwrap() == page.body);
        }
        assert_eq!(world.network.bytes_sent(ORIGIN), LENGTH as u64);
        assert_eq!(world.asked(), 3);
        assert_eq!(world.files(), ["o.test:8000/^index"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_after_which_there_is_another_version_breaks_off_and_never_mixes() {
    let old = large("1");
    let world = world(&old);
    world.network.set_link(ORIGIN, Link { fault: Fault::Cut(1_500_000), ..slow() });
    let response = world.begin("GET", "/", &[], "").await.unwrap();
    let new = large("22");
    world.pages.put("/", new.clone());
    world.passes(20).await;
    world.network.set_link(ORIGIN, Link::default());
    assert!(read(response).await.unwrap().body.is_err());
    let answer = world.get("/").await;
    assert!(answer.body.as_ref().unwrap() == &new.body);
    assert_eq!(answer.field("etag"), Some("\"22\""));
}

#[tokio::test(start_paused = true)]
async fn a_far_range_that_finds_another_version_is_answered_out_of_that_one() {
    let old = large("1");
    let world = world(&old);
    let filling = world.begin("GET", "/", &[], "").await.unwrap();
    drop(filling);
    let kept = fresh("1");
    world.pages.put("/", kept.clone());
    is_part(&range(&world, "bytes=0-99").await, &kept, 0, 99);
    let new = fresh("22");
    world.pages.put("/", new.clone());
    // Fresh by what it said, but gone: what is missing can only be had of the new one.
    is_part(&range(&world, "bytes=3000000-3000099").await, &new, 3_000_000, 3_000_099);
    is_part(&range(&world, "bytes=0-99").await, &new, 0, 99);
}

#[tokio::test(start_paused = true)]
async fn section_14_2_an_origin_without_ranges_gives_the_whole_and_the_range_is_cut_out_of_it() {
    let page = Page { is_ranged: false, ..large("1") };
    let world = world(&page);
    let began = world.clock.now();
    is_part(&range(&world, "bytes=500000-500099").await, &page, 500_000, 500_099);
    let took = world.clock.now().duration_since(began).unwrap();
    assert!((5..7).contains(&took.as_secs()), "{took:?}");
    let world = Arc::new(world);
    let filling = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.get("/").await }
    });
    world.passes(1).await;
    is_part(&range(&world, "bytes=1500000-1500099").await, &page, 1_500_000, 1_500_099);
    assert!(filling.await.unwrap().body.unwrap() == page.body);
    let whole = asked(&world).iter().filter(|asked| *asked == "- -").count();
    assert!(world.asked() <= 3 && whole == 1, "{:?}", asked(&world));
}

#[tokio::test(start_paused = true)]
async fn section_15_3_7_several_ranges_of_what_is_not_there_are_fetched_each() {
    let page = large("1");
    let world = world(&page);
    let answer = range(&world, "bytes=0-9,3000000-3000009").await;
    assert_eq!(answer.status, 206);
    let body = answer.body.as_ref().unwrap();
    for part in [&page.body[0..10], &page.body[3_000_000..3_000_010]] {
        assert!(body.windows(part.len()).any(|window| window == part));
    }
    assert_eq!(asked(&world), ["bytes=0-9 -", "bytes=3000000-3000009 \"1\""]);
}

#[tokio::test(start_paused = true)]
async fn section_15_5_17_a_range_past_the_end_is_a_416_wherever_it_is_found() {
    let page = large("1");
    let world = world(&page);
    assert_eq!(range(&world, "bytes=4000000-").await.status, 416);
    let filling = world.begin("GET", "/", &[], "").await.unwrap();
    let answer = range(&world, "bytes=4000000-").await;
    assert_eq!((answer.status, answer.field("content-range")), (416, Some("bytes */4000000")));
    drop(filling);
}

#[tokio::test(start_paused = true)]
async fn section_13_1_5_if_range_decides_between_a_part_and_the_whole() {
    let page = large("1");
    let world = world(&page);
    let other = world.get_with("/", &[("range", "bytes=0-9"), ("if-range", "\"0\"")]).await;
    assert!(other.status == 200 && other.body.unwrap() == page.body);
    let world = self::world(&page);
    let same = world.get_with("/", &[("range", "bytes=0-9"), ("if-range", "\"1\"")]).await;
    is_part(&same, &page, 0, 9);
}

#[tokio::test(start_paused = true)]
async fn a_part_without_a_strong_validator_goes_through_and_is_not_kept() {
    let page = Page { lines: Vec::new(), ..large("1") }.with("etag", "W/\"1\"");
    let world = world(&page);
    for _ in 0..2 {
        let answer = range(&world, "bytes=0-9").await;
        is_part(&answer, &page, 0, 9);
        assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;detail=particular");
    }
    assert_eq!(world.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn many_ranges_at_once_of_what_is_not_there_are_each_fetched_once() {
    let page = large("1");
    let world = Arc::new(world(&page));
    let asking: Vec<_> = (0..40_usize)
        .map(|number| {
            let (world, page) = (Arc::clone(&world), page.clone());
            tokio::spawn(async move {
                let first = (number % 20) * 10_000;
                let answer = range(&world, &format!("bytes={first}-{}", first + 9_999)).await;
                is_part(&answer, &page, first, first + 9_999);
            })
        })
        .collect();
    for asked in asking {
        asked.await.unwrap();
    }
    assert_eq!(world.network.bytes_sent(ORIGIN), 200_000);
}

#[tokio::test(start_paused = true)]
async fn offline_what_is_there_answers_and_nothing_else_is_asked_for() {
    let mut world = World::new();
    world.pages.put("/", large("1"));
    world.pages.put("/strict", large("1").with("cache-control", "must-revalidate"));
    world.get("/strict").await;
    range(&world, "bytes=0-999").await;
    world.config.is_offline = true;
    let world = world.settled().await.restart().await;
    let asked = world.asked();
    world.passes(5).await;
    is_part(&range(&world, "bytes=10-19").await, &large("1"), 10, 19);
    for (path, lines) in
        [("/", &[][..]), ("/strict", &[]), ("/other", &[]), ("/", &[("cache-control", "no-cache")])]
    {
        assert_eq!(world.get_with(path, lines).await.status, 504, "{path}");
    }
    assert_eq!(world.ask("POST", "/", &[], "x").await.unwrap().status, 504);
    assert_eq!(world.asked(), asked);
}
