"""The axis `thread`: what it costs to start a thread and join it, and to make one that is not started

The second is row T16 of the seed list: 100,000 objects, for which Python took 0.97 to 1.33 s there.
Only Python has such an object besides.
"""

from harness import BENCH, Program, Report, Table, python, run_rounds

GOAL_PTHREAD = 1.05
MADE = 100_000


def programs(build):
    peers = build / "bench/peers"
    return {
        "thrum": Program("thrum", [build / "bench/thread-thrum"]),
        "pthread": Program("pthread_create", [peers / "thread-pthread"]),
        "glib": Program("GThread", [peers / "thread-glib"], "libglib2.0-dev"),
        "go": Program("goroutine", [peers / "thread-go"], "golang-go"),
        "python": Program("Python", [python(), BENCH / "peers/thread_python.py"], "python3"),
    }


def main(options):
    report = Report("thrum: a thread")
    report.begin(options)
    all_of = programs(options.build)
    run = Table(
        "Start a thread that does nothing, and join it",
        "us a thread",
        [program.contestant(name, "run", 10_000, 1e-3) for name, program in all_of.items()],
        "thrum",
    )
    make = Table(
        f"Make an object for a thread that is not started, {MADE:,} times",
        "ms in all",
        [all_of[name].contestant(name, "make", MADE, MADE * 1e-6) for name in ("thrum", "python")],
        "thrum",
    )
    for table in (run, make):
        run_rounds(table, options.rounds)
        report.table(table)
    report.goal_at_most("start and join, to pthread_create", run, "thrum", "pthread", GOAL_PTHREAD)
    report.write(options.build / "bench", "thread")
