//! The steps of the demo, role by role. Each gives what really happened, or what was wrong with it.

use std::fs;
use std::path::PathBuf;

use download::{Fetched, GetFault, Order, Output, Url};
use engine::{Route, clock};
use message::Authority;

use crate::demo::shares::{Shares, count_clients};
use crate::demo::table::Table;
use crate::demo::town::{Server, Town};
use crate::demo::wire::{Answer, ask};
use crate::role::pool;

/// What a step says.
type Outcome = Result<String, String>;

/// Clients that are sent through the balancer to compare their shares with the measured speeds.
const CLIENTS: usize = 100;

/// The server: served, 501, 505, 404, 304.
pub(super) async fn server(town: &Town, table: &mut Table) {
    table.heading("Server");
    let server = town.server(0);
    let place = &server.place.authority;
    table.step("GET /index.html", whole(server).await);
    table.step("DELETE", status(place, "DELETE /index.html HTTP/1.1", "501 Method Not Implemented").await);
    table.step(
        "GET in HTTP/1.0",
        status(place, "GET /index.html HTTP/1.0", "505 Version Not Supported").await,
    );
    table.step("a file that is not there", status(place, "GET /none HTTP/1.1", "404 Not Found").await);
    table.step("conditional GET, unchanged", unchanged(place).await);
}

/// The downloader: saved whole, or nothing.
pub(super) async fn get(town: &Town, table: &mut Table) {
    table.heading("Downloader");
    let server = town.server(0);
    table.step("get /release.bin", saved(town, server, Ask::straight("/release.bin")).await);
    table.step("get /none", nothing_saved(town, server).await);
}

/// The cache: miss, validated, updated, expired, passed on, unreachable.
pub(super) async fn cache(town: &mut Town, table: &mut Table) {
    table.heading("Cache");
    let server = town.server(1);
    let place = &town.cache.authority;
    server.tally.take();
    table
        .step("get --proxy, not in the cache", saved(town, server, Ask::through(place, "/index.html")).await);
    table.step("  the server was asked", asked(server, "once, for all of it", (1, 0)));
    table.step("  the body is an ordinary file", stored(town, server));
    table.step("again, not expired", cached(place, server).await);
    table.step("  the server was asked", asked(server, "whether it changed: 304", (0, 1)));
    table.step("changed on the server", changed(place, server).await);
    table.step("  the server was asked", asked(server, "and sent the new one: 200", (1, 0)));
    table.step("expired, in a cache that keeps nothing", expired(town, server).await);
    table.step("  the server was asked", asked(server, "twice, for all of it", (2, 0)));
    table.step("404 is passed on", status(place, &server.line("GET", "/none"), "404 Not Found").await);
    let delete = server.line("DELETE", "/index.html");
    table.step("501 is passed on", status(place, &delete, "501 Method Not Implemented").await);
    unreachable(town, table).await;
}

async fn unreachable(town: &mut Town, table: &mut Table) {
    town.server_mut(1).place.stop().await;
    let (place, line) = (&town.cache.authority, town.server(1).line("GET", "/index.html"));
    table.step("the server is stopped", status(place, &line, "523 Origin Is Unreachable").await);
    table.step("  and started again", town.server_mut(1).start_again().map_err(|exit| exit.to_string()));
}

/// The balancer: 301, shares in proportion to speed, ejection and return.
pub(super) async fn balancer(town: &mut Town, table: &mut Table) {
    table.heading("Balancer");
    town.balancer.test_all().await;
    let place = &town.balancer_place.authority;
    table.step("GET /release.bin", redirected(place).await);
    table.step("get --balancer", balanced(town).await);
    shares(town, table, "speed decides").await;
    town.server_mut(0).place.stop().await;
    town.balancer.test_all().await;
    shares(town, table, "the fastest is stopped").await;
    table.step("  and started again", town.server_mut(0).start_again().map_err(|exit| exit.to_string()));
    table.step("  it gets clients again", returned(town).await);
}

async fn shares(town: &Town, table: &mut Table, title: &str) {
    let counted = count_clients(&town.balancer_place.authority, CLIENTS).await;
    let outcome = counted.and_then(|clients| Shares::new(&town.balancer.report(), &clients).check());
    let (lines, outcome) = match outcome {
        Ok(lines) => (lines, Ok(format!("{CLIENTS} clients, shared out as measured:"))),
        Err(fault) => (Vec::new(), Err(fault)),
    };
    table.step(title, outcome);
    for line in lines {
        table.remark(&line);
    }
}

async fn whole(server: &Server) -> Outcome {
    let answer = ask_for(&server.place.authority, "GET /index.html HTTP/1.1").await?.expect("200 OK")?;
    same(&answer.body, &server.read("index.html")?)?;
    Ok(format!("200 OK, {}, {} bytes as in the file", answer.field("content-type"), answer.body.len()))
}

async fn status(place: &Authority, line: &str, status: &str) -> Outcome {
    Ok(ask_for(place, line).await?.expect(status)?.status().to_owned())
}

async fn unchanged(place: &Authority) -> Outcome {
    let line = "GET /index.html HTTP/1.1";
    let etag = ask_for(place, line).await?.expect("200 OK")?.field("etag").to_owned();
    let condition = format!("If-None-Match: {etag}");
    let answer =
        ask(place, &[line, &format!("Host: {place}"), &condition]).await?.expect("304 Not Modified")?;
    if answer.body.is_empty() {
        Ok(format!("304 Not Modified, {etag}"))
    } else {
        Err("a 304 with a body".to_owned())
    }
}

/// What is downloaded, and by which way.
struct Ask<'a> {
    path: &'static str,
    proxy: Option<&'a Authority>,
    balancer: Option<&'a Authority>,
}

impl<'a> Ask<'a> {
    fn straight(path: &'static str) -> Self {
        Self { path, proxy: None, balancer: None }
    }

    fn through(proxy: &'a Authority, path: &'static str) -> Self {
        Self { proxy: Some(proxy), ..Self::straight(path) }
    }

    async fn download(&self, url: Url, dir: PathBuf) -> Result<Fetched, GetFault> {
        let order = Order { balancer: self.balancer.cloned(), ..Order::new(url, Output::Directory(dir)) };
        let route = self.proxy.map_or(Route::Direct, |proxy| Route::Proxy(proxy.clone()));
        download::get(&pool(route), order, clock::now(), &()).await
    }
}

async fn saved(town: &Town, server: &Server, ask: Ask<'_>) -> Outcome {
    let url = server.url(ask.path).map_err(|fault| fault.to_string())?;
    let fetched = ask.download(url, town.downloads()?).await.map_err(|fault| fault.to_string())?;
    let path = fetched.path.as_ref().ok_or("not saved")?;
    same(
        &fs::read(path).map_err(|error| error.to_string())?,
        &server.read(ask.path.trim_start_matches('/'))?,
    )?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!("saved as {name}, {} bytes as on the server", fetched.bytes))
}

async fn balanced(town: &Town) -> Outcome {
    let ask = Ask { balancer: Some(&town.balancer_place.authority), ..Ask::straight("/release.bin") };
    for server in &town.servers {
        server.tally.take();
    }
    let outcome = saved(town, town.server(0), ask).await?;
    let from =
        town.servers.iter().find(|server| server.tally.take() == (1, 0)).ok_or("no server was asked")?;
    Ok(format!("{outcome}, from {}", from.place.authority))
}

async fn nothing_saved(town: &Town, server: &Server) -> Outcome {
    let dir = town.downloads()?;
    let url = server.url("/none").map_err(|fault| fault.to_string())?;
    match Ask::straight("/none").download(url, dir.clone()).await {
        Ok(_) => Err("saved something".to_owned()),
        Err(_) if fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) => {
            Err("left a file".to_owned())
        }
        Err(fault) => Ok(format!("exit status {}, no file: {fault}", fault.exit_status())),
    }
}

fn stored(town: &Town, server: &Server) -> Outcome {
    let path = town.stored_body(server, "index.html");
    same(
        &fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?,
        &server.read("index.html")?,
    )?;
    Ok(path.display().to_string())
}

fn asked(server: &Server, meaning: &str, expected: (usize, usize)) -> Outcome {
    match server.tally.take() {
        asked if asked == expected => Ok(meaning.to_owned()),
        (whole, not_modified) => Err(format!("{whole} times 200, {not_modified} times 304")),
    }
}

async fn cached(place: &Authority, server: &Server) -> Outcome {
    let answer = ask_for(place, &server.line("GET", "/index.html")).await?.expect("200 OK")?;
    same(&answer.body, &server.read("index.html")?)?;
    Ok(format!("200 OK, Cache-Status: {}", answer.field("cache-status")))
}

async fn changed(place: &Authority, server: &Server) -> Outcome {
    server.write("index.html", "<!doctype html><title>Sockets</title><p>Changed.</p>\n")?;
    cached(place, server).await
}

async fn expired(town: &Town, server: &Server) -> Outcome {
    cached(&town.short_cache.authority, server).await?;
    cached(&town.short_cache.authority, server).await
}

async fn redirected(place: &Authority) -> Outcome {
    let answer = ask_for(place, "GET /release.bin HTTP/1.1").await?.expect("301 Moved Permanently")?;
    match answer.field("cache-control") {
        "no-store" => Ok(format!("{}, Location: {}, no-store", answer.status(), answer.field("location"))),
        other => Err(format!("Cache-Control: {other}")),
    }
}

async fn returned(town: &mut Town) -> Outcome {
    town.balancer.test_all().await;
    let clients = count_clients(&town.balancer_place.authority, CLIENTS).await?;
    let place = &town.server(0).place.authority;
    match clients.get(place) {
        Some(count) => Ok(format!("{count} of {CLIENTS} to {place}")),
        None => Err(format!("nobody was sent to {place}")),
    }
}

async fn ask_for(place: &Authority, line: &str) -> Result<Answer, String> {
    let host = line.split_once("http://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let host = if host.is_empty() { place.to_string() } else { host.to_owned() };
    ask(place, &[line, &format!("Host: {host}")]).await
}

fn same(got: &[u8], expected: &[u8]) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{} other bytes than the {} expected", got.len(), expected.len()))
    }
}
