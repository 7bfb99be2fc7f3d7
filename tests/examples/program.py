"""program - what the tests of the whole program share

They run findrobots as a user does, and look at what it prints and how it ends. Where it is,
tests/examples/meson.build says by environment variables.
"""
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import zlib

FINDROBOTS = os.environ["FINDROBOTS"]
MAKELOGS = os.environ["MAKELOGS"]
DEMO = os.environ["DEMO"]
BUILD = os.environ["BUILD"]
SANITIZER = os.environ["SANITIZER"]
LOGS = pathlib.Path(os.environ["LOGS"])

# Nothing takes that long: a program that does not end is a failure, not a hang.
PATIENCE = 30
EXECUTORS = ["serial", "threads", "threads:1", "threads:4"]

os.environ.pop("THRUM_EXECUTOR", None)
# Else ThreadSanitizer waits for a second at each exit, to see what the thread that waits for signals does.
os.environ["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + ":atexit_sleep_ms=0"


def line(host, path="/robots.txt"):
    """A line of an access log."""
    return f'{host} - - [17/May/2015:10:05:03 +0000] "GET {path} HTTP/1.1" 200 203 "-" "Agent"\n'.encode()


def gz(data, **kwargs):
    return gzip.compress(data, mtime=0, **kwargs)


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.lines = self.err.decode(errors="replace").splitlines()


def run(*arguments, **kwargs):
    """Run findrobots to its end."""
    if "input" not in kwargs:
        kwargs.setdefault("stdin", subprocess.DEVNULL)
    kwargs.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run([FINDROBOTS, *map(str, arguments)], stderr=subprocess.PIPE, timeout=PATIENCE, **kwargs)
    return Result(done)


class Test(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="findrobots-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, data):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def fifo(self, name):
        path = self.folder / name
        os.mkfifo(path)
        return path

    def check(self, result, out=b"", err=(), status=0):
        """Exactly that on stdout, these lines on stderr in any order, and that exit status."""
        err = [f"findrobots: {line}" for line in err]
        self.assertEqual((sorted(result.lines), result.out, result.status), (sorted(err), out, status))


def main():
    unittest.main(verbosity=2)
