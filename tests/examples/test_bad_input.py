"""test_bad_input - what cannot be read, and what cannot be written

Each thing that is wrong is one line on stderr that names it; all else is done nevertheless.
"""
import os
import random
import socket
import subprocess
import unittest

import program
from program import EXECUTORS, FINDROBOTS, PATIENCE, SANITIZER, Test, gz, line, run

TRUNCATED = "truncated gzip: the file ends before its data does"
UNDECODED = "damaged gzip: its data cannot be decoded"
CHECKSUM = "damaged gzip: its checksum or length does not match"
GARBAGE = "trailing garbage behind the gzip data"
NOT_GZIP = "not a gzip file, as its name says: it does not begin with 1f 8b"


class BadInput(Test):
    def check_bad(self, expected):
        """These things, each with what is wrong with it, beside a good file, on all executors."""
        good = self.file("good.gz", gz(line("good")))
        lines = [f"{path}: {error}" for path, error in expected.items()]
        for executor in EXECUTORS:
            self.check(run("--executor", executor, *expected, good), b"good\n", lines, 1)

    def test_bad_gzip(self):
        whole = gz(line("bad") + random.Random(1).randbytes(1000))
        wrong_block, wrong_method = bytearray(whole), bytearray(whole)
        wrong_block[10] |= 7
        wrong_method[2] = 9
        self.check_bad({
            self.file("empty.gz", b""): TRUNCATED,
            self.file("magic.gz", whole[:2]): TRUNCATED,
            self.file("header.gz", whole[:9]): TRUNCATED,
            self.file("half.gz", whole[:500]): TRUNCATED,
            self.file("trailer.gz", whole[:-1]): TRUNCATED,
            self.file("second.gz", whole + whole[:-1]): TRUNCATED,
            self.file("block.gz", wrong_block): UNDECODED,
            self.file("method.gz", wrong_method): "damaged gzip: unknown compression method",
            self.file("crc.gz", whole[:-8] + b"\0\0\0\0" + whole[-4:]): CHECKSUM,
            self.file("length.gz", whole[:-4] + b"\0\0\0\0"): CHECKSUM,
            self.file("second-crc.gz", whole + whole[:-8] + b"\0\0\0\0" + whole[-4:]): CHECKSUM,
            self.file("garbage.gz", whole + b"garbage"): GARBAGE,
            self.file("more-garbage.gz", whole + b"\0\0\x1fgarbage as long as a header"): GARBAGE,
            self.file("plain.gz", line("plain")): NOT_GZIP,
            self.file("unnamed", whole[:500]): TRUNCATED,
        })

    def test_what_is_no_file(self):
        loop = self.folder / "loop"
        loop.symlink_to(loop)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.folder / "socket"))
        (self.folder / "empty").mkdir()
        (self.folder / "odd" / "folder.gz").mkdir(parents=True)
        found = {self.folder / "odd": f"{self.folder}/odd/folder.gz: Is a directory"}
        self.check_bad({
            self.folder / "missing": "No such file or directory",
            loop: "Too many levels of symbolic links",
            self.folder / "socket": "No such device or address",
            self.folder / "empty": "no *.gz file in this directory",
            "/proc/self/mem": "Input/output error",
            "": "No such file or directory",
        })
        for path, said in found.items():
            self.check(run(path), b"", [said], 1)

    def test_what_may_not_be_read(self):
        secret = self.file("secret.gz", gz(line("secret")))
        hidden = self.file("hidden/x.gz", gz(line("secret"))).parent
        secret.chmod(0)
        hidden.chmod(0)
        self.addCleanup(hidden.chmod, 0o700)
        self.folder.chmod(0o755)
        nobody = {}
        if os.geteuid() == 0:
            nobody = {"user": 65534, "group": 65534, "extra_groups": []}
            if subprocess.run(["test", "-x", FINDROBOTS], **nobody).returncode != 0:
                self.skipTest("another user may not run the program where it is")
        good = self.file("good.gz", gz(line("good")))
        good.chmod(0o644)
        self.check(run(secret, hidden, good, **nobody), b"good\n",
                   [f"{secret}: Permission denied", f"{hidden}: Permission denied"], 1)

    def test_standard_input(self):
        for executor in EXECUTORS:
            self.check(run("--executor", executor, "-", input=gz(line("x"))[:-3]), b"",
                       [f"standard input: {TRUNCATED}"], 1)
        with open(os.devnull, "w") as writable:
            self.check(run("-", stdin=writable), b"", ["standard input: Bad file descriptor"], 1)

    def test_a_name_is_one_harmless_line(self):
        self.check(run(self.folder / "a\nb\x1b[2Jc\x7f"), b"",
                   [f"{self.folder}/a?b?[2Jc?: No such file or directory"], 1)
        deep = "/".join(["x" * 200] * 60)
        result = run(deep)
        self.assertEqual((len(result.lines), result.status), (1, 1))

    def test_a_field_that_is_too_long(self):
        said = "a line that counts has a field 0 of more than 1048576 bytes"
        self.check_bad({
            self.file("x", line("x" * 1048577)): said,
            self.file("y.gz", gz(line("y" * 5000000))): said,
        })
        self.check(run(self.file("z", line("z" * 1048576))), b"z" * 1048576 + b"\n")

    def test_many_damaged_files(self):
        """A small log cut off at every byte, and with every byte changed: one run over all of them."""
        whole = gz(line("10.0.0.1") * 2, compresslevel=9)
        logs = self.folder / "logs"
        for i in range(len(whole)):
            self.file(f"logs/cut-{i:03}.gz", whole[:i])
            self.file(f"logs/bad-{i:03}.gz", whole[:i] + bytes([whole[i] ^ 0xff]) + whole[i + 1:])
        for executor in EXECUTORS:
            result = run("--executor", executor, logs)
            self.assertEqual((result.out, result.status), (b"10.0.0.1\n", 1))
            named = {}
            for said in result.lines:
                program_name, path, message = said.split(": ", 2)
                self.assertEqual(program_name, "findrobots")
                named[path] = message
            self.assertEqual(len(named), len(result.lines), "one line a file")
            for i in range(len(whole)):
                self.assertEqual(named[f"{logs}/cut-{i:03}.gz"], TRUNCATED)
                # In between: the flags, by which it becomes another header; its time, level and system.
                if not 3 <= i <= 9:
                    self.assertIn(f"{logs}/bad-{i:03}.gz", named)


class Usage(Test):
    def test_wrong_usage(self):
        more = "findrobots --help"
        for arguments, said in [
            ([], f"no file or directory given; {more} says more"),
            (["--frob", "x"], f"unknown option '--frob'; {more} lists all"),
            (["x", "--frob=1"], f"unknown option '--frob=1'; {more} lists all"),
            (["-x", "y"], f"unknown option '-x'; {more} lists all"),
            (["--where"], f"option '--where' needs a value; {more} says which"),
            (["x", "--print"], f"option '--print' needs a value; {more} says which"),
            (["--stats=1", "x"], "option '--stats=1' takes no value"),
            (["--where", "6", "x"], "--where '6': not of the form N=TEXT, as in 6=/robots.txt"),
            (["--where", "=x", "x"], "--where '=x': not of the form N=TEXT, as in 6=/robots.txt"),
            (["--where", "-1=x", "x"], "--where '-1=x': not of the form N=TEXT, as in 6=/robots.txt"),
            (["--where", "1234567890=x", "x"],
             "--where '1234567890=x': not of the form N=TEXT, as in 6=/robots.txt"),
            (["--where", "6=", "x"],
             "--where '6=': no field can be that text, for it is empty or has white space in it"),
            (["--where", "6=a b", "x"],
             "--where '6=a b': no field can be that text, for it is empty or has white space in it"),
            (["--print", "x", "x"], "--print 'x': not the number of a field"),
            (["--print", "1x", "x"], "--print '1x': not the number of a field"),
            (["--print", "", "x"], "--print '': not the number of a field"),
            (["-", "x", "-"], "standard input (-) is given more than once"),
        ]:
            self.check(run(*arguments), b"", [said], 2)

    def test_unknown_executor(self):
        for spec in "frob", "threads:x", "threads:", "threads:0", "serial:", ":":
            for result in (run("--executor", spec, "x"),
                           run("x", env={**os.environ, "THRUM_EXECUTOR": spec})):
                self.assertEqual((result.out, result.status, len(result.lines)), (b"", 2, 1), spec)
        self.assertTrue(run("--executor", "frob", "x").lines[0].startswith("findrobots: --executor: "))


class Output(Test):
    def setUp(self):
        super().setUp()
        self.log = self.file("x.gz", gz(b"".join(line(f"host-{i}") for i in range(20000))))

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            self.check(run(self.log, stdout=full), None, ["standard output: No space left on device"], 1)
            self.check(run(self.file("one", line("a")), stdout=full), None,
                       ["standard output: No space left on device"], 1)

    def test_a_reader_that_has_gone(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.check(run(self.log, stdout=writer), None, ["standard output: Broken pipe"], 1)
        os.close(writer)

    def test_no_output_at_all(self):
        done = subprocess.run(f"exec '{FINDROBOTS}' '{self.log}' >&-", shell=True, stderr=subprocess.PIPE,
                              timeout=PATIENCE)
        self.assertEqual((done.stderr, done.returncode),
                         (b"findrobots: standard output: Bad file descriptor\n", 1))


@unittest.skipIf(SANITIZER != "none", "a sanitizer takes memory of its own")
class Memory(Test):
    LIMIT = 64 * 1024  # KB
    MB = 1000000

    def check_memory(self, pieces, *arguments):
        """Feed standard input, and see how much memory was taken at most by when that has been read."""
        for executor in "serial", "threads:2":
            child = subprocess.Popen([FINDROBOTS, "--executor", executor, *arguments, "-"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for piece in pieces():
                child.stdin.write(piece)
            child.stdin.flush()  # all but what a pipe holds has been read now
            with open(f"/proc/{child.pid}/status") as status:
                peak = next(int(one.split()[1]) for one in status if one.startswith("VmHWM:"))
            self.assertEqual(child.communicate(timeout=PATIENCE), (b"end\n", None))
            self.assertEqual(child.returncode, 0)
            self.assertLess(peak, self.LIMIT)

    def test_a_line_of_300_MB(self):
        def pieces(byte=b"x"):
            for _ in range(300):
                yield byte * self.MB
            yield b"\n" + line("end")
        self.check_memory(pieces)
        self.check_memory(lambda: pieces(b"\0"), "--stats")

    def test_300_MB_out_of_a_third_of_one(self):
        packer = program.zlib.compressobj(9, wbits=31)
        bomb = [packer.compress(bytes(self.MB)) for _ in range(300)]
        bomb += [packer.compress(b"\n" + line("end")), packer.flush()]
        self.assertLess(sum(map(len, bomb)), self.MB)
        self.check_memory(lambda: bomb)

    def test_300_MB_of_lines(self):
        block = b"".join(line(f"host-{i}", "/") for i in range(10000))
        member = gz(block * (30 * self.MB // len(block) + 1), compresslevel=1)
        self.check_memory(lambda: [member] * 10 + [gz(line("end"))])
        self.check_memory(lambda: [block] * 50 + [line("end")], "--stats")


program.main()
