"""Runs a command in a pseudo-terminal, types an answer when it asks for one, and prints all that the terminal showed."""

import os
import pty
import sys

question, answer, command = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown, asked = b"", False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # Linux: the other side has closed
        break
    if not piece:
        break
    shown += piece
    if not asked and question in shown:
        os.write(terminal, answer + b"\n")
        asked = True
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
