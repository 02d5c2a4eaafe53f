//! A cache with a million small objects: how long a start takes after a kill, and a purge of ten thousand.
//!
//! `cargo run --release -p cache --example million -- DIR [OBJECTS]`
//!
//! A process of its own fills `DIR` and is killed, so that nothing is in good order; the next one opens it and
//! answers. Nothing is looked at before the first answer but what that needs.

#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::unwrap_used, reason = "a measurement that can't be done says why by panicking")]

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use cache::{Cache, Config, Fate, Selection};
use message::{Body, Failure, Request, Response, Segment, Service, StatusCode, Target};

/// How many are stored if nobody says otherwise.
const OBJECTS: usize = 1_000_000;

/// How many have a tag in common, and how many a directory.
const TAGGED: usize = 10_000;

/// Requests at a time.
const CLIENTS: usize = 64;

/// The first argument of the process that fills the directory.
const FILL: &str = "fill";

/// An origin whose files are fresh for a day, say their own path, and have a tag.
struct Origin(AtomicUsize);

impl Service for Origin {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let path = request.target.to_string();
        let number: usize = path.rsplit('/').next().unwrap().parse().unwrap();
        let mut response = Response::new(StatusCode::OK);
        let fields = [("cache-control", "max-age=86400".to_owned()), ("cache-tag", tag(number / TAGGED))];
        for (name, value) in fields {
            response.fields.append(name.parse().unwrap(), value.try_into().unwrap());
        }
        response.body = Body::from(Bytes::from(path));
        Ok(response)
    }
}

fn tag(number: usize) -> String {
    format!("t{number}")
}

fn uri(number: usize) -> String {
    format!("http://origin.example/{}/{number}", number / 1000)
}

async fn get(cache: &Cache<Arc<Origin>>, number: usize) {
    let target = Target::parse(Bytes::from(uri(number))).unwrap();
    let response = cache.call(Request::get(target, SystemTime::now())).await.unwrap();
    let mut body = response.body.into_stream();
    let mut content = Vec::new();
    while let Some(segment) = body.next().await {
        match segment.unwrap() {
            Segment::Bytes(bytes) => content.extend_from_slice(&bytes),
            Segment::File(slice) => content.extend_from_slice(&slice.read_at(0, usize::MAX).unwrap()),
        }
    }
    assert_eq!(content, uri(number).into_bytes());
}

fn open(dir: &str) -> (Arc<Cache<Arc<Origin>>>, Arc<Origin>) {
    let origin = Arc::new(Origin(AtomicUsize::new(0)));
    let cache = Cache::open(Config { size: 1 << 40, ..Config::new(dir) }, Arc::clone(&origin)).unwrap();
    (Arc::new(cache), origin)
}

async fn fill(dir: &str, objects: usize) {
    let (cache, _) = open(dir);
    let clients = (0..CLIENTS).map(|client| {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move {
            for number in (client..objects).step_by(CLIENTS) {
                get(&cache, number).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    cache.purge(Selection::Tag("none".into()), Fate::Gone, SystemTime::now()).await; // all is recorded
    println!("full");
    std::future::pending::<()>().await;
}

/// Fills the directory in a process that is killed once it has.
fn fill_and_kill(dir: &str, objects: usize) {
    let mut child: Child = Command::new(env::current_exe().unwrap())
        .args([FILL, dir, &objects.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line, "full\n");
}

fn told(what: &str, took: Duration) {
    println!("{what}: {:.1} ms", took.as_secs_f64() * 1000.0);
}

async fn measure(dir: &str, objects: usize) {
    for end in ["a kill", "a clean end"] {
        let begun = Instant::now();
        let (cache, origin) = open(dir);
        told(&format!("open after {end}"), begun.elapsed());
        get(&cache, objects / 2).await;
        told("open and the first answer, a hit", begun.elapsed());
        for number in (0..objects).step_by((objects / 1000).max(1)) {
            get(&cache, number).await;
        }
        assert_eq!(origin.0.load(Ordering::Relaxed), 0, "all of them are hits");
        cache.close().await;
    }
    let (cache, _) = open(dir);
    for (what, selection) in
        [("tag", Selection::Tag(tag(0))), ("prefix", Selection::Prefix("http://origin.example/99".into()))]
    {
        let begun = Instant::now();
        let count = cache.purge(selection, Fate::Gone, SystemTime::now()).await;
        told(&format!("purge of {count} by {what}"), begun.elapsed());
    }
    cache.close().await;
}

fn main() {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let fills = args.first().is_some_and(|first| first == FILL);
    if fills {
        args.remove(0);
    }
    let Some(dir) = args.first() else {
        eprintln!("say in which directory");
        std::process::exit(2);
    };
    let objects = args.get(1).map_or(OBJECTS, |count| count.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    if fills {
        return runtime.block_on(fill(dir, objects));
    }
    let begun = Instant::now();
    fill_and_kill(dir, objects);
    println!("{objects} objects stored in {:.0} s", begun.elapsed().as_secs_f64());
    runtime.block_on(measure(dir, objects));
}
