"""The axis `scheduler`: what coroutines cost that take turns on one thread

Beside goroutines on one thread, and asyncio's tasks. Go's channels have no capacity: a number goes from hand to hand.
"""

from harness import BENCH, Program, Report, Table, python, run_rounds

GOAL_PINGPONG, GOAL_PARKED = 0.3, 4400
FEW, MANY = 1_000, 1_000_000
PARKED = 100_000


def main(options):
    report = Report("thrum: coroutines that take turns")
    report.begin(options)
    thrum = Program("thrum", [options.build / "bench/scheduler-thrum"])
    go = Program("Go, one thread", [options.build / "bench/peers/scheduler-go"], "golang-go")
    asyncio = Program("Python's asyncio", [python(), BENCH / "peers/scheduler_python.py"], "python3")

    def table(title, case, times, *others):
        contestants = [thrum.contestant("thrum", case, times), go.contestant("go", case, times)]
        return Table(title, "ns", contestants + [one.contestant("python", case, times // 20) for one in others], "thrum")

    pingpong = table("A number to another one and back", "pingpong", 1_000_000, asyncio)
    turns = table("A turn, of two that only yield", "yield", 2_000_000, asyncio)
    runs = table("Start one that returns at once", "run", 1_000_000, asyncio)
    wakes = Table(
        "Wake, in random order, one that waits for an event of its own",
        "ns",
        [
            program.contestant(f"{key}-{n}", f"wake-{n}", 1_000_000, label=f"{program.name}, {n:,}")
            for key, program in (("thrum", thrum), ("go", go))
            for n in (FEW, MANY)
        ],
        f"thrum-{FEW}",
    )
    parked = Table(
        f"One of {PARKED:,} that wait, page tables counted", "bytes", [thrum.contestant("thrum", "parked", PARKED)], "thrum"
    )
    for one in (pingpong, turns, runs, wakes, parked):
        run_rounds(one, options.rounds)
        report.table(one)
    report.goal_at_most("there and back, to Go", pingpong, "thrum", "go", GOAL_PINGPONG)
    report.goal_at_most("memory of one that waits, bytes", parked, "thrum", None, GOAL_PARKED)
    report.write(options.build / "bench", "scheduler")
