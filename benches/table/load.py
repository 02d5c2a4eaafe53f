"""What is done to a server, and what it costs: one round of each kind gives a dict of figures."""

import os
import re
import resource
import socket
import subprocess
import time
from urllib.parse import urlsplit

GIB = 1 << 30

UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wrk(server, path, seconds, fields=(), connections=64, cpus="1", script=None):
    """Requests as fast as they are answered."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for field in fields:
        command += ["-H", field]
    if script:
        command += ["-s", script]
    pinned = ["taskset", "-c", cpus, *command] if cpus else command
    before, began = server.cpu_s(), time.monotonic()
    outcome = subprocess.run([*pinned, server.url + path], capture_output=True, text=True, check=True).stdout
    cpu_s, wall_s = server.cpu_s() - before, time.monotonic() - began
    if "Socket errors" in outcome or "Non-2xx or 3xx" in outcome:
        raise RuntimeError(f"{server.name}: {outcome}")
    requests = int(re.search(r"(\d+) requests in", outcome)[1])
    p99, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", outcome).groups()
    return {
        "requests/s": float(re.search(r"Requests/sec:\s+([\d.]+)", outcome)[1]),
        "CPU s per million": cpu_s / requests * 1e6,
        "p99 ms": float(p99) * UNITS_MS[unit],
        "busy": cpu_s / wall_s,
    }


def paced(server, path, seconds, rate, place, connections=64):
    """So many requests per second, come what may: each connection rests for a random time between two of them."""
    script = os.path.join(place, "pace.lua")
    with open(script, "w") as file:
        # The rest is distributed so that requests come like those of many people (exponentially).
        file.write(
            f"local mean_ms = {connections / rate * 1000}\n"
            "function delay() return math.floor(-math.log(1 - math.random()) * mean_ms + math.random()) end\n"
        )
    return wrk(server, path, seconds, connections=connections, script=script)


def download(server, path):
    """One large file, thrown away within the client's kernel after it was received."""
    where = urlsplit(server.url)
    before, own_before, began = server.cpu_s(), time.process_time(), time.monotonic()
    with socket.create_connection((where.hostname, where.port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode())
        room, came, total = bytearray(1 << 20), b"", 0
        while b"\r\n\r\n" not in came:
            came += client.recv(4096)
        head, content = came.split(b"\r\n\r\n", 1)
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"{server.name}: {head}")
        length, total = int(re.search(rb"(?i)content-length: *(\d+)", head)[1]), len(content)
        while total < length:
            some = client.recv_into(room, 0, socket.MSG_TRUNC)
            if some == 0:
                raise RuntimeError(f"{server.name} ended after {total} of {length} bytes")
            total += some
    own, wall_s = time.process_time() - own_before, time.monotonic() - began
    return {
        "GiB/s": total / GIB / wall_s,
        "server CPU s per GiB": (server.cpu_s() - before) / (total / GIB),
        "CPU s per GiB": (server.cpu_s() - before + own) / (total / GIB),
    }


def client(command, length):
    """What a client uses to download one file."""
    before, began = children_cpu_s(), time.monotonic()
    subprocess.run(["taskset", "-c", "1", *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {
        "CPU s per GiB": (children_cpu_s() - before) / (length / GIB),
        "GiB/s": length / GIB / (time.monotonic() - began),
    }


def idle(server, path, count):
    """Memory per connection that was used once and waits."""
    where = urlsplit(server.url)
    request = f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode()
    before, held = server.memory_kib(), []
    try:
        for number in range(count):
            held.append(socket.socket())
            held[-1].bind((f"127.0.0.{2 + number % 4}", 0))
            held[-1].connect((where.hostname, where.port))
            held[-1].sendall(request)
            came = b""
            while b"\r\n\r\n" not in came:
                came += held[-1].recv(65536)
            head, content = came.split(b"\r\n\r\n", 1)
            left = int(re.search(rb"(?i)content-length: *(\d+)", head)[1]) - len(content)
            while left > 0:
                left -= len(held[-1].recv(left))
        time.sleep(1)
        return {"KiB per connection": (server.memory_kib() - before) / count}
    finally:
        for connection in held:
            connection.close()
