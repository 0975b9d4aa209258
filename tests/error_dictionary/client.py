"""What Python's http.client makes of each URL that is asked for as METHOD URL: its version, then a line for each."""

import concurrent.futures
import http.client
import sys
import urllib.parse


def asked(method, url):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request(method, parts.path)
        length = len(connection.getresponse().read())
        return f"no error: returns {length or 'no'} bytes"
    except Exception as error:
        kind, words = type(error).__name__, " ".join(str(error).split())
        return f"`{words}`" if words.startswith(kind) else f"`{kind}: {words}`"


print("%d.%d" % sys.version_info[:2])
with concurrent.futures.ThreadPoolExecutor(max_workers=64) as pool:
    for line in pool.map(asked, sys.argv[1::2], sys.argv[2::2]):
        print(line)
