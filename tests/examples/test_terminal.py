"""test_terminal - the progress bar, and Ctrl-C

No test waits for a time to pass to bring something about: a FIFO keeps findrobots where the
test wants it, and what it has read shows how far it is.
"""
import contextlib
import fcntl
import functools
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import program
from program import EXECUTORS, FINDROBOTS, PATIENCE, Test, gz, line

ERASE = b"\r\x1b[K"


class Terminal:
    """A terminal of that width, whose output is kept."""

    def __init__(self, columns):
        try:
            self.ours, self.theirs = pty.openpty()
        except OSError as error:  # a container without /dev/pts
            raise unittest.SkipTest(f"skipped: no terminal is to be had here: {error}") from error
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        modes = termios.tcgetattr(self.theirs)
        modes[1] &= ~termios.OPOST  # newlines stay as they are written
        termios.tcsetattr(self.theirs, termios.TCSANOW, modes)
        self.output = b""

    def read_until(self, pattern):
        """Read on until the output has it."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.output, re.DOTALL):
            if not select.select([self.ours], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{pattern} never came in {self.output}")
            self.output += os.read(self.ours, 65536)

    def close(self):
        """What came until nobody had it open any more."""
        os.close(self.theirs)
        with contextlib.suppress(OSError):  # which is how a terminal ends
            while data := os.read(self.ours, 65536):
                self.output += data
        os.close(self.ours)
        return self.output


def start(*arguments, **kwargs):
    kwargs = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
    return subprocess.Popen([FINDROBOTS, *map(str, arguments)], **kwargs)


class Bar(Test):
    def show(self, columns, environment=None, executor="threads:2"):
        """Hold findrobots at its last file until the bar says that all others are done, then let it end."""
        terminal = Terminal(columns)
        fifo = self.fifo("fifo")
        good = self.file("a.gz", gz(line("a")))
        child = start("--executor", executor, fifo, good, stderr=terminal.theirs,
                      env={**os.environ, "TERM": "xterm", **(environment or {})})
        with open(fifo, "wb", buffering=0) as feed:
            feed.write(line("b"))
            if environment is None:
                terminal.read_until(b"1/2 files")
        out, _ = child.communicate(timeout=PATIENCE)
        os.unlink(fifo)
        return child.returncode, out, terminal.close()

    def test_it_is_drawn_and_taken_away(self):
        for executor in EXECUTORS:
            if executor == "threads:1":
                continue  # as serial
            status, out, shown = self.show(80, executor=executor)
            self.assertEqual((status, out), (0, b"a\nb\n"))
            self.assertTrue(shown.startswith(ERASE) and shown.endswith(ERASE), shown)
            frames = shown.split(ERASE)[1:-1]
            for frame in frames:
                self.assertRegex(frame, rb"^\d/2 files  \d+ MB  \d+ MB/s$")  # a FIFO has no size

    def test_lines_come_between(self):
        terminal = Terminal(80)
        fifo = self.fifo("x.gz")
        child = start(fifo, stderr=terminal.theirs, env={**os.environ, "TERM": "xterm"})
        with open(fifo, "wb", buffering=0) as feed:
            terminal.read_until(b"0/1 files")
            feed.write(b"plain text")
        out, _ = child.communicate(timeout=PATIENCE)
        shown = terminal.close()
        said = b"findrobots: %s: not a gzip file, as its name says: it does not begin with 1f 8b\n" % bytes(fifo)
        self.assertEqual((child.returncode, out, shown.count(said)), (1, b"", 1))
        before, after = shown.split(said)
        self.assertTrue(before.endswith(ERASE) and (after == b"" or after.startswith(ERASE) and after.endswith(ERASE)))

    def test_a_bar_of_files(self):
        """Files whose size is known, in terminals of all widths."""
        data = gz(line("a", "/x") * 20000 + line("b"), compresslevel=1)
        files = [self.file(f"{i}.gz", data) for i in range(20)]
        for columns in 5, 20, 33, 40, 60, 80, 200:
            terminal = Terminal(columns)
            child = start(*files, stderr=terminal.theirs, env={**os.environ, "TERM": "xterm"})
            begin = time.monotonic()
            reader = threading.Thread(target=terminal.read_until, args=[rb"\r\x1b\[K$"])
            reader.start()
            out, _ = child.communicate(timeout=PATIENCE)
            took = time.monotonic() - begin
            reader.join()
            shown = terminal.close()
            self.assertEqual((child.returncode, out), (0, b"b\n"))
            self.assertTrue(shown.endswith(ERASE))
            frames = shown.split(ERASE)[1:-1]
            self.assertLessEqual(len(frames), took * 10 + 1)
            self.assertTrue(frames)
            for frame in frames:
                self.assertLess(len(frame), columns)
                if columns >= 60:
                    self.assertRegex(frame, rb"^\[#*-*\]  \d+/20 files(  \d+%  \d+ MB/s  \d+:\d\d left)?$")

    def test_none_where_it_cannot_be(self):
        status, out, shown = self.show(80, environment={"TERM": "dumb"})
        self.assertEqual((status, out, shown), (0, b"a\nb\n", b""))
        self.check(program.run(self.file("x", line("x")), env={**os.environ, "TERM": "xterm"}), b"x\n")


def within_a_second(test):
    """A second behind the signal nothing is left: in one of several tries, for a busy machine may hide that. How it
    ends is the same in each."""
    @functools.wraps(test)
    def several_tries(self):
        seen = []
        for _ in range(5):
            self.longest = 0
            test(self)
            if self.longest < (1 if program.SANITIZER == "none" else 5):
                return
            seen.append(self.longest)
            self.setUp()  # in another folder
        self.fail(f"never in time: {seen}")
    return several_tries


class Interrupt(Test):
    WORDS = {signal.SIGINT: b"findrobots: interrupted\n", signal.SIGTERM: b"findrobots: terminated\n"}

    def note_end(self, begin):
        self.longest = max(self.longest, time.monotonic() - begin)

    def end(self, child, number):
        """Send the signal: it ends, and the shell sees why."""
        begin = time.monotonic()
        child.send_signal(number)
        child.wait(timeout=PATIENCE)
        self.note_end(begin)
        self.assertEqual(child.returncode, -number)

    def check_end(self, child, number):
        self.end(child, number)
        out, err = child.communicate(timeout=PATIENCE)
        self.assertEqual((out, err), (b"", self.WORDS[number]))

    def feed_for_ever(self, fifo):
        """Write into the FIFO as fast as it is read, until nobody reads it."""
        started = threading.Event()

        def feed():
            with contextlib.suppress(BrokenPipeError), open(fifo, "wb", buffering=0) as out:
                while True:
                    out.write(line("x") * 1000)
                    started.set()

        thread = threading.Thread(target=feed)
        thread.start()
        self.addCleanup(thread.join)
        return started

    @within_a_second
    def test_in_the_middle_of_a_file(self):
        for number in self.WORDS:
            for executor in EXECUTORS:
                fifo = self.fifo(f"{executor}-{number}")
                child = start("--executor", executor, fifo, "/dev/zero")
                self.assertTrue(self.feed_for_ever(fifo).wait(PATIENCE))
                self.check_end(child, number)

    @within_a_second
    def test_while_a_read_waits(self):
        for executor in EXECUTORS:
            fifo = self.fifo(executor)
            child = start("--executor", executor, fifo)
            with open(fifo, "wb", buffering=0) as feed:
                # More than a pipe holds: when it is written, most of it has been read.
                feed.write(line("x") * 10000)
                self.check_end(child, signal.SIGINT)

    @within_a_second
    def test_while_standard_input_waits(self):
        for executor in EXECUTORS:
            child = start("--executor", executor, "-", stdin=subprocess.PIPE)
            child.stdin.write(line("x") * 10000)
            child.stdin.flush()
            self.end(child, signal.SIGTERM)
            self.assertEqual(child.stderr.read(), self.WORDS[signal.SIGTERM])
            child.stdin.close(), child.stdout.close(), child.stderr.close()

    @within_a_second
    def test_while_nobody_reads_the_output(self):
        log = self.file("x", b"".join(line(f"host-{i}") for i in range(20000)))
        child = start(log)
        self.assertTrue(select.select([child.stdout], [], [], PATIENCE)[0])  # it prints, and soon can do no more
        self.end(child, signal.SIGINT)
        self.assertEqual(child.stderr.read(), self.WORDS[signal.SIGINT])
        child.stdout.close(), child.stderr.close()

    @within_a_second
    def test_while_nobody_reads_the_errors(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, bytes(4096))
        fifo = self.fifo("fifo")
        child = start("--executor", "threads:2", self.folder / "missing", fifo, stderr=writer,
                      stdout=subprocess.DEVNULL)
        with open(fifo, "wb", buffering=0) as feed:
            feed.write(line("x") * 10000)
            # It is in its write of the line about the missing file by now, or soon.
            self.end(child, signal.SIGINT)
        os.close(reader), os.close(writer)

    @within_a_second
    def test_the_bar_is_taken_away(self):
        terminal = Terminal(80)
        fifo = self.fifo("fifo")
        child = start(fifo, stderr=terminal.theirs, env={**os.environ, "TERM": "xterm"})
        with open(fifo, "wb", buffering=0):
            terminal.read_until(b"files")
            self.end(child, signal.SIGINT)
        child.stdout.close()
        self.assertTrue(terminal.close().endswith(ERASE + self.WORDS[signal.SIGINT]))

    @within_a_second
    def test_ctrl_c(self):
        """The key itself, in a terminal that is the program's own."""
        fifo = self.fifo("fifo")
        pid, ours = pty.fork()
        if pid == 0:
            os.execv(FINDROBOTS, [FINDROBOTS, str(fifo)])
        with open(fifo, "wb", buffering=0) as feed:
            feed.write(line("x") * 10000)
            begin = time.monotonic()
            os.write(ours, b"\x03")
            output = b""
            with contextlib.suppress(OSError):
                while data := os.read(ours, 65536):
                    output += data
            _, status = os.waitpid(pid, 0)
        self.note_end(begin)
        os.close(ours)
        self.assertEqual(os.waitstatus_to_exitcode(status), -signal.SIGINT)
        self.assertTrue(output.endswith(b"findrobots: interrupted\r\n"), output)

    def test_an_ignored_signal_stays_ignored(self):
        """As under nohup, or behind & in a script."""
        fifo = self.fifo("fifo")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            child = start(fifo)
        finally:
            signal.signal(signal.SIGINT, before)
        with open(fifo, "wb", buffering=0) as feed:
            feed.write(line("x") * 10000)
            child.send_signal(signal.SIGINT)
            feed.write(line("y"))
        self.assertEqual(child.communicate(timeout=PATIENCE), (b"x\ny\n", b""))
        self.assertEqual(child.returncode, 0)


program.main()
