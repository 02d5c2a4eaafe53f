//! What is stored, and what becomes of it when things go wrong.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::world::{ORIGIN, Page, World, pattern};
use cache::{Admission, Cache, OpenFault};
use lab::Link;

fn fresh(body: &str) -> Page {
    Page::new(body.to_owned()).with("etag", &format!("\"{body}\"")).with("cache-control", "max-age=86400")
}

fn large(seed: usize) -> Page {
    Page::new(pattern(200_000 + seed))
        .with("etag", &format!("\"{seed}\""))
        .with("cache-control", "max-age=86400")
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_is_a_hit_after_a_restart() {
    let world = World::new();
    world.pages.put("/small", fresh("small"));
    world.pages.put("/large", large(0));
    world.pages.put("/empty", fresh(""));
    for path in ["/small", "/large", "/empty"] {
        world.get(path).await;
    }
    let world = world.restart().await;
    for (path, len) in [("/small", 5), ("/large", 200_000), ("/empty", 0)] {
        let answer = world.get(path).await;
        assert_eq!(
            (answer.cache_status(), answer.body.as_ref().unwrap().len()),
            ("Sockets;hit;ttl=86400", len)
        );
    }
    assert_eq!(world.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn memory_that_is_too_small_for_anything_costs_no_hit() {
    let world = World::with(|config| config.memory = 0);
    for number in 0..20 {
        world.pages.put(&format!("/{number}"), fresh(&number.to_string()));
        world.get(&format!("/{number}")).await;
    }
    world.cache.close().await;
    for number in 0..20 {
        let answer = world.get(&format!("/{number}")).await;
        assert_eq!((answer.text(), answer.cache_status()), (&*number.to_string(), "Sockets;hit;ttl=86400"));
    }
}

/// The cache's directory as it is at this moment, to be opened as after a kill: bodies are the same files,
/// the index is what is on the disk.
fn as_killed(world: &World) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_tree(world.dir.path(), copy.path());
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy_tree(&from, &to);
        } else if from.extension().is_some_and(|extension| extension == "redb") {
            fs::copy(&from, &to).unwrap();
        } else {
            fs::hard_link(&from, &to).unwrap();
        }
    }
}

fn revived(world: &World, dir: &tempfile::TempDir) -> Cache<lab::Client> {
    let config = cache::Config { dir: dir.path().to_owned(), ..world.config.clone() };
    Cache::open(config, world.network.client()).unwrap()
}

async fn get(world: &World, cache: &Cache<lab::Client>, path: &str) -> crate::world::Answer {
    let request = world.request("GET", path, &[], "");
    crate::world::read(message::Service::call(cache, request).await.unwrap()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_moment_everything_is_whole_or_a_miss() {
    let world = World::new();
    for number in 0..8 {
        world.pages.put(&format!("/{number}"), large(number));
        if number == 4 {
            world.cache.close().await; // what came before is on the disk from here on
        }
        // Every second one is still arriving at the moment of the kill.
        let response = world.begin("GET", &format!("/{number}"), &[], "").await.unwrap();
        if number % 2 == 0 {
            crate::world::read(response).await.unwrap();
        }
        let dir = as_killed(&world);
        let cache = revived(&world, &dir);
        assert_eq!(fs::read_dir(dir.path().join(".sockets/tmp")).unwrap().count(), 0);
        for other in 0..=number {
            let answer = get(&world, &cache, &format!("/{other}")).await;
            assert!(answer.body.as_ref().unwrap() == &pattern(200_000 + other));
            if number >= 4 && other < 4 && other % 2 == 0 {
                assert_eq!(answer.cache_status(), "Sockets;hit;ttl=86400", "{other} at {number}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_the_body_and_its_record_leaves_the_old_record_without_a_body() {
    let world = World::new();
    world.pages.put("/", fresh("old"));
    world.get("/").await;
    world.cache.close().await;
    let dir = as_killed(&world);
    // The new body is in its place, its record is not.
    let body = dir.path().join(ORIGIN).join("^index");
    fs::write(body.with_extension("new"), "new").unwrap();
    fs::rename(body.with_extension("new"), &body).unwrap();
    let cache = revived(&world, &dir);
    let answer = get(&world, &cache, "/").await;
    assert_eq!((answer.text(), answer.cache_status()), ("old", "Sockets;fwd=uri-miss;stored"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_somebody_touched_is_fetched_again() {
    type Touch = fn(&Path);
    let touches: [(&str, Touch); 4] = [
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("cut", |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(2).unwrap()),
        ("appended to", |path| {
            fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
        }),
        ("replaced", |path| {
            let content = fs::read(path).unwrap();
            fs::write(path.with_extension("new"), content).unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }),
    ];
    for (what, touch) in touches {
        for (is_restarted, page) in
            [(false, fresh("small")), (true, fresh("small")), (false, large(0)), (true, large(0))]
        {
            let mut world = World::new();
            world.pages.put("/x.txt", page.clone());
            world.get("/x.txt").await;
            if is_restarted {
                world = world.restart().await;
            }
            // So often that it is known to be there, and would not be looked at if nothing happened.
            for _ in 0..4 {
                assert!(world.get("/x.txt").await.cache_status().starts_with("Sockets;hit"), "{what}");
            }
            touch(&world.dir.path().join(ORIGIN).join("x.txt"));
            let answer = world.get("/x.txt").await;
            assert!(answer.body.as_ref().unwrap() == &page.body, "{what}");
            assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;stored", "{what}");
            assert_eq!(world.get("/x.txt").await.cache_status(), "Sockets;hit;ttl=86400", "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_quota_holds_and_what_was_used_stays() {
    const SIZE: u64 = 20 * 204_800;
    let world = World::with(|config| config.size = SIZE);
    for number in 0..60 {
        let path = format!("/{number}");
        world.pages.put(&path, large(number));
        let answer = world.get(&path).await;
        assert_eq!(answer.body.as_ref().unwrap().len(), 200_000 + number);
        assert!(world.cache.disk_used() <= SIZE, "{number}");
        if answer.cache_status().ends_with("not-admitted") {
            assert_eq!(world.get(&path).await.cache_status(), "Sockets;fwd=uri-miss;stored");
            assert!(world.cache.disk_used() <= SIZE, "{number}");
        }
        assert_eq!(world.get("/0").await.cache_status(), "Sockets;hit;ttl=86400", "it is used all the time");
    }
    world.cache.close().await;
    let bytes: u64 =
        world.files().iter().map(|f| fs::metadata(world.dir.path().join(f)).unwrap().len()).sum();
    assert!(bytes <= SIZE && bytes > SIZE / 2, "{bytes}");
    assert!(world.asked() < 120, "what had room was stored at once");
    assert_eq!(world.get("/59").await.cache_status(), "Sockets;hit;ttl=86400");
    assert_eq!(world.get("/1").await.cache_status(), "Sockets;fwd=uri-miss;stored");
}

/// Bytes of disk that all files below a directory take.
fn on_disk(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().filter_map(Result::ok);
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => on_disk(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0, // it has just gone
    });
    sizes.sum()
}

#[tokio::test(start_paused = true)]
async fn the_quota_holds_for_bodies_and_index_together() {
    const SIZE: u64 = 4 << 20;
    let world = World::with(|config| (config.size, config.admission) = (SIZE, Admission::Always));
    for number in 0..600 {
        let path = format!("/{number}?{}", "q".repeat(100));
        world.pages.put(&path, Page::new("x".repeat(number * 70)).with("cache-control", "max-age=86400"));
        assert_eq!(world.get(&path).await.body.unwrap().len(), number * 70);
        let taken = on_disk(world.dir.path());
        assert!(taken <= SIZE, "{number}: {taken}");
    }
    assert!(world.cache.disk_used() > SIZE / 2 && world.cache.statistics().index > 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_once_pushes_nothing_out_and_the_second_request_stores_it() {
    const SIZE: u64 = 20 * 204_800;
    let world = World::with(|config| config.size = SIZE);
    world.pages.put("/small", fresh("small"));
    world.get("/small").await;
    for number in 0..30 {
        world.pages.put(&format!("/{number}"), large(number));
        let stored = world.files().len();
        let answer = world.get(&format!("/{number}")).await;
        let status = answer.cache_status();
        if number < 14 {
            assert_eq!(status, "Sockets;fwd=uri-miss;stored", "{number}");
        } else if number > 20 {
            assert_eq!(status, "Sockets;fwd=uri-miss;detail=not-admitted", "{number}");
            assert!(world.files().len() <= stored, "it is not on the disk for a moment");
        }
    }
    assert_eq!(world.get("/small").await.cache_status(), "Sockets;hit;ttl=86400");
    assert_eq!(world.get("/29").await.cache_status(), "Sockets;fwd=uri-miss;stored");
    assert_eq!(world.get("/29").await.cache_status(), "Sockets;hit;ttl=86400");
    assert!(world.cache.disk_used() <= SIZE);
}

#[tokio::test(start_paused = true)]
async fn what_several_ask_for_at_once_is_fetched_once_and_stored_whether_the_cache_is_full_or_not() {
    let world = World::with(|config| config.size = 20 * 204_800);
    for number in 0..20 {
        world.pages.put(&format!("/{number}"), large(number));
        world.get(&format!("/{number}")).await;
    }
    let before = world.asked();
    world.pages.put("/new", large(1));
    // So that the second has come when the answer to the first does.
    world.network.set_link(ORIGIN, Link { latency: Duration::from_millis(1), ..Link::default() });
    let (one, other) = tokio::join!(world.get("/new"), world.get("/new"));
    assert!(one.body.unwrap() == large(1).body && other.body.unwrap() == large(1).body);
    assert_eq!(world.asked(), before + 1);
    assert!(world.get("/new").await.cache_status().starts_with("Sockets;hit;"));
}

#[tokio::test(start_paused = true)]
async fn a_smaller_quota_after_a_restart_holds_too() {
    let mut world = World::new();
    for number in 0..10 {
        world.pages.put(&format!("/{number}"), large(number));
        world.get(&format!("/{number}")).await;
    }
    world.config.size = 3 * 204_800;
    let world = world.restart().await;
    world.cache.close().await;
    assert!(world.cache.disk_used() <= world.config.size);
    assert!(world.files().len() <= 3 && !world.files().is_empty(), "{:?}", world.files());
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_the_cache_passes_through_it() {
    let world = World::with(|config| config.size = 100_000);
    world.pages.put("/", large(0));
    let answer = world.get("/").await;
    assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;detail=too-large");
    assert!(answer.body.unwrap() == pattern(200_000));
    assert!(world.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_costs_hits_and_no_answers() {
    let world = World::new();
    let tmp = world.dir.path().join(".sockets/tmp");
    fs::remove_dir(&tmp).unwrap();
    world.pages.put("/small", fresh("small"));
    world.pages.put("/large", large(0));
    for (path, len) in [("/small", 5), ("/large", 200_000), ("/small", 5), ("/large", 200_000)] {
        let answer = world.get(path).await;
        assert_eq!(answer.cache_status(), "Sockets;fwd=uri-miss;detail=store-failed");
        assert_eq!((answer.status, answer.body.unwrap().len()), (200, len));
    }
    assert!(world.files().is_empty());
    fs::create_dir(&tmp).unwrap();
    world.passes(2).await;
    assert_eq!(world.get("/large").await.cache_status(), "Sockets;fwd=uri-miss;stored");
    assert_eq!(world.get("/large").await.cache_status(), "Sockets;hit;ttl=86400");
}

#[tokio::test(start_paused = true)]
async fn a_second_cache_in_the_same_directory_is_told_so() {
    let world = World::new();
    let fault = Cache::open(world.config.clone(), world.network.client()).unwrap_err();
    assert!(matches!(fault, OpenFault::InUse { .. }));
    assert!(fault.to_string().contains("another cache is using this directory"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_can_not_be_is_named() {
    let world = World::new();
    let config = cache::Config { dir: "/dev/null/x".into(), ..world.config.clone() };
    let fault = Cache::open(config, world.network.client()).unwrap_err();
    assert!(fault.to_string().starts_with("/dev/null/x: "), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn an_index_that_can_not_be_read_is_set_aside() {
    let world = World::new();
    world.pages.put("/", fresh("1"));
    world.get("/").await;
    world.cache.close().await;
    let dir = as_killed(&world);
    fs::write(dir.path().join(".sockets/index.redb"), "nonsense").unwrap();
    let cache = revived(&world, &dir);
    let answer = get(&world, &cache, "/").await;
    assert_eq!((answer.text(), answer.cache_status()), ("1", "Sockets;fwd=uri-miss;stored"));
    assert!(dir.path().join(".sockets/index.unreadable").exists());
}

#[tokio::test(start_paused = true)]
async fn pages_with_awkward_names_each_have_their_own_file() {
    let world = World::new();
    let long = format!("/{}", "x".repeat(3000));
    let paths = [
        "/",
        "/a",
        "/a/",
        "/a/b",
        "/a/b/c",
        "/a?b",
        "/A",
        "/..",
        "/../a",
        "//",
        "/%2e%2e/a",
        "/^index",
        "/a^qb",
        &long,
    ];
    for path in paths {
        world.pages.put(path, fresh(&format!("at {}", path.get(..9).unwrap_or(path))));
        world.get(path).await;
    }
    assert_eq!(world.files().len(), paths.len());
    let world = world.restart().await;
    for path in paths {
        let answer = world.get(path).await;
        assert_eq!(answer.text(), format!("at {}", path.get(..9).unwrap_or(path)));
        assert_eq!(answer.cache_status(), "Sockets;hit;ttl=86400", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_at_once_all_find_their_place() {
    let world = Arc::new(World::with(|config| config.size = 2_000_000));
    let asking: Vec<_> = (0..200)
        .map(|number| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let path = format!("/{}", number % 20);
                world.pages.put(&path, large(number % 20));
                let answer = world.get(&path).await;
                assert!(answer.body.unwrap() == pattern(200_000 + number % 20));
            })
        })
        .collect();
    for asked in asking {
        asked.await.unwrap();
    }
    world.cache.close().await;
    assert!(world.cache.disk_used() <= 2_000_000);
    assert_eq!(world.temporaries(), 0);
}
