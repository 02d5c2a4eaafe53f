//! The resolver beside name servers of the test's own.

use simple_dns::rdata::{A, CNAME, SOA, SRV};
use simple_dns::{Name, Packet, PacketFlag, ResourceRecord};
use tokio::net::TcpListener;

use super::*;

fn name(text: &str) -> Name<'_> {
    Name::new(text).unwrap()
}

fn record<'a>(owner: &'a str, ttl: u32, rdata: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(name(owner), CLASS::IN, ttl, rdata)
}

fn four(last: u8) -> RData<'static> {
    RData::A(A { address: u32::from(Ipv4Addr::new(192, 0, 2, last)) })
}

/// The answer to `question` with these records.
fn reply(question: &[u8], answers: Vec<ResourceRecord<'_>>) -> Vec<u8> {
    let asked = Packet::parse(question).unwrap();
    let mut packet = Packet::new_reply(asked.id());
    packet.questions = asked.questions.clone();
    packet.answers = answers;
    packet.build_bytes_vec_compressed().unwrap()
}

fn asked(text: &str, kind: TYPE) -> Vec<u8> {
    question(7, text, kind).unwrap()
}

fn read_as(message: &[u8], text: &str, kind: TYPE) -> Option<Found<Record>> {
    match read(message, 7, text, kind) {
        Reading::Found(found) => Some(found),
        _ => None,
    }
}

#[test]
fn addresses_are_found_behind_aliases_and_count_for_the_shortest_of_their_times_1034_3_6_2() {
    let question = asked("Files.test.", TYPE::A);
    let alias = |owner, ttl, target| record(owner, ttl, RData::CNAME(CNAME(name(target))));
    let answers = vec![
        alias("files.test", 60, "www.test"),
        alias("www.test", 20, "edge.test"),
        record("edge.test", 30, four(1)),
        record("edge.test", 40, four(2)),
        record("other.test", 1, four(3)),
    ];
    let found = read_as(&reply(&question, answers), "Files.test.", TYPE::A).unwrap();
    let addresses = [1, 2].map(|last| Record::Address(Ipv4Addr::new(192, 0, 2, last).into()));
    assert_eq!(found, Found { records: addresses.to_vec(), ttl: Duration::from_secs(20) });
    let round = vec![alias("files.test", 1, "www.test"), alias("www.test", 1, "files.test")];
    let found = read_as(&reply(&question, round), "files.test", TYPE::A).unwrap();
    assert!(found.records.is_empty(), "aliases that go round lead nowhere");
}

#[test]
fn services_have_a_port_and_a_weight_2782() {
    let question = asked("_http._tcp.test", TYPE::SRV);
    let service = SRV { priority: 10, weight: 3, port: 8100, target: name("a.test") };
    let message = reply(&question, vec![record("_http._tcp.test", 5, RData::SRV(service))]);
    let found = read_as(&message, "_http._tcp.test", TYPE::SRV).unwrap();
    let expected = ServiceRecord { priority: 10, weight: 3, port: 8100, target: "a.test".to_owned() };
    assert_eq!(found, Found { records: vec![Record::Service(expected)], ttl: Duration::from_secs(5) });
}

#[test]
fn that_there_is_nothing_counts_for_as_long_as_the_zone_says_2308_5() {
    let question = asked("none.test", TYPE::A);
    let said = |rcode: RCODE, with_zone: bool| {
        let mut packet = Packet::parse(&question).unwrap().into_reply();
        *packet.rcode_mut() = rcode;
        let (mname, rname) = (name("ns.test"), name("root.test"));
        let zone = SOA { mname, rname, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 90 };
        if with_zone {
            packet.name_servers.push(record("test", 600, RData::SOA(zone)));
        }
        read(&packet.build_bytes_vec().unwrap(), 7, "none.test", TYPE::A)
    };
    for (rcode, with_zone, seconds) in
        [(RCODE::NameError, true, 90), (RCODE::NoError, true, 90), (RCODE::NameError, false, 30)]
    {
        let Reading::Found(found) = said(rcode, with_zone) else { panic!("{rcode:?}") };
        assert_eq!(found, Found { records: Vec::new(), ttl: Duration::from_secs(seconds) });
    }
    assert!(matches!(said(RCODE::ServerFailure, false), Reading::Refused(_)));
}

#[test]
fn what_is_no_answer_to_the_question_is_none_5452() {
    let good = || reply(&asked("a.test", TYPE::A), vec![record("a.test", 1, four(1))]);
    assert!(matches!(read(&good(), 7, "A.TEST", TYPE::A), Reading::Found(_)));
    assert!(matches!(read(&good(), 8, "a.test", TYPE::A), Reading::NotOurs), "another number");
    assert!(matches!(read(&good(), 7, "b.test", TYPE::A), Reading::NotOurs), "another name");
    assert!(matches!(read(&good(), 7, "a.test", TYPE::AAAA), Reading::NotOurs), "another kind");
    assert!(matches!(read(&asked("a.test", TYPE::A), 7, "a.test", TYPE::A), Reading::NotOurs), "a question");
    for length in 0..good().len() {
        let cut = &good()[..length];
        assert!(
            !matches!(read(cut, 7, "a.test", TYPE::A), Reading::Found(found) if !found.records.is_empty())
        );
    }
    for place in 0..good().len() {
        let mut bad = good();
        bad[place] ^= 0xff;
        let _ = read(&bad, 7, "a.test", TYPE::A); // whatever it is, it ends
    }
}

#[test]
fn a_name_that_can_be_none_is_not_asked_for_and_servers_are_those_of_the_system() {
    assert!(question(1, &"a".repeat(64), TYPE::A).is_err());
    let text = "# ours\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch x\nnameserver 2001:db8::1\n";
    let servers = servers_in(text);
    assert_eq!(servers, ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()]);
    assert!(servers_in("").is_empty());
}

#[tokio::test]
async fn a_long_answer_comes_over_tcp_and_a_forged_one_is_not_taken() {
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut datagram = [0; 512];
        let (length, from) = udp.recv_from(&mut datagram).await.unwrap();
        let question = &datagram[..length];
        let mut forged = reply(question, vec![record("a.test", 1, four(9))]);
        forged[0] ^= 1;
        udp.send_to(&forged, from).await.unwrap();
        let mut cut = Packet::parse(question).unwrap().into_reply();
        cut.set_flags(PacketFlag::TRUNCATION);
        udp.send_to(&cut.build_bytes_vec().unwrap(), from).await.unwrap();
        let (mut stream, _) = tcp.accept().await.unwrap();
        let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut question).await.unwrap();
        let answer = reply(&question, (1..=100).map(|last| record("a.test", 9, four(last))).collect());
        stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    });
    let found = ask_once(address, "a.test", TYPE::A).await.unwrap();
    assert_eq!((found.records.len(), found.ttl), (100, Duration::from_secs(9)));
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_can_not_say() {
    let [bad, good] =
        [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()];
    let resolver = Resolver::new([&bad, &good].map(|socket| socket.local_addr().unwrap()).to_vec());
    for (socket, knows) in [(bad, false), (good, true)] {
        tokio::spawn(async move {
            let mut datagram = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
                let mut packet = Packet::parse(&datagram[..length]).unwrap().into_reply();
                let asks_four = packet.questions[0].qtype == QTYPE::TYPE(TYPE::A);
                if !knows {
                    *packet.rcode_mut() = RCODE::ServerFailure;
                } else if asks_four {
                    packet.answers.push(record("a.test", 9, four(1)));
                }
                socket.send_to(&packet.build_bytes_vec().unwrap(), from).await.unwrap();
            }
        });
    }
    let found = resolver.addresses("a.test").await.unwrap();
    let expected: Vec<IpAddr> = vec![Ipv4Addr::new(192, 0, 2, 1).into()];
    assert_eq!(found, Found { records: expected, ttl: Duration::from_secs(9) });
}
