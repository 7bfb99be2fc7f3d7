"""The axis `map`: what a task costs, one by one, there and back, and as one of a map

Each contestant is a program that prints one number, nanoseconds (see bench.h). Slow ones do
fewer tasks; the figure is by task. All have two workers.
"""

from harness import BENCH, Program, Report, Table, python, run_rounds

PEERS = BENCH / "peers"
GOAL_LIBUV = 1.0


def programs(build):
    peers = build / "bench/peers"
    thrum = [build / "bench/map-thrum"]
    return {
        "thrum": Program("thrum", thrum, env={"THRUM_EXECUTOR": "threads:2"}),
        "thrum-serial": Program("thrum, serial", thrum, env={"THRUM_EXECUTOR": "serial"}),
        "uv": Program("libuv", [peers / "map-uv"], "libuv1-dev"),
        "glib": Program("GThreadPool", [peers / "map-glib"], "libglib2.0-dev"),
        "plain": Program("mutex, condition", [peers / "map-plain"]),
        "openmp": Program("OpenMP", [peers / "map-openmp"], "gcc (libomp-dev for clang)"),
        "go": Program("Go channel pool", [peers / "map-go"], "golang-go"),
        "python": Program("Python", [python(), PEERS / "map.py"], "python3"),
    }


def submit_table(all_of):
    n, fewer = 1_000_000, 50_000
    slow = {"python": fewer}
    order = ["thrum", "thrum-serial", "uv", "glib", "plain", "openmp", "go", "python"]
    return Table(
        f"Submit {n:,} empty tasks one by one, wait for each (Python: {fewer:,})",
        "ns a task",
        [all_of[p].contestant(p, "submit", slow.get(p, n)) for p in order],
        "thrum",
    )


def ping_table(all_of):
    slow = {"python": 5_000}
    order = ["thrum", "uv", "glib", "plain", "go", "python"]
    return Table(
        "One task there and back: submit it, wait for its result",
        "us a task",
        [all_of[p].contestant(p, "ping", slow.get(p, 20_000), 1e-3) for p in order],
        "thrum",
    )


def map_table(all_of):
    n = 20_000_000
    return Table(
        "Map x * x over 1,000,000 doubles",
        "ns an item",
        [
            all_of["thrum"].contestant("thrum", "map", n),
            all_of["thrum-serial"].contestant("thrum-serial", "map", n),
            all_of["plain"].contestant("call", "map-call", n, label="loop, a call an item"),
            all_of["plain"].contestant("inline", "map-inline", n, label="loop, function folded in"),
            all_of["openmp"].contestant("openmp", "map", n),
            all_of["python"].contestant("python", "map", n // 20),
        ],
        "thrum",
    )


def main(options):
    report = Report("thrum: tasks on two workers")
    report.begin(options)
    all_of = programs(options.build)
    submit = submit_table(all_of)
    for table in (submit, ping_table(all_of), map_table(all_of)):
        run_rounds(table, options.rounds)
        report.table(table)
    report.goal("submit and wait, level with libuv (libuv's time / thrum's)", submit, "uv", "thrum", GOAL_LIBUV)
    report.write(options.build / "bench", "map")
