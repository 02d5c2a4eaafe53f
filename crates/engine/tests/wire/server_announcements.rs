//! The server side: connections that begin with the PROXY protocol.

use std::num::NonZeroUsize;
use std::time::Duration;

use engine::{Announcers, Clients, Share};
use lab::Answers;
use message::{Response, StatusCode};

use crate::support::peer::{End, Peer};
use crate::support::served::{Served, served, served_with};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Tells who asked, to balancers on this machine.
fn behind_balancers() -> Served {
    served_with(who(), |server| server.announcers = Some(Announcers::new(|address| address.is_loopback())))
}

fn who() -> Answers {
    Answers::new(|request| Response::text(StatusCode::OK, request.peer.unwrap().to_string()))
}

/// Version 2 of the header, of an IPv6 client.
fn version_2() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x27".to_vec();
    let client: std::net::Ipv6Addr = "2001:db8::7".parse().unwrap();
    header.extend(client.octets());
    header.extend([0; 16]);
    header.extend([0x12, 0x67, 0x00, 0x50]);
    header.extend([0x04, 0x00, 0x00]); // what is behind the addresses is nothing to us
    header
}

#[tokio::test]
async fn who_is_announced_is_who_asks() {
    let server = behind_balancers();
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n".to_vec(), "192.0.2.7:4711"),
        (b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n".to_vec(), "[2001:db8::7]:4711"),
        (version_2(), "[2001:db8::7]:4711"),
    ] {
        let mut balancer = Peer::connect(server.address).await;
        let answer = balancer.ask([&header, GET.as_bytes()].concat()).await;
        assert_eq!(answer.content, client);
        assert_eq!(balancer.ask(GET).await.content, client, "and for all of the connection");
    }
    for header in ["PROXY UNKNOWN\r\n".as_bytes(), b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"] {
        let mut balancer = Peer::connect(server.address).await;
        let itself = balancer.address.to_string();
        assert_eq!(balancer.ask([header, GET.as_bytes()].concat()).await.content, itself);
    }
}

#[tokio::test]
async fn an_announcement_may_come_in_pieces() {
    let server = behind_balancers();
    let mut balancer = Peer::connect(server.address).await;
    let whole = [version_2(), GET.into()].concat();
    for piece in whole.chunks(7) {
        balancer.send(piece).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(balancer.answer().await.content, "[2001:db8::7]:4711");
}

#[tokio::test]
async fn what_is_no_announcement_is_closed_without_a_word() {
    let server = behind_balancers();
    let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 5000]].concat();
    for bytes in [GET.as_bytes(), b"PROXY TCP4 nobody 192.0.2.1 4711 80\r\n", &long] {
        let mut peer = Peer::connect(server.address).await;
        let _ = peer.try_send(bytes).await; // it may be closed by then
        assert_eq!(peer.rest().await.0, "");
    }
    let mut peer = Peer::connect(server.address).await;
    peer.hang_up().await;
    assert_eq!(peer.end().await, End::Closed);
    let slow = served_with(who(), |server| {
        server.announcers = Some(Announcers::new(|_| true));
        server.patience.head = Duration::from_millis(50);
    });
    let mut peer = Peer::connect(slow.address).await;
    peer.send("PROXY ").await;
    assert_eq!(peer.rest().await.0, "");
}

#[tokio::test]
async fn strangers_announce_nobody() {
    let server = served_with(who(), |server| server.announcers = Some(Announcers::new(|_| false)));
    let mut stranger = Peer::connect(server.address).await;
    let answer = stranger.ask(format!("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n{GET}")).await;
    assert_eq!(answer.head.status(), 400);
    drop(served(who()));
}

#[tokio::test]
async fn each_announced_client_has_its_own_share() {
    let server = served_with(who(), |server| {
        server.announcers = Some(Announcers::new(|_| true));
        let share = Share { connections: NonZeroUsize::new(1), ..Share::default() };
        server.clients = Clients::new(share);
    });
    let announced = |client: &str| format!("PROXY TCP4 {client} 192.0.2.1 4711 80\r\n{GET}");
    let mut one = Peer::connect(server.address).await;
    assert_eq!(one.ask(announced("192.0.2.7")).await.head.status(), 200);
    let mut again = Peer::connect(server.address).await;
    assert_eq!(again.ask(announced("192.0.2.7")).await.head.status(), 503);
    let mut other = Peer::connect(server.address).await;
    assert_eq!(other.ask(announced("192.0.2.8")).await.head.status(), 200);
}
