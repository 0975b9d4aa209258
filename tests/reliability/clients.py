"""Clients that behave well and count what they miss; know nothing of the server but its port."""
import errno
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import time

REQUEST = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


def wait(condition, seconds):
    """Seconds until it was true; infinite when it was not in time."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return time.monotonic() - began
        time.sleep(0.02)
    return float("inf")


def trusting():
    """A context that takes the certificate of the tests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def client_hello():
    """The first message of a TLS handshake."""
    sent = ssl.MemoryBIO()
    try:
        trusting().wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()


def connect(port, timeout=5.0, tls=False):
    client = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    return trusting().wrap_socket(client) if tls else client


def ask(port, path=b"/plaintext", timeout=2.0, tls=False):
    """One request on a fresh connection: the status, or the name of the failure."""
    try:
        with connect(port, timeout, tls) as client:
            client.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        return int(answer[9:12]) if answer else "empty"
    except OSError as error:
        return type(error).__name__


class Probe:
    """A fresh, fast client ten times a second, while something else goes on. A process of its own: a thread would wait for the interpreter
    whenever the crowd beside it has it, and blame the server."""

    def __init__(self, port, pause=0.1, tls=False):
        self.command = [sys.executable, __file__, str(port), str(pause), "tls" if tls else "tcp"]
        self.latencies, self.failures, self.child = [], [], None

    def start(self):
        self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ready\n", "the probe did not start"

    def finish(self):
        output, _ = self.child.communicate(timeout=30)
        self.latencies, self.failures = json.loads(output)
        ordered = sorted(self.latencies) or [float("inf")]
        return len(self.failures), ordered[len(ordered) * 99 // 100], ordered[-1]


def _probe(port, pause, tls):
    """Until standard input ends."""
    print("ready", flush=True)
    latencies, failures = [], []
    while not select.select([sys.stdin], [], [], pause)[0]:
        began = time.monotonic()
        status = ask(port, tls=tls)
        took = (time.monotonic() - began) * 1000
        (latencies if status == 200 else failures).append(took if status == 200 else status)
    print(json.dumps([latencies, failures]))


class Load:
    """Keep-alive clients that ask, wait for the whole answer, pause, and ask again. Every request that was sent and every connection
    that was tried is accounted for."""

    def __init__(self, port, clients, pause=0.0, path=b"/plaintext"):
        self.port, self.clients, self.pause, self.request = port, clients, pause, REQUEST % path
        self.sent = self.whole = self.lost = self.truncated = self.reset = self.refused = self.waiting = 0

    def run(self, seconds, at=(), least=0):
        """`at`: pairs of a time and what to do then. What is on its way at the end is waited for. `least`: so many requests, even if
        it takes 90 seconds."""
        plan, began = sorted(at, key=lambda pair: pair[0]), time.monotonic()
        poll, open_, idle, retry = select.epoll(), {}, [], [0.0] * self.clients
        while (now := time.monotonic() - began) < seconds or any(c[1] for c in open_.values()) and now < seconds + 3:
            if now >= seconds - 0.5 and self.sent < least and now < 90:
                seconds = now + 1
            while plan and plan[0][0] <= now:
                plan.pop(0)[1]()
            if now < seconds:
                self._open([t for t in retry if t <= now], poll, open_, idle, now)
                retry = [t for t in retry if t > now]
                idle = self._send(idle, open_, now)
            for fd, event in poll.poll(0.002):
                if fd in open_ and not self._receive(fd, open_, idle, now):
                    poll.unregister(fd)
                    open_.pop(fd)[0].close()
                    retry.append(now + 0.02)
        self.waiting = sum(1 for c in open_.values() if c[1])
        for c in open_.values():
            c[0].close()
        return self

    def _open(self, due, poll, open_, idle, now):
        for _ in due:
            try:
                client = connect(self.port)
            except OSError:
                self.refused += 1
                continue
            client.setblocking(False)
            poll.register(client.fileno(), select.EPOLLIN)
            open_[client.fileno()] = [client, False, b""]
            idle.append((now, client.fileno()))

    def _send(self, idle, open_, now):
        later = []
        for due, fd in idle:
            if fd not in open_ or open_[fd][1]:
                continue
            if due > now:
                later.append((due, fd))
                continue
            try:
                open_[fd][0].send(self.request)
                open_[fd][1:] = [True, b""]
                self.sent += 1
            except OSError:
                pass  # closed while idle, and read as such below
        return later

    def _receive(self, fd, open_, idle, now):
        """Whether the connection stays."""
        client, asked, answer = open_[fd]
        try:
            piece = client.recv(1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            self.reset += asked
            return False
        if not piece:
            self.lost += asked and not answer
            self.truncated += bool(answer)
            return False
        answer += piece
        open_[fd][2] = answer
        head, blank, body = answer.partition(b"\r\n\r\n")
        if not blank:
            return True
        fields = head.lower()
        length = int(fields.partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self.whole += 1
            open_[fd][1:] = [False, b""]
            idle.append((now + self.pause, fd))
            return b"connection: close" not in fields
        return True

    def figures(self):
        return (f"{self.sent} sent, {self.lost} lost, {self.truncated} truncated, {self.reset} reset, {self.refused} refused")

    def nothing_lost(self):
        return self.sent == self.whole and not (self.lost or self.truncated or self.reset or self.waiting)


def crowd(port, number, first, rate=400):
    """Connections that begin with these bytes; as many as the server lets in."""
    clients = []
    for n in range(number):
        try:
            client = connect(port)
            client.sendall(first)
            client.setblocking(False)
            clients.append(client)
        except OSError:
            pass
        time.sleep(1 / rate)
    return clients


def alive(clients):
    """Those that the server has not closed yet; what they receive is dropped."""
    return [client for client in clients if _alive(client)]


def _alive(client):
    try:
        while piece := client.recv(65536):
            del piece
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def is_reset(client):
    """Asks the kernel, reads nothing: for clients that do not read."""
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (errno.ECONNRESET, errno.EPIPE) or bool(
        _events(client) & (select.POLLHUP | select.POLLERR)
    )


def _events(client):
    poll = select.poll()
    poll.register(client, select.POLLIN)
    return next((events for _, events in poll.poll(0)), 0)


def close(clients):
    for client in clients:
        client.close()


def memory(process):
    return int(open(f"/proc/{process}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor(process):
    """Seconds of processor time."""
    fields = open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(process):
    return len(os.listdir(f"/proc/{process}/fd"))


if __name__ == "__main__":
    _probe(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "tls")
