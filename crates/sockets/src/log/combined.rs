//! The combined log format, as Apache and nginx write it and every analyzer reads it.

use std::cell::RefCell;
use std::time::SystemTime;

use engine::{Asked, ExchangeRecord};
use message::field::date::HttpDate;
use message::{HeaderValue, Target};

use crate::log::escape::quoted;
use crate::log::figure;

/// Where the parts of a date stand in its one form on the wire, `Sun, 06 Nov 1994 08:49:37 GMT`.
const DAY: std::ops::Range<usize> = 5..7;
const MONTH: std::ops::Range<usize> = 8..11;
const YEAR: std::ops::Range<usize> = 12..16;
const TIME: std::ops::Range<usize> = 17..25;

/// Writes one line: the address, nothing, the user, when, what, the answer's status and bytes of content, where
/// the client found it, and what the client is. `-` stands for what is not known.
pub(super) fn write(record: &ExchangeRecord, line: &mut Vec<u8>) {
    figure::address(record.peer.ip(), line);
    line.extend_from_slice(b" - ");
    let fields = record.asked.as_ref().and_then(|asked| asked.fields.as_deref());
    user(fields.and_then(|fields| fields.user.as_deref()), line);
    line.extend_from_slice(b" [");
    moment(record.received_at, line);
    line.extend_from_slice(b"] \"");
    match &record.asked {
        Some(asked) => request_line(asked, line),
        None => line.push(b'-'),
    }
    line.extend_from_slice(b"\" ");
    line.extend_from_slice(record.status.as_str().as_bytes());
    line.push(b' ');
    match record.content {
        0 => line.push(b'-'),
        content => figure::number(content, line),
    }
    said(fields.and_then(|fields| fields.referer.as_ref()), line);
    said(fields.and_then(|fields| fields.user_agent.as_ref()), line);
    line.push(b'\n');
}

/// Who a client said it was. A space would end the name where lines are read, so it is written as a byte.
fn user(name: Option<&[u8]>, line: &mut Vec<u8>) {
    let name = name.filter(|name| !name.is_empty()).unwrap_or(b"-");
    for (index, part) in name.split(|byte| *byte == b' ').enumerate() {
        if index > 0 {
            line.extend_from_slice(br"\x20");
        }
        quoted(part, line);
    }
}

/// What a client said of itself.
fn said(value: Option<&HeaderValue>, line: &mut Vec<u8>) {
    line.extend_from_slice(b" \"");
    quoted(value.map_or(b"-", HeaderValue::as_bytes), line);
    line.push(b'"');
}

fn request_line(asked: &Asked, line: &mut Vec<u8>) {
    quoted(asked.method.as_str().as_bytes(), line);
    line.push(b' ');
    match &asked.target {
        Target::Origin(path) => quoted(path.as_str().as_bytes(), line),
        other => quoted(other.to_string().as_bytes(), line),
    }
    line.push(b' ');
    line.extend_from_slice(figure::version(asked.version).as_bytes());
}

/// `06/Nov/1994:08:49:37 +0000`, made anew only when the second has changed.
fn moment(moment: SystemTime, line: &mut Vec<u8>) {
    thread_local! {
        static LAST: RefCell<(Option<HttpDate>, String)> = const { RefCell::new((None, String::new())) };
    }
    let date = HttpDate::from(moment);
    LAST.with_borrow_mut(|(second, text)| {
        if *second != Some(date) {
            *second = Some(date);
            *text = clf(&date.to_string()).unwrap_or_default();
        }
        line.extend_from_slice(text.as_bytes());
    });
}

fn clf(date: &str) -> Option<String> {
    let (day, month) = (date.get(DAY)?, date.get(MONTH)?);
    Some(format!("{day}/{month}/{}:{} +0000", date.get(YEAR)?, date.get(TIME)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::access::tests::{of_user, record, refused};

    fn line(record: &ExchangeRecord) -> String {
        let mut line = Vec::new();
        write(record, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_is_what_apache_writes() {
        assert_eq!(
            line(&record("/a%20b?c", Some("http://b.test/"), Some("curl/8"))),
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a%20b?c HTTP/1.1\" 200 1234 \"http://b.test/\" \"curl/8\"\n"
        );
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        assert_eq!(
            line(&refused()),
            "2001:db8::7 - - [06/Nov/1994:08:49:37 +0000] \"-\" 400 - \"-\" \"-\"\n"
        );
    }

    #[test]
    fn what_a_client_sends_forges_no_line() {
        let forged = line(&record("/\"x\\", None, Some("a\" 200 1\t\u{e9}")));
        assert!(forged.contains("\"GET /\\\"x\\\\ HTTP/1.1\""), "{forged}");
        assert!(forged.ends_with(" \"-\" \"a\\\" 200 1\\x09\\xc3\\xa9\"\n"), "{forged}");
    }

    #[test]
    fn a_user_is_one_word_7617_2() {
        for (user, told) in
            [("jane", "jane"), ("jane doe\"]", "jane\\x20doe\\\"]"), ("", "-"), (" ", "\\x20")]
        {
            let line = line(&of_user(user));
            assert!(line.starts_with(&format!("192.0.2.7 - {told} [06/Nov")), "{line}");
        }
    }

    #[test]
    fn each_second_has_its_own_text() {
        let mut record = record("/", None, None);
        for (seconds, text) in [(0, "[01/Jan/1970:00:00:00 +0000]"), (86_399, "[01/Jan/1970:23:59:59 +0000]")]
        {
            record.received_at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            assert!(line(&record).contains(text), "{}", line(&record));
        }
    }
}
