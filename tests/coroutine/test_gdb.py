"""test_gdb - gdb lists the coroutines of a program that has crashed, at once and from its core"""
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SCRIPT = os.environ["PROGRAM"], os.environ["SCRIPT"]


def gdb(*commands, core=()):
    words = ["gdb", "-nx", "-q", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set width 0",
             "-ex", f"source {SCRIPT}"]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run([*words, PROGRAM, *core], capture_output=True, text=True, timeout=100,
                          stdin=subprocess.DEVNULL)
    return done.stdout, done.stderr


class Gdb(unittest.TestCase):
    def looks_right(self, out):
        """Two stand still, one of them three calls deep; the third runs; and the dropped one is not there."""
        self.assertRegex(out, r"(?m)^3 coroutines$")
        parts = {name: (state, stack) for name, state, stack in
                 re.findall(r"(?m)^coroutine 0x[0-9a-f]+ '(\w*)' (.*)\n((?:#.*\n)*)", out)}
        self.assertEqual({name: state for name, (state, _) in parts.items()},
                         {"shallow": "stands still", "deepest": "stands still", "crash": "runs"}, out)
        for name, depth in (("shallow", 1), ("deepest", 4)):
            stack = parts[name][1]
            self.assertEqual(stack.count(" stand_in_the_deep "), depth, out)
            self.assertRegex(stack, r"(?s) stand_in_the_deep .* stand .* thrum_switch_start_ ")
            self.assertNotIn("main", stack)  # it ends where it began
            self.assertNotIn("previous frame", stack)

    def test_coroutines_of_a_program(self):
        out, err = gdb("run", "thrum coroutines", "thrum coroutines deepest", "backtrace")
        if "ptrace" in err and "not permitted" in err:
            self.skipTest("gdb may run nothing here")
        first, rest = out.split("3 coroutines\n", 1)
        self.looks_right(first + "3 coroutines\n")
        self.assertRegex(rest, r"(?s)\Acoroutine 0x[0-9a-f]+ 'deepest' .*\n1 coroutine\n")
        # The coroutine that runs is the thread's stack, as far as to its beginning.
        self.assertRegex(rest, r"(?s)1 coroutine\n.*abort .* crash .* thrum_switch_start_ ")

    def test_coroutines_of_its_core(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)

        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM], cwd=folder, preexec_fn=limit, timeout=100)
            cores = os.listdir(folder)
            if not cores:
                self.skipTest("the system leaves no core here")
            out, _ = gdb("thrum coroutines", core=[os.path.join(folder, cores[0])])
            self.looks_right(out)

    def test_a_program_without_thrum_is_told(self):
        words = ["gdb", "-nx", "-q", "-batch", "-ex", f"source {SCRIPT}", "-ex", "thrum coroutines", sys.executable]
        done = subprocess.run(words, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
        self.assertIn("does the program use thrum", done.stderr)


if __name__ == "__main__":
    if shutil.which("gdb") is None:
        print("skipped: there is no gdb here")
        sys.exit(77)
    unittest.main(verbosity=2)
