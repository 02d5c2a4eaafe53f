//! Names as the DNS knows them, and for how long an answer counts: a stub resolver (RFC 1034 §5.3.1, RFC 1035).
//!
//! [Dialling](crate::dial) goes by getaddrinfo(3), which knows files and search lists and tells no times. This is for
//! who follows a name: each is asked for as it is written, in full.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Where the system says which servers are asked.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// How many of them are: as many as the C library takes.
const SERVERS_MAX: usize = 3;

const DNS_PORT: u16 = 53;

/// How long one server may take to answer once.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// How many times the servers are asked, one after the other.
const ROUNDS: usize = 2;

/// The largest answer over UDP without extensions (RFC 1035 §4.2.1); a longer one comes over TCP.
const DATAGRAM_BYTES: usize = 512;

/// How many aliases are followed.
const ALIASES_MAX: usize = 8;

/// For how long it counts that there is nothing, where the answer doesn't say (RFC 2308 §5).
const NOTHING_TTL: Duration = Duration::from_secs(30);

/// Asks servers of the DNS.
#[derive(Clone, Debug)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
}

/// What a name has, and for how long that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// Nothing if the name does not exist, or has none of it.
    pub records: Vec<T>,
    /// Until when it counts, from now.
    pub ttl: Duration,
}

/// Where a service is (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRecord {
    /// The lowest is asked first.
    pub priority: u16,
    /// Its part of those with the same priority.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// The name of its host, without a full stop at its end.
    pub target: String,
}

/// Why it is not known what a name has.
#[derive(Debug, thiserror::Error)]
pub enum ResolveFault {
    /// The name can be none.
    #[error("{0:?} can't be a name in the DNS")]
    Name(String),
    /// There is nobody to ask.
    #[error("no DNS server is known: {RESOLV_CONF} names none")]
    NoServers,
    /// No server has answered in time.
    #[error("no DNS server has answered within {} s", ANSWER_TIME.as_secs())]
    TimedOut,
    /// A server can't be asked.
    #[error("the DNS server can't be asked: {0}")]
    Io(#[from] io::Error),
    /// What came is no answer, or a refusal.
    #[error("the DNS server answers {0}")]
    Refused(String),
}

impl Resolver {
    /// Asks these, in order.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// Asks those that the system asks.
    ///
    /// # Errors
    /// If it names none.
    pub fn of_system() -> Result<Self, ResolveFault> {
        let servers = servers_in(&fs::read_to_string(RESOLV_CONF).unwrap_or_default());
        if servers.is_empty() { Err(ResolveFault::NoServers) } else { Ok(Self { servers }) }
    }

    /// The addresses of a host.
    ///
    /// # Errors
    /// [`ResolveFault`]
    pub async fn addresses(&self, name: &str) -> Result<Found<IpAddr>, ResolveFault> {
        let (four, six) = tokio::try_join!(self.ask(name, TYPE::A), self.ask(name, TYPE::AAAA))?;
        let ttl = match (four.records.is_empty(), six.records.is_empty()) {
            (false, true) => four.ttl,
            (true, false) => six.ttl,
            _ => four.ttl.min(six.ttl),
        };
        let records = four.records.into_iter().chain(six.records);
        let address = |record| match record {
            Record::Address(address) => Some(address),
            Record::Service(_) => None,
        };
        Ok(Found { records: records.filter_map(address).collect(), ttl })
    }

    /// Where the service of that name is, such as `_http._tcp.example.org`.
    ///
    /// # Errors
    /// [`ResolveFault`]
    pub async fn services(&self, name: &str) -> Result<Found<ServiceRecord>, ResolveFault> {
        let Found { records, ttl } = self.ask(name, TYPE::SRV).await?;
        let service = |record| match record {
            Record::Service(service) => Some(service),
            Record::Address(_) => None,
        };
        Ok(Found { records: records.into_iter().filter_map(service).collect(), ttl })
    }

    async fn ask(&self, name: &str, kind: TYPE) -> Result<Found<Record>, ResolveFault> {
        let mut fault = ResolveFault::NoServers;
        for _ in 0..ROUNDS {
            for server in &self.servers {
                match timeout(ANSWER_TIME, ask_once(*server, name, kind)).await {
                    Ok(Ok(found)) => return Ok(found),
                    Ok(Err(ResolveFault::Name(name))) => return Err(ResolveFault::Name(name)),
                    Ok(Err(other)) => fault = other,
                    Err(_) => fault = ResolveFault::TimedOut,
                }
            }
        }
        Err(fault)
    }
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Record {
    Address(IpAddr),
    Service(ServiceRecord),
}

/// Over UDP; over TCP if the answer is too long for that (RFC 7766 §5).
async fn ask_once(server: SocketAddr, name: &str, kind: TYPE) -> Result<Found<Record>, ResolveFault> {
    // Who does not see the question can't guess number and port of it (RFC 5452 §4).
    let id = u16::try_from(RandomState::new().hash_one(name) & 0xffff).unwrap_or_default();
    let question = question(id, name, kind)?;
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(&question).await?;
    let mut datagram = [0; DATAGRAM_BYTES];
    loop {
        let length = socket.recv(&mut datagram).await?;
        match read(datagram.get(..length).unwrap_or_default(), id, name, kind) {
            Reading::Found(found) => return Ok(found),
            Reading::Refused(why) => return Err(ResolveFault::Refused(why)),
            Reading::Cut => break,
            Reading::NotOurs => {}
        }
    }
    let answer = over_tcp(server, &question).await?;
    match read(&answer, id, name, kind) {
        Reading::Found(found) => Ok(found),
        Reading::Refused(why) => Err(ResolveFault::Refused(why)),
        Reading::Cut | Reading::NotOurs => Err(ResolveFault::Refused("something else".to_owned())),
    }
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> Result<Vec<u8>, ResolveFault> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn question(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, ResolveFault> {
    let wrong = |_| ResolveFault::Name(name.to_owned());
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Name::new(without_end(name)).map_err(wrong)?;
    packet.questions.push(Question::new(asked, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(wrong)
}

/// What a message says.
enum Reading {
    Found(Found<Record>),
    /// It is longer than fits.
    Cut,
    Refused(String),
    /// No answer to what was asked.
    NotOurs,
}

fn read(message: &[u8], id: u16, name: &str, kind: TYPE) -> Reading {
    let Ok(packet) = Packet::parse(message) else { return Reading::NotOurs };
    let wanted = lower(name);
    let asks = |question: &Question<'_>| {
        lower(&question.qname.to_string()) == wanted && question.qtype == QTYPE::TYPE(kind)
    };
    let is_ours = packet.id() == id && packet.has_flags(PacketFlag::RESPONSE);
    if !is_ours || !packet.questions.iter().all(asks) || packet.questions.len() != 1 {
        return Reading::NotOurs;
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Reading::Cut;
    }
    match packet.rcode() {
        RCODE::NoError | RCODE::NameError => Reading::Found(found(&packet, wanted, kind)),
        refusal => Reading::Refused(format!("{refusal:?}")),
    }
}

/// The records of that name, or of the one that it is an alias for (RFC 1034 §3.6.2).
fn found(packet: &Packet<'_>, mut name: String, kind: TYPE) -> Found<Record> {
    let mut ttl = u32::MAX;
    for _ in 0..ALIASES_MAX {
        let alias = packet.answers.iter().find_map(|record| match &record.rdata {
            RData::CNAME(target) if lower(&record.name.to_string()) == name => {
                Some((lower(&target.0.to_string()), record.ttl))
            }
            _ => None,
        });
        let Some((target, counts)) = alias else { break };
        (name, ttl) = (target, ttl.min(counts));
    }
    let own = packet.answers.iter().filter(|record| lower(&record.name.to_string()) == name);
    let mut records = Vec::new();
    for answer in own {
        let record = match (&answer.rdata, kind) {
            (RData::A(found), TYPE::A) => Record::Address(Ipv4Addr::from(found.address).into()),
            (RData::AAAA(found), TYPE::AAAA) => Record::Address(Ipv6Addr::from(found.address).into()),
            (RData::SRV(found), TYPE::SRV) => Record::Service(ServiceRecord {
                priority: found.priority,
                weight: found.weight,
                port: found.port,
                target: without_end(&found.target.to_string()).to_owned(),
            }),
            _ => continue,
        };
        ttl = ttl.min(answer.ttl);
        records.push(record);
    }
    let ttl = if records.is_empty() { nothing_for(packet) } else { Duration::from_secs(ttl.into()) };
    Found { records, ttl }
}

/// For how long it counts that there is nothing (RFC 2308 §5).
fn nothing_for(packet: &Packet<'_>) -> Duration {
    let said = packet.name_servers.iter().find_map(|record| match &record.rdata {
        RData::SOA(zone) => Some(Duration::from_secs(record.ttl.min(zone.minimum).into())),
        _ => None,
    });
    said.unwrap_or(NOTHING_TTL)
}

/// The servers that a resolv.conf(5) names; those with a zone (RFC 4007) are left out.
fn servers_in(text: &str) -> Vec<SocketAddr> {
    let named =
        text.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok());
    named.take(SERVERS_MAX).map(|address| SocketAddr::new(address, DNS_PORT)).collect()
}

fn without_end(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn lower(name: &str) -> String {
    without_end(name).to_ascii_lowercase()
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
