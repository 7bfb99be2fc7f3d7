"""The axis `coroutine`: what a generator costs to resume, to make, and to have

Boost's and libc's contexts are what a generator would stand on, with one stack that is used again: they look at
nothing, and hand over no value. Python's are generators.
"""

from harness import BENCH, Program, Report, Table, python, run_rounds

GOAL_NEXT, GOAL_MAKE, GOAL_PARKED = 8, 40, 4400
PARKED = 100_000


def main(options):
    report = Report("thrum: a generator")
    report.begin(options)
    peers = options.build / "bench/peers"
    thrum = Program("thrum", [options.build / "bench/coroutine-thrum"])
    all_of = {
        "thrum": thrum,
        "switch": Program("thrum's switch alone", [options.build / "bench/coroutine-switch"]),
        "boost": Program("Boost.Context", [peers / "coroutine-boost"], "libboost-context-dev"),
        "ucontext": Program("swapcontext", [peers / "coroutine-ucontext"]),
        "python": Program("Python", [python(), BENCH / "peers/coroutine_python.py"], "python3"),
    }
    few = {"python": 1_000_000, "ucontext": 1_000_000}
    resume = Table(
        "Resume, and yield a number",
        "ns",
        [program.contestant(name, "next", few.get(name, 10_000_000)) for name, program in all_of.items()],
        "thrum",
    )
    resume.contestants.insert(1, thrum.contestant("thrum-foreach", "foreach", 10_000_000, label="thrum, in a loop"))
    make = Table(
        "Make one, run it to its end and drop it",
        "ns",
        [all_of[name].contestant(name, "make", few.get(name, 5_000_000)) for name in all_of if name != "switch"],
        "thrum",
    )
    parked = Table(
        f"One of {PARKED:,} that have yielded once, page tables counted",
        "bytes",
        [thrum.contestant("thrum", "parked", PARKED)],
        "thrum",
    )
    for table in (resume, make, parked):
        run_rounds(table, options.rounds)
        report.table(table)
    report.goal_at_most("resume and yield, ns", resume, "thrum", None, GOAL_NEXT)
    report.goal_at_most("make, run and drop, ns", make, "thrum", None, GOAL_MAKE)
    report.goal_at_most("memory of one that is parked, bytes", parked, "thrum", None, GOAL_PARKED)
    report.write(options.build / "bench", "coroutine")
