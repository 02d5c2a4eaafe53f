use super::*;

const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const SECOND: Duration = Duration::from_secs(1);

fn connections(most: usize) -> Share {
    Share { connections: NonZeroUsize::new(most), requests: None }
}

fn requests(count: u32, per: Duration, burst: u32) -> Share {
    let of = |count| NonZeroU32::new(count).unwrap();
    Share { connections: None, requests: Some(RequestRate::new(of(count), per, of(burst))) }
}

fn client(number: u32) -> Client {
    IpAddr::from(number.to_be_bytes()).into()
}

fn known(table: &Table) -> usize {
    table.shards.iter().map(|shard| shard.lock().unwrap().clients.len()).sum()
}

#[test]
fn a_client_is_an_ipv4_address_or_a_64_bit_network() {
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("::1", "0.0.0.1", false),
        ("::1", "127.0.0.1", false),
    ] {
        let of = |text: &str| Client::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(of(one) == of(other), same, "{one} {other}");
    }
}

#[test]
fn without_limits_there_is_no_table() {
    let clients = Clients::new(Share::default());
    assert!(clients.table.is_none());
    let visit = clients.arrive(A).unwrap();
    assert!(visit.is_welcome());
    assert_eq!(clients.ask(A, Instant::now), Ok(()));
}

#[test]
fn a_client_has_its_connections_then_as_many_refusals_then_nothing() {
    let clients = Clients::new(connections(2));
    let visits: Vec<_> = (0..4).map(|_| clients.arrive(A).unwrap()).collect();
    assert_eq!(visits.iter().map(Visit::is_welcome).collect::<Vec<_>>(), [true, true, false, false]);
    assert!(clients.arrive(A).is_none());
    assert!(clients.arrive(B).unwrap().is_welcome(), "each has its own");
}

#[test]
fn a_place_is_free_again_when_its_connection_ends() {
    let clients = Clients::new(connections(1));
    let (first, refused) = (clients.arrive(A).unwrap(), clients.arrive(A).unwrap());
    assert!(!refused.is_welcome());
    drop(first);
    let second = clients.arrive(A).unwrap();
    assert!(second.is_welcome(), "those who are refused take no place of those who are not");
    drop(refused);
    assert!(!clients.arrive(A).unwrap().is_welcome());
    drop(second);
    assert_eq!(known(clients.table.as_ref().unwrap()), 0, "who has left is forgotten");
}

#[test]
fn requests_are_taken_evenly_and_after_a_rest_at_once() {
    let clients = Clients::new(requests(10, SECOND, 3));
    let begin = Instant::now();
    let at = |millis| clients.ask(A, || begin + Duration::from_millis(millis));
    let wait = |millis| Err(Duration::from_millis(millis));
    assert_eq!([at(0), at(0), at(0)], [Ok(()); 3], "the burst");
    assert_eq!([at(0), at(60)], [wait(100), wait(40)]);
    assert_eq!(clients.ask(B, || begin), Ok(()), "each has its own");
    assert_eq!([at(100), at(100), at(199), at(200)], [Ok(()), wait(100), wait(1), Ok(())]);
    assert_eq!([at(10_000), at(10_000), at(10_000), at(10_000)], [Ok(()), Ok(()), Ok(()), wait(100)]);
}

#[test]
fn a_rate_may_be_less_than_one_in_a_second() {
    let clients = Clients::new(requests(2, 60 * SECOND, 1));
    let begin = Instant::now();
    let at = |seconds: u32| clients.ask(A, || begin + seconds * SECOND);
    assert_eq!([at(0), at(1), at(29), at(30)], [Ok(()), Err(29 * SECOND), Err(SECOND), Ok(())]);
}

#[test]
fn refused_requests_do_not_put_off_the_next_that_is_taken() {
    let clients = Clients::new(requests(1, SECOND, 1));
    let begin = Instant::now();
    assert_eq!(clients.ask(A, || begin), Ok(()));
    for _ in 0..1000 {
        assert!(clients.ask(A, || begin).is_err());
    }
    assert_eq!(clients.ask(A, || begin + SECOND), Ok(()));
}

#[test]
fn who_asked_long_ago_is_forgotten_and_who_is_there_is_not() {
    let table =
        Table::new(Share { connections: NonZeroUsize::new(1), ..requests(1, SECOND, 1) }, CLIENTS_MAX);
    let begin = Instant::now();
    for number in 0..10_000 {
        assert_eq!(table.ask(client(number), begin), Ok(()));
    }
    assert_eq!(table.arrive(client(0), begin), Arrival::Welcome);
    assert_eq!(known(&table), 10_000);
    for number in 10_000..10_000 + 64 * u32::try_from(SHARDS).unwrap() {
        assert_eq!(table.ask(client(number), begin + 2 * SECOND), Ok(()));
    }
    assert!(known(&table) < 4000, "{} are known", known(&table));
    assert_eq!(table.arrive(client(0), begin + 2 * SECOND), Arrival::Unwelcome);
}

#[test]
fn there_are_never_more_clients_than_the_table_has_room_for() {
    let table = Table::new(requests(1, 1000 * SECOND, 1), SHARDS * 4);
    let now = Instant::now();
    for number in 0..1000 {
        assert_eq!(table.ask(client(number), now), Ok(()));
    }
    assert_eq!(known(&table), SHARDS * 4);
    assert!(table.ask(client(999), now).is_err(), "the last one is remembered");
}

#[test]
fn where_everybody_is_connected_who_comes_more_is_let_in_unlimited() {
    let table = Table::new(connections(1), SHARDS * 4);
    let now = Instant::now();
    let arrivals: Vec<_> = (0..1000).map(|number| table.arrive(client(number), now)).collect();
    let welcome = arrivals.iter().filter(|arrival| **arrival == Arrival::Welcome).count();
    assert_eq!((welcome, known(&table)), (SHARDS * 4, SHARDS * 4));
    assert!(!arrivals.iter().any(|arrival| matches!(arrival, Arrival::Unwelcome | Arrival::Excessive)));
}

#[test]
fn the_limits_hold_over_all_threads() {
    const THREADS: usize = 8;
    let clients =
        Clients::new(Share { connections: NonZeroUsize::new(10), ..requests(1, 1000 * SECOND, 10) });
    let now = Instant::now();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let visits: Vec<_> = (0..10).filter_map(|_| clients.arrive(A)).collect();
                    (visits, (0..10).filter(|_| clients.ask(A, || now).is_ok()).count())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let visits = || outcomes.iter().flat_map(|(visits, _)| visits);
    assert_eq!((visits().filter(|visit| visit.is_welcome()).count(), visits().count()), (10, 20));
    assert_eq!(outcomes.iter().map(|(_, taken)| taken).sum::<usize>(), 10);
}
