"""map.py - tasks on Python's ThreadPoolExecutor, and the map of its ThreadPool

It speaks as bench.h says.
"""

import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

WORKERS = 2
MAP_ITEMS = 1_000_000


def nothing():
    pass


def square(x):
    return x * x


def submit(n):
    with ThreadPoolExecutor(WORKERS) as pool:
        pool.submit(nothing).result()
        start = time.monotonic_ns()
        futures = [pool.submit(nothing) for _ in range(n)]
        for future in futures:
            future.result()
        return time.monotonic_ns() - start


def ping(n):
    with ThreadPoolExecutor(WORKERS) as pool:
        pool.submit(nothing).result()
        start = time.monotonic_ns()
        for _ in range(n):
            pool.submit(nothing).result()
        return time.monotonic_ns() - start


def map_threads(n):
    """ThreadPool.map, which hands out large pieces; ThreadPoolExecutor.map is a submit an item."""
    items = [float(i) for i in range(MAP_ITEMS)]
    with ThreadPool(WORKERS) as pool:
        start = time.monotonic_ns()
        for _ in range(0, n, MAP_ITEMS):
            pool.map(square, items)
        return time.monotonic_ns() - start


def main():
    cases = {"submit": submit, "ping": ping, "map": map_threads}
    if sys.argv[1:] == ["label"]:
        print("Python", platform.python_version())
        return 0
    if len(sys.argv) == 3 and sys.argv[1] in cases and sys.argv[2].isdigit():
        run, n = cases[sys.argv[1]], int(sys.argv[2])
        run(n // 10 + 1)
        print(f"{run(n) / n:.3f}")
        return 0
    print("usage: map.py label | CASE N", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
