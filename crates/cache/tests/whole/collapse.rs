//! One fetch for many, each of whom reads at his own speed.

use std::sync::Arc;
use std::time::Duration;

use crate::world::{Answer, ORIGIN, Page, World, pattern, read};
use lab::{Fault, Link, body_bytes};
use message::{Body, FailureKind, Response, Segment};

const LARGE: usize = 1_000_000;

fn large() -> Page {
    Page::new(pattern(LARGE)).with("etag", "\"1\"")
}

/// A link on which [`LARGE`] bytes take ten seconds.
fn slow() -> Link {
    Link { latency: Duration::from_millis(50), ..Link::of_bandwidth(100_000) }
}

async fn all_at_once(world: &Arc<World>, path: &'static str, many: usize) -> Vec<Answer> {
    let asking: Vec<_> = (0..many)
        .map(|_| {
            let world = Arc::clone(world);
            tokio::spawn(async move { world.get(path).await })
        })
        .collect();
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap());
    }
    answers
}

/// Reads at least `want` bytes of a body.
async fn take(response: &mut Response, want: u64) -> u64 {
    let mut got = 0;
    while let Body::Stream(stream) = &mut response.body
        && got < want
    {
        got += stream.next().await.unwrap().unwrap().len();
    }
    got
}

#[tokio::test(start_paused = true)]
async fn a_hundred_askers_are_one_fetch() {
    for (page, is_chunked) in [(large(), false), (large().chunked(), true), (Page::new("small"), false)] {
        let world = Arc::new(World::new());
        world.network.set_link(ORIGIN, slow());
        world.pages.put("/", page.clone());
        let answers = all_at_once(&world, "/", 100).await;
        assert_eq!(world.asked(), 1, "chunked: {is_chunked}");
        let collapsed =
            answers.iter().filter(|a| a.cache_status() == "Sockets;fwd=uri-miss;collapsed;stored");
        assert_eq!(collapsed.count(), 99);
        for answer in &answers {
            assert!(answer.body.as_ref().unwrap() == &page.body);
        }
        assert_eq!(
            world.file("^index").map(|text| text.len()),
            None.or(Some(page.body.len())).filter(|_| page.body.is_ascii())
        );
        assert_eq!(world.temporaries(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_askers_of_something_stale_are_one_validation() {
    let world = Arc::new(World::new());
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large());
    world.get("/").await;
    for answer in all_at_once(&world, "/", 100).await {
        assert_eq!(answer.body.unwrap().len(), LARGE);
    }
    assert_eq!(world.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn section_5_2_2_4_what_says_no_cache_is_validated_for_each() {
    let world = Arc::new(World::new());
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", Page::new("small").with("etag", "\"1\"").with("cache-control", "no-cache"));
    assert_eq!(all_at_once(&world, "/", 10).await.len(), 10);
    assert_eq!(world.asked(), 10);
    all_at_once(&world, "/", 10).await;
    assert_eq!(world.asked(), 20);
    assert_eq!(world.network.bytes_sent(ORIGIN), 10 * 5);
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_gets_at_once_what_is_there() {
    let world = World::new();
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large());
    let first = world.begin("GET", "/", &[], "").await.unwrap();
    world.passes(5).await;
    let began = world.clock.now();
    let mut late = world.begin("GET", "/", &[], "").await.unwrap();
    assert!(take(&mut late, 1).await > 400_000);
    assert!(world.clock.now().duration_since(began).unwrap() < Duration::from_millis(10));
    assert_eq!(late.fields.text(&message::header::AGE), Some("5"));
    drop(late);
    assert!(read(first).await.unwrap().body.unwrap() == pattern(LARGE));
    assert_eq!(world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_holds_up_nobody() {
    let world = World::new();
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large());
    let idle = world.begin("GET", "/", &[], "").await.unwrap();
    let began = world.clock.now();
    let quick = world.get("/").await;
    assert!(quick.body.unwrap() == pattern(LARGE));
    assert!(world.clock.now().duration_since(began).unwrap() < Duration::from_secs(11));
    world.passes(3600).await;
    assert!(body_bytes(idle.body).await.unwrap() == pattern(LARGE), "and he misses nothing");
}

#[tokio::test(start_paused = true)]
async fn pieces_are_of_the_file_so_that_memory_stays_flat() {
    let world = World::new();
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large());
    let response = world.begin("GET", "/", &[], "").await.unwrap();
    assert_eq!(response.body.length(), Some(LARGE as u64));
    let mut stream = response.body.into_stream();
    while let Some(segment) = stream.next().await {
        assert!(matches!(segment.unwrap(), Segment::File(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_cut_breaks_off_for_everybody_and_is_not_stored() {
    let world = Arc::new(World::new());
    for page in [large(), large().chunked()] {
        world.pages.put("/", page);
        world.network.set_link(ORIGIN, Link { fault: Fault::Cut(600_000), ..slow() });
        for answer in all_at_once(&world, "/", 5).await {
            assert_eq!(answer.body.unwrap_err().kind(), FailureKind::HttpResponseIncomplete);
        }
        assert!(world.files().is_empty());
        assert_eq!(world.temporaries(), 0);
        assert_eq!(world.cache.disk_used(), 0);
        world.network.set_link(ORIGIN, slow());
        assert!(world.get("/").await.body.unwrap() == pattern(LARGE));
        assert_eq!(world.ask("DELETE", "/", &[], "").await.unwrap().status, 200);
        world.cache.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_body_that_is_cut_is_no_answer() {
    let world = World::new();
    world.pages.put("/", Page::new("small").with("etag", "\"1\""));
    world.network.set_fault(ORIGIN, Fault::Cut(3));
    match world.ask("GET", "/", &[], "").await {
        Ok(answer) => assert_eq!(answer.body.unwrap_err().kind(), FailureKind::HttpResponseIncomplete),
        Err(failure) => assert_eq!(failure.kind(), FailureKind::HttpResponseIncomplete),
    }
    assert!(world.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_everybodys() {
    let world = Arc::new(World::new());
    world.network.set_link(ORIGIN, Link { fault: Fault::Fail(FailureKind::HttpResponseTimeout), ..slow() });
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.ask("GET", "/", &[], "").await.unwrap_err().kind() })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), FailureKind::HttpResponseTimeout);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_shared_is_fetched_by_each_and_soon_without_waiting() {
    let world = Arc::new(World::new());
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", Page::new("mine").with("cache-control", "private"));
    let began = world.clock.now();
    for answer in all_at_once(&world, "/", 10).await {
        assert_eq!((answer.text(), answer.cache_status()), ("mine", "Sockets;fwd=uri-miss;detail=private"));
    }
    assert_eq!(world.asked(), 10);
    let first_round = world.clock.now().duration_since(began).unwrap();
    let began = world.clock.now();
    all_at_once(&world, "/", 10).await;
    let second_round = world.clock.now().duration_since(began).unwrap();
    assert!(first_round >= Duration::from_millis(100), "one after the other: {first_round:?}");
    assert!(second_round < Duration::from_millis(60), "side by side: {second_round:?}");
}

#[tokio::test(start_paused = true)]
async fn section_4_1_who_asks_for_another_variant_does_not_join() {
    let world = Arc::new(World::new());
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large().with("vary", "accept-language"));
    let asking: Vec<_> = ["de", "en", "de", "en"]
        .into_iter()
        .map(|language| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.get_with("/", &[("accept-language", language)]).await })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap().body.unwrap().len(), LARGE);
    }
    let languages: Vec<_> = world.network.log(ORIGIN).iter().map(|seen| seen.fields.clone()).collect();
    assert!(languages.len() < 4 && languages.len() >= 2, "{}", languages.len());
    assert_eq!(world.files().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_without_its_client_if_little_is_missing_and_stops_else() {
    for (finish_under, files) in [(10_000_000, 1), (100_000, 0)] {
        let world = World::with(|config| config.finish_under = finish_under);
        world.network.set_link(ORIGIN, slow());
        world.pages.put("/", large());
        let mut response = world.begin("GET", "/", &[], "").await.unwrap();
        take(&mut response, 200_000).await;
        drop(response);
        world.passes(20).await;
        world.cache.close().await;
        assert_eq!(world.files().len(), files);
        assert_eq!(world.network.bytes_sent(ORIGIN) == LARGE as u64, files == 1);
        assert_eq!(world.temporaries(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_invalidated_while_it_arrives_is_not_stored() {
    let world = World::new();
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large().with("cache-control", "max-age=60"));
    let response = world.begin("GET", "/", &[], "").await.unwrap();
    world.pages.put("/other", Page::new("ok").with("content-location", "/"));
    world.ask("POST", "/other", &[], "change").await.unwrap();
    assert_eq!(read(response).await.unwrap().body.unwrap().len(), LARGE, "who has it gets it");
    assert!(world.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_outgrows_the_cache_reaches_all_its_readers_all_the_same() {
    let world = World::with(|config| config.size = 300_000);
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large().chunked());
    let world = Arc::new(world);
    let idle = world.begin("GET", "/", &[], "").await.unwrap();
    let reader = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.get("/").await.body.unwrap() }
    });
    world.passes(4).await;
    // From here on the idle one holds the other up, but loses nothing.
    assert!(body_bytes(idle.body).await.unwrap() == pattern(LARGE));
    assert!(reader.await.unwrap() == pattern(LARGE));
    assert_eq!(world.asked(), 1);
    assert!(world.files().is_empty());
    world.passes(1).await; // what nobody reads any more goes
    assert_eq!((world.temporaries(), world.cache.disk_used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_what_outgrows_the_cache_is_left_behind() {
    let world = World::with(|config| config.size = 300_000);
    world.network.set_link(ORIGIN, slow());
    world.pages.put("/", large().chunked());
    let idle = world.begin("GET", "/", &[], "").await.unwrap();
    let quick = world.begin("GET", "/", &[], "").await.unwrap();
    assert!(body_bytes(quick.body).await.unwrap() == pattern(LARGE));
    let failure = body_bytes(idle.body).await.map(|body| body.len()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::HttpResponseIncomplete);
    assert_eq!(world.asked(), 1);
}
