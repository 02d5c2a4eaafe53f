//! Whatever bytes a server sends as responses.

use bytes::BytesMut;
use http1::{Connection, Event, Limits};
use message::Method;

use crate::drive;

/// The same bytes give the same responses and the same fault however they are cut up, and a response
/// that came whole is the same response when it is written and read again.
pub(crate) fn check(data: &[u8]) {
    let cuts: Vec<usize> = data.iter().take(8).map(|byte| usize::from(*byte % 23)).collect();
    for method in [Method::GET, Method::HEAD, Method::CONNECT] {
        drive::same_however_cut(data, &cuts, |pieces| drive::ask(&method, drive::tight(), pieces));
        drive::same_however_cut(data, &cuts, |pieces| drive::ask(&method, Limits::default(), pieces));
    }
    for method in [Method::GET, Method::HEAD] {
        check_written_anew(&method, data);
    }
}

fn check_written_anew(method: &Method, data: &[u8]) {
    let Some(mut events) = whole(method, data) else { return };
    let first = events.iter().position(|event| matches!(event, Event::Response(..)));
    let Some(Event::Response(head, framing)) = first.map(|first| events.remove(first)) else { return };
    let (content, trailers) = drive::content(events);

    let mut server = Connection::server(Limits::default());
    let mut out = BytesMut::new();
    server.outbound.answer_to(&drive::request_of(method.clone()));
    let length = drive::length_of(framing);
    server.outbound.response(head.status, &head.fields, length, &drive::DATE, &mut out);
    if !server.outbound.is_complete() {
        drive::put_content(&mut server, &content, 7, trailers.as_ref(), &mut out);
    }

    let again = whole(method, &out).unwrap_or_else(|| panic!("{} is not read again", out.escape_ascii()));
    let Some(Event::Response(second, _)) = again.first() else { panic!("{again:?} is no response") };
    assert_eq!(second.status, head.status);
    assert_eq!(drive::end_to_end(&second.fields), drive::end_to_end(&head.fields));
    let (content_again, trailers_again) = drive::content(again);
    assert_eq!(content_again, content);
    assert_eq!(
        trailers_again.map(|fields| drive::lines(&fields)),
        trailers.map(|fields| drive::lines(&fields))
    );
}

/// The events of one response, if it comes whole and well formed.
fn whole(method: &Method, bytes: &[u8]) -> Option<Vec<Event>> {
    let limits = Limits { field_bytes: 1 << 16, field_lines: 200, ..Limits::default() };
    let mut client = Connection::client(limits);
    client.inbound.expect_response_to(method);
    drive::events(&mut client.inbound, bytes).ok().filter(|_| client.inbound.is_complete())
}
