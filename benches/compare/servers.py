"""Servers under measurement: how they are built, started on a core, and what the kernel says that they worked."""
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILT = os.path.join(os.path.abspath(os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")), "compare")
PROGRAMS = os.path.join(BUILT, "release")
FULL_PEERS = ["hyper", "axum", "actix"]  # these have TLS
PEERS = [*FULL_PEERS, "ntex", "xitca", "khttp", "deno_http_h1", "may_minihttp"]  # built with cargo
NGINX_STACK = """access_log /dev/null combined; limit_req zone=clients burst=100000 nodelay; gzip on;
            add_header X-Request-ID $request_id; add_header Access-Control-Allow-Origin $http_origin;"""
CERTIFICATE, KEY = (os.path.join(ROOT, "tests", "data", "tls", name) for name in ("cert.pem", "key.pem"))


def available(names, build):
    """Builds the programs if asked to. Returns the names of the servers that can run; says which cannot."""
    if build:
        cargo(["load", "limit", "ours"]).check_returncode()
        if any(name in PEERS for name in names):
            cargo(PEERS)  # all, always: with other features, the crates that they share would be built again
        if "go" in names and shutil.which("go"):
            subprocess.run(["go", "build", "-o", os.path.join(PROGRAMS, "go"), os.path.join(HERE, "go", "main.go")], check=True)
    missing = [name for name in names if not shutil.which("nginx" if name == "nginx" else os.path.join(PROGRAMS, name))]
    if missing:
        print(f"skipped, not installed or not built: {', '.join(missing)}", flush=True)
    return [name for name in names if name not in missing]


def cargo(programs):
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", os.path.join(HERE, "Cargo.toml"), "--target-dir", BUILT]
    return subprocess.run([*command, "--keep-going", "--features", ",".join(programs)])  # one that does not build stops no other


class Server:
    """A server process with its children, pinned to cores. `command` is for one of ours."""

    def __init__(self, name, cores, files, workers=1, command=None, environment=None):
        self.name, self.folder = name, tempfile.mkdtemp(prefix="compare-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        variables = {"PORT": str(self.port), "HOST": "127.0.0.1", "WORKERS": str(workers), "FILES": files, "RUST_LOG": "off", **(environment or {})}
        if name == "nginx":
            command = ["nginx", "-p", self.folder, "-c", self._nginx_conf(variables)]
        else:
            command = shlex.split(command) if command else [os.path.join(PROGRAMS, name)]
        self.log = os.path.join(self.folder, "log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", cores, *command], env={**os.environ, **variables}, start_new_session=True, stdout=log, stderr=log)
        self._wait_until_it_listens()

    def _nginx_conf(self, variables):
        """The configuration, from the variables that other servers read themselves."""
        words = {"LEVEL": "1", "DOCUMENT": "none", **variables, "FOLDER": self.folder, "SSL": "", "CERTIFICATE": "", "STACK": ""}
        if "KEY" in variables:
            words["SSL"] = "ssl"
            words["CERTIFICATE"] = f"ssl_certificate {variables['CERTIFICATE']}; ssl_certificate_key {variables['KEY']};"
        if "STACK" in variables:
            words["STACK"] = NGINX_STACK
        with open(os.path.join(HERE, "nginx.conf")) as file:
            text = re.sub(r"@([A-Z]+)@", lambda match: words[match[1]], file.read())
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(text)
        return path

    def _wait_until_it_listens(self):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        with open(self.log) as log:
            said = log.read()[-500:]
        self.stop()
        raise SystemExit(f"{self.name} does not listen: {said}")

    def pids(self):
        """The process and its children (nginx's worker is one)."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as stat:
                    if int(stat.read().rsplit(")", 1)[1].split()[3]) == self.process.pid:
                        found.append(int(name))
            except (OSError, IndexError):
                pass
        return found

    def cpu_seconds(self):
        """What the server has worked: the kernel's clock of each process, all threads in user and kernel space, in nanoseconds (Linux)."""
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.pids())

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(5)
                break
            except (OSError, subprocess.TimeoutExpired):
                continue
        shutil.rmtree(self.folder, ignore_errors=True)
