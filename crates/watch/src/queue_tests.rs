use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn directory(path: &Path) -> OwnedFd {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// A watch on `a/b/file` beneath a fresh directory.
fn watched() -> (tempfile::TempDir, OwnedFd, Watch) {
    let temporary = tempfile::tempdir().unwrap();
    fs::create_dir_all(temporary.path().join("a/b")).unwrap();
    fs::write(temporary.path().join("a/b/file"), "content").unwrap();
    let root = directory(temporary.path());
    let watch = Watch::new(&root, 0);
    assert!(watch.covers(&root, names("a/b/file"), NOW));
    (temporary, root, watch)
}

fn names(path: &str) -> impl Iterator<Item = &[u8]> {
    path.split('/').map(str::as_bytes)
}

#[test]
fn calm_lasts_until_something_happens_and_then_there_is_another() {
    let (temporary, _root, watch) = watched();
    let calm = watch.calm().unwrap();
    fs::read(temporary.path().join("a/b/file")).unwrap();
    fs::write(temporary.path().join("a/b/other"), "").unwrap();
    let after_other = watch.calm().unwrap();
    assert_ne!(calm, after_other, "a name has come into a directory on the way");
    fs::write(temporary.path().join("a/b/other"), "its content is nobody's business").unwrap();
    assert_eq!(watch.calm(), Some(after_other));
    fs::write(temporary.path().join("a/b/file"), "new").unwrap();
    assert_ne!(watch.calm(), Some(after_other));
    assert_eq!(watch.calm(), watch.calm());
}

#[test]
fn everything_that_may_change_what_a_path_leads_to_ends_the_calm() {
    type Deed = fn(&Path);
    let deeds: [(&str, Deed); 12] = [
        ("written to", |top| fs::write(top.join("a/b/file"), "new").unwrap()),
        ("written to by another name", |top| {
            let elsewhere = tempfile::tempdir_in(top.parent().unwrap()).unwrap();
            fs::hard_link(top.join("a/b/file"), elsewhere.path().join("other")).unwrap();
            fs::write(elsewhere.path().join("other"), "new").unwrap();
        }),
        ("cut", |top| {
            let file = fs::File::options().write(true).open(top.join("a/b/file")).unwrap();
            file.set_len(1).unwrap();
        }),
        ("dated", |top| {
            let file = fs::File::options().write(true).open(top.join("a/b/file")).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }),
        ("forbidden", |top| {
            fs::set_permissions(top.join("a/b/file"), fs::Permissions::from_mode(0o000)).unwrap();
        }),
        ("removed", |top| fs::remove_file(top.join("a/b/file")).unwrap()),
        ("moved away", |top| fs::rename(top.join("a/b/file"), top.join("a/b/gone")).unwrap()),
        ("replaced", |top| {
            fs::write(top.join("new"), "new").unwrap();
            fs::rename(top.join("new"), top.join("a/b/file")).unwrap();
        }),
        ("its directory moved", |top| fs::rename(top.join("a/b"), top.join("a/c")).unwrap()),
        ("the one above moved", |top| fs::rename(top.join("a"), top.join("c")).unwrap()),
        ("its directory exchanged for a link to it", |top| {
            fs::rename(top.join("a"), top.join("c")).unwrap();
            symlink("c", top.join("a")).unwrap();
        }),
        ("its directory closed", |top| {
            fs::set_permissions(top.join("a"), fs::Permissions::from_mode(0o700)).unwrap();
        }),
    ];
    for (deed, change) in deeds {
        let (temporary, _root, watch) = watched();
        let calm = watch.calm().unwrap();
        change(temporary.path());
        assert_ne!(watch.calm(), Some(calm), "{deed}");
    }
}

#[test]
fn who_takes_the_notices_leaves_no_calm_to_others_meanwhile() {
    let (temporary, _root, watch) = watched();
    let calm = watch.calm().unwrap();
    fs::write(temporary.path().join("a/b/file"), "new").unwrap();
    {
        let _taking = watch.watches.lock().unwrap();
        assert_eq!(watch.calm(), None, "notices are there, and somebody takes them");
        watch.number.fetch_or(1, Ordering::SeqCst);
        assert_eq!(watch.calm(), None, "they are taken, and not yet counted");
    }
    assert!(watch.calm().is_some_and(|next| next.0 > calm.0));
}

#[test]
fn notices_that_were_lost_end_the_calm_as_well() {
    let (temporary, _root, watch) = watched();
    let calm = watch.calm().unwrap();
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let (file, other) = (temporary.path().join("a/b/file"), temporary.path().join("a/b"));
    for number in 0..most.trim().parse::<u32>().unwrap() {
        // Two in turn, since the kernel makes one notice of several that say the same.
        let place = if number % 2 == 0 { &file } else { &other };
        fs::set_permissions(place, fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert_ne!(watch.calm(), Some(calm));
    while watch.calm() != watch.calm() {}
    let calm = watch.calm().unwrap();
    fs::write(file, "new").unwrap();
    assert_ne!(watch.calm(), Some(calm), "it goes on telling");
}

#[test]
fn no_link_is_on_the_way_to_what_is_watched() {
    let (temporary, root, watch) = watched();
    symlink("a", temporary.path().join("link")).unwrap();
    assert!(!watch.covers(&root, names("link/b/file"), NOW));
    assert!(!watch.covers(&root, names("a/b/none"), NOW));
}

#[test]
fn watches_are_bounded_and_given_up_for_new_ones_now_and_then() {
    let (temporary, root, watch) = watched();
    let fill = || {
        let mut watches = watch.watches.lock().unwrap();
        watches.placed.extend(i32::MAX - i32::try_from(WATCHES_MAX).unwrap()..i32::MAX);
    };
    fs::write(temporary.path().join("file"), "").unwrap();
    fill();
    assert!(watch.covers(&root, names("file"), NOW), "for the first time at once");
    assert_eq!(watch.watches.lock().unwrap().placed.len(), 2);
    fill();
    assert!(!watch.covers(&root, names("file"), NOW + RENEW_EVERY - Duration::from_secs(1)));
    assert!(watch.covers(&root, names("file"), NOW + RENEW_EVERY));
}

#[test]
fn a_watch_that_is_gone_with_its_file_takes_no_room() {
    let (temporary, _root, watch) = watched();
    assert_eq!(watch.watches.lock().unwrap().placed.len(), 4);
    fs::remove_file(temporary.path().join("a/b/file")).unwrap();
    while watch.calm() != watch.calm() {}
    assert_eq!(watch.watches.lock().unwrap().placed.len(), 3);
}

#[test]
fn the_calms_of_two_roots_are_never_the_same() {
    let temporary = tempfile::tempdir().unwrap();
    let root = directory(temporary.path());
    assert_ne!(Watch::new(&root, 0).calm().unwrap(), Watch::new(&root, 1).calm().unwrap());
}

#[test]
fn a_file_system_that_may_be_changed_from_elsewhere_is_never_calm() {
    let process = directory(Path::new("/proc/self"));
    assert_eq!(Watch::new(&process, 0).calm(), None);
}
