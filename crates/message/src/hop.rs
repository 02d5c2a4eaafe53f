//! Fields that are for the next hop only (RFC 9110 §7.6.1).

use http::HeaderName;
use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_RANGE, CONTENT_TYPE, COOKIE, DATE, ETAG, EXPIRES, HOST, LAST_MODIFIED, LOCATION,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE, VARY, VIA,
};

use crate::field::list;
use crate::fields::Fields;

/// Never forwarded, whether `Connection` names them or not.
static HOP_BY_HOP: [HeaderName; 9] = [
    // §7.6.1 lists these. `Trailer` is not among them: trailers are passed on, and where the wire
    // can't, it drops the field.
    CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    // For the proxy that is next, and used up there (§11.7.1 to §11.7.3): credentials for a proxy must
    // not reach an origin, nor a challenge of one proxy the clients of another.
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
];

/// Never dropped because `Connection` names them.
///
/// §7.6.1 has a recipient remove what is named there, but forbids senders to name fields that are for
/// all recipients. Who does it anyway would have us lose where the message ends or goes, whether
/// it may be stored or reused, what its content is, who asks, or whom it has passed.
static END_TO_END: [HeaderName; 18] = [
    HOST,
    CONTENT_LENGTH,
    CACHE_CONTROL,
    AGE,
    DATE,
    EXPIRES,
    VARY,
    ETAG,
    LAST_MODIFIED,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    CONTENT_LOCATION,
    LOCATION,
    AUTHORIZATION,
    COOKIE,
    SET_COOKIE,
    VIA,
];

/// Takes out of a message that is to be forwarded or stored what was for this hop only.
pub fn remove_hop_by_hop(fields: &mut Fields) {
    for name in named_by_connection(fields) {
        if !END_TO_END.contains(&name) {
            fields.remove(&name);
        }
    }
    for name in &HOP_BY_HOP {
        fields.remove(name);
    }
}

/// The fields that `Connection` names and that are there.
fn named_by_connection(fields: &Fields) -> Vec<HeaderName> {
    list::tokens(fields, &CONNECTION)
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| fields.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn section(lines: &[(&'static str, &'static str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        fields
    }

    fn left(lines: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut fields = section(lines);
        remove_hop_by_hop(&mut fields);
        fields.iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn what_is_for_one_hop_goes_9110_7_6_1() {
        let all = [
            ("connection", "close"),
            ("proxy-connection", "keep-alive"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authenticate", "Basic realm=x"),
            ("proxy-authentication-info", "x"),
            ("proxy-authorization", "Basic eDp5"),
        ];
        assert_eq!(left(&all), [""; 0]);
        // Each also alone, when `Connection` does not name it.
        for one in all {
            assert_eq!(left(&[one, ("accept", "*/*")]), ["accept"], "{}", one.0);
        }
    }

    #[test]
    fn what_connection_names_goes_in_every_line_and_case_9110_7_6_1() {
        let lines = [
            ("connection", "X-One,, x-two"),
            ("connection", "\"never ends, x-three"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-two", "2 again"),
            ("x-three", "3"),
            ("x-four", "4"),
        ];
        assert_eq!(left(&lines), ["x-four"]);
    }

    #[test]
    fn what_is_for_all_recipients_stays_though_connection_names_it() {
        for name in &END_TO_END {
            let mut fields = Fields::new();
            fields.set(CONNECTION, HeaderValue::from_str(name.as_str()).unwrap());
            fields.set(name.clone(), HeaderValue::from_static("1"));
            remove_hop_by_hop(&mut fields);
            assert!(fields.contains(name) && fields.len() == 1, "{name}");
        }
    }

    #[test]
    fn what_is_end_to_end_stays_as_it_is() {
        let lines = [("trailer", "x"), ("accept", "a"), ("accept", "b"), ("via", "1.1 a"), ("x-own", "1")];
        let mut fields = section(&lines);
        remove_hop_by_hop(&mut fields);
        assert_eq!(fields.len(), lines.len());
    }
}
