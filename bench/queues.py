"""The axis `queue`: what it costs to hand an item of 8 bytes to another thread

Not called queue.py, for that is a module of Python's that others import. A figure is wall time by
items, of all threads together; what each contestant does is in queue.h.
"""

from harness import BENCH, Program, Report, Table, python, run_rounds

GOALS = {"go": 0.6, "glib": 0.25, "python": 0.03}
ITEMS, FEWER = 1_000_000, 100_000


def programs(build):
    peers = build / "bench/peers"
    return {
        "thrum": Program("thrum", [build / "bench/queue-thrum"]),
        "pthread": Program("ring, mutex, two conditions", [peers / "queue-pthread"]),
        "glib": Program("GAsyncQueue", [peers / "queue-glib"], "libglib2.0-dev"),
        "ck": Program("ck_ring", [peers / "queue-ck"], "libck-dev"),
        "go": Program("Go channel", [peers / "queue-go"], "golang-go"),
        "python": Program("Python", [python(), BENCH / "peers/queue_python.py"], "python3"),
    }


def main(options):
    report = Report("thrum: a queue")
    report.begin(options)
    all_of = programs(options.build)
    tables = [
        Table(
            f"{who}, capacity 1,024 (GAsyncQueue: none)",
            "ns an item",
            [p.contestant(name, case, FEWER if name == "python" else ITEMS) for name, p in all_of.items()],
            "thrum",
        )
        for who, case in (("1 producer to 1 consumer", "1-1"), ("2 producers to 2 consumers", "2-2"))
    ]
    for table in tables:
        run_rounds(table, options.rounds)
        report.table(table)
    for table in tables:
        for peer, most in GOALS.items():
            report.goal_at_most(f"{table.title.split(',')[0]}, to {all_of[peer].name}", table, "thrum", peer, most)
    report.write(options.build / "bench", "queue")
