use std::time::Duration;

use bytes::Bytes;
use message::header::ETAG;
use message::{Fields, HeaderName, HeaderValue, StatusCode};
use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::config::Config;
use crate::policy::vary::Selecting;
use crate::stored::StoredResponse;

/// When everything was received, and when it is purged.
const RECEIVED: SystemTime = SystemTime::UNIX_EPOCH;
const PURGED: Duration = Duration::from_secs(100);

fn open(memory: u64) -> (TempDir, Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Config { memory, ..Config::new(dir.path()) }).unwrap();
    (dir, Arc::new(store))
}

fn key(path: &str) -> CacheKey {
    CacheKey::parse(&format!("http://a{path}")).unwrap()
}

fn head(lines: &[(&'static str, &str)]) -> StoredResponse {
    let mut fields = Fields::new();
    fields.set(ETAG, HeaderValue::from_static("\"1\""));
    fields.set(HeaderName::from_static("cache-control"), HeaderValue::from_static("max-age=1000"));
    for (name, value) in lines {
        fields.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    let rules = Config::new("").rules;
    StoredResponse::new(StatusCode::OK, fields, Selecting::default(), RECEIVED, RECEIVED, &rules)
}

async fn put(store: &Arc<Store>, path: &str, lines: &[(&'static str, &str)]) {
    store.put(key(path), Bytes::from(path.to_owned()), head(lines), || true).await.unwrap();
}

/// Whether it is stored, and fresh.
async fn fresh(store: &Arc<Store>, path: &str) -> Option<bool> {
    let variants = store.lookup(&key(path)).await;
    variants.first().map(|entry| entry.response.freshness.is_fresh(RECEIVED + PURGED))
}

async fn town(memory: u64) -> (TempDir, Arc<Store>) {
    let (dir, store) = open(memory);
    for (path, tags) in [("/a/1", "x y"), ("/a/2", "y"), ("/ab", "xy"), ("/b/1", "x"), ("/a", "")] {
        put(&store, path, &[("surrogate-key", tags)]).await;
    }
    (dir, store)
}

fn selections() -> [(Selection, &'static [&'static str]); 7] {
    [
        (Selection::Key(key("/a")), &["/a"]),
        (Selection::Key(key("/nothing")), &[]),
        (Selection::Prefix("http://a/a/".into()), &["/a/1", "/a/2"]),
        (Selection::Prefix("http://a/a".into()), &["/a", "/a/1", "/a/2", "/ab"]),
        (Selection::Tag("x".into()), &["/a/1", "/b/1"]),
        (Selection::Tag("xyz".into()), &[]),
        (Selection::Prefix(String::new()), &["/a", "/a/1", "/a/2", "/ab", "/b/1"]),
    ]
}

#[tokio::test]
async fn what_is_selected_goes_or_is_stale_and_nothing_else() {
    for memory in [0, 1 << 30] {
        for (selection, expected) in selections() {
            for fate in [Fate::Gone, Fate::Stale] {
                let (dir, store) = town(memory).await;
                let purged = store.purge(selection.clone(), fate, RECEIVED + PURGED).await;
                assert_eq!(purged, expected.len(), "{selection:?}");
                for path in ["/a", "/a/1", "/a/2", "/ab", "/b/1"] {
                    let outcome = if fate == Fate::Gone { None } else { Some(false) };
                    let outcome = if expected.contains(&path) { outcome } else { Some(true) };
                    assert_eq!(fresh(&store, path).await, outcome, "{selection:?} {fate:?}: {path}");
                }
                let left = if fate == Fate::Gone { 5 - expected.len() } else { 5 };
                assert_eq!(store.used(), u64::try_from(left).unwrap() * 4096);
                store.close().await;
                drop(store);
                let store = Arc::new(Store::open(&Config { memory, ..Config::new(dir.path()) }).unwrap());
                for path in expected {
                    let outcome = if fate == Fate::Gone { None } else { Some(false) };
                    assert_eq!(fresh(&store, path).await, outcome, "after a restart");
                }
            }
        }
    }
}

#[tokio::test]
async fn tags_are_those_of_the_response_as_it_is_now() {
    let (_dir, store) = open(1 << 30);
    put(&store, "/a", &[("cache-tag", "old, both")]).await;
    put(&store, "/a", &[("cache-tag", "both, new")]).await;
    let purge = |tag: &str| store.purge(Selection::Tag(tag.into()), Fate::Stale, RECEIVED + PURGED);
    assert_eq!((purge("old").await, purge("both").await, purge("new").await), (0, 1, 1));
    // A 304 brings others.
    let entry = Arc::clone(&store.lookup(&key("/a")).await[0]);
    store.refresh(&key("/a"), &entry, head(&[("cache-tag", "newer")])).await;
    assert_eq!((purge("new").await, purge("newer").await), (0, 1));
}

#[tokio::test]
async fn ten_thousand_are_purged_at_once() {
    for (selection, fate) in [
        (Selection::Prefix("http://a/many/".into()), Fate::Gone),
        (Selection::Tag("many".into()), Fate::Gone),
        (Selection::Tag("many".into()), Fate::Stale),
    ] {
        let (dir, store) = open(1 << 30);
        let mut putting = tokio::task::JoinSet::new();
        for number in 0..10_000 {
            let store = Arc::clone(&store);
            putting.spawn(
                async move { put(&store, &format!("/many/{number}"), &[("xkey", "many other")]).await },
            );
            if putting.len() >= 64 {
                putting.join_next().await;
            }
        }
        putting.join_all().await;
        put(&store, "/few", &[("xkey", "other")]).await;
        store.flush().await;
        let start = Instant::now();
        assert_eq!(store.purge(selection.clone(), fate, RECEIVED + PURGED).await, 10_000);
        println!("{selection:?} {fate:?}: {:?}", start.elapsed());
        assert_eq!(fresh(&store, "/few").await, Some(true));
        if fate == Fate::Gone {
            assert_eq!(store.used(), 4096);
            assert!(!dir.path().join("a/many").exists());
        }
    }
}
