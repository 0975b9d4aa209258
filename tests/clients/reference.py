"""A server that reads every request to its end and then sends the status that the request's query names: `POST /any?404-chunked`.

What a client, or a proxy, cannot do even here is its own limit on this machine, and is not asked of it elsewhere.
"""

import http.server
import pathlib
import ssl
import threading

HERE = pathlib.Path(__file__).resolve().parent
CERTIFICATE = HERE.parent / "data" / "tls" / "cert.pem"
KEY = HERE.parent / "data" / "tls" / "key.pem"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    def do_GET(self):
        self.respond(200, (HERE / "page.html").read_bytes(), "text/html")

    def do_POST(self):
        """The status is that of the query, or 400 where framing or expectation is not what the query says."""
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        if chunked:
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, _, framing = self.path.partition("?")[2].partition("-")
        as_asked = framing in ("", "chunked" if chunked else "length")
        as_asked = as_asked and (status != "417" or self.headers.get("Expect") == "200-ok")
        self.respond(int(status) if as_asked else 400, b"reference", "text/plain")

    def respond(self, status, body, media_type):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a client that breaks off; it says so itself


class Reference:
    """The server, on a port of 127.0.0.1, as long as the block lasts."""

    def __init__(self, tls=False):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self.server.server_port
        self.origin = f"http://{self.address}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE, KEY)
            # The handshake is the connection's thread's, not the acceptor's.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.origin = f"https://localhost:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
