"""test_logs - real logs of a web server, if they are there

LOGS names a folder with *.gz and expected-robots.txt, the hosts to be found in them.
"""
import os
import sys

import program
from program import EXECUTORS, LOGS, Test, run

if not (LOGS / "expected-robots.txt").exists():
    print(f"skipped: no real logs in {LOGS}")
    sys.exit(77)


class RealLogs(Test):
    def test_every_executor(self):
        expected = (LOGS / "expected-robots.txt").read_bytes()
        self.assertGreater(expected.count(b"\n"), 100)
        for spec in EXECUTORS:
            self.check(run("--executor", spec, LOGS), expected)
            self.check(run(LOGS, env={**os.environ, "THRUM_EXECUTOR": spec}), expected)
            stats = run("--executor", spec, "--stats", LOGS)
            self.assertEqual((stats.out, stats.status), (expected, 0))
            self.assertIn(" 10000 lines,", stats.lines[0])
        self.check(run(LOGS), expected)


program.main()
