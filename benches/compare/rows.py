"""The rows of the comparison: for each its cases (what the load does, and what the servers are told) and the servers that have it."""
import json
import os

import servers

UNITS = {"k": 1 << 10, "m": 1 << 20}
TLS = {"CERTIFICATE": servers.CERTIFICATE, "KEY": servers.KEY}


class Case:
    """One measurement of each server but those `without` it. `load`: arguments of the load; `environment`: of the servers; cores as
    taskset takes them."""

    def __init__(self, name, environment=None, workers=1, cores=("0", "0"), without=(), **load):
        self.name, self.environment, self.workers, self.cores, self.without = name, environment or {}, workers, cores, without
        self.load = {"clients": 16, **load}


def size(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def file(folder, name):
    """A file of random bytes, which the page cache holds."""
    with open(os.path.join(folder, name), "wb") as made:
        made.write(os.urandom(size(name)))
    return {"path": f"/files/{name}", "clients": 16 if size(name) <= 256 << 10 else 4}


def document(folder, name):
    """JSON of about this size: what an API sends."""
    users = [{"id": n, "name": f"User number {n}", "email": f"user{n}@example.com", "active": n % 3 > 0} for n in range(1000)]
    while len(json.dumps(users)) > size(name):
        users.pop()
    with open(os.path.join(folder, f"{name}.json"), "w") as made:
        json.dump(users, made)


# What Chrome sends of itself with each request.
BROWSER = "\r\n".join((
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Sec-Fetch-User: ?1",
    "Cache-Control: max-age=0"))


def plain(options, _):
    """A small response: on 64 keep-alive connections, to a browser's head, and on a connection for each request."""
    yield Case("hello, 64 clients", clients=64)
    yield Case("a browser's head", clients=64, field=BROWSER)
    yield Case("a connection each", clients=64, fresh="true")


def files(options, folder):
    """Static files on keep-alive connections."""
    for name in options.sizes or ["1k", "16k", "256k", "4m", "100m"]:
        yield Case(name, **file(folder, name))


def uploads(options, _):
    """Request bodies, collected before the handler runs or read by it while they arrive."""
    for name in options.sizes or ["1k", "64k", "1m"]:
        yield Case(f"{name} buffered", method="POST", path="/buffered", body=size(name))
    for name in options.streams or ["1k", "64m", "64m-chunked"]:
        length, _, chunked = name.partition("-")
        clients = 16 if size(length) <= 1 << 20 else 4
        without = ["may_minihttp"] if chunked else []  # it does not decode them
        yield Case(f"{name} streamed", without=without, method="POST", path="/upload", body=size(length), clients=clients,
                   chunked=str(bool(chunked)).lower())


def tls(options, folder):
    """TLS 1.3 with AES-256-GCM: the client offers nothing else."""
    load = {"environment": TLS, "tls": servers.CERTIFICATE}
    yield Case("full handshake", **load, fresh="true", resume="false")
    yield Case("resumed handshake", **load, fresh="true")
    yield Case("keep-alive", **load, clients=32)
    for name in options.sizes or ["16k", "4m"]:
        yield Case(name, **load, without=["hyper"], **file(folder, name))


def gzip(options, folder):
    """JSON, compressed for each request."""
    for name in options.sizes or ["2k", "64k"]:
        document(folder, name)
        for level in 1, 6:
            environment = {"LEVEL": str(level), "DOCUMENT": f"{folder}/{name}.json"}
            yield Case(f"{name} at level {level}", environment, path="/document", field="Accept-Encoding: gzip")


def workers(options, _):
    """Two workers and the load on both cores, as fast as they can and at constant rates below that."""
    both = {"workers": 2, "cores": ("0,1", "0,1"), "threads": 2}
    if not options.rates:
        yield Case("saturated", **both, clients=512)
    for rate in options.rates or ["20000", "40000"]:
        yield Case(f"{int(rate):,} a second", **both, clients=256, rate=rate)


def low(options, _):
    """One client, one request at a time, on a core of its own."""
    yield Case("one client", cores=("0", "1"), clients=1)


def stack(options, _):
    """Without middleware, and with request id, access log, CORS, rate limit, gzip and metrics (what a server has of these)."""
    fields = {"field": "Origin: https://example.com"}
    yield Case("bare", clients=64, **fields)
    yield Case("with middleware", {"STACK": "1"}, clients=64, **fields)


def router(options, _):
    """The last of many routes with a parameter each."""
    for number in 10, 10_000:
        yield Case(f"{number:,} routes", {"ROUTES": str(number)}, path=f"/route{number - 1}/42", clients=64)


ROWS = {"plain": (plain, ["limit", "nginx", "go", *servers.PEERS]),
        "files": (files, ["limit", "nginx", "go", "axum", "actix"]),
        "uploads": (uploads, ["limit", "nginx", "go", *servers.PEERS]),
        "tls": (tls, ["nginx", "go", *servers.FULL_PEERS]),
        "gzip": (gzip, ["nginx", "axum"]),
        "workers": (workers, ["limit", "nginx", *servers.PEERS]),
        "low": (low, ["limit", "nginx", "go", *servers.PEERS]),
        "stack": (stack, ["nginx", "axum"]),
        "router": (router, ["axum", "actix"])}
