//! A judgement in words, rule by rule: why a response is stored or not, for how long it is fresh, and what
//! comes then. The decisions are those of the other files; here they are only told.

use std::fmt;
use std::time::{Duration, SystemTime};

use message::field::cache_control::CacheControl;
use message::{Authority, Fields};

use crate::policy::freshness::{Basis, Freshness};
use crate::policy::invalidation::invalidated;
use crate::policy::reuse::{Reason, Reuse, directives, reuse, serves_on_error};
use crate::policy::rules::Rules;
use crate::policy::storing::{Exchange, Refusal};
use crate::policy::terms::{Source, Terms};
use crate::policy::validation::make_conditional;
use crate::stored::StoredResponse;

/// A judgement, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Why it is stored, or not.
    pub storing: Chapter,
    /// For how long it is fresh.
    pub freshness: Chapter,
    /// What the next request comes to.
    pub reuse: Chapter,
    /// What the request does to what is stored.
    pub invalidation: Chapter,
}

/// What is told of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// The answer.
    pub answer: String,
    /// The rules that lead to it, in the order in which they are looked at.
    pub findings: Vec<Finding>,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it decides: against storing, for a lifetime, for what is done.
    pub decides: bool,
    /// Where it stands.
    pub section: String,
    /// What was found, in words.
    pub words: String,
}

impl Explanation {
    /// Explains what becomes of a response by those rules.
    #[must_use]
    pub fn of(exchange: &Exchange<'_>, public: Option<&Authority>, rules: &Rules) -> Self {
        Self {
            storing: storing(exchange, rules),
            freshness: freshness(exchange, rules),
            reuse: next(exchange, rules),
            invalidation: invalidation(exchange, public),
        }
    }
}

impl Finding {
    fn new(decides: bool, section: impl Into<String>, words: impl Into<String>) -> Self {
        Self { decides, section: section.into(), words: words.into() }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (question, chapter) in [
            ("Stored", &self.storing),
            ("Fresh", &self.freshness),
            ("Reused", &self.reuse),
            ("Invalidates", &self.invalidation),
        ] {
            writeln!(f, "{question}: {}", chapter.answer)?;
            for Finding { decides, section, words } in &chapter.findings {
                writeln!(f, "  {} {section:<10} {words}", if *decides { '>' } else { ' ' })?;
            }
        }
        Ok(())
    }
}

fn storing(exchange: &Exchange<'_>, rules: &Rules) -> Chapter {
    let terms = Terms::of(exchange.response, &rules.targets);
    let refusal = Refusal::ALL.into_iter().find(|refusal| refusal.applies(exchange, &terms, rules));
    let mut findings = vec![Finding::new(false, source_section(&terms), source_words(&terms))];
    findings.extend(Refusal::ALL.into_iter().map(|rule| {
        let applies = rule.applies(exchange, &terms, rules);
        Finding::new(refusal == Some(rule), rule.section(), words(rule, exchange, applies))
    }));
    let mut left = exchange.response.clone();
    for (name, _) in terms.withhold(&mut left).iter() {
        findings.push(Finding::new(
            false,
            "§3.1",
            format!("{name} is named by the response and is not stored"),
        ));
    }
    let answer = match refusal {
        Some(refusal) => format!("no ({})", refusal.word()),
        None => String::from("yes"),
    };
    Chapter { answer, findings }
}

fn source_section(terms: &Terms) -> &'static str {
    match terms.source {
        Source::CacheControl => "§5.2",
        Source::Targeted(_) => "9213 §2.2",
    }
}

fn source_words(terms: &Terms) -> String {
    match &terms.source {
        Source::CacheControl => String::from("Cache-Control and Expires speak to this cache"),
        Source::Targeted(name) => {
            format!("{name} speaks to this cache; Cache-Control and Expires do not count")
        }
    }
}

/// What a rule against storing found.
fn words(rule: Refusal, exchange: &Exchange<'_>, applies: bool) -> String {
    let (method, status) = (exchange.method, exchange.status.as_u16());
    let (yes, no) = match rule {
        Refusal::Method => (
            format!("answers to {method} are not stored"),
            format!("an answer to {method} like this one may be stored"),
        ),
        Refusal::Particular => (
            format!("{status} answers a range, a condition or a hop, and not the target alone"),
            format!("{status} answers the target, whatever else was asked"),
        ),
        Refusal::RequestNoStore => own("the request says no-store", "the request does not say no-store"),
        Refusal::NoStore => own(
            "the response says no-store",
            "the response does not say no-store, or says must-understand with a status that is understood",
        ),
        Refusal::NotUnderstood => (
            format!("the response says must-understand, and {status} is not known here"),
            String::from("nothing has to be understood that is not"),
        ),
        Refusal::Private => own("the response is private", "the response is not private"),
        Refusal::Authorization => own(
            "the request has credentials, and the response says neither public, must-revalidate nor s-maxage",
            "the request has no credentials, or the response is for others, too",
        ),
        Refusal::Status => (
            format!("{status} is stored only while it is fresh, and it is not"),
            format!("{status} may be stored: 200 always, any other while it is fresh"),
        ),
        Refusal::Cookie => own(
            "the response sets a cookie and does not say for how long it is fresh",
            "the response sets no cookie, or says for how long it is fresh",
        ),
        Refusal::VaryStar => {
            own("the response varies on everything", "the response does not vary on everything")
        }
    };
    if applies { yes } else { no }
}

fn own(yes: &str, no: &str) -> (String, String) {
    (yes.to_owned(), no.to_owned())
}

fn freshness(exchange: &Exchange<'_>, rules: &Rules) -> Chapter {
    let Exchange { status, response, requested_at, received_at, .. } = *exchange;
    let freshness = Freshness::of(status, response, requested_at, received_at, rules);
    let terms = Terms::of(response, &rules.targets);
    let (lifetime, age) = (freshness.lifetime(), freshness.age(received_at));
    let from = match (freshness.basis(), &terms.directives) {
        (Basis::Explicit, CacheControl { s_maxage: Some(_), .. }) => ("§5.2.2.10", "s-maxage"),
        (Basis::Explicit, CacheControl { max_age: Some(_), .. }) => ("§5.2.2.1", "max-age"),
        (Basis::Explicit, _) => ("§5.3", "Expires less Date"),
        (Basis::Heuristic, _) => ("§4.2.2", "a guess from Last-Modified"),
        (Basis::None, _) => ("§4.2.1", "nothing: the response does not say, and no guess is made"),
    };
    let findings = vec![
        Finding::new(true, from.0, format!("the lifetime is {} s, from {}", lifetime.as_secs(), from.1)),
        Finding::new(false, "§4.2.3", format!("the age was {} s when it came", age.as_secs())),
    ];
    let left = freshness.ttl(received_at);
    let answer =
        if left > 0 { format!("for {left} s") } else { format!("no, stale for {} s", left.saturating_neg()) };
    Chapter { answer, findings }
}

/// What becomes of the same request if it comes again at once, and if it comes when the response is stale.
fn next(exchange: &Exchange<'_>, rules: &Rules) -> Chapter {
    let Ok((stored, _)) = StoredResponse::of(exchange, rules) else {
        return Chapter { answer: String::from("no, it is not stored"), findings: Vec::new() };
    };
    let asked = directives(exchange.request);
    let now = exchange.received_at;
    let left = u64::try_from(stored.freshness.ttl(now)).unwrap_or_default();
    let mut findings = vec![reused(&stored, &asked, now, rules, "at once")];
    let answer = match reuse(&stored, &asked, now, rules) {
        Reuse::Serve => "yes",
        Reuse::ServeStale => "yes, stale",
        Reuse::Validate(_) => "after a validation",
        Reuse::Forward(_) => "no",
    };
    if left > 0 {
        let later = now.checked_add(Duration::from_secs(left)).unwrap_or(now);
        findings.push(reused(&stored, &asked, later, rules, &format!("after {left} s")));
    }
    let stale = now.checked_add(Duration::from_secs(left)).unwrap_or(now);
    findings.push(on_error(&stored, &asked, stale));
    Chapter { answer: answer.to_owned(), findings }
}

fn reused(
    stored: &StoredResponse,
    asked: &CacheControl,
    now: SystemTime,
    rules: &Rules,
    when: &str,
) -> Finding {
    let (section, words) = match reuse(stored, asked, now, rules) {
        Reuse::Serve => ("§4", String::from("answered without asking")),
        Reuse::ServeStale => ("5861 §3", String::from("answered stale, and validated behind the answer")),
        Reuse::Validate(reason) => {
            (reason.section(), format!("validated {}: {}", conditions(stored), why(reason)))
        }
        Reuse::Forward(reason) => (reason.section(), format!("asked for anew: {}", why(reason))),
    };
    Finding::new(true, section, format!("{when}: {words}"))
}

/// The conditions by which `stored` is validated.
fn conditions(stored: &StoredResponse) -> String {
    let mut request = Fields::new();
    make_conditional(&mut request, stored);
    let named: Vec<_> =
        request.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect();
    format!("by {}", named.join(", "))
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Stale => "it is stale",
        Reason::NoCache => "it says no-cache",
        Reason::RequestNoCache => "the request says no-cache",
        Reason::RequestMaxAge => "it is older than the request's max-age",
        Reason::RequestMinFresh => "it will be stale before the request's min-fresh is over",
        Reason::Expired => "it was last validated longer ago than --keep allows",
        Reason::NoValidator => "it is stale, and has no validator or is no 2xx",
        Reason::Outdated => "it was found outdated",
    }
}

fn on_error(stored: &StoredResponse, asked: &CacheControl, stale: SystemTime) -> Finding {
    let words = if serves_on_error(stored, asked, stale) {
        "on an error, when stale: answered stale, within its window"
    } else if stored.freshness.may_be_stale() {
        "on an error, when stale: the error, since nobody allows anything else"
    } else {
        "on an error, when stale: the error, since must-revalidate, proxy-revalidate, s-maxage or no-cache forbids else"
    };
    Finding::new(false, "§4.2.4", words)
}

fn invalidation(exchange: &Exchange<'_>, public: Option<&Authority>) -> Chapter {
    let Exchange { method, key, status, response, .. } = *exchange;
    let keys = invalidated(method, key, public, status, response);
    let words = match (method.is_safe(), keys.is_empty()) {
        (true, _) => format!("{method} is safe"),
        (false, true) => format!("{method} is not safe, but {} is no success", status.as_u16()),
        (false, false) => format!("{method} is not safe, and {} is a success", status.as_u16()),
    };
    let answer = if keys.is_empty() {
        String::from("nothing")
    } else {
        keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    Chapter { answer, findings: vec![Finding::new(true, "§4.4", words)] }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
