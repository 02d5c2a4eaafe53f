//! Which requests go through a proxy: what `http_proxy` and `no_proxy` of the environment say.

use engine::{ClientLimits, Pool, Route};
use message::{Authority, Failure, Request, Response, Service};
use net::dial::{Dialer, Pins, Reach};

use crate::args::get::GetArgs;
use crate::args::units;
use crate::exit::Exit;

/// Straight, or through a proxy, by who is asked.
#[derive(Clone)]
pub(super) struct Ways {
    direct: Pool,
    proxied: Option<Pool>,
    exempt: Exempt,
}

/// Hosts that are asked straight, as `no_proxy` lists them.
#[derive(Clone, Debug, Default)]
struct Exempt(Vec<String>);

impl Ways {
    /// The ways that the argument and the environment say. `read` looks a variable up.
    ///
    /// Only the small letters of `http_proxy` count: a CGI program's `HTTP_PROXY` is set by its client.
    ///
    /// # Errors
    /// A proxy that can't be one.
    pub(super) fn new(
        proxy: Option<&Authority>,
        dialer: &Dialer,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Exit> {
        let set = |name| read(name).filter(|value| !value.is_empty());
        let named = |name| set(name).map(|value| (name, value));
        let said = named("http_proxy").or_else(|| named("all_proxy")).or_else(|| named("ALL_PROXY"));
        let (proxy, exempt) = match (proxy, said) {
            (Some(proxy), _) => (Some(proxy.clone()), Exempt::default()),
            (None, Some((name, value))) => {
                let place = units::place(value.trim_end_matches('/'));
                let proxy = place.map_err(|fault| Exit::usage(format_args!("{name}: {fault}")))?;
                (Some(proxy), Exempt::parse(&set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default()))
            }
            (None, None) => (None, Exempt::default()),
        };
        let pool = |route| Pool::new(dialer.clone(), route, ClientLimits::default());
        Ok(Self {
            direct: pool(Route::Direct),
            proxied: proxy.map(|proxy| pool(Route::Proxy(proxy))),
            exempt,
        })
    }
}

/// How connections are made, as the arguments say.
pub(super) fn dialer(args: &GetArgs) -> Dialer {
    let reach = match (args.ipv4, args.ipv6) {
        (true, _) => Some(Reach::new(|_, address| address.is_ipv4())),
        (false, true) => Some(Reach::new(|_, address| address.is_ipv6())),
        (false, false) => None,
    };
    Dialer { reach, pins: Pins::new(args.resolve.clone()), ..Dialer::default() }
}

impl Service for Ways {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        let is_exempt = || request.target.authority().is_some_and(|host| self.exempt.holds(host));
        match &self.proxied {
            Some(proxied) if !is_exempt() => proxied.call(request).await,
            _ => self.direct.call(request).await,
        }
    }
}

impl Exempt {
    fn parse(text: &str) -> Self {
        let entries = text.split([',', ' ']).filter(|entry| !entry.is_empty());
        Self(entries.map(|entry| entry.trim_start_matches('.').to_ascii_lowercase()).collect())
    }

    /// `*` is all; a name holds for itself and all beneath it, with a port for that port only.
    fn holds(&self, authority: &Authority) -> bool {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let with_port = authority.to_string();
        let beneath = |name: &str, entry: &str| {
            name == entry || name.strip_suffix(entry).is_some_and(|rest| rest.ends_with('.'))
        };
        self.0.iter().any(|entry| entry == "*" || beneath(host, entry) || beneath(&with_port, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_domains_and_ports() {
        let exempt = Exempt::parse("localhost, .example.org,10.0.0.1:8080,::1");
        for (authority, holds) in [
            ("localhost:8000", true),
            ("example.org", true),
            ("a.example.org:81", true),
            ("badexample.org", false),
            ("10.0.0.1:8080", true),
            ("10.0.0.1:8081", false),
            ("[::1]:80", true),
        ] {
            assert_eq!(exempt.holds(&Authority::parse(authority).unwrap()), holds, "{authority}");
        }
        assert!(Exempt::parse("*").holds(&Authority::parse("a").unwrap()));
        assert!(!Exempt::default().holds(&Authority::parse("a").unwrap()));
    }

    #[test]
    fn a_proxy_that_can_not_be_one_is_told() {
        let ways = |value: &'static str| {
            let read = move |name: &str| (name == "http_proxy").then(|| value.into());
            Ways::new(None, &Dialer::default(), read)
        };
        assert!(ways("http://proxy:3128/").is_ok_and(|ways| ways.proxied.is_some()));
        assert!(ways("").is_ok_and(|ways| ways.proxied.is_none()));
        assert!(ways("a b").is_err_and(|exit| exit.to_string().contains("http_proxy")));
    }
}
