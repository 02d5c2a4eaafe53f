use std::io::Write;
use std::os::unix::fs::symlink;

use super::*;
use crate::key::CacheKey;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn store(disk: &Disk, uri: &str, text: &str) -> (String, Identity) {
    let body = disk.temporary().unwrap();
    body.file.as_ref().write_all(text.as_bytes()).unwrap();
    disk.publish(body, &disk.path_of(&CacheKey::parse(uri).unwrap(), 0), |_| Ok(())).unwrap()
}

/// The proof that a body is there which was asked for more than once while nothing happened.
fn proved(disk: &Disk, path: &str, identity: &Identity) -> Proof {
    let proof = Proof::default();
    for _ in 0..3 {
        assert!(disk.is_there(path, identity, &proof, NOW));
    }
    assert!(disk.watch.calm().is_none_or(|calm| proof.holds(calm, NOW)));
    proof
}

fn count_temporaries(disk: &Disk) -> usize {
    fs::read_dir(disk.temporaries()).unwrap().count()
}

#[test]
fn a_published_body_is_an_ordinary_file() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path()).unwrap();
    let (path, identity) = store(&disk, "http://localhost:8000/a/index.html", "hello");
    assert_eq!(path, "localhost:8000/a/index.html");
    assert_eq!(fs::read_to_string(dir.path().join(&path)).unwrap(), "hello");
    assert!(disk.open_body(&path, &identity).unwrap().is_some());
    assert_eq!(count_temporaries(&disk), 0);
}

#[test]
fn a_body_that_is_not_published_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path()).unwrap();
    drop(disk.temporary().unwrap());
    assert_eq!(count_temporaries(&disk), 0);
    std::mem::forget(disk.temporary().unwrap());
    assert_eq!(count_temporaries(&disk), 1);
    disk.remove_temporaries().unwrap();
    assert_eq!(count_temporaries(&disk), 0);
}

#[test]
fn files_and_directories_of_one_name_lie_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path()).unwrap();
    assert_eq!(store(&disk, "http://a/x", "1").0, "a/x");
    assert_eq!(store(&disk, "http://a/x/y", "2").0, "a/x^tree/y");
    assert_eq!(store(&disk, "http://a/z/y", "3").0, "a/z/y");
    assert_eq!(store(&disk, "http://a/z", "4").0, "a/z^leaf");
    for (path, text) in [("a/x", "1"), ("a/x^tree/y", "2"), ("a/z/y", "3"), ("a/z^leaf", "4")] {
        assert_eq!(fs::read_to_string(dir.path().join(path)).unwrap(), text);
    }
}

#[test]
fn a_body_that_anybody_touched_is_another_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path()).unwrap();
    type Touch = fn(&Path);
    let touches: [(&str, Touch); 5] = [
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("cut", |path| OpenOptions::new().write(true).open(path).unwrap().set_len(2).unwrap()),
        ("replaced", |path| {
            let other = path.with_extension("new");
            fs::write(&other, "hello").unwrap();
            fs::rename(other, path).unwrap();
        }),
        ("overwritten", |path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            let then = file.metadata().unwrap().modified().unwrap();
            (&file).write_all(b"jello").unwrap();
            file.set_modified(then + std::time::Duration::from_nanos(1)).unwrap();
        }),
        ("linked", |path| {
            fs::rename(path, path.with_extension("old")).unwrap();
            symlink(path.with_extension("old"), path).unwrap();
        }),
    ];
    for (what, touch) in touches {
        let (path, identity) = store(&disk, "http://a/x.txt", "hello");
        assert!(disk.is_unchanged(&path, &identity));
        let proof = proved(&disk, &path, &identity);
        touch(&dir.path().join(&path));
        assert!(!disk.is_there(&path, &identity, &proof, NOW), "{what}");
        assert!(!disk.is_unchanged(&path, &identity), "{what}");
        assert!(disk.open_body(&path, &identity).unwrap().is_none(), "{what}");
    }
}

#[test]
fn what_was_proved_is_looked_at_again_when_its_directory_is_another() {
    let top = tempfile::tempdir().unwrap();
    let (here, away) = (top.path().join("here"), top.path().join("away"));
    let disk = Disk::open(&here).unwrap();
    let (path, identity) = store(&disk, "http://a/b/x", "hello");
    let proof = proved(&disk, &path, &identity);
    fs::rename(here.join("a/b"), here.join("a/c")).unwrap();
    assert!(!disk.is_there(&path, &identity, &proof, NOW), "one on the way");
    fs::rename(here.join("a/c"), here.join("a/b")).unwrap();
    let proof = proved(&disk, &path, &identity);
    fs::rename(&here, &away).unwrap();
    assert!(!disk.is_there(&path, &identity, &proof, NOW), "the cache's own");
    fs::create_dir_all(here.join("a/b")).unwrap();
    fs::hard_link(away.join(&path), here.join(&path)).unwrap();
    for _ in 0..3 {
        assert!(disk.is_there(&path, &identity, &proof, NOW), "the very file, but elsewhere");
    }
    assert!(!proof.holds(disk.watch.calm().unwrap(), NOW), "there is nobody who would tell");
}

#[test]
fn other_bodies_that_come_and_go_are_no_change_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path()).unwrap();
    let (path, identity) = store(&disk, "http://a/x", "hello");
    let proof = proved(&disk, &path, &identity);
    for number in 0..100 {
        let (other, its) = store(&disk, &format!("http://a/{number}"), "other");
        assert!(disk.is_there(&path, &identity, &proof, NOW));
        disk.remove(&other, &its);
        assert!(disk.is_there(&path, &identity, &proof, NOW));
    }
}

#[test]
fn removal_spares_what_took_the_place_and_takes_empty_directories_along() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path()).unwrap();
    let (path, old) = store(&disk, "http://a/b/c/x", "1");
    let (_, new) = store(&disk, "http://a/b/c/x", "2");
    store(&disk, "http://a/y", "3");
    disk.remove(&path, &old);
    assert!(disk.is_unchanged(&path, &new));
    disk.remove(&path, &new);
    assert!(!dir.path().join("a/b").exists());
    assert!(dir.path().join("a/y").exists());
}

#[test]
fn a_link_in_the_directory_is_not_followed() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Disk::open(dir.path()).unwrap();
    symlink(elsewhere.path(), dir.path().join("a")).unwrap();
    assert_eq!(store(&disk, "http://a/x", "1").0, "a^tree/x");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
