//! A name server of a test's own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use simple_dns::rdata::{A, RData, SRV};
use simple_dns::{CLASS, Name, Packet, QTYPE, ResourceRecord, TYPE};

/// Answers with the records that it is told, whatever name is asked for, for as long as the test lasts.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
}

/// What a name has.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Address(Ipv4Addr),
    Service { target: &'static str, port: u16, weight: u16 },
}

/// For how many seconds an answer counts.
const TTL: u32 = 1;

impl NameServer {
    pub(crate) fn start(records: Vec<Record>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let records = Arc::new(Mutex::new(records));
        let own = Arc::clone(&records);
        thread::spawn(move || {
            let mut datagram = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut datagram) {
                let question = Packet::parse(&datagram[..length]).unwrap();
                let reply = answer(question.into_reply(), &own.lock().unwrap());
                socket.send_to(&reply, from).unwrap();
            }
        });
        Self { address, records }
    }

    pub(crate) fn tell(&self, records: Vec<Record>) {
        *self.records.lock().unwrap() = records;
    }
}

fn answer(mut reply: Packet<'_>, records: &[Record]) -> Vec<u8> {
    let asked = reply.questions[0].clone();
    for record in records {
        let (kind, rdata) = match *record {
            Record::Address(address) => (TYPE::A, RData::A(A { address: address.into() })),
            Record::Service { target, port, weight } => {
                let target = Name::new(target).unwrap();
                (TYPE::SRV, RData::SRV(SRV { priority: 1, weight, port, target }))
            }
        };
        if asked.qtype == QTYPE::TYPE(kind) {
            reply.answers.push(ResourceRecord::new(asked.qname.clone(), CLASS::IN, TTL, rdata));
        }
    }
    reply.build_bytes_vec().unwrap()
}
