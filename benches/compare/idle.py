"""Memory of idle connections: how much more a server holds for each, after one request on it."""
import os
import re
import resource
import socket
import time

import servers

SERVERS = ["nginx", "go", *servers.PEERS]
REQUEST = b"GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n"


def resident(server):
    """Bytes of memory that belong to the server's processes; shared pages count by their share (PSS)."""
    total = 0
    for pid in server.pids():
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            total += int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.MULTILINE)[1]) * 1024
    return total


def client(port):
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(REQUEST)
    if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
        raise SystemExit("no good response")
    return connection


def closed(connections):
    """How many of the idle connections the server has closed: a read of the others would wait."""
    count = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            connection.recv(1)
            count += 1
        except BlockingIOError:
            pass
        except ConnectionError:
            count += 1
    return count


def settled(server):
    """Memory when it has not changed for a second, or after ten."""
    last = None
    for _ in range(10):
        now = resident(server)
        if now == last:
            break
        last = now
        time.sleep(1)
    return now


def measure(options, names, folder, write):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"\n{'server':16}{'bytes a connection':>20}{'MB before':>12}{'MB with all':>13}{'MB after':>10}")
    for name, command in [*options.ours, *((name, None) for name in names)]:
        server, held = servers.Server(name, "0", folder, 1, command), []
        try:
            client(server.port).close()
            before = settled(server)
            held = [client(server.port) for _ in range(options.clients)]
            crowded = settled(server)
            if lost := closed(held):
                raise SystemExit(f"{name} has closed {lost} idle connections")
            for connection in held:
                connection.close()
            after = settled(server)
            each = (crowded - before) / options.clients
            print(f"{name:16}{each:20,.0f}{before / 1e6:12.1f}{crowded / 1e6:13.1f}{after / 1e6:10.1f}", flush=True)
            write({"row": "idle", "case": f"{options.clients:,} connections", "server": name, "round": 0, "load": os.getloadavg()[0],
                   "bytes": round(each)})
        finally:
            for connection in held:
                connection.close()
            server.stop()
