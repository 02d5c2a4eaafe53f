//! Where a request goes, and under which key its answer is stored.

use message::forward::{self, Pseudonym};
use message::header::HOST;
use message::{
    Authority, Fields, HeaderValue, Method, PathAndQuery, Request, Response, Scheme, StatusCode, Target,
};

use crate::key::CacheKey;
use crate::site::{Sites, Way};

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The key of its answer.
    pub key: CacheKey,
    /// What is asked for, in absolute form.
    pub target: Target,
    /// How the client calls the origin, if that is not how the cache does.
    pub public: Option<Authority>,
    /// The `Host` that the origin is told, if it is not its own.
    pub host: Option<HeaderValue>,
}

/// Finds the way of `request`: to the origin of its site for a reverse proxy, else to where its target says.
///
/// # Errors
/// The answer to a request that there is no way for.
pub(crate) fn route(sites: Option<&Sites>, request: &Request) -> Result<Route, Box<Response>> {
    if request.method == Method::CONNECT {
        return Err(refuse(501, "A reverse proxy opens no tunnels.\n"));
    }
    match (sites, &request.target) {
        // RFC 9112 §3.2.2: the host in an absolute target goes before that in Host.
        (Some(sites), Target::Origin(path) | Target::Absolute(_, _, path)) => {
            let public = request.authority();
            match sites.way(public.clone()) {
                Some(way) => Ok(Route { public, ..to(&way, path) }),
                // RFC 9110 §15.5.20.
                None => Err(refuse(421, "Nothing is cached here for the host that was asked.\n")),
            }
        }
        (None, Target::Absolute(Scheme::Http, authority, path)) => {
            let key = CacheKey::new(Scheme::Http, authority, path);
            Ok(Route { key, target: request.target.clone(), public: None, host: None })
        }
        (None, Target::Absolute(Scheme::Https, ..)) => {
            Err(refuse(501, "This proxy can't ask an origin over TLS yet: ask for http:// URLs.\n"))
        }
        (None, Target::Origin(_)) => Err(refuse(
            400,
            "This is a forward proxy: use it as one (curl -x, sockets get --proxy), \
             or start it with --origin URL to have it stand for one origin.\n",
        )),
        (_, Target::Asterisk) if request.method == Method::OPTIONS => {
            Err(Box::new(Response::new(StatusCode::NO_CONTENT)))
        }
        (_, Target::Asterisk | Target::Authority(_)) => {
            Err(refuse(400, "This target goes with another method.\n"))
        }
    }
}

fn to(way: &Way, path: &PathAndQuery) -> Route {
    let origin = &way.origin;
    Route {
        key: way.key(path),
        target: Target::Absolute(origin.scheme(), origin.authority().clone(), path.clone()),
        public: None,
        host: way.host(),
    }
}

/// The fields of a request as they go on (RFC 9110 §7.6), to an origin that is told `host`.
pub(crate) fn outbound(fields: &Fields, pseudonym: &Pseudonym, host: Option<&HeaderValue>) -> Fields {
    let mut fields = forward::outbound(fields, pseudonym);
    if let Some(host) = host {
        fields.set(HOST, host.clone());
    }
    fields
}

fn refuse(code: u16, text: &str) -> Box<Response> {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
    Box::new(Response::text(status, text))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::site::Origin;

    fn routed(origin: Option<&str>, method: &str, target: &'static str) -> Result<(String, String), u16> {
        let origin = origin.map(|text| Origin::new(Scheme::Http, Authority::parse(text).unwrap()).unwrap());
        let sites = origin.map(Sites::from);
        let target = Target::parse(target).unwrap();
        let mut request = Request::get(target, SystemTime::UNIX_EPOCH);
        request.method = Method::from_bytes(method.as_bytes()).unwrap();
        match route(sites.as_ref(), &request) {
            Ok(route) => Ok((route.key.to_string(), route.target.to_string())),
            Err(response) => Err(response.status.as_u16()),
        }
    }

    #[test]
    fn a_forward_proxy_goes_where_the_target_says() {
        let to = |key: &str, target: &str| Ok((key.to_owned(), target.to_owned()));
        assert_eq!(routed(None, "GET", "http://A:80/x?y"), to("http://a/x?y", "http://a:80/x?y"));
        assert_eq!(routed(None, "PUT", "http://a:8000/"), to("http://a:8000/", "http://a:8000/"));
        assert_eq!(routed(None, "GET", "/x"), Err(400));
        assert_eq!(routed(None, "GET", "https://a/"), Err(501));
        assert_eq!(routed(None, "CONNECT", "a:443"), Err(501));
        assert_eq!(routed(None, "OPTIONS", "*"), Err(204));
        assert_eq!(routed(None, "GET", "*"), Err(400));
    }

    #[test]
    fn a_reverse_proxy_goes_to_its_origin_whatever_the_client_names() {
        let expected = Ok(("http://o:8000/x?y".to_owned(), "http://o:8000/x?y".to_owned()));
        for target in ["/x?y", "http://other/x?y", "https://other:1/x?y"] {
            assert_eq!(routed(Some("O:8000"), "GET", target), expected, "{target}");
        }
        assert_eq!(routed(Some("o"), "CONNECT", "a:443"), Err(501));
    }
}
