"""Starting and stopping those who are measured, each tuned as its own documentation says, on a free port."""

import os
import shutil
import signal
import socket
import subprocess
import time

import machine

NGINX = """
daemon off; master_process on; worker_processes {workers}; pid {home}/pid; error_log {home}/error error;
worker_rlimit_nofile 30000;
events {{ worker_connections 16384; use epoll; multi_accept on; }}
http {{
  default_type application/octet-stream; access_log off; server_tokens off;
  sendfile {sendfile}; sendfile_max_chunk 2m; tcp_nopush {sendfile}; tcp_nodelay on; reset_timedout_connection on;
  keepalive_timeout 600s; keepalive_requests 100000000;
  open_file_cache max=10000 inactive=60s; open_file_cache_valid 30s; open_file_cache_min_uses 1;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  {upstream}
  server {{ listen 127.0.0.1:{port} backlog=4096 {reuseport}; {serve} }}
}}
"""

H2O = """
hosts:
  default:
    listen: {{ host: 127.0.0.1, port: {port} }}
    paths: {{ /: {{ file.dir: {files}, file.send-compressed: OFF }} }}
num-threads: {workers}
max-connections: 20000
http1-request-timeout: 600
file.etag: ON
error-log: {home}/error
"""

LIGHTTPD = """
server.document-root = "{files}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{home}/error"
server.max-fds = 30000
server.max-connections = 15000
server.max-keep-alive-requests = 100000000
server.max-keep-alive-idle = 600
server.listen-backlog = 4096
server.network-backend = "sendfile"
server.stat-cache-engine = "simple"
mimetype.assign = ( "" => "application/octet-stream" )
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Server:
    """A process that listens."""

    def __init__(self, name, command, port, home, cpus):
        self.name, self.port, self.url = name, port, f"http://127.0.0.1:{port}"
        pinned = ["taskset", "-c", cpus, *command] if cpus else command
        self.log = open(os.path.join(home, "output"), "wb")
        self.process = subprocess.Popen(
            pinned, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.await_ready()

    def await_ready(self):
        for _ in range(150):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: see {self.log.name}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not listen: see {self.log.name}")

    def cpu_s(self):
        return machine.cpu_s(self.process.pid)

    def memory_kib(self):
        return machine.memory_kib(self.process.pid)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()


class Town:
    """All that run for one row; stopped at its end."""

    def __init__(self, place, files):
        self.place, self.files, self.running = place, files, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.running:
            server.stop()

    def home(self, name):
        home = os.path.join(self.place, f"{name}-{len(self.running)}")
        os.makedirs(home)
        return home

    def start(self, name, workers=1, cpus="0", **of_peer):
        """A server of that name, or None if it is not installed."""
        home, port = self.home(name), free_port()
        command = getattr(self, name.replace("-", "_"))(home, port, workers, **of_peer)
        if command is None:
            return None
        server = Server(name, command, port, home, cpus)
        self.running.append(server)
        return server

    def sockets(self, _home, port, workers, role="server", arguments=None):
        what = [self.files] if role == "server" else []
        listen = ["--bind", "127.0.0.1", "--port", str(port), "--threads", str(workers)]
        return [os.environ["SOCKETS"], role, *what, *listen, *(arguments or [])]

    def nginx(self, home, port, workers, sendfile="on", origin=None, serve=None):
        upstream = f"upstream origin {{ server {origin}; keepalive 64; }}" if origin else ""
        proxy = 'proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";'
        return self.configured(
            "nginx", ["-c", "{config}", "-p", home], NGINX, home,
            port=port, workers=workers, sendfile=sendfile, reuseport="reuseport" if workers > 1 else "",
            upstream=upstream, serve=serve or (f"location / {{ {proxy} }}" if origin else f"root {self.files};"),
        )

    def nginx_copying(self, home, port, workers):
        return self.nginx(home, port, workers, sendfile="off")

    def h2o(self, home, port, workers):
        return self.configured("h2o", ["-c", "{config}"], H2O, home, port=port, workers=workers)

    def lighttpd(self, home, port, _workers):
        return self.configured("lighttpd", ["-D", "-f", "{config}"], LIGHTTPD, home, port=port)

    def configured(self, program, arguments, template, home, **values):
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
        if path is None:
            return None
        config = os.path.join(home, "config")
        with open(config, "w") as file:
            file.write(template.format(home=home, files=self.files, **values))
        return [path, *(argument.format(config=config) for argument in arguments)]
