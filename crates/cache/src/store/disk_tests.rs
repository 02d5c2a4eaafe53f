use std::io::Write;
use std::os::unix::fs::symlink;

use super::*;
use crate::key::CacheKey;

fn store(disk: &Disk, uri: &str, text: &str) -> (String, Identity) {
    let body = disk.temporary().unwrap();
    body.file.as_ref().write_all(text.as_bytes()).unwrap();
    disk.publish(body, &disk.path_of(&CacheKey::parse(uri).unwrap(), 0), |_| Ok(())).unwrap()
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
        touch(&dir.path().join(&path));
        assert!(!disk.is_unchanged(&path, &identity), "{what}");
        assert!(disk.open_body(&path, &identity).unwrap().is_none(), "{what}");
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
