//! Both directions together: pipelines, and when a connection goes on.

use bytes::BytesMut;
use http1::{Connection, Event, Fault, Framing, Limits, turn};
use message::{Fields, Method, StatusCode, Target};

use crate::drive::{self, DATE};

/// Receives one event, which must be there.
fn receive(connection: &mut Connection, inbox: &mut BytesMut) -> Event {
    connection.inbound.receive(inbox).unwrap().expect("an event")
}

fn answer(server: &mut Connection, event: &Event, length: u64) -> BytesMut {
    let Event::Request(head, _) = event else { panic!("{event:?} is no request") };
    let mut out = BytesMut::new();
    server.outbound.answer_to(head);
    server.outbound.response(StatusCode::OK, &Fields::new(), Some(length), &DATE, &mut out);
    out
}

fn go_on(connection: &mut Connection) -> bool {
    turn(&mut connection.inbound, &mut connection.outbound)
}

#[test]
fn section_9_3_2_pipelined_requests_wait_for_their_turn() {
    let mut server = Connection::server(Limits::default());
    let mut inbox = BytesMut::from("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    for path in ["/1", "/2"] {
        let event = receive(&mut server, &mut inbox);
        assert!(drive::describe(&event).starts_with(&format!("GET {path} ")));
        assert!(matches!(server.inbound.receive(&mut inbox), Ok(None)), "not before the answer");
        assert!(!go_on(&mut server), "not before the answer");
        answer(&mut server, &event, 0);
        assert!(go_on(&mut server));
        assert!(server.inbound.is_between_messages() && !server.outbound.is_complete());
    }
    assert!(inbox.is_empty());
}

#[test]
fn requests_that_came_before_the_client_closed_are_still_answered() {
    let mut server = Connection::server(Limits::default());
    let mut inbox = BytesMut::from("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    let first = receive(&mut server, &mut inbox);
    assert!(matches!(server.inbound.closed(), Ok(None)));
    answer(&mut server, &first, 0);
    assert!(go_on(&mut server));
    let second = receive(&mut server, &mut inbox);
    answer(&mut server, &second, 0);
    assert!(go_on(&mut server));
    assert!(matches!(server.inbound.receive(&mut inbox), Ok(None)));
    assert!(matches!(server.inbound.closed(), Ok(None)));
    assert!(!server.inbound.is_persistent(), "now it is over");
}

#[test]
fn section_9_3_a_connection_does_not_go_on_over_content_that_was_not_read() {
    let mut server = Connection::server(Limits::default());
    let mut inbox = BytesMut::from(
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\nGET /admin HTTP/1.1\r\nHost: a.internal\r\n\r\n",
    );
    let event = receive(&mut server, &mut inbox);
    answer(&mut server, &event, 0);
    assert!(server.outbound.is_complete() && !server.inbound.is_complete());
    assert!(!go_on(&mut server));
    assert!(matches!(receive(&mut server, &mut inbox), Event::Data(_)), "it is content and stays that");
}

#[test]
fn section_9_3_a_connection_goes_on_when_the_content_was_read_away() {
    let mut server = Connection::server(Limits::default());
    let mut inbox = BytesMut::from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    let event = receive(&mut server, &mut inbox);
    answer(&mut server, &event, 0);
    assert!(matches!(receive(&mut server, &mut inbox), Event::Data(_)));
    assert!(!go_on(&mut server), "not before the exact end");
    assert!(matches!(receive(&mut server, &mut inbox), Event::End(None)));
    assert!(go_on(&mut server));
}

#[test]
fn section_9_3_a_connection_does_not_go_on_over_an_answer_that_was_not_sent_whole() {
    let mut server = Connection::server(Limits::default());
    let event = receive(&mut server, &mut BytesMut::from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    answer(&mut server, &event, 5);
    assert!(server.inbound.is_complete() && !go_on(&mut server));
    assert_eq!(server.outbound.end(None), Err(Fault::Underrun));
    assert!(!go_on(&mut server));
}

#[test]
fn section_9_6_who_wants_it_closed_gets_it_closed() {
    for (lines, we_close, goes_on) in
        [("", false, true), ("Connection: close\r\n", false, false), ("", true, false)]
    {
        let mut server = Connection::server(Limits::default());
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let event = receive(&mut server, &mut BytesMut::from(head.as_str()));
        if we_close {
            server.outbound.close_after();
        }
        let out = answer(&mut server, &event, 0);
        assert_eq!(go_on(&mut server), goes_on, "{lines:?} {we_close}");
        assert_eq!(out.ends_with(b"Connection: close\r\n\r\n"), !goes_on);
    }
}

#[test]
fn rfc9110_section_10_1_1_continue_then_content_then_answer() {
    let mut server = Connection::server(Limits::default());
    let mut inbox =
        BytesMut::from("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    let event = receive(&mut server, &mut inbox);
    let Event::Request(head, Framing::Length(2)) = &event else { panic!("{event:?}") };
    assert!(head.expects_continue);
    server.outbound.answer_to(head);
    let mut out = BytesMut::new();
    server.outbound.interim(StatusCode::CONTINUE, &Fields::new(), &mut out);
    assert_eq!(out, "HTTP/1.1 100 Continue\r\n\r\n");
    inbox.extend_from_slice(b"ok");
    assert!(matches!(receive(&mut server, &mut inbox), Event::Data(_)));
    assert!(matches!(receive(&mut server, &mut inbox), Event::End(None)));
    answer(&mut server, &event, 0);
    assert!(go_on(&mut server));
}

/// Two exchanges of a client and a server that are ours, byte for byte.
#[test]
fn our_client_and_our_server_understand_each_other() {
    let (mut client, mut server) =
        (Connection::client(Limits::default()), Connection::server(Limits::default()));
    let target = Target::parse_url("http://a.example/x").unwrap();
    for content in [&b"hello"[..], &b"hello again"[..]] {
        let mut wire = BytesMut::new();
        client.outbound.request(&Method::POST, &target, &Fields::new(), None, false, &mut wire).unwrap();
        client.inbound.expect_response_to(&Method::POST);
        drive::put_content(&mut client, content, 3, None, &mut wire);

        let request = receive(&mut server, &mut wire);
        let mut heard = vec![];
        while let Some(event) = server.inbound.receive(&mut wire).unwrap() {
            heard.push(event);
        }
        assert_eq!(drive::content(heard).0, content);
        let mut wire = answer(&mut server, &request, 11);
        drive::put_content(&mut server, b"hello back!", 4, None, &mut wire);
        assert!(go_on(&mut server));

        assert!(matches!(receive(&mut client, &mut wire), Event::Response(_, Framing::Length(11))));
        assert!(matches!(receive(&mut client, &mut wire), Event::Data(data) if data == "hello back!"));
        assert!(matches!(receive(&mut client, &mut wire), Event::End(None)));
        assert!(go_on(&mut client));
    }
}

#[test]
fn an_answer_that_comes_before_the_request_was_sent_whole_is_taken_and_the_connection_closed() {
    let mut client = Connection::client(Limits::default());
    let target = Target::parse_url("http://a.example/x").unwrap();
    client
        .outbound
        .request(&Method::POST, &target, &Fields::new(), Some(9), false, &mut BytesMut::new())
        .unwrap();
    client.inbound.expect_response_to(&Method::POST);
    let mut inbox = BytesMut::from("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(receive(&mut client, &mut inbox), Event::Response(..)));
    assert!(client.inbound.is_complete() && client.inbound.is_persistent());
    assert!(!go_on(&mut client));
}

#[test]
fn a_second_response_to_one_request_is_none() {
    let mut client = Connection::client(Limits::default());
    let target = Target::parse_url("http://a.example/x").unwrap();
    let mut inbox = BytesMut::from("HTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil");
    client
        .outbound
        .request(&Method::GET, &target, &Fields::new(), Some(0), false, &mut BytesMut::new())
        .unwrap();
    client.inbound.expect_response_to(&Method::GET);
    assert!(matches!(receive(&mut client, &mut inbox), Event::Response(..)));
    assert!(go_on(&mut client));
    assert_eq!(client.inbound.receive(&mut inbox).err(), Some(Fault::NotAsked));
}
