use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use message::request::Request;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::*;
use crate::listing::archive::fault::ArchiveFault;
use crate::listing::testing::{MODIFIED, Shelf, Shown, is_installed, request};

const LARGE: usize = 300_001;

/// A tree with something of each kind in it.
fn shelf() -> Shelf {
    let shelf = Shelf::new();
    shelf.write("pub/small.txt", "small");
    shelf.write("pub/empty", "");
    shelf.write("pub/a/b/deep", vec![1; 512]);
    shelf.write("pub/large.bin", large());
    shelf.write("pub/exact", vec![2; 65_535]);
    shelf.write("pub/blocks", vec![3; 2 * 65_535]);
    shelf.write(format!("pub/{}/{}", "d".repeat(120), "n".repeat(200)), "long names");
    shelf.write("pub/naïve 漢", "unicode");
    let script = shelf.write("pub/run.sh", "#!/bin/sh");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    shelf.make_directory("pub/hollow");
    // And what has no place in an archive.
    shelf.write("pub/.hidden/x", "");
    symlink("../../secret", shelf.path("pub/out")).unwrap();
    symlink("..", shelf.path("pub/above")).unwrap();
    symlink("small.txt", shelf.path("pub/link.txt")).unwrap();
    shelf
}

fn large() -> Vec<u8> {
    (0..LARGE).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// Unpacks with a program of the system's; `None` where it is not installed. CI has all of them.
fn unpacked(archive: &[u8], program: &str, args: &[&str]) -> Option<(TempDir, String)> {
    if !is_installed(program) {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("archive");
    fs::write(&file, archive).unwrap();
    let out = directory.path().join("out");
    fs::create_dir(&out).unwrap();
    let ended = Command::new(program).args(args).current_dir(&out).output().unwrap();
    let told = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    assert!(ended.status.success(), "{program}: {told}");
    Some((directory, told))
}

/// What lies beneath a directory, in order, with a hash of each file's content.
fn tree(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
        if path.is_symlink() && path.is_dir() {
            continue;
        }
        if path.is_dir() {
            found.push(format!("{name}/"));
            found.extend(tree(&path).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            let content = fs::read(&path).unwrap();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o100;
            found.push(format!("{name} {} {:08x} {mode:o}", content.len(), crc32fast::hash(&content)));
        }
    }
    found.sort();
    found
}

/// The same of the shelf, without what is not served.
fn expected(shelf: &Shelf) -> Vec<String> {
    let served = tree(&shelf.path("")).into_iter();
    served
        .filter(|line| line.starts_with("pub/") && !line.contains(".hidden") && !line.contains("/out"))
        .collect()
}

async fn pack(shelf: &Shelf, target: &str) -> Shown {
    let shown = shelf.get(target).await;
    assert_eq!(shown.failure, None);
    shown
}

#[tokio::test]
async fn a_tar_is_read_by_tar() {
    let shelf = shelf();
    let shown = pack(&shelf, "/pub/?archive=tar").await;
    assert_eq!(shown.content.len() % 512, 0);
    let Some((directory, _)) = unpacked(&shown.content, "tar", &["-xpf", "../archive"]) else { return };
    assert_eq!(tree(&directory.path().join("out")), expected(&shelf));
    let time = fs::metadata(directory.path().join("out/pub/small.txt")).unwrap().modified().unwrap();
    assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), MODIFIED);
    let Some((_, told)) = unpacked(&shown.content, "tar", &["-tvf", "../archive"]) else { return };
    assert!(told.lines().next().unwrap().starts_with("drwxr-xr-x 0/0"), "{told}");
}

#[tokio::test]
async fn a_zip_is_read_by_unzip_and_python() {
    let shelf = shelf();
    let shown = pack(&shelf, "/pub/?archive=zip").await;
    if let Some((_, told)) = unpacked(&shown.content, "unzip", &["-tqq", "../archive"]) {
        assert_eq!(told, "");
    }
    if let Some((directory, _)) = unpacked(&shown.content, "unzip", &["-q", "../archive"]) {
        assert_eq!(tree(&directory.path().join("out")), expected(&shelf));
        let time = fs::metadata(directory.path().join("out/pub/small.txt")).unwrap().modified().unwrap();
        assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), MODIFIED);
    }
    let script =
        "import zipfile; z = zipfile.ZipFile('../archive'); assert z.testzip() is None; z.extractall()";
    if let Some((directory, _)) = unpacked(&shown.content, "python3", &["-c", script]) {
        let without_modes = |tree: Vec<String>| -> Vec<String> {
            tree.into_iter()
                .map(|line| line.strip_suffix(" 100").map_or(line.clone(), |l| format!("{l} 0")))
                .collect()
        };
        let out = tree(&directory.path().join("out"));
        assert_eq!(without_modes(out), without_modes(expected(&shelf)));
    }
}

#[tokio::test]
async fn the_answer_says_that_it_is_to_be_saved_and_under_what_name() {
    let shelf = shelf();
    for (target, media_type, disposition) in [
        ("/pub/?archive=tar", "application/x-tar", "attachment; filename=\"pub.tar\""),
        ("/pub/?archive=zip", "application/zip", "attachment; filename=\"pub.zip\""),
        ("/?archive=zip", "application/zip", "attachment; filename=\"files.zip\""),
    ] {
        let response = shelf.show(&request(target, &[])).await.unwrap();
        let field = |name| response.fields.text(&name).unwrap();
        assert_eq!(field(header::CONTENT_TYPE), media_type);
        assert_eq!(field(header::CONTENT_DISPOSITION), disposition);
        assert_eq!(field(header::CACHE_CONTROL), "no-store");
    }
}

#[tokio::test]
async fn names_that_are_not_utf8_are_packed_as_they_are() {
    let shelf = Shelf::new();
    shelf.write(b"d/\xff\xfe", "bytes");
    let contains = |shown: &Shown| shown.content.windows(4).any(|four| four == b"d/\xff\xfe");
    assert!(contains(&pack(&shelf, "/d/?archive=tar").await));
    let zip = pack(&shelf, "/d/?archive=zip").await;
    assert!(contains(&zip));
    let at = zip.content.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    let flags = zip.content.get(at + 8..at + 10);
    assert_eq!(flags, Some(&[0, 0][..]), "not said to be UTF-8");
}

fn packer(shelf: &Shelf, packing: Packing) -> Box<dyn Packer> {
    let start = CheckedPath::parse(b"/pub/").unwrap().into_owned();
    let descent = Descent::new(Arc::clone(&shelf.root), start, ArchiveLimits::default());
    match packing {
        Packing::Tar => Box::new(Tar::new(descent)),
        Packing::Zip => Box::new(Zip::new(descent)),
    }
}

#[test]
fn what_vanishes_or_shrinks_before_its_turn_is_left_out() {
    for packing in [Packing::Tar, Packing::Zip] {
        let shelf = Shelf::new();
        // More than one step's worth before the file that goes.
        for number in 0..5 {
            shelf.write(format!("pub/a{number}"), vec![0; 60_000]);
        }
        shelf.write("pub/b-vanishes", "here");
        shelf.write("pub/c-stays", "here");
        let mut packer = packer(&shelf, packing);
        let mut archive = packer.step().unwrap();
        fs::remove_file(shelf.path("pub/b-vanishes")).unwrap();
        loop {
            let more = packer.step().unwrap();
            if more.is_empty() {
                break;
            }
            archive.extend(more);
        }
        let bytes: Vec<u8> = archive
            .iter()
            .flat_map(|segment| match segment {
                Segment::Bytes(bytes) => bytes.to_vec(),
                Segment::File(_) => panic!("all are small"),
            })
            .collect();
        let contains = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
        assert!(contains(b"c-stays") && !contains(b"b-vanishes"), "{packing:?}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_packed_breaks_a_zip_off() {
    let shelf = Shelf::new();
    shelf.write("pub/large", vec![7; 1 << 20]);
    let mut packer = packer(&shelf, Packing::Zip);
    packer.step().unwrap();
    fs::File::options().write(true).open(shelf.path("pub/large")).unwrap().set_len(100_000).unwrap();
    let fault = (0..10).find_map(|_| packer.step().err());
    assert_eq!(fault, Some(ArchiveFault::CutShort));
}

#[test]
fn a_large_file_goes_into_a_tar_as_it_lies_on_the_disk() {
    let shelf = Shelf::new();
    shelf.write("pub/large", large());
    let step = packer(&shelf, Packing::Tar).step().unwrap();
    assert!(matches!(step.as_slice(), [Segment::Bytes(_), Segment::File(file), Segment::Bytes(padding)]
        if file.len() == LARGE as u64 && (LARGE + padding.len()).is_multiple_of(512)));
}

#[tokio::test]
async fn each_limit_breaks_the_archive_off() {
    let shelf = Shelf::new();
    for number in 0..10 {
        shelf.write(format!("pub/d/d/d/{number}"), "");
    }
    let ends = |limits: ArchiveLimits| {
        let start = CheckedPath::parse(b"/pub/").unwrap().into_owned();
        let mut tar = Tar::new(Descent::new(Arc::clone(&shelf.root), start, limits));
        loop {
            match tar.step() {
                Ok(step) if step.is_empty() => return None,
                Ok(_) => {}
                Err(fault) => return Some(fault),
            }
        }
    };
    let limits = ArchiveLimits { entries: 13, pending: 10, depth: 3 };
    assert_eq!(ends(limits), None);
    assert_eq!(ends(ArchiveLimits { entries: 12, ..limits }), Some(ArchiveFault::Entries(12)));
    assert_eq!(ends(ArchiveLimits { pending: 9, ..limits }), Some(ArchiveFault::Entries(9)));
    assert_eq!(ends(ArchiveLimits { depth: 2, ..limits }), Some(ArchiveFault::Depth(2)));

    let start = CheckedPath::parse(b"/pub/").unwrap().into_owned();
    let descent = Descent::new(Arc::clone(&shelf.root), start, limits);
    let zip = Zip::new(descent).with_contents_max(500);
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let mut response = Response::new(StatusCode::OK);
    response.body = Body::from_source(None, Packed::new(Box::new(zip), place));
    let shown = Shown::read(response).await;
    let failure = shown.failure.unwrap();
    assert_eq!(failure.kind(), FailureKind::ProxyInternalError);
    assert!(failure.detail().contains("more than 500 bytes"), "{failure}");
}

#[test]
fn a_directory_within_itself_ends() {
    let shelf = Shelf::new();
    shelf.write("pub/file", "");
    symlink(".", shelf.path("pub/again")).unwrap();
    let mut packer = packer(&shelf, Packing::Tar);
    let steps = (0..10).take_while(|_| !packer.step().unwrap().is_empty()).count();
    assert_eq!(steps, 1);
}

#[tokio::test]
async fn nothing_is_packed_before_it_is_taken() {
    let shelf = Shelf::new();
    let head = Request { method: http::Method::HEAD, ..request("/?archive=tar", &[]) };
    let response = shelf.show(&head).await.unwrap();
    shelf.write("made later", "");
    let shown = Shown::read(response).await;
    assert!(shown.content.windows(10).any(|window| window == b"made later"));
}
