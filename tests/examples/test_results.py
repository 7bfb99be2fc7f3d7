"""test_results - what findrobots finds in good files of all kinds"""
import os
import random
import re
import subprocess

import program
from program import DEMO, EXECUTORS, BUILD, MAKELOGS, PATIENCE, Test, gz, line, run


def seed_program(text, where=6, wanted="/robots.txt", printed=0):
    """The program that findrobots answers to, but for lines with too few fields."""
    found = set()
    for one in text.decode("latin-1").split("\n"):
        fields = one.split()
        if max(where, printed) < len(fields) and fields[where] == wanted:
            found.add(fields[printed])
    return "".join(f"{one}\n" for one in sorted(found)).encode("latin-1")


class Results(Test):
    def setUp(self):
        super().setUp()
        self.file("logs/a.log.gz", gz(line("10.0.0.2") + line("10.0.0.9", "/") + line("10.0.0.10")))
        self.file("logs/b.log.gz", gz(line("10.0.0.2") + line("host.example", "/robots.txt?x") + line("::1")))
        self.file("logs/c.log", line("not-asked-for"))
        self.file("logs/.hidden.gz", b"")
        self.logs = self.folder / "logs"
        self.hosts = b"10.0.0.10\n10.0.0.2\n::1\n"

    def test_every_executor(self):
        for spec in EXECUTORS:
            self.check(run("--executor", spec, self.logs), self.hosts)
            self.check(run(self.logs, env={**os.environ, "THRUM_EXECUTOR": spec}), self.hosts)
        self.check(run(self.logs), self.hosts)

    def test_files_directories_and_standard_input(self):
        self.check(run(self.logs / "c.log"), b"not-asked-for\n")
        self.check(run(self.logs / "c.log", self.logs, self.logs), self.hosts + b"not-asked-for\n")
        self.check(run("-", input=line("plain")), b"plain\n")
        self.check(run("-", self.logs, input=gz(line("in-gzip"))), self.hosts + b"in-gzip\n")
        self.check(run("--", self.file("-x", line("dash"))), b"dash\n")

    def test_a_name_says_nothing(self):
        self.check(run(self.file("x.log", gz(line("a")))), b"a\n")

    def test_no_final_newline_and_crlf(self):
        for executor in EXECUTORS:
            for text in line("a")[:-1], line("a").replace(b"\n", b"\r\n"), line("a")[:-1] + b"\r":
                self.check(run("--executor", executor, self.file("x", text)), b"a\n")
                self.check(run("--executor", executor, self.file("x.gz", gz(text))), b"a\n")

    def test_nul_bytes_are_ordinary(self):
        self.check(run(self.file("x", line("a\0b") + b"\0\0\n" + line("c", "/robots.txt\0"))), b"a\0b\n")

    def test_an_empty_text(self):
        self.check(run(self.file("empty", b"")))
        self.check(run(self.file("empty.gz", gz(b""))))
        self.check(run("-"))

    def test_many_members(self):
        members = b"".join(gz(line(f"host-{i}")[:30]) + gz(line(f"host-{i}")[30:]) for i in range(3000))
        expected = "".join(sorted(f"host-{i}\n" for i in range(3000))).encode()
        self.check(run(self.file("x.gz", members)), expected)
        self.check(run(self.file("x.gz", members + bytes(1000))), expected)

    def test_system_log(self):
        text = (b"May 17 10:05:03 box kernel: idVendor: 046d Product: c52b\n"
                b"May 17 10:05:03 box kernel: idVendor:\n"
                b"May 17 10:05:04 box kernel: idVendor: 8087 Product: 0024\n"
                b"May 17 10:05:04 box kernel: idVendors: 1234\n")
        log = self.file("syslog.3.gz", gz(text))
        for executor in EXECUTORS:
            self.check(run("--executor", executor, "--where", "5=idVendor:", "--print", "6", log), b"046d\n8087\n")
            self.check(run("--executor", executor, "--where=5=idVendor:", "--print=5", log), b"idVendor:\n")

    def test_fields_are_parted_as_in_python(self):
        chance = random.Random(4711)
        words = ["/robots.txt", "/robots.tx", "a", "b", "host", "\0", "/"]
        spaces = [" ", "  ", "\t", "\v", "\f", "\r", "\x1c", "\x1d", "\x1e", "\x1f", "\n", "\n", "\r\n"]
        for number in range(30):
            text = "".join(chance.choice(words) + chance.choice(spaces) for _ in range(5000)).encode()
            where, printed = chance.randrange(4), chance.randrange(4)
            log = self.file("x.gz", gz(text, compresslevel=1))
            options = ["--where", f"{where}=/robots.txt", "--print", printed]
            expected = seed_program(text, where, "/robots.txt", printed)
            self.check(run(*options, log), expected)
            stats = run("--stats", *options, log)
            self.assertEqual((stats.out, stats.status), (expected, 0), number)

    def test_lines_longer_than_any_buffer(self):
        long = b"x" * 3000000
        words = b"x " * 1500000
        text = (long + b"\n" + line("a")[:-1] + long + b"\n" + long + b" " + line("b") + words + line("c") +
                line("d", "/robots.txt" + "x" * 3000000) + line("e")[:-1] + words + b"\n" + line("f"))
        for name, data in ("x", text), ("x.gz", gz(text, compresslevel=1)):
            log = self.file(name, data)
            self.check(run(log), b"a\ne\nf\n")
            result = run("--stats", log)
            self.assertEqual((result.out, result.status), (b"a\ne\nf\n", 0))
            self.assertRegex(result.lines[0], "findrobots: 1 file, [0-9]+ bytes of text, 7 lines, 3 matches, ")
            self.assertEqual(result.lines[1], "findrobots: lines with fewer than 7 fields: 1, in 1 of the files; "
                                              f"the first is line 1 of {log}")

    def test_stats(self):
        text = b"\n".join([line("a")[:-1], b"", b"too few", line("b")[:-1], b"", line("a")[:-1]])
        one, two = self.file("one.gz", gz(text)), self.file("two.gz", gz(b"few\n" * 3))
        good = self.file("three", line("c"))
        for executor, workers in ("serial", "[0-9]+ workers?"), ("threads:1", "1 worker"), ("threads:3", "3 workers"):
            result = run("--stats", "--executor", executor, good, one, two)
            self.assertEqual((result.out, result.status, len(result.lines)), (b"a\nb\nc\n", 0, 2))
            self.assertRegex(result.lines[0], r"^findrobots: 3 files, %d bytes of text, 10 lines, 4 matches, "
                             r"[0-9]+\.[0-9]{3} s, [0-9]+ MB/s, %s, %s$"
                             % (len(text) + 12 + len(line("c")), executor.split(":")[0], workers))
            self.assertEqual(result.lines[1], "findrobots: lines with fewer than 7 fields: 6, in 2 of the files; "
                                              f"the first is line 2 of {one}")

    def test_help_and_version(self):
        result = run("--help")
        self.assertTrue(result.out.startswith(b"Usage: findrobots ") and result.status == 0 and not result.err)
        for option in "--where", "--print", "--executor", "--stats", "--version":
            self.assertIn(option.encode(), result.out)
        self.assertTrue(max(len(one) for one in result.out.splitlines()) < 90)
        self.assertRegex(run("--version").out.decode(), r"^findrobots \(thrum\) [0-9]+\.[0-9]+\.[0-9]+\n$")


# Of the text of makelogs's three files of two million bytes in all.
TEXT_SHA256 = "ec7e34628e1bc818291417c72c77172c7ad4ae61ca86cec90802a98abc170207"


class Logs(Test):
    """The logs that the demo makes, and the demo."""

    def make(self, *arguments):
        return subprocess.run([MAKELOGS, self.folder / "logs", *map(str, arguments)], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)

    def text(self):
        text = b""
        for file in sorted((self.folder / "logs").glob("*.gz")):
            text += program.gzip.decompress(file.read_bytes())
        return text

    def test_they_are_the_same_everywhere(self):
        made = self.make(3, 2)
        self.assertIn("3 files, 2 MB of text", made.stdout)
        text = self.text()
        self.assertEqual(program.hashlib.sha256(text).hexdigest(), TEXT_SHA256)
        self.assertTrue(2000000 <= len(text) < 2003000)
        pattern = re.compile(rb'[^ ]+ - - \[\d\d/Jan/2025:\d\d:\d\d:\d\d \+0000\] "[A-Z]+ /[^ "]* HTTP/1\.[01]" '
                             rb'\d{3} (\d+|-) "[^"]*" "[^"]*"')
        lines = text.splitlines()
        self.assertEqual([one for one in lines if not pattern.fullmatch(one)], [])
        expected = seed_program(text)
        self.assertTrue(100 < expected.count(b"\n") < 1000)
        for executor in EXECUTORS:
            self.check(run("--executor", executor, self.folder / "logs"), expected)

    def test_a_complete_set_is_kept_and_an_incomplete_one_made_good(self):
        self.make(3, 1)
        before, logs = self.text(), self.folder / "logs"
        self.assertIn("complete already", self.make(3, 1).stdout)
        (logs / "access-20250102.log.gz").unlink()
        self.assertNotIn("complete already", self.make(3, 1).stdout)
        self.assertEqual(self.text(), before)
        (logs / "access-20250102.log.gz").write_bytes(b"cut off")
        self.assertNotIn("complete already", self.make(3, 1).stdout)
        self.assertEqual(self.text(), before)
        self.make(2, 1)
        self.assertEqual(sorted(os.listdir(logs)), [".makelogs", "access-20250101.log.gz", "access-20250102.log.gz"])

    def test_wrong_usage(self):
        for arguments in [], ["--help"], ["x", "0"], ["x", "1", "2", "3"], ["x", "1x"], ["x", "-1"], ["x", ""]:
            done = subprocess.run([MAKELOGS, *arguments], stderr=subprocess.PIPE, cwd=self.folder, timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (2, b"Usage: makelogs DIR [FILES=16] [MB=200]\n"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_folder_that_cannot_be_made(self):
        done = subprocess.run([MAKELOGS, "no/such"], stderr=subprocess.PIPE, cwd=self.folder, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (1, b"makelogs: no/such: No such file or directory\n"))

    def demo(self, *arguments):
        build = self.folder / "build"
        (build / "examples").mkdir(parents=True, exist_ok=True)
        if not (build / "examples" / "findrobots").exists():
            os.symlink(os.path.join(BUILD, "examples", "findrobots"), build / "examples" / "findrobots")
        return subprocess.run([DEMO, build, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=PATIENCE)

    def test_demo(self):
        self.make(4, 2)
        done = self.demo(self.folder / "logs")
        count = seed_program(self.text()).count(b"\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"4 files with 2.0 MB of text in {self.folder}/logs", done.stdout)
        self.assertIn(f"Both found the same {count} hosts", done.stdout)
        self.assertRegex(done.stdout, r"one file at a time +[0-9.]+ s +[0-9]+ MB/s of text\n"
                                      r"  on all cores \([0-9]+\) +[0-9.]+ s +[0-9]+ MB/s of text\n"
                                      r"  speed-up +[0-9.]+ times\n")

    def test_demo_says_when_it_failed(self):
        done = self.demo(self.folder / "none")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"findrobots: {self.folder}/none: No such file or directory", done.stderr)
        self.make(2, 1)
        self.file("logs/bad.gz", b"\x1f\x8b")
        done = self.demo(self.folder / "logs")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bad.gz: truncated gzip", done.stderr)
        self.assertIn("Both found the same", done.stdout)


program.main()
