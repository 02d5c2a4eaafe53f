//! Redirects (RFC 9110 §15.4), and the balancer that answers with them.

use download::{GetFault, Order, Redirect};
use lab::{Answers, Clock, Network};
use message::{Authority, Response, StatusCode};

use crate::support::{Place, answer, fetch, redirect};

fn network() -> Network {
    Network::new(Clock::new())
}

/// Answers `/N` with a redirect to `/N-1`, and `/0` with a page.
fn countdown(request: &message::Request) -> Response {
    let path = request.target.path_and_query().unwrap().path().to_owned();
    match path.trim_start_matches('/').parse::<u32>().unwrap() {
        0 => answer(200, "there"),
        n => redirect(302, &(n - 1).to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_the_five_statuses_is_followed_section_15_4() {
    for status in [301, 302, 303, 307, 308] {
        let (network, place) = (network(), Place::new());
        network.serve("a", Answers::new(move |_| redirect(status, "http://b:8000/elsewhere")));
        network.serve("b:8000", Answers::new(|_| answer(200, "from b")));
        let fetched = fetch(&network.client(), place.order("a/x")).await.unwrap();
        assert_eq!(place.read("x"), b"from b");
        assert_eq!(fetched.final_url.to_string(), "http://b:8000/elsewhere");
        let expected = Redirect {
            status: StatusCode::from_u16(status).unwrap(),
            from: download::Url::parse("a/x").unwrap(),
            to: fetched.final_url.clone(),
        };
        assert_eq!(fetched.redirects, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_relative_location_is_resolved_section_10_2_2() {
    let (network, place) = (network(), Place::new());
    network.serve(
        "a",
        Answers::new(|request| match request.target.to_string().as_str() {
            "/d/x?q" => redirect(302, "../e/y?r#f"),
            "/e/y?r" => redirect(302, "//b/z"),
            _ => answer(404, "no"),
        }),
    );
    network.serve("b", Answers::new(|request| Response::text(StatusCode::OK, request.target.to_string())));
    fetch(&network.client(), place.order("a/d/x?q")).await.unwrap();
    assert_eq!(place.read("x"), b"/z");
}

#[tokio::test(start_paused = true)]
async fn the_name_is_that_of_the_first_url_whatever_a_location_says() {
    for location in ["/..%2f..%2fevil", "http://b/.bashrc", "../../../../evil", "/evil/"] {
        let (network, place) = (network(), Place::new());
        network.serve("b", Answers::new(|_| answer(200, "content")));
        network.serve(
            "a",
            Answers::new(move |request| match request.target.to_string().as_str() {
                "/mine.txt" => redirect(301, location),
                _ => answer(200, "content"),
            }),
        );
        fetch(&network.client(), place.order("a/mine.txt")).await.unwrap();
        assert_eq!(place.names(), ["mine.txt"], "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_named_and_leaves_no_file() {
    let (network, place) = (network(), Place::new());
    network.serve("a", Answers::new(|_| redirect(301, "http://b/")));
    network.serve("b", Answers::new(|_| redirect(301, "http://a/x")));
    let fault = fetch(&network.client(), place.order("a/x")).await.unwrap_err();
    assert_eq!(fault.to_string(), "redirect loop: http://a/x -> http://b/ -> http://a/x");
    assert_eq!(fault.exit_status(), 8);
    assert_eq!((network.requests("a"), network.requests("b")), (1, 1));
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn ten_redirects_are_followed_and_eleven_are_not() {
    let (network, place) = (network(), Place::new());
    network.serve("a", Answers::new(|request| countdown(&request)));
    assert_eq!(fetch(&network.client(), place.order("a/10")).await.unwrap().redirects.len(), 10);
    let fault = fetch(&network.client(), place.order("a/11")).await.unwrap_err();
    assert_eq!(fault.to_string(), "more than 10 redirects; the last one leads to http://a/0");
    assert_eq!(place.names(), ["10"]);
}

#[tokio::test(start_paused = true)]
async fn no_redirect_at_all_may_be_allowed() {
    let (network, place) = (network(), Place::new());
    network.serve("a", Answers::new(|request| countdown(&request)));
    let order = Order { redirects_max: 0, ..place.order("a/1") };
    let fault = fetch(&network.client(), order).await.unwrap_err();
    assert!(matches!(fault, GetFault::RedirectLimit { limit: 0, .. }), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_without_a_location_or_to_nowhere_is_named() {
    for (location, expected) in [
        (
            None,
            "http://a/x redirects (301 Moved Permanently) but does not say where to: it needs one Location field",
        ),
        (
            Some("ftp://b/"),
            "http://a/x redirects to \"ftp://b/\": only http:// and https:// can be asked for",
        ),
        (
            Some("http://u:p@b/"),
            "http://a/x redirects to \"http://u:p@b/\": a user name or password in a URL is refused (RFC 9110 section 4.2.4)",
        ),
    ] {
        let (network, place) = (network(), Place::new());
        network.serve(
            "a",
            Answers::new(move |_| location.map_or_else(|| answer(301, ""), |to| redirect(301, to))),
        );
        let fault = fetch(&network.client(), place.order("a/x")).await.unwrap_err();
        assert_eq!((fault.to_string().as_str(), fault.exit_status()), (expected, 7));
        assert_eq!((network.requests("a"), place.names()), (1, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn https_is_refused_by_name_for_now() {
    let (network, place) = (network(), Place::new());
    network.serve("a", Answers::new(|_| redirect(301, "https://a/x")));
    for url in ["http://a/x", "https://a/x"] {
        let fault = fetch(&network.client(), place.order(url)).await.unwrap_err();
        assert_eq!(fault.to_string(), "https://a/x needs TLS, which this version does not speak yet");
        assert_eq!(fault.exit_status(), 5);
    }
    assert_eq!((network.requests("a"), place.names()), (1, vec![]));
}

#[tokio::test(start_paused = true)]
async fn the_balancer_is_asked_for_the_path_and_its_choice_is_followed() {
    let (network, place) = (network(), Place::new());
    network
        .serve("lb:8080", Answers::new(|request| redirect(301, &format!("http://b:8100{}", request.target))));
    network.serve("a:8000", Answers::new(|_| answer(200, "from a")));
    network.serve("b:8100", Answers::new(|_| answer(200, "from b")));
    let balancer = Some(Authority::parse("lb:8080").unwrap());
    let order = Order { balancer, ..place.order("a:8000/d/index.html?v=1") };
    let fetched = fetch(&network.client(), order).await.unwrap();
    assert_eq!(place.read("index.html"), b"from b");
    assert_eq!(fetched.final_url.to_string(), "http://b:8100/d/index.html?v=1");
    assert_eq!((network.requests("lb:8080"), network.requests("a:8000")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_balancer_is_an_ordinary_server() {
    let (network, place) = (network(), Place::new());
    network.serve("lb:8080", Answers::new(|_| redirect(301, "http://a:8000/index.html")));
    network.serve("a:8000", Answers::new(|_| answer(200, "from a")));
    fetch(&network.client(), place.order("lb:8080/index.html")).await.unwrap();
    assert_eq!(place.read("index.html"), b"from a");
}
