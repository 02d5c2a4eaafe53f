use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::testing::{Fixture, get, later};

/// Whether the next request for a file would be answered without a look at it.
fn is_proved(site: &Fixture, name: &str) -> bool {
    let (calm, kept) = (site.files().root().at(later()).calm(), site.files().table().find(name.as_bytes()));
    kept.zip(calm).is_some_and(|(kept, calm)| kept.proof().holds(calm, later()))
}

async fn ask_until_proved(site: &Fixture) {
    for _ in 0..4 {
        assert_eq!(site.get("/d/e/file").await.text(), "old");
    }
    assert!(is_proved(site, "d/e/file"));
}

fn old() -> Fixture {
    let site = Fixture::new();
    site.write("d/e/file", "old");
    site
}

#[tokio::test]
async fn a_change_to_what_is_not_looked_at_any_more_is_seen_by_the_next_request() {
    type Deed = fn(&Path);
    let deeds: [(&str, &str, Deed); 9] = [
        ("written to", "newer", |top| fs::write(top.join("d/e/file"), "newer").unwrap()),
        ("cut", "ol", |top| {
            fs::File::options().write(true).open(top.join("d/e/file")).unwrap().set_len(2).unwrap();
        }),
        ("replaced", "new", |top| fs::rename(top.join("new"), top.join("d/e/file")).unwrap()),
        ("replaced by a link", "new", |top| {
            fs::remove_file(top.join("d/e/file")).unwrap();
            symlink("../../new", top.join("d/e/file")).unwrap();
        }),
        ("removed", "", |top| fs::remove_file(top.join("d/e/file")).unwrap()),
        ("written to from elsewhere", "newer", |top| {
            fs::hard_link(top.join("d/e/file"), top.join("../other")).unwrap();
            fs::write(top.join("../other"), "newer").unwrap();
        }),
        ("its directory replaced", "newer", |top| {
            fs::rename(top.join("d/e"), top.join("away")).unwrap();
            fs::create_dir(top.join("d/e")).unwrap();
            fs::write(top.join("d/e/file"), "newer").unwrap();
        }),
        ("the one above replaced by a link", "newer", |top| {
            fs::create_dir_all(top.join("x/e")).unwrap();
            fs::write(top.join("x/e/file"), "newer").unwrap();
            fs::rename(top.join("d"), top.join("away")).unwrap();
            symlink("x", top.join("d")).unwrap();
        }),
        ("the one above gone", "", |top| fs::rename(top.join("d"), top.join("../away")).unwrap()),
    ];
    for (deed, content, change) in deeds {
        let site = old();
        site.write("new", "new");
        ask_until_proved(&site).await;
        change(&site.path(""));
        let answer = site.get("/d/e/file").await;
        if content.is_empty() {
            assert_eq!(answer.status, 404, "{deed}");
        } else {
            assert_eq!(answer.text(), content, "{deed}");
        }
    }
}

#[tokio::test]
async fn a_change_to_what_a_link_leads_to_is_seen_too() {
    let site = old();
    symlink("d", site.path("link")).unwrap();
    symlink("d/e/file", site.path("direct")).unwrap();
    for content in ["old", "newer", "newest of all"] {
        site.write("d/e/file", content);
        for _ in 0..4 {
            assert_eq!(site.get("/link/e/file").await.text(), content);
            assert_eq!(site.get("/direct").await.text(), content);
        }
        assert!(!is_proved(&site, "link/e/file") && !is_proved(&site, "direct"), "each request is a look");
    }
}

#[tokio::test]
async fn another_directory_in_the_place_of_the_served_one_proves_nothing_of_its_files() {
    let site = old();
    ask_until_proved(&site).await;
    fs::rename(site.path(""), site.outside.path().join("away")).unwrap();
    site.write("d/e/file", "newer");
    let next_look = later() + crate::current::LOOK_EVERY;
    assert_eq!(site.get_at("/d/e/file", next_look).await.text(), "newer");
}

/// Each version is longer than the one before, so that no two of a file have one identity.
#[test]
fn with_many_threads_no_request_is_answered_with_a_version_that_was_replaced_before_it() {
    const VERSIONS: u64 = 200;
    let site = Fixture::new();
    let put = |version: u64| {
        let padding = usize::try_from(version).unwrap();
        site.replace("file", &format!("{version} {}", ".".repeat(padding)));
    };
    put(0);
    let replaced = AtomicU64::new(0);
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        loop {
            let before = replaced.load(Ordering::SeqCst);
            let answer = runtime.block_on(site.send(get("/file")));
            let version: u64 = answer.text().split(' ').next().unwrap().parse().unwrap();
            assert!(version >= before, "version {version} after {before}");
            if version == VERSIONS {
                break;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(ask);
        }
        for version in 1..=VERSIONS {
            put(version);
            replaced.store(version, Ordering::SeqCst);
            if version % 3 == 0 {
                // So that many changes come upon what is proved; bounded, since those who ask may have gone.
                (0..1_000).find(|_| {
                    thread::yield_now();
                    is_proved(&site, "file")
                });
            }
        }
    });
}
