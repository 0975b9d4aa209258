"""Python's requests and http.client. Reads cases from stdin, one a line: URL FRAMING SIZE EXPECT; prints the status, or the error, of each."""

import http.client
import ssl
import sys
import urllib.parse
import warnings

LIMIT = 40


def body(framing, size):
    if framing == "length":
        return bytes(size)
    return (bytes(min(65536, size - at)) for at in range(0, size, 65536))


def by_requests(url, framing, size, headers):
    return requests.post(url, data=body(framing, size), headers=headers, timeout=LIMIT, verify=False).status_code


def by_http_client(url, framing, size, headers):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=LIMIT, context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=LIMIT)
    try:
        connection.request("POST", f"{parts.path}?{parts.query}", body(framing, size), headers, encode_chunked=framing == "chunked")
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


if sys.argv[1] == "requests":
    import requests

    warnings.simplefilter("ignore")  # the server's certificate is one of the tests' own
    ask = by_requests
else:
    ask = by_http_client
for line in sys.stdin:
    url, framing, size, expect = line.split()
    headers = {"Transfer-Encoding": "chunked"} if framing == "chunked" and sys.argv[1] != "requests" else {}
    if expect != "-":
        headers["Expect"] = expect
    try:
        print(ask(url, framing, int(size), headers), flush=True)
    except Exception as error:
        print(" ".join(repr(error).split()), flush=True)
