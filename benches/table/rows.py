"""The rows of the table: a workload, who is measured with it, and the bars."""

import os
import shutil
from email.utils import formatdate
from functools import partial

import load
from race import Bar

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

FILES = {"/1k": KIB, "/64k": 64 * KIB, "/1m": MIB, "/1g": GIB}

PEERS = ("nginx", "nginx-copying", "h2o", "lighttpd")

IDLE_CONNECTIONS = 10_000

ROWS = {}


def row(title, *bars, rows=ROWS):
    def entered(measures):
        rows[measures.__name__.replace("_", "-")] = (title, measures, bars)
        return measures

    return entered


def each(town, names, measure, **how):
    """What `measure` does to each of them that is installed."""
    started = {name: town.start(name, **how) for name in names}
    return {name: partial(measure, server) for name, server in started.items() if server}


def wrk_on_each(town, path, seconds, fields=()):
    return each(town, ("sockets", *PEERS), lambda server: load.wrk(server, path, seconds, fields))


@row(
    "1 KiB file, 64 connections, one core",
    Bar("requests/s", ("nginx",), at_least=1.5),
    Bar("requests/s", ("h2o", "lighttpd"), at_least=1.1),
    Bar("CPU s per million", ("nginx",), at_most=0.65),
)
def small(town, seconds):
    return wrk_on_each(town, "/1k", seconds)


@row(
    "304 to a conditional GET",
    Bar("CPU s per million", ("nginx",), at_most=0.85),
    Bar("CPU s per million", PEERS, at_most=1.0),
)
def not_modified(town, seconds):
    modified = formatdate(os.stat(town.files + "/1k").st_mtime, usegmt=True)
    return wrk_on_each(town, "/1k", seconds, [f"If-Modified-Since: {modified}"])


@row("64 KiB file", Bar("requests/s", ("nginx",), at_least=1.1))
def medium(town, seconds):
    return wrk_on_each(town, "/64k", seconds)


@row("1 MiB file", Bar("requests/s", ("lighttpd",), at_least=1.0), Bar("requests/s", PEERS, at_least=1.0))
def large(town, seconds):
    return wrk_on_each(town, "/1m", seconds)


@row("one download of 1 GiB, server and client", Bar("CPU s per GiB", ("nginx",), at_most=1.0))
def huge(town, _seconds):
    return each(town, ("sockets", *PEERS), lambda server: load.download(server, "/1g"))


@row(
    "1 KiB, a connection per request",
    Bar("CPU s per million", ("nginx",), at_most=0.75),
    Bar("CPU s per million", ("h2o",), at_most=1.0),
    Bar("CPU s per million", PEERS, at_most=1.0),
)
def connections(town, seconds):
    return wrk_on_each(town, "/1k", seconds, ["Connection: close"])


@row("memory per idle connection, of 10,000", Bar("KiB per connection", at_most=4.0))
def idle(town, _seconds):
    # A server that has had its connections once holds their memory: each is measured fresh.
    def fresh(name):
        server = town.start(name)
        figures = load.idle(server, "/1k", IDLE_CONNECTIONS)
        server.stop()
        return figures

    installed = [name for name in ("sockets", *PEERS) if (probe := town.start(name)) and not probe.stop()]
    return {name: partial(fresh, name) for name in installed}


@row(
    "two cores instead of one, 1 KiB",
    Bar("scaling", ("nginx",), at_least=1.0),
    Bar("CPU per request", ("nginx",), at_most=1.0),
)
def cores(town, seconds):
    # The generator takes a core, too: where there are two, that of the second worker. What shows there is whether
    # the workers are in each other's way: what a request costs with two of them, beside what it costs with one.
    def scaling(one, two):
        before, after = (load.wrk(server, "/1k", seconds, cpus=None) for server in (one, two))
        ratio = {figure: after[figure] / before[figure] for figure in before}
        return {
            "one core, requests/s": before["requests/s"],
            "two cores, requests/s": after["requests/s"],
            "scaling": ratio["requests/s"],
            "CPU per request": ratio["CPU s per million"],
        }

    pairs = {name: [town.start(name, workers=n, cpus=None) for n in (1, 2)] for name in ("sockets", "nginx")}
    return {name: partial(scaling, *pair) for name, pair in pairs.items() if all(pair)}


@row("99th percentile under 70 % of nginx's load, 1 KiB", Bar("p99 ms", ("nginx",), at_most=1.0))
def latency(town, seconds):
    servers = {name: town.start(name) for name in ("sockets", "nginx")}
    if not servers["nginx"]:
        return {}
    rate = 0.7 * load.wrk(servers["nginx"], "/1k", seconds)["requests/s"]
    return {name: partial(load.paced, server, "/1k", seconds, rate, town.place) for name, server in servers.items()}


@row("redirect, beside our own 1 KiB file", Bar("CPU s per million", ("file",), at_most=1.15))
def redirect(town, seconds):
    file = town.start("sockets")
    balancer = town.start("sockets", role="balancer", arguments=["--to", file.url, "--probe-path", "/1k"])
    nginx = town.start("nginx", serve="return 301 http://127.0.0.1:8000$request_uri;")
    servers = {"sockets": balancer, "file": file, "nginx": nginx}
    return {name: partial(load.wrk, server, "/1k", seconds) for name, server in servers.items() if server}


def cache_of(town, origin):
    arguments = ["--origin", origin.url, "--dir", os.path.join(town.home("store"), "files")]
    return town.start("sockets", role="cache", arguments=arguments)


@row("cache hit of 1 KiB, beside our own 1 KiB file", Bar("CPU s per million", ("file",), at_most=1.15))
def hit(town, seconds):
    file = town.start("sockets")
    origin = town.start("sockets", cpus="1", arguments=["--cache-control", "max-age=86400"])
    servers = {"sockets": cache_of(town, origin), "file": file}
    return {name: partial(load.wrk, server, "/1k", seconds) for name, server in servers.items()}


@row("forwarded and not stored, 1 KiB", Bar("requests/s", ("nginx",), at_least=1.0))
def forwarded(town, seconds):
    origin = town.start("sockets", cpus="1", arguments=["--cache-control", "no-store"])
    nginx = town.start("nginx", origin=origin.url.removeprefix("http://"))
    servers = {"sockets": cache_of(town, origin), "nginx": nginx}
    return {name: partial(load.wrk, server, "/1k", seconds) for name, server in servers.items() if server}


@row("client: one download of 1 GiB into memory", Bar("CPU s per GiB", ("curl", "wget2"), at_most=1.0))
def client(town, _seconds):
    # Our own server tells a digest, which our client alone of the three would check: nginx tells none.
    server = town.start("nginx") or town.start("sockets")
    url, into = server.url + "/1g", os.path.join(town.sink, "taken")
    commands = {
        "sockets": [os.environ["SOCKETS"], "get", url, "-o", into, "--force", "-q"],
        "curl": ["curl", "-s", "-o", into, url],
        "wget2": ["wget2", "-q", "-O", into, url],
    }

    def taken(command):
        if os.path.exists(into):
            os.remove(into)
        return load.client(command, GIB)

    return {name: partial(taken, command) for name, command in commands.items() if shutil.which(command[0])}
