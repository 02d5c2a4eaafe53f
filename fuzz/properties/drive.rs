//! Drives an HTTP/1.1 connection with bytes that arrive in pieces, and says what was heard.
//!
//! Shared by the fuzz targets and by the tests of the crate `http1`.

use bytes::{Bytes, BytesMut};
use http1::{Connection, Event, Fault, Framing, Inbound, Limits, RequestHead, ResponseHead, Version, turn};
use message::body::Segment;
use message::{Fields, HeaderValue, Method, StatusCode, Target};

/// The date of every response here.
pub(crate) const DATE: HeaderValue = HeaderValue::from_static("Sun, 22 Nov 2026 22:00:00 GMT");

/// Everything that was heard, with neighbouring pieces of content joined: the same for the same bytes,
/// however they were cut up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The events in order, as text.
    pub(crate) events: Vec<String>,
    /// What was wrong in the end.
    pub(crate) fault: Option<Fault>,
}

/// Limits that are small enough for a short input to reach every one of them.
pub(crate) fn tight() -> Limits {
    Limits {
        target_bytes: 48,
        field_bytes: 256,
        field_lines: 6,
        body_bytes: 64,
        chunk_line_bytes: 32,
        trailer_bytes: 96,
        allow_http10: true,
    }
}

/// Serves `pieces` as a server does: each request is answered with 204, and the connection used again
/// when it may be. The client closes after the last piece.
pub(crate) fn serve<'a>(limits: Limits, pieces: impl Iterator<Item = &'a [u8]>) -> Heard {
    let mut server = Connection::server(limits);
    listen(&mut server, pieces, |server, event| {
        if let Some(Event::Request(head, _)) = event {
            server.outbound.answer_to(head);
        }
        if server.inbound.is_complete() {
            let mut out = BytesMut::new();
            server.outbound.response(StatusCode::NO_CONTENT, &Fields::new(), Some(0), &DATE, &mut out);
        }
    })
}

/// Takes `pieces` for the answers to requests of `method`, one after the other.
pub(crate) fn ask<'a>(method: &Method, limits: Limits, pieces: impl Iterator<Item = &'a [u8]>) -> Heard {
    let mut client = Connection::client(limits);
    let target = if *method == Method::CONNECT { "a.example:443" } else { "http://a.example/" };
    let target = Target::parse(target).unwrap();
    listen(&mut client, pieces, |client, event| {
        if event.is_none() && client.inbound.is_between_messages() && !client.outbound.is_complete() {
            let mut out = BytesMut::new();
            client.outbound.request(method, &target, &Fields::new(), Some(0), false, &mut out).unwrap();
            client.inbound.expect_response_to(method);
        }
    })
}

/// `act` is told each event, and `None` before each message.
fn listen<'a>(
    connection: &mut Connection,
    pieces: impl Iterator<Item = &'a [u8]>,
    mut act: impl FnMut(&mut Connection, Option<&Event>),
) -> Heard {
    let mut heard = Heard::default();
    let mut inbox = BytesMut::new();
    let mut content = Vec::new();
    act(connection, None);
    for piece in pieces.map(Some).chain([None]) {
        inbox.extend_from_slice(piece.unwrap_or_default());
        loop {
            let next = match connection.inbound.receive(&mut inbox) {
                Ok(None) if piece.is_none() => connection.inbound.closed(),
                other => other,
            };
            let event = match next {
                Ok(Some(event)) => event,
                Ok(None) => break,
                // The last of several responses has come.
                Err(Fault::NoResponse) if !heard.events.is_empty() => break,
                Err(fault) => {
                    heard.flush(&mut content);
                    assert_eq!(connection.inbound.receive(&mut inbox).err(), Some(fault), "it stays a fault");
                    assert!(!connection.inbound.is_persistent() && !connection.inbound.is_complete());
                    heard.fault = Some(fault);
                    return heard;
                }
            };
            if let Event::Data(data) = &event {
                assert!(!data.is_empty(), "content is never empty");
                content.extend_from_slice(data);
            } else {
                heard.flush(&mut content);
                heard.events.push(describe(&event));
            }
            act(connection, Some(&event));
            if connection.inbound.is_complete() {
                if !turn(&mut connection.inbound, &mut connection.outbound) {
                    heard.events.push("closing".to_owned());
                    return heard;
                }
                act(connection, None);
            }
        }
    }
    heard.flush(&mut content);
    heard
}

impl Heard {
    fn flush(&mut self, content: &mut Vec<u8>) {
        if !content.is_empty() {
            self.events.push(format!("data {}", content.escape_ascii()));
            content.clear();
        }
    }
}

/// An event as one line of text.
pub(crate) fn describe(event: &Event) -> String {
    match event {
        Event::Request(head, framing) => {
            let RequestHead { method, target, version, fields, expects_continue, wants_close } = head;
            let fields = lines(fields);
            format!(
                "{method} {target} {version:?} {fields:?} {framing:?} continue={expects_continue} close={wants_close}"
            )
        }
        Event::Interim(ResponseHead { status, version, fields }) => {
            format!("interim {} {version:?} {:?}", status.as_u16(), lines(fields))
        }
        Event::Response(ResponseHead { status, version, fields }, framing) => {
            format!("{} {version:?} {:?} {framing:?}", status.as_u16(), lines(fields))
        }
        Event::Data(data) => format!("data {}", data.escape_ascii()),
        Event::End(None) => "end".to_owned(),
        Event::End(Some(trailers)) => format!("end {:?}", lines(trailers)),
    }
}

/// The lines of a section as text, by name, those of one name in their order.
pub(crate) fn lines(fields: &Fields) -> Vec<String> {
    let mut lines: Vec<_> = fields.iter().collect();
    lines.sort_by_key(|(name, _)| name.as_str());
    lines.iter().map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii())).collect()
}

/// Every way to cut `data` up that is tried: whole, by single bytes, and in pieces of the lengths in
/// `cuts` over and over.
pub(crate) fn same_however_cut(
    data: &[u8],
    cuts: &[usize],
    hear: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> Heard,
) -> Heard {
    let whole = hear(&mut std::iter::once(data));
    assert_eq!(whole, hear(&mut data.chunks(1)), "by single bytes");
    let mut rest = data;
    let mut lengths = cuts.iter().copied().chain([1]).filter(|length| *length > 0).cycle();
    let mut pieces = std::iter::from_fn(|| {
        let (piece, after) = rest.split_at(lengths.next()?.min(rest.len()));
        rest = after;
        Some(piece).filter(|piece| !piece.is_empty())
    });
    let piecewise = hear(&mut pieces);
    assert_eq!(whole, piecewise, "in pieces of {cuts:?} bytes");
    whole
}

/// All that `inbound` gives for `bytes`, and for the end of the connection after them.
pub(crate) fn events(inbound: &mut Inbound, bytes: &[u8]) -> Result<Vec<Event>, Fault> {
    let mut inbox = BytesMut::from(bytes);
    let mut events = Vec::new();
    while let Some(event) = inbound.receive(&mut inbox)? {
        events.push(event);
    }
    if !inbound.is_complete() {
        events.extend(inbound.closed()?);
    }
    Ok(events)
}

/// The content and the trailers among `events`.
pub(crate) fn content(events: Vec<Event>) -> (Vec<u8>, Option<Fields>) {
    let mut content = (Vec::new(), None);
    for event in events {
        match event {
            Event::Data(data) => content.0.extend_from_slice(&data),
            Event::End(trailers) => content.1 = trailers,
            Event::Request(..) | Event::Interim(_) | Event::Response(..) => {}
        }
    }
    content
}

/// Writes `content` in pieces of at most `piece` bytes, and the end.
pub(crate) fn put_content(
    connection: &mut Connection,
    content: &[u8],
    piece: usize,
    trailers: Option<&Fields>,
    out: &mut BytesMut,
) {
    for bytes in content.chunks(piece.max(1)) {
        let transmit = connection.outbound.data(Segment::Bytes(Bytes::copy_from_slice(bytes))).unwrap();
        out.extend_from_slice(&transmit.before);
        out.extend_from_slice(bytes);
        out.extend_from_slice(transmit.after);
    }
    out.extend_from_slice(&connection.outbound.end(trailers).unwrap());
}

/// The length to declare for content that came with `framing`.
pub(crate) fn length_of(framing: Framing) -> Option<u64> {
    match framing {
        Framing::Empty => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilClose => None,
    }
}

/// The head of a request of `method` that a response can answer.
pub(crate) fn request_of(method: Method) -> RequestHead {
    RequestHead {
        method,
        target: Target::parse(b"/").unwrap(),
        version: Version::Http11,
        fields: Fields::new(),
        expects_continue: false,
        wants_close: false,
    }
}

/// The lines that are of a message and not of its connection, `Host` and `Date` aside.
pub(crate) fn end_to_end(fields: &Fields) -> Vec<String> {
    const OF_CONNECTION: [&str; 10] = [
        "connection",
        "content-length",
        "date",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let is_end_to_end =
        |line: &String| line.split_once(':').is_some_and(|(name, _)| !OF_CONNECTION.contains(&name));
    lines(fields).into_iter().filter(is_end_to_end).collect()
}
