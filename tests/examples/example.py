"""example - what the tests of the example programs share

Each program is run as a user does, to its end and within a time limit. What threads print in no
certain order is compared in no certain order. What a sanitizer has to say would be on standard
error, where nothing is expected unless a test says so.
"""
import os
import pathlib
import re
import subprocess
import time
import unittest

SOURCE = pathlib.Path(os.environ["SOURCE"])
PROGRAMS = os.environ["PROGRAMS"].split(os.pathsep)  # where each was built
SLOW = os.environ["SANITIZER"] != "none"  # a sanitizer takes its time: smaller numbers will do

# Nothing takes that long: a program that does not end is a failure, not a hang.
PATIENCE = 60
CPUS = len(os.sched_getaffinity(0))

# Else ThreadSanitizer waits for a second at each exit with a thread left.
os.environ["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + ":atexit_sleep_ms=0"


def path_of(name):
    return next(path for path in PROGRAMS if pathlib.Path(path).name == name)


class Test(unittest.TestCase):
    def run_example(self, name, *arguments, patience=PATIENCE, **kwargs):
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([path_of(name), *map(str, arguments)], capture_output=True, text=True,
                              timeout=patience, **kwargs)

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

    def prints_in_any_order(self, name, text, *arguments, **kwargs):
        self.assertEqual(sorted(self.lines(name, *arguments, **kwargs)), sorted(text.split("\n")[:-1]))

    def in_order(self, lines, *wanted):
        """These lines stand in that order, with whatever between them."""
        places = [lines.index(line) for line in wanted]
        self.assertEqual(places, sorted(places), lines)

    def matches(self, lines, *patterns):
        """As many lines as patterns, each of its form. What the patterns' groups caught, as numbers."""
        found = [re.fullmatch(pattern, line) for pattern, line in zip(patterns, lines)]
        self.assertTrue(len(lines) == len(patterns) and all(found), lines)
        return [float(group) for match in found for group in match.groups()]

    def sometimes(self, attempt, tries=20):
        """What chance or a busy machine may hide is seen in one of several tries: attempt() is
        whether it was, and what else to show."""
        seen = []
        for _ in range(tries):
            good, saw = attempt()
            if good:
                return
            seen.append(saw)
        self.fail(f"never in {tries} tries: {seen}")

    def in_parallel(self, attempt):
        """That the work of an attempt is done by two CPUs at once, on a machine where they can be had.

        attempt() says how long one took, how long two, and the CPU time of the two. The gain is what
        both of these ratios come to: work done one after the other has no more CPU time than it took,
        whatever else the machine does. A busy machine may have no two CPUs to give; so two processes,
        which surely run in parallel, try the same in turn. Where they have gained ten times and the
        attempt never, the machine is no excuse. Where neither does, nothing can be said.
        """
        if CPUS < 2:
            self.skipTest("one CPU only")
        seen, control, end = [], [], time.monotonic() + PATIENCE / 4
        while time.monotonic() < end:
            seen.append(gain(attempt()))
            if seen[-1] >= 1.4:
                return
            control.append(gain(spin_in_processes()))
            self.assertLess(sum(x >= 1.4 for x in control), 10, f"{seen}, but processes {control}")
        self.skipTest(f"too busy a machine to run anything in parallel: {max(seen)}, processes {max(control)}")


def gain(times):
    one, two, cpu_time = times
    return min(one, cpu_time) / two


def spin(n):
    while n > 0:
        n -= 1


def spin_in_processes(n=2000000):
    """What attempt() of in_parallel says, for two processes."""
    start = time.monotonic()
    spin(n)
    middle = time.monotonic()
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            spin(n // 2)
            os._exit(0)
        children.append(child)
    used = [os.wait4(child, 0)[2] for child in children]
    return middle - start, time.monotonic() - middle, sum(usage.ru_utime + usage.ru_stime for usage in used)


def main():
    unittest.main(verbosity=2)
