//! `sockets balancer status` and the like: asks a balancer that runs, or tells it something.

use std::io::{IsTerminal, Write, stdout};

use balancer::admin::BALANCER_PATH;
use engine::{Pool, Route, clock};
use message::{
    Body, HeaderValue, Method, PathAndQuery, Request, Response, Scheme, Segment, Service, StatusCode, Target,
    header,
};
use tokio::time::sleep;

use crate::args::tell::{AdminArgs, Tell};
use crate::exit::Exit;
use crate::role::{control, pool};

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Clears a terminal, and begins at its top (ECMA-48 ED and CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Asks, or tells, and shows what the balancer says to it.
///
/// # Errors
/// One line about why there is no answer, or what the balancer does not like.
pub(crate) fn run(tell: &Tell) -> Result<(), Exit> {
    let (at, line) = tell.said();
    let (watch, json, every) = match tell {
        Tell::Status(args) => (args.watch, args.json, args.every),
        _ => (false, false, std::time::Duration::ZERO),
    };
    control()?.block_on(async {
        let pool = pool(Route::Direct);
        loop {
            let text = ask(&pool, at, line.as_deref(), json).await?;
            let clear = if watch && stdout().is_terminal() { CLEAR } else { "" };
            // Where stdout is closed there is nobody to show it to.
            if stdout().write_all(format!("{clear}{text}").as_bytes()).is_err() || !watch {
                return Ok(());
            }
            sleep(every).await;
        }
    })
}

async fn ask(pool: &Pool, at: &AdminArgs, line: Option<&str>, json: bool) -> Result<String, Exit> {
    let path = PathAndQuery::parse(BALANCER_PATH).map_err(Exit::failed)?;
    let mut request = Request::get(Target::Absolute(Scheme::Http, at.admin.clone(), path), clock::now());
    let wanted = if json { "application/json" } else { "text/plain" };
    request.fields.set(header::ACCEPT, HeaderValue::from_static(wanted));
    if let Some(token) = &at.admin_token {
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        request.fields.set(header::AUTHORIZATION, value.map_err(|_| Exit::usage("that is no token"))?);
    }
    if let Some(line) = line {
        request.method = Method::POST;
        request.body = Body::from(format!("{line}\n"));
    }
    let response = pool.call(request).await.map_err(|failure| {
        Exit::failed(format_args!("{failure}; does a balancer run with --admin {}?", at.admin))
    })?;
    let status = response.status;
    let text = read(response).await?;
    if status == StatusCode::OK { Ok(text) } else { Err(Exit::failed(text.trim_end())) }
}

async fn read(response: Response) -> Result<String, Exit> {
    let (mut stream, mut all) = (response.body.into_stream(), Vec::new());
    while let Some(segment) = stream.next().await {
        if let Segment::Bytes(bytes) = segment.map_err(Exit::failed)? {
            all.extend_from_slice(&bytes);
        }
        if all.len() > ANSWER_BYTES_MAX {
            return Err(Exit::failed("the answer does not end"));
        }
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}
