"""The axis `findrobots`: the whole job, from gzip logs to the sorted set of hosts

Whole processes, start included, over the same files, which are in the page cache after the first
round. Each contestant that finds hosts has to find the same ones, in every round. Bare inflate
finds none: it is the ceiling, what reading the files alone takes.
"""

import shutil
from pathlib import Path

from harness import BENCH, BenchError, Contestant, Report, Table, python, run, run_rounds

PEERS = BENCH / "peers"
GOAL_PYTHON, GOAL_INFLATE, GOAL_EFFICIENCY = 6, 0.75, 0.95
ISAL = "apt-get install libisal-dev"


def make_logs(build):
    """The logs that makelogs makes: always the same, and left as they are when they are there."""
    folder = build / "bench/logs"
    run([build / "examples/findrobots/makelogs", folder])
    return folder


class Hosts:
    """What the first contestant found, and everybody after it has to find."""

    def __init__(self):
        self.found, self.by = None, ""

    def check(self, label, output):
        lines = output.splitlines()
        if not lines or lines != sorted(set(lines)):
            raise BenchError(f"{label}: no hosts, or not sorted and once each")
        if self.found is None:
            self.found, self.by = lines, label
        elif lines != self.found:
            raise BenchError(f"{label} finds {len(lines)} hosts, and not the {len(self.found)} of {self.by}")


def contestants(build, logs, hosts, text_bytes):
    findrobots, peers = build / "examples/findrobots/findrobots", build / "bench/peers"

    def finder(key, label, command, missing=""):
        def measure():
            output, elapsed = run([*command, *logs])
            hosts.check(label, output)
            return elapsed / 1e6

        return Contestant(key, label, measure, missing)

    def inflater(threads):
        def measure():
            output, elapsed = run([peers / "inflate-isal", threads, *logs])
            if int(output) != text_bytes:
                raise BenchError(f"inflate-isal finds {output.strip()} bytes of text, and not {text_bytes}")
            return elapsed / 1e6

        plural = "s" * (threads != 1)
        return Contestant(f"inflate{threads}", f"bare ISA-L inflate, {threads} thread{plural}", measure)

    shell, script = PEERS / "findrobots.sh", [python(), PEERS / "findrobots.py"]
    go = peers / "findrobots-go"
    return [
        finder("thrum2", "findrobots, threads:2", [findrobots, "--executor", "threads:2"]),
        finder("thrum1", "findrobots, serial", [findrobots, "--executor", "serial"]),
        inflater(2),
        inflater(1),
        finder("go", "Go, two goroutines", [go], "" if go.exists() else "apt-get install golang-go"),
        finder("processes", "Python, two processes", [*script, "processes"]),
        finder("python", "Python, map", [*script, "map"]),
        finder("xargs", "zcat | awk, xargs -P2", [shell, "two"]),
        finder("zcat", "zcat | awk", [shell, "one"]),
    ]


def main(options):
    build = options.build
    findrobots, inflate = build / "examples/findrobots/findrobots", build / "bench/peers/inflate-isal"
    if not findrobots.exists() or not inflate.exists():
        raise BenchError(f"findrobots or inflate-isal is not built: {ISAL}, then build with -Dbench=true")
    logs = sorted((options.logs or make_logs(build)).glob("*.gz"))
    if not logs:
        raise BenchError(f"no *.gz in {options.logs}")
    text_bytes = int(run([inflate, 1, *logs])[0])
    packed = sum(log.stat().st_size for log in logs)

    report = Report("thrum: findrobots, the whole job")
    version = run([python(), "-V"])[0].strip()
    report.begin(options, f"peers     {version}; awk is {Path(shutil.which('awk') or 'missing').resolve().name}")
    hosts = Hosts()
    table = Table(
        f"{text_bytes / 1e6:,.1f} MB of text in {len(logs)} gzip files ({packed / 1e6:,.1f} MB)",
        "ms",
        contestants(build, logs, hosts, text_bytes),
        "thrum2",
    )
    run_rounds(table, options.rounds)
    report.table(table, lambda ms: text_bytes / 1e3 / ms, "MB/s of text")
    report.say(f"all found the same {len(hosts.found)} hosts")
    report.goal("threads:2 to Python's two processes (speed)", table, "processes", "thrum2", GOAL_PYTHON)
    report.goal("threads:2 to bare inflate on two threads (speed)", table, "inflate2", "thrum2", GOAL_INFLATE)
    report.goal("serial to bare inflate on one thread (speed)", table, "inflate1", "thrum1", GOAL_INFLATE)
    report.goal("parallel efficiency, serial / (2 * threads:2)", table, "thrum1", "thrum2", GOAL_EFFICIENCY, 0.5)
    report.say(f"      (bare inflate's own efficiency in the same run: {table.ratio('inflate1', 'inflate2') / 2:.2f})")
    report.write(build / "bench", "findrobots")
