"""harness.py - how contestants are run and how what was measured is told

A figure of one program on one machine says little: both drift, by half from minute to minute. So
all contestants of a table run in turn, round after round, each round beginning with another one;
the first round only warms caches and is not counted; of the others the median counts, and its
ratio to thrum's in the same table. Goals are judged by these medians, as they are.
"""

import datetime
import json
import os
import platform
import select
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

import chart
from chart import short

BENCH = Path(__file__).resolve().parent


class BenchError(Exception):
    """A contestant failed, or gave a wrong result: then there is nothing to report."""


@dataclass
class Contestant:
    """One line of a table. `measure` runs it once and returns its figure."""

    key: str  # its name for the goals
    label: str
    measure: Callable[[], float]
    missing: str = ""  # when it cannot be run here: why, and what to install


@dataclass
class Table:
    """What was measured: figures by contestant, less is better."""

    title: str
    unit: str
    contestants: list
    reference: str  # the contestant that ratios refer to
    figures: dict = field(default_factory=dict)

    def ratio(self, key, to, of=statistics.median) -> Optional[float]:
        """How many times as long `key` takes as `to`; None when one of them is missing."""
        if key not in self.figures or to not in self.figures:
            return None
        return of(self.figures[key]) / of(self.figures[to])


def run_rounds(table: Table, rounds: int) -> None:
    running = [c for c in table.contestants if not c.missing]
    for turn in range(rounds + 1):
        first = turn % len(running)
        for contestant in running[first:] + running[:first]:
            if sys.stderr.isatty():
                line = f"round {turn} of {rounds}: {contestant.label}"
                print(f"\r\033[K{line[:78]}", end="", file=sys.stderr, flush=True)
            figure = contestant.measure()
            if turn > 0:
                table.figures.setdefault(contestant.key, []).append(figure)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


# ---- Running one program ---------------------------------------------------------------------

# Nothing from the caller's environment may favour or hinder anybody, but a way to find programs.
ENVIRONMENT = {
    name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ
} | {"LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1"}


TOO_LONG = 300  # seconds: no contestant takes a tenth of that, unless it hangs


def wait(pid):
    """The exit status of a child; one that hangs is killed, and no child is left behind."""
    ended = False
    try:
        with open(os.pidfd_open(pid), "rb", buffering=0) as process:
            ended = bool(select.select([process], [], [], TOO_LONG)[0])
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def run(argv, env=None):
    """Run a program to its end. Its standard output, and its time in nanoseconds, start included."""
    argv = [str(word) for word in argv]
    with tempfile.TemporaryDirectory(prefix="thrum-bench-") as place:
        out, err = os.path.join(place, "out"), os.path.join(place, "err")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, err, flags, 0o600),
        ]
        start = time.monotonic_ns()
        try:
            pid = os.posix_spawnp(argv[0], argv, ENVIRONMENT | (env or {}), file_actions=actions)
        except OSError as error:
            raise BenchError(f"{argv[0]}: {error.strerror}") from error
        code = wait(pid)
        elapsed = time.monotonic_ns() - start
        if code != 0:
            said = Path(err).read_text(errors="replace").strip()
            how = "hung and was killed" if code == -signal.SIGKILL else f"exit status {code}"
            raise BenchError(f"{' '.join(argv[:3])}: {how}: {said}")
        return Path(out).read_text(errors="surrogateescape"), elapsed


def python() -> str:
    """The Python that is measured: $PYTHON, the system's, or the one that runs this."""
    system = "/usr/bin/python3"
    return os.environ.get("PYTHON") or (system if os.path.exists(system) else sys.executable)


@dataclass
class Program:
    """One that speaks as bench.h says: what it is called when it is not there, its command, and its package."""

    name: str
    command: list
    package: str = ""
    env: dict = field(default_factory=dict)

    def contestant(self, key, case, n, unit=1.0, label=""):
        """It does `case` n times; its nanoseconds are multiplied by `unit`."""
        if not self.command[-1].exists():
            return Contestant(key, self.name, lambda: 0.0, f"apt-get install {self.package}")
        label = label or run([*self.command, "label"], self.env)[0].strip()
        return Contestant(key, label, lambda: float(run([*self.command, case, n], self.env)[0]) * unit)


# ---- The report --------------------------------------------------------------------------------


def machine(build: Path) -> list:
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    cpus = len(os.sched_getaffinity(0))
    options = {o["name"]: o["value"] for o in json.loads((build / "meson-info/intro-buildoptions.json").read_text())}
    compiler = run([build / "bench/map-thrum", "compiler"])[0].strip()
    lines = [
        f"machine   {model}, {cpus} CPU{'s' * (cpus != 1)}, {platform.system()} {platform.release()}, "
        f"load {os.getloadavg()[0]:.2f}",
        f"built by  {compiler}, {options['buildtype']}",
        f"date      {datetime.datetime.now().astimezone().strftime('%Y-%m-%d %H:%M %z')}",
    ]
    if options["buildtype"] != "release" or options.get("b_sanitize", "none") != "none":
        lines.append("WARNING   this is no release build: its figures say nothing")
    if cpus < 2:
        lines.append("WARNING   goals are for two CPUs: here there is one")
    return lines


class Others:
    """What the rest of the machine, and the host below it, took of the CPUs since this was made."""

    def __init__(self):
        self.before = self.now()

    @staticmethod
    def now():
        """Seconds: of all CPUs, of those busy or stolen, and of this program and its children."""
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, idle, iowait, irq, softirq, steal = (int(f) / os.sysconf("SC_CLK_TCK") for f in fields)
        busy = user + nice + system + irq + softirq + steal
        return busy + idle + iowait, busy, sum(os.times()[:4])

    def share(self) -> float:
        total, busy, own = (now - before for now, before in zip(self.now(), self.before))
        return max(0.0, busy - own) / total if total > 0 else 0.0


class Report:
    """The text, said as it comes and kept for the file; and the chart."""

    def __init__(self, title: str):
        self.title = title
        self.lines = []
        self.panels = []
        self.others = Others()

    def begin(self, options, *more: str) -> None:
        """On which machine, and how."""
        for line in machine(options.build):
            self.say(line)
        self.say(f"method    {options.rounds} rounds, all programs in turn, after one that is not counted; medians")
        for line in more:
            self.say(line)
        self.say()

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self.lines.append(line)

    def table(self, table: Table, rate: Optional[Callable[[float], float]] = None, rate_unit: str = "") -> None:
        """Write it down; with `rate`, which makes another figure of a figure, in a column and in the chart."""
        self.say(table.title)
        heads = [f"{table.unit} (least)"] + ([rate_unit] if rate else []) + ["times thrum"]
        self.say(f"  {'':34}{heads[0]:>24}" + "".join(f"{head:>14}" for head in heads[1:]))
        bars = []
        for c in table.contestants:
            if c.missing:
                self.say(f"  {c.label:34}  not installed: {c.missing}")
                continue
            middle, least = statistics.median(table.figures[c.key]), min(table.figures[c.key])
            cells = [f"{short(rate(middle)):>14}"] if rate else []
            cells.append(f"{short(table.ratio(c.key, table.reference)):>14}")
            self.say(f"  {c.label:34}{short(middle) + ' (' + short(least) + ')':>24}" + "".join(cells))
            bars.append(chart.Bar(c.label, rate(middle) if rate else middle, c.key.startswith("thrum")))
        better = f"{rate_unit}, more is better" if rate else f"{table.unit}, less is better"
        self.panels.append(chart.Panel(table.title, better, bars))
        self.say()

    def goal(self, text: str, table: Table, key: str, to: str, least: float, share: float = 1.0) -> None:
        """The time of `key` over that of `to`, times `share`, has to be at least `least`, by the medians."""
        self.judge(
            f"goal  {text}: at least {least:g}:", table, (key, to), lambda of: table.ratio(key, to, of) * share,
            lambda measured: measured >= least, least,
        )

    def goal_at_most(self, text: str, table: Table, key: str, to: Optional[str], most: float) -> None:
        """The figure of `key`, over that of `to` unless that is None, has to be at most `most`, by the medians."""

        def figure(of):
            return table.ratio(key, to, of) if to else of(table.figures[key])

        self.judge(
            f"goal  {text}: at most {most:g}:", table, (key, to), figure, lambda measured: measured <= most, most
        )

    def judge(self, wanted, table, keys, figure, is_met, limit) -> None:
        """Say whether it is met; figure(of) makes the figure out of those of `keys`, of each by `of`."""
        missing = [c.missing for c in table.contestants if c.key in keys and c.missing]
        if missing:
            self.say(f"{wanted} not measured: {missing[0]}")
            return
        measured = figure(statistics.median)
        # Never rounded to a goal that was not met.
        shown = f"{measured:.2f}" if f"{measured:.2f}" != f"{limit:.2f}" else f"{measured:.4f}"
        verdict = "met" if is_met(measured) else "not met"
        self.say(f"{wanted} {verdict}: measured {shown} ({figure(min):.2f} by the least)")

    def write(self, folder: Path, name: str) -> None:
        others = self.others.share()
        self.say(f"others on this machine took {others:.0%} of its CPUs meanwhile")
        if others > 0.05:
            self.say("WARNING   that is too much: measure again when it is quiet")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text("\n".join(self.lines) + "\n")
        (folder / f"{name}.svg").write_text(chart.draw(self.title, self.panels))
        print(f"written: {folder / name}.txt and .svg")
