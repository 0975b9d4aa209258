"""The servers that rows are tried on: this project's, and nginx, set to the same limits where it has them."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile

from clients import ask, wait

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(HERE, "..", "..", "target")
CERTIFICATE, KEY = (os.path.join(HERE, "..", "data", "tls", name) for name in ("cert.pem", "key.pem"))


def built(example):
    return os.path.join(TARGET, "release", "examples", example)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def limited(files):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


class Server:
    """A server of its own for a row, on a free port, ended with it."""

    example = "conformance"

    def __init__(self, files=8192, **variables):
        self.program, self.port, self.log = built(self.example), free_port(), tempfile.TemporaryFile("w+")
        environment = {**os.environ, "PORT": str(self.port), "HOST": "127.0.0.1", "RUST_BACKTRACE": "0", **variables}
        self.child = subprocess.Popen([self.program], env=environment, preexec_fn=limited(files), stderr=self.log, stdout=self.log)
        self.process = self.child.pid
        self.starts(lambda: ask(self.port) == 200)

    def starts(self, listens):
        while not listens():
            assert self.child.poll() is None, f"the server ended before it listened: {self.said()}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes() | {self.process}:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def processes(self):
        """It, and those that it was replaced by: same program, same port in the environment."""
        found = set()
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                mine = os.path.realpath(f"/proc/{process}/exe") == os.path.realpath(self.program)
                if mine and f"PORT={self.port}".encode() in open(f"/proc/{process}/environ", "rb").read().split(b"\0"):
                    found.add(int(process))
            except OSError:
                pass
        return found

    def restart(self):
        os.kill(max(self.processes(), key=started), signal.SIGHUP)

    def replaced(self):
        return self.process not in self.processes() or self.child.poll() is not None

    def stop(self):
        os.kill(self.process, signal.SIGTERM)


class Upgrading(Server):
    """The example `neighbours`, which has a route that upgrades, and asks for its files."""

    example = "neighbours"

    def __init__(self, files=8192, **variables):
        super().__init__(files, FILES=HERE, **variables)


class Secure(Upgrading):
    """The same with TLS."""

    def __init__(self, files=8192, **variables):
        super().__init__(files, CERTIFICATE=CERTIFICATE, KEY=KEY, **variables)

    def starts(self, listens):
        super().starts(lambda: ask(self.port) != "ConnectionRefusedError")


NGINX = """
{environment}daemon off; user root; pid {folder}/pid; error_log {folder}/error.log; worker_processes {workers};
worker_rlimit_nofile {files}; events {{ worker_connections {connections}; }}
http {{
    access_log off; default_type text/plain; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; server_tokens off;
    client_header_timeout 10s; client_body_timeout 10s; send_timeout 10s; keepalive_timeout 15s; client_max_body_size 4m;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location /plaintext {{ return 200 "Hello, World!"; }}
        location /echo {{ proxy_pass http://unix:{folder}/sink; }}
    }}
    server {{ listen unix:{folder}/sink; location / {{ return 200; }} }}
}}
"""


class Nginx:
    """The same, as far as a row asks for it. Its timeout of a body is one between two reads, and it has no budget for a crowd."""

    secure = False

    def __init__(self, files=8192, **variables):
        self.port, self.folder = free_port(), tempfile.TemporaryDirectory()
        for folder in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
            os.mkdir(os.path.join(self.folder.name, folder))
        tls = f" ssl; ssl_certificate {CERTIFICATE}; ssl_certificate_key {KEY}" if self.secure else ""
        configuration = os.path.join(self.folder.name, "nginx.conf")
        with open(configuration, "w") as file:
            file.write(NGINX.format(
                folder=self.folder.name, port=self.port, tls=tls, files=files, connections=files,
                workers=variables.get("WORKERS", 1), environment="".join(f"env {name}; " for name in variables)))
        command = ["nginx", "-p", self.folder.name, "-c", configuration]
        self.child = subprocess.Popen(command, env={**os.environ, **variables}, preexec_fn=limited(files), stderr=subprocess.DEVNULL)
        while ask(self.port) in ("ConnectionRefusedError",) or not self.workers():
            assert self.child.poll() is None, f"nginx ended before it listened: {self.said()}"
        self.process, self.first = min(self.workers()), self.workers()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        wait(lambda: self.child.poll() is not None, 5)
        for process in self.workers() | {self.child.pid}:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()
        self.folder.cleanup()

    def said(self):
        with open(os.path.join(self.folder.name, "error.log")) as file:
            return file.read()

    def workers(self):
        try:
            return set(map(int, open(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read().split()))
        except OSError:
            return set()

    processes = workers

    def restart(self):
        self.child.send_signal(signal.SIGHUP)

    def replaced(self):
        return not self.first & self.workers()

    def stop(self):
        self.child.send_signal(signal.SIGQUIT)


class SecureNginx(Nginx):
    secure = True


def nginx(server):
    """The class of nginx for one of ours; none if nginx is not installed."""
    return {Server: Nginx, Secure: SecureNginx}.get(server) if shutil.which("nginx") else None


def started(process):
    """In ticks since the machine's start."""
    return int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[19])
