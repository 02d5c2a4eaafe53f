use super::*;
use std::future::pending;
use std::sync::{Arc, Mutex};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};

fn addrs(list: &[&str]) -> Vec<SocketAddr> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn the_families_take_turns_from_the_one_the_system_prefers() {
    let cases: [(&[&str], &[&str]); 5] = [
        (&[], &[]),
        (&["10.0.0.1:80", "10.0.0.2:80"], &["10.0.0.1:80", "10.0.0.2:80"]),
        (
            &["[::1]:80", "[::2]:80", "[::3]:80", "10.0.0.1:80"],
            &["[::1]:80", "10.0.0.1:80", "[::2]:80", "[::3]:80"],
        ),
        (&["10.0.0.1:80", "[::1]:80", "10.0.0.2:80"], &["10.0.0.1:80", "[::1]:80", "10.0.0.2:80"]),
        (&["10.0.0.1:80", "10.0.0.1:80", "[::1]:80"], &["10.0.0.1:80", "[::1]:80"]),
    ];
    for (found, ordered) in cases {
        assert_eq!(in_turns(addrs(found)), addrs(ordered), "{found:?}");
    }
}

#[test]
fn a_name_with_very_many_addresses_is_tried_at_a_few() {
    let many = (0..100).map(|n| SocketAddr::from(([10, 0, 0, n], 80))).collect();
    assert_eq!(in_turns(many).len(), ADDRESSES_MAX);
    let both: Vec<_> = (0..100)
        .flat_map(|n| {
            [SocketAddr::from(([10, 0, 0, n], 80)), SocketAddr::from(([n.into(), 0, 0, 0, 0, 0, 0, 1], 80))]
        })
        .collect();
    let kept = in_turns(both.clone());
    assert_eq!((kept.len(), kept.iter().filter(|a| a.is_ipv4()).count()), (ADDRESSES_MAX, ADDRESSES_MAX / 2));
    let one_twice = [&both[..1], &both[..]].concat();
    assert_eq!(in_turns(one_twice).len(), ADDRESSES_MAX);
}

#[test]
fn localhost_and_what_is_beneath_it_is_loopback() {
    for name in ["localhost", "LocalHost", "localhost.", "a.localhost", "a.b.localhost."] {
        assert!(is_localhost(name), "{name}");
    }
    for name in ["", ".", "localhost.example", "notlocalhost", "local", "localhost.."] {
        assert!(!is_localhost(name), "{name}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_told_from_a_resolver_that_does_not_answer() {
    let cases = [
        ("failed to lookup address information: Name or service not known", true),
        ("failed to lookup address information: No address associated with hostname", true),
        ("failed to lookup address information: Name does not resolve", true),
        ("failed to lookup address information: nodename nor servname provided, or not known", true),
        ("failed to lookup address information: Temporary failure in name resolution", false),
        ("failed to lookup address information: System error", false),
    ];
    for (text, not_found) in cases {
        assert_eq!(says_not_found(&io::Error::other(text)), not_found, "{text}");
    }
}

/// What an address does in the tests of the race.
#[derive(Clone, Copy)]
enum Answer {
    After(u64),
    RefusesAfter(u64),
    Never,
}

/// Races addresses that behave as told. Returns who won or how many failed, how long it took and when
/// each was begun, in ms.
async fn run_race(answers: &[Answer]) -> (Result<u16, usize>, u128, Vec<u128>) {
    let start = Instant::now();
    let begun = Arc::new(Mutex::new(Vec::new()));
    let addresses: Vec<_> = (0..).zip(answers).map(|(n, _)| SocketAddr::from(([10, 0, 0, 1], n))).collect();
    let outcome = race(&addresses, |address| {
        begun.lock().unwrap().push(start.elapsed().as_millis());
        let answer = answers[usize::from(address.port())];
        async move {
            match answer {
                Answer::After(ms) => sleep(Duration::from_millis(ms)).await,
                Answer::RefusesAfter(ms) => {
                    sleep(Duration::from_millis(ms)).await;
                    return Err(Errno::CONNREFUSED.into());
                }
                Answer::Never => pending().await,
            }
            Ok(address.port())
        }
    });
    let outcome = outcome.await.map_err(|failures| failures.len());
    let begun = begun.lock().unwrap().clone();
    (outcome, start.elapsed().as_millis(), begun)
}

#[tokio::test(start_paused = true)]
async fn rfc8305_section_5_the_next_address_is_tried_beside_a_slow_one() {
    use Answer::{After, Never, RefusesAfter};
    type Case = (&'static [Answer], Result<u16, usize>, u128, &'static [u128]);
    let cases: [Case; 9] = [
        (&[After(5)], Ok(0), 5, &[0]),
        (&[RefusesAfter(5)], Err(1), 5, &[0]),
        (&[After(5), After(1)], Ok(0), 5, &[0]),
        (&[Never, After(5)], Ok(1), 255, &[0, 250]),
        (&[After(300), After(100)], Ok(0), 300, &[0, 250]),
        (&[RefusesAfter(5), After(5)], Ok(1), 10, &[0, 5]),
        (&[Never, RefusesAfter(5), After(5)], Ok(2), 260, &[0, 250, 255]),
        (&[RefusesAfter(5), RefusesAfter(5)], Err(2), 10, &[0, 5]),
        (&[RefusesAfter(600), RefusesAfter(400), After(800)], Ok(2), 1300, &[0, 250, 500]),
    ];
    for (n, (answers, outcome, took, begun)) in (1..).zip(cases) {
        assert_eq!(run_race(answers).await, (outcome, took, begun.to_vec()), "case {n}");
    }
}

#[tokio::test]
async fn an_attempt_that_breaks_is_a_failure_and_the_race_goes_on() {
    let addresses = addrs(&["10.0.0.1:1", "10.0.0.1:2"]);
    let won = race(&addresses, |address| async move {
        assert_ne!(address.port(), 1, "breaks");
        Ok(address.port())
    });
    assert_eq!(won.await.unwrap(), 2);
}

fn tried(host: &str) -> Tried {
    Tried { host: host.to_owned(), port: 8000, addresses: addrs(&["[::1]:8000", "127.0.0.1:8000"]) }
}

#[test]
fn of_several_failures_the_one_that_says_most_is_reported() {
    let verdict = |errnos: &[Errno]| {
        let failures = errnos.iter().map(|errno| io::Error::from(*errno)).collect();
        judge(tried("localhost"), failures, Duration::from_secs(10))
    };
    use Errno as E;
    assert!(matches!(verdict(&[E::NETUNREACH, E::CONNREFUSED]), DialFault::Refused { .. }));
    assert!(matches!(verdict(&[E::TIMEDOUT, E::CONNREFUSED]), DialFault::Refused { .. }));
    assert!(matches!(verdict(&[E::CONNREFUSED, E::MFILE]), DialFault::DescriptorLimit { .. }));
    assert!(matches!(verdict(&[E::ADDRNOTAVAIL, E::TIMEDOUT]), DialFault::TimedOut { .. }));
    assert!(matches!(verdict(&[E::HOSTUNREACH]), DialFault::Unreachable { .. }));
    assert!(matches!(verdict(&[E::HOSTUNREACH, E::NOBUFS]), DialFault::Other(_)));
    assert!(matches!(verdict(&[]), DialFault::NameNotFound { .. }));
}

#[test]
fn a_fault_says_in_one_line_what_was_tried() {
    let ten = Duration::from_secs(10);
    let looking = Tried { addresses: Vec::new(), ..tried("example.com") };
    let cases = [
        (
            DialFault::Refused { tried: tried("localhost") },
            "localhost:8000 (::1, 127.0.0.1) refused the connection: is it running?",
        ),
        (DialFault::Refused { tried: tried("::1") }, "[::1]:8000 refused the connection: is it running?"),
        (
            DialFault::TimedOut { tried: tried("10.0.0.1"), after: ten },
            "10.0.0.1:8000 did not answer within 10s",
        ),
        (DialFault::TimedOut { tried: looking, after: ten }, "looking up example.com took longer than 10s"),
        (DialFault::NameNotFound { host: "nowhere".to_owned() }, "there is no host named nowhere"),
    ];
    for (fault, line) in cases {
        assert_eq!(fault.to_string(), line);
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_is_not_found_without_asking_anybody() {
    for host in ["", "nul\0byte"] {
        let fault = resolve(host, 80).await.unwrap_err();
        assert!(matches!(fault, DialFault::NameNotFound { .. }), "{host:?}: {fault:?}");
    }
}

#[tokio::test]
async fn rfc9293_section_3_5_a_connection_that_met_itself_is_nobody() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let itself = socket.connect(address).await.unwrap();
    let itself = itself.into_std().unwrap().into();
    let refused = made(Socket::new(itself), address).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}
