//! The server side: tunnels (RFC 9110 §9.3.6).

use std::net::SocketAddr;
use std::time::Duration;

use engine::{Ending, Tunnels};
use lab::Answers;
use message::{Response, StatusCode};
use net::{Dialer, Reach};

use crate::support::content::noise;
use crate::support::origin::Origin;
use crate::support::peer::{End, Peer};
use crate::support::served::{Served, served, served_with};

fn connect_to(address: SocketAddr) -> String {
    format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n")
}

/// Allows every tunnel, and opens it.
fn open() -> Served {
    served_with(yes(), |server| server.tunnels = Some(Tunnels::new(Dialer::default())))
}

fn yes() -> Answers {
    Answers::new(|_| Response::new(StatusCode::OK))
}

/// A tunnel, with its two ends.
async fn tunnel(server: &Served, far: &mut Origin) -> (Peer, Peer) {
    let mut near = Peer::connect(server.address).await;
    near.send(connect_to(far.address)).await;
    let far = far.accept().await;
    let head = near.head().await;
    assert_eq!(head.start_line(), "HTTP/1.1 200 OK");
    for name in ["Content-Length", "Transfer-Encoding", "Connection"] {
        assert_eq!(head.field(name), None, "RFC 9110 §9.3.6: {head:?}");
    }
    (near, far)
}

#[tokio::test]
async fn bytes_go_both_ways_and_each_end_closes_its_own_9110_9_3_6() {
    let (mut server, mut origin) = (open(), Origin::listen());
    let (mut near, mut far) = tunnel(&server, &mut origin).await;
    near.send("GET / is no request here\r\n\r\n").await;
    assert_eq!(far.take(28).await, "GET / is no request here\r\n\r\n");
    far.send("\0\x01 nor an answer").await;
    assert_eq!(near.take(16).await, "\0\x01 nor an answer");
    near.hang_up().await;
    assert_eq!(far.end().await, End::Closed);
    far.send("still").await;
    assert_eq!(near.take(5).await, "still", "the other direction goes on");
    far.hang_up().await;
    assert_eq!(near.end().await, End::Closed);
    let record = server.records.next().await;
    assert_eq!(record.asked, format!("CONNECT {} HTTP/1.1", origin.address));
    assert_eq!((record.status, record.content, record.ending), (StatusCode::OK, 21, Ending::Whole));
}

#[tokio::test]
async fn what_came_with_the_request_is_the_tunnel_s() {
    let (server, mut origin) = (open(), Origin::listen());
    let mut near = Peer::connect(server.address).await;
    near.send(format!("{}early", connect_to(origin.address))).await;
    let mut far = origin.accept().await;
    assert_eq!(far.take(5).await, "early");
    assert_eq!(near.head().await.status(), 200);
}

#[tokio::test]
async fn much_goes_through_whole() {
    let (server, mut origin) = (open(), Origin::listen());
    let (near, mut far) = tunnel(&server, &mut origin).await;
    let much = noise(3_000_000);
    let (sent, there) = (much.clone(), async {
        let came = far.take(much.len()).await;
        (came, far)
    });
    let sending = async move {
        let mut near = near;
        near.send(&sent).await;
        near
    };
    let (mut near, (came, mut far)) = tokio::join!(sending, there);
    assert!(came == much);
    let (back, came) = tokio::join!(far.send(&much), near.take(much.len()));
    let () = back;
    assert!(came == much);
}

#[tokio::test]
async fn an_end_that_breaks_off_ends_the_other() {
    let (mut server, mut origin) = (open(), Origin::listen());
    let (near, mut far) = tunnel(&server, &mut origin).await;
    near.reset();
    let (rest, _) = far.rest().await;
    assert_eq!(rest, "");
    assert_eq!(server.records.next().await.ending, Ending::ClientGone);
}

#[tokio::test]
async fn a_silent_tunnel_ends() {
    let (server, mut origin) = (
        served_with(yes(), |server| {
            let idle = Duration::from_millis(50);
            server.tunnels = Some(Tunnels { idle, ..Tunnels::new(Dialer::default()) });
        }),
        Origin::listen(),
    );
    let (mut near, mut far) = tunnel(&server, &mut origin).await;
    assert_eq!(near.end().await, End::Closed);
    assert_eq!(far.end().await, End::Closed);
}

#[tokio::test]
async fn what_can_not_be_opened_is_answered_for() {
    let origin = Origin::listen();
    let nobody = Origin::listen().address; // listens no more
    let closed = |server: &mut engine::Server<_, _>| {
        let reach = Some(Reach::new(|_, _| false));
        server.tunnels = Some(Tunnels::new(Dialer { reach, ..Dialer::default() }));
    };
    let no = || Answers::new(|_| Response::text(StatusCode::FORBIDDEN, "no"));
    for (server, there, status, told) in [
        (open(), nobody, 523, "refused the connection"),
        (served_with(yes(), closed), origin.address, 403, "may not be reached"),
        (served(yes()), origin.address, 501, "CONNECT is not supported"),
        (
            served_with(no(), |server| server.tunnels = Some(Tunnels::new(Dialer::default()))),
            origin.address,
            403,
            "no",
        ),
    ] {
        let mut client = Peer::connect(server.address).await;
        let answer = client.ask(connect_to(there)).await;
        assert_eq!(answer.head.status(), status, "{answer:?}");
        assert!(String::from_utf8_lossy(&answer.content).contains(told), "{answer:?}");
        assert_eq!(answer.head.field("Connection"), Some("close"), "what follows need not be HTTP");
        client.hang_up().await;
        assert_eq!(client.end().await, End::Closed);
    }
}
