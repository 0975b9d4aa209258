"""The clients, and how each is made to send requests.

A case is (URL, framing, size, expectation or "-"). A result is the text of the status, or what the client says went wrong,
or None if the client ended by itself before it came to the case.
"""

import http.server
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CASE_LIMIT = 60  # seconds for one case; the clients give up after 40
BUILD_LIMIT = 240
# What this machine's user has configured is not what is tested.
UNSET = [f"{name}_proxy" for name in ("http", "https", "all", "no")]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name.lower() not in UNSET}


class Unavailable(Exception):
    """The client is not here, or this machine cannot start it."""


def last_words(text):
    return " ".join(text.split())[-200:] or "nothing"


def first_line(command, env=ENVIRONMENT):
    """What a program prints of its version."""
    if not shutil.which(command[0]):
        raise Unavailable("it is not installed")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CASE_LIMIT, stdin=subprocess.DEVNULL, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error))
    if done.returncode != 0 or not done.stdout.strip():
        raise Unavailable(f"{' '.join(command)} says: {last_words(done.stderr)}")
    return done.stdout.strip().splitlines()[0]


class Curl:
    def __init__(self, name, *fields):
        self.name, self.fields = name, fields

    def prepare(self, scratch):
        return " ".join(first_line(["curl", "--version"]).split()[:2])

    def run(self, cases, scratch):
        return [self.run_one(*case, scratch) for case in cases]

    def run_one(self, url, framing, size, expect, scratch):
        body = scratch / f"body-{size}"
        if not body.exists():
            body.write_bytes(bytes(size))
        fields = [f"Expect: {expect}"] if expect != "-" else list(self.fields)
        fields += ["Transfer-Encoding: chunked"] if framing == "chunked" else []
        command = ["curl", "-q", "-sSk", "--http1.1", "--max-time", "40", "-o", os.devnull, "-w", "%{http_code}"]
        command += ["--data-binary", f"@{body}", *(word for field in fields for word in ("-H", field)), url]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=CASE_LIMIT, env=ENVIRONMENT)
        except subprocess.TimeoutExpired:
            return f"not done within {CASE_LIMIT} s"
        return done.stdout if done.returncode == 0 else f"{done.stderr.strip()} ({done.stdout})"


class Program:
    """A client that reads cases from stdin, one a line, and prints a line for each."""

    def __init__(self, name, version, command, env=None, build=None):
        self.name, self.version, self.command, self.build = name, version, command, build
        self.env = {**ENVIRONMENT, **(env or {})}

    def prepare(self, scratch):
        version = first_line(self.version, self.env)
        if self.build:
            command = [word.format(scratch=scratch) for word in self.build]
            env = {"HOME": str(scratch), **self.env}
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_LIMIT, cwd=scratch, env=env)
            except subprocess.TimeoutExpired:
                raise Unavailable(f"it was not built within {BUILD_LIMIT} s")
            if done.returncode != 0:
                raise Unavailable(f"it could not be built: {last_words(done.stderr)}")
        return version

    def run(self, cases, scratch):
        command = [word.format(scratch=scratch) for word in self.command]
        text = "".join(f"{url} {framing} {size} {expect}\n" for url, framing, size, expect in cases)
        limit = CASE_LIMIT + 10 * len(cases)
        try:
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=limit, env=self.env)
            results, stderr = done.stdout.splitlines(), done.stderr
        except subprocess.TimeoutExpired as late:
            results, stderr = (late.stdout or b"").decode().splitlines(), f"not done within {limit} s"
        return results + [f"nothing: {last_words(stderr)}"] * (len(cases) - len(results))


class Report(http.server.ThreadingHTTPServer):
    """Where a page reports its results."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), ReportHandler)
        self.results = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass


class ReportHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.results.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Chromium:
    name = "Chromium"
    names = ("chromium", "chromium-browser", "google-chrome")

    def prepare(self, scratch):
        self.program = next(filter(None, map(shutil.which, self.names)), None)
        if not self.program:
            raise Unavailable("it is not installed")
        return first_line([self.program, "--version"])

    def run(self, cases, scratch):
        """A page of the same origin sends the requests."""
        origin = "/".join(cases[0][0].split("/", 3)[:3])
        home, report = tempfile.mkdtemp(dir=scratch), Report()
        words = ",".join(f"{url[len(origin):]}+{size}" for url, _, size, _ in cases)
        page = f"{origin}/page?report=http://127.0.0.1:{report.server_port}/&cases={words}"
        command = [self.program, "--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--disable-dev-shm-usage"]
        command += ["--no-first-run", "--ignore-certificate-errors", f"--user-data-dir={home}", page]
        browser = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**ENVIRONMENT, "HOME": home}, start_new_session=True,
        )
        limit = CASE_LIMIT + 10 * len(cases)
        end = time.monotonic() + limit
        while len(report.results) < len(cases) and browser.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        ended = browser.poll() is not None
        try:
            os.killpg(browser.pid, signal.SIGKILL)  # the processes that it started, too
        except OSError:
            pass
        browser.wait(CASE_LIMIT)
        report.shutdown()
        report.server_close()
        results = list(report.results)
        return results + [None if ended else f"nothing within {limit} s"] * (len(cases) - len(results))


PYTHON = "import platform; print('Python', platform.python_version())"
REQUESTS = "import requests; print('requests', requests.__version__)"
NODE = {"NODE_TLS_REJECT_UNAUTHORIZED": "0", "NODE_NO_WARNINGS": "1"}  # the server's certificate is one of the tests' own
# Neither a module around us, nor another toolchain from the network, nor a C compiler where there is none.
GO = {"GOFLAGS": "", "GO111MODULE": "off", "GOWORK": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "1" if shutil.which("gcc") else "0"}
JAVA = ["-Djdk.httpclient.allowRestrictedHeaders=expect", "-Djdk.internal.httpclient.disableHostnameVerification"]

CLIENTS = [
    Curl("curl"),
    Curl("curl, sends at once", "Expect:"),
    Program("Go net/http", ["go", "version"], ["{scratch}/go-client"], GO, ["go", "build", "-o", "{scratch}/go-client", f"{HERE}/client.go"]),
    Program("Java HttpClient", ["java", "--version"], ["java", *JAVA, f"{HERE}/Client.java"]),
    Program("node http", ["node", "--version"], ["node", f"{HERE}/client.mjs", "http"], NODE),
    Program("node fetch", ["node", "--version"], ["node", f"{HERE}/client.mjs", "fetch"], NODE),
    Program("requests", [sys.executable, "-c", REQUESTS], [sys.executable, f"{HERE}/client.py", "requests"]),
    Program("http.client", [sys.executable, "-c", PYTHON], [sys.executable, f"{HERE}/client.py", "http.client"]),
    Chromium(),
]
