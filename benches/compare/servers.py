"""Servers under measurement: how they are built, started on a core, and what the kernel says that they worked."""
import os
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
INSTALLED = {"nginx": "nginx", "go": "go"}  # the command that must be there; all others are built with cargo
CERTIFICATE, KEY = (os.path.join(ROOT, "tests", "data", "tls", name) for name in ("cert.pem", "key.pem"))


def build(names):
    """Builds what is needed. Returns the names of the servers that can run; says which cannot."""
    missing = [name for name in names if name in INSTALLED and not shutil.which(INSTALLED[name])]
    if "go" in names and "go" not in missing:
        subprocess.run(["go", "build", "-o", os.path.join(PROGRAMS, "go"), os.path.join(HERE, "go", "main.go")], check=True)
    ours = [name for name in names if name in ("ours", "limit")]
    peers = [name for name in names if name not in ours and name not in INSTALLED]
    cargo(["load", *ours]).check_returncode()
    if peers and cargo(peers).returncode != 0:
        missing += peers
    if missing:
        print(f"skipped, not installed or not built: {', '.join(missing)}", flush=True)
    return [name for name in names if name not in missing]


def cargo(programs):
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", os.path.join(HERE, "Cargo.toml"), "--target-dir", BUILT]
    return subprocess.run([*command, "--features", ",".join(programs)])


class Server:
    """A server process with its children, pinned to cores. `command` is for one of ours."""

    def __init__(self, name, cores, files, workers=1, command=None, environment=None):
        self.name, self.folder = name, tempfile.mkdtemp(prefix="compare-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        variables = {"PORT": str(self.port), "HOST": "127.0.0.1", "WORKERS": str(workers), "FILES": files, "RUST_LOG": "off"}
        self.log = os.path.join(self.folder, "log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", cores, *(shlex.split(command) if command else self._command(workers, files))],
                env={**os.environ, **variables, **(environment or {})}, start_new_session=True, stdout=log, stderr=log)
        self._wait_until_it_listens()

    def _command(self, workers, files):
        if self.name == "nginx":
            return ["nginx", "-p", self.folder, "-c", self._nginx_conf(workers, files)]
        return [os.path.join(PROGRAMS, self.name)]

    def _nginx_conf(self, workers, files):
        with open(os.path.join(HERE, "nginx.conf")) as file:
            text = file.read()
        for word, value in {"FOLDER": self.folder, "PORT": self.port, "WORKERS": workers, "FILES": files}.items():
            text = text.replace(f"@{word}@", str(value))
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
        self.stop()
        with open(self.log) as log:
            raise SystemExit(f"{self.name} does not listen: {log.read()[-500:]}")

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
