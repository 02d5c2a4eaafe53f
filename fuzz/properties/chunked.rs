//! Whatever bytes come as a chunked body.

use bytes::BytesMut;
use http1::{Connection, Event, Limits};
use message::{Method, StatusCode};

use crate::drive;

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The same bytes give the same content and the same fault in both directions however they are cut up,
/// and content that is accepted is the same content when it is written in other chunks and read again.
pub(crate) fn check(data: &[u8]) {
    let cuts: Vec<usize> = data.iter().take(8).map(|byte| usize::from(*byte % 23)).collect();
    let (request, response) = ([REQUEST, data].concat(), [RESPONSE, data].concat());
    drive::same_however_cut(&request, &cuts, |pieces| drive::serve(drive::tight(), pieces));
    drive::same_however_cut(&response, &cuts, |pieces| drive::ask(&Method::GET, drive::tight(), pieces));

    let Some(events) = whole(&response) else { return };
    let (content, trailers) = drive::content(events);
    for piece in [1, 16, usize::MAX] {
        let mut server = Connection::server(Limits::default());
        let mut out = BytesMut::new();
        server.outbound.answer_to(&drive::request_of(Method::GET));
        server.outbound.response(StatusCode::OK, &message::Fields::new(), None, &drive::DATE, &mut out);
        drive::put_content(&mut server, &content, piece, trailers.as_ref(), &mut out);
        let again = whole(&out).unwrap_or_else(|| panic!("{} is not read again", out.escape_ascii()));
        let (content_again, trailers_again) = drive::content(again);
        assert_eq!(content_again, content);
        let lines = [trailers_again.as_ref(), trailers.as_ref()].map(|fields| fields.map(drive::lines));
        assert_eq!(lines.first(), lines.last());
    }
}

fn whole(bytes: &[u8]) -> Option<Vec<Event>> {
    let mut client = Connection::client(Limits::default());
    client.inbound.expect_response_to(&Method::GET);
    drive::events(&mut client.inbound, bytes).ok().filter(|_| client.inbound.is_complete())
}
