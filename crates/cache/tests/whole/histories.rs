//! Random histories: whatever happens, a body that ends well is one version, whole, and one that the origin
//! had while the request ran, or while what it joined was arriving.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lab::{Fault, Link};

use crate::dice::Dice;
use crate::world::{ORIGIN, Page, World, pattern};

const HISTORIES: u64 = 60;
const STEPS: usize = 40;
const PATHS: [&str; 3] = ["/a", "/a/b", "/c?d"];

/// What the origin has: each version of a page has a length and content of its own.
fn page(path: usize, version: usize, dice: &mut Dice) -> Page {
    let len = [10, 5_000, 70_000, 200_000][version % 4] + 7 * path;
    let mut body = pattern(len).to_vec();
    body.iter_mut().for_each(|byte| *byte = byte.wrapping_add(u8::try_from(version % 256).unwrap()));
    let mut page =
        Page::new(body).with("etag", &format!("\"{version}\"")).with("version", &version.to_string());
    if dice.roll(3) == 0 {
        page = page.chunked();
    }
    page
}

struct Played {
    world: World,
    dice: Dice,
    versions: [usize; 3],
    /// What they were when nothing was arriving: the oldest that may still be.
    arriving: [usize; 3],
    asking: Vec<tokio::task::JoinHandle<()>>,
    whole: Arc<AtomicUsize>,
}

impl Played {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let world = World::with(|config| {
            config.size = 600_000 + 100_000 * dice.roll(10);
            config.memory = 100_000 * dice.roll(3);
            config.finish_under = 50_000;
        });
        for (at, path) in PATHS.iter().enumerate() {
            world.pages.put(path, page(at, 0, &mut dice));
        }
        Self { world, dice, versions: [0; 3], arriving: [0; 3], asking: Vec::new(), whole: Arc::default() }
    }

    /// A client that may read on, or leave, while the next steps are played.
    fn ask(&mut self) {
        let at = usize::try_from(self.dice.roll(3)).unwrap();
        if self.world.cache.fetches() == 0 {
            self.arriving = self.versions;
        }
        let (request, oldest) = (self.world.request("GET", PATHS[at], &[], ""), self.arriving[at]);
        let (cache, pages, whole) =
            (Arc::clone(&self.world.cache), self.world.pages.clone(), Arc::clone(&self.whole));
        let pause = self.dice.roll(200);
        self.asking.push(tokio::spawn(async move {
            let Ok(response) = message::Service::call(&*cache, request).await else { return };
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            let answer = crate::world::read(response).await.unwrap();
            let (200, Ok(body)) = (answer.status, &answer.body) else { return };
            let version: usize = answer.field("version").unwrap().parse().unwrap();
            assert!(version >= oldest, "{version} was replaced before the request: it was not validated");
            assert!(*body == pages.version(PATHS[at], version), "{} is not version {version}", PATHS[at]);
            whole.fetch_add(1, Ordering::Relaxed);
        }));
    }

    fn change(&mut self) {
        let at = usize::try_from(self.dice.roll(3)).unwrap();
        self.versions[at] += 1;
        let page = page(at, self.versions[at], &mut self.dice);
        self.world.pages.put(PATHS[at], page);
    }

    fn disturb(&mut self) {
        let fault = match self.dice.roll(5) {
            0 => Fault::Refuse,
            1 => Fault::Cut(self.dice.roll(200_000)),
            _ => Fault::None,
        };
        let rate = [None, Some(200_000), Some(2_000_000)][usize::try_from(self.dice.roll(3)).unwrap()];
        self.world.network.set_link(ORIGIN, Link { bytes_per_second: rate, fault, ..Link::default() });
    }

    /// Somebody cuts, deletes or replaces a body by hand.
    fn meddle(&mut self) {
        let files = self.world.files();
        if files.is_empty() {
            return;
        }
        let at = usize::try_from(self.dice.roll(files.len().try_into().unwrap())).unwrap();
        let path = self.world.dir.path().join(&files[at]);
        // A body that a client holds open may be cut under him by this: the engine notices that, not we.
        // So a file is replaced or deleted, never changed in place.
        drop(fs::remove_file(&path));
        if self.dice.roll(2) == 0 {
            drop(fs::write(&path, "meddled with"));
        }
    }

    async fn finish(&mut self) {
        for asked in self.asking.drain(..) {
            asked.await.unwrap();
        }
    }

    async fn step(mut self) -> Self {
        match self.dice.roll(20) {
            0..=10 => self.ask(),
            11..=13 => self.change(),
            14 => self.disturb(),
            15 => self.meddle(),
            16 => {
                let milliseconds = self.dice.roll(3000);
                self.world.clock.advance(std::time::Duration::from_millis(milliseconds)).await;
            }
            17 => {
                let at = usize::try_from(self.dice.roll(3)).unwrap();
                drop(self.world.ask("POST", PATHS[at], &[], "").await);
            }
            18 => {
                self.finish().await;
                self.world = self.world.settled().await.after_kill().await;
            }
            _ => self.finish().await,
        }
        assert!(self.world.cache.disk_used() <= self.world.config.size);
        self
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_a_body_that_ends_well_is_one_version_whole_and_current() {
    let mut whole = 0;
    for seed in 1..=HISTORIES {
        let mut played = Played::new(seed);
        for _ in 0..STEPS {
            played = played.step().await;
        }
        played.finish().await;
        // In peace everything can be had again.
        played.world.network.set_link(ORIGIN, Link::default());
        for (at, path) in PATHS.iter().enumerate() {
            let answer = played.world.get(path).await;
            let expected = played.world.pages.version(path, played.versions[at]);
            assert!(answer.body.unwrap() == expected, "{path} in history {seed}");
        }
        whole += played.whole.load(Ordering::Relaxed);
    }
    assert!(whole > 400, "the histories are about nothing: {whole} whole answers");
}
