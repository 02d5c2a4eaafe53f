//! Whatever bytes a client sends as requests.

use bytes::BytesMut;
use http1::{Connection, Event, Framing, Limits, RequestHead};
use message::{Authority, Fields, Method, Scheme, Target};

use crate::drive;

/// The same bytes give the same requests and the same fault however they are cut up, and a request that
/// is taken is the same request when it is written and read again.
pub(crate) fn check(data: &[u8]) {
    let cuts: Vec<usize> = data.iter().take(8).map(|byte| usize::from(*byte % 23)).collect();
    drive::same_however_cut(data, &cuts, |pieces| drive::serve(drive::tight(), pieces));
    let limits = Limits { allow_http10: true, ..Limits::default() };
    drive::same_however_cut(data, &cuts, |pieces| drive::serve(limits.clone(), pieces));

    let mut server = Connection::server(limits);
    let mut inbox = BytesMut::from(data);
    if let Ok(Some(Event::Request(head, framing))) = server.inbound.receive(&mut inbox) {
        for absolute_form in [false, true] {
            check_written_anew(&head, framing, absolute_form);
        }
    }
}

fn check_written_anew(head: &RequestHead, framing: Framing, absolute_form: bool) {
    let Some(target) = addressed(head) else { return };
    let mut client = Connection::client(Limits::default());
    let mut out = BytesMut::new();
    let length = drive::length_of(framing);
    let framed =
        client.outbound.request(&head.method, &target, &head.fields, length, absolute_form, &mut out);
    assert_eq!(framed, Ok(framing));

    let limits =
        Limits { target_bytes: 1 << 16, field_bytes: 1 << 16, field_lines: 200, ..Limits::default() };
    let mut server = Connection::server(limits);
    let again = server.inbound.receive(&mut out);
    let Ok(Some(Event::Request(again, framed))) = again else { panic!("{head:?} became {again:?}") };
    assert_eq!(framed, framing);
    assert_eq!(again.method, head.method);
    assert_eq!(again.target.path_and_query(), target.path_and_query());
    assert_eq!(host(&again.fields), target.authority().cloned().or_else(|| host(&head.fields)));
    assert_eq!(drive::end_to_end(&again.fields), drive::end_to_end(&head.fields));
    assert_eq!(again.wants_close, head.method == Method::CONNECT);
    assert!(out.is_empty(), "nothing follows the head");
}

/// The target with the authority that the request is for; `None` if it says none (HTTP/1.0).
fn addressed(head: &RequestHead) -> Option<Target> {
    match &head.target {
        Target::Origin(_) => Some(head.target.at(Scheme::Http, host(&head.fields)?)),
        Target::Asterisk => host(&head.fields).map(|_| Target::Asterisk),
        Target::Absolute(..) | Target::Authority(_) => Some(head.target.clone()),
    }
}

fn host(fields: &Fields) -> Option<Authority> {
    Authority::parse(fields.text(&message::header::HOST)?).ok()
}
