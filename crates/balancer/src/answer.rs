//! The way of a client through the balancer, without a lock.

use std::time::SystemTime;

use access::forwarded::TrustedField;
use message::field::digest::{DigestAlgorithm, REPR_DIGEST, repr_digest_value};
use message::field::list;
use message::field::weight::Weight;
use message::{
    Body, Failure, Fields, HeaderValue, Method, PathAndQuery, Request, Response, Service, StatusCode, header,
};

use crate::balancer::{Asker, Balancer};
use crate::check::{Choice, Found};
use crate::holdings::{Facts, Has, Holding};
use crate::links::{self, METALINK_SUFFIX, METALINK_TYPE};
use crate::member::Member;
use crate::metalink::{Mirror, Mirrored, nobody};
use crate::mode::Mode;
use crate::redirect;
use crate::rules::Terms;

/// The query that asks for the list of mirrors.
const MIRROR_LIST: &str = "mirrorlist";

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
enum Ask {
    /// To be sent to somebody who has it.
    File,
    /// The Metalink document of this.
    Metalink(PathAndQuery),
    /// The list of those that have this.
    Mirrors(PathAndQuery),
}

impl Ask {
    fn of(path: &PathAndQuery) -> Self {
        let bare = |text: &str| PathAndQuery::parse(text).ok();
        if path.query() == Some(MIRROR_LIST) {
            return bare(path.path()).map_or(Self::File, Self::Mirrors);
        }
        let described = path.path().strip_suffix(METALINK_SUFFIX);
        let described = described.filter(|file| path.query().is_none() && !file.ends_with('/'));
        described.and_then(bare).map_or(Self::File, Self::Metalink)
    }
}

impl<S: Service + Clone> Service for Balancer<S> {
    /// Numbered as clients go: 1. only GET and HEAD; 2. a path; 3. a list of servers, or one of them.
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        if let Mode::Proxy(forwarding) = self.config().mode() {
            return self.forward(request, forwarding).await;
        }
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Ok(redirect::not_implemented());
        }
        let Some(path) = request.target.path_and_query() else { return Ok(redirect::no_target()) };
        let config = self.config();
        let ask = if config.lists() { Ask::of(path) } else { Ask::File };
        let response = match ask {
            Ask::File => self.redirect(&self.asker(&request, path)).await,
            Ask::Metalink(file) => {
                self.describe(&self.asker(&request, &file), METALINK_TYPE, Mirrored::to_metalink).await
            }
            Ask::Mirrors(file) => {
                let as_json = prefers_json(&request.fields);
                let response = if as_json {
                    self.describe(&self.asker(&request, &file), "application/json", Mirrored::to_json).await
                } else {
                    self.describe(&self.asker(&request, &file), "text/html; charset=utf-8", Mirrored::to_html)
                        .await
                };
                response.with(header::VARY, HeaderValue::from_static("accept"))
            }
        };
        Ok(self.with_vary(response))
    }
}

impl<S: Service + Clone> Balancer<S> {
    fn asker<'a>(&'a self, request: &Request, path: &'a PathAndQuery) -> Asker<'a> {
        Asker { path, terms: self.terms(request), now: request.received_at, tried: &[] }
    }

    /// The rules for who asks.
    fn terms(&self, request: &Request) -> Terms<'_> {
        let config = self.config();
        if config.rules().is_empty() {
            return Terms::default();
        }
        let client = request.peer.map(|peer| config.trust().client(peer.ip(), &request.fields));
        Terms::of(config.rules(), client, config.geography())
    }

    /// Where an answer depends on what a proxy says of its client, it says so (RFC 9110 §12.5.5).
    fn with_vary(&self, mut response: Response) -> Response {
        let config = self.config();
        if !config.rules().is_empty() && !config.trust().proxies.is_empty() {
            let field = match config.trust().field {
                TrustedField::XForwardedFor => "x-forwarded-for",
                TrustedField::Forwarded => "forwarded",
            };
            response.fields.append(header::VARY, HeaderValue::from_static(field));
        }
        response
    }

    async fn redirect(&self, asker: &Asker<'_>) -> Response {
        let (config, path) = (self.config(), asker.path);
        let Some(Choice { member, holding }) = self.choose(asker).await else {
            self.note_unserved();
            return redirect::nobody_left(config.interval());
        };
        member.tally.send();
        let mut response = redirect::to_replica(config.status(), &member.replica, path);
        if let Some(link) = self.links(&member, holding.as_deref(), asker) {
            response.fields.set(header::LINK, link);
        }
        if let Some(digest) =
            self.facts(&member, holding.as_deref(), asker.now).and_then(|facts| facts.digest)
        {
            response.fields.set(REPR_DIGEST, repr_digest_value(DigestAlgorithm::Sha256, &digest));
        }
        response
    }

    /// The others that have the file, and where the document about it is.
    fn links(&self, chosen: &Member, holding: Option<&Holding>, asker: &Asker<'_>) -> Option<HeaderValue> {
        let most = self.config().links();
        if most == 0 {
            return None;
        }
        self.with_those_who_have(asker, holding, |members| {
            let others = members.filter(|member| member.id != chosen.id).map(|member| &member.replica);
            links::value(others.take(most), asker.path.as_str(), self.config().lists())
        })
    }

    fn facts(&self, member: &Member, holding: Option<&Holding>, now: SystemTime) -> Option<Facts> {
        let ttl = self.holdings()?.ttl();
        match holding?.of(member.id, now, ttl)? {
            Has::It(facts) => Some(facts),
            _ => None,
        }
    }

    async fn describe(
        &self,
        asker: &Asker<'_>,
        media_type: &'static str,
        write: fn(&Mirrored) -> String,
    ) -> Response {
        let found = match self.find(asker).await {
            Ok(found) => found,
            Err(status) if status == StatusCode::SERVICE_UNAVAILABLE => {
                return redirect::nobody_left(self.config().interval());
            }
            Err(status) => return redirect::not_stored(Response::text(status, nobody(status))),
        };
        let mut response = redirect::not_stored(Response::new(StatusCode::OK));
        response.fields.set(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response.body = Body::from(write(&mirrored(asker.path, &found)));
        response
    }
}

/// What can be told of a file that these have.
fn mirrored(path: &PathAndQuery, found: &[Found]) -> Mirrored {
    let mirror = |found: &Found| Mirror {
        server: found.member.replica.url().to_owned(),
        country: found.member.replica.country(),
        share: found.share,
    };
    let facts = found.iter().map(|found| found.facts);
    let facts = Facts {
        length: facts.clone().find_map(|facts| facts.length),
        digest: facts.clone().find_map(|facts| facts.digest),
    };
    Mirrored { path: path.path().to_owned(), facts, mirrors: found.iter().map(mirror).collect() }
}

/// Whether a program asks (RFC 9110 §12.5.1): JSON is wanted, and not less than HTML.
fn prefers_json(fields: &Fields) -> bool {
    let weight_of = |wanted: &str| {
        let weights = list::of(fields, &header::ACCEPT).flatten().filter_map(|member| {
            let (name, weight) = Weight::of_member(member);
            name.eq_ignore_ascii_case(wanted.as_bytes()).then_some(weight?)
        });
        weights.max().unwrap_or(Weight::NONE)
    };
    let json = weight_of("application/json");
    json > Weight::NONE && json >= weight_of("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathAndQuery {
        PathAndQuery::parse(text).unwrap()
    }

    #[test]
    fn lists_are_asked_for_by_suffix_or_query() {
        for (text, ask) in [
            ("/a", Ask::File),
            ("/a?x", Ask::File),
            ("/a?mirrorlist", Ask::Mirrors(path("/a"))),
            ("/a/?mirrorlist", Ask::Mirrors(path("/a/"))),
            ("/a?mirrorlist=1", Ask::File),
            ("/a.iso.meta4", Ask::Metalink(path("/a.iso"))),
            ("/a.iso.meta4?x", Ask::File),
            ("/.meta4", Ask::File),
            ("/d/.meta4", Ask::File),
        ] {
            assert_eq!(Ask::of(&path(text)), ask, "{text}");
        }
    }

    #[test]
    fn json_is_for_who_wants_it_9110_12_5_1() {
        for (accept, expected) in [
            ("", false),
            ("*/*", false),
            ("application/json", true),
            ("text/html, application/json;q=0.9", false),
            ("text/html;q=0.8, application/json;q=0.9", true),
            ("application/json;q=0", false),
        ] {
            let mut fields = Fields::new();
            fields.set(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_json(&fields), expected, "{accept}");
        }
    }
}
