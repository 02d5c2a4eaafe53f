//! `sockets cache explain`: a request to the origin, and the judgement on what it answers.

use std::io::{Write, stdout};
use std::time::SystemTime;

use cache::CacheKey;
use cache::policy::explain::Explanation;
use cache::policy::storing::Exchange;
use engine::{Route, clock};
use message::field::date::HttpDate;
use message::header::{CACHE_CONTROL, CACHE_STATUS, DATE};
use message::hop::remove_hop_by_hop;
use message::{Authority, Failure, Fields, HeaderValue, Request, Response, Service};

use crate::args::explain::ExplainArgs;
use crate::exit::Exit;
use crate::role::{control, pool};

/// Asks, judges and tells.
///
/// # Errors
/// What kept it from asking the origin, or from telling.
pub(crate) fn run(args: &ExplainArgs) -> Result<(), Exit> {
    let Some(key) = CacheKey::parse(&args.url.to_string()) else {
        return Err(Exit::usage(format_args!("{} can't be cached: give an http:// URL", args.url)));
    };
    let page = control()?.block_on(page(args, &key))?;
    let told = stdout().write_all(page.as_bytes()).and_then(|()| stdout().flush());
    told.map_err(|error| Exit::failed(format_args!("can't write: {error}")))
}

async fn page(args: &ExplainArgs, key: &CacheKey) -> Result<String, Exit> {
    let requested_at = clock::now();
    let answer = pool(Route::Direct).call(request(args, requested_at)).await;
    let mut response = answer.map_err(|failure| Exit::failed(told(key, &failure)))?;
    let received_at = clock::now();
    for_the_cache(&mut response.fields, received_at);
    let fields = request(args, requested_at).fields;
    let exchange = Exchange {
        method: &args.method,
        key,
        request: &fields,
        status: response.status,
        response: &response.fields,
        requested_at,
        received_at,
    };
    let explanation = Explanation::of(&exchange, None, &args.policy.rules());
    let mut page = format!("{} {key}\n{}\n{explanation}", args.method, head(&response));
    if let Some(proxy) = &args.proxy {
        page.push_str(&at_the_cache(args, proxy).await);
    }
    Ok(page)
}

fn request(args: &ExplainArgs, now: SystemTime) -> Request {
    let mut request = Request::get(args.url.clone(), now);
    request.method = args.method.clone();
    for (name, value) in &args.header {
        request.fields.append(name.clone(), value.clone());
    }
    request
}

/// What a cache does to the fields of each response before it judges them (RFC 9110 §6.6.1, §7.6.1).
fn for_the_cache(fields: &mut Fields, received_at: SystemTime) {
    remove_hop_by_hop(fields);
    if !fields.contains(&DATE) {
        fields.set(DATE, HttpDate::from(received_at).to_value());
    }
}

fn head(response: &Response) -> String {
    let reason = response.status.canonical_reason().unwrap_or_default();
    let mut text = format!("{}\n", format!("{} {reason}", response.status.as_u16()).trim_end());
    for (name, value) in response.fields.iter() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text
}

/// What the cache at `proxy` has stored, in its own words.
async fn at_the_cache(args: &ExplainArgs, proxy: &Authority) -> String {
    let mut request = request(args, clock::now());
    request.fields.append(CACHE_CONTROL, HeaderValue::from_static("only-if-cached"));
    match pool(Route::Proxy(proxy.clone())).call(request).await {
        Err(failure) => format!("At {proxy}: {failure}\n"),
        Ok(response) => {
            let status = response.fields.lines(&CACHE_STATUS).last();
            let status = status.map_or("it does not say what it does".into(), |line| {
                String::from_utf8_lossy(line.as_bytes()).into_owned()
            });
            format!("At {proxy}: {status}\n")
        }
    }
}

fn told(key: &CacheKey, failure: &Failure) -> String {
    format!("{key}: {failure}; a cache answers 523, 502 or 504, unless a stale response may stand in")
}
