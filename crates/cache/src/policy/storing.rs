//! Whether a response may be stored (RFC 9111 §3).

use message::field::cache_control::{CacheControl, Qualified};
use message::header::{AUTHORIZATION, CACHE_CONTROL, EXPIRES, SET_COOKIE};
use message::{Fields, Method, StatusCode};

use crate::policy::vary::{Selecting, VariesOnEverything};

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only answers to GET are stored.
    Method,
    /// Only 200 is stored: 404, 501 and 505 are passed on, and so is, for now, everything else.
    Status,
    /// The request says `no-store` (§5.2.1.5).
    RequestNoStore,
    /// The response says `no-store` (§5.2.2.5).
    NoStore,
    /// The response is `private` (§5.2.2.7), or some of its fields are.
    Private,
    /// The request has credentials, and the response does not say that others may have it (§3.5).
    Authorization,
    /// The response varies on what no request can match (§4.1).
    VaryStar,
    /// The response sets a cookie and says nothing about its freshness: most likely it is for one
    /// client only, whoever made it did not think of caches (§7.3).
    Cookie,
}

impl Refusal {
    /// The word for it in the `detail` of `Cache-Status`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::VaryStar => "vary-star",
            Self::Cookie => "set-cookie",
        }
    }

    /// Whether it most likely holds for the next request, too: it lies in the response, not in the
    /// request that it answers.
    #[must_use]
    pub fn is_lasting(self) -> bool {
        match self {
            Self::Status | Self::NoStore | Self::Private | Self::VaryStar | Self::Cookie => true,
            Self::Method | Self::RequestNoStore | Self::Authorization => false,
        }
    }
}

/// Judges whether a response may be stored by a shared cache (§3), and for which requests.
///
/// A 200 without any freshness is stored: 200 is heuristically cacheable (RFC 9110 §15.1). It is then
/// validated before each use.
///
/// # Errors
/// The first reason against it.
pub fn storing(
    method: &Method,
    request: &Fields,
    status: StatusCode,
    response: &Fields,
) -> Result<Selecting, Refusal> {
    if *method != Method::GET {
        return Err(Refusal::Method);
    }
    if status != StatusCode::OK {
        return Err(Refusal::Status);
    }
    if CacheControl::of(request, &CACHE_CONTROL).no_store {
        return Err(Refusal::RequestNoStore);
    }
    let directives = CacheControl::of(response, &CACHE_CONTROL);
    // §5.2.2.3: a cache that knows the status code, as it knows 200, ignores no-store beside
    // must-understand.
    if directives.no_store && !directives.must_understand {
        return Err(Refusal::NoStore);
    }
    // §5.2.2.7: with field names the rest could be stored; to store nothing is right as well.
    if directives.private != Qualified::No {
        return Err(Refusal::Private);
    }
    let for_all = directives.public || directives.s_maxage.is_some();
    if request.contains(&AUTHORIZATION) && !(for_all || directives.must_revalidate) {
        return Err(Refusal::Authorization);
    }
    let explicit = for_all || directives.max_age.is_some() || response.contains(&EXPIRES);
    if response.contains(&SET_COOKIE) && !explicit {
        return Err(Refusal::Cookie);
    }
    Selecting::of(response, request).map_err(|VariesOnEverything| Refusal::VaryStar)
}

#[cfg(test)]
mod tests {
    use message::{HeaderName, HeaderValue};

    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    fn refusal(request: &[(&str, &str)], response: &[(&str, &str)]) -> Option<Refusal> {
        storing(&Method::GET, &fields(request), StatusCode::OK, &fields(response)).err()
    }

    #[test]
    fn section_3_a_plain_200_to_get_is_stored_and_no_other_status_or_method() {
        assert_eq!(refusal(&[], &[]), None);
        for code in [203, 204, 206, 301, 304, 404, 410, 500, 501, 505, 599] {
            let status = StatusCode::from_u16(code).unwrap();
            let fresh = fields(&[("cache-control", "max-age=60")]);
            assert_eq!(storing(&Method::GET, &Fields::new(), status, &fresh), Err(Refusal::Status), "{code}");
        }
        for method in [Method::HEAD, Method::POST, Method::OPTIONS] {
            let stored = storing(&method, &Fields::new(), StatusCode::OK, &Fields::new());
            assert_eq!(stored, Err(Refusal::Method), "{method}");
        }
    }

    #[test]
    fn section_5_2_2_directives_that_forbid_it() {
        for (value, expected) in [
            ("no-store", Some(Refusal::NoStore)),
            ("No-StOrE, max-age=60", Some(Refusal::NoStore)),
            ("max-age=60, ext=\"no-store\"", None),
            ("no-store, must-understand", None),
            ("private", Some(Refusal::Private)),
            ("private=\"set-cookie\"", Some(Refusal::Private)),
            ("no-cache", None),
            ("max-age=60, ext=\"open", Some(Refusal::NoStore)),
            ("max-age=0", None),
        ] {
            assert_eq!(refusal(&[], &[("cache-control", value)]), expected, "{value}");
        }
    }

    #[test]
    fn section_5_2_1_5_a_request_can_forbid_it() {
        let fresh = [("cache-control", "max-age=60")];
        assert_eq!(refusal(&[("cache-control", "no-store")], &fresh), Some(Refusal::RequestNoStore));
        assert_eq!(refusal(&[("cache-control", "no-cache")], &fresh), None);
    }

    #[test]
    fn section_3_5_with_credentials_the_response_must_say_that_others_may_have_it() {
        let request = [("authorization", "Basic eDp5")];
        for (value, expected) in [
            ("max-age=60", Some(Refusal::Authorization)),
            ("public", None),
            ("must-revalidate", None),
            ("s-maxage=60", None),
            ("proxy-revalidate", Some(Refusal::Authorization)),
        ] {
            assert_eq!(refusal(&request, &[("cache-control", value)]), expected, "{value}");
        }
    }

    #[test]
    fn section_4_1_what_no_request_can_match_is_not_stored() {
        assert_eq!(refusal(&[], &[("vary", "*"), ("cache-control", "max-age=60")]), Some(Refusal::VaryStar));
        assert_eq!(refusal(&[], &[("vary", "accept-encoding")]), None);
    }

    #[test]
    fn section_7_3_a_cookie_is_shared_only_where_freshness_is_explicit() {
        let cookie = ("set-cookie", "id=1");
        assert_eq!(refusal(&[], &[cookie]), Some(Refusal::Cookie));
        assert_eq!(refusal(&[], &[cookie, ("last-modified", "x")]), Some(Refusal::Cookie));
        for value in ["max-age=60", "s-maxage=60", "public"] {
            assert_eq!(refusal(&[], &[cookie, ("cache-control", value)]), None, "{value}");
        }
        assert_eq!(refusal(&[], &[cookie, ("expires", "0")]), None);
    }
}
