//! One JSON object per line, with the names of Caddy's access log, so that what reads that reads this:
//! `goaccess --log-format=CADDY`, for one.

use std::io::Write;
use std::time::{Duration, SystemTime};

use engine::{Asked, Ending, ExchangeRecord};
use message::Target;

use crate::log::escape::json;

/// Writes one line for an exchange of the role of that name. What is not known is left out.
pub(super) fn write(record: &ExchangeRecord, role: &str, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"level":"info","ts":"#);
    seconds(record.received_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(), line);
    // Writing to memory does not fail.
    let _ = write!(line, r#","logger":"http.log.access.{role}","msg":"handled request","request":{{"#);
    let (ip, port) = (record.peer.ip(), record.peer.port());
    let _ = write!(line, r#""remote_ip":"{ip}","remote_port":"{port}","client_ip":"{ip}""#);
    if let Some(asked) = &record.asked {
        request(asked, line);
    }
    line.extend_from_slice(br#"},"user_id":"","duration":"#);
    seconds(record.elapsed, line);
    let _ = write!(line, r#","size":{},"status":{}"#, record.content, record.status.as_str());
    match record.ending {
        Ending::Whole => {}
        Ending::ClientGone => line.extend_from_slice(br#","ending":"client gone""#),
        Ending::Aborted => line.extend_from_slice(br#","ending":"aborted""#),
    }
    line.extend_from_slice(b"}\n");
}

fn request(asked: &Asked, line: &mut Vec<u8>) {
    let _ = write!(line, r#","proto":"{:?}","method":"#, asked.version);
    json(asked.method.as_str().as_bytes(), line);
    let fields = asked.fields.as_deref();
    if let Some(host) = fields.and_then(|fields| fields.host.as_ref()) {
        line.extend_from_slice(br#","host":"#);
        json(host.as_bytes(), line);
    }
    line.extend_from_slice(br#","uri":"#);
    match &asked.target {
        Target::Origin(path) => json(path.as_str().as_bytes(), line),
        other => json(other.to_string().as_bytes(), line),
    }
    line.extend_from_slice(br#","headers":{"#);
    let values = [
        ("User-Agent", fields.and_then(|fields| fields.user_agent.as_ref())),
        ("Referer", fields.and_then(|fields| fields.referer.as_ref())),
    ];
    let mut comma = "";
    for (name, value) in values {
        let Some(value) = value else { continue };
        let _ = write!(line, r#"{comma}"{name}":["#);
        json(value.as_bytes(), line);
        line.push(b']');
        comma = ",";
    }
    line.push(b'}');
}

/// A number of seconds, to the microsecond.
fn seconds(duration: Duration, line: &mut Vec<u8>) {
    let _ = write!(line, "{}.{:06}", duration.as_secs(), duration.subsec_micros());
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::log::access::tests::{record, refused};

    fn read(record: &ExchangeRecord) -> Value {
        let mut line = Vec::new();
        write(record, "server", &mut line);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text.find('\n'), Some(text.len() - 1), "one line: {text}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_has_caddys_names() {
        let mut gone = record("/a%20b?c", Some("http://b.test/"), Some("curl/8"));
        gone.ending = Ending::ClientGone;
        assert_eq!(
            read(&gone),
            json!({
                "level": "info", "ts": 784_111_777.25, "logger": "http.log.access.server", "msg": "handled request",
                "request": {
                    "remote_ip": "192.0.2.7", "remote_port": "4711", "client_ip": "192.0.2.7", "proto": "HTTP/1.1",
                    "method": "GET", "host": "a.test", "uri": "/a%20b?c",
                    "headers": { "User-Agent": ["curl/8"], "Referer": ["http://b.test/"] },
                },
                "user_id": "", "duration": 0.001_5, "size": 1234, "status": 200, "ending": "client gone",
            })
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let line = read(&refused());
        assert_eq!(line["request"]["method"], Value::Null);
        assert_eq!((&line["status"], &line["size"], &line["ending"]), (&json!(400), &json!(0), &Value::Null));
        let line = read(&record("/", None, Some("x")));
        assert_eq!(line["request"]["headers"], json!({ "User-Agent": ["x"] }));
    }

    #[test]
    fn what_a_client_sends_stays_a_string() {
        let line = read(&record("/\"},\\", None, Some("\",\"status\":\"\t\u{9b}é")));
        assert_eq!(line["request"]["uri"], "/\"},\\");
        assert_eq!(line["request"]["headers"]["User-Agent"][0], "\",\"status\":\"\t\u{9b}é");
    }
}
