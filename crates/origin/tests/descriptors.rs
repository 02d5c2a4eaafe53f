//! At the limit of open files. In a process of its own, since the limit is the process's.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use message::{Request, Response, Service, StatusCode, Target, header};
use origin::representation::SMALL_FILE;
use origin::{Config, Origin};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files the process may have open.
const LIMIT: u8 = 64;

#[expect(clippy::unwrap_used, reason = "a part of the test below")]
async fn get(origin: &Origin, target: &str) -> Response {
    let target = Target::parse(target).unwrap();
    // Long after whenever the test runs: every file has settled and may be kept.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33);
    origin.call(Request::get(target, now)).await.unwrap()
}

/// Opens files until no more can be.
fn take_the_rest(taken: &mut Vec<File>) {
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
        assert!(taken.len() <= usize::from(LIMIT), "the limit holds");
    }
}

#[tokio::test]
async fn short_descriptors_are_never_told_as_a_missing_file() {
    let files = tempfile::tempdir().unwrap();
    for name in ["a", "b", "late", "later"] {
        File::create(files.path().join(name)).unwrap().set_len(SMALL_FILE + 1).unwrap();
    }
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, files.path().join("fifo"), FileType::Fifo, mode, 0).unwrap();
    fs::write(files.path().join("small"), "small").unwrap();
    let origin = Origin::open(Config::new(files.path())).unwrap();
    for target in ["/a", "/b", "/small"] {
        assert_eq!(get(&origin, target).await.status, StatusCode::OK);
    }

    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT.into()), maximum: hard }).unwrap();
    let mut taken = Vec::new();
    take_the_rest(&mut taken);
    assert_eq!(get(&origin, "/small").await.status, StatusCode::OK, "it is in memory");
    assert_eq!(get(&origin, "/a").await.status, StatusCode::OK, "it is open");
    let late = get(&origin, "/late").await;
    assert_eq!(late.status, StatusCode::OK, "what was only kept open makes room");

    take_the_rest(&mut taken); // and the late one is in transfer
    let short = get(&origin, "/a").await;
    assert_eq!(short.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(short.fields.contains(&header::RETRY_AFTER));
    for target in ["/missing", "/fifo"] {
        let answer = get(&origin, target).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{target} is told without being opened");
    }

    taken.clear();
    assert_eq!(get(&origin, "/a").await.status, StatusCode::OK);
    drop(late);
}
