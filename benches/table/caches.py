"""The cache beside other caches. See ../cache-beside-peers."""

import os
import re
import shutil
import subprocess
import time
from functools import partial

import load
from main import main
from race import Bar
from rows import MIB, forwarded, row
from servers import Town, free_port

FILES = {"/1k": 1 << 10, "/1m": MIB, "/100m": 100 * MIB}

CACHES = ("sockets", "nginx-cache", "varnish", "trafficserver")

PEERS = CACHES[1:]

ROWS = {}

NGINX_SERVE = """location / {{
    proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_cache c; proxy_cache_lock on; proxy_cache_revalidate on; proxy_buffers 16 16k; proxy_buffer_size 16k;
  }} }}
  proxy_cache_path {home}/cache levels=1:2 keys_zone=c:256m max_size=8g inactive=1d use_temp_path=off;
  server {{ listen 127.0.0.1:{spare};"""

TRAFFICSERVER = """
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.exec_thread.autoconfig.enabled INT 0
CONFIG proxy.config.exec_thread.limit INT {workers}
CONFIG proxy.config.exec_thread.affinity INT 0
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.cache.threads_per_disk INT 2
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.reverse_proxy.enabled INT 1
CONFIG proxy.config.cache.ram_cache.size INT 2147483648
CONFIG proxy.config.cache.ram_cache_cutoff INT 268435456
CONFIG proxy.config.cache.max_doc_size INT 0
CONFIG proxy.config.http.insert_request_via_str INT 0
CONFIG proxy.config.http.insert_response_via_str INT 0
CONFIG proxy.config.net.connections_throttle INT 16000
CONFIG proxy.config.net.listen_backlog INT 4096
"""


class Caches(Town):
    """The caches before an origin, each tuned as its own documentation says."""

    def nginx_cache(self, home, port, workers, origin):
        serve = NGINX_SERVE.format(home=home, spare=free_port())
        return self.nginx(home, port, workers, origin=origin, serve=serve)

    def varnish(self, home, port, workers, origin):
        path = shutil.which("varnishd") or shutil.which("varnishd", path="/usr/sbin")
        tuned = ["-p", f"thread_pools={workers}", "-p", "thread_pool_min=200", "-p", "timeout_idle=600"]
        stores = ["-s", "malloc,2g", "-s", "Transient=malloc,512m"]
        return path and [path, "-F", "-n", f"{home}/v", "-a", f"127.0.0.1:{port}", "-b", origin, *stores, *tuned]

    def trafficserver(self, home, port, workers, origin):
        path = shutil.which("traffic_server")
        if path is None:
            return None
        for name in ("etc", "cache", "log", "run"):
            os.mkdir(os.path.join(home, name))
        texts = {
            "records.config": TRAFFICSERVER.format(port=port, workers=workers),
            "remap.config": f"map / http://{origin}/\n",
            "storage.config": f"{home}/cache 2G\n",
            "plugin.config": "",
            "cache.config": "",
        }
        for name, text in texts.items():
            with open(os.path.join(home, "etc", name), "w") as file:
                file.write(text)
        if os.path.exists("/etc/trafficserver/ip_allow.yaml"):
            shutil.copy("/etc/trafficserver/ip_allow.yaml", f"{home}/etc/")
        places = {
            "prefix": "/usr", "exec_prefix": "/usr", "bindir": "/usr/bin", "sbindir": "/usr/bin",
            "sysconfdir": f"{home}/etc", "datadir": f"{home}/cache", "includedir": "/usr/include", "libdir": "/usr/lib",
            "libexecdir": "/usr/lib/trafficserver/modules", "localstatedir": f"{home}/run",
            "runtimedir": f"{home}/run", "logdir": f"{home}/log", "cachedir": f"{home}/cache",
        }
        root = os.path.join(home, "runroot.yaml")
        with open(root, "w") as file:
            file.writelines(f"{name}: {place}\n" for name, place in places.items())
        return [path, f"--run-root={root}"]

    def start_cache(self, name, origin):
        if name == "sockets":
            store = os.path.join(self.home("store"), "files")
            return self.start(name, role="cache", arguments=["--origin", origin.url, "--dir", store])
        return self.start(name, origin=origin.url.removeprefix("http://"))


def each(town, measure):
    """What `measure` does to each cache that is installed, before an origin whose files are fresh for a day."""
    origin = town.start("sockets", cpus="1", arguments=["--cache-control", "max-age=86400"])
    started = {name: town.start_cache(name, origin) for name in CACHES}
    return {name: partial(measure, cache) for name, cache in started.items() if cache}


def volume(server, path, seconds, connections):
    """Large content as fast as it is taken: what counts is bytes, since few of them make a whole."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", server.url + path]
    before = server.cpu_s()
    outcome = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu_s = server.cpu_s() - before
    if "Non-2xx or 3xx" in outcome:
        raise RuntimeError(f"{server.name}: {outcome}")
    amount, unit = re.search(r"([\d.]+)([KMG])B read", outcome).groups()
    rate, rate_unit = re.search(r"Transfer/sec:\s+([\d.]+)([KMG])B", outcome).groups()
    gib = {"K": 2.0**-20, "M": 2.0**-10, "G": 1.0}
    return {
        "GiB/s": float(rate) * gib[rate_unit],
        "CPU s per GiB": cpu_s / (float(amount) * gib[unit]),
    }


def misses(place, server, seconds):
    """Requests for what nobody has asked for before."""
    script = os.path.join(place, "new.lua")
    with open(script, "w") as file:
        file.write(
            "local n = 0\n"
            f'request = function() n = n + 1; return wrk.format("GET", "/1k?{time.monotonic_ns()}-" .. n) end\n'
        )
    return load.wrk(server, "", seconds, script=script)


@row("hit of 1 KiB, 64 connections, one core", Bar("requests/s", ("nginx-cache",), at_least=1.5),
     Bar("requests/s", PEERS, at_least=1.0), rows=ROWS)
def hit(town, seconds):
    return each(town, lambda server: load.wrk(server, "/1k", seconds))


@row("hit of 1 MiB", Bar("GiB/s", PEERS, at_least=1.0), Bar("CPU s per GiB", PEERS, at_most=1.0), rows=ROWS)
def hit_large(town, seconds):
    return each(town, lambda server: volume(server, "/1m", seconds, 64))


@row("hit of 100 MiB", Bar("GiB/s", PEERS, at_least=1.0), Bar("CPU s per GiB", PEERS, at_most=1.0), rows=ROWS)
def hit_huge(town, seconds):
    return each(town, lambda server: volume(server, "/100m", seconds, 64))


@row("misses that are stored, 1 KiB", Bar("requests/s", ("nginx-cache",), at_least=1.0),
     Bar("requests/s", ("trafficserver",), at_least=1.0), rows=ROWS)
def miss(town, seconds):
    return each(town, lambda server: misses(town.place, server, seconds))


row("forwarded and not stored, 1 KiB", Bar("requests/s", ("nginx",), at_least=1.0), rows=ROWS)(forwarded)


if __name__ == "__main__":
    main("benches/cache-beside-peers", ROWS, FILES, Caches)
