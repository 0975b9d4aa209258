"""Checks that the relay finds each fault of a server, and none where there is none.

A case: what a server sends after the first bytes of a request, how it closes, and what the relay must report.
"""

import socket
import struct
import threading

from relay import Relay

REQUEST = b"POST /nowhere?404 HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"
CLOSES = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
PERSISTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n"
CASES = [
    ("closes in stages", CLOSES + b"no", "lingers", None),
    ("says 100 first", b"HTTP/1.1 100 Continue\r\n\r\n" + CLOSES + b"no", "lingers", None),
    ("resets", CLOSES + b"no", "resets", "the server reset"),
    ("resets without a response", b"", "resets", "the server reset"),
    ("closes while the proxy sends", CLOSES + b"no", "closes", "the server reset"),
    ("closes without a response", b"", "lingers", "and closed"),
    ("sends a part of the body", CLOSES + b"n", "lingers", "and closed"),
    ("sends a part of the head", CLOSES[:30], "lingers", "and closed"),
    ("sends another status", CLOSES.replace(b"404", b"400") + b"no", "lingers", "the server sent"),
    ("sends one response too many", PERSISTS + b"no" + CLOSES + b"no", "lingers", "the server sent"),
    ("closes what persists", PERSISTS + b"no", "lingers", "lets persist"),
    ("resets after the proxy has", b"", "waits", None),
]


def abort(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drain(connection):
    while connection.recv(65536):
        pass


def serve(listener, response, close):
    connection, _ = listener.accept()
    connection.settimeout(30)
    with connection:
        try:
            connection.recv(16)
            connection.sendall(response)
            if close == "lingers":
                connection.shutdown(socket.SHUT_WR)
                drain(connection)
            elif close == "closes":
                connection.shutdown(socket.SHUT_RDWR)  # a FIN, and a reset in response to the next bytes of the proxy
            elif close == "resets":
                abort(connection)
            else:
                drain(connection)
        except OSError:
            abort(connection)


def proxy(address, leaves_early):
    """Sends a request with a body that does not fit into any buffer, and reads to the end."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        try:
            connection.sendall(REQUEST)
            if leaves_early:
                return abort(connection)
            connection.sendall(bytes(10_000_000))
            drain(connection)
        except OSError:
            pass


def check(name, response, close, expected):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        server = threading.Thread(target=serve, args=(listener, response, close), daemon=True)
        server.start()
        with Relay("127.0.0.1:%d" % listener.getsockname()[1]) as relay:
            proxy(relay.address, close == "waits")
            server.join(60)
    faults = relay.faults()
    if len(relay.connections) != 1 or (bool(faults) if expected is None else len(faults) != 1 or expected not in faults[0]):
        raise SystemExit(f"a server that {name}: expected {expected}, the relay says {faults} of {len(relay.connections)}")


for case in CASES:
    check(*case)
print(f"{len(CASES)} servers, each judged rightly")
