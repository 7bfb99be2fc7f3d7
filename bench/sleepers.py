"""The axis `sleepers`: what a wait costs among so many others, each at an event of its own

One thread plays all the sleepers (see sleepers.c), woken in random order. Beside it a random walk over
as much memory, one step a wait: what is not in the cache is slow for everybody. What is left net
of it is the parking lot's.
"""

from harness import Program, Report, Table, run_rounds

GOAL_WHOLE, GOAL_NET = 3, 1.3
COUNTS = (100, 1_000, 10_000, 100_000)
WAITS = 1_000_000


def main(options):
    report = Report("thrum: many sleepers")
    report.begin(options)
    program = Program("thrum", [options.build / "bench/sleepers-thrum"])
    few, many = COUNTS[0], COUNTS[-1]
    table = Table(
        "Park at an event of one's own, and be woken in random order",
        "ns a wait",
        [program.contestant(f"thrum-{n}", n, WAITS, label=f"{n:,} sleepers") for n in COUNTS]
        + [program.contestant(f"walk-{n}", f"walk-{n}", WAITS, label=f"a walk over as much, {n:,}") for n in COUNTS],
        f"thrum-{few}",
    )
    run_rounds(table, options.rounds)
    report.table(table)

    def net(of):
        left = {n: of(table.figures[f"thrum-{n}"]) - of(table.figures[f"walk-{n}"]) for n in (few, many)}
        return left[many] / left[few]

    keys = (f"thrum-{many}", f"thrum-{few}")
    report.goal_at_most(f"a wait among {many:,}, to one among {few}", table, *keys, GOAL_WHOLE)
    wanted = f"goal  the same, net of the walks: at most {GOAL_NET:g}:"
    report.judge(wanted, table, keys, net, lambda measured: measured <= GOAL_NET, GOAL_NET)
    report.write(options.build / "bench", "sleepers")
