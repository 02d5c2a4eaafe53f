use message::{Method, StatusCode};

use super::*;
use crate::key::CacheKey;
use crate::policy::storing;
use crate::testing::{DATE_0, at, fields};

type Lines<'a> = &'a [(&'a str, &'a str)];

struct Case<'a> {
    method: &'a str,
    status: u16,
    request: Lines<'a>,
    response: Lines<'a>,
}

impl Case<'_> {
    fn told<T>(&self, tell: impl FnOnce(&Exchange<'_>) -> T) -> T {
        let exchange = Exchange {
            method: &Method::from_bytes(self.method.as_bytes()).unwrap(),
            key: &CacheKey::parse("http://a/x").unwrap(),
            request: &fields(self.request),
            status: StatusCode::from_u16(self.status).unwrap(),
            response: &fields(self.response),
            requested_at: at(0),
            received_at: at(0),
        };
        tell(&exchange)
    }
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// One case for each reason, and one for none.
const CASES: [(Option<Refusal>, Case<'static>); 11] = [
    (None, Case { method: "GET", status: 200, request: &[], response: &[FRESH] }),
    (Some(Refusal::Method), Case { method: "PUT", status: 200, request: &[], response: &[FRESH] }),
    (Some(Refusal::Particular), Case { method: "GET", status: 206, request: &[], response: &[FRESH] }),
    (
        Some(Refusal::RequestNoStore),
        Case { method: "GET", status: 200, request: &[("cache-control", "no-store")], response: &[FRESH] },
    ),
    (
        Some(Refusal::NoStore),
        Case { method: "GET", status: 200, request: &[], response: &[("cache-control", "no-store")] },
    ),
    (
        Some(Refusal::NotUnderstood),
        Case { method: "GET", status: 299, request: &[], response: &[("cache-control", "must-understand")] },
    ),
    (
        Some(Refusal::Private),
        Case { method: "GET", status: 200, request: &[], response: &[("cache-control", "private")] },
    ),
    (
        Some(Refusal::Authorization),
        Case { method: "GET", status: 200, request: &[("authorization", "x")], response: &[FRESH] },
    ),
    (Some(Refusal::Status), Case { method: "GET", status: 404, request: &[], response: &[] }),
    (
        Some(Refusal::Cookie),
        Case { method: "GET", status: 200, request: &[], response: &[("set-cookie", "a")] },
    ),
    (
        Some(Refusal::VaryStar),
        Case { method: "GET", status: 200, request: &[], response: &[("vary", "*"), FRESH] },
    ),
];

#[test]
fn each_reason_against_storing_is_told_where_it_is_the_reason() {
    for (refusal, case) in CASES {
        let rules = Rules::default();
        case.told(|exchange| {
            assert_eq!(storing::storing(exchange, &rules).err(), refusal, "the case is of another reason");
            let told = Explanation::of(exchange, None, &rules).storing;
            let deciding: Vec<_> = told.findings.iter().filter(|finding| finding.decides).collect();
            match refusal {
                None => assert_eq!((told.answer.as_str(), deciding.len()), ("yes", 0)),
                Some(refusal) => {
                    assert_eq!(told.answer, format!("no ({})", refusal.word()));
                    assert_eq!(deciding.len(), 1, "{refusal:?}");
                    assert_eq!(deciding[0].section, refusal.section());
                    assert_eq!(deciding[0].words, words(refusal, exchange, true));
                    assert_ne!(deciding[0].words, words(refusal, exchange, false));
                }
            }
        });
    }
    assert_eq!(CASES.len(), Refusal::ALL.len() + 1);
}

fn explained(response: Lines<'_>, request: Lines<'_>, rules: &Rules) -> Explanation {
    let case = Case { method: "GET", status: 200, request, response };
    case.told(|exchange| Explanation::of(exchange, None, rules))
}

#[test]
fn it_is_told_where_a_lifetime_comes_from_and_what_is_left_of_it() {
    let guessing = Rules { heuristic: crate::policy::rules::Fraction::new(0.1), ..Rules::default() };
    let modified = ("last-modified", "Wed, 31 Dec 2025 00:00:00 GMT");
    for (lines, answer, section) in [
        (&[("cache-control", "max-age=60"), ("age", "10")][..], "for 50 s", "§5.2.2.1"),
        (&[("cache-control", "s-maxage=5, max-age=60")], "for 5 s", "§5.2.2.10"),
        (&[("expires", "Thu, 01 Jan 2026 01:00:00 GMT"), ("date", DATE_0)], "for 3600 s", "§5.3"),
        (&[("expires", "0"), ("age", "10")], "no, stale for 10 s", "§5.3"),
        (&[modified], "for 8640 s", "§4.2.2"),
        (&[], "no, stale for 0 s", "§4.2.1"),
        (&[("cdn-cache-control", "max-age=7"), ("cache-control", "no-store")], "for 7 s", "§5.2.2.1"),
    ] {
        let told = explained(lines, &[], &guessing).freshness;
        assert_eq!((told.answer.as_str(), told.findings[0].section.as_str()), (answer, section), "{lines:?}");
    }
}

#[test]
fn it_is_told_what_the_next_request_comes_to() {
    for (response, request, told) in [
        (
            &[("cache-control", "max-age=60"), ("etag", "\"a\"")][..],
            &[][..],
            [
                "at once: answered without asking",
                "after 60 s: validated by if-none-match: \"a\": it is stale",
            ],
        ),
        (
            &[("cache-control", "max-age=60, stale-while-revalidate=5")],
            &[],
            [
                "at once: answered without asking",
                "after 60 s: answered stale, and validated behind the answer",
            ],
        ),
        (
            &[FRESH],
            &[("cache-control", "no-cache")],
            [
                "at once: asked for anew: it is stale, and has no validator or is no 2xx",
                "after 60 s: asked for anew: it is stale, and has no validator or is no 2xx",
            ],
        ),
        (
            &[("cache-control", "max-age=60, no-cache"), ("etag", "\"a\"")],
            &[],
            [
                "at once: validated by if-none-match: \"a\": it says no-cache",
                "after 60 s: validated by if-none-match: \"a\": it says no-cache",
            ],
        ),
    ] {
        let chapter = explained(response, request, &Rules::default()).reuse;
        let words: Vec<_> = chapter.findings.iter().take(2).map(|finding| finding.words.as_str()).collect();
        assert_eq!(words, told, "{response:?} {request:?}");
    }
}

#[test]
fn it_is_told_what_comes_of_an_error_and_what_is_invalidated() {
    let on_error = |value| {
        let chapter = explained(&[("cache-control", value)], &[], &Rules::default()).reuse;
        chapter.findings.last().unwrap().words.clone()
    };
    assert!(on_error("max-age=1, stale-if-error=5").contains("answered stale"));
    assert!(on_error("max-age=1").contains("nobody allows"));
    assert!(on_error("max-age=1, must-revalidate, stale-if-error=5").contains("forbids"));
    for (method, status, answer) in [
        ("GET", 200, "nothing"),
        ("PUT", 500, "nothing"),
        ("PUT", 204, "http://a/x"),
        ("M-SEARCH", 200, "http://a/x"),
    ] {
        let case = Case { method, status, request: &[], response: &[] };
        let told = case.told(|exchange| Explanation::of(exchange, None, &Rules::default()).invalidation);
        assert_eq!(told.answer, answer, "{method} {status}");
    }
}

#[test]
fn it_reads_as_a_page() {
    let page = explained(&[("cache-control", "no-store")], &[], &Rules::default()).to_string();
    assert!(page.starts_with("Stored: no (no-store)\n"), "{page}");
    assert!(page.contains("\n  > §5.2.2.5   the response says no-store\n"), "{page}");
    assert!(page.contains("\nReused: no, it is not stored\n"), "{page}");
}
