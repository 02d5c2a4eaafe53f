//! Interim responses (RFC 9110 §15.2): who asks hears them, and nobody who joins.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use cache::{Cache, Config};
use message::{Failure, Fields, HearInterim, Request, Response, Service, StatusCode, Target};
use tokio::sync::{Notify, watch};

use crate::world::{ORIGIN, fields, read};

/// Says 103, and the answer when it is let.
#[derive(Default)]
struct Hinting {
    said: Notify,
    go_on: watch::Sender<bool>,
}

/// An origin that the test holds.
struct Held(Arc<Hinting>);

impl Service for Held {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        if let Some(interims) = &request.interims {
            let hint = fields(&[("link", "</a>"), ("keep-alive", "1"), ("via", "1.1 origin")]);
            interims.hear(StatusCode::EARLY_HINTS, hint);
        }
        self.0.said.notify_one();
        let mut open = self.0.go_on.subscribe();
        let _ = open.wait_for(|is_open| *is_open).await;
        let mut response = Response::text(StatusCode::OK, "content");
        let stale = fields(&[("etag", "\"a\""), ("cache-control", "max-age=0, stale-while-revalidate=60")]);
        stale.iter().for_each(|(name, value)| response.fields.set(name.clone(), value.clone()));
        Ok(response)
    }
}

#[derive(Debug, Default)]
struct Hears(Mutex<Vec<(StatusCode, Fields)>>);

impl HearInterim for Hears {
    fn hear(&self, status: StatusCode, fields: Fields) {
        self.0.lock().unwrap().push((status, fields));
    }
}

fn asks(hears: &Arc<Hears>) -> Request {
    let target = Target::parse_url(&format!("http://{ORIGIN}/")).unwrap();
    let interims = Some(Arc::clone(hears) as Arc<dyn HearInterim>);
    Request { interims, ..Request::get(target, SystemTime::UNIX_EPOCH) }
}

#[tokio::test]
async fn section_15_2_who_leads_a_fetch_hears_and_nobody_else() {
    let (dir, origin) = (tempfile::tempdir().unwrap(), Arc::new(Hinting::default()));
    let cache = Arc::new(Cache::open(Config::new(dir.path()), Held(Arc::clone(&origin))).unwrap());
    let hears: Vec<Arc<Hears>> = (0..3).map(|_| Arc::default()).collect();
    let ask = |who: usize| {
        let (cache, request) = (Arc::clone(&cache), asks(&hears[who]));
        tokio::spawn(async move { read(cache.call(request).await.unwrap()).await.unwrap() })
    };
    let leads = ask(0);
    origin.said.notified().await;
    {
        let heard = hears[0].0.lock().unwrap();
        let [(status, fields)] = &heard[..] else { panic!("{heard:?}") };
        let lines: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!((status.as_u16(), lines.len()), (103, 3), "{lines:?}");
        assert!(!lines.iter().any(|(name, _)| *name == "keep-alive"), "it was for one hop");
        assert!(lines.contains(&("via", "1.1 Sockets")), "{lines:?}");
    }
    let follows = ask(1);
    // Most often it has joined by then; if not, it gets what is stored.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    origin.go_on.send_replace(true);
    assert_eq!(leads.await.unwrap().cache_status(), "Sockets;fwd=uri-miss;stored");
    let follows = follows.await.unwrap();
    assert_ne!(follows.cache_status(), "Sockets;fwd=uri-miss;stored");
    // Served stale at once: what the origin says is of a fetch behind that.
    assert_eq!(ask(2).await.unwrap().status, 200);
    while cache.fetches() > 0 {
        tokio::task::yield_now().await;
    }
    let heard: Vec<usize> = hears.iter().map(|hears| hears.0.lock().unwrap().len()).collect();
    assert_eq!(heard, [1, 0, 0]);
}
