use super::*;
use crate::sys::portable;
use tokio::net::TcpStream;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn fault(text: &str, errno: Errno) -> ListenFault {
    ListenFault::new(addr(text), io::Error::from(errno))
}

#[test]
fn a_fault_says_in_one_line_what_is_wrong_and_what_to_do() {
    let nginx = || Some(Holder { name: "nginx".to_owned(), pid: 123 });
    let cases = [
        (
            ListenFault::Taken { addr: addr("[::]:8000"), holder: nginx() },
            "port 8000 is taken (by nginx, pid 123): choose another with --port",
        ),
        (
            ListenFault::Taken { addr: addr("127.0.0.1:8000"), holder: None },
            "127.0.0.1:8000 is taken: choose another with --port",
        ),
        (
            fault("0.0.0.0:80", Errno::ACCESS),
            "port 80 is for privileged programs only: choose one from 1024 up with --port, or grant CAP_NET_BIND_SERVICE",
        ),
        (
            fault("[::]:6000", Errno::ACCESS),
            "this user may not listen on port 6000: choose another with --port",
        ),
        (
            fault("192.0.2.1:8000", Errno::ADDRNOTAVAIL),
            "192.0.2.1 is not an address of this machine: give one that is with --bind",
        ),
        (
            fault("[::1]:8000", Errno::AFNOSUPPORT),
            "this machine has no IPv6: give an IPv4 address with --bind",
        ),
        (
            fault("127.0.0.1:8000", Errno::MFILE),
            "no file descriptor left to listen on 127.0.0.1:8000: raise the limit (ulimit -n)",
        ),
        (
            fault("127.0.0.1:8000", Errno::NODEV),
            "cannot listen on 127.0.0.1:8000: No such device (os error 19)",
        ),
    ];
    for (fault, line) in cases {
        assert_eq!(fault.to_string(), line);
    }
}

#[test]
fn an_ipv4_peer_of_a_socket_for_both_families_is_ipv4() {
    let cases = [
        ("[::ffff:192.0.2.7]:5000", "192.0.2.7:5000"),
        ("[2001:db8::7]:5000", "[2001:db8::7]:5000"),
        ("192.0.2.7:5000", "192.0.2.7:5000"),
        ("[::1]:5000", "[::1]:5000"),
    ];
    for (peer, seen) in cases {
        assert_eq!(canonical(addr(peer)), addr(seen), "{peer}");
    }
    let scoped = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 0, 3));
    assert_eq!(canonical(scoped), scoped, "the interface is kept");
}

#[test]
fn a_dead_connection_is_skipped_and_a_shortage_is_waited_out() {
    for errno in [Errno::CONNABORTED, Errno::PROTO, Errno::INTR, Errno::PERM, Errno::NETDOWN] {
        assert!(of_one_connection(&errno.into()), "{errno}");
    }
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC, Errno::BADF] {
        assert!(!of_one_connection(&errno.into()), "{errno}");
    }
    assert!(!of_one_connection(&io::Error::other("not from the system")));
}

#[tokio::test(start_paused = true)]
async fn dead_connections_without_end_do_not_spin() {
    let mut acceptor = bind(addr("127.0.0.1:0"), 1).unwrap().remove(0).start().unwrap();
    let dead = io::Error::from(Errno::CONNABORTED);
    let start = Instant::now();
    for _ in 0..DEAD_IN_A_ROW_MAX {
        acceptor.outlast(&dead).await;
    }
    assert_eq!((acceptor.pauses(), start.elapsed()), (0, Duration::ZERO));
    acceptor.outlast(&dead).await;
    assert_eq!((acceptor.pauses(), start.elapsed()), (1, ACCEPT_PAUSE));
}

#[tokio::test(start_paused = true)]
async fn a_shortage_is_logged_once_however_often_it_pauses() {
    let mut shortage = Shortage::default();
    let start = Instant::now();
    let mut begun = Vec::new();
    for at_ms in [0, 50, 100, 9_000, 18_999, 28_999, 29_049] {
        if shortage.begins(start + Duration::from_millis(at_ms)) {
            begun.push(at_ms);
        }
    }
    assert_eq!(begun, [0, 28_999]);
    assert_eq!(shortage.pauses, 7);
}

#[tokio::test]
async fn accepted_connections_send_small_writes_at_once() {
    let listener = bind(addr("127.0.0.1:0"), 1).unwrap().remove(0);
    let client = TcpStream::connect(listener.local_addr());
    let mut acceptor = listener.start().unwrap();
    let (client, (stream, peer)) = (client.await.unwrap(), acceptor.accept().await);
    assert_eq!(peer, client.local_addr().unwrap());
    assert!(stream.is_sending_at_once());
}

#[tokio::test]
async fn where_the_kernel_does_not_spread_connections_any_listener_takes_them() {
    let wanted = addr("127.0.0.1:0");
    let group = bind_group(wanted, true, 3, portable::SPREADS_REUSEPORT).unwrap();
    for listener in group {
        let mut acceptor = listener.start().unwrap();
        let client = TcpStream::connect(acceptor.local_addr()).await.unwrap();
        assert_eq!(acceptor.accept().await.1, client.local_addr().unwrap());
    }
}
