//! Listeners as the roles use them: real sockets on free ports.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

use bytes::BytesMut;
use net::{Acceptor, ListenFault, Listener, bind, bind_all};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn started(listeners: Vec<Listener>) -> Vec<Acceptor> {
    listeners.into_iter().map(|listener| listener.start().unwrap()).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_deferred_connection_is_accepted_with_what_has_come_and_a_silent_one_after_a_while() {
    let listener = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
    let addr = listener.local_addr();
    let mut acceptor = listener.defer().start().unwrap();
    let silent = TcpStream::connect(addr).await.unwrap();
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let (stream, peer) = acceptor.accept().await;
    assert_eq!(peer, client.local_addr().unwrap(), "who speaks goes first");
    let (mut read, _write) = stream.split();
    assert_eq!(read.read(&mut BytesMut::new()).await.unwrap(), 5);
    assert_eq!(acceptor.accept().await.1, silent.local_addr().unwrap());
}

#[tokio::test]
async fn a_port_in_use_is_taken_and_its_holder_is_named() {
    for count in [1, 3] {
        let held = bind(loopback(), count).unwrap();
        for again in [1, 3] {
            let fault = bind(held[0].local_addr(), again).unwrap_err();
            let ListenFault::Taken { addr, holder: Some(holder) } = &fault else {
                panic!("{fault:?}");
            };
            assert_eq!((*addr, holder.pid), (held[0].local_addr(), std::process::id()));
            assert!(!holder.name.is_empty());
            let line = fault.to_string();
            assert!(line.contains(&format!("{addr} is taken (by {}, pid {})", holder.name, holder.pid)));
        }
    }
}

#[tokio::test]
async fn a_port_is_free_again_at_once() {
    let mut acceptor = started(bind(loopback(), 1).unwrap()).remove(0);
    let addr = acceptor.local_addr();
    let mut client = TcpStream::connect(addr).await.unwrap();
    // Our side closes first, so that TIME-WAIT is ours.
    drop(acceptor.accept().await);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    drop((client, acceptor));
    bind(addr, 2).unwrap();
}

#[tokio::test]
async fn a_group_shares_one_port_and_the_connections() {
    const LISTENERS: usize = 4;
    let listeners = bind(loopback(), LISTENERS).unwrap();
    let addr = listeners[0].local_addr();
    assert_ne!(addr.port(), 0);
    assert!(listeners.iter().all(|listener| listener.local_addr() == addr));

    let (taken, mut takes) = mpsc::unbounded_channel();
    for (n, mut acceptor) in started(listeners).into_iter().enumerate() {
        let taken = taken.clone();
        tokio::spawn(async move { while taken.send((n, acceptor.accept().await)).is_ok() {} });
    }
    let mut clients = Vec::new();
    let mut shares = [0; LISTENERS];
    for _ in 0..256 {
        clients.push(TcpStream::connect(addr).await.unwrap());
        shares[takes.recv().await.unwrap().0] += 1;
    }
    // 256 connections over 4: a share of none has a probability of 1 in 10^31.
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[tokio::test]
async fn no_listeners_at_all_is_one_and_very_many_are_some() {
    assert_eq!(bind(loopback(), 0).unwrap().len(), 1);
    assert_eq!(bind(loopback(), usize::MAX).unwrap().len(), net::listen::LISTENERS_MAX);
}

#[tokio::test]
async fn all_addresses_are_both_families_and_an_ipv4_client_is_seen_as_ipv4() {
    let mut acceptor = started(bind_all(0, 1).unwrap()).remove(0);
    let port = acceptor.local_addr().port();
    for ip in [Ipv4Addr::LOCALHOST.into(), std::net::IpAddr::from(Ipv6Addr::LOCALHOST)] {
        let client = TcpStream::connect((ip, port)).await.unwrap();
        let (stream, peer) = acceptor.accept().await;
        assert_eq!((peer, stream.peer_addr()), (client.local_addr().unwrap(), peer));
    }
}

#[tokio::test]
async fn the_ipv6_wildcard_alone_leaves_ipv4_to_others() {
    // Any one port will do: some may be in use for IPv4 by whatever else runs on this machine.
    let both = (0..100).find_map(|_| {
        let v6 = bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), 1).unwrap();
        bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, v6[0].local_addr().port())), 1).ok()
    });
    assert!(both.is_some());
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused_by_name() {
    // RFC 5737: for documentation, nobody's.
    let fault = bind("192.0.2.1:0".parse().unwrap(), 1).unwrap_err();
    assert!(matches!(fault, ListenFault::NotLocal { .. }), "{fault:?}");
}

#[tokio::test]
async fn an_accepted_connection_carries_bytes_both_ways() {
    let mut acceptor = started(bind(loopback(), 1).unwrap()).remove(0);
    let mut client = TcpStream::connect(acceptor.local_addr()).await.unwrap();
    let (stream, _) = acceptor.accept().await;
    assert_eq!(stream.local_addr().unwrap(), acceptor.local_addr());
    let (mut read, mut write) = stream.split();
    client.write_all(b"ping").await.unwrap();
    let mut inbox = BytesMut::new();
    assert_eq!(read.read(&mut inbox).await.unwrap(), 4);
    write.write_all(&inbox, false).await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 4);
}
