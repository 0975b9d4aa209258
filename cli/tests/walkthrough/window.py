"""Runs a server in a terminal of 80 columns and 24 rows, and prints what the terminal showed.

`window.py stdout|pipe REQUEST COMMAND...`: with `pipe`, the server's stdout is a pipe whose content is printed after a line of its
own. When the server listens it gets one connection with REQUEST, and is stopped when that has been answered and closed.
"""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

stdout, request, command = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
terminal, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
out = subprocess.PIPE if stdout == "pipe" else slave
server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=slave, close_fds=True)
os.close(slave)
shown = {terminal: b""}
if stdout == "pipe":
    shown[server.stdout.fileno()] = b""
end = time.monotonic() + 60


def read_until(done):
    """Reads all outputs until `done` says so, they have all ended, or the time is up."""
    while not done():
        ready, _, _ = select.select(list(shown), [], [], max(0, end - time.monotonic()))
        if not ready:
            server.kill()
            sys.exit(f"nothing more came: {shown}")
        for source in ready:
            try:
                piece = os.read(source, 4096)
            except OSError:  # Linux: the other side of a terminal has closed
                piece = b""
            if not piece:
                ended.append((source, shown.pop(source)))
            else:
                shown[source] += piece


ended = []
everything = lambda: b"".join(shown.values())
read_until(lambda: re.search(rb"http://[0-9.:]+", everything()))
host, port = re.search(rb"http://([0-9.]+):([0-9]+)", everything()).groups()
with socket.create_connection((host.decode(), int(port)), timeout=60) as client:
    client.sendall(request)
    client.shutdown(socket.SHUT_WR)
    while client.recv(4096):
        pass
if any(word.startswith("--trace") for word in command):
    read_until(lambda: re.search(rb"close +.*request", everything()))
server.send_signal(signal.SIGTERM)
read_until(lambda: not shown)
texts = dict(ended)
print(texts.pop(terminal).decode().replace("\r\n", "\n"))
for text in texts.values():
    print("PIPE\n" + text.decode())
sys.exit(server.wait(60))
