"""example - what the tests of the example programs share

Each program is run as a user does, to its end and within a time limit. What threads print in no
certain order is compared in no certain order. What a sanitizer has to say would be on standard
error, where nothing is expected unless a test says so.
"""
import os
import pathlib
import subprocess
import time
import unittest

SOURCE = pathlib.Path(os.environ["SOURCE"])
PROGRAMS = os.environ["PROGRAMS"].split(os.pathsep)  # where each was built
SANITIZER = os.environ["SANITIZER"]

# Nothing takes that long: a program that does not end is a failure, not a hang.
PATIENCE = 60
CPUS = len(os.sched_getaffinity(0))

# Else ThreadSanitizer waits for a second at each exit with a thread left.
os.environ["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + ":atexit_sleep_ms=0"


def path_of(name):
    return next(path for path in PROGRAMS if pathlib.Path(path).name == name)


class Test(unittest.TestCase):
    def run_example(self, name, *arguments, **kwargs):
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([path_of(name), *map(str, arguments)], capture_output=True, text=True,
                              timeout=PATIENCE, **kwargs)

    def lines(self, name, *arguments, err="", status=0, **kwargs):
        """What it prints, line by line; it must end with that status, and say exactly that on stderr."""
        done = self.run_example(name, *arguments, **kwargs)
        self.assertEqual((done.stderr, done.returncode), (err, status), done.stdout)
        return done.stdout.splitlines()

    def prints(self, name, text, *arguments, **kwargs):
        """It prints exactly these lines."""
        self.assertEqual(self.lines(name, *arguments, **kwargs), text.split("\n")[:-1])

    def refuses(self, name, *arguments):
        """It says on one line what is wrong with the arguments, and does nothing."""
        done = self.run_example(name, *arguments)
        self.assertEqual((done.stdout, done.returncode), ("", 2))
        self.assertRegex(done.stderr, rf"\A(usage: )?{name}[: ].*\n\Z")

    def in_order(self, lines, *wanted):
        """These lines stand in that order, with whatever between them."""
        places = [lines.index(line) for line in wanted]
        self.assertEqual(places, sorted(places), lines)

    def sometimes(self, attempt, tries=20):
        """What a busy machine may hide for a while is seen in one of several tries."""
        seen = []
        for _ in range(tries):
            good, saw = attempt()
            if good:
                return
            seen.append(saw)
        self.fail(f"never in {tries} tries: {seen}")


def main():
    unittest.main(verbosity=2)
