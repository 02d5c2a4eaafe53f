//! Requests with and without credentials. Passwords that are checked are counted, not timed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, header};
use message::request::Request;
use tokio::task::JoinSet;

use access::gate::Accounts;
use access::network::{Network, Networks};
use access::secret::Account;
use workshop::workshop::ORDERS;

use crate::config::Config;
use crate::cors::Cors;
use crate::error_page::ErrorPage;
use crate::rules::Rule;
use crate::testing::{Answer, Fixture, get, later, with};

/// "open sesame", by htpasswd(1); and "other", in plain.
const HASHED: &str = "Aladdin:$2y$04$7IX6lTctSEK09HMNU9L7WuO97EOZs9iPN3tC5H4JKaYiUOqffTlHq";
const PLAIN: &str = "plain:other";

fn accounts(texts: &[&str]) -> Option<Accounts> {
    Some(Accounts::new(texts.iter().map(|text| Account::parse(text).unwrap()).collect()))
}

fn guarded(adjust: impl FnOnce(&mut Config)) -> Fixture {
    let site = Fixture::with(|config| {
        config.accounts = accounts(&[HASHED]);
        adjust(config);
    });
    site.write("a", "abc");
    site
}

fn as_user(request: Request, credentials: &str) -> Request {
    with(request, header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(credentials)))
}

async fn status(site: &Fixture, credentials: &str) -> u16 {
    site.send(as_user(get("/a"), credentials)).await.status
}

fn checks(site: &Fixture) -> u64 {
    site.origin.site().gate().unwrap().checks()
}

#[tokio::test]
async fn who_has_no_account_is_asked_for_one_7617_2() {
    let site = guarded(|config| {
        config.accounts = accounts(&[HASHED, PLAIN]);
        config.accounts.as_mut().unwrap().realm = "my \"files\"".to_owned();
    });
    for request in [
        get("/a"),
        get("/missing"),
        get("/../etc"),
        Request { method: Method::HEAD, ..get("/a") },
        with(get("/a"), header::AUTHORIZATION, "Bearer abc"),
        with(get("/a"), header::AUTHORIZATION, "Basic !"),
        as_user(get("/a"), "Aladdin"),
        as_user(get("/a"), "Aladdin:open sesame "),
        as_user(get("/a"), "aladdin:open sesame"),
        as_user(get("/a"), "nobody:open sesame"),
        as_user(get("/a"), "plain:open sesame"),
        as_user(get("/a"), ":"),
        as_user(as_user(get("/a"), "plain:other"), "plain:other"),
    ] {
        let answer = site.send(request).await;
        assert_eq!(answer.status, 401);
        let challenge = answer.field(&header::WWW_AUTHENTICATE);
        assert_eq!(challenge, Some(r#"Basic realm="my \"files\"", charset="UTF-8""#));
        assert_eq!(answer.field(&header::CACHE_CONTROL), Some("no-store"));
        assert!(!answer.text().contains("missing"), "what there is, is not told: {}", answer.text());
    }
}

#[tokio::test]
async fn who_has_an_account_is_let_in() {
    let site = guarded(|config| config.accounts = accounts(&[HASHED, PLAIN]));
    assert_eq!(status(&site, "Aladdin:open sesame").await, 200);
    assert_eq!(status(&site, "plain:other").await, 200);
    assert_eq!(site.send(as_user(get("/missing"), "plain:other")).await.status, 404);
    let lower = format!("bAsIc  {}", STANDARD.encode("plain:other"));
    assert_eq!(site.get_with("/a", header::AUTHORIZATION, &lower).await.status, 200);
}

#[tokio::test]
async fn what_needs_an_account_is_private_9111_3_5() {
    let site = guarded(|config| config.accounts = accounts(&[PLAIN]));
    for target in ["/a", "/missing"] {
        let answer = site.send(as_user(get(target), "plain:other")).await;
        assert_eq!(answer.field(&header::CACHE_CONTROL), Some("private"), "{target}");
    }
    let site = guarded(|config| {
        config.accounts = accounts(&[PLAIN]);
        config.rules = vec![Rule::cache_control("public, max-age=60").unwrap()];
    });
    let answer = site.send(as_user(get("/a"), "plain:other")).await;
    assert_eq!(answer.field(&header::CACHE_CONTROL), Some("public, max-age=60"), "whoever says so means it");
    assert_eq!(Fixture::new().get("/a").await.field(&header::CACHE_CONTROL), None);
}

#[tokio::test]
async fn a_password_that_was_right_is_not_checked_again_for_a_while() {
    let site = guarded(|_| {});
    let at = |seconds| {
        let now = later() + Duration::from_secs(seconds);
        site.send(Request { received_at: now, ..as_user(get("/a"), "Aladdin:open sesame") })
    };
    for seconds in [0, 1, 299] {
        assert_eq!(at(seconds).await.status, 200);
    }
    assert_eq!(checks(&site), 1);
    for seconds in [300, 301, 599] {
        assert_eq!(at(seconds).await.status, 200);
    }
    assert_eq!(checks(&site), 2);
    assert_eq!(status(&site, "Aladdin:open sesam").await, 401, "and only that password");
    assert_eq!(status(&site, "aladdin:open sesame").await, 401, "of that user");
    assert_eq!(checks(&site), 4);
}

#[tokio::test]
async fn a_user_who_is_not_there_is_checked_like_one_who_is() {
    let site = guarded(|_| {});
    for credentials in ["Aladdin:wrong", "nobody:wrong", "nobody:open sesame", ":open sesame"] {
        let before = checks(&site);
        assert_eq!(status(&site, credentials).await, 401, "{credentials}");
        assert_eq!(checks(&site), before + 1, "{credentials}");
    }
    assert_eq!(status(&site, "nobody:open sesame").await, 401, "and nothing of it is remembered");
    assert_eq!(checks(&site), 5);
}

#[tokio::test]
async fn a_hundred_askers_are_one_check() {
    let site = Arc::new(guarded(|_| {}));
    let mut askers = JoinSet::new();
    for _ in 0..100 {
        let site = Arc::clone(&site);
        askers.spawn(async move { status(&site, "Aladdin:open sesame").await });
    }
    assert!(askers.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(checks(&site), 1);
    let mut askers = JoinSet::new();
    for _ in 0..100 {
        let site = Arc::clone(&site);
        askers.spawn(async move { status(&site, "Aladdin:wrong").await });
    }
    assert!(askers.join_all().await.iter().all(|status| *status == 401));
    assert_eq!(checks(&site), 2);
}

#[tokio::test]
async fn more_passwords_than_can_be_checked_are_sent_away_and_known_ones_are_not() {
    let site = guarded(|_| {});
    assert_eq!(status(&site, "Aladdin:open sesame").await, 200);
    let ask = |number| {
        let request = as_user(get("/a"), &format!("Aladdin:guess {number}"));
        Box::pin(site.send(request)) as Pin<Box<dyn Future<Output = Answer>>>
    };
    let mut waiting: Vec<_> = (0..ORDERS).map(ask).collect();
    std::future::poll_fn(|cx| {
        assert!(waiting.iter_mut().all(|asker| asker.as_mut().poll(cx).is_pending()));
        Poll::Ready(())
    })
    .await;
    let one_more = site.send(as_user(get("/a"), "Aladdin:one more")).await;
    assert_eq!(one_more.status, 503);
    assert_eq!(one_more.field(&header::RETRY_AFTER), Some("1"));
    assert_eq!(status(&site, "Aladdin:open sesame").await, 200, "who is known needs no check");
    for asker in waiting {
        assert_eq!(asker.await.status, 401);
    }
    assert_eq!(status(&site, "Aladdin:one more").await, 401);
}

#[tokio::test]
async fn where_nobody_has_an_account_nobody_is_let_in() {
    let site = guarded(|config| config.accounts = accounts(&[]));
    assert_eq!(status(&site, "Aladdin:open sesame").await, 401);
}

#[tokio::test]
async fn of_two_accounts_of_one_name_the_later_one_counts() {
    let site = guarded(|config| config.accounts = accounts(&["a:first", "a:second"]));
    assert_eq!(status(&site, "a:first").await, 401);
    assert_eq!(status(&site, "a:second").await, 200);
}

#[tokio::test]
async fn a_preflight_needs_no_account_and_the_request_does() {
    let site = guarded(|config| config.cors = Some(Cors::Any));
    let origin = |request| with(request, header::ORIGIN, "https://a.example");
    let preflight = origin(Request { method: Method::OPTIONS, ..get("/a") });
    let preflight = with(preflight, header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
    assert_eq!(site.send(preflight).await.status, 204);
    let refused = site.send(origin(get("/a"))).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.field(&header::ACCESS_CONTROL_ALLOW_ORIGIN), Some("*"), "its script may read that");
}

#[tokio::test]
async fn the_page_of_a_401_is_shown_to_those_without_an_account() {
    let site = guarded(|config| config.error_pages = vec![ErrorPage::parse("401=login.html").unwrap()]);
    site.write("login.html", "who are you?");
    let answer = site.get("/a").await;
    assert_eq!((answer.status, answer.text()), (401, "who are you?"));
    assert!(answer.fields.contains(&header::WWW_AUTHENTICATE));
    assert_eq!(answer.field(&header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(site.get("/login.html").await.status, 401);
}

#[tokio::test]
async fn an_address_that_may_not_ask_is_told_nothing() {
    let site = guarded(|config| {
        let allow = vec![Network::parse("192.0.2.0/24").unwrap()];
        config.networks = Networks { allow, deny: vec![Network::parse("192.0.2.7").unwrap()] };
        config.cors = Some(Cors::Any);
    });
    let from = |address: &str, request| Request { peer: Some(address.parse().unwrap()), ..request };
    let allowed = site.send(from("[::ffff:192.0.2.1]:80", get("/a"))).await;
    assert_eq!(allowed.status, 401, "it may ask, and is asked");
    let method = |method| Request { method, ..get("/a") };
    for request in [get("/a"), get("/missing"), method(Method::HEAD), method(Method::OPTIONS)] {
        let request = as_user(request, "Aladdin:open sesame");
        let answer = site.send(from("192.0.2.7:80", request)).await;
        assert_eq!((answer.status, answer.text()), (403, "403 forbidden\n"));
    }
    assert_eq!(checks(&site), 0, "nor is a password looked at");
    assert_eq!(site.get("/a").await.status, 403, "somebody without an address is not on the list");
}
