"""The axis `map`: what a task costs, one by one, there and back, and as one of a map

Each contestant is a program that prints one number, nanoseconds (see bench.h). Slow ones do
fewer tasks; the figure is by task. All have two workers.
"""

from harness import BENCH, Contestant, Report, Table, machine, python, run, run_rounds

PEERS = BENCH / "peers"
GOAL_LIBUV = 1.0


def programs(build):
    """Key: what it is called when it is not there, its command, and the package that it needs."""
    peers = build / "bench/peers"
    thrum = [build / "bench/map-thrum"]
    return {
        "thrum": ("thrum", thrum, ""),
        "thrum-serial": ("thrum, serial", thrum, ""),
        "uv": ("libuv", [peers / "map-uv"], "libuv1-dev"),
        "glib": ("GThreadPool", [peers / "map-glib"], "libglib2.0-dev"),
        "plain": ("mutex, condition", [peers / "map-plain"], ""),
        "openmp": ("OpenMP", [peers / "map-openmp"], "gcc (libomp-dev for clang)"),
        "go": ("Go channel pool", [peers / "map-go"], "golang-go"),
        "python": ("Python", [python(), PEERS / "map.py"], "python3"),
    }


def contestant(build, program, case, n, unit=1.0, key="", label=""):
    """`program` does `case` n times; its nanoseconds are multiplied by `unit`."""
    name, command, package = programs(build)[program]
    key = key or program
    if not command[-1].exists():
        return Contestant(key, name, lambda: 0.0, f"apt-get install {package}")
    env = {"THRUM_EXECUTOR": "serial" if program == "thrum-serial" else "threads:2"}
    label = label or run([*command, "label"], env)[0].strip()
    return Contestant(key, label, lambda: float(run([*command, case, n], env)[0]) * unit)


def submit_table(build):
    n, fewer = 1_000_000, 50_000
    slow = {"python": fewer}
    order = ["thrum", "thrum-serial", "uv", "glib", "plain", "openmp", "go", "python"]
    return Table(
        f"Submit {n:,} empty tasks one by one, wait for each (Python: {fewer:,})",
        "ns a task",
        [contestant(build, p, "submit", slow.get(p, n)) for p in order],
        "thrum",
    )


def ping_table(build):
    slow = {"python": 5_000}
    order = ["thrum", "uv", "glib", "plain", "go", "python"]
    return Table(
        "One task there and back: submit it, wait for its result",
        "us a task",
        [contestant(build, p, "ping", slow.get(p, 20_000), 1e-3) for p in order],
        "thrum",
    )


def map_table(build):
    n = 20_000_000
    return Table(
        "Map x * x over 1,000,000 doubles",
        "ns an item",
        [
            contestant(build, "thrum", "map", n),
            contestant(build, "thrum-serial", "map", n),
            contestant(build, "plain", "map-call", n, key="call", label="loop, a call an item"),
            contestant(build, "plain", "map-inline", n, key="inline", label="loop, function folded in"),
            contestant(build, "openmp", "map", n),
            contestant(build, "python", "map", n // 20),
        ],
        "thrum",
    )


def main(options):
    report = Report("thrum: tasks on two workers")
    for line in machine(options.build):
        report.say(line)
    report.say(f"method    {options.rounds} rounds, all programs in turn, after one that is not counted; medians")
    report.say()
    submit = submit_table(options.build)
    for table in (submit, ping_table(options.build), map_table(options.build)):
        run_rounds(table, options.rounds)
        report.table(table)
    report.goal("submit and wait, level with libuv (libuv's time / thrum's)", submit, "uv", "thrum", GOAL_LIBUV)
    report.write(options.build / "bench", "map")
