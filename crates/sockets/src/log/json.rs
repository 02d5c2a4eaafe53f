//! One JSON object per line, with the names of Caddy's access log, so that what reads that reads this:
//! `goaccess --log-format=CADDY`, for one.

use std::time::SystemTime;

use engine::{Asked, Ending, ExchangeRecord};
use message::{HeaderValue, Target};

use crate::log::escape::json;
use crate::log::figure;

/// Writes one line for an exchange of the role of that name. What is not known is left out.
pub(super) fn write(record: &ExchangeRecord, role: &str, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"level":"info","ts":"#);
    figure::seconds(record.received_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(), line);
    line.extend_from_slice(br#","logger":"http.log.access."#);
    line.extend_from_slice(role.as_bytes());
    line.extend_from_slice(br#"","msg":"handled request","request":{"remote_ip":""#);
    figure::address(record.peer.ip(), line);
    line.extend_from_slice(br#"","remote_port":""#);
    figure::number(record.peer.port().into(), line);
    line.extend_from_slice(br#"","client_ip":""#);
    figure::address(record.peer.ip(), line);
    line.push(b'"');
    if let Some(asked) = &record.asked {
        request(asked, line);
    }
    line.extend_from_slice(br#"},"user_id":"#);
    let fields = record.asked.as_ref().and_then(|asked| asked.fields.as_deref());
    json(fields.and_then(|fields| fields.user.as_deref()).unwrap_or_default(), line);
    line.extend_from_slice(br#","duration":"#);
    figure::seconds(record.elapsed, line);
    line.extend_from_slice(br#","size":"#);
    figure::number(record.content, line);
    line.extend_from_slice(br#","status":"#);
    line.extend_from_slice(record.status.as_str().as_bytes());
    line.extend_from_slice(match record.ending {
        Ending::Whole => b"",
        Ending::ClientGone => br#","ending":"client gone""#,
        Ending::Aborted => br#","ending":"aborted""#,
    });
    line.extend_from_slice(b"}\n");
}

fn request(asked: &Asked, line: &mut Vec<u8>) {
    line.extend_from_slice(br#","proto":""#);
    line.extend_from_slice(figure::version(asked.version).as_bytes());
    line.extend_from_slice(br#"","method":"#);
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
    let user_agent = fields.and_then(|fields| fields.user_agent.as_ref());
    let referer = fields.and_then(|fields| fields.referer.as_ref());
    field(br#""User-Agent":["#, user_agent, line);
    if user_agent.is_some() && referer.is_some() {
        line.push(b',');
    }
    field(br#""Referer":["#, referer, line);
    line.push(b'}');
}

/// A field with its one value, behind what comes `before` it.
fn field(before: &[u8], value: Option<&HeaderValue>, line: &mut Vec<u8>) {
    let Some(value) = value else { return };
    line.extend_from_slice(before);
    json(value.as_bytes(), line);
    line.push(b']');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::log::access::tests::{of_user, record, refused};

    fn read(record: &ExchangeRecord) -> Value {
        let mut line = Vec::new();
        write(record, "server", &mut line);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text.find('\n'), Some(text.len() - 1), "one line: {text}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_user_is_told_7617_2() {
        assert_eq!(read(&of_user("jane \"doe\"")).get("user_id"), Some(&json!("jane \"doe\"")));
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
