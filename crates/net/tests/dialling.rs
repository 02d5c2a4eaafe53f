//! Dialling over real sockets.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

use net::{Acceptor, DialFault, Dialer, Pins, Reach, bind};
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Holds an address without listening on it: whoever connects is refused, and nobody else can take it.
/// None if somebody has it.
fn deaf(addr: SocketAddr) -> Option<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).unwrap();
    socket.bind(&addr.into()).ok().map(|()| socket)
}

/// The first of some attempts that finds its port free in both families: a port that is free in one may
/// be in use in the other by whatever else runs on this machine.
fn with_a_port_free_in_both<T>(attempt: impl Fn() -> Option<T>) -> T {
    (0..100).find_map(|_| attempt()).unwrap()
}

/// A listener on one family's loopback, and the same port held deaf on the other's.
fn only(ip: IpAddr, deaf_ip: IpAddr) -> (Acceptor, Socket) {
    with_a_port_free_in_both(|| {
        let listener = bind(SocketAddr::new(ip, 0), 1).unwrap().remove(0);
        let held = deaf(SocketAddr::new(deaf_ip, listener.local_addr().port()))?;
        Some((listener.start().unwrap(), held))
    })
}

fn bound_to(socket: &Socket) -> SocketAddr {
    socket.local_addr().unwrap().as_socket().unwrap()
}

#[tokio::test]
async fn localhost_is_found_on_whichever_family_it_listens() {
    let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    for (there, elsewhere) in [(v4, v6), (v6, v4)] {
        let (mut acceptor, _held) = only(there, elsewhere);
        let addr = acceptor.local_addr();
        let stream = Dialer::default().dial("localhost", addr.port()).await.unwrap();
        assert_eq!(stream.peer_addr(), addr);
        assert_eq!(acceptor.accept().await.1, stream.local_addr().unwrap());
    }
}

#[tokio::test]
async fn an_address_is_dialled_as_it_is() {
    for ip in ["127.0.0.1", "::1"] {
        let mut acceptor =
            bind(SocketAddr::new(ip.parse().unwrap(), 0), 1).unwrap().remove(0).start().unwrap();
        let stream = Dialer::default().dial(ip, acceptor.local_addr().port()).await.unwrap();
        assert_eq!(acceptor.accept().await.1, stream.local_addr().unwrap());
    }
}

#[tokio::test]
async fn where_nobody_listens_the_dial_is_refused_and_says_what_was_tried() {
    let (held, _also_held) = with_a_port_free_in_both(|| {
        let held = deaf("127.0.0.1:0".parse().unwrap())?;
        let other = deaf(SocketAddr::from((Ipv6Addr::LOCALHOST, bound_to(&held).port())))?;
        Some((held, other))
    });
    let addr = bound_to(&held);
    let fault = Dialer::default().dial("localhost", addr.port()).await.unwrap_err();
    let DialFault::Refused { tried } = &fault else {
        panic!("{fault:?}");
    };
    assert_eq!(tried.addresses, [SocketAddr::from((Ipv6Addr::LOCALHOST, addr.port())), addr]);
    let line = format!("localhost:{} (::1, 127.0.0.1) refused the connection: is it running?", addr.port());
    assert_eq!(fault.to_string(), line);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_an_error_of_the_name() {
    // RFC 6761 section 6.4: never exists. A machine without DNS can only say that it can't find out.
    let fault = Dialer::default().dial("nowhere.invalid", 80).await.unwrap_err();
    match fault {
        DialFault::NameNotFound { host } | DialFault::NameLookup { host, .. } => {
            assert_eq!(host, "nowhere.invalid");
        }
        DialFault::TimedOut { tried, .. } => assert_eq!(tried.addresses, [], "the resolver is silent"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_that_is_silent_is_given_up_at_the_deadline() {
    // A listener whose queue is full answers nothing.
    let listener = deaf("127.0.0.1:0".parse().unwrap()).unwrap();
    listener.listen(0).unwrap();
    let addr = bound_to(&listener);
    let dialer = Dialer { connect_timeout: std::time::Duration::from_millis(300), ..Dialer::default() };
    let mut waiting = Vec::new();
    let fault = loop {
        match dialer.dial("127.0.0.1", addr.port()).await {
            Ok(stream) => waiting.push(stream),
            Err(fault) => break fault,
        }
        assert!(waiting.len() < 10, "the queue is never full");
    };
    let DialFault::TimedOut { tried, after } = &fault else {
        panic!("{fault:?}");
    };
    assert_eq!((tried.addresses.as_slice(), *after), ([addr].as_slice(), dialer.connect_timeout));
    assert_eq!(fault.to_string(), format!("{addr} did not answer within 300ms"));
}

#[tokio::test]
async fn only_addresses_within_reach_are_connected_to() {
    let listener = deaf("127.0.0.1:0".parse().unwrap()).unwrap();
    listener.listen(1).unwrap();
    let port = bound_to(&listener).port();
    // `localhost` has two addresses: one of them may be had.
    let reach = Reach::new(|host, address| host == "localhost" && address.is_ipv4());
    let dialer = Dialer { reach: Some(reach), ..Dialer::default() };
    let stream = dialer.dial("localhost", port).await.unwrap();
    assert_eq!(stream.peer_addr(), bound_to(&listener));
    for host in ["127.0.0.1", "::1"] {
        let fault = dialer.dial(host, port).await.unwrap_err();
        assert!(matches!(&fault, DialFault::Prohibited { host: told } if told == host), "{fault:?}");
    }
}

#[tokio::test]
async fn a_pinned_name_is_not_looked_up() {
    let listener = deaf("127.0.0.1:0".parse().unwrap()).unwrap();
    listener.listen(1).unwrap();
    let port = bound_to(&listener).port();
    let pins = Pins::new([(("Nowhere.Invalid".to_owned(), port), vec!["127.0.0.1".parse().unwrap()])]);
    let dialer = Dialer { pins, ..Dialer::default() };
    let stream = dialer.dial("nowhere.invalid", port).await.unwrap();
    assert_eq!(stream.peer_addr(), bound_to(&listener));
    let other_port = dialer.dial("nowhere.invalid", 1).await.unwrap_err();
    assert!(!matches!(other_port, DialFault::Refused { .. }), "{other_port:?}");
}
