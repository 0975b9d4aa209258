"""System calls that fail as they rarely do by themselves: strace puts the error in the place of the call; knows no protocol."""
import os
import subprocess
import tempfile

from clients import wait


def threads(process):
    return sorted(int(thread) for thread in os.listdir(f"/proc/{process}/task"))


class Injected:
    """While it lasts, some of these calls fail with this error. `when`: the first and every fifth from there on; a number: only that
    one. `thread`: of this one only."""

    def __init__(self, process, calls, error, when="1+5", thread=None):
        target = ["-p", str(thread)] if thread else ["-f", "-p", str(process)]
        self.log = tempfile.NamedTemporaryFile("r")
        command = ["strace", "-qq", "-o", self.log.name, "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}"]
        self.child = subprocess.Popen(command + target, stderr=subprocess.PIPE, text=True)
        self.watched = [thread] if thread else threads(process)

    def __enter__(self):
        attached = lambda: all(self._tracer(thread) == self.child.pid for thread in self.watched)
        if wait(lambda: attached() or self.child.poll() is not None, 10) == float("inf") or self.child.poll() is not None:
            raise RuntimeError(f"strace could not attach: {self.child.stderr.read()}")
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()

    def number(self):
        """How many calls have failed by its hand."""
        return open(self.log.name).read().count("(INJECTED)")

    @staticmethod
    def _tracer(thread):
        try:
            status = open(f"/proc/{thread}/status").read()
        except OSError:
            return None
        return int(status.partition("TracerPid:")[2].split()[0])
