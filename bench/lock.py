"""The axis `lock`: what a lock costs that nobody else wants, and one that 2 and 8 threads want

A figure is wall time by pairs of lock and unlock, of all threads together. Slow contestants do
fewer; what each does is in lock.h.
"""

from harness import BENCH, Program, Report, Table, python, run_rounds

GOAL_ALONE, GOAL_CONTENDED, GOAL_LONG, GOAL_FAIR = 0.8, 0.35, 1.0, 1.5
SECOND = 1000  # ms
ORDER = ["thrum", "pthread", "glib", "nsync", "ck", "go", "python"]


def programs(build):
    peers = build / "bench/peers"
    return {
        "thrum": Program("thrum", [build / "bench/lock-thrum"]),
        "pthread": Program("pthread_mutex", [peers / "lock-pthread"]),
        "glib": Program("GMutex", [peers / "lock-glib"], "libglib2.0-dev"),
        "nsync": Program("nsync_mu", [peers / "lock-nsync"], "libnsync-dev"),
        "ck": Program("Concurrency Kit", [peers / "lock-ck"], "libck-dev"),
        "go": Program("Go sync.Mutex", [peers / "lock-go"], "golang-go"),
        "python": Program("Python", [python(), BENCH / "peers/lock_python.py"], "python3"),
    }


def table(title, unit, all_of, case, n, slow=None):
    """`slow`: how often those do it who take long; who is None there, or not a contestant, does not."""
    slow = slow or {}
    times = {name: slow.get(name, n) for name in ORDER}
    return Table(title, unit, [all_of[p].contestant(p, case, times[p]) for p in ORDER if times[p]], "thrum")


def main(options):
    report = Report("thrum: a lock")
    report.begin(options)
    all_of = programs(options.build)
    plain, with_count = "Lock and unlock; nobody else wants it", "Lock, increment, unlock; nobody else wants it"
    pair, python_too, spins = "ns a pair", {"python": 200_000}, {"ck": None, "python": None}
    tables = {
        "alone": table(plain, pair, all_of, "alone", 5_000_000, {"python": 500_000}),
        "count": table(with_count, pair, all_of, "count", 5_000_000, {"python": None}),
        "short-2": table("2 threads, short section", pair, all_of, "short-2", 3_000_000, python_too),
        "short-8": table("8 threads, short section", pair, all_of, "short-8", 3_000_000, python_too),
        "long-2": table("2 threads, longer section", pair, all_of, "long-2", 1_000_000, {"python": None}),
        "long-8": table("8 threads, longer section", pair, all_of, "long-8", 1_000_000, {"python": None}),
        "fair-2": table("2 threads, turns in 1 s: most by least", "times", all_of, "fair-2", SECOND, spins),
        "fair-8": table("8 threads, turns in 1 s: most by least", "times", all_of, "fair-8", SECOND, spins),
    }
    for one in tables.values():
        run_rounds(one, options.rounds)
        report.table(one)
    report.goal_at_most("nobody else, to pthread_mutex", tables["alone"], "thrum", "pthread", GOAL_ALONE)
    for threads in (2, 8):
        short, lengthy, fair = (tables[f"{what}-{threads}"] for what in ("short", "long", "fair"))
        report.goal_at_most(f"{threads} threads, to pthread_mutex", short, "thrum", "pthread", GOAL_CONTENDED)
        report.goal_at_most(f"{threads} threads, longer section, to nsync", lengthy, "thrum", "nsync", GOAL_LONG)
        report.goal_at_most(f"{threads} threads, most turns by least", fair, "thrum", None, GOAL_FAIR)
    report.write(options.build / "bench", "lock")
