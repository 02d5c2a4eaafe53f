use std::sync::Arc;
use std::time::SystemTime;

use access::network::Network;
use access::secret::Account;
use lab::Answers;
use message::{Fields, HeaderName};

use super::*;

/// What comes of a request, and what of it the service inside saw.
struct Outcome {
    status: u16,
    text: String,
    challenge: Option<String>,
    seen: Option<Fields>,
}

fn network(text: &str) -> Network {
    Network::parse(text).unwrap()
}

fn request(method: &str, target: &str, peer: &str, fields: &[(HeaderName, &str)]) -> Request {
    let target = Target::parse(target).unwrap();
    let mut request = Request::get(target, SystemTime::UNIX_EPOCH);
    request.method = Method::from_bytes(method.as_bytes()).unwrap();
    request.peer = Some(peer.parse().unwrap());
    for (name, value) in fields {
        request.fields.append(name.clone(), HeaderValue::from_str(value).unwrap());
    }
    request
}

async fn outcome(terms: Terms, request: Request) -> Outcome {
    let seen = Arc::new(std::sync::Mutex::new(None));
    let saw = Arc::clone(&seen);
    let inside = Answers::new(move |request| {
        *saw.lock().unwrap() = Some(request.fields.clone());
        Response::text(StatusCode::OK, "inside")
    });
    let (status, fields, body) = match Front::new(terms, inside).call(request).await {
        Ok(Response { status, fields, body }) => (status.as_u16(), fields, body),
        Err(failure) => {
            assert_eq!(failure.kind(), message::FailureKind::DestinationIpProhibited);
            (0, Fields::new(), failure.to_string().into())
        }
    };
    let text = lab::body_bytes(body).await.unwrap();
    let challenge = fields.text(&header::PROXY_AUTHENTICATE).map(str::to_owned);
    let seen = seen.lock().unwrap().take();
    Outcome { status, text: String::from_utf8_lossy(&text).into_owned(), challenge, seen }
}

#[tokio::test]
async fn who_is_not_allowed_may_not_use_it() {
    let terms = || Terms {
        clients: Networks { allow: vec![network("192.0.2.0/24")], ..Networks::default() },
        ..Terms::forward()
    };
    let get = |peer| request("GET", "http://a.test/", peer, &[]);
    assert_eq!(outcome(terms(), get("192.0.2.7:1")).await.text, "inside");
    let refused = outcome(terms(), get("198.51.100.1:1")).await;
    assert_eq!((refused.status, refused.seen.is_none()), (403, true));
    assert!(refused.text.contains("--allow"), "{}", refused.text);
    // Where a proxy of ours says who asks, that is who asks.
    let trust = Trust { proxies: vec![network("10.0.0.1")], ..Trust::default() };
    let told = |by, of: &str| {
        let fields = [(HeaderName::from_static("x-forwarded-for"), of)];
        outcome(Terms { trust: trust.clone(), ..terms() }, request("GET", "http://a.test/", by, &fields))
    };
    assert_eq!(told("10.0.0.1:1", "192.0.2.7").await.status, 200);
    assert_eq!(told("10.0.0.1:1", "198.51.100.1").await.status, 403);
    assert_eq!(told("198.51.100.1:1", "192.0.2.7").await.status, 403, "anybody can say so");
}

#[tokio::test]
async fn who_has_no_account_is_asked_for_one_9110_15_5_8() {
    let terms = || {
        let accounts = Accounts::new(vec![Account::parse("jane:secret").unwrap()]);
        let Way::Forward { destinations, connect_ports, .. } = Terms::forward().way else { unreachable!() };
        let way = Way::Forward { accounts: Some(accounts), destinations, connect_ports };
        Terms { way, ..Terms::forward() }
    };
    let ask = |method, target, field: HeaderName, credentials| {
        outcome(terms(), request(method, target, "192.0.2.7:1", &[(field, credentials)]))
    };
    let right = "Basic amFuZTpzZWNyZXQ=";
    for (method, target) in [("GET", "http://a.test/"), ("CONNECT", "a.test:443")] {
        assert_eq!(ask(method, target, header::PROXY_AUTHORIZATION, right).await.status, 200, "{method}");
        for (field, credentials) in
            [(header::PROXY_AUTHORIZATION, "Basic amFuZTp3cm9uZw=="), (header::AUTHORIZATION, right)]
        {
            let refused = ask(method, target, field, credentials).await;
            assert_eq!(refused.status, 407, "{method}");
            assert_eq!(refused.challenge.as_deref(), Some(r#"Basic realm="files", charset="UTF-8""#));
            assert!(refused.seen.is_none());
        }
    }
}

#[tokio::test]
async fn a_tunnel_goes_to_ports_that_are_open_for_it_9110_9_3_6() {
    for (target, status) in
        [("a.test:443", 200), ("a.test:22", 403), ("127.0.0.1:443", 0), ("10.0.0.1:443", 0)]
    {
        let outcome = outcome(Terms::forward(), request("CONNECT", target, "192.0.2.7:1", &[])).await;
        assert_eq!((outcome.status, outcome.seen.is_none()), (status, true), "{target}: {}", outcome.text);
    }
}

#[tokio::test]
async fn where_it_may_not_lead_it_does_not_even_with_what_is_stored() {
    for (target, peer, status) in [
        ("http://localhost:8000/", "127.0.0.1:1", 200),
        ("http://localhost:8000/", "192.0.2.7:1", 0),
        ("http://[::ffff:10.0.0.1]/", "127.0.0.1:1", 0),
        ("http://169.254.169.254/latest/meta-data", "127.0.0.1:1", 0),
        ("http://a.test/", "192.0.2.7:1", 200),
    ] {
        let outcome = outcome(Terms::forward(), request("GET", target, peer, &[])).await;
        assert_eq!((outcome.status, outcome.seen.is_some()), (status, status == 200), "{target} {peer}");
    }
}

#[tokio::test]
async fn the_origin_of_a_reverse_proxy_learns_who_asked() {
    let terms = Terms { way: Way::Reverse, ..Terms::forward() };
    let name = HeaderName::from_static("x-forwarded-for");
    let forged = [(name.clone(), "203.0.113.1")];
    let seen = outcome(terms, request("GET", "/x", "192.0.2.7:1", &forged)).await.seen.unwrap();
    assert_eq!(seen.lines(&name).collect::<Vec<_>>(), ["192.0.2.7"]);
    let forward = outcome(Terms::forward(), request("GET", "http://a.test/", "192.0.2.7:1", &[])).await;
    assert_eq!(forward.seen.unwrap().len(), 0, "who uses a forward proxy is nobody's business behind it");
}
