"""A TCP relay between a proxy and the server under test. Records what each side sends and how it closes, and checks the
server's side.

A proxy may lose a response by a race of its own. Whether the server lost it shows here, on the sockets of the relay.
"""

import re
import select
import socket
import struct
import threading

PART = 65536  # bytes held at most in each direction
BOUND = 120  # seconds without any progress, after which a connection is given up
REQUEST = re.compile(rb"POST \S*\?(\d{3})\S* HTTP/(1\.\d)\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


def responses_in(stream):
    """Returns the final responses in what a server sent, as (status, whether it announces the close), and the bytes of one
    that is cut short."""
    responses = []
    while stream:
        head, blank_line, rest = stream.partition(b"\r\n\r\n")
        status = head[9:12]
        if not blank_line or not status.isdigit():
            break
        if status[:1] != b"1":
            length = LENGTH.search(head + b"\r\n")
            if not length or len(rest) < int(length.group(1)):
                break
            rest = rest[int(length.group(1)):]
            responses.append((status, bool(CLOSE.search(head + b"\r\n"))))
        stream = rest
    return responses, stream


class Connection:
    """One connection of the proxy, and ours to the server."""

    def __init__(self, proxy, server):
        self.proxy, self.server = proxy, server
        self.requests = b""  # without their bodies, which are zeros
        self.responses = b""
        self.relayed = 0
        self.closes = []  # (side, "FIN" or "RST"), in the order in which they arrived; a FIN is passed on only after it is noted
        self.stalled = False

    def run(self):
        held = {self.proxy: b"", self.server: b""}  # what each side sent and the other has not taken
        other = {self.proxy: self.server, self.server: self.proxy}
        open_ = {self.proxy, self.server}
        for end in open_:
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while open_:
            wanted = {}
            for end in open_:
                reads = not held[end]
                target = end if reads else other[end]
                wanted[target] = wanted.get(target, 0) | (select.POLLIN if reads else select.POLLOUT)
            poller = select.poll()
            for end, events in wanted.items():
                poller.register(end, events)
            ready = {number for number, _ in poller.poll(BOUND * 1000)}
            if not ready:
                self.stalled = True
                break
            for end in list(open_):
                try:
                    at = end
                    if not held[end] and end.fileno() in ready:
                        held[end] = end.recv(PART)
                        self.record(end, held[end])
                        if not held[end]:
                            open_.discard(end)
                            at = other[end]
                            at.shutdown(socket.SHUT_WR)
                    if held[end]:
                        at = other[end]
                        held[end] = held[end][at.send(held[end]):]
                except BlockingIOError:
                    pass
                except OSError:  # a reset, and nothing passes any more
                    self.closes.append((self.name(at), "RST"))
                    open_.clear()
                    self.reset(other[at])
                    break
        for end in (self.proxy, self.server):
            end.close()

    def name(self, end):
        return "proxy" if end is self.proxy else "server"

    def reset(self, end):
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # it is closed already

    def record(self, end, part):
        if not part:
            self.closes.append((self.name(end), "FIN"))
        elif end is self.proxy:
            self.relayed += len(part)
            self.requests += part.replace(b"\0", b"")
        else:
            self.responses += part

    def fault(self):
        """Returns what the server did wrong, or None. What follows a close of the proxy is a reaction to that, and not
        judged."""
        requests = REQUEST.findall(self.requests)
        responses, cut_short = responses_in(self.responses)
        closes = []
        for side, how in self.closes:
            if side == "proxy":
                break
            closes.append(how)
        asked, got = [status for status, _ in requests], [status for status, _ in responses]
        if self.stalled:
            return "no side sent or closed anything"
        if "RST" in closes:
            return f"the server reset the connection after {self.relayed} bytes, while the proxy still had it open"
        if got != asked[: len(got)]:
            return f"asked for {asked}, the server sent {got}"
        if "FIN" in closes and requests:
            if cut_short or len(got) < len(asked):
                return f"asked for {asked}, the server sent {got} and {bytes(cut_short[:80])!r}, and closed"
            if not responses[-1][1] and requests[-1][1] != b"1.0":
                return "the server closed a connection that its response lets persist"
        return None


class Relay:
    """Listens on a port of 127.0.0.1, and passes everything on to `upstream` until the end of the block."""

    def __init__(self, upstream):
        host, port = upstream.rsplit(":", 1)
        self.upstream = (host, int(port))
        self.connections, self.threads, self.refused = [], [], 0

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()
        return self

    def accept(self):
        while True:
            try:
                proxy, _ = self.listener.accept()
            except OSError:
                return
            try:
                connection = Connection(proxy, socket.create_connection(self.upstream, timeout=BOUND))
            except OSError:
                self.refused += 1
                proxy.close()
                continue
            self.connections.append(connection)
            self.threads.append(threading.Thread(target=connection.run, daemon=True))
            self.threads[-1].start()

    def __exit__(self, *_):
        """The proxy has ended, and so the connections end."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.acceptor.join(BOUND)
        for thread in self.threads:
            thread.join(2 * BOUND)

    def faults(self):
        faults = [connection.fault() for connection in self.connections]
        return [fault for fault in faults if fault] + ["the server does not accept"] * self.refused

    def summary(self):
        """How much of it was checked."""
        responses = sum(len(responses_in(connection.responses)[0]) for connection in self.connections)
        first = sum(connection.closes[:1] == [("server", "FIN")] for connection in self.connections)
        return f"{len(self.connections)} connections, {responses} responses, closed first by the server: {first}"
