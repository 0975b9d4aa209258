"""The proxies, and their configurations."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

NGINX = """
daemon off; master_process off; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off; client_max_body_size 0; client_body_temp_path {scratch}; proxy_temp_path {scratch};
    fastcgi_temp_path {scratch}; uwsgi_temp_path {scratch}; scgi_temp_path {scratch};
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{upstream}; {options} }} }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen front
    bind 127.0.0.1:{port}
    server upstream {upstream}
"""
CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy {upstream}
}}
"""
# Name, program, its configuration's file, the configuration, its options, how it is started.
PROXIES = [
    ("nginx", "nginx", "nginx.conf", NGINX, "", ["-p", "{scratch}", "-c", "{file}"]),
    ("nginx, unbuffered", "nginx", "nginx.conf", NGINX, "proxy_request_buffering off; proxy_http_version 1.1;", ["-p", "{scratch}", "-c", "{file}"]),
    ("HAProxy", "haproxy", "haproxy.cfg", HAPROXY, "", ["-f", "{file}"]),
    ("Caddy", "caddy", "Caddyfile", CADDY, "", ["run", "--adapter", "caddyfile", "--config", "{file}"]),
]
STARTS = 3  # attempts, since another program may take the port before the proxy does


class Unavailable(Exception):
    """The proxy is not here, or this machine cannot start it."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """A proxy in front of `upstream`, as long as the block lasts."""

    def __init__(self, proxy, upstream):
        self.name, self.program, self.file, self.text, self.options, self.arguments = proxy
        self.upstream = upstream

    def __enter__(self):
        if not shutil.which(self.program):
            raise Unavailable("it is not installed")
        output = ""
        for _ in range(STARTS):
            self.folder = tempfile.mkdtemp()
            if self.start():
                return self
            output = (pathlib.Path(self.folder) / "log").read_text(errors="replace")
            self.__exit__()
        raise Unavailable(f"it does not listen: {' '.join(output.split())[-300:]}")

    def start(self):
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        values = {"scratch": self.folder, "port": self.port, "upstream": self.upstream, "options": self.options}
        file = pathlib.Path(self.folder) / self.file
        file.write_text(self.text.format(**values))
        arguments = [word.format(scratch=self.folder, file=file) for word in self.arguments]
        env = {**os.environ, "HOME": self.folder, "XDG_DATA_HOME": self.folder, "XDG_CONFIG_HOME": self.folder}
        with open(pathlib.Path(self.folder) / "log", "wb") as log:
            self.process = subprocess.Popen([self.program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        for _ in range(400):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    # The kernel may connect a port that is free to itself.
                    if probe.getsockname() != probe.getpeername():
                        return self.process.poll() is None
            except OSError:
                pass
            if self.process.poll() is not None:
                return False
            time.sleep(0.05)
        return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
